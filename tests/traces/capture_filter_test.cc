// Filters over captured packets.

#include "traces/capture_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "tests/testing/capture_builder.h"

namespace splnet {
namespace {

using ::testing::HasSubstr;

// An IPv4 packet from 10.0.0.1 to 10.0.0.2 of that protocol, ports 1 to 80.
std::string Ipv4(uint8_t protocol) {
  std::string packet("\x45\0\0\x1c\0\0\0\0\x40?\0\0\x0a\0\0\1\x0a\0\0\2", 20);
  packet[9] = static_cast<char>(protocol);
  return packet + std::string("\0\1\0\x50\0\0\0\0", 8);
}

std::string Ethernet(const std::string& packet) {
  return "\2aaaaa\2bbbbb" + std::string("\x08\0", 2) + packet;
}

// The family word of the NULL link type in that byte order, 2 for IPv4.
std::string Null(ByteOrder order, const std::string& packet) {
  return CaptureBuilder(order).Number32(2) + packet;
}

constexpr uint8_t kTcp = 6, kUdp = 17;

// One character a packet of `file`: 1 if `expression` matches, 0 if not, and
// "!" with the message for an error, which ends it.
std::string Select(const std::string& expression, const CaptureBuilder& file) {
  auto filter = CaptureFilter::Compile(expression);
  if (!filter.ok()) return absl::StrCat("!", filter.status().message());
  auto reader = CaptureReader::FromBytes(file.bytes(), "test");
  if (!reader.ok()) return absl::StrCat("!", reader.status().message());
  std::string result;
  CapturePacket packet;
  while ((*reader)->Next(packet)) {
    const absl::StatusOr<bool> match = filter->Matches(**reader, packet);
    if (!match.ok()) return absl::StrCat(result, "!", match.status().message());
    result += *match ? "1" : "0";
  }
  return result;
}

TEST(CaptureFilter, SelectsPackets) {
  CaptureBuilder file;
  file.PcapHeader();
  file.Record(1, 0, Ethernet(Ipv4(kTcp))).Record(1, 0, Ethernet(Ipv4(kUdp)));
  EXPECT_EQ(Select("", file), "11");
  EXPECT_EQ(Select("tcp", file), "10");
  EXPECT_EQ(Select("udp port 80", file), "01");
  EXPECT_EQ(Select("host 10.0.0.2 and not tcp", file), "01");
  EXPECT_EQ(Select("greater 1000", file), "00");
}

TEST(CaptureFilter, LengthsAreThoseOnTheWireAndBytesThoseCaptured) {
  CaptureBuilder file;
  file.PcapHeader();
  file.Record(1, 0, Ethernet(Ipv4(kTcp)), 1500);
  file.Record(1, 0, Ethernet(Ipv4(kTcp)).substr(0, 30), 42);
  EXPECT_EQ(Select("len >= 1500", file), "10");
  EXPECT_EQ(Select("tcp port 80", file), "10")
      << "the second's port is cut off";
  EXPECT_EQ(Select("tcp", file), "11");
}

TEST(CaptureFilter, EveryLinkTypeAndByteOrderHasItsProgram) {
  CaptureBuilder file;
  file.Section();
  file.Interface(kLinkTypeEthernet).Interface(kLinkTypeRaw);
  file.Interface(kLinkTypeNull).Interface(kLinkTypeEthernet);
  file.Enhanced(1, 0, Ipv4(kTcp)).Enhanced(0, 0, Ethernet(Ipv4(kTcp)));
  file.Enhanced(2, 0, Null(ByteOrder::kLittle, Ipv4(kTcp)));
  file.Enhanced(3, 0, Ethernet(Ipv4(kUdp)));
  file.Section(ByteOrder::kBig).Interface(kLinkTypeNull);
  file.Enhanced(0, 0, Null(ByteOrder::kBig, Ipv4(kTcp)));
  file.Enhanced(0, 0, Null(ByteOrder::kBig, Ipv4(kUdp)));
  EXPECT_EQ(Select("tcp dst port 80", file), "111010");
}

TEST(CaptureFilter, AWrongExpressionIsQuotedWithItsError) {
  const auto filter = CaptureFilter::Compile("tcp prot 80");
  EXPECT_EQ(filter.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(filter.status().message()),
              HasSubstr("filter \"tcp prot 80\": "));
  EXPECT_THAT(std::string(filter.status().message()),
              HasSubstr("syntax error"));
}

TEST(CaptureFilter, WhatFitsOnlySomeLinkTypesFailsAtTheFirstPacketOfOthers) {
  CaptureBuilder file;
  file.Section().Interface(kLinkTypeRaw).Interface(kLinkTypeEthernet);
  file.Enhanced(1, 0, Ethernet(Ipv4(kTcp))).Enhanced(0, 0, Ipv4(kTcp));
  const std::string result =
      Select("vlan or ether host 02:61:61:61:61:61", file);
  EXPECT_THAT(result, HasSubstr("1!filter \"vlan or"));
  EXPECT_THAT(result, HasSubstr("does not fit an interface of link type RAW"));
}

TEST(CaptureFilter, WhatOnlyAKernelCanAnswerIsRefused) {
  CaptureBuilder file;
  file.PcapHeader().Record(1, 0, Ethernet(Ipv4(kTcp)));
  EXPECT_THAT(Select("inbound", file), HasSubstr("!filter \"inbound\""));
}

}  // namespace
}  // namespace splnet
