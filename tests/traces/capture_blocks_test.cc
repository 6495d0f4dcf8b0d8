// The reader: pcapng.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "tests/testing/capture_builder.h"
#include "traces/capture.h"

namespace splnet {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int64_t kSecond = 1'000'000'000;

class PcapngByteOrder : public ::testing::TestWithParam<ByteOrder> {};
INSTANTIATE_TEST_SUITE_P(Pcapng, PcapngByteOrder,
                         ::testing::Values(ByteOrder::kLittle,
                                           ByteOrder::kBig));

TEST_P(PcapngByteOrder, InterfacesKeepWhatTheirBlocksSay) {
  CaptureBuilder file(GetParam());
  file.Section({{kOptComment, "a lab"}, {4, "a program"}});
  file.Interface(kLinkTypeEthernet,
                 {{kOptIfName, "eth0"},
                  {kOptIfDescription, "uplink"},
                  {kOptIfTsResol, "\x09"},
                  {kOptIfFilter, std::string("\0tcp", 4)},
                  {kOptIfTsOffset, file.Number64(uint64_t(-5))},
                  {kOptComment, "north"}},
                 1500);
  file.Interface(kLinkTypeRaw);
  const ReadCapture read = ReadAll(file.bytes());

  ASSERT_TRUE(read.status.ok()) << read.status;
  ASSERT_EQ(read.interfaces.size(), 2u);
  const CaptureInterface& eth0 = read.interfaces[0];
  EXPECT_EQ(eth0.link_type, kLinkTypeEthernet);
  EXPECT_EQ(eth0.snaplen, 1500u);
  EXPECT_EQ(eth0.name, "eth0");
  EXPECT_EQ(eth0.description, "uplink");
  EXPECT_EQ(eth0.filter, "tcp");
  EXPECT_EQ(eth0.comment, "north");
  EXPECT_EQ(eth0.clock.resolution(), 9);
  EXPECT_EQ(eth0.clock.offset_seconds(), -5);
  EXPECT_EQ(eth0.big_endian, GetParam() == ByteOrder::kBig);
  EXPECT_EQ(read.interfaces[1].link_type, kLinkTypeRaw);
  EXPECT_EQ(read.interfaces[1].clock.resolution(), 6);
  EXPECT_THAT(read.comments, ElementsAre("a lab"));
}

TEST_P(PcapngByteOrder, PacketsOfSeveralInterfacesKeepTheirOwnUnits) {
  CaptureBuilder file(GetParam());
  file.Section();
  file.Interface(kLinkTypeEthernet, {{kOptIfTsResol, "\x09"}});
  file.Interface(kLinkTypeLinuxSll);
  file.Interface(kLinkTypeRaw, {{kOptIfTsResol, "\x8a"}});
  const uint64_t late = 1'700'000'000'000'000'001;  // needs both halves
  file.Enhanced(0, late, "a").Enhanced(1, 1'500'000, "bb");
  file.Enhanced(2, 512, "ccc", {}, 1000);
  const ReadCapture read = ReadAll(file.bytes());

  ASSERT_EQ(read.packets.size(), 3u) << read.status;
  EXPECT_EQ(read.packets[0].header.time_ns, static_cast<int64_t>(late));
  EXPECT_EQ(read.packets[0].header.interface, 0u);
  EXPECT_EQ(read.packets[0].data, "a");
  EXPECT_EQ(read.packets[1].header.time_ns, kSecond + kSecond / 2);
  EXPECT_EQ(read.packets[1].header.interface, 1u);
  EXPECT_EQ(read.packets[1].data, "bb");
  EXPECT_EQ(read.packets[2].header.time_ns, kSecond / 2);
  EXPECT_EQ(read.packets[2].header.len, 1000u);
  EXPECT_EQ(read.packets[2].data, "ccc");
  EXPECT_EQ(read.packets[2].header.offset,
            file.size() - kEnhancedPacketBytes - 4);
}

TEST_P(PcapngByteOrder, PacketsKeepDirectionAndComment) {
  CaptureBuilder file(GetParam());
  const auto flags = [&file](uint32_t bits) {
    return CaptureOption{kOptPacketFlags, file.Number32(bits)};
  };
  file.Section().Interface();
  file.Enhanced(0, 0, "abcd", {flags(1)});
  file.Enhanced(0, 0, "abcde", {{kOptComment, "why"}, flags(2), {5, "id"}});
  file.Enhanced(0, 0, "abcdef", {flags(0xfffffffc)});
  file.Obsolete(0, 0, "ab", {flags(2), {kOptComment, "old"}});
  file.Enhanced(0, 0, "abcd");
  const ReadCapture read = ReadAll(file.bytes());

  ASSERT_EQ(read.packets.size(), 5u) << read.status;
  EXPECT_EQ(read.packets[0].header.direction, CaptureDirection::kInbound);
  EXPECT_EQ(read.packets[0].comment, "");
  EXPECT_EQ(read.packets[1].header.direction, CaptureDirection::kOutbound);
  EXPECT_EQ(read.packets[1].comment, "why");
  EXPECT_EQ(read.packets[2].header.direction, CaptureDirection::kUnknown);
  EXPECT_EQ(read.packets[3].header.direction, CaptureDirection::kOutbound);
  EXPECT_EQ(read.packets[3].comment, "old");
  EXPECT_EQ(read.packets[4].header.direction, CaptureDirection::kUnknown);
  EXPECT_EQ(read.packets[4].comment, "");
  EXPECT_EQ(read.counters.bad_options, 0u);
}

TEST_P(PcapngByteOrder, SimplePacketsTakeInterfaceAndSnapLengthOfTheFirst) {
  CaptureBuilder file(GetParam());
  file.Section().Interface(kLinkTypePpp, {}, 4).Interface();
  file.Enhanced(1, 3, "x").Simple("abcd", 100).Simple("abc", 3);
  const ReadCapture read = ReadAll(file.bytes());
  ASSERT_EQ(read.packets.size(), 3u) << read.status;
  EXPECT_EQ(read.packets[1].data, "abcd");
  EXPECT_EQ(read.packets[1].header.len, 100u);
  EXPECT_EQ(read.packets[1].header.interface, 0u);
  EXPECT_FALSE(read.packets[1].header.has_time);
  EXPECT_EQ(read.packets[1].header.time_ns, 3000) << "that of the one before";
  EXPECT_EQ(read.packets[2].data, "abc");
  EXPECT_EQ(read.counters.without_time, 2u);
}

TEST_P(PcapngByteOrder, ObsoletePacketsAreRead) {
  CaptureBuilder file(GetParam());
  file.Section().Interface().Interface(kLinkTypeRaw);
  file.Obsolete(1, 0x1'0000'0001, "odd");
  const ReadCapture read = ReadAll(file.bytes());
  ASSERT_EQ(read.packets.size(), 1u) << read.status;
  EXPECT_EQ(read.packets[0].header.interface, 1u);
  EXPECT_EQ(read.packets[0].header.time_ns, 0x1'0000'0001 * 1000);
  EXPECT_EQ(read.packets[0].data, "odd");
}

TEST(Pcapng, SectionsHaveInterfacesAndByteOrderOfTheirOwn) {
  CaptureBuilder file;
  file.Section({{kOptComment, "one"}});
  file.Interface(kLinkTypeEthernet).Interface(kLinkTypeRaw);
  file.Enhanced(1, 1, "first");
  file.Section(ByteOrder::kBig, {{kOptComment, "two"}});
  file.Interface(kLinkTypeLoop).Enhanced(0, 2, "second");
  file.Section(ByteOrder::kLittle);
  file.Interface(kLinkTypeNull).Enhanced(0, 3, "third");
  const ReadCapture read = ReadAll(file.bytes());

  ASSERT_EQ(read.packets.size(), 3u) << read.status;
  EXPECT_EQ(read.packets[0].header.interface, 1u);
  EXPECT_EQ(read.packets[1].header.interface, 2u);
  EXPECT_EQ(read.packets[1].data, "second");
  EXPECT_EQ(read.packets[1].header.time_ns, 2000);
  EXPECT_EQ(read.packets[2].header.interface, 3u);
  EXPECT_EQ(read.packets[2].data, "third");
  ASSERT_EQ(read.interfaces.size(), 4u);
  EXPECT_EQ(read.interfaces[1].section, 1u);
  EXPECT_EQ(read.interfaces[2].section, 2u);
  EXPECT_TRUE(read.interfaces[2].big_endian);
  EXPECT_EQ(read.interfaces[3].link_type, kLinkTypeNull);
  EXPECT_FALSE(read.interfaces[3].big_endian);
  EXPECT_EQ(read.counters.sections, 3u);
  EXPECT_THAT(read.comments, ElementsAre("one", "two"));
}

TEST(Pcapng, OtherBlocksAreSkippedAndCounted) {
  CaptureBuilder file;
  file.Section();
  file.Block(kBlockNameResolution, "names").Interface();
  file.Block(kBlockSecrets, "keys").Block(kBlockSecrets, "keys");
  file.Enhanced(0, 1, "a");
  file.Block(kBlockCustom, "mine").Block(kBlockCustomNoCopy, "yours");
  file.Block(0x7fffffff, std::string(100, 'x')).Block(0x80000001, "");
  file.Block(0x80000002, "").Enhanced(0, 2, "b");
  const ReadCapture read = ReadAll(file.bytes());

  ASSERT_EQ(read.packets.size(), 2u) << read.status;
  EXPECT_EQ(read.packets[1].data, "b");
  EXPECT_EQ(read.packets[1].header.number, 2u);
  EXPECT_EQ(read.counters.name_resolution, 1u);
  EXPECT_EQ(read.counters.secrets, 2u);
  EXPECT_EQ(read.counters.custom, 2u);
  EXPECT_EQ(read.counters.unknown, 3u);
}

TEST(Pcapng, StatisticsBelongToTheirInterface) {
  CaptureBuilder file;
  file.Section().Interface().Interface();
  const std::string times = file.Number32(0) + file.Number32(0);
  file.Block(kBlockStatistics,
             file.Number32(1) + times + file.Number16(kOptStatReceived) +
                 file.Number16(8) + file.Number64(uint64_t{1} << 40) +
                 file.Number16(kOptStatDropped) + file.Number16(8) +
                 file.Number64(17) + file.Number32(0));
  file.Block(kBlockStatistics, file.Number32(9) + times);  // no interface's
  file.Block(kBlockStatistics, "");                        // nothing in it
  const ReadCapture read = ReadAll(file.bytes());
  ASSERT_TRUE(read.status.ok()) << read.status;
  EXPECT_EQ(read.interfaces[0].dropped, std::nullopt);
  EXPECT_EQ(read.interfaces[1].received, uint64_t{1} << 40);
  EXPECT_EQ(read.interfaces[1].dropped, 17u);
  EXPECT_EQ(read.counters.statistics, 3u);
}

TEST(Pcapng, DamageNamesThePlaceAndWhatIsWrong) {
  struct Row {
    const char* message;
    std::string block;
  };
  CaptureBuilder n;  // for its numbers
  const auto packet = [&n](uint32_t interface, uint32_t caplen) {
    CaptureBuilder block;
    block.Block(kBlockEnhancedPacket, n.Number32(interface) + n.Number64(0) +
                                          n.Number32(caplen) +
                                          n.Number32(caplen) + "1234");
    return std::string(block.text());
  };
  const auto raw = [&n](uint32_t type, uint32_t size, uint32_t again) {
    std::string block = n.Number32(type) + n.Number32(size);
    block.resize(size > 12 && size < 100 ? size - 4 : 8);
    return block + n.Number32(again);
  };
  const Row rows[] = {
      {"a block of 8 bytes", raw(99, 8, 8)},
      {"a block of 0 bytes", raw(kBlockEnhancedPacket, 0, 0)},
      {"a block of 30 bytes", raw(99, 30, 30)},
      {"a block of 4294967292 bytes", raw(99, 0xfffffffc, 0xfffffffc)},
      {"the block's two lengths differ: 40 and 44", raw(99, 40, 44)},
      {"a packet block of 28 bytes", raw(kBlockEnhancedPacket, 28, 28)},
      {"a packet block of 12 bytes", raw(kBlockPacket, 12, 12)},
      {"an interface block of 16 bytes", raw(kBlockInterface, 16, 16)},
      {"a section header without", raw(kBlockSection, 28, 28)},
      {"a packet of interface 1, but the section has described 1",
       packet(1, 4)},
      {"a packet of interface 4294967295", packet(0xffffffff, 4)},
      {"the packet would have 5 captured bytes in a block with room for 4",
       packet(0, 5)},
      {"the packet would have 4294967295 captured bytes",
       packet(0, 0xffffffff)},
      {"the packet would have 2 captured bytes in a block with room for 0",
       std::string(CaptureBuilder().Simple("", 2).text())},
      {"a packet of interface 7, but",
       std::string(CaptureBuilder().Obsolete(7, 0, "a").text())},
  };
  for (const Row& row : rows) {
    CaptureBuilder file;
    file.Section().Interface().Enhanced(0, 1, "ok").Enhanced(0, 2, "ok");
    const size_t place = file.size();
    file.Text(row.block).Enhanced(0, 3, "behind");
    const ReadCapture read = ReadAll(file.bytes());
    EXPECT_EQ(read.packets.size(), 2u) << row.message;
    EXPECT_EQ(read.status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(read.message(), HasSubstr(row.message));
    EXPECT_THAT(read.message(),
                HasSubstr(absl::StrCat("test: damaged at byte ", place, ": ")));
    EXPECT_THAT(read.message(), HasSubstr("; packets 1 to 2, before it, are"));
    EXPECT_FALSE(read.cut_short);
  }
}

TEST(Pcapng, APacketBeforeAnyInterfaceIsDamage) {
  for (const CaptureBuilder& packet :
       {CaptureBuilder().Enhanced(0, 0, "a"), CaptureBuilder().Simple("a", 1),
        CaptureBuilder().Obsolete(0, 0, "a")}) {
    CaptureBuilder file;
    file.Section().Interface().Section().Text(packet.text());
    const ReadCapture read = ReadAll(file.bytes());
    EXPECT_TRUE(read.packets.empty());
    EXPECT_THAT(read.message(), HasSubstr("the section has described 0; no "
                                          "packet comes before it"));
  }
}

TEST(Pcapng, DamagedSectionHeadersAreNamed) {
  CaptureBuilder n;
  const std::string version = n.Number16(2) + n.Number16(0);
  const std::string body = n.Number32(kByteOrderMagic) + version;
  EXPECT_THAT(
      ReadAll(
          CaptureBuilder().Block(kBlockSection, body + n.Number64(0)).bytes())
          .message(),
      HasSubstr("pcapng version 2.0 is not known"));
  EXPECT_THAT(ReadAll(CaptureBuilder()
                          .Block(kBlockSection, body)
                          .Text(std::string(16, 'x'))
                          .bytes())
                  .message(),
              HasSubstr("a section header of 20 bytes"));
}

TEST(Pcapng, OptionsThatRunPastTheirBlockAreCountedAndHarmNothing) {
  CaptureBuilder file;
  file.Section().Interface();
  const std::string head = file.Number32(0) + file.Number64(0) +
                           file.Number32(4) + file.Number32(4) + "abcd";
  // A comment of 400 bytes where there are 8.
  file.Block(kBlockEnhancedPacket, head + file.Number16(kOptComment) +
                                       file.Number16(400) + "eightbyt");
  // Flags of 2 bytes.
  file.Block(kBlockEnhancedPacket,
             head + file.Number16(kOptPacketFlags) + file.Number16(2) + "\1");
  const ReadCapture read = ReadAll(file.bytes());
  ASSERT_EQ(read.packets.size(), 2u) << read.status;
  EXPECT_EQ(read.packets[0].data, "abcd");
  EXPECT_EQ(read.packets[0].comment, "");
  EXPECT_EQ(read.packets[1].header.direction, CaptureDirection::kUnknown);
  EXPECT_EQ(read.counters.bad_options, 1u);
}

TEST(Pcapng, InterfacesAndTextsAreBounded) {
  CaptureBuilder file;
  const std::string comment(60000, 'c');
  for (int i = 0; i < 100; ++i) file.Section({{kOptComment, comment}});
  for (uint32_t i = 0; i <= CaptureReader::kMaxInterfaces; ++i) {
    file.Interface();
  }
  const ReadCapture read = ReadAll(file.bytes());
  EXPECT_THAT(read.message(), HasSubstr("more than 65536 interfaces"));
  EXPECT_EQ(read.interfaces.size(), CaptureReader::kMaxInterfaces);
  EXPECT_EQ(read.comments.size(), CaptureReader::kMaxTextBytes / 60000);
}

TEST(Pcapng, ANameEndsAtItsTerminator) {
  CaptureBuilder file;
  file.Section().Interface(kLinkTypeEthernet,
                           {{kOptIfName, std::string("eth0\0junk", 9)}});
  EXPECT_EQ(ReadAll(file.bytes()).interfaces.at(0).name, "eth0");
}

}  // namespace
}  // namespace splnet
