// Bulk transfers: what the report, the samples and the capture tell.

#include "tools/bulk/bulk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <sstream>

#include "tools/bulk/report.h"
#include "tools/json_text.h"
#include "traces/capture.h"

namespace splnet {
namespace {

using std::chrono::milliseconds;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;

// A transfer that needs no sizing of buffers and fits the queue.
BulkOptions SmallOptions() {
  BulkOptions options;
  options.bytes = 2'000'000;
  options.rtt = milliseconds(20);
  options.bits_per_second = 50'000'000;
  options.buffer_bytes = 200'000;
  return options;
}

struct Outcome {
  report::Bulk report;
  std::string text;
  std::string json;
  std::string csv;
  std::vector<std::byte> capture;
};

Outcome RunBulk(const BulkOptions& options) {
  Outcome outcome;
  const std::string path = testing::TempDir() + "bulk_test.csv";
  auto csv = OutputFile::Open(path);
  EXPECT_TRUE(csv.ok());
  const auto writer = CaptureWriter::ToMemory(&outcome.capture);
  Bulk bulk(options, writer.get(), csv->get());
  EXPECT_TRUE(bulk.Run().ok());
  EXPECT_TRUE(writer->Close().ok());
  outcome.report = MakeReport(options, bulk);
  outcome.text = FormatReport(outcome.report);
  const auto json = JsonText(outcome.report);
  EXPECT_TRUE(json.ok());
  outcome.json = *json;
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  outcome.csv = text.str();
  return outcome;
}

TEST(Bulk, AnIdleLinkIsFilledAndItsRoundTripMeasured) {
  const BulkOptions options = SmallOptions();
  const report::Bulk r = RunBulk(options).report;
  EXPECT_TRUE(r.ok());
  EXPECT_EQ(r.received(), options.bytes);
  EXPECT_EQ(r.retransmitted(), 0u);
  EXPECT_EQ(r.segments(), (options.bytes + 1447) / 1448);
  // The bytes take 0.33 s of wire, slow start some round trips more.
  EXPECT_GT(r.goodput_bits_per_second(), 35'000'000);
  EXPECT_LT(r.goodput_bits_per_second(), 50'000'000);
  // The link's delay and, for the segment measured, its time on the wire.
  EXPECT_GE(r.rtt_ns().min(), 20'000'000u);
  EXPECT_LT(r.rtt_ns().min(), 21'000'000u);
  // Never more than the buffer holds waits for the wire.
  EXPECT_LT(r.rtt_ns().max(), 60'000'000u);
  ASSERT_EQ(r.streams_size(), 1);
  EXPECT_EQ(r.streams(0).direction(), "a-to-b");
  EXPECT_GE(r.streams(0).cwnd().min(), 14480u);
}

TEST(Bulk, BuffersThatAreNotGivenGrowWithThePath) {
  BulkOptions options = SmallOptions();
  options.bytes = 10'000'000;
  options.buffer_bytes = 0;
  const report::Bulk r = RunBulk(options).report;
  EXPECT_TRUE(r.ok());
  // 16 kbyte a round trip, which the buffers begin with, were 6.5 Mbit/s.
  EXPECT_GT(r.goodput_bits_per_second(), 35'000'000);
}

TEST(Bulk, TheShareOfTheLinkIsThatOfBothWays) {
  BulkOptions options = SmallOptions();
  options.both = true;
  const Outcome outcome = RunBulk(options);
  // More than one way carries, and yet not more than the link.
  EXPECT_GT(outcome.report.goodput_bits_per_second(), 50'000'000);
  EXPECT_THAT(outcome.text, ContainsRegex(", [5-9][0-9]\\.[0-9] % of the"));
}

TEST(Bulk, LossesAreCountedAndRepaired) {
  BulkOptions options = SmallOptions();
  options.loss_ppm = 20'000;
  const report::Bulk r = RunBulk(options).report;
  EXPECT_TRUE(r.ok());
  EXPECT_GT(r.lost(), 5u);
  EXPECT_GT(r.retransmitted(), 5u);
  EXPECT_GT(r.fast_retransmits(), 0u);
  EXPECT_EQ(r.queue_drops(), 0u);
  EXPECT_EQ(r.received(), options.bytes);
}

TEST(Bulk, AShortQueueDrops) {
  BulkOptions options = SmallOptions();
  options.queue_packets = 5;
  const report::Bulk r = RunBulk(options).report;
  EXPECT_TRUE(r.ok());
  EXPECT_EQ(r.link().queue_packets(), 5u);
  EXPECT_GT(r.queue_drops(), 0u);
  EXPECT_GT(r.retransmitted(), 0u);
  EXPECT_EQ(r.lost(), 0u);
}

TEST(Bulk, ManyConnectionsEachHaveAStreamEachWay) {
  BulkOptions options = SmallOptions();
  options.connections = 5;
  options.both = true;
  options.bytes = 100'000;
  const Outcome outcome = RunBulk(options);
  const report::Bulk& r = outcome.report;
  EXPECT_TRUE(r.ok()) << outcome.text;
  ASSERT_EQ(r.streams_size(), 10);
  for (const report::BulkStream& s : r.streams()) {
    EXPECT_EQ(s.received(), options.bytes);
    EXPECT_GT(s.rtt_ns().samples(), 0u);
    EXPECT_EQ(s.error(), "");
  }
  EXPECT_EQ(r.received(), 10 * options.bytes);
}

TEST(Bulk, TheSmallestTransferIsOneSegment) {
  BulkOptions options = SmallOptions();
  options.bytes = 1;
  const report::Bulk r = RunBulk(options).report;
  EXPECT_TRUE(r.ok());
  EXPECT_EQ(r.segments(), 1u);
}

TEST(Bulk, WithoutDelayAndLimitItTakesNoTime) {
  BulkOptions options = SmallOptions();
  options.rtt = Nanoseconds(0);
  options.bits_per_second = 0;
  const Outcome outcome = RunBulk(options);
  EXPECT_TRUE(outcome.report.ok());
  EXPECT_EQ(outcome.report.virtual_ns(), 0);
  EXPECT_THAT(outcome.text, HasSubstr("goodput: at once"));
}

TEST(Bulk, WhereNothingGetsThroughItFails) {
  BulkOptions options = SmallOptions();
  options.loss_ppm = 1'000'000;
  const Outcome outcome = RunBulk(options);
  EXPECT_FALSE(outcome.report.ok());
  EXPECT_THAT(outcome.text, HasSubstr("0 of 2000000 bytes arrived"));
  EXPECT_THAT(outcome.text, HasSubstr("connect: ETIMEDOUT"));
}

TEST(Bulk, TheMtuDecidesTheSegments) {
  BulkOptions options = SmallOptions();
  options.mtu_bytes = 9000;
  const report::Bulk r = RunBulk(options).report;
  EXPECT_TRUE(r.ok());
  EXPECT_EQ(r.segments(), (options.bytes + 8947) / 8948);
}

TEST(Bulk, SamplesFollowTheHeaderEachInterval) {
  BulkOptions options = SmallOptions();
  options.interval = milliseconds(50);
  const std::string csv = RunBulk(options).csv;
  EXPECT_EQ(csv.rfind(kBulkCsvHeader, 0), 0u) << csv;
  EXPECT_THAT(csv, HasSubstr("\n0.100000000,1,a-to-b,"));
  EXPECT_THAT(csv, HasSubstr("\n0.150000000,1,a-to-b,"));
}

TEST(Bulk, TheCaptureHasEverySegment) {
  const Outcome outcome = RunBulk(SmallOptions());
  auto reader = CaptureReader::FromBytes(outcome.capture, "memory");
  ASSERT_TRUE(reader.ok());
  uint64_t full = 0;
  CapturePacket packet;
  while ((*reader)->Next(packet)) full += packet.len == 1514 ? 1 : 0;
  EXPECT_TRUE((*reader)->status().ok());
  EXPECT_EQ(full, 2'000'000u / 1448);
}

TEST(Bulk, TwoRunsAreTheSame) {
  BulkOptions options = SmallOptions();
  options.loss_ppm = 10'000;
  options.connections = 2;
  options.both = true;
  options.bytes = 300'000;
  const Outcome once = RunBulk(options);
  const Outcome again = RunBulk(options);
  EXPECT_EQ(once.json, again.json);
  EXPECT_EQ(once.csv, again.csv);
  EXPECT_TRUE(once.capture == again.capture);
  options.seed = 2;
  EXPECT_NE(once.json, RunBulk(options).json);
}

TEST(BulkOptions, TheQueueIsABandwidthDelayProduct) {
  BulkOptions options;
  options.rtt = milliseconds(50);
  options.bits_per_second = 100'000'000;
  EXPECT_EQ(BulkQueuePackets(options), 412u);  // of 1514 bytes
  options.rtt = Nanoseconds(0);
  EXPECT_EQ(BulkQueuePackets(options), 18u);  // room for a beginning
  options.connections = 100;
  EXPECT_EQ(BulkQueuePackets(options), 216u);
  options.queue_packets = 7;
  EXPECT_EQ(BulkQueuePackets(options), 7u);
}

}  // namespace
}  // namespace splnet
