// Observing: every packet has one verdict, whatever it is.

#include "tools/replay/observe.h"

#include <gtest/gtest.h>

#include "tests/tools/conversation.h"
#include "tools/replay/path_printer.h"

namespace splnet {
namespace {

Observation Observed(std::span<const std::byte> bytes,
                     Observer* path = nullptr) {
  auto reader = CaptureReader::FromBytes(bytes, "test");
  ReplayOptions options;
  options.observe = true;
  Observation seen;
  EXPECT_TRUE(Observe(options, **reader, nullptr, nullptr, path, &seen).ok());
  return seen;
}

uint64_t Dropped(const Observation& seen, DropReason reason) {
  return seen.dropped[static_cast<size_t>(reason)];
}

TEST(Observe, TakesEverySoundPacketIn) {
  Conversation c;
  c.Handshake(0);
  c.Client(300, "P.", 1, 1, Text(50));
  const Observation seen = Observed(c.bytes());
  EXPECT_EQ(seen.observed, 4u);
  EXPECT_EQ(seen.sum(), seen.packets);
}

TEST(Observe, NamesWhatIsWrongAndTheFirstPacketOfIt) {
  Conversation c;
  c.Handshake(0);
  Conversation::Extra bad;
  bad.bad_checksum = true;
  c.Client(300, "P.", 1, 1, Text(50), bad);
  c.Client(400, "P.", 51, 1, Text(50), bad);
  Conversation::Extra cut;
  cut.snaplen = 60;
  c.Client(500, "P.", 101, 1, Text(50), cut);
  c.Frame(600, std::vector<std::byte>(5));
  const Observation seen = Observed(c.bytes());
  EXPECT_EQ(seen.observed, 3u);
  EXPECT_EQ(Dropped(seen, DropReason::kTcpBadChecksum), 2u);
  EXPECT_EQ(
      seen.first_dropped[static_cast<size_t>(DropReason::kTcpBadChecksum)], 4u);
  EXPECT_EQ(Dropped(seen, DropReason::kIpTruncated), 1u);
  EXPECT_EQ(Dropped(seen, DropReason::kEtherShort), 1u);
  EXPECT_EQ(seen.sum(), 7u);
}

// The frame of a datagram's fragment: `offset` in bytes.
std::vector<std::byte> Fragment(uint16_t id, uint16_t offset, bool more,
                                size_t bytes) {
  MadeSegment made;
  made.src = {InAddr::V4(0xc0000202), 1};
  made.dst = {InAddr::V4(0xc0000201), 2};
  std::vector<std::byte> frame = MakeSegment(made);
  frame.resize(34 + bytes);
  IpHeader ip = ReadAt<IpHeader>(frame, 14);
  ip.len = static_cast<uint16_t>(20 + bytes);
  ip.id = id;
  ip.off = static_cast<uint16_t>(offset / 8 | (more ? kIpMf : 0));
  ip.p = kIpProtoTcp;
  ip.sum = 0;
  std::memcpy(frame.data() + 14, &ip, sizeof ip);
  uint32_t sum = 0;
  for (size_t i = 14; i < 34; i += 2) {
    sum += uint32_t(frame[i]) << 8 | uint32_t(frame[i + 1]);
  }
  sum = (sum & 0xffff) + (sum >> 16);
  sum = ~(sum + (sum >> 16)) & 0xffff;
  frame[24] = static_cast<std::byte>(sum >> 8);
  frame[25] = static_cast<std::byte>(sum);
  return frame;
}

TEST(Observe, CountsEveryFragmentOnce) {
  Conversation c;
  c.Frame(0, Fragment(1, 0, true, 24));
  c.Frame(10, Fragment(1, 24, true, 24));
  c.Frame(20, Fragment(1, 48, false, 8));  // whole, and its checksum is wrong
  c.Frame(30, Fragment(2, 0, true, 24));   // never completed
  const Observation seen = Observed(c.bytes());
  EXPECT_EQ(seen.sum(), 4u);
  EXPECT_EQ(Dropped(seen, DropReason::kTcpBadChecksum) +
                Dropped(seen, DropReason::kTcpBadOffset),
            1u);
  EXPECT_EQ(Dropped(seen, DropReason::kIpFragTimeout), 1u);
  EXPECT_EQ(seen.observed, 2u);
}

TEST(Observe, ALongSilenceIsNoMatter) {
  Conversation c;
  c.Handshake(0);
  c.Client(int64_t{86'400} * 1'000'000, ".", 1, 1);
  const Observation seen = Observed(c.bytes());
  EXPECT_EQ(seen.observed, 4u);
}

TEST(PathPrinter, PrintsThePathOfASegmentIndented) {
  Conversation c;
  c.Client(0, "S", 0, 0);
  char* text = nullptr;
  size_t size = 0;
  std::FILE* const out = open_memstream(&text, &size);
  ASSERT_NE(out, nullptr);
  {
    PathPrinter printer(out);
    Observed(c.bytes(), &printer);
  }
  std::fclose(out);
  EXPECT_EQ(std::string(text, size),
            "0.000000000 #1 IP 192.0.2.2.40000 > 192.0.2.1.80: Flags [S], seq "
            "1000, win 64000, length 0\n"
            "    [hardware interrupt] NIC ring > driver interrupt > if_input > "
            "ether_input > ipintrq\n"
            "    [soft interrupt]     ipintr > ip_input > tcp_input\n"
            "    #1 = consumed, 0 bytes\n");
  std::free(text);
}

}  // namespace
}  // namespace splnet
