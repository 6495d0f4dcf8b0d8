// Results of drill scripts in files.

#include "tools/drill/outputs.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/json_text.h"
#include "tools/settings_flags.h"

namespace splnet::drill {

absl::Status Outputs::Open(const std::string& json, const std::string& write,
                           const std::vector<std::string>& scripts) {
  if (json == "-" || write == "-") {
    return absl::InvalidArgumentError(
        "standard output has the results: give --json and --write files");
  }
  for (const std::string& path : scripts) {
    for (const std::string& place : {json, write}) {
      if (place.empty() || !SameFile(place, path)) continue;
      return absl::InvalidArgumentError(absl::StrCat(
          place, " would overwrite the script: give another file"));
    }
  }
  if (!json.empty() && !write.empty() && SameFile(json, write)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--json and --write both name ", json, ": give them two files"));
  }
  if (!json.empty()) {
    auto file = OutputFile::Open(json);
    if (!file.ok()) return file.status();
    json_ = std::move(*file);
  }
  if (!write.empty()) {
    auto writer = CaptureWriter::Create(write);
    if (!writer.ok()) return writer.status();
    writer_ = std::move(*writer);
  }
  return absl::OkStatus();
}

// An interface with the script's name, and its packets.
absl::Status Outputs::WritePackets(const std::string& path,
                                   const DrillResult& result) {
  const uint32_t interface =
      writer_->AddInterface({.name = path, .link_type = kLinkTypeRaw});
  for (const WirePacket& sent : result.packets) {
    CapturePacket packet;
    packet.interface = interface;
    packet.time_ns = sent.time.count();
    packet.len = static_cast<uint32_t>(sent.bytes.size());
    packet.data = sent.bytes;
    packet.direction = sent.outbound ? CaptureDirection::kOutbound
                                     : CaptureDirection::kInbound;
    const absl::Status status = writer_->Write(packet);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Outputs::Add(const std::string& path, const DrillResult& result) {
  if (json_) {
    report::DrillScript& script = *drill_.add_scripts();
    script.set_path(path);
    script.set_passed(result.passed);
    script.set_report(result.report);
    if (result.passed) {
      drill_.set_passed(drill_.passed() + 1);
    } else {
      drill_.set_failed(drill_.failed() + 1);
    }
  }
  return writer_ ? WritePackets(path, result) : absl::OkStatus();
}

absl::Status Outputs::Finish(const DrillOptions& options) {
  if (writer_) {
    const absl::Status status = writer_->Close();
    if (!status.ok()) return status;
  }
  if (!json_) return absl::OkStatus();
  drill_.set_seed(options.seed);
  drill_.set_settings(DescribeSettings(options.settings));
  const absl::StatusOr<std::string> json = JsonText(drill_);
  if (!json.ok()) return json.status();
  return json_->Write(*json);
}

}  // namespace splnet::drill
