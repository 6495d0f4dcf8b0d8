// Quantities as people write them.

#include "tools/bulk/units.h"

#include <gtest/gtest.h>

#include <chrono>

namespace splnet {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Units, TimesHaveAUnit) {
  EXPECT_EQ(ReadTime("50ms"), milliseconds(50));
  EXPECT_EQ(ReadTime("1.5s"), milliseconds(1500));
  EXPECT_EQ(ReadTime("0"), Nanoseconds(0));
  EXPECT_EQ(ReadTime("0.001us"), Nanoseconds(1));
  EXPECT_EQ(ReadTime("2min"), seconds(120));
  for (const char* const wrong :
       {"", "50", "ms", "-1s", "+1s", "1.5ns", "1..5s", "1.2345s", "5 ms", "1h",
        "99999999999999999999s", "9223372036855s"}) {
    EXPECT_FALSE(ReadTime(wrong)) << wrong;
  }
}

TEST(Units, RatesAreBitsInASecond) {
  EXPECT_EQ(ReadBandwidth("100Mbit/s"), 100'000'000);
  EXPECT_EQ(ReadBandwidth("1.5Gbit"), 1'500'000'000);
  EXPECT_EQ(ReadBandwidth("9600bit/s"), 9600);
  EXPECT_EQ(ReadBandwidth("unlimited"), 0);
  for (const char* const wrong :
       {"", "0", "0Mbit/s", "100", "100MB/s", "100mbit", "1e9bit", "0.5bit"}) {
    EXPECT_FALSE(ReadBandwidth(wrong)) << wrong;
  }
}

TEST(Units, SizesAreBytesByPowersOf1000Or1024) {
  EXPECT_EQ(ReadBytes("1"), 1);
  EXPECT_EQ(ReadBytes("64KB"), 64'000);
  EXPECT_EQ(ReadBytes("64KiB"), 65'536);
  EXPECT_EQ(ReadBytes("1.5MB"), 1'500'000);
  EXPECT_EQ(ReadBytes("4096B"), 4096);
  for (const char* const wrong : {"", "K", "1.5", "1TB", "-1", "1 KB"}) {
    EXPECT_FALSE(ReadBytes(wrong)) << wrong;
  }
}

TEST(Units, PercentagesAreExactToAMillionth) {
  EXPECT_EQ(ReadPercent("0.1"), 1000u);
  EXPECT_EQ(ReadPercent("30%"), 300'000u);
  EXPECT_EQ(ReadPercent("0.0001"), 1u);
  EXPECT_EQ(ReadPercent("100"), 1'000'000u);
  for (const char* const wrong :
       {"", "%", "101", "100.0001", "-1", "0.00001", "1%%"}) {
    EXPECT_FALSE(ReadPercent(wrong)) << wrong;
  }
}

TEST(Units, ArePrintedInTheUnitThatSuits) {
  EXPECT_EQ(FormatTime(Nanoseconds(1500)), "1.500 us");
  EXPECT_EQ(FormatTime(milliseconds(50)), "50.000 ms");
  EXPECT_EQ(FormatTime(milliseconds(61'250)), "61.250 s");
  EXPECT_EQ(FormatSeconds(Nanoseconds(1'000'000'007)), "1.000000007");
  EXPECT_EQ(FormatBandwidth(94'123'456), "94.12 Mbit/s");
  EXPECT_EQ(FormatBandwidth(12), "12 bit/s");
  EXPECT_EQ(FormatBytes(12'345), "12.3 kB");
  EXPECT_EQ(FormatPercent(1000), "0.1 %");
  EXPECT_EQ(FormatPercent(0), "0 %");
  EXPECT_EQ(FormatPercent(300'001), "30.0001 %");
}

TEST(Units, BytesInATimeAreARate) {
  EXPECT_EQ(BitsPerSecond(1'000'000, seconds(1)), 8'000'000);
  EXPECT_EQ(BitsPerSecond(1, seconds(16)), 0);
  EXPECT_FALSE(BitsPerSecond(1, Nanoseconds(0)));
  // No overflow, however much it is.
  EXPECT_EQ(BitsPerSecond(uint64_t{1} << 60, seconds(1'000'000)),
            9'223'372'036'854);
}

}  // namespace
}  // namespace splnet
