// Packets in from a tool and out to it.

#include "drivers/if_tun.h"

#include <cstring>
#include <memory>
#include <utility>

#include "stack/netstack.h"

namespace splnet {

TunIf& tunattach(Netstack& ns, std::string_view name) {
  Ifnet& ifp = ns.Attach(std::make_unique<TunIf>(ns, name));
  return static_cast<TunIf&>(ifp);
}

TunIf::TunIf(Netstack& stack, std::string_view name)
    : Ifnet(stack, name), interrupt_{Intr, this} {
  flags = kIffUp | kIffRunning | kIffPointToPoint;
  input = Input;
  output = Output;
  start = Start;
}

uint64_t TunIf::Refuse(DropReason reason) {
  ++stats.ierrors;
  const uint64_t id = ns.NewPacketId();
  ns.Lost(reason, id);
  return id;
}

uint64_t TunIf::Inject(std::span<const std::byte> bytes) {
  if (bytes.size() > kMaxMclBytes) return Refuse(DropReason::kIfTooLong);
  MbufPtr m = m_getcl(ns.mbufs, bytes.size(), MWait::kDontWait);
  if (!m) return Refuse(DropReason::kIfNoMbufs);
  m->len = m->pkthdr.len = static_cast<uint32_t>(bytes.size());
  if (!bytes.empty()) std::memcpy(m->data, bytes.data(), bytes.size());
  const uint64_t id = m->pkthdr.id = ns.NewPacketId();
  m->pkthdr.ifidx = index;
  m->pkthdr.timestamp_ns = ToNanoseconds(ns.now());
  ns.ledger.Copy(CopyKind::kDmaRx, bytes.size());
  received_.Enqueue(std::move(m));
  ns.cpu.RaiseInterrupt(interrupt_);
  return id;
}

void TunIf::Intr(void* tun) {
  auto& self = *static_cast<TunIf*>(tun);
  if_input(self, std::move(self.received_));
}

void TunIf::Input(Ifnet& ifp, MbufPtr m) {
  Netstack& ns = ifp.ns;
  uint8_t first = 0;
  const bool any = m_peek(*m, 0, 1, &first);
  const Family family = any && first >> 4 == 6 ? Family::kInet6 : Family::kInet;
  NetisrQueue* const queue = any ? ns.QueueOf(family) : nullptr;
  if (queue == nullptr) {
    ++ifp.stats.noproto;
    return ns.Drop(std::move(m), DropReason::kEtherUnknownType);
  }
  netisr_enqueue(ns, *queue, std::move(m));
}

Errno TunIf::Output(Ifnet& ifp, MbufPtr m, const InAddr& /*dst*/,
                    const Rtentry* rt) {
  Netstack& ns = ifp.ns;
  if (!ifp.up()) {
    ns.Drop(std::move(m), DropReason::kIfDown);
    return kENETDOWN;
  }
  if (rt != nullptr && (rt->flags & kRtfReject) != 0) {
    const bool host = (rt->flags & kRtfHost) != 0;
    ns.Drop(std::move(m), DropReason::kIpNoRoute);
    return host ? kEHOSTUNREACH : kENETUNREACH;
  }
  return if_enqueue(ifp, std::move(m));
}

void TunIf::Start(Ifnet& ifp) {
  auto& tun = static_cast<TunIf&>(ifp);
  while (MbufPtr m = tun.snd.Dequeue()) {
    tun.ns.tracer.Enter(Fn::kLink, *m);
    tun.buffer_.resize(m->pkthdr.len);
    CHECK(m_peek(*m, 0, tun.buffer_.size(), tun.buffer_.data()));
    tun.ns.ledger.Copy(CopyKind::kDmaTx, tun.buffer_.size());
    const uint64_t id = m->pkthdr.id;
    m = nullptr;  // transmitted
    if (tun.hook_ != nullptr) tun.hook_(tun.hook_arg_, id, tun.buffer_);
  }
}

}  // namespace splnet
