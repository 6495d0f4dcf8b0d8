// Opening captures, the classic format, and what both formats share.

#include "traces/capture.h"

#include <algorithm>
#include <bit>

#include "absl/strings/str_cat.h"

namespace splnet {
namespace {

// How far the reader goes before it releases what lies behind it.  Small
// enough for a bounded process, large enough that the system calls do not
// show.
constexpr size_t kWindowBytes = size_t{2} << 20;

constexpr bool kHostIsBigEndian = std::endian::native == std::endian::big;

// The part of a message that says which packets can be used all the same.
std::string SoundPackets(uint64_t packets) {
  switch (packets) {
    case 0:
      return "no packet comes before it";
    case 1:
      return "packet 1, before it, is sound";
    default:
      return absl::StrCat("packets 1 to ", packets, ", before it, are sound");
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<CaptureReader>> CaptureReader::Open(
    const std::string& path) {
  absl::StatusOr<CaptureFile> file = CaptureFile::Open(path);
  if (!file.ok()) return file.status();
  return Make(*std::move(file), path == "-" ? "standard input" : path);
}

absl::StatusOr<std::unique_ptr<CaptureReader>> CaptureReader::FromBytes(
    std::span<const std::byte> bytes, std::string name) {
  if (bytes.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": is empty; a capture has at least a header"));
  }
  return Make(CaptureFile::View(bytes), std::move(name));
}

absl::StatusOr<std::unique_ptr<CaptureReader>> CaptureReader::Make(
    CaptureFile file, std::string name) {
  std::unique_ptr<CaptureReader> reader(
      new CaptureReader(std::move(file), std::move(name)));
  reader->Start();
  if (!reader->status_.ok()) return reader->status_;
  if (reader->cut_short_) {
    return absl::InvalidArgumentError(reader->cut_text());
  }
  return reader;
}

void CaptureReader::Rewind() { Start(); }

// Forgets what was read and reads the header that the file begins with.
void CaptureReader::Start() {
  const std::span<const std::byte> bytes = file_.bytes();
  cursor_ = window_end_ = bytes.data();
  file_.Release(0);
  end_ = cursor_ + bytes.size();
  section_base_ = section_count_ = 0;
  last_time_ns_ = 0;
  counters_ = {};
  interfaces_.clear();
  clocks_.clear();
  status_ = absl::OkStatus();
  cut_short_.reset();
  comments_.clear();
  text_bytes_ = 0;

  format_ = IdentifyCapture(bytes);
  switch (format_) {
    case CaptureFormat::kTooShort:
      CutShort();
      return;
    case CaptureFormat::kForeign:
      status_ = absl::InvalidArgumentError(
          absl::StrCat(name_, ": ", DescribeForeign(bytes)));
      return;
    case CaptureFormat::kPcap:
      return StartClassic();
    case CaptureFormat::kPcapng:
      ReadSection(bytes.size());
      return;
  }
}

void CaptureReader::StartClassic() {
  uint32_t magic = LoadCapture32(cursor_, false);
  swapped_ = magic != kPcapMagicMicros && magic != kPcapMagicNanos &&
             magic != kPcapMagicKuznetzov;
  magic = Load32(0);
  if (FileLeft() < kPcapFileHeaderBytes) {
    CutShort();
    return;
  }
  ns_per_fraction_ = magic == kPcapMagicNanos ? 1 : 1000;
  record_bytes_ = magic == kPcapMagicKuznetzov ? kPcapKuznetzovRecordBytes
                                               : kPcapRecordBytes;

  // Version 2.4 has been current since 1998.  Before 2.3 the two lengths stood
  // in the other order, in 2.3 in either; 543.0 is a misprint of that time.
  constexpr uint16_t kMajor = 2, kOddMajor = 543;
  const uint16_t major = Load16(4), minor = Load16(6);
  if (major != kMajor && major != kOddMajor) {
    Damage(absl::StrCat("pcap version ", major, ".", minor,
                        " is not known (2.4 is usual)"));
    return;
  }
  length_order_ = LengthOrder::kUsual;
  if (major == kOddMajor || minor < 3) length_order_ = LengthOrder::kSwapped;
  if (major == kMajor && minor == 3) {
    length_order_ = LengthOrder::kSmallerIsCaptured;
  }

  CaptureInterface interface;
  interface.big_endian = swapped_ != kHostIsBigEndian;
  interface.snaplen = Load32(16);
  // The upper half tells the length of a frame check sequence.
  interface.link_type = static_cast<uint16_t>(Load32(20) & 0xffff);
  interface.clock = CaptureClock(ns_per_fraction_ == 1 ? 9 : 6, 0);
  max_caplen_ = interface.snaplen == 0
                    ? kMaxCaplen
                    : std::clamp(interface.snaplen, kUsualSnaplen, kMaxCaplen);
  clocks_.push_back(interface.clock);
  interfaces_.push_back(std::move(interface));
  Pass(kPcapFileHeaderBytes);
}

CaptureReader::Step CaptureReader::NextSlow(CapturePacket& packet) {
  if (!status_.ok() || cut_short_) return Step::kStop;
  if (FileLeft() == 0) return Step::kStop;
  return format_ == CaptureFormat::kPcap ? NextSlowClassic()
                                         : NextSlowBlock(packet);
}

// Goes through ReadRecord()'s conditions: the record is cut short, absurd, or
// beyond the window.
CaptureReader::Step CaptureReader::NextSlowClassic() {
  if (FileLeft() < record_bytes_) return CutShort();
  uint32_t caplen = Load32(8);
  uint32_t len = Load32(12);
  FixLengths(caplen, len);
  if (caplen > max_caplen_) {
    return Damage(absl::StrCat("the packet would have ", caplen,
                               " captured bytes, more than the ", max_caplen_,
                               " possible"));
  }
  if (caplen > FileLeft() - record_bytes_) return CutShort();
  Slide(record_bytes_ + caplen);
  return Step::kAgain;
}

void CaptureReader::FixLengths(uint32_t& caplen, uint32_t& len) const {
  if (length_order_ == LengthOrder::kSwapped ||
      (length_order_ == LengthOrder::kSmallerIsCaptured && caplen > len)) {
    std::swap(caplen, len);
  }
}

void CaptureReader::Slide(size_t size) {
  const size_t ahead = std::min(std::max(size, kWindowBytes), FileLeft());
  window_end_ = cursor_ + ahead;
  file_.Release(static_cast<size_t>(Offset(cursor_)));
}

void CaptureReader::Pass(size_t size) {
  cursor_ += size;
  if (cursor_ > window_end_) Slide(0);
}

CaptureReader::Step CaptureReader::CutShort() {
  cut_short_ = Offset(cursor_);
  return Step::kStop;
}

std::string CaptureReader::cut_text() const {
  if (!cut_short_) return "";
  const uint64_t left = bytes_total() - *cut_short_;
  if (interfaces_.empty() && counters_.packets == 0) {
    return absl::StrCat(name_, ": cut short in its header, after ",
                        bytes_total(), " bytes; record or copy it again");
  }
  return absl::StrCat(name_, ": cut short at byte ", *cut_short_, ", where ",
                      left, left == 1 ? " byte is" : " bytes are",
                      " left of a longer record; ",
                      SoundPackets(counters_.packets));
}

CaptureReader::Step CaptureReader::Damage(std::string_view what) {
  status_ = absl::InvalidArgumentError(
      absl::StrCat(name_, ": damaged at byte ", Offset(cursor_), ": ",
                   absl::string_view(what.data(), what.size()), "; ",
                   SoundPackets(counters_.packets)));
  return Step::kStop;
}

}  // namespace splnet
