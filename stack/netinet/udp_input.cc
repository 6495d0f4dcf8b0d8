// UDP input: carries one datagram from ip_input() to its sockets.
//
// RFC 768, with the host requirements of RFC 1122 section 4.1.

#include <cstring>
#include <utility>

#include "stack/netinet/in_cksum.h"
#include "stack/netinet/in_pcb.h"
#include "stack/netinet/ip.h"
#include "stack/netinet/ip_icmp.h"
#include "stack/netinet/ip_var.h"
#include "stack/netinet/udp.h"
#include "stack/netinet/udp_usrreq.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

// One datagram that has passed the checks.
struct Datagram {
  Sockaddr from;
  Sockaddr to;
  size_t headers = 0;  // bytes before the payload
};

// Appends the payload of `m` to the socket of `inp` and wakes its reader.
void Append(Netstack& ns, Inpcb& inp, MbufPtr m, const Datagram& d) {
  Socket& so = *inp.so;
  m_trim_front(*m, d.headers);
  const uint64_t id = m->pkthdr.id;
  const size_t len = m->pkthdr.len;
  MbufPtr control;
  if ((inp.flags & kInpRecvDstAddr) != 0 || so.has(kSO_TIMESTAMP)) [[unlikely]]
    control = ip_savecontrol(inp, d.to.addr);
  ns.tracer.Enter(Fn::kSbappendaddr, m.get(), &so, len);
  MbufPtr refused =
      so.cantrcvmore()
          ? std::move(m)
          : sbappendaddr(so.rcv, d.from, std::move(m), std::move(control));
  if (refused) [[unlikely]] {
    ++ns.udpstat.fullsock;
    return ns.Drop(std::move(refused), DropReason::kSockbufFull);
  }
  ++ns.udpstat.delivered;
  ns.tracer.Met(Fate::kDelivered, id, &so, len);
  sorwakeup(so);
}

// Whether a datagram to many is for this pcb.
bool Wants(const Inpcb& inp, const Datagram& d) {
  if (inp.laddr.port != d.to.port || inp.so->cantrcvmore()) return false;
  if (!inp.laddr.addr.is_any() && inp.laddr.addr != d.to.addr) return false;
  return !inp.connected() || inp.faddr == d.from;
}

// A datagram for which there is no socket.
void NoSocket(Netstack& ns, MbufPtr m) {
  if (ns.owns_everything) {
    // Whoever watches all traffic has now seen that this datagram is sound.
    return ns.tracer.Met(Fate::kConsumed, m->pkthdr.id, nullptr, m->pkthdr.len);
  }
  ++ns.udpstat.noport;
  if (m->has(kMBcast | kMMcast)) {
    ++ns.udpstat.noportbcast;
    return ns.Drop(std::move(m), DropReason::kUdpNoPort);
  }
  icmp_error(ns, std::move(m), IcmpUnreach::kPort);
}

// Gives a copy to every socket but the last, which gets the datagram.
void DeliverToMany(Netstack& ns, MbufPtr m, const Datagram& d) {
  Inpcb* last = nullptr;
  for (Inpcb* p = ns.udbtable.first_on_port(d.to.port); p != nullptr;
       p = p->port_next) {
    if (!Wants(*p, d)) continue;
    if (last != nullptr) {
      MbufPtr copy = m_copym(*m, 0, kMCopyAll, MWait::kDontWait);
      if (copy) {
        Append(ns, *last, std::move(copy), d);
      } else {
        ns.Lost(DropReason::kIpNoBuffers, m->pkthdr.id);
      }
    }
    last = p;
    // BSD: only sockets that agreed to share the port are looked for further.
    if (!p->so->has(kSO_REUSEPORT | kSO_REUSEADDR)) break;
  }
  if (last == nullptr) return NoSocket(ns, std::move(m));
  Append(ns, *last, std::move(m), d);
}

// True if the sum is right, or none was sent.
bool SumRight(Netstack& ns, const Mbuf& m, const UdpHeader& uh,
              const IpHeader& ip, size_t off, size_t len) {
  if (uh.sum == 0) {
    ++ns.udpstat.nosum;
    return true;
  }
  if ((m.pkthdr.csum_flags & kMUdpCsumInOk) != 0) return true;
  const CksumPartial sum = in_cksum_received(ns, m, off, len) +
                           in_pseudo(ip.src, ip.dst, kIpProtoUdp, len);
  return in_cksum_fold(sum) == 0;
}

}  // namespace

void udp_input(Netstack& ns, MbufPtr m, size_t off) {
  ns.tracer.Enter(Fn::kUdpInput, *m);
  UdpStat& stats = ns.udpstat;
  ++stats.ipackets;
  const auto uh = m_read<UdpHeader>(*m, off);
  if (!uh) [[unlikely]] {
    ++stats.hdrops;
    return ns.Drop(std::move(m), DropReason::kUdpShortHeader);
  }
  // The packet may outlast the datagram; the UDP length is where it ends.
  const size_t len = uh->len;
  if (len < sizeof(UdpHeader) || off + len > m->pkthdr.len) [[unlikely]] {
    ++stats.badlen;
    return ns.Drop(std::move(m), DropReason::kUdpBadLength);
  }
  IpHeader ip;
  std::memcpy(&ip, m->data, sizeof ip);  // ip_input() has it in one piece
  if (!SumRight(ns, *m, *uh, ip, off, len)) [[unlikely]] {
    ++stats.badsum;
    return ns.Drop(std::move(m), DropReason::kUdpBadChecksum);
  }
  const Datagram d{Sockaddr(InAddr(ip.src), uh->sport),
                   Sockaddr(InAddr(ip.dst), uh->dport),
                   off + sizeof(UdpHeader)};
  if (d.to.port == 0) [[unlikely]] {
    return ns.Drop(std::move(m), DropReason::kUdpBadPort);
  }
  if (m->has(kMBcast | kMMcast)) [[unlikely]] {
    if (off + len < m->pkthdr.len) m_truncate(*m, off + len);
    return DeliverToMany(ns, std::move(m), d);
  }
  Inpcb* const inp = in_pcblookup(ns.udbtable, d.from, d.to);
  if (inp == nullptr) [[unlikely]] {
    return NoSocket(ns, std::move(m));
  }
  if (off + len < m->pkthdr.len) [[unlikely]]
    m_truncate(*m, off + len);
  Append(ns, *inp, std::move(m), d);
}

}  // namespace splnet
