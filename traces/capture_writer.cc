// Writes pcapng files through a buffer of its own.

#include "traces/capture_writer.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "traces/capture_format.h"

namespace splnet {
namespace {

constexpr size_t kBufferBytes = size_t{256} << 10;
constexpr size_t kMaxOption = 65535;
constexpr size_t kOptionsEndBytes = 4;
constexpr uint32_t kFlagInbound = 1;
constexpr uint32_t kFlagOutbound = 2;

constexpr size_t Padded(size_t size) { return (size + 3) / 4 * 4; }

// Bytes of an option with a value of `size` bytes; an empty one is left out.
constexpr size_t OptionBytes(size_t size) {
  return size == 0 ? 0 : 4 + Padded(size);
}

// Fills a block, little-endian; the caller has claimed room for all of it.
class BlockFiller {
 public:
  explicit BlockFiller(std::byte* at) : at_(at) {}

  void Put16(uint16_t value) {
    *at_++ = static_cast<std::byte>(value);
    *at_++ = static_cast<std::byte>(value >> 8);
  }
  void Put32(uint32_t value) {
    Put16(static_cast<uint16_t>(value));
    Put16(static_cast<uint16_t>(value >> 16));
  }
  void PutBytes(std::span<const std::byte> bytes) {
    if (!bytes.empty()) std::memcpy(at_, bytes.data(), bytes.size());
    at_ += bytes.size();
  }
  // What brings `size` bytes to a multiple of 4.
  void PutPadding(size_t size) {
    const size_t padding = Padded(size) - size;
    std::memset(at_, 0, padding);
    at_ += padding;
  }
  void PutOption(uint16_t code, std::string_view value) {
    if (value.empty()) return;
    Put16(code);
    Put16(static_cast<uint16_t>(value.size()));
    PutBytes(std::as_bytes(std::span(value.data(), value.size())));
    PutPadding(value.size());
  }

 private:
  std::byte* at_;
};

uint32_t FlagsOf(CaptureDirection direction) {
  switch (direction) {
    case CaptureDirection::kInbound:
      return kFlagInbound;
    case CaptureDirection::kOutbound:
      return kFlagOutbound;
    case CaptureDirection::kUnknown:
      break;
  }
  return 0;
}

absl::Status FileError(const std::string& name, const char* doing, int error) {
  const std::string text =
      absl::StrCat(name, ": ", doing, ": ", std::strerror(error));
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return absl::NotFoundError(text);
    case EACCES:
    case EPERM:
    case EROFS:
    case EISDIR:
      return absl::PermissionDeniedError(text);
    case ENOSPC:
    case EDQUOT:
      return absl::ResourceExhaustedError(text);
    default:
      return absl::UnavailableError(text);
  }
}

// Empties the regular file `fd` unless someone reads it as a capture.
absl::Status TakeOver(int fd, const std::string& path) {
  struct stat st;
  if (::fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) return absl::OkStatus();
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    return absl::FailedPreconditionError(absl::StrCat(
        path, ": is being read or written; write to another file"));
  }
  if (::ftruncate(fd, 0) != 0) return FileError(path, "cannot empty it", errno);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<CaptureWriter>> CaptureWriter::Create(
    const std::string& path) {
  if (path == "-") {
    const int fd = ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    if (fd < 0) return FileError("standard output", "cannot write", errno);
    return std::unique_ptr<CaptureWriter>(
        new CaptureWriter(fd, "standard output", nullptr));
  }
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0) return FileError(path, "cannot create it", errno);
  const absl::Status status = TakeOver(fd, path);
  if (!status.ok()) {
    ::close(fd);
    return status;
  }
  return std::unique_ptr<CaptureWriter>(new CaptureWriter(fd, path, nullptr));
}

std::unique_ptr<CaptureWriter> CaptureWriter::ToMemory(
    std::vector<std::byte>* out) {
  return std::unique_ptr<CaptureWriter>(new CaptureWriter(-1, "memory", out));
}

CaptureWriter::CaptureWriter(int fd, std::string name,
                             std::vector<std::byte>* memory)
    : fd_(fd), name_(std::move(name)), memory_(memory), buffer_(kBufferBytes) {
  WriteSection();
}

CaptureWriter::~CaptureWriter() { Close().IgnoreError(); }

void CaptureWriter::WriteSection() {
  constexpr uint32_t kUnknownLength = 0xffffffff;  // of the section: -1
  BlockFiller block(Claim(kSectionBytes));
  block.Put32(kBlockSection);
  block.Put32(kSectionBytes);
  block.Put32(kByteOrderMagic);
  block.Put16(1);  // version 1.0
  block.Put16(0);
  block.Put32(kUnknownLength);
  block.Put32(kUnknownLength);
  block.Put32(kSectionBytes);
}

uint32_t CaptureWriter::AddInterface(const CaptureTap& tap) {
  const std::string_view name =
      std::string_view(tap.name).substr(0, kMaxOption);
  const std::string_view description =
      std::string_view(tap.description).substr(0, kMaxOption);
  const auto resolution = static_cast<char>(tap.unit);
  const auto size = static_cast<uint32_t>(
      kInterfaceBytes + OptionBytes(name.size()) +
      OptionBytes(description.size()) + OptionBytes(1) + kOptionsEndBytes);
  BlockFiller block(Claim(size));
  block.Put32(kBlockInterface);
  block.Put32(size);
  block.Put16(tap.link_type);
  block.Put16(0);
  block.Put32(tap.snaplen);
  block.PutOption(kOptIfName, name);
  block.PutOption(kOptIfDescription, description);
  block.PutOption(kOptIfTsResol, {&resolution, 1});
  block.Put32(kOptEnd);
  block.Put32(size);
  const bool nanoseconds = tap.unit == CaptureUnit::kNanoseconds;
  interfaces_.push_back({tap.snaplen, nanoseconds ? 1 : 1000});
  return static_cast<uint32_t>(interfaces_.size() - 1);
}

absl::Status CaptureWriter::Write(const CapturePacket& packet) {
  return Write(packet, {&packet.data, 1});
}

absl::Status CaptureWriter::Write(
    const CapturePacket& packet,
    std::span<const std::span<const std::byte>> pieces) {
  if (!status_.ok()) return status_;
  if (packet.interface >= interfaces_.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        name_, ": interface ", packet.interface, " has not been described"));
  }
  const Interface& interface = interfaces_[packet.interface];
  size_t caplen = 0;
  for (const std::span<const std::byte> piece : pieces) caplen += piece.size();
  if (interface.snaplen != 0) {
    caplen = std::min<size_t>(caplen, interface.snaplen);
  }
  if (caplen > CaptureReader::kMaxCaplen) {
    return absl::InvalidArgumentError(
        absl::StrCat(name_, ": a packet of ", caplen, " bytes"));
  }
  if (packet.time_ns < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(name_, ": pcapng cannot hold a time before 1970 (",
                     packet.time_ns, " ns)"));
  }
  WriteEnhanced(packet, pieces, static_cast<uint32_t>(caplen));
  if (used_ >= kBufferBytes) Flush();
  return status_;
}

void CaptureWriter::WriteEnhanced(
    const CapturePacket& packet,
    std::span<const std::span<const std::byte>> pieces, uint32_t caplen) {
  const auto ticks = static_cast<uint64_t>(
      packet.time_ns / interfaces_[packet.interface].ns_per_tick);
  const std::string_view comment = packet.comment.substr(0, kMaxOption);
  const uint32_t flags = FlagsOf(packet.direction);
  size_t options = OptionBytes(comment.size());
  if (flags != 0) options += OptionBytes(sizeof(flags));
  if (options != 0) options += kOptionsEndBytes;
  const auto size =
      static_cast<uint32_t>(kEnhancedPacketBytes + Padded(caplen) + options);

  BlockFiller block(Claim(size));
  block.Put32(kBlockEnhancedPacket);
  block.Put32(size);
  block.Put32(packet.interface);
  block.Put32(static_cast<uint32_t>(ticks >> 32));
  block.Put32(static_cast<uint32_t>(ticks));
  block.Put32(caplen);
  block.Put32(packet.len);
  size_t left = caplen;
  for (const std::span<const std::byte> piece : pieces) {
    const size_t part = std::min(left, piece.size());
    block.PutBytes(piece.first(part));
    left -= part;
  }
  block.PutPadding(caplen);
  block.PutOption(kOptComment, comment);
  if (flags != 0) {
    block.Put16(kOptPacketFlags);
    block.Put16(sizeof(flags));
    block.Put32(flags);
  }
  if (options != 0) block.Put32(kOptEnd);
  block.Put32(size);
}

absl::Status CaptureWriter::Close() {
  Flush();
  if (fd_ >= 0 && ::close(std::exchange(fd_, -1)) != 0 && status_.ok()) {
    status_ = FileError(name_, "cannot close it", errno);
  }
  return status_;
}

void CaptureWriter::Flush() {
  const std::span<const std::byte> waiting(buffer_.data(), used_);
  used_ = 0;
  if (memory_ != nullptr) {
    memory_->insert(memory_->end(), waiting.data(),
                    waiting.data() + waiting.size());
  }
  size_t done = 0;
  while (fd_ >= 0 && status_.ok() && done < waiting.size()) {
    const ssize_t n =
        ::write(fd_, waiting.data() + done, waiting.size() - done);
    if (n >= 0) {
      done += static_cast<size_t>(n);
    } else if (errno != EINTR) {
      status_ = FileError(name_, "cannot write", errno);
    }
  }
}

std::byte* CaptureWriter::Claim(size_t size) {
  if (size > buffer_.size() - used_) {
    Flush();
    if (size > buffer_.size()) buffer_.resize(size);
  }
  std::byte* const at = buffer_.data() + used_;
  used_ += size;
  return at;
}

}  // namespace splnet
