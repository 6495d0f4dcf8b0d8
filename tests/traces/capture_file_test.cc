// Opening captures by path: what a path may be, and pipes.

#include "traces/capture_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/testing/capture_builder.h"
#include "traces/capture.h"

namespace splnet {
namespace {

using ::testing::HasSubstr;

class CaptureFileTest : public ::testing::Test {
 protected:
  CaptureFileTest() {
    std::string pattern = ::testing::TempDir() + "capture_file_XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
  }
  ~CaptureFileTest() override { std::filesystem::remove_all(directory_); }

  std::string Path(const std::string& name) const {
    return directory_ + "/" + name;
  }
  std::string Write(const std::string& name, std::string_view bytes) const {
    std::ofstream(Path(name), std::ios::binary) << bytes;
    return Path(name);
  }

  std::string directory_;
};

void WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n <= 0) break;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

// Standard input replaced by `fd`, which becomes its own.
class StandardInput {
 public:
  explicit StandardInput(int fd) : saved_(::dup(STDIN_FILENO)) {
    ::dup2(fd, STDIN_FILENO);
    ::close(fd);
  }
  ~StandardInput() {
    ::dup2(saved_, STDIN_FILENO);
    ::close(saved_);
  }

 private:
  int saved_;
};

// A capture larger than the reader's steps and a pipe's buffer.
CaptureBuilder LargeCapture() {
  CaptureBuilder file;
  file.PcapHeader();
  for (uint32_t i = 0; i < 5000; ++i) {
    file.Record(i, 0, std::string(1 + i % 1500, static_cast<char>(i)));
  }
  return file;
}

void ExpectLarge(CaptureReader& reader) {
  const ReadCapture read = ReadAll(reader);
  ASSERT_TRUE(read.status.ok()) << read.status;
  ASSERT_EQ(read.packets.size(), 5000u);
  for (uint32_t i = 0; i < 5000; ++i) {
    ASSERT_EQ(read.packets[i].data,
              std::string(1 + i % 1500, static_cast<char>(i)));
  }
}

TEST_F(CaptureFileTest, BytesStayReadableAfterTheReaderHasPassedThem) {
  const std::string path = Write("large.pcap", LargeCapture().text());
  auto reader = CaptureReader::Open(path);
  ASSERT_TRUE(reader.ok()) << reader.status();
  CapturePacket first, packet;
  ASSERT_TRUE((*reader)->Next(first));
  while ((*reader)->Next(packet)) {
  }
  EXPECT_EQ(first.data.size(), 1u);
  EXPECT_EQ(first.data[0], std::byte{0});
  for (int pass = 0; pass < 2; ++pass) {
    (*reader)->Rewind();
    ExpectLarge(**reader);
  }
}

// Bytes of files that are mapped and in memory now.
size_t ResidentFileBytes() {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    size_t kib = 0;
    if (word == "RssFile:" && status >> kib) return kib << 10;
  }
  return 0;
}

TEST_F(CaptureFileTest, MemoryStaysBoundedWhateverTheSize) {
  constexpr size_t kBound = size_t{16} << 20;
  CaptureBuilder file;
  file.Section().Interface();
  const std::string data(100'000, 'd');
  for (int i = 0; i < 320; ++i) file.Enhanced(0, 0, data);
  for (int i = 0; i < 320; ++i) file.Block(99, data);  // no packet for long
  const std::string path = Write("large.pcapng", file.text());
  auto reader = CaptureReader::Open(path);
  ASSERT_TRUE(reader.ok()) << reader.status();
  const size_t before = ResidentFileBytes();
  if (before == 0) GTEST_SKIP() << "the kernel does not tell";
  size_t most = 0;
  uint64_t sum = 0;
  CapturePacket packet;
  while ((*reader)->Next(packet)) {
    for (const std::byte b : packet.data) sum += static_cast<uint8_t>(b);
    if (packet.number % 32 == 0) most = std::max(most, ResidentFileBytes());
  }
  most = std::max(most, ResidentFileBytes());
  EXPECT_EQ(sum, uint64_t{320} * 100'000 * 'd');
  EXPECT_EQ((*reader)->counters().unknown, 320u);
  EXPECT_LT(most, before + kBound) << "of a file of 64 MB";
}

TEST_F(CaptureFileTest, APipeIsReadWhole) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const CaptureBuilder file = LargeCapture();
  std::thread feeder([&] {
    WriteAll(ends[1], file.text().substr(0, 3));  // less than a magic number
    WriteAll(ends[1], file.text().substr(3));
    ::close(ends[1]);
  });
  {
    const StandardInput input(ends[0]);
    auto reader = CaptureReader::Open("-");
    feeder.join();
    ASSERT_TRUE(reader.ok()) << reader.status();
    EXPECT_EQ((*reader)->name(), "standard input");
    ExpectLarge(**reader);
    (*reader)->Rewind();
    ExpectLarge(**reader);
  }
}

TEST_F(CaptureFileTest, AFifoIsReadByItsName) {
  const std::string path = Path("fifo");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  CaptureBuilder file;
  file.PcapHeader().Record(1, 0, "through a fifo");
  std::thread feeder([&] { Write("fifo", file.text()); });
  auto reader = CaptureReader::Open(path);
  feeder.join();
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ(ReadAll(**reader).packets.at(0).data, "through a fifo");
}

TEST_F(CaptureFileTest, AFileAsStandardInputIsReadFromWhereItStands) {
  CaptureBuilder file;
  file.PcapHeader().Record(1, 0, "abc");
  const std::string path =
      Write("prefixed", absl::StrCat("skip", std::string(file.text())));
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_EQ(::lseek(fd, 4, SEEK_SET), 4);
  const StandardInput input(fd);
  auto reader = CaptureReader::Open("-");
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ(ReadAll(**reader).packets.at(0).data, "abc");
}

TEST_F(CaptureFileTest, AnEndlessPipeThatIsNoCaptureIsRefusedAtOnce) {
  const StandardInput input(::open("/dev/zero", O_RDONLY | O_CLOEXEC));
  const auto reader = CaptureReader::Open("-");
  EXPECT_EQ(reader.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(reader.status().message()),
              HasSubstr("standard input: is not a capture"));
}

TEST_F(CaptureFileTest, APipeThatCannotBeKeptSaysWhere) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  WriteAll(ends[1], CaptureBuilder().PcapHeader().text());
  ::close(ends[1]);
  const char* const old = std::getenv("TMPDIR");
  const std::string saved = old == nullptr ? "" : old;
  ::setenv("TMPDIR", Path("missing").c_str(), 1);
  {
    const StandardInput input(ends[0]);
    const auto reader = CaptureReader::Open("-");
    EXPECT_EQ(reader.status().code(), absl::StatusCode::kUnavailable);
    EXPECT_THAT(std::string(reader.status().message()), HasSubstr("TMPDIR"));
  }
  if (old == nullptr) {
    ::unsetenv("TMPDIR");
  } else {
    ::setenv("TMPDIR", saved.c_str(), 1);
  }
}

TEST_F(CaptureFileTest, APathThatIsNoFileIsOneClearLine) {
  struct Row {
    std::string path;
    absl::StatusCode code;
    const char* message;
  };
  const Row rows[] = {
      {Path("missing.pcap"), absl::StatusCode::kNotFound,
       "missing.pcap: No such file or directory"},
      {Write("file", "x") + "/below", absl::StatusCode::kNotFound,
       "Not a directory"},
      {directory_, absl::StatusCode::kInvalidArgument,
       "is a directory; name the capture file in it"},
      {Write("empty", ""), absl::StatusCode::kInvalidArgument,
       "empty: is empty"},
      {"/dev/null", absl::StatusCode::kInvalidArgument, "/dev/null: is empty"},
      {Write("text", "no capture"), absl::StatusCode::kInvalidArgument,
       "text: is not a capture"},
      {"", absl::StatusCode::kNotFound, "No such file"},
  };
  for (const Row& row : rows) {
    const auto reader = CaptureReader::Open(row.path);
    EXPECT_EQ(reader.status().code(), row.code) << reader.status();
    EXPECT_THAT(std::string(reader.status().message()), HasSubstr(row.message));
  }
}

}  // namespace
}  // namespace splnet
