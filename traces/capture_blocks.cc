// pcapng: every block but a plain enhanced packet, which capture.h reads.

#include <algorithm>
#include <bit>

#include "absl/strings/str_cat.h"
#include "traces/capture.h"

namespace splnet {
namespace {

constexpr bool kHostIsBigEndian = std::endian::native == std::endian::big;

// Walks a block's options.
class Options {
 public:
  Options(const std::byte* from, const std::byte* end, bool swapped)
      : at_(from), end_(end), swapped_(swapped) {}

  // Moves to the next option; false at the end of the list.
  bool Next() {
    if (end_ - at_ < 4) {
      bad_ = at_ != end_;
      return false;
    }
    code_ = LoadCapture16(at_, swapped_);
    const size_t size = LoadCapture16(at_ + 2, swapped_);
    at_ += 4;
    if (code_ == kOptEnd) return false;
    const auto left = static_cast<size_t>(end_ - at_);
    if (size > left) {
      bad_ = true;
      return false;
    }
    value_ = {at_, size};
    at_ += std::min((size + 3) / 4 * 4, left);
    return true;
  }

  // Whether the list ended in the middle of an option.
  bool bad() const { return bad_; }
  uint16_t code() const { return code_; }
  std::span<const std::byte> value() const { return value_; }
  std::string_view text() const {
    return {reinterpret_cast<const char*>(value_.data()), value_.size()};
  }
  // The value as a number of that many bytes; 0 if it is shorter.
  uint32_t Number32() const {
    return value_.size() < 4 ? 0 : LoadCapture32(value_.data(), swapped_);
  }
  uint64_t Number64() const {
    return value_.size() < 8 ? 0 : LoadCapture64(value_.data(), swapped_);
  }
  uint8_t Byte() const {
    return value_.empty() ? 0 : static_cast<uint8_t>(value_[0]);
  }

 private:
  const std::byte* at_;
  const std::byte* end_;
  bool swapped_;
  bool bad_ = false;
  uint16_t code_ = 0;
  std::span<const std::byte> value_;
};

}  // namespace

CaptureReader::Step CaptureReader::NextSlowBlock(CapturePacket& packet) {
  if (FileLeft() < kBlockFrameBytes) return CutShort();
  const uint32_t type = Load32(0);
  if (type == kBlockSection) return ReadSection(FileLeft());
  const uint32_t size = Load32(4);
  if (size < kBlockFrameBytes || size % 4 != 0 || size > kMaxBlock) {
    return Damage(absl::StrCat("a block of ", size, " bytes"));
  }
  if (size > FileLeft()) return CutShort();
  if (Load32(size - 4) != size) {
    return Damage(absl::StrCat("the block's two lengths differ: ", size,
                               " and ", Load32(size - 4)));
  }
  switch (type) {
    case kBlockEnhancedPacket:
      if (size > WindowLeft()) {
        Slide(size);
        return Step::kAgain;
      }
      return RefuseEnhanced(size);
    case kBlockInterface:
      return ReadInterface(size);
    case kBlockStatistics:
      return ReadStatistics(size);
    case kBlockSimplePacket:
      return ReadSimple(packet, size);
    case kBlockPacket:
      return ReadObsolete(packet, size);
    default:
      return SkipBlock(type, size);
  }
}

CaptureReader::Step CaptureReader::SkipBlock(uint32_t type, size_t size) {
  switch (type) {
    case kBlockNameResolution:
      ++counters_.name_resolution;
      break;
    case kBlockSecrets:
      ++counters_.secrets;
      break;
    case kBlockCustom:
    case kBlockCustomNoCopy:
      ++counters_.custom;
      break;
    default:
      ++counters_.unknown;
  }
  Pass(size);
  return Step::kAgain;
}

// A section may change the byte order: until its header has been read not
// even the header's length can be.
CaptureReader::Step CaptureReader::ReadSection(size_t available) {
  if (available < kSectionBytes) return CutShort();
  const uint32_t order = LoadCapture32(cursor_ + 8, false);
  if (order != kByteOrderMagic && order != __builtin_bswap32(kByteOrderMagic)) {
    return Damage("a section header without the byte-order mark 1a2b3c4d");
  }
  swapped_ = order != kByteOrderMagic;
  const uint32_t size = Load32(4);
  if (size < kSectionBytes || size % 4 != 0 || size > kMaxBlock) {
    return Damage(absl::StrCat("a section header of ", size, " bytes"));
  }
  if (size > available) return CutShort();
  if (Load32(size - 4) != size) {
    return Damage(absl::StrCat("the section header's two lengths differ: ",
                               size, " and ", Load32(size - 4)));
  }
  const uint16_t major = Load16(12), minor = Load16(14);
  if (major != 1) {
    return Damage(absl::StrCat("pcapng version ", major, ".", minor,
                               " is not known (1.0 is usual)"));
  }
  Options options(cursor_ + 24, cursor_ + size - 4, swapped_);
  while (options.Next()) {
    if (options.code() != kOptComment) continue;
    std::string comment = Keep(options.value());
    if (!comment.empty()) comments_.push_back(std::move(comment));
  }
  counters_.bad_options += options.bad();
  ++counters_.sections;
  section_base_ = static_cast<uint32_t>(interfaces_.size());
  section_count_ = 0;
  Pass(size);
  return Step::kAgain;
}

CaptureReader::Step CaptureReader::ReadInterface(size_t size) {
  if (size < kInterfaceBytes) {
    return Damage(absl::StrCat("an interface block of ", size, " bytes"));
  }
  if (interfaces_.size() >= kMaxInterfaces) {
    return Damage(absl::StrCat("more than ", kMaxInterfaces, " interfaces"));
  }
  CaptureInterface interface;
  interface.link_type = Load16(8);
  interface.big_endian = swapped_ != kHostIsBigEndian;
  interface.snaplen = Load32(12);
  interface.section = static_cast<uint32_t>(counters_.sections);
  uint8_t resolution = 6;
  int64_t offset_seconds = 0;
  Options options(cursor_ + 16, cursor_ + size - 4, swapped_);
  while (options.Next()) {
    switch (options.code()) {
      case kOptComment:
        if (interface.comment.empty()) {
          interface.comment = Keep(options.value());
        }
        break;
      case kOptIfName:
        interface.name = Keep(options.value());
        break;
      case kOptIfDescription:
        interface.description = Keep(options.value());
        break;
      case kOptIfFilter:  // the first byte says of which kind: 0 is text
        if (options.value().size() > 1 && options.Byte() == 0) {
          interface.filter = Keep(options.value().subspan(1));
        }
        break;
      case kOptIfTsResol:
        if (!options.value().empty()) resolution = options.Byte();
        break;
      case kOptIfTsOffset:
        offset_seconds = static_cast<int64_t>(options.Number64());
        break;
    }
  }
  counters_.bad_options += options.bad();
  interface.clock = CaptureClock(resolution, offset_seconds);
  clocks_.push_back(interface.clock);
  interfaces_.push_back(std::move(interface));
  ++section_count_;
  Pass(size);
  return Step::kAgain;
}

CaptureReader::Step CaptureReader::ReadStatistics(size_t size) {
  if (size >= kStatisticsBytes && Load32(8) < section_count_) {
    CaptureInterface& interface = interfaces_[section_base_ + Load32(8)];
    Options options(cursor_ + 20, cursor_ + size - 4, swapped_);
    while (options.Next()) {
      if (options.value().size() < 8) continue;
      if (options.code() == kOptStatReceived) {
        interface.received = options.Number64();
      }
      if (options.code() == kOptStatDropped) {
        interface.dropped = options.Number64();
      }
    }
    counters_.bad_options += options.bad();
  }
  ++counters_.statistics;
  Pass(size);
  return Step::kAgain;
}

// A packet of the section's first interface, without time or options; what
// was captured of it is what the snap length left.
CaptureReader::Step CaptureReader::ReadSimple(CapturePacket& packet,
                                              size_t size) {
  if (section_count_ == 0 || size < kSimplePacketBytes) {
    return RefusePacket(0, 0, size - kBlockFrameBytes);
  }
  const uint32_t len = Load32(8);
  const uint32_t snaplen = interfaces_[section_base_].snaplen;
  uint32_t caplen = len;
  if (snaplen != 0) caplen = std::min(caplen, snaplen);
  if (caplen > size - kSimplePacketBytes || caplen > kMaxCaplen) {
    return RefusePacket(0, caplen, size - kSimplePacketBytes);
  }
  packet.interface = section_base_;
  packet.time_ns = last_time_ns_;
  packet.len = len;
  packet.data = {cursor_ + 12, caplen};
  packet.comment = {};
  packet.direction = CaptureDirection::kUnknown;
  packet.has_time = false;
  ++counters_.without_time;
  return Finish(packet, size);
}

// The packet block that the enhanced one replaced: the interface's number has
// 16 bits and is followed by a drop count.
CaptureReader::Step CaptureReader::ReadObsolete(CapturePacket& packet,
                                                size_t size) {
  if (size < kEnhancedPacketBytes) return RefuseEnhanced(size);
  const uint16_t interface = Load16(8);
  const uint32_t caplen = Load32(20);
  const size_t room = size - kEnhancedPacketBytes;
  if (interface >= section_count_ || caplen > room || caplen > kMaxCaplen) {
    return RefusePacket(interface, caplen, room);
  }
  packet.interface = section_base_ + interface;
  packet.time_ns = last_time_ns_ = clocks_[packet.interface].ToNanoseconds(
      uint64_t{Load32(12)} << 32 | Load32(16));
  packet.len = Load32(24);
  packet.data = {cursor_ + 28, caplen};
  packet.comment = {};
  packet.direction = CaptureDirection::kUnknown;
  packet.has_time = true;
  const size_t options = 28 + (size_t{caplen} + 3) / 4 * 4;
  ReadPacketOptions(packet, cursor_ + options, cursor_ + size - 4);
  counters_.caplen_above_len += caplen > packet.len;
  return Finish(packet, size);
}

CaptureReader::Step CaptureReader::Finish(CapturePacket& packet, size_t size) {
  packet.number = ++counters_.packets;
  packet.offset = Offset(cursor_);
  Pass(size);
  return Step::kPacket;
}

// Says why ReadEnhanced() did not take the whole block at the cursor.
CaptureReader::Step CaptureReader::RefuseEnhanced(size_t size) {
  if (size < kEnhancedPacketBytes) {
    return Damage(absl::StrCat("a packet block of ", size, " bytes"));
  }
  return RefusePacket(Load32(8), Load32(20), size - kEnhancedPacketBytes);
}

CaptureReader::Step CaptureReader::RefusePacket(uint32_t interface,
                                                uint32_t caplen, size_t room) {
  if (interface >= section_count_) {
    return Damage(absl::StrCat("a packet of interface ", interface,
                               ", but the section has described ",
                               section_count_));
  }
  return Damage(absl::StrCat("the packet would have ", caplen,
                             " captured bytes in a block with room for ",
                             std::min<size_t>(room, kMaxCaplen)));
}

// Direction and comment; the lists of both kinds of packet block agree in
// these two codes.
void CaptureReader::ReadPacketOptions(CapturePacket& packet,
                                      const std::byte* from,
                                      const std::byte* end) {
  Options options(from, end, swapped_);
  while (options.Next()) {
    if (options.code() == kOptComment && packet.comment.empty()) {
      packet.comment = options.text();
    } else if (options.code() == kOptPacketFlags) {
      const uint32_t direction = options.Number32() & 3;
      if (direction == 1) packet.direction = CaptureDirection::kInbound;
      if (direction == 2) packet.direction = CaptureDirection::kOutbound;
    }
  }
  counters_.bad_options += options.bad();
}

std::string CaptureReader::Keep(std::span<const std::byte> text) {
  if (text.size() > kMaxTextBytes - text_bytes_) return "";
  text_bytes_ += text.size();
  // Some writers count the terminating zero; none is part of a name.
  const char* const chars = reinterpret_cast<const char*>(text.data());
  return std::string(chars, std::find(chars, chars + text.size(), '\0'));
}

}  // namespace splnet
