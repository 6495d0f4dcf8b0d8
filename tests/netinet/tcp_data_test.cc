// Data both ways: windows, Nagle, delayed ACKs, silly windows, probes.
// RFC 9293 section 3.8.6, RFC 1122 section 4.2.3.

#include <gtest/gtest.h>

#include "sockets/uipc_socket.h"
#include "tests/testing/tcp_fixture.h"

namespace splnet {
namespace {

using namespace std::chrono_literals;

class TcpData : public TcpFixture {
 protected:
  void SetInt(Socket& so, int level, int name, int value) {
    ASSERT_EQ(sosetopt(so, level, name, std::as_bytes(std::span(&value, 1))),
              kOk);
  }
};

TEST_F(TcpData, SendsWhatIsWrittenAndKeepsItUntilAcknowledged) {
  Socket& so = Established();
  ASSERT_EQ(Send(so, 100), kOk);
  EXPECT_EQ(AllOut(), "P. 1:101(100) ack 1 win 16384");
  EXPECT_EQ(so.snd.cc, 100u);
  In(". 1:1(0) ack 61");
  EXPECT_EQ(so.snd.cc, 40u);
  In(". 1:1(0) ack 101");
  EXPECT_EQ(so.snd.cc, 0u);
  EXPECT_FALSE(Tcb(so)->rexmt.pending());
}

TEST_F(TcpData, CutsTheStreamIntoSegmentsAndPushesTheLast) {
  Socket& so = Established("mss 1000");
  ASSERT_EQ(Send(so, 2500), kOk);
  EXPECT_EQ(AllOut(),
            ". 1:1001(1000) ack 1 win 16384; "
            ". 1001:2001(1000) ack 1 win 16384; "
            "P. 2001:2501(500) ack 1 win 16384");
}

TEST_F(TcpData, TimestampsTakeTheirRoomFromEachSegment) {
  ns_.settings.tcp_rfc1323 = 1;
  Socket& so = Established("mss 1000,nop,nop,TS val 1 ecr 0");
  ASSERT_EQ(Send(so, 1000), kOk);
  EXPECT_EQ(Out(), ". 1:989(988) ack 1 win 16384 <nop,nop,TS val 1000 ecr 1>");
}

TEST_F(TcpData, ASmallSegmentIsCopiedAndALargeOneReferenced) {
  Socket& so = Established();
  const auto copied = [this] {
    return ns_.ledger.bytes(CopyKind::kTcpSegment);
  };
  ASSERT_EQ(Send(so, 88), kOk);  // 144 - 16 - 40: what the header mbuf holds
  EXPECT_EQ(copied(), 88u);
  In(". 1:1(0) ack 89");
  ASSERT_EQ(Send(so, 1000), kOk);
  EXPECT_EQ(copied(), 88u);
  EXPECT_EQ(ns_.ledger.bytes(CopyKind::kCopym), 0u);
}

TEST_F(TcpData, NeverSendsBeyondThePeersWindow) {
  Socket& so = Established("mss 1000", 2500);
  ASSERT_EQ(Send(so, 5000), kOk);
  EXPECT_EQ(AllOut(),
            ". 1:1001(1000) ack 1 win 16384; "
            ". 1001:2001(1000) ack 1 win 16384");
  In(". 1:1(0) ack 2001 win 2500");
  EXPECT_EQ(AllOut(),
            ". 2001:3001(1000) ack 1 win 16384; "
            ". 3001:4001(1000) ack 1 win 16384");
}

TEST_F(TcpData, TheInitialWindowIsTenSegments) {  // RFC 6928
  Socket& so = Established("mss 1000");
  SetInt(so, kSOL_SOCKET, kSO_SNDBUF, 60000);
  ASSERT_EQ(Send(so, 30000), kOk);
  size_t n = 0;
  while (!Out().empty()) ++n;
  EXPECT_EQ(n, 10u);
}

// ---------------------------------------------------------------------- Nagle

TEST_F(TcpData, NagleHoldsAShortTailWhileDataAreOutstanding) {
  Socket& so = Established("mss 1000");
  ASSERT_EQ(Send(so, 10), kOk);
  EXPECT_EQ(AllOut(), "P. 1:11(10) ack 1 win 16384");
  ASSERT_EQ(Send(so, 10), kOk);
  ASSERT_EQ(Send(so, 10), kOk);
  EXPECT_EQ(AllOut(), "");
  In(". 1:1(0) ack 11");
  EXPECT_EQ(AllOut(), "P. 11:31(20) ack 1 win 16384");
}

TEST_F(TcpData, NagleLetsFullSegmentsGo) {
  Socket& so = Established("mss 1000");
  ASSERT_EQ(Send(so, 10), kOk);
  Out();
  ASSERT_EQ(Send(so, 1500), kOk);
  EXPECT_EQ(AllOut(), ". 11:1011(1000) ack 1 win 16384");
}

TEST_F(TcpData, NodelaySendsEveryWriteAtOnce) {
  Socket& so = Established("mss 1000");
  SetInt(so, kIpprotoTcp, kTCP_NODELAY, 1);
  ASSERT_EQ(Send(so, 10), kOk);
  ASSERT_EQ(Send(so, 10), kOk);
  EXPECT_EQ(AllOut(),
            "P. 1:11(10) ack 1 win 16384; P. 11:21(10) ack 1 win 16384");
}

TEST_F(TcpData, NopushHoldsTheTailUntilItIsTakenBack) {
  Socket& so = Established("mss 1000");
  SetInt(so, kIpprotoTcp, kTCP_NOPUSH, 1);
  ASSERT_EQ(Send(so, 1500), kOk);
  EXPECT_EQ(AllOut(), ". 1:1001(1000) ack 1 win 16384");
  In(". 1:1(0) ack 1001");
  EXPECT_EQ(AllOut(), "");
  SetInt(so, kIpprotoTcp, kTCP_NOPUSH, 0);
  EXPECT_EQ(AllOut(), "P. 1001:1501(500) ack 1 win 16384");
}

// --------------------------------------------------------------- acknowledging

TEST_F(TcpData, OneSegmentIsAcknowledgedAfter200Milliseconds) {
  Socket& so = Established();
  Run(1s);
  In("P. 1:101(100) ack 1");
  EXPECT_EQ(Fates(Fate::kDelivered), 1u);
  EXPECT_EQ(so.rcv.cc, 100u);
  RunUntil(1200ms - 1ns);
  EXPECT_EQ(AllOut(), "");
  RunUntil(1200ms);
  EXPECT_EQ(AllOut(), ". 1:1(0) ack 101 win 16284");
  EXPECT_EQ(out_time(), 1200ms);
  EXPECT_EQ(ns_.tcpstat.delack, 1u);
}

TEST_F(TcpData, EverySecondSegmentIsAcknowledgedAtOnce) {
  Established();
  In(". 1:101(100) ack 1");
  EXPECT_EQ(AllOut(), "");
  In(". 101:201(100) ack 1");
  EXPECT_EQ(AllOut(), ". 1:1(0) ack 201 win 16184");
  In(". 201:301(100) ack 1");
  EXPECT_EQ(AllOut(), "");
}

TEST_F(TcpData, DataCarriesTheAckThatWasDelayed) {
  Socket& so = Established();
  In("P. 1:101(100) ack 1");
  ASSERT_EQ(Send(so, 10), kOk);
  EXPECT_EQ(AllOut(), "P. 1:11(10) ack 101 win 16284");
  EXPECT_FALSE(Tcb(so)->delack.pending());
}

TEST_F(TcpData, WithADelayOfZeroEverySegmentIsAcknowledged) {
  ns_.settings.tcp_delacktime = 0;
  Established();
  In("P. 1:101(100) ack 1");
  EXPECT_EQ(AllOut(), ". 1:1(0) ack 101 win 16284");
}

TEST_F(TcpData, ReadingOpensTheWindowWhenItIsWorthASegment) {
  Socket& so = Established("mss 1000");
  for (uint32_t seq = 1; seq <= 8001; seq += 1000) {
    In(". " + std::to_string(seq) + ":" + std::to_string(seq + 1000) +
       "(1000) ack 1");
  }
  In(". 9001:9002(1) ack 1");  // the tenth: all is acknowledged
  AllOut();
  EXPECT_EQ(Read(so, 1500), 1500u);
  EXPECT_EQ(AllOut(), "") << "less than two segments";
  EXPECT_EQ(Read(so, 500), 500u);
  EXPECT_EQ(AllOut(), ". 1:1(0) ack 9002 win 9383");
  EXPECT_EQ(ns_.tcpstat.sndwinup, 1u);
}

TEST_F(TcpData, NoSillyWindowIsAdvertised) {  // RFC 9293 section 3.8.6.2.2
  Socket& so = NewSocket();
  SetInt(so, kSOL_SOCKET, kSO_RCVBUF, 3000);
  ns_.settings.tcp_delacktime = 0;
  ASSERT_EQ(soconnect(so, Sockaddr(InAddr::V4(kRemote), kPeerPort)), kOk);
  EXPECT_EQ(AllOut(), "S 0:0(0) win 3000 <mss 1460>");
  In("S. 0:0(0) ack 1 win 65535 <mss 1460>");
  In(". 1:2601(2600) ack 1");
  AllOut();
  Read(so, 100);
  EXPECT_EQ(AllOut(), "");
  In(". 2600:2601(1) ack 1");
  // 500 bytes are free: less than a quarter of the buffer and than a segment,
  // so the edge stays where it was.
  EXPECT_EQ(AllOut(), ". 1:1(0) ack 2601 win 400");
}

TEST_F(TcpData, AFullBufferClosesTheWindowAndReadingOpensIt) {
  Socket& so = Established("mss 1460");
  SetInt(so, kSOL_SOCKET, kSO_RCVBUF, 4000);
  Tcb(so)->rcv_adv = Tcb(so)->rcv_nxt + 4000;
  In(". 1:1461(1460) ack 1");
  In(". 1461:2921(1460) ack 1");
  In("P. 2921:4001(1080) ack 1");
  Run(200ms);
  EXPECT_EQ(AllOut(),
            ". 1:1(0) ack 2921 win 1080; "
            ". 1:1(0) ack 4001 win 0");
  In(". 4001:4002(1) ack 1");  // a probe
  EXPECT_EQ(AllOut(), ". 1:1(0) ack 4001 win 0");
  EXPECT_EQ(Fates(Fate::kOutOfWindow), 1u);
  EXPECT_EQ(Read(so), 4000u);
  EXPECT_EQ(AllOut(), ". 1:1(0) ack 4001 win 4000");
}

// The probe's byte was beyond what the peer had been promised.
TEST_F(TcpData, AWindowThatAProbeOverranIsOpenedAgainByReading) {
  ns_.settings.tcp_recvspace = 4000;
  Socket& so = Established("mss 1460");
  In(". 1:1461(1460) ack 1");
  In(". 1461:2921(1460) ack 1");
  In(". 2921:4001(1080) ack 1");
  Run(1s);
  AllOut();
  Read(so, 600);
  EXPECT_EQ(AllOut(), "") << "600 bytes would be a silly window";
  In(". 4001:4002(1) ack 1");
  Run(1s);
  EXPECT_EQ(AllOut(), ". 1:1(0) ack 4002 win 0");
  In(". 4001:4001(0) ack 1");
  EXPECT_EQ(AllOut(), ". 1:1(0) ack 4002 win 0");
  Read(so);
  EXPECT_EQ(AllOut(), ". 1:1(0) ack 4002 win 4000");
}

TEST_F(TcpData, TheWindowIsNeverTakenBack) {  // RFC 9293 section 3.8.6
  Socket& so = Established();
  SetInt(so, kSOL_SOCKET, kSO_RCVBUF, 1000);
  ns_.settings.tcp_delacktime = 0;
  In(". 1:101(100) ack 1");
  EXPECT_EQ(AllOut(), ". 1:1(0) ack 101 win 16284");
}

// ----------------------------------------------------------------- small peers

TEST_F(TcpData, ASmallWindowOfThePeerIsNotFilledWithSillySegments) {
  Socket& so = Established("mss 1000", 1000);
  ASSERT_EQ(Send(so, 3000), kOk);
  EXPECT_EQ(AllOut(), ". 1:1001(1000) ack 1 win 16384");
  In(". 1:1(0) ack 1001 win 200");
  EXPECT_EQ(AllOut(), "") << "200 is below half of the largest window";
  In(". 1:1(0) ack 1001 win 500");
  EXPECT_EQ(AllOut(), ". 1001:1501(500) ack 1 win 16384");
}

TEST_F(TcpData, AClosedWindowIsProbedFrom5To60SecondsApart) {
  Socket& so = Established("mss 1000", 1000);
  ASSERT_EQ(Send(so, 1000), kOk);
  Out();
  // The round trip was 0: the timeout is the least, 1 s, and the persist
  // timer's 1, 2, 4 s are raised to 5 s.
  In(". 1:1(0) ack 1001 win 0");
  ASSERT_EQ(Send(so, 500), kOk);
  EXPECT_EQ(AllOut(), "");
  for (const auto at : {5s, 10s, 15s, 23s, 39s, 71s, 131s, 191s}) {
    RunUntil(at - 1ns);
    EXPECT_EQ(AllOut(), "");
    RunUntil(at);
    EXPECT_EQ(AllOut(), ". 1001:1002(1) ack 1 win 16384");
    EXPECT_EQ(out_time(), at);
    In(". 1:1(0) ack 1001 win 0");
  }
  In(". 1:1(0) ack 1001 win 1000");
  EXPECT_EQ(AllOut(), "P. 1001:1501(500) ack 1 win 16384");
  EXPECT_FALSE(Tcb(so)->persist.pending());
  EXPECT_TRUE(Tcb(so)->rexmt.pending());
}

TEST_F(TcpData, AProbeThatIsTakenMovesTheStreamOn) {
  Socket& so = Established("mss 1000", 1000);
  ASSERT_EQ(Send(so, 1000), kOk);
  In(". 1:1(0) ack 1001 win 0");
  ASSERT_EQ(Send(so, 3), kOk);
  AllOut();
  RunUntil(5s);
  EXPECT_EQ(AllOut(), ". 1001:1002(1) ack 1 win 16384");
  In(". 1:1(0) ack 1002 win 1000");
  EXPECT_EQ(AllOut(), "P. 1002:1004(2) ack 1 win 16384");
}

TEST_F(TcpData, APeerThatAnswersProbesIsNeverGivenUp) {  // RFC 1122 4.2.2.17
  Socket& so = Established("mss 1000", 1000);
  ASSERT_EQ(Send(so, 1000), kOk);
  In(". 1:1(0) ack 1001 win 0");
  ASSERT_EQ(Send(so, 100), kOk);
  AllOut();
  for (int i = 0; i < 200; ++i) {
    Run(60s);
    if (!AllOut().empty()) In(". 1:1(0) ack 1001 win 0");
  }
  EXPECT_EQ(State(so), TcpState::kEstablished);
}

TEST_F(TcpData, ASilentPeerWithAClosedWindowTimesOut) {
  Socket& so = Established("mss 1000", 1000);
  ASSERT_EQ(Send(so, 1000), kOk);
  In(". 1:1(0) ack 1001 win 0");
  ASSERT_EQ(Send(so, 100), kOk);
  Run(3600s);
  EXPECT_EQ(so.error, kETIMEDOUT);
  EXPECT_EQ(ns_.tcpstat.persistdrop, 1u);
}

TEST_F(TcpData, AWindowThatShrinksUnderSentDataIsSurvived) {
  Socket& so = Established("mss 1000", 4000);
  ASSERT_EQ(Send(so, 3000), kOk);
  AllOut();
  In(". 1:1(0) ack 1001 win 0");  // takes back 2000 bytes
  EXPECT_TRUE(Tcb(so)->persist.pending());
  EXPECT_FALSE(Tcb(so)->rexmt.pending());
  In(". 1:1(0) ack 1001 win 4000");
  EXPECT_EQ(AllOut(),
            ". 1001:2001(1000) ack 1 win 16384; "
            "P. 2001:3001(1000) ack 1 win 16384");
}

TEST_F(TcpData, AfterAnIdleTimeoutTheWindowRestartsAtTwoSegments) {
  Socket& so = Established("mss 1000");
  SetInt(so, kSOL_SOCKET, kSO_SNDBUF, 60000);
  Run(1s);
  ASSERT_EQ(Send(so, 8000), kOk);
  size_t n = 0;
  while (!Out().empty()) ++n;
  EXPECT_EQ(n, 2u);
}

TEST_F(TcpData, MaxsegLimitsWhatIsSentAndOffered) {
  Socket& so = NewSocket();
  SetInt(so, kIpprotoTcp, kTCP_MAXSEG, 700);
  ASSERT_EQ(soconnect(so, Sockaddr(InAddr::V4(kRemote), kPeerPort)), kOk);
  EXPECT_EQ(AllOut(), "S 0:0(0) win 16384 <mss 700>");
  In("S. 0:0(0) ack 1 win 65535 <mss 1460>");
  AllOut();
  ASSERT_EQ(Send(so, 1000), kOk);
  EXPECT_EQ(Out(), ". 1:701(700) ack 1 win 16384");
  SockoptValue value;
  ASSERT_EQ(sogetopt(so, kIpprotoTcp, kTCP_MAXSEG, &value), kOk);
  int maxseg = 0;
  std::memcpy(&maxseg, value.bytes, sizeof maxseg);
  EXPECT_EQ(maxseg, 700);
}

TEST_F(TcpData, UrgentDataIsMarkedBehindItsLastByte) {
  Socket& so = Established();
  const std::byte data[4] = {};
  MbufPtr m = m_gethdr(ns_.mbufs, MWait::kDontWait);
  std::memcpy(m->data, data, 0);
  m->data[0] = std::byte{0};
  m->len = m->pkthdr.len = 1;
  ASSERT_EQ(so.proto->sendoob(so, std::move(m), nullptr, nullptr), kOk);
  EXPECT_EQ(AllOut(), "PU. 1:2(1) ack 1 win 16384 urg 1");
}

TEST_F(TcpData, ARequestOnAConnectionThatIsGoneGivesItsErrorOnce) {
  Socket& so = Established();
  In("R 1:1(0)");
  EXPECT_EQ(so.error, kECONNRESET);
  MbufPtr m = m_gethdr(ns_.mbufs, MWait::kDontWait);
  m->len = m->pkthdr.len = 1;
  EXPECT_EQ(so.proto->send(so, std::move(m), nullptr, nullptr), kECONNRESET);
  m = m_gethdr(ns_.mbufs, MWait::kDontWait);
  EXPECT_EQ(so.proto->send(so, std::move(m), nullptr, nullptr), kEINVAL);
}

// ------------------------------------------------------------------ keepalives

TEST_F(TcpData, KeepalivesProbeAnIdleConnectionAndGiveUpAfterEight) {
  Socket& so = Established();
  SetInt(so, kSOL_SOCKET, kSO_KEEPALIVE, 1);
  RunUntil(7200s - 1ns);
  EXPECT_EQ(AllOut(), "");
  for (int i = 0; i < 8; ++i) {
    RunUntil(7200s + i * 75s);
    EXPECT_EQ(AllOut(), ". 0:0(0) ack 1 win 16384") << i;
  }
  RunUntil(7200s + 8 * 75s);
  EXPECT_EQ(AllOut(), "R. 1:1(0) ack 1 win 0");
  EXPECT_EQ(so.error, kETIMEDOUT);
}

TEST_F(TcpData, AnAnsweredKeepaliveStartsTheIdleTimeAnew) {
  Socket& so = Established();
  SetInt(so, kSOL_SOCKET, kSO_KEEPALIVE, 1);
  RunUntil(7200s);
  EXPECT_EQ(AllOut(), ". 0:0(0) ack 1 win 16384");
  In(". 1:1(0) ack 1");
  RunUntil(14400s - 1ns);
  EXPECT_EQ(AllOut(), "");
  RunUntil(14400s);
  EXPECT_EQ(AllOut(), ". 0:0(0) ack 1 win 16384");
}

TEST_F(TcpData, WithoutKeepalivesAnIdleConnectionHasNoTimer) {
  Socket& so = Established();
  SetInt(so, kSOL_SOCKET, kSO_KEEPALIVE, 1);
  SetInt(so, kSOL_SOCKET, kSO_KEEPALIVE, 0);
  Run(1ms);
  EXPECT_EQ(queue_.pending(), 0u);
}

}  // namespace
}  // namespace splnet
