// Explicit congestion notification: RFC 3168.

#include <gtest/gtest.h>

#include "sockets/uipc_socket.h"
#include "tests/testing/tcp_fixture.h"

namespace splnet {
namespace {

using namespace std::chrono_literals;

class TcpEcn : public TcpFixture {
 protected:
  TcpEcn() { ns_.settings.tcp_ecn = 1; }

  // A connection with ECN, `segments` of 1000 bytes on their way.
  Socket& InFlight(int segments) {
    Socket& so = Connect();
    EXPECT_EQ(Out(), "SEW 0:0(0) win 16384 <mss 1460>");
    In("SE. 0:0(0) ack 1 win 65535 <mss 1000>");
    EXPECT_EQ(Out(), ". 1:1(0) ack 1 win 16384");
    const int buffer = 65535;
    EXPECT_EQ(sosetopt(so, kSOL_SOCKET, kSO_SNDBUF,
                       std::as_bytes(std::span(&buffer, 1))),
              kOk);
    EXPECT_EQ(Send(so, 60000), kOk);
    for (int i = 0; i < segments; ++i) Out();
    EXPECT_EQ(Out(), "");
    return so;
  }
};

TEST_F(TcpEcn, OffNeitherAsksNorGrants) {
  ns_.settings.tcp_ecn = 0;
  Connect();
  EXPECT_EQ(Out(), "S 0:0(0) win 16384 <mss 1460>");
  Listen();
  InFrom(40001, "SEW 0:0(0) win 65535 <mss 1460>");
  EXPECT_EQ(Out(), "S. 0:0(0) ack 1 win 16384 <mss 1460>");
}

TEST_F(TcpEcn, TwoGrantsButDoesNotAsk) {
  ns_.settings.tcp_ecn = 2;
  Connect();
  EXPECT_EQ(Out(), "S 0:0(0) win 16384 <mss 1460>");
  Listen();
  InFrom(40001, "SEW 0:0(0) win 65535 <mss 1460>");
  EXPECT_EQ(Out(), "SE. 0:0(0) ack 1 win 16384 <mss 1460>");
}

TEST_F(TcpEcn, OnlyASynWithBothFlagsAsks) {  // 6.1.1
  Listen();
  for (const char* const flags : {"S", "SE", "SW"}) {
    InFrom(40001, std::string(flags) + " 0:0(0) win 65535 <mss 1460>");
    EXPECT_EQ(Out(), "S. 0:0(0) ack 1 win 16384 <mss 1460>") << flags;
    InFrom(40001, "R 1:1(0)");
  }
}

TEST_F(TcpEcn, OnlyAnAnswerWithEceAloneGrants) {  // 6.1.1
  for (const char* const flags : {"S.", "SEW.", "SW."}) {
    Socket& so = Connect();
    Out();
    In(std::string(flags) + " 0:0(0) ack 1 win 65535 <mss 1000>");
    AllOut();
    ASSERT_EQ(Send(so, 10), kOk);
    EXPECT_EQ(Out(), "P. 1:11(10) ack 1 win 16384") << flags;
    In("R 1:1(0)");
    AllOut();
  }
  EXPECT_EQ(ns_.tcpstat.ecn_connects, 0u);
}

TEST_F(TcpEcn, ASynThatWasLostTwiceAsksNoMore) {  // 6.1.1.1
  Connect();
  EXPECT_EQ(Out(), "SEW 0:0(0) win 16384 <mss 1460>");
  Run(6s);
  EXPECT_EQ(Out(), "SEW 0:0(0) win 16384 <mss 1460>");
  Run(12s);
  EXPECT_EQ(Out(), "S 0:0(0) win 16384 <mss 1460>");
}

TEST_F(TcpEcn, OnlyNewDataIsCapable) {  // 6.1.4, 6.1.5
  Socket& so = Connect();
  Out();
  In("SE. 0:0(0) ack 1 win 65535 <mss 1000>");
  EXPECT_EQ(Out(), ". 1:1(0) ack 1 win 16384");
  ASSERT_EQ(Send(so, 10), kOk);
  EXPECT_EQ(Out(), "[ect0] P. 1:11(10) ack 1 win 16384");
  Run(1s);
  EXPECT_EQ(Out(), "P. 1:11(10) ack 1 win 16384") << "a retransmission";
  In("P. 1:11(10) ack 11");
  Run(200ms);
  EXPECT_EQ(Out(), ". 11:11(0) ack 11 win 16374") << "an ACK";
}

TEST_F(TcpEcn, AProbeOfAClosedWindowIsNot) {
  Socket& so = Connect();
  Out();
  In("SE. 0:0(0) ack 1 win 0 <mss 1000>");
  Out();
  ASSERT_EQ(Send(so, 10), kOk);
  Run(6s);
  EXPECT_EQ(Out(), ". 1:2(1) ack 1 win 16384");
}

TEST_F(TcpEcn, CongestionIsEchoedUntilThePeerHasReduced) {  // 6.1.3
  Listen();
  In("SEW 0:0(0) win 65535 <mss 1460>");
  EXPECT_EQ(Out(), "SE. 0:0(0) ack 1 win 16384 <mss 1460>");
  In(". 1:1(0) ack 1");
  EXPECT_EQ(ns_.tcpstat.ecn_accepts, 1u);
  In("[ect0] . 1:101(100) ack 1");
  In("[ect0] . 101:201(100) ack 1");
  EXPECT_EQ(Out(), ". 1:1(0) ack 201 win 16184");
  In("[ce] . 201:301(100) ack 1");
  In("[ect0] . 301:401(100) ack 1");
  EXPECT_EQ(Out(), "E. 1:1(0) ack 401 win 15984");
  In("[ect0] . 401:501(100) ack 1");
  In("[ect0] . 501:601(100) ack 1");
  EXPECT_EQ(Out(), "E. 1:1(0) ack 601 win 15784");
  In("[ect0] W. 601:701(100) ack 1");
  In("[ect0] . 701:801(100) ack 1");
  EXPECT_EQ(Out(), ". 1:1(0) ack 801 win 15584");
  // New congestion in the very segment that answers the old.
  In("[ce] W. 801:901(100) ack 1");
  In("[ect0] . 901:1001(100) ack 1");
  EXPECT_EQ(Out(), "E. 1:1(0) ack 1001 win 15384");
}

TEST_F(TcpEcn, WhatIsOutOfTheWindowTellsNothing) {  // 6.1.5
  Listen();
  In("SEW 0:0(0) win 65535 <mss 1460>");
  In(". 1:1(0) ack 1");
  AllOut();
  In("[ce] . 20001:20101(100) ack 1");
  EXPECT_EQ(Out(), ". 1:1(0) ack 1 win 16384");
  EXPECT_EQ(ns_.tcpstat.ecn_rcvce, 0u);
}

TEST_F(TcpEcn, WithoutItACongestedSegmentIsLikeAnyOther) {
  Established("mss 1460");
  In("[ce] . 1:101(100) ack 1");
  In("[ce] . 101:201(100) ack 1");
  EXPECT_EQ(Out(), ". 1:1(0) ack 201 win 16184");
}

TEST_F(TcpEcn, AnEchoHalvesTheWindowOncePerWindow) {  // 6.1.2
  Socket& so = InFlight(10);
  In("E. 1:1(0) ack 1001");
  const Tcpcb& tp = *Tcb(so);
  // Of the nine that are outstanding then: 4500 is four segments.
  EXPECT_EQ(tp.snd_cwnd, 4000u);
  EXPECT_EQ(tp.snd_ssthresh, 4000u);
  EXPECT_EQ(AllOut(), "");
  for (int i = 2; i <= 9; ++i) {
    In("E. 1:1(0) ack " + std::to_string(i * 1000 + 1));
    EXPECT_EQ(tp.snd_cwnd, 4000u) << i;
  }
  // The first new data says that the window was reduced; it says so once.
  EXPECT_EQ(Out(), "[ect0] W. 10001:11001(1000) ack 1 win 16384");
  EXPECT_EQ(Out(), "[ect0] . 11001:12001(1000) ack 1 win 16384");
  In(". 1:1(0) ack 11001");
  // The next window may be reduced again.
  AllOut();
  In("E. 1:1(0) ack 12001");
  EXPECT_LT(tp.snd_cwnd, 4000u);
  EXPECT_EQ(ns_.tcpstat.ecn_sndcwr, 1u);
}

TEST_F(TcpEcn, ALossInAWindowThatWasReducedReducesItNoMore) {
  Socket& so = InFlight(10);
  In("E. 1:1(0) ack 1001");
  EXPECT_EQ(Tcb(so)->snd_ssthresh, 4000u);
  for (int i = 0; i < 3; ++i) In(". 1:1(0) ack 1001");
  EXPECT_EQ(Out(), ". 1001:2001(1000) ack 1 win 16384");
  EXPECT_EQ(Tcb(so)->snd_ssthresh, 4000u);
}

TEST_F(TcpEcn, WithAWindowOfOneSegmentTheTimerStartsAnew) {  // 6.1.2
  Socket& so = InFlight(10);
  Tcb(so)->snd_cwnd = 1000;
  Run(500ms);
  In("E. 1:1(0) ack 1");
  EXPECT_EQ(Tcb(so)->snd_cwnd, 1000u);
  EXPECT_EQ(Tcb(so)->rexmt.due() - queue_.now(), 1s);
}

}  // namespace
}  // namespace splnet
