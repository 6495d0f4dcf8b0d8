// Segments that only answer: a RST to a stranger, an ACK that challenges, a
// keepalive.

#include <algorithm>
#include <cstring>
#include <utility>

#include "stack/kern/socketvar.h"
#include "stack/netinet/in_pcb.h"
#include "stack/netinet/ip.h"
#include "stack/netinet/ip_var.h"
#include "stack/netinet/tcp_ecn.h"
#include "stack/netinet/tcp_input.h"
#include "stack/netinet/tcp_output.h"
#include "stack/netinet/tcp_sack.h"
#include "stack/netstack.h"

namespace splnet {

void tcp_reply(Netstack& ns, const TcpReply& reply, const IpOptions* options,
               Route* route, std::span<const uint8_t> opt) {
  MbufPtr m = m_gethdr(ns.mbufs, MWait::kDontWait);
  if (!m) return;
  const size_t hlen = kTcpHdrLen + opt.size();
  m->data += kTcpLinkHdr;
  m->len = m->pkthdr.len = static_cast<uint32_t>(hlen);
  m->pkthdr.id = ns.NewPacketId();
  m->pkthdr.csum_flags = kMTcpCsumOut;
  ns.tracer.Enter(Fn::kTcpRespond, *m);

  const bool discover = ns.settings.tcp_mtudisc != 0;
  IpHeader ip{};
  ip.vhl = 0x45;
  ip.tos = reply.tos;
  ip.len = static_cast<uint16_t>(hlen);
  if (discover) ip.off = kIpDf;
  ip.ttl = reply.ttl;
  ip.p = kIpProtoTcp;
  ip.src = reply.from.addr.wire4();
  ip.dst = reply.to.addr.wire4();
  TcpHeader th{};
  th.sport = reply.from.port;
  th.dport = reply.to.port;
  th.seq = reply.seq;
  th.ack = reply.ack;
  th.off_x2 = static_cast<uint8_t>((sizeof(TcpHeader) + opt.size()) / 4 << 4);
  th.flags = reply.flags;
  th.win = reply.win;
  m_write(*m, 0, ip);
  m_write(*m, sizeof ip, th);
  if (!opt.empty()) std::memcpy(m->data + kTcpHdrLen, opt.data(), opt.size());
  ++ns.tcpstat.sndtotal;
  // Lost is lost: who needs the answer asks again.
  (void)ip_output(ns, std::move(m), options, route, discover ? kIpMtuDisc : 0);
}

void tcp_respond(Tcpcb& tp, uint32_t seq, uint32_t ack, uint8_t flags) {
  Inpcb& inp = tp.inp;
  Netstack& ns = tp.ns();
  uint8_t opt[kTcpMaxOptLen];
  size_t optlen = 0;
  // Every segment but a RST carries timestamps once both do: RFC 7323
  // section 3.2.
  if (tp.is(kTfRcvdTstmp) && (flags & kThRst) == 0) {
    optlen = tcp_put_tstamp(opt, tcp_now(tp), tp.ts_recent);
  }
  // Every ACK tells of what is held beyond a gap: RFC 2018 section 4.
  if (tp.is(kTfSackReport) && (flags & kThRst) == 0) {
    optlen += tcp_put_sack(tp, optlen, opt + optlen);
  }
  const auto space =
      static_cast<uint32_t>(std::max<int64_t>(sbspace(tp.so().rcv), 0));
  const uint32_t wnd =
      tcp_window(tp, space, kTcpMaxWin << tp.rcv_scale) >> tp.rcv_scale;
  TcpReply reply{.from = inp.laddr, .to = inp.faddr, .seq = seq, .ack = ack};
  reply.win = (flags & kThRst) != 0 ? uint16_t{0} : static_cast<uint16_t>(wnd);
  reply.flags = flags;
  if ((flags & (kThAck | kThRst)) == kThAck) {
    reply.flags |= tcp_ecn_ack_flags(tp);
  }
  reply.ttl = inp.ttl;
  reply.tos = inp.tos;
  tcp_reply(ns, reply, inp.options.get(), &inp.route, {opt, optlen});
}

void tcp_reject(Netstack& ns, const TcpSegment& th) {
  if (th.has(kThRst)) return;
  // At most so many in a second of this host's clock; a flood gets no more.
  const int64_t limit = ns.settings.tcp_rstppslimit;
  TcpHost& host = ns.tcp;
  if (ns.now() - host.rst_time >= std::chrono::seconds(1)) {
    host.rst_time = ns.now();
    host.rst_count = 0;
  }
  if (limit >= 0 && host.rst_count >= limit) {
    ++ns.tcpstat.rstlimited;
    return;
  }
  ++host.rst_count;
  ++ns.tcpstat.sndrst;
  TcpReply reply{.from = th.to, .to = th.from};
  reply.ttl = static_cast<uint8_t>(ns.settings.ip_ttl);
  if (th.has(kThAck)) {
    reply.seq = th.ack;
    reply.flags = kThRst;
  } else {
    reply.ack = th.seq + th.seg_len();
    reply.flags = kThRst | kThAck;
  }
  tcp_reply(ns, reply, nullptr, nullptr, {});
}

bool tcp_may_challenge(Netstack& ns, SimTime& since, uint8_t& count) {
  const Settings& settings = ns.settings;
  const auto interval = std::chrono::milliseconds(settings.tcp_ack_war_time);
  TcpHost& host = ns.tcp;
  if (count == 0 || ns.now() - since >= interval) {
    since = ns.now();
    count = 0;
  }
  if (ns.now() >= host.challenge_until) {
    host.challenge_until = ns.now() + std::chrono::seconds(1);
    host.challenge_left = host.challenges.Between(500, 1500);
  }
  if (count >= settings.tcp_ack_war_cnt || host.challenge_left == 0) {
    ++ns.tcpstat.challengelimited;
    return false;
  }
  ++count;
  --host.challenge_left;
  ++ns.tcpstat.challenge;
  return true;
}

void tcp_challenge_ack(Tcpcb& tp) {
  if (!tcp_may_challenge(tp.ns(), tp.challenge_time, tp.challenges)) return;
  tcp_respond(tp, tp.snd_max, tp.rcv_nxt, kThAck);
  tp.last_ack_sent = tp.rcv_nxt;
}

}  // namespace splnet
