// The wire of one simulated host.

#include "tools/replay/wire.h"

#include <utility>

namespace splnet {
namespace {

// What a packet met last does not always say most: data delivered stays
// delivered when its acknowledgement turns out old.
int Weight(Verdict verdict) {
  switch (verdict) {
    case Verdict::kDelivered:
      return 6;
    case Verdict::kDuplicate:
      return 5;
    case Verdict::kOutOfWindow:
      return 4;
    case Verdict::kDropped:
      return 3;
    case Verdict::kConsumed:
      return 2;
    case Verdict::kHeld:
      return 1;
    default:
      return 0;
  }
}

Verdict VerdictOf(const TraceEvent& event) {
  if (event.kind == TraceKind::kDrop) {
    switch (event.reason) {
      case DropReason::kTcpDuplicate:
        return Verdict::kDuplicate;
      case DropReason::kTcpOutOfWindow:
        return Verdict::kOutOfWindow;
      default:
        return Verdict::kDropped;
    }
  }
  switch (event.fate) {
    case Fate::kDelivered:
      return Verdict::kDelivered;
    case Fate::kConsumed:
    case Fate::kForwarded:
      return Verdict::kConsumed;
    case Fate::kQueued:
      return Verdict::kHeld;
    case Fate::kDuplicate:
      return Verdict::kDuplicate;
    case Fate::kOutOfWindow:
      return Verdict::kOutOfWindow;
  }
  return Verdict::kConsumed;
}

}  // namespace

uint32_t WireTap::AddInterface(const std::string& name) {
  if (writer_ == nullptr) return 0;
  CaptureTap tap;
  tap.name = name;
  return writer_->AddInterface(tap);
}

void WireTap::Write(uint32_t interface, SimTime now, CaptureDirection direction,
                    std::span<const std::byte> frame) {
  if (writer_ == nullptr || !status_.ok()) return;
  CapturePacket packet;
  packet.interface = interface;
  packet.time_ns = epoch_ns_ + ToNanoseconds(now);
  packet.len = static_cast<uint32_t>(frame.size());
  packet.data = frame;
  packet.direction = direction;
  status_ = writer_->Write(packet);
}

void FateObserver::OnEvent(const TraceEvent& event) {
  if (next_ != nullptr) next_->OnEvent(event);
  if (event.kind != TraceKind::kFate && event.kind != TraceKind::kDrop) return;
  const Verdict verdict = VerdictOf(event);
  if (const auto at = packets_.find(event.packet); at != packets_.end()) {
    Apply(at->second, verdict, event.reason);
  } else {
    unbound_.push_back({event.packet, verdict, event.reason});
  }
}

void FateObserver::Bind(uint64_t id, uint32_t packet) {
  for (const Fated& fated : unbound_) {
    if (fated.id == id) Apply(packet, fated.verdict, fated.reason);
  }
  unbound_.clear();
  // Only what is held can meet another fate later.
  const Verdict verdict = index_.packets[packet].verdict;
  if (verdict == Verdict::kPending || verdict == Verdict::kHeld) {
    packets_.emplace(id, packet);
  }
}

void FateObserver::Apply(uint32_t packet, Verdict verdict, DropReason reason) {
  CapturedPacket& entry = index_.packets[packet];
  if (Weight(verdict) <= Weight(entry.verdict)) return;
  entry.verdict = verdict;
  entry.reason = reason;
}

ReplayWire::ReplayWire(Simulation& sim, const std::string& name,
                       const InAddr& addr, const EtherAddr& station,
                       CaptureIndex& index, WireTap& tap,
                       WireListener& listener, Observer* observer)
    : host_(sim.AddHost(name)),
      nic_(pcapattach(host_.ns, "em0", station)),
      addr_(addr),
      tap_(tap),
      tap_interface_(tap.AddInterface(name)),
      listener_(listener),
      fates_(index, observer) {
  nic_.set_transmit(Transmitted, this);
  static_cast<void>(if_addaddr(nic_, addr, 32));
  // Every peer is a neighbour, wherever its address lies.
  Rtentry all;
  all.dst = kInaddrAny;
  all.flags = kRtfUp;
  all.ifidx = nic_.index;
  all.ifa = addr;
  static_cast<void>(host_.ns.routes.Add(all));
  const uint32_t paths = observer == nullptr ? 0 : kTracePath;
  host_.ns.tracer.Set(&fates_, kTraceFate | kTraceDrop | paths);
}

void ReplayWire::AddNeighbour(const InAddr& addr, const EtherAddr& station) {
  if (!neighbours_.emplace(addr, station).second) return;
  host_.ns.arp.AddStatic(nic_.index, addr, station);
}

EtherAddr ReplayWire::NeighbourStation(const InAddr& addr) const {
  const auto at = neighbours_.find(addr);
  return at == neighbours_.end() ? EtherAddr{} : at->second;
}

void ReplayWire::Inject(std::span<const std::byte> frame, uint32_t packet) {
  tap_.Write(tap_interface_, host_.ns.now(), CaptureDirection::kInbound, frame);
  fates_.ForgetUnbound();
  const uint64_t id = nic_.Inject(frame);
  if (packet != kNoPacket) fates_.Bind(id, packet);
}

void ReplayWire::Transmitted(void* arg, uint64_t /*id*/,
                             std::span<const std::byte> frame) {
  ReplayWire& wire = *static_cast<ReplayWire*>(arg);
  wire.tap_.Write(wire.tap_interface_, wire.host_.ns.now(),
                  CaptureDirection::kOutbound, frame);
  wire.listener_.OnTransmit(frame);
}

}  // namespace splnet
