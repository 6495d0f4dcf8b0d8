// The NIC whose wire is a capture.

#include "drivers/if_pcap.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/testing/mbuf_chain.h"
#include "tests/testing/recorder.h"

namespace splnet {
namespace {

using Bytes = std::vector<std::byte>;

class IfPcapTest : public testing::Test {
 protected:
  IfPcapTest() : recorder_(true) {
    ns_.tracer.Set(&recorder_, kTracePath | kTraceDrop);
  }
  ~IfPcapTest() override { ns_.tracer.Set(nullptr, 0); }

  EventQueue queue_;
  Netstack ns_{queue_, 1, "h", 1};
  PcapNic& nic_ = pcapattach(ns_, "cap0", EtherAddr{{2, 0, 0, 0, 0, 1}});
  Recorder recorder_;
};

TEST_F(IfPcapTest, AnInjectedFrameIsReceivedAtOnceByOneCopy) {
  const Bytes frame = PatternBytes(200);
  const uint64_t id = nic_.Inject(frame);
  const auto seen = recorder_.Of(Fn::kDriverInterrupt);
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].event.packet, id);
  EXPECT_EQ(seen[0].bytes, frame);
  EXPECT_EQ(seen[0].event.context, Context::kHardInterrupt);
  EXPECT_EQ(ns_.ledger.bytes(CopyKind::kDmaRx), 200u);
  EXPECT_EQ(nic_.stats.ipackets, 1u);
  EXPECT_EQ(ns_.mbufs.stats().mbufs_in_use, 0u);
}

TEST_F(IfPcapTest, FramesOfAnySizeAreTakenOrDroppedWithAReason) {
  for (const size_t len : {size_t{0}, size_t{1}, size_t{2046}, size_t{2047},
                           size_t{9000}, kMaxFrameBytes}) {
    recorder_.Clear();
    nic_.Inject(PatternBytes(len));
    const auto seen = recorder_.Of(Fn::kDriverInterrupt);
    ASSERT_EQ(seen.size(), 1u) << len;
    EXPECT_EQ(seen[0].bytes.size(), len);
  }
  recorder_.Clear();
  const uint64_t id = nic_.Inject(PatternBytes(kMaxFrameBytes + 1));
  EXPECT_EQ(recorder_.Count(DropReason::kIfTooLong), 1u);
  EXPECT_EQ(recorder_.seen().back().event.packet, id);
}

TEST_F(IfPcapTest, WithoutMbufsAFrameIsDroppedUnderItsId) {
  ns_.mbufs.FailNth(1);
  const uint64_t id = nic_.Inject(PatternBytes(100));
  EXPECT_EQ(ns_.dropped(DropReason::kIfNoMbufs), 1u);
  EXPECT_EQ(recorder_.seen().back().event.packet, id);
}

TEST_F(IfPcapTest, ABatchIsOneInterruptForEachRingFull) {
  const Bytes frame = PatternBytes(100);
  const std::vector<std::span<const std::byte>> frames(100, frame);
  std::vector<uint64_t> ids(100);
  nic_.InjectBatch(frames, ids);
  EXPECT_EQ(ns_.ledger.interrupts, 1u);
  const auto seen = recorder_.Of(Fn::kDriverInterrupt);
  ASSERT_EQ(seen.size(), 100u);
  for (size_t i = 0; i < 100; ++i) EXPECT_EQ(seen[i].event.packet, ids[i]);
  nic_.set_rx_slots(30);
  nic_.InjectBatch(frames);
  EXPECT_EQ(ns_.ledger.interrupts, 5u);
  EXPECT_EQ(nic_.stats.ipackets, 200u);
}

TEST_F(IfPcapTest, ABusyHostLosesWhatTheRingCannotHold) {
  CpuCosts costs;
  costs.interrupt = Nanoseconds(1000);
  ns_.cpu.set_costs(costs);
  nic_.set_rx_slots(10);
  const Bytes frame = PatternBytes(100);
  nic_.Inject(frame);
  const std::vector<std::span<const std::byte>> frames(15, frame);
  nic_.InjectBatch(frames);
  while (queue_.RunNext()) {
  }
  EXPECT_EQ(nic_.stats.ipackets, 11u);
  EXPECT_EQ(ns_.dropped(DropReason::kIfRingFull), 5u);
}

TEST_F(IfPcapTest, WhatTheStackSendsGoesToTheHookInOnePiece) {
  struct Sent {
    std::vector<uint64_t> ids;
    std::vector<Bytes> frames;
  } sent;
  nic_.set_transmit(
      [](void* arg, uint64_t packet, std::span<const std::byte> frame) {
        auto& s = *static_cast<Sent*>(arg);
        s.ids.push_back(packet);
        s.frames.emplace_back(frame.begin(), frame.end());
      },
      &sent);
  MbufPtr m = MakeChain(ns_.mbufs, {{50}, {0}, {1000, Place::kCluster}, {20}});
  m->pkthdr.id = 9;
  const Bytes bytes = ChainBytes(*m);
  EXPECT_EQ(if_enqueue(nic_, std::move(m)), kOk);
  ASSERT_EQ(sent.frames.size(), 1u);
  EXPECT_EQ(sent.frames[0], bytes);
  EXPECT_EQ(sent.ids[0], 9u);
  EXPECT_EQ(ns_.ledger.bytes(CopyKind::kDmaTx), 1070u);
  EXPECT_EQ(ns_.mbufs.stats().mbufs_in_use, 0u);
  EXPECT_EQ(recorder_.Of(Fn::kLink).size(), 1u);
}

TEST_F(IfPcapTest, WithoutAHookFramesAreCountedAndGone) {
  EXPECT_EQ(if_enqueue(nic_, MakePacket(ns_.mbufs, PatternBytes(60))), kOk);
  EXPECT_EQ(nic_.stats.opackets, 1u);
  EXPECT_EQ(ns_.mbufs.stats().mbufs_in_use, 0u);
}

// A hook may inject: the answer waits until the host's work is done.
TEST_F(IfPcapTest, AnInjectionFromTheHookIsServedAfterwards) {
  nic_.set_transmit(
      [](void* arg, uint64_t, std::span<const std::byte> frame) {
        static_cast<PcapNic*>(arg)->Inject(frame);
      },
      &nic_);
  EXPECT_EQ(if_enqueue(nic_, MakePacket(ns_.mbufs, PatternBytes(60))), kOk);
  EXPECT_EQ(nic_.stats.ipackets, 1u);
}

}  // namespace
}  // namespace splnet
