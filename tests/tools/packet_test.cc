// Frames taken apart, printed, and changed.

#include "tools/replay/packet.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "stack/netinet/in_cksum.h"
#include "tools/replay/frame_editor.h"
#include "tools/replay/notation.h"
#include "tools/replay/serial.h"
#include "traces/capture_format.h"

namespace splnet {
namespace {

constexpr size_t kIpAt = 14;
constexpr size_t kTcpAt = 34;

std::vector<std::byte> Options(std::initializer_list<int> bytes) {
  std::vector<std::byte> options;
  for (const int b : bytes) options.push_back(std::byte(b));
  return options;
}

// A segment with timestamps and two SACK blocks: {100:200} and {300:400}.
MadeSegment SackSegment() {
  MadeSegment s;
  s.src = {InAddr::V4(0xc0000202), 4711};
  s.dst = {InAddr::V4(0xc0000201), 80};
  s.seq = 0x01020304;
  s.ack = 50;
  s.flags = kThAck | kThPush;
  s.win = 512;
  s.options = Options({1, 1, 8, 10, 0, 0, 0, 7,   0, 0, 0, 9,    //
                       1, 1, 5, 18, 0, 0, 0, 100, 0, 0, 0, 200,  //
                       0, 0, 1, 44, 0, 0, 1, 144});
  s.payload = Options({'a', 'b', 'c'});
  return s;
}

Packet Parse(const std::vector<std::byte>& frame) {
  return ParsePacket(kLinkTypeEthernet, frame,
                     static_cast<uint32_t>(frame.size()));
}

// The checksum over the segment: 0 if it is right.
uint16_t TcpSum(std::span<const std::byte> frame) {
  const auto ip = ReadAt<IpHeader>(frame, kIpAt);
  const size_t len = frame.size() - kTcpAt;
  return in_cksum_fold(in_pseudo(ip.src, ip.dst, kIpProtoTcp, len) +
                       in_cksum_partial(frame.data() + kTcpAt, len));
}

TEST(Packet, ReadsASegmentWithItsOptions) {
  const Packet p = Parse(MakeSegment(SackSegment()));
  ASSERT_EQ(p.kind, PacketKind::kTcp);
  EXPECT_EQ(p.tcp.seq, 0x01020304u);
  EXPECT_EQ(p.tcp.options.tsval, 7u);
  EXPECT_EQ(p.tcp.options.tsecr, 9u);
  ASSERT_EQ(p.tcp.options.sacks, 2);
  EXPECT_EQ(p.tcp.options.sack[1].left, 300u);
  EXPECT_EQ(p.payload_len, 3u);
  EXPECT_FALSE(p.truncated);
}

TEST(Packet, SaysWhyAFrameCannotBeUsed) {
  const std::vector<std::byte> good = MakeSegment(SackSegment());
  struct Row {
    const char* name;
    size_t at;
    uint8_t value;
    size_t size;  // kept
    Unusable why;
  };
  const Row rows[] = {
      {"no Ethernet header", 0, 2, 10, Unusable::kLinkShort},
      {"IPv6", 12, 0x86, 60, Unusable::kEthertype},
      {"IP version 5", kIpAt, 0x55, 97, Unusable::kIpHeader},
      {"IP header of 16 bytes", kIpAt, 0x44, 97, Unusable::kIpHeader},
      {"IP length beyond the frame", kIpAt + 2, 9, 97, Unusable::kIpHeader},
      {"fragment", kIpAt + 6, 0x20, 97, Unusable::kFragment},
      {"protocol", kIpAt + 9, 99, 97, Unusable::kProtocol},
      {"TCP header of 16 bytes", kTcpAt + 12, 0x40, 97, Unusable::kTransport},
  };
  for (const Row& row : rows) {
    std::vector<std::byte> frame = good;
    frame[row.at] = std::byte{row.value};
    frame.resize(std::min(frame.size(), row.size));
    const Packet p = Parse(frame);
    EXPECT_EQ(p.kind, PacketKind::kUnusable) << row.name;
    EXPECT_EQ(p.why, row.why) << row.name << ": " << UnusableText(p.why);
  }
}

TEST(Packet, AnyLengthOfAFrameIsReadWithoutHarm) {
  const std::vector<std::byte> good = MakeSegment(SackSegment());
  for (size_t n = 0; n <= good.size(); ++n) {
    const std::vector<std::byte> frame(good.begin(),
                                       good.begin() + static_cast<long>(n));
    const Packet p = ParsePacket(kLinkTypeEthernet, frame,
                                 static_cast<uint32_t>(good.size()));
    EXPECT_LE(p.end, frame.size());
    EXPECT_FALSE(PacketNotation(p, frame).empty());
    if (p.kind == PacketKind::kTcp) {
      EXPECT_EQ(p.payload_len, 3u);
    }
  }
}

TEST(Packet, LooksBehindVlanTags) {
  std::vector<std::byte> frame = MakeSegment(SackSegment());
  const auto tags = Options({0x88, 0xa8, 0, 1, 0x81, 0, 0, 2});
  frame.insert(frame.begin() + 12, tags.begin(), tags.end());
  const Packet p = Parse(frame);
  EXPECT_EQ(p.kind, PacketKind::kTcp);
  EXPECT_EQ(p.vlans, 2);
  FrameEditor editor;
  editor.Load(frame, p, {}, {});
  EXPECT_EQ(std::vector(editor.bytes().begin(), editor.bytes().end()),
            MakeSegment(SackSegment()));
}

TEST(Notation, IsTcpdumps) {
  const std::vector<std::byte> frame = MakeSegment(SackSegment());
  EXPECT_EQ(PacketNotation(Parse(frame), frame, 0x01020303, 40),
            "IP 192.0.2.2.4711 > 192.0.2.1.80: Flags [P.], seq 1:4, ack 10, "
            "win 512, options [nop,nop,TS val 7 ecr 9,nop,nop,sack 2 "
            "{60:160}{260:360}], length 3");
}

TEST(Notation, WritesTimesInNanoseconds) {
  EXPECT_EQ(TimeNotation(0), "0.000000000");
  EXPECT_EQ(TimeNotation(1'000'000'001), "1.000000001");
  EXPECT_EQ(TimeNotation(-5), "-0.000000005");
  EXPECT_EQ(TimeNotation(INT64_MIN), "-9223372036.854775808");
}

TEST(FrameEditor, KeepsARightChecksumRight) {
  const std::vector<std::byte> frame = MakeSegment(SackSegment());
  ASSERT_EQ(TcpSum(frame), 0);
  FrameEditor editor;
  editor.Load(frame, Parse(frame), {}, {});
  const SackBlock one[] = {{100, 150}};
  editor.SetAck(0xffffffff);
  editor.SetWindow(1);
  editor.SetTsecr(0x12345678);
  editor.SetSack(one);
  EXPECT_EQ(TcpSum(editor.bytes()), 0);
  const std::vector<std::byte> changed(editor.bytes().begin(),
                                       editor.bytes().end());
  EXPECT_NE(PacketNotation(Parse(changed), changed)
                .find("ack 4294967295, win 1, options [nop,nop,TS val 7 ecr "
                      "305419896,nop,nop,sack 1 {100:150},nop,nop"),
            std::string::npos)
      << PacketNotation(Parse(changed), changed);
  editor.MakePureAck();
  EXPECT_EQ(TcpSum(editor.bytes()), 0);
  EXPECT_EQ(editor.bytes().size(), frame.size() - 3);
}

TEST(FrameEditor, KeepsAWrongChecksumWrong) {
  std::vector<std::byte> frame = MakeSegment(SackSegment());
  frame[kTcpAt + 16] ^= std::byte{0x10};
  const uint16_t error = TcpSum(frame);
  ASSERT_NE(error, 0);
  FrameEditor editor;
  editor.Load(frame, Parse(frame), {}, {});
  editor.SetAck(99);
  editor.SetTsecr(1000);
  EXPECT_EQ(TcpSum(editor.bytes()), error);
}

TEST(SerialNumbers, UnwrapAroundTheFurthest) {
  SerialNumbers numbers(0xfffffff0);
  EXPECT_EQ(numbers.Offset(0xfffffff0), 0);
  EXPECT_EQ(numbers.Offset(0x10), 0x20);
  EXPECT_EQ(numbers.Offset(0xffffffef), -1);
  for (int64_t offset = 0; offset < int64_t{1} << 34; offset += 1 << 30) {
    numbers.Advance(offset);
    EXPECT_EQ(numbers.Offset(numbers.Number(offset + 5)), offset + 5);
  }
}

}  // namespace
}  // namespace splnet
