// TCP output: builds one segment, and accounts for what it carries.

#include <algorithm>
#include <cstring>

#include "stack/netinet/in_pcb.h"
#include "stack/netinet/ip.h"
#include "stack/netinet/ip_var.h"
#include "stack/netinet/tcp_ecn.h"
#include "stack/netinet/tcp_options.h"
#include "stack/netinet/tcp_output.h"
#include "stack/netinet/tcp_sack.h"
#include "stack/netinet/tcp_seq.h"
#include "stack/netinet/tcp_timer.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

// The options of our SYN: what we want and, answering, the peer offered.
size_t SynOptions(Tcpcb& tp, uint8_t flags, uint8_t* opt) {
  const TcpPin* const pin =
      tp.pin != nullptr && tp.pin->options ? tp.pin.get() : nullptr;
  const bool answer = (flags & kThAck) != 0;
  TcpSynOptions syn;
  if (pin == nullptr) {
    syn.mss = tcp_mss_adv(tp);
  } else {
    syn.mss = pin->mss;
  }
  syn.sack_permitted = tp.is(answer ? kTfRcvdSack : kTfSackPermit);
  if (tp.is(answer ? kTfRcvdScale : kTfReqScale)) syn.wscale = tp.request_scale;
  if (tp.is(answer ? kTfRcvdTstmp : kTfReqTstmp)) {
    syn.ts = TcpTimestamps{tcp_now(tp), answer ? tp.ts_recent : 0};
  }
  return tcp_put_syn_options(tp.ns(), syn, opt);
}

// The mbuf of so_snd that holds the first byte of `d`, and where in it.  A
// cursor spares the walk from the front of the queue.
const Mbuf* SendPosition(Tcpcb& tp, const TcpDecision& d, size_t* inside) {
  const uint32_t off = d.off;
  const Mbuf* m = tp.snd_mbuf;
  uint32_t start = tp.snd_mbuf_off;
  if (m == nullptr || off < start) {
    m = tp.so().snd.mb;
    start = 0;
  }
  while (off - start >= m->len) {
    start += m->len;
    m = m->next;
  }
  if (d.resend == TcpResend::kNone) {
    tp.snd_mbuf = m;
    tp.snd_mbuf_off = start;
  }
  *inside = off - start;
  return m;
}

// Puts the data of `d` behind the headers of `m`: copied if it fits there,
// else by reference.  False if memory is short.
bool AttachData(Tcpcb& tp, const TcpDecision& d, Mbuf& m) {
  size_t inside = 0;
  const Mbuf* const from = SendPosition(tp, d, &inside);
  if (d.len <= m_trailingspace(m)) {
    m_copydata(*from, inside, d.len, m.data + m.len, CopyKind::kTcpSegment);
    tp.ns().cpu.ChargeCopy(d.len);
    m.len += d.len;
    return true;
  }
  MbufPtr data = m_copym(*from, inside, d.len, MWait::kDontWait);
  if (!data) return false;
  // A record's first mbuf may bring its packet header along.
  data->flags &= static_cast<uint16_t>(~kMPkthdr);
  m.next = data.release();
  return true;
}

void CountSegment(Tcpcb& tp, const TcpDecision& d, bool again) {
  TcpStat& stat = tp.ns().tcpstat;
  ++stat.sndtotal;
  if (d.len > 0) {
    if (d.why == TcpWhy::kForce) {
      ++stat.sndprobe;
    } else if (again) {
      ++stat.sndrexmitpack;
      ++tp.snd_rexmitpack;
      stat.sndrexmitbyte += d.len;
      if (tp.is(kTfSackRecovery)) {
        ++stat.sack_rexmits;
        stat.sack_rexmit_bytes += d.len;
      }
    } else {
      ++stat.sndpack;
      stat.sndbyte += d.len;
    }
  } else if ((d.flags & (kThSyn | kThFin | kThRst)) != 0) {
    ++stat.sndctrl;
  } else if (d.why == TcpWhy::kWindow) {
    ++stat.sndwinup;
  } else if (d.why == TcpWhy::kUrgent) {
    ++stat.sndurg;
  } else {
    ++stat.sndacks;
  }
}

// Whether packets must not be cut on the way: RFC 1191.
bool DiscoversMtu(const Tcpcb& tp) {
  return tp.ns().settings.tcp_mtudisc != 0 && !tp.hole_fragment;
}

// Writes both headers and the options in front of the data.
void WriteHeaders(Tcpcb& tp, Mbuf& m, const TcpDecision& d, const uint8_t* opt,
                  size_t optlen, uint32_t win, uint8_t ecn) {
  const Inpcb& inp = tp.inp;
  IpHeader ip{};
  ip.vhl = 0x45;
  ip.tos = tp.ecn == 0 ? inp.tos
                       : static_cast<uint8_t>((inp.tos & ~kIpEcnMask) | ecn);
  ip.len = static_cast<uint16_t>(kTcpHdrLen + optlen + d.len);
  if (DiscoversMtu(tp)) ip.off = kIpDf;
  ip.ttl = inp.ttl;
  ip.p = kIpProtoTcp;
  ip.src = inp.laddr.addr.wire4();
  ip.dst = inp.faddr.addr.wire4();
  m_write(m, 0, ip);

  TcpHeader th{};
  th.sport = inp.laddr.port;
  th.dport = inp.faddr.port;
  th.seq = d.seq;
  th.ack = (d.flags & kThAck) != 0 ? tp.rcv_nxt : 0;
  th.off_x2 = static_cast<uint8_t>((sizeof(TcpHeader) + optlen) / 4 << 4);
  th.flags = d.flags;
  const bool syn = (d.flags & kThSyn) != 0;
  th.win = static_cast<uint16_t>(syn ? win : win >> tp.rcv_scale);
  if (seq_gt(tp.snd_up, d.seq)) {
    th.urp =
        static_cast<uint16_t>(std::min<uint32_t>(tp.snd_up - d.seq, 65535));
    th.flags |= kThUrg;
  }
  m_write(m, sizeof ip, th);
  if (optlen > 0) std::memcpy(m.data + kTcpHdrLen, opt, optlen);
}

// What recovery has sent again up to now, which ends at `end`: RFC 6675
// section 5.
void AccountResent(Tcpcb& tp, const TcpDecision& d, uint32_t end) {
  if (!tp.is(kTfSackRecovery) || !seq_lt(d.seq, tp.snd_max)) return;
  TcpSack& s = *tp.sack;
  if (d.resend == TcpResend::kFast) s.rescue_rxt = end;
  if (d.resend == TcpResend::kRescue) {
    s.rescue_rxt = tp.snd_recover;
  } else {
    s.high_rxt = seq_max(s.high_rxt, end);
  }
}

// Moves the send sequence on for what is about to leave, and sees to timers.
void AccountSent(Tcpcb& tp, const TcpDecision& d) {
  const uint32_t syn = (d.flags & kThSyn) != 0 ? 1 : 0;
  const uint32_t fin = (d.flags & kThFin) != 0 ? 1 : 0;
  const uint32_t end = d.seq + d.len + syn + fin;
  if (fin != 0) tp.flags |= kTfSentFin;
  if (d.why == TcpWhy::kForce) {
    // A probe is not sent data: the persist timer stays in charge.
    if (seq_gt(end, tp.snd_max)) tp.snd_max = end;
    return;
  }
  if (end == d.seq) return;
  AccountResent(tp, d, end);
  if (d.resend != TcpResend::kNone) {
    tp.snd_nxt = seq_max(tp.snd_nxt, end);
  } else {
    tp.snd_nxt = end;
  }
  if (seq_gt(end, tp.snd_max)) {
    // New: time it, unless something is being timed already, or the ACK may
    // have to wait for what is sent again (Karn).
    if (!tp.is(kTfTiming | kTfRecovery) && seq_geq(d.seq, tp.snd_max)) {
      tp.flags |= kTfTiming;
      tp.rtt_time = tp.ns().now();
      tp.rtt_seq = d.seq;
      ++tp.ns().tcpstat.segstimed;
    }
    tp.snd_max = end;
  }
  if (!tp.rexmt.pending()) {
    if (timeout_del(tp.persist)) tp.rxtshift = 0;
    tcp_rexmt_arm(tp);
  }
}

// The acknowledgement that a segment carries makes others unnecessary.
void AccountAcked(Tcpcb& tp, uint32_t win) {
  const uint32_t edge = tp.rcv_nxt + win;
  if (win == 0) ++tp.snd_zerowin;
  if (win > 0 && seq_gt(edge, tp.rcv_adv)) tp.rcv_adv = edge;
  tp.last_ack_sent = tp.rcv_nxt;
  tp.flags &= ~kTfAckNow;
  if (tp.is(kTfDelAck)) {
    tp.flags &= ~kTfDelAck;
    timeout_del(tp.delack);
  }
}

}  // namespace

uint32_t tcp_window(const Tcpcb& tp, uint32_t space, uint32_t most) {
  const bool silly = space < tp.so().rcv.hiwat / 4 && space < tp.maxseg;
  return std::max(silly ? 0 : std::min(space, most), tcp_promised(tp));
}

Errno tcp_send_segment(Tcpcb& tp, TcpDecision& d) {
  Inpcb& inp = tp.inp;
  Socket& so = tp.so();
  Netstack& ns = tp.ns();

  uint8_t opt[kTcpMaxOptLen];
  size_t optlen = 0;
  if ((d.flags & kThSyn) != 0) {
    optlen = SynOptions(tp, d.flags, opt);
    d.flags |= tcp_ecn_syn_flags(tp, d.flags);
  } else {
    if (tp.is(kTfRcvdTstmp)) {
      optlen = tcp_put_tstamp(opt, tcp_now(tp), tp.ts_recent);
    }
    if (tp.is(kTfSackReport)) [[unlikely]] {
      optlen += tcp_put_sack(tp, optlen, opt + optlen);
    }
  }

  MbufPtr m = m_gethdr(ns.mbufs, MWait::kDontWait);
  if (!m) return kENOBUFS;
  m->data += kTcpLinkHdr;
  m->len = static_cast<uint32_t>(kTcpHdrLen + optlen);
  m->pkthdr.len = m->len + d.len;
  m->pkthdr.id = ns.NewPacketId();
  m->pkthdr.csum_flags = kMTcpCsumOut;
  if (d.len > 0) {
    if (!AttachData(tp, d, *m)) return kENOBUFS;
    const bool doing_sosend = (so.snd.state & kSsIsSending) != 0;
    if (d.off + d.len == so.snd.cc && !doing_sosend) d.flags |= kThPush;
  } else if ((d.flags & (kThSyn | kThFin)) == 0) {
    d.seq = tp.snd_max;  // a bare ACK is at the end of what was sent
  }
  const uint32_t win = tcp_window(
      tp, d.rwnd,
      (d.flags & kThSyn) != 0 ? kTcpMaxWin : kTcpMaxWin << tp.rcv_scale);
  const bool again = seq_lt(d.seq, tp.snd_max);
  uint8_t ecn = 0;
  if (tp.ecn != 0 && (d.flags & kThSyn) == 0) [[unlikely]] {
    const bool fresh = d.len > 0 && !again && d.why != TcpWhy::kForce;
    ecn = tcp_ecn_output(tp, d, fresh);
  }
  WriteHeaders(tp, *m, d, opt, optlen, win, ecn);

  ns.tracer.Enter(Fn::kTcpOutput, m.get(), &so, m->pkthdr.len);
  const uint64_t begin = tp.snd_una_stream + (d.len > 0 ? d.off : 0);
  ns.tracer.Segment(*m, &so, begin, begin + d.len, again);
  CountSegment(tp, d, again);
  AccountSent(tp, d);
  AccountAcked(tp, win);
  return ip_output(ns, std::move(m), inp.options.get(), &inp.route,
                   (DiscoversMtu(tp) ? kIpMtuDisc : 0) |
                       (so.has(kSO_DONTROUTE) ? kIpRouteToIf : 0));
}

}  // namespace splnet
