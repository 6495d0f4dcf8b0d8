// What a segment acknowledges: the fifth step of RFC 9293 section 3.10.7.4,
// with RFC 5961 section 5, RFC 5681, RFC 6675 and RFC 6298.

#include <algorithm>

#include "stack/netinet/in_pcb.h"
#include "stack/netinet/tcp_cc.h"
#include "stack/netinet/tcp_ecn.h"
#include "stack/netinet/tcp_input.h"
#include "stack/netinet/tcp_sack.h"
#include "stack/netinet/tcp_seq.h"
#include "stack/netinet/tcp_timer.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

// Drops `bytes` that were acknowledged from the send buffer, and the cursor
// into it if that pointed into them.
void DropAcknowledged(Tcpcb& tp, uint32_t bytes) {
  Socket& so = tp.so();
  if (tp.snd_mbuf != nullptr) {
    if (bytes >= tp.snd_mbuf_off + tp.snd_mbuf->len) {
      tp.snd_mbuf = nullptr;
    } else if (bytes > tp.snd_mbuf_off) {
      tp.snd_mbuf_off = 0;
    } else {
      tp.snd_mbuf_off -= bytes;
    }
  }
  sbdrop(so.snd, bytes);
  tp.snd_una_stream += bytes;
}

// A round trip ends with this ACK, if one was being timed; else the timestamp
// tells, which also covers what was sent twice.
void SampleRtt(Tcpcb& tp, const TcpSegment& th) {
  if (tp.is(kTfTiming)) {
    if (!seq_gt(th.ack, tp.rtt_seq)) return;
    tp.flags &= ~kTfTiming;
    tcp_rtt_sample(tp, tp.ns().now() - tp.rtt_time);
  } else if (th.has_ts && th.ts_ecr != 0 && tp.is(kTfRcvdTstmp)) {
    tcp_rtt_sample(tp, tcp_tstamp_rtt(tp, th));
  }
}

// SYN-RECEIVED: the ACK of our SYN establishes the connection.
bool AckOfSyn(Tcpcb& tp, TcpSegment& th) {
  Netstack& ns = tp.ns();
  if (seq_leq(th.ack, tp.snd_una) || seq_gt(th.ack, tp.snd_max)) {
    tcp_reject(ns, th);
    tcp_dropseg(ns, th, DropReason::kTcpBadAck);
    return false;
  }
  tcp_established(tp, th);
  tp.snd_wl1 = th.seq - 1;  // so that its window counts
  return true;
}

// Whether `th` is one more ACK of the same: RFC 5681 section 2.  The timer
// says that something is outstanding, other than a window probe.
bool IsDuplicateAck(const Tcpcb& tp, const TcpSegment& th) {
  // Where the peer SACKs, what has no block tells of nothing.
  return !tp.is(kTfSacked | kTfSackRecovery) && th.ack == tp.snd_una &&
         tp.rexmt.pending() && th.len == 0 && !th.old &&
         !th.has(kThSyn | kThFin) && th.wnd == tp.snd_wnd;
}

void EnterRecovery(Tcpcb& tp) {
  tcp_cc_enter_recovery(tp);
  tp.flags |= kTfFastRexmt;
  tp.flags &= ~kTfTiming;
  ++tp.ns().tcpstat.sndrexmitfast;
  timeout_del(tp.rexmt);  // starts anew with what is sent now
}

void CountDuplicateAck(Tcpcb& tp) {
  ++tp.ns().tcpstat.rcvdupack;
  tp.flags |= kTfNeedOutput;
  if (!tp.is(kTfRecovery) && tp.dupacks < 255) ++tp.dupacks;
}

// Counts duplicate ACKs; the third means that a segment was lost.
void DuplicateAck(Tcpcb& tp, const TcpSegment& th) {
  if (!IsDuplicateAck(tp, th)) return;
  CountDuplicateAck(tp);
  if (tp.is(kTfRecovery)) {
    tcp_cc_inflate(tp);
    return;
  }
  if (tp.dupacks != kTcpDupThresh) return;  // the first two: limited transmit
  // Not for what was sent before the last loss: RFC 6582 section 3.2.
  if (seq_gt(th.ack, tp.snd_recover)) EnterRecovery(tp);
}

// The same for an ACK that told of data the peer had not SACKed before,
// whatever else it says: RFC 6675 section 5.
void SackedAck(Tcpcb& tp) {
  CountDuplicateAck(tp);
  if (tp.is(kTfRecovery)) return;
  if (tp.dupacks < kTcpDupThresh && !tcp_sack_is_lost(tp, tp.snd_una)) return;
  // After a timeout not before all that was sent then is acknowledged.
  if (!seq_geq(tp.snd_una, tp.snd_recover) || !tp.is(kTfSacked)) return;
  tp.flags |= kTfSackRecovery;
  tcp_sack_enter_recovery(tp);
  ++tp.ns().tcpstat.sack_recovery_episode;
  EnterRecovery(tp);
}

// An ACK in recovery, or after ECN has lowered the window: it does not grow.
// Whether the timer starts again.
bool AckInRecovery(Tcpcb& tp, const TcpSegment& th, uint32_t acked) {
  if (!tp.is(kTfRecovery)) {
    if (seq_geq(th.ack, tp.snd_ecn)) tp.flags &= ~kTfCwndReduced;
    tp.dupacks = 0;
    return true;
  }
  if (tcp_cc_recovery_ack(tp, th.ack, acked)) {
    tp.dupacks = 0;
    return true;
  }
  tp.flags |= kTfNeedOutput;
  if (tp.is(kTfSackRecovery)) return true;  // RFC 6298 section 5.3
  // Only the first partial ACK does: RFC 6582 section 3.2.
  const bool restart = !tp.is(kTfPartialAck);
  tp.flags |= kTfPartialAck | kTfFastRexmt;
  tp.flags &= ~kTfTiming;
  return restart;
}

// Our FIN, and with it everything, may have been acknowledged.  False if that
// ended the connection.
bool FinAcknowledged(Tcpcb& tp, TcpSegment& th) {
  switch (tp.state) {
    case TcpState::kFinWait1:
      tp.state = TcpState::kFinWait2;
      if (tp.so().cantrcvmore()) {
        // Closed, not only shut down: nobody will ask for what may come.
        th.wake |= kTcpWakeDisconnected;
        timeout_add(tp.msl2, tcp_maxidle(tp));
      }
      return true;
    case TcpState::kClosing:
      tcp_time_wait(tp);
      th.wake |= kTcpWakeDisconnected;
      return true;
    case TcpState::kLastAck:
      tcp_met(tp, th, Fate::kConsumed);
      tcp_close(tp);
      return false;
    default:
      return true;
  }
}

}  // namespace

Nanoseconds tcp_tstamp_rtt(const Tcpcb& tp, const TcpSegment& th) {
  return std::chrono::milliseconds(
      static_cast<int32_t>(tcp_now(tp) - th.ts_ecr));
}

void tcp_rtt_sample(Tcpcb& tp, Nanoseconds rtt) {
  if (rtt < Nanoseconds(0)) return;  // an echo of what was never sent
  ++tp.ns().tcpstat.rttupdated;
  if (!tp.is(kTfHaveRtt)) {
    tp.flags |= kTfHaveRtt;
    tp.srtt = rtt;
    tp.rttvar = rtt / 2;
  } else {
    const Nanoseconds delta = rtt > tp.srtt ? rtt - tp.srtt : tp.srtt - rtt;
    tp.rttvar += (delta - tp.rttvar) / 4;
    tp.srtt += (rtt - tp.srtt) / 8;
  }
  tp.rxtcur = tcp_rto(tp);
}

bool tcp_ack_advance(Tcpcb& tp, TcpSegment& th) {
  TcpStat& stat = tp.ns().tcpstat;
  const uint32_t acked = th.ack - tp.snd_una;
  const uint32_t flight = tp.snd_max - tp.snd_una;
  ++stat.rcvackpack;
  stat.rcvackbyte += acked;
  SampleRtt(tp, th);
  tp.rxtshift = 0;

  bool restart = true;
  if (!tp.is(kTfRecovery | kTfCwndReduced)) [[likely]] {
    tcp_cc_ack(tp, acked, flight);
    tp.dupacks = 0;
  } else {
    restart = AckInRecovery(tp, th, acked);
  }
  if (!tp.is(kTfRecovery)) {
    // Pulled along, so that it stays comparable.
    tp.snd_recover = seq_max(tp.snd_recover, th.ack - 1);
  }

  const bool fin_acked = tp.is(kTfSentFin) && th.ack == tp.snd_max;
  const uint32_t data = std::min(acked - (fin_acked ? 1 : 0), tp.so().snd.cc);
  if (data > 0) {
    DropAcknowledged(tp, data);
    th.wake |= kTcpWakeWrite;
  }
  tp.snd_wnd -= std::min(tp.snd_wnd, data);  // the right edge stays
  tp.snd_una = th.ack;
  tp.snd_nxt = seq_max(tp.snd_nxt, tp.snd_una);
  tp.snd_up = seq_max(tp.snd_up, tp.snd_una);
  if (tp.is(kTfSacked)) [[unlikely]]
    tcp_sack_acked(tp);
  tcp_update_sndspace(tp);

  if (th.ack == tp.snd_max) {
    timeout_del(tp.rexmt);
    tp.flags |= kTfNeedOutput;
  } else {
    if (restart && !tp.persist.pending()) tcp_rexmt_arm(tp);
    if (tp.so().snd.cc > 0) tp.flags |= kTfNeedOutput;
  }
  return fin_acked;
}

void tcp_update_window(Tcpcb& tp, const TcpSegment& th) {
  // Only by what is newer than the last update.
  if (!(seq_lt(tp.snd_wl1, th.seq) ||
        (tp.snd_wl1 == th.seq &&
         (seq_lt(tp.snd_wl2, th.ack) ||
          (tp.snd_wl2 == th.ack && th.wnd > tp.snd_wnd))))) {
    return;
  }
  if (th.len == 0 && tp.snd_wl2 == th.ack && th.wnd > tp.snd_wnd) {
    ++tp.ns().tcpstat.rcvwinupd;
  }
  if (th.wnd != tp.snd_wnd) tp.flags |= kTfNeedOutput;
  tp.snd_wnd = th.wnd;
  tp.snd_wl1 = th.seq;
  tp.snd_wl2 = th.ack;
  tp.max_sndwnd = std::max(tp.max_sndwnd, th.wnd);
}

bool tcp_check_ack(Tcpcb& tp, TcpSegment& th) {
  Netstack& ns = tp.ns();
  if (!th.has(kThAck)) {
    tcp_dropseg(ns, th, DropReason::kTcpNoAck);
    return false;
  }
  if (tp.state == TcpState::kSynReceived && !AckOfSyn(tp, th)) return false;
  // What was not sent yet, or acknowledged long ago: RFC 5961 section 5.2.
  if (seq_gt(th.ack, tp.snd_max) ||
      seq_lt(th.ack, tp.snd_una - tp.max_sndwnd)) {
    ++ns.tcpstat.rcvacktoomuch;
    tcp_challenge_ack(tp);
    tcp_dropseg(ns, th, DropReason::kTcpBadAck);
    return false;
  }
  if (tp.ecn != 0) tcp_ecn_input(tp, th);
  bool fin_acked = false;
  const bool advances = seq_gt(th.ack, tp.snd_una);
  if (advances) fin_acked = tcp_ack_advance(tp, th);
  if (th.sacks != 0 && tcp_sack_enabled(tp)) {
    if (tcp_sack_update(tp, th)) SackedAck(tp);
  } else if (!advances) {
    DuplicateAck(tp, th);
  }
  if (tp.ecn != 0) tcp_ecn_echo(tp, th);
  tcp_update_window(tp, th);
  return !fin_acked || FinAcknowledged(tp, th);
}

}  // namespace splnet
