// Raw sockets: whole IP packets for programs such as ping.  raw(4).

#include "stack/netinet/raw_ip.h"

#include <cstring>
#include <utility>

#include "stack/netinet/in_pcb.h"
#include "stack/netinet/ip.h"
#include "stack/netinet/ip_var.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

bool Wants(const Inpcb& inp, const IpHeader& ip) {
  if (inp.protocol != 0 && inp.protocol != ip.p) return false;
  if (inp.so->cantrcvmore()) return false;
  if (!inp.laddr.addr.is_any() && inp.laddr.addr != InAddr(ip.dst)) {
    return false;
  }
  return !inp.connected() || inp.faddr.addr == InAddr(ip.src);
}

void Append(Netstack& ns, Inpcb& inp, const Mbuf& m, const IpHeader& ip) {
  Socket& so = *inp.so;
  MbufPtr copy = m_copym(m, 0, kMCopyAll, MWait::kDontWait);
  if (!copy) return ns.Lost(DropReason::kIpNoBuffers, m.pkthdr.id);
  ns.tracer.Enter(Fn::kSbappendaddr, copy.get(), &so, copy->pkthdr.len);
  MbufPtr control = ip_savecontrol(inp, InAddr(ip.dst));
  MbufPtr refused = sbappendaddr(so.rcv, Sockaddr(InAddr(ip.src), 0),
                                 std::move(copy), std::move(control));
  if (refused) return ns.Drop(std::move(refused), DropReason::kSockbufFull);
  ns.tracer.Met(Fate::kDelivered, m.pkthdr.id, &so, m.pkthdr.len);
  sorwakeup(so);
}

Errno rip_attach(Socket& so, int protocol) {
  if (protocol < 0 || protocol > 255) return kEPROTONOSUPPORT;
  const Settings& settings = so.ns.settings;
  const Errno error =
      soreserve(so, static_cast<uint32_t>(settings.udp_sendspace),
                static_cast<uint32_t>(settings.udp_recvspace));
  if (error != kOk) return error;
  if (const Errno failed = in_pcballoc(so.ns.rawcbtable, so); failed != kOk) {
    return failed;
  }
  Inpcb& inp = *sotoinpcb(so);
  inp.protocol = static_cast<uint8_t>(protocol);
  if (protocol == kIpprotoRaw) inp.flags |= kInpHdrIncl;
  return kOk;
}

void rip_detach(Socket& so) {
  if (Inpcb* const inp = sotoinpcb(so)) in_pcbdetach(*inp);
}

Errno rip_bind(Socket& so, const Sockaddr& nam) {
  Inpcb* const inp = sotoinpcb(so);
  if (inp == nullptr) return kEINVAL;
  if (!nam.addr.is_v4()) return kEAFNOSUPPORT;
  if (!nam.addr.is_any() && !so.ns.local_addrs.IsUnicast(nam.addr)) {
    return kEADDRNOTAVAIL;
  }
  inp->laddr.addr = nam.addr;
  return kOk;
}

Errno rip_disconnect(Socket& so) {
  Inpcb* const inp = sotoinpcb(so);
  if (inp == nullptr) return kEINVAL;
  if (!inp->connected()) return kENOTCONN;
  inp->faddr = Sockaddr();
  so.state &= static_cast<uint16_t>(~kSsIsConnected);
  return kOk;
}

Errno rip_connect(Socket& so, const Sockaddr& nam) {
  Inpcb* const inp = sotoinpcb(so);
  if (inp == nullptr) return kEINVAL;
  if (nam.family() == Family::kUnspec) return rip_disconnect(so);
  if (!nam.addr.is_v4()) return kEAFNOSUPPORT;
  inp->faddr = Sockaddr(nam.addr, 0);
  soisconnected(so);
  return kOk;
}

Errno rip_shutdown(Socket& so) {
  socantsendmore(so);
  return kOk;
}

void rip_abort(Socket& so) {
  soisdisconnected(so);
  rip_detach(so);
}

int OutputFlags(const Socket& so) {
  int flags = 0;
  if (so.has(kSO_BROADCAST)) flags |= kIpAllowBroadcast;
  if (so.has(kSO_DONTROUTE)) flags |= kIpRouteToIf;
  return flags;
}

// A packet whose header the program made: it must be coherent.
Errno OutputWithHeader(Inpcb& inp, MbufPtr m, int flags) {
  const auto ip = m_read<IpHeader>(*m, 0);
  if (!ip || ip->vhl >> 4 != 4 || ip->hlen() < sizeof(IpHeader) ||
      ip->hlen() > m->pkthdr.len || ip->len != m->pkthdr.len) {
    return kEINVAL;
  }
  return ip_output(inp.table.ns(), std::move(m), nullptr, &inp.route,
                   flags | kIpRawOutput);
}

Errno rip_output(Inpcb& inp, MbufPtr m, const InAddr& dst) {
  Netstack& ns = inp.table.ns();
  const Socket& so = *inp.so;
  ns.tracer.Enter(Fn::kRipOutput, m.get(), &so, m->pkthdr.len);
  const int flags = OutputFlags(so);
  if ((inp.flags & kInpHdrIncl) != 0) {
    return OutputWithHeader(inp, std::move(m), flags);
  }
  if (m->pkthdr.len + sizeof(IpHeader) > kIpMaxPacket) return kEMSGSIZE;
  const uint64_t id = m->pkthdr.id;
  m = m_prepend(std::move(m), sizeof(IpHeader), MWait::kDontWait);
  if (!m) {
    ns.Lost(DropReason::kIpNoBuffers, id);
    return kENOBUFS;
  }
  IpHeader ip;
  ip.tos = inp.tos;
  ip.ttl = in_multicast(dst) ? inp.mcast_ttl : inp.ttl;
  ip.p = inp.protocol;
  ip.src = inp.laddr.addr.wire4();
  ip.dst = dst.wire4();
  m_write(*m, 0, ip);
  return ip_output(ns, std::move(m), inp.options.get(), &inp.route, flags);
}

Errno rip_send(Socket& so, MbufPtr m, const Sockaddr* to, MbufPtr control) {
  Inpcb* const inp = sotoinpcb(so);
  if (m->pkthdr.id == 0) m->pkthdr.id = so.ns.NewPacketId();
  so.ns.tracer.Enter(Fn::kRipSend, m.get(), &so, m->pkthdr.len);
  if (inp == nullptr || (control && m_length(*control) != 0)) return kEINVAL;
  if (to != nullptr && inp->connected()) return kEISCONN;
  if (to == nullptr && !inp->connected()) return kENOTCONN;
  const InAddr dst = to != nullptr ? to->addr : inp->faddr.addr;
  if (!dst.is_v4()) return kEAFNOSUPPORT;
  return rip_output(*inp, std::move(m), dst);
}

void rip_sockaddr(Socket& so, Sockaddr* nam) {
  const Inpcb* const inp = sotoinpcb(so);
  *nam = inp == nullptr ? Sockaddr() : inp->laddr;
}

void rip_peeraddr(Socket& so, Sockaddr* nam) {
  const Inpcb* const inp = sotoinpcb(so);
  *nam = inp == nullptr ? Sockaddr() : inp->faddr;
}

Errno rip_setopt(Socket& so, int level, int name,
                 std::span<const std::byte> value) {
  Inpcb* const inp = sotoinpcb(so);
  if (inp == nullptr) return kEINVAL;
  return level == kIpprotoIp ? ip_setopt(*inp, name, value) : kENOPROTOOPT;
}

Errno rip_getopt(Socket& so, int level, int name, SockoptValue* value) {
  const Inpcb* const inp = sotoinpcb(so);
  if (inp == nullptr) return kEINVAL;
  return level == kIpprotoIp ? ip_getopt(*inp, name, value) : kENOPROTOOPT;
}

}  // namespace

bool rip_input(Netstack& ns, const Mbuf& m) {
  if (ns.rawcbtable.first() == nullptr) [[likely]]
    return false;
  ns.tracer.Enter(Fn::kRipInput, m);
  const auto ip = m_read<IpHeader>(m, 0);
  bool taken = false;
  for (Inpcb* p = ns.rawcbtable.first(); p != nullptr; p = p->list_next) {
    if (!ip || !Wants(*p, *ip)) continue;
    taken = true;
    Append(ns, *p, m, *ip);
  }
  return taken;
}

const Protosw kRipProtosw = {
    .type = SocketType::kRaw,
    .family = Family::kInet,
    .protocol = kIpprotoRaw,
    .flags = kPrAtomic | kPrAddr,
    .attach = rip_attach,
    .detach = rip_detach,
    .bind = rip_bind,
    .connect = rip_connect,
    .disconnect = rip_disconnect,
    .shutdown = rip_shutdown,
    .send = rip_send,
    .abort = rip_abort,
    .sockaddr = rip_sockaddr,
    .peeraddr = rip_peeraddr,
    .setopt = rip_setopt,
    .getopt = rip_getopt,
};

}  // namespace splnet
