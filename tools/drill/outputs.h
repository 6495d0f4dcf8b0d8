// What a run of drill scripts leaves in files: the results as JSON, the packets
// as a capture.

#ifndef SPLNET_TOOLS_DRILL_OUTPUTS_H_
#define SPLNET_TOOLS_DRILL_OUTPUTS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "tools/drill/runner.h"
#include "tools/output_file.h"
#include "traces/capture_writer.h"
#include "traces/report.pb.h"

namespace splnet::drill {

class Outputs {
 public:
  // Opens `json` and `write`, each "" for none.  Refuses standard output and
  // what would overwrite one of `scripts`; other errors name the file.
  absl::Status Open(const std::string& json, const std::string& write,
                    const std::vector<std::string>& scripts);
  bool wants_packets() const { return writer_ != nullptr; }

  // The result of the next script.
  absl::Status Add(const std::string& path, const DrillResult& result);
  // All results are there.  Once.
  absl::Status Finish(const DrillOptions& options);

 private:
  absl::Status WritePackets(const std::string& path, const DrillResult& result);

  std::unique_ptr<OutputFile> json_;       // null: nowhere
  std::unique_ptr<CaptureWriter> writer_;  // null: nowhere
  report::Drill drill_;                    // for json_
};

}  // namespace splnet::drill

#endif  // SPLNET_TOOLS_DRILL_OUTPUTS_H_
