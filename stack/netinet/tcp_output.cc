// TCP output: one decision, what to send now, and one builder of segments.
//
// RFC 9293 section 3.8.6 (windows, silly windows), RFC 1122 section 4.2.3.4
// (Nagle), RFC 5681 (congestion window).

#include <algorithm>
#include <cstring>

#include "stack/netinet/in_pcb.h"
#include "stack/netinet/ip.h"
#include "stack/netinet/ip_var.h"
#include "stack/netinet/tcp_cc.h"
#include "stack/netinet/tcp_seq.h"
#include "stack/netinet/tcp_timer.h"
#include "stack/netinet/tcp_var.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

// Why a segment is sent.
enum class Why : uint8_t {
  kNothing,  // there is nothing to send
  kControl,  // SYN or FIN
  kData,
  kForce,   // a probe of a closed window
  kAck,     // acknowledgement due
  kWindow,  // the window has opened enough to say so
  kUrgent,
};

// One segment to be sent.
struct Decision {
  Why why = Why::kNothing;
  uint8_t flags = 0;
  bool more = false;  // another segment can follow at once
  uint32_t seq = 0;
  uint32_t off = 0;   // of the data in so_snd
  uint32_t len = 0;   // of the data
  uint32_t rwnd = 0;  // receive space to advertise, bytes
};

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
// whatever its size.
uint32_t MaxSegment(const Tcpcb& tp) {
  return std::max(uint32_t{1}, std::min(tp.so().snd.hiwat / 2, tp.maxseg));
}

// Whether the window has grown enough to be worth a segment: by two segments,
// or half the buffer.
bool WindowGrew(const Tcpcb& tp, uint32_t rwnd) {
  const uint32_t win = std::min(rwnd, kTcpMaxWin << tp.rcv_scale);
  const uint32_t advertised = tp.rcv_adv - tp.rcv_nxt;
  if (win <= advertised) return false;
  const uint32_t grown = win - advertised;
  return grown >= 2 * tp.maxseg || 2 * grown >= tp.so().rcv.hiwat;
}

// Before the connection is established only the SYN is sent, and ACKs.
Decision DecideOpening(Tcpcb& tp) {
  Decision d;
  d.rwnd = ReceiveSpace(tp.so());
  d.flags = OutFlags(tp.state);
  d.seq = tp.snd_nxt;
  if (tp.snd_nxt == tp.iss) {
    d.why = Why::kControl;
  } else if (tp.is(kTfAckNow) && tp.state == TcpState::kSynReceived) {
    d.flags = kThAck;
    d.why = Why::kAck;
  }
  return d;
}

// Sender's silly window avoidance, RFC 9293 section 3.8.6.2.1: whether `len`
// bytes from d.off are worth a segment.
bool WorthSending(const Tcpcb& tp, const Decision& d, bool idle,
                  bool doing_sosend) {
  if (d.len == MaxSegment(tp)) return true;
  if (tp.is(kTfForce)) return true;
  if (seq_lt(tp.snd_nxt, tp.snd_max)) return true;
  if (tp.max_sndwnd > 0 && d.len >= tp.max_sndwnd / 2) return true;
  // Nagle: the short end of the data, if nothing is outstanding.
  const bool all = d.off + d.len >= tp.so().snd.cc;
  return all && (idle || tp.is(kTfNoDelay)) && !doing_sosend &&
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

// The congestion window, and for each of the first two duplicate ACKs one
// segment more: limited transmit, RFC 3042.
uint32_t CongestionWindow(const Tcpcb& tp) {
  if (tp.dupacks == 0 || tp.dupacks >= kTcpDupThresh) return tp.snd_cwnd;
  return tp.snd_cwnd + tp.dupacks * tp.maxseg;
}

// What to send now, and why.
Decision Decide(Tcpcb& tp, bool idle, bool doing_sosend) {
  const Sockbuf& snd = tp.so().snd;
  Decision d;
  d.rwnd = ReceiveSpace(tp.so());
  d.flags = OutFlags(tp.state);
  d.seq = tp.snd_nxt;
  d.off = tp.snd_nxt - tp.snd_una;

  uint32_t win = std::min(tp.snd_wnd, CongestionWindow(tp));
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
  if (const uint32_t most = MaxSegment(tp); d.len > most) {
    d.len = most;
    d.more = true;
  }
  // The FIN comes behind the last byte, and once unless it was lost.
  if (d.off + d.len < snd.cc || d.off > snd.cc) {
    d.flags &= static_cast<uint8_t>(~kThFin);
  }

  if (d.len > 0 && WorthSending(tp, d, idle, doing_sosend)) {
    const bool probe = tp.is(kTfForce) && tp.persist.pending();
    d.why = probe ? Why::kForce : Why::kData;
  } else if (!tcps_havercvdfin(tp.state) && WindowGrew(tp, d.rwnd)) {
    d.why = Why::kWindow;
  } else if (tp.is(kTfAckNow)) {
    d.why = Why::kAck;
  } else if (seq_gt(tp.snd_up, tp.snd_una) && tp.is(kTfForce)) {
    d.why = Why::kUrgent;
  } else if ((d.flags & kThFin) != 0 &&
             (!tp.is(kTfSentFin) || tp.snd_nxt == tp.snd_una)) {
    d.why = Why::kControl;
  }
  if (d.why == Why::kNothing) d.more = false;
  return d;
}

// The first lost segment again, whatever the windows: fast retransmit.
Decision DecideFastRetransmit(Tcpcb& tp) {
  const Sockbuf& snd = tp.so().snd;
  Decision d;
  d.why = Why::kData;
  d.rwnd = ReceiveSpace(tp.so());
  d.seq = tp.snd_una;
  const uint32_t outstanding = tp.snd_max - tp.snd_una;
  d.len = std::min({outstanding, snd.cc, MaxSegment(tp)});
  d.flags = OutFlags(tp.state);
  if (!tp.is(kTfSentFin) || d.len < snd.cc) {
    d.flags &= static_cast<uint8_t>(~kThFin);
  }
  return d;
}

// ------------------------------------------------------------------- building

// The options of a SYN: `mss, nop nop sackOK, nop wscale, nop nop TS`, of the
// last three what we want and, answering, the peer offered.
size_t SynOptions(Tcpcb& tp, uint8_t flags, uint8_t* opt) {
  const TcpPin* const pin =
      tp.pin != nullptr && tp.pin->options ? tp.pin.get() : nullptr;
  const bool answer = (flags & kThAck) != 0;
  size_t n = 0;
  if (pin == nullptr || pin->mss) {
    const Be16 mss = pin == nullptr ? tcp_mss_adv(tp) : *pin->mss;
    opt[n++] = kTcpOptMss;
    opt[n++] = 4;
    std::memcpy(opt + n, &mss, sizeof mss);
    n += sizeof mss;
  }
  if (pin != nullptr && pin->sack_permitted &&
      (!answer || tp.is(kTfRcvdSack))) {
    opt[n++] = kTcpOptNop;
    opt[n++] = kTcpOptNop;
    opt[n++] = kTcpOptSackPermitted;
    opt[n++] = 2;
  }
  if (tp.is(kTfReqScale) && (!answer || tp.is(kTfRcvdScale))) {
    opt[n++] = kTcpOptNop;
    opt[n++] = kTcpOptWscale;
    opt[n++] = 3;
    opt[n++] = tp.request_scale;
  }
  if (tp.is(kTfReqTstmp) && (!answer || tp.is(kTfRcvdTstmp))) {
    n += tcp_put_tstamp(opt + n, tcp_now(tp), answer ? tp.ts_recent : 0);
  }
  return n;
}

// The window field, in bytes: never taking back what was advertised, and none
// at all rather than a silly one (RFC 9293 section 3.8.6.2.2).
uint32_t AdvertiseWindow(Tcpcb& tp, const Decision& d) {
  uint32_t win = d.rwnd;
  if (win < tp.so().rcv.hiwat / 4 && win < tp.maxseg) win = 0;
  // The window of a SYN is never scaled: RFC 7323 section 2.2.
  const bool syn = (d.flags & kThSyn) != 0;
  win = std::min(win, syn ? kTcpMaxWin : kTcpMaxWin << tp.rcv_scale);
  const auto promised = static_cast<int32_t>(tp.rcv_adv - tp.rcv_nxt);
  if (promised > 0) win = std::max(win, static_cast<uint32_t>(promised));
  return win;
}

// The mbuf of so_snd that holds byte `off`, and where in it.  A cursor spares
// the walk from the front of the queue.
const Mbuf* SendPosition(Tcpcb& tp, uint32_t off, size_t* inside) {
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
  tp.snd_mbuf = m;
  tp.snd_mbuf_off = start;
  *inside = off - start;
  return m;
}

// Puts the data of `d` behind the headers of `m`: copied if it fits there,
// else by reference.  False if memory is short.
bool AttachData(Tcpcb& tp, const Decision& d, Mbuf& m) {
  size_t inside = 0;
  const Mbuf* const from = SendPosition(tp, d.off, &inside);
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

void CountSegment(Tcpcb& tp, const Decision& d, bool again) {
  TcpStat& stat = tp.ns().tcpstat;
  ++stat.sndtotal;
  if (d.len > 0) {
    if (d.why == Why::kForce) {
      ++stat.sndprobe;
    } else if (again) {
      ++stat.sndrexmitpack;
      stat.sndrexmitbyte += d.len;
    } else {
      ++stat.sndpack;
      stat.sndbyte += d.len;
    }
  } else if ((d.flags & (kThSyn | kThFin | kThRst)) != 0) {
    ++stat.sndctrl;
  } else if (d.why == Why::kWindow) {
    ++stat.sndwinup;
  } else if (d.why == Why::kUrgent) {
    ++stat.sndurg;
  } else {
    ++stat.sndacks;
  }
}

// Writes both headers and the options in front of the data.
void WriteHeaders(Tcpcb& tp, Mbuf& m, const Decision& d, const uint8_t* opt,
                  size_t optlen, uint32_t win) {
  const Inpcb& inp = tp.inp;
  IpHeader ip{};
  ip.vhl = 0x45;
  ip.tos = inp.tos;
  ip.len = static_cast<uint16_t>(kTcpHdrLen + optlen + d.len);
  ip.off = kIpDf;
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

// Moves the send sequence on for what is about to leave, and sees to timers.
void AccountSent(Tcpcb& tp, const Decision& d, bool fast) {
  const uint32_t syn = (d.flags & kThSyn) != 0 ? 1 : 0;
  const uint32_t fin = (d.flags & kThFin) != 0 ? 1 : 0;
  const uint32_t end = d.seq + d.len + syn + fin;
  if (fin != 0) tp.flags |= kTfSentFin;
  if (d.why == Why::kForce) {
    // A probe is not sent data: the persist timer stays in charge.
    if (seq_gt(end, tp.snd_max)) tp.snd_max = end;
    return;
  }
  if (end == d.seq) return;
  if (fast) {
    if (seq_lt(tp.snd_nxt, end)) tp.snd_nxt = end;
  } else {
    tp.snd_nxt = end;
  }
  if (seq_gt(end, tp.snd_max)) {
    // New: time it, unless something is being timed already (Karn).
    if (!tp.is(kTfTiming) && seq_geq(d.seq, tp.snd_max)) {
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
  if (win > 0 && seq_gt(edge, tp.rcv_adv)) tp.rcv_adv = edge;
  tp.last_ack_sent = tp.rcv_nxt;
  tp.flags &= ~kTfAckNow;
  if (tp.is(kTfDelAck)) {
    tp.flags &= ~kTfDelAck;
    timeout_del(tp.delack);
  }
}

// Builds the segment that `d` describes and hands it to IP.
Errno SendSegment(Tcpcb& tp, Decision d, bool fast) {
  Inpcb& inp = tp.inp;
  Socket& so = tp.so();
  Netstack& ns = tp.ns();

  uint8_t opt[kTcpMaxOptLen];
  size_t optlen = 0;
  if ((d.flags & kThSyn) != 0) {
    optlen = SynOptions(tp, d.flags, opt);
  } else if (tp.is(kTfReqTstmp) && tp.is(kTfRcvdTstmp)) {
    optlen = tcp_put_tstamp(opt, tcp_now(tp), tp.ts_recent);
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
  const uint32_t win = AdvertiseWindow(tp, d);
  WriteHeaders(tp, *m, d, opt, optlen, win);

  const bool again = seq_lt(d.seq, tp.snd_max);
  ns.tracer.Enter(Fn::kTcpOutput, m.get(), &so, m->pkthdr.len);
  const uint64_t begin = tp.snd_una_stream + (d.len > 0 ? d.off : 0);
  ns.tracer.Segment(*m, &so, begin, begin + d.len, again);
  CountSegment(tp, d, again);
  AccountSent(tp, d, fast);
  AccountAcked(tp, win);
  return ip_output(ns, std::move(m), inp.options.get(), &inp.route,
                   kIpMtuDisc | (so.has(kSO_DONTROUTE) ? kIpRouteToIf : 0));
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
    const bool fast = tp.is(kTfFastRexmt);
    tp.flags &= ~kTfFastRexmt;
    Decision d = !tcps_haveestablished(tp.state) ? DecideOpening(tp)
                 : fast                          ? DecideFastRetransmit(tp)
                        : Decide(tp, idle, doing_sosend);
    if (d.why == Why::kNothing) break;
    const bool more = d.more || fast;
    if (const Errno error = SendSegment(tp, d, fast); error != kOk) {
      bool retry = false;
      const Errno told = OutputError(tp, error, &retry);
      if (!retry) return told;
      continue;
    }
    if (!more) break;
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
