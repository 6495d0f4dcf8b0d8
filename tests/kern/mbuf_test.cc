// Packet chains: what each operation of mbuf(9) promises.

#include "stack/kern/mbuf.h"

#include <gtest/gtest.h>

#include <vector>

#include "stack/kern/ledger.h"
#include "tests/testing/mbuf_chain.h"

namespace splnet {
namespace {

class MbufTest : public testing::Test {
 protected:
  uint64_t copied(CopyKind kind) const { return ledger_.bytes(kind); }

  Ledger ledger_;
  MbufPool pool_{ledger_, uint64_t{8} << 20};
};

TEST_F(MbufTest, LayoutIsThatOfBsdOn64Bits) {
  EXPECT_EQ(sizeof(Mbuf), 256u);
  EXPECT_EQ(kMlen, 224u);
  EXPECT_EQ(kMhlen, 144u);
  EXPECT_EQ(kMinClSize, 369u);
}

TEST_F(MbufTest, AFreshPacketHeaderIsZeroButForItsPriority) {
  const MbufPtr m = m_gethdr(pool_, MWait::kDontWait);
  EXPECT_EQ(m->len, 0u);
  EXPECT_EQ(m->flags, kMPkthdr);
  EXPECT_EQ(m->data, m->pktdat);
  EXPECT_EQ(m->pkthdr.id, 0u);
  EXPECT_EQ(m->pkthdr.len, 0u);
  EXPECT_EQ(m->pkthdr.loopcnt, 0u);
  EXPECT_EQ(m->pkthdr.prio, kIfqDefPrio);
}

TEST_F(MbufTest, ALongChainIsFreedWithoutRecursion) {
  MbufPtr head = m_get(pool_, MWait::kDontWait);
  for (int i = 0; i < 20000; ++i) {
    MbufPtr m = m_get(pool_, MWait::kDontWait);
    m->next = head.release();
    head = std::move(m);
  }
  EXPECT_EQ(pool_.stats().mbufs_in_use, 20001u);
  head = nullptr;
  EXPECT_EQ(pool_.stats().mbufs_in_use, 0u);
}

TEST_F(MbufTest, PtrAssignmentFreesTheOldChainAndSurvivesItself) {
  MbufPtr m = m_getcl(pool_, 100, MWait::kDontWait);
  m = m_get(pool_, MWait::kDontWait);
  EXPECT_EQ(pool_.stats().mbufs_in_use, 1u);
  EXPECT_EQ(pool_.stats().clusters_in_use, 0u);
  MbufPtr& same = m;
  m = std::move(same);
  EXPECT_EQ(pool_.stats().mbufs_in_use, m ? 1u : 0u);
}

TEST_F(MbufTest, PrependUsesLeadingSpaceElseANewMbufInFront) {
  MbufPtr m = m_gethdr(pool_, MWait::kDontWait);
  m_align(*m, 20);
  m->len = m->pkthdr.len = 20;
  Mbuf* const first = m.get();
  m = m_prepend(std::move(m), 14, MWait::kDontWait);
  EXPECT_EQ(m.get(), first);
  EXPECT_EQ(m->pkthdr.len, 34u);

  m = MakeChain(pool_, {{100, Place::kCluster}});
  m->pkthdr.id = 7;
  m->flags |= kMMcast;
  m = m_prepend(std::move(m), 14, MWait::kDontWait);
  EXPECT_EQ(ChainShape(*m), "14+100");
  EXPECT_EQ(ChainFaults(*m), "");
  EXPECT_EQ(m->pkthdr.len, 114u);
  EXPECT_EQ(m->pkthdr.id, 7u);
  EXPECT_TRUE(m->has(kMMcast));
  EXPECT_FALSE(m->next->has(kMPkthdr));
  // Placed at the end: the next header finds room in front of it.
  EXPECT_GE(m_leadingspace(*m), 100u);
}

TEST_F(MbufTest, PrependBeforeASharedClusterLeavesItAlone) {
  const MbufPtr m = MakeChain(pool_, {{100, Place::kCluster}});
  m_trim_front(*m, 50);
  MbufPtr copy = m_copym(*m, 0, kMCopyAll, MWait::kDontWait);
  EXPECT_EQ(m_leadingspace(*m), 0u);
  copy = m_prepend(std::move(copy), 14, MWait::kDontWait);
  EXPECT_EQ(ChainShape(*copy), "14+50");
}

TEST_F(MbufTest, PrependFreesThePacketWhenMemoryIsShort) {
  MbufPtr m = MakeChain(pool_, {{100, Place::kCluster}});
  pool_.FailNth(1);
  EXPECT_EQ(m_prepend(std::move(m), 14, MWait::kDontWait), nullptr);
  EXPECT_EQ(pool_.stats().mbufs_in_use, 0u);
}

TEST_F(MbufTest, PullupDoesNothingWhenTheBytesAreThere) {
  MbufPtr m = MakeChain(pool_, {{40}, {100}});
  Mbuf* const first = m.get();
  m = m_pullup(std::move(m), 40);
  EXPECT_EQ(m.get(), first);
  EXPECT_EQ(copied(CopyKind::kPullup), 0u);
}

TEST_F(MbufTest, PullupGathersIntoTheFirstMbufIfItHasRoom) {
  MbufPtr m = MakeChain(pool_, {{10}, {0}, {20}, {100}});
  const auto bytes = ChainBytes(*m);
  Mbuf* const first = m.get();
  m = m_pullup(std::move(m), 40);
  EXPECT_EQ(m.get(), first);
  EXPECT_EQ(ChainShape(*m), "40+90");
  EXPECT_EQ(ChainBytes(*m), bytes);
  EXPECT_EQ(copied(CopyKind::kPullup), 30u);
  EXPECT_EQ(pool_.stats().mbufs_in_use, 2u);
}

TEST_F(MbufTest, PullupOfASharedClusterTakesANewMbuf) {
  std::vector<MbufPtr> holders;
  const auto bytes = PatternBytes(130);
  MbufPtr m =
      MakeChain(pool_, {{30, Place::kShared}, {100}}, bytes, true, &holders);
  m->pkthdr.id = 3;
  m = m_pullup(std::move(m), 60);
  EXPECT_EQ(m->len, 60u);
  EXPECT_EQ(m->pkthdr.id, 3u);
  EXPECT_EQ(ChainBytes(*m), bytes);
  EXPECT_EQ(ChainFaults(*m), "");
}

TEST_F(MbufTest, PullupBeyondAnMbufTakesACluster) {
  MbufPtr m = MakeChain(pool_, {{100}, {200}, {200}});
  const auto bytes = ChainBytes(*m);
  m = m_pullup(std::move(m), 450);
  EXPECT_EQ(ChainShape(*m), "450+50");
  EXPECT_TRUE(m->has(kMExt));
  EXPECT_EQ(ChainBytes(*m), bytes);
}

TEST_F(MbufTest, PullupOfMoreThanThereIsFreesTheChain) {
  EXPECT_EQ(m_pullup(MakeChain(pool_, {{10}, {20}}), 31), nullptr);
  EXPECT_EQ(pool_.stats().mbufs_in_use, 0u);
}

TEST_F(MbufTest, TrimFrontLeavesEmptyMbufsAndCountsWhatItTook) {
  const MbufPtr m = MakeChain(pool_, {{10}, {20}, {30}});
  m_trim_front(*m, 15);
  EXPECT_EQ(ChainShape(*m), "0+15+30");
  EXPECT_EQ(m->pkthdr.len, 45u);
  m_trim_front(*m, 1000);
  EXPECT_EQ(ChainShape(*m), "0+0+0");
  EXPECT_EQ(m->pkthdr.len, 0u);
}

TEST_F(MbufTest, TruncateFreesTheRestAndNeverExtends) {
  const MbufPtr m = MakeChain(pool_, {{10}, {20}, {30}});
  m_truncate(*m, 61);
  EXPECT_EQ(m->pkthdr.len, 60u);
  m_truncate(*m, 60);
  EXPECT_EQ(ChainShape(*m), "10+20+30");
  m_truncate(*m, 15);
  EXPECT_EQ(ChainShape(*m), "10+5");
  EXPECT_EQ(m->pkthdr.len, 15u);
  EXPECT_EQ(pool_.stats().mbufs_in_use, 2u);
  m_truncate(*m, 0);
  EXPECT_EQ(ChainShape(*m), "0");
}

TEST_F(MbufTest, CopymSharesClustersAndCopiesTheRest) {
  const MbufPtr m = MakeChain(pool_, {{100}, {1000, Place::kCluster}, {50}});
  m->pkthdr.id = 9;
  const auto bytes = ChainBytes(*m);
  const MbufPtr all = m_copym(*m, 0, kMCopyAll, MWait::kDontWait);
  EXPECT_EQ(ChainBytes(*all), bytes);
  EXPECT_EQ(all->pkthdr.id, 9u);
  EXPECT_EQ(all->pkthdr.len, 1150u);
  EXPECT_EQ(copied(CopyKind::kCopym), 150u);
  EXPECT_EQ(pool_.stats().clusters_in_use, 1u);
  EXPECT_TRUE(m_readonly(*m->next));
  EXPECT_TRUE(m_readonly(*all->next));

  const MbufPtr some = m_copym(*m, 150, 960, MWait::kDontWait);
  EXPECT_FALSE(some->has(kMPkthdr));
  EXPECT_EQ(ChainBytes(*some),
            std::vector<std::byte>(bytes.begin() + 150, bytes.begin() + 1110));
}

TEST_F(MbufTest, CopymOfNothingOrWithoutMemoryIsNull) {
  const MbufPtr m = MakeChain(pool_, {{100}, {100}});
  EXPECT_EQ(m_copym(*m, 0, 0, MWait::kDontWait), nullptr);
  for (uint64_t nth = 1; nth <= 2; ++nth) {
    pool_.FailNth(nth);
    EXPECT_EQ(m_copym(*m, 0, kMCopyAll, MWait::kDontWait), nullptr);
    EXPECT_EQ(pool_.stats().mbufs_in_use, 2u);
  }
}

TEST_F(MbufTest, DupPktIsOneWritablePieceWithRoomInFront) {
  const MbufPtr m = MakeChain(pool_, {{100}, {1000, Place::kCluster}});
  const MbufPtr dup = m_dup_pkt(*m, 16, MWait::kDontWait);
  EXPECT_EQ(ChainBytes(*dup), ChainBytes(*m));
  EXPECT_EQ(dup->next, nullptr);
  EXPECT_EQ(m_leadingspace(*dup), 16u);
  EXPECT_EQ(copied(CopyKind::kDefrag), 1100u);
}

TEST_F(MbufTest, CopybackStoresAndExtendsZeroFilled) {
  const MbufPtr m = MakeChain(pool_, {{10}, {10}});
  const auto in = PatternBytes(1000, 5);
  EXPECT_EQ(m_copyback(*m, 5, in.data(), 10, MWait::kDontWait), kOk);
  auto bytes = PatternBytes(20);
  std::copy_n(in.begin(), 10, bytes.begin() + 5);
  EXPECT_EQ(ChainBytes(*m), bytes);
  EXPECT_EQ(m->pkthdr.len, 20u);

  EXPECT_EQ(m_copyback(*m, 500, in.data(), 1000, MWait::kDontWait), kOk);
  bytes.resize(500);
  bytes.insert(bytes.end(), in.begin(), in.end());
  EXPECT_EQ(ChainBytes(*m), bytes);
  EXPECT_EQ(ChainFaults(*m), "");
}

TEST_F(MbufTest, CatCopiesWhatFitsAndLinksTheRest) {
  const MbufPtr m = MakeChain(pool_, {{100}});
  m_cat(*m, MakeChain(pool_, {{20}, {30}, {10}}, false));
  EXPECT_EQ(ChainShape(*m), "120+30+10");
  EXPECT_EQ(copied(CopyKind::kCat), 20u);
  EXPECT_EQ(m->pkthdr.len, 100u);  // the caller's business
}

TEST_F(MbufTest, SplitGivesBothPartsAHeader) {
  struct Row {
    const char* what;
    std::vector<Piece> pieces;
    size_t at;
    const char* first;
    const char* second;
  };
  const Row rows[] = {
      {"inside the first mbuf", {{100}, {50}}, 30, "30", "70+50"},
      {"at a border: an empty header mbuf", {{100}, {50}}, 100, "100", "0+50"},
      {"in a cluster: shared", {{1000, Place::kCluster}}, 400, "400", "600"},
      {"remainder too long for a header mbuf",
       {{10}, {200}, {5}},
       20,
       "10+10",
       "0+190+5"},
      {"at the start", {{100}, {50}}, 0, "0", "100+50"},
      {"at the end", {{100}, {50}}, 150, "100+50", "0"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    const MbufPtr m = MakeChain(pool_, row.pieces);
    m->pkthdr.id = 4;
    const auto bytes = ChainBytes(*m);
    const MbufPtr tail = m_split(*m, row.at, MWait::kDontWait);
    ASSERT_TRUE(tail);
    EXPECT_EQ(ChainShape(*m), row.first);
    EXPECT_EQ(ChainShape(*tail), row.second);
    EXPECT_EQ(ChainFaults(*m), "");
    EXPECT_EQ(ChainFaults(*tail), "");
    EXPECT_EQ(tail->pkthdr.id, 4u);
    auto joined = ChainBytes(*m);
    const auto rest = ChainBytes(*tail);
    joined.insert(joined.end(), rest.begin(), rest.end());
    EXPECT_EQ(joined, bytes);
  }
}

TEST_F(MbufTest, SplitWithoutHeaderAtTheVeryEndIsNull) {
  const MbufPtr m = MakeChain(pool_, {{100}, {50}}, false);
  EXPECT_EQ(m_split(*m, 150, MWait::kDontWait), nullptr);
  const MbufPtr tail = m_split(*m, 100, MWait::kDontWait);
  EXPECT_EQ(ChainShape(*m), "100");
  EXPECT_EQ(ChainShape(*tail), "50");
}

TEST_F(MbufTest, SplitThatFailsLeavesThePacketAsItWas) {
  const MbufPtr m = MakeChain(pool_, {{10}, {200}, {5}});
  for (uint64_t nth = 1; nth <= 2; ++nth) {
    pool_.FailNth(nth);
    EXPECT_EQ(m_split(*m, 20, MWait::kDontWait), nullptr);
    EXPECT_EQ(ChainShape(*m), "10+200+5");
    EXPECT_EQ(ChainFaults(*m), "");
  }
  EXPECT_EQ(pool_.stats().mbufs_in_use, 3u);
}

TEST_F(MbufTest, MakewritableCopiesOnlyWhatIsSharedAndTouched) {
  const MbufPtr original =
      MakeChain(pool_, {{100, Place::kCluster}, {100, Place::kCluster}});
  const auto bytes = ChainBytes(*original);
  MbufPtr m = m_copym(*original, 0, kMCopyAll, MWait::kDontWait);
  m = m_makewritable(std::move(m), 120, 10);
  EXPECT_TRUE(m_readonly(*m));
  EXPECT_FALSE(m_readonly(*m->next));
  EXPECT_EQ(copied(CopyKind::kMakewritable), 100u);
  m->next->data[20] = std::byte{0xaa};
  EXPECT_EQ(ChainBytes(*original), bytes);
}

TEST_F(MbufTest, DefragKeepsTheFirstMbufAndItsHeader) {
  const MbufPtr m = MakeChain(pool_, {{100}, {1000, Place::kCluster}, {50}});
  m->pkthdr.id = 6;
  const auto bytes = ChainBytes(*m);
  EXPECT_EQ(m_defrag(*m, MWait::kDontWait), kOk);
  EXPECT_EQ(ChainShape(*m), "1150");
  EXPECT_EQ(ChainBytes(*m), bytes);
  EXPECT_EQ(m->pkthdr.id, 6u);
  EXPECT_EQ(pool_.stats().clusters_in_use, 1u);
}

TEST_F(MbufTest, ResethdrKeepsLengthLoopCountAndId) {
  const MbufPtr m = MakeChain(pool_, {{100}});
  m->pkthdr.id = 5;
  m->pkthdr.loopcnt = 3;
  m->pkthdr.csum_flags = kMTcpCsumInOk;
  m->pkthdr.ifidx = 2;
  m->flags |= kMMcast | kMLoop;
  m_resethdr(*m);
  EXPECT_EQ(m->pkthdr.len, 100u);
  EXPECT_EQ(m->pkthdr.loopcnt, 3u);
  EXPECT_EQ(m->pkthdr.id, 5u);
  EXPECT_EQ(m->pkthdr.csum_flags, 0u);
  EXPECT_EQ(m->pkthdr.ifidx, 0u);
  EXPECT_EQ(m->flags, kMPkthdr);
}

TEST_F(MbufTest, ReadCrossesMbufsAndRefusesAShortChain) {
  const MbufPtr m = MakeChain(pool_, {{3}, {0}, {10}});
  const auto bytes = ChainBytes(*m);
  const auto read = m_read<std::array<std::byte, 8>>(*m, 1);
  ASSERT_TRUE(read);
  EXPECT_TRUE(std::equal(read->begin(), read->end(), bytes.begin() + 1));
  EXPECT_FALSE((m_read<std::array<std::byte, 8>>(*m, 6)));
  EXPECT_FALSE((m_read<std::array<std::byte, 8>>(*m, 100)));
}

TEST_F(MbufTest, WriteToASharedClusterIsABug) {
  const MbufPtr m = MakeChain(pool_, {{100, Place::kCluster}});
  m_write(*m, 0, uint32_t{1});
  const MbufPtr copy = m_copym(*m, 0, kMCopyAll, MWait::kDontWait);
  EXPECT_DEATH(m_write(*m, 0, uint32_t{1}), "m_readonly");
}

TEST_F(MbufTest, ListIsFirstInFirstOut) {
  MbufList list;
  EXPECT_EQ(list.Dequeue(), nullptr);
  for (uint64_t id = 1; id <= 3; ++id) {
    MbufPtr m = m_gethdr(pool_, MWait::kDontWait);
    m->pkthdr.id = id;
    list.Enqueue(std::move(m));
  }
  MbufList other = std::move(list);
  EXPECT_TRUE(list.empty());  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(other.size(), 3u);
  EXPECT_EQ(other.Dequeue()->pkthdr.id, 1u);
  EXPECT_EQ(other.Dequeue()->pkthdr.id, 2u);
  other.Purge();
  EXPECT_EQ(pool_.stats().mbufs_in_use, 0u);
}

}  // namespace
}  // namespace splnet
