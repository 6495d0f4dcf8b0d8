// A bare libpcap loop over a capture: the figure that replay is read against.

#include <benchmark/benchmark.h>
#include <pcap/pcap.h>

#include <cstdint>

#include "stack/kern/check.h"
#include "tests/bench/frames.h"

namespace splnet {
namespace {

constexpr uint32_t kFrames = 200000;

void LibpcapRead(benchmark::State& state) {
  const FrameCapture capture(kFrames, static_cast<size_t>(state.range(0)));
  uint64_t last_bytes = 0;
  for (auto _ : state) {
    char error[PCAP_ERRBUF_SIZE];
    pcap_t* const pcap = pcap_open_offline(capture.path().c_str(), error);
    CHECK(pcap != nullptr);
    pcap_pkthdr* header;
    const u_char* data;
    uint32_t packets = 0;
    while (pcap_next_ex(pcap, &header, &data) == 1) {
      ++packets;
      last_bytes += data[header->caplen - 1];
    }
    CHECK(packets == kFrames);
    pcap_close(pcap);
  }
  benchmark::DoNotOptimize(last_bytes);
  state.SetItemsProcessed(state.iterations() * kFrames);
}
BENCHMARK(LibpcapRead)->Arg(64)->Arg(1400)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace splnet
