// Packet chains: mbuf(9).
//
// A packet is a chain of mbufs linked by `next`.  The first carries the packet
// header; data stands inside the mbuf or in a cluster that several mbufs may
// share.  A packet has one owner, an MbufPtr, which frees the whole chain.
// Names and behaviour are OpenBSD's; differences are noted where declared.

#ifndef SPLNET_STACK_KERN_MBUF_H_
#define SPLNET_STACK_KERN_MBUF_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

#include "stack/kern/check.h"
#include "stack/kern/errno.h"
#include "stack/kern/mbuf_pool.h"
#include "stack/kern/sockaddr.h"

namespace splnet {

enum class MbufType : uint16_t {
  kFree = 0,
  kData = 1,
  kHeader = 2,
  kSoname = 3,
  kSoopts = 4,
  kFtable = 5,
  kControl = 6,
  kOobdata = 7,
};

// Mbuf::flags.
inline constexpr uint16_t kMExt = 0x0001;     // has external storage
inline constexpr uint16_t kMPkthdr = 0x0002;  // start of a record
inline constexpr uint16_t kMEor = 0x0004;     // end of record
inline constexpr uint16_t kMExtWr = 0x0008;   // external storage is writable
inline constexpr uint16_t kMProto1 = 0x0010;
inline constexpr uint16_t kMVlantag = 0x0020;  // ether_vtag is valid
inline constexpr uint16_t kMLoop = 0x0040;     // sent by this host to itself
inline constexpr uint16_t kMBcast = 0x0100;    // link-layer broadcast
inline constexpr uint16_t kMMcast = 0x0200;    // link-layer multicast
inline constexpr uint16_t kMZeroize = 0x2000;
inline constexpr uint16_t kMCopyFlags = kMPkthdr | kMEor | kMProto1 |
                                        kMVlantag | kMLoop | kMBcast | kMMcast |
                                        kMZeroize;

// PktHdr::csum_flags.
inline constexpr uint16_t kMIpv4CsumOut = 0x0001;
inline constexpr uint16_t kMTcpCsumOut = 0x0002;
inline constexpr uint16_t kMUdpCsumOut = 0x0004;
inline constexpr uint16_t kMIpv4CsumInOk = 0x0008;
inline constexpr uint16_t kMTcpCsumInOk = 0x0020;
inline constexpr uint16_t kMUdpCsumInOk = 0x0080;
inline constexpr uint16_t kMIcmpCsumOut = 0x0200;
inline constexpr uint16_t kMIcmpCsumInOk = 0x0400;

inline constexpr uint8_t kMMaxLoop = 128;          // M_MAXLOOP
inline constexpr uint8_t kIfqDefPrio = 3;          // IFQ_DEFPRIO
inline constexpr uint32_t kMCopyAll = 1000000000;  // M_COPYALL

// What a packet carries beside its bytes: struct pkthdr, 80 bytes.
struct PktHdr {
  uint64_t id;           // names the packet in traces; survives a link
  int64_t timestamp_ns;  // when it was received, virtual time
  uint32_t len;          // bytes in the whole chain
  uint32_t flowid;
  uint16_t ifidx;  // interface it came in by; 0 is none
  uint16_t csum_flags;
  uint16_t ether_vtag;  // VLAN tag, with kMVlantag
  uint16_t mss;
  uint8_t loopcnt;  // hops through splices
  uint8_t prio;
  Family family;
  uint8_t rtableid;
  // What the NIC summed as it took the packet in: the last csum_len bytes of
  // it, from an even offset on, give csum_data (RFC 1071).  0 bytes: nothing.
  uint32_t csum_len;
  uint32_t csum_data;
  uint32_t reserved[8];  // keeps BSD's size, so that MHLEN is BSD's too
};
static_assert(sizeof(PktHdr) == 80);

// A fresh header: all zero but the priority.
inline void m_inithdr(PktHdr& hdr) {
  std::memset(static_cast<void*>(&hdr), 0, sizeof hdr);
  hdr.prio = kIfqDefPrio;
}

// External storage: struct mbuf_ext.
struct MbufExt {
  std::byte* buf;
  ClusterRef* ref;
  uint32_t size;
};

inline constexpr size_t kMlen = kMsize - 32;              // MLEN, 224
inline constexpr size_t kMhlen = kMlen - 80;              // MHLEN, 144
inline constexpr size_t kMinClSize = kMhlen + kMlen + 1;  // MINCLSIZE

struct alignas(kMsize) Mbuf {
  Mbuf* next;     // the rest of the chain, owned
  Mbuf* nextpkt;  // the next packet of a queue or record of a socket buffer
  std::byte* data;
  uint32_t len;  // bytes at data
  MbufType type;
  uint16_t flags;
  union {
    struct {
      PktHdr pkthdr;  // with kMPkthdr
      union {
        MbufExt ext;  // with kMExt
        std::byte pktdat[kMhlen];
      };
    };
    std::byte dat[kMlen];
  };

  bool has(uint16_t flag) const { return (flags & flag) != 0; }
  std::span<const std::byte> bytes() const { return {data, len}; }
};
static_assert(sizeof(Mbuf) == kMsize);
static_assert(offsetof(Mbuf, dat) == 32);
static_assert(offsetof(Mbuf, pktdat) == 112);

// Frees `m` alone and returns what followed it.
Mbuf* m_free(Mbuf* m);
// Frees a whole chain, without recursion.
void m_freem(Mbuf* m);

// The owner of a packet, or of any chain.
class MbufPtr {
 public:
  constexpr MbufPtr() = default;
  constexpr MbufPtr(std::nullptr_t) {}  // NOLINT(google-explicit-constructor)
  explicit MbufPtr(Mbuf* m) : m_(m) {}
  MbufPtr(MbufPtr&& other) noexcept : m_(std::exchange(other.m_, nullptr)) {}
  MbufPtr& operator=(MbufPtr&& other) noexcept {
    Mbuf* const old = std::exchange(m_, std::exchange(other.m_, nullptr));
    if (old != nullptr) m_freem(old);
    return *this;
  }
  ~MbufPtr() {
    if (m_ != nullptr) m_freem(m_);
  }

  Mbuf* get() const { return m_; }
  Mbuf* release() { return std::exchange(m_, nullptr); }
  Mbuf& operator*() const { return *m_; }
  Mbuf* operator->() const { return m_; }
  explicit operator bool() const { return m_ != nullptr; }
  bool operator==(std::nullptr_t) const { return m_ == nullptr; }

 private:
  Mbuf* m_ = nullptr;
};

// ---------------------------------------------------------------- allocation

// One mbuf without a packet header, empty; null at the pool's limit.
MbufPtr m_get(MbufPool& pool, MWait how, MbufType type = MbufType::kData);
// One mbuf with a fresh packet header, empty.
MbufPtr m_gethdr(MbufPool& pool, MWait how, MbufType type = MbufType::kData);
// Gives `m` a cluster of at least `bytes`; false at the limit.  `m` must not
// have external storage.
[[nodiscard]] bool m_clget(Mbuf& m, size_t bytes, MWait how);
// A packet header with a cluster of at least `bytes`, empty.
MbufPtr m_getcl(MbufPool& pool, size_t bytes, MWait how);

// ------------------------------------------------------------------- looking

// Bytes in the chain.
uint32_t m_length(const Mbuf& m);
// True if the bytes may not be stored to: a cluster that others share too.
inline bool m_readonly(const Mbuf& m) {
  return m.has(kMExt) && (!m.has(kMExtWr) || m.ext.ref->refs > 1);
}
// Writable room before and behind the data; none in read-only storage.
uint32_t m_leadingspace(const Mbuf& m);
uint32_t m_trailingspace(const Mbuf& m);

// Reads `n` bytes at `off` of the chain without counting a copy: for headers.
// False if the chain is shorter.
[[nodiscard]] bool m_peek(const Mbuf& m, size_t off, size_t n, void* to);

// What m_read() gives: a header, or nothing.  It is made where it is used and
// cannot be copied: a std::optional would be, in pieces of other widths than
// it was written in, and the processor stalls on each.
template <typename T>
  requires std::is_trivially_copyable_v<T>
class MbufRead {
 public:
  MbufRead(const Mbuf& m, size_t off) : ok_(off + sizeof(T) <= m.len) {
    if (ok_) [[likely]] {
      std::memcpy(static_cast<void*>(&value_), m.data + off, sizeof(T));
    } else {
      ok_ = m_peek(m, off, sizeof(T), &value_);
    }
  }
  MbufRead(const MbufRead&) = delete;
  MbufRead& operator=(const MbufRead&) = delete;

  bool has_value() const { return ok_; }
  explicit operator bool() const { return ok_; }
  const T& operator*() const { return value_; }
  const T* operator->() const { return &value_; }

 private:
  T value_{};
  bool ok_;
};

// The header of type T at byte `off`, or nothing if the chain ends before.
template <typename T>
MbufRead<T> m_read(const Mbuf& m, size_t off) {
  return MbufRead<T>(m, off);
}

// Stores a header at byte `off` of the first mbuf, which must hold those bytes
// and be writable.
template <typename T>
  requires std::is_trivially_copyable_v<T>
[[gnu::always_inline]] inline void m_write(Mbuf& m, size_t off,
                                           const T& value) {
  CHECK(off + sizeof(T) <= m.len && !m_readonly(m));
  if constexpr (alignof(T) == 1) {
    new (m.data + off) T(value);  // field by field: see MbufRead
  } else {
    std::memcpy(m.data + off, &value, sizeof(T));
  }
}

// ------------------------------------------------------------------ changing

// Room for `len` (at most kMhlen) more bytes in front, uninitialised, counted
// in the packet header.  Null, with the chain freed, if memory is short.
MbufPtr m_prepend(MbufPtr m, size_t len, MWait how);

// The first `len` bytes made contiguous in the first mbuf.  Null, with the
// chain freed, if the chain is shorter, `len` exceeds kMaxMclBytes, or memory
// is short.
MbufPtr m_pullup(MbufPtr m, size_t len);

// Removes `n` bytes from the front (as m_adj(m, n)); emptied mbufs stay.
void m_trim_front(Mbuf& m, size_t n);
// Cuts the chain to `len` bytes (as m_adj(m, -n)).  No effect if shorter.
void m_truncate(Mbuf& m, size_t len);

// `len` bytes from `off` as a new chain: clusters by reference, data inside
// mbufs copied.  The packet header is duplicated if `off` is 0.  `len` may be
// kMCopyAll.  Null if `len` is 0 or memory is short; the range must exist.
MbufPtr m_copym(const Mbuf& m, size_t off, size_t len, MWait how);

// A deep copy of the packet in one mbuf or cluster, `adj` bytes of room left
// in front.  Null if memory is short or the packet exceeds kMaxMclBytes.
MbufPtr m_dup_pkt(const Mbuf& m, size_t adj, MWait how);

// Copies `n` bytes at `off` out of the chain; the range must exist.
void m_copydata(const Mbuf& m, size_t off, size_t n, void* to,
                CopyKind kind = CopyKind::kCopydata);

// Copies `n` bytes into the chain at `off`, extending it as needed; the touched
// part must be writable.  kENOBUFS if memory is short, the chain then shorter.
Errno m_copyback(Mbuf& m, size_t off, const void* from, size_t n, MWait how);

// Appends `n` to the chain `m`, copying what fits in m's trailing space.  Does
// not touch m's packet header length.
void m_cat(Mbuf& m, MbufPtr n);

// Cuts the chain at `len0` and returns the tail; `m` keeps the first part.
// Clusters are shared.  With a packet header both parts have one.  Null if the
// cut is at the end of a chain without header, or memory is short (`m` is then
// as before).
MbufPtr m_split(Mbuf& m, size_t len0, MWait how);

// Copies as needed so that bytes [off, off+len) may be stored to.  Null, with
// the chain freed, if memory is short.
MbufPtr m_makewritable(MbufPtr m, size_t off, size_t len);

// The packet in one contiguous buffer under the same first mbuf; kENOBUFS if
// memory is short.
Errno m_defrag(Mbuf& m, MWait how);

// Reduces the packet header to its length and loop count.
void m_resethdr(Mbuf& m);
// Drops the packet header: `m` becomes an ordinary mbuf.
void m_removehdr(Mbuf& m);
// Copies the packet header of `from` and the flags that go with it to `to`.
void m_dup_pkthdr(Mbuf& to, const Mbuf& from);
// Places an empty mbuf's data so that `len` bytes end at its storage's end,
// aligned to 8 bytes.
void m_align(Mbuf& m, size_t len);

// -------------------------------------------------------------------- queues

// A FIFO of packets linked by nextpkt: struct mbuf_list.
class MbufList {
 public:
  MbufList() = default;
  MbufList(MbufList&& other) noexcept
      : head_(std::exchange(other.head_, nullptr)),
        tail_(std::exchange(other.tail_, nullptr)),
        size_(std::exchange(other.size_, 0)) {}
  MbufList& operator=(MbufList&& other) noexcept {
    Purge();
    head_ = std::exchange(other.head_, nullptr);
    tail_ = std::exchange(other.tail_, nullptr);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }
  ~MbufList() { Purge(); }

  void Enqueue(MbufPtr m) {
    Mbuf* const p = m.release();
    p->nextpkt = nullptr;
    (tail_ == nullptr ? head_ : tail_->nextpkt) = p;
    tail_ = p;
    ++size_;
  }
  // Null when empty.
  MbufPtr Dequeue() {
    Mbuf* const p = head_;
    if (p == nullptr) return nullptr;
    head_ = p->nextpkt;
    if (head_ == nullptr) tail_ = nullptr;
    p->nextpkt = nullptr;
    --size_;
    return MbufPtr(p);
  }
  const Mbuf* front() const { return head_; }
  size_t size() const { return size_; }
  bool empty() const { return head_ == nullptr; }
  void Purge() {
    while (Dequeue()) {
    }
  }

 private:
  Mbuf* head_ = nullptr;
  Mbuf* tail_ = nullptr;
  size_t size_ = 0;
};

}  // namespace splnet

#endif  // SPLNET_STACK_KERN_MBUF_H_
