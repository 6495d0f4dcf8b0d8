// TCP between two hosts, MTU 1500, everything that a real network does but the
// time on the wire: one long transfer, and connections without data.

#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "sockets/uipc_syscalls.h"
#include "tools/simulation.h"

namespace splnet {
namespace {

constexpr uint64_t kTransferBytes = uint64_t{256} << 20;
constexpr size_t kChunk = 65536;
constexpr int kBufferBytes = 131072;

Task<int> Source(Process& p, Sockaddr to) {
  const auto fd = co_await p.socket(Family::kInet, SocketType::kStream, 0);
  CHECK(fd.ok());
  CHECK(co_await p.setsockopt(fd.value, kSOL_SOCKET, kSO_SNDBUF,
                              kBufferBytes) == kOk);
  CHECK(co_await p.connect(fd.value, to) == kOk);
  const std::vector<std::byte> data(kChunk, std::byte{0x5a});
  for (uint64_t left = kTransferBytes; left > 0; left -= kChunk) {
    const auto n = co_await p.write(fd.value, data);
    CHECK(n.ok() && n.value == kChunk);
  }
  co_return 0;
}

Task<int> Sink(Process& p, Sockaddr at, uint64_t* received) {
  const auto s = co_await p.socket(Family::kInet, SocketType::kStream, 0);
  CHECK(s.ok());
  CHECK(co_await p.setsockopt(s.value, kSOL_SOCKET, kSO_RCVBUF, kBufferBytes) ==
        kOk);
  CHECK(co_await p.bind(s.value, at) == kOk);
  CHECK(co_await p.listen(s.value, 1) == kOk);
  const auto fd = co_await p.accept(s.value);
  CHECK(fd.ok());
  std::vector<std::byte> buffer(kChunk);
  for (;;) {
    const auto n = co_await p.read(fd.value, buffer);
    CHECK(n.ok());
    if (n.value == 0) break;
    *received += n.value;
    benchmark::DoNotOptimize(buffer.data());
  }
  co_return 0;
}

void TcpBulk(benchmark::State& state) {
  for (auto _ : state) {
    Simulation sim(1);
    Host& client = sim.AddHost("client");
    Host& server = sim.AddHost("server");
    sim.AddLink({client, "10.0.0.1/24"}, {server, "10.0.0.2/24"});
    const Sockaddr address(InAddr::V4(0x0a000002), 5001);
    uint64_t received = 0;
    server.procs.Spawn("sink", Sink, address, &received);
    client.procs.Spawn("source", Source, address);
    CHECK(sim.RunUntilExit());
    CHECK(received == kTransferBytes);
  }
  state.SetBytesProcessed(state.iterations() *
                          static_cast<int64_t>(kTransferBytes));
}
BENCHMARK(TcpBulk)->Unit(benchmark::kMillisecond);

// Connections that are opened and closed, one after the other.  After so many
// the client waits until none of them is left in TIME_WAIT.
constexpr int kConnects = 10000;
constexpr int kConnectsAtOnce = 100;
constexpr Nanoseconds kTimeWait = std::chrono::seconds(60);

Task<int> Connecter(Process& p, Sockaddr to) {
  for (int i = 1; i <= kConnects; ++i) {
    const auto fd = co_await p.socket(Family::kInet, SocketType::kStream, 0);
    CHECK(fd.ok());
    CHECK(co_await p.connect(fd.value, to) == kOk);
    CHECK(co_await p.close(fd.value) == kOk);
    if (i % kConnectsAtOnce == 0) {
      CHECK(co_await p.nanosleep(kTimeWait) == kOk);
    }
  }
  co_return 0;
}

Task<int> Accepter(Process& p, Sockaddr at) {
  const auto s = co_await p.socket(Family::kInet, SocketType::kStream, 0);
  CHECK(s.ok());
  CHECK(co_await p.bind(s.value, at) == kOk);
  CHECK(co_await p.listen(s.value, 1) == kOk);
  std::byte none[1];
  for (int i = 0; i < kConnects; ++i) {
    const auto fd = co_await p.accept(s.value);
    CHECK(fd.ok());
    const auto n = co_await p.read(fd.value, none);
    CHECK(n.ok() && n.value == 0);
    CHECK(co_await p.close(fd.value) == kOk);
  }
  co_return 0;
}

void TcpConnect(benchmark::State& state) {
  for (auto _ : state) {
    Simulation sim(1);
    Host& client = sim.AddHost("client");
    Host& server = sim.AddHost("server");
    sim.AddLink({client, "10.0.0.1/24"}, {server, "10.0.0.2/24"});
    const Sockaddr address(InAddr::V4(0x0a000002), 5001);
    server.procs.Spawn("accepter", Accepter, address);
    client.procs.Spawn("connecter", Connecter, address);
    CHECK(sim.RunUntilExit());
    CHECK(server.ns.tcpstat.accepts == kConnects);
  }
  state.SetItemsProcessed(state.iterations() * kConnects);
}
BENCHMARK(TcpConnect)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace splnet
