// What the machine itself needs to move and sum a segment's payload: the
// figures to read the others against.

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstring>
#include <vector>

#include "stack/netinet/in_cksum.h"

namespace splnet {
namespace {

void Memcpy(benchmark::State& state) {
  const auto n = static_cast<size_t>(state.range(0));
  std::vector<std::byte> from(n, std::byte{0x5a});
  std::vector<std::byte> to(n);
  for (auto _ : state) {
    std::memcpy(to.data(), from.data(), n);
    benchmark::DoNotOptimize(to.data());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(Memcpy)->Arg(1448);

void Checksum(benchmark::State& state) {
  const auto n = static_cast<size_t>(state.range(0));
  std::vector<std::byte> bytes(n, std::byte{0x5a});
  for (auto _ : state) {
    benchmark::DoNotOptimize(bytes.data());
    CksumPartial sum = in_cksum_partial(bytes.data(), n);
    benchmark::DoNotOptimize(sum);
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(Checksum)->Arg(1448);

}  // namespace
}  // namespace splnet
