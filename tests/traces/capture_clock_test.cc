// Timestamp units.

#include "traces/capture_clock.h"

#include <gtest/gtest.h>

#include <limits>

namespace splnet {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();
constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
constexpr uint64_t kAllOnes = ~uint64_t{0};

TEST(CaptureClock, ConvertsEveryUnitRoundingDownAndClamps) {
  struct Row {
    const char* what;
    uint8_t resolution;
    int64_t offset_seconds;
    uint64_t ticks;
    int64_t ns;
  };
  const Row rows[] = {
      {"seconds", 0, 0, 3, 3 * kSecond},
      {"milliseconds", 3, 0, 1500, kSecond + kSecond / 2},
      {"microseconds", 6, 0, 1'000'001, kSecond + 1000},
      {"nanoseconds", 9, 0, 1'700'000'000'123'456'789,
       1'700'000'000'123'456'789},
      {"picoseconds round down", 12, 0, 1'999, 1},
      {"10^-28: the last power with anything to count", 28, 0,
       10'000'000'000'000'000'000u, 1},
      {"10^-29 is always less than a nanosecond", 29, 0, kAllOnes, 0},
      {"10^-127", 127, 0, kAllOnes, 0},
      {"2^0 s", 0x80, 0, 2, 2 * kSecond},
      {"2^-1 s", 0x81, 0, 3, kSecond + kSecond / 2},
      {"2^-10 s", 0x8a, 0, 1025, kSecond + 976'562},
      {"2^-32 s, as in NTP", 0xa0, 0, uint64_t{5} << 31,
       2 * kSecond + kSecond / 2},
      {"2^-63 s", 0xbf, 0, uint64_t{3} << 62, kSecond + kSecond / 2},
      {"2^-64 s", 0xc0, 0, uint64_t{1} << 63, kSecond / 2},
      {"2^-127 s", 0xff, 0, kAllOnes, 0},
      {"offset", 6, 100, 1, 100 * kSecond + 1000},
      {"offset, slow unit", 12, 100, 1000, 100 * kSecond + 1},
      {"offset back", 9, -1, 5, 5 - kSecond},
      {"no ticks", 12, 7, 0, 7 * kSecond},
      {"too late for 64 bits", 6, 0, kAllOnes, kMost},
      {"too late by the offset", 9, 1, static_cast<uint64_t>(kMost), kMost},
      {"absurd offset", 6, kMost, 1, kMost},
      {"absurd offset back", 6, kLeast, 0, kLeast},
      {"offset beyond 64 bits, sum within", 0, -10'000'000'000, 9'999'999'999,
       -kSecond},
      {"the other way: just out", 0, 9'223'372'036, 1, kMost},
  };
  for (const Row& row : rows) {
    const CaptureClock clock(row.resolution, row.offset_seconds);
    EXPECT_EQ(clock.ToNanoseconds(row.ticks), row.ns) << row.what;
    EXPECT_EQ(clock.resolution(), row.resolution);
    EXPECT_EQ(clock.offset_seconds(), row.offset_seconds);
  }
}

TEST(CaptureClock, CountsMicrosecondsUnlessTold) {
  EXPECT_EQ(CaptureClock().ToNanoseconds(7), 7000);
}

}  // namespace
}  // namespace splnet
