// Sequence numbers that wrap, and the 64-bit stream offsets made of them.

#ifndef SPLNET_TOOLS_REPLAY_SERIAL_H_
#define SPLNET_TOOLS_REPLAY_SERIAL_H_

#include <cstdint>

namespace splnet {

// Counts one direction of a TCP connection from its initial sequence number:
// the SYN is at offset 0 and the stream's first byte at 1.
class SerialNumbers {
 public:
  SerialNumbers() = default;
  explicit SerialNumbers(uint32_t iss) : iss_(iss) {}

  uint32_t iss() const { return iss_; }

  // The offset of `seq`: the one nearest to the greatest that Advance() was
  // told.  Negative for what lies before the connection.
  int64_t Offset(uint32_t seq) const {
    const auto distance =
        static_cast<int32_t>(seq - Number(highest_));  // serial arithmetic
    return highest_ + distance;
  }
  uint32_t Number(int64_t offset) const {
    return iss_ + static_cast<uint32_t>(offset);
  }
  // The connection has come as far as `offset`.
  void Advance(int64_t offset) {
    if (offset > highest_) highest_ = offset;
  }

 private:
  uint32_t iss_ = 0;
  int64_t highest_ = 0;
};

}  // namespace splnet

#endif  // SPLNET_TOOLS_REPLAY_SERIAL_H_
