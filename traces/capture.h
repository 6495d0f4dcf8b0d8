// Reads capture files: classic pcap and pcapng, packet by packet.
//
// Both byte orders, micro- and nanoseconds, Kuznetzov's records, the swapped
// lengths of old versions; pcapng with several sections and interfaces, any
// timestamp resolution and offset, enhanced, simple and obsolete packet
// blocks, comments and directions.  Other blocks are skipped and counted.
//
//   auto reader = CaptureReader::Open(path);
//   if (!reader.ok()) return reader.status();
//   CapturePacket packet;
//   while ((*reader)->Next(packet)) ...
//   if (!(*reader)->status().ok()) ...  // damaged after packet.number packets
//   if ((*reader)->cut_short()) ...     // a warning: (*reader)->cut_text()
//
// Any bytes may be in a file: none makes the reader crash, hang, or hold
// memory beyond the mapped file, kMaxInterfaces and kMaxTextBytes.

#ifndef SPLNET_TRACES_CAPTURE_H_
#define SPLNET_TRACES_CAPTURE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "traces/capture_clock.h"
#include "traces/capture_file.h"
#include "traces/capture_format.h"

namespace splnet {

enum class CaptureDirection : uint8_t { kUnknown, kInbound, kOutbound };

// One capturing interface; a classic pcap file has exactly one.
struct CaptureInterface {
  uint16_t link_type = kLinkTypeEthernet;  // kLinkTypeEthernet, ...
  bool big_endian = false;  // the section's numbers, and NULL's headers
  uint32_t snaplen = 0;     // bytes kept of each packet at most; 0: all
  CaptureClock clock;       // its timestamps' unit
  uint32_t section = 1;     // pcapng section that describes it, from 1
  std::string name;         // "eth0"; empty if not recorded
  std::string description;
  std::string filter;  // the filter it was recorded with
  std::string comment;
  std::optional<uint64_t> received;  // by the interface, from its statistics
  std::optional<uint64_t> dropped;   // for lack of room, from its statistics
};

// One captured packet.  The views point into the file's bytes: they hold for
// as long as the CaptureReader lives.
struct CapturePacket {
  uint64_t number = 0;     // from 1, in file order
  uint64_t offset = 0;     // of its record or block in the file, in bytes
  int64_t time_ns = 0;     // since 1970-01-01 UTC; of a packet without a time
                           // (simple packet block) that of the one before it
  uint32_t interface = 0;  // index into CaptureReader::interfaces()
  uint32_t len = 0;        // bytes on the wire, as the file says: see caplen()
  std::span<const std::byte> data;  // what was captured, link header first
  std::string_view comment;         // the first one; most packets have none
  CaptureDirection direction = CaptureDirection::kUnknown;
  bool has_time = true;

  // Captured bytes.  Usually at most `len`, but files exist that say
  // otherwise (CaptureCounters::caplen_above_len); believe the data then.
  size_t caplen() const { return data.size(); }
};

// What has been read so far.
struct CaptureCounters {
  uint64_t packets = 0;
  uint64_t sections = 0;  // pcapng; 0 for classic pcap
  uint64_t caplen_above_len = 0;
  uint64_t without_time = 0;
  uint64_t bad_options = 0;  // option lists that end in the middle of one
  // Blocks that carry no packet and were skipped:
  uint64_t name_resolution = 0;
  uint64_t statistics = 0;
  uint64_t secrets = 0;
  uint64_t custom = 0;
  uint64_t unknown = 0;
};

class CaptureReader {
 public:
  static constexpr uint32_t kMaxInterfaces = 65536;         // in all sections
  static constexpr size_t kMaxTextBytes = size_t{1} << 20;  // names, comments
  // A captured packet longer than this is damage, as is, in a classic file,
  // one longer than both kUsualSnaplen and the file's snap length.
  static constexpr uint32_t kMaxCaplen = 16u << 20;
  static constexpr uint32_t kUsualSnaplen = 262144;
  static constexpr uint32_t kMaxBlock = 2 * kMaxCaplen;  // bytes, any type

  // Opens the capture `path`, or standard input for "-", and reads its header.
  // Errors are those of CaptureFile::Open(), and kInvalidArgument for what is
  // no capture; one line that names the file, the place and the way out.
  static absl::StatusOr<std::unique_ptr<CaptureReader>> Open(
      const std::string& path);

  // Reads `bytes`, which the caller keeps alive; `name` is for messages.
  static absl::StatusOr<std::unique_ptr<CaptureReader>> FromBytes(
      std::span<const std::byte> bytes, std::string name);

  CaptureReader(const CaptureReader&) = delete;
  CaptureReader& operator=(const CaptureReader&) = delete;

  // Reads the next packet.  False at the end, at damage (see status()), and
  // where the file is cut short (see cut_short()); and from then on.
  bool Next(CapturePacket& packet) {
    for (;;) {
      if (format_ == CaptureFormat::kPcap ? ReadRecord(packet)
                                          : ReadEnhanced(packet)) {
        return true;
      }
      const Step step = NextSlow(packet);
      if (step != Step::kAgain) return step == Step::kPacket;
    }
  }

  // Goes back to before the first packet, everything counted anew.
  void Rewind();

  // Not ok once a damaged place was met: kInvalidArgument, with the place.
  // Packets delivered before it are sound.
  const absl::Status& status() const { return status_; }

  // Where the record or block begins that the file's end cuts short.
  std::optional<uint64_t> cut_short() const { return cut_short_; }
  // That as one line, "FILE: cut short at byte 4711, ..."; else empty.
  std::string cut_text() const;

  // Those described so far: a pcapng file may add some between packets.
  const std::vector<CaptureInterface>& interfaces() const {
    return interfaces_;
  }
  // Comments of the sections, in file order.
  const std::vector<std::string>& comments() const { return comments_; }
  const CaptureCounters& counters() const { return counters_; }
  CaptureFormat format() const { return format_; }
  const std::string& name() const { return name_; }

  // For showing progress.
  uint64_t bytes_read() const { return Offset(cursor_); }
  uint64_t bytes_total() const { return file_.bytes().size(); }

 private:
  enum class Step { kPacket, kAgain, kStop };
  // How versions before 2.4 of classic pcap stored the two lengths.
  enum class LengthOrder : uint8_t { kUsual, kSwapped, kSmallerIsCaptured };

  CaptureReader(CaptureFile file, std::string name)
      : file_(std::move(file)), name_(std::move(name)) {}
  static absl::StatusOr<std::unique_ptr<CaptureReader>> Make(CaptureFile file,
                                                             std::string name);

  // Fast paths: one whole plain record or enhanced packet block inside the
  // window.  False, with nothing changed, if there is anything else or wrong:
  // NextSlow() then finds out what.
  bool ReadRecord(CapturePacket& packet);
  bool ReadEnhanced(CapturePacket& packet);

  Step NextSlow(CapturePacket& packet);
  void Start();

  // Classic pcap.
  void StartClassic();
  Step NextSlowClassic();
  void FixLengths(uint32_t& caplen, uint32_t& len) const;

  // pcapng.  Each of these is given one whole block of `size` bytes at
  // cursor_, with both lengths checked.
  Step NextSlowBlock(CapturePacket& packet);
  Step SkipBlock(uint32_t type, size_t size);
  Step ReadSection(size_t available);
  Step ReadInterface(size_t size);
  Step ReadStatistics(size_t size);
  Step ReadSimple(CapturePacket& packet, size_t size);
  Step ReadObsolete(CapturePacket& packet, size_t size);
  Step RefuseEnhanced(size_t size);
  Step RefusePacket(uint32_t interface, uint32_t caplen, size_t room);
  void ReadPacketOptions(CapturePacket& packet, const std::byte* from,
                         const std::byte* end);
  // `text` as a string of ours, as far as kMaxTextBytes allows.
  std::string Keep(std::span<const std::byte> text);

  // Moves the window to the cursor, at least `size` bytes of it, which the
  // file has, and lets what lies before it leave memory.
  void Slide(size_t size);
  // Moves the cursor over a block of `size` bytes.
  void Pass(size_t size);
  Step Finish(CapturePacket& packet, size_t size);
  Step CutShort();
  // Ends reading with an error about the record or block at the cursor.
  Step Damage(std::string_view what);

  uint32_t Load32(size_t at) const {
    return LoadCapture32(cursor_ + at, swapped_);
  }
  uint16_t Load16(size_t at) const {
    return LoadCapture16(cursor_ + at, swapped_);
  }
  uint64_t Offset(const std::byte* p) const {
    return static_cast<uint64_t>(p - file_.bytes().data());
  }
  size_t WindowLeft() const {
    return static_cast<size_t>(window_end_ - cursor_);
  }
  size_t FileLeft() const { return static_cast<size_t>(end_ - cursor_); }

  // The hot state comes first.
  const std::byte* cursor_ = nullptr;
  const std::byte* window_end_ = nullptr;  // moves in steps: see Slide()
  const std::byte* end_ = nullptr;         // of the file
  CaptureFormat format_ = CaptureFormat::kPcap;
  bool swapped_ = false;  // the file's numbers against the host's
  LengthOrder length_order_ = LengthOrder::kUsual;
  uint32_t record_bytes_ = kPcapRecordBytes;
  uint32_t max_caplen_ = kMaxCaplen;
  uint32_t section_base_ = 0;       // index of this section's first interface
  uint32_t section_count_ = 0;      // interfaces of this section
  int64_t ns_per_fraction_ = 1000;  // classic: of the second timestamp word
  int64_t last_time_ns_ = 0;
  CaptureCounters counters_;
  std::vector<CaptureInterface> interfaces_;
  std::vector<CaptureClock> clocks_;  // the interfaces', close together

  CaptureFile file_;
  std::string name_;
  absl::Status status_;
  std::optional<uint64_t> cut_short_;
  std::vector<std::string> comments_;
  size_t text_bytes_ = 0;  // kept so far
};

inline bool CaptureReader::ReadRecord(CapturePacket& packet) {
  if (WindowLeft() < record_bytes_) return false;
  uint32_t caplen = Load32(8);
  uint32_t len = Load32(12);
  if (length_order_ != LengthOrder::kUsual) [[unlikely]] {
    FixLengths(caplen, len);
  }
  if (caplen > max_caplen_ || caplen > WindowLeft() - record_bytes_) {
    return false;
  }
  packet.number = ++counters_.packets;
  packet.offset = Offset(cursor_);
  packet.time_ns = int64_t{Load32(0)} * 1'000'000'000 +
                   int64_t{Load32(4)} * ns_per_fraction_;
  packet.interface = 0;
  packet.len = len;
  packet.data = {cursor_ + record_bytes_, caplen};
  packet.comment = {};
  packet.direction = CaptureDirection::kUnknown;
  packet.has_time = true;
  if (record_bytes_ == kPcapKuznetzovRecordBytes) [[unlikely]] {
    constexpr auto kOutgoing = std::byte{4};  // Linux's PACKET_OUTGOING
    packet.direction = cursor_[22] == kOutgoing ? CaptureDirection::kOutbound
                                                : CaptureDirection::kInbound;
  }
  counters_.caplen_above_len += caplen > len;
  cursor_ += record_bytes_ + caplen;
  return true;
}

inline bool CaptureReader::ReadEnhanced(CapturePacket& packet) {
  if (WindowLeft() < kEnhancedPacketBytes) return false;
  const uint32_t size = Load32(4);
  if (Load32(0) != kBlockEnhancedPacket || size < kEnhancedPacketBytes ||
      size % 4 != 0 || size > WindowLeft() || Load32(size - 4) != size) {
    return false;
  }
  const uint32_t interface = Load32(8);
  const uint32_t caplen = Load32(20);
  if (interface >= section_count_ || caplen > size - kEnhancedPacketBytes ||
      caplen > kMaxCaplen) {
    return false;
  }
  packet.number = ++counters_.packets;
  packet.offset = Offset(cursor_);
  packet.interface = section_base_ + interface;
  packet.time_ns = last_time_ns_ = clocks_[packet.interface].ToNanoseconds(
      uint64_t{Load32(12)} << 32 | Load32(16));
  packet.len = Load32(24);
  packet.data = {cursor_ + 28, caplen};
  packet.comment = {};
  packet.direction = CaptureDirection::kUnknown;
  packet.has_time = true;
  const size_t options = 28 + (size_t{caplen} + 3) / 4 * 4;
  if (options < size - 4) {
    ReadPacketOptions(packet, cursor_ + options, cursor_ + size - 4);
  }
  counters_.caplen_above_len += caplen > packet.len;
  cursor_ += size;
  return true;
}

}  // namespace splnet

#endif  // SPLNET_TRACES_CAPTURE_H_
