// Building, running and ending simulations.

#include "tools/simulation.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "sockets/uipc_syscalls.h"
#include "tests/testing/two_hosts.h"

namespace splnet {
namespace {

Task<int> SleepFor(Process& p, Nanoseconds time) {
  co_await p.nanosleep(time);
  co_return 7;
}

// Reads from a UDP socket to which nobody sends.
Task<int> WaitForEver(Process& p) {
  const Result<int> fd =
      co_await p.socket(Family::kInet, SocketType::kDgram, 0);
  const Sockaddr local(kInaddrAny, 9);
  co_await p.bind(fd.value, local);
  std::byte byte{};
  const std::span<std::byte> buf(&byte, 1);
  const Result<size_t> got = co_await p.read(fd.value, buf);
  co_return got.ok() ? 0 : 1;
}

TEST(Simulation, AHostHasALoopbackAndItsOwnStreams) {
  Simulation sim(1);
  Host& a = sim.AddHost("alpha");
  Host& b = sim.AddHost("beta");
  EXPECT_EQ(a.ns.host, 1u);
  EXPECT_EQ(b.ns.host, 2u);
  EXPECT_NE(ifunit(a.ns, "lo0"), nullptr);
  EXPECT_NE(a.ns.Stream("x").Next(), b.ns.Stream("x").Next());
}

TEST(Simulation, ALinkGivesBothHostsAddressesAndRoutes) {
  TwoHosts net;
  EXPECT_EQ(ifa_ifwithaddr(net.a.ns, kAlpha), &net.link.a());
  EXPECT_EQ(ifa_ifwithaddr(net.b.ns, kBeta), &net.link.b());
  const Rtentry* const rt = net.a.ns.routes.Lookup(kBeta);
  ASSERT_NE(rt, nullptr);
  EXPECT_EQ(rt->ifidx, net.link.a().index);
  const EtherAddr* const station = net.a.ns.arp.Find(net.link.a().index, kBeta);
  ASSERT_NE(station, nullptr);
  EXPECT_EQ(*station, net.link.b().lladdr);
}

TEST(Simulation, ARouteGoesThroughItsGateway) {
  TwoHosts net;
  net.sim.AddRoute(net.a, "0.0.0.0/0", "10.0.0.2");
  const Rtentry* const rt = net.a.ns.routes.Lookup(InAddr::V4(0xc0000201));
  ASSERT_NE(rt, nullptr);
  EXPECT_EQ(rt->gateway, kBeta);
  EXPECT_EQ(rt->ifidx, net.link.a().index);
  EXPECT_EQ(rt->ifa, kAlpha);
}

TEST(SimulationDeathTest, WrongAddressesAndNamesAreBugs) {
  for (const char* bad : {"10.0.0.1", "10.0.0.1/33", "10.0.0/24", "/24", "",
                          "10.0.0.1/24x", "10.0.0.1/"}) {
    EXPECT_DEATH(
        {
          Simulation sim(1);
          Host& a = sim.AddHost("alpha");
          Host& b = sim.AddHost("beta");
          const std::string text = bad;
          sim.AddLink({a, text}, {b, "10.0.0.2/24"});
        },
        "CHECK failed")
        << bad;
  }
  EXPECT_DEATH(
      {
        Simulation sim(1);
        sim.AddHost("alpha");
        sim.AddHost("alpha");
      },
      "CHECK failed");
}

TEST(Simulation, RunsUntilWhatItsNameSays) {
  Simulation sim(1);
  Host& a = sim.AddHost("alpha");
  const Process& p = a.procs.Spawn("sleeper", SleepFor, Nanoseconds(1000));
  EXPECT_EQ(sim.running(), 1u);
  EXPECT_TRUE(sim.RunFor(Nanoseconds(400)));
  EXPECT_EQ(ToNanoseconds(sim.now()), 400);
  EXPECT_FALSE(p.exited());
  EXPECT_TRUE(sim.RunUntilExit());
  EXPECT_EQ(ToNanoseconds(sim.now()), 1000);
  EXPECT_EQ(p.exit_status().code, 7);
  EXPECT_TRUE(sim.RunUntil(FromNanoseconds(5000)));
  EXPECT_EQ(ToNanoseconds(sim.now()), 5000);
  EXPECT_TRUE(sim.RunUntilIdle());
}

// A timer that is always set again.
TEST(Simulation, ABudgetEndsARunThatNeverWould) {
  Simulation sim(1);
  struct Clock {
    explicit Clock(EventQueue& queue)
        : timer(
              queue,
              [](void* self) {
                timeout_add(static_cast<Clock*>(self)->timer, Nanoseconds(1));
              },
              this) {
      timeout_add(timer, Nanoseconds(1));
    }
    Timeout timer;
  } clock(sim.queue());
  EXPECT_FALSE(sim.RunUntilIdle(100));
  EXPECT_EQ(sim.queue().events_run(), 100u);
  EXPECT_FALSE(sim.RunFor(Nanoseconds(1000), 100));
  EXPECT_EQ(sim.queue().events_run(), 200u);
}

TEST(Simulation, LeftoversNameWhatIsLeft) {
  TwoHosts net(1, LinkConfig::Both({.delay = Nanoseconds(1000)}));
  EXPECT_TRUE(net.sim.Leftovers().empty());
  net.a.procs.Spawn("waiter", WaitForEver);
  ASSERT_TRUE(net.sim.RunUntilIdle());
  MbufPtr held = m_getcl(net.b.ns.mbufs, 100, MWait::kDontWait);
  EXPECT_EQ(absl::StrJoin(net.sim.Leftovers(), "\n"),
            "alpha: process 1 (waiter)\n"
            "alpha: 1 sockets\n"
            "alpha: 1 UDP endpoints\n"
            "beta: 1 mbufs\n"
            "beta: 1 clusters");
  held = nullptr;
  ASSERT_EQ(net.a.procs.Kill(1, kSIGKILL), kOk);
  ASSERT_TRUE(net.sim.RunUntilIdle());
  EXPECT_TRUE(net.sim.Leftovers().empty());
}

Task<int> SendOne(Process& p, Sockaddr to) {
  const Result<int> fd =
      co_await p.socket(Family::kInet, SocketType::kDgram, 0);
  const std::vector<std::byte> data(100);
  const Result<size_t> sent = co_await p.sendto(fd.value, data, 0, to);
  co_return sent.ok() ? 0 : 1;
}

// Processes asleep, frames in flight, a connection half open: all is freed.
TEST(Simulation, MayEndInTheMiddleOfAnything) {
  TwoHosts net(1, LinkConfig::Both({.delay = std::chrono::seconds(1)}));
  const Sockaddr to(kBeta, 9);
  net.b.procs.Spawn("waiter", WaitForEver);
  net.a.procs.Spawn("sender", SendOne, to);
  ASSERT_TRUE(net.sim.RunFor(std::chrono::milliseconds(500)));
  EXPECT_EQ(net.link.in_flight(), 1u);
  const std::vector<std::string> left = net.sim.Leftovers();
  EXPECT_EQ(left.size(), 7u) << absl::StrJoin(left, "\n");
}

}  // namespace
}  // namespace splnet
