// Fragments of IPv4: held until the packet is whole, too old or wrong.

#include "stack/netinet/ip_frag.h"

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "stack/netinet/in_cksum.h"
#include "stack/netinet/ip.h"
#include "stack/netinet/ip_icmp.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

// What the fragments of one packet have in common.
struct FragKey {
  uint64_t addrs = 0;  // source and destination
  uint32_t rest = 0;   // identification and protocol

  bool operator==(const FragKey&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const FragKey& k) {
    return H::combine(std::move(h), k.addrs, k.rest);
  }
};

FragKey KeyOf(const IpHeader& ip) {
  return FragKey{uint64_t{ip.src.addr} << 32 | ip.dst.addr,
                 uint32_t{ip.id} << 8 | ip.p};
}

// One fragment: its payload's place, and the packet, header and all.
struct Fragment {
  uint32_t begin = 0;
  uint32_t end = 0;
  MbufPtr m;
  std::unique_ptr<Fragment> next;  // by begin
};

// A packet under way.
struct FragQueue : TimeoutLink {  // in the list of packets, oldest first
  FragKey key;
  SimTime until{};
  std::unique_ptr<Fragment> head;
  Fragment* tail = nullptr;
  uint32_t held_bytes = 0;
  uint32_t total_bytes = 0;  // of payload; 0 until the last one is here
  size_t count = 0;

  ~FragQueue() {
    while (head) head = std::move(head->next);  // without recursion
  }
};

}  // namespace

struct IpFragTable::Impl {
  explicit Impl(Netstack& stack) : ns(stack), timer(stack.cpu, Expire, this) {}
  ~Impl() {
    while (ages.linked()) ages.next->Unlink();
  }

  Netstack& ns;
  // Not iterated, for the order would differ from run to run.
  absl::flat_hash_map<FragKey, std::unique_ptr<FragQueue>> queues;
  TimeoutLink ages;
  size_t fragments = 0;
  Timeout timer;  // for the oldest packet

  static FragQueue& QueueOf(TimeoutLink& link) {
    return static_cast<FragQueue&>(link);
  }

  FragQueue& Queue(const FragKey& key);
  void Remove(FragQueue& q);
  // Drops what is held of a packet, for a reason.
  void DropQueue(FragQueue& q, DropReason reason);
  bool MakeRoom(const FragKey& wanted);
  // Puts the fragment in its place.  False if it was dropped, and perhaps the
  // whole packet with it.
  bool Insert(FragQueue& q, std::unique_ptr<Fragment> f);
  MbufPtr Join(FragQueue& q, uint64_t id);
  void Restart();
  static void Expire(void* self);
};

FragQueue& IpFragTable::Impl::Queue(const FragKey& key) {
  auto& slot = queues[key];
  if (slot) return *slot;
  slot = std::make_unique<FragQueue>();
  slot->key = key;
  slot->until = ns.now() + std::chrono::seconds(ns.settings.ip_fragttl);
  slot->Append(ages);
  if (!timer.pending()) Restart();
  return *slot;
}

void IpFragTable::Impl::Remove(FragQueue& q) {
  fragments -= q.count;
  q.Unlink();
  if (!ages.linked()) timeout_del(timer);
  const FragKey key = q.key;
  queues.erase(key);
}

void IpFragTable::Impl::DropQueue(FragQueue& q, DropReason reason) {
  for (Fragment* f = q.head.get(); f != nullptr; f = f->next.get()) {
    ++ns.ipstat.fragdropped;
    if (f->m) ns.Drop(std::move(f->m), reason);
  }
  Remove(q);
}

bool IpFragTable::Impl::MakeRoom(const FragKey& wanted) {
  const auto limit = static_cast<size_t>(ns.settings.ip_maxqueue);
  while (fragments >= limit) {
    if (!ages.linked()) return false;
    FragQueue& oldest = QueueOf(*ages.next);
    if (oldest.key == wanted) return false;
    DropQueue(oldest, DropReason::kIpFragLimit);
  }
  return true;
}

bool IpFragTable::Impl::Insert(FragQueue& q, std::unique_ptr<Fragment> f) {
  // In order is the rule, and then the place is known at once.
  std::unique_ptr<Fragment>* at = &q.head;
  const Fragment* before = nullptr;
  if (q.tail != nullptr && q.tail->begin < f->begin) {
    before = q.tail;
    at = &q.tail->next;
  } else {
    while (*at && (*at)->begin < f->begin) {
      before = at->get();
      at = &(*at)->next;
    }
  }
  const Fragment* const after = at->get();
  const uint16_t off = m_read<IpHeader>(*f->m, 0)->off;
  const bool last = (off & kIpMf) == 0;
  if (after != nullptr && after->begin == f->begin && after->end == f->end &&
      last == (q.total_bytes == f->end)) {
    ++ns.ipstat.fragdropped;
    ns.Drop(std::move(f->m), DropReason::kIpFragDuplicate);
    return false;
  }
  // Each byte comes once, and nothing comes behind the last.
  const bool overlaps = (before != nullptr && before->end > f->begin) ||
                        (after != nullptr && after->begin < f->end);
  const bool two_ends = q.total_bytes != 0 && (last || f->end > q.total_bytes);
  const bool too_short = last && q.tail != nullptr && q.tail->end > f->end;
  if (overlaps || two_ends || too_short) {
    ++ns.ipstat.fragdropped;
    ns.Drop(std::move(f->m), DropReason::kIpFragOverlap);
    DropQueue(q, DropReason::kIpFragOverlap);
    return false;
  }
  if (last) q.total_bytes = f->end;
  q.held_bytes += f->end - f->begin;
  ++q.count;
  ++fragments;
  f->next = std::move(*at);
  if (!f->next) q.tail = f.get();
  *at = std::move(f);
  return true;
}

// The fragments, all here, as one packet.
MbufPtr IpFragTable::Impl::Join(FragQueue& q, uint64_t id) {
  MbufPtr whole = std::move(q.head->m);
  IpHeader ip = *m_read<IpHeader>(*whole, 0);
  const size_t total = ip.hlen() + q.total_bytes;
  Mbuf* tail = whole.get();
  for (Fragment* f = q.head->next.get(); f != nullptr; f = f->next.get()) {
    MbufPtr m = std::move(f->m);
    m_trim_front(*m, m_read<IpHeader>(*m, 0)->hlen());
    whole->flags |= m->flags & (kMBcast | kMMcast);
    m_removehdr(*m);
    while (tail->next != nullptr) tail = tail->next;
    tail->next = m.release();
  }
  Remove(q);
  if (total > kIpMaxPacket) {
    ++ns.ipstat.fragdropped;
    ns.Drop(std::move(whole), DropReason::kIpTooBig);
    return nullptr;
  }
  whole->pkthdr.len = static_cast<uint32_t>(total);
  whole->pkthdr.id = id;
  whole->pkthdr.csum_flags = 0;
  whole->pkthdr.csum_len = 0;
  whole = m_makewritable(std::move(whole), 0, sizeof ip);
  if (!whole) {
    ns.Lost(DropReason::kIpNoBuffers, id);
    return nullptr;
  }
  // The header becomes that of a packet that was never cut, for an ICMP error
  // may quote it.
  ip.len = static_cast<uint16_t>(total);
  ip.off = 0;
  ip.sum = 0;
  CksumPartial sum = in_cksum_20(&ip);
  if (ip.hlen() > sizeof ip) {
    sum += in_cksum_partial(whole->data + sizeof ip, ip.hlen() - sizeof ip);
  }
  ip.sum = in_cksum_field(sum);
  m_write(*whole, 0, ip);
  ++ns.ipstat.reassembled;
  return whole;
}

void IpFragTable::Impl::Restart() {
  if (ages.linked()) timeout_add_at(timer, QueueOf(*ages.next).until);
}

void IpFragTable::Impl::Expire(void* arg) {
  auto& self = *static_cast<Impl*>(arg);
  Netstack& ns = self.ns;
  while (self.ages.linked() && QueueOf(*self.ages.next).until <= ns.now()) {
    FragQueue& q = QueueOf(*self.ages.next);
    ++ns.ipstat.fragtimeout;
    MbufPtr first;
    if (q.head->begin == 0) first = std::move(q.head->m);
    self.DropQueue(q, DropReason::kIpFragTimeout);
    if (!first) continue;
    // RFC 1122 section 3.3.2: only the first fragment names the ports.
    icmp_error(ns, std::move(first), kIcmpTimxceed, kIcmpTimxceedReass, 0);
  }
  self.Restart();
}

IpFragTable::IpFragTable(Netstack& ns) : impl_(std::make_unique<Impl>(ns)) {}

IpFragTable::~IpFragTable() = default;

size_t IpFragTable::fragments() const { return impl_->fragments; }

size_t IpFragTable::packets() const { return impl_->queues.size(); }

MbufPtr IpFragTable::Reassemble(MbufPtr m) {
  Netstack& ns = impl_->ns;
  ns.tracer.Enter(Fn::kIpReass, *m);
  ++ns.ipstat.fragments;
  const IpHeader ip = *m_read<IpHeader>(*m, 0);
  auto f = std::make_unique<Fragment>();
  f->begin = (ip.off & kIpOffMask) * 8u;
  f->end = f->begin + ip.len - static_cast<uint32_t>(ip.hlen());
  const bool more = (ip.off & kIpMf) != 0;
  // All but the last are of whole units of 8 bytes, and none reaches beyond
  // the longest packet.
  if (f->end == f->begin || (more && f->end % 8 != 0) ||
      f->end + ip.hlen() > kIpMaxPacket) {
    ++ns.ipstat.fragdropped;
    ns.Drop(std::move(m), DropReason::kIpFragBad);
    return nullptr;
  }
  const FragKey key = KeyOf(ip);
  if (!impl_->MakeRoom(key)) {
    ++ns.ipstat.fragdropped;
    ns.Drop(std::move(m), DropReason::kIpFragLimit);
    return nullptr;
  }
  const uint64_t id = m->pkthdr.id;
  const uint32_t len = m->pkthdr.len;
  f->m = std::move(m);
  FragQueue& q = impl_->Queue(key);
  if (!impl_->Insert(q, std::move(f))) return nullptr;
  if (q.total_bytes == 0 || q.held_bytes != q.total_bytes) {
    ns.tracer.Met(Fate::kQueued, id, nullptr, len);
    return nullptr;
  }
  return impl_->Join(q, id);
}

}  // namespace splnet
