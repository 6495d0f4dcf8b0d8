// Random streams: repeatable, independent, unbiased.

#include "stack/kern/random.h"

#include <gtest/gtest.h>

#include <array>
#include <limits>

namespace splnet {
namespace {

TEST(RandomStream, DependsOnSeedAndNameAlone) {
  RandomStream a(1, "fault:wire0");
  RandomStream same(1, "fault:wire0");
  RandomStream other_name(1, "fault:wire1");
  RandomStream other_seed(2, "fault:wire0");
  const uint64_t first = a.Next();
  EXPECT_EQ(first, same.Next());
  EXPECT_NE(first, other_name.Next());
  EXPECT_NE(first, other_seed.Next());
}

// Every build and compiler must draw these.
TEST(RandomStream, DrawsTheSameNumbersEverywhere) {
  RandomStream r(42, "golden");
  const uint64_t one = r.Next();
  const uint64_t two = r.Next();
  const uint64_t three = r.Below(1000);
  const int64_t four = r.Between(-5, 5);
  EXPECT_EQ(one, 15640270842815995536u);
  EXPECT_EQ(two, 9773533360474729470u);
  EXPECT_EQ(three, 157u);
  EXPECT_EQ(four, -5);
}

TEST(RandomStream, BelowStaysBelowAndReachesEverything) {
  RandomStream r(7, "below");
  EXPECT_EQ(r.Below(1), 0u);
  std::array<int, 10> seen{};
  for (int i = 0; i < 10000; ++i) {
    const uint64_t n = r.Below(10);
    ASSERT_LT(n, 10u);
    ++seen[n];
  }
  for (const int count : seen) {
    EXPECT_GT(count, 850);
    EXPECT_LT(count, 1150);
  }
}

TEST(RandomStream, BetweenIncludesBothEndsAndTakesTheWholeRange) {
  RandomStream r(7, "between");
  bool low = false;
  bool high = false;
  for (int i = 0; i < 1000; ++i) {
    const int64_t n = r.Between(-3, 3);
    ASSERT_GE(n, -3);
    ASSERT_LE(n, 3);
    low |= n == -3;
    high |= n == 3;
  }
  EXPECT_TRUE(low && high);
  EXPECT_EQ(r.Between(9, 9), 9);
  constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  bool negative = false;
  bool positive = false;
  for (int i = 0; i < 100; ++i) {
    const int64_t n = r.Between(kLeast, kMost);
    negative |= n < 0;
    positive |= n > 0;
  }
  EXPECT_TRUE(negative && positive);
}

TEST(RandomStream, ChanceIsInPartsPerMillion) {
  RandomStream r(7, "chance");
  int hits = 0;
  for (int i = 0; i < 100000; ++i) hits += r.Chance(200000) ? 1 : 0;
  EXPECT_GT(hits, 19500);
  EXPECT_LT(hits, 20500);
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(r.Chance(0));
    EXPECT_TRUE(r.Chance(1000000));
  }
}

}  // namespace
}  // namespace splnet
