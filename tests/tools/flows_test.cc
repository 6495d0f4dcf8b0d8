// Which packets belong together, who is the client, and what it did when.

#include "tools/replay/flows.h"

#include <gtest/gtest.h>

#include "tests/tools/conversation.h"
#include "tools/replay/script.h"
#include "tools/replay/tcp_record.h"

namespace splnet {
namespace {

struct Found {
  CaptureIndex index;
  FlowTable table;
};

Found Find(const Conversation& c, const ReplayOptions& options = {}) {
  Found found;
  auto reader = CaptureReader::FromBytes(c.bytes(), "test");
  found.index = std::move(*IndexCapture(std::move(*reader), nullptr));
  found.table = FindFlows(options, found.index);
  return found;
}

TEST(Flows, TheSenderOfTheSynIsTheClient) {
  Conversation c;
  c.Handshake(0);
  const Found f = Find(c);
  ASSERT_EQ(f.table.flows.size(), 1u);
  EXPECT_EQ(f.table.flows[0].server.port, 80);
  EXPECT_STREQ(f.table.flows[0].why, "it sent the SYN");
  EXPECT_EQ(f.table.flows[0].packets.size(), 3u);
}

TEST(Flows, WhoWasAnsweredIsTheClient) {
  Conversation c;
  c.Server(0, "S.", 0, 1);
  EXPECT_EQ(Find(c).table.flows[0].server.port, 80);
}

TEST(Flows, WithoutASynTheWellKnownPortIsTheServers) {
  Conversation c;
  c.Server(0, "P.", 1, 1, Text(10));
  EXPECT_EQ(Find(c).table.flows[0].server.port, 80);
}

TEST(Flows, AnotherSynBeginsAnotherIncarnation) {
  Conversation first(40000, 1000);
  first.Handshake(0);
  first.Client(300, "F.", 1, 1);
  first.Client(400, "S", 5000, 0);  // another number
  first.Client(500, "S", 5000, 0);  // the same again
  const Found f = Find(first);
  ASSERT_EQ(f.table.flows.size(), 2u);
  EXPECT_EQ(f.table.flows[1].incarnation, 2u);
  EXPECT_EQ(f.table.flows[1].packets.size(), 2u);
}

// The acts of the server of `c`.
std::vector<Act> ServersActs(const Conversation& c) {
  const Found f = Find(c);
  const TcpRecord record = RecordTcp(f.table.flows[0], f.index);
  return TcpScript(f.table.flows[0], record, f.index);
}

TEST(Script, AWriteEndsAtPush) {
  Conversation c;
  c.Handshake(0);
  c.Client(300, "P.", 1, 1, Text(50));
  c.Server(400, ".", 1, 51, Text(1000));
  c.Server(401, "P.", 1001, 51, Text(1000));
  c.Server(402, ".", 2001, 51, Text(1000));
  c.Server(403, "F.", 3001, 51);
  const std::vector<Act> acts = ServersActs(c);
  ASSERT_EQ(acts.size(), 3u);
  EXPECT_EQ(acts[0].end, 2000u);
  EXPECT_EQ(acts[0].read_bytes, 50u);
  EXPECT_EQ(acts[1].begin, 2000u);
  EXPECT_EQ(acts[1].time_ns, 402'000);
  EXPECT_EQ(acts[2].kind, ActKind::kShutdown);
}

TEST(Script, AWriteEndsBeforeASilence) {
  Conversation c;
  c.Handshake(0);
  c.Server(400, ".", 1, 1, Text(1000));
  c.Server(10'700, ".", 1001, 1, Text(1000));  // round trip and 10 ms: 10.2 ms
  const std::vector<Act> acts = ServersActs(c);
  ASSERT_EQ(acts.size(), 2u);
  EXPECT_EQ(acts[1].time_ns, 10'700'000);
}

TEST(Script, ARetransmissionIsNoWrite) {
  Conversation c;
  c.Handshake(0);
  c.Server(400, "P.", 1, 1, Text(1000));
  c.Server(500, "P.", 1, 1, Text(1000));
  EXPECT_EQ(ServersActs(c).size(), 1u);
}

TEST(Script, AResetAfterAFinIsAClose) {
  Conversation c;
  c.Handshake(0);
  c.Server(400, "F.", 1, 1);
  c.Client(500, "P.", 1, 2, Text(10));
  c.Server(600, "R", 2, 0);
  const std::vector<Act> acts = ServersActs(c);
  ASSERT_EQ(acts.size(), 1u);
  EXPECT_EQ(acts[0].kind, ActKind::kClose);
}

TEST(TcpRecord, ScalesWindowsOnlyWhereBothOfferedIt) {
  Conversation c;
  Conversation::Extra scaled;
  scaled.options = {std::byte{1}, std::byte{3}, std::byte{3}, std::byte{7}};
  c.Client(0, "S", 0, 0, "", scaled);
  c.Server(100, "S.", 0, 1);
  const Found f = Find(c);
  EXPECT_EQ(RecordTcp(f.table.flows[0], f.index).side(kClientSide).scale, 0);
}

TEST(TcpRecord, MeasuresTheRoundTripOfTheHandshake) {
  Conversation c;
  c.Handshake(0);
  const Found f = Find(c);
  EXPECT_EQ(RecordTcp(f.table.flows[0], f.index).round_trip_ns, 200'000);
}

}  // namespace
}  // namespace splnet
