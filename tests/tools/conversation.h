// Captures made by hand for tests of replay: one TCP connection, segment by
// segment, and what became of it.

#ifndef SPLNET_TESTS_TOOLS_CONVERSATION_H_
#define SPLNET_TESTS_TOOLS_CONVERSATION_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "tests/testing/capture_builder.h"
#include "tools/replay/capture_index.h"
#include "tools/replay/frame_editor.h"
#include "tools/replay/options.h"
#include "tools/replay/report.h"

namespace splnet {

// `n` bytes of text that tell where they stand.
std::string Text(size_t n, size_t from = 0);

// A capture of nanoseconds.  Sequence numbers are counted from each side's
// SYN, which is 0; times are in microseconds since the capture's start.
class Conversation {
 public:
  explicit Conversation(uint16_t client_port = 40000,
                        uint32_t client_iss = 1000,
                        uint32_t server_iss = 0xfffffff0);

  struct Extra {
    uint16_t win = 64000;
    std::vector<std::byte> options;
    std::optional<uint32_t> snaplen;  // bytes captured
    bool bad_checksum = false;
    bool partial_checksum = false;  // the interface was to fill it in
  };

  // One segment from that side.  `flags` are tcpdump's letters: "S", "P.".
  Conversation& Client(int64_t us, std::string_view flags, uint32_t seq,
                       uint32_t ack, std::string_view payload = "");
  Conversation& Client(int64_t us, std::string_view flags, uint32_t seq,
                       uint32_t ack, std::string_view payload,
                       const Extra& extra);
  Conversation& Server(int64_t us, std::string_view flags, uint32_t seq,
                       uint32_t ack, std::string_view payload = "");
  Conversation& Server(int64_t us, std::string_view flags, uint32_t seq,
                       uint32_t ack, std::string_view payload,
                       const Extra& extra);
  // SYN, SYN and ACK, ACK, 100 us apart, from `us` on.
  Conversation& Handshake(int64_t us);
  // What follows is of the client's port `port`.
  Conversation& Port(uint16_t port) {
    client_port_ = port;
    return *this;
  }
  // The packet before once more, at `us`.
  Conversation& Again(int64_t us);
  // Any frame.
  Conversation& Frame(int64_t us, const std::vector<std::byte>& frame);

  std::span<const std::byte> bytes() const { return capture_.bytes(); }

 private:
  Conversation& Segment(int64_t us, bool from_client, std::string_view flags,
                        uint32_t seq, uint32_t ack, std::string_view payload,
                        const Extra& extra);

  CaptureBuilder capture_;
  uint16_t client_port_;
  uint32_t client_iss_;
  uint32_t server_iss_;
  uint16_t ip_id_ = 0;
  std::vector<std::byte> last_;
};

// What replaying a capture gave.
struct Outcome {
  absl::Status status;
  report::Replay report;
  std::vector<CapturedPacket> packets;  // without their bytes
  std::string text;                     // the report's

  Verdict verdict(uint64_t number) const { return packets[number - 1].verdict; }
  // All of them, one word each: "consumed by the stack, delivered, ...".
  std::string verdicts() const;
  uint32_t CountOf(Verdict verdict) const;
};

Outcome Replayed(std::span<const std::byte> capture,
                 ReplayOptions options = ReplayOptions());
inline Outcome Replayed(const Conversation& conversation,
                        ReplayOptions options = ReplayOptions()) {
  return Replayed(conversation.bytes(), std::move(options));
}
inline ReplayOptions AsClient() {
  ReplayOptions options;
  options.as = ReplayOptions::As::kClient;
  return options;
}

}  // namespace splnet

#endif  // SPLNET_TESTS_TOOLS_CONVERSATION_H_
