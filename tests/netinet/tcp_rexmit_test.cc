// Retransmission and congestion control: RFC 6298, RFC 5681, RFC 6582,
// RFC 3042.

#include <gtest/gtest.h>

#include "sockets/uipc_socket.h"
#include "tests/testing/tcp_fixture.h"

namespace splnet {
namespace {

using namespace std::chrono_literals;

class TcpRexmit : public TcpFixture {
 protected:
  void SendBuffer(Socket& so, int bytes) {
    ASSERT_EQ(sosetopt(so, kSOL_SOCKET, kSO_SNDBUF,
                       std::as_bytes(std::span(&bytes, 1))),
              kOk);
  }
  // Ten segments of 1000 bytes are on their way.
  Socket& TenInFlight() {
    Socket& so = Established("mss 1000");
    SendBuffer(so, 60000);
    EXPECT_EQ(Send(so, 40000), kOk);
    for (int i = 0; i < 10; ++i) EXPECT_FALSE(Out().empty());
    EXPECT_EQ(Out(), "");
    return so;
  }
};

TEST_F(TcpRexmit, TwelveRetransmissionsDoubleTo64SecondsAndThenTimeOut) {
  Socket& so = Established();
  ASSERT_EQ(Send(so, 10), kOk);
  EXPECT_EQ(Out(), "P. 1:11(10) ack 1 win 16384");
  // The handshake took no time: the timeout is the least, 1 s.
  Nanoseconds at{0};
  for (int i = 0; i < 12; ++i) {
    at += std::min<Nanoseconds>(1s * (1 << i), 64s);
    RunUntil(at - 1ns);
    EXPECT_EQ(AllOut(), "");
    RunUntil(at);
    EXPECT_EQ(Out(), "P. 1:11(10) ack 1 win 16384") << i;
    EXPECT_EQ(out_time(), at);
  }
  at += 64s;
  RunUntil(at - 1ns);
  EXPECT_EQ(State(so), TcpState::kEstablished);
  RunUntil(at);
  EXPECT_EQ(so.error, kETIMEDOUT);
  EXPECT_EQ(AllOut(), "R. 11:11(0) ack 1 win 0");
  EXPECT_EQ(ns_.tcpstat.rexmttimeo, 12u);
  EXPECT_EQ(ns_.tcpstat.timeoutdrop, 1u);
}

TEST_F(TcpRexmit, TheTimeoutFollowsTheFormulasOfRfc6298) {
  Socket& so = Connect();
  Out();
  Run(800ms);
  In("S. 0:0(0) ack 1 win 65535 <mss 1000>");  // R = 0.8 s
  Out();
  EXPECT_EQ(Tcb(so)->srtt, 800ms);
  EXPECT_EQ(Tcb(so)->rttvar, 400ms);
  EXPECT_EQ(Tcb(so)->rxtcur, 2400ms);
  ASSERT_EQ(Send(so, 10), kOk);
  Run(1600ms);
  In(". 1:1(0) ack 11");  // R' = 1.6 s
  // RTTVAR = 3/4 * 0.4 + 1/4 * |0.8 - 1.6|; SRTT = 7/8 * 0.8 + 1/8 * 1.6
  EXPECT_EQ(Tcb(so)->rttvar, 500ms);
  EXPECT_EQ(Tcb(so)->srtt, 900ms);
  EXPECT_EQ(Tcb(so)->rxtcur, 2900ms);
}

TEST_F(TcpRexmit, ARetransmittedSegmentIsNotTimed) {  // Karn
  Socket& so = Connect();
  Run(7s);  // the SYN went out again at 6 s
  In("S. 0:0(0) ack 1 win 65535 <mss 1000>");
  EXPECT_FALSE(Tcb(so)->is(kTfHaveRtt));
  EXPECT_EQ(Tcb(so)->rxtcur, 6s);
  EXPECT_EQ(Tcb(so)->snd_cwnd, 1000u) << "RFC 5681: a lost SYN means a segment";
}

TEST_F(TcpRexmit, TimestampsTimeWhatWasRetransmitted) {
  ns_.settings.tcp_rfc1323 = 1;
  Socket& so = Connect();
  Run(6500ms);  // the SYN of 6 s carried 1000 + 6000
  In("S. 0:0(0) ack 1 win 65535 <mss 1000,nop,nop,TS val 1 ecr 7000>");
  EXPECT_TRUE(Tcb(so)->is(kTfHaveRtt));
  EXPECT_EQ(Tcb(so)->srtt, 500ms);
}

TEST_F(TcpRexmit, BackoffStaysUntilSomethingNewWasTimed) {  // section 5
  Socket& so = Established();
  ASSERT_EQ(Send(so, 10), kOk);
  Run(3s);  // retransmitted at 1 and 3 s
  In(". 1:1(0) ack 11");
  EXPECT_EQ(Tcb(so)->rxtcur, 4s);
  EXPECT_EQ(Tcb(so)->rxtshift, 0);
  ASSERT_EQ(Send(so, 10), kOk);
  In(". 1:1(0) ack 21");
  EXPECT_EQ(Tcb(so)->rxtcur, 1s);
}

TEST_F(TcpRexmit, AnAckOfNewDataStartsTheTimerAnew) {  // 5.3
  Socket& so = Established("mss 1000");
  ASSERT_EQ(Send(so, 2000), kOk);
  AllOut();
  Run(900ms);
  In(". 1:1(0) ack 1001");
  const auto due = Tcb(so)->rexmt.due();
  EXPECT_EQ(due - queue_.now(), Tcb(so)->rxtcur);
}

TEST_F(TcpRexmit, AfterATimeoutOneSegmentIsSentAndSlowStartBegins) {
  Socket& so = TenInFlight();
  Run(1s);
  EXPECT_EQ(AllOut(), ". 1:1001(1000) ack 1 win 16384");
  EXPECT_EQ(Tcb(so)->snd_cwnd, 1000u);
  EXPECT_EQ(Tcb(so)->snd_ssthresh, 5000u);  // half of what was outstanding
  In(". 1:1(0) ack 1001");
  EXPECT_EQ(AllOut(),
            ". 1001:2001(1000) ack 1 win 16384; "
            ". 2001:3001(1000) ack 1 win 16384");
  EXPECT_EQ(Tcb(so)->snd_cwnd, 2000u);
}

TEST_F(TcpRexmit, ASecondTimeoutDoesNotLowerTheThresholdAgain) {
  Socket& so = TenInFlight();
  Run(1s);
  Run(2s);
  EXPECT_EQ(Tcb(so)->rxtshift, 2);
  EXPECT_EQ(Tcb(so)->snd_ssthresh, 5000u);
}

TEST_F(TcpRexmit, SlowStartGrowsByASegmentForEachAck) {  // RFC 5681 3.1
  Socket& so = TenInFlight();
  EXPECT_EQ(Tcb(so)->snd_cwnd, 10000u);
  In(". 1:1(0) ack 1001");
  EXPECT_EQ(Tcb(so)->snd_cwnd, 11000u);
  In(". 1:1(0) ack 3001");  // of two segments: still one
  EXPECT_EQ(Tcb(so)->snd_cwnd, 12000u);
  In(". 1:1(0) ack 3501");  // of half a segment
  EXPECT_EQ(Tcb(so)->snd_cwnd, 12500u);
}

TEST_F(TcpRexmit, AvoidanceGrowsByAFractionForEachAck) {  // RFC 5681 3.1
  Socket& so = TenInFlight();
  Tcb(so)->snd_ssthresh = 10000;
  In(". 1:1(0) ack 1001");
  EXPECT_EQ(Tcb(so)->snd_cwnd, 10100u);  // + 1000 * 1000 / 10000
  In(". 1:1(0) ack 3001");               // of two segments: no more for it
  EXPECT_EQ(Tcb(so)->snd_cwnd, 10199u);  // + 1000 * 1000 / 10100
}

TEST_F(TcpRexmit, AvoidanceGrowsByASegmentForEachWindow) {  // RFC 3465 2.1
  ns_.settings.tcp_abc = 1;
  Socket& so = TenInFlight();
  Tcb(so)->snd_ssthresh = 10000;
  for (uint32_t ack = 1001; ack <= 9001; ack += 1000) {
    In(". 1:1(0) ack " + std::to_string(ack));
    EXPECT_EQ(Tcb(so)->snd_cwnd, 10000u);
  }
  In(". 1:1(0) ack 10001");
  EXPECT_EQ(Tcb(so)->snd_cwnd, 11000u);
}

TEST_F(TcpRexmit, AWindowThatIsNotUsedDoesNotGrow) {
  Socket& so = Established("mss 1000");
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(Send(so, 100), kOk);
    In(". 1:1(0) ack " + std::to_string(101 + i * 100));
  }
  EXPECT_EQ(Tcb(so)->snd_cwnd, 10000u);
}

TEST_F(TcpRexmit, TheFirstTwoDuplicateAcksSendNewSegments) {  // RFC 3042
  TenInFlight();
  In(". 1:1(0) ack 1");
  EXPECT_EQ(AllOut(), ". 10001:11001(1000) ack 1 win 16384");
  In(". 1:1(0) ack 1");
  EXPECT_EQ(AllOut(), ". 11001:12001(1000) ack 1 win 16384");
}

TEST_F(TcpRexmit, TheThirdDuplicateAckRetransmitsAtOnce) {  // RFC 5681 3.2
  Socket& so = TenInFlight();
  In(". 1:1(0) ack 1");
  In(". 1:1(0) ack 1");
  AllOut();
  In(". 1:1(0) ack 1");
  EXPECT_EQ(Out(), ". 1:1001(1000) ack 1 win 16384");
  // Twelve segments are outstanding; the two of limited transmit do not count.
  EXPECT_EQ(Tcb(so)->snd_ssthresh, 5000u);
  EXPECT_EQ(Tcb(so)->snd_cwnd, 8000u);
  EXPECT_EQ(ns_.tcpstat.sndrexmitfast, 1u);
}

TEST_F(TcpRexmit, FurtherDuplicateAcksInflateTheWindow) {
  TenInFlight();
  for (int i = 0; i < 3; ++i) In(". 1:1(0) ack 1");
  AllOut();
  for (int i = 0; i < 4; ++i) In(". 1:1(0) ack 1");
  EXPECT_EQ(AllOut(), "") << "12 outstanding, window 8 + 4";
  In(". 1:1(0) ack 1");
  EXPECT_EQ(AllOut(), ". 12001:13001(1000) ack 1 win 16384");
}

TEST_F(TcpRexmit, APartialAckRetransmitsTheNextHole) {  // RFC 6582 3.2
  Socket& so = TenInFlight();
  for (int i = 0; i < 3; ++i) In(". 1:1(0) ack 1");
  AllOut();
  In(". 1:1(0) ack 4001");
  EXPECT_EQ(Out(), ". 4001:5001(1000) ack 1 win 16384");
  EXPECT_TRUE(Tcb(so)->is(kTfRecovery));
}

TEST_F(TcpRexmit, AFullAckEndsRecovery) {  // RFC 6582 3.2
  Socket& so = TenInFlight();
  for (int i = 0; i < 3; ++i) In(". 1:1(0) ack 1");
  AllOut();
  In(". 1:1(0) ack 12001");
  EXPECT_FALSE(Tcb(so)->is(kTfRecovery));
  EXPECT_LE(Tcb(so)->snd_cwnd, Tcb(so)->snd_ssthresh);
  EXPECT_EQ(Tcb(so)->snd_una - Tcb(so)->iss, 12001u);
}

TEST_F(TcpRexmit, DuplicateAcksOfWhatATimeoutSentAgainAreNoNewLoss) {
  Socket& so = TenInFlight();
  Run(1s);  // everything is sent again, in slow start
  In(". 1:1(0) ack 1001");
  AllOut();
  for (int i = 0; i < 5; ++i) In(". 1:1(0) ack 1001");
  EXPECT_EQ(ns_.tcpstat.sndrexmitfast, 0u);
  EXPECT_FALSE(Tcb(so)->is(kTfRecovery));
}

TEST_F(TcpRexmit, WindowUpdatesAndDataAreNoDuplicateAcks) {
  Socket& so = TenInFlight();
  for (int i = 0; i < 5; ++i) {
    In(". 1:1(0) ack 1 win " + std::to_string(60000 + i));
  }
  for (int i = 0; i < 5; ++i) {
    In(". " + std::to_string(1 + i * 10) + ":" + std::to_string(11 + i * 10) +
       "(10) ack 1 win 60004");
  }
  EXPECT_FALSE(Tcb(so)->is(kTfRecovery));
  EXPECT_EQ(ns_.tcpstat.sndrexmitfast, 0u);
}

TEST_F(TcpRexmit, DuplicateAcksWithNothingOutstandingDoNothing) {
  Socket& so = Established();
  for (int i = 0; i < 10; ++i) In(". 1:1(0) ack 1");
  EXPECT_EQ(AllOut(), "");
  EXPECT_EQ(Tcb(so)->dupacks, 0);
}

TEST_F(TcpRexmit, AnAckBeyondWhatTheTimeoutSentAgainSkipsTheRest) {
  Socket& so = TenInFlight();
  Run(1s);
  AllOut();
  In(". 1:1(0) ack 10001");  // only the first had been lost
  EXPECT_EQ(Out(), ". 10001:11001(1000) ack 1 win 16384");
  EXPECT_EQ(Tcb(so)->snd_nxt - Tcb(so)->iss, 12001u);
}

TEST_F(TcpRexmit, TheEventsOfSegmentsTellStreamRangeAndRetransmission) {
  Recorder recorder;
  Socket& so = Established("mss 1000");
  ns_.tracer.Set(&recorder, kTraceSegment);
  ASSERT_EQ(Send(so, 1500), kOk);
  Run(1s);
  ns_.tracer.Set(&recorder_, kTraceFate | kTraceDrop);
  std::vector<std::string> got;
  for (const auto& seen : recorder.seen()) {
    got.push_back(std::to_string(seen.event.stream_begin) + "-" +
                  std::to_string(seen.event.stream_end) +
                  (seen.event.retransmission ? " again" : ""));
  }
  EXPECT_EQ(got,
            (std::vector<std::string>{"0-1000", "1000-1500", "0-1000 again"}));
}

}  // namespace
}  // namespace splnet
