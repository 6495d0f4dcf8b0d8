// The pattern is a hash of the seed and the number of each 8-byte word.

#include "tools/programs/pattern.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace splnet {
namespace {

// A mix of 64 bits in which every bit of the input changes half of the output.
uint64_t Word(uint64_t seed, uint64_t number) {
  uint64_t z = (seed ^ 0x6a09e667f3bcc908) + (number + 1) * 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

// Byte `at` of the word of number at / 8: the lowest comes first.
std::byte ByteOf(uint64_t word, uint64_t at) {
  return static_cast<std::byte>(word >> (8 * (at % 8)) & 0xff);
}

// The word as it lies in the pattern, on any machine.
uint64_t InOrder(uint64_t word) {
  return std::endian::native == std::endian::big ? __builtin_bswap64(word)
                                                 : word;
}

}  // namespace

void FillPattern(uint64_t seed, uint64_t offset, std::span<std::byte> to) {
  size_t i = 0;
  const auto bytes_until = [&](size_t end) {
    for (; i < end; ++i) {
      const uint64_t at = offset + i;
      to[i] = ByteOf(Word(seed, at / 8), at);
    }
  };
  bytes_until(std::min<size_t>((8 - offset % 8) % 8, to.size()));
  for (; to.size() - i >= 8; i += 8) {
    const uint64_t word = InOrder(Word(seed, (offset + i) / 8));
    std::memcpy(&to[i], &word, sizeof word);
  }
  bytes_until(to.size());
}

std::optional<uint64_t> FindMismatch(uint64_t seed, uint64_t offset,
                                     std::span<const std::byte> bytes) {
  std::array<std::byte, 1024> expected;
  while (!bytes.empty()) {
    const size_t n = std::min(bytes.size(), expected.size());
    FillPattern(seed, offset, std::span(expected).first(n));
    if (std::memcmp(bytes.data(), expected.data(), n) != 0) {
      const auto at =
          std::mismatch(bytes.begin(), bytes.end(), expected.begin()).first;
      return offset + static_cast<uint64_t>(at - bytes.begin());
    }
    bytes = bytes.subspan(n);
    offset += n;
  }
  return std::nullopt;
}

void StreamDigest::Add(std::span<const std::byte> bytes) {
  for (const std::byte b : bytes) {
    value_ = (value_ ^ static_cast<uint64_t>(b)) * 0x100000001b3;
  }
}

}  // namespace splnet
