// The programs of tools/programs over real hosts and links.

#include "tests/sockets/fixture.h"
#include "tests/testing/two_hosts.h"
#include "tools/programs/echo.h"
#include "tools/programs/pattern.h"
#include "tools/programs/ping.h"
#include "tools/programs/relay.h"
#include "tools/programs/sink.h"
#include "tools/programs/source.h"

namespace splnet {
namespace {

LinkConfig Wire() {
  WireConfig wire;
  wire.delay = kMillisecond;
  wire.bits_per_second = 100'000'000;
  return LinkConfig::Both(wire);
}

constexpr Sockaddr kDiscard(kBeta, 9);

TEST(Pattern, IsTheSameHoweverItIsCut) {
  std::vector<std::byte> whole(1000);
  FillPattern(7, 0, whole);
  EXPECT_FALSE(FindMismatch(7, 0, whole).has_value());
  for (size_t at = 0; at < 999; at += 13) {
    const size_t n = std::min<size_t>(29, whole.size() - at);
    std::vector<std::byte> part(n);
    FillPattern(7, at, part);
    EXPECT_TRUE(std::equal(part.begin(), part.end(), whole.begin() + at));
  }
}

TEST(Pattern, AWrongByteIsFoundAtItsOffset) {
  std::vector<std::byte> bytes(100);
  FillPattern(1, 5, bytes);
  EXPECT_EQ(FindMismatch(2, 5, bytes), 5u);
  bytes[17] ^= std::byte{1};
  EXPECT_EQ(FindMismatch(1, 5, bytes), 22u);
}

TEST(Programs, ASinkReceivesWhatASourceSent) {
  for (const uint64_t bytes : {0, 1, 1448, 100'000, 3'000'000}) {
    SCOPED_TRACE(bytes);
    TwoHosts hosts(1, Wire());
    SinkResult sunk;
    SinkArgs sink;
    sink.ends = StreamEnds::Listen(kDiscard);
    sink.seed = 42;
    sink.result = &sunk;
    SourceResult sourced;
    SourceArgs source;
    source.ends = StreamEnds::Connect(kDiscard);
    source.bytes = bytes;
    source.seed = 42;
    source.result = &sourced;
    const Process& s = hosts.b.procs.Spawn("sink", Sink, sink);
    const Process& o = hosts.a.procs.Spawn("source", Source, source);
    EXPECT_TRUE(hosts.sim.RunUntilIdle());
    EXPECT_EQ(s.exit_status(), ExitStatus{});
    EXPECT_EQ(o.exit_status(), ExitStatus{});
    EXPECT_EQ(sunk.bytes, bytes);
    EXPECT_EQ(sunk.mismatch, std::nullopt);
    EXPECT_EQ(sunk.digest, bytes == 0 ? sunk.digest : sourced.digest);
    EXPECT_EQ(hosts.sim.Leftovers(), std::vector<std::string>());
  }
}

TEST(Programs, ASinkSaysWhichByteIsWrong) {
  TwoHosts hosts(1, Wire());
  SinkResult sunk;
  SinkArgs sink;
  sink.ends = StreamEnds::Listen(kDiscard);
  sink.seed = 43;
  sink.result = &sunk;
  SourceArgs source;
  source.ends = StreamEnds::Connect(kDiscard);
  source.bytes = 1000;
  source.seed = 42;
  const Process& s = hosts.b.procs.Spawn("sink", Sink, sink);
  hosts.a.procs.Spawn("source", Source, source);
  EXPECT_TRUE(hosts.sim.RunUntilIdle());
  EXPECT_EQ(s.exit_status().code, 1);
  EXPECT_EQ(sunk.mismatch, 0u);
  EXPECT_EQ(sunk.bytes, 1000u);
}

TEST(Programs, ASourceSaysWhatKeptItFromSending) {
  TwoHosts hosts(1, Wire());
  SourceResult sourced;
  SourceArgs source;
  source.ends = StreamEnds::Connect(kDiscard);
  source.bytes = 1;
  source.result = &sourced;
  const Process& o = hosts.a.procs.Spawn("source", Source, source);
  EXPECT_TRUE(hosts.sim.RunUntilIdle());
  EXPECT_EQ(o.exit_status().code, 1);
  EXPECT_FALSE(sourced.finished);
  EXPECT_EQ(sourced.error.error, kECONNREFUSED);
  EXPECT_STREQ(sourced.error.call, "connect");
}

TEST(Programs, ASlowSinkHoldsTheSourceBack) {
  TwoHosts hosts(1, Wire());
  SinkResult sunk;
  SinkArgs sink;
  sink.ends = StreamEnds::Listen(kDiscard);
  sink.seed = 1;
  sink.read_size = 4096;
  sink.pause = 5 * kMillisecond;
  sink.result = &sunk;
  SourceArgs source;
  source.ends = StreamEnds::Connect(kDiscard);
  source.bytes = 200'000;
  hosts.b.procs.Spawn("sink", Sink, sink);
  hosts.a.procs.Spawn("source", Source, source);
  EXPECT_TRUE(hosts.sim.RunUntilIdle());
  EXPECT_EQ(sunk.bytes, 200'000u);
  EXPECT_EQ(sunk.mismatch, std::nullopt);
  EXPECT_GT(sunk.ended - sunk.started, 48 * 5 * kMillisecond);
}

Task<int> AskEcho(Process& p, Sockaddr to, SocketType type, int rounds) {
  const Result<int> fd = co_await p.socket(Family::kInet, type, 0);
  const Errno connected = co_await p.connect(fd.value, to);
  CO_REQUIRE(connected == kOk);
  std::vector<std::byte> sent(1200);
  std::vector<std::byte> got(1200);
  for (int i = 0; i < rounds; ++i) {
    FillPattern(static_cast<uint64_t>(i), 0, sent);
    Result<size_t> n = co_await p.write(fd.value, sent);
    CO_REQUIRE(n.value == sent.size());
    n = co_await p.recv(fd.value, got, kMsgWaitAll);
    CO_REQUIRE(n.value == got.size());
    CO_REQUIRE(sent == got);
  }
  const Errno closed = co_await p.close(fd.value);
  co_return closed == kOk ? 0 : 1;
}

TEST(Programs, EchoSendsBackStreamsOfClientsInTurn) {
  TwoHosts hosts(1, Wire());
  EchoResult echoed;
  EchoArgs args;
  args.local = Sockaddr(kBeta, 7);
  args.limit = 3;
  args.result = &echoed;
  const Process& e = hosts.b.procs.Spawn("echo", EchoTcp, args);
  for (int i = 0; i < 3; ++i) {
    hosts.a.procs.Spawn("client", AskEcho, args.local, SocketType::kStream, 4);
  }
  EXPECT_TRUE(hosts.sim.RunUntilIdle());
  EXPECT_EQ(e.exit_status(), ExitStatus{});
  EXPECT_EQ(echoed.connections, 3u);
  EXPECT_EQ(echoed.bytes, 3u * 4 * 1200);
  for (const auto& [pid, p] : hosts.a.procs) {
    EXPECT_EQ(p->exit_status(), ExitStatus{});
  }
  EXPECT_EQ(hosts.sim.Leftovers(), std::vector<std::string>());
}

TEST(Programs, EchoSendsBackDatagrams) {
  TwoHosts hosts(1, Wire());
  EchoResult echoed;
  EchoArgs args;
  args.local = Sockaddr(kBeta, 7);
  args.limit = 5;
  args.result = &echoed;
  const Process& e = hosts.b.procs.Spawn("echo", EchoUdp, args);
  const Process& c =
      hosts.a.procs.Spawn("client", AskEcho, args.local, SocketType::kDgram, 5);
  EXPECT_TRUE(hosts.sim.RunUntilIdle());
  EXPECT_EQ(e.exit_status(), ExitStatus{});
  EXPECT_EQ(c.exit_status(), ExitStatus{});
  EXPECT_EQ(echoed.datagrams, 5u);
}

TEST(Programs, ARelayPassesOnBothDirectionsOfSeveralClients) {
  Simulation sim(1);
  Host& client = sim.AddHost("client");
  Host& relay = sim.AddHost("relay");
  Host& server = sim.AddHost("server");
  sim.AddNeighbours(
      sim.AddLink({client, "10.0.1.1/24"}, {relay, "10.0.1.2/24"}, Wire()));
  sim.AddNeighbours(
      sim.AddLink({relay, "10.0.2.1/24"}, {server, "10.0.2.2/24"}, Wire()));
  const Sockaddr at(InAddr::V4(0x0a000102), 80);
  const Sockaddr behind(InAddr::V4(0x0a000202), 7);

  EchoArgs echo;
  echo.local = behind;
  echo.limit = 2;
  RelayResult relayed;
  RelayArgs args;
  args.local = at;
  args.server = behind;
  args.connections = 2;
  args.result = &relayed;
  const Process& e = server.procs.Spawn("echo", EchoTcp, echo);
  const Process& r = relay.procs.Spawn("relay", Relay, args);
  for (int i = 0; i < 2; ++i) {
    client.procs.Spawn("client", AskEcho, at, SocketType::kStream, 10);
  }
  EXPECT_TRUE(sim.RunUntilIdle());
  EXPECT_EQ(e.exit_status(), ExitStatus{});
  EXPECT_EQ(r.exit_status(), ExitStatus{});
  for (const auto& [pid, p] : client.procs) {
    EXPECT_EQ(p->exit_status(), ExitStatus{});
  }
  EXPECT_EQ(relayed.connections, 2u);
  EXPECT_EQ(relayed.failed, 0u);
  EXPECT_EQ(relayed.bytes[0], 24'000u);
  EXPECT_EQ(relayed.bytes[1], 24'000u);
  EXPECT_EQ(sim.Leftovers(), std::vector<std::string>());
}

TEST(Programs, AnEndlessRelayForgetsItsChildren) {
  TwoHosts hosts(1, Wire());
  EchoArgs echo;
  echo.local = Sockaddr(kBeta, 7);
  RelayArgs args;
  args.local = Sockaddr(kBeta, 80);
  args.server = echo.local;
  hosts.b.procs.Spawn("echo", EchoTcp, echo);
  hosts.b.procs.Spawn("relay", Relay, args);
  for (int i = 0; i < 5; ++i) {
    hosts.a.procs.Spawn("client", AskEcho, args.local, SocketType::kStream, 1);
  }
  EXPECT_TRUE(hosts.sim.RunUntilIdle());
  EXPECT_EQ(hosts.a.procs.running(), 0u);
  EXPECT_EQ(hosts.b.procs.size(), 2u);
}

TEST(Programs, ARelayHoldsAFastSourceToTheSpeedOfASlowSink) {
  Simulation sim(1);
  Host& client = sim.AddHost("client");
  Host& relay = sim.AddHost("relay");
  Host& server = sim.AddHost("server");
  sim.AddNeighbours(
      sim.AddLink({client, "10.0.1.1/24"}, {relay, "10.0.1.2/24"}, Wire()));
  WireConfig slow;
  slow.bits_per_second = 1'000'000;
  sim.AddNeighbours(sim.AddLink({relay, "10.0.2.1/24"}, {server, "10.0.2.2/24"},
                                LinkConfig::Both(slow)));
  SinkResult sunk;
  SinkArgs sink;
  sink.ends = StreamEnds::Listen(Sockaddr(InAddr::V4(0x0a000202), 9));
  sink.seed = 5;
  sink.result = &sunk;
  RelayResult relayed;
  RelayArgs args;
  args.local = Sockaddr(InAddr::V4(0x0a000102), 80);
  args.server = sink.ends.local;
  args.connections = 1;
  args.result = &relayed;
  SourceArgs source;
  source.ends = StreamEnds::Connect(args.local);
  source.bytes = 300'000;
  source.seed = 5;
  server.procs.Spawn("sink", Sink, sink);
  relay.procs.Spawn("relay", Relay, args);
  const Process& o = client.procs.Spawn("source", Source, source);
  EXPECT_TRUE(sim.RunUntilIdle());
  EXPECT_EQ(o.exit_status(), ExitStatus{});
  EXPECT_EQ(sunk.bytes, 300'000u);
  EXPECT_EQ(sunk.mismatch, std::nullopt);
  EXPECT_EQ(relayed.bytes[0], 300'000u);
  EXPECT_EQ(relayed.bytes[1], 0u);
  EXPECT_GT(sunk.ended - sunk.started, 2 * kSecond);
}

TEST(Programs, PingMeasuresEveryRoundTrip) {
  TwoHosts hosts(1, Wire());
  PingResult pinged;
  PingArgs args;
  args.to = kBeta;
  args.count = 4;
  args.interval = 10 * kMillisecond;
  args.result = &pinged;
  const Process& p = hosts.a.procs.Spawn("ping", Ping, args);
  EXPECT_TRUE(hosts.sim.RunUntilIdle());
  EXPECT_EQ(p.exit_status(), ExitStatus{});
  EXPECT_EQ(pinged.sent, 4u);
  EXPECT_EQ(pinged.received, 4u);
  EXPECT_EQ(pinged.corrupt, 0u);
  // 98 bytes take 7840 ns each way at 100 Mbit/s, and the wire 1 ms.
  for (const auto& rtt : pinged.round_trips) {
    EXPECT_EQ(rtt, Nanoseconds(2'015'680));
  }
  EXPECT_EQ(hosts.sim.Leftovers(), std::vector<std::string>());
}

TEST(Programs, PingWaitsForRepliesThatNeverCome) {
  WireConfig wire;
  wire.fault.loss.ppm = 1'000'000;
  TwoHosts hosts(1, LinkConfig::Both(wire));
  PingResult pinged;
  PingArgs args;
  args.to = kBeta;
  args.count = 3;
  args.interval = 10 * kMillisecond;
  args.wait = kSecond;
  args.result = &pinged;
  const Process& p = hosts.a.procs.Spawn("ping", Ping, args);
  EXPECT_TRUE(hosts.sim.RunUntilIdle());
  EXPECT_EQ(p.exit_status().code, 1);
  EXPECT_EQ(pinged.sent, 3u);
  EXPECT_EQ(pinged.received, 0u);
  EXPECT_EQ(hosts.sim.now(), SimTime(kSecond + 20 * kMillisecond));
}

TEST(Programs, TwoPingsAtOnceKeepTheirRepliesApart) {
  TwoHosts hosts(1, Wire());
  std::array<PingResult, 2> pinged;
  for (uint16_t i = 0; i < 2; ++i) {
    PingArgs args;
    args.to = kBeta;
    args.count = 3;
    args.interval = kMillisecond;
    args.id = static_cast<uint16_t>(100 + i);
    args.result = &pinged[i];
    hosts.a.procs.Spawn("ping", Ping, args);
  }
  EXPECT_TRUE(hosts.sim.RunUntilIdle());
  for (const PingResult& r : pinged) {
    EXPECT_EQ(r.received, 3u);
    EXPECT_EQ(r.duplicates, 0u);
    EXPECT_EQ(r.corrupt, 0u);
  }
}

}  // namespace
}  // namespace splnet
