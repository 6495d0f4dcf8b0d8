// The CPU: which context runs when, and what costs do.

#include "stack/kern/cpu.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "stack/kern/waitchan.h"

namespace splnet {
namespace {

using Log = std::vector<std::string>;

// A host's CPU whose every piece of work notes its name, time and context.
class CpuTest : public testing::Test {
 protected:
  struct Work {
    CpuTest* test = nullptr;
    std::string name;
    std::function<void()> then;
  };
  struct Process : Sleeper {
    explicit Process(CpuTest& t, std::string n) : test(t), name(std::move(n)) {}
    void Run() override {
      test.Note(name);
      if (const auto copy = then) copy();
    }
    CpuTest& test;
    std::string name;
    std::function<void()> then;
  };

  CpuTest() {
    soft_ip_.test = soft_arp_.test = hard_.test = this;
    soft_ip_.name = "ip";
    soft_arp_.name = "arp";
    hard_.name = "hard";
    cpu_.SetSoftHandler(SoftInterrupt::kIp, RunWork, &soft_ip_);
    cpu_.SetSoftHandler(SoftInterrupt::kArp, RunWork, &soft_arp_);
    line_.handler = RunWork;
    line_.arg = &hard_;
  }

  static void RunWork(void* arg) {
    auto& work = *static_cast<Work*>(arg);
    work.test->Note(work.name);
    // A copy: it may replace itself.
    if (const auto then = work.then) then();
  }
  void Note(const std::string& name) {
    log_.push_back(std::to_string(ToNanoseconds(queue_.now())) + " " + name +
                   " in " + ContextName(cpu_.context()));
  }
  void RunAll() {
    while (queue_.RunNext()) {
    }
  }

  EventQueue queue_;
  Ledger ledger_;
  Cpu cpu_{queue_, ledger_};
  Work soft_ip_, soft_arp_, hard_;
  Interrupt line_;
  Log log_;
};

TEST_F(CpuTest, AnIdleCpuServesAtOnceInTheRightContext) {
  Process p(*this, "p");
  cpu_.RaiseInterrupt(line_);
  cpu_.RaiseSoft(SoftInterrupt::kIp);
  cpu_.MakeRunnable(p);
  EXPECT_EQ(log_, (Log{"0 hard in hardware interrupt", "0 ip in soft interrupt",
                       "0 p in process"}));
  EXPECT_EQ(cpu_.context(), Context::kIdle);
  EXPECT_EQ(ledger_.interrupts, 1u);
  EXPECT_EQ(ledger_.soft_interrupts, 1u);
  EXPECT_EQ(ledger_.wakeups, 1u);
  EXPECT_EQ(ledger_.context_switches, 1u);
}

TEST_F(CpuTest, HigherContextsRunBeforeLowerOnes) {
  Process p(*this, "p");
  Process q(*this, "q");
  soft_ip_.then = [&] {
    soft_ip_.then = nullptr;
    cpu_.MakeRunnable(p);
    cpu_.MakeRunnable(q);
    cpu_.RaiseSoft(SoftInterrupt::kIp);
    cpu_.RaiseSoft(SoftInterrupt::kArp);
    cpu_.RaiseInterrupt(line_);
    cpu_.RaiseInterrupt(line_);  // already pending: one interrupt
  };
  cpu_.RaiseSoft(SoftInterrupt::kIp);
  EXPECT_EQ(log_, (Log{"0 ip in soft interrupt", "0 hard in hardware interrupt",
                       "0 arp in soft interrupt", "0 ip in soft interrupt",
                       "0 p in process", "0 q in process"}));
}

TEST_F(CpuTest, WhatIsPendingRunsAtTheEndOfASystemCall) {
  Process p(*this, "p");
  p.then = [&] {
    cpu_.BeginSystemCall();
    cpu_.RaiseSoft(SoftInterrupt::kIp);
    cpu_.RaiseInterrupt(line_);
    Note("kernel");
    EXPECT_TRUE(cpu_.EndSystemCall(p));
    Note("program");
  };
  cpu_.MakeRunnable(p);
  EXPECT_EQ(log_, (Log{"0 p in process", "0 kernel in process",
                       "0 hard in hardware interrupt", "0 ip in soft interrupt",
                       "0 program in process"}));
  EXPECT_EQ(ledger_.system_calls, 1u);
}

TEST_F(CpuTest, WorkOccupiesTheCpuAndWhatArrivesMeanwhileWaits) {
  CpuCosts costs;
  costs.interrupt = Nanoseconds(100);
  costs.soft_interrupt = Nanoseconds(30);
  costs.context_switch = Nanoseconds(7);
  cpu_.set_costs(costs);
  Process p(*this, "p");
  cpu_.RaiseInterrupt(line_);
  cpu_.MakeRunnable(p);
  cpu_.RaiseSoft(SoftInterrupt::kIp);
  EXPECT_EQ(log_, (Log{"0 hard in hardware interrupt"}));
  RunAll();
  EXPECT_EQ(log_, (Log{"0 hard in hardware interrupt",
                       "100 ip in soft interrupt", "130 p in process"}));
  EXPECT_EQ(cpu_.busy_time(), Nanoseconds(137));
}

TEST_F(CpuTest, ASystemCallThatCostsGivesTheCpuBackToItsProcessFirst) {
  CpuCosts costs;
  costs.system_call = Nanoseconds(50);
  cpu_.set_costs(costs);
  Process p(*this, "p");
  Process q(*this, "q");
  p.then = [&] {
    p.then = nullptr;
    cpu_.MakeRunnable(q);
    cpu_.BeginSystemCall();
    cpu_.RaiseSoft(SoftInterrupt::kIp);
    EXPECT_FALSE(cpu_.EndSystemCall(p));
  };
  cpu_.MakeRunnable(p);
  RunAll();
  EXPECT_EQ(log_, (Log{"0 p in process", "50 ip in soft interrupt",
                       "50 p in process", "50 q in process"}));
  // p got the CPU back: that was no switch.
  EXPECT_EQ(ledger_.context_switches, 2u);
}

TEST_F(CpuTest, BytesCostByTheRateOfTheirKind) {
  CpuCosts costs;
  costs.copy_picoseconds_per_byte = 100;
  costs.sum_picoseconds_per_byte = 50;
  cpu_.set_costs(costs);
  hard_.then = [&] {
    cpu_.ChargeCopy(1000);
    cpu_.ChargeSum(1000);
  };
  cpu_.RaiseInterrupt(line_);
  RunAll();
  EXPECT_EQ(cpu_.busy_time(), Nanoseconds(150));
}

TEST_F(CpuTest, TimeoutsOfAHostRunInSoftclockInOrder) {
  std::vector<std::unique_ptr<Work>> work;
  std::vector<std::unique_ptr<Timeout>> timeouts;
  for (const char* name : {"one", "two"}) {
    work.push_back(std::make_unique<Work>(Work{this, name, nullptr}));
    timeouts.push_back(
        std::make_unique<Timeout>(cpu_, RunWork, work.back().get()));
    timeout_add(*timeouts.back(), Nanoseconds(10));
  }
  RunAll();
  EXPECT_EQ(log_,
            (Log{"10 one in soft interrupt", "10 two in soft interrupt"}));
}

TEST_F(CpuTest, ATimeoutWaitsForABusyCpuAndCanStillBeCancelled) {
  CpuCosts costs;
  costs.interrupt = Nanoseconds(100);
  cpu_.set_costs(costs);
  Work kept{this, "kept", nullptr};
  Work gone{this, "gone", nullptr};
  Timeout keep(cpu_, RunWork, &kept);
  Timeout drop(cpu_, RunWork, &gone);
  cpu_.RaiseInterrupt(line_);
  timeout_add(keep, Nanoseconds(10));
  timeout_add(drop, Nanoseconds(10));
  queue_.RunUntil(FromNanoseconds(50));
  EXPECT_TRUE(drop.pending());
  EXPECT_TRUE(timeout_del(drop));
  RunAll();
  EXPECT_EQ(log_, (Log{"0 hard in hardware interrupt",
                       "100 kept in soft interrupt"}));
}

TEST_F(CpuTest, ATimeoutReArmedForNowRunsInTheNextSoftclock) {
  Work work{this, "tick", nullptr};
  Timeout t(cpu_, RunWork, &work);
  int left = 3;
  work.then = [&] {
    if (--left > 0) timeout_add(t, Nanoseconds(0));
  };
  timeout_add(t, Nanoseconds(5));
  RunAll();
  EXPECT_EQ(log_.size(), 3u);
  EXPECT_EQ(ledger_.soft_interrupts, 3u);
}

TEST_F(CpuTest, OneExpiredTimeoutCanCancelAnother) {
  Work a{this, "a", nullptr};
  Work b{this, "b", nullptr};
  Timeout ta(cpu_, RunWork, &a);
  Timeout tb(cpu_, RunWork, &b);
  CpuCosts costs;
  costs.interrupt = Nanoseconds(100);
  cpu_.set_costs(costs);
  a.then = [&] { EXPECT_TRUE(timeout_del(tb)); };
  cpu_.RaiseInterrupt(line_);
  timeout_add(ta, Nanoseconds(10));
  timeout_add(tb, Nanoseconds(20));
  RunAll();
  EXPECT_EQ(log_,
            (Log{"0 hard in hardware interrupt", "100 a in soft interrupt"}));
}

TEST_F(CpuTest, WakeupMakesRunnableInOrderAndResumesNobody) {
  WaitChannel channel;
  Process p(*this, "p");
  Process q(*this, "q");
  sleep_setup(p, channel);
  sleep_setup(q, channel);
  soft_ip_.then = [&] {
    wakeup(cpu_, channel);
    Note("after wakeup");
  };
  cpu_.RaiseSoft(SoftInterrupt::kIp);
  EXPECT_EQ(log_,
            (Log{"0 ip in soft interrupt", "0 after wakeup in soft interrupt",
                 "0 p in process", "0 q in process"}));
}

TEST_F(CpuTest, WakeupOneTakesTheLongestSleeper) {
  WaitChannel channel;
  Process p(*this, "p");
  Process q(*this, "q");
  sleep_setup(p, channel);
  sleep_setup(q, channel);
  wakeup_one(cpu_, channel);
  EXPECT_EQ(log_, (Log{"0 p in process"}));
  EXPECT_TRUE(q.queued());
}

TEST_F(CpuTest, ASleeperThatIsDestroyedLeavesItsList) {
  WaitChannel channel;
  Process q(*this, "q");
  {
    Process p(*this, "p");
    sleep_setup(p, channel);
    sleep_setup(q, channel);
  }
  wakeup(cpu_, channel);
  EXPECT_EQ(log_, (Log{"0 q in process"}));
  // Runnable too: killed before its turn.
  soft_ip_.then = [&] {
    Process p(*this, "killed");
    cpu_.MakeRunnable(p);
  };
  cpu_.RaiseSoft(SoftInterrupt::kIp);
  EXPECT_EQ(log_.back(), "0 ip in soft interrupt");
}

}  // namespace
}  // namespace splnet
