// The reader: classic pcap, and what holds for both formats.

#include "traces/capture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "tests/testing/capture_builder.h"

namespace splnet {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kSecond = 1'000'000'000;

class BothByteOrders : public ::testing::TestWithParam<ByteOrder> {};
INSTANTIATE_TEST_SUITE_P(Capture, BothByteOrders,
                         ::testing::Values(ByteOrder::kLittle,
                                           ByteOrder::kBig));

TEST_P(BothByteOrders, MicrosecondRecordsAreRead) {
  CaptureBuilder file(GetParam());
  file.PcapHeader().Record(1700000000, 999999, "first").Record(1, 2, "second!");
  const ReadCapture read = ReadAll(file.bytes());

  ASSERT_TRUE(read.status.ok()) << read.status;
  ASSERT_EQ(read.packets.size(), 2u);
  EXPECT_EQ(read.packets[0].header.number, 1u);
  EXPECT_EQ(read.packets[0].header.offset, 24u);
  EXPECT_EQ(read.packets[0].header.time_ns, 1700000000 * kSecond + 999'999'000);
  EXPECT_EQ(read.packets[0].header.len, 5u);
  EXPECT_TRUE(read.packets[0].header.has_time);
  EXPECT_EQ(read.packets[0].data, "first");
  EXPECT_EQ(read.packets[1].header.number, 2u);
  EXPECT_EQ(read.packets[1].header.offset, 24u + 16 + 5);
  EXPECT_EQ(read.packets[1].header.time_ns, kSecond + 2000);
  EXPECT_EQ(read.packets[1].data, "second!");
  EXPECT_FALSE(read.cut_short);

  ASSERT_EQ(read.interfaces.size(), 1u);
  EXPECT_EQ(read.interfaces[0].link_type, kLinkTypeEthernet);
  EXPECT_EQ(read.interfaces[0].snaplen, 65535u);
  EXPECT_EQ(read.interfaces[0].big_endian, GetParam() == ByteOrder::kBig);
  EXPECT_EQ(read.interfaces[0].clock.resolution(), 6);
}

TEST_P(BothByteOrders, NanosecondRecordsAreRead) {
  CaptureBuilder file(GetParam());
  file.PcapHeader({.magic = kPcapMagicNanos}).Record(2, 123456789, "x");
  const ReadCapture read = ReadAll(file.bytes());
  ASSERT_EQ(read.packets.size(), 1u) << read.status;
  EXPECT_EQ(read.packets[0].header.time_ns, 2 * kSecond + 123456789);
  EXPECT_EQ(read.interfaces[0].clock.resolution(), 9);
}

TEST_P(BothByteOrders, KuznetzovsRecordsHaveADirection) {
  CaptureBuilder file(GetParam());
  file.PcapHeader({.magic = kPcapMagicKuznetzov});
  for (const uint8_t packet_type : {0, 4}) {  // to this host; outgoing
    file.U32(7).U32(8).U32(2).U32(2);
    file.U32(1).U16(0x0800).U8(packet_type).U8(0).Text("ab");
  }
  const ReadCapture read = ReadAll(file.bytes());
  ASSERT_EQ(read.packets.size(), 2u) << read.status;
  EXPECT_EQ(read.packets[0].data, "ab");
  EXPECT_EQ(read.packets[0].header.direction, CaptureDirection::kInbound);
  EXPECT_EQ(read.packets[1].header.direction, CaptureDirection::kOutbound);
  EXPECT_EQ(read.packets[1].header.time_ns, 7 * kSecond + 8000);
}

// Their seconds have no sign (libpcap 1.10 takes the later ones for 1902).
TEST(Capture, ClassicTimesGoOnAfter2038) {
  CaptureBuilder file;
  file.PcapHeader().Record(4'000'000'000, 5, "x");
  EXPECT_EQ(ReadAll(file.bytes()).packets.at(0).header.time_ns,
            4'000'000'000 * kSecond + 5000);
}

TEST(Capture, ClassicLinkTypeIsTheLowerHalfOfItsWord) {
  CaptureBuilder file;
  file.PcapHeader({.link_type = 0x24000000u | kLinkTypeLinuxSll2});
  const ReadCapture read = ReadAll(file.bytes());
  ASSERT_EQ(read.interfaces.size(), 1u) << read.status;
  EXPECT_EQ(read.interfaces[0].link_type, kLinkTypeLinuxSll2);
}

TEST(Capture, OldVersionsStoredTheLengthsInTheOtherOrder) {
  struct Row {
    const char* what;
    uint16_t major, minor;
    uint32_t first, second;  // as they stand in the record
  };
  const Row rows[] = {
      {"2.4: captured, then length", 2, 4, 3, 60},
      {"2.3 may have either: usual", 2, 3, 3, 60},
      {"2.3 may have either: swapped", 2, 3, 60, 3},
      {"2.2: length, then captured", 2, 2, 60, 3},
      {"543.0: length, then captured", 543, 0, 60, 3},
  };
  for (const Row& row : rows) {
    CaptureBuilder file;
    file.PcapHeader({.major = row.major, .minor = row.minor});
    file.U32(1).U32(0).U32(row.first).U32(row.second).Text("abc");
    const ReadCapture read = ReadAll(file.bytes());
    ASSERT_EQ(read.packets.size(), 1u) << row.what << read.status;
    EXPECT_EQ(read.packets[0].data, "abc") << row.what;
    EXPECT_EQ(read.packets[0].header.len, 60u) << row.what;
  }
}

TEST(Capture, CapturedLengthAboveTheLengthIsDeliveredAndCounted) {
  CaptureBuilder file;
  file.PcapHeader().Record(1, 0, "abcdef", 4).Record(1, 0, "abcdef", 90);
  const ReadCapture read = ReadAll(file.bytes());
  ASSERT_EQ(read.packets.size(), 2u) << read.status;
  EXPECT_EQ(read.packets[0].data, "abcdef");
  EXPECT_EQ(read.packets[0].header.len, 4u);
  EXPECT_EQ(read.packets[1].header.len, 90u);
  EXPECT_EQ(read.counters.caplen_above_len, 1u);
}

// Every cut of `file`: no crash, whole packets before the cut delivered, the
// cut reported at the record that it hits, and nothing where records meet.
void ExpectEveryCutIsReported(const CaptureBuilder& file,
                              const std::vector<size_t>& ends,
                              size_t header_bytes) {
  const ReadCapture whole = ReadAll(file.bytes());
  ASSERT_TRUE(whole.status.ok()) << whole.status;
  for (size_t size = 0; size <= file.size(); ++size) {
    SCOPED_TRACE(absl::StrCat("cut after ", size, " bytes"));
    const ReadCapture read = ReadAll(file.bytes().first(size));
    if (size < header_bytes) {
      EXPECT_EQ(read.status.code(), absl::StatusCode::kInvalidArgument);
      EXPECT_THAT(read.message(), HasSubstr("test: "));
      continue;
    }
    ASSERT_TRUE(read.status.ok()) << read.status;
    size_t start = header_bytes;  // of the record that the cut hits
    for (const size_t end : ends) {
      if (end <= size) start = end;
    }
    if (start == size) {
      EXPECT_FALSE(read.cut_short) << read.cut_text;
      EXPECT_EQ(read.cut_text, "");
    } else {
      ASSERT_TRUE(read.cut_short);
      EXPECT_EQ(*read.cut_short, start);
      EXPECT_THAT(read.cut_text, HasSubstr("cut short"));
    }
    ASSERT_LE(read.packets.size(), whole.packets.size());
    size_t expected = 0;
    for (const ReadCapture::Packet& packet : whole.packets) {
      const bool last = packet.header.number == whole.packets.size();
      const size_t end =
          last ? ends.back()
               : whole.packets[packet.header.number].header.offset;
      expected += end <= size;
    }
    EXPECT_EQ(read.packets.size(), expected);
    for (size_t i = 0; i < read.packets.size(); ++i) {
      EXPECT_EQ(read.packets[i].data, whole.packets[i].data);
    }
  }
}

TEST(Capture, EveryCutOfAClassicFileIsReported) {
  CaptureBuilder file;
  std::vector<size_t> ends;
  file.PcapHeader();
  for (const char* data : {"first", "", "third packet"}) {
    file.Record(1, 0, data);
    ends.push_back(file.size());
  }
  ExpectEveryCutIsReported(file, ends, kPcapFileHeaderBytes);
}

TEST(Capture, EveryCutOfAPcapngFileIsReported) {
  CaptureBuilder file;
  std::vector<size_t> ends;
  file.Section();
  const size_t header_bytes = file.size();
  file.Interface(kLinkTypeEthernet, {{kOptIfName, "eth0"}});
  ends.push_back(file.size());
  file.Enhanced(0, 1, "first", {{kOptComment, "hello"}});
  ends.push_back(file.size());
  file.Enhanced(0, 2, "");
  ends.push_back(file.size());
  file.Simple("simple", 6);
  ends.push_back(file.size());
  file.Obsolete(0, 3, "obsolete");
  ends.push_back(file.size());
  ExpectEveryCutIsReported(file, ends, header_bytes);
}

TEST(Capture, TheCutNamesThePlaceAndTheSoundPackets) {
  CaptureBuilder file;
  file.PcapHeader().Record(1, 0, "abcd").Record(1, 0, "efgh").Record(1, 0, "i");
  const ReadCapture read = ReadAll(file.bytes().first(file.size() - 1));
  EXPECT_EQ(read.cut_text,
            "test: cut short at byte 64, where 16 bytes are left of a longer "
            "record; packets 1 to 2, before it, are sound");
}

TEST(Capture, AbsurdClassicLengthsAreDamage) {
  struct Row {
    const char* what;
    uint32_t snaplen, caplen;
    bool damage;
  };
  const uint32_t usual = CaptureReader::kUsualSnaplen;
  const uint32_t most = CaptureReader::kMaxCaplen;
  const Row rows[] = {
      {"more than the snap length, which some writers understate", 96, usual,
       false},
      {"more than the usual most", 96, usual + 1, true},
      {"a snap length above the usual counts", usual + 8, usual + 8, false},
      {"and its excess", usual + 8, usual + 9, true},
      {"no snap length", 0, most, false},
      {"no snap length, absurd", 0, most + 1, true},
      {"an absurd snap length", 0xffffffff, 0xffffffff, true},
  };
  for (const Row& row : rows) {
    CaptureBuilder file;
    file.PcapHeader({.snaplen = row.snaplen}).Record(1, 0, "sound");
    file.U32(1).U32(0).U32(row.caplen).U32(row.caplen).Text("abc");
    const ReadCapture read = ReadAll(file.bytes());
    EXPECT_EQ(read.packets.size(), 1u) << row.what;
    EXPECT_EQ(!read.status.ok(), row.damage) << row.what << read.status;
    EXPECT_EQ(read.cut_short.has_value(), !row.damage) << row.what;
    if (row.damage) {
      EXPECT_THAT(read.message(),
                  HasSubstr("test: damaged at byte 45: the packet would have"))
          << row.what;
      EXPECT_THAT(read.message(), HasSubstr("packet 1, before it, is sound"));
    }
  }
}

TEST(Capture, AfterTheEndNextStaysFalse) {
  CaptureBuilder file;
  file.PcapHeader().Record(1, 0, "abcd").Text("tail");
  auto reader = CaptureReader::FromBytes(file.bytes(), "test");
  ASSERT_TRUE(reader.ok());
  CapturePacket packet;
  EXPECT_TRUE((*reader)->Next(packet));
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE((*reader)->Next(packet));
    EXPECT_EQ((*reader)->cut_short(), 44u);
  }
}

TEST(Capture, RewindStartsAnew) {
  CaptureBuilder file;
  file.Section({{kOptComment, "once"}}).Interface().Enhanced(0, 1, "abc");
  file.Section(ByteOrder::kBig).Interface(kLinkTypeRaw).Enhanced(0, 2, "def");
  file.Text("cut!");
  auto reader = CaptureReader::FromBytes(file.bytes(), "test");
  ASSERT_TRUE(reader.ok());
  for (int pass = 0; pass < 2; ++pass) {
    const ReadCapture read = ReadAll(**reader);
    ASSERT_EQ(read.packets.size(), 2u) << pass;
    EXPECT_EQ(read.packets[1].header.number, 2u);
    EXPECT_EQ(read.packets[1].data, "def");
    EXPECT_EQ(read.interfaces.size(), 2u);
    EXPECT_EQ(read.comments.size(), 1u);
    EXPECT_EQ(read.counters.packets, 2u);
    EXPECT_TRUE(read.cut_short);
    EXPECT_EQ((*reader)->bytes_read(), file.size() - 4);
    EXPECT_EQ((*reader)->bytes_total(), file.size());
    (*reader)->Rewind();
  }
}

TEST(Capture, WhatIsNoCaptureIsNamedWithTheWayOut) {
  struct Row {
    std::string bytes;
    const char* message;
  };
  const Row rows[] = {
      {"", "test: is empty"},
      {"\xd4\xc3", "test: cut short in its header, after 2 bytes"},
      {"GET / HTTP/1.0\r\n", "begins with the bytes 47 45 54 20"},
      {std::string("\x1f\x8b\x08\x00", 4), "compressed with gzip"},
      {"\x28\xb5\x2f\xfd", "compressed with zstd"},
      {std::string("snoop\0\0\0", 8), "editcap -F pcapng"},
      {std::string(4096, '\0'), "is not a capture"},
  };
  for (const Row& row : rows) {
    const ReadCapture read = ReadAll(std::as_bytes(std::span(row.bytes)));
    EXPECT_EQ(read.status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(read.message(), HasSubstr(row.message));
    EXPECT_THAT(read.message(), ::testing::Not(HasSubstr("\n")));
  }
}

TEST(Capture, AnUnknownVersionIsRefused) {
  const ReadCapture read =
      ReadAll(CaptureBuilder().PcapHeader({.major = 3}).bytes());
  EXPECT_THAT(read.message(), HasSubstr("pcap version 3.4 is not known"));
}

TEST(Capture, LinkTypesHaveTheirRegisteredNames) {
  EXPECT_EQ(LinkTypeName(kLinkTypeEthernet), "ETHERNET");
  EXPECT_EQ(LinkTypeName(kLinkTypeLinuxSll2), "LINUX_SLL2");
  EXPECT_EQ(LinkTypeName(147), "link type 147");
}

}  // namespace
}  // namespace splnet
