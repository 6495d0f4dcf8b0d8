// Decisions about frames on a wire.

#include "drivers/fault.h"

#include <algorithm>
#include <string>
#include <utility>

namespace splnet {

FaultInjector::FaultInjector(uint64_t seed, std::string_view name)
    : random_(seed, "fault:" + std::string(name)) {}

void FaultInjector::set_config(FaultConfig config) {
  config_ = std::move(config);
  for (FaultRule* rule : {&config_.loss, &config_.duplicate, &config_.corrupt,
                          &config_.reorder}) {
    std::sort(rule->frames.begin(), rule->frames.end());
  }
  active_ = !config_.none();
}

bool FaultInjector::Strikes(const FaultRule& rule) {
  // The draw is made for listed frames too: adding a number to a list leaves
  // the fate of every other frame as it was.
  const bool drawn = rule.ppm != 0 && random_.Chance(rule.ppm);
  return drawn ||
         std::binary_search(rule.frames.begin(), rule.frames.end(), frame_);
}

FaultDecision FaultInjector::Decide(size_t bytes) {
  ++frame_;
  FaultDecision d;
  if (Strikes(config_.loss)) {
    ++stats_.lost;
    d.lose = true;
    return d;
  }
  if (Strikes(config_.duplicate)) {
    ++stats_.duplicated;
    d.duplicate = true;
  }
  if (Strikes(config_.corrupt)) {
    ++stats_.corrupted;
    d.corrupt = true;
    d.corrupt_bit = random_.Below(uint64_t{8} * bytes);
  }
  if (Strikes(config_.reorder)) {
    ++stats_.reordered;
    d.hold = true;
  }
  if (config_.jitter > Nanoseconds{0}) {
    d.jitter = Nanoseconds(random_.Between(0, config_.jitter.count()));
    if (d.jitter > Nanoseconds{0}) ++stats_.jittered;
  }
  return d;
}

void FlipBit(std::span<std::byte> frame, uint64_t bit) {
  frame[bit / 8] ^= std::byte{0x80} >> (bit % 8);
}

}  // namespace splnet
