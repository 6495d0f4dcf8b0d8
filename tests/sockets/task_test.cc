// Task<T>: nesting, values, and the depth of the stack.

#include "tests/sockets/fixture.h"

namespace splnet {
namespace {

using TaskTest = SocketsTest;

Task<int> Twice(int n) { co_return 2 * n; }

Task<int> SleepThen(Process& p, Nanoseconds duration, int value) {
  const Errno error = co_await p.nanosleep(duration);
  co_return error == kOk ? value : -1;
}

Task<void> Log(SocketsTest& t, std::string text) {
  t.log.push_back(std::move(text));
  co_return;
}

TEST_F(TaskTest, RunsNothingBeforeItIsAwaited) {
  const Task<void> task = Log(*this, "ran");
  EXPECT_TRUE(log.empty());
  EXPECT_FALSE(task.done());
}

TEST_F(TaskTest, AnAwaitedTaskGivesItsValue) {
  RunProgram([](Process&, SocketsTest& t) -> Task<int> {
    const int four = co_await Twice(2);
    EXPECT_EQ(four, 4);
    co_await Log(t, "done");
    co_return 0;
  });
  EXPECT_EQ(log, std::vector<std::string>{"done"});
}

TEST_F(TaskTest, ATaskThatSleptResumesWhoAwaitsIt) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const int value = co_await SleepThen(p, kMillisecond, 7);
    EXPECT_EQ(value, 7);
    EXPECT_EQ(t.ms(), 1);
    co_return 0;
  });
}

Task<int> Nested(Process& p, int depth) {
  if (depth == 0) co_return co_await SleepThen(p, kMillisecond, 1);
  const int below = co_await Nested(p, depth - 1);
  co_return below + 1;
}

TEST_F(TaskTest, DeeplyNestedTasksSleepAndReturn) {
  RunProgram([](Process& p, SocketsTest&) -> Task<int> {
    const int depth = co_await Nested(p, 100);
    EXPECT_EQ(depth, 101);
    co_return 0;
  });
}

// Each resumption that were a plain call would need a stack frame.
TEST_F(TaskTest, AMillionTasksInTurnNeedNoStack) {
  RunProgram([](Process&, SocketsTest&) -> Task<int> {
    int64_t sum = 0;
    for (int i = 0; i < 1'000'000; ++i) {
      const int twice = co_await Twice(i);
      sum += twice;
    }
    EXPECT_EQ(sum, 999'999'000'000);
    co_return 0;
  });
}

TEST_F(TaskTest, AHundredThousandSleepsInTurnNeedNoStack) {
  RunProgram([](Process& p, SocketsTest&) -> Task<int> {
    for (int i = 0; i < 100'000; ++i) {
      const int value = co_await SleepThen(p, Nanoseconds(1), i);
      if (value != i) co_return 1;
    }
    co_return 0;
  });
}

struct Witness {
  explicit Witness(std::vector<std::string>& l) : log(l) {}
  Witness(const Witness&) = delete;
  ~Witness() { log.push_back("destroyed"); }
  std::vector<std::string>& log;
};

Task<int> HoldWhileAsleep(Process& p, SocketsTest& t) {
  const Witness witness(t.log);
  const Errno error = co_await p.nanosleep(kSecond);
  co_return error == kOk ? 0 : 1;
}

TEST_F(TaskTest, DestroyingTheOuterFrameDestroysTheInnerOnes) {
  Process& p = Start([](Process& self, SocketsTest& t) -> Task<int> {
    const Witness witness(t.log);
    co_return co_await HoldWhileAsleep(self, t);
  });
  queue.RunUntil(SimTime(kMillisecond));
  p.PostSignal(kSIGKILL);
  Run();
  EXPECT_EQ(log, (std::vector<std::string>{"destroyed", "destroyed"}));
}

}  // namespace
}  // namespace splnet
