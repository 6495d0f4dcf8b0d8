// A capture in memory: where each of its packets is, when it came, and what
// became of it.  The bytes stay in the mapped file.

#ifndef SPLNET_TOOLS_REPLAY_CAPTURE_INDEX_H_
#define SPLNET_TOOLS_REPLAY_CAPTURE_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "stack/kern/drop.h"
#include "tools/replay/packet.h"
#include "tools/replay/verdict.h"
#include "traces/capture.h"
#include "traces/capture_filter.h"

namespace splnet {

inline constexpr uint32_t kNoFlow = UINT32_MAX;

// One packet of the capture.
struct CapturedPacket {
  const std::byte* data = nullptr;
  int64_t due_ns = 0;     // since the capture's first packet: the running
                          // maximum of its clock
  uint32_t caplen = 0;    // bytes captured
  uint32_t wire_len = 0;  // bytes on the wire
  uint64_t number = 0;    // in the file, from 1
  uint32_t flow = kNoFlow;
  uint16_t link_type = 0;
  uint16_t interface = 0;
  PacketKind kind = PacketKind::kUnusable;
  Verdict verdict = Verdict::kPending;
  Unusable why = Unusable::kUsable;  // with Verdict::kUnusable
  DropReason reason{};               // with Verdict::kDropped
  uint8_t adapted = 0;               // kAdaptedAck, ...
  bool ours = false;                 // sent by an end that we play
  bool from_client = false;

  std::span<const std::byte> frame() const { return {data, caplen}; }
  Packet Parse() const { return ParsePacket(link_type, frame(), wire_len); }
};

struct CaptureIndex {
  std::unique_ptr<CaptureReader> reader;  // keeps the bytes
  std::vector<CapturedPacket> packets;    // those that match the filter
  uint64_t packets_in_file = 0;
  uint64_t bytes = 0;                 // on the wire, of `packets`
  int64_t first_time_ns = 0;          // since 1970, of the first of `packets`
  uint64_t backward_clock = 0;        // packets earlier than one before them
  std::vector<std::string> warnings;  // damage, cut short
};

// Opens options' capture for reading.  Errors name the file and the way out.
absl::StatusOr<std::unique_ptr<CaptureReader>> OpenCapture(
    const std::string& path);

// Reads all packets that match `filter` (may be null).  An error where nothing
// can be replayed: no packets, none that match, no supported link type.
absl::StatusOr<CaptureIndex> IndexCapture(std::unique_ptr<CaptureReader> reader,
                                          CaptureFilter* filter);

// What remains to be said when reading has ended: damage, a file cut short.
std::vector<std::string> ReadingWarnings(const CaptureReader& reader);

// The warning that `cut` of `packets` packets were not captured whole.
std::string CutPacketsWarning(uint64_t cut, uint64_t packets);

// The error for a capture whose packets, the first of them `number`, are of a
// link that cannot be replayed.
absl::Status WrongLinkType(const CaptureReader& reader, uint64_t number,
                           uint16_t link_type);

// The error for a capture in which nothing was found to replay: it is empty,
// or nothing of it matches the filter.
absl::Status NothingToReplay(const CaptureReader& reader,
                             const CaptureFilter* filter);

}  // namespace splnet

#endif  // SPLNET_TOOLS_REPLAY_CAPTURE_INDEX_H_
