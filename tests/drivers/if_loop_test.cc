// The loopback interface.

#include "drivers/if_loop.h"

#include <gtest/gtest.h>

#include "stack/netinet/ip.h"
#include "tests/testing/mbuf_chain.h"
#include "tests/testing/recorder.h"

namespace splnet {
namespace {

MbufPtr PacketOf(Netstack& ns) {
  MbufPtr m = MakePacket(ns.mbufs, PatternBytes(60));
  m->pkthdr.id = ns.NewPacketId();
  return m;
}

class IfLoopTest : public testing::Test {
 protected:
  MbufPtr Packet() { return PacketOf(ns_); }

  EventQueue queue_;
  Netstack ns_{queue_, 1, "h", 1};
  Ifnet& lo_ = loopattach(ns_);
};

TEST_F(IfLoopTest, HasTheLoopbackAddress) {
  EXPECT_EQ(lo_.xname, "lo0");
  EXPECT_EQ(lo_.mtu_bytes, 32768u);
  EXPECT_TRUE(lo_.is(kIffLoopback));
  EXPECT_EQ(ifa_ifwithaddr(ns_, kInaddrLoopback), &lo_);
  const Rtentry* const rt = ns_.routes.Lookup(InAddr::V4(0x7f010203));
  ASSERT_NE(rt, nullptr);
  EXPECT_EQ(rt->ifidx, lo_.index);
}

// Takes what waits on the IP input queue away, unseen by ip_input.
struct Waiting {
  uint16_t flags = 0;
  PktHdr hdr;
};
Waiting TakeWaiting(Netstack& ns) {
  EXPECT_EQ(ns.ipintrq.list.size(), 1u);
  const MbufPtr m = ns.ipintrq.list.Dequeue();
  return {m->flags, m->pkthdr};
}

TEST_F(IfLoopTest, OutputOnlyQueuesForTheSoftInterrupt) {
  // A handler that takes nothing, so that the queue can be looked at.
  ns_.cpu.SetSoftHandler(SoftInterrupt::kIp, [](void*) {}, nullptr);
  MbufPtr m = Packet();
  const uint64_t id = m->pkthdr.id;
  m->pkthdr.loopcnt = 4;
  m->pkthdr.prio = 7;
  m->flags |= kMMcast;
  m->pkthdr.csum_flags = kMTcpCsumOut;
  EXPECT_EQ(looutput(lo_, std::move(m), kInaddrLoopback, nullptr), kOk);
  const Waiting w = TakeWaiting(ns_);
  EXPECT_EQ(w.hdr.id, id);
  EXPECT_EQ(w.hdr.loopcnt, 4u);
  EXPECT_EQ(w.hdr.prio, kIfqDefPrio);
  EXPECT_EQ(w.hdr.ifidx, lo_.index);
  EXPECT_TRUE((w.flags & kMLoop) != 0);
  EXPECT_TRUE((w.flags & kMMcast) != 0);
  EXPECT_EQ(lo_.stats.opackets, 1u);
  EXPECT_EQ(lo_.stats.ipackets, 1u);
  EXPECT_EQ(lo_.stats.obytes, 60u);
  EXPECT_EQ(lo_.stats.ibytes, 60u);
}

TEST_F(IfLoopTest, SumsLeftToTheInterfaceCountAsVerified) {
  ns_.cpu.SetSoftHandler(SoftInterrupt::kIp, [](void*) {}, nullptr);
  struct Row {
    const char* what;
    uint16_t out;
    uint16_t in;
  };
  const Row rows[] = {
      {"TCP", kMTcpCsumOut, kMTcpCsumInOk},
      {"UDP", kMUdpCsumOut, kMUdpCsumInOk},
      {"ICMP", kMIcmpCsumOut, kMIcmpCsumInOk},
      {"all summed", 0, 0},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    MbufPtr m = Packet();
    m->pkthdr.csum_flags = row.out;
    EXPECT_EQ(looutput(lo_, std::move(m), kInaddrLoopback, nullptr), kOk);
    EXPECT_EQ(TakeWaiting(ns_).hdr.csum_flags, row.in);
  }
}

TEST_F(IfLoopTest, RefusesByTheRoutesAndTheInterfacesState) {
  Rtentry reject;
  reject.flags = kRtfUp | kRtfReject;
  EXPECT_EQ(looutput(lo_, Packet(), kInaddrLoopback, &reject), kENETUNREACH);
  reject.flags |= kRtfHost;
  EXPECT_EQ(looutput(lo_, Packet(), kInaddrLoopback, &reject), kEHOSTUNREACH);
  EXPECT_EQ(ns_.dropped(DropReason::kIpNoRoute), 2u);
  InAddr link_level;
  link_level.family = Family::kLink;
  EXPECT_EQ(looutput(lo_, Packet(), link_level, nullptr), kEAFNOSUPPORT);
  lo_.flags &= ~kIffUp;
  EXPECT_EQ(looutput(lo_, Packet(), kInaddrLoopback, nullptr), kENETDOWN);
  EXPECT_EQ(ns_.dropped(DropReason::kIfDown), 1u);
  EXPECT_EQ(ns_.mbufs.stats().mbufs_in_use, 0u);
}

TEST_F(IfLoopTest, OutputFromInsideTheStackIsServedLater) {
  Recorder recorder;
  ns_.tracer.Set(&recorder, kTracePath);
  struct Again {
    Netstack& ns;
    Ifnet& lo;
    int left;
  } again{ns_, lo_, 3};
  // Each packet taken sends another: no call nests in another.
  ns_.cpu.SetSoftHandler(
      SoftInterrupt::kIp,
      [](void* arg) {
        auto& [ns, lo, left] = *static_cast<Again*>(arg);
        ns.ipintrq.list.Purge();
        if (--left > 0) {
          EXPECT_EQ(looutput(lo, PacketOf(ns), kInaddrLoopback, nullptr), kOk);
          EXPECT_EQ(ns.ipintrq.list.size(), 1u);
        }
      },
      &again);
  EXPECT_EQ(looutput(lo_, Packet(), kInaddrLoopback, nullptr), kOk);
  EXPECT_EQ(again.left, 0);
  EXPECT_EQ(recorder.Of(Fn::kIpintrq).size(), 3u);
  ns_.tracer.Set(nullptr, 0);
}

}  // namespace
}  // namespace splnet
