// The wire: when frames arrive, in what order, and what is counted.

#include "drivers/if_pair.h"

#include <gtest/gtest.h>

#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "stack/net/if_ethersubr.h"
#include "tests/testing/mbuf_chain.h"
#include "tests/testing/recorder.h"

namespace splnet {
namespace {

using Bytes = std::vector<std::byte>;

// Two hosts and a wire.  Frames have an EtherType that nobody takes, and are
// seen as the receiving driver takes them from its ring.
class IfPairTest : public testing::Test {
 protected:
  static constexpr size_t kHeader = kEtherHdrLen;

  IfPairTest() : recorder_(true) { b_.tracer.Set(&recorder_, kTracePath); }

  void Join(const WireConfig& wire) {
    link_ = std::make_unique<PairLink>(queue_, 1, "wire0", a_, b_,
                                       LinkConfig::Both(wire));
  }
  // Sends a frame of `len` bytes from a, whose first payload byte is `mark`.
  Errno Send(size_t len, uint8_t mark) {
    Bytes frame(len, std::byte{0x33});
    const EtherHeader eh{link_->b().lladdr, link_->a().lladdr, Be16(0x88b5)};
    std::memcpy(frame.data(), &eh, sizeof eh);
    frame[kHeader] = std::byte{mark};
    MbufPtr m = MakePacket(a_.mbufs, frame);
    m->pkthdr.id = a_.NewPacketId();
    return if_enqueue(link_->a(), std::move(m));
  }
  void RunAll() {
    while (queue_.RunNext()) {
    }
  }
  // What b received so far: "time:mark" each.
  std::string Arrivals() const {
    std::string text;
    for (const auto& seen : recorder_.Of(Fn::kDriverInterrupt)) {
      text += std::to_string(ToNanoseconds(seen.event.time)) + ":" +
              std::to_string(static_cast<int>(seen.bytes[kHeader])) + " ";
    }
    return text;
  }
  Wire& wire() { return link_->a_to_b(); }

  EventQueue queue_;
  Netstack a_{queue_, 1, "a", 1};
  Netstack b_{queue_, 2, "b", 1};
  Recorder recorder_;
  std::unique_ptr<PairLink> link_;
};

TEST_F(IfPairTest, AFrameArrivesAfterTheDelayWithItsBytesAndId) {
  Join({.delay = Nanoseconds(5000)});
  MbufPtr m = MakeChain(a_.mbufs, {{60}, {100}, {900, Place::kCluster}});
  const Bytes bytes = ChainBytes(*m);
  m->pkthdr.id = 77;
  EXPECT_EQ(if_enqueue(link_->a(), std::move(m)), kOk);
  EXPECT_EQ(a_.mbufs.stats().mbufs_in_use, 0u);
  EXPECT_EQ(b_.mbufs.stats().clusters_in_use, 1u);
  EXPECT_EQ(link_->in_flight(), 1u);
  RunAll();
  const auto seen = recorder_.Of(Fn::kDriverInterrupt);
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(ToNanoseconds(seen[0].event.time), 5000);
  EXPECT_EQ(seen[0].bytes, bytes);
  EXPECT_EQ(seen[0].event.packet, 77u);
  EXPECT_EQ(seen[0].event.context, Context::kHardInterrupt);
}

TEST_F(IfPairTest, DmaIsCountedOnceAtEachEnd) {
  Join({});
  ASSERT_EQ(Send(1000, 1), kOk);
  ASSERT_EQ(Send(500, 2), kOk);
  EXPECT_EQ(a_.ledger.bytes(CopyKind::kDmaTx), 1500u);
  EXPECT_EQ(b_.ledger.bytes(CopyKind::kDmaRx), 0u);  // still on the wire
  RunAll();
  EXPECT_EQ(b_.ledger.bytes(CopyKind::kDmaRx), 1500u);
  EXPECT_EQ(a_.ledger.CpuBytes() + b_.ledger.CpuBytes(), 0u);
  EXPECT_EQ(link_->a().stats.opackets, 2u);
  EXPECT_EQ(link_->b().stats.ibytes, 1500u);
}

TEST_F(IfPairTest, ABurstIsOneEventAndOneInterrupt) {
  Join({.delay = Nanoseconds(10)});
  for (uint8_t i = 0; i < 50; ++i) ASSERT_EQ(Send(100, i), kOk);
  const uint64_t before = queue_.events_run();
  RunAll();
  EXPECT_EQ(queue_.events_run() - before, 1u);
  EXPECT_EQ(b_.ledger.interrupts, 1u);
  EXPECT_EQ(recorder_.Of(Fn::kDriverInterrupt).size(), 50u);
}

TEST_F(IfPairTest, FramesAreClockedOutWithoutDrift) {
  // 3 Mbit/s: 100 bytes take 266666 and two thirds of a nanosecond.
  Join({.bits_per_second = 3'000'000, .delay = Nanoseconds(7)});
  for (uint8_t i = 1; i <= 6; ++i) ASSERT_EQ(Send(100, i), kOk);
  RunAll();
  EXPECT_EQ(Arrivals(),
            "266673:1 533340:2 800007:3 1066673:4 1333340:5 1600007:6 ");
}

TEST_F(IfPairTest, AnIdleWireStartsAfresh) {
  Join({.bits_per_second = 3'000'000});
  ASSERT_EQ(Send(100, 1), kOk);
  RunAll();
  queue_.RunUntil(FromNanoseconds(1'000'000));
  ASSERT_EQ(Send(100, 2), kOk);
  RunAll();
  EXPECT_EQ(Arrivals(), "266666:1 1266666:2 ");
}

TEST_F(IfPairTest, AWireAtFullRateTakesExactlyItsBitsTime) {
  for (const int64_t rate : {int64_t{7}, int64_t{9600}, int64_t{1'234'567},
                             int64_t{100'000'000'000}}) {
    SCOPED_TRACE(rate);
    EventQueue queue;
    Netstack a(queue, 1, "a", 1);
    Netstack b(queue, 2, "b", 1);
    PairLink link(
        queue, 1, "wire0", a, b,
        LinkConfig::Both({.bits_per_second = rate, .queue_limit = 5000}));
    __int128 bits = 0;
    for (size_t i = 0; i < 3000; ++i) {
      const size_t len = 60 + i % 1400;
      bits += len * 8;
      ASSERT_EQ(if_enqueue(link.a(), MakePacket(a.mbufs, PatternBytes(len))),
                kOk);
    }
    while (queue.RunNext()) {
    }
    const auto expected = static_cast<int64_t>(bits * 1'000'000'000 / rate);
    EXPECT_EQ(ToNanoseconds(queue.now()), expected);
    EXPECT_EQ(link.a_to_b().stats().delivered, 3000u);
  }
}

TEST_F(IfPairTest, TheQueueLimitCountsFramesThatWait) {
  Join({.bits_per_second = 8'000'000'000, .queue_limit = 3});
  for (uint8_t i = 1; i <= 10; ++i) ASSERT_EQ(Send(100, i), kOk);
  // One is on the wire, three wait.
  EXPECT_EQ(wire().stats().queue_drops, 6u);
  EXPECT_EQ(a_.dropped(DropReason::kLinkQueueFull), 6u);
  queue_.RunUntil(FromNanoseconds(200));
  ASSERT_EQ(Send(100, 11), kOk);
  ASSERT_EQ(Send(100, 12), kOk);
  ASSERT_EQ(Send(100, 13), kOk);
  RunAll();
  EXPECT_EQ(Arrivals(), "100:1 200:2 300:3 400:4 500:11 600:12 ");
}

TEST_F(IfPairTest, ListedFramesAreLost) {
  WireConfig config;
  config.fault.loss.frames = {2, 3};
  Join(config);
  for (uint8_t i = 1; i <= 4; ++i) ASSERT_EQ(Send(100, i), kOk);
  RunAll();
  EXPECT_EQ(Arrivals(), "0:1 0:4 ");
  EXPECT_EQ(a_.dropped(DropReason::kLinkLost), 2u);
  EXPECT_EQ(wire().fault_stats().lost, 2u);
}

TEST_F(IfPairTest, ADuplicateFollowsItsOriginalUnderTheSameId) {
  WireConfig config;
  config.fault.duplicate.frames = {1};
  config.fault.corrupt.frames = {1};  // of the original only
  Join(config);
  ASSERT_EQ(Send(100, 1), kOk);
  ASSERT_EQ(Send(100, 2), kOk);
  RunAll();
  const auto seen = recorder_.Of(Fn::kDriverInterrupt);
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_EQ(seen[0].event.packet, seen[1].event.packet);
  EXPECT_NE(seen[0].bytes, seen[1].bytes);
  EXPECT_EQ(seen[1].bytes[kHeader], std::byte{1});
}

TEST_F(IfPairTest, CorruptionFlipsOneBit) {
  WireConfig config;
  config.fault.corrupt.ppm = 1'000'000;
  Join(config);
  for (uint8_t i = 0; i < 100; ++i) {
    MbufPtr m = MakePacket(a_.mbufs, PatternBytes(200));
    ASSERT_EQ(if_enqueue(link_->a(), std::move(m)), kOk);
  }
  RunAll();
  const Bytes sent = PatternBytes(200);
  const auto seen = recorder_.Of(Fn::kDriverInterrupt);
  ASSERT_EQ(seen.size(), 100u);
  for (const auto& frame : seen) {
    int bits = 0;
    for (size_t i = 0; i < sent.size(); ++i) {
      bits += std::popcount(static_cast<uint8_t>(sent[i] ^ frame.bytes[i]));
    }
    EXPECT_EQ(bits, 1);
  }
}

TEST_F(IfPairTest, AHeldFrameGoesOnAfterSoManyOthers) {
  WireConfig config;
  config.fault.reorder.frames = {1};
  config.fault.reorder_frames = 2;
  config.fault.reorder_delay = Nanoseconds(1000);
  Join(config);
  for (uint8_t i = 1; i <= 4; ++i) ASSERT_EQ(Send(100, i), kOk);
  RunAll();
  EXPECT_EQ(Arrivals(), "0:2 0:3 0:1 0:4 ");
  EXPECT_EQ(wire().in_flight(), 0u);
}

TEST_F(IfPairTest, AHeldFrameGoesOnAfterItsDelayIfOthersFail) {
  WireConfig config;
  config.delay = Nanoseconds(50);
  config.fault.reorder.frames = {1};
  config.fault.reorder_frames = 2;
  config.fault.reorder_delay = Nanoseconds(1000);
  Join(config);
  ASSERT_EQ(Send(100, 1), kOk);
  ASSERT_EQ(Send(100, 2), kOk);
  RunAll();
  EXPECT_EQ(Arrivals(), "50:2 1050:1 ");
  // Long gone when the next ones pass.
  ASSERT_EQ(Send(100, 3), kOk);
  RunAll();
  EXPECT_EQ(Arrivals(), "50:2 1050:1 1100:3 ");
}

TEST_F(IfPairTest, AFrameHeldByDelayIsOvertaken) {
  WireConfig config;
  config.fault.reorder.frames = {1};
  config.fault.reorder_delay = Nanoseconds(150);
  Join(config);
  ASSERT_EQ(Send(100, 1), kOk);
  queue_.RunUntil(FromNanoseconds(100));
  ASSERT_EQ(Send(100, 2), kOk);
  queue_.RunUntil(FromNanoseconds(200));
  ASSERT_EQ(Send(100, 3), kOk);
  RunAll();
  EXPECT_EQ(Arrivals(), "100:2 150:1 200:3 ");
}

TEST_F(IfPairTest, JitterKeepsTheOrderUnlessToldOtherwise) {
  for (const bool reorders : {false, true}) {
    recorder_.Clear();
    WireConfig config;
    config.delay = Nanoseconds(1000);
    config.fault.jitter = Nanoseconds(500);
    config.fault.jitter_reorders = reorders;
    Join(config);
    const SimTime start = queue_.now();
    for (uint8_t i = 0; i < 100; ++i) ASSERT_EQ(Send(100, i), kOk);
    RunAll();
    std::vector<int> marks;
    SimTime last = start;
    for (const auto& seen : recorder_.Of(Fn::kDriverInterrupt)) {
      marks.push_back(static_cast<int>(seen.bytes[kHeader]));
      EXPECT_GE(seen.event.time, std::max(last, start + Nanoseconds(1000)));
      EXPECT_LE(seen.event.time, start + Nanoseconds(1500));
      last = seen.event.time;
    }
    std::vector<int> in_order(100);
    std::iota(in_order.begin(), in_order.end(), 0);
    EXPECT_EQ(marks == in_order, !reorders);
    std::sort(marks.begin(), marks.end());
    EXPECT_EQ(marks, in_order);
  }
}

TEST_F(IfPairTest, AShorterDelayLetsLaterFramesOvertake) {
  WireConfig config;
  config.delay = Nanoseconds(1000);
  Join(config);
  ASSERT_EQ(Send(100, 1), kOk);
  config.delay = Nanoseconds(10);
  wire().set_config(config);
  ASSERT_EQ(Send(100, 2), kOk);
  RunAll();
  EXPECT_EQ(Arrivals(), "10:2 1000:1 ");
}

TEST_F(IfPairTest, AFullReceiveRingDrops) {
  Join({});
  CpuCosts costs;
  costs.interrupt = Nanoseconds(1000);
  b_.cpu.set_costs(costs);
  link_->b().set_rx_slots(2);
  ASSERT_EQ(Send(100, 1), kOk);
  queue_.RunUntil(FromNanoseconds(10));  // b is busy with the first
  for (uint8_t i = 2; i <= 5; ++i) ASSERT_EQ(Send(100, i), kOk);
  RunAll();
  EXPECT_EQ(Arrivals(), "0:1 1000:2 1000:3 ");
  EXPECT_EQ(b_.dropped(DropReason::kIfRingFull), 2u);
  EXPECT_EQ(b_.mbufs.stats().mbufs_in_use, 0u);
}

TEST_F(IfPairTest, WithoutMbufsAtTheReceiverTheFrameIsDropped) {
  Join({});
  b_.mbufs.set_limit_bytes(kMsize + kMclBytes);
  ASSERT_EQ(Send(100, 1), kOk);
  ASSERT_EQ(Send(100, 2), kOk);
  RunAll();
  EXPECT_EQ(Arrivals(), "0:1 ");
  EXPECT_EQ(wire().stats().no_buffers, 1u);
  EXPECT_EQ(b_.dropped(DropReason::kIfNoMbufs), 1u);
}

TEST_F(IfPairTest, FramesOfAnySizeUpToTheLargestCluster) {
  Join({});
  ASSERT_EQ(Send(kMaxFrameBytes, 1), kOk);
  RunAll();
  EXPECT_EQ(Arrivals(), "0:1 ");
  MbufPtr m = MakeChain(a_.mbufs, {{100}, {kMaxFrameBytes, Place::kCluster}});
  EXPECT_EQ(if_enqueue(link_->a(), std::move(m)), kOk);
  EXPECT_EQ(a_.dropped(DropReason::kIfTooLong), 1u);
}

TEST_F(IfPairTest, TheOtherDirectionIsItsOwn) {
  WireConfig slow{.delay = Nanoseconds(100)};
  slow.fault.loss.frames = {1};
  link_ = std::make_unique<PairLink>(
      queue_, 1, "wire0", a_, b_, LinkConfig{slow, {.delay = Nanoseconds(3)}});
  Recorder at_a(true);
  a_.tracer.Set(&at_a, kTracePath);
  ASSERT_EQ(Send(100, 1), kOk);
  ASSERT_EQ(if_enqueue(link_->b(), MakePacket(b_.mbufs, PatternBytes(60))),
            kOk);
  RunAll();
  EXPECT_EQ(Arrivals(), "");
  const auto seen = at_a.Of(Fn::kDriverInterrupt);
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(ToNanoseconds(seen[0].event.time), 3);
  a_.tracer.Set(nullptr, 0);
}

class ListTap : public LinkTap {
 public:
  void OnFrame(const TappedFrame& frame) override {
    text += std::to_string(ToNanoseconds(frame.time)) +
            (frame.from_a ? " a " : " b ") +
            std::to_string(frame.bytes.size()) +
            (frame.lost ? " lost\n" : "\n");
    bytes.assign(frame.bytes.begin(), frame.bytes.end());
  }
  void OnArrival(const TappedFrame& frame) override {
    arrived += std::to_string(ToNanoseconds(frame.time)) +
               (frame.from_a ? " a " : " b ") +
               std::to_string(frame.bytes.size()) + "\n";
    arrived_bytes.assign(frame.bytes.begin(), frame.bytes.end());
  }
  std::string text;
  Bytes bytes;
  std::string arrived;
  Bytes arrived_bytes;
};

TEST_F(IfPairTest, ATapSeesFramesAsTheyWereSent) {
  WireConfig config;
  config.delay = Nanoseconds(100);
  config.fault.loss.frames = {2};
  config.fault.corrupt.frames = {3};
  Join(config);
  ListTap tap;
  link_->AddTap(tap);
  ASSERT_EQ(Send(100, 1), kOk);
  ASSERT_EQ(Send(200, 2), kOk);
  queue_.RunUntil(FromNanoseconds(40));
  MbufPtr m = MakePacket(a_.mbufs, PatternBytes(300));
  ASSERT_EQ(if_enqueue(link_->a(), std::move(m)), kOk);
  EXPECT_EQ(tap.bytes, PatternBytes(300));
  ASSERT_EQ(if_enqueue(link_->b(), MakePacket(b_.mbufs, PatternBytes(60))),
            kOk);
  EXPECT_EQ(tap.text, "0 a 100\n0 a 200 lost\n40 a 300\n40 b 60\n");
  RunAll();
}

TEST_F(IfPairTest, ATapSeesFramesAsTheyArrive) {
  WireConfig config;
  config.delay = Nanoseconds(100);
  config.fault.loss.frames = {2};
  config.fault.duplicate.frames = {3};
  config.fault.corrupt.frames = {4};
  Join(config);
  ListTap tap;
  link_->AddTap(tap);
  ASSERT_EQ(Send(100, 1), kOk);
  ASSERT_EQ(Send(200, 2), kOk);
  ASSERT_EQ(Send(300, 3), kOk);
  EXPECT_EQ(tap.arrived, "");
  queue_.RunUntil(FromNanoseconds(40));
  ASSERT_EQ(Send(400, 4), kOk);
  RunAll();
  EXPECT_EQ(tap.arrived, "100 a 100\n100 a 300\n100 a 300\n140 a 400\n");
  // One bit is not what was sent.
  ASSERT_EQ(tap.arrived_bytes.size(), tap.bytes.size());
  EXPECT_NE(tap.arrived_bytes, tap.bytes);
}

TEST_F(IfPairTest, ADestroyedLinkFreesItsFramesAndUnplugsItsEnds) {
  WireConfig config;
  config.delay = Nanoseconds(1000);
  config.fault.reorder.frames = {1};
  Join(config);
  PairNic& nic = link_->a();
  ASSERT_EQ(Send(100, 1), kOk);
  ASSERT_EQ(Send(100, 2), kOk);
  EXPECT_EQ(link_->in_flight(), 2u);
  link_ = nullptr;
  EXPECT_EQ(b_.mbufs.stats().mbufs_in_use, 0u);
  EXPECT_EQ(queue_.pending(), 0u);
  EXPECT_EQ(if_enqueue(nic, MakePacket(a_.mbufs, PatternBytes(60))), kOk);
  EXPECT_EQ(a_.dropped(DropReason::kIfDown), 1u);
}

TEST_F(IfPairTest, InterfacesGetNamesAndAddressesOfTheirOwn) {
  Join({});
  PairLink second(queue_, 1, "wire1", a_, b_, {});
  EXPECT_EQ(link_->a().xname, "pair0");
  EXPECT_EQ(second.a().xname, "pair1");
  EXPECT_NE(link_->a().lladdr, second.a().lladdr);
  EXPECT_NE(link_->a().lladdr, link_->b().lladdr);
  EXPECT_FALSE(link_->a().lladdr.is_multicast());
}

// Every frame is accounted for, under every impairment.
TEST(IfPairModel, CountersBalance) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    RandomStream random(seed, "pair model");
    const auto ppm = [&] {
      return static_cast<uint32_t>(random.Below(300000));
    };
    WireConfig wire;
    if (random.Chance(500000)) wire.bits_per_second = 1'000'000'000;
    wire.queue_limit = random.Below(20);
    wire.delay = Nanoseconds(static_cast<int64_t>(random.Below(20000)));
    wire.fault.loss.ppm = ppm();
    wire.fault.duplicate.ppm = ppm();
    wire.fault.corrupt.ppm = ppm();
    wire.fault.reorder.ppm = ppm();
    wire.fault.reorder_frames = static_cast<uint32_t>(random.Below(4));
    wire.fault.jitter = Nanoseconds(static_cast<int64_t>(random.Below(3000)));
    wire.fault.jitter_reorders = random.Chance(500000);

    EventQueue queue;
    Netstack a(queue, 1, "a", seed);
    Netstack b(queue, 2, "b", seed);
    PairLink link(queue, seed, "wire0", a, b, LinkConfig::Both(wire));
    b.mbufs.set_limit_bytes(60 * (kMsize + kMclBytes));
    for (int i = 0; i < 300; ++i) {
      const size_t len = 60 + random.Below(1400);
      ASSERT_EQ(if_enqueue(link.a(), MakePacket(a.mbufs, PatternBytes(len))),
                kOk);
      if (random.Chance(300000)) {
        const auto step = static_cast<int64_t>(random.Below(10000));
        queue.RunUntil(queue.now() + Nanoseconds(step));
      }
    }
    const auto balance = [&] {
      const WireStats& s = link.a_to_b().stats();
      const FaultStats& f = link.a_to_b().fault_stats();
      EXPECT_EQ(s.frames + f.duplicated, s.queue_drops + s.no_buffers +
                                             s.too_long + f.lost + s.delivered +
                                             link.a_to_b().in_flight());
      EXPECT_EQ(s.frames, 300u);
      return s.delivered;
    };
    balance();
    while (queue.RunNext()) {
    }
    EXPECT_EQ(link.in_flight(), 0u);
    EXPECT_EQ(balance(), link.b().stats.ipackets);
    EXPECT_EQ(a.mbufs.stats().mbufs_in_use, 0u);
    EXPECT_EQ(b.mbufs.stats().mbufs_in_use, 0u);
  }
}

}  // namespace
}  // namespace splnet
