// The Internet checksum against its definition.

#include "stack/netinet/in_cksum.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "stack/netinet/ip.h"
#include "tests/testing/net_fixture.h"

namespace splnet {
namespace {

// RFC 1071: the ones' complement of the ones' complement sum of the 16-bit
// words, an odd last byte padded with zero.
uint16_t Naive(const std::byte* p, size_t n) {
  uint32_t sum = 0;
  for (size_t i = 0; i < n; ++i) {
    sum += std::to_integer<uint32_t>(p[i]) << (i % 2 == 0 ? 8 : 0);
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return static_cast<uint16_t>(~sum);
}
uint16_t Naive(const Bytes& b) { return Naive(b.data(), b.size()); }

TEST(InCksum, IsTheDefinitionForEveryLengthAndAlignment) {
  const Bytes bytes = TestBytes(2100);
  for (size_t align = 0; align < 9; ++align) {
    for (size_t n = 0; n <= 2048; n += n < 300 ? 1 : 37) {
      const std::byte* const p = bytes.data() + align;
      ASSERT_EQ(in_cksum_field(in_cksum_partial(p, n)), Naive(p, n))
          << n << " bytes at " << align;
    }
  }
}

TEST(InCksum, KeepsItsCarriesWhenEveryBitIsSet) {
  const Bytes ones(65536, std::byte{0xff});
  for (const size_t n : {2u, 20u, 63u, 64u, 1500u, 65536u}) {
    EXPECT_EQ(in_cksum_field(in_cksum_partial(ones.data(), n)),
              Naive(ones.data(), n))
        << n;
  }
}

TEST(InCksum, CopiesAndSumsTheSameBytes) {
  const Bytes from = TestBytes(1600, 3);
  for (size_t n = 0; n <= 1500; n += n < 200 ? 1 : 53) {
    Bytes to(n + 2, std::byte{0x5a});
    const CksumPartial sum = in_cksum_copy(to.data() + 1, from.data() + 3, n);
    EXPECT_EQ(in_cksum_field(sum), Naive(from.data() + 3, n));
    EXPECT_EQ(std::memcmp(to.data() + 1, from.data() + 3, n), 0);
    EXPECT_EQ(to.front(), std::byte{0x5a});
    EXPECT_EQ(to.back(), std::byte{0x5a});
  }
}

TEST(InCksum, SumsOfNeighbouringPiecesAddUp) {
  const Bytes bytes = TestBytes(301, 5);
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    const CksumPartial head = in_cksum_partial(bytes.data(), cut);
    const CksumPartial tail =
        in_cksum_partial(bytes.data() + cut, bytes.size() - cut);
    const CksumPartial sum = head + (cut % 2 == 0 ? tail : in_cksum_swap(tail));
    ASSERT_EQ(in_cksum_field(sum), Naive(bytes)) << cut;
  }
}

TEST(InCksum, SumsAHeaderOfTwentyBytes) {
  for (unsigned seed = 0; seed < 100; ++seed) {
    const Bytes header = TestBytes(20, seed);
    ASSERT_EQ(in_cksum_field(in_cksum_20(header.data())), Naive(header));
  }
}

TEST(InCksum, DoesNotMindHowAChainIsCut) {
  NetHost host;
  const Bytes bytes = TestBytes(500, 7);
  for (const size_t pieces : {0u, 1u, 2u, 3u, 7u, 64u, 100u, 143u}) {
    const MbufPtr m = host.Chain(bytes, pieces);
    for (const size_t off : {0u, 1u, 2u, 20u, 143u, 499u}) {
      for (const size_t len : {0u, 1u, 2u, 33u, 300u, 500u}) {
        if (off + len > bytes.size()) continue;
        ASSERT_EQ(in_cksum(*m, off, len), Naive(bytes.data() + off, len))
            << "pieces of " << pieces << ", " << len << " at " << off;
      }
    }
  }
}

TEST(InCksum, SkipsEmptyMbufs) {
  NetHost host;
  const Bytes bytes = TestBytes(99, 8);
  MbufPtr m = host.Chain(bytes, 33);
  MbufPtr empty = m_get(host.ns.mbufs, MWait::kWait);
  empty->next = m->next;
  m->next = empty.release();
  EXPECT_EQ(in_cksum(*m, 0, 99), Naive(bytes));
  EXPECT_EQ(in_cksum(*m, 33, 66), Naive(bytes.data() + 33, 66));
}

TEST(InCksum, IsZeroOverAPacketThatHoldsItsChecksum) {
  NetHost host;
  const Bytes packet = UdpPacket(UdpArgs{}, TestBytes(101));
  const MbufPtr m = host.Chain(packet, 17);
  EXPECT_EQ(in_cksum(*m, 0, sizeof(IpHeader)), 0);
  EXPECT_EQ(in4_cksum(*m, kIpProtoUdp, sizeof(IpHeader), 109), 0);
  EXPECT_NE(in4_cksum(*m, kIpProtoTcp, sizeof(IpHeader), 109), 0);
}

TEST(InCksum, PseudoHeaderIsThatOfRfc768) {
  const In4Wire src = InAddr::V4(0xc0a80001).wire4();
  const In4Wire dst = InAddr::V4(0x0a0b0c0d).wire4();
  const Bytes pseudo = BytesOf(src) + BytesOf(dst) +
                       BytesOf(std::array<uint8_t, 2>{0, 17}) +
                       BytesOf(Be16(1234));
  EXPECT_EQ(in_cksum_field(in_pseudo(src, dst, 17, 1234)), Naive(pseudo));
}

}  // namespace
}  // namespace splnet
