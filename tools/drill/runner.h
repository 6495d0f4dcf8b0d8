// Carries a parsed drill script out on a fresh simulated host.

#ifndef SPLNET_TOOLS_DRILL_RUNNER_H_
#define SPLNET_TOOLS_DRILL_RUNNER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "stack/kern/settings.h"
#include "stack/kern/time.h"
#include "tools/drill/options.h"
#include "tools/drill/script.h"

namespace splnet::drill {

struct DrillOptions {
  // What the host begins with: the personality and what --set changed.
  Settings settings;
  // Packets that the stack sent and no line expected are no failure.
  bool allow_extra = false;
  // The result's report tells every event, also when the script passes.
  bool verbose = false;
  // The result has the packets that crossed the wire.
  bool keep_packets = false;
  uint64_t seed = 1;
};

// Bytes of packets that are kept of one script; what comes then is not.
inline constexpr size_t kMaxKeptBytes = size_t{64} << 20;

// A packet on the script's wire, beginning with its IP header.
struct WirePacket {
  Nanoseconds time{0};    // since the script's start
  bool outbound = false;  // the stack sent it
  std::vector<std::byte> bytes;
};

struct DrillResult {
  bool passed = false;
  // Why it failed, in lines that each end with a newline, after failures that
  // the script makes not fatal; "" when there was none and `verbose` was not
  // asked for.
  std::string report;
  std::vector<WirePacket> packets;  // with keep_packets
};

// Runs `script` in a Simulation of its own.  Several threads may do so at
// once.
DrillResult RunScript(const Script& script, const ScriptSettings& settings,
                      const DrillOptions& options);

}  // namespace splnet::drill

#endif  // SPLNET_TOOLS_DRILL_RUNNER_H_
