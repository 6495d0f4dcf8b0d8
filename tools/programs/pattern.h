// The bytes that the simulated programs send, and how receivers check them.

#ifndef SPLNET_TOOLS_PROGRAMS_PATTERN_H_
#define SPLNET_TOOLS_PROGRAMS_PATTERN_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace splnet {

// Byte `offset` of the endless pattern of `seed`, and those after it.  No two
// places of a pattern look alike, so bytes that are lost, doubled or out of
// order show.
void FillPattern(uint64_t seed, uint64_t offset, std::span<std::byte> to);

// The offset of the first byte that differs from the pattern; nothing if none.
std::optional<uint64_t> FindMismatch(uint64_t seed, uint64_t offset,
                                     std::span<const std::byte> bytes);

// A checksum of a byte stream that is fed in pieces: FNV-1a, 64 bits.
class StreamDigest {
 public:
  void Add(std::span<const std::byte> bytes);
  uint64_t value() const { return value_; }

 private:
  uint64_t value_ = 0xcbf29ce484222325;
};

}  // namespace splnet

#endif  // SPLNET_TOOLS_PROGRAMS_PATTERN_H_
