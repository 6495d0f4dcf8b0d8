// Builds a host and fills the tables by which its layers find one another.

#include "stack/netstack.h"

#include <utility>

#include "stack/net/if_ethersubr.h"
#include "stack/netinet/raw_ip.h"
#include "stack/netinet/tcp_var.h"

namespace splnet {

Netstack::Netstack(EventQueue& q, uint32_t host_number,
                   std::string_view host_name, uint64_t simulation_seed,
                   const Settings& host_settings)
    : name(host_name),
      host(host_number),
      seed(simulation_seed),
      queue(q),
      cpu(q, ledger),
      settings(host_settings),
      mbufs(ledger, static_cast<uint64_t>(settings.nmbclusters) * kMclBytes),
      tracer(cpu, host_number),
      arp(*this),
      ipfrag(*this),
      ip_ids(Stream("ip:id").Next()),
      pathmtu(*this),
      tcp(*this),
      tcbtable(*this, "tcb"),
      udbtable(*this, "udb"),
      rawcbtable(*this, "rawcb"),
      reaper_(
          q, [](void* ns) { static_cast<Netstack*>(ns)->retired_.clear(); },
          this) {
  // Soft interrupt to what drains its queue.
  cpu.SetSoftHandler(SoftInterrupt::kArp, arpintr, this);
  cpu.SetSoftHandler(SoftInterrupt::kIp, ipintr, this);
  cpu.SetSoftHandler(SoftInterrupt::kIp6, ip6intr, this);

  // IP protocol to transport.
  ip_protos_[kIpProtoIcmp] = &kIcmpProtosw;
  ip_protos_[kIpProtoTcp] = &kTcpProtosw;
  ip_protos_[kIpProtoUdp] = &kUdpProtosw;
}

Netstack::~Netstack() {
  for (InpcbTable* table : {&tcbtable, &udbtable, &rawcbtable}) {
    table->DetachAll();
  }
  retired_.clear();
  CHECK(sockets_in_use == 0);
}

RandomStream Netstack::Stream(std::string_view purpose) const {
  return RandomStream(seed, name + ":" + std::string(purpose));
}

Ifnet& Netstack::Attach(std::unique_ptr<Ifnet> ifp) {
  interfaces.push_back(std::move(ifp));
  Ifnet& attached = *interfaces.back();
  attached.index = static_cast<uint16_t>(interfaces.size());
  return attached;
}

NetisrQueue* Netstack::QueueFor(uint16_t ethertype) {
  switch (ethertype) {
    case kEthertypeIp:
      return &ipintrq;
    case kEthertypeArp:
      return &arpintrq;
    case kEthertypeIpv6:
      return &ip6intrq;
    default:
      return nullptr;
  }
}

NetisrQueue* Netstack::QueueOf(Family family) {
  switch (family) {
    case Family::kInet:
      return &ipintrq;
    case Family::kInet6:
      return &ip6intrq;
    default:
      return nullptr;
  }
}

const EtherFamily* Netstack::EtherFamilyOf(Family family) {
  static constexpr EtherFamily kInetOverEther{kEthertypeIp, arpresolve};
  return family == Family::kInet ? &kInetOverEther : nullptr;
}

const Protosw* Netstack::FindProtosw(Family family, SocketType type,
                                     int protocol) const {
  if (family != Family::kInet) return nullptr;
  switch (type) {
    case SocketType::kStream:
      return protocol == 0 || protocol == kIpprotoTcp ? &kTcpProtosw : nullptr;
    case SocketType::kDgram:
      return protocol == 0 || protocol == kIpprotoUdp ? &kUdpProtosw : nullptr;
    case SocketType::kRaw:
      return &kRipProtosw;
  }
  return nullptr;
}

void Netstack::Retire(std::unique_ptr<Inpcb> inp) {
  retired_.push_back(std::move(inp));
  timeout_add(reaper_, Nanoseconds(0));
}

}  // namespace splnet
