// Socket buffers: appending, compressing, dropping, accounting.

#include "stack/kern/sockbuf.h"

#include <gtest/gtest.h>

#include <vector>

#include "stack/kern/random.h"
#include "tests/testing/mbuf_chain.h"

namespace splnet {
namespace {

class SockbufTest : public testing::Test {
 protected:
  SockbufTest() { CHECK(sbreserve(sb_, 16384, 2097152)); }
  ~SockbufTest() override { sbflush(sb_); }

  std::vector<std::byte> Stream() const {
    return sb_.mb == nullptr ? std::vector<std::byte>() : ChainBytes(*sb_.mb);
  }
  size_t Records() const {
    size_t n = 0;
    for (const Mbuf* r = sb_.mb; r != nullptr; r = r->nextpkt) ++n;
    return n;
  }

  Ledger ledger_;
  MbufPool pool_{ledger_, uint64_t{64} << 20};
  Sockbuf sb_;
  const Sockaddr from_{InAddr::V4(0x0a000001), 53};
};

TEST_F(SockbufTest, ReserveKeepsBsdsBounds) {
  Sockbuf sb;
  EXPECT_FALSE(sbreserve(sb, 0, 2097152));
  EXPECT_FALSE(sbreserve(sb, 2097153, 2097152));
  EXPECT_TRUE(sbreserve(sb, 2097152, 2097152));
  EXPECT_EQ(sb.mbmax, 8u * 2097152);
  sb.lowat = 2048;
  EXPECT_TRUE(sbreserve(sb, 1000, 2097152));
  EXPECT_EQ(sb.hiwat, 1000u);
  EXPECT_EQ(sb.lowat, 1000u);
  EXPECT_EQ(sb.mbmax, 3u * 65536);
}

TEST_F(SockbufTest, StreamIsOneRecordAndCountsFullClusters) {
  sbappendstream(sb_, MakeChain(pool_, {{1000, Place::kCluster}}, false));
  sbappendstream(sb_, MakeChain(pool_, {{1000, Place::kCluster}}, false));
  EXPECT_EQ(Records(), 1u);
  EXPECT_EQ(sb_.cc, 2000u);
  EXPECT_EQ(sb_.mbcnt, 2u * (256 + 2048));
  EXPECT_EQ(sbspace(sb_), 16384 - 2000);
  sbcheck(sb_);
}

TEST_F(SockbufTest, SpaceIsBoundByMemoryTooAndMayBeNegative) {
  sb_.mbmax = 3000;
  sbappendstream(sb_, MakeChain(pool_, {{1, Place::kCluster}}, false));
  EXPECT_EQ(sbspace(sb_), 3000 - 2304);
  sbappendstream(sb_, MakeChain(pool_, {{4000, Place::kCluster}}, false));
  EXPECT_LT(sbspace(sb_), 0);
}

TEST_F(SockbufTest, SmallMbufsMergeIntoTheirPredecessor) {
  struct Row {
    const char* what;
    Piece first;
    Piece second;
    bool merges;
  };
  const Row rows[] = {
      {"fits in the mbuf", {100}, {100}, true},
      {"more than is left in the mbuf", {200}, {100}, false},
      {"a quarter of the cluster",
       {100, Place::kCluster},
       {512, Place::kCluster},
       true},
      {"more than a quarter",
       {100, Place::kCluster},
       {513, Place::kCluster},
       false},
      {"no room behind", {2000, Place::kCluster}, {100}, false},
      {"into a cluster with just that room",
       {1948, Place::kCluster},
       {100},
       true},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    sbflush(sb_);
    const uint64_t before = ledger_.bytes(CopyKind::kSbcompress);
    sbappendstream(sb_, MakeChain(pool_, {row.first}, false));
    sbappendstream(sb_, MakeChain(pool_, {row.second}, false));
    sbcheck(sb_);
    EXPECT_EQ(sb_.mb->next == nullptr, row.merges);
    EXPECT_EQ(ledger_.bytes(CopyKind::kSbcompress) - before,
              row.merges ? row.second.len : 0);
    auto expected = PatternBytes(row.first.len);
    const auto second = PatternBytes(row.second.len);
    expected.insert(expected.end(), second.begin(), second.end());
    EXPECT_EQ(Stream(), expected);
  }
}

TEST_F(SockbufTest, NothingMergesIntoASharedCluster) {
  MbufPtr m = MakeChain(pool_, {{100, Place::kCluster}}, false);
  const MbufPtr other = m_copym(*m, 0, kMCopyAll, MWait::kDontWait);
  sbappendstream(sb_, std::move(m));
  sbappendstream(sb_, MakeChain(pool_, {{10}}, false));
  EXPECT_NE(sb_.mb->next, nullptr);
  sbcheck(sb_);
}

TEST_F(SockbufTest, EmptyMbufsAreFreedOnAppend) {
  sbappendstream(sb_, MakeChain(pool_, {{0}, {300, Place::kCluster}, {0}}));
  EXPECT_EQ(ChainShape(*sb_.mb), "300");
  EXPECT_EQ(pool_.stats().mbufs_in_use, 1u);
  sbappendstream(sb_, MakeChain(pool_, {{0}}));
  EXPECT_EQ(pool_.stats().mbufs_in_use, 1u);
  sbcheck(sb_);
}

TEST_F(SockbufTest, AnEndOfRecordSurvivesTheMbufThatCarriedIt) {
  struct Row {
    const char* what;
    std::vector<Piece> pieces;
    size_t marked;  // the mbuf with the mark
  };
  const Row rows[] = {
      {"last and empty", {{300, Place::kCluster}, {0}}, 1},
      {"first and empty", {{0}, {300, Place::kCluster}}, 0},
      {"alone and empty", {{0}}, 0},
      {"merged", {{300, Place::kCluster}, {10}}, 1},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    sbflush(sb_);
    MbufPtr m = MakeChain(pool_, row.pieces, false);
    Mbuf* p = m.get();
    for (size_t i = 0; i < row.marked; ++i) p = p->next;
    p->flags |= kMEor;
    sbcompress(sb_, std::move(m));
    sbcheck(sb_);
    ASSERT_NE(sb_.mbtail, nullptr);
    EXPECT_TRUE(sb_.mbtail->has(kMEor));
  }
}

TEST_F(SockbufTest, ADatagramIsARecordWithItsSource) {
  const auto one = PatternBytes(50, 1);
  const auto two = PatternBytes(500, 2);
  EXPECT_EQ(sbappendaddr(sb_, from_, MakePacket(pool_, one)), nullptr);
  EXPECT_EQ(sbappendaddr(sb_, from_, MakePacket(pool_, two)), nullptr);
  sbcheck(sb_);
  EXPECT_EQ(Records(), 2u);
  EXPECT_EQ(sb_.cc, 16u + 50 + 16 + 500);
  EXPECT_EQ(sb_.datacc, 550u);
  Sockaddr name;
  soname_read(*sb_.mb, &name);
  EXPECT_EQ(name, from_);
  EXPECT_EQ(ChainBytes(*sb_.mb->next), one);
  sbdroprecord(sb_);
  sbcheck(sb_);
  EXPECT_EQ(ChainBytes(*sb_.mb->next), two);
  sbdroprecord(sb_);
  sbcheck(sb_);
  EXPECT_EQ(sb_.mb, nullptr);
  EXPECT_EQ(sb_.mbcnt, 0u);
}

TEST_F(SockbufTest, ADatagramMustFitWithItsSourceAndControl) {
  ASSERT_TRUE(sbreserve(sb_, 100, 2097152));
  MbufPtr refused =
      sbappendaddr(sb_, from_, MakePacket(pool_, PatternBytes(85)));
  ASSERT_TRUE(refused);
  EXPECT_EQ(sb_.cc, 0u);
  const MbufPtr with_control =
      sbappendaddr(sb_, from_, MakePacket(pool_, PatternBytes(80)),
                   MakeChain(pool_, {{8}}, false));
  EXPECT_TRUE(with_control);
  EXPECT_EQ(sbappendaddr(sb_, from_, MakePacket(pool_, PatternBytes(84))),
            nullptr);
  EXPECT_EQ(sb_.cc, 100u);
}

TEST_F(SockbufTest, ADatagramIsRefusedWholeWhenMemoryIsShort) {
  MbufPtr m = MakePacket(pool_, PatternBytes(80));
  pool_.FailNth(1);
  EXPECT_TRUE(sbappendaddr(sb_, from_, std::move(m)));
  EXPECT_EQ(sb_.cc, 0u);
  EXPECT_EQ(Records(), 0u);
}

TEST_F(SockbufTest, AnEmptyDatagramIsARecordOfItsSource) {
  EXPECT_EQ(sbappendaddr(sb_, from_, MakePacket(pool_, {})), nullptr);
  EXPECT_EQ(Records(), 1u);
  EXPECT_EQ(sb_.cc, 16u);
  EXPECT_EQ(sb_.datacc, 0u);
  sbcheck(sb_);
}

TEST_F(SockbufTest, DropCrossesMbufsAndRecords) {
  EXPECT_EQ(sbappendaddr(sb_, from_, MakePacket(pool_, PatternBytes(50))),
            nullptr);
  EXPECT_EQ(sbappendaddr(sb_, from_, MakePacket(pool_, PatternBytes(500))),
            nullptr);
  sbdrop(sb_, 16 + 50 + 16 + 100);
  sbcheck(sb_);
  EXPECT_EQ(sb_.cc, 400u);
  sbdrop(sb_, 400);
  sbcheck(sb_);
  EXPECT_EQ(sb_.mb, nullptr);
}

TEST_F(SockbufTest, FlushGivesEverythingBack) {
  sbappendstream(sb_, MakeChain(pool_, {{1000, Place::kCluster}, {200}}));
  sbrelease(sb_);
  EXPECT_EQ(pool_.stats().mbufs_in_use, 0u);
  EXPECT_EQ(sb_.hiwat, 0u);
  sbcheck(sb_);
}

TEST(SockbufModel, AStreamHoldsWhatWentInAndHasNotComeOut) {
  Ledger ledger;
  MbufPool pool(ledger, uint64_t{64} << 20);
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    RandomStream random(seed, "sockbuf model");
    Sockbuf sb;
    std::vector<std::byte> model;
    for (int step = 0; step < 60; ++step) {
      if (random.Chance(500000)) {
        std::vector<Piece> pieces;
        size_t total = 0;
        const size_t count = 1 + random.Below(3);
        for (size_t i = 0; i < count; ++i) {
          Piece piece;
          piece.place = static_cast<Place>(random.Below(2));
          piece.len = random.Below(
              piece.place == Place::kInside ? kMhlen + 1 : size_t{2500});
          total += piece.len;
          pieces.push_back(piece);
        }
        const auto bytes =
            PatternBytes(total, static_cast<uint8_t>(random.Below(256)));
        sbappendstream(
            sb, MakeChain(pool, pieces, bytes, random.Chance(500000), nullptr));
        model.insert(model.end(), bytes.begin(), bytes.end());
      } else {
        const size_t n = random.Below(model.size() + 1);
        sbdrop(sb, n);
        model.erase(model.begin(), model.begin() + static_cast<ptrdiff_t>(n));
      }
      sbcheck(sb);
      ASSERT_EQ(sb.cc, model.size());
      ASSERT_EQ(
          sb.mb == nullptr ? std::vector<std::byte>() : ChainBytes(*sb.mb),
          model);
    }
    sbflush(sb);
    ASSERT_EQ(pool.stats().mbufs_in_use, 0u);
  }
}

}  // namespace
}  // namespace splnet
