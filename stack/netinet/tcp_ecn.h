// Explicit congestion notification for TCP.  RFC 3168 section 6.1.
//
// net.inet.tcp.ecn.enable: 0 neither asks for it nor grants it, 1 does both, 2
// grants it only.

#ifndef SPLNET_STACK_NETINET_TCP_ECN_H_
#define SPLNET_STACK_NETINET_TCP_ECN_H_

#include <cstdint>

#include "stack/netinet/tcp_var.h"

namespace splnet {

struct TcpDecision;
struct TcpSegment;

// Whether this host, or `pin` (may be null) for it, grants what a SYN with the
// flags `flags` may ask for.  Such a SYN is answered by a SYN-ACK with ECE, and
// its connection has kEcnPermit.
bool tcp_ecn_grants(const Netstack& ns, const TcpPin* pin, uint8_t flags);

// What our SYN (`flags` of kThSyn, perhaps kThAck) says besides.
uint8_t tcp_ecn_syn_flags(const Tcpcb& tp, uint8_t flags);
// The peer's SYN, or its answer to ours, arrived.
void tcp_ecn_take_syn(Tcpcb& tp, const TcpSegment& th);

// A segment in the window arrived, its ACK not yet considered.
void tcp_ecn_input(Tcpcb& tp, const TcpSegment& th);
// What its ECE does, once snd_una has moved.
void tcp_ecn_echo(Tcpcb& tp, const TcpSegment& th);

// What an ACK says besides.
uint8_t tcp_ecn_ack_flags(Tcpcb& tp);
// Completes the flags of a segment that is about to leave; `fresh` if it has
// data that was never sent.  The ECN field of its IP header.
uint8_t tcp_ecn_output(Tcpcb& tp, TcpDecision& d, bool fresh);

}  // namespace splnet

#endif  // SPLNET_STACK_NETINET_TCP_ECN_H_
