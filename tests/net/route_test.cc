// Longest-prefix lookup.

#include "stack/net/route.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "stack/kern/random.h"

namespace splnet {
namespace {

InAddr A(const char* text) { return *ParseAddr(text); }

Rtentry To(const char* dst, uint8_t prefixlen, uint16_t ifidx) {
  Rtentry rt;
  rt.dst = A(dst);
  rt.prefixlen = prefixlen;
  rt.ifidx = ifidx;
  return rt;
}

TEST(RouteTable, TakesTheMostSpecificRoute) {
  RouteTable table;
  ASSERT_EQ(table.Add(To("0.0.0.0", 0, 1)), kOk);
  ASSERT_EQ(table.Add(To("10.0.0.0", 8, 2)), kOk);
  ASSERT_EQ(table.Add(To("10.1.0.0", 16, 3)), kOk);
  ASSERT_EQ(table.Add(To("10.1.2.0", 24, 4)), kOk);
  ASSERT_EQ(table.Add(To("10.1.2.3", 32, 5)), kOk);
  EXPECT_EQ(table.Lookup(A("10.1.2.3"))->ifidx, 5);
  EXPECT_EQ(table.Lookup(A("10.1.2.4"))->ifidx, 4);
  EXPECT_EQ(table.Lookup(A("10.1.3.3"))->ifidx, 3);
  EXPECT_EQ(table.Lookup(A("10.2.2.3"))->ifidx, 2);
  EXPECT_EQ(table.Lookup(A("11.1.2.3"))->ifidx, 1);
}

TEST(RouteTable, HasNoRouteWhereNoneCovers) {
  RouteTable table;
  EXPECT_EQ(table.Lookup(A("10.0.0.1")), nullptr);
  ASSERT_EQ(table.Add(To("10.0.0.0", 8, 1)), kOk);
  EXPECT_EQ(table.Lookup(A("11.0.0.1")), nullptr);
  EXPECT_EQ(table.Lookup(InAddr()), nullptr);
}

TEST(RouteTable, IgnoresBitsBehindThePrefix) {
  RouteTable table;
  ASSERT_EQ(table.Add(To("10.1.2.3", 16, 1)), kOk);
  EXPECT_EQ(table.Lookup(A("10.1.200.1"))->dst, A("10.1.0.0"));
  EXPECT_EQ(table.Add(To("10.1.9.9", 16, 2)), kEEXIST);
}

TEST(RouteTable, RefusesALengthThatCannotBe) {
  RouteTable table;
  EXPECT_EQ(table.Add(To("10.0.0.0", 33, 1)), kEINVAL);
  EXPECT_EQ(table.Add(Rtentry{}), kEINVAL);
}

TEST(RouteTable, DeletesExactlyOneRoute) {
  RouteTable table;
  ASSERT_EQ(table.Add(To("10.0.0.0", 8, 1)), kOk);
  ASSERT_EQ(table.Add(To("10.0.0.0", 9, 2)), kOk);
  EXPECT_EQ(table.Delete(A("10.0.0.0"), 10), kESRCH);
  EXPECT_EQ(table.Delete(A("10.0.0.0"), 9), kOk);
  EXPECT_EQ(table.Delete(A("10.0.0.0"), 9), kESRCH);
  EXPECT_EQ(table.Lookup(A("10.0.0.1"))->ifidx, 1);
  EXPECT_EQ(table.size(), 1u);
}

TEST(RouteTable, GenerationGrowsWithEveryChange) {
  RouteTable table;
  const uint64_t before = table.generation();
  ASSERT_EQ(table.Add(To("10.0.0.0", 8, 1)), kOk);
  const uint64_t added = table.generation();
  EXPECT_GT(added, before);
  EXPECT_EQ(table.Add(To("10.0.0.0", 8, 1)), kEEXIST);
  EXPECT_EQ(table.generation(), added);
  ASSERT_EQ(table.Delete(A("10.0.0.0"), 8), kOk);
  EXPECT_GT(table.generation(), added);
}

TEST(RouteTable, ListsRoutesByDestinationAndLength) {
  RouteTable table;
  ASSERT_EQ(table.Add(To("192.0.2.0", 24, 1)), kOk);
  ASSERT_EQ(table.Add(To("10.0.0.0", 16, 2)), kOk);
  ASSERT_EQ(table.Add(To("10.0.0.0", 8, 3)), kOk);
  ASSERT_EQ(table.Add(To("0.0.0.0", 0, 4)), kOk);
  std::vector<uint16_t> order;
  for (const Rtentry* rt : table.All()) order.push_back(rt->ifidx);
  EXPECT_EQ(order, (std::vector<uint16_t>{4, 3, 2, 1}));
}

TEST(RouteTable, KeepsIpv6Apart) {
  RouteTable table;
  Rtentry rt;
  rt.dst.family = Family::kInet6;
  rt.dst.hi = 0x20010db8ull << 32;
  rt.prefixlen = 32;
  rt.ifidx = 6;
  ASSERT_EQ(table.Add(rt), kOk);
  InAddr in = rt.dst;
  in.lo = 1;
  EXPECT_EQ(table.Lookup(in)->ifidx, 6);
  rt.dst.lo = 1;
  rt.prefixlen = 128;
  rt.ifidx = 7;
  ASSERT_EQ(table.Add(rt), kOk);
  EXPECT_EQ(table.Lookup(in)->ifidx, 7);
  in.lo = 2;
  EXPECT_EQ(table.Lookup(in)->ifidx, 6);
  EXPECT_EQ(table.Lookup(A("32.1.13.184")), nullptr);
}

// A table that is searched from end to end.
class SlowTable {
 public:
  Errno Add(const Rtentry& rt) {
    return routes_.try_emplace(Key(rt.dst.v4(), rt.prefixlen), rt).second
               ? kOk
               : kEEXIST;
  }
  Errno Delete(uint32_t dst, uint8_t len) {
    return routes_.erase(Key(dst, len)) == 1 ? kOk : kESRCH;
  }
  const Rtentry* Lookup(uint32_t addr) const {
    for (int len = 32; len >= 0; --len) {
      const auto it = routes_.find(Key(addr, static_cast<uint8_t>(len)));
      if (it != routes_.end()) return &it->second;
    }
    return nullptr;
  }
  size_t size() const { return routes_.size(); }

 private:
  static std::pair<uint32_t, uint8_t> Key(uint32_t dst, uint8_t len) {
    return {len == 0 ? 0 : dst >> (32 - len) << (32 - len), len};
  }
  std::map<std::pair<uint32_t, uint8_t>, Rtentry> routes_;
};

TEST(RouteTable, AgreesWithASearchOfEveryRoute) {
  RandomStream random(7, "routes");
  RouteTable table;
  SlowTable slow;
  // Few different bits, so that prefixes meet and nest.
  const auto address = [&random] {
    return static_cast<uint32_t>(random.Next() & 0xc0a0f00f);
  };
  for (int step = 0; step < 20000; ++step) {
    const uint32_t dst = address();
    const auto len = static_cast<uint8_t>(random.Below(33));
    if (random.Chance(550000)) {
      Rtentry rt;
      rt.dst = InAddr::V4(dst);
      rt.prefixlen = len;
      rt.ifidx = static_cast<uint16_t>(step & 0xffff);
      ASSERT_EQ(table.Add(rt), slow.Add(rt));
    } else {
      ASSERT_EQ(table.Delete(InAddr::V4(dst), len), slow.Delete(dst, len));
    }
    const uint32_t probe = address();
    const Rtentry* const got = table.Lookup(InAddr::V4(probe));
    const Rtentry* const want = slow.Lookup(probe);
    ASSERT_EQ(got == nullptr, want == nullptr);
    if (got != nullptr) {
      ASSERT_EQ(got->ifidx, want->ifidx);
      ASSERT_EQ(table.Find(got->dst, got->prefixlen), got);
    }
    ASSERT_EQ(table.size(), slow.size());
  }
  ASSERT_EQ(table.All().size(), slow.size());
}

TEST(Route, IsLookedUpAgainWhenTheTableChanged) {
  RouteTable table;
  ASSERT_EQ(table.Add(To("10.0.0.0", 8, 1)), kOk);
  Route route;
  EXPECT_EQ(route.Get(table, A("10.1.1.1"))->ifidx, 1);
  ASSERT_EQ(table.Add(To("10.1.0.0", 16, 2)), kOk);
  EXPECT_EQ(route.Get(table, A("10.1.1.1"))->ifidx, 2);
  EXPECT_EQ(route.Get(table, A("10.2.1.1"))->ifidx, 1);
  ASSERT_EQ(table.Delete(A("10.0.0.0"), 8), kOk);
  EXPECT_EQ(route.Get(table, A("10.2.1.1")), nullptr);
}

}  // namespace
}  // namespace splnet
