// Transfers over links that lose, duplicate, reorder and corrupt: every byte
// arrives once and in order, or the connection times out with every try lost;
// and nothing is left behind.
//
// Two kinds (lossy_run.h), each with many seeds in shards that can run side by
// side.  A failure prints the command that repeats its seed.  SPLNET_SEED=N
// runs seed N of both kinds in LossyTransferSeed; SPLNET_SEEDS=N makes the
// shards cover N seeds; `./dev full` covers more than `./dev test`.

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/scenarios/lossy_run.h"

namespace splnet {
namespace {

constexpr uint64_t kShards = 20;

uint64_t EnvironmentNumber(const char* name, uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

uint64_t Seeds(uint64_t some, uint64_t many) {
  const bool full = std::getenv("SPLNET_FULL") != nullptr;
  return EnvironmentNumber("SPLNET_SEEDS", full ? many : some);
}

std::string Repeat(uint64_t seed) {
  return absl::StrCat(
      "repeat with: SPLNET_SEED=", seed,
      " build/scenarios_test --gtest_filter=LossyTransferSeed.*");
}

void RunSeed(LossyKind kind, uint64_t seed) {
  const LossyOutcome once = RunLossy(kind, seed);
  EXPECT_EQ(once.problems, "") << Repeat(seed);
  const LossyOutcome again = RunLossy(kind, seed);
  EXPECT_TRUE(once.digest == again.digest)
      << "two runs of one seed differ; " << Repeat(seed);
}

LossyMet SumOf(LossyKind kind, uint64_t seeds) {
  LossyMet sum;
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    const LossyMet met = RunLossy(kind, seed).met;
    sum.complete += met.complete;
    sum.timed_out += met.timed_out;
    sum.bytes += met.bytes;
    sum.faults.lost += met.faults.lost;
    sum.faults.duplicated += met.faults.duplicated;
    sum.faults.corrupted += met.faults.corrupted;
    sum.faults.reordered += met.faults.reordered;
    sum.faults.jittered += met.faults.jittered;
    sum.queue_drops += met.queue_drops;
    sum.timeouts += met.timeouts;
    sum.fast += met.fast;
    sum.out_of_order += met.out_of_order;
    sum.duplicates += met.duplicates;
    sum.bad_sums += met.bad_sums;
    sum.blackouts += met.blackouts;
    sum.persists += met.persists;
  }
  return sum;
}

void ExpectEveryImpairment(const LossyMet& sum) {
  EXPECT_GT(sum.complete, 90u);
  EXPECT_EQ(sum.complete + sum.timed_out, 100u);
  EXPECT_GT(sum.bytes, 1'000'000u);
  EXPECT_GT(sum.faults.lost, 100u);
  EXPECT_GT(sum.faults.duplicated, 100u);
  EXPECT_GT(sum.faults.corrupted, 50u);
  EXPECT_GT(sum.faults.reordered, 100u);
  EXPECT_GT(sum.faults.jittered, 100u);
  EXPECT_GT(sum.queue_drops, 10u);
  EXPECT_GT(sum.timeouts, 50u);
  EXPECT_GT(sum.fast, 10u);
  EXPECT_GT(sum.out_of_order, 100u);
  EXPECT_GT(sum.duplicates, 50u);
  EXPECT_GT(sum.bad_sums, 20u);
}

// The seeds are worth something: they meet everything that can go wrong.
TEST(LossyTransferSeeds, MeetEveryImpairment) {
  ExpectEveryImpairment(SumOf(LossyKind::kInTurn, 100));
}

TEST(LossyTransferSeeds, MeetEveryImpairmentAtOnce) {
  const LossyMet sum = SumOf(LossyKind::kAtOnce, 100);
  ExpectEveryImpairment(sum);
  EXPECT_GT(sum.blackouts, 20u);
  EXPECT_GT(sum.persists, 10u);
}

class LossyTransfer : public testing::TestWithParam<uint64_t> {};

TEST_P(LossyTransfer, ArrivesOnceAndInOrderOrTimesOut) {
  const uint64_t seeds = Seeds(500, 20000);
  for (uint64_t seed = 1 + GetParam(); seed <= seeds; seed += kShards) {
    RunSeed(LossyKind::kInTurn, seed);
  }
}

TEST_P(LossyTransfer, BothWaysAtOnceArrivesOnceAndInOrderOrTimesOut) {
  const uint64_t seeds = Seeds(300, 5000);
  for (uint64_t seed = 1 + GetParam(); seed <= seeds; seed += kShards) {
    RunSeed(LossyKind::kAtOnce, seed);
  }
}

INSTANTIATE_TEST_SUITE_P(Shard, LossyTransfer,
                         testing::Range(uint64_t{0}, kShards));

TEST(LossyTransferSeed, FromTheEnvironment) {
  const uint64_t seed = EnvironmentNumber("SPLNET_SEED", 1);
  RunSeed(LossyKind::kInTurn, seed);
  RunSeed(LossyKind::kAtOnce, seed);
}

}  // namespace
}  // namespace splnet
