// Interfaces: addresses, statistics, the ways in and out.

#include "stack/net/if.h"

#include <algorithm>
#include <utility>

#include "stack/netstack.h"

namespace splnet {
namespace {

uint32_t MaskOf(uint8_t prefixlen) {
  return prefixlen == 0 ? 0 : ~uint32_t{0} << (32 - prefixlen);
}

// The route that an address brings with it; one that is there already stays.
void AddRoute(Ifnet& ifp, const InAddr& dst, uint8_t prefixlen,
              const InAddr& ifa, uint32_t flags) {
  Rtentry rt;
  rt.dst = dst;
  rt.prefixlen = prefixlen;
  rt.flags = kRtfUp | flags;
  rt.ifidx = ifp.index;
  rt.ifa = ifa;
  static_cast<void>(ifp.ns.routes.Add(rt));
}

}  // namespace

void LocalAddrTable::Add(const InAddr& addr, uint16_t ifidx, Kind kind) {
  if (Find(addr) != nullptr) return;
  if (++used_ * 2 > slots_.size()) {
    std::vector<Entry> old(slots_.size() * 2);
    old.swap(slots_);
    used_ = 1;
    for (const Entry& e : old) {
      if (e.kind != Kind::kNone) Add(InAddr::V4(e.addr), e.ifidx, e.kind);
    }
  }
  size_t i = Hash(addr.v4());
  while (slots_[i & (slots_.size() - 1)].kind != Kind::kNone) ++i;
  slots_[i & (slots_.size() - 1)] = Entry{addr.v4(), ifidx, kind};
}

Ifnet::Ifnet(Netstack& stack, std::string_view name) : ns(stack), xname(name) {}

Ifnet::~Ifnet() = default;

void if_input(Ifnet& ifp, MbufList frames) {
  Netstack& ns = ifp.ns;
  while (MbufPtr m = frames.Dequeue()) {
    if (m->pkthdr.id == 0) m->pkthdr.id = ns.NewPacketId();
    m->pkthdr.ifidx = ifp.index;
    ns.tracer.Enter(Fn::kIfInput, *m);
    ++ifp.stats.ipackets;
    ifp.stats.ibytes += m->pkthdr.len;
    if (!ifp.up() || ifp.input == nullptr) [[unlikely]] {
      ++ifp.stats.ierrors;
      ns.Drop(std::move(m), DropReason::kIfDown);
      continue;
    }
    ifp.input(ifp, std::move(m));
  }
}

Errno if_input_local(Ifnet& ifp, MbufPtr m, Family family) {
  Netstack& ns = ifp.ns;
  PktHdr& hdr = m->pkthdr;
  // What left this host without a checksum needs none to enter it.
  const uint16_t out = hdr.csum_flags;
  hdr.csum_flags = 0;
  hdr.csum_len = 0;
  if ((out & kMTcpCsumOut) != 0) hdr.csum_flags |= kMTcpCsumInOk;
  if ((out & kMUdpCsumOut) != 0) hdr.csum_flags |= kMUdpCsumInOk;
  if ((out & kMIcmpCsumOut) != 0) hdr.csum_flags |= kMIcmpCsumInOk;
  m->flags |= kMLoop;
  hdr.ifidx = ifp.index;
  ++ifp.stats.ipackets;
  ifp.stats.ibytes += hdr.len;
  NetisrQueue* const queue = ns.QueueOf(family);
  if (queue == nullptr) {
    ++ifp.stats.noproto;
    ns.Drop(std::move(m), DropReason::kEtherUnknownType);
    return kEAFNOSUPPORT;
  }
  netisr_enqueue(ns, *queue, std::move(m));
  return kOk;
}

Errno if_enqueue(Ifnet& ifp, MbufPtr m) {
  Netstack& ns = ifp.ns;
  ns.tracer.Enter(Fn::kIfSnd, *m);
  const Mbuf* const sent = m.get();
  ifp.stats.obytes += m->pkthdr.len;
  ++ifp.stats.opackets;
  if (m->has(kMBcast | kMMcast)) ++ifp.stats.omcasts;
  MbufPtr victim = ifp.snd.Enqueue(std::move(m));
  const bool queued = victim.get() != sent;
  const bool full = victim.get() != nullptr;
  if (full) {
    --ifp.stats.opackets;
    ifp.stats.obytes -= victim->pkthdr.len;
    ++ifp.stats.oqdrops;
    ns.Drop(std::move(victim), DropReason::kIfqFull);
  }
  if (queued) ns.tracer.Enter(Fn::kIfStart, *sent);
  if (ifp.start != nullptr) ifp.start(ifp);
  return full ? kENOBUFS : kOk;
}

Errno if_addaddr(Ifnet& ifp, const InAddr& addr, uint8_t prefixlen) {
  if (!addr.is_v4()) return kEAFNOSUPPORT;
  const uint32_t a = addr.v4();
  if (prefixlen > 32 || addr.is_any() || addr == kInaddrBroadcast ||
      in_multicast(addr)) {
    return kEINVAL;
  }
  for (const IfAddr& have : ifp.addrs) {
    if (have.addr == addr) return kEEXIST;
  }
  Netstack& ns = ifp.ns;
  IfAddr ifa{addr, prefixlen, {}};
  const uint32_t mask = MaskOf(prefixlen);
  ns.local_addrs.Add(addr, ifp.index, LocalAddrTable::Kind::kUnicast);
  AddRoute(ifp, addr, 32, addr, kRtfHost | kRtfLocal);
  if (prefixlen < 32) AddRoute(ifp, InAddr::V4(a & mask), prefixlen, addr, 0);
  if (ifp.is(kIffBroadcast) && prefixlen < 31) {
    ifa.broadcast = InAddr::V4(a | ~mask);
    ns.local_addrs.Add(ifa.broadcast, ifp.index,
                       LocalAddrTable::Kind::kBroadcast);
    AddRoute(ifp, ifa.broadcast, 32, addr, kRtfHost | kRtfBroadcast);
  }
  ifp.addrs.push_back(ifa);
  return kOk;
}

Ifnet* if_get(Netstack& ns, uint16_t index) {
  if (index == 0 || index > ns.interfaces.size()) return nullptr;
  return ns.interfaces[index - 1u].get();
}

Ifnet* ifunit(Netstack& ns, std::string_view name) {
  for (const auto& ifp : ns.interfaces) {
    if (ifp->xname == name) return ifp.get();
  }
  return nullptr;
}

Ifnet* if_first(Netstack& ns, uint32_t flags) {
  for (const auto& ifp : ns.interfaces) {
    if ((ifp->flags & flags) == flags) return ifp.get();
  }
  return nullptr;
}

Ifnet* ifa_ifwithaddr(Netstack& ns, const InAddr& addr) {
  const LocalAddrTable::Entry* const e = ns.local_addrs.Find(addr);
  if (e == nullptr || e->kind != LocalAddrTable::Kind::kUnicast) return nullptr;
  return if_get(ns, e->ifidx);
}

Ifnet* ifa_ifwithnet(Netstack& ns, const InAddr& addr) {
  if (!addr.is_v4()) return nullptr;
  Ifnet* best = nullptr;
  int best_len = -1;
  for (const auto& ifp : ns.interfaces) {
    for (const IfAddr& ifa : ifp->addrs) {
      const uint32_t mask = MaskOf(ifa.prefixlen);
      if (((addr.v4() ^ ifa.addr.v4()) & mask) != 0) continue;
      if (ifa.prefixlen <= best_len) continue;
      best = ifp.get();
      best_len = ifa.prefixlen;
    }
  }
  return best;
}

bool in_broadcast(const Ifnet& ifp, const InAddr& addr) {
  if (!ifp.is(kIffBroadcast)) return false;
  if (addr == kInaddrBroadcast) return true;
  return std::any_of(ifp.addrs.begin(), ifp.addrs.end(), [&](const IfAddr& a) {
    return a.broadcast.is_v4() && a.broadcast == addr;
  });
}

}  // namespace splnet
