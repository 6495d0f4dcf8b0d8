// A program's memory as the kernel moves data to and from it: uiomove(9).

#ifndef SPLNET_STACK_KERN_UIO_H_
#define SPLNET_STACK_KERN_UIO_H_

#include <algorithm>
#include <cstddef>
#include <span>

namespace splnet {

// One piece of a program's memory.
struct IoVec {
  std::byte* base = nullptr;
  size_t len = 0;
};

// How far a transfer has come.  The pieces belong to the program, outlive the
// call and are not changed.
struct Uio {
  std::span<const IoVec> iov;  // the first is the one under way
  size_t offset = 0;           // bytes of it that are done
  size_t resid = 0;            // bytes left
  size_t total = 0;            // bytes asked for

  Uio() = default;
  explicit Uio(std::span<const IoVec> pieces) : iov(pieces) {
    for (const IoVec& v : pieces) total += v.len;
    resid = total;
  }

  // The next at most `n` bytes that are in one piece, now done: where they are
  // and, in `*len`, how many.  None from a piece that is empty.
  std::byte* Take(size_t n, size_t* len) {
    const IoVec& piece = iov.front();
    std::byte* const at = piece.base + offset;
    *len = std::min(n, piece.len - offset);
    resid -= *len;
    offset += *len;
    if (offset == piece.len) {
      iov = iov.subspan(1);
      offset = 0;
    }
    return at;
  }
  // Bytes moved so far.
  size_t done() const { return total - resid; }
};

}  // namespace splnet

#endif  // SPLNET_STACK_KERN_UIO_H_
