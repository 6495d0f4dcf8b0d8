// Processes: starting, sleeping, signals, killing, waiting, inheriting.

#include "tests/sockets/fixture.h"

namespace splnet {
namespace {

using Proc = SocketsTest;

TEST_F(Proc, AProgramStartsWhenTheSimulationRuns) {
  Process& p = Start([](Process&, SocketsTest& t) -> Task<int> {
    t.log.push_back("ran");
    co_return 3;
  });
  EXPECT_TRUE(log.empty());
  Run();
  EXPECT_EQ(log.size(), 1u);
  EXPECT_TRUE(p.exited());
  EXPECT_EQ(p.exit_status(), (ExitStatus{.code = 3}));
  EXPECT_EQ(procs.running(), 0u);
}

TEST_F(Proc, ProgramsStartInTheOrderOfSpawning) {
  for (const char* const name : {"a", "b", "c"}) {
    Start(
        [](Process& p, SocketsTest& t) -> Task<int> {
          t.log.push_back(p.name());
          co_return 0;
        },
        name);
  }
  Run();
  EXPECT_EQ(log, (std::vector<std::string>{"a", "b", "c"}));
}

Task<int> Idle(Process&) { co_return 0; }

TEST_F(Proc, ADelayedProgramStartsLater) {
  SpawnOptions options;
  options.name = "late";
  options.delay = kSecond;
  const Process& p = procs.Spawn(options, Idle);
  queue.RunUntil(SimTime(kSecond - Nanoseconds(1)));
  EXPECT_FALSE(p.exited());
  queue.RunUntil(SimTime(kSecond));
  EXPECT_TRUE(p.exited());
}

TEST_F(Proc, NanosleepLastsExactlyAsLongAsAsked) {
  RunProgram([](Process& p, SocketsTest&) -> Task<int> {
    const Errno error = co_await p.nanosleep(Nanoseconds(12'345));
    EXPECT_EQ(error, kOk);
    EXPECT_EQ(p.now(), SimTime(Nanoseconds(12'345)));
    const Errno none = co_await p.nanosleep(Nanoseconds(0));
    EXPECT_EQ(none, kOk);
    const Errno negative = co_await p.nanosleep(Nanoseconds(-1));
    EXPECT_EQ(negative, kEINVAL);
    co_return 0;
  });
}

Task<int> SleepLong(Process& p, SocketsTest& t) {
  const Errno error = co_await p.nanosleep(kSecond);
  t.log.push_back(errno_name(error));
  co_return 0;
}

TEST_F(Proc, KillingASleeperEndsItAtOnce) {
  Process& p = Start(SleepLong);
  After(kMillisecond, [&] { EXPECT_EQ(procs.Kill(p.pid(), kSIGTERM), kOk); });
  Run();
  EXPECT_EQ(p.exit_status(), (ExitStatus{.signal = kSIGTERM}));
  EXPECT_TRUE(log.empty());
  EXPECT_EQ(ms(), 1);
  EXPECT_EQ(queue.pending(), 0u);
}

TEST_F(Proc, AProcessCanBeKilledBeforeItStarts) {
  Process& p = Start(SleepLong);
  p.PostSignal(kSIGKILL);
  EXPECT_TRUE(p.exited());
  EXPECT_EQ(p.exit_status(), (ExitStatus{.signal = kSIGKILL}));
  EXPECT_EQ(queue.pending(), 0u);
}

TEST_F(Proc, AProcessCanBeKilledWhileItIsRunnable) {
  Process& p = Start(SleepLong);
  // From a soft interrupt, so that it does not get the CPU in between.
  After(kMillisecond, [&] {
    wakeup(ns.cpu, p.selwait());
    EXPECT_TRUE(p.runnable());
    p.PostSignal(kSIGKILL);
    EXPECT_FALSE(p.exited());
  });
  Run();
  EXPECT_EQ(p.exit_status(), (ExitStatus{.signal = kSIGKILL}));
  EXPECT_TRUE(log.empty());
}

TEST_F(Proc, AProcessThatKillsItselfDoesNotGoOn) {
  const Process& p = Start([](Process& self, SocketsTest& t) -> Task<int> {
    const Errno error = co_await self.kill(self.pid(), kSIGKILL);
    t.log.push_back(errno_name(error));
    co_return 0;
  });
  Run();
  EXPECT_EQ(p.exit_status(), (ExitStatus{.signal = kSIGKILL}));
  EXPECT_TRUE(log.empty());
}

TEST_F(Proc, EndingClosesEveryDescriptor) {
  Start([](Process& p, SocketsTest& t) -> Task<int> {
    t.PairIn(p);
    t.PairIn(p);
    const Result<int> copy = co_await p.dup(0);
    EXPECT_EQ(copy.value, 4);
    EXPECT_EQ(t.ns.sockets_in_use, 4u);
    co_return 0;
  });
  Run();
  EXPECT_EQ(ns.sockets_in_use, 0u);
}

TEST_F(Proc, DestroyingTheTableEndsProcessesThatSleepForEver) {
  {
    ProcessTable table(ns);
    table.Spawn(
        "reader",
        +[](Process& p, SocketsTest* t) -> Task<int> {
          const auto fds = t->PairIn(p);
          std::array<std::byte, 8> buf;
          const Result<size_t> n = co_await p.read(fds[0], buf);
          t->log.push_back("went on");
          co_return static_cast<int>(n.value);
        },
        this);
    Run();
    EXPECT_EQ(table.running(), 1u);
    EXPECT_EQ(ns.sockets_in_use, 2u);
  }
  EXPECT_EQ(ns.sockets_in_use, 0u);
  EXPECT_TRUE(log.empty());
}

// -------------------------------------------------------------------- signals

TEST_F(Proc, ACaughtSignalInterruptsASleep) {
  Process& p = Start([](Process& self, SocketsTest& t) -> Task<int> {
    const Errno set = co_await self.signal(kSIGUSR1, SignalAction::kCatch);
    EXPECT_EQ(set, kOk);
    const Errno error = co_await self.nanosleep(kSecond);
    EXPECT_EQ(error, kEINTR);
    EXPECT_EQ(t.ms(), 5);
    EXPECT_TRUE(self.TookSignal(kSIGUSR1));
    EXPECT_FALSE(self.TookSignal(kSIGUSR1));
    co_return 0;
  });
  After(5 * kMillisecond, [&] { p.PostSignal(kSIGUSR1); });
  Run();
  EXPECT_EQ(p.exit_status(), ExitStatus{});
}

TEST_F(Proc, AnIgnoredSignalDoesNotWake) {
  Process& p = Start([](Process& self, SocketsTest& t) -> Task<int> {
    const Errno set = co_await self.signal(kSIGTERM, SignalAction::kIgnore);
    EXPECT_EQ(set, kOk);
    const Errno error = co_await self.nanosleep(kSecond);
    EXPECT_EQ(error, kOk);
    EXPECT_EQ(t.ms(), 1000);
    co_return 0;
  });
  After(5 * kMillisecond, [&] { p.PostSignal(kSIGTERM); });
  Run();
  EXPECT_EQ(p.exit_status(), ExitStatus{});
}

TEST_F(Proc, SigkillCannotBeCaughtOrIgnored) {
  RunProgram([](Process& p, SocketsTest&) -> Task<int> {
    Errno error = co_await p.signal(kSIGKILL, SignalAction::kIgnore);
    EXPECT_EQ(error, kEINVAL);
    error = co_await p.signal(kSIGKILL, SignalAction::kCatch);
    EXPECT_EQ(error, kEINVAL);
    error = co_await p.signal(kNsig, SignalAction::kIgnore);
    EXPECT_EQ(error, kEINVAL);
    co_return 0;
  });
}

TEST_F(Proc, ASignalThatHasPassedDoesNotInterruptTheNextCall) {
  Process& p = Start([](Process& self, SocketsTest&) -> Task<int> {
    Errno error = co_await self.signal(kSIGUSR1, SignalAction::kCatch);
    error = co_await self.kill(self.pid(), kSIGUSR1);
    EXPECT_EQ(error, kOk);
    error = co_await self.nanosleep(kMillisecond);
    EXPECT_EQ(error, kOk);
    EXPECT_TRUE(self.TookSignal(kSIGUSR1));
    co_return 0;
  });
  Run();
  EXPECT_EQ(p.exit_status(), ExitStatus{});
}

TEST_F(Proc, AlarmEndsAProcessThatDoesNotCatchIt) {
  const Process& p = Start([](Process& self, SocketsTest& t) -> Task<int> {
    const Nanoseconds before = co_await self.alarm(kMillisecond);
    EXPECT_EQ(before, Nanoseconds(0));
    const Errno error = co_await self.nanosleep(kSecond);
    t.log.push_back(errno_name(error));
    co_return 0;
  });
  Run();
  EXPECT_EQ(p.exit_status(), (ExitStatus{.signal = kSIGALRM}));
  EXPECT_EQ(ms(), 1);
}

TEST_F(Proc, AlarmTellsWhatWasLeftAndIsCancelledByZero) {
  RunProgram([](Process& p, SocketsTest&) -> Task<int> {
    Nanoseconds left = co_await p.alarm(kSecond);
    EXPECT_EQ(left, Nanoseconds(0));
    const Errno error = co_await p.nanosleep(kMillisecond);
    EXPECT_EQ(error, kOk);
    left = co_await p.alarm(Nanoseconds(0));
    EXPECT_EQ(left, kSecond - kMillisecond);
    co_return 0;
  });
  EXPECT_EQ(ms(), 1);
}

TEST_F(Proc, AnAlarmInterruptsABlockedRead) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    const Errno set = co_await p.signal(kSIGALRM, SignalAction::kCatch);
    EXPECT_EQ(set, kOk);
    const Nanoseconds left = co_await p.alarm(3 * kMillisecond);
    EXPECT_EQ(left, Nanoseconds(0));
    std::array<std::byte, 8> buf;
    const Result<size_t> n = co_await p.read(fds[0], buf);
    EXPECT_EQ(n.error, kEINTR);
    EXPECT_EQ(t.ms(), 3);
    co_return 0;
  });
}

TEST_F(Proc, KillFindsNoProcessAndNoSignal) {
  RunProgram([](Process& p, SocketsTest&) -> Task<int> {
    Errno error = co_await p.kill(4711, kSIGTERM);
    EXPECT_EQ(error, kESRCH);
    error = co_await p.kill(p.pid(), kNsig);
    EXPECT_EQ(error, kEINVAL);
    error = co_await p.kill(p.pid(), 0);
    EXPECT_EQ(error, kOk);
    co_return 0;
  });
}

// ------------------------------------------------------- parents and children

Task<int> Child(Process& p, SocketsTest* t, int fd) {
  const Result<size_t> n = co_await p.write(fd, Bytes("from the child"));
  t->log.push_back("wrote " + std::to_string(n.value));
  co_return 5;
}

TEST_F(Proc, AChildSharesTheDescriptorsThatItInherits) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    SpawnOptions options;
    options.name = "child";
    options.parent = &p;
    options.inherit = {fds[1]};
    const int pid = t.procs.Spawn(options, Child, &t, fds[1]).pid();
    // The child's copy keeps the connection open.
    const Errno closed = co_await p.close(fds[1]);
    EXPECT_EQ(closed, kOk);
    std::array<std::byte, 64> buf;
    Result<size_t> n = co_await p.read(fds[0], buf);
    EXPECT_EQ(Text(std::span(buf).first(n.value)), "from the child");
    n = co_await p.read(fds[0], buf);
    EXPECT_EQ(n.error, kOk);
    EXPECT_EQ(n.value, 0u);
    const Result<ExitStatus> status = co_await p.waitpid(pid);
    EXPECT_EQ(status.value, (ExitStatus{.code = 5}));
    const Result<ExitStatus> again = co_await p.waitpid(pid);
    EXPECT_EQ(again.error, kECHILD);
    co_return 0;
  });
  EXPECT_EQ(procs.size(), 1u);
}

TEST_F(Proc, WaitpidSleepsUntilTheChildEnds) {
  other = &Start(SleepLong, "sleeper");
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const Result<ExitStatus> status = co_await p.waitpid(t.other->pid());
    EXPECT_EQ(status.error, kOk);
    EXPECT_EQ(t.ms(), 1000);
    co_return 0;
  });
}

TEST_F(Proc, ChildrenOfAParentThatIgnoresSigchldAreForgotten) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const Errno set = co_await p.signal(kSIGCHLD, SignalAction::kIgnore);
    EXPECT_EQ(set, kOk);
    SpawnOptions options;
    options.parent = &p;
    for (int i = 0; i < 3; ++i) t.procs.Spawn(options, Idle);
    const Errno slept = co_await p.nanosleep(kMillisecond);
    EXPECT_EQ(slept, kOk);
    EXPECT_EQ(t.procs.size(), 1u);
    co_return 0;
  });
}

TEST_F(Proc, ChildrenWithoutAParentAreForgottenWhenTheyEnd) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    SpawnOptions options;
    options.parent = &p;
    t.procs.Spawn(options, Idle);
    t.procs.Spawn(options, SleepLong, t);
    const Errno slept = co_await p.nanosleep(kMillisecond);
    EXPECT_EQ(slept, kOk);
    EXPECT_EQ(t.procs.size(), 3u);
    co_return 0;
  });
  EXPECT_EQ(procs.size(), 1u);
}

TEST_F(Proc, ACaughtSigchldInterruptsTheParent) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const Errno set = co_await p.signal(kSIGCHLD, SignalAction::kCatch);
    EXPECT_EQ(set, kOk);
    SpawnOptions options;
    options.parent = &p;
    options.delay = kMillisecond;
    const int pid = t.procs.Spawn(options, Idle).pid();
    const Errno slept = co_await p.nanosleep(kSecond);
    EXPECT_EQ(slept, kEINTR);
    const Result<ExitStatus> status = co_await p.waitpid(pid);
    EXPECT_EQ(status.error, kOk);
    co_return 0;
  });
  EXPECT_EQ(ms(), 1);
}

// ------------------------------------------------------------ the CPU's costs

TEST_F(Proc, ASystemCallThatCostsTimeSuspendsTheProgramWithoutASwitch) {
  CpuCosts costs;
  costs.system_call = Nanoseconds(500);
  ns.cpu.set_costs(costs);
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const uint64_t switches = t.ns.ledger.context_switches;
    for (int i = 0; i < 3; ++i) {
      const Errno error = co_await p.kill(p.pid(), 0);
      EXPECT_EQ(error, kOk);
    }
    EXPECT_EQ(p.now(), SimTime(Nanoseconds(1500)));
    EXPECT_EQ(t.ns.ledger.context_switches, switches);
    co_return 0;
  });
}

TEST_F(Proc, EverySystemCallIsCounted) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const uint64_t before = t.ns.ledger.system_calls;
    Errno error = co_await p.nanosleep(kMillisecond);
    error = co_await p.kill(p.pid(), 0);
    EXPECT_EQ(error, kOk);
    EXPECT_EQ(t.ns.ledger.system_calls, before + 2);
    co_return 0;
  });
}

}  // namespace
}  // namespace splnet
