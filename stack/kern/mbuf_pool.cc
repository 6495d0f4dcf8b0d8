// Slabs, free lists and the limit of a host's mbufs.

#include "stack/kern/mbuf_pool.h"

#include <cstdlib>
#include <new>

#include "stack/kern/check.h"
#include "stack/kern/mbuf.h"
#include "stack/kern/poison.h"

namespace splnet {
namespace {

// A slab is aligned to its size; its first slot holds the SlabHeader.
constexpr size_t kSlabBytes = size_t{128} << 10;
constexpr size_t kMbufsPerSlab = kSlabBytes / kMsize - 1;
constexpr size_t kClusterSlabBytes = size_t{256} << 10;
constexpr size_t kClusterAlign = 64;

std::byte* AllocateAligned(size_t bytes, size_t align) {
  auto* const p = static_cast<std::byte*>(std::aligned_alloc(align, bytes));
  CHECK(p != nullptr);
  return p;
}

// The distance between clusters of a slab.  One line more than a power of two,
// or the first lines of all clusters would compete for a few sets of the cache.
size_t Stride(size_t index) {
  const size_t lines =
      (kClusterSizes[index] + kClusterAlign - 1) / kClusterAlign;
  return (lines | 1) * kClusterAlign;
}

}  // namespace

MbufPool::MbufPool(Ledger& ledger, uint64_t limit_bytes)
    : ledger_(ledger), limit_bytes_(limit_bytes), fast_limit_(limit_bytes) {}

MbufPool::~MbufPool() {
  CHECK(stats_.mbufs_in_use == 0);
  CHECK(stats_.clusters_in_use == 0);
  for (std::byte* slab : mbuf_slabs_) {
    UnpoisonMemory(slab, kSlabBytes);
    std::free(slab);
  }
  for (ClusterSlab& slab : cluster_slabs_) {
    UnpoisonMemory(slab.memory, kClusterSlabBytes);
    std::free(slab.memory);
  }
}

MbufPool& MbufPool::Of(const Mbuf& m) {
  const auto address = reinterpret_cast<uintptr_t>(&m) & ~(kSlabBytes - 1);
  return *reinterpret_cast<const SlabHeader*>(address)->pool;
}

bool MbufPool::Admit(size_t bytes, MWait how) {
  if (fail_in_ != 0 && --fail_in_ == 0) {
    fast_limit_ = limit_bytes_;
    if (how == MWait::kDontWait) {
      ++stats_.denied;
      return false;
    }
  }
  if (stats_.bytes_in_use + bytes <= limit_bytes_) return true;
  if (how == MWait::kDontWait) {
    ++stats_.denied;
    return false;
  }
  ++stats_.from_reserve;
  return true;
}

Mbuf* MbufPool::PopMbuf() {
  FreeMbuf* const free = free_mbufs_;
  UnpoisonMemory(free, kMsize);
  free_mbufs_ = free->next;
  ++stats_.mbufs_in_use;
  Account(kMsize);
  return reinterpret_cast<Mbuf*>(free);
}

Mbuf* MbufPool::GetMbufSlow(MWait how) {
  if (!Admit(kMsize, how)) return nullptr;
  if (free_mbufs_ == nullptr) GrowMbufs();
  return PopMbuf();
}

void MbufPool::PutMbuf(Mbuf* m) {
  auto* const free = reinterpret_cast<FreeMbuf*>(m);
  free->next = free_mbufs_;
  free_mbufs_ = free;
  --stats_.mbufs_in_use;
  stats_.bytes_in_use -= kMsize;
  PoisonMemory(m, kMsize);
}

void MbufPool::GrowMbufs() {
  std::byte* const slab = AllocateAligned(kSlabBytes, kSlabBytes);
  mbuf_slabs_.push_back(slab);
  new (slab) SlabHeader{this};
  // Linked so that the lowest address comes out first.
  for (size_t i = kMbufsPerSlab; i > 0; --i) {
    free_mbufs_ = new (slab + i * kMsize) FreeMbuf{free_mbufs_};
    PoisonMemory(free_mbufs_, kMsize);
  }
}

ClusterRef* MbufPool::GetCluster(size_t bytes, MWait how) {
  size_t index = 0;
  while (kClusterSizes[index] < bytes) CHECK(++index < kClusterPools);
  const uint32_t size = kClusterSizes[index];
  if (stats_.bytes_in_use + size > fast_limit_ && !Admit(size, how)) {
    return nullptr;
  }
  if (free_clusters_[index] == nullptr) GrowClusters(index);
  ClusterRef* const ref = free_clusters_[index];
  free_clusters_[index] = ref->next_free;
  ref->refs = 1;
  UnpoisonMemory(ref->buf, size);
  ++stats_.clusters_in_use;
  Account(size);
  return ref;
}

void MbufPool::PutCluster(ClusterRef* ref) {
  const size_t index = ref->pool_index;
  PoisonMemory(ref->buf, kClusterSizes[index]);
  ref->next_free = free_clusters_[index];
  free_clusters_[index] = ref;
  --stats_.clusters_in_use;
  stats_.bytes_in_use -= kClusterSizes[index];
}

void MbufPool::GrowClusters(size_t index) {
  const size_t stride = Stride(index);
  const size_t count = kClusterSlabBytes / stride;
  ClusterSlab slab{AllocateAligned(kClusterSlabBytes, kClusterAlign),
                   std::make_unique<ClusterRef[]>(count)};
  PoisonMemory(slab.memory, kClusterSlabBytes);
  for (size_t i = count; i > 0; --i) {
    ClusterRef& ref = slab.refs[i - 1];
    ref.pool_index = static_cast<uint32_t>(index);
    ref.buf = slab.memory + (i - 1) * stride;
    ref.owner = this;
    ref.next_free = free_clusters_[index];
    free_clusters_[index] = &ref;
  }
  cluster_slabs_.push_back(std::move(slab));
}

}  // namespace splnet
