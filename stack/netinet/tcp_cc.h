// TCP congestion control: what all algorithms share, and the table by which
// they differ.  RFC 5681, RFC 6582, RFC 6675, RFC 6928, RFC 3168.

#ifndef SPLNET_STACK_NETINET_TCP_CC_H_
#define SPLNET_STACK_NETINET_TCP_CC_H_

#include <cstdint>

#include "stack/netinet/tcp_var.h"

namespace splnet {

// What tells of congestion.
enum class TcpCongestion : uint8_t {
  kLoss,     // duplicate acknowledgements, or SACK
  kEcn,      // ECN-Echo
  kTimeout,  // nothing came back
};

// An algorithm.  It decides how the window grows in congestion avoidance and
// what is left of it after congestion; slow start and recovery are the same
// for all.
struct TcpCcAlgorithm {
  const char* name;
  // Congestion avoidance: `acked` (1 or more) bytes were acknowledged.  Raises
  // snd_cwnd; the caller keeps it within what a window can be.
  void (*avoid)(Tcpcb& tp, uint32_t acked);
  // Congestion met `window` bytes in use.  The slow start threshold from now
  // on, at least two segments.
  uint32_t (*reduce)(Tcpcb& tp, TcpCongestion why, uint32_t window);
  // The connection does not fill its window: this time is not to count.
  void (*pause)(Tcpcb& tp);
};

extern const TcpCcAlgorithm kTcpNewReno;
extern const TcpCcAlgorithm kTcpCubic;

// The algorithm of `tp`: that of net.inet.tcp.cc.algorithm when it was
// established.
const TcpCcAlgorithm& tcp_cc_algorithm(const Tcpcb& tp);

// The connection is established: algorithm and initial window.  `syn_lost` says
// that a SYN had to be sent again, RFC 5681 section 3.1.
void tcp_cc_init(Tcpcb& tp, bool syn_lost);
// `acked` bytes were acknowledged outside recovery: slow start or congestion
// avoidance.  `flight` was outstanding before.
void tcp_cc_ack(Tcpcb& tp, uint32_t acked, uint32_t flight);
// A loss: lowers the window, once for a window of data, and enters recovery;
// by the scoreboard if kTfSackRecovery is set, else by RFC 6582.
void tcp_cc_enter_recovery(Tcpcb& tp);
// One more duplicate ACK in recovery: a segment has left the network.
void tcp_cc_inflate(Tcpcb& tp);
// An ACK of `acked` bytes in recovery, snd_una not yet moved.  True if it ends
// recovery; else it was partial, and what follows it is to be retransmitted.
bool tcp_cc_recovery_ack(Tcpcb& tp, uint32_t ack, uint32_t acked);
// The peer's ECN-Echo: lowers the window, once for a window of data.  True if
// it did.
bool tcp_cc_ecn(Tcpcb& tp);
// A retransmission timeout.  What the peer has SACKed counts no more.
void tcp_cc_timeout(Tcpcb& tp);
// The connection has been idle for longer than a timeout, section 4.1.
void tcp_cc_idle(Tcpcb& tp);

}  // namespace splnet

#endif  // SPLNET_STACK_NETINET_TCP_CC_H_
