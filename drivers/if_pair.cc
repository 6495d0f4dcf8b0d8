// Frames on a wire: when they arrive, and what happens to them before.

#include "drivers/if_pair.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "stack/kern/check.h"

namespace splnet {
namespace {

constexpr int64_t kBitNanosecondsPerByte = int64_t{8} * 1'000'000'000;

// A locally administered station address: host and interface number.
EtherAddr StationAddress(const Netstack& ns) {
  const auto host = ns.host;
  const auto unit = static_cast<uint16_t>(ns.interfaces.size() + 1);
  return EtherAddr{{0x02, static_cast<uint8_t>(host >> 16),
                    static_cast<uint8_t>(host >> 8), static_cast<uint8_t>(host),
                    static_cast<uint8_t>(unit >> 8),
                    static_cast<uint8_t>(unit)}};
}

PairNic& AttachPairNic(Netstack& ns) {
  int unit = 0;
  while (ifunit(ns, "pair" + std::to_string(unit)) != nullptr) ++unit;
  Ifnet& ifp = ns.Attach(std::make_unique<PairNic>(
      ns, "pair" + std::to_string(unit), StationAddress(ns)));
  return static_cast<PairNic&>(ifp);
}

}  // namespace

// ------------------------------------------------------------------- the NIC

PairNic::~PairNic() { CHECK(link == nullptr); }

void PairNic::Start(Ifnet& ifp) {
  auto& nic = static_cast<PairNic&>(ifp);
  while (MbufPtr m = nic.snd.Dequeue()) {
    nic.ns.tracer.Enter(Fn::kTxRing, *m);
    PairLink* const link = nic.link;
    if (link == nullptr) {
      nic.ns.Drop(std::move(m), DropReason::kIfDown);
    } else if (nic.is_a) {
      link->a_to_b_.Send(nic, link->b(), std::move(m));
    } else {
      link->b_to_a_.Send(nic, link->a(), std::move(m));
    }
  }
}

// ------------------------------------------------------------------ the wire

Wire::Wire(EventQueue& queue, uint64_t seed, std::string_view name, bool from_a,
           const std::vector<LinkTap*>& taps)
    : queue_(queue),
      from_a_(from_a),
      taps_(taps),
      fault_(seed, name),
      arrival_(queue, Arrive, this) {}

Wire::~Wire() { TearDown(); }

void Wire::TearDown() {
  stats_.torn_down += in_flight();
  timeout_del(arrival_);
  held_.clear();
  late_.clear();
  fifo_.Purge();
}

void Wire::set_config(const WireConfig& config) {
  CHECK(config.bits_per_second >= 0 && config.delay >= Nanoseconds{0});
  if (config.bits_per_second != config_.bits_per_second) carry_ = 0;
  config_ = config;
  fault_.set_config(config.fault);
}

bool Wire::HasRoom() {
  if (config_.bits_per_second == 0 || free_at_ <= queue_.now()) return true;
  while (!starts_.empty() && starts_.front() <= queue_.now()) {
    starts_.pop_front();
  }
  return starts_.size() < config_.queue_limit;
}

SimTime Wire::ClockOut(size_t bytes) {
  const SimTime now = queue_.now();
  if (config_.bits_per_second == 0) return std::max(now, free_at_);
  if (free_at_ <= now) {  // idle
    if (free_at_ < now) carry_ = 0;
    free_at_ = now;
    starts_.clear();
  } else {
    starts_.push_back(free_at_);
  }
  // The remainder of the division goes to the next frame, so that a stream of
  // frames takes exactly its bits' time.
  const int64_t work =
      static_cast<int64_t>(bytes) * kBitNanosecondsPerByte + carry_;
  carry_ = work % config_.bits_per_second;
  free_at_ += Nanoseconds(work / config_.bits_per_second);
  return free_at_;
}

void Wire::Send(RingNic& from, RingNic& to, MbufPtr m) {
  const size_t bytes = m->pkthdr.len;
  ++stats_.frames;
  stats_.bytes += bytes;
  if (bytes > kMaxFrameBytes) {
    ++stats_.too_long;
    ++from.stats.oerrors;
    return from.ns.Drop(std::move(m), DropReason::kIfTooLong);
  }
  if (!HasRoom()) {
    ++stats_.queue_drops;
    return from.ns.Drop(std::move(m), DropReason::kLinkQueueFull);
  }
  MbufPtr frame = rxbuf_get(to.ns.mbufs, bytes);
  if (!frame) {
    ++stats_.no_buffers;
    ++to.stats.ierrors;
    return to.ns.Drop(std::move(m), DropReason::kIfNoMbufs);
  }
  from.TxGather(*m, frame->data, &frame->pkthdr);
  frame->pkthdr.id = m->pkthdr.id;
  from.ns.tracer.Enter(Fn::kLink, *m);
  m = nullptr;  // transmitted
  to_ = &to;
  const SimTime arrival = ClockOut(bytes) + config_.delay;

  FaultDecision decision;
  if (fault_.active()) decision = fault_.Decide(bytes);
  for (LinkTap* const tap : taps_) {
    tap->OnFrame(TappedFrame{.time = queue_.now(),
                             .from_a = from_a_,
                             .lost = decision.lose,
                             .corrupted = decision.corrupt,
                             .packet = frame->pkthdr.id,
                             .bytes = frame->bytes()});
  }
  if (decision.lose) {
    return from.ns.Drop(std::move(frame), DropReason::kLinkLost);
  }
  if (fault_.active()) {
    Impair(std::move(frame), arrival, decision);
  } else {
    Launch(std::move(frame), arrival);
  }
  Arm();
}

void Wire::Impair(MbufPtr m, SimTime arrival, const FaultDecision& decision) {
  const FaultConfig& fault = fault_.config();
  arrival += decision.jitter;
  if (!fault.jitter_reorders && fifo_.size() > 0) {
    arrival = std::max(arrival, FromNanoseconds(fifo_last_));
  }
  MbufPtr copy;
  if (decision.duplicate) {
    copy = rxbuf_get(to_->ns.mbufs, m->len);
    if (copy) {
      std::memcpy(copy->data, m->data, m->len);
      copy->pkthdr.id = m->pkthdr.id;
    } else {
      ++stats_.no_buffers;
    }
  }
  if (decision.corrupt) {
    FlipBit({m->data, m->len}, decision.corrupt_bit);
    m->pkthdr.csum_len = 0;  // another frame than was summed
  }
  if (decision.hold) {
    if (copy) Launch(std::move(copy), arrival);
    return HoldBack(std::move(m), arrival);
  }
  Launch(std::move(m), arrival);
  if (copy) Launch(std::move(copy), arrival);
  PassHeld(arrival);
}

void Wire::Launch(MbufPtr m, SimTime arrival) {
  const int64_t due = ToNanoseconds(arrival);
  if (!fifo_.empty() && due < fifo_last_) {
    late_.emplace(due, std::move(m));
    return;
  }
  m->pkthdr.timestamp_ns = due;
  fifo_last_ = due;
  fifo_.Enqueue(std::move(m));
}

void Wire::HoldBack(MbufPtr m, SimTime arrival) {
  const FaultConfig& fault = fault_.config();
  const auto at =
      late_.emplace(ToNanoseconds(arrival + fault.reorder_delay), std::move(m));
  if (fault.reorder_frames > 0) held_.push_back({at, fault.reorder_frames});
}

void Wire::PassHeld(SimTime arrival) {
  for (auto held = held_.begin(); held != held_.end();) {
    if (--held->left > 0) {
      ++held;
      continue;
    }
    auto node = late_.extract(held->at);
    held = held_.erase(held);
    // Not after its delay, if the passing frame comes later than that.
    const SimTime latest = FromNanoseconds(node.key());
    Launch(std::move(node.mapped()), std::min(arrival, latest));
  }
}

void Wire::Arm() {
  SimTime next = SimTime::max();
  if (!fifo_.empty()) {
    next = FromNanoseconds(fifo_.front()->pkthdr.timestamp_ns);
  }
  if (!late_.empty()) {
    next = std::min(next, FromNanoseconds(late_.begin()->first));
  }
  if (next == SimTime::max()) return;
  if (arrival_.pending() && arrival_.due() <= next) return;
  timeout_add_at(arrival_, next);
}

MbufPtr Wire::NextDue(int64_t now) {
  const bool late = !late_.empty() && late_.begin()->first <= now;
  if (!fifo_.empty()) {
    const int64_t due = fifo_.front()->pkthdr.timestamp_ns;
    if (due <= now && (!late || due <= late_.begin()->first)) {
      return fifo_.Dequeue();
    }
  }
  if (!late) return nullptr;
  const auto first = late_.begin();
  std::erase_if(held_, [&](const Held& held) { return held.at == first; });
  MbufPtr m = std::move(first->second);
  late_.erase(first);
  return m;
}

void Wire::TellArrival(const Mbuf& m) const {
  const TappedFrame frame{.time = queue_.now(),
                          .from_a = from_a_,
                          .packet = m.pkthdr.id,
                          .bytes = m.bytes()};
  for (LinkTap* const tap : taps_) tap->OnArrival(frame);
}

void Wire::Arrive(void* wire) {
  auto& self = *static_cast<Wire*>(wire);
  const int64_t now = ToNanoseconds(self.queue_.now());
  bool any = false;
  while (MbufPtr m = self.NextDue(now)) {
    ++self.stats_.delivered;
    if (!self.taps_.empty()) self.TellArrival(*m);
    self.to_->RxFill(std::move(m));
    any = true;
  }
  self.Arm();
  // Last: the receiving host runs now.
  if (any) self.to_->RaiseInterrupt();
}

// ------------------------------------------------------------------ the link

PairLink::PairLink(EventQueue& queue, uint64_t seed, std::string_view name,
                   Netstack& a, Netstack& b, const LinkConfig& config)
    : name_(name),
      a_(&AttachPairNic(a)),
      b_(&AttachPairNic(b)),
      a_to_b_(queue, seed, name_ + ":a", true, taps_),
      b_to_a_(queue, seed, name_ + ":b", false, taps_) {
  a_to_b_.set_config(config.a_to_b);
  b_to_a_.set_config(config.b_to_a);
  a_->link = b_->link = this;
  a_->is_a = true;
}

PairLink::~PairLink() { a_->link = b_->link = nullptr; }

}  // namespace splnet
