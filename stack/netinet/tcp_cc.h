// TCP congestion control: NewReno.  RFC 5681, RFC 6582, RFC 6928.

#ifndef SPLNET_STACK_NETINET_TCP_CC_H_
#define SPLNET_STACK_NETINET_TCP_CC_H_

#include <cstdint>

#include "stack/netinet/tcp_var.h"

namespace splnet {

// The connection is established: the initial window.  `syn_lost` says that a
// SYN had to be sent again, RFC 5681 section 3.1.
void tcp_cc_init(Tcpcb& tp, bool syn_lost);
// `acked` bytes were acknowledged outside recovery: slow start or congestion
// avoidance.  `flight` was outstanding before.
void tcp_cc_ack(Tcpcb& tp, uint32_t acked, uint32_t flight);
// The third duplicate ACK: halves the window and enters fast recovery.
void tcp_cc_enter_recovery(Tcpcb& tp);
// One more duplicate ACK in recovery: a segment has left the network.
void tcp_cc_inflate(Tcpcb& tp);
// An ACK of `acked` bytes in recovery, snd_una not yet moved.  True if it ends
// recovery; else it was partial, and what follows it is to be retransmitted.
bool tcp_cc_recovery_ack(Tcpcb& tp, uint32_t ack, uint32_t acked);
// A retransmission timeout.
void tcp_cc_timeout(Tcpcb& tp);
// The connection has been idle for longer than a timeout, section 4.1.
void tcp_cc_idle(Tcpcb& tp);

}  // namespace splnet

#endif  // SPLNET_STACK_NETINET_TCP_CC_H_
