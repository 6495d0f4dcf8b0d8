// Seeded random streams.
//
// A stream is named ("fault:wire0", "alpha:tcp:iss") and depends on the
// simulation's seed and its name alone, so a new draw in one place leaves the
// others as they were.  The generator is xoshiro256**; the distributions are
// our own, for those of the standard library differ between implementations.

#ifndef SPLNET_STACK_KERN_RANDOM_H_
#define SPLNET_STACK_KERN_RANDOM_H_

#include <array>
#include <cstdint>
#include <string_view>

namespace splnet {

class RandomStream {
 public:
  RandomStream(uint64_t seed, std::string_view name);

  uint64_t Next();  // 64 random bits
  uint32_t Next32() { return static_cast<uint32_t>(Next() >> 32); }
  // A number from 0 to bound - 1, each as likely; `bound` is at least 1.
  uint64_t Below(uint64_t bound);
  // A number from `low` to `high`, both included.
  int64_t Between(int64_t low, int64_t high);
  // True in `parts_per_million` of a million cases.
  bool Chance(uint64_t parts_per_million) {
    return Below(1000000) < parts_per_million;
  }

 private:
  std::array<uint64_t, 4> state_;
};

}  // namespace splnet

#endif  // SPLNET_STACK_KERN_RANDOM_H_
