// `splnet replay --observe`: every packet of a capture through the driver,
// Ethernet, IP and UDP, headers and checksums verified, with a verdict.

#include <benchmark/benchmark.h>

#include <cstdint>

#include "tests/bench/frames.h"
#include "tools/replay/observe.h"
#include "tools/replay/options.h"
#include "traces/capture.h"

namespace splnet {
namespace {

constexpr uint32_t kFrames = 200000;

void ReplayObserve(benchmark::State& state) {
  const FrameCapture capture(kFrames, static_cast<size_t>(state.range(0)));
  ReplayOptions options;
  for (auto _ : state) {
    auto reader = CaptureReader::Open(capture.path());
    CHECK(reader.ok());
    Observation observation;
    CHECK(Observe(options, **reader, nullptr, nullptr, nullptr, &observation)
              .ok());
    CHECK(observation.observed == kFrames);
  }
  state.SetItemsProcessed(state.iterations() * kFrames);
}
BENCHMARK(ReplayObserve)->Arg(64)->Arg(1400)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace splnet
