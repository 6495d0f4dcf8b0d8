// Inside TCP's input: one received segment, and the steps that it goes through.

#ifndef SPLNET_STACK_NETINET_TCP_INPUT_H_
#define SPLNET_STACK_NETINET_TCP_INPUT_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "stack/kern/drop.h"
#include "stack/kern/mbuf.h"
#include "stack/kern/sockaddr.h"
#include "stack/kern/tracer.h"
#include "stack/netinet/tcp.h"
#include "stack/netinet/tcp_var.h"

namespace splnet {

struct IpOptions;

// TcpSegment::wake: which wakeups are due when all else is done.
inline constexpr uint8_t kTcpWakeConnected = 0x01;     // soisconnected
inline constexpr uint8_t kTcpWakeWrite = 0x02;         // sowwakeup
inline constexpr uint8_t kTcpWakeRead = 0x04;          // sorwakeup
inline constexpr uint8_t kTcpWakeEof = 0x08;           // socantrcvmore
inline constexpr uint8_t kTcpWakeDisconnected = 0x10;  // soisdisconnected
inline constexpr uint8_t kTcpWakeUrgent = 0x20;        // sohasoutofband

// A segment as its steps see it: what was in the header, trimmed on the way.
struct TcpSegment {
  // Set by whoever makes one: what every header has.
  MbufPtr m;          // the packet; null once its fate is known
  Sockaddr from, to;  // the peer's end, ours
  uint64_t id;        // PktHdr::id of the packet
  uint32_t seq;       // of the first byte of data, or of the SYN
  uint32_t ack;
  uint32_t wnd;     // bytes, scaled
  uint32_t len;     // bytes of data
  uint32_t hdrlen;  // IP and TCP headers still in front of the data
  uint16_t urp;
  uint8_t flags;         // kTh*
  bool loop;             // came from this host
  uint8_t wake = 0;      // kTcpWake*
  bool old = false;      // nothing in it was new but, perhaps, the ACK
  bool has_oob = false;  // byte oob_seq leaves the stream when it is appended
  uint32_t oob_seq = 0;
  // Options.
  bool has_ts = false;
  bool has_wscale = false;
  bool sack_permitted = false;
  uint8_t wscale = 0;
  bool ce = false;       // the network met congestion, RFC 3168
  uint8_t sacks = 0;     // SACK blocks
  TcpSackBlock sack[4];  // ... as they came
  uint16_t mss = 0;      // 0: no such option
  uint32_t ts_val = 0;
  uint32_t ts_ecr = 0;
  // It takes the place of a connection in TIME_WAIT, which had used numbers up
  // to iss_floor.
  bool replaces = false;
  uint32_t iss_floor = 0;

  bool has(uint8_t flag) const { return (flags & flag) != 0; }
  // SEG.LEN: what it takes in sequence space.
  uint32_t seg_len() const {
    return len + (has(kThSyn) ? 1 : 0) + (has(kThFin) ? 1 : 0);
  }
};

// The fate of the segment, unless it met one before: frees the packet.
void tcp_met(Tcpcb& tp, TcpSegment& th, Fate fate);
// Drops it for a reason.
void tcp_dropseg(Netstack& ns, TcpSegment& th, DropReason reason);

// Reads the options of the header into `th`; malformed ones end the reading.
// Those that only a SYN may carry are ignored elsewhere.
void tcp_dooptions(TcpSegment& th, const uint8_t* opt, size_t optlen);

// Answers with a RST, section 3.10.7.1, limited in rate; not to a RST.
void tcp_reject(Netstack& ns, const TcpSegment& th);
// An ACK for what RFC 5961 does not trust, if tcp_may_challenge() it.
void tcp_challenge_ack(Tcpcb& tp);
// Whether a connection may send one more: ten in five seconds, of which
// `count` were sent since `since`.  The whole host's limit changes every
// second, lest it tell strangers how many others have got (RFC 5961 section 7).
[[nodiscard]] bool tcp_may_challenge(Netstack& ns, SimTime& since,
                                     uint8_t& count);

// A segment without data.
struct TcpReply {
  Sockaddr from, to;
  uint32_t seq = 0;
  uint32_t ack = 0;
  uint16_t win = 0;
  uint8_t flags = 0;
  uint8_t ttl = 64;
  uint8_t tos = 0;
};
// Builds and sends it, with the TCP options `opt` (whole words), the IP options
// `options` and the remembered `route`, which may be null.
void tcp_reply(Netstack& ns, const TcpReply& reply, const IpOptions* options,
               Route* route, std::span<const uint8_t> opt);

// Steps of section 3.10.7.  Those that return bool say whether the segment
// goes on to the next step; if not, it has met its fate.
// 3.10.7.2.  The connection that `th` has completed and goes on with, in
// SYN-RECEIVED still; null if `th` has met its fate.
[[nodiscard]] Tcpcb* tcp_listen_input(Tcpcb& tp, TcpSegment& th);
[[nodiscard]] bool tcp_syn_sent_input(Tcpcb& tp, TcpSegment& th);  // 3.10.7.3
// 3.10.7.4.  First: the sequence number, and what is left of the segment in
// the window.  A RST is judged by the second step alone.
[[nodiscard]] bool tcp_check_sequence(Tcpcb& tp, TcpSegment& th);
[[nodiscard]] bool tcp_check_reset(Tcpcb& tp, TcpSegment& th);  // second
[[nodiscard]] bool tcp_check_syn(Tcpcb& tp, TcpSegment& th);    // fourth
[[nodiscard]] bool tcp_check_ack(Tcpcb& tp, TcpSegment& th);    // fifth
void tcp_check_urgent(Tcpcb& tp, TcpSegment& th);  // sixth; in tcp_oob.cc
// Takes byte `off` of `m`, which is byte `seq` of the connection and known to
// be urgent, out of what is about to be appended.
void tcp_pull_held(Tcpcb& tp, Mbuf& m, size_t off, uint32_t seq);
// Seventh.  True if the FIN is now in sequence.
[[nodiscard]] bool tcp_text(Tcpcb& tp, TcpSegment& th);
void tcp_fin(Tcpcb& tp, TcpSegment& th);  // eighth

// Cuts off what is beyond the window.  False if that ends the segment.  What
// is empty may stand at the edge itself, and a FIN needs no window, as in BSD.
[[nodiscard]] bool tcp_trim_above(Tcpcb& tp, TcpSegment& th);
// Appends the segment's data, which is the next of the stream.
void tcp_append(Tcpcb& tp, TcpSegment& th);
// The segment size is known: FreeBSD's receive buffer holds whole segments, of
// the size that they have without options.
void tcp_round_rcvspace(Tcpcb& tp);
// Data in sequence came in `th`: lets the receive buffer follow what a round
// trip brings.
void tcp_measure_rcvspace(Tcpcb& tp, const TcpSegment& th);
// What to echo: RFC 7323 section 4.3.
void tcp_update_tsrecent(Tcpcb& tp, const TcpSegment& th);

// The connection is established: segment sizes, windows, timers.
void tcp_established(Tcpcb& tp, TcpSegment& th);

// Takes note of what `th` acknowledges, beyond snd_una and not beyond snd_max.
// Returns whether our FIN is acknowledged.
bool tcp_ack_advance(Tcpcb& tp, TcpSegment& th);
// The window field, RFC 9293 section 3.10.7.4.
void tcp_update_window(Tcpcb& tp, const TcpSegment& th);
// RTT measurements, RFC 6298.
void tcp_rtt_sample(Tcpcb& tp, Nanoseconds rtt);

// The age of the timestamp of ours that `th` echoes; negative if it is none.
Nanoseconds tcp_tstamp_rtt(const Tcpcb& tp, const TcpSegment& th);

// Acknowledges data: now, or after a delay.
void tcp_setup_ack(Tcpcb& tp, const TcpSegment& th);

// Holds a segment that is not the next, or appends it and what it makes
// contiguous.  True if a FIN came in sequence.
[[nodiscard]] bool tcp_reass(Tcpcb& tp, TcpSegment& th);
// Drops what is held.
void tcp_freeq(Tcpcb& tp, DropReason reason);

}  // namespace splnet

#endif  // SPLNET_STACK_NETINET_TCP_INPUT_H_
