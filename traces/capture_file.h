// The bytes of a capture file as one range of memory.
//
// A regular file is mapped.  A pipe, a terminal's redirection or anything else
// that cannot be mapped is first copied ("spooled") to a file without a name
// in $TMPDIR (/var/tmp without one), and that is mapped: so every view of the
// bytes stays valid for as long as the CaptureFile lives, and memory stays
// bounded whatever the size.

#ifndef SPLNET_TRACES_CAPTURE_FILE_H_
#define SPLNET_TRACES_CAPTURE_FILE_H_

#include <cstddef>
#include <span>
#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace splnet {

class CaptureFile {
 public:
  // Opens `path`; "-" is standard input.  Errors: kNotFound (no such file),
  // kPermissionDenied, kInvalidArgument (a directory, an empty file, a
  // terminal, or a pipe whose first bytes are no capture's), kUnavailable
  // (reading or spooling failed).  Each names the path.
  //
  // While it is open the file carries a shared lock (flock), so that a
  // CaptureWriter refuses to overwrite the capture that is being read.  What
  // another program cuts off a mapped file is gone: touching it is a SIGBUS.
  static absl::StatusOr<CaptureFile> Open(const std::string& path);

  // Bytes that the caller keeps alive, for tests and fuzzers.
  static CaptureFile View(std::span<const std::byte> bytes);

  CaptureFile(CaptureFile&& other) noexcept { *this = std::move(other); }
  CaptureFile& operator=(CaptureFile&& other) noexcept;
  CaptureFile(const CaptureFile&) = delete;
  CaptureFile& operator=(const CaptureFile&) = delete;
  ~CaptureFile();

  std::span<const std::byte> bytes() const { return bytes_; }

  // Lets what is mapped between the `before` of the last call and this one
  // leave memory: a reader calls it now and then as it goes on, and once with
  // 0 when it starts again.  The bytes come back from the file if touched.
  void Release(size_t before);

 private:
  CaptureFile() = default;
  // Maps all of `fd`, which becomes ours; `size` is at least 1.
  static absl::StatusOr<CaptureFile> Map(int fd, size_t size);

  std::span<const std::byte> bytes_;
  int fd_ = -1;          // open while mapped: the lock hangs on it
  size_t released_ = 0;  // the last call's `before`
};

}  // namespace splnet

#endif  // SPLNET_TRACES_CAPTURE_FILE_H_
