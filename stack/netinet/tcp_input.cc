// TCP input: carries one segment from ip_input() to a connection, by the
// steps of RFC 9293 section 3.10.7, one function a step.

#include "stack/netinet/tcp_input.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "stack/kern/socketvar.h"
#include "stack/netinet/in_cksum.h"
#include "stack/netinet/in_pcb.h"
#include "stack/netinet/ip.h"
#include "stack/netinet/tcp_output.h"
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
    const size_t len = total - off;
    const CksumPartial sum = in_cksum_received(ns, *m, off, len) +
                             in_pseudo(ip->src, ip->dst, kIpProtoTcp, len);
    if (in_cksum_fold(sum) != 0) {
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
  th.ce = (ip->tos & kIpEcnMask) == kIpEcnCe;
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

// Whether a segment for a closed port is to get no answer: blackhole(4).
bool Blackholed(const Netstack& ns, const TcpSegment& th) {
  const int64_t level = ns.settings.tcp_blackhole;
  if (level == 0) return false;
  if (th.loop && level < 3) return false;
  return level > 1 || (th.flags & (kThSyn | kThAck)) == kThSyn;
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
  if (Blackholed(ns, th)) {
    ++ns.tcpstat.blackholed;
  } else {
    tcp_reject(ns, th);
  }
  tcp_dropseg(ns, th, DropReason::kTcpNoPort);
}

// Whether a SYN may take the place of `tp`, which is in TIME_WAIT, because
// somebody listens and it cannot be an old one: RFC 1122 section 4.2.2.13,
// RFC 6191.
bool MayReuse(const Tcpcb& tp, const TcpSegment& th) {
  if (tp.state != TcpState::kTimeWait) [[likely]]
    return false;
  if ((th.flags & (kThSyn | kThAck | kThRst)) != kThSyn) return false;
  const Inpcb* const listener = in_pcblookup_local(tp.ns().tcbtable, th.to);
  if (listener == nullptr || listener->tcpcb->state != TcpState::kListen) {
    return false;
  }
  if (th.has_ts && tp.is(kTfRcvdTstmp)) {
    if (seq_gt(th.ts_val, tp.ts_recent)) return true;
    if (tstmp_lt(th.ts_val, tp.ts_recent)) return false;
  }
  return seq_gt(th.seq, tp.rcv_nxt);
}

// Header prediction: the next data of an established connection, or an ACK of
// new data, and nothing else.  These take the steps that matter to them; true
// if `th` was one of them.
bool Predicted(Tcpcb& tp, TcpSegment& th) {
  constexpr uint8_t kUnusual =
      kThSyn | kThFin | kThRst | kThUrg | kThEce | kThCwr;
  if (tp.state != TcpState::kEstablished ||
      (th.flags & (kUnusual | kThAck)) != kThAck || th.seq != tp.rcv_nxt ||
      tp.snd_nxt != tp.snd_max || tp.dupacks != 0 || th.sacks != 0 || th.ce ||
      tp.is(kTfRecovery | kTfSentFin | kTfSacked) || th.wnd == 0 ||
      tp.persist.pending() || th.has_ts != tp.is(kTfRcvdTstmp) ||
      (th.has_ts && tstmp_lt(th.ts_val, tp.ts_recent))) {
    return false;
  }
  if (th.len == 0) {
    if (!seq_gt(th.ack, tp.snd_una) || seq_gt(th.ack, tp.snd_max)) return false;
    tcp_update_tsrecent(tp, th);
    (void)tcp_ack_advance(tp, th);
    tcp_update_window(tp, th);
    ++tp.ns().tcpstat.predack;
    return true;
  }
  if (th.ack != tp.snd_una || th.len > tp.rcv_wnd || !tp.reass.empty() ||
      tp.so().cantrcvmore()) {
    return false;
  }
  tcp_update_tsrecent(tp, th);
  tcp_update_window(tp, th);
  tcp_append(tp, th);
  tcp_setup_ack(tp, th);
  ++tp.ns().tcpstat.preddat;
  return true;
}

// Section 3.10.7.4, all states from SYN-RECEIVED on.
void SynchronizedInput(Tcpcb& tp, TcpSegment& th) {
  if (!tcp_check_reset(tp, th)) return;     // second, which has its own window
  if (!tcp_check_sequence(tp, th)) return;  // first
  if (!tcp_check_syn(tp, th)) return;       // fourth; there is no third
  if (!tcp_check_ack(tp, th)) return;       // fifth
  tcp_check_urgent(tp, th);                 // sixth
  if (tcp_text(tp, th)) tcp_fin(tp, th);    // seventh, eighth
}

// Last: the wakeups, and then what there is to send.
void EndInput(Tcpcb& tp, TcpSegment& th) {
  tcp_met(tp, th, Fate::kConsumed);
  if (tp.inp.detached) return;
  if (th.wake != 0) {
    Socket& so = tp.so();
    if ((th.wake & kTcpWakeConnected) != 0) soisconnected(so);
    if ((th.wake & kTcpWakeWrite) != 0) sowwakeup(so);
    if ((th.wake & kTcpWakeUrgent) != 0) sohasoutofband(so);
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

void tcp_input(Netstack& ns, MbufPtr m, size_t off) {
  ns.tracer.Enter(Fn::kTcpInput, *m);
  ++ns.tcpstat.rcvtotal;
  TcpSegment th;
  if (!ReadHeader(ns, std::move(m), off, th)) return;

  constexpr uint8_t kSynFin = kThSyn | kThFin;
  if ((th.flags & kSynFin) == kSynFin && ns.settings.tcp_drop_synfin != 0) {
    ++ns.tcpstat.rcvbadsyn;
    return tcp_dropseg(ns, th, DropReason::kTcpBadSyn);
  }
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
  Tcpcb* conn = inp->tcpcb.get();
  if (conn->state == TcpState::kListen) {
    if (BadAddress(ns, th)) {
      return tcp_dropseg(ns, th, DropReason::kTcpBadAddress);
    }
    conn = tcp_listen_input(*conn, th);
    if (conn == nullptr) return;
  }
  Tcpcb& tp = *conn;

  // Until EndInput() this connection's own output is only noted.
  tp.flags |= kTfBlockOutput;
  tp.rcv_time = ns.now();
  if (!th.has(kThSyn)) th.wnd <<= tp.snd_scale;
  const auto space =
      static_cast<uint32_t>(std::max<int64_t>(sbspace(tp.so().rcv), 0));
  tp.rcv_wnd = std::max(space, tcp_promised(tp));

  if (!Predicted(tp, th)) {
    if (tp.state != TcpState::kSynSent) {
      SynchronizedInput(tp, th);
    } else if (tcp_syn_sent_input(tp, th) && tcp_trim_above(tp, th)) {
      tcp_check_urgent(tp, th);
      if (tcp_text(tp, th)) tcp_fin(tp, th);
    }
  }
  EndInput(tp, th);
}

}  // namespace splnet
