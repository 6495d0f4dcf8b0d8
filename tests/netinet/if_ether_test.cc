// ARP: states, limits, and who is believed.

#include "stack/netinet/if_ether.h"

#include <gtest/gtest.h>

#include "tests/testing/net_fixture.h"

namespace splnet {
namespace {

using std::chrono::seconds;

constexpr EtherAddr kNewEther = {{2, 0, 0, 0, 0, 0x33}};
constexpr InAddr kNewAddr = InAddr::V4(0xc0000203);  // 192.0.2.3

Bytes Arp(uint16_t op, const EtherAddr& sha, const InAddr& spa,
          const InAddr& tpa) {
  ArpHeader ah;
  ah.hrd = kArphrdEther;
  ah.pro = kEthertypeIp;
  ah.hln = 6;
  ah.pln = 4;
  ah.op = op;
  ah.sha = sha;
  ah.spa = spa.wire4();
  ah.tpa = tpa.wire4();
  return BytesOf(ah);
}

void ReceiveArp(NetHost& host, const Bytes& arp) {
  host.Receive(EtherFrame(kEtherBroadcast, kNewEther, kEthertypeArp, arp));
}

// The ARP packets that were sent.
std::vector<ArpHeader> SentArp(NetHost& host) {
  std::vector<ArpHeader> out;
  for (const Bytes& frame : host.nic.sent) {
    if (ReadAt<EtherHeader>(frame, 0).type == kEthertypeArp) {
      out.push_back(ReadAt<ArpHeader>(frame, kEtherHdrLen));
    }
  }
  host.nic.sent.clear();
  return out;
}

Errno Send(NetHost& host, const InAddr& to, size_t n = 40) {
  return ether_output(host.nic, host.Chain(TestBytes(n)), to, nullptr);
}

TEST(Arp, AsksForAnUnknownNeighbourAndHoldsThePacket) {
  NetHost host;
  EXPECT_EQ(Send(host, kNewAddr), kOk);
  ASSERT_EQ(host.nic.sent.size(), 1u);
  const Bytes frame = host.nic.sent[0];
  EXPECT_EQ(ReadAt<EtherHeader>(frame, 0).dhost, kEtherBroadcast);
  const auto ah = ReadAt<ArpHeader>(frame, kEtherHdrLen);
  EXPECT_EQ(ah.op, kArpopRequest);
  EXPECT_EQ(ah.sha, kHostEther);
  EXPECT_EQ(ah.spa, kHostAddr.wire4());
  EXPECT_EQ(ah.tpa, kNewAddr.wire4());
  EXPECT_EQ(host.ns.arp.Find(host.nic.index, kNewAddr), nullptr);
}

TEST(Arp, SendsWhatItHeldWhenTheAnswerComes) {
  NetHost host;
  EXPECT_EQ(Send(host, kNewAddr, 40), kOk);
  EXPECT_EQ(Send(host, kNewAddr, 41), kOk);
  host.nic.sent.clear();
  ReceiveArp(host, Arp(kArpopReply, kNewEther, kNewAddr, kHostAddr));
  ASSERT_EQ(host.nic.sent.size(), 2u);
  EXPECT_EQ(host.nic.sent[0],
            EtherFrame(kNewEther, kHostEther, kEthertypeIp, TestBytes(40)));
  EXPECT_EQ(host.nic.sent[1],
            EtherFrame(kNewEther, kHostEther, kEthertypeIp, TestBytes(41)));
  EXPECT_EQ(*host.ns.arp.Find(host.nic.index, kNewAddr), kNewEther);
}

TEST(Arp, TheOldestOfTooManyHeldPacketsMakesRoom) {
  NetHost host;
  for (size_t i = 0; i < kArpMaxHeld + 3; ++i) {
    EXPECT_EQ(Send(host, kNewAddr, 40 + i), kOk);
  }
  EXPECT_EQ(host.ns.arp.stats.heldreplaced, 3u);
  EXPECT_EQ(host.dropped(DropReason::kArpHoldReplaced), 3u);
  EXPECT_EQ(SentArp(host).size(), 1u);  // one question is enough
  ReceiveArp(host, Arp(kArpopReply, kNewEther, kNewAddr, kHostAddr));
  ASSERT_EQ(host.nic.sent.size(), kArpMaxHeld);
  EXPECT_EQ(host.nic.sent[0].size(), kEtherHdrLen + 43);
}

TEST(Arp, AsksFiveTimesASecondApartThenTakesTheHostForDown) {
  NetHost host;
  EXPECT_EQ(Send(host, kNewAddr), kOk);
  for (int i = 0; i < 10; ++i) host.Wait(seconds(1));
  EXPECT_EQ(SentArp(host).size(), 5u);
  EXPECT_EQ(host.dropped(DropReason::kArpUnresolved), 1u);
  EXPECT_EQ(host.ns.arp.stats.unanswered, 1u);
  EXPECT_EQ(Send(host, kNewAddr), kEHOSTDOWN);
  EXPECT_EQ(host.nic.sent.size(), 0u);
  // After net.inet.ip.arpdown it is worth another try.
  host.Wait(seconds(20));
  EXPECT_EQ(Send(host, kNewAddr), kOk);
  EXPECT_EQ(SentArp(host).size(), 1u);
}

TEST(Arp, ALateAnswerRevivesAHostThatWasDown) {
  NetHost host;
  EXPECT_EQ(Send(host, kNewAddr), kOk);
  host.Wait(seconds(6));
  EXPECT_EQ(Send(host, kNewAddr), kEHOSTDOWN);
  ReceiveArp(host, Arp(kArpopReply, kNewEther, kNewAddr, kHostAddr));
  EXPECT_EQ(Send(host, kNewAddr), kOk);
}

TEST(Arp, ForgetsWhatIsOld) {
  NetHost host;
  ReceiveArp(host, Arp(kArpopRequest, kNewEther, kNewAddr, kHostAddr));
  EXPECT_NE(host.ns.arp.Find(host.nic.index, kNewAddr), nullptr);
  host.Wait(seconds(1199));
  EXPECT_NE(host.ns.arp.Find(host.nic.index, kNewAddr), nullptr);
  host.Wait(seconds(2));
  EXPECT_EQ(host.ns.arp.Find(host.nic.index, kNewAddr), nullptr);
  EXPECT_EQ(host.ns.arp.stats.expired, 1u);
  EXPECT_EQ(host.ns.arp.size(), 1u);  // the static one stays
}

TEST(Arp, AnswersRequestsForItsAddressAndLearnsWhoAsked) {
  NetHost host;
  ReceiveArp(host, Arp(kArpopRequest, kNewEther, kNewAddr, kHostAddr));
  ASSERT_EQ(host.nic.sent.size(), 1u);
  EXPECT_EQ(ReadAt<EtherHeader>(host.nic.sent[0], 0).dhost, kNewEther);
  const ArpHeader ah = SentArp(host).at(0);
  EXPECT_EQ(ah.op, kArpopReply);
  EXPECT_EQ(ah.sha, kHostEther);
  EXPECT_EQ(ah.spa, kHostAddr.wire4());
  EXPECT_EQ(ah.tha, kNewEther);
  EXPECT_EQ(ah.tpa, kNewAddr.wire4());
  EXPECT_EQ(*host.ns.arp.Find(host.nic.index, kNewAddr), kNewEther);
  EXPECT_EQ(host.seen.Count(Fate::kConsumed), 1u);
}

TEST(Arp, NeverLearnsFromPacketsAboutOtherHosts) {
  NetHost host;
  for (const uint16_t op : {kArpopRequest, kArpopReply}) {
    ReceiveArp(host, Arp(op, kNewEther, kNewAddr, kPeerAddr));
    ReceiveArp(host, Arp(op, kNewEther, kNewAddr, kNewAddr));
  }
  EXPECT_EQ(host.ns.arp.size(), 1u);
  EXPECT_EQ(host.dropped(DropReason::kArpNotForUs), 4u);
  EXPECT_TRUE(host.nic.sent.empty());
}

TEST(Arp, NeverLearnsAddressesOutsideOfTheSubnet) {
  NetHost host;
  const InAddr far = InAddr::V4(0x0a000001);
  ReceiveArp(host, Arp(kArpopRequest, kNewEther, far, kHostAddr));
  EXPECT_EQ(host.ns.arp.size(), 1u);
  EXPECT_EQ(SentArp(host).size(), 1u);  // but it is answered
}

TEST(Arp, AGratuitousArpChangesAnEntryThatIsThere) {
  NetHost host;
  ReceiveArp(host, Arp(kArpopRequest, kNewEther, kNewAddr, kHostAddr));
  const EtherAddr moved = {{2, 0, 0, 0, 0, 0x44}};
  ReceiveArp(host, Arp(kArpopRequest, moved, kNewAddr, kNewAddr));
  EXPECT_EQ(*host.ns.arp.Find(host.nic.index, kNewAddr), moved);
}

TEST(Arp, AStaticEntryIsNotOverwritten) {
  NetHost host;
  ReceiveArp(host, Arp(kArpopReply, kNewEther, kPeerAddr, kHostAddr));
  EXPECT_EQ(*host.ns.arp.Find(host.nic.index, kPeerAddr), kPeerEther);
  EXPECT_EQ(host.ns.arp.stats.overwrites, 1u);
}

TEST(Arp, AProbeIsAnsweredAndTeachesNothing) {
  NetHost host;
  ReceiveArp(host, Arp(kArpopRequest, kNewEther, kInaddrAny, kHostAddr));
  EXPECT_EQ(SentArp(host).size(), 1u);
  EXPECT_EQ(host.ns.arp.size(), 1u);
}

TEST(Arp, DefendsItsAddressAgainstAnother) {
  NetHost host;
  ReceiveArp(host, Arp(kArpopRequest, kNewEther, kHostAddr, kHostAddr));
  EXPECT_EQ(host.ns.arp.stats.conflicts, 1u);
  const std::vector<ArpHeader> sent = SentArp(host);
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].spa, kHostAddr.wire4());
  ReceiveArp(host, Arp(kArpopReply, kNewEther, kHostAddr, kPeerAddr));
  EXPECT_EQ(host.ns.arp.stats.conflicts, 2u);
  EXPECT_EQ(host.ns.arp.size(), 1u);
}

TEST(Arp, IgnoresItsOwnPackets) {
  NetHost host;
  ReceiveArp(host, Arp(kArpopRequest, kHostEther, kHostAddr, kHostAddr));
  EXPECT_EQ(host.ns.arp.stats.conflicts, 0u);
  EXPECT_TRUE(host.nic.sent.empty());
}

TEST(Arp, AGratuitousRequestTellsOfUs) {
  NetHost host;
  arprequest(host.nic, kHostAddr);
  const ArpHeader ah = SentArp(host).at(0);
  EXPECT_EQ(ah.spa, kHostAddr.wire4());
  EXPECT_EQ(ah.tpa, kHostAddr.wire4());
}

TEST(Arp, DropsWhatIsShortOrMalformed) {
  NetHost host;
  const Bytes good = Arp(kArpopRequest, kNewEther, kNewAddr, kHostAddr);
  Bytes cut = good;
  cut.resize(27);
  ReceiveArp(host, cut);
  EXPECT_EQ(host.dropped(DropReason::kArpShort), 1u);
  for (const size_t at : {0u, 2u, 4u, 5u, 6u, 8u}) {
    Bytes bad = good;
    bad[at] ^= std::byte{1};
    ReceiveArp(host, bad);
  }
  EXPECT_EQ(host.dropped(DropReason::kArpBad), 6u);
  EXPECT_EQ(host.ns.arp.size(), 1u);
}

TEST(Arp, AStrangerCannotFillTheTableNorPushOutWhatWeNeed) {
  NetHost host;
  host.ns.settings.arp_max_entries = 50;
  EXPECT_EQ(Send(host, kNewAddr), kOk);
  ReceiveArp(host, Arp(kArpopReply, kNewEther, kNewAddr, kHostAddr));
  for (uint32_t i = 10; i < 250; ++i) {
    ReceiveArp(host, Arp(kArpopRequest, kNewEther, InAddr::V4(0xc0000200 + i),
                         kHostAddr));
  }
  EXPECT_EQ(host.ns.arp.size(), 51u);  // and the static one
  EXPECT_EQ(host.ns.arp.stats.tablefull, 191u);
  EXPECT_NE(host.ns.arp.Find(host.nic.index, kNewAddr), nullptr);
  // A neighbour that we need takes the place of one that only asked.
  const InAddr needed = InAddr::V4(0xc0000204);
  EXPECT_EQ(Send(host, needed), kOk);
  EXPECT_EQ(host.ns.arp.stats.evicted, 1u);
  EXPECT_EQ(host.ns.arp.Find(host.nic.index, InAddr::V4(0xc000020a)), nullptr);
  EXPECT_EQ(host.ns.arp.size(), 51u);
}

TEST(Arp, AskingForTooManyNeighboursIsRefused) {
  NetHost host;
  host.ns.settings.arp_max_entries = 5;
  for (uint32_t i = 10; i < 15; ++i) {
    EXPECT_EQ(Send(host, InAddr::V4(0xc0000200 + i)), kOk);
  }
  EXPECT_EQ(Send(host, InAddr::V4(0xc0000220)), kENOBUFS);
  EXPECT_EQ(host.dropped(DropReason::kArpTableFull), 1u);
}

TEST(Arp, DeletingAnEntryDropsWhatItHolds) {
  NetHost host;
  EXPECT_EQ(Send(host, kNewAddr), kOk);
  EXPECT_TRUE(host.ns.arp.Delete(host.nic.index, kNewAddr));
  EXPECT_FALSE(host.ns.arp.Delete(host.nic.index, kNewAddr));
  EXPECT_EQ(host.dropped(DropReason::kArpUnresolved), 1u);
}

TEST(Arp, AnInterfaceWithoutArpResolvesStaticEntriesOnly) {
  NetHost host;
  host.nic.flags |= kIffNoArp;
  EXPECT_EQ(Send(host, kNewAddr), kEHOSTDOWN);
  EXPECT_EQ(Send(host, kPeerAddr), kOk);
  EXPECT_TRUE(SentArp(host).empty());
}

TEST(Arp, ATablesPacketsComeBackWhenTheHostGoes) {
  NetHost host;
  EXPECT_EQ(Send(host, kNewAddr), kOk);
  EXPECT_EQ(host.ns.mbufs.stats().mbufs_in_use, 1u);
  // ~NetHost checks that the pool got it back.
}

}  // namespace
}  // namespace splnet
