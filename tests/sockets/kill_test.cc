// A process may be killed at any instant: asleep in every call, runnable, not
// yet started.  Nothing of it stays, and nobody else is harmed.

#include "tests/sockets/fixture.h"
#include "tests/testing/two_hosts.h"
#include "tools/programs/echo.h"
#include "tools/programs/relay.h"
#include "tools/programs/sink.h"
#include "tools/programs/source.h"

namespace splnet {
namespace {

// A source on alpha, a relay and a sink on beta.
struct World {
  explicit World(const CpuCosts& costs) : hosts(1, Wire()) {
    hosts.a.ns.cpu.set_costs(costs);
    hosts.b.ns.cpu.set_costs(costs);
    SinkArgs sink;
    sink.ends = StreamEnds::Listen(Sockaddr(kBeta, 9));
    sink.seed = 1;
    sink.result = &sunk;
    RelayArgs relay;
    relay.local = Sockaddr(kBeta, 80);
    relay.server = Sockaddr(kBeta, 9);
    relay.connections = 1;
    SourceArgs source;
    source.ends = StreamEnds::Connect(Sockaddr(kBeta, 80));
    source.bytes = 60'000;
    source.write_size = 10'000;
    hosts.b.procs.Spawn("sink", Sink, sink);
    hosts.b.procs.Spawn("relay", Relay, relay);
    hosts.a.procs.Spawn("source", Source, source);
  }

  static LinkConfig Wire() {
    WireConfig wire;
    wire.delay = kMillisecond;
    return LinkConfig::Both(wire);
  }
  // Runs `events` events; false if there were not so many.
  bool RunEvents(uint64_t events) {
    for (uint64_t i = 0; i < events; ++i) {
      if (!hosts.sim.queue().RunNext()) return false;
    }
    return true;
  }
  // Kills process `pid` of beta, or the one of alpha if 0.
  void Kill(int pid) {
    Host& host = pid == 0 ? hosts.a : hosts.b;
    Process* const p = host.procs.Find(pid == 0 ? 1 : pid);
    if (p != nullptr) p->PostSignal(kSIGKILL);
  }
  // Lets what is left end: what waits for ever is killed, too.
  std::vector<std::string> End() {
    EXPECT_TRUE(hosts.sim.RunUntilIdle());
    for (Host* const host : {&hosts.a, &hosts.b}) {
      for (int pid = 1; pid < 10; ++pid) {
        static_cast<void>(host->procs.Kill(pid, kSIGKILL));
      }
    }
    EXPECT_TRUE(hosts.sim.RunUntilIdle());
    EXPECT_EQ(hosts.sim.running(), 0u);
    return hosts.sim.Leftovers();
  }

  SinkResult sunk;
  TwoHosts hosts;
};

// Every victim, at every event of the run.
void KillAtEveryEvent(const CpuCosts& costs) {
  for (int pid = 0; pid <= 3; ++pid) {
    for (uint64_t events = 0;; ++events) {
      SCOPED_TRACE(testing::Message() << "pid " << pid << " event " << events);
      World world(costs);
      const bool more = world.RunEvents(events);
      world.Kill(pid);
      EXPECT_EQ(world.End(), std::vector<std::string>());
      EXPECT_FALSE(world.sunk.mismatch.has_value());
      if (!more || testing::Test::HasFailure()) break;
    }
  }
}

TEST(Kill, AtEveryEventLeavesNothing) { KillAtEveryEvent(CpuCosts()); }

TEST(Kill, AtEveryEventOfABusyCpuLeavesNothing) {
  CpuCosts costs;
  costs.system_call = Nanoseconds(2'000);
  costs.context_switch = Nanoseconds(3'000);
  costs.interrupt = Nanoseconds(5'000);
  costs.wakeup = Nanoseconds(700);
  costs.copy_picoseconds_per_byte = 100;
  KillAtEveryEvent(costs);
}

TEST(Kill, WithoutItTheTransferIsWhole) {
  World world{CpuCosts()};
  EXPECT_TRUE(world.hosts.sim.RunUntilIdle());
  EXPECT_EQ(world.sunk.bytes, 60'000u);
  EXPECT_TRUE(world.sunk.finished);
  EXPECT_EQ(world.End(), std::vector<std::string>());
}

// The hosts go while everything is under way, in the order of their parts.
TEST(Kill, TearingDownTheSimulationAtEveryEventGivesEverythingBack) {
  for (uint64_t events = 0;; ++events) {
    SCOPED_TRACE(events);
    World world{CpuCosts()};
    if (!world.RunEvents(events)) break;
  }
}

}  // namespace
}  // namespace splnet
