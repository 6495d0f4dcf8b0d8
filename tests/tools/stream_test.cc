// Streams as ranges, against plain strings.

#include "tools/replay/stream.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "stack/kern/random.h"

namespace splnet {
namespace {

std::span<const std::byte> Bytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

std::string ReadAll(const CapturedStream& stream) {
  std::string text;
  while (true) {
    const auto piece = stream.At(text.size(), SIZE_MAX);
    if (piece.empty()) return text;
    text.append(reinterpret_cast<const char*>(piece.data()), piece.size());
  }
}

TEST(CapturedStream, JoinsPiecesThatComeInAnyOrder) {
  const std::string a = "hello ", b = "wide ", c = "world";
  CapturedStream stream;
  stream.Add(11, Bytes(c));
  EXPECT_EQ(stream.contiguous(), 0u);
  stream.Add(0, Bytes(a));
  EXPECT_EQ(stream.contiguous(), 6u);
  stream.Add(6, Bytes(b));
  EXPECT_EQ(stream.contiguous(), 16u);
  EXPECT_EQ(stream.end(), 16u);
  EXPECT_EQ(ReadAll(stream), "hello wide world");
}

TEST(CapturedStream, KeepsTheFirstCopyOfAByte) {
  const std::string a = "aaaa", b = "bbbbbbbb", c = "cccccccccccc";
  CapturedStream stream;
  stream.Add(4, Bytes(a));
  stream.Add(2, Bytes(b));
  stream.Add(0, Bytes(c));
  EXPECT_EQ(ReadAll(stream), "ccbbaaaabbcc");
}

TEST(CapturedStream, FindsTheFirstDifferentByte) {
  const std::string a = "abc", b = "def";
  CapturedStream stream;
  stream.Add(0, Bytes(a));
  stream.Add(3, Bytes(b));
  const std::string same = "bcde", other = "bcdx", longer = "defg";
  EXPECT_EQ(stream.FirstDifference(1, Bytes(same)), std::nullopt);
  EXPECT_EQ(stream.FirstDifference(1, Bytes(other)), 4u);
  EXPECT_EQ(stream.FirstDifference(3, Bytes(longer)), 6u);
}

TEST(CapturedStream, AgreesWithAStringWhateverComes) {
  RandomStream random(1, "stream");
  for (int round = 0; round < 200; ++round) {
    constexpr size_t kSize = 64;
    std::string expected(kSize, '\0');
    std::vector<std::string> texts;
    texts.reserve(30);
    CapturedStream stream;
    for (int i = 0; i < 30; ++i) {
      const size_t begin = random.Below(kSize);
      const size_t size = random.Below(kSize - begin) + 1;
      texts.emplace_back(size, static_cast<char>('a' + i));
      stream.Add(begin, Bytes(texts.back()));
      for (size_t k = 0; k < size; ++k) {
        if (expected[begin + k] == '\0') expected[begin + k] = texts.back()[k];
      }
      const size_t hole = expected.find('\0');
      const size_t whole = hole == std::string::npos ? kSize : hole;
      ASSERT_EQ(stream.contiguous(), whole);
      ASSERT_EQ(ReadAll(stream), expected.substr(0, whole));
    }
  }
}

TEST(RangeSet, MergesWhatTouches) {
  RangeSet ranges;
  ranges.Add(10, 20);
  ranges.Add(30, 40);
  EXPECT_TRUE(ranges.Covers(12, 20));
  EXPECT_FALSE(ranges.Covers(12, 31));
  EXPECT_EQ(ranges.contiguous(), 0u);
  ranges.Add(20, 30);
  EXPECT_TRUE(ranges.Covers(10, 40));
  ranges.Add(0, 10);
  EXPECT_EQ(ranges.contiguous(), 40u);
  EXPECT_TRUE(ranges.Covers(50, 50));
}

}  // namespace
}  // namespace splnet
