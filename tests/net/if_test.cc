// Interfaces and their addresses.

#include "stack/net/if.h"

#include <gtest/gtest.h>

#include "tests/testing/net_fixture.h"

namespace splnet {
namespace {

InAddr A(const char* text) { return *ParseAddr(text); }

TEST(IfAddaddr, BringsRoutesToItselfItsSubnetAndItsBroadcast) {
  NetHost host;
  const RouteTable& routes = host.ns.routes;
  const Rtentry* const self = routes.Lookup(kHostAddr);
  EXPECT_NE(self->flags & kRtfLocal, 0u);
  const Rtentry* const subnet = routes.Lookup(A("192.0.2.77"));
  EXPECT_EQ(subnet->prefixlen, 24);
  EXPECT_EQ(subnet->ifa, kHostAddr);
  EXPECT_EQ(subnet->ifidx, host.nic.index);
  EXPECT_NE(routes.Lookup(A("192.0.2.255"))->flags & kRtfBroadcast, 0u);
}

TEST(IfAddaddr, RefusesWhatCannotBe) {
  NetHost host;
  EXPECT_EQ(if_addaddr(host.nic, kHostAddr, 24), kEEXIST);
  EXPECT_EQ(if_addaddr(host.nic, A("10.0.0.1"), 33), kEINVAL);
  EXPECT_EQ(if_addaddr(host.nic, A("0.0.0.0"), 8), kEINVAL);
  EXPECT_EQ(if_addaddr(host.nic, A("224.0.0.5"), 8), kEINVAL);
  EXPECT_EQ(if_addaddr(host.nic, A("255.255.255.255"), 8), kEINVAL);
  EXPECT_EQ(if_addaddr(host.nic, InAddr(), 8), kEAFNOSUPPORT);
}

TEST(IfAddaddr, HasNoBroadcastWhereTwoHostsShareALink) {
  NetHost host;
  ASSERT_EQ(if_addaddr(host.nic, A("10.0.0.2"), 31), kOk);
  EXPECT_FALSE(in_broadcast(host.nic, A("10.0.0.3")));
  EXPECT_EQ(host.ns.routes.Lookup(A("10.0.0.3"))->prefixlen, 31);
}

TEST(InBroadcast, IsTheSubnetsOrAllOnes) {
  NetHost host;
  EXPECT_TRUE(in_broadcast(host.nic, A("192.0.2.255")));
  EXPECT_TRUE(in_broadcast(host.nic, kInaddrBroadcast));
  EXPECT_FALSE(in_broadcast(host.nic, A("192.0.3.255")));
  EXPECT_FALSE(in_broadcast(host.nic, kHostAddr));
}

TEST(IfaIfwithaddr, FindsTheInterfaceOfAnAddress) {
  NetHost host;
  FakeNic& other = host.AddNic("em1", {{2, 0, 0, 0, 0, 9}}, A("10.0.0.1"), 8);
  EXPECT_EQ(ifa_ifwithaddr(host.ns, kHostAddr), &host.nic);
  EXPECT_EQ(ifa_ifwithaddr(host.ns, A("10.0.0.1")), &other);
  EXPECT_EQ(ifa_ifwithaddr(host.ns, A("10.0.0.2")), nullptr);
  EXPECT_EQ(ifa_ifwithaddr(host.ns, A("10.255.255.255")), nullptr);
  EXPECT_EQ(ifa_ifwithnet(host.ns, A("10.0.0.2")), &other);
  EXPECT_EQ(ifunit(host.ns, "em1"), &other);
  EXPECT_EQ(ifunit(host.ns, "em2"), nullptr);
  EXPECT_EQ(if_get(host.ns, other.index), &other);
  EXPECT_EQ(if_get(host.ns, 0), nullptr);
  EXPECT_EQ(if_get(host.ns, 3), nullptr);
}

TEST(LocalAddrTable, FindsEachOfManyAddressesAndNoOther) {
  LocalAddrTable table;
  using Kind = LocalAddrTable::Kind;
  for (uint32_t i = 0; i < 5000; ++i) {
    table.Add(InAddr::V4(0x0a000000 + i * 256), static_cast<uint16_t>(i),
              Kind::kUnicast);
  }
  EXPECT_EQ(table.size(), 5000u);
  for (uint32_t i = 0; i < 5000; ++i) {
    const auto* const e = table.Find(InAddr::V4(0x0a000000 + i * 256));
    ASSERT_NE(e, nullptr);
    ASSERT_EQ(e->ifidx, i);
    ASSERT_EQ(table.Find(InAddr::V4(0x0a000001 + i * 256)), nullptr);
  }
}

TEST(LocalAddrTable, TheFirstToAddAnAddressKeepsIt) {
  LocalAddrTable table;
  table.Add(A("10.0.0.1"), 1, LocalAddrTable::Kind::kUnicast);
  table.Add(A("10.0.0.1"), 2, LocalAddrTable::Kind::kBroadcast);
  EXPECT_EQ(table.Find(A("10.0.0.1"))->ifidx, 1);
  EXPECT_TRUE(table.IsUnicast(A("10.0.0.1")));
}

TEST(IfInput, DropsFramesWhileTheInterfaceIsDown) {
  NetHost host;
  host.nic.flags &= ~kIffUp;
  host.ReceiveIp(UdpPacket(UdpArgs{}, TestBytes(4)));
  EXPECT_EQ(host.dropped(DropReason::kIfDown), 1u);
  EXPECT_EQ(host.ns.ipstat.total, 0u);
}

TEST(IfInput, CountsPacketsAndBytesAndNamesThem) {
  NetHost host;
  host.Receive(Bytes(60, std::byte{0}));
  EXPECT_EQ(host.nic.stats.ipackets, 1u);
  EXPECT_EQ(host.nic.stats.ibytes, 60u);
  EXPECT_NE(host.seen.Of(Fn::kIfInput).at(0).event.packet, 0u);
}

TEST(IfInputLocal, GivesAHostItsOwnPacketsWithoutALoopbackInterface) {
  NetHost host;
  SocketPtr to = host.UdpSocket();
  ASSERT_EQ(to->proto->bind(*to, Sockaddr(kHostAddr, 7)), kOk);
  SocketPtr from = host.UdpSocket();
  const Sockaddr dst(kHostAddr, 7);
  ASSERT_EQ(from->proto->send(*from, host.Chain(TestBytes(9)), &dst, nullptr),
            kOk);
  const Received got = TakeDatagram(*to);
  EXPECT_EQ(got.data, TestBytes(9));
  EXPECT_EQ(got.from.addr, kHostAddr);
  EXPECT_TRUE(host.nic.sent.empty());
  NetHost::Close(to);
  NetHost::Close(from);
}

}  // namespace
}  // namespace splnet
