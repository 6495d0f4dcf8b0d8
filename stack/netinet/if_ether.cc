// ARP: who has which address, and packets that wait for the answer.

#include "stack/netinet/if_ether.h"

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "stack/net/if_ethersubr.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

constexpr Nanoseconds kArpRetry = std::chrono::seconds(1);

enum class ArpState : uint8_t {
  kIncomplete,  // asked, not answered
  kReachable,
  kDown,    // did not answer
  kStatic,  // entered by hand
};

struct ArpEntry;

struct AgeLink : TimeoutLink {
  ArpEntry* entry = nullptr;
};

// One neighbour.
struct ArpEntry {
  ArpEntry(Cpu& cpu, void (*expire)(void*), void* table_impl, uint64_t k)
      : timer(cpu, expire, this), impl(table_impl), key(k) {
    age.entry = this;
  }

  Timeout timer;  // the next request, or the end of a state
  void* impl;     // ArpTable::Impl
  const uint64_t key;
  ArpState state = ArpState::kIncomplete;
  int tries = 0;
  EtherAddr lladdr;
  MbufList held;
  AgeLink age;  // while this host has not asked for it
};

uint64_t KeyOf(uint16_t ifidx, const InAddr& addr) {
  return uint64_t{ifidx} << 32 | addr.v4();
}

}  // namespace

struct ArpTable::Impl {
  Impl(Netstack& stack, ArpStat& st) : ns(stack), stats(st) {}

  Netstack& ns;
  ArpStat& stats;
  // Not iterated, for the order would differ from run to run.
  absl::flat_hash_map<uint64_t, std::unique_ptr<ArpEntry>> entries;
  size_t learnt = 0;         // entries that are not static
  TimeoutLink unasked;       // those that this host has not asked for, by age
  ArpEntry* last = nullptr;  // the one found last

  ArpEntry* Lookup(uint64_t key) {
    if (last != nullptr && last->key == key) return last;
    const auto it = entries.find(key);
    if (it == entries.end()) return nullptr;
    return last = it->second.get();
  }

  bool full() const {
    return static_cast<int64_t>(learnt) >= ns.settings.arp_max_entries;
  }

  Ifnet& InterfaceOf(const ArpEntry& e) {
    return *if_get(ns, static_cast<uint16_t>(e.key >> 32));
  }

  ArpEntry& Insert(uint64_t key);
  void Remove(ArpEntry& e);
  bool MakeRoom();
  void DropHeld(ArpEntry& e);
  void Ask(ArpEntry& e);
  void Hold(ArpEntry& e, MbufPtr m);
  void Resolve(ArpEntry& e, const EtherAddr& lladdr);
  void Learn(Ifnet& ifp, const ArpHeader& ah, bool for_us);
  static void Expire(void* entry);
};

ArpEntry& ArpTable::Impl::Insert(uint64_t key) {
  auto& slot = entries[key];
  slot = std::make_unique<ArpEntry>(ns.cpu, Expire, this, key);
  ++learnt;
  return *slot;
}

void ArpTable::Impl::Remove(ArpEntry& e) {
  if (last == &e) last = nullptr;
  DropHeld(e);
  e.age.Unlink();
  if (e.state != ArpState::kStatic) --learnt;
  entries.erase(e.key);
}

// Makes room for an entry that this host needs.  False if it cannot.
bool ArpTable::Impl::MakeRoom() {
  if (!full()) return true;
  if (!unasked.linked()) return false;
  ++stats.evicted;
  Remove(*static_cast<AgeLink*>(unasked.next)->entry);
  return true;
}

void ArpTable::Impl::DropHeld(ArpEntry& e) {
  while (MbufPtr m = e.held.Dequeue()) {
    ns.Drop(std::move(m), DropReason::kArpUnresolved);
  }
}

void ArpTable::Impl::Ask(ArpEntry& e) {
  ++e.tries;
  timeout_add(e.timer, kArpRetry);
  arprequest(InterfaceOf(e), InAddr::V4(static_cast<uint32_t>(e.key)));
}

void ArpTable::Impl::Hold(ArpEntry& e, MbufPtr m) {
  if (e.held.size() >= kArpMaxHeld) {
    ++stats.heldreplaced;
    ns.Drop(e.held.Dequeue(), DropReason::kArpHoldReplaced);
  }
  e.held.Enqueue(std::move(m));
}

// An answer, or what is as good: sends what was held.
void ArpTable::Impl::Resolve(ArpEntry& e, const EtherAddr& lladdr) {
  e.lladdr = lladdr;
  e.state = ArpState::kReachable;
  e.tries = 0;
  timeout_add(e.timer, std::chrono::seconds(ns.settings.arp_timeout));
  MbufList held = std::move(e.held);
  Ifnet& ifp = InterfaceOf(e);
  while (MbufPtr m = held.Dequeue()) {
    // Nobody waits for the result any more; what is dropped is counted.
    static_cast<void>(ether_send(ifp, std::move(m), lladdr, kEthertypeIp));
  }
}

void ArpTable::Impl::Expire(void* entry) {
  auto& e = *static_cast<ArpEntry*>(entry);
  auto& self = *static_cast<Impl*>(e.impl);
  switch (e.state) {
    case ArpState::kIncomplete:
      if (e.tries < kArpMaxTries) return self.Ask(e);
      ++self.stats.unanswered;
      e.state = ArpState::kDown;
      timeout_add(e.timer, std::chrono::seconds(self.ns.settings.arp_down));
      return self.DropHeld(e);
    case ArpState::kReachable:
      ++self.stats.expired;
      return self.Remove(e);
    case ArpState::kDown:
      return self.Remove(e);
    case ArpState::kStatic:
      return;
  }
}

// Takes the sender's address pair from a valid packet.
void ArpTable::Impl::Learn(Ifnet& ifp, const ArpHeader& ah, bool for_us) {
  const uint64_t key = KeyOf(ifp.index, InAddr(ah.spa));
  if (ArpEntry* const e = Lookup(key)) {
    if (e->state != ArpState::kStatic) return Resolve(*e, ah.sha);
    if (e->lladdr != ah.sha) ++stats.overwrites;
    return;
  }
  if (!for_us || ifa_ifwithnet(ns, InAddr(ah.spa)) != &ifp) return;
  if (full()) {
    ++stats.tablefull;
    return;
  }
  ArpEntry& e = Insert(key);
  e.age.Append(unasked);
  Resolve(e, ah.sha);
}

ArpTable::ArpTable(Netstack& ns) : impl_(std::make_unique<Impl>(ns, stats)) {}

ArpTable::~ArpTable() = default;

void ArpTable::AddStatic(uint16_t ifidx, const InAddr& addr,
                         const EtherAddr& lladdr) {
  const uint64_t key = KeyOf(ifidx, addr);
  ArpEntry* e = impl_->Lookup(key);
  if (e == nullptr) e = &impl_->Insert(key);
  if (e->state != ArpState::kStatic) --impl_->learnt;
  e->age.Unlink();
  impl_->Resolve(*e, lladdr);
  e->state = ArpState::kStatic;
  timeout_del(e->timer);
}

bool ArpTable::Delete(uint16_t ifidx, const InAddr& addr) {
  ArpEntry* const e = impl_->Lookup(KeyOf(ifidx, addr));
  if (e == nullptr) return false;
  impl_->Remove(*e);
  return true;
}

const EtherAddr* ArpTable::Find(uint16_t ifidx, const InAddr& addr) const {
  const ArpEntry* const e = impl_->Lookup(KeyOf(ifidx, addr));
  if (e == nullptr) return nullptr;
  const bool known =
      e->state == ArpState::kReachable || e->state == ArpState::kStatic;
  return known ? &e->lladdr : nullptr;
}

size_t ArpTable::size() const { return impl_->entries.size(); }

Errno arpresolve(Ifnet& ifp, MbufPtr& m, const InAddr& dst, EtherAddr* lladdr) {
  Netstack& ns = ifp.ns;
  ns.tracer.Enter(Fn::kArpresolve, *m);
  ArpTable::Impl& table = *ns.arp.impl_;
  const uint64_t key = KeyOf(ifp.index, dst);
  ArpEntry* e = table.Lookup(key);
  if (e != nullptr) [[likely]] {
    switch (e->state) {
      case ArpState::kReachable:
        e->age.Unlink();  // from now on it is needed
        [[fallthrough]];
      case ArpState::kStatic:
        *lladdr = e->lladdr;
        return kOk;
      case ArpState::kIncomplete:
        table.Hold(*e, std::move(m));
        return kEWOULDBLOCK;
      case ArpState::kDown:
        ns.Drop(std::move(m), DropReason::kArpUnresolved);
        return kEHOSTDOWN;
    }
  }
  if (ifp.is(kIffNoArp)) {
    ns.Drop(std::move(m), DropReason::kArpUnresolved);
    return kEHOSTDOWN;
  }
  if (!table.MakeRoom()) {
    ++ns.arp.stats.tablefull;
    ns.Drop(std::move(m), DropReason::kArpTableFull);
    return kENOBUFS;
  }
  e = &table.Insert(key);
  table.Hold(*e, std::move(m));
  table.Ask(*e);
  return kEWOULDBLOCK;
}

namespace {

void SendArp(Ifnet& ifp, const ArpHeader& ah, const EtherAddr& to) {
  Netstack& ns = ifp.ns;
  MbufPtr m = m_gethdr(ns.mbufs, MWait::kDontWait);
  if (!m) return ns.Lost(DropReason::kIpNoBuffers, 0);
  m->data += 2 + kEtherHdrLen;  // room for the Ethernet header
  m->len = m->pkthdr.len = sizeof ah;
  m->pkthdr.id = ns.NewPacketId();
  if (to == kEtherBroadcast) m->flags |= kMBcast;
  m_write(*m, 0, ah);
  if (!ifp.up()) return ns.Drop(std::move(m), DropReason::kIfDown);
  static_cast<void>(ether_send(ifp, std::move(m), to, kEthertypeArp));
}

// Answers the request `ah` for `target`, one of our addresses.
void arpreply(Ifnet& ifp, const ArpHeader& ah) {
  ++ifp.ns.arp.stats.sntreply;
  ArpHeader reply = ah;
  reply.op = kArpopReply;
  reply.tha = ah.sha;
  reply.tpa = ah.spa;
  reply.sha = ifp.lladdr;
  reply.spa = ah.tpa;
  SendArp(ifp, reply, ah.sha);
}

// The address of `ifp` that a request for `target` is sent from.
InAddr SourceFor(const Ifnet& ifp, const InAddr& target) {
  for (const IfAddr& a : ifp.addrs) {
    if (a.prefixlen == 0) return a.addr;
    if ((a.addr.v4() ^ target.v4()) >> (32 - a.prefixlen) == 0) return a.addr;
  }
  return ifp.addrs.empty() ? kInaddrAny : ifp.addrs.front().addr;
}

bool WellFormed(const ArpHeader& ah) {
  return ah.hrd == kArphrdEther && ah.pro == kEthertypeIp &&
         ah.hln == sizeof(EtherAddr) && ah.pln == sizeof(In4Wire) &&
         (ah.op == kArpopRequest || ah.op == kArpopReply) &&
         !ah.sha.is_multicast();
}

}  // namespace

void arprequest(Ifnet& ifp, const InAddr& target) {
  ArpHeader ah;
  ah.hrd = kArphrdEther;
  ah.pro = kEthertypeIp;
  ah.hln = sizeof(EtherAddr);
  ah.pln = sizeof(In4Wire);
  ah.op = kArpopRequest;
  ah.sha = ifp.lladdr;
  ah.spa = SourceFor(ifp, target).wire4();
  ah.tpa = target.wire4();
  ++ifp.ns.arp.stats.sntrequest;
  SendArp(ifp, ah, kEtherBroadcast);
}

void arpinput(Ifnet& ifp, MbufPtr m) {
  Netstack& ns = ifp.ns;
  ns.tracer.Enter(Fn::kArpinput, *m);
  const auto ah = m_read<ArpHeader>(*m, 0);
  if (!ah) return ns.Drop(std::move(m), DropReason::kArpShort);
  if (!WellFormed(*ah)) return ns.Drop(std::move(m), DropReason::kArpBad);
  ArpStat& stats = ns.arp.stats;
  const bool request = ah->op == kArpopRequest;
  ++(request ? stats.rcvrequest : stats.rcvreply);

  const InAddr sender(ah->spa);
  const InAddr target(ah->tpa);
  const bool for_us = ifa_ifwithaddr(ns, target) == &ifp;
  ArpTable::Impl& table = *ns.arp.impl_;
  if (ah->sha == ifp.lladdr) {
    // Our own, come back.
  } else if (ifa_ifwithaddr(ns, sender) == &ifp) {
    // Somebody else claims to be us.  Our answer defends the address.
    ++stats.conflicts;
    if (request && for_us) arpreply(ifp, *ah);
  } else if (!for_us && table.Lookup(KeyOf(ifp.index, sender)) == nullptr) {
    return ns.Drop(std::move(m), DropReason::kArpNotForUs);
  } else {
    // A probe (RFC 5227) has no sender, and there is nothing to learn.
    if (!sender.is_any() && !in_broadcast(ifp, sender) &&
        !in_multicast(sender)) {
      table.Learn(ifp, *ah, for_us);
    }
    if (request && for_us) arpreply(ifp, *ah);
  }
  ns.tracer.Met(Fate::kConsumed, m->pkthdr.id, nullptr, m->pkthdr.len);
}

}  // namespace splnet
