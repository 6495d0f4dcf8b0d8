// UDP output and user requests: what sockets ask of UDP.  udp(4).

#include "stack/netinet/udp_usrreq.h"

#include <cstring>
#include <utility>

#include "stack/netinet/in_cksum.h"
#include "stack/netinet/in_pcb.h"
#include "stack/netinet/ip.h"
#include "stack/netinet/ip_var.h"
#include "stack/netinet/udp.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

// Both headers of a datagram to be sent.
struct UdpIpHeader {
  IpHeader ip;
  UdpHeader udp;
};
static_assert(sizeof(UdpIpHeader) == 28 && alignof(UdpIpHeader) == 1);

// An ICMP error reaches the program at its next call.
void udp_notify(Inpcb& inp, Errno error) {
  Socket& so = *inp.so;
  so.error = error;
  sorwakeup(so);
  sowwakeup(so);
}

void udp_ctlinput(Netstack& ns, CtlInput cmd, const CtlQuote& quote) {
  const Errno error = ctlerrno(cmd);
  if (error == kOk) return;
  // Only a connected socket can tell whom the error is about.
  Inpcb* const inp = in_pcblookup_exact(ns.udbtable, quote.dst, quote.src);
  if (inp != nullptr) udp_notify(*inp, error);
}

Errno udp_attach(Socket& so, int /*protocol*/) {
  const Settings& settings = so.ns.settings;
  const Errno error =
      soreserve(so, static_cast<uint32_t>(settings.udp_sendspace),
                static_cast<uint32_t>(settings.udp_recvspace));
  if (error != kOk) return error;
  return in_pcballoc(so.ns.udbtable, so);
}

void udp_detach(Socket& so) {
  if (Inpcb* const inp = sotoinpcb(so)) in_pcbdetach(*inp);
}

Errno udp_bind(Socket& so, const Sockaddr& nam) {
  Inpcb* const inp = sotoinpcb(so);
  return inp == nullptr ? kEINVAL : in_pcbbind(*inp, nam);
}

Errno udp_disconnect(Socket& so) {
  Inpcb* const inp = sotoinpcb(so);
  if (inp == nullptr) return kEINVAL;
  if (!inp->connected()) return kENOTCONN;
  inp->laddr.addr = kInaddrAny;
  in_pcbdisconnect(*inp);
  so.state &= static_cast<uint16_t>(~kSsIsConnected);
  return kOk;
}

Errno udp_connect(Socket& so, const Sockaddr& nam) {
  Inpcb* const inp = sotoinpcb(so);
  if (inp == nullptr) return kEINVAL;
  if (nam.family() == Family::kUnspec) return udp_disconnect(so);
  if (inp->connected()) return kEISCONN;
  const Errno error = in_pcbconnect(*inp, nam);
  if (error == kOk) soisconnected(so);
  return error;
}

Errno udp_shutdown(Socket& so) {
  socantsendmore(so);
  return kOk;
}

void udp_abort(Socket& so) {
  soisdisconnected(so);
  udp_detach(so);
}

// IP_SENDSRCADDR: the source that the program asks for.  kEINVAL for any other
// control message.
Errno ReadControl(const Mbuf* control, InAddr* from) {
  if (control == nullptr || m_length(*control) == 0) return kOk;
  const auto cmsg = m_read<CmsgHeader>(*control, 0);
  const auto addr = m_read<In4Wire>(*control, sizeof(CmsgHeader));
  if (!cmsg || !addr || cmsg->level != kIpprotoIp ||
      cmsg->type != kIP_SENDSRCADDR ||
      cmsg->len != sizeof(CmsgHeader) + sizeof(In4Wire)) {
    return kEINVAL;
  }
  *from = InAddr(*addr);
  return kOk;
}

Errno udp_send(Socket& so, MbufPtr m, const Sockaddr* to, MbufPtr control) {
  Inpcb* const inp = sotoinpcb(so);
  if (m->pkthdr.id == 0) m->pkthdr.id = so.ns.NewPacketId();
  so.ns.tracer.Enter(Fn::kUdpSend, m.get(), &so, m->pkthdr.len);
  if (inp == nullptr) return kEINVAL;
  if (to != nullptr && inp->connected()) return kEISCONN;
  if (to == nullptr && !inp->connected()) return kENOTCONN;
  if (!control) [[likely]]
    return udp_output(*inp, std::move(m), to, nullptr);

  InAddr from;
  if (const Errno error = ReadControl(control.get(), &from); error != kOk) {
    return error;
  }
  const InAddr* const asked = from.is_v4() && !from.is_any() ? &from : nullptr;
  return udp_output(*inp, std::move(m), to, asked);
}

void udp_sockaddr(Socket& so, Sockaddr* nam) {
  const Inpcb* const inp = sotoinpcb(so);
  *nam = inp == nullptr ? Sockaddr() : inp->laddr;
}

void udp_peeraddr(Socket& so, Sockaddr* nam) {
  const Inpcb* const inp = sotoinpcb(so);
  *nam = inp == nullptr ? Sockaddr() : inp->faddr;
}

Errno udp_setopt(Socket& so, int level, int name,
                 std::span<const std::byte> value) {
  Inpcb* const inp = sotoinpcb(so);
  if (inp == nullptr) return kEINVAL;
  return level == kIpprotoIp ? ip_setopt(*inp, name, value) : kENOPROTOOPT;
}

Errno udp_getopt(Socket& so, int level, int name, SockoptValue* value) {
  const Inpcb* const inp = sotoinpcb(so);
  if (inp == nullptr) return kEINVAL;
  return level == kIpprotoIp ? ip_getopt(*inp, name, value) : kENOPROTOOPT;
}

// The local address of a datagram to `dst`; binds a port first if the socket
// has none.
Errno ChooseSource(Inpcb& inp, const InAddr& dst, const InAddr* from,
                   InAddr* source) {
  if (from != nullptr) {
    if (!inp.table.ns().local_addrs.IsUnicast(*from)) return kEADDRNOTAVAIL;
    *source = *from;
  } else {
    *source = inp.connected() ? inp.laddr.addr : in_pcbselsrc(inp, dst);
    if (!source->is_v4()) return kENETUNREACH;
  }
  if (inp.laddr.port != 0) [[likely]]
    return kOk;
  const InAddr bound = inp.laddr.addr;
  inp.laddr.addr = kInaddrAny;
  const Errno error = in_pcbbind(inp, Sockaddr(bound, 0));
  if (error != kOk) inp.laddr.addr = bound;
  return error;
}

}  // namespace

Errno udp_output(Inpcb& inp, MbufPtr m, const Sockaddr* to,
                 const InAddr* from) {
  Netstack& ns = inp.table.ns();
  const Socket& so = *inp.so;
  ns.tracer.Enter(Fn::kUdpOutput, m.get(), &so, m->pkthdr.len);
  const Sockaddr& dst = to != nullptr ? *to : inp.faddr;
  if (!dst.addr.is_v4()) [[unlikely]]
    return kEAFNOSUPPORT;
  if (dst.port == 0) [[unlikely]]
    return kEADDRNOTAVAIL;
  const size_t payload = m->pkthdr.len;
  if (payload > kUdpMaxPayload) [[unlikely]]
    return kEMSGSIZE;
  InAddr source;
  if (const Errno error = ChooseSource(inp, dst.addr, from, &source);
      error != kOk) [[unlikely]] {
    return error;
  }

  const uint64_t id = m->pkthdr.id;
  m = m_prepend(std::move(m), sizeof(UdpIpHeader), MWait::kDontWait);
  if (!m) [[unlikely]] {
    ns.Lost(DropReason::kIpNoBuffers, id);
    return kENOBUFS;
  }
  UdpIpHeader h;
  h.ip.tos = inp.tos;
  h.ip.ttl = in_multicast(dst.addr) ? inp.mcast_ttl : inp.ttl;
  h.ip.p = kIpProtoUdp;
  h.ip.src = source.wire4();
  h.ip.dst = dst.addr.wire4();
  h.udp.sport = inp.laddr.port;
  h.udp.dport = dst.port;
  h.udp.len = static_cast<uint16_t>(sizeof(UdpHeader) + payload);
  m_write(*m, 0, h);
  if (ns.settings.udp_checksum != 0) m->pkthdr.csum_flags |= kMUdpCsumOut;
  ++ns.udpstat.opackets;

  int flags = inp.mcast_loop != 0 ? kIpMcastLoop : 0;
  if (so.has(kSO_BROADCAST)) flags |= kIpAllowBroadcast;
  if (so.has(kSO_DONTROUTE)) flags |= kIpRouteToIf;
  return ip_output(ns, std::move(m), inp.options.get(), &inp.route, flags);
}

const Protosw kUdpProtosw = {
    .type = SocketType::kDgram,
    .family = Family::kInet,
    .protocol = kIpprotoUdp,
    .flags = kPrAtomic | kPrAddr | kPrSplice,
    .input = udp_input,
    .ctlinput = udp_ctlinput,
    .attach = udp_attach,
    .detach = udp_detach,
    .bind = udp_bind,
    .connect = udp_connect,
    .disconnect = udp_disconnect,
    .shutdown = udp_shutdown,
    .send = udp_send,
    .abort = udp_abort,
    .sockaddr = udp_sockaddr,
    .peeraddr = udp_peeraddr,
    .setopt = udp_setopt,
    .getopt = udp_getopt,
};

}  // namespace splnet
