// Addresses: reading, printing, comparing.

#include "stack/kern/sockaddr.h"

#include <gtest/gtest.h>

#include <cstring>

namespace splnet {
namespace {

TEST(Sockaddr, ReadsDottedQuadsAndNothingElse) {
  EXPECT_EQ(ParseAddr("192.0.2.1"), InAddr::V4(0xc0000201));
  EXPECT_EQ(ParseAddr("0.0.0.0"), kInaddrAny);
  EXPECT_EQ(ParseAddr("255.255.255.255"), kInaddrBroadcast);
  for (const char* bad :
       {"", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1..2.3", " 1.2.3.4", "1.2.3.4 ",
        "1.2.3.x", "-1.2.3.4", "1,2,3,4", "::1", "1.2.3.", "1.2.3.4/8",
        "0x1.2.3.4", "+1.2.3.4"}) {
    EXPECT_FALSE(ParseAddr(bad)) << bad;
  }
}

TEST(Sockaddr, PrintsAsTcpdumpDoes) {
  EXPECT_EQ(FormatAddr(InAddr::V4(0xc0000201)), "192.0.2.1");
  EXPECT_EQ(FormatSockaddr({InAddr::V4(0xc0000201), 80}), "192.0.2.1.80");
  EXPECT_EQ(FormatEther(EtherAddr{{2, 0, 0, 0xab, 0xcd, 0xef}}),
            "02:00:00:ab:cd:ef");
}

TEST(Sockaddr, WireFormIsNetworkOrder) {
  const In4Wire wire = InAddr::V4(0x01020304).wire4();
  const unsigned char expected[4] = {1, 2, 3, 4};
  EXPECT_EQ(std::memcmp(&wire, expected, 4), 0);
  EXPECT_EQ(InAddr(wire), InAddr::V4(0x01020304));
}

TEST(Sockaddr, FamiliesDiffer) {
  InAddr v6;
  v6.family = Family::kInet6;
  v6.lo = 0x7f000001;
  EXPECT_NE(v6, kInaddrLoopback);
  EXPECT_EQ(Sockaddr(v6, 1).len(), 28u);
  EXPECT_EQ(Sockaddr(kInaddrLoopback, 1).len(), 16u);
  EXPECT_TRUE(in_multicast(InAddr::V4(0xe0000001)));
  EXPECT_TRUE(in_multicast(InAddr::V4(0xefffffff)));
  EXPECT_FALSE(in_multicast(InAddr::V4(0xf0000000)));
}

}  // namespace
}  // namespace splnet
