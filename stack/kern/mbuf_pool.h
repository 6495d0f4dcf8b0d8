// Where a host's mbufs and clusters come from: pool(9) for mbuf(9).
//
// Mbufs are cut from aligned slabs, so that an mbuf finds its pool from its
// own address; clusters come in BSD's eight sizes, each with a reference count
// beside the slab.  Free ones wait on free lists and are poisoned under the
// address sanitizer.  Every pool has a memory limit, and a pool that is
// destroyed must have got back all that it gave.

#ifndef SPLNET_STACK_KERN_MBUF_POOL_H_
#define SPLNET_STACK_KERN_MBUF_POOL_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "stack/kern/ledger.h"

namespace splnet {

struct Mbuf;
class MbufPool;

// Whether an allocation may fail.  Nothing in the stack sleeps for memory:
// kWait takes from a counted reserve above the limit instead.
enum class MWait : uint8_t { kDontWait, kWait };

inline constexpr size_t kMsize = 256;      // MSIZE
inline constexpr size_t kMclBytes = 2048;  // MCLBYTES
inline constexpr size_t kMaxMclBytes = 65536;
inline constexpr size_t kClusterPools = 8;
inline constexpr std::array<uint32_t, kClusterPools> kClusterSizes = {
    2048, 2050, 4096, 8192, 9216, 12288, 16384, 65536};

// External storage and the count of mbufs that share it.  (BSD links the
// sharing mbufs in a ring and keeps no count; the count costs less and tells
// the same: shared or not.)
struct ClusterRef {
  uint32_t refs = 0;
  uint32_t pool_index = 0;  // into kClusterSizes
  std::byte* buf = nullptr;
  ClusterRef* next_free = nullptr;
  MbufPool* owner = nullptr;
};

class MbufPool {
 public:
  struct Stats {
    uint64_t mbufs_in_use = 0;
    uint64_t clusters_in_use = 0;
    uint64_t bytes_in_use = 0;  // mbufs and clusters, at their full size
    uint64_t peak_bytes = 0;    // the most that bytes_in_use has been
    uint64_t denied = 0;        // kDontWait allocations over the limit
    uint64_t from_reserve = 0;  // kWait allocations over the limit
  };

  // `limit_bytes` bounds mbufs and clusters together.  Copies are counted in
  // `ledger`, which outlives the pool.
  MbufPool(Ledger& ledger, uint64_t limit_bytes);
  MbufPool(const MbufPool&) = delete;
  MbufPool& operator=(const MbufPool&) = delete;
  ~MbufPool();  // CHECKs that nothing is in use

  // Raw storage, uninitialised; null at the limit.  m_get() and m_clget() are
  // what callers use.
  Mbuf* GetMbuf(MWait how) {
    if (free_mbufs_ == nullptr || stats_.bytes_in_use + kMsize > fast_limit_) {
      return GetMbufSlow(how);
    }
    return PopMbuf();
  }
  void PutMbuf(Mbuf* m);

  // The smallest cluster of at least `bytes` (at most kMaxMclBytes), with one
  // reference; null at the limit.
  ClusterRef* GetCluster(size_t bytes, MWait how);
  static void Hold(ClusterRef* ref) { ++ref->refs; }
  static void Release(ClusterRef* ref) {
    if (--ref->refs == 0) ref->owner->PutCluster(ref);
  }

  // The pool that `m` was taken from.
  static MbufPool& Of(const Mbuf& m);

  const Stats& stats() const { return stats_; }
  uint64_t limit_bytes() const { return limit_bytes_; }
  void set_limit_bytes(uint64_t bytes) {
    limit_bytes_ = bytes;
    fast_limit_ = fail_in_ == 0 ? bytes : 0;
  }
  // m_pool_used(): percent of the limit in use.
  unsigned PercentUsed() const {
    return static_cast<unsigned>(stats_.bytes_in_use * 100 / limit_bytes_);
  }
  Ledger& ledger() { return ledger_; }

  // Makes the `nth` allocation from now fail (1 is the next one); 0 disarms.
  // For tests of memory shortage.
  void FailNth(uint64_t nth) {
    fail_in_ = nth;
    fast_limit_ = nth == 0 ? limit_bytes_ : 0;
  }

 private:
  struct FreeMbuf {
    FreeMbuf* next;
  };
  struct SlabHeader {
    MbufPool* pool;
  };
  struct ClusterSlab {
    std::byte* memory;
    std::unique_ptr<ClusterRef[]> refs;
  };

  Mbuf* GetMbufSlow(MWait how);
  Mbuf* PopMbuf();
  void PutCluster(ClusterRef* ref);
  void GrowMbufs();
  void GrowClusters(size_t index);
  // Whether `bytes` more may be handed out.
  bool Admit(size_t bytes, MWait how);
  void Account(size_t bytes) {
    stats_.bytes_in_use += bytes;
    if (stats_.bytes_in_use > stats_.peak_bytes) {
      stats_.peak_bytes = stats_.bytes_in_use;
    }
  }

  FreeMbuf* free_mbufs_ = nullptr;
  Ledger& ledger_;
  uint64_t limit_bytes_;
  uint64_t fast_limit_;  // limit_bytes_, or 0 while a failure is armed
  Stats stats_;
  uint64_t fail_in_ = 0;  // allocations until one fails; 0 is never
  std::array<ClusterRef*, kClusterPools> free_clusters_{};
  std::vector<std::byte*> mbuf_slabs_;
  std::vector<ClusterSlab> cluster_slabs_;
};

}  // namespace splnet

#endif  // SPLNET_STACK_KERN_MBUF_POOL_H_
