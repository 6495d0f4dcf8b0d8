// Opening, sharing and closing descriptors.

#include "sockets/filedesc.h"

#include <algorithm>

#include "sockets/kqueue.h"
#include "sockets/uipc_socket.h"

namespace splnet {

File::File(SocketPtr socket) : so(std::move(socket)) {}
File::File(std::unique_ptr<Kqueue> queue) : kq(std::move(queue)) {}

File::~File() {
  // Nobody is left to be told of an error.
  if (so) static_cast<void>(soclose(*so));
}

Result<int> DescriptorTable::Alloc(FilePtr file, int64_t limit, int from) {
  const bool lowest = from <= first_free_;
  int fd = lowest ? first_free_ : from;
  while (Get(fd) != nullptr) ++fd;
  if (lowest) first_free_ = fd;
  if (fd >= limit) return kEMFILE;
  Put(fd, std::move(file));
  return fd;
}

bool DescriptorTable::HasRoom(int64_t limit) const {
  return static_cast<int64_t>(open_) < limit;
}

void DescriptorTable::Put(int fd, FilePtr file) {
  const auto at = static_cast<size_t>(fd);
  if (at >= files_.size()) files_.resize(at + 1);
  files_[at] = std::move(file);
  ++open_;
}

FilePtr DescriptorTable::Remove(int fd) {
  if (Get(fd) == nullptr) return FilePtr();
  --open_;
  first_free_ = std::min(first_free_, fd);
  return std::exchange(files_[static_cast<size_t>(fd)], FilePtr());
}

}  // namespace splnet
