// Protocol control blocks: allocation, naming, lookup.

#include "stack/netinet/in_pcb.h"

#include <string>
#include <utility>

#include "stack/netinet/ip_var.h"
#include "stack/netinet/tcp_var.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

constexpr size_t kInitialBuckets = 128;

// The two halves of a 128-bit product, mixed: every bit of both factors
// reaches every bit of the hash.
uint64_t Mix(uint64_t a, uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

template <typename Chain>
void Prepend(Chain& chain, Inpcb& inp) {
  inp.port_prev = nullptr;
  inp.port_next = chain.head;
  (chain.head == nullptr ? chain.tail : chain.head->port_prev) = &inp;
  chain.head = &inp;
}

template <typename Chain>
void Append(Chain& chain, Inpcb& inp) {
  inp.port_next = nullptr;
  inp.port_prev = chain.tail;
  (chain.tail == nullptr ? chain.head : chain.tail->port_next) = &inp;
  chain.tail = &inp;
}

// A local address may be bound if it is ours, or names a group, or all of the
// net for datagrams.
bool MayBind(const Inpcb& inp, const InAddr& addr) {
  if (addr.is_any() || in_multicast(addr)) return true;
  Netstack& ns = inp.table.ns();
  if (ns.owns_everything) return true;
  const LocalAddrTable::Entry* const e = ns.local_addrs.Find(addr);
  if (e != nullptr && e->kind == LocalAddrTable::Kind::kUnicast) return true;
  return inp.so->type == SocketType::kDgram &&
         (addr == kInaddrBroadcast || e != nullptr);
}

}  // namespace

Inpcb::Inpcb(InpcbTable& owner, Socket& socket)
    : table(owner),
      so(&socket),
      ttl(static_cast<uint8_t>(owner.ns().settings.ip_ttl)) {
  laddr.addr = kInaddrAny;
}

Inpcb::~Inpcb() = default;

InpcbTable::InpcbTable(Netstack& ns, std::string_view name)
    : ns_(ns),
      ports_(ns.Stream(std::string(name) + ":port")),
      mask_(kInitialBuckets - 1),
      by_tuple_(kInitialBuckets),
      by_port_(kInitialBuckets) {
  RandomStream key = ns.Stream(std::string(name) + ":hash");
  secret_[0] = key.Next();
  secret_[1] = key.Next();
}

InpcbTable::~InpcbTable() { CHECK(list_head_ == nullptr); }

void InpcbTable::DetachAll() {
  // Connections that nobody accepted first: their sockets are in queues.
  for (Inpcb* inp = list_head_; inp != nullptr; inp = inp->list_next) {
    if (!inp->so->listen) continue;
    ListenQueue& queue = *inp->so->listen;
    for (auto* q : {&queue.q0, &queue.q}) {
      for (const SocketPtr& so : *q) so->head = nullptr;
      q->clear();
    }
  }
  while (list_head_ != nullptr) {
    Inpcb& inp = *list_head_;
    in_pcbdetach(inp);
  }
}

uint64_t InpcbTable::Hash(const Sockaddr& faddr, const Sockaddr& laddr) const {
  const uint64_t ports = uint64_t{faddr.port} << 48 | uint64_t{laddr.port}
                                                          << 32;
  return Mix(faddr.addr.lo ^ faddr.addr.hi ^ ports ^ secret_[0],
             laddr.addr.lo ^ laddr.addr.hi ^ secret_[1]);
}

void InpcbTable::Link(Inpcb& inp) {
  if (inp.laddr.port == 0) return;
  PortChain& chain = by_port_[inp.laddr.port & mask_];
  inp.on_port = true;
  inp.chain_port = inp.laddr.port;
  // A listener is found without passing its connections, however many.
  if (!inp.connected()) return Prepend(chain, inp);
  Append(chain, inp);

  inp.hash = Hash(inp.faddr, inp.laddr);
  Inpcb*& head = by_tuple_[inp.hash & mask_];
  inp.hash_prev = nullptr;
  inp.hash_next = head;
  if (head != nullptr) head->hash_prev = &inp;
  head = &inp;
  inp.on_tuple = true;
  ++connected_;
}

void InpcbTable::Unlink(Inpcb& inp) {
  if (std::exchange(inp.on_port, false)) {
    PortChain& chain = by_port_[inp.chain_port & mask_];
    (inp.port_prev == nullptr ? chain.head : inp.port_prev->port_next) =
        inp.port_next;
    (inp.port_next == nullptr ? chain.tail : inp.port_next->port_prev) =
        inp.port_prev;
  }
  if (std::exchange(inp.on_tuple, false)) {
    (inp.hash_prev == nullptr ? by_tuple_[inp.hash & mask_]
                              : inp.hash_prev->hash_next) = inp.hash_next;
    if (inp.hash_next != nullptr) inp.hash_next->hash_prev = inp.hash_prev;
    --connected_;
  }
}

void InpcbTable::Grow() {
  for (Inpcb* p = list_head_; p != nullptr; p = p->list_next) Unlink(*p);
  mask_ = mask_ * 2 + 1;
  by_tuple_.assign(mask_ + 1, nullptr);
  by_port_.assign(mask_ + 1, PortChain{});
  for (Inpcb* p = list_head_; p != nullptr; p = p->list_next) Link(*p);
}

uint16_t InpcbTable::PickPort(const Sockaddr& laddr, bool wildcard) {
  const int64_t first = ns_.settings.ip_porthifirst;
  const int64_t last = ns_.settings.ip_porthilast;
  if (last < first) return 0;
  Sockaddr want = laddr;
  int64_t port = ports_.Between(first, last);
  for (int64_t n = first; n <= last; ++n) {
    want.port = static_cast<uint16_t>(port);
    if (in_pcblookup_bound(*this, want, wildcard) == nullptr) return want.port;
    if (++port > last) port = first;
  }
  return 0;
}

Errno in_pcballoc(InpcbTable& table, Socket& so) {
  auto* const inp = new Inpcb(table, so);
  so.pcb = inp;
  inp->list_prev = table.list_tail_;
  (table.list_tail_ == nullptr ? table.list_head_
                               : table.list_tail_->list_next) = inp;
  table.list_tail_ = inp;
  if (++table.count_ > table.mask_) table.Grow();
  return kOk;
}

void in_pcbdetach(Inpcb& inp) {
  if (inp.detached) return;
  InpcbTable& table = inp.table;
  table.Unlink(inp);
  (inp.list_prev == nullptr ? table.list_head_ : inp.list_prev->list_next) =
      inp.list_next;
  (inp.list_next == nullptr ? table.list_tail_ : inp.list_next->list_prev) =
      inp.list_prev;
  --table.count_;
  for (const InAddr& group : inp.groups) table.ns().groups.Leave(group);
  inp.groups.clear();
  inp.detached = true;
  inp.so->pcb = nullptr;
  table.ns().Retire(std::unique_ptr<Inpcb>(&inp));
}

void in_pcbrehash(Inpcb& inp) {
  inp.table.Unlink(inp);
  inp.table.Link(inp);
}

Errno in_pcbbind(Inpcb& inp, const Sockaddr& nam) {
  if (inp.laddr.port != 0 || !inp.laddr.addr.is_any()) return kEINVAL;
  if (!nam.addr.is_v4()) return kEAFNOSUPPORT;
  if (!MayBind(inp, nam.addr)) return kEADDRNOTAVAIL;

  InpcbTable& table = inp.table;
  const Socket& so = *inp.so;
  const bool wildcard = !so.has(kSO_REUSEADDR | kSO_REUSEPORT);
  int share = so.options & kSO_REUSEPORT;
  if (in_multicast(nam.addr) && so.has(kSO_REUSEADDR | kSO_REUSEPORT)) {
    share = kSO_REUSEADDR | kSO_REUSEPORT;
  }
  uint16_t port = nam.port;
  if (port != 0) {
    const Inpcb* const other = in_pcblookup_bound(table, nam, wildcard);
    if (other != nullptr && (share & other->so->options) == 0) {
      return kEADDRINUSE;
    }
  } else {
    port = table.PickPort(nam, wildcard);
    if (port == 0) return kEADDRNOTAVAIL;
    inp.flags |= kInpAnonPort;
  }
  inp.laddr = Sockaddr(nam.addr, port);
  in_pcbrehash(inp);
  return kOk;
}

Errno in_pcbconnect(Inpcb& inp, const Sockaddr& nam) {
  if (!nam.addr.is_v4()) return kEAFNOSUPPORT;
  if (nam.port == 0) return kEADDRNOTAVAIL;
  Netstack& ns = inp.table.ns();
  Sockaddr faddr = nam;
  if (faddr.addr.is_any()) {
    const Ifnet* const lo = if_first(ns, kIffUp | kIffLoopback);
    const Ifnet* const ifp = lo != nullptr ? lo : if_first(ns, kIffUp);
    if (ifp == nullptr || ifp->addrs.empty()) return kENETUNREACH;
    faddr.addr = ifp->addrs.front().addr;
  }
  const InAddr source = in_pcbselsrc(inp, faddr.addr);
  if (source.family == Family::kUnspec) return kENETUNREACH;
  if (inp.laddr.port == 0) {
    const InAddr any = inp.laddr.addr;
    inp.laddr.addr = kInaddrAny;
    const Errno error = in_pcbbind(inp, Sockaddr(any, 0));
    if (error != kOk) {
      inp.laddr.addr = any;
      return error;
    }
  }
  const Sockaddr laddr(source, inp.laddr.port);
  if (in_pcblookup_exact(inp.table, faddr, laddr) != nullptr) {
    return kEADDRINUSE;
  }
  inp.laddr = laddr;
  inp.faddr = faddr;
  in_pcbrehash(inp);
  return kOk;
}

void in_pcbdisconnect(Inpcb& inp) {
  inp.faddr = Sockaddr();
  in_pcbrehash(inp);
}

InAddr in_pcbselsrc(Inpcb& inp, const InAddr& dst) {
  const InAddr& bound = inp.laddr.addr;
  if (!bound.is_any() && !in_multicast(bound) &&
      inp.table.ns().local_addrs.IsUnicast(bound)) {
    return bound;
  }
  if (!bound.is_any() && inp.table.ns().owns_everything) return bound;
  return in_selectsrc(inp.table.ns(), dst, &inp.route);
}

Inpcb* in_pcblookup_exact(InpcbTable& table, const Sockaddr& from,
                          const Sockaddr& to) {
  if (table.connected_ == 0) return nullptr;
  const uint64_t hash = table.Hash(from, to);
  for (Inpcb* p = table.by_tuple_[hash & table.mask_]; p != nullptr;
       p = p->hash_next) {
    if (p->hash == hash && p->faddr == from && p->laddr == to) return p;
  }
  return nullptr;
}

Inpcb* in_pcblookup_local(InpcbTable& table, const Sockaddr& to) {
  Inpcb* any = nullptr;
  for (Inpcb* p = table.first_on_port(to.port); p != nullptr && !p->connected();
       p = p->port_next) {
    if (p->laddr.port != to.port) continue;
    if (p->laddr.addr == to.addr) return p;
    if (any == nullptr && p->laddr.addr.is_any()) any = p;
  }
  return any;
}

Inpcb* in_pcblookup(InpcbTable& table, const Sockaddr& from,
                    const Sockaddr& to) {
  if (Inpcb* const inp = in_pcblookup_exact(table, from, to)) return inp;
  return in_pcblookup_local(table, to);
}

Inpcb* in_pcblookup_bound(const InpcbTable& table, const Sockaddr& laddr,
                          bool wildcard) {
  Inpcb* best = nullptr;
  int best_differs = 3;
  for (Inpcb* p = table.first_on_port(laddr.port); p != nullptr;
       p = p->port_next) {
    if (p->laddr.port != laddr.port) continue;
    int differs = p->connected() ? 1 : 0;
    if (p->laddr.addr.is_any() != laddr.addr.is_any()) {
      ++differs;
    } else if (p->laddr.addr != laddr.addr) {
      continue;
    }
    if (differs > 0 && !wildcard) continue;
    if (differs >= best_differs) continue;
    best = p;
    best_differs = differs;
    if (differs == 0) break;
  }
  return best;
}

void in_pcbnotifyall(InpcbTable& table, const Sockaddr& dst, Errno error,
                     void (*notify)(Inpcb& inp, Errno error)) {
  // What a notification detaches is retired, not freed, but off the list.
  for (Inpcb* p = table.first(); p != nullptr;) {
    Inpcb* const next = p->list_next;
    if (!p->detached && p->connected() && p->faddr.addr == dst.addr &&
        (dst.port == 0 || p->faddr.port == dst.port)) {
      notify(*p, error);
    }
    p = next;
  }
}

}  // namespace splnet
