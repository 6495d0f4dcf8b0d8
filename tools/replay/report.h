// The report of a replay: a message, and its text.

#ifndef SPLNET_TOOLS_REPLAY_REPORT_H_
#define SPLNET_TOOLS_REPLAY_REPORT_H_

#include <string>

#include "tools/replay/capture_index.h"
#include "tools/replay/observe.h"
#include "tools/replay/options.h"
#include "tools/replay/replay.h"
#include "traces/report.pb.h"

namespace splnet {

// What `replay` found; its run is over.
report::Replay MakeReport(const ReplayOptions& options,
                          const CaptureIndex& index, const Replay& replay);
// The same of an observation.
report::Replay MakeReport(const ReplayOptions& options,
                          const Observation& observation);

// The report as text; a small capture's fits a screen.
std::string FormatReport(const report::Replay& report);

}  // namespace splnet

#endif  // SPLNET_TOOLS_REPLAY_REPORT_H_
