// What a pcapng timestamp counts: the unit and the origin of an interface's
// clock (options if_tsresol and if_tsoffset), and its value in nanoseconds.

#ifndef SPLNET_TRACES_CAPTURE_CLOCK_H_
#define SPLNET_TRACES_CAPTURE_CLOCK_H_

#include <cstdint>

namespace splnet {

class CaptureClock {
 public:
  // Microseconds since 1970, what pcapng means when it says nothing.
  CaptureClock() : CaptureClock(6, 0) {}

  // `resolution` is if_tsresol's byte: n for units of 10^-n s, or, with the
  // top bit set, of 2^-n s.  `offset_seconds` is added to every timestamp.
  CaptureClock(uint8_t resolution, int64_t offset_seconds);

  // Nanoseconds since 1970-01-01 UTC, rounded down; a time that 64 bits
  // cannot hold becomes the nearest that they can.
  int64_t ToNanoseconds(uint64_t ticks) const {
    if (ticks <= fast_limit_) [[likely]] {
      return static_cast<int64_t>(ticks * ns_per_tick_) + offset_ns_;
    }
    return ToNanosecondsSlow(ticks);
  }

  uint8_t resolution() const { return resolution_; }
  int64_t offset_seconds() const { return offset_seconds_; }

 private:
  int64_t ToNanosecondsSlow(uint64_t ticks) const;

  uint64_t fast_limit_ = 0;  // up to here product and sum cannot overflow
  uint64_t ns_per_tick_ = 0;
  int64_t offset_ns_ = 0;  // clamped
  int64_t offset_seconds_;
  uint8_t resolution_;
};

}  // namespace splnet

#endif  // SPLNET_TRACES_CAPTURE_CLOCK_H_
