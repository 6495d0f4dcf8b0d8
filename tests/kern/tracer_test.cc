// The tracer: who is told what.

#include "stack/kern/tracer.h"

#include <gtest/gtest.h>

#include <vector>

#include "stack/kern/mbuf.h"
#include "tests/testing/mbuf_chain.h"
#include "tests/testing/recorder.h"

namespace splnet {
namespace {

class TracerTest : public testing::Test {
 protected:
  // One event of each kind.
  void EmitAll() {
    const MbufPtr m =
        MakeChain(pool_, {{20}, {0}, {1000, Place::kCluster}, {30}});
    m->pkthdr.id = 5;
    tracer_.Enter(Fn::kIpInput, *m);
    tracer_.Enter(Fn::kCopyin, nullptr, nullptr, 99);
    tracer_.Met(Fate::kConsumed, 6, nullptr, 40);
    tracer_.Dropped(DropReason::kIpShort, *m);
    tracer_.Segment(*m, nullptr, 100, 200, true);
  }

  EventQueue queue_;
  Ledger ledger_;
  MbufPool pool_{ledger_, uint64_t{1} << 20};
  Cpu cpu_{queue_, ledger_};
  Tracer tracer_{cpu_, 3};
  Recorder recorder_;
};

TEST_F(TracerTest, WithoutAnObserverNothingIsToldOrWanted) {
  EmitAll();
  tracer_.Set(nullptr, kTracePath);
  EXPECT_FALSE(tracer_.wants(kTracePath));
  EmitAll();
}

TEST_F(TracerTest, AnObserverGetsWhatItAskedFor) {
  struct Row {
    uint32_t mask;
    std::vector<TraceKind> kinds;
  };
  const Row rows[] = {
      {0, {}},
      {kTracePath, {TraceKind::kPath, TraceKind::kPath}},
      {kTraceFate, {TraceKind::kFate}},
      {kTraceDrop, {TraceKind::kDrop}},
      {kTraceSegment, {TraceKind::kSegment}},
      {kTraceFate | kTraceDrop, {TraceKind::kFate, TraceKind::kDrop}},
  };
  for (const Row& row : rows) {
    recorder_.Clear();
    tracer_.Set(&recorder_, row.mask);
    EmitAll();
    std::vector<TraceKind> kinds;
    for (const auto& seen : recorder_.seen()) kinds.push_back(seen.event.kind);
    EXPECT_EQ(kinds, row.kinds) << row.mask;
  }
}

TEST_F(TracerTest, AnEventHasTimeHostContextAndTheShapeOfItsChain) {
  queue_.RunUntil(FromNanoseconds(77));
  tracer_.Set(&recorder_, kTracePath);
  EmitAll();
  const TraceEvent& e = recorder_.seen()[0].event;
  EXPECT_EQ(ToNanoseconds(e.time), 77);
  EXPECT_EQ(e.host, 3u);
  EXPECT_EQ(e.context, Context::kIdle);
  EXPECT_EQ(e.fn, Fn::kIpInput);
  EXPECT_EQ(e.packet, 5u);
  EXPECT_EQ(e.len, 1050u);
  EXPECT_EQ(e.mbufs, 4u);
  EXPECT_EQ(e.clusters, 1u);
  // Without a packet the bytes are what the caller says.
  EXPECT_EQ(recorder_.seen()[1].event.len, 99u);
  EXPECT_EQ(recorder_.seen()[1].event.packet, 0u);
}

TEST_F(TracerTest, FatesDropsAndSegmentsCarryTheirOwn) {
  tracer_.Set(&recorder_, kTraceFate | kTraceDrop | kTraceSegment);
  EmitAll();
  const TraceEvent& fate = recorder_.seen()[0].event;
  EXPECT_EQ(fate.fate, Fate::kConsumed);
  EXPECT_EQ(fate.packet, 6u);
  EXPECT_EQ(fate.len, 40u);
  const TraceEvent& drop = recorder_.seen()[1].event;
  EXPECT_EQ(drop.reason, DropReason::kIpShort);
  EXPECT_EQ(drop.packet, 5u);
  const TraceEvent& segment = recorder_.seen()[2].event;
  EXPECT_EQ(segment.stream_begin, 100u);
  EXPECT_EQ(segment.stream_end, 200u);
  EXPECT_TRUE(segment.retransmission);
}

}  // namespace
}  // namespace splnet
