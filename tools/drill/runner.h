// Carries a parsed drill script out on a fresh simulated host.

#ifndef SPLNET_TOOLS_DRILL_RUNNER_H_
#define SPLNET_TOOLS_DRILL_RUNNER_H_

#include <cstdint>
#include <string>

#include "stack/kern/settings.h"
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
  uint64_t seed = 1;
};

struct DrillResult {
  bool passed = false;
  // Why it failed, in lines that each end with a newline; "" when it passed
  // and `verbose` was not asked for.
  std::string report;
};

// Runs `script` in a Simulation of its own.  Several threads may do so at
// once.
DrillResult RunScript(const Script& script, const ScriptSettings& settings,
                      const DrillOptions& options);

}  // namespace splnet::drill

#endif  // SPLNET_TOOLS_DRILL_RUNNER_H_
