// Reading a capture into an index.

#include "tools/replay/capture_index.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/progress.h"

namespace splnet {
namespace {

bool SupportedLinkType(uint16_t link_type) {
  return link_type == kLinkTypeEthernet;
}

// An error if not one of the interfaces that had packets can be replayed.
absl::Status CheckLinkTypes(const CaptureIndex& index) {
  for (const CapturedPacket& p : index.packets) {
    if (SupportedLinkType(p.link_type)) return absl::OkStatus();
  }
  return WrongLinkType(*index.reader, index.packets.front().number,
                       index.packets.front().link_type);
}

}  // namespace

absl::StatusOr<std::unique_ptr<CaptureReader>> OpenCapture(
    const std::string& path) {
  auto reader = CaptureReader::Open(path);
  if (!absl::IsNotFound(reader.status())) return reader;
  return absl::NotFoundError(
      absl::StrCat(reader.status().message(), ": name a capture that exists"));
}

std::vector<std::string> ReadingWarnings(const CaptureReader& reader) {
  std::vector<std::string> warnings;
  if (!reader.status().ok()) {
    warnings.emplace_back(reader.status().message());
  }
  if (reader.cut_short()) warnings.push_back(reader.cut_text());
  return warnings;
}

absl::Status NothingToReplay(const CaptureReader& reader,
                             const CaptureFilter* filter) {
  if (!reader.status().ok()) return reader.status();
  if (reader.counters().packets == 0) {
    if (reader.cut_short()) {
      return absl::InvalidArgumentError(reader.cut_text());
    }
    return absl::InvalidArgumentError(
        absl::StrCat(reader.name(),
                     ": the capture has no packets: record again, or look "
                     "whether its filter was too narrow"));
  }
  return absl::InvalidArgumentError(absl::StrCat(
      reader.name(), ": none of its ", reader.counters().packets,
      " packets matches the filter '",
      filter == nullptr ? "" : filter->expression(), "': widen it"));
}

absl::Status WrongLinkType(const CaptureReader& reader, uint64_t number,
                           uint16_t link_type) {
  std::string type = LinkTypeName(link_type);
  // A type without a name is called by its number.
  if (!type.starts_with("link type")) type.insert(0, "link type ");
  return absl::InvalidArgumentError(
      absl::StrCat(reader.name(), ": packet ", number, ": ", type,
                   " cannot be replayed: record on an Ethernet interface"));
}

std::string CutPacketsWarning(uint64_t cut, uint64_t packets) {
  return absl::StrCat(cut, " of ", packets,
                      " packets were cut by the snap length: record with -s 0");
}

absl::StatusOr<CaptureIndex> IndexCapture(std::unique_ptr<CaptureReader> reader,
                                          CaptureFilter* filter) {
  CaptureIndex index;
  CapturePacket packet;
  int64_t latest = 0;
  uint64_t cut = 0;
  Progress progress("reading");
  while (reader->Next(packet)) {
    progress.At(reader->bytes_read(), reader->bytes_total());
    if (filter != nullptr) {
      const absl::StatusOr<bool> matches = filter->Matches(*reader, packet);
      if (!matches.ok()) return matches.status();
      if (!*matches) continue;
    }
    if (index.packets.empty()) latest = index.first_time_ns = packet.time_ns;
    if (packet.time_ns < latest) ++index.backward_clock;
    latest = std::max(latest, packet.time_ns);
    CapturedPacket entry;
    entry.data = packet.data.data();
    entry.due_ns = latest - index.first_time_ns;
    entry.caplen = static_cast<uint32_t>(packet.caplen());
    entry.wire_len = std::max(packet.len, entry.caplen);
    entry.number = packet.number;
    entry.link_type = reader->interfaces()[packet.interface].link_type;
    entry.interface = static_cast<uint16_t>(packet.interface);
    index.bytes += entry.wire_len;
    cut += entry.caplen < entry.wire_len;
    index.packets.push_back(entry);
  }
  index.packets_in_file = reader->counters().packets;
  if (index.packets.empty()) return NothingToReplay(*reader, filter);
  index.warnings = ReadingWarnings(*reader);
  if (cut != 0) {
    index.warnings.push_back(CutPacketsWarning(cut, index.packets.size()));
  }
  index.reader = std::move(reader);
  if (absl::Status status = CheckLinkTypes(index); !status.ok()) return status;
  return index;
}

}  // namespace splnet
