// TCP input: carries one segment from ip_deliver() to a connection, by the
// steps of RFC 9293 section 3.10.7, one function a step.

#include "stack/netinet/tcp_input.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "stack/kern/socketvar.h"
#include "stack/netinet/in_cksum.h"
#include "stack/netinet/in_pcb.h"
#include "stack/netinet/ip.h"
#include "stack/netinet/tcp_seq.h"
#include "stack/netinet/tcp_timer.h"
#include "stack/netinet/tcp_var.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

// `nop nop timestamp`, as nearly every segment has it.
bool OnlyTstamp(TcpSegment& th, const uint8_t* opt, size_t optlen) {
  constexpr uint8_t kLead[4] = {kTcpOptNop, kTcpOptNop, kTcpOptTimestamp, 10};
  if (optlen != kTcpOlenTstampAppa) return false;
  if (std::memcmp(opt, kLead, sizeof kLead) != 0) return false;
  Be32 values[2];
  std::memcpy(static_cast<void*>(values), opt + 4, sizeof values);
  th.has_ts = true;
  th.ts_val = values[0];
  th.ts_ecr = values[1];
  return true;
}

// Reads and checks the header.  False if the packet was dropped.
bool ReadHeader(Netstack& ns, MbufPtr m, size_t off, TcpSegment& th) {
  TcpStat& stat = ns.tcpstat;
  const auto ip = m_read<IpHeader>(*m, 0);  // ip_input() has validated it
  const auto h = m_read<TcpHeader>(*m, off);
  if (!ip || !h) {
    ++stat.rcvshort;
    ns.Drop(std::move(m), DropReason::kTcpShort);
    return false;
  }
  const size_t hlen = h->hlen();
  const size_t total = m->pkthdr.len;
  if (hlen < sizeof(TcpHeader) || off + hlen > total) {
    ++stat.rcvbadoff;
    ns.Drop(std::move(m), DropReason::kTcpBadOffset);
    return false;
  }
  if ((m->pkthdr.csum_flags & kMTcpCsumInOk) == 0) {
    ns.cpu.ChargeSum(total - off);
    if (in4_cksum(*m, kIpProtoTcp, off, total - off) != 0) {
      ++stat.rcvbadsum;
      ns.Drop(std::move(m), DropReason::kTcpBadChecksum);
      return false;
    }
  }
  th.from = Sockaddr(ip->src, h->sport);
  th.to = Sockaddr(ip->dst, h->dport);
  th.seq = h->seq;
  th.ack = h->ack;
  th.wnd = h->win;
  th.urp = h->urp;
  th.flags = h->flags;
  th.hdrlen = static_cast<uint32_t>(off + hlen);
  th.len = static_cast<uint32_t>(total - off - hlen);
  th.id = m->pkthdr.id;
  th.loop = m->has(kMLoop);
  if (const size_t optlen = hlen - sizeof(TcpHeader); optlen > 0) {
    uint8_t copy[kTcpMaxOptLen];
    const uint8_t* opt = copy;
    if (off + hlen <= m->len) [[likely]] {
      opt = reinterpret_cast<const uint8_t*>(m->data) + off + sizeof(TcpHeader);
    } else {
      CHECK(m_peek(*m, off + sizeof(TcpHeader), optlen, copy));
    }
    if (!OnlyTstamp(th, opt, optlen)) tcp_dooptions(th, opt, optlen);
  }
  th.m = std::move(m);
  return true;
}

// Connections are between two hosts: RFC 1122 section 4.2.3.10.
bool BadAddress(Netstack& ns, const TcpSegment& th) {
  if (th.m->has(kMBcast) || th.m->has(kMMcast)) return true;
  if (in_multicast(th.from.addr) || in_multicast(th.to.addr)) return true;
  if (th.from.addr.is_any() || th.from.addr == kInaddrBroadcast) return true;
  const Ifnet* const ifp = if_get(ns, th.m->pkthdr.ifidx);
  return ifp != nullptr &&
         (in_broadcast(*ifp, th.from.addr) || in_broadcast(*ifp, th.to.addr));
}

// Section 3.10.7.1: there is no connection.
void ClosedInput(Netstack& ns, TcpSegment& th) {
  ++ns.tcpstat.rcvnoport;
  if (BadAddress(ns, th)) {
    return tcp_dropseg(ns, th, DropReason::kTcpBadAddress);
  }
  if (ns.owns_everything) {
    // Whoever watches all traffic has now seen that this segment is sound.
    return ns.tracer.Met(Fate::kConsumed, th.id, nullptr, th.len);
  }
  tcp_reject(ns, th);
  tcp_dropseg(ns, th, DropReason::kTcpNoPort);
}

// Whether a SYN may take the place of `tp`, which is in TIME_WAIT: RFC 1122
// section 4.2.2.13, RFC 6191.
bool MayReuse(const Tcpcb& tp, const TcpSegment& th) {
  if (tp.state != TcpState::kTimeWait) return false;
  if ((th.flags & (kThSyn | kThAck | kThRst)) != kThSyn) return false;
  if (th.has_ts && tp.is(kTfRcvdTstmp)) {
    if (seq_gt(th.ts_val, tp.ts_recent)) return true;
    if (tstmp_lt(th.ts_val, tp.ts_recent)) return false;
  }
  return seq_gt(th.seq, tp.rcv_nxt);
}

// Appends the segment's data, which is the next of the stream.
void Append(Tcpcb& tp, TcpSegment& th) {
  Netstack& ns = tp.ns();
  ++ns.tcpstat.rcvpack;
  ns.tcpstat.rcvbyte += th.len;
  m_trim_front(*th.m, th.hdrlen);
  ns.tracer.Enter(Fn::kSbappendstream, *th.m);
  sbappendstream(tp.so().rcv, std::move(th.m));
  ns.tracer.Met(Fate::kDelivered, th.id, &tp.so(), th.len);
  tp.rcv_nxt += th.len;
  th.wake |= kTcpWakeRead;
}

// RFC 7323 section 4.3: what to echo.
void UpdateTsRecent(Tcpcb& tp, const TcpSegment& th) {
  if (!th.has_ts || !tp.is(kTfRcvdTstmp)) return;
  if (tstmp_lt(th.ts_val, tp.ts_recent)) return;
  if (seq_gt(th.seq, tp.last_ack_sent)) return;
  tp.ts_recent = th.ts_val;
  tp.ts_recent_time = tp.ns().now();
}

// Header prediction: the next data of an established connection, or an ACK of
// new data, and nothing else.  These take the steps that matter to them; true
// if `th` was one of them.
bool Predicted(Tcpcb& tp, TcpSegment& th) {
  constexpr uint8_t kUnusual = kThSyn | kThFin | kThRst | kThUrg;
  if (tp.state != TcpState::kEstablished ||
      (th.flags & (kUnusual | kThAck)) != kThAck || th.seq != tp.rcv_nxt ||
      tp.snd_nxt != tp.snd_max || tp.dupacks != 0 ||
      tp.is(kTfRecovery | kTfSentFin) || th.wnd == 0 || tp.persist.pending() ||
      th.has_ts != tp.is(kTfRcvdTstmp) ||
      (th.has_ts && tstmp_lt(th.ts_val, tp.ts_recent))) {
    return false;
  }
  if (th.len == 0) {
    if (!seq_gt(th.ack, tp.snd_una) || seq_gt(th.ack, tp.snd_max)) return false;
    UpdateTsRecent(tp, th);
    (void)tcp_ack_advance(tp, th);
    tcp_update_window(tp, th);
    ++tp.ns().tcpstat.predack;
    return true;
  }
  if (th.ack != tp.snd_una || th.len > tp.rcv_wnd || !tp.reass.empty() ||
      tp.so().cantrcvmore()) {
    return false;
  }
  UpdateTsRecent(tp, th);
  tcp_update_window(tp, th);
  Append(tp, th);
  tcp_setup_ack(tp, th);
  ++tp.ns().tcpstat.preddat;
  return true;
}

// ------------------------------------------------ section 3.10.7.4, its steps

// Answers what is not acceptable.  Data is acknowledged at once; of segments
// without any, only some, or two hosts could answer one another for ever.
void AckUnacceptable(Tcpcb& tp, const TcpSegment& th) {
  if (th.seg_len() > 0) {
    tp.flags |= kTfAckNow;
  } else {
    tcp_challenge_ack(tp);
  }
}

// PAWS, RFC 7323 section 5.3: false for a segment from the past.
bool CheckPaws(Tcpcb& tp, TcpSegment& th) {
  if (!th.has_ts || !tp.is(kTfRcvdTstmp) || th.has(kThRst)) return true;
  if (!tstmp_lt(th.ts_val, tp.ts_recent)) return true;
  Netstack& ns = tp.ns();
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
  AckUnacceptable(tp, th);
  // The peer has not got the ACK of its FIN.
  if (tp.state == TcpState::kTimeWait && th.has(kThFin)) tcp_time_wait(tp);
  const bool syn = th.has(kThSyn);
  if (th.seg_len() > 0) tcp_met(tp, th, Fate::kDuplicate);
  th.seq = tp.rcv_nxt;
  th.len = 0;
  th.flags &= static_cast<uint8_t>(~(kThSyn | kThFin | kThUrg));
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

// Cuts off what is beyond the window.  False if that ends the segment.  What
// is empty may stand at the edge itself, and a FIN needs no window, as in BSD.
bool TrimAbove(Tcpcb& tp, TcpSegment& th) {
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
bool CheckSequence(Tcpcb& tp, TcpSegment& th) {
  if (!CheckPaws(tp, th)) return false;
  if (seq_lt(th.seq, tp.rcv_nxt) && !TrimBelow(tp, th)) return false;
  if (!TrimAbove(tp, th)) return false;
  if (!th.old) UpdateTsRecent(tp, th);
  return true;
}

// What a valid reset does, by state.
void ResetConnection(Tcpcb& tp) {
  switch (tp.state) {
    case TcpState::kSynReceived:
      // Opened by a listener: it simply goes on listening.
      tp.so().error = tp.is(kTfPassive) ? kECONNRESET : kECONNREFUSED;
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

// Second: a RST must be exactly the next in sequence; elsewhere in the window
// it is answered with a challenge (RFC 5961 section 3.2).
bool CheckReset(Tcpcb& tp, TcpSegment& th) {
  if (!th.has(kThRst)) return true;
  Netstack& ns = tp.ns();
  if (th.seq == tp.rcv_nxt || th.seq == tp.last_ack_sent) {
    tcp_met(tp, th, Fate::kConsumed);
    ResetConnection(tp);
    return false;
  }
  const uint32_t edge = tp.rcv_nxt + tp.rcv_wnd;
  if (seq_gt(th.seq, tp.rcv_nxt) && seq_lt(th.seq, edge)) {
    tcp_challenge_ack(tp);
  }
  tcp_dropseg(ns, th, DropReason::kTcpBadReset);
  return false;
}

// Fourth: a SYN in the window (RFC 5961 section 4.2).
bool CheckSyn(Tcpcb& tp, TcpSegment& th) {
  if (!th.has(kThSyn)) return true;
  Netstack& ns = tp.ns();
  ++ns.tcpstat.badsyn;
  tcp_dropseg(ns, th, DropReason::kTcpBadSyn);
  if (tp.state == TcpState::kSynReceived && tp.is(kTfPassive)) {
    tcp_close(tp);  // back to LISTEN
  } else {
    tcp_challenge_ack(tp);
  }
  return false;
}

// Sixth: the urgent pointer, which only moves on.
void CheckUrgent(Tcpcb& tp, const TcpSegment& th) {
  if (tcps_havercvdfin(tp.state)) return;
  if (th.has(kThUrg) && seq_gt(th.seq + th.urp, tp.rcv_up)) {
    tp.rcv_up = th.seq + th.urp;
  } else if (seq_gt(tp.rcv_nxt, tp.rcv_up)) {
    tp.rcv_up = tp.rcv_nxt;  // pulled along, so that it stays comparable
  }
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

// Seventh: the text.  True if the FIN is now in sequence.
bool Text(Tcpcb& tp, TcpSegment& th) {
  if (th.len == 0 && !th.has(kThFin)) return false;
  Netstack& ns = tp.ns();
  Socket& so = tp.so();
  if (tcps_havercvdfin(tp.state)) {
    // The peer sent its FIN: there cannot be more.
    ++ns.tcpstat.rcvafterclose;
    tp.flags |= kTfAckNow;
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
      Append(tp, th);
    }
    tcp_setup_ack(tp, th);
  }
  return th.has(kThFin);
}

// Eighth: the FIN.
void Fin(Tcpcb& tp, TcpSegment& th) {
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

// Section 3.10.7.4, all states from SYN-RECEIVED on.
void SynchronizedInput(Tcpcb& tp, TcpSegment& th) {
  if (!CheckReset(tp, th)) return;     // second, which has its own window
  if (!CheckSequence(tp, th)) return;  // first
  if (!CheckSyn(tp, th)) return;       // fourth; there is no third
  if (!tcp_check_ack(tp, th)) return;  // fifth
  CheckUrgent(tp, th);                 // sixth
  if (Text(tp, th)) Fin(tp, th);       // seventh, eighth
}

// Last: the wakeups, and then what there is to send.
void EndInput(Tcpcb& tp, TcpSegment& th) {
  tcp_met(tp, th, Fate::kConsumed);
  if (tp.inp.detached) return;
  if (th.wake != 0) {
    Socket& so = tp.so();
    if ((th.wake & kTcpWakeConnected) != 0) soisconnected(so);
    if ((th.wake & kTcpWakeWrite) != 0) sowwakeup(so);
    if ((th.wake & kTcpWakeEof) != 0) {
      socantrcvmore(so);
    } else if ((th.wake & kTcpWakeRead) != 0) {
      sorwakeup(so);
    }
    if ((th.wake & kTcpWakeDisconnected) != 0) soisdisconnected(so);
    if (tp.inp.detached) return;
  }
  tp.flags &= ~kTfBlockOutput;
  if (tp.is(kTfNeedOutput | kTfAckNow)) (void)tcp_output(tp);
}

}  // namespace

void tcp_met(Tcpcb& tp, TcpSegment& th, Fate fate) {
  if (!th.m) return;
  tp.ns().tracer.Met(fate, th.id, &tp.so(), th.len);
  th.m = nullptr;
}

void tcp_dropseg(Netstack& ns, TcpSegment& th, DropReason reason) {
  if (th.m) ns.Drop(std::move(th.m), reason);
}

void tcp_setup_ack(Tcpcb& tp, const TcpSegment& th) {
  const int64_t delay = tp.ns().settings.tcp_delacktime;
  if (tp.is(kTfDelAck) || th.loop || delay == 0) {
    tp.flags |= kTfAckNow;
    return;
  }
  tp.flags |= kTfDelAck;
  timeout_add(tp.delack, std::chrono::milliseconds(delay));
}

void tcp_input(Netstack& ns, MbufPtr m, size_t off) {
  ns.tracer.Enter(Fn::kTcpInput, *m);
  ++ns.tcpstat.rcvtotal;
  TcpSegment th;
  if (!ReadHeader(ns, std::move(m), off, th)) return;

  Inpcb* inp = in_pcblookup(ns.tcbtable, th.from, th.to);
  if (inp != nullptr && MayReuse(*inp->tcpcb, th)) {
    ++ns.tcpstat.timewaitreuse;
    th.replaces = true;
    th.iss_floor = inp->tcpcb->snd_max + 1;
    tcp_close(*inp->tcpcb);
    inp = in_pcblookup(ns.tcbtable, th.from, th.to);
  }
  if (inp == nullptr || inp->tcpcb->state == TcpState::kClosed) {
    return ClosedInput(ns, th);
  }
  Tcpcb& tp = *inp->tcpcb;
  if (tp.state == TcpState::kListen) {
    if (BadAddress(ns, th)) {
      return tcp_dropseg(ns, th, DropReason::kTcpBadAddress);
    }
    return tcp_listen_input(tp, th);
  }

  // Until EndInput() this connection's own output is only noted.
  tp.flags |= kTfBlockOutput;
  tp.rcv_time = ns.now();
  if (!th.has(kThSyn)) th.wnd <<= tp.snd_scale;
  const auto space =
      static_cast<int32_t>(std::max<int64_t>(sbspace(tp.so().rcv), 0));
  const auto promised = static_cast<int32_t>(tp.rcv_adv - tp.rcv_nxt);
  tp.rcv_wnd = static_cast<uint32_t>(std::max(space, promised));

  if (!Predicted(tp, th)) {
    if (tp.state != TcpState::kSynSent) {
      SynchronizedInput(tp, th);
    } else if (tcp_syn_sent_input(tp, th) && TrimAbove(tp, th)) {
      CheckUrgent(tp, th);
      if (Text(tp, th)) Fin(tp, th);
    }
  }
  EndInput(tp, th);
}

}  // namespace splnet
