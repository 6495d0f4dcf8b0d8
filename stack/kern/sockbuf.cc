// Appending to, compressing and draining socket buffers.

#include "stack/kern/sockbuf.h"

#include <new>

namespace splnet {
namespace {

// Links the first mbuf of a new record behind the others.
void AppendRecord(Sockbuf& sb, Mbuf* record, Mbuf* tail) {
  (sb.lastrecord == nullptr ? sb.mb : sb.lastrecord->nextpkt) = record;
  sb.lastrecord = record;
  sb.mbtail = tail;
}

// Whether sbcompress copies `m` into `last` instead of linking it: small
// enough that an mbuf saved is worth the copy, and fitting.
bool Merges(const Mbuf* last, const Mbuf& m) {
  if (last == nullptr || last->has(kMEor) || last->type != m.type) return false;
  const uint32_t unit = last->has(kMExt) ? last->ext.size : kMclBytes;
  return m.len <= unit / 4 && m.len <= m_trailingspace(*last);
}

}  // namespace

Sockbuf::~Sockbuf() { sbflush(*this); }

bool sbreserve(Sockbuf& sb, uint32_t cc, uint32_t sb_max) {
  if (cc == 0 || cc > sb_max) return false;
  sb.hiwat = cc;
  sb.mbmax =
      static_cast<uint32_t>(std::max(uint64_t{3} * 65536, uint64_t{8} * cc));
  sb.lowat = std::min(sb.lowat, sb.hiwat);
  return true;
}

void sbappendstream(Sockbuf& sb, MbufPtr m) { sbcompress(sb, std::move(m)); }

void sbcompress(Sockbuf& sb, MbufPtr m) {
  uint16_t eor = 0;  // goes to the last mbuf, wherever it was
  for (Mbuf* p = m.release(); p != nullptr;) {
    eor |= p->flags & kMEor;
    // An empty one stays only if nothing else can carry the end of record.
    const bool carried = p->next != nullptr || sb.mbtail != nullptr;
    if (p->len == 0 && (eor == 0 || carried)) {
      p = m_free(p);
      continue;
    }
    if (Merges(sb.mbtail, *p)) {
      Mbuf& last = *sb.mbtail;
      std::memcpy(last.data + last.len, p->data, p->len);
      MbufPool::Of(*p).ledger().Copy(CopyKind::kSbcompress, p->len);
      last.len += p->len;
      sb.cc += p->len;
      if (sb_isdata(*p)) sb.datacc += p->len;
      p = m_free(p);
      continue;
    }
    Mbuf* const next = std::exchange(p->next, nullptr);
    p->nextpkt = nullptr;
    p->flags &= static_cast<uint16_t>(~kMEor);
    sballoc(sb, *p);
    if (sb.mbtail == nullptr) {
      AppendRecord(sb, p, p);
    } else {
      sb.mbtail->next = p;
      sb.mbtail = p;
    }
    p = next;
  }
  if (eor != 0) sb.mbtail->flags |= eor;
}

MbufPtr sbappendaddr(Sockbuf& sb, const Sockaddr& from, MbufPtr m,
                     MbufPtr control) {
  int64_t need = int64_t{from.len()} + m->pkthdr.len;
  for (const Mbuf* c = control.get(); c != nullptr; c = c->next) need += c->len;
  if (need > sbspace(sb)) return m;
  MbufPtr name = soname_make(MbufPool::Of(*m), from, MWait::kDontWait);
  if (!name) return m;

  Mbuf* const record = name.release();
  record->next = control.release();
  Mbuf* tail = record;
  sballoc(sb, *tail);
  while (tail->next != nullptr) {
    tail = tail->next;
    sballoc(sb, *tail);
  }
  tail->next = m.release();
  tail->next->nextpkt = nullptr;
  while (tail->next != nullptr) {
    tail = tail->next;
    sballoc(sb, *tail);
  }
  AppendRecord(sb, record, tail);
  return nullptr;
}

void sbsync(Sockbuf& sb, Mbuf* nextrecord) {
  if (sb.mb != nullptr) {
    sb.mb->nextpkt = nextrecord;
  } else {
    sb.mb = nextrecord;
  }
  if (sb.mb == nullptr) {
    sb.mbtail = nullptr;
    sb.lastrecord = nullptr;
  } else if (sb.mb->nextpkt == nullptr) {
    sb.lastrecord = sb.mb;
    Mbuf* tail = sb.mb;
    while (tail->next != nullptr) tail = tail->next;
    sb.mbtail = tail;
  }
}

void sbdrop(Sockbuf& sb, size_t len) {
  Mbuf* m = sb.mb;
  Mbuf* nextrecord = m == nullptr ? nullptr : m->nextpkt;
  while (len > 0) {
    if (m == nullptr) {  // the rest is in the next record
      CHECK(nextrecord != nullptr);
      m = nextrecord;
      nextrecord = m->nextpkt;
      continue;
    }
    if (m->len > len) {
      m->data += len;
      m->len -= static_cast<uint32_t>(len);
      sb.cc -= static_cast<uint32_t>(len);
      if (sb_isdata(*m)) sb.datacc -= static_cast<uint32_t>(len);
      break;
    }
    len -= m->len;
    sbfree(sb, *m);
    m = m_free(m);
  }
  while (m != nullptr && m->len == 0) {
    sbfree(sb, *m);
    m = m_free(m);
  }
  // The last record's tail moves only when its head does: a stream of many
  // mbufs is not walked again for each ACK.
  sb.mb = m;
  if (m != nullptr) {
    m->nextpkt = nextrecord;
    if (nextrecord == nullptr) sb.lastrecord = m;
    return;
  }
  sb.mb = nextrecord;
  if (nextrecord == nullptr) {
    sb.mbtail = nullptr;
    sb.lastrecord = nullptr;
  }
}

void sbdroprecord(Sockbuf& sb) {
  Mbuf* m = sb.mb;
  if (m == nullptr) return;
  Mbuf* const nextrecord = m->nextpkt;
  while (m != nullptr) {
    sbfree(sb, *m);
    m = m_free(m);
  }
  sb.mb = nextrecord;
  if (nextrecord == nullptr) {
    sb.mbtail = nullptr;
    sb.lastrecord = nullptr;
  }
}

void sbflush(Sockbuf& sb) {
  while (sb.mb != nullptr) sbdroprecord(sb);
  CHECK(sb.cc == 0 && sb.datacc == 0 && sb.mbcnt == 0);
}

void sbrelease(Sockbuf& sb) {
  sbflush(sb);
  sb.hiwat = 0;
  sb.mbmax = 0;
}

void sbcheck(const Sockbuf& sb) {
  uint32_t cc = 0;
  uint32_t datacc = 0;
  uint32_t mbcnt = 0;
  const Mbuf* lastrecord = nullptr;
  const Mbuf* tail = nullptr;
  for (const Mbuf* r = sb.mb; r != nullptr; r = r->nextpkt) {
    lastrecord = r;
    for (const Mbuf* m = r; m != nullptr; m = m->next) {
      tail = m;
      cc += m->len;
      if (sb_isdata(*m)) datacc += m->len;
      mbcnt += sb_mbsize(*m);
    }
  }
  CHECK(cc == sb.cc && datacc == sb.datacc && mbcnt == sb.mbcnt);
  CHECK(lastrecord == sb.lastrecord && tail == sb.mbtail);
}

void soname_read(const Mbuf& m, Sockaddr* to) {
  std::memcpy(static_cast<void*>(to), m.data, sizeof *to);
}

MbufPtr soname_make(MbufPool& pool, const Sockaddr& sa, MWait how) {
  MbufPtr m = m_get(pool, how, MbufType::kSoname);
  if (!m) return nullptr;
  new (m->data) Sockaddr(sa);
  m->len = sa.len();
  return m;
}

}  // namespace splnet
