// UDP from the driver to the program: frames put into the NIC's ring, 32 to an
// interrupt, until a program's recvfrom() has returned each datagram.

#include <benchmark/benchmark.h>

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "drivers/if_pcap.h"
#include "sockets/uipc_syscalls.h"
#include "tests/bench/frames.h"
#include "tools/simulation.h"

namespace splnet {
namespace {

constexpr size_t kBurst = 32;
constexpr int kBufferBytes = 131072;

struct Received {
  uint64_t datagrams = 0;
  uint64_t bytes = 0;
};

Task<int> Receiver(Process& p, Received* received) {
  const auto fd = co_await p.socket(Family::kInet, SocketType::kDgram, 0);
  CHECK(fd.ok());
  // A burst of the larger datagrams is more than a buffer takes by default.
  CHECK(co_await p.setsockopt(fd.value, kSOL_SOCKET, kSO_RCVBUF,
                              kBufferBytes) == kOk);
  const Sockaddr local(kInaddrAny, 9);
  CHECK(co_await p.bind(fd.value, local) == kOk);
  std::array<std::byte, 2048> buffer;
  for (;;) {
    Sockaddr from;
    const auto n = co_await p.recvfrom(fd.value, buffer, 0, &from);
    CHECK(n.ok());
    ++received->datagrams;
    received->bytes += n.value;
    benchmark::DoNotOptimize(buffer.data());
  }
}

void UdpReceive(benchmark::State& state) {
  const auto payload = static_cast<size_t>(state.range(0));
  std::vector<std::vector<std::byte>> frames;
  for (uint32_t i = 0; i < kBurst; ++i) {
    frames.push_back(MakeUdpFrame(i, kUdpFrameOverhead + payload));
  }
  const std::vector<std::span<const std::byte>> burst(frames.begin(),
                                                      frames.end());

  Simulation sim(1);
  Host& host = sim.AddHost("receiver");
  const EtherAddr station{{2, 0, 0, 0, 0, 2}};
  PcapNic& nic = pcapattach(host.ns, "em0", station);
  CHECK(if_addaddr(nic, InAddr::V4(0x0a000002), 24) == kOk);
  Received received;
  host.procs.Spawn("receiver", Receiver, &received);
  CHECK(sim.RunUntilIdle());

  uint64_t sent = 0;
  for (auto _ : state) {
    nic.InjectBatch(burst);
    sent += kBurst;
  }
  CHECK(received.datagrams == sent && received.bytes == sent * payload);
  state.SetItemsProcessed(state.iterations() * kBurst);
}
BENCHMARK(UdpReceive)->Arg(64)->Arg(1400);

}  // namespace
}  // namespace splnet
