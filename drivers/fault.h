// What can go wrong with frames on a wire: loss, duplication, reordering,
// corruption of one bit, jitter.
//
// One FaultInjector serves one direction of a link.  It decides by chance, from
// a random stream of its own, or by lists of frame numbers, which count the
// frames of that direction from 1.  A decision says what the link is to do; the
// injector touches no frame but to flip a bit.

#ifndef SPLNET_DRIVERS_FAULT_H_
#define SPLNET_DRIVERS_FAULT_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "stack/kern/random.h"
#include "stack/kern/time.h"

namespace splnet {

// When one impairment strikes: by chance, and at the frames listed.
struct FaultRule {
  uint32_t ppm = 0;              // of a million frames; at most 1000000
  std::vector<uint64_t> frames;  // numbers from 1, in any order

  bool never() const { return ppm == 0 && frames.empty(); }
};

struct FaultConfig {
  FaultRule loss;
  FaultRule duplicate;
  FaultRule corrupt;
  FaultRule reorder;
  // A reordered frame is held back until reorder_frames later ones have
  // passed, but no longer than reorder_delay; with 0 frames, for the delay.
  uint32_t reorder_frames = 0;
  Nanoseconds reorder_delay{1'000'000};
  // Every frame is delayed by 0 to `jitter` more.  Frames then keep their order
  // unless jitter_reorders.
  Nanoseconds jitter{0};
  bool jitter_reorders = false;

  bool none() const {
    return loss.never() && duplicate.never() && corrupt.never() &&
           reorder.never() && jitter == Nanoseconds{0};
  }
};

struct FaultStats {
  uint64_t lost = 0;
  uint64_t duplicated = 0;
  uint64_t corrupted = 0;
  uint64_t reordered = 0;  // held back, whether or not another overtook it
  uint64_t jittered = 0;   // delayed by more than 0
};

// What is to happen to one frame.
struct FaultDecision {
  bool lose = false;
  bool duplicate = false;
  bool hold = false;
  bool corrupt = false;
  uint64_t corrupt_bit = 0;  // from the frame's first byte, highest bit first
  Nanoseconds jitter{0};
};

class FaultInjector {
 public:
  // Draws from the stream "fault:NAME" of `seed`.
  FaultInjector(uint64_t seed, std::string_view name);

  void set_config(FaultConfig config);
  const FaultConfig& config() const { return config_; }
  const FaultStats& stats() const { return stats_; }
  // Without impairments a link need not ask.  Frames are then not numbered.
  bool active() const { return active_; }

  // Decides about the next frame, of `bytes` (at least 1), and counts.
  FaultDecision Decide(size_t bytes);

 private:
  bool Strikes(const FaultRule& rule);

  FaultConfig config_;
  bool active_ = false;
  RandomStream random_;
  uint64_t frame_ = 0;  // number of the frame decided last
  FaultStats stats_;
};

// Flips bit `bit` of `frame`.
void FlipBit(std::span<std::byte> frame, uint64_t bit);

}  // namespace splnet

#endif  // SPLNET_DRIVERS_FAULT_H_
