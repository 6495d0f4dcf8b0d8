// The SYN cache: its table and its timers.  tcp_synrecv.cc fills it.

#include "stack/netinet/tcp_syncache.h"

#include <algorithm>
#include <utility>

#include "stack/netinet/in_pcb.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

// The SYN-ACK again, or the end of waiting.
void Expire(void* arg) {
  SynCacheEntry& entry = *static_cast<SynCacheEntry*>(arg);
  SynCache& cache = entry.owner;
  Netstack& ns = cache.ns();
  // Gone too when we have meanwhile opened the same connection ourselves.
  if (in_pcblookup_exact(ns.tcbtable, entry.from, entry.to) != nullptr) {
    return cache.Remove(entry);
  }
  if (ns.now() >= entry.expires ||
      entry.rxtshift >= ns.settings.tcp_syncache_rexmtlimit) {
    ++ns.tcpstat.sc_timed_out;
    return cache.Remove(entry);
  }
  ++entry.rxtshift;
  ++ns.tcpstat.sc_retransmitted;
  entry.timed = false;
  entry.lost = true;
  syn_cache_respond(ns, entry);
  syn_cache_arm(entry);
}

}  // namespace

SynCacheEntry::SynCacheEntry(SynCache& cache)
    : owner(cache), timer(cache.ns().cpu, Expire, this) {}

SynCache::SynCache(Netstack& ns) : ns_(ns), keys_(ns.Stream("tcp:syncache")) {
  for (uint64_t& word : secret_) word = keys_.Next();
  for (uint64_t& word : cookie_secret_) word = keys_.Next();
}

SynCache::~SynCache() {
  while (head_ != nullptr) Remove(*head_);
}

uint32_t SynCache::BucketOf(const Sockaddr& from, const Sockaddr& to) const {
  return static_cast<uint32_t>(tcp_hash(secret_, to, from) % kBuckets);
}

void SynCache::LinkBucket(SynCacheEntry& entry) {
  entry.bucket = BucketOf(entry.from, entry.to);
  Bucket& bucket = buckets_[entry.bucket];
  entry.bucket_next = nullptr;
  entry.bucket_prev = bucket.tail;
  (bucket.tail == nullptr ? bucket.head : bucket.tail->bucket_next) = &entry;
  bucket.tail = &entry;
  ++bucket.count;
}

void SynCache::UnlinkBucket(SynCacheEntry& entry) {
  Bucket& bucket = buckets_[entry.bucket];
  (entry.bucket_prev == nullptr ? bucket.head
                                : entry.bucket_prev->bucket_next) =
      entry.bucket_next;
  (entry.bucket_next == nullptr ? bucket.tail
                                : entry.bucket_next->bucket_prev) =
      entry.bucket_prev;
  --bucket.count;
}

// A stranger who watches long enough may learn which addresses share a bucket.
void SynCache::Reseed() {
  for (uint64_t& word : secret_) word = keys_.Next();
  uses_ = 0;
  buckets_ = {};
  for (SynCacheEntry* p = head_; p != nullptr; p = p->next) LinkBucket(*p);
}

SynCacheEntry* SynCache::Lookup(const Sockaddr& from, const Sockaddr& to) {
  if (count_ == 0) return nullptr;
  SynCacheEntry* p = buckets_[BucketOf(from, to)].head;
  while (p != nullptr && (p->from != from || p->to != to)) p = p->bucket_next;
  return p;
}

bool SynCache::BucketFull(const Sockaddr& from, const Sockaddr& to) const {
  const auto limit = static_cast<uint64_t>(ns_.settings.tcp_syn_bucket_limit);
  return buckets_[BucketOf(from, to)].count >= limit;
}

bool SynCache::Full() const {
  return count_ >= static_cast<uint64_t>(ns_.settings.tcp_syncache_limit);
}

SynCacheEntry& SynCache::Insert(SynOpen open) {
  if (BucketFull(open.from, open.to)) {
    ++ns_.tcpstat.sc_bucketoverflow;
    Remove(*buckets_[BucketOf(open.from, open.to)].head);
  } else if (Full() && head_ != nullptr) {
    ++ns_.tcpstat.sc_overflowed;
    Remove(*head_);
  }
  if (++uses_ > kReseed) Reseed();
  auto* const entry = new SynCacheEntry(*this);
  static_cast<SynOpen&>(*entry) = std::move(open);
  entry->prev = tail_;
  (tail_ == nullptr ? head_ : tail_->next) = entry;
  tail_ = entry;
  ++count_;
  LinkBucket(*entry);
  return *entry;
}

void SynCache::Remove(SynCacheEntry& entry) { Take(entry); }

SynOpen SynCache::Take(SynCacheEntry& entry) {
  const std::unique_ptr<SynCacheEntry> gone(&entry);
  UnlinkBucket(entry);
  (entry.prev == nullptr ? head_ : entry.prev->next) = entry.next;
  (entry.next == nullptr ? tail_ : entry.next->prev) = entry.prev;
  --count_;
  return std::move(static_cast<SynOpen&>(entry));
}

void SynCache::NoteCookie() { cookies_until_ = ns_.now() + kCookieLifetime; }

bool SynCache::CookiesAround() const { return ns_.now() < cookies_until_; }

SynCache& syn_cache_of(Netstack& ns) {
  if (ns.tcp.syncache == nullptr) {
    ns.tcp.syncache = std::make_unique<SynCache>(ns);
  }
  return *ns.tcp.syncache;
}

SynCacheEntry* syn_cache_lookup(Netstack& ns, const Sockaddr& from,
                                const Sockaddr& to) {
  return ns.tcp.syncache == nullptr ? nullptr
                                    : ns.tcp.syncache->Lookup(from, to);
}

bool syn_cache_remove(Netstack& ns, const Sockaddr& from, const Sockaddr& to) {
  SynCacheEntry* const entry = syn_cache_lookup(ns, from, to);
  if (entry == nullptr) return false;
  entry->owner.Remove(*entry);
  return true;
}

void syn_cache_cleanup(Tcpcb& listener) {
  SynCache* const cache = listener.ns().tcp.syncache.get();
  if (cache == nullptr) return;
  for (SynCacheEntry* p = cache->first(); p != nullptr;) {
    SynCacheEntry* const next = p->next;
    if (p->listener == &listener) cache->Remove(*p);
    p = next;
  }
}

void syn_cache_arm(SynCacheEntry& entry) {
  const Netstack& ns = entry.owner.ns();
  const Nanoseconds initial =
      std::chrono::milliseconds(ns.settings.tcp_rexmit_initial);
  // As tcp_timer.cc has it: the first without slop.
  const Nanoseconds slop =
      std::chrono::milliseconds(ns.settings.tcp_rexmit_slop);
  const Nanoseconds timeout =
      entry.rxtshift == 0 ? initial
                          : initial * (int64_t{1} << entry.rxtshift) + slop;
  const SimTime again = ns.now() + std::min(timeout, kTcpRexmtMax);
  timeout_add_at(entry.timer, std::min(again, entry.expires));
}

void syn_cache_unreach(SynCacheEntry& entry) {
  // When it has been tried three times, the second error is believed.
  if (entry.rxtshift < 3 || !entry.unreach) {
    entry.unreach = true;
    return;
  }
  ++entry.owner.ns().tcpstat.sc_unreach;
  entry.owner.Remove(entry);
}

}  // namespace splnet
