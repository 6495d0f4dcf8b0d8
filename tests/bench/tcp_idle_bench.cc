// Many established connections: the price of a segment among them, and the
// memory that an idle one takes.

#include <benchmark/benchmark.h>
#include <malloc.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "sockets/uipc_socket.h"
#include "stack/kern/random.h"
#include "stack/netinet/ip.h"
#include "stack/netinet/tcp_var.h"
#include "tests/bench/connections.h"

namespace splnet {
namespace {

constexpr int kBurst = 64;           // segments to one connection
constexpr size_t kSegmentBytes = 1;  // as small as can be: no copying matters

void NoDelay(Socket& so) {
  const int32_t on = 1;
  CHECK(sosetopt(so, kIpProtoTcp, kTCP_NODELAY,
                 std::as_bytes(std::span(&on, 1))) == kOk);
}

// One segment from end to end: written, sent, received, read; every second
// one is acknowledged.
void SendOne(Connections& net, Socket& from, Socket& to) {
  std::byte byte{0x5a};
  const IoVec iov{&byte, kSegmentBytes};
  Uio out(std::span(&iov, 1));
  CHECK(sosend(from, nullptr, out, nullptr, 0) == kOk);
  net.RunNow();
  Uio in(std::span(&iov, 1));
  int flags = 0;
  CHECK(soreceive(to, nullptr, in, &flags, nullptr) == kOk);
  CHECK(in.done() == kSegmentBytes);
}

// 64 consecutive segments to one connection, then as many to another, drawn
// at random, of state.range(0).
void SegmentAmong(benchmark::State& state) {
  const auto count = static_cast<size_t>(state.range(0));
  Connections net;
  net.Open(count);
  for (size_t i = 0; i < count; ++i) NoDelay(net.client(i));
  RandomStream random(1, "bench");
  for (auto _ : state) {
    const size_t i = random.Below(count);
    for (int k = 0; k < kBurst; ++k) {
      SendOne(net, net.client(i), net.server(i));
    }
  }
  state.SetItemsProcessed(state.iterations() * kBurst);
}
BENCHMARK(SegmentAmong)->Arg(10)->Arg(100000);

// Bytes that malloc has handed out, in its arena and as mappings of their own.
size_t HeapBytes() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

// The heap that an idle established connection takes at either end: socket,
// pcb and control block with its timers, descriptor, and its share of the
// tables.
void IdleConnections(benchmark::State& state) {
  constexpr size_t kCount = 20000;
  for (auto _ : state) {
    Connections net;
    net.Open(64);  // the pools' first slabs
    const size_t before = HeapBytes();
    net.Open(kCount);
    const size_t after = HeapBytes();
    state.counters["bytes_per_end"] =
        static_cast<double>(after - before) / (2 * kCount);
  }
}
BENCHMARK(IdleConnections)->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace splnet
