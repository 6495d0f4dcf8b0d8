// Cuts a packet that is too long for the way.  RFC 791 section 3.2.

#include <cstring>
#include <utility>

#include "stack/netinet/in_cksum.h"
#include "stack/netinet/ip.h"
#include "stack/netinet/ip_var.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

// The header of every piece but the first: of the options those whose type
// has the copied bit.
struct PieceHeader {
  std::array<std::byte, 60> bytes{};
  size_t len = sizeof(IpHeader);
};

PieceHeader CopiedHeader(const Mbuf& m, const IpHeader& ip) {
  PieceHeader h;
  const auto options = m.bytes().subspan(sizeof ip, ip.hlen() - sizeof ip);
  for (size_t i = 0; i < options.size();) {
    const auto type = std::to_integer<uint8_t>(options[i]);
    if (type == kIpOptEol) break;
    if (type == kIpOptNop) {
      ++i;
      continue;
    }
    if (i + 1 >= options.size()) break;
    const auto len = std::to_integer<size_t>(options[i + 1]);
    if (len < 2 || i + len > options.size()) break;
    if ((type & 0x80) != 0) {
      std::memcpy(h.bytes.data() + h.len, options.data() + i, len);
      h.len += len;
    }
    i += len;
  }
  h.len = (h.len + 3) & ~size_t{3};  // padded with end-of-list
  return h;
}

// A piece of `len` bytes from `off` of `m` behind the header `h`, whose fixed
// part becomes `ip`.  Null if memory is short.
MbufPtr MakePiece(Netstack& ns, const Mbuf& m, size_t off, size_t len,
                  const PieceHeader& h, IpHeader ip) {
  MbufPtr piece = m_gethdr(ns.mbufs, MWait::kDontWait);
  if (!piece) return nullptr;
  MbufPtr data = m_copym(m, off, len, MWait::kDontWait);
  if (!data) return nullptr;
  m_dup_pkthdr(*piece, m);
  piece->pkthdr.id = ns.NewPacketId();
  m_align(*piece, h.len);
  piece->len = static_cast<uint32_t>(h.len);
  piece->pkthdr.len = static_cast<uint32_t>(h.len + len);
  piece->next = data.release();

  ip.vhl = static_cast<uint8_t>(0x40 | h.len / 4);
  ip.len = static_cast<uint16_t>(h.len + len);
  ip.sum = 0;
  CksumPartial sum = in_cksum_20(&ip);
  sum += in_cksum_partial(h.bytes.data() + sizeof ip, h.len - sizeof ip);
  ip.sum = in_cksum_field(sum);
  std::memcpy(piece->data, h.bytes.data(), h.len);
  m_write(*piece, 0, ip);
  ns.ledger.Copy(CopyKind::kIpFragment, h.len);
  return piece;
}

}  // namespace

Errno ip_fragment(Netstack& ns, MbufPtr m, uint32_t mtu_bytes, MbufList* out) {
  ns.tracer.Enter(Fn::kIpFragment, *m);
  IpHeader ip = *m_read<IpHeader>(*m, 0);
  const size_t hlen = ip.hlen();
  const size_t unit = mtu_bytes < hlen ? 0 : (mtu_bytes - hlen) & ~size_t{7};
  if (unit == 0) {
    ++ns.ipstat.cantfrag;
    ns.Drop(std::move(m), DropReason::kIpMustFragment);
    return kEMSGSIZE;
  }
  const PieceHeader h = CopiedHeader(*m, ip);
  const size_t later_unit = (mtu_bytes - h.len) & ~size_t{7};
  const size_t total = m->pkthdr.len;
  // What is cut may itself be a piece, made by a program.
  const uint16_t flags = ip.off & kIpMf;
  const uint16_t first_off = ip.off & kIpOffMask;

  // The first piece is what will be left of the packet itself.  Its header is
  // written while the packet still has its storage to itself.
  ip.len = static_cast<uint16_t>(hlen + unit);
  ip.off = first_off | kIpMf;
  ip.sum = 0;
  CksumPartial sum = in_cksum_20(&ip);
  sum += in_cksum_partial(m->data + sizeof ip, hlen - sizeof ip);
  ip.sum = in_cksum_field(sum);
  m_write(*m, 0, ip);

  MbufList later;
  for (size_t off = hlen + unit; off < total;) {
    const size_t len = std::min(later_unit, total - off);
    ip.off = static_cast<uint16_t>((first_off + (off - hlen) / 8) |
                                   (off + len < total ? kIpMf : flags));
    MbufPtr piece = MakePiece(ns, *m, off, len, h, ip);
    if (!piece) {
      ++ns.ipstat.odropped;
      ns.Drop(std::move(m), DropReason::kIpNoBuffers);
      return kENOBUFS;
    }
    later.Enqueue(std::move(piece));
    off += len;
  }
  ++ns.ipstat.fragmented;
  ns.ipstat.ofragments += later.size() + 1;

  m_truncate(*m, hlen + unit);
  out->Enqueue(std::move(m));
  while (MbufPtr piece = later.Dequeue()) out->Enqueue(std::move(piece));
  return kOk;
}

}  // namespace splnet
