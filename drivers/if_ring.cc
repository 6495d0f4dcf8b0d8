// The receive ring and transmit DMA that the Ethernet drivers share.

#include "drivers/if_ring.h"

#include <utility>

#include "stack/net/if_ethersubr.h"

namespace splnet {

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

void RingNic::TxGather(const Mbuf& m, std::byte* to) {
  for (const Mbuf* p = &m; p != nullptr; p = p->next) {
    std::memcpy(to, p->data, p->len);
    to += p->len;
  }
  ns.ledger.Copy(CopyKind::kDmaTx, m.pkthdr.len);
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
