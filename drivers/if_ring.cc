// The receive ring and transmit DMA that the Ethernet drivers share.

#include "drivers/if_ring.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "stack/net/if_ethersubr.h"
#include "stack/netinet/in_cksum.h"
#include "stack/netinet/ip.h"

namespace splnet {
namespace {

// Gathers the chain to `to`; the sum of its bytes from `from` on.
CksumPartial GatherSum(const Mbuf& m, size_t from, std::byte* to) {
  CksumPartial sum = 0;
  bool odd = false;  // what follows begins at an odd offset
  for (const Mbuf* p = &m; p != nullptr; p = p->next) {
    const size_t before = std::min<size_t>(from, p->len);
    std::memcpy(to, p->data, before);
    const size_t rest = p->len - before;
    const CksumPartial piece =
        in_cksum_copy(to + before, p->data + before, rest);
    sum += odd ? in_cksum_swap(piece) : piece;
    odd ^= (rest & 1) != 0;
    from -= before;
    to += p->len;
  }
  return sum;
}

// `sum` is that of the IPv4 packet at `ip`, in whose transport checksum stands
// the pseudo-header's.  Puts the checksum there, and returns the new sum.  The
// IP header does not matter: it sums to nothing.
CksumPartial FillChecksum(CksumPartial sum, std::byte* ip, uint16_t flags) {
  const size_t hlen = (std::to_integer<size_t>(*ip) & 0xf) * 4;
  std::byte* const field = ip + hlen + ((flags & kMTcpCsumOut) != 0 ? 16 : 6);
  uint16_t value = in_cksum_fold(sum);
  // RFC 768: a computed 0 is sent as ones.
  if ((flags & kMUdpCsumOut) != 0 && value == 0) value = 0xffff;
  uint16_t partial;
  std::memcpy(&partial, field, sizeof partial);
  std::memcpy(field, &value, sizeof value);
  return sum + static_cast<uint16_t>(~partial) + value;
}

// Notes in `hdr` that the last `len` bytes of its packet sum to `sum`.
void NoteSum(PktHdr& hdr, size_t len, CksumPartial sum) {
  hdr.csum_len = static_cast<uint32_t>(len);
  hdr.csum_data = static_cast<uint16_t>(~in_cksum_fold(sum));
}

}  // namespace

MbufPtr rxbuf_get(MbufPool& pool, size_t bytes) {
  MbufPtr m = m_getcl(pool, bytes + kEtherAlign, MWait::kDontWait);
  if (!m) return nullptr;
  m->data += kEtherAlign;
  m->len = m->pkthdr.len = static_cast<uint32_t>(bytes);
  return m;
}

RingNic::RingNic(Netstack& stack, std::string_view name,
                 const EtherAddr& station)
    : Ifnet(stack, name), interrupt_{Intr, this} {
  ether_ifattach(*this, station);
  flags |= kIffUp | kIffRunning;
  capabilities = kIfcapCsumTcp4 | kIfcapCsumUdp4;
}

void RingNic::RxFill(MbufPtr m) {
  if (m->pkthdr.id == 0) m->pkthdr.id = ns.NewPacketId();
  m->pkthdr.ifidx = index;
  m->pkthdr.timestamp_ns = ToNanoseconds(ns.now());
  ns.ledger.Copy(CopyKind::kDmaRx, m->pkthdr.len);
  if (rx_ring_.size() >= rx_slots_) {
    ++stats.iqdrops;
    return ns.Drop(std::move(m), DropReason::kIfRingFull);
  }
  rx_ring_.Enqueue(std::move(m));
}

void RingNic::TxGather(const Mbuf& m, std::byte* to, PktHdr* sum) {
  ns.ledger.Copy(CopyKind::kDmaTx, m.pkthdr.len);
  constexpr uint16_t kOffloaded = kMTcpCsumOut | kMUdpCsumOut;
  if ((m.pkthdr.csum_flags & kOffloaded) != 0) {
    const CksumPartial total = FillChecksum(
        GatherSum(m, kEtherHdrLen, to), to + kEtherHdrLen, m.pkthdr.csum_flags);
    if (sum != nullptr) NoteSum(*sum, m.pkthdr.len - kEtherHdrLen, total);
    return;
  }
  for (const Mbuf* p = &m; p != nullptr; p = p->next) {
    std::memcpy(to, p->data, p->len);
    to += p->len;
  }
}

void RingNic::RxCopy(std::span<const std::byte> frame, Mbuf& m) {
  const size_t link = std::min(frame.size(), kEtherHdrLen);
  const size_t rest = frame.size() - link;
  if (link > 0) std::memcpy(m.data, frame.data(), link);
  if (rest == 0) return;
  NoteSum(m.pkthdr, rest,
          in_cksum_copy(m.data + link, frame.data() + link, rest));
}

void RingNic::Intr(void* nic) {
  auto& self = *static_cast<RingNic*>(nic);
  MbufList frames = std::move(self.rx_ring_);
  if (self.ns.tracer.wants(kTracePath)) {
    for (const Mbuf* m = frames.front(); m != nullptr; m = m->nextpkt) {
      self.ns.tracer.Enter(Fn::kRing, *m);
      self.ns.tracer.Enter(Fn::kDriverInterrupt, *m);
    }
  }
  if_input(self, std::move(frames));
}

}  // namespace splnet
