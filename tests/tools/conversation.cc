// Captures made by hand.

#include "tests/tools/conversation.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/replay/replay.h"

namespace splnet {
namespace {

constexpr uint32_t kEpochSeconds = 1700000000;
const EtherAddr kClientStation{{2, 0, 0, 0, 0, 2}};
const EtherAddr kServerStation{{2, 0, 0, 0, 0, 1}};

uint8_t FlagsOf(std::string_view letters) {
  uint8_t flags = 0;
  for (const char c : letters) {
    switch (c) {
      case 'F':
        flags |= kThFin;
        break;
      case 'S':
        flags |= kThSyn;
        break;
      case 'R':
        flags |= kThRst;
        break;
      case 'P':
        flags |= kThPush;
        break;
      case '.':
        flags |= kThAck;
        break;
      default:
        flags |= kThUrg;
        break;
    }
  }
  return flags;
}

std::string AsText(const std::vector<std::byte>& bytes) {
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

}  // namespace

std::string Text(size_t n, size_t from) {
  std::string text;
  while (text.size() < n + from % 8) {
    absl::StrAppendFormat(&text, "%07u\n", from / 8 * 8 + text.size());
  }
  return text.substr(from % 8, n);
}

Conversation::Conversation(uint16_t client_port, uint32_t client_iss,
                           uint32_t server_iss)
    : client_port_(client_port),
      client_iss_(client_iss),
      server_iss_(server_iss) {
  CaptureBuilder::Header header;
  header.magic = kPcapMagicNanos;
  capture_.PcapHeader(header);
}

Conversation& Conversation::Frame(int64_t us,
                                  const std::vector<std::byte>& frame) {
  last_ = frame;
  const int64_t ns = us * 1000;
  capture_.Record(kEpochSeconds + static_cast<uint32_t>(ns / 1'000'000'000),
                  static_cast<uint32_t>(ns % 1'000'000'000), AsText(frame));
  return *this;
}

Conversation& Conversation::Segment(int64_t us, bool from_client,
                                    std::string_view flags, uint32_t seq,
                                    uint32_t ack, std::string_view payload,
                                    const Extra& extra) {
  const Sockaddr client(InAddr::V4(0xc0000202), client_port_);
  const Sockaddr server(InAddr::V4(0xc0000201), 80);
  MadeSegment made;
  made.src = from_client ? client : server;
  made.dst = from_client ? server : client;
  made.ether_src = from_client ? kClientStation : kServerStation;
  made.ether_dst = from_client ? kServerStation : kClientStation;
  made.flags = FlagsOf(flags);
  made.seq = seq + (from_client ? client_iss_ : server_iss_);
  if ((made.flags & kThAck) != 0) {
    made.ack = ack + (from_client ? server_iss_ : client_iss_);
  }
  made.win = extra.win;
  made.options = extra.options;
  made.ip_id = ++ip_id_;
  for (const char c : payload) made.payload.push_back(std::byte(c));
  std::vector<std::byte> frame = MakeSegment(made);
  if (extra.bad_checksum) frame[50] ^= std::byte{0x55};
  if (extra.partial_checksum) {
    uint32_t sum = 0;
    for (size_t i = 26; i < 34; i += 2) {
      sum += uint32_t(frame[i]) << 8 | uint32_t(frame[i + 1]);
    }
    sum += kIpProtoTcp + static_cast<uint32_t>(frame.size() - 34);
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    frame[50] = static_cast<std::byte>(sum >> 8);
    frame[51] = static_cast<std::byte>(sum);
  }
  if (!extra.snaplen) return Frame(us, frame);
  last_ = frame;
  const int64_t ns = us * 1000;
  capture_.Record(kEpochSeconds + static_cast<uint32_t>(ns / 1'000'000'000),
                  static_cast<uint32_t>(ns % 1'000'000'000),
                  AsText(frame).substr(0, *extra.snaplen),
                  static_cast<uint32_t>(frame.size()));
  return *this;
}

Conversation& Conversation::Client(int64_t us, std::string_view flags,
                                   uint32_t seq, uint32_t ack,
                                   std::string_view payload) {
  return Client(us, flags, seq, ack, payload, Extra());
}
Conversation& Conversation::Client(int64_t us, std::string_view flags,
                                   uint32_t seq, uint32_t ack,
                                   std::string_view payload,
                                   const Extra& extra) {
  return Segment(us, true, flags, seq, ack, payload, extra);
}
Conversation& Conversation::Server(int64_t us, std::string_view flags,
                                   uint32_t seq, uint32_t ack,
                                   std::string_view payload) {
  return Server(us, flags, seq, ack, payload, Extra());
}
Conversation& Conversation::Server(int64_t us, std::string_view flags,
                                   uint32_t seq, uint32_t ack,
                                   std::string_view payload,
                                   const Extra& extra) {
  return Segment(us, false, flags, seq, ack, payload, extra);
}

Conversation& Conversation::Handshake(int64_t us) {
  Extra mss;
  mss.options = {std::byte{2}, std::byte{4}, std::byte{1000 >> 8},
                 std::byte{1000 & 0xff}};
  Client(us, "S", 0, 0, "", mss);
  Server(us + 100, "S.", 0, 1, "", mss);
  return Client(us + 200, ".", 1, 1);
}

Conversation& Conversation::Again(int64_t us) {
  const std::vector<std::byte> frame = last_;
  return Frame(us, frame);
}

std::string Outcome::verdicts() const {
  std::string words;
  for (const CapturedPacket& p : packets) {
    absl::StrAppend(&words, words.empty() ? "" : ", ", VerdictText(p.verdict));
  }
  return words;
}

uint32_t Outcome::CountOf(Verdict verdict) const {
  uint32_t count = 0;
  for (const CapturedPacket& p : packets) count += p.verdict == verdict;
  return count;
}

Outcome Replayed(std::span<const std::byte> capture, ReplayOptions options) {
  Outcome outcome;
  options.capture = "test";
  auto reader = CaptureReader::FromBytes(capture, "test");
  if (!reader.ok()) {
    outcome.status = reader.status();
    return outcome;
  }
  absl::StatusOr<CaptureIndex> index =
      IndexCapture(std::move(*reader), nullptr);
  if (!index.ok()) {
    outcome.status = index.status();
    return outcome;
  }
  Replay replay(options, *index, nullptr, nullptr);
  outcome.status = replay.Run();
  if (!outcome.status.ok()) return outcome;
  outcome.report = MakeReport(options, *index, replay);
  outcome.text = FormatReport(outcome.report);
  outcome.packets = index->packets;
  for (CapturedPacket& p : outcome.packets) p.data = nullptr;
  return outcome;
}

}  // namespace splnet
