// Segments that only answer: a RST to a stranger, an ACK that challenges, a
// keepalive.

#include <algorithm>
#include <cstring>
#include <utility>

#include "stack/kern/socketvar.h"
#include "stack/netinet/in_pcb.h"
#include "stack/netinet/ip.h"
#include "stack/netinet/ip_var.h"
#include "stack/netinet/tcp_input.h"
#include "stack/netinet/tcp_output.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

// A segment without data.  `tp` is null if there is no connection.
struct Reply {
  Sockaddr from, to;
  uint32_t seq = 0;
  uint32_t ack = 0;
  uint16_t win = 0;
  uint8_t flags = 0;
  uint8_t ttl = 64;
  uint8_t tos = 0;
};

// Builds and sends `reply` with `optlen` bytes of options.
void SendReply(Netstack& ns, Inpcb* inp, const Reply& reply, const uint8_t* opt,
               size_t optlen) {
  MbufPtr m = m_gethdr(ns.mbufs, MWait::kDontWait);
  if (!m) return;
  const size_t hlen = kTcpHdrLen + optlen;
  m->data += kTcpLinkHdr;
  m->len = m->pkthdr.len = static_cast<uint32_t>(hlen);
  m->pkthdr.id = ns.NewPacketId();
  m->pkthdr.csum_flags = kMTcpCsumOut;
  ns.tracer.Enter(Fn::kTcpRespond, *m);

  IpHeader ip{};
  ip.vhl = 0x45;
  ip.tos = reply.tos;
  ip.len = static_cast<uint16_t>(hlen);
  ip.off = kIpDf;
  ip.ttl = reply.ttl;
  ip.p = kIpProtoTcp;
  ip.src = reply.from.addr.wire4();
  ip.dst = reply.to.addr.wire4();
  TcpHeader th{};
  th.sport = reply.from.port;
  th.dport = reply.to.port;
  th.seq = reply.seq;
  th.ack = reply.ack;
  th.off_x2 = static_cast<uint8_t>((sizeof(TcpHeader) + optlen) / 4 << 4);
  th.flags = reply.flags;
  th.win = reply.win;
  m_write(*m, 0, ip);
  m_write(*m, sizeof ip, th);
  if (optlen > 0) std::memcpy(m->data + kTcpHdrLen, opt, optlen);
  ++ns.tcpstat.sndtotal;
  // Lost is lost: who needs the answer asks again.
  (void)ip_output(ns, std::move(m),
                  inp == nullptr ? nullptr : inp->options.get(),
                  inp == nullptr ? nullptr : &inp->route, kIpMtuDisc);
}

}  // namespace

void tcp_respond(Tcpcb& tp, uint32_t seq, uint32_t ack, uint8_t flags) {
  Inpcb& inp = tp.inp;
  Netstack& ns = tp.ns();
  uint8_t opt[kTcpOlenTstampAppa];
  size_t optlen = 0;
  // Every segment but a RST carries timestamps once both do: RFC 7323
  // section 3.2.
  if (tp.is(kTfRcvdTstmp) && (flags & kThRst) == 0) {
    optlen = tcp_put_tstamp(opt, tcp_now(tp), tp.ts_recent);
  }
  const auto space =
      static_cast<uint32_t>(std::max<int64_t>(sbspace(tp.so().rcv), 0));
  const uint32_t wnd =
      tcp_window(tp, space, kTcpMaxWin << tp.rcv_scale) >> tp.rcv_scale;
  Reply reply{.from = inp.laddr, .to = inp.faddr, .seq = seq, .ack = ack};
  reply.win = (flags & kThRst) != 0 ? uint16_t{0} : static_cast<uint16_t>(wnd);
  reply.flags = flags;
  reply.ttl = inp.ttl;
  reply.tos = inp.tos;
  SendReply(ns, &inp, reply, opt, optlen);
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
  Reply reply{.from = th.to, .to = th.from};
  reply.ttl = static_cast<uint8_t>(ns.settings.ip_ttl);
  if (th.has(kThAck)) {
    reply.seq = th.ack;
    reply.flags = kThRst;
  } else {
    reply.ack = th.seq + th.seg_len();
    reply.flags = kThRst | kThAck;
  }
  SendReply(ns, nullptr, reply, nullptr, 0);
}

void tcp_challenge_ack(Tcpcb& tp) {
  constexpr Nanoseconds kInterval = std::chrono::seconds(5);
  constexpr uint8_t kLimit = 10;
  Netstack& ns = tp.ns();
  if (tp.challenges == 0 || ns.now() - tp.challenge_time >= kInterval) {
    tp.challenge_time = ns.now();
    tp.challenges = 0;
  }
  if (tp.challenges >= kLimit) {
    ++ns.tcpstat.challengelimited;
    return;
  }
  ++tp.challenges;
  ++ns.tcpstat.challenge;
  tcp_respond(tp, tp.snd_max, tp.rcv_nxt, kThAck);
  tp.last_ack_sent = tp.rcv_nxt;
}

}  // namespace splnet
