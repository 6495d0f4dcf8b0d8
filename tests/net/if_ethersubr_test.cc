// Ethernet in and out, and VLANs.

#include "stack/net/if_ethersubr.h"

#include <gtest/gtest.h>

#include "tests/testing/net_fixture.h"

namespace splnet {
namespace {

constexpr EtherAddr kStranger = {{2, 0, 0, 0, 0, 0x77}};

InAddr A(const char* text) { return *ParseAddr(text); }

Bytes Datagram() { return UdpPacket(UdpArgs{}, TestBytes(30)); }

// A frame with a tag between the addresses and the type.
Bytes Tagged(uint16_t tci, uint16_t type, const Bytes& payload) {
  return EtherFrame(kHostEther, kPeerEther, kEthertypeVlan,
                    BytesOf(Be16(tci)) + BytesOf(Be16(type)) + payload);
}

TEST(EtherInput, TakesFramesForThisStationTheGroupAndAll) {
  NetHost host;
  for (const EtherAddr& to :
       {kHostEther, kEtherBroadcast, EtherAddr{{1, 0, 0x5e, 0, 0, 1}}}) {
    host.Receive(EtherFrame(to, kPeerEther, kEthertypeIp, Datagram()));
  }
  EXPECT_EQ(host.ns.ipstat.total, 3u);
  EXPECT_EQ(host.nic.stats.imcasts, 2u);
}

TEST(EtherInput, DropsFramesForAnotherStation) {
  NetHost host;
  host.Receive(EtherFrame(kStranger, kPeerEther, kEthertypeIp, Datagram()));
  EXPECT_EQ(host.dropped(DropReason::kEtherNotForUs), 1u);
}

TEST(EtherInput, TakesEveryStationsFramesWhereTheHostOwnsEverything) {
  NetHost host;
  host.ns.owns_everything = true;
  host.Receive(EtherFrame(kStranger, kPeerEther, kEthertypeIp, Datagram()));
  EXPECT_EQ(host.ns.ipstat.total, 1u);
}

TEST(EtherInput, DropsShortFramesAndUnknownTypes) {
  NetHost host;
  for (size_t n = 1; n < 14; ++n) host.Receive(Bytes(n, std::byte{2}));
  EXPECT_EQ(host.dropped(DropReason::kEtherShort), 13u);
  host.Receive(EtherFrame(kHostEther, kPeerEther, 0x88cc, TestBytes(46)));
  host.Receive(EtherFrame(kHostEther, kPeerEther, 46, TestBytes(46)));
  EXPECT_EQ(host.dropped(DropReason::kEtherUnknownType), 2u);
  EXPECT_EQ(host.nic.stats.noproto, 2u);
}

TEST(EtherInput, ReadsAHeaderThatIsSpreadOverMbufs) {
  NetHost host;
  host.ReceiveIp(Datagram(), 5);
  EXPECT_EQ(host.ns.udpstat.ipackets, 1u);
  EXPECT_EQ(host.ns.udpstat.noport, 1u);
}

TEST(EtherInput, Ipv6IsCountedAsUnsupported) {
  NetHost host;
  host.Receive(
      EtherFrame(kHostEther, kPeerEther, kEthertypeIpv6, TestBytes(60)));
  EXPECT_EQ(host.dropped(DropReason::kIp6Unsupported), 1u);
}

TEST(EtherInput, APriorityTagIsNoVlan) {
  NetHost host;
  host.Receive(Tagged(0xe000, kEthertypeIp, Datagram()));
  EXPECT_EQ(host.ns.udpstat.ipackets, 1u);
}

TEST(EtherInput, AHostThatOwnsEverythingTakesEveryTag) {
  NetHost host;
  host.ns.owns_everything = true;
  host.Receive(Tagged(5, kEthertypeIp, Datagram()));
  EXPECT_EQ(host.ns.udpstat.ipackets, 1u);
}

TEST(EtherInput, DropsTagsWithoutAnInterface) {
  NetHost host;
  host.Receive(Tagged(5, kEthertypeIp, Datagram()));
  host.Receive(
      EtherFrame(kHostEther, kPeerEther, kEthertypeQinq, TestBytes(46)));
  EXPECT_EQ(host.dropped(DropReason::kEtherUnknownVlan), 2u);
  const Bytes cut =
      EtherFrame(kHostEther, kPeerEther, kEthertypeVlan, TestBytes(3));
  host.Receive(cut);
  EXPECT_EQ(host.dropped(DropReason::kEtherShort), 1u);
}

TEST(Vlan, TakesTheFramesOfItsTagAndTagsItsOwn) {
  NetHost host;
  const Result<Ifnet*> vlan = vlan_create(host.nic, 5, "vlan5");
  ASSERT_TRUE(vlan.ok());
  ASSERT_EQ(if_addaddr(*vlan.value, A("10.5.0.1"), 16), kOk);
  host.ns.arp.AddStatic(vlan.value->index, A("10.5.0.2"), kPeerEther);

  const UdpArgs args{.from = {A("10.5.0.2"), 1000}, .to = {A("10.5.0.1"), 9}};
  host.Receive(Tagged(0x6005, kEthertypeIp, UdpPacket(args, TestBytes(5))));
  EXPECT_EQ(vlan.value->stats.ipackets, 1u);
  // The port unreachable goes out with the tag.
  ASSERT_EQ(host.nic.sent.size(), 1u);
  const Bytes& frame = host.nic.sent[0];
  EXPECT_EQ(ReadAt<EtherHeader>(frame, 0).dhost, kPeerEther);
  EXPECT_EQ(ReadAt<EtherHeader>(frame, 0).shost, kHostEther);
  EXPECT_EQ(ReadAt<EtherHeader>(frame, 0).type, kEthertypeVlan);
  EXPECT_EQ(ReadAt<Be16>(frame, 14), 5);
  EXPECT_EQ(ReadAt<Be16>(frame, 16), kEthertypeIp);
  EXPECT_EQ(ReadAt<IpHeader>(frame, 18).dst, A("10.5.0.2").wire4());
}

TEST(Vlan, LeavesUntaggedFramesToTheInterfaceBelow) {
  NetHost host;
  const Result<Ifnet*> vlan = vlan_create(host.nic, 5, "vlan5");
  ASSERT_TRUE(vlan.ok());
  host.ReceiveIp(Datagram());
  EXPECT_EQ(vlan.value->stats.ipackets, 0u);
  vlan.value->flags &= ~kIffUp;
  host.Receive(Tagged(5, kEthertypeIp, Datagram()));
  EXPECT_EQ(host.dropped(DropReason::kEtherUnknownVlan), 1u);
}

TEST(Vlan, RefusesATagThatIsTakenOrCannotBe) {
  NetHost host;
  const Result<Ifnet*> vlan = vlan_create(host.nic, 5, "vlan5");
  ASSERT_TRUE(vlan.ok());
  EXPECT_EQ(vlan_create(host.nic, 5, "vlan6").error, kEEXIST);
  EXPECT_EQ(vlan_create(host.nic, 0, "vlan0").error, kEINVAL);
  EXPECT_EQ(vlan_create(host.nic, 4095, "vlan9").error, kEINVAL);
  EXPECT_EQ(vlan_create(*vlan.value, 6, "vlan6").error, kEINVAL);
}

TEST(EtherOutput, PutsTheHeaderInFront) {
  NetHost host;
  EXPECT_EQ(
      ether_output(host.nic, host.Chain(TestBytes(40)), kPeerAddr, nullptr),
      kOk);
  ASSERT_EQ(host.nic.sent.size(), 1u);
  EXPECT_EQ(host.nic.sent[0],
            EtherFrame(kPeerEther, kHostEther, kEthertypeIp, TestBytes(40)));
}

TEST(EtherOutput, MapsGroupsAndAllToTheirStations) {
  NetHost host;
  MbufPtr group = host.Chain(TestBytes(40));
  group->flags |= kMMcast;
  EXPECT_EQ(ether_output(host.nic, std::move(group), A("239.129.2.3"), nullptr),
            kOk);
  MbufPtr all = host.Chain(TestBytes(40));
  all->flags |= kMBcast;
  EXPECT_EQ(ether_output(host.nic, std::move(all), A("192.0.2.255"), nullptr),
            kOk);
  ASSERT_EQ(host.nic.sent.size(), 2u);
  EXPECT_EQ(ReadAt<EtherAddr>(host.nic.sent[0], 0),
            (EtherAddr{{1, 0, 0x5e, 1, 2, 3}}));
  EXPECT_EQ(ReadAt<EtherAddr>(host.nic.sent[1], 0), kEtherBroadcast);
  EXPECT_EQ(host.nic.stats.omcasts, 2u);
}

TEST(EtherOutput, IsDownWithItsInterface) {
  NetHost host;
  host.nic.flags &= ~kIffUp;
  EXPECT_EQ(
      ether_output(host.nic, host.Chain(TestBytes(40)), kPeerAddr, nullptr),
      kENETDOWN);
  EXPECT_EQ(host.dropped(DropReason::kIfDown), 1u);
}

TEST(EtherOutput, WithoutMemoryForTheHeaderTheFrameIsLostAndCounted) {
  NetHost host;
  MbufPtr m = host.Chain(TestBytes(40), 0, 0);
  host.ns.mbufs.FailNth(1);
  EXPECT_EQ(ether_output(host.nic, std::move(m), kPeerAddr, nullptr), kENOBUFS);
  EXPECT_EQ(host.nic.stats.oerrors, 1u);
  EXPECT_EQ(host.dropped(DropReason::kIpNoBuffers), 1u);
}

}  // namespace
}  // namespace splnet
