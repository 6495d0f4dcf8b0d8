// TCP output: what to send now, and why.  tcp_segment.cc builds it.
//
// RFC 9293 section 3.8.6 (windows, silly windows), RFC 1122 section 4.2.3.4
// (Nagle), RFC 5681 (congestion window), RFC 6675 (loss recovery).

#include "stack/netinet/tcp_output.h"

#include <algorithm>

#include "stack/netinet/in_pcb.h"
#include "stack/netinet/ip_var.h"
#include "stack/netinet/tcp_cc.h"
#include "stack/netinet/tcp_sack.h"
#include "stack/netinet/tcp_seq.h"
#include "stack/netinet/tcp_timer.h"
#include "stack/netinet/tcp_var.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

// The flags that a state sends with everything: tcp_outflags.
uint8_t OutFlags(TcpState state) {
  switch (state) {
    case TcpState::kSynSent:
      return kThSyn;
    case TcpState::kSynReceived:
      return kThSyn | kThAck;
    case TcpState::kFinWait1:
    case TcpState::kClosing:
    case TcpState::kLastAck:
      return kThFin | kThAck;
    default:
      return kThAck;
  }
}

uint32_t ReceiveSpace(const Socket& so) {
  const int64_t space = sbspace(so.rcv);
  return space > 0 ? static_cast<uint32_t>(space) : 0;
}

// The most data that one segment takes: half a send buffer at least goes out
// whatever its size.  SACK blocks take from it.
uint32_t MaxSegment(const Tcpcb& tp) {
  uint32_t room = tp.maxseg;
  if (tp.is(kTfSackReport)) [[unlikely]] {
    room -= static_cast<uint32_t>(tcp_sack_optlen(tp, tp.maxopd - tp.maxseg));
  }
  return std::max(uint32_t{1}, std::min(tp.so().snd.hiwat / 2, room));
}

// Whether the window has grown enough to be worth a segment: by two segments,
// or half the buffer.
bool WindowGrew(const Tcpcb& tp, uint32_t rwnd) {
  const uint32_t win = std::min(rwnd, kTcpMaxWin << tp.rcv_scale);
  const uint32_t advertised = tcp_promised(tp);
  if (win <= advertised) return false;
  const uint32_t grown = win - advertised;
  return grown >= 2 * tp.maxseg || 2 * grown >= tp.so().rcv.hiwat;
}

// Before the connection is established only the SYN is sent, and ACKs.
TcpDecision DecideOpening(Tcpcb& tp) {
  TcpDecision d;
  d.rwnd = ReceiveSpace(tp.so());
  d.flags = OutFlags(tp.state);
  d.seq = tp.snd_nxt;
  if (tp.snd_nxt == tp.iss) {
    d.why = TcpWhy::kControl;
  } else if (tp.is(kTfAckNow) && tp.state == TcpState::kSynReceived) {
    d.flags = kThAck;
    d.why = TcpWhy::kAck;
  }
  return d;
}

// How the caller of tcp_output() stands.
struct Sending {
  bool idle;          // nothing is outstanding
  bool doing_sosend;  // more comes from the same write
};

// Sender's silly window avoidance, RFC 9293 section 3.8.6.2.1: whether `len`
// bytes from d.off are worth a segment.
bool WorthSending(const Tcpcb& tp, const TcpDecision& d, Sending sending) {
  if (d.len == MaxSegment(tp)) return true;
  if (tp.is(kTfForce)) return true;
  if (seq_lt(tp.snd_nxt, tp.snd_max)) return true;
  if (tp.max_sndwnd > 0 && d.len >= tp.max_sndwnd / 2) return true;
  // Nagle: the short end of the data, if nothing is outstanding.
  const bool all = d.off + d.len >= tp.so().snd.cc;
  return all && (sending.idle || tp.is(kTfNoDelay)) && !sending.doing_sosend &&
         !tp.is(kTfNoPush);
}

// Nothing fits the peer's window or ours of congestion.  A closed window is
// probed from now on, whatever was outstanding.
void StartPersistIfClosed(Tcpcb& tp, uint32_t win) {
  if (win != 0 || tp.persist.pending()) return;
  timeout_del(tp.rexmt);
  tp.rxtshift = 0;
  tp.snd_nxt = tp.snd_una;
  tcp_setpersist(tp);
}

// The congestion window, beginning at snd_una.  What the peer has SACKed is in
// the network no more; without SACK each of the first two duplicate ACKs means
// one segment: limited transmit, RFC 3042.
uint32_t CongestionWindow(const Tcpcb& tp) {
  if (tp.is(kTfSacked)) [[unlikely]] {
    return tp.snd_cwnd + tcp_sacked_below(tp, tp.snd_nxt);
  }
  if (tp.dupacks == 0 || tp.dupacks >= kTcpDupThresh) return tp.snd_cwnd;
  return tp.snd_cwnd + tp.dupacks * tp.maxseg;
}

// What to send now from snd_nxt on, and why, if congestion allows `cwnd` bytes
// beyond snd_una.
TcpDecision Decide(Tcpcb& tp, Sending sending, uint32_t cwnd) {
  const Sockbuf& snd = tp.so().snd;
  TcpDecision d;
  d.rwnd = ReceiveSpace(tp.so());
  d.flags = OutFlags(tp.state);
  d.seq = tp.snd_nxt;
  d.off = tp.snd_nxt - tp.snd_una;

  uint32_t win = std::min(tp.snd_wnd, cwnd);
  if (tp.is(kTfForce)) {
    if (win == 0) {
      // One byte beyond the window; the FIN only if it is all there is.
      if (d.off < snd.cc) d.flags &= static_cast<uint8_t>(~kThFin);
      win = 1;
    } else {
      timeout_del(tp.persist);
      tp.rxtshift = 0;
    }
  }
  const uint32_t sendable = std::min(snd.cc, win);
  if (sendable >= d.off) {
    d.len = sendable - d.off;
  } else if (win < snd.cc) {
    // The window shrank under what was sent.
    StartPersistIfClosed(tp, win);
    d.seq = tp.snd_nxt;
    d.off = tp.snd_nxt - tp.snd_una;
  }
  if (d.len == 0 && d.off == 0 && snd.cc > 0 && win == 0) {
    StartPersistIfClosed(tp, win);
  }
  uint32_t most = MaxSegment(tp);
  if (tp.is(kTfSacked) && seq_lt(d.seq, tp.snd_max)) [[unlikely]] {
    // Sent again after a timeout: not into what the peer has.
    most = std::min(most, tcp_sack_hole(tp, d.seq).size());
  }
  if (d.len > most) {
    d.len = most;
    d.more = true;
  }
  // The FIN comes behind the last byte, and with whatever is sent after it, as
  // in BSD, until it is acknowledged.
  if (tp.is(kTfSentFin) && tp.snd_nxt == tp.snd_max && d.off == snd.cc + 1) {
    d.seq -= 1;
    d.off -= 1;
  }
  if (d.off + d.len < snd.cc || d.off > snd.cc) {
    d.flags &= static_cast<uint8_t>(~kThFin);
  }

  if (d.len > 0 && WorthSending(tp, d, sending)) {
    const bool probe = tp.is(kTfForce) && tp.persist.pending();
    d.why = probe ? TcpWhy::kForce : TcpWhy::kData;
  } else if (!tcps_havercvdfin(tp.state) && WindowGrew(tp, d.rwnd)) {
    d.why = TcpWhy::kWindow;
  } else if (tp.is(kTfAckNow)) {
    d.why = TcpWhy::kAck;
  } else if (seq_gt(tp.snd_up, tp.snd_una) && tp.is(kTfForce)) {
    d.why = TcpWhy::kUrgent;
  } else if ((d.flags & kThFin) != 0 &&
             (!tp.is(kTfSentFin) || tp.snd_nxt == tp.snd_una)) {
    d.why = TcpWhy::kControl;
  }
  if (d.why == TcpWhy::kNothing) d.more = false;
  return d;
}

// What was sent and is in `hole` again, or the first segment of it, whatever
// the windows.
TcpDecision DecideResend(Tcpcb& tp, TcpResend resend, TcpSackBlock hole) {
  const Sockbuf& snd = tp.so().snd;
  TcpDecision d;
  d.resend = resend;
  d.rwnd = ReceiveSpace(tp.so());
  d.seq = hole.left;
  d.off = hole.left - tp.snd_una;
  const uint32_t data = snd.cc - std::min(snd.cc, d.off);
  d.len = std::min({hole.size(), data, MaxSegment(tp)});
  d.flags = OutFlags(tp.state);
  // The FIN is what the hole has beyond the data.
  const bool fin = tp.is(kTfSentFin) && d.len == data && d.len < hole.size();
  if (!fin) d.flags &= static_cast<uint8_t>(~kThFin);
  if (d.len > 0 || fin) {
    d.why = TcpWhy::kData;
    d.more = true;
  }
  return d;
}

// Whether a segment has nothing that was not sent before.
bool OnlyAcks(const TcpDecision& d) {
  return d.why == TcpWhy::kNothing || d.why == TcpWhy::kAck ||
         d.why == TcpWhy::kWindow;
}

// Loss recovery by the scoreboard: NextSeg() of RFC 6675 section 4, as long as
// the pipe has room for a segment (section 5, step C).
TcpDecision DecideSackRecovery(Tcpcb& tp, Sending sending) {
  if (seq_lt(tp.snd_nxt, tp.snd_max)) {
    // All of it goes out again, in segments of another size or when the
    // peer's window opens.
    return Decide(tp, sending, CongestionWindow(tp));
  }
  const uint32_t flight = tp.snd_max - tp.snd_una;
  const uint32_t pipe = tcp_sack_pipe(tp);
  if (tp.snd_cwnd < pipe + tp.maxseg) return Decide(tp, sending, flight);
  if (const TcpSackBlock hole = tcp_sack_next_lost(tp); !hole.empty()) {
    return DecideResend(tp, TcpResend::kSack, hole);
  }
  const TcpDecision fresh = Decide(tp, sending, flight + tp.snd_cwnd - pipe);
  if (!OnlyAcks(fresh) || tp.persist.pending()) return fresh;
  if (const TcpSackBlock hole = tcp_sack_next_unsure(tp); !hole.empty()) {
    return DecideResend(tp, TcpResend::kSack, hole);
  }
  if (const TcpSackBlock hole = tcp_sack_rescue(tp); !hole.empty()) {
    return DecideResend(tp, TcpResend::kRescue, hole);
  }
  return fresh;
}

TcpDecision DecideNext(Tcpcb& tp, Sending sending) {
  if (!tcps_haveestablished(tp.state)) return DecideOpening(tp);
  if (tp.is(kTfFastRexmt)) [[unlikely]] {
    tp.flags &= ~kTfFastRexmt;
    TcpSackBlock hole = tcp_sack_hole(tp, tp.snd_una);
    // What is not acknowledged is not safe, whatever was SACKed.
    if (hole.left != tp.snd_una) hole = {tp.snd_una, tp.snd_max};
    return DecideResend(tp, TcpResend::kFast, hole);
  }
  if (tp.is(kTfSackRecovery)) [[unlikely]] {
    return DecideSackRecovery(tp, sending);
  }
  if (tp.is(kTfSacked) && seq_lt(tp.snd_nxt, tp.snd_max)) [[unlikely]] {
    // After a timeout: what the peer has SACKed since is left out.
    tp.snd_nxt = tcp_sack_hole(tp, tp.snd_nxt).left;
  }
  return Decide(tp, sending, CongestionWindow(tp));
}

// What an error of IP output means.  kOk where time will heal it.
// `retry` is set if another try makes sense now.
Errno OutputError(Tcpcb& tp, Errno error, bool* retry) {
  switch (error) {
    case kENOBUFS:
      // A queue of ours is full: as good as a loss, and slow down.
      if (!tp.rexmt.pending() && !tp.persist.pending()) tcp_rexmt_arm(tp);
      tp.snd_cwnd = tp.maxseg;
      return kOk;
    case kEMSGSIZE: {
      const Rtentry* const rt =
          tp.inp.route.Get(tp.ns().routes, tp.inp.faddr.addr);
      if (rt != nullptr && tcp_mtu_lowered(tp, ip_pathmtu(tp.ns(), *rt))) {
        tp.snd_nxt = tp.snd_una;
        *retry = true;
        return kOk;
      }
      return error;
    }
    case kEHOSTUNREACH:
    case kENETUNREACH:
    case kEHOSTDOWN:
    case kENETDOWN:
      if (!tcps_havercvdsyn(tp.state)) return error;
      tp.softerror = error;
      return kOk;
    default:
      return error;
  }
}

}  // namespace

Errno tcp_output(Tcpcb& tp) {
  if (tp.is(kTfBlockOutput)) {
    tp.flags |= kTfNeedOutput;
    return kOk;
  }
  tp.flags &= ~kTfNeedOutput;
  if (tp.state <= TcpState::kListen) return kOk;

  bool idle = tp.snd_max == tp.snd_una || tp.is(kTfLastIdle);
  const bool doing_sosend = (tp.so().snd.state & kSsIsSending) != 0;
  if (idle && tp.ns().now() - tp.rcv_time >= tp.rxtcur &&
      tcps_haveestablished(tp.state)) {
    tcp_cc_idle(tp);
  }
  tp.flags &= ~kTfLastIdle;
  if (idle && doing_sosend) {
    // More comes from the same write: remembered for its last piece.
    tp.flags |= kTfLastIdle;
    idle = false;
  }

  for (;;) {
    TcpDecision d = DecideNext(tp, {idle, doing_sosend});
    if (d.why == TcpWhy::kNothing) break;
    if (const Errno error = tcp_send_segment(tp, d); error != kOk) {
      bool retry = false;
      const Errno told = OutputError(tp, error, &retry);
      if (!retry) return told;
      continue;
    }
    if (!d.more) break;
  }
  // Data that nothing will push on: the window is closed, or the tail is held
  // back with nothing outstanding.
  if (tp.so().snd.cc > 0 && !tp.rexmt.pending() && !tp.persist.pending() &&
      tcps_haveestablished(tp.state)) {
    tp.rxtshift = 0;
    tcp_setpersist(tp);
  }
  return kOk;
}

}  // namespace splnet
