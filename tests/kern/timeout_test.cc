// The event queue: order, exactness, cancelling.

#include "stack/kern/timeout.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "stack/kern/random.h"

namespace splnet {
namespace {

// A timeout that writes its number and the time into a log.
struct Entry {
  Entry(EventQueue& q, int n, std::vector<std::pair<int64_t, int>>& l)
      : queue(q), number(n), log(l), timeout(q, Ran, this) {}

  static void Ran(void* arg) {
    auto& self = *static_cast<Entry*>(arg);
    self.log.emplace_back(ToNanoseconds(self.queue.now()), self.number);
    if (self.then != nullptr) self.then(self);
  }

  EventQueue& queue;
  int number;
  std::vector<std::pair<int64_t, int>>& log;
  Timeout timeout;
  void (*then)(Entry& self) = nullptr;
  Entry* other = nullptr;
};

class EventQueueTest : public testing::Test {
 protected:
  Entry& Add(int64_t at) {
    entries_.push_back(std::make_unique<Entry>(
        queue_, static_cast<int>(entries_.size()), log_));
    timeout_add_at(entries_.back()->timeout, FromNanoseconds(at));
    return *entries_.back();
  }
  void RunAll() {
    while (queue_.RunNext()) {
    }
  }

  using Log = std::vector<std::pair<int64_t, int>>;
  EventQueue queue_;
  Log log_;
  std::vector<std::unique_ptr<Entry>> entries_;
};

TEST_F(EventQueueTest, RunsByTimeAndByOrderOfAddingAtOneInstant) {
  Add(500);
  Add(70);
  Add(500);
  Add(70);
  Add(0);
  RunAll();
  EXPECT_EQ(log_, (Log{{0, 4}, {70, 1}, {70, 3}, {500, 0}, {500, 2}}));
  EXPECT_EQ(queue_.pending(), 0u);
  EXPECT_EQ(queue_.events_run(), 5u);
}

TEST_F(EventQueueTest, IsExactAtEveryDistance) {
  std::vector<int64_t> times = {1, 63, 64, 65, 4095, 4096};
  for (int bit = 12; bit < 62; ++bit) {
    times.push_back((int64_t{1} << bit) - 1);
    times.push_back(int64_t{1} << bit);
    times.push_back((int64_t{1} << bit) + 1);
  }
  std::vector<int64_t> reversed(times.rbegin(), times.rend());
  for (const int64_t t : reversed) Add(t);
  RunAll();
  ASSERT_EQ(log_.size(), times.size());
  std::sort(times.begin(), times.end());
  for (size_t i = 0; i < times.size(); ++i) EXPECT_EQ(log_[i].first, times[i]);
}

TEST_F(EventQueueTest, TheEndOfTimeCanBeReached) {
  Add(std::numeric_limits<int64_t>::max());
  RunAll();
  EXPECT_EQ(log_.size(), 1u);
  EXPECT_EQ(ToNanoseconds(queue_.now()), std::numeric_limits<int64_t>::max());
}

TEST_F(EventQueueTest, RunUntilIncludesItsEndAndMovesTheClockThere) {
  Add(100);
  Add(101);
  queue_.RunUntil(FromNanoseconds(100));
  EXPECT_EQ(log_, (Log{{100, 0}}));
  EXPECT_EQ(ToNanoseconds(queue_.now()), 100);
  queue_.RunUntil(FromNanoseconds(100));
  EXPECT_EQ(log_.size(), 1u);
  Add(100);  // the present instant still has room
  queue_.RunUntil(FromNanoseconds(1'000'000));
  EXPECT_EQ(log_, (Log{{100, 0}, {100, 2}, {101, 1}}));
  EXPECT_EQ(ToNanoseconds(queue_.now()), 1'000'000);
  Add(1'000'001);
  RunAll();
  EXPECT_EQ(log_.back(), (std::pair<int64_t, int>{1'000'001, 3}));
}

TEST_F(EventQueueTest, ABudgetEndsWhatNeverWould) {
  Entry& e = Add(10);
  e.then = [](Entry& self) { timeout_add(self.timeout, Nanoseconds(10)); };
  EXPECT_FALSE(queue_.RunUntil(FromNanoseconds(1'000'000), 5));
  EXPECT_EQ(log_.size(), 5u);
  EXPECT_TRUE(queue_.RunUntil(FromNanoseconds(100), 5));
  EXPECT_EQ(log_.size(), 10u);
  EXPECT_EQ(ToNanoseconds(queue_.now()), 100);
}

TEST_F(EventQueueTest, WhatIsAddedForNowRunsBehindWhatIsDueNow) {
  Entry& first = Add(50);
  Add(50);
  Entry& later = Add(90);
  first.other = &later;
  first.then = [](Entry& self) {
    timeout_add(self.other->timeout, Nanoseconds(0));
  };
  RunAll();
  EXPECT_EQ(log_, (Log{{50, 0}, {50, 1}, {50, 2}}));
}

TEST_F(EventQueueTest, AddingAPendingOneMovesIt) {
  Entry& e = Add(50);
  timeout_add(e.timeout, Nanoseconds(70));
  EXPECT_EQ(ToNanoseconds(e.timeout.due()), 70);
  EXPECT_EQ(queue_.pending(), 1u);
  RunAll();
  EXPECT_EQ(log_, (Log{{70, 0}}));
}

TEST_F(EventQueueTest, DeletingAndDestroyingCancel) {
  Entry& e = Add(50);
  EXPECT_TRUE(e.timeout.pending());
  EXPECT_TRUE(timeout_del(e.timeout));
  EXPECT_FALSE(timeout_del(e.timeout));
  EXPECT_FALSE(e.timeout.pending());
  Add(60);
  entries_.pop_back();
  EXPECT_EQ(queue_.pending(), 0u);
  EXPECT_FALSE(queue_.RunNext());
  EXPECT_TRUE(log_.empty());
}

TEST_F(EventQueueTest, OneOfAnInstantCanCancelTheNext) {
  Entry& first = Add(50);
  Entry& second = Add(50);
  Add(50);
  first.other = &second;
  first.then = [](Entry& self) { timeout_del(self.other->timeout); };
  RunAll();
  EXPECT_EQ(log_, (Log{{50, 0}, {50, 2}}));
}

TEST_F(EventQueueTest, NextDueLooksWithoutMoving) {
  EXPECT_EQ(queue_.NextDue(), SimTime::max());
  Add(1'000'000'007);
  Add(1'000'000'005);
  EXPECT_EQ(ToNanoseconds(queue_.NextDue()), 1'000'000'005);
  EXPECT_EQ(ToNanoseconds(queue_.now()), 0);
  Add(0);
  EXPECT_EQ(ToNanoseconds(queue_.NextDue()), 0);
}

TEST(EventQueueDeathTest, ATimeInThePastIsABug) {
  EventQueue queue;
  Timeout t(queue, [](void*) {}, nullptr);
  queue.RunUntil(FromNanoseconds(10));
  EXPECT_DEATH(timeout_add_at(t, FromNanoseconds(9)), "now");
}

// Random adds, moves, deletes and runs against an ordered map.
TEST(EventQueueModel, AgreesWithAnOrderedMap) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    RandomStream random(seed, "queue model");
    EventQueue queue;
    std::vector<std::pair<int64_t, int>> log;
    std::deque<Entry> entries;
    for (int i = 0; i < 40; ++i) entries.emplace_back(queue, i, log);
    std::multimap<int64_t, int> model;  // equal keys keep their order
    const auto erase = [&model](int number) {
      const auto at =
          std::find_if(model.begin(), model.end(),
                       [number](const auto& e) { return e.second == number; });
      if (at != model.end()) model.erase(at);
    };
    std::vector<std::pair<int64_t, int>> expected;
    for (int step = 0; step < 400; ++step) {
      const int number = static_cast<int>(random.Below(entries.size()));
      Entry& entry = entries[static_cast<size_t>(number)];
      switch (random.Below(4)) {
        case 0:
        case 1: {
          const int shift = static_cast<int>(random.Below(40));
          const auto delay =
              static_cast<int64_t>(random.Below(uint64_t{1} << shift));
          erase(number);
          model.emplace(ToNanoseconds(queue.now()) + delay, number);
          timeout_add(entry.timeout, Nanoseconds(delay));
          break;
        }
        case 2:
          erase(number);
          timeout_del(entry.timeout);
          break;
        default: {
          const int shift = static_cast<int>(random.Below(36));
          const int64_t end =
              ToNanoseconds(queue.now()) +
              static_cast<int64_t>(random.Below(uint64_t{1} << shift));
          while (!model.empty() && model.begin()->first <= end) {
            expected.emplace_back(*model.begin());
            model.erase(model.begin());
          }
          const SimTime next = queue.NextDue();
          if (log.size() < expected.size()) {
            ASSERT_EQ(ToNanoseconds(next), expected[log.size()].first);
          }
          queue.RunUntil(FromNanoseconds(end));
          ASSERT_EQ(log, expected);
        }
      }
      ASSERT_EQ(queue.pending(), model.size());
    }
  }
}

}  // namespace
}  // namespace splnet
