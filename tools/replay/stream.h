// One direction's bytes as a capture has them: the reference against which
// what our side delivered and sent is checked.
//
// The bytes stay where they are, in the mapped file; this keeps where.

#ifndef SPLNET_TOOLS_REPLAY_STREAM_H_
#define SPLNET_TOOLS_REPLAY_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>

namespace splnet {

class CapturedStream {
 public:
  // `bytes`, which the caller keeps alive, are those from `begin` of the
  // stream, counted from 0.  What is there already stays: the first copy of a
  // byte is the one that counts.
  void Add(uint64_t begin, std::span<const std::byte> bytes);

  // Bytes from the start of the stream without a hole.
  uint64_t contiguous() const { return contiguous_; }
  // The offset of the first byte there is, and that after the last one.
  uint64_t begin() const {
    return pieces_.empty() ? 0 : pieces_.begin()->first;
  }
  uint64_t end() const { return end_; }

  // The bytes at `offset` that lie together, at most `limit`; none in a hole.
  std::span<const std::byte> At(uint64_t offset, size_t limit) const;

  // Where `bytes`, which begin at `offset`, first differ from the stream or
  // leave it; nothing if they are all equal.
  std::optional<uint64_t> FirstDifference(
      uint64_t offset, std::span<const std::byte> bytes) const;

 private:
  // By where they begin; they neither overlap nor are empty.
  std::map<uint64_t, std::span<const std::byte>> pieces_;
  uint64_t contiguous_ = 0;
  uint64_t end_ = 0;
};

// The ranges of a stream that have been seen.
class RangeSet {
 public:
  void Add(uint64_t begin, uint64_t end);
  bool Covers(uint64_t begin, uint64_t end) const;
  // The end of the range that begins at 0; 0 if there is none.
  uint64_t contiguous() const;

 private:
  std::map<uint64_t, uint64_t> ranges_;  // begin to end, apart and not empty
};

}  // namespace splnet

#endif  // SPLNET_TOOLS_REPLAY_STREAM_H_
