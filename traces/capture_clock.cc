// Timestamp units of capture files, beyond what the fast path multiplies.

#include "traces/capture_clock.h"

#include <algorithm>
#include <limits>

namespace splnet {
namespace {

__extension__ using Wide = __int128;

constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();
constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
constexpr int64_t kNsPerSecond = 1'000'000'000;

constexpr bool IsPowerOfTwo(uint8_t resolution) { return resolution & 0x80; }

int64_t Clamp(Wide value) {
  return static_cast<int64_t>(std::clamp<Wide>(value, kLeast, kMost));
}

// 10 to the power of `exponent`, at most 19.
uint64_t PowerOfTen(int exponent) {
  uint64_t value = 1;
  while (exponent-- > 0) value *= 10;
  return value;
}

}  // namespace

CaptureClock::CaptureClock(uint8_t resolution, int64_t offset_seconds)
    : offset_seconds_(offset_seconds), resolution_(resolution) {
  offset_ns_ = Clamp(Wide{offset_seconds} * kNsPerSecond);
  if (IsPowerOfTwo(resolution)) {
    if (resolution != 0x80) return;  // 2^0 is a second, like 10^0
    ns_per_tick_ = kNsPerSecond;
  } else {
    if (resolution > 9) return;
    ns_per_tick_ = PowerOfTen(9 - resolution);
  }
  // A clamped offset would make inexact sums.
  if (offset_ns_ == kLeast || offset_ns_ == kMost) return;
  const int64_t room = offset_ns_ > 0 ? kMost - offset_ns_ : kMost;
  fast_limit_ = static_cast<uint64_t>(room) / ns_per_tick_;
}

int64_t CaptureClock::ToNanosecondsSlow(uint64_t ticks) const {
  const int exponent = resolution_ & 0x7f;
  Wide ns = 0;
  if (ns_per_tick_ != 0) {
    ns = Wide{ticks} * ns_per_tick_;
  } else if (IsPowerOfTwo(resolution_)) {
    ns = Wide{ticks} * kNsPerSecond >> exponent;
  } else if (exponent - 9 <= 19) {
    ns = ticks / PowerOfTen(exponent - 9);
  }
  return Clamp(ns + Wide{offset_seconds_} * kNsPerSecond);
}

}  // namespace splnet
