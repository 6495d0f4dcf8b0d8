// Builds and reads mbuf chains for tests.

#include "tests/testing/mbuf_chain.h"

#include <cstring>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"

namespace splnet {
namespace {

MbufPtr MakeMbuf(MbufPool& pool, const Piece& piece,
                 std::span<const std::byte> bytes, bool header,
                 std::vector<MbufPtr>* holders) {
  MbufPtr m =
      header ? m_gethdr(pool, MWait::kDontWait) : m_get(pool, MWait::kDontWait);
  CHECK(m);
  if (piece.place != Place::kInside) {
    CHECK(m_clget(*m, piece.len, MWait::kDontWait));
  } else {
    CHECK(piece.len <= (header ? kMhlen : kMlen));
  }
  if (!bytes.empty()) std::memcpy(m->data, bytes.data(), bytes.size());
  m->len = static_cast<uint32_t>(piece.len);
  if (piece.place == Place::kShared) {
    CHECK(holders != nullptr);
    MbufPtr holder = m_get(pool, MWait::kDontWait);
    MbufPool::Hold(m->ext.ref);
    holder->ext = m->ext;
    holder->flags |= kMExt | kMExtWr;
    holder->data = m->data;
    holder->len = m->len;
    holders->push_back(std::move(holder));
  }
  return m;
}

}  // namespace

std::vector<std::byte> PatternBytes(size_t n, uint8_t salt) {
  std::vector<std::byte> bytes(n);
  for (size_t i = 0; i < n; ++i) {
    bytes[i] = static_cast<std::byte>((i * 167 + i / 251 + salt * 59) & 0xff);
  }
  return bytes;
}

MbufPtr MakeChain(MbufPool& pool, const std::vector<Piece>& pieces,
                  const std::vector<std::byte>& bytes, bool header,
                  std::vector<MbufPtr>* holders) {
  MbufPtr head;
  Mbuf* tail = nullptr;
  size_t at = 0;
  for (const Piece& piece : pieces) {
    const std::span<const std::byte> part =
        std::span(bytes).subspan(at, piece.len);
    MbufPtr m = MakeMbuf(pool, piece, part, header && tail == nullptr, holders);
    at += piece.len;
    Mbuf* const raw = m.get();
    if (tail == nullptr) {
      head = std::move(m);
    } else {
      tail->next = m.release();
    }
    tail = raw;
  }
  CHECK(head && at == bytes.size());
  if (header) head->pkthdr.len = static_cast<uint32_t>(at);
  return head;
}

MbufPtr MakeChain(MbufPool& pool, const std::vector<Piece>& pieces,
                  bool header) {
  size_t total = 0;
  for (const Piece& piece : pieces) total += piece.len;
  return MakeChain(pool, pieces, PatternBytes(total), header, nullptr);
}

MbufPtr MakePacket(MbufPool& pool, const std::vector<std::byte>& bytes) {
  const Place place = bytes.size() > kMhlen ? Place::kCluster : Place::kInside;
  return MakeChain(pool, {{bytes.size(), place}}, bytes, true, nullptr);
}

std::vector<std::byte> ChainBytes(const Mbuf& m) {
  std::vector<std::byte> bytes;
  for (const Mbuf* p = &m; p != nullptr; p = p->next) {
    const auto part = p->bytes();
    bytes.insert(bytes.end(), part.begin(), part.end());
  }
  return bytes;
}

std::string ChainShape(const Mbuf& m) {
  std::string shape = std::to_string(m.len);
  for (const Mbuf* p = m.next; p != nullptr; p = p->next) {
    absl::StrAppend(&shape, "+", p->len);
  }
  return shape;
}

std::string ChainFaults(const Mbuf& m) {
  if (m.has(kMPkthdr) && m.pkthdr.len != m_length(m)) {
    return absl::StrCat("packet header says ", m.pkthdr.len, " of ",
                        ChainShape(m));
  }
  for (const Mbuf* p = &m; p != nullptr; p = p->next) {
    const std::byte* begin = p->has(kMPkthdr) ? p->pktdat : p->dat;
    size_t size = p->has(kMPkthdr) ? kMhlen : kMlen;
    if (p->has(kMExt)) {
      begin = p->ext.buf;
      size = p->ext.size;
      if (p->ext.ref->refs == 0) return "cluster without references";
    }
    // A header that was taken off leaves the data where it was.
    if (p->data < begin || p->data + p->len > begin + size) {
      return "data outside of its storage in " + ChainShape(m);
    }
  }
  return "";
}

}  // namespace splnet
