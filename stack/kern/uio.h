// A program's memory as the kernel moves data to and from it: uiomove(9).

#ifndef SPLNET_STACK_KERN_UIO_H_
#define SPLNET_STACK_KERN_UIO_H_

#include <cstddef>
#include <span>

namespace splnet {

// One piece of a program's memory.
struct IoVec {
  std::byte* base = nullptr;
  size_t len = 0;
};

// How far a transfer has come: the pieces not yet used, and their bytes.
// The pieces belong to the program and outlive the call.
struct Uio {
  std::span<IoVec> iov;  // consumed from the front
  size_t resid = 0;      // bytes left in iov

  Uio() = default;
  explicit Uio(std::span<IoVec> pieces) : iov(pieces) {
    for (const IoVec& v : pieces) resid += v.len;
  }
};

}  // namespace splnet

#endif  // SPLNET_STACK_KERN_UIO_H_
