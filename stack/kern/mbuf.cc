// Packet chains: allocation, reading, trimming, copying and splitting.

#include "stack/kern/mbuf.h"

#include <algorithm>

namespace splnet {
namespace {

std::byte* StorageStart(Mbuf& m) {
  if (m.has(kMExt)) return m.ext.buf;
  return m.has(kMPkthdr) ? m.pktdat : m.dat;
}

size_t StorageSize(const Mbuf& m) {
  if (m.has(kMExt)) return m.ext.size;
  return m.has(kMPkthdr) ? kMhlen : kMlen;
}

void InitMbuf(Mbuf& m, MbufType type, uint16_t flags) {
  m.next = nullptr;
  m.nextpkt = nullptr;
  m.len = 0;
  m.type = type;
  m.flags = flags;
}

// Lets `to`, which has no storage of its own, share the cluster of `from`.
void ShareCluster(Mbuf& to, const Mbuf& from) {
  MbufPool::Hold(from.ext.ref);
  to.ext = from.ext;
  to.flags |= kMExt | (from.flags & kMExtWr);
}

// An mbuf holding bytes [off, off+len) of the single mbuf `from`: by reference
// if they are in a cluster, else copied to the same place.  Without a header.
MbufPtr CopyOne(const Mbuf& from, size_t off, size_t len, MWait how,
                CopyKind kind) {
  MbufPool& pool = MbufPool::Of(from);
  MbufPtr n = m_get(pool, how, from.type);
  if (!n) return nullptr;
  if (from.has(kMExt)) {
    ShareCluster(*n, from);
    n->data = from.data + off;
  } else {
    std::memcpy(n->data, from.data + off, len);
    pool.ledger().Copy(kind, len);
  }
  n->len = static_cast<uint32_t>(len);
  return n;
}

// A copy of the packet header `from` with the first `len` bytes of its mbuf.
MbufPtr CopyHead(const Mbuf& from, size_t len, MWait how) {
  MbufPool& pool = MbufPool::Of(from);
  MbufPtr n = m_gethdr(pool, how, from.type);
  if (!n) return nullptr;
  m_dup_pkthdr(*n, from);
  if (from.has(kMExt)) {
    ShareCluster(*n, from);
    n->data = from.data;
  } else {
    n->data += from.data - from.pktdat;
    std::memcpy(n->data, from.data, len);
    pool.ledger().Copy(CopyKind::kCopym, len);
  }
  n->len = static_cast<uint32_t>(len);
  return n;
}

// Skips `off` bytes: the mbuf that holds the next one, with `off` reduced to
// the place inside it.  Null at the end of the chain.
const Mbuf* Skip(const Mbuf* m, size_t& off) {
  while (m != nullptr && off >= m->len) {
    off -= m->len;
    m = m->next;
  }
  return m;
}

}  // namespace

MbufPtr m_get(MbufPool& pool, MWait how, MbufType type) {
  Mbuf* const m = pool.GetMbuf(how);
  if (m == nullptr) return nullptr;
  InitMbuf(*m, type, 0);
  m->data = m->dat;
  return MbufPtr(m);
}

MbufPtr m_gethdr(MbufPool& pool, MWait how, MbufType type) {
  Mbuf* const m = pool.GetMbuf(how);
  if (m == nullptr) return nullptr;
  InitMbuf(*m, type, kMPkthdr);
  m_inithdr(m->pkthdr);
  m->data = m->pktdat;
  return MbufPtr(m);
}

bool m_clget(Mbuf& m, size_t bytes, MWait how) {
  CHECK(!m.has(kMExt));
  ClusterRef* const ref = MbufPool::Of(m).GetCluster(bytes, how);
  if (ref == nullptr) return false;
  m.ext = MbufExt{ref->buf, ref, kClusterSizes[ref->pool_index]};
  m.data = ref->buf;
  m.flags |= kMExt | kMExtWr;
  return true;
}

MbufPtr m_getcl(MbufPool& pool, size_t bytes, MWait how) {
  MbufPtr m = m_gethdr(pool, how);
  if (!m || !m_clget(*m, bytes, how)) return nullptr;
  return m;
}

Mbuf* m_free(Mbuf* m) {
  Mbuf* const next = m->next;
  if (m->has(kMExt)) MbufPool::Release(m->ext.ref);
  MbufPool::Of(*m).PutMbuf(m);
  return next;
}

void m_freem(Mbuf* m) {
  while (m != nullptr) m = m_free(m);
}

uint32_t m_length(const Mbuf& m) {
  uint32_t len = 0;
  for (const Mbuf* n = &m; n != nullptr; n = n->next) len += n->len;
  return len;
}

uint32_t m_leadingspace(const Mbuf& m) {
  if (m_readonly(m)) return 0;
  return static_cast<uint32_t>(m.data - StorageStart(const_cast<Mbuf&>(m)));
}

uint32_t m_trailingspace(const Mbuf& m) {
  if (m_readonly(m)) return 0;
  const std::byte* const end =
      StorageStart(const_cast<Mbuf&>(m)) + StorageSize(m);
  return static_cast<uint32_t>(end - (m.data + m.len));
}

bool m_peek(const Mbuf& m, size_t off, size_t n, void* to) {
  auto* out = static_cast<std::byte*>(to);
  for (const Mbuf* p = Skip(&m, off); n > 0; p = p->next, off = 0) {
    if (p == nullptr) return false;
    const size_t step = std::min<size_t>(n, p->len - off);
    std::memcpy(out, p->data + off, step);
    out += step;
    n -= step;
  }
  return true;
}

MbufPtr m_prepend(MbufPtr m, size_t len, MWait how) {
  if (m_leadingspace(*m) >= len) {
    m->data -= len;
    m->len += static_cast<uint32_t>(len);
    if (m->has(kMPkthdr)) m->pkthdr.len += static_cast<uint32_t>(len);
    return m;
  }
  CHECK(len <= kMhlen);
  MbufPtr front = m_get(MbufPool::Of(*m), how, m->type);
  if (!front) return nullptr;
  if (m->has(kMPkthdr)) {
    m_dup_pkthdr(*front, *m);
    m_removehdr(*m);
    front->pkthdr.len += static_cast<uint32_t>(len);
  }
  m_align(*front, len);
  front->len = static_cast<uint32_t>(len);
  front->nextpkt = std::exchange(m->nextpkt, nullptr);
  front->next = m.release();
  return front;
}

MbufPtr m_pullup(MbufPtr m, size_t len) {
  if (len <= m->len) return m;
  if (len > kMaxMclBytes || len > m_length(*m)) return nullptr;
  MbufPool& pool = MbufPool::Of(*m);
  size_t need = len - m->len;
  if (m_trailingspace(*m) < need) {
    // A new first mbuf takes the header and everything up to `len`.
    MbufPtr front = m_get(pool, MWait::kDontWait, m->type);
    if (!front) return nullptr;
    const bool hdr = m->has(kMPkthdr);
    if (hdr) m_dup_pkthdr(*front, *m);
    if (len > (hdr ? kMhlen : kMlen) &&
        !m_clget(*front, len, MWait::kDontWait)) {
      return nullptr;
    }
    if (hdr) m_removehdr(*m);
    front->nextpkt = std::exchange(m->nextpkt, nullptr);
    front->next = m.release();
    m = std::move(front);
    need = len;
  }
  pool.ledger().Copy(CopyKind::kPullup, need);
  while (need > 0) {
    Mbuf* const n = m->next;
    const size_t step = std::min<size_t>(need, n->len);
    std::memcpy(m->data + m->len, n->data, step);
    m->len += static_cast<uint32_t>(step);
    n->data += step;
    n->len -= static_cast<uint32_t>(step);
    need -= step;
    if (n->len == 0) m->next = m_free(n);
  }
  return m;
}

void m_trim_front(Mbuf& m, size_t n) {
  size_t left = n;
  for (Mbuf* p = &m; p != nullptr && left > 0; p = p->next) {
    const size_t step = std::min<size_t>(left, p->len);
    p->data += step;
    p->len -= static_cast<uint32_t>(step);
    left -= step;
  }
  if (m.has(kMPkthdr)) m.pkthdr.len -= static_cast<uint32_t>(n - left);
}

void m_truncate(Mbuf& m, size_t len) {
  size_t left = len;
  for (Mbuf* p = &m; p != nullptr; p = p->next) {
    if (p->len < left) {
      left -= p->len;
      continue;
    }
    p->len = static_cast<uint32_t>(left);
    // What follows holds nothing any more.
    if (p->next != nullptr) m_freem(std::exchange(p->next, nullptr));
    if (m.has(kMPkthdr)) m.pkthdr.len = static_cast<uint32_t>(len);
    return;
  }
}

MbufPtr m_copym(const Mbuf& m, size_t off, size_t len, MWait how) {
  if (len == 0) return nullptr;
  const bool all = len == kMCopyAll;
  const Mbuf* p = &m;
  MbufPtr head;
  if (off == 0 && m.has(kMPkthdr)) {
    head = CopyHead(m, std::min<size_t>(len, m.len), how);
    if (!head) return nullptr;
    if (!all) head->pkthdr.len = static_cast<uint32_t>(len);
    len -= head->len;
    p = m.next;
  }
  Mbuf* tail = head.get();
  for (p = Skip(p, off); p != nullptr && len > 0; p = Skip(p->next, off)) {
    const size_t step = std::min<size_t>(len, p->len - off);
    MbufPtr n = CopyOne(*p, off, step, how, CopyKind::kCopym);
    if (!n) return nullptr;
    Mbuf* const added = n.get();
    if (tail == nullptr) {
      head = std::move(n);
    } else {
      tail->next = n.release();
    }
    tail = added;
    len -= step;
    off = 0;
  }
  CHECK(all || len == 0);
  return head;
}

MbufPtr m_dup_pkt(const Mbuf& m, size_t adj, MWait how) {
  MbufPool& pool = MbufPool::Of(m);
  const size_t len = m.pkthdr.len;
  if (len + adj > kMaxMclBytes) return nullptr;
  MbufPtr n = m_gethdr(pool, how, m.type);
  if (!n) return nullptr;
  if (len + adj > kMhlen && !m_clget(*n, len + adj, how)) return nullptr;
  m_dup_pkthdr(*n, m);
  n->data += adj;
  n->len = static_cast<uint32_t>(len);
  m_copydata(m, 0, len, n->data, CopyKind::kDefrag);
  return n;
}

void m_copydata(const Mbuf& m, size_t off, size_t n, void* to, CopyKind kind) {
  MbufPool::Of(m).ledger().Copy(kind, n);
  CHECK(m_peek(m, off, n, to));
}

Errno m_copyback(Mbuf& m, size_t off, const void* from, size_t n, MWait how) {
  MbufPool& pool = MbufPool::Of(m);
  const auto* in = static_cast<const std::byte*>(from);
  size_t end = 0;  // bytes in the mbufs passed
  Mbuf* p = &m;
  Errno error = kOk;
  pool.ledger().Copy(CopyKind::kCopyback, n);
  for (;;) {
    // The last mbuf grows into its trailing space as far as needed.
    if (p->next == nullptr && end + p->len < off + n) {
      const size_t want = off + n - end - p->len;
      const size_t grow = std::min<size_t>(want, m_trailingspace(*p));
      std::memset(p->data + p->len, 0, grow);
      p->len += static_cast<uint32_t>(grow);
    }
    if (off < end + p->len && n > 0) {
      const size_t at = off - end;
      const size_t step = std::min<size_t>(n, p->len - at);
      CHECK(!m_readonly(*p));
      std::memcpy(p->data + at, in, step);
      in += step;
      off += step;
      n -= step;
    }
    end += p->len;
    if (n == 0) break;
    if (p->next == nullptr) {
      MbufPtr more = m_get(pool, how, p->type);
      if (!more ||
          (off + n - end > kMlen &&
           !m_clget(*more, std::min(off + n - end, kMaxMclBytes), how))) {
        error = kENOBUFS;
        break;
      }
      p->next = more.release();
    }
    p = p->next;
  }
  if (m.has(kMPkthdr)) {
    m.pkthdr.len = std::max(m.pkthdr.len, static_cast<uint32_t>(end));
  }
  return error;
}

void m_cat(Mbuf& m, MbufPtr n) {
  Mbuf* tail = &m;
  while (tail->next != nullptr) tail = tail->next;
  Mbuf* p = n.release();
  while (p != nullptr && m_trailingspace(*tail) >= p->len) {
    std::memcpy(tail->data + tail->len, p->data, p->len);
    MbufPool::Of(m).ledger().Copy(CopyKind::kCat, p->len);
    tail->len += p->len;
    p = m_free(p);
  }
  tail->next = p;
}

MbufPtr m_split(Mbuf& m0, size_t len0, MWait how) {
  MbufPool& pool = MbufPool::Of(m0);
  size_t at = len0;
  Mbuf* m = &m0;
  while (m != nullptr && at > m->len) {
    at -= m->len;
    m = m->next;
  }
  if (m == nullptr) return nullptr;
  const size_t remain = m->len - at;  // bytes of this mbuf that go to the tail

  MbufPtr tail;
  if (m0.has(kMPkthdr)) {
    tail = m_gethdr(pool, how, m0.type);
    if (!tail) return nullptr;
    m_dup_pkthdr(*tail, m0);
    tail->pkthdr.len = m0.pkthdr.len - static_cast<uint32_t>(len0);
    if (remain > 0 && !m->has(kMExt) && remain > kMhlen) {
      // Too long for a header mbuf: it follows behind an empty one.
      MbufPtr body = CopyOne(*m, at, remain, how, CopyKind::kSplit);
      if (!body) return nullptr;
      tail->next = body.release();
      tail->next->next = std::exchange(m->next, nullptr);
    } else if (remain > 0) {
      if (m->has(kMExt)) {
        ShareCluster(*tail, *m);
        tail->data = m->data + at;
      } else {
        m_align(*tail, remain);
        std::memcpy(tail->data, m->data + at, remain);
        pool.ledger().Copy(CopyKind::kSplit, remain);
      }
      tail->len = static_cast<uint32_t>(remain);
      tail->next = std::exchange(m->next, nullptr);
    } else {
      tail->next = std::exchange(m->next, nullptr);
    }
    m0.pkthdr.len = static_cast<uint32_t>(len0);
  } else if (remain == 0) {
    tail = MbufPtr(std::exchange(m->next, nullptr));
  } else {
    tail = CopyOne(*m, at, remain, how, CopyKind::kSplit);
    if (!tail) return nullptr;
    tail->next = std::exchange(m->next, nullptr);
  }
  m->len = static_cast<uint32_t>(at);
  return tail;
}

MbufPtr m_makewritable(MbufPtr m, size_t off, size_t len) {
  size_t at = 0;
  for (Mbuf* p = m.get(); p != nullptr && at < off + len; p = p->next) {
    const bool touched = at + p->len > off;
    at += p->len;
    if (!touched || !m_readonly(*p)) continue;
    // Exchange the shared cluster for one of our own with the same bytes.
    MbufPool& pool = MbufPool::Of(*p);
    ClusterRef* const own = pool.GetCluster(p->ext.size, MWait::kDontWait);
    if (own == nullptr) return nullptr;
    const auto place = p->data - p->ext.buf;
    std::memcpy(own->buf + place, p->data, p->len);
    pool.ledger().Copy(CopyKind::kMakewritable, p->len);
    MbufPool::Release(p->ext.ref);
    p->ext = MbufExt{own->buf, own, kClusterSizes[own->pool_index]};
    p->data = own->buf + place;
    p->flags |= kMExtWr;
  }
  return m;
}

Errno m_defrag(Mbuf& m, MWait how) {
  CHECK(m.has(kMPkthdr));
  if (m.next == nullptr) return kOk;
  const size_t len = m.pkthdr.len;
  if (len > kMaxMclBytes) return kENOBUFS;
  ClusterRef* const own = MbufPool::Of(m).GetCluster(len, how);
  if (own == nullptr) return kENOBUFS;
  m_copydata(m, 0, len, own->buf, CopyKind::kDefrag);
  if (m.has(kMExt)) MbufPool::Release(m.ext.ref);
  m_freem(std::exchange(m.next, nullptr));
  m.ext = MbufExt{own->buf, own, kClusterSizes[own->pool_index]};
  m.flags |= kMExt | kMExtWr;
  m.data = own->buf;
  m.len = static_cast<uint32_t>(len);
  return kOk;
}

void m_resethdr(Mbuf& m) {
  // The id stays too: a trace follows the packet through a splice.
  const uint32_t len = m.pkthdr.len;
  const uint8_t loopcnt = m.pkthdr.loopcnt;
  const uint64_t id = m.pkthdr.id;
  m.flags &= kMExt | kMPkthdr | kMEor | kMExtWr | kMZeroize;
  m_inithdr(m.pkthdr);
  m.pkthdr.len = len;
  m.pkthdr.loopcnt = loopcnt;
  m.pkthdr.id = id;
}

void m_removehdr(Mbuf& m) { m.flags &= static_cast<uint16_t>(~kMPkthdr); }

void m_dup_pkthdr(Mbuf& to, const Mbuf& from) {
  const bool empty_inside = to.len == 0 && !to.has(kMExt);
  to.flags = static_cast<uint16_t>((to.flags & (kMExt | kMExtWr)) |
                                   (from.flags & kMCopyFlags));
  to.pkthdr = from.pkthdr;
  if (empty_inside) to.data = to.pktdat;
}

void m_align(Mbuf& m, size_t len) {
  CHECK(m.len == 0 && len <= StorageSize(m));
  const size_t room = (StorageSize(m) - len) & ~size_t{7};
  m.data = StorageStart(m) + room;
}

}  // namespace splnet
