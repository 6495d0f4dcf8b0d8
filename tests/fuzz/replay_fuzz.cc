// Fuzzes whole replays: any capture is replayed as server and as client, and
// observed, without a crash or a hang, and every packet has one verdict.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <utility>

#include "tools/replay/capture_index.h"
#include "tools/replay/observe.h"
#include "tools/replay/options.h"
#include "tools/replay/replay.h"
#include "tools/replay/report.h"
#include "traces/capture.h"

namespace splnet {
namespace {

constexpr uint64_t kMostPackets = 2000;  // so that no input takes long

void Check(bool condition) {
  if (!condition) std::abort();
}

void CheckVerdicts(const report::Replay& report) {
  uint64_t sum = 0;
  for (const report::Verdict& v : report.verdicts()) sum += v.count();
  Check(sum == report.capture().packets());
  for (const report::Check& check : report.checks()) {
    if (check.name() == "every packet has a verdict") Check(check.ok());
  }
}

void ReplayAs(std::span<const std::byte> bytes, ReplayOptions::As as,
              bool pin) {
  auto reader = CaptureReader::FromBytes(bytes, "input");
  if (!reader.ok()) return;
  absl::StatusOr<CaptureIndex> index =
      IndexCapture(std::move(*reader), nullptr);
  if (!index.ok() || index->packets.size() > kMostPackets) return;
  ReplayOptions options;
  options.as = as;
  options.pin = pin;
  Replay replay(options, *index, nullptr, nullptr);
  if (!replay.Run().ok()) return;
  const report::Replay report = MakeReport(options, *index, replay);
  CheckVerdicts(report);
  Check(!FormatReport(report).empty());
}

void ObserveAll(std::span<const std::byte> bytes) {
  auto reader = CaptureReader::FromBytes(bytes, "input");
  if (!reader.ok()) return;
  ReplayOptions options;
  options.observe = true;
  Observation seen;
  if (!Observe(options, **reader, nullptr, nullptr, nullptr, &seen).ok()) {
    return;
  }
  CheckVerdicts(MakeReport(options, seen));
}

}  // namespace
}  // namespace splnet

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using splnet::ReplayOptions;
  const auto bytes = std::as_bytes(std::span(data, size));
  splnet::ReplayAs(bytes, ReplayOptions::As::kServer, true);
  splnet::ReplayAs(bytes, ReplayOptions::As::kClient, true);
  splnet::ReplayAs(bytes, ReplayOptions::As::kServer, false);
  splnet::ObserveAll(bytes);
  return 0;
}
