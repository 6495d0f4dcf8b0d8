// Makes capture files in memory, and reads them whole.

#include "tests/testing/capture_builder.h"

#include <memory>
#include <utility>

#include "absl/status/statusor.h"

namespace splnet {
namespace {

std::string Padded(std::string_view bytes) {
  std::string padded(bytes);
  padded.resize((bytes.size() + 3) / 4 * 4);
  return padded;
}

}  // namespace

std::string CaptureBuilder::Digits(size_t size, uint64_t value) const {
  std::string digits;
  for (size_t i = 0; i < size; ++i) {
    const size_t byte = order_ == ByteOrder::kLittle ? i : size - 1 - i;
    digits.push_back(static_cast<char>(value >> (8 * byte)));
  }
  return digits;
}

CaptureBuilder& CaptureBuilder::Number(size_t size, uint64_t value) {
  return Text(Digits(size, value));
}

CaptureBuilder& CaptureBuilder::Text(std::string_view bytes) {
  bytes_ += bytes;
  return *this;
}

CaptureBuilder& CaptureBuilder::PcapHeader(const Header& header) {
  U32(header.magic).U16(header.major).U16(header.minor);
  return U32(0).U32(0).U32(header.snaplen).U32(header.link_type);
}

CaptureBuilder& CaptureBuilder::Record(uint32_t seconds, uint32_t fraction,
                                       std::string_view data,
                                       std::optional<uint32_t> len) {
  const auto caplen = static_cast<uint32_t>(data.size());
  U32(seconds).U32(fraction).U32(caplen).U32(len.value_or(caplen));
  return Text(data);
}

CaptureBuilder& CaptureBuilder::Section(const CaptureOptions& options) {
  return Block(kBlockSection, Number32(kByteOrderMagic) + Number16(1) +
                                  Number16(0) + Number64(~uint64_t{0}) +
                                  List(options));
}

CaptureBuilder& CaptureBuilder::Section(ByteOrder order,
                                        const CaptureOptions& options) {
  order_ = order;
  return Section(options);
}

CaptureBuilder& CaptureBuilder::Interface(uint16_t link_type,
                                          const CaptureOptions& options,
                                          uint32_t snaplen) {
  return Block(kBlockInterface, Number16(link_type) + Number16(0) +
                                    Number32(snaplen) + List(options));
}

CaptureBuilder& CaptureBuilder::Enhanced(uint32_t interface, uint64_t ticks,
                                         std::string_view data,
                                         const CaptureOptions& options,
                                         std::optional<uint32_t> len) {
  const auto caplen = static_cast<uint32_t>(data.size());
  return Block(kBlockEnhancedPacket,
               Number32(interface) + Number32(ticks >> 32) +
                   Number32(static_cast<uint32_t>(ticks)) + Number32(caplen) +
                   Number32(len.value_or(caplen)) + Padded(data) +
                   List(options));
}

CaptureBuilder& CaptureBuilder::Simple(std::string_view data, uint32_t len) {
  return Block(kBlockSimplePacket, Number32(len) + std::string(data));
}

CaptureBuilder& CaptureBuilder::Obsolete(uint16_t interface, uint64_t ticks,
                                         std::string_view data,
                                         const CaptureOptions& options) {
  const auto caplen = static_cast<uint32_t>(data.size());
  return Block(kBlockPacket,
               Number16(interface) + Number16(0) + Number32(ticks >> 32) +
                   Number32(static_cast<uint32_t>(ticks)) + Number32(caplen) +
                   Number32(caplen) + Padded(data) + List(options));
}

CaptureBuilder& CaptureBuilder::Block(uint32_t type, std::string_view body) {
  const std::string padded = Padded(body);
  const auto size = static_cast<uint32_t>(padded.size() + 12);
  return U32(type).U32(size).Text(padded).U32(size);
}

std::string CaptureBuilder::List(const CaptureOptions& options) const {
  std::string list;
  for (const CaptureOption& option : options) {
    list += Number16(option.code);
    list += Number16(static_cast<uint16_t>(option.value.size()));
    list += Padded(option.value);
  }
  if (!options.empty()) list += Number32(0);
  return list;
}

ReadCapture ReadAll(std::span<const std::byte> bytes) {
  absl::StatusOr<std::unique_ptr<CaptureReader>> reader =
      CaptureReader::FromBytes(bytes, "test");
  if (reader.ok()) return ReadAll(**reader);
  ReadCapture result;
  result.status = reader.status();
  return result;
}

ReadCapture ReadAll(CaptureReader& reader) {
  ReadCapture result;
  CapturePacket packet;
  while (reader.Next(packet)) {
    const auto* const chars = reinterpret_cast<const char*>(packet.data.data());
    ReadCapture::Packet copy{
        packet, {chars, packet.data.size()}, std::string(packet.comment)};
    copy.header.data = {};
    copy.header.comment = {};
    result.packets.push_back(std::move(copy));
  }
  result.status = reader.status();
  result.interfaces = reader.interfaces();
  result.comments = reader.comments();
  result.counters = reader.counters();
  result.cut_short = reader.cut_short();
  result.cut_text = reader.cut_text();
  return result;
}

}  // namespace splnet
