// Open files and a process's table of descriptors.
//
// A File is shared by every descriptor that dup(2) or inheritance made of it,
// in any process of the host; the last one to go closes the socket.

#ifndef SPLNET_SOCKETS_FILEDESC_H_
#define SPLNET_SOCKETS_FILEDESC_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "stack/kern/errno.h"
#include "stack/kern/socketvar.h"

namespace splnet {

class Kqueue;

// fcntl(2)'s O_NONBLOCK, with OpenBSD's value.
inline constexpr int kONonblock = 0x4;
// ... and O_ASYNC: SIGIO to the socket's owner.
inline constexpr int kOAsync = 0x40;

struct File {
  explicit File(SocketPtr socket);
  explicit File(std::unique_ptr<Kqueue> queue);
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File();  // soclose

  uint32_t refs = 0;
  int flags = 0;  // kONonblock, kOAsync
  SocketPtr so;   // one of these is set
  std::unique_ptr<Kqueue> kq;

  bool nonblocking() const { return (flags & kONonblock) != 0; }
};

class FilePtr {
 public:
  constexpr FilePtr() = default;
  explicit FilePtr(File* f) : f_(f) {
    if (f_ != nullptr) ++f_->refs;
  }
  FilePtr(const FilePtr& other) : FilePtr(other.f_) {}
  FilePtr(FilePtr&& other) noexcept : f_(std::exchange(other.f_, nullptr)) {}
  FilePtr& operator=(FilePtr other) noexcept {
    std::swap(f_, other.f_);
    return *this;
  }
  ~FilePtr() {
    if (f_ != nullptr && --f_->refs == 0) delete f_;
  }

  File* get() const { return f_; }
  File& operator*() const { return *f_; }
  File* operator->() const { return f_; }
  explicit operator bool() const { return f_ != nullptr; }

 private:
  File* f_ = nullptr;
};

class DescriptorTable {
 public:
  // The file of `fd`; null if it is not open.
  File* Get(int fd) const {
    return static_cast<size_t>(fd) < files_.size()
               ? files_[static_cast<size_t>(fd)].get()
               : nullptr;
  }
  // The lowest free descriptor not below `from`, now open on `file`.
  // kEMFILE if `limit` descriptors do not leave one.
  Result<int> Alloc(FilePtr file, int64_t limit, int from = 0);
  // Whether Alloc() would find one.
  bool HasRoom(int64_t limit) const;
  // Opens `fd` itself, which is closed.
  void Put(int fd, FilePtr file);
  // Closes `fd` and gives what it was open on; null if it was not.
  FilePtr Remove(int fd);
  // Descriptors above every open one start here.
  int end() const { return static_cast<int>(files_.size()); }
  size_t open() const { return open_; }

 private:
  std::vector<FilePtr> files_;
  size_t open_ = 0;
  int first_free_ = 0;  // every descriptor below is open: fd_freefile
};

}  // namespace splnet

#endif  // SPLNET_SOCKETS_FILEDESC_H_
