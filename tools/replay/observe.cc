// Observing a capture.

#include "tools/replay/observe.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <span>

#include "absl/strings/str_cat.h"
#include "drivers/if_pcap.h"
#include "tools/progress.h"
#include "tools/replay/capture_index.h"
#include "tools/simulation.h"

namespace splnet {
namespace {

constexpr size_t kBurst = 64;            // frames for one interrupt
constexpr int64_t kBurstNs = 1'000'000;  // and no longer than that
constexpr int64_t kAfterwardsNs = 61'000'000'000;
constexpr size_t kMostHeld = 65536;  // fragments remembered

class Watcher final : public Observer {
 public:
  Watcher(const ReplayOptions& options, CaptureReader& reader,
          CaptureFilter* filter, CaptureWriter* writer, Observer* path,
          Observation& seen);
  ~Watcher() override { host_.ns.tracer.Set(nullptr, 0); }

  absl::Status Run();
  void OnEvent(const TraceEvent& event) override;

 private:
  absl::Status Accept(const CapturePacket& packet);
  bool Plain(uint32_t interface);
  void Inject();
  void CountFates();
  // The number in the file of the packet `id` of the burst; 0 if it is none.
  uint64_t NumberOf(uint64_t id) const;

  CaptureReader& reader_;
  CaptureFilter* const filter_;
  Observer* const path_;
  Observation& seen_;
  Simulation sim_;
  Host& host_;
  PcapNic& nic_;
  WireTap tap_;
  const uint32_t tap_interface_;

  // The burst.
  std::array<std::span<const std::byte>, kBurst> frames_;
  std::array<uint64_t, kBurst> numbers_{};
  std::array<uint64_t, kBurst> ids_{};
  size_t count_ = 0;
  int64_t burst_ns_ = 0;   // when it began
  int64_t latest_ns_ = 0;  // of all packets, since the first
  struct Fated {
    uint64_t id;
    bool dropped;
    DropReason reason;
  };
  std::vector<Fated> fated_;           // of this burst, but those consumed
  uint64_t consumed_ = 0;              // by the stack, in this burst
  std::map<uint64_t, uint64_t> held_;  // fragments: id to number
};

Watcher::Watcher(const ReplayOptions& options, CaptureReader& reader,
                 CaptureFilter* filter, CaptureWriter* writer, Observer* path,
                 Observation& seen)
    : reader_(reader),
      filter_(filter),
      path_(path),
      seen_(seen),
      sim_(options.seed, options.settings),
      host_(sim_.AddHost("observer")),
      nic_(pcapattach(host_.ns, "em0", EtherAddr{{2, 0, 0, 0, 0, 1}})),
      tap_(writer, 0),
      tap_interface_(tap_.AddInterface("observer")) {
  host_.ns.owns_everything = true;
  const uint32_t paths = path == nullptr ? 0 : kTracePath;
  host_.ns.tracer.Set(this, kTraceDrop | kTraceFate | paths);
}

void Watcher::OnEvent(const TraceEvent& event) {
  if (path_ != nullptr) path_->OnEvent(event);
  if (event.kind == TraceKind::kFate) {
    if (event.fate == Fate::kConsumed) {
      ++consumed_;
    } else if (event.fate == Fate::kQueued) {
      fated_.push_back({event.packet, false, {}});
    }
  } else if (event.kind == TraceKind::kDrop) {
    fated_.push_back({event.packet, true, event.reason});
  }
}

bool Watcher::Plain(uint32_t interface) {
  return reader_.interfaces()[interface].link_type == kLinkTypeEthernet;
}

uint64_t Watcher::NumberOf(uint64_t id) const {
  const auto end = ids_.begin() + static_cast<ptrdiff_t>(count_);
  const auto at = std::lower_bound(ids_.begin(), end, id);
  return at != end && *at == id
             ? numbers_[static_cast<size_t>(at - ids_.begin())]
             : 0;
}

// Fragments that are held are observed as soon as that, and no more if they
// are dropped later.  The one that completes a packet meets the packet's fate.
void Watcher::CountFates() {
  for (const Fated& fated : fated_) {
    uint64_t number = NumberOf(fated.id);
    if (!fated.dropped) {
      if (number == 0) continue;
      ++seen_.observed;
      if (held_.size() >= kMostHeld) held_.erase(held_.begin());
      held_.emplace(fated.id, number);
      continue;
    }
    if (const auto at = held_.find(fated.id); at != held_.end()) {
      number = at->second;
      held_.erase(at);
      --seen_.observed;
    }
    if (number == 0) continue;  // one of our own
    const auto reason = static_cast<size_t>(fated.reason);
    if (seen_.dropped[reason]++ == 0) seen_.first_dropped[reason] = number;
  }
  fated_.clear();
}

void Watcher::Inject() {
  if (count_ == 0) return;
  static_cast<void>(sim_.RunUntil(FromNanoseconds(latest_ns_)));
  CountFates();  // of timers
  consumed_ = 0;
  for (size_t i = 0; i < count_; ++i) {
    tap_.Write(tap_interface_,
               FromNanoseconds(seen_.first_time_ns + latest_ns_),
               CaptureDirection::kInbound, frames_[i]);
  }
  nic_.InjectBatch(std::span(frames_).first(count_),
                   std::span(ids_).first(count_));
  seen_.observed += consumed_;
  if (seen_.first_observed == 0 && consumed_ != 0) {
    seen_.first_observed = numbers_[0];
  }
  if (!fated_.empty()) CountFates();
  count_ = 0;
}

absl::Status Watcher::Accept(const CapturePacket& packet) {
  if (filter_ != nullptr) {
    const absl::StatusOr<bool> matches = filter_->Matches(reader_, packet);
    if (!matches.ok()) return matches.status();
    if (!*matches) return absl::OkStatus();
  }
  if (seen_.packets++ == 0) {
    seen_.first_time_ns = seen_.last_time_ns = packet.time_ns;
  }
  seen_.cut += packet.caplen() < packet.len;
  seen_.bytes += std::max<uint64_t>(packet.len, packet.caplen());
  seen_.backward_clock += packet.time_ns < seen_.last_time_ns;
  seen_.last_time_ns = std::max(seen_.last_time_ns, packet.time_ns);
  if (!Plain(packet.interface)) [[unlikely]] {
    if (seen_.unusable++ == 0) seen_.first_unusable = packet.number;
    return absl::OkStatus();
  }
  const int64_t now = seen_.last_time_ns - seen_.first_time_ns;
  if (count_ == kBurst || now - burst_ns_ > kBurstNs) {
    Inject();
    burst_ns_ = now;
  }
  latest_ns_ = now;
  frames_[count_] = packet.data;
  numbers_[count_++] = packet.number;
  return absl::OkStatus();
}

absl::Status Watcher::Run() {
  CapturePacket packet;
  Progress progress("observing");
  while (reader_.Next(packet)) {
    progress.At(reader_.bytes_read(), reader_.bytes_total());
    if (absl::Status s = Accept(packet); !s.ok()) return s;
  }
  Inject();
  static_cast<void>(sim_.RunUntil(FromNanoseconds(latest_ns_ + kAfterwardsNs)));
  CountFates();
  seen_.virtual_ns = latest_ns_;
  return tap_.status();
}

}  // namespace

uint64_t Observation::sum() const {
  return std::accumulate(dropped.begin(), dropped.end(), observed + unusable);
}

absl::Status Observe(const ReplayOptions& options, CaptureReader& reader,
                     CaptureFilter* filter, CaptureWriter* writer,
                     Observer* path, Observation* observation) {
  Observation& seen = *observation;
  {
    Watcher watcher(options, reader, filter, writer, path, seen);
    if (absl::Status s = watcher.Run(); !s.ok()) return s;
  }
  seen.file = reader.name();
  seen.format = reader.format();
  seen.packets_in_file = reader.counters().packets;
  if (seen.packets == 0) return NothingToReplay(reader, filter);
  seen.warnings = ReadingWarnings(reader);
  if (seen.cut != 0) {
    seen.warnings.push_back(CutPacketsWarning(seen.cut, seen.packets));
  }
  if (seen.unusable == seen.packets) {
    const CaptureInterface& interface = reader.interfaces().front();
    return WrongLinkType(reader, seen.first_unusable, interface.link_type);
  }
  return absl::OkStatus();
}

}  // namespace splnet
