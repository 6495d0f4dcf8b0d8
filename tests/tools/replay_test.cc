// Replays of captures made by hand: what makes a replay hard, one test each.

#include "tools/replay/replay.h"

#include <gtest/gtest.h>

#include "tests/tools/conversation.h"

namespace splnet {
namespace {

// Request of 50 bytes, answer of `answer` bytes in segments of 1000, each
// acknowledged, FIN from the server, then from the client.
Conversation Download(uint32_t answer) {
  Conversation c;
  c.Handshake(0);
  c.Client(300, "P.", 1, 1, Text(50));
  c.Server(400, ".", 1, 51);
  int64_t us = 500;
  for (uint32_t at = 0; at < answer; at += 1000) {
    const uint32_t n = std::min(1000u, answer - at);
    c.Server(us, at + n == answer ? "P." : ".", 1 + at, 51, Text(n, at));
    c.Client(us + 50, ".", 51, 1 + at + n);
    us += 100;
  }
  c.Server(us, "F.", 1 + answer, 51);
  c.Client(us + 50, "F.", 51, 2 + answer);
  c.Server(us + 100, ".", 2 + answer, 52);
  return c;
}

TEST(Replay, ServesADownloadAsTheCapturedServerDid) {
  const Outcome o = Replayed(Download(4500));
  ASSERT_TRUE(o.status.ok()) << o.status;
  EXPECT_TRUE(o.report.ok()) << o.text;
  const report::Flow& flow = o.report.flows(0);
  EXPECT_EQ(flow.client_to_server().bytes(), 50u);
  EXPECT_EQ(flow.server_to_client().bytes(), 4500u);
  EXPECT_EQ(flow.data_segments(), 5u);
  EXPECT_EQ(flow.data_reproduced(), 5u) << o.text;
  EXPECT_EQ(flow.end(), "FIN from us, FIN from the peer, read");
}

TEST(Replay, DownloadsAsTheCapturedClientDid) {
  const Outcome o = Replayed(Download(4500), AsClient());
  ASSERT_TRUE(o.status.ok()) << o.status;
  EXPECT_TRUE(o.report.ok()) << o.text;
  EXPECT_EQ(o.report.flows(0).server_to_client().bytes(), 4500u);
  EXPECT_EQ(o.CountOf(Verdict::kDelivered), 5u) << o.verdicts();
}

TEST(Replay, PlaysTheAddressThatItIsGiven) {
  ReplayOptions options;
  options.as = ReplayOptions::As::kAddresses;
  options.addresses = {InAddr::V4(0xc0000202)};
  const Outcome o = Replayed(Download(1000), options);
  ASSERT_TRUE(o.status.ok()) << o.status;
  EXPECT_TRUE(o.report.ok()) << o.text;
  EXPECT_EQ(o.report.flows(0).played(), "client");
}

TEST(Replay, NamesAnAddressThatTheCaptureLacks) {
  ReplayOptions options;
  options.as = ReplayOptions::As::kAddresses;
  options.addresses = {InAddr::V4(0x0a000001)};
  const Outcome o = Replayed(Download(1000), options);
  EXPECT_NE(o.status.message().find("as 10.0.0.1: name"), std::string::npos)
      << o.status;
}

TEST(Replay, AcknowledgesWhatOurWindowLetUsSend) {
  // A burst of forty segments against an initial window of a few, answered by
  // one acknowledgement of all.
  Conversation c;
  c.Handshake(0);
  c.Client(300, "P.", 1, 1, Text(50));
  for (uint32_t i = 0; i < 40; ++i) {
    c.Server(400 + i, i == 39 ? "P." : ".", 1 + 1000 * i, 51,
             Text(1000, 1000 * i));
  }
  c.Client(1000, ".", 51, 40001);
  c.Client(1100, "F.", 51, 40001);
  c.Server(1200, "F.", 40001, 52);
  c.Client(1300, ".", 52, 40002);
  const Outcome o = Replayed(c);
  ASSERT_TRUE(o.status.ok()) << o.status;
  EXPECT_TRUE(o.report.ok()) << o.text;
  EXPECT_EQ(o.report.flows(0).server_to_client().bytes(), 40000u);
  EXPECT_NE(o.packets[44].adapted & kAdaptedAck, 0) << o.text;
  EXPECT_EQ(o.report.flows(0).data_reproduced(), 40u);
}

TEST(Replay, LetsThePayloadGoAheadOfItsAcknowledgement) {
  // The second request comes with the acknowledgement of a burst.
  Conversation c;
  c.Handshake(0);
  c.Client(300, "P.", 1, 1, Text(50));
  for (uint32_t i = 0; i < 30; ++i) {
    c.Server(400 + i, i == 29 ? "P." : ".", 1 + 1000 * i, 51,
             Text(1000, 1000 * i));
  }
  c.Client(1000, "P.", 51, 30001, Text(50, 50));
  c.Server(1100, "P.", 30001, 101, Text(200, 30000));
  c.Client(1200, "F.", 101, 30201);
  c.Server(1300, "F.", 30201, 102);
  c.Client(1400, ".", 102, 30202);
  const Outcome o = Replayed(c);
  ASSERT_TRUE(o.status.ok()) << o.status;
  EXPECT_TRUE(o.report.ok()) << o.text;
  EXPECT_EQ(o.verdict(35), Verdict::kDelivered) << o.verdicts();
  EXPECT_NE(o.packets[34].adapted & kAdaptedAck, 0);
}

TEST(Replay, TakesARetransmissionForADuplicate) {
  Conversation c;
  c.Handshake(0);
  c.Client(300, "P.", 1, 1, Text(50));
  c.Server(400, ".", 1, 51);
  c.Client(500, "P.", 1, 1, Text(50));
  c.Server(600, "P.", 1, 51, Text(100));
  c.Client(700, "F.", 51, 101);
  c.Server(800, "F.", 101, 52);
  c.Client(900, ".", 52, 102);
  const Outcome o = Replayed(c);
  ASSERT_TRUE(o.status.ok()) << o.status;
  EXPECT_TRUE(o.report.ok()) << o.text;
  EXPECT_EQ(o.verdict(4), Verdict::kDelivered);
  EXPECT_EQ(o.verdict(6), Verdict::kDuplicate) << o.verdicts();
}

TEST(Replay, DoesNotInjectWhatWasLostAfterTheTap) {
  // The first copy of bytes 51 to 100 never came to the server, which
  // acknowledged byte 51 for all that followed.
  Conversation c;
  c.Handshake(0);
  c.Client(300, "P.", 1, 1, Text(50));
  c.Server(400, ".", 1, 51);
  c.Client(500, "P.", 51, 1, Text(50, 50));
  c.Client(510, "P.", 101, 1, Text(50, 100));
  c.Client(520, "P.", 151, 1, Text(50, 150));
  c.Server(800, ".", 1, 51);
  c.Server(810, ".", 1, 51);
  c.Client(900, "P.", 51, 1, Text(50, 50));
  c.Server(1000, ".", 1, 201);
  c.Client(1100, "F.", 201, 1);
  c.Server(1200, "F.", 1, 202);
  c.Client(1300, ".", 202, 2);
  const Outcome o = Replayed(c);
  ASSERT_TRUE(o.status.ok()) << o.status;
  EXPECT_TRUE(o.report.ok()) << o.text;
  EXPECT_EQ(o.verdict(6), Verdict::kLostAfterTap) << o.verdicts();
  EXPECT_EQ(o.verdict(7), Verdict::kDelivered) << o.verdicts();
  EXPECT_EQ(o.verdict(11), Verdict::kDelivered);
  EXPECT_EQ(o.report.flows(0).client_to_server().bytes(), 200u);
}

TEST(Replay, PutsASwappedPairInOrder) {
  Conversation c;
  c.Handshake(0);
  c.Client(300, "P.", 51, 1, Text(50, 50));
  c.Client(310, "P.", 1, 1, Text(50));
  c.Server(400, ".", 1, 101);
  c.Client(500, "F.", 101, 1);
  c.Server(600, "F.", 1, 102);
  c.Client(700, ".", 102, 2);
  const Outcome o = Replayed(c);
  ASSERT_TRUE(o.status.ok()) << o.status;
  EXPECT_TRUE(o.report.ok()) << o.text;
  EXPECT_EQ(o.verdict(4), Verdict::kDelivered) << o.verdicts();
  EXPECT_EQ(o.verdict(5), Verdict::kDelivered) << o.verdicts();
}

TEST(Replay, TakesTheGoodCopyOfACorruptSegment) {
  for (const bool from_client : {true, false}) {
    Conversation c;
    c.Handshake(0);
    Conversation::Extra bad;
    bad.bad_checksum = true;
    const std::string wrong(50, '#');
    if (from_client) {
      c.Client(300, "P.", 1, 1, wrong, bad);
      c.Client(400, "P.", 1, 1, Text(50));
      c.Server(500, ".", 1, 51);
      c.Client(600, "F.", 51, 1);
      c.Server(700, "F.", 1, 52);
    } else {
      c.Server(300, "P.", 1, 1, wrong, bad);
      c.Server(400, "P.", 1, 1, Text(50));
      c.Client(500, ".", 1, 51);
      c.Server(600, "F.", 51, 1);
      c.Client(700, "F.", 1, 52);
    }
    for (const bool client : {false, true}) {
      const Outcome o = Replayed(c, client ? AsClient() : ReplayOptions());
      ASSERT_TRUE(o.status.ok()) << o.status;
      EXPECT_TRUE(o.report.ok()) << o.text;
      const report::Flow& flow = o.report.flows(0);
      EXPECT_FALSE(flow.gap()) << o.text;
      EXPECT_EQ(from_client ? flow.client_to_server().bytes()
                            : flow.server_to_client().bytes(),
                50u)
          << o.text;
    }
  }
}

TEST(Replay, SaysHowMuchWasComparedWithoutAcknowledgements) {
  // The filter left out what the client acknowledged.
  Conversation c;
  c.Handshake(0);
  c.Client(300, "P.", 1, 1, Text(50));
  for (uint32_t i = 0; i < 40; ++i) {
    c.Server(400 + 100 * i, ".", 1 + 1000 * i, 51, Text(1000, 1000 * i));
  }
  const Outcome o = Replayed(c);
  ASSERT_TRUE(o.status.ok()) << o.status;
  EXPECT_TRUE(o.report.ok()) << o.text;
  const report::Direction& sent = o.report.flows(0).server_to_client();
  EXPECT_LT(sent.bytes(), 40000u);
  EXPECT_EQ(sent.captured(), 40000u);
  EXPECT_TRUE(sent.prefix());
  EXPECT_NE(o.text.find(" of 40000, equal so far"), std::string::npos)
      << o.text;
  EXPECT_NE(o.text.find("no acknowledgement of more"), std::string::npos);
  EXPECT_EQ(o.text.find("equal to the capture"), std::string::npos) << o.text;
}

TEST(Replay, WarnsOfPacketsThatWereCut) {
  Conversation c;
  c.Handshake(0);
  Conversation::Extra cut;
  cut.snaplen = 80;
  c.Client(300, "P.", 1, 1, Text(50), cut);
  c.Server(400, ".", 1, 51);
  const Outcome o = Replayed(c);
  ASSERT_TRUE(o.status.ok()) << o.status;
  EXPECT_NE(o.text.find("warning: 1 of 5 packets were cut by the snap length: "
                        "record with -s 0"),
            std::string::npos)
      << o.text;
}

TEST(Replay, EndsAtACorruptSegmentWithoutAGoodCopy) {
  Conversation c;
  c.Handshake(0);
  Conversation::Extra bad;
  bad.bad_checksum = true;
  c.Client(300, "P.", 1, 1, Text(50), bad);
  c.Server(400, ".", 1, 51);
  c.Client(500, "F.", 51, 1);
  c.Server(600, "F.", 1, 52);
  const Outcome o = Replayed(c);
  ASSERT_TRUE(o.status.ok()) << o.status;
  EXPECT_TRUE(o.report.flows(0).gap()) << o.text;
  EXPECT_EQ(o.report.flows(0).client_to_server().bytes(), 0u) << o.text;
  EXPECT_EQ(o.report.flows(0).client_to_server().captured(), 0u) << o.text;
}

TEST(Replay, FillsInAChecksumThatTheInterfaceWasToFillIn) {
  Conversation c;
  c.Handshake(0);
  Conversation::Extra partial;
  partial.partial_checksum = true;
  c.Client(300, "P.", 1, 1, Text(50), partial);
  c.Server(400, ".", 1, 51);
  c.Client(500, "F.", 51, 1);
  c.Server(600, "F.", 1, 52);
  c.Client(700, ".", 52, 2);
  const Outcome o = Replayed(c);
  ASSERT_TRUE(o.status.ok()) << o.status;
  EXPECT_TRUE(o.report.ok()) << o.text;
  EXPECT_EQ(o.verdict(4), Verdict::kDelivered) << o.verdicts();
}

TEST(Replay, EndsAtAGap) {
  // Bytes 51 to 100 were acknowledged, and the capture lacks them.
  Conversation c;
  c.Handshake(0);
  c.Client(300, "P.", 1, 1, Text(50));
  c.Server(400, ".", 1, 51);
  c.Client(500, "P.", 101, 1, Text(50, 100));
  c.Server(600, ".", 1, 151);
  c.Client(700, "F.", 151, 1);
  c.Server(800, "F.", 1, 152);
  const Outcome o = Replayed(c);
  ASSERT_TRUE(o.status.ok()) << o.status;
  EXPECT_TRUE(o.report.ok()) << o.text;
  EXPECT_TRUE(o.report.flows(0).gap());
  EXPECT_EQ(o.verdict(4), Verdict::kDelivered) << o.verdicts();
  for (const uint64_t n : {6, 7, 8, 9}) {
    EXPECT_EQ(o.verdict(n), Verdict::kAfterGap) << o.verdicts();
  }
}

TEST(Replay, EndsWhereTheSnapLengthCutAPayload) {
  Conversation c;
  c.Handshake(0);
  Conversation::Extra cut;
  cut.snaplen = 70;
  c.Client(300, "P.", 1, 1, Text(500), cut);
  c.Server(400, ".", 1, 501);
  const Outcome o = Replayed(c);
  ASSERT_TRUE(o.status.ok()) << o.status;
  EXPECT_TRUE(o.report.ok()) << o.text;
  EXPECT_EQ(o.verdict(4), Verdict::kAfterGap) << o.verdicts();
  EXPECT_EQ(o.verdict(5), Verdict::kAfterGap) << o.verdicts();
}

TEST(Replay, InventsAHandshakeThatTheCaptureLacks) {
  for (const bool as_client : {false, true}) {
    Conversation c;
    c.Client(0, "P.", 5001, 9001, Text(50));
    c.Server(100, "P.", 9001, 5051, Text(300));
    c.Client(200, ".", 5051, 9301);
    c.Client(300, "F.", 5051, 9301);
    c.Server(400, "F.", 9301, 5052);
    c.Client(500, ".", 5052, 9302);
    const Outcome o = Replayed(c, as_client ? AsClient() : ReplayOptions());
    ASSERT_TRUE(o.status.ok()) << o.status;
    EXPECT_TRUE(o.report.ok()) << o.text;
    EXPECT_TRUE(o.report.flows(0).handshake_invented());
    EXPECT_EQ(o.report.flows(0).client_to_server().bytes(), 50u) << o.text;
    EXPECT_EQ(o.report.flows(0).server_to_client().bytes(), 300u) << o.text;
    EXPECT_EQ(o.verdict(as_client ? 2 : 1), Verdict::kDelivered);
  }
}

TEST(Replay, TakesBytesFromBeforeTheCaptureForZeros) {
  // 500 bytes of the server's were under way when the capture began.
  Conversation c;
  c.Client(0, ".", 5001, 9001);
  c.Server(100, "P.", 9501, 5001, Text(300));
  c.Client(200, ".", 5001, 9801);
  c.Client(300, "F.", 5001, 9801);
  c.Server(400, "F.", 9801, 5002);
  c.Client(500, ".", 5002, 9802);
  const Outcome o = Replayed(c);
  ASSERT_TRUE(o.status.ok()) << o.status;
  EXPECT_TRUE(o.report.ok()) << o.text;
  EXPECT_EQ(o.report.flows(0).server_to_client().bytes(), 800u) << o.text;
  EXPECT_FALSE(o.report.flows(0).gap());
}

TEST(Replay, ResetsWhereTheCapturedServerDid) {
  Conversation c;
  c.Handshake(0);
  c.Client(300, "P.", 1, 1, Text(50));
  c.Server(400, "P.", 1, 51, Text(100));
  c.Client(500, ".", 51, 101);
  c.Server(600, "R.", 101, 51);
  const Outcome o = Replayed(c);
  ASSERT_TRUE(o.status.ok()) << o.status;
  EXPECT_TRUE(o.report.ok()) << o.text;
  EXPECT_EQ(o.verdict(7), Verdict::kReproduced) << o.verdicts() << o.text;
}

TEST(Replay, IsResetByTheCapturedClient) {
  Conversation c;
  c.Handshake(0);
  c.Client(300, "P.", 1, 1, Text(50));
  c.Server(400, "P.", 1, 51, Text(100));
  c.Client(500, "R.", 51, 101);
  const Outcome o = Replayed(c);
  ASSERT_TRUE(o.status.ok()) << o.status;
  EXPECT_TRUE(o.report.ok()) << o.text;
  EXPECT_EQ(o.report.flows(0).end(), "RST from the peer");
}

TEST(Replay, RefusesWhereTheCapturedServerDid) {
  Conversation c;
  c.Client(0, "S", 0, 0);
  // RFC 9293 section 3.10.7.1: <SEQ=0><ACK=SEG.SEQ+1>.
  c.Server(100, "R.", 16, 1);
  const Outcome o = Replayed(c);
  ASSERT_TRUE(o.status.ok()) << o.status;
  EXPECT_TRUE(o.report.ok()) << o.text;
  EXPECT_EQ(o.verdict(2), Verdict::kReproduced) << o.verdicts() << o.text;
}

TEST(Replay, IsRefusedByTheCapturedServer) {
  Conversation c;
  c.Client(0, "S", 0, 0);
  c.Server(100, "R.", 16, 1);
  const Outcome o = Replayed(c, AsClient());
  ASSERT_TRUE(o.status.ok()) << o.status;
  EXPECT_TRUE(o.report.ok()) << o.text;
  EXPECT_EQ(o.verdict(1), Verdict::kReproduced) << o.verdicts();
}

TEST(Replay, KeepsReadingAfterItsOwnFin) {
  // A half-close: the server is done, the client still sends.
  Conversation c;
  c.Handshake(0);
  c.Client(300, "P.", 1, 1, Text(50));
  c.Server(400, "F.", 1, 51);
  c.Client(500, "P.", 51, 2, Text(50, 50));
  c.Server(600, ".", 2, 101);
  c.Client(700, "F.", 101, 2);
  c.Server(800, ".", 2, 102);
  const Outcome o = Replayed(c);
  ASSERT_TRUE(o.status.ok()) << o.status;
  EXPECT_TRUE(o.report.ok()) << o.text;
  EXPECT_EQ(o.report.flows(0).client_to_server().bytes(), 100u);
}

TEST(Replay, TellsTheSamePacketCapturedTwice) {
  Conversation c;
  c.Handshake(0);
  c.Client(300, "P.", 1, 1, Text(50));
  c.Again(301);
  c.Server(400, ".", 1, 51);
  c.Again(401);
  c.Client(500, "F.", 51, 1);
  c.Server(600, "F.", 1, 52);
  c.Client(700, ".", 52, 2);
  const Outcome o = Replayed(c);
  ASSERT_TRUE(o.status.ok()) << o.status;
  EXPECT_TRUE(o.report.ok()) << o.text;
  EXPECT_EQ(o.verdict(5), Verdict::kDuplicateCapture) << o.verdicts();
  EXPECT_EQ(o.verdict(7), Verdict::kDuplicateCapture) << o.verdicts();
}

TEST(Replay, RepeatsASynThatWasRetransmitted) {
  Conversation c;
  c.Client(0, "S", 0, 0);
  c.Client(1'000'000, "S", 0, 0);
  c.Server(1'000'100, "S.", 0, 1);
  c.Client(1'000'200, ".", 1, 1);
  c.Client(1'000'300, "P.", 1, 1, Text(50));
  c.Server(1'000'400, ".", 1, 51);
  c.Client(1'000'500, "F.", 51, 1);
  c.Server(1'000'600, "F.", 1, 52);
  c.Client(1'000'700, ".", 52, 2);
  for (const bool as_client : {false, true}) {
    const Outcome o = Replayed(c, as_client ? AsClient() : ReplayOptions());
    ASSERT_TRUE(o.status.ok()) << o.status;
    EXPECT_TRUE(o.report.ok()) << o.text;
  }
}

TEST(Replay, ClosesAtTheSameTimeAsThePeer) {
  Conversation c;
  c.Handshake(0);
  c.Client(300, "P.", 1, 1, Text(50));
  c.Server(400, "P.", 1, 51, Text(50));
  c.Client(500, "F.", 51, 51);
  c.Server(501, "F.", 51, 51);
  c.Client(600, ".", 52, 52);
  c.Server(601, ".", 52, 52);
  const Outcome o = Replayed(c);
  ASSERT_TRUE(o.status.ok()) << o.status;
  EXPECT_TRUE(o.report.ok()) << o.text;
}

TEST(Replay, WritesAResponseBeforeTheRequestWasComplete) {
  Conversation c;
  c.Handshake(0);
  c.Client(300, "P.", 1, 1, Text(50));
  c.Server(400, "P.", 1, 51, Text(100));
  c.Client(500, "P.", 51, 101, Text(50, 50));
  c.Server(600, "P.", 101, 101, Text(100, 100));
  c.Client(700, "F.", 101, 201);
  c.Server(800, "F.", 201, 102);
  c.Client(900, ".", 102, 202);
  for (const bool as_client : {false, true}) {
    const Outcome o = Replayed(c, as_client ? AsClient() : ReplayOptions());
    ASSERT_TRUE(o.status.ok()) << o.status;
    EXPECT_TRUE(o.report.ok()) << o.text;
    EXPECT_EQ(o.CountOf(Verdict::kDelivered), 2u) << o.verdicts();
  }
}

TEST(Replay, GoesOnWhereTheCaptureEndsInTheMiddle) {
  Conversation c;
  c.Handshake(0);
  c.Client(300, "P.", 1, 1, Text(50));
  c.Server(400, "P.", 1, 51, Text(1000));
  const Outcome o = Replayed(c);
  ASSERT_TRUE(o.status.ok()) << o.status;
  EXPECT_TRUE(o.report.ok()) << o.text;
  EXPECT_EQ(o.report.flows(0).end(), "open when the capture ends");
}

TEST(Replay, WaitsWhileThePeersWindowIsClosed) {
  Conversation::Extra closed;
  closed.win = 0;
  Conversation::Extra small;
  small.win = 1000;
  Conversation c;
  c.Handshake(0);
  c.Client(300, "P.", 1, 1, Text(50), small);
  c.Server(400, "P.", 1, 51, Text(1000));
  c.Client(500, ".", 51, 1001, "", closed);
  c.Client(3'000'000, ".", 51, 1001);
  c.Server(3'000'100, "P.", 1001, 51, Text(1000, 1000));
  c.Client(3'000'200, "F.", 51, 2001);
  c.Server(3'000'300, "F.", 2001, 52);
  c.Client(3'000'400, ".", 52, 2002);
  const Outcome o = Replayed(c);
  ASSERT_TRUE(o.status.ok()) << o.status;
  EXPECT_TRUE(o.report.ok()) << o.text;
  EXPECT_EQ(o.report.flows(0).data_reproduced(), 2u) << o.text;
}

TEST(Replay, AnswersAKeepalive) {
  Conversation c;
  c.Handshake(0);
  c.Client(300, "P.", 1, 1, Text(50));
  c.Server(400, ".", 1, 51);
  c.Client(60'000'000, ".", 50, 1);
  c.Server(60'000'100, ".", 1, 51);
  c.Client(61'000'000, "F.", 51, 1);
  c.Server(61'000'100, "F.", 1, 52);
  c.Client(61'000'200, ".", 52, 2);
  const Outcome o = Replayed(c);
  ASSERT_TRUE(o.status.ok()) << o.status;
  EXPECT_TRUE(o.report.ok()) << o.text;
  EXPECT_EQ(o.verdict(7), Verdict::kReproduced) << o.verdicts();
}

TEST(Replay, WaitsForItsOwnWindowToOpen) {
  // The captured server had more room than the largest window it advertised
  // shows: the client sent beyond that.
  Conversation::Extra small;
  small.win = 2000;
  Conversation c;
  c.Handshake(0);
  c.Server(300, ".", 1, 1, "", small);
  for (uint32_t i = 0; i < 80; ++i) {
    c.Client(400 + i, ".", 1 + 1000 * i, 1, Text(1000, 1000 * i));
  }
  c.Server(2000, ".", 1, 80001);
  c.Client(2100, "F.", 80001, 1);
  c.Server(2200, "F.", 1, 80002);
  c.Client(2300, ".", 80002, 2);
  const Outcome o = Replayed(c);
  ASSERT_TRUE(o.status.ok()) << o.status;
  EXPECT_TRUE(o.report.ok()) << o.text;
  EXPECT_EQ(o.report.flows(0).client_to_server().bytes(), 80000u);
}

TEST(Replay, NamesAPacketThatIsNoIp) {
  Conversation c;
  c.Handshake(0);
  c.Frame(300, std::vector<std::byte>(20, std::byte{0xaa}));
  const Outcome o = Replayed(c);
  ASSERT_TRUE(o.status.ok()) << o.status;
  EXPECT_TRUE(o.report.ok()) << o.text;
  EXPECT_EQ(o.verdict(4), Verdict::kUnusable) << o.verdicts();
}

TEST(Replay, EndsWhereOurOwnBytesAreMissing) {
  // Bytes 101 to 200 of the server's were acknowledged, and the capture lacks
  // them.
  Conversation c;
  c.Handshake(0);
  c.Client(300, "P.", 1, 1, Text(50));
  c.Server(400, "P.", 1, 51, Text(100));
  c.Client(500, ".", 51, 201);
  c.Client(600, "F.", 51, 201);
  const Outcome o = Replayed(c);
  ASSERT_TRUE(o.status.ok()) << o.status;
  EXPECT_TRUE(o.report.flows(0).gap()) << o.text;
  EXPECT_EQ(o.verdict(6), Verdict::kAfterGap) << o.verdicts();
}

TEST(Replay, RunsManyFlowsAtOnce) {
  Conversation c;
  constexpr uint16_t kFlows = 60;
  for (uint16_t i = 0; i < kFlows; ++i) c.Port(41000 + i).Handshake(i);
  for (uint16_t i = 0; i < kFlows; ++i) {
    c.Port(41000 + i).Client(1000 + i, "P.", 1, 1, Text(10 + i));
  }
  for (uint16_t i = 0; i < kFlows; ++i) {
    c.Port(41000 + i).Server(2000 + i, "P.", 1, 11 + i, Text(900, i));
    c.Client(2001 + i, "F.", 11 + i, 901);
    c.Server(2002 + i, "F.", 901, 12 + i);
    c.Client(2003 + i, ".", 12 + i, 902);
  }
  for (const bool as_client : {false, true}) {
    const Outcome o = Replayed(c, as_client ? AsClient() : ReplayOptions());
    ASSERT_TRUE(o.status.ok()) << o.status;
    EXPECT_TRUE(o.report.ok()) << o.text;
    EXPECT_EQ(o.CountOf(Verdict::kDelivered), kFlows) << o.text;
    EXPECT_EQ(o.report.flows_size(), kFlows);
  }
}

TEST(Replay, ANewIncarnationTakesTheOldOnesPlace) {
  // The first one is never closed.
  Conversation c;
  c.Handshake(0);
  c.Client(300, "P.", 1, 1, Text(50));
  c.Server(400, ".", 1, 51);
  c.Client(1000, "S", 50000, 0);
  c.Server(1100, "S.", 70000, 50001);
  c.Client(1200, ".", 50001, 70001);
  c.Client(1300, "P.", 50001, 70001, Text(70));
  c.Server(1400, ".", 70001, 50071);
  for (const bool as_client : {false, true}) {
    const Outcome o = Replayed(c, as_client ? AsClient() : ReplayOptions());
    ASSERT_TRUE(o.status.ok()) << o.status;
    EXPECT_TRUE(o.report.ok()) << o.text;
    ASSERT_EQ(o.report.flows_size(), 2);
    EXPECT_EQ(o.report.flows(1).incarnation(), 2u);
    EXPECT_EQ(o.report.flows(1).client_to_server().bytes(), 70u) << o.text;
  }
}

TEST(Replay, GivesTheSameReportTwice) {
  const Conversation c = Download(20000);
  EXPECT_EQ(Replayed(c).text, Replayed(c).text);
}

TEST(Replay, SequenceNumbersMayWrap) {
  // The server's numbers wrap after sixteen bytes: see Conversation.
  Conversation c(40000, 0xffffffe0, 0xffffffff);
  c.Handshake(0);
  c.Client(300, "P.", 1, 1, Text(100));
  c.Server(400, "P.", 1, 101, Text(3000));
  c.Client(500, "F.", 101, 3001);
  c.Server(600, "F.", 3001, 102);
  c.Client(700, ".", 102, 3002);
  const Outcome o = Replayed(c);
  ASSERT_TRUE(o.status.ok()) << o.status;
  EXPECT_TRUE(o.report.ok()) << o.text;
  EXPECT_EQ(o.report.flows(0).server_to_client().bytes(), 3000u);
}

}  // namespace
}  // namespace splnet
