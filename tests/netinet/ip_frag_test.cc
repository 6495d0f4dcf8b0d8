// Reassembly: every order, overlap and limit.

#include "stack/netinet/ip_frag.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "stack/kern/random.h"
#include "stack/netinet/in_pcb.h"
#include "tests/testing/net_fixture.h"

namespace splnet {
namespace {

using std::chrono::seconds;

// Payload bytes [begin, end) of `segment` as a fragment.
Bytes Fragment(const Bytes& segment, size_t begin, size_t end, uint16_t id = 1,
               const InAddr& src = kPeerAddr) {
  const bool more = end < segment.size();
  IpArgs args;
  args.src = src;
  args.id = id;
  args.off = static_cast<uint16_t>(begin / 8 | (more ? kIpMf : 0));
  return IpPacket(args, Bytes(segment.begin() + static_cast<ptrdiff_t>(begin),
                              segment.begin() + static_cast<ptrdiff_t>(end)));
}

class IpFrag : public ::testing::Test {
 protected:
  IpFrag() : so_(host_.UdpSocket()) {
    CHECK(so_->proto->bind(*so_, Sockaddr(kInaddrAny, 2000)) == kOk);
  }
  ~IpFrag() override { NetHost::Close(so_); }
  void Receive(const Bytes& packet) { host_.ReceiveIp(packet); }
  uint64_t dropped(DropReason reason) const { return host_.dropped(reason); }
  size_t held() const { return host_.ns.ipfrag.fragments(); }

  NetHost host_;
  SocketPtr so_;
};

TEST_F(IpFrag, JoinsFragmentsInEveryOrder) {
  const Bytes data = TestBytes(70);
  const Bytes segment = UdpSegment(UdpArgs{}, data);  // 78 bytes
  const std::vector<std::pair<size_t, size_t>> cuts = {
      {0, 16}, {16, 24}, {24, 48}, {48, 72}, {72, 78}};
  std::vector<size_t> order(cuts.size());
  std::iota(order.begin(), order.end(), 0u);
  int n = 0;
  do {
    for (const size_t i : order) {
      Receive(Fragment(segment, cuts[i].first, cuts[i].second));
    }
    ASSERT_EQ(TakeDatagram(*so_).data, data);
    ASSERT_EQ(held(), 0u);
    ++n;
  } while (std::next_permutation(order.begin(), order.end()));
  EXPECT_EQ(n, 120);
  EXPECT_EQ(host_.ns.ipstat.reassembled, 120u);
  EXPECT_EQ(host_.ns.ipstat.fragdropped, 0u);
}

TEST_F(IpFrag, EveryFragmentMeetsAFate) {
  const Bytes segment = UdpSegment(UdpArgs{}, TestBytes(40));
  Receive(Fragment(segment, 24, 48));
  Receive(Fragment(segment, 0, 24));
  EXPECT_EQ(host_.seen.Count(Fate::kQueued), 1u);
  EXPECT_EQ(host_.seen.Count(Fate::kDelivered), 1u);
  // The packet goes on under the id of what completed it.
  const auto reass = host_.seen.Of(Fn::kIpReass);
  EXPECT_EQ(host_.seen.Of(Fn::kUdpInput).at(0).event.packet,
            reass.at(1).event.packet);
}

TEST_F(IpFrag, PacketsThatDifferInAnyPartOfTheKeyAreKeptApart) {
  const Bytes segment = UdpSegment(UdpArgs{}, TestBytes(40));
  Receive(Fragment(segment, 0, 24, 1));
  Receive(Fragment(segment, 24, 48, 2));
  Receive(Fragment(segment, 24, 48, 1, InAddr::V4(0xc0000209)));
  EXPECT_EQ(host_.ns.ipfrag.packets(), 3u);
  EXPECT_EQ(held(), 3u);
  Receive(Fragment(segment, 24, 48, 1));
  EXPECT_EQ(TakeDatagram(*so_).data, TestBytes(40));
  EXPECT_EQ(host_.ns.ipfrag.packets(), 2u);
}

TEST_F(IpFrag, ADuplicateIsDroppedAlone) {
  const Bytes segment = UdpSegment(UdpArgs{}, TestBytes(40));
  Receive(Fragment(segment, 0, 24));
  Receive(Fragment(segment, 0, 24));
  EXPECT_EQ(dropped(DropReason::kIpFragDuplicate), 1u);
  Receive(Fragment(segment, 32, 48));
  Receive(Fragment(segment, 32, 48));
  EXPECT_EQ(dropped(DropReason::kIpFragDuplicate), 2u);
  Receive(Fragment(segment, 24, 32));
  EXPECT_EQ(TakeDatagram(*so_).data, TestBytes(40));
}

TEST_F(IpFrag, AnyOtherOverlapDropsTheWholePacket) {
  const Bytes segment = UdpSegment(UdpArgs{}, TestBytes(120));  // 128 bytes
  const std::pair<size_t, size_t> held_part = {32, 64};
  const std::pair<size_t, size_t> kOverlaps[] = {{32, 56}, {40, 64}, {40, 56},
                                                 {24, 40}, {56, 72}, {24, 72},
                                                 {32, 72}, {24, 64}};
  uint64_t want = 0;
  for (const auto& [begin, end] : kOverlaps) {
    Receive(Fragment(segment, held_part.first, held_part.second));
    Receive(Fragment(segment, begin, end));
    want += 2;
    EXPECT_EQ(dropped(DropReason::kIpFragOverlap), want)
        << begin << " to " << end;
    EXPECT_EQ(held(), 0u);
  }
}

TEST_F(IpFrag, TwoEndsOrDataBehindTheEndDropThePacket) {
  const Bytes segment = UdpSegment(UdpArgs{}, TestBytes(120));
  const Bytes shorter(segment.begin(), segment.begin() + 64);
  Receive(Fragment(segment, 96, 128));  // the end is at 128
  Receive(Fragment(shorter, 32, 64));   // and at 64
  EXPECT_EQ(dropped(DropReason::kIpFragOverlap), 2u);

  Receive(Fragment(shorter, 32, 64));
  Receive(Fragment(segment, 64, 96));
  EXPECT_EQ(dropped(DropReason::kIpFragOverlap), 4u);

  Receive(Fragment(segment, 64, 96));
  Receive(Fragment(shorter, 32, 64));
  EXPECT_EQ(dropped(DropReason::kIpFragOverlap), 6u);
  EXPECT_EQ(held(), 0u);
}

TEST_F(IpFrag, MalformedFragmentsAreNotHeld) {
  const Bytes segment = UdpSegment(UdpArgs{}, TestBytes(120));
  Receive(Fragment(segment, 0, 20));  // not a multiple of 8
  IpArgs args;
  args.off = 4 | kIpMf;
  Receive(IpPacket(args, {}));  // empty
  args.off = 0x1fff;
  Receive(IpPacket(args, TestBytes(16)));  // beyond 65535
  EXPECT_EQ(dropped(DropReason::kIpFragBad), 3u);
  EXPECT_EQ(held(), 0u);
}

TEST_F(IpFrag, AWholePacketBeyond65535BytesIsDropped) {
  // Each fragment ends in time, but the first one's options do not fit too.
  Bytes segment = TestBytes(65512);
  IpArgs first;
  first.off = kIpMf;
  first.options = Bytes(40, std::byte{kIpOptNop});
  Receive(IpPacket(first, Bytes(segment.begin(), segment.begin() + 32)));
  for (size_t at = 32; at < segment.size(); at += 8192) {
    Receive(Fragment(segment, at, std::min(at + 8192, segment.size())));
  }
  EXPECT_EQ(dropped(DropReason::kIpTooBig), 1u);
  EXPECT_EQ(held(), 0u);
}

TEST_F(IpFrag, TheLongestPacketIsJoined) {
  ASSERT_EQ(soreserve(*so_, 9216, 200000), kOk);
  const Bytes data = TestBytes(65507);
  const Bytes segment = UdpSegment(UdpArgs{}, data);
  for (size_t at = 0; at < segment.size(); at += 1480) {
    Receive(Fragment(segment, at, std::min(at + 1480, segment.size())));
  }
  EXPECT_EQ(TakeDatagram(*so_).data, data);
}

TEST_F(IpFrag, TheHeaderOfTheWholeIsThatOfAPacketNeverCut) {
  // Nobody listens here, and the error quotes the header.
  const Bytes segment =
      UdpSegment(UdpArgs{.to = {kHostAddr, 9}}, TestBytes(40));
  Receive(Fragment(segment, 0, 24));
  Receive(Fragment(segment, 24, 48));
  const Bytes error = host_.SentOne();
  const Bytes whole = IpPacket(IpArgs{}, segment);
  EXPECT_EQ(Bytes(error.begin() + 28, error.begin() + 48),
            Bytes(whole.begin(), whole.begin() + 20));
}

TEST_F(IpFrag, AnIncompletePacketIsForgottenAfterThirtySeconds) {
  const Bytes segment = UdpSegment(UdpArgs{}, TestBytes(40));
  Receive(Fragment(segment, 24, 48));
  host_.Wait(seconds(29));
  EXPECT_EQ(held(), 1u);
  host_.Wait(seconds(2));
  EXPECT_EQ(held(), 0u);
  EXPECT_EQ(dropped(DropReason::kIpFragTimeout), 1u);
  EXPECT_EQ(host_.ns.ipstat.fragtimeout, 1u);
  // Without the first fragment there is nothing to tell the sender.
  EXPECT_TRUE(host_.SentIp().empty());
}

TEST_F(IpFrag, ATimeoutIsToldIfTheFirstFragmentCame) {
  const Bytes segment = UdpSegment(UdpArgs{}, TestBytes(40));
  Receive(Fragment(segment, 0, 24));
  host_.Wait(seconds(31));
  const Bytes error = host_.SentOne();
  const auto icmp = ReadAt<IcmpHeader>(error, 20);
  EXPECT_EQ(icmp.type, kIcmpTimxceed);
  EXPECT_EQ(icmp.code, kIcmpTimxceedReass);
  EXPECT_EQ(ReadAt<IpHeader>(error, 28).id, 1);
  EXPECT_EQ(dropped(DropReason::kIpFragTimeout), 1u);
}

TEST_F(IpFrag, EachPacketHasItsOwnThirtySeconds) {
  const Bytes segment = UdpSegment(UdpArgs{}, TestBytes(40));
  Receive(Fragment(segment, 24, 48, 1));
  host_.Wait(seconds(20));
  Receive(Fragment(segment, 24, 48, 2));
  host_.Wait(seconds(15));
  EXPECT_EQ(host_.ns.ipfrag.packets(), 1u);
  host_.Wait(seconds(15));
  EXPECT_EQ(host_.ns.ipfrag.packets(), 0u);
  EXPECT_EQ(host_.queue.pending(), 0u);
}

TEST_F(IpFrag, AStrangerCannotHoldMoreThanTheLimit) {
  const Bytes segment = UdpSegment(UdpArgs{}, TestBytes(40));
  for (uint16_t id = 0; id < 1000; ++id) Receive(Fragment(segment, 24, 48, id));
  EXPECT_EQ(held(), 300u);
  EXPECT_EQ(dropped(DropReason::kIpFragLimit), 700u);
  // The newest packets are the ones that are left.
  Receive(Fragment(segment, 0, 24, 999));
  EXPECT_EQ(TakeDatagram(*so_).data, TestBytes(40));
}

TEST_F(IpFrag, OnePacketCannotHoldMoreThanTheLimit) {
  host_.ns.settings.ip_maxqueue = 10;
  const Bytes segment = TestBytes(8000);
  for (size_t at = 0; at < 800; at += 8) {
    Receive(Fragment(segment, at, at + 8));
  }
  EXPECT_EQ(held(), 10u);
  EXPECT_EQ(dropped(DropReason::kIpFragLimit), 90u);
}

TEST_F(IpFrag, NoneIsHeldWhereTheLimitIsZero) {
  host_.ns.settings.ip_maxqueue = 0;
  Receive(Fragment(UdpSegment(UdpArgs{}, TestBytes(40)), 0, 24));
  EXPECT_EQ(held(), 0u);
  EXPECT_EQ(dropped(DropReason::kIpFragLimit), 1u);
}

// What reassembly must give, byte by byte, and no more than that.
TEST_F(IpFrag, RandomCutsAndDuplicatesJoinToTheDatagram) {
  RandomStream random(11, "frag");
  for (uint16_t round = 0; round < 300; ++round) {
    const Bytes data = TestBytes(random.Below(3000), round);
    const Bytes segment = UdpSegment(UdpArgs{}, data);
    std::vector<Bytes> pieces;
    for (size_t at = 0; at < segment.size();) {
      const size_t step = 8 * (1 + random.Below(60));
      const size_t end = std::min(at + step, segment.size());
      if (at > 0 || end < segment.size()) {
        pieces.push_back(Fragment(segment, at, end, round));
      }
      at = end;
    }
    if (pieces.empty()) continue;
    if (random.Chance(500000)) {
      pieces.push_back(pieces[random.Below(pieces.size())]);
    }
    for (size_t i = pieces.size(); i > 1; --i) {
      std::swap(pieces[i - 1], pieces[random.Below(i)]);
    }
    for (const Bytes& piece : pieces) Receive(piece);
    ASSERT_EQ(TakeDatagram(*so_).data, data) << "round " << round;
  }
  EXPECT_EQ(dropped(DropReason::kIpFragOverlap), 0u);
}

TEST_F(IpFrag, WhatIsHeldComesBackWhenTheHostGoes) {
  Receive(Fragment(UdpSegment(UdpArgs{}, TestBytes(40)), 0, 24));
  EXPECT_EQ(host_.ns.mbufs.stats().clusters_in_use, 1u);
  // ~NetHost checks that the pool got it back.
}

}  // namespace
}  // namespace splnet
