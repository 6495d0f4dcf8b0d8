// Maps a capture file, spooling what cannot be mapped.

#include "traces/capture_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "traces/capture_format.h"

namespace splnet {
namespace {

constexpr size_t kGranule = size_t{64} << 10;  // a multiple of any page size
constexpr size_t kSpoolChunk = size_t{256} << 10;

// A descriptor that closes itself unless released.
class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

absl::Status OpenError(const std::string& path, int error) {
  const std::string text = absl::StrCat(path, ": ", std::strerror(error));
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return absl::NotFoundError(text);
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(text);
    default:
      return absl::UnavailableError(text);
  }
}

// Reads until `size` bytes or the end; the number read, or -1 with errno.
ssize_t ReadFully(int fd, std::byte* to, size_t size) {
  size_t done = 0;
  while (done < size) {
    const ssize_t n = ::read(fd, to + done, size - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return -1;
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  return static_cast<ssize_t>(done);
}

bool WriteFully(int fd, const std::byte* from, size_t size) {
  while (size > 0) {
    const ssize_t n = ::write(fd, from, size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    from += n;
    size -= static_cast<size_t>(n);
  }
  return true;
}

std::string SpoolDirectory() {
  const char* const dir = std::getenv("TMPDIR");
  return dir != nullptr && *dir != '\0' ? dir : "/var/tmp";
}

absl::Status SpoolError(const std::string& name, int error) {
  return absl::UnavailableError(absl::StrCat(
      name, ": cannot keep a copy in ", SpoolDirectory(), ": ",
      std::strerror(error), "; set TMPDIR to a directory with room for it"));
}

// Copies what `from` delivers to a file without a name.  A stream that does
// not begin like a capture is refused before any more of it is read.
absl::StatusOr<int> Spool(int from, const std::string& name, size_t* size) {
  std::string pattern = absl::StrCat(SpoolDirectory(), "/splnet-XXXXXX");
  Fd to(::mkostemp(pattern.data(), O_CLOEXEC));
  if (to.get() < 0) return SpoolError(name, errno);
  ::unlink(pattern.c_str());

  std::vector<std::byte> chunk(kSpoolChunk);
  for (*size = 0;;) {
    const ssize_t n = ReadFully(from, chunk.data(), chunk.size());
    if (n < 0) return OpenError(name, errno);
    if (n == 0) break;
    const std::span<const std::byte> bytes(chunk.data(),
                                           static_cast<size_t>(n));
    if (*size == 0 && IdentifyCapture(bytes) == CaptureFormat::kForeign) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, ": ", DescribeForeign(bytes)));
    }
    if (!WriteFully(to.get(), bytes.data(), bytes.size())) {
      return SpoolError(name, errno);
    }
    *size += bytes.size();
  }
  return to.Release();
}

// Whether all of `fd` can be mapped as it is: a regular file that nothing has
// been read from yet.
bool IsMappable(int fd, const struct stat& st) {
  return S_ISREG(st.st_mode) && st.st_size > 0 && ::lseek(fd, 0, SEEK_CUR) == 0;
}

}  // namespace

absl::StatusOr<CaptureFile> CaptureFile::Open(const std::string& path) {
  const bool standard_input = path == "-";
  const std::string name = standard_input ? "standard input" : path;
  Fd fd(standard_input ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                       : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return OpenError(name, errno);
  struct stat st;
  if (::fstat(fd.get(), &st) != 0) return OpenError(name, errno);
  if (S_ISDIR(st.st_mode)) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": is a directory; name the capture file in it"));
  }
  if (::isatty(fd.get())) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": is a terminal; redirect a capture into it"));
  }

  size_t size = static_cast<size_t>(st.st_size);
  if (IsMappable(fd.get(), st)) {
    absl::StatusOr<CaptureFile> file = Map(fd.get(), size);
    if (file.ok()) {
      fd.Release();
      return file;
    }
  }
  absl::StatusOr<int> spool = Spool(fd.get(), name, &size);
  if (!spool.ok()) return spool.status();
  Fd spooled(*spool);
  if (size == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": is empty; a capture has at least a header"));
  }
  absl::StatusOr<CaptureFile> file = Map(spooled.get(), size);
  if (!file.ok()) return SpoolError(name, errno);
  spooled.Release();
  return file;
}

absl::StatusOr<CaptureFile> CaptureFile::Map(int fd, size_t size) {
  void* const base = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
  if (base == MAP_FAILED) return absl::UnavailableError(std::strerror(errno));
  ::madvise(base, size, MADV_SEQUENTIAL);
  ::flock(fd, LOCK_SH | LOCK_NB);  // advice: a file system may not have locks
  CaptureFile file;
  file.bytes_ = {static_cast<const std::byte*>(base), size};
  file.fd_ = fd;
  return file;
}

CaptureFile CaptureFile::View(std::span<const std::byte> bytes) {
  CaptureFile file;
  file.bytes_ = bytes;
  return file;
}

CaptureFile& CaptureFile::operator=(CaptureFile&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  std::swap(fd_, other.fd_);
  std::swap(released_, other.released_);
  return *this;
}

CaptureFile::~CaptureFile() {
  if (fd_ < 0) return;
  ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
  ::close(fd_);
}

void CaptureFile::Release(size_t before) {
  if (fd_ < 0) return;
  before = before / kGranule * kGranule;
  if (before > released_) {
    auto* const base = const_cast<std::byte*>(bytes_.data());
    ::madvise(base + released_, before - released_, MADV_DONTNEED);
  }
  released_ = before;
}

}  // namespace splnet
