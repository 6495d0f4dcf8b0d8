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
constexpr uint32_t kFlagInbound = 1;
constexpr uint32_t kFlagOutbound = 2;

constexpr size_t Padded(size_t size) { return (size + 3) / 4 * 4; }

// Bytes of an option with a value of `size` bytes; an empty one is left out.
constexpr size_t OptionBytes(size_t size) {
  return size == 0 ? 0 : 4 + Padded(size);
}

std::span<const std::byte> AsBytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

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
    : fd_(fd), name_(std::move(name)), memory_(memory) {
  WriteSection();
}

CaptureWriter::~CaptureWriter() { Close().IgnoreError(); }

void CaptureWriter::WriteSection() {
  constexpr uint32_t kUnknownLength = 0xffffffff;  // of the section: -1
  Put32(kBlockSection);
  Put32(kSectionBytes);
  Put32(kByteOrderMagic);
  Put16(1);  // version 1.0
  Put16(0);
  Put32(kUnknownLength);
  Put32(kUnknownLength);
  Put32(kSectionBytes);
}

uint32_t CaptureWriter::AddInterface(const CaptureTap& tap) {
  const std::string_view name =
      std::string_view(tap.name).substr(0, kMaxOption);
  const std::string_view description =
      std::string_view(tap.description).substr(0, kMaxOption);
  const auto resolution = static_cast<std::byte>(tap.unit);
  const size_t size = kInterfaceBytes + OptionBytes(name.size()) +
                      OptionBytes(description.size()) + OptionBytes(1) +
                      4;  // the end of options
  Put32(kBlockInterface);
  Put32(static_cast<uint32_t>(size));
  Put16(tap.link_type);
  Put16(0);
  Put32(tap.snaplen);
  PutText(kOptIfName, name);
  PutText(kOptIfDescription, description);
  PutOption(kOptIfTsResol, {&resolution, 1});
  Put32(kOptEnd);
  Put32(static_cast<uint32_t>(size));
  if (buffer_.size() >= kBufferBytes) Flush();
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
  if (packet.time_ns < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(name_, ": pcapng cannot hold a time before 1970 (",
                     packet.time_ns, " ns)"));
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

  const std::string_view comment = packet.comment.substr(0, kMaxOption);
  const uint32_t flags = FlagsOf(packet.direction);
  size_t options = OptionBytes(comment.size());
  if (flags != 0) options += OptionBytes(4);
  if (options != 0) options += 4;  // their end
  const auto size =
      static_cast<uint32_t>(kEnhancedPacketBytes + Padded(caplen) + options);

  const auto ticks =
      static_cast<uint64_t>(packet.time_ns / interface.ns_per_tick);
  Put32(kBlockEnhancedPacket);
  Put32(size);
  Put32(packet.interface);
  Put32(static_cast<uint32_t>(ticks >> 32));
  Put32(static_cast<uint32_t>(ticks));
  Put32(static_cast<uint32_t>(caplen));
  Put32(packet.len);
  size_t left = caplen;
  for (const std::span<const std::byte> piece : pieces) {
    const size_t part = std::min(left, piece.size());
    PutBytes(piece.first(part));
    left -= part;
  }
  PutPadding(caplen);
  PutText(kOptComment, comment);
  if (flags != 0) {
    Put16(kOptPacketFlags);
    Put16(4);
    Put32(flags);
  }
  if (options != 0) Put32(kOptEnd);
  Put32(size);
  if (buffer_.size() >= kBufferBytes) Flush();
  return status_;
}

absl::Status CaptureWriter::Close() {
  Flush();
  if (fd_ >= 0 && ::close(std::exchange(fd_, -1)) != 0 && status_.ok()) {
    status_ = FileError(name_, "cannot close it", errno);
  }
  return status_;
}

void CaptureWriter::Flush() {
  if (memory_ != nullptr) {
    memory_->insert(memory_->end(), buffer_.begin(), buffer_.end());
  }
  size_t done = 0;
  while (fd_ >= 0 && status_.ok() && done < buffer_.size()) {
    const ssize_t n =
        ::write(fd_, buffer_.data() + done, buffer_.size() - done);
    if (n >= 0) {
      done += static_cast<size_t>(n);
    } else if (errno != EINTR) {
      status_ = FileError(name_, "cannot write", errno);
    }
  }
  buffer_.clear();
}

void CaptureWriter::Put16(uint16_t value) {
  const std::byte bytes[] = {static_cast<std::byte>(value),
                             static_cast<std::byte>(value >> 8)};
  PutBytes(bytes);
}

void CaptureWriter::Put32(uint32_t value) {
  const std::byte bytes[] = {
      static_cast<std::byte>(value), static_cast<std::byte>(value >> 8),
      static_cast<std::byte>(value >> 16), static_cast<std::byte>(value >> 24)};
  PutBytes(bytes);
}

void CaptureWriter::PutBytes(std::span<const std::byte> bytes) {
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
}

void CaptureWriter::PutPadding(size_t size) {
  buffer_.resize(buffer_.size() + Padded(size) - size);
}

void CaptureWriter::PutOption(uint16_t code, std::span<const std::byte> value) {
  if (value.empty()) return;
  Put16(code);
  Put16(static_cast<uint16_t>(value.size()));
  PutBytes(value);
  PutPadding(value.size());
}

void CaptureWriter::PutText(uint16_t code, std::string_view text) {
  PutOption(code, AsBytes(text));
}

}  // namespace splnet
