// Impairments: what is decided about which frame.

#include "drivers/fault.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace splnet {
namespace {

constexpr size_t kFrame = 100;

TEST(Fault, WithoutRulesNothingHappens) {
  FaultInjector fault(1, "wire0:a");
  fault.set_config({});
  EXPECT_FALSE(fault.active());
}

TEST(Fault, ListedFramesAreStruckAndNoOthers) {
  FaultConfig config;
  config.loss.frames = {3, 1};
  config.duplicate.frames = {2};
  config.corrupt.frames = {2, 4};
  config.reorder.frames = {5};
  FaultInjector fault(1, "wire0:a");
  fault.set_config(config);
  EXPECT_TRUE(fault.active());
  std::vector<std::array<bool, 4>> seen;
  for (int i = 0; i < 6; ++i) {
    const FaultDecision d = fault.Decide(kFrame);
    seen.push_back({d.lose, d.duplicate, d.corrupt, d.hold});
  }
  const std::vector<std::array<bool, 4>> expected = {
      {true, false, false, false}, {false, true, true, false},
      {true, false, false, false}, {false, false, true, false},
      {false, false, false, true}, {false, false, false, false}};
  EXPECT_EQ(seen, expected);
  EXPECT_EQ(fault.stats().lost, 2u);
  EXPECT_EQ(fault.stats().duplicated, 1u);
  EXPECT_EQ(fault.stats().corrupted, 2u);
  EXPECT_EQ(fault.stats().reordered, 1u);
}

TEST(Fault, ChanceIsNearItsRate) {
  FaultConfig config;
  config.loss.ppm = 200000;
  config.duplicate.ppm = 50000;
  config.corrupt.ppm = 10000;
  config.reorder.ppm = 100000;
  FaultInjector fault(7, "wire0:a");
  fault.set_config(config);
  for (int i = 0; i < 100000; ++i) fault.Decide(kFrame);
  const FaultStats& stats = fault.stats();
  EXPECT_NEAR(static_cast<double>(stats.lost), 20000, 600);
  EXPECT_NEAR(static_cast<double>(stats.duplicated), 4000, 300);
  EXPECT_NEAR(static_cast<double>(stats.corrupted), 800, 150);
  EXPECT_NEAR(static_cast<double>(stats.reordered), 8000, 400);
}

TEST(Fault, DependsOnSeedAndName) {
  const auto losses = [](uint64_t seed, const char* name) {
    FaultConfig config;
    config.loss.ppm = 500000;
    FaultInjector fault(seed, name);
    fault.set_config(config);
    std::vector<bool> lost;
    for (int i = 0; i < 64; ++i) lost.push_back(fault.Decide(kFrame).lose);
    return lost;
  };
  EXPECT_EQ(losses(1, "wire0:a"), losses(1, "wire0:a"));
  EXPECT_NE(losses(1, "wire0:a"), losses(1, "wire0:b"));
  EXPECT_NE(losses(1, "wire0:a"), losses(2, "wire0:a"));
}

TEST(Fault, AListLeavesTheChanceOfOtherFramesAlone) {
  const auto losses = [](std::vector<uint64_t> listed) {
    FaultConfig config;
    config.loss.ppm = 300000;
    config.loss.frames = std::move(listed);
    FaultInjector fault(1, "wire0:a");
    fault.set_config(config);
    std::vector<bool> lost;
    for (int i = 0; i < 64; ++i) lost.push_back(fault.Decide(kFrame).lose);
    return lost;
  };
  const auto without = losses({});
  auto with = losses({10});
  EXPECT_TRUE(with[9]);
  with[9] = without[9];
  EXPECT_EQ(with, without);
}

TEST(Fault, CorruptionNamesABitInsideTheFrame) {
  FaultConfig config;
  config.corrupt.ppm = 1000000;
  FaultInjector fault(1, "wire0:a");
  fault.set_config(config);
  bool first_byte = false;
  bool last_byte = false;
  for (int i = 0; i < 2000; ++i) {
    const FaultDecision d = fault.Decide(5);
    ASSERT_LT(d.corrupt_bit, 40u);
    first_byte |= d.corrupt_bit < 8;
    last_byte |= d.corrupt_bit >= 32;
  }
  EXPECT_TRUE(first_byte && last_byte);
}

TEST(Fault, FlipBitCountsFromTheHighestBitOfTheFirstByte) {
  std::array<std::byte, 2> frame{};
  FlipBit(frame, 0);
  EXPECT_EQ(frame[0], std::byte{0x80});
  FlipBit(frame, 15);
  EXPECT_EQ(frame[1], std::byte{0x01});
  FlipBit(frame, 0);
  EXPECT_EQ(frame[0], std::byte{0});
}

TEST(Fault, JitterIsBounded) {
  FaultConfig config;
  config.jitter = Nanoseconds(10);
  FaultInjector fault(1, "wire0:a");
  fault.set_config(config);
  Nanoseconds most{0};
  for (int i = 0; i < 1000; ++i) {
    const Nanoseconds jitter = fault.Decide(kFrame).jitter;
    ASSERT_GE(jitter, Nanoseconds(0));
    most = std::max(most, jitter);
  }
  EXPECT_EQ(most, Nanoseconds(10));
}

}  // namespace
}  // namespace splnet
