// Makes capture files in memory, well-formed or not, and reads them whole.

#ifndef SPLNET_TESTS_TESTING_CAPTURE_BUILDER_H_
#define SPLNET_TESTS_TESTING_CAPTURE_BUILDER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "traces/capture.h"
#include "traces/capture_format.h"

namespace splnet {

enum class ByteOrder { kLittle, kBig };

// An option of a pcapng block; Number32() and Number64() make values.
struct CaptureOption {
  uint16_t code;
  std::string value;
};
using CaptureOptions = std::vector<CaptureOption>;

// Appends to a capture in memory.  Every call returns the builder:
//   CaptureBuilder(ByteOrder::kBig).PcapHeader().Record(1, 0, "frame")
class CaptureBuilder {
 public:
  explicit CaptureBuilder(ByteOrder order = ByteOrder::kLittle)
      : order_(order) {}

  // Anything at all.
  CaptureBuilder& U8(uint8_t value) { return Number(1, value); }
  CaptureBuilder& U16(uint16_t value) { return Number(2, value); }
  CaptureBuilder& U32(uint32_t value) { return Number(4, value); }
  CaptureBuilder& Text(std::string_view bytes);

  // Classic pcap.
  struct Header {
    uint32_t magic = kPcapMagicMicros;
    uint16_t major = 2;
    uint16_t minor = 4;
    uint32_t snaplen = 65535;
    uint32_t link_type = kLinkTypeEthernet;
  };
  CaptureBuilder& PcapHeader() { return PcapHeader(Header()); }
  CaptureBuilder& PcapHeader(const Header& header);
  // `fraction` is in the unit of the header's magic; without `len` the whole
  // packet was captured.
  CaptureBuilder& Record(uint32_t seconds, uint32_t fraction,
                         std::string_view data,
                         std::optional<uint32_t> len = std::nullopt);

  // pcapng.  Section() may change the byte order of what follows.
  CaptureBuilder& Section(const CaptureOptions& options = {});
  CaptureBuilder& Section(ByteOrder order, const CaptureOptions& options = {});
  CaptureBuilder& Interface(uint16_t link_type = kLinkTypeEthernet,
                            const CaptureOptions& options = {},
                            uint32_t snaplen = 0);
  CaptureBuilder& Enhanced(uint32_t interface, uint64_t ticks,
                           std::string_view data,
                           const CaptureOptions& options = {},
                           std::optional<uint32_t> len = std::nullopt);
  CaptureBuilder& Simple(std::string_view data, uint32_t len);
  CaptureBuilder& Obsolete(uint16_t interface, uint64_t ticks,
                           std::string_view data,
                           const CaptureOptions& options = {});
  // A block of any type around `body`, which is padded to 4 bytes.
  CaptureBuilder& Block(uint32_t type, std::string_view body);

  // Numbers in the builder's byte order, as options and bodies hold them.
  std::string Number16(uint16_t value) const { return Digits(2, value); }
  std::string Number32(uint32_t value) const { return Digits(4, value); }
  std::string Number64(uint64_t value) const { return Digits(8, value); }

  std::span<const std::byte> bytes() const {
    return std::as_bytes(std::span(bytes_));
  }
  std::string_view text() const { return bytes_; }
  size_t size() const { return bytes_.size(); }

 private:
  CaptureBuilder& Number(size_t size, uint64_t value);
  std::string Digits(size_t size, uint64_t value) const;
  std::string List(const CaptureOptions& options) const;

  ByteOrder order_;
  std::string bytes_;
};

// What CaptureReader made of some bytes.
struct ReadCapture {
  struct Packet {
    CapturePacket header;  // without its views
    std::string data;
    std::string comment;
  };
  absl::Status status;  // of opening, then of reading
  std::vector<Packet> packets;
  std::vector<CaptureInterface> interfaces;
  std::vector<std::string> comments;
  CaptureCounters counters;
  std::optional<uint64_t> cut_short;
  std::string cut_text;

  std::string message() const { return std::string(status.message()); }
};

// Reads all of `bytes` as the capture "test".
ReadCapture ReadAll(std::span<const std::byte> bytes);
// Reads what is left of `reader`.
ReadCapture ReadAll(CaptureReader& reader);

}  // namespace splnet

#endif  // SPLNET_TESTS_TESTING_CAPTURE_BUILDER_H_
