// A segment for a listener or for a connection in SYN-SENT.  RFC 9293 sections
// 3.10.7.2 and 3.10.7.3.

#include <algorithm>

#include "stack/kern/socketvar.h"
#include "stack/netinet/in_pcb.h"
#include "stack/netinet/ip_var.h"
#include "stack/netinet/tcp_cc.h"
#include "stack/netinet/tcp_ecn.h"
#include "stack/netinet/tcp_input.h"
#include "stack/netinet/tcp_seq.h"
#include "stack/netinet/tcp_syncache.h"
#include "stack/netinet/tcp_timer.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

// Whether `th` acknowledges something that we did not send, or did not send
// yet, in SYN-SENT.
bool BadAckOfSyn(const Tcpcb& tp, const TcpSegment& th) {
  return th.has(kThAck) &&
         (seq_leq(th.ack, tp.iss) || seq_gt(th.ack, tp.snd_max));
}

// The receive sequence space begins behind the peer's SYN, and what its
// options offer is taken if we offered it too.
void TakeSyn(Tcpcb& tp, const TcpSegment& th) {
  tp.irs = th.seq;
  tp.rcv_nxt = tp.rcv_adv = tp.rcv_up = tp.last_ack_sent = th.seq + 1;
  tp.peer_mss = th.mss;
  if (th.has_wscale && tp.is(kTfReqScale)) {
    tp.flags |= kTfRcvdScale;
    tp.snd_scale = th.wscale;
    tp.rcv_scale = tp.request_scale;
  }
  if (th.has_ts && tp.is(kTfReqTstmp)) {
    tp.flags |= kTfRcvdTstmp;
    tp.ts_recent = th.ts_val;
    tp.ts_recent_time = tp.ns().now();
  }
  if (th.sack_permitted && tp.is(kTfSackPermit)) tp.flags |= kTfRcvdSack;
  tcp_ecn_take_syn(tp, th);
  tcp_mss_update(tp);
}

}  // namespace

Tcpcb* tcp_listen_input(Tcpcb& tp, TcpSegment& th) {
  Netstack& ns = tp.ns();
  // What a SYN has opened is no longer in LISTEN.
  if (SynCacheEntry* const entry = syn_cache_lookup(ns, th.from, th.to)) {
    return syn_cache_input(tp, *entry, th);
  }
  // First: a RST.
  if (th.has(kThRst)) {
    tcp_dropseg(ns, th, DropReason::kTcpListenBad);
    return nullptr;
  }
  // Second: an ACK, for there is nothing to acknowledge but a cookie.
  if (th.has(kThAck)) {
    Tcpcb* const made = th.has(kThSyn) ? nullptr : syn_cookie_get(tp, th);
    if (made != nullptr || !th.m) return made;
    tcp_reject(ns, th);
    tcp_dropseg(ns, th, DropReason::kTcpListenBad);
    return nullptr;
  }
  // Fourth: whatever has no SYN, or comes from ourselves to ourselves.
  if (!th.has(kThSyn) || th.from == th.to) {
    tcp_dropseg(ns, th, DropReason::kTcpListenBad);
    return nullptr;
  }
  // Third: the SYN.  Data and FIN that come with it are sent again.
  syn_cache_add(tp, th);
  return nullptr;
}

bool tcp_syn_sent_input(Tcpcb& tp, TcpSegment& th) {
  Netstack& ns = tp.ns();
  // First: the ACK.
  if (BadAckOfSyn(tp, th)) {
    tcp_reject(ns, th);
    tcp_dropseg(ns, th, DropReason::kTcpBadAck);
    return false;
  }
  // Second: a RST counts if it acknowledges our SYN (RFC 5961 section 3.2).
  if (th.has(kThRst)) {
    if (!th.has(kThAck)) {
      tcp_dropseg(ns, th, DropReason::kTcpBadReset);
      return false;
    }
    tcp_met(tp, th, Fate::kConsumed);
    tcp_drop(tp, kECONNREFUSED);
    return false;
  }
  // Fourth: the SYN.  Fifth: nothing without one.
  if (!th.has(kThSyn)) {
    tcp_dropseg(ns, th, DropReason::kTcpNoSyn);
    return false;
  }
  TakeSyn(tp, th);
  th.seq += 1;
  th.flags &= static_cast<uint8_t>(~kThSyn);
  tp.rcv_wnd =
      static_cast<uint32_t>(std::max<int64_t>(sbspace(tp.so().rcv), 0));
  tp.snd_wnd = tp.max_sndwnd = th.wnd;
  tp.snd_wl1 = th.seq;
  if (!th.has(kThAck)) {
    // Both have opened at once: our SYN goes out again, now with an ACK.
    tp.state = TcpState::kSynReceived;
    tp.snd_nxt = tp.snd_una;
    tp.flags |= kTfAckNow;
    if (th.len == 0 && !th.has(kThFin)) tcp_met(tp, th, Fate::kConsumed);
    if (th.m) tcp_met(tp, th, Fate::kOutOfWindow);
    return false;
  }
  tp.snd_wl2 = th.ack;
  tp.flags |= kTfAckNow;
  tcp_established(tp, th);
  return true;
}

void tcp_established(Tcpcb& tp, TcpSegment& th) {
  Netstack& ns = tp.ns();
  ++ns.tcpstat.connects;
  const bool syn_lost = tp.rxtshift > 0;
  tp.state = TcpState::kEstablished;
  th.wake |= kTcpWakeConnected;

  // Our SYN is acknowledged: that is a round trip.
  if (tp.is(kTfTiming)) {
    tp.flags &= ~kTfTiming;
    tcp_rtt_sample(tp, ns.now() - tp.rtt_time);
  } else if (tp.is(kTfRcvdTstmp) && th.has_ts) {
    tcp_rtt_sample(tp, tcp_tstamp_rtt(tp, th));
  }
  tp.snd_una = tp.iss + 1;
  tp.snd_nxt = seq_max(tp.snd_nxt, tp.snd_una);
  tp.rxtshift = 0;
  tp.rxtcur = tcp_rto(tp);
  timeout_del(tp.rexmt);

  tcp_mss_update(tp);
  tcp_round_rcvspace(tp);
  tcp_cc_init(tp, syn_lost);
  tcp_keepalive(tp);
  tp.flags |= kTfNeedOutput;
  if (tp.is(kTfNeedClose)) {
    tp.flags &= ~kTfNeedClose;
    tcp_usrclosed(tp);
  }
}

}  // namespace splnet
