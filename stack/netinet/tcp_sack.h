// Selective acknowledgement.  RFC 2018, RFC 2883, RFC 6675.
//
// The receiver's half remembers which runs of held segments were reported last;
// the sender's half, the scoreboard, what the peer has reported.  A connection
// without holes has neither.

#ifndef SPLNET_STACK_NETINET_TCP_SACK_H_
#define SPLNET_STACK_NETINET_TCP_SACK_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "stack/netinet/tcp_var.h"

namespace splnet {

struct TcpSegment;

// Blocks that the receiver remembers to have reported, RFC 2018 section 4.
inline constexpr size_t kTcpSackReports = 6;

struct TcpSack {
  // Sender.  What the peer has, in order, apart from one another, within
  // snd_una and snd_max.
  std::vector<TcpSackBlock> sacked;
  uint32_t sacked_bytes = 0;
  // RFC 6675 section 2, each one beyond the number that the RFC names: what is
  // below high_rxt was sent again in this recovery, and no second rescue
  // before rescue_rxt is acknowledged.
  uint32_t high_rxt = 0;
  uint32_t rescue_rxt = 0;

  // Receiver.  Whole runs of held data, the one that changed last first.
  std::array<TcpSackBlock, kTcpSackReports> reports{};
  uint8_t report_count = 0;
  bool has_dsack = false;
  TcpSackBlock dsack{};  // what came twice, told once
};

// ------------------------------------------------------------- the receiver

// The data of `run`, all of which is held beyond a hole and which ends at
// holes, changed last.
void tcp_sack_held(Tcpcb& tp, TcpSackBlock run);
// Whether `seq` is in a remembered run, and which: null if not.
const TcpSackBlock* tcp_sack_run_at(const Tcpcb& tp, uint32_t seq);
// `twice` arrived though it was here already: the next ACK says so, where
// net.inet.tcp.sack.dsack is set (RFC 2883).
void tcp_sack_duplicate(Tcpcb& tp, TcpSackBlock twice);
// rcv_nxt moved on: what is now acknowledged is reported no more.
void tcp_sack_advance(Tcpcb& tp);
// Nothing is held any more.
void tcp_sack_forget_held(Tcpcb& tp);

// Bytes that the option takes in a segment which has `optlen` bytes of others;
// 0 if there is nothing to report.
size_t tcp_sack_optlen(const Tcpcb& tp, size_t optlen);
// Writes the option, of that many bytes, padded in front.  A D-SACK has been
// told then.
size_t tcp_put_sack(Tcpcb& tp, size_t optlen, uint8_t* opt);

// --------------------------------------------------------------- the sender

// Update(): takes the blocks of `th` into the scoreboard.  Blocks outside what
// is outstanding are ignored.  True if they cover data for the first time: what
// RFC 6675 section 2 calls a duplicate acknowledgement.
bool tcp_sack_update(Tcpcb& tp, const TcpSegment& th);
// snd_una moved on.
void tcp_sack_acked(Tcpcb& tp);
// The peer may have gone back on what it said: a timeout (RFC 2018 section 8).
void tcp_sack_clear(Tcpcb& tp);

// IsLost(): whether what begins at `seq`, not SACKed, is presumed lost.
bool tcp_sack_is_lost(const Tcpcb& tp, uint32_t seq);
// SetPipe(): an estimate of the bytes in the network.
uint32_t tcp_sack_pipe(const Tcpcb& tp);
// Loss recovery begins; the first segment is about to be sent again.
void tcp_sack_enter_recovery(Tcpcb& tp);

// What NextSeg() says may be sent again; empty if nothing.
TcpSackBlock tcp_sack_next_lost(const Tcpcb& tp);    // rule 1
TcpSackBlock tcp_sack_next_unsure(const Tcpcb& tp);  // rule 3
TcpSackBlock tcp_sack_rescue(const Tcpcb& tp);       // rule 4

// SACKed bytes below `seq`, which is in the window.
uint32_t tcp_sacked_below(const Tcpcb& tp, uint32_t seq);
// What begins at `seq`, up to the next SACKed data or snd_max: the first of
// it that is not SACKed.  Empty if all of it is.
TcpSackBlock tcp_sack_hole(const Tcpcb& tp, uint32_t seq);

}  // namespace splnet

#endif  // SPLNET_STACK_NETINET_TCP_SACK_H_
