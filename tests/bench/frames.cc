// Makes the frames and captures that benchmarks read.

#include "tests/bench/frames.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "stack/kern/check.h"
#include "stack/net/if_ethersubr.h"
#include "stack/netinet/in_cksum.h"
#include "stack/netinet/ip.h"
#include "stack/netinet/udp.h"

namespace splnet {
namespace {

void WriteAll(std::FILE* file, const void* bytes, size_t n) {
  CHECK(std::fwrite(bytes, 1, n, file) == n);
}

}  // namespace

std::vector<std::byte> MakeUdpFrame(uint32_t i, size_t frame_bytes) {
  CHECK(frame_bytes >= kUdpFrameOverhead);
  std::vector<std::byte> frame(frame_bytes);
  for (size_t k = kUdpFrameOverhead; k < frame_bytes; ++k) {
    frame[k] = static_cast<std::byte>(i + k);
  }

  EtherHeader eh{{{2, 0, 0, 0, 0, 2}}, {{2, 0, 0, 0, 0, 1}}, kEthertypeIp};
  IpHeader ip{};
  ip.vhl = 0x45;
  ip.len = static_cast<uint16_t>(frame_bytes - sizeof eh);
  ip.id = static_cast<uint16_t>(i);
  ip.ttl = 64;
  ip.p = kIpProtoUdp;
  ip.src = In4Wire{Be32(0x0a000001)};
  ip.dst = In4Wire{Be32(0x0a000002)};
  ip.sum = in_cksum_field(in_cksum_partial(&ip, sizeof ip));

  UdpHeader uh;
  uh.sport = static_cast<uint16_t>(1024 + i % 16384);
  uh.dport = 9;
  uh.len = static_cast<uint16_t>(frame_bytes - sizeof eh - sizeof ip);
  std::memcpy(&frame[34], &uh, sizeof uh);
  const uint16_t sum =
      in_cksum_field(in_pseudo(ip.src, ip.dst, kIpProtoUdp, uh.len) +
                     in_cksum_partial(&frame[34], frame_bytes - 34));
  uh.sum = sum == 0 ? uint16_t{0xffff} : sum;

  std::memcpy(&frame[0], &eh, sizeof eh);
  std::memcpy(&frame[14], &ip, sizeof ip);
  std::memcpy(&frame[34], &uh, sizeof uh);
  return frame;
}

FrameCapture::FrameCapture(uint32_t count, size_t frame_bytes) {
  const char* const dir = std::getenv("TMPDIR");
  path_ = std::string(dir == nullptr ? "/tmp" : dir) + "/splnet-bench-XXXXXX";
  const int fd = mkstemp(path_.data());
  CHECK(fd >= 0);
  std::FILE* const file = fdopen(fd, "wb");
  CHECK(file != nullptr);

  const uint32_t header[6] = {0xa1b2c3d4, 2 | 4u << 16, 0, 0, 65535, 1};
  WriteAll(file, header, sizeof header);
  const auto len = static_cast<uint32_t>(frame_bytes);
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t record[4] = {1700000000 + i / 1000000, i % 1000000, len,
                                len};
    WriteAll(file, record, sizeof record);
    const std::vector<std::byte> frame = MakeUdpFrame(i, frame_bytes);
    WriteAll(file, frame.data(), frame.size());
  }
  CHECK(std::fclose(file) == 0);
}

FrameCapture::~FrameCapture() { std::remove(path_.c_str()); }

}  // namespace splnet
