// Where mbufs come from: sizes, limits, the reserve, the audit.

#include "stack/kern/mbuf_pool.h"

#include <gtest/gtest.h>

#include <vector>

#include "stack/kern/mbuf.h"

namespace splnet {
namespace {

TEST(MbufPool, GivesTheSmallestClusterThatFits) {
  Ledger ledger;
  MbufPool pool(ledger, uint64_t{8} << 20);
  struct Row {
    size_t bytes;
    uint32_t size;
  };
  const Row rows[] = {{1, 2048},     {2048, 2048},   {2049, 2050},
                      {2051, 4096},  {4097, 8192},   {9000, 9216},
                      {9217, 12288}, {12289, 16384}, {16385, 65536},
                      {65536, 65536}};
  for (const Row& row : rows) {
    const MbufPtr m = m_getcl(pool, row.bytes, MWait::kDontWait);
    EXPECT_EQ(m->ext.size, row.size) << row.bytes;
    EXPECT_EQ(pool.stats().bytes_in_use, kMsize + row.size);
  }
  EXPECT_EQ(pool.stats().bytes_in_use, 0u);
}

TEST(MbufPool, ClustersDoNotOverlap) {
  Ledger ledger;
  MbufPool pool(ledger, uint64_t{64} << 20);
  std::vector<MbufPtr> held;
  for (size_t i = 0; i < 300; ++i) {
    held.push_back(m_getcl(pool, kClusterSizes[i % 8], MWait::kDontWait));
    std::memset(held.back()->ext.buf, static_cast<int>(i),
                kClusterSizes[i % 8]);
  }
  for (size_t i = 0; i < 300; ++i) {
    const std::byte* const buf = held[i]->ext.buf;
    const auto mark = static_cast<std::byte>(i & 0xff);
    ASSERT_EQ(buf[0], mark);
    ASSERT_EQ(buf[kClusterSizes[i % 8] - 1], mark);
  }
}

TEST(MbufPool, AnMbufKnowsItsPool) {
  Ledger ledger;
  MbufPool one(ledger, uint64_t{8} << 20);
  MbufPool two(ledger, uint64_t{8} << 20);
  std::vector<MbufPtr> held;
  for (int i = 0; i < 2000; ++i) {
    held.push_back(m_get(i % 2 == 0 ? one : two, MWait::kDontWait));
    ASSERT_EQ(&MbufPool::Of(*held.back()), i % 2 == 0 ? &one : &two);
  }
}

TEST(MbufPool, RefusesBeyondItsLimitAndServesWhoMustNotWait) {
  Ledger ledger;
  MbufPool pool(ledger, 4 * kMsize);
  std::vector<MbufPtr> held;
  for (int i = 0; i < 4; ++i) held.push_back(m_get(pool, MWait::kDontWait));
  EXPECT_EQ(pool.PercentUsed(), 100u);
  EXPECT_EQ(m_get(pool, MWait::kDontWait), nullptr);
  EXPECT_EQ(m_getcl(pool, 1, MWait::kDontWait), nullptr);
  EXPECT_EQ(pool.stats().denied, 2u);
  const MbufPtr reserve = m_get(pool, MWait::kWait);
  EXPECT_TRUE(reserve);
  EXPECT_EQ(pool.stats().from_reserve, 1u);
  EXPECT_EQ(pool.stats().peak_bytes, 5 * kMsize);
  held.clear();
  EXPECT_TRUE(m_get(pool, MWait::kDontWait));
}

TEST(MbufPool, ARefusedClusterGivesItsMbufBack) {
  Ledger ledger;
  MbufPool pool(ledger, 4 * kMsize);
  EXPECT_EQ(m_getcl(pool, 1, MWait::kDontWait), nullptr);
  EXPECT_EQ(pool.stats().mbufs_in_use, 0u);
}

TEST(MbufPool, FailsTheAllocationThatATestChose) {
  Ledger ledger;
  MbufPool pool(ledger, uint64_t{8} << 20);
  pool.FailNth(3);
  EXPECT_TRUE(m_get(pool, MWait::kDontWait));
  EXPECT_TRUE(m_get(pool, MWait::kDontWait));
  EXPECT_FALSE(m_get(pool, MWait::kDontWait));
  EXPECT_TRUE(m_get(pool, MWait::kDontWait));
}

TEST(MbufPool, MemoryIsUsedAgain) {
  Ledger ledger;
  MbufPool pool(ledger, uint64_t{8} << 20);
  const Mbuf* const first = m_get(pool, MWait::kDontWait).get();
  EXPECT_EQ(m_get(pool, MWait::kDontWait).get(), first);
}

TEST(MbufPoolDeathTest, ALeakIsFoundWhenThePoolGoes) {
  EXPECT_DEATH(
      {
        Ledger ledger;
        MbufPool pool(ledger, uint64_t{1} << 20);
        m_get(pool, MWait::kDontWait).release();
      },
      "mbufs_in_use == 0");
  EXPECT_DEATH(
      {
        Ledger ledger;
        MbufPool pool(ledger, uint64_t{1} << 20);
        pool.GetCluster(100, MWait::kDontWait);
      },
      "clusters_in_use == 0");
}

}  // namespace
}  // namespace splnet
