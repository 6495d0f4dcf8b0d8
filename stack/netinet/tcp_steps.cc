// The steps of RFC 9293 section 3.10.7.4 but for the fifth, which is in
// tcp_ack.cc: what a segment may do to a synchronized connection.

#include <algorithm>
#include <utility>

#include "stack/kern/socketvar.h"
#include "stack/netinet/in_pcb.h"
#include "stack/netinet/tcp_input.h"
#include "stack/netinet/tcp_sack.h"
#include "stack/netinet/tcp_seq.h"
#include "stack/netinet/tcp_timer.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

// Answers what is not acceptable.  Data is acknowledged at once; of segments
// without any, only some, or two hosts could answer one another for ever, and
// of SYNs (RFC 5961 section 4.2).
void AckUnacceptable(Tcpcb& tp, const TcpSegment& th) {
  if (th.seg_len() > 0 && !th.has(kThSyn)) {
    tp.flags |= kTfAckNow;
  } else {
    tcp_challenge_ack(tp);
  }
}

// PAWS, RFC 7323 section 5.3: false for a segment from the past, and for one
// that lacks the timestamp agreed on (section 3.2).
bool CheckPaws(Tcpcb& tp, TcpSegment& th) {
  if (!tp.is(kTfRcvdTstmp) || th.has(kThRst)) return true;
  Netstack& ns = tp.ns();
  if (!th.has_ts) {
    if (ns.settings.tcp_tolerate_missing_ts != 0) return true;
    tcp_dropseg(ns, th, DropReason::kTcpNoTimestamp);
    return false;
  }
  if (!tstmp_lt(th.ts_val, tp.ts_recent)) return true;
  if (ns.now() - tp.ts_recent_time > kTcpPawsIdle) {
    tp.ts_recent = th.ts_val;  // too old to tell
    return true;
  }
  ++ns.tcpstat.pawsdrop;
  AckUnacceptable(tp, th);
  tcp_dropseg(ns, th, DropReason::kTcpPaws);
  return false;
}

// All of the segment was received before.  True if its ACK is to be heeded.
bool AllOld(Tcpcb& tp, TcpSegment& th) {
  TcpStat& stat = tp.ns().tcpstat;
  ++stat.rcvduppack;
  stat.rcvdupbyte += th.len;
  // Its timestamp is what the answer echoes: the peer has lost our answer to
  // the one before, and times this one (RFC 7323 section 4.3).
  tcp_update_tsrecent(tp, th);
  tcp_sack_duplicate(tp, {th.seq, th.seq + th.len});
  AckUnacceptable(tp, th);
  // The peer has not got the ACK of its FIN.
  if (tp.state == TcpState::kTimeWait && th.has(kThFin)) tcp_time_wait(tp);
  const bool syn = th.has(kThSyn);
  if (th.seg_len() > 0) tcp_met(tp, th, Fate::kDuplicate);
  // Its number stays, so that its window is not taken for the newest.
  th.len = 0;
  th.flags &= static_cast<uint8_t>(~(kThSyn | kThFin));
  // A retransmission may be the first to tell of urgent data further on.
  if (!seq_gt(th.seq + th.urp, tp.rcv_nxt)) {
    th.flags &= static_cast<uint8_t>(~kThUrg);
  }
  th.old = true;
  return !syn;
}

// Cuts off what was received before.  False if that ends the segment.
bool TrimBelow(Tcpcb& tp, TcpSegment& th) {
  if (th.has(kThSyn) && tp.state == TcpState::kSynReceived &&
      th.seq == tp.irs) {
    if (!th.has(kThAck)) {
      // The SYN again: our answer was lost.
      tp.snd_nxt = tp.snd_una;
      tp.flags |= kTfNeedOutput;
      tcp_met(tp, th, Fate::kDuplicate);
      return false;
    }
    th.flags &= static_cast<uint8_t>(~kThSyn);  // simultaneous open, figure 8
    th.seq += 1;
  }
  const uint32_t below = tp.rcv_nxt - th.seq;
  if (below == 0) return true;
  if (below >= th.seg_len()) return AllOld(tp, th);
  if (th.has(kThSyn)) return true;  // for the fourth step to refuse
  TcpStat& stat = tp.ns().tcpstat;
  ++stat.rcvpartduppack;
  stat.rcvpartdupbyte += below;
  tcp_sack_duplicate(tp, {th.seq, th.seq + below});
  th.seq += below;
  th.len -= below;
  th.hdrlen += below;
  if (th.urp > below) {
    th.urp = static_cast<uint16_t>(th.urp - below);
  } else {
    th.urp = 0;
    th.flags &= static_cast<uint8_t>(~kThUrg);
  }
  return true;
}

// What a valid reset does, by state.
void ResetConnection(Tcpcb& tp) {
  switch (tp.state) {
    case TcpState::kSynReceived:
      tp.so().error = kECONNREFUSED;
      ++tp.ns().tcpstat.conndrops;
      break;
    case TcpState::kClosing:
    case TcpState::kLastAck:
    case TcpState::kTimeWait:
      break;
    default:
      tp.so().error = kECONNRESET;
      ++tp.ns().tcpstat.drops;
      break;
  }
  tcp_close(tp);
}

// Data for a socket that nobody has any more: RFC 1122 section 4.2.2.13.
void RefuseAfterClose(Tcpcb& tp, TcpSegment& th) {
  Netstack& ns = tp.ns();
  ++ns.tcpstat.rcvafterclose;
  ++ns.tcpstat.sndctrl;
  tcp_respond(tp, th.ack, 0, kThRst);
  tcp_dropseg(ns, th, DropReason::kTcpAfterClose);
  tcp_close(tp);
}

}  // namespace

// Appends the segment's data, which is the next of the stream.
void tcp_append(Tcpcb& tp, TcpSegment& th) {
  Netstack& ns = tp.ns();
  ++ns.tcpstat.rcvpack;
  ns.tcpstat.rcvbyte += th.len;
  m_trim_front(*th.m, th.hdrlen);
  ns.tracer.Enter(Fn::kSbappendstream, *th.m);
  sbappendstream(tp.so().rcv, std::move(th.m));
  ns.tracer.Met(Fate::kDelivered, th.id, &tp.so(), th.len);
  tp.rcv_nxt += th.len;
  tcp_measure_rcvspace(tp, th);
  th.wake |= kTcpWakeRead;
}

// RFC 7323 section 4.3: what to echo.
void tcp_update_tsrecent(Tcpcb& tp, const TcpSegment& th) {
  if (!th.has_ts || !tp.is(kTfRcvdTstmp)) return;
  if (tstmp_lt(th.ts_val, tp.ts_recent)) return;
  if (seq_gt(th.seq, tp.last_ack_sent)) return;
  tp.ts_recent = th.ts_val;
  tp.ts_recent_time = tp.ns().now();
}

void tcp_setup_ack(Tcpcb& tp, const TcpSegment& th) {
  const Settings& settings = tp.ns().settings;
  const int64_t delay = settings.tcp_delacktime;
  if (tp.is(kTfDelAck) || th.loop || delay == 0 ||
      settings.tcp_delayed_ack == 0) {
    tp.flags |= kTfAckNow;
    return;
  }
  tp.flags |= kTfDelAck;
  timeout_add(tp.delack, std::chrono::milliseconds(delay));
}

// Cuts off what is beyond the window.  False if that ends the segment.  What
// is empty may stand at the edge itself, and a FIN needs no window, as in BSD.
bool tcp_trim_above(Tcpcb& tp, TcpSegment& th) {
  const uint32_t edge = tp.rcv_nxt + tp.rcv_wnd;
  if (seq_leq(th.seq + th.len, edge)) return true;
  TcpStat& stat = tp.ns().tcpstat;
  const uint32_t beyond = th.seq + th.len - edge;
  ++stat.rcvpackafterwin;
  stat.rcvbyteafterwin += std::min(beyond, th.len);
  if (beyond < th.len) {
    th.len -= beyond;
    th.flags &= static_cast<uint8_t>(~(kThFin | kThPush));
    m_truncate(*th.m, th.hdrlen + th.len);
    return true;
  }
  AckUnacceptable(tp, th);
  if (tp.rcv_wnd == 0 && th.seq == tp.rcv_nxt) {
    // A probe of our closed window: its ACK counts, its data does not.
    ++stat.rcvwinprobe;
    tcp_met(tp, th, Fate::kOutOfWindow);
    th.len = 0;
    th.flags &= static_cast<uint8_t>(~kThFin);
    th.old = true;
    return true;
  }
  tcp_met(tp, th, Fate::kOutOfWindow);
  return false;
}

// First: the sequence number, and what is left of the segment in the window.
bool tcp_check_sequence(Tcpcb& tp, TcpSegment& th) {
  if (!CheckPaws(tp, th)) return false;
  if (seq_lt(th.seq, tp.rcv_nxt) && !TrimBelow(tp, th)) return false;
  if (!tcp_trim_above(tp, th)) return false;
  if (!th.old) tcp_update_tsrecent(tp, th);
  return true;
}

// Second: a RST must be exactly the next in sequence; elsewhere in the window
// it is answered with a challenge (RFC 5961 section 3.2).
bool tcp_check_reset(Tcpcb& tp, TcpSegment& th) {
  if (!th.has(kThRst)) return true;
  Netstack& ns = tp.ns();
  if (tp.state == TcpState::kTimeWait && ns.settings.tcp_rfc1337 != 0) {
    // It may be an old one, and would let old data in (RFC 1337 section 3).
    tcp_dropseg(ns, th, DropReason::kTcpBadReset);
    return false;
  }
  const uint32_t edge = tp.rcv_nxt + tp.rcv_wnd;
  const bool in_window = seq_gt(th.seq, tp.rcv_nxt) && seq_lt(th.seq, edge);
  if (th.seq == tp.rcv_nxt || th.seq == tp.last_ack_sent ||
      (in_window && ns.settings.tcp_insecure_rst != 0)) {
    tcp_met(tp, th, Fate::kConsumed);
    ResetConnection(tp);
    return false;
  }
  if (in_window) tcp_challenge_ack(tp);
  tcp_dropseg(ns, th, DropReason::kTcpBadReset);
  return false;
}

// Fourth: a SYN in the window (RFC 5961 section 4.2).
bool tcp_check_syn(Tcpcb& tp, TcpSegment& th) {
  if (!th.has(kThSyn)) return true;
  Netstack& ns = tp.ns();
  ++ns.tcpstat.badsyn;
  tcp_dropseg(ns, th, DropReason::kTcpBadSyn);
  if (ns.settings.tcp_insecure_syn != 0) {
    tcp_drop(tp, kECONNRESET);
  } else {
    tcp_challenge_ack(tp);
  }
  return false;
}

// Seventh: the text.  True if the FIN is now in sequence.
bool tcp_text(Tcpcb& tp, TcpSegment& th) {
  if (th.len == 0 && !th.has(kThFin)) return false;
  Netstack& ns = tp.ns();
  Socket& so = tp.so();
  if (tcps_havercvdfin(tp.state)) {
    // The peer sent its FIN: there cannot be more.  Ignored, not answered.
    ++ns.tcpstat.rcvafterclose;
    tcp_dropseg(ns, th, DropReason::kTcpAfterClose);
    return false;
  }
  if (th.len > 0 && so.is(kSsNoFdRef) && tp.state > TcpState::kCloseWait) {
    RefuseAfterClose(tp, th);
    return false;
  }
  if (th.seq != tp.rcv_nxt || !tp.reass.empty()) {
    tp.flags |= kTfAckNow;
    return tcp_reass(tp, th);
  }
  if (th.len > 0) {
    if (so.cantrcvmore()) {
      // Shut down for reading: acknowledged and thrown away.
      ++ns.tcpstat.rcvafterclose;
      tp.rcv_nxt += th.len;
      tcp_dropseg(ns, th, DropReason::kTcpAfterClose);
    } else {
      tcp_append(tp, th);
    }
    tcp_setup_ack(tp, th);
  }
  return th.has(kThFin);
}

// Eighth: the FIN.
void tcp_fin(Tcpcb& tp, TcpSegment& th) {
  tp.rcv_nxt += 1;
  tp.flags |= kTfAckNow;
  th.wake |= kTcpWakeEof;
  switch (tp.state) {
    case TcpState::kEstablished:
      tp.state = TcpState::kCloseWait;
      break;
    case TcpState::kFinWait1:
      tp.state = TcpState::kClosing;  // ours is not acknowledged yet
      break;
    case TcpState::kFinWait2:
      tcp_time_wait(tp);
      th.wake |= kTcpWakeDisconnected;
      break;
    default:
      break;
  }
}

}  // namespace splnet
