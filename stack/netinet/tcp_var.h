// TCP: the control block, counters and entry points.  RFC 9293.
//
//   tcp_input.cc     a segment arrives: section 3.10.7
//   tcp_open.cc      ... for a listener and in SYN-SENT
//   tcp_options.cc   the options of its header, and of our SYN
//   tcp_steps.cc     ... for a synchronized connection, step by step
//   tcp_ack.cc       ... its acknowledgement, window, round trip
//   tcp_reass.cc     ... its text, when it comes out of order
//   tcp_synrecv.cc   passive opens until the handshake is done
//   tcp_syncache.cc  ... where they wait for it
//   tcp_syncookie.cc ... or need not be remembered
//   tcp_sack.cc      ... and what of that is reported
//   tcp_scoreboard.cc  what the peer has reported
//   tcp_ecn.cc       explicit congestion notification
//   tcp_cc.cc        congestion control: NewReno
//   tcp_cubic.cc     ... CUBIC
//   tcp_output.cc    what to send now
//   tcp_segment.cc   the segment that says it
//   tcp_respond.cc   segments that only answer
//   tcp_timer.cc     what happens when nothing arrives
//   tcp_blackhole.cc ... because segments are too large for the path
//   tcp_subr.cc      control blocks from birth to death
//   tcp_ctlinput.cc  ICMP errors
//   tcp_usrreq.cc    what sockets ask for
//   tcp_ctloutput.cc ... their options
//   tcp_oob.cc       urgent data
//   tcp_space.cc     the sizes of the buffers
//   tcp_info.cc      TCP_INFO

#ifndef SPLNET_STACK_NETINET_TCP_VAR_H_
#define SPLNET_STACK_NETINET_TCP_VAR_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "stack/kern/errno.h"
#include "stack/kern/mbuf.h"
#include "stack/kern/protosw.h"
#include "stack/kern/settings.h"
#include "stack/kern/sockaddr.h"
#include "stack/kern/time.h"
#include "stack/kern/timeout.h"
#include "stack/netinet/tcp.h"
#include "stack/netinet/tcp_stat.h"

namespace splnet {

struct Inpcb;
struct Netstack;
struct Route;
struct Socket;
struct TcpCubic;
struct TcpSack;

// Connection states: TCPS_*.  BSD's order, so that what a state has behind it
// is a comparison.
enum class TcpState : uint8_t {
  kClosed,
  kListen,
  kSynSent,
  kSynReceived,
  kEstablished,
  kCloseWait,
  kFinWait1,
  kClosing,
  kLastAck,
  kFinWait2,
  kTimeWait,
};
// "ESTABLISHED", in the spelling of netstat.
const char* TcpStateName(TcpState state);

constexpr bool tcps_havercvdsyn(TcpState s) {
  return s >= TcpState::kSynReceived;
}
constexpr bool tcps_haveestablished(TcpState s) {
  return s >= TcpState::kEstablished;
}
constexpr bool tcps_havercvdfin(TcpState s) {
  return s == TcpState::kCloseWait || s == TcpState::kClosing ||
         s == TcpState::kLastAck || s == TcpState::kTimeWait;
}

// Tcpcb::flags.
inline constexpr uint32_t kTfAckNow = 0x0001;        // acknowledge at once
inline constexpr uint32_t kTfDelAck = 0x0002;        // delayed ACK pending
inline constexpr uint32_t kTfNoDelay = 0x0004;       // TCP_NODELAY
inline constexpr uint32_t kTfSentFin = 0x0010;       // FIN has been sent
inline constexpr uint32_t kTfReqScale = 0x0020;      // offers window scaling
inline constexpr uint32_t kTfRcvdScale = 0x0040;     // both do
inline constexpr uint32_t kTfReqTstmp = 0x0080;      // offers timestamps
inline constexpr uint32_t kTfRcvdTstmp = 0x0100;     // both do
inline constexpr uint32_t kTfNoPush = 0x0200;        // TCP_NOPUSH
inline constexpr uint32_t kTfLastIdle = 0x0400;      // idle when sosend() began
inline constexpr uint32_t kTfNeedClose = 0x0800;     // FIN once established
inline constexpr uint32_t kTfRecovery = 0x1000;      // fast recovery, RFC 6582
inline constexpr uint32_t kTfPartialAck = 0x2000;    // ... past one partial ACK
inline constexpr uint32_t kTfHaveRtt = 0x8000;       // srtt holds a measurement
inline constexpr uint32_t kTfTiming = 0x10000;       // rtt_seq is being timed
inline constexpr uint32_t kTfForce = 0x20000;        // send into a zero window
inline constexpr uint32_t kTfBlockOutput = 0x40000;  // sockets are being woken:
inline constexpr uint32_t kTfNeedOutput = 0x80000;   // output is only noted
inline constexpr uint32_t kTfFastRexmt = 0x100000;   // snd_una goes out again
inline constexpr uint32_t kTfRcvdSack = 0x200000;    // both permit SACK
inline constexpr uint32_t kTfSackPermit = 0x400000;  // TCP_SACK_ENABLE
inline constexpr uint32_t kTfSackRecovery = 0x800000;  // ... leads recovery
inline constexpr uint32_t kTfSacked = 0x1000000;       // the peer has SACKed
inline constexpr uint32_t kTfSackReport = 0x2000000;   // so will we
inline constexpr uint32_t kTfCwndReduced = 0x4000000;  // for ECN, to snd_ecn
inline constexpr uint32_t kTfCcChosen = 0x8000000;     // TCP_CONGESTION

// Tcpcb::ecn, RFC 3168.
inline constexpr uint8_t kEcnPermit = 0x01;  // both take part
inline constexpr uint8_t kEcnEcho = 0x02;    // CE came: ACKs say ECE
inline constexpr uint8_t kEcnCwr = 0x04;     // the next new data says CWR

// Tcpcb::oobflags.
inline constexpr uint8_t kTcpOobHaveData = 0x01;  // recv(MSG_OOB) has a byte
inline constexpr uint8_t kTcpOobHadData = 0x02;   // ... and gave it

// BSD's numbers (RFC 9293, RFC 6298, RFC 5681).
inline constexpr int kTcpMaxRxtShift = 12;  // retransmissions before giving up
inline constexpr int kTcpDupThresh = 3;     // duplicate ACKs that mean a loss
inline constexpr Nanoseconds kTcpRexmtMax = std::chrono::seconds(64);
// A timestamp from the peer that is older than this proves nothing: 24 days,
// RFC 7323 section 5.5.
inline constexpr Nanoseconds kTcpPawsIdle = std::chrono::hours(24 * 24);
inline constexpr uint32_t kTcpMinMss = 64;  // what a peer cannot push us below
inline constexpr uint16_t kTcpHdrLen = 40;  // IPv4 and TCP, without options
inline constexpr uint32_t kTcpOlenTstampAppa = 12;  // nop nop timestamp
inline constexpr uint32_t kTcpLinkHdr = 16;         // room for a link header
inline constexpr int kTcpLingerSeconds = 120;       // TCP_LINGERTIME

// setsockopt(2) at level IPPROTO_TCP, with OpenBSD's values.
inline constexpr int kTCP_NODELAY = 0x01;
inline constexpr int kTCP_MAXSEG = 0x02;
inline constexpr int kTCP_SACK_ENABLE = 0x08;
inline constexpr int kTCP_INFO = 0x09;
inline constexpr int kTCP_NOPUSH = 0x10;
// ... and those that only FreeBSD has, with its values.
inline constexpr int kTCP_CONGESTION = 0x40;
inline constexpr int kTCP_KEEPINIT = 0x80;
inline constexpr int kTCP_KEEPIDLE = 0x100;
inline constexpr int kTCP_KEEPINTVL = 0x200;
inline constexpr int kTCP_KEEPCNT = 0x400;

// What a tool fixes that a stack chooses by itself, so that a recorded
// connection can be repeated: tcp_pin().
struct TcpPin {
  std::optional<uint32_t> iss;        // initial sequence number
  std::optional<uint32_t> ts_offset;  // first TSval, at time zero, in ms
  // With `options` a SYN offers exactly the following, no more and no less.
  bool options = false;
  std::optional<uint16_t> mss;    // none: no such option
  std::optional<uint8_t> wscale;  // none: no such option; 0 to 14
  bool timestamps = false;
  bool sack_permitted = false;
  bool ecn = false;  // RFC 3168
};

// Data of the receiver, from `left` up to, not including, `right`: a block of
// RFC 2018.
struct TcpSackBlock {
  uint32_t left;
  uint32_t right;

  uint32_t size() const { return right - left; }
  bool empty() const { return left == right; }
};

// Values of net.inet.tcp.cc.algorithm.
enum class TcpCc : uint8_t { kNewReno = kTcpCcNewReno, kCubic = kTcpCcCubic };

// Segments that arrived out of order, by sequence number.  tcp_reass.cc
struct TcpReassQueue {
  Mbuf* head = nullptr;  // owned, linked by nextpkt
  Mbuf* tail = nullptr;

  bool empty() const { return head == nullptr; }
};

struct Tcpcb {
  explicit Tcpcb(Inpcb& pcb);
  Tcpcb(const Tcpcb&) = delete;
  Tcpcb& operator=(const Tcpcb&) = delete;
  ~Tcpcb();

  Inpcb& inp;
  TcpState state = TcpState::kClosed;
  uint8_t rxtshift = 0;        // retransmissions of what is outstanding
  uint8_t dupacks = 0;         // duplicate ACKs in a row
  uint8_t snd_scale = 0;       // shift of windows received
  uint8_t rcv_scale = 0;       // shift of windows sent
  uint8_t request_scale = 0;   // what our SYN offers
  uint8_t challenges = 0;      // challenge ACKs since challenge_time
  uint8_t ecn = 0;             // kEcn*
  TcpCc cc = TcpCc::kNewReno;  // congestion control
  uint8_t oobflags = 0;        // kTcpOob*
  std::byte iobc{};            // the urgent byte, with kTcpOobHaveData
  uint32_t flags = 0;          // kTf*

  // Send sequence space, RFC 9293 section 3.3.1.
  uint32_t snd_una = 0;  // oldest unacknowledged
  uint32_t snd_nxt = 0;  // next to send; goes back to retransmit
  uint32_t snd_max = 0;  // one beyond the highest sent
  uint32_t snd_wnd = 0;  // the peer's window, bytes
  uint32_t snd_wl1 = 0;  // sequence number of the last window update
  uint32_t snd_wl2 = 0;  // acknowledgement of the last window update
  uint32_t snd_up = 0;   // urgent pointer: behind the urgent byte
  uint32_t iss = 0;
  uint32_t max_sndwnd = 0;         // largest window offered so far, bytes
  uint64_t snd_una_stream = 0;     // snd_una, in bytes of the stream from 0
  const Mbuf* snd_mbuf = nullptr;  // cursor into so_snd: an mbuf in it,
  uint32_t snd_mbuf_off = 0;       // and its first byte's distance to snd_una

  // Receive sequence space.
  uint32_t rcv_nxt = 0;
  uint32_t rcv_wnd = 0;  // bytes
  uint32_t rcv_adv = 0;  // right edge advertised
  uint32_t rcv_up = 0;   // urgent pointer
  uint32_t irs = 0;
  uint32_t last_ack_sent = 0;
  TcpReassQueue reass;

  // What came in the round trip being measured: tcp_space.cc.
  uint32_t rfbuf_cnt = 0;  // bytes
  uint32_t rfbuf_ts = 0;   // when it began, tcp_now(); 0 is not yet

  // For TCP_INFO.
  uint32_t snd_rexmitpack = 0;  // segments sent again
  uint32_t rcv_ooopack = 0;     // segments that came out of order
  uint32_t snd_zerowin = 0;     // times that our window closed

  // Segment sizes, bytes.
  uint32_t maxseg;        // data in a segment that carries timestamps, if
                          // they are in use
  uint32_t maxopd;        // data and options
  uint16_t peer_mss = 0;  // what the peer's SYN offered, 0 is nothing
  uint16_t user_mss = 0;  // TCP_MAXSEG, 0 is no limit
  uint16_t path_mss = 0;  // what ICMP said that the path takes, 0 is no limit
  uint16_t hole_mss = 0;  // what is tried in a black hole, 0 is no limit
  bool hole_fragment = false;  // ... and without DF

  // TCP_KEEPIDLE and its like; 0 is the host's setting.
  uint32_t keepidle_s = 0;   // seconds
  uint32_t keepintvl_s = 0;  // seconds
  uint32_t keepinit_s = 0;   // seconds
  uint32_t keepcnt = 0;      // probes
  uint32_t keep_probes = 0;  // sent since the peer was heard

  // Congestion control, bytes.
  uint32_t snd_cwnd = 0;
  uint32_t snd_ssthresh = 0;
  uint32_t snd_recover = 0;  // RFC 6582: recovery ends when this is acked
  uint32_t snd_ecn = 0;      // with kTfCwndReduced: until this is acked
  uint32_t bytes_acked = 0;  // towards the next growth, RFC 5681 section 3.1
  std::unique_ptr<TcpCubic> cubic;
  std::unique_ptr<TcpSack> sack;  // once there were holes

  // Timestamps, RFC 7323.
  uint32_t ts_offset = 0;    // TSval at time zero, ms
  uint32_t ts_recent = 0;    // TS.Recent
  SimTime ts_recent_time{};  // when it came

  // Round trips, RFC 6298.
  uint32_t rtt_seq = 0;  // first byte being timed, with kTfTiming
  SimTime rtt_time{};    // when it was sent
  Nanoseconds srtt{0};
  Nanoseconds rttvar{0};
  Nanoseconds rxtcur{0};  // the retransmission timeout in use
  SimTime rcv_time{};     // a segment last arrived
  SimTime challenge_time{};
  Errno softerror = kOk;  // an ICMP error that may explain a timeout
  std::unique_ptr<TcpPin> pin;

  Timeout rexmt;    // retransmit
  Timeout persist;  // probe a closed window
  Timeout keep;     // keepalive, and giving up while connecting
  Timeout msl2;     // 2MSL of TIME_WAIT, and FIN_WAIT_2 after close
  Timeout delack;   // delayed ACK

  Netstack& ns() const { return ns_; }
  Socket& so() const { return so_; }
  bool is(uint32_t flag) const { return (flags & flag) != 0; }

 private:
  Netstack& ns_;
  Socket& so_;  // the pcb holds it
};

// Whether SACK is in use.
inline bool tcp_sack_enabled(const Tcpcb& tp) { return tp.is(kTfRcvdSack); }

extern const Protosw kTcpProtosw;

// Fixes, for the connection that `so` will open, or as a listener will accept,
// what `pin` says.  For tools, before connect(2) or before the SYN arrives;
// what a listener accepts later inherits it.
void tcp_pin(Socket& so, const TcpPin& pin);

// Carries one segment from ip_input() to a connection.  `off` is where the
// TCP header begins.  Consumes `m`.
void tcp_input(Netstack& ns, MbufPtr m, size_t off);
// An ICMP error quotes a segment of ours.
void tcp_ctlinput(Netstack& ns, CtlInput cmd, const CtlQuote& quote);

// Sends what may and should be sent now; while kTfBlockOutput, notes that
// somebody asked.  What ip_output() gives, but for what time will heal.
Errno tcp_output(Tcpcb& tp);

// Sends a segment without data for `tp`: <SEQ=seq><ACK=ack><CTL=flags>.
// Windows and timestamps are the connection's.
void tcp_respond(Tcpcb& tp, uint32_t seq, uint32_t ack, uint8_t flags);

// What recv(MSG_OOB) gives: the urgent byte, in `m`; `peek` leaves it.  kEINVAL
// if there is no mark, the byte is in line or was given already; kEWOULDBLOCK
// if it is announced and has not come.
Errno tcp_rcvoob(Socket& so, Mbuf& m, bool peek);

// getsockopt(2) and setsockopt(2) but for the socket level.
Errno tcp_setopt(Socket& so, int level, int name,
                 std::span<const std::byte> value);
Errno tcp_getopt(Socket& so, int level, int name, SockoptValue* value);

// Data was acknowledged: lets the send buffer follow what is in flight.
void tcp_update_sndspace(Tcpcb& tp);

// The milliseconds of the clock that this connection's timestamps show.
uint32_t tcp_now(const Tcpcb& tp);
// Writes `nop nop timestamp`; 12, the bytes that it takes.
size_t tcp_put_tstamp(uint8_t* opt, uint32_t val, uint32_t ecr);
uint32_t tcp_clock(const Netstack& ns, uint32_t ts_offset);
// What a stranger cannot predict of a pair of addresses and `extra`.
uint64_t tcp_hash(const uint64_t (&key)[2], const Sockaddr& local,
                  const Sockaddr& foreign);
uint64_t tcp_hash(const uint64_t (&key)[2], const Sockaddr& local,
                  const Sockaddr& foreign, uint64_t extra);
// What `pin` (null: nothing) fixes, or else the stack's own choice: an initial
// sequence number (RFC 6528), the offset of timestamps (RFC 7323 section 5.4),
// and the window scale to offer.
uint32_t tcp_pick_iss(const Netstack& ns, const TcpPin* pin,
                      const Sockaddr& local, const Sockaddr& foreign);
uint32_t tcp_pick_ts_offset(const Netstack& ns, const TcpPin* pin,
                            const Sockaddr& local, const Sockaddr& foreign);
uint8_t tcp_pick_scale(const Netstack& ns, const TcpPin* pin);
// Sets the initial send sequence numbers and the timestamp offset.
void tcp_sendseqinit(Tcpcb& tp);
void tcp_set_iss(Tcpcb& tp, uint32_t iss);

// Segment sizes from the route, the peer's offer and the user's limit.
void tcp_mss_update(Tcpcb& tp);
// What our SYN offers as MSS; resp. a SYN to `dst`, where `user_mss` is the
// user's limit or 0.
uint16_t tcp_mss_adv(Tcpcb& tp);
uint16_t tcp_mss_offer(Netstack& ns, const InAddr& dst, Route& route,
                       uint32_t user_mss);
// What a connection takes over from the listener that it came to.
void tcp_inherit(Tcpcb& tp, const Tcpcb& listener);
// The path takes packets of at most `mtu_bytes`.  True if segments shrank.
bool tcp_mtu_lowered(Tcpcb& tp, uint32_t mtu_bytes);

// Reports `error` to the socket and closes; a synchronized peer gets a RST.
void tcp_drop(Tcpcb& tp, Errno error);
// Ends the connection at once, without a word to the peer.  The control block
// is retired: it stays readable until the current event ends.
void tcp_close(Tcpcb& tp);
// The user sends no more: on to the state that waits for the FIN's ACK.
void tcp_usrclosed(Tcpcb& tp);
void tcp_time_wait(Tcpcb& tp);  // enters TIME_WAIT, or starts its 2MSL again

}  // namespace splnet

#endif  // SPLNET_STACK_NETINET_TCP_VAR_H_
