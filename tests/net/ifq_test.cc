// Send queues and protocol input queues.

#include "stack/net/ifq.h"

#include <gtest/gtest.h>

#include "tests/testing/net_fixture.h"

namespace splnet {
namespace {

MbufPtr Packet(NetHost& host, uint8_t prio, uint8_t mark) {
  MbufPtr m = host.Chain(Bytes(1, std::byte{mark}));
  m->pkthdr.prio = prio;
  return m;
}
uint8_t MarkOf(const MbufPtr& m) { return std::to_integer<uint8_t>(*m->data); }

TEST(Ifqueue, GivesBackInOrderWithinAPriority) {
  NetHost host;
  Ifqueue q;
  for (uint8_t i = 1; i <= 3; ++i) EXPECT_FALSE(q.Enqueue(Packet(host, 3, i)));
  EXPECT_EQ(q.len(), 3u);
  EXPECT_EQ(MarkOf(q.Dequeue()), 1);
  EXPECT_EQ(MarkOf(q.Dequeue()), 2);
  EXPECT_EQ(MarkOf(q.Dequeue()), 3);
  EXPECT_FALSE(q.Dequeue());
  EXPECT_TRUE(q.empty());
}

TEST(Ifqueue, ServesTheHighestPriorityFirst) {
  NetHost host;
  Ifqueue q;
  EXPECT_FALSE(q.Enqueue(Packet(host, 1, 1)));
  EXPECT_FALSE(q.Enqueue(Packet(host, 7, 7)));
  EXPECT_FALSE(q.Enqueue(Packet(host, 3, 3)));
  EXPECT_EQ(MarkOf(q.Dequeue()), 7);
  EXPECT_EQ(MarkOf(q.Dequeue()), 3);
  EXPECT_EQ(MarkOf(q.Dequeue()), 1);
}

TEST(Ifqueue, RefusesTheNewPacketWhenFullOfItsPriority) {
  NetHost host;
  Ifqueue q;
  q.set_maxlen(2);
  EXPECT_FALSE(q.Enqueue(Packet(host, 3, 1)));
  EXPECT_FALSE(q.Enqueue(Packet(host, 3, 2)));
  const MbufPtr refused = q.Enqueue(Packet(host, 3, 9));
  ASSERT_TRUE(refused);
  EXPECT_EQ(MarkOf(refused), 9);
  EXPECT_EQ(q.drops(), 1u);
  EXPECT_EQ(q.len(), 2u);
}

TEST(Ifqueue, GivesUpALowerPriorityForAHigher) {
  NetHost host;
  Ifqueue q;
  q.set_maxlen(2);
  EXPECT_FALSE(q.Enqueue(Packet(host, 1, 1)));
  EXPECT_FALSE(q.Enqueue(Packet(host, 2, 2)));
  const MbufPtr victim = q.Enqueue(Packet(host, 5, 5));
  ASSERT_TRUE(victim);
  EXPECT_EQ(MarkOf(victim), 1);
  EXPECT_EQ(MarkOf(q.Dequeue()), 5);
  EXPECT_EQ(MarkOf(q.Dequeue()), 2);
}

TEST(Ifqueue, PurgeEmptiesIt) {
  NetHost host;
  Ifqueue q;
  for (uint8_t i = 0; i < 8; ++i) EXPECT_FALSE(q.Enqueue(Packet(host, i, i)));
  q.Purge();
  EXPECT_TRUE(q.empty());
  EXPECT_FALSE(q.Dequeue());
}

TEST(IfEnqueue, CountsAndDropsWhatAFullQueueRefuses) {
  NetHost host;
  host.nic.hold = true;
  host.nic.snd.set_maxlen(1);
  EXPECT_EQ(if_enqueue(host.nic, host.Chain(TestBytes(60))), kOk);
  EXPECT_EQ(if_enqueue(host.nic, host.Chain(TestBytes(61))), kENOBUFS);
  EXPECT_EQ(host.dropped(DropReason::kIfqFull), 1u);
  EXPECT_EQ(host.nic.stats.oqdrops, 1u);
  EXPECT_EQ(host.nic.stats.opackets, 1u);
  EXPECT_EQ(host.nic.stats.obytes, 60u);
  host.nic.snd.Purge();
}

TEST(Netisr, DropsWhatAFullInputQueueRefuses) {
  NetHost host;
  host.ns.settings.ipintrq_maxlen = 4;
  std::vector<Bytes> burst(6, EtherFrame(kHostEther, kPeerEther, kEthertypeIp,
                                         UdpPacket(UdpArgs{}, TestBytes(10))));
  host.ReceiveBurst(burst);
  EXPECT_EQ(host.ns.ipintrq.drops, 2u);
  EXPECT_EQ(host.dropped(DropReason::kNetisrqFull), 2u);
  EXPECT_EQ(host.nic.stats.iqdrops, 2u);
  EXPECT_EQ(host.ns.ipstat.total, 4u);
}

TEST(Netisr, DrainsAWholeBurstInOneSoftInterrupt) {
  NetHost host;
  const uint64_t before = host.ns.ledger.soft_interrupts;
  std::vector<Bytes> burst(32, EtherFrame(kHostEther, kPeerEther, kEthertypeIp,
                                          UdpPacket(UdpArgs{}, TestBytes(10))));
  host.ReceiveBurst(burst);
  EXPECT_EQ(host.ns.ipstat.total, 32u);
  EXPECT_EQ(host.ns.ledger.soft_interrupts, before + 1);
}

}  // namespace
}  // namespace splnet
