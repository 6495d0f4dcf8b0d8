// --observe: one host that owns every destination takes all packets of a
// capture in, through every header and checksum check; nothing is sent.

#ifndef SPLNET_TOOLS_REPLAY_OBSERVE_H_
#define SPLNET_TOOLS_REPLAY_OBSERVE_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "stack/kern/drop.h"
#include "stack/kern/tracer.h"
#include "tools/replay/options.h"
#include "tools/replay/wire.h"
#include "traces/capture.h"
#include "traces/capture_filter.h"

namespace splnet {

struct Observation {
  std::string file;
  CaptureFormat format = CaptureFormat::kPcap;
  uint64_t packets = 0;  // that match the filter
  uint64_t packets_in_file = 0;
  uint64_t bytes = 0;  // of `packets`, on the wire
  int64_t first_time_ns = 0;
  int64_t last_time_ns = 0;
  uint64_t backward_clock = 0;
  uint64_t cut = 0;       // not captured whole
  uint64_t observed = 0;  // sound in every header and checksum
  uint64_t first_observed = 0;
  uint64_t unusable = 0;  // of a link type that is not Ethernet
  uint64_t first_unusable = 0;
  std::array<uint64_t, kDropReasons> dropped{};
  std::array<uint64_t, kDropReasons> first_dropped{};  // numbers in the file
  int64_t virtual_ns = 0;
  std::vector<std::string> warnings;

  // Every packet met exactly one fate.
  uint64_t sum() const;
};

// Reads all of `reader`.  `filter`, `writer` and `path` may be null; `path`
// sees every event.  Memory does not grow with the capture.  An error where
// there was nothing to observe, or writing failed.
absl::Status Observe(const ReplayOptions& options, CaptureReader& reader,
                     CaptureFilter* filter, CaptureWriter* writer,
                     Observer* path, Observation* observation);

}  // namespace splnet

#endif  // SPLNET_TOOLS_REPLAY_OBSERVE_H_
