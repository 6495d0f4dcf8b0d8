// Inside TCP's output: one segment to be sent, between the decision and the
// builder.

#ifndef SPLNET_STACK_NETINET_TCP_OUTPUT_H_
#define SPLNET_STACK_NETINET_TCP_OUTPUT_H_

#include <cstdint>

#include "stack/netinet/tcp_var.h"

namespace splnet {

// Why a segment is sent.
enum class TcpWhy : uint8_t {
  kNothing,  // there is nothing to send
  kControl,  // SYN or FIN
  kData,
  kForce,   // a probe of a closed window
  kAck,     // acknowledgement due
  kWindow,  // the window has opened enough to say so
  kUrgent,
};

// How a segment that was sent before goes out again while snd_nxt stays where
// it is.
enum class TcpResend : uint8_t {
  kNone,
  kFast,    // the first: fast retransmit
  kSack,    // what the scoreboard says is missing
  kRescue,  // the last of it, in case that was lost too: RFC 6675 section 4
};

// One segment to be sent.
struct TcpDecision {
  TcpWhy why = TcpWhy::kNothing;
  TcpResend resend = TcpResend::kNone;
  uint8_t flags = 0;
  bool more = false;  // another segment can follow at once
  uint32_t seq = 0;
  uint32_t off = 0;   // of the data in so_snd
  uint32_t len = 0;   // of the data
  uint32_t rwnd = 0;  // receive space to advertise, bytes
};

// Bytes of the receive window that the peer was promised and has not filled:
// none once it has sent beyond it, as a window probe does.
inline uint32_t tcp_promised(const Tcpcb& tp) {
  const auto left = static_cast<int32_t>(tp.rcv_adv - tp.rcv_nxt);
  return left > 0 ? static_cast<uint32_t>(left) : 0;
}

// The window to advertise when the receive buffer has room for `space` bytes
// and the field for `most`: never taking back what was promised, and none at
// all rather than a silly one (RFC 9293 section 3.8.6.2.2).
uint32_t tcp_window(const Tcpcb& tp, uint32_t space, uint32_t most);

// Builds the segment that `d` describes, accounts for it and hands it to IP;
// adds to `d` the flags that only the builder knows.  What ip_output() gives;
// kENOBUFS, with nothing accounted, if memory is short.
Errno tcp_send_segment(Tcpcb& tp, TcpDecision& d);

}  // namespace splnet

#endif  // SPLNET_STACK_NETINET_TCP_OUTPUT_H_
