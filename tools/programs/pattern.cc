// The pattern is a hash of the seed and the number of each 8-byte word.

#include "tools/programs/pattern.h"

namespace splnet {
namespace {

// A mix of 64 bits in which every bit of the input changes half of the output.
uint64_t Word(uint64_t seed, uint64_t number) {
  uint64_t z = (seed ^ 0x6a09e667f3bcc908) + (number + 1) * 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

// Calls visit(index, byte) for the pattern from `offset` on until it is false
// or `n` bytes are done.
template <typename Visit>
void ForBytes(uint64_t seed, uint64_t offset, size_t n, Visit visit) {
  for (size_t i = 0; i < n;) {
    const uint64_t at = offset + i;
    uint64_t word = Word(seed, at / 8) >> (8 * (at % 8));
    for (uint64_t left = 8 - at % 8; left > 0 && i < n; --left, ++i) {
      if (!visit(i, static_cast<std::byte>(word & 0xff))) return;
      word >>= 8;
    }
  }
}

}  // namespace

void FillPattern(uint64_t seed, uint64_t offset, std::span<std::byte> to) {
  ForBytes(seed, offset, to.size(), [&](size_t i, std::byte b) {
    to[i] = b;
    return true;
  });
}

std::optional<uint64_t> FindMismatch(uint64_t seed, uint64_t offset,
                                     std::span<const std::byte> bytes) {
  std::optional<uint64_t> found;
  ForBytes(seed, offset, bytes.size(), [&](size_t i, std::byte b) {
    if (bytes[i] == b) return true;
    found = offset + i;
    return false;
  });
  return found;
}

void StreamDigest::Add(std::span<const std::byte> bytes) {
  for (const std::byte b : bytes) {
    value_ = (value_ ^ static_cast<uint64_t>(b)) * 0x100000001b3;
  }
}

}  // namespace splnet
