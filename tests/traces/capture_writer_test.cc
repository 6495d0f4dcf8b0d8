// The writer: what it writes is read back by our reader and by libpcap.

#include "traces/capture_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pcap/pcap.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/testing/capture_builder.h"
#include "traces/capture.h"

namespace splnet {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kTime = 1'700'000'000'123'456'789;

std::span<const std::byte> Bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

CapturePacket Packet(uint32_t interface, int64_t time_ns,
                     std::string_view data) {
  CapturePacket packet;
  packet.interface = interface;
  packet.time_ns = time_ns;
  packet.data = Bytes(data);
  packet.len = static_cast<uint32_t>(data.size());
  return packet;
}

// A file name in a directory that is removed with the test.
class CaptureWriterFile : public ::testing::Test {
 protected:
  CaptureWriterFile() {
    std::string pattern = ::testing::TempDir() + "capture_writer_XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
  }
  ~CaptureWriterFile() override { std::filesystem::remove_all(directory_); }
  std::string Path(std::string_view name) const {
    return absl::StrCat(directory_, "/", std::string(name));
  }

 private:
  std::string directory_;
};

TEST(CaptureWriter, ReaderGetsBackWhatWasWritten) {
  std::vector<std::byte> bytes;
  const auto writer = CaptureWriter::ToMemory(&bytes);
  EXPECT_EQ(writer->AddInterface({.name = "wire0", .description = "a to b"}),
            0u);
  EXPECT_EQ(writer->AddInterface({.name = "raw1",
                                  .link_type = kLinkTypeRaw,
                                  .snaplen = 6,
                                  .unit = CaptureUnit::kMicroseconds}),
            1u);
  CapturePacket out = Packet(0, kTime, "outbound");
  out.direction = CaptureDirection::kOutbound;
  CapturePacket in = Packet(0, kTime + 1, "in");
  in.direction = CaptureDirection::kInbound;
  in.comment = "first try";
  in.len = 1500;
  ASSERT_TRUE(writer->Write(out).ok());
  ASSERT_TRUE(writer->Write(in).ok());
  ASSERT_TRUE(writer->Write(Packet(1, kTime, "cut to six")).ok());
  ASSERT_TRUE(writer->Write(Packet(0, 0, "")).ok());
  ASSERT_TRUE(writer->Close().ok());

  const ReadCapture read = ReadAll(bytes);
  ASSERT_TRUE(read.status.ok()) << read.status;
  EXPECT_FALSE(read.cut_short);
  ASSERT_EQ(read.interfaces.size(), 2u);
  EXPECT_EQ(read.interfaces[0].name, "wire0");
  EXPECT_EQ(read.interfaces[0].description, "a to b");
  EXPECT_EQ(read.interfaces[0].link_type, kLinkTypeEthernet);
  EXPECT_EQ(read.interfaces[0].snaplen, 0u);
  EXPECT_EQ(read.interfaces[0].clock.resolution(), 9);
  EXPECT_EQ(read.interfaces[1].link_type, kLinkTypeRaw);
  EXPECT_EQ(read.interfaces[1].clock.resolution(), 6);

  ASSERT_EQ(read.packets.size(), 4u);
  EXPECT_EQ(read.packets[0].data, "outbound");
  EXPECT_EQ(read.packets[0].header.time_ns, kTime);
  EXPECT_EQ(read.packets[0].header.direction, CaptureDirection::kOutbound);
  EXPECT_EQ(read.packets[1].data, "in");
  EXPECT_EQ(read.packets[1].header.len, 1500u);
  EXPECT_EQ(read.packets[1].header.direction, CaptureDirection::kInbound);
  EXPECT_EQ(read.packets[1].comment, "first try");
  EXPECT_EQ(read.packets[2].data, "cut to");
  EXPECT_EQ(read.packets[2].header.len, 10u);
  EXPECT_EQ(read.packets[2].header.time_ns, kTime / 1000 * 1000);
  EXPECT_EQ(read.packets[3].data, "");
  EXPECT_EQ(read.packets[3].header.direction, CaptureDirection::kUnknown);
}

TEST(CaptureWriter, PiecesAreOnePacket) {
  std::vector<std::byte> whole_bytes, pieces_bytes;
  const auto whole = CaptureWriter::ToMemory(&whole_bytes);
  const auto pieces = CaptureWriter::ToMemory(&pieces_bytes);
  whole->AddInterface({.snaplen = 7});
  pieces->AddInterface({.snaplen = 7});
  const CapturePacket packet = Packet(0, 5, "abcdefghi");
  const std::array<std::span<const std::byte>, 4> chain = {
      Bytes("abc"), Bytes(""), Bytes("defgh"), Bytes("i")};
  ASSERT_TRUE(whole->Write(packet).ok());
  ASSERT_TRUE(pieces->Write(packet, chain).ok());
  ASSERT_TRUE(whole->Close().ok());
  ASSERT_TRUE(pieces->Close().ok());
  EXPECT_EQ(ReadAll(pieces_bytes).packets.at(0).data, "abcdefg");
  EXPECT_EQ(pieces_bytes, whole_bytes);
}

TEST(CaptureWriter, TheBytesAreThoseOfTheFormat) {
  std::vector<std::byte> bytes;
  const auto writer = CaptureWriter::ToMemory(&bytes);
  writer->AddInterface({.name = "w"});
  CapturePacket packet = Packet(0, 0x1'0000'0002, "abcde");
  packet.direction = CaptureDirection::kOutbound;
  ASSERT_TRUE(writer->Write(packet).ok());
  ASSERT_TRUE(writer->Close().ok());

  CaptureBuilder file;
  file.Section();
  file.Interface(kLinkTypeEthernet,
                 {{kOptIfName, "w"}, {kOptIfTsResol, "\x09"}});
  file.Enhanced(0, 0x1'0000'0002, "abcde",
                {{kOptPacketFlags, file.Number32(2)}});
  const std::string_view written(reinterpret_cast<const char*>(bytes.data()),
                                 bytes.size());
  EXPECT_EQ(written, file.text());
}

TEST(CaptureWriter, WhatTheFormatCannotHoldIsRefused) {
  std::vector<std::byte> bytes;
  const auto writer = CaptureWriter::ToMemory(&bytes);
  writer->AddInterface({});
  const std::string huge(CaptureReader::kMaxCaplen + 1, 'x');
  for (const CapturePacket& packet :
       {Packet(1, 0, "a"), Packet(0, -1, "a"), Packet(0, 0, huge)}) {
    EXPECT_EQ(writer->Write(packet).code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_TRUE(writer->Write(Packet(0, 0, "a")).ok());
  EXPECT_TRUE(writer->Close().ok());
  EXPECT_EQ(ReadAll(bytes).packets.size(), 1u);
}

TEST(CaptureWriter, TextsAreCutToWhatAnOptionHolds) {
  std::vector<std::byte> bytes;
  const auto writer = CaptureWriter::ToMemory(&bytes);
  const std::string text(70000, 't');
  writer->AddInterface({.name = text});
  CapturePacket packet = Packet(0, 0, "a");
  packet.comment = text;
  ASSERT_TRUE(writer->Write(packet).ok());
  ASSERT_TRUE(writer->Close().ok());
  const ReadCapture read = ReadAll(bytes);
  ASSERT_EQ(read.packets.size(), 1u) << read.status;
  EXPECT_EQ(read.packets[0].comment, text.substr(0, 65535));
  EXPECT_EQ(read.interfaces[0].name, text.substr(0, 65535));
}

// libpcap reads our files packet for packet as our reader does.
void ExpectLibpcapAgrees(const std::string& path, CaptureReader& reader) {
  char error[PCAP_ERRBUF_SIZE];
  pcap_t* const pcap = pcap_open_offline_with_tstamp_precision(
      path.c_str(), PCAP_TSTAMP_PRECISION_NANO, error);
  ASSERT_NE(pcap, nullptr) << error;
  pcap_pkthdr* header;
  const u_char* data;
  CapturePacket packet;
  while (reader.Next(packet)) {
    SCOPED_TRACE(absl::StrCat("packet ", packet.number));
    ASSERT_EQ(pcap_next_ex(pcap, &header, &data), 1) << pcap_geterr(pcap);
    EXPECT_EQ(header->ts.tv_sec * 1'000'000'000 + header->ts.tv_usec,
              packet.time_ns);
    EXPECT_EQ(header->len, packet.len);
    ASSERT_EQ(header->caplen, packet.caplen());
    EXPECT_EQ(std::memcmp(data, packet.data.data(), packet.caplen()), 0);
  }
  EXPECT_EQ(pcap_next_ex(pcap, &header, &data), PCAP_ERROR_BREAK);
  EXPECT_TRUE(reader.status().ok()) << reader.status();
  pcap_close(pcap);
}

TEST_F(CaptureWriterFile, LibpcapReadsTheSame) {
  const std::string path = Path("out.pcapng");
  auto writer = CaptureWriter::Create(path);
  ASSERT_TRUE(writer.ok()) << writer.status();
  (*writer)->AddInterface({.name = "wire0"});
  std::string data;
  for (int i = 0; i < 3000; ++i) {  // more than a buffer of the writer
    data.push_back(static_cast<char>(i));
    CapturePacket packet = Packet(0, kTime + int64_t{i} * 12'345'678'901, data);
    if (i % 3 == 0) packet.direction = CaptureDirection::kInbound;
    if (i % 5 == 0) packet.comment = "five";
    if (i % 7 == 0) packet.len += 1000;
    ASSERT_TRUE((*writer)->Write(packet).ok());
  }
  ASSERT_TRUE((*writer)->Close().ok());
  auto reader = CaptureReader::Open(path);
  ASSERT_TRUE(reader.ok()) << reader.status();
  ExpectLibpcapAgrees(path, **reader);
  EXPECT_EQ((*reader)->counters().packets, 3000u);
}

TEST_F(CaptureWriterFile, LibpcapReadsClassicFilesAsWeDo) {
  for (const ByteOrder order : {ByteOrder::kLittle, ByteOrder::kBig}) {
    for (const uint32_t magic : {kPcapMagicMicros, kPcapMagicNanos}) {
      CaptureBuilder file(order);
      file.PcapHeader({.magic = magic});
      file.Record(1'700'000'000, 999'999, "first", 77).Record(1, 2, "");
      file.Record(2'000'000'000, 5, std::string(9000, 'x'));
      const std::string path = Path("classic.pcap");
      std::ofstream(path, std::ios::binary) << file.text();
      auto reader = CaptureReader::Open(path);
      ASSERT_TRUE(reader.ok()) << reader.status();
      ExpectLibpcapAgrees(path, **reader);
      EXPECT_EQ((*reader)->counters().packets, 3u);
    }
  }
}

TEST_F(CaptureWriterFile, TheCaptureBeingReadIsNotOverwritten) {
  const std::string path = Path("in.pcap");
  CaptureBuilder file;
  file.PcapHeader().Record(1, 0, "precious");
  std::ofstream(path, std::ios::binary) << file.text();
  {
    auto reader = CaptureReader::Open(path);
    ASSERT_TRUE(reader.ok()) << reader.status();
    const auto writer = CaptureWriter::Create(path);
    EXPECT_EQ(writer.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(writer.status().message()),
                HasSubstr("write to another file"));
    EXPECT_EQ(ReadAll(**reader).packets.size(), 1u);
  }
  // Once it is closed it may be overwritten, and nothing old is left behind.
  auto writer = CaptureWriter::Create(path);
  ASSERT_TRUE(writer.ok()) << writer.status();
  ASSERT_TRUE((*writer)->Close().ok());
  EXPECT_EQ(std::filesystem::file_size(path), kSectionBytes);
}

TEST_F(CaptureWriterFile, ErrorsNameTheFile) {
  const auto missing = CaptureWriter::Create(Path("no/such/directory.pcapng"));
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.status().message()),
              HasSubstr("no/such/directory.pcapng: cannot create it"));
  const auto directory = CaptureWriter::Create(Path(""));
  EXPECT_EQ(directory.status().code(), absl::StatusCode::kPermissionDenied);
}

TEST(CaptureWriter, AFullDiskIsReportedAtTheLatestByClose) {
  auto writer = CaptureWriter::Create("/dev/full");
  if (!writer.ok()) GTEST_SKIP() << "no /dev/full here";
  (*writer)->AddInterface({});
  ASSERT_TRUE((*writer)->Write(Packet(0, 0, "fits the buffer")).ok());
  const absl::Status status = (*writer)->Close();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("/dev/full: cannot write: No space left"));
  EXPECT_EQ((*writer)->Close(), status);
  EXPECT_EQ((*writer)->Write(Packet(0, 0, "more")), status);
}

TEST(CaptureWriter, AFullDiskIsReportedByWriteOnceTheBufferIsFull) {
  auto writer = CaptureWriter::Create("/dev/full");
  if (!writer.ok()) GTEST_SKIP() << "no /dev/full here";
  (*writer)->AddInterface({});
  const std::string data(1 << 20, 'x');
  EXPECT_EQ((*writer)->Write(Packet(0, 0, data)).code(),
            absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace splnet
