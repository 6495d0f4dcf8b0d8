// Frames in from a tool and out to it.

#include "drivers/if_pcap.h"

#include <memory>
#include <utility>

namespace splnet {

PcapNic& pcapattach(Netstack& ns, std::string_view name,
                    const EtherAddr& station) {
  Ifnet& ifp = ns.Attach(std::make_unique<PcapNic>(ns, name, station));
  return static_cast<PcapNic&>(ifp);
}

uint64_t PcapNic::Refuse(DropReason reason) {
  ++stats.ierrors;
  const uint64_t id = ns.NewPacketId();
  ns.Lost(reason, id);
  return id;
}

uint64_t PcapNic::Fill(std::span<const std::byte> frame) {
  if (frame.size() > kMaxFrameBytes) return Refuse(DropReason::kIfTooLong);
  MbufPtr m = rxbuf_get(ns.mbufs, frame.size());
  if (!m) return Refuse(DropReason::kIfNoMbufs);
  RxCopy(frame, *m);
  const uint64_t id = m->pkthdr.id = ns.NewPacketId();
  RxFill(std::move(m));
  return id;
}

uint64_t PcapNic::Inject(std::span<const std::byte> frame) {
  const uint64_t id = Fill(frame);
  RaiseInterrupt();
  return id;
}

void PcapNic::InjectBatch(std::span<const std::span<const std::byte>> frames,
                          std::span<uint64_t> ids) {
  for (size_t i = 0; i < frames.size(); ++i) {
    if (rx_waiting() >= rx_slots()) RaiseInterrupt();
    const uint64_t id = Fill(frames[i]);
    if (!ids.empty()) ids[i] = id;
  }
  RaiseInterrupt();
}

void PcapNic::Start(Ifnet& ifp) {
  auto& nic = static_cast<PcapNic&>(ifp);
  while (MbufPtr m = nic.snd.Dequeue()) {
    nic.ns.tracer.Enter(Fn::kTxRing, *m);
    nic.buffer_.resize(m->pkthdr.len);
    nic.TxGather(*m, nic.buffer_.data(), nullptr);
    nic.ns.tracer.Enter(Fn::kLink, *m);
    const uint64_t id = m->pkthdr.id;
    m = nullptr;  // transmitted
    if (nic.hook_ != nullptr) nic.hook_(nic.hook_arg_, id, nic.buffer_);
  }
}

}  // namespace splnet
