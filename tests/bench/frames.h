// Frames and captures for benchmarks: UDP over IPv4 over Ethernet from
// 10.0.0.1 to port 9 of 10.0.0.2, the source port counting through 16,384
// values, all sums right.

#ifndef SPLNET_TESTS_BENCH_FRAMES_H_
#define SPLNET_TESTS_BENCH_FRAMES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace splnet {

inline constexpr size_t kUdpFrameOverhead = 14 + 20 + 8;

// Frame number `i`, of `frame_bytes` in all (at least kUdpFrameOverhead).
std::vector<std::byte> MakeUdpFrame(uint32_t i, size_t frame_bytes);

// A classic pcap file of `count` such frames, a microsecond apart, in the
// directory for temporary files.  Removed when destroyed.
class FrameCapture {
 public:
  FrameCapture(uint32_t count, size_t frame_bytes);
  FrameCapture(const FrameCapture&) = delete;
  FrameCapture& operator=(const FrameCapture&) = delete;
  ~FrameCapture();

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace splnet

#endif  // SPLNET_TESTS_BENCH_FRAMES_H_
