// A host that talks to itself, and one that is asked to pass on.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "drivers/if_loop.h"
#include "tests/testing/transfer.h"
#include "tools/simulation.h"

namespace splnet {
namespace {

void ExpectComplete(const EndResult& client, const EndResult& server,
                    uint64_t from_client, uint64_t from_server) {
  EXPECT_TRUE(client.finished && server.finished);
  EXPECT_TRUE(client.in.eof && server.in.eof);
  EXPECT_EQ(server.in.bytes, from_client);
  EXPECT_EQ(client.in.bytes, from_server);
  EXPECT_EQ(client.in.wrong + server.in.wrong, 0u);
}

// Client and server, 200000 bytes there and 100000 back.
struct Pair {
  void Spawn(Host& client_host, Host& server_host, const Sockaddr& at) {
    TransferArgs there{.server = at, .send = 200000, .result = &client};
    TransferArgs back{.server = at, .send = 100000, .result = &server};
    std::swap(back.in_salt, back.out_salt);
    server_host.procs.Spawn("server", TransferServer, back);
    client_host.procs.Spawn("client", TransferClient, there);
  }
  void Expect() const { ExpectComplete(client, server, 200000, 100000); }

  EndResult client;
  EndResult server;
};

TEST(Loopback, AHostReachesItselfByEveryAddressOfItsOwn) {
  for (const uint32_t addr : {0x7f000001u, 0x0a000001u}) {
    Simulation sim(1);
    Host& a = sim.AddHost("alpha");
    Host& b = sim.AddHost("beta");
    PairLink& link = sim.AddLink({a, "10.0.0.1/24"}, {b, "10.0.0.2/24"});
    Pair pair;
    pair.Spawn(a, a, Sockaddr(InAddr::V4(addr), 80));
    ASSERT_TRUE(sim.RunUntilIdle());
    pair.Expect();
    EXPECT_EQ(absl::StrJoin(sim.Leftovers(), "\n"), "");
    EXPECT_EQ(link.a_to_b().stats().frames, 0u);
    EXPECT_GT(ifunit(a.ns, "lo0")->stats.ipackets, 10u);
    EXPECT_EQ(a.ns.ledger.bytes(CopyKind::kDmaTx), 0u);
  }
}

// A host between two links passes nothing on unless it is told to.
TEST(Host, DoesNotForwardForOthers) {
  Simulation sim(1);
  Host& a = sim.AddHost("alpha");
  Host& between = sim.AddHost("between");
  Host& b = sim.AddHost("beta");
  sim.AddLink({a, "10.0.1.1/24"}, {between, "10.0.1.254/24"});
  PairLink& right = sim.AddLink({between, "10.0.2.254/24"}, {b, "10.0.2.1/24"});
  sim.AddRoute(a, "0.0.0.0/0", "10.0.1.254");
  Pair pair;
  pair.Spawn(a, b, Sockaddr(InAddr::V4(0x0a000201), 80));
  ASSERT_TRUE(sim.RunUntilIdle());
  EXPECT_EQ(pair.client.open, kETIMEDOUT);
  EXPECT_GT(between.ns.dropped(DropReason::kIpNotForUs), 0u);
  EXPECT_EQ(right.a_to_b().stats().frames, 0u);
  EXPECT_EQ(absl::StrJoin(sim.Leftovers(), "\n"), "");
}

}  // namespace
}  // namespace splnet
