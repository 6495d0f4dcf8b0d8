// Opening connections: RFC 9293 sections 3.5, 3.10.7.2, 3.10.7.3; options of
// the SYN: RFC 6691, RFC 7323.

#include <gtest/gtest.h>

#include "sockets/uipc_socket.h"
#include "tests/testing/tcp_fixture.h"

namespace splnet {
namespace {

using namespace std::chrono_literals;

class TcpOpen : public TcpFixture {};

TEST_F(TcpOpen, ConnectSendsASynWithTheInterfacesMss) {
  Connect();
  EXPECT_EQ(AllOut(), "S 0:0(0) win 16384 <mss 1460>");
}

TEST_F(TcpOpen, ConnectOffersScaleAndTimestampsInOpenbsdsOrder) {
  ns_.settings.tcp_rfc1323 = 1;
  Connect();
  EXPECT_EQ(AllOut(),
            "S 0:0(0) win 16384 <mss 1460,nop,wscale 6,nop,nop,TS val 1000 "
            "ecr 0>");
}

TEST_F(TcpOpen, ActiveOpenCompletesWithAnAck) {
  Socket& so = Connect();
  Out();
  EXPECT_TRUE(so.is(kSsIsConnecting));
  In("S. 0:0(0) ack 1 win 65535 <mss 1000>");
  EXPECT_EQ(AllOut(), ". 1:1(0) ack 1 win 16384");
  EXPECT_EQ(State(so), TcpState::kEstablished);
  EXPECT_TRUE(so.is(kSsIsConnected));
  EXPECT_EQ(Tcb(so)->maxseg, 1000u);
  EXPECT_EQ(Fates(Fate::kConsumed), 1u);
}

TEST_F(TcpOpen, PassiveOpenCompletesWithTheAckOfTheSyn) {
  Socket& listener = Listen();
  In("S 0:0(0) win 65535 <mss 1000>");
  EXPECT_EQ(AllOut(), "S. 0:0(0) ack 1 win 16384 <mss 1460>");
  EXPECT_EQ(Accept(listener), nullptr) << "not yet established";
  In(". 1:1(0) ack 1");
  Socket* const so = Accept(listener);
  ASSERT_NE(so, nullptr);
  EXPECT_EQ(State(*so), TcpState::kEstablished);
  EXPECT_TRUE(so->is(kSsIsConnected));
  EXPECT_EQ(AllOut(), "");
  EXPECT_EQ(Fates(Fate::kConsumed), 2u);
}

TEST_F(TcpOpen, AnswersOnlyWithTheOptionsThatThePeerOffered) {
  ns_.settings.tcp_rfc1323 = 1;
  struct Row {
    const char* name;
    const char* offered;
    const char* answered;
  };
  const Row rows[] = {
      {"none, RFC 9293 section 3.7.1", "mss 1460", "mss 1460"},
      {"scale, RFC 7323 section 2.2", "mss 1460,nop,wscale 3",
       "mss 1460,nop,wscale 6"},
      {"timestamps, RFC 7323 section 3.2", "mss 1460,nop,nop,TS val 77 ecr 0",
       "mss 1460,nop,nop,TS val 1000 ecr 77"},
      {"both", "nop,wscale 0,nop,nop,TS val 1 ecr 0",
       "mss 1460,nop,wscale 6,nop,nop,TS val 1000 ecr 1"},
  };
  Listen();
  uint16_t port = 1000;
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    InFrom(++port, "S 0:0(0) win 65535 <" + std::string(row.offered) + ">");
    EXPECT_EQ(AllOut(),
              "S. 0:0(0) ack 1 win 16384 <" + std::string(row.answered) + ">");
  }
}

TEST_F(TcpOpen, WithoutAnMssOptionThePeerGets512) {
  Socket& so = Connect();
  Out();
  In("S. 0:0(0) ack 1 win 65535");
  EXPECT_EQ(Tcb(so)->maxseg, 512u);  // net.inet.tcp.mssdflt
}

TEST_F(TcpOpen, ATinyMssIsRaisedToTheLeast) {
  Socket& so = Connect();
  Out();
  In("S. 0:0(0) ack 1 win 65535 <mss 1>");
  EXPECT_EQ(Tcb(so)->maxseg, kTcpMinMss);
}

TEST_F(TcpOpen, MalformedOptionsAreIgnoredFromThereOn) {
  for (const char* bad : {"raw 2,raw 1,raw 5,raw 180",   // length below 2
                          "raw 2,raw 40,raw 5,raw 180",  // beyond the header
                          "raw 3,raw 3,raw 255,raw 2",   // cut at the end
                          "raw 8,raw 9,raw 0,raw 0"}) {  // wrong length
    SCOPED_TRACE(bad);
    Socket& so = Connect();
    Out();
    In("S. 0:0(0) ack 1 win 65535 <" + std::string(bad) + ">");
    EXPECT_EQ(State(so), TcpState::kEstablished);
    EXPECT_EQ(Tcb(so)->maxseg, 512u);
    EXPECT_LE(Tcb(so)->snd_scale, kTcpMaxWinShift);
    tcp_drop(*Tcb(so), kECONNABORTED);
    AllOut();
  }
}

TEST_F(TcpOpen, ScaleAbove14IsTakenFor14) {  // RFC 7323 section 2.3
  ns_.settings.tcp_rfc1323 = 1;
  Socket& so = Connect();
  Out();
  In("S. 0:0(0) ack 1 win 65535 <mss 1460,nop,wscale 15>");
  EXPECT_EQ(Tcb(so)->snd_scale, 14);
}

TEST_F(TcpOpen, WindowsAreScaledAfterTheSyn) {
  ns_.settings.tcp_rfc1323 = 1;
  Socket& so = Connect();
  Out();
  In("S. 0:0(0) ack 1 win 1000 <mss 1460,nop,wscale 3>");
  EXPECT_EQ(Tcb(so)->snd_wnd, 1000u) << "a SYN's window is not scaled";
  EXPECT_EQ(AllOut(), ". 1:1(0) ack 1 win 256");  // 16384 >> 6
  In(". 1:1(0) ack 1 win 1000");
  EXPECT_EQ(Tcb(so)->snd_wnd, 8000u);
}

TEST_F(TcpOpen, SimultaneousOpenEstablishesBothWays) {  // section 3.5, figure 8
  Socket& so = Connect();
  Out();
  In("S 0:0(0) win 65535 <mss 1460>");
  EXPECT_EQ(AllOut(), "S. 0:0(0) ack 1 win 16384 <mss 1460>");
  EXPECT_EQ(State(so), TcpState::kSynReceived);
  In("S. 0:0(0) ack 1 win 65535 <mss 1460>");
  EXPECT_EQ(State(so), TcpState::kEstablished);
  EXPECT_TRUE(so.is(kSsIsConnected));
}

TEST_F(TcpOpen, SynSentRefusesAWrongAckWithAReset) {  // 3.10.7.3, first
  Socket& so = Connect();
  Out();
  In("S. 0:0(0) ack 5 win 65535");
  EXPECT_EQ(AllOut(), "R 5:5(0) win 0");
  In(". 1:1(0) ack 0");
  EXPECT_EQ(AllOut(), "R 0:0(0) win 0");
  EXPECT_EQ(State(so), TcpState::kSynSent);
  EXPECT_EQ(Drops(DropReason::kTcpBadAck), 2u);
}

TEST_F(TcpOpen, AResetThatAcknowledgesTheSynRefusesTheConnection) {
  Socket& so = Connect();
  Out();
  In("R. 0:0(0) ack 1");
  EXPECT_EQ(so.error, kECONNREFUSED);
  EXPECT_TRUE(so.is(kSsIsDisconnected));
  EXPECT_EQ(AllOut(), "");
}

TEST_F(TcpOpen, ABareResetIsIgnoredInSynSent) {  // RFC 5961 section 3.2
  Socket& so = Connect();
  Out();
  In("R 0:0(0)");
  EXPECT_EQ(State(so), TcpState::kSynSent);
  EXPECT_EQ(Drops(DropReason::kTcpBadReset), 1u);
}

TEST_F(TcpOpen, DataWithTheSynAckIsDelivered) {
  Socket& so = Connect();
  Out();
  In("S. 0:10(10) ack 1 win 65535 <mss 1460>");
  EXPECT_EQ(AllOut(), ". 1:1(0) ack 11 win 16374");
  EXPECT_EQ(Fates(Fate::kDelivered), 1u);
  EXPECT_EQ(so.rcv.cc, 10u);
}

TEST_F(TcpOpen, ALostSynIsSentAgainAt6_18_42Seconds) {
  Socket& so = Connect();
  EXPECT_EQ(Out(), "S 0:0(0) win 16384 <mss 1460>");
  for (const auto at : {6s, 18s, 42s}) {
    RunUntil(at - 1ns);
    EXPECT_EQ(AllOut(), "");
    RunUntil(at);
    EXPECT_EQ(Out(), "S 0:0(0) win 16384 <mss 1460>");
    EXPECT_EQ(out_time(), at);
  }
  RunUntil(75s - 1ns);
  EXPECT_EQ(State(so), TcpState::kSynSent);
  RunUntil(75s);  // net.inet.tcp.keepinittime
  EXPECT_EQ(so.error, kETIMEDOUT);
  EXPECT_EQ(AllOut(), "") << "an unsynchronized peer gets no RST";
}

TEST_F(TcpOpen, ASecondSynGetsTheSynAckAgain) {
  Listen();
  In("S 0:0(0) win 65535 <mss 1460>");
  EXPECT_EQ(Out(), "S. 0:0(0) ack 1 win 16384 <mss 1460>");
  In("S 0:0(0) win 65535 <mss 1460>");
  EXPECT_EQ(AllOut(), "S. 0:0(0) ack 1 win 16384 <mss 1460>");
  EXPECT_EQ(Fates(Fate::kDuplicate), 1u);
}

TEST_F(TcpOpen, ALostSynAckIsSentAgainAfter6Seconds) {
  Listen();
  In("S 0:0(0) win 65535 <mss 1460>");
  Out();
  RunUntil(6s);
  EXPECT_EQ(AllOut(), "S. 0:0(0) ack 1 win 16384 <mss 1460>");
}

TEST_F(TcpOpen, AListenerAnswersAnAckWithAReset) {  // 3.10.7.2, second
  Listen();
  In(". 1:1(0) ack 100");
  EXPECT_EQ(AllOut(), "R 100:100(0) win 0");
  EXPECT_EQ(Drops(DropReason::kTcpListenBad), 1u);
}

TEST_F(TcpOpen, AListenerIgnoresResetsAndSegmentsWithoutSyn) {
  Listen();
  In("R 1:1(0)");
  In("F 1:1(0)");
  EXPECT_EQ(AllOut(), "");
  EXPECT_EQ(Drops(DropReason::kTcpListenBad), 2u);
}

TEST_F(TcpOpen, TheAckOfSomethingElseIsReset) {  // 3.10.7.4, fifth
  Socket& listener = Listen();
  In("S 0:0(0) win 65535");
  Out();
  In(". 1:1(0) ack 7");
  EXPECT_EQ(AllOut(), "R 7:7(0) win 0");
  In(". 1:1(0) ack 1");
  EXPECT_NE(Accept(listener), nullptr);
}

TEST_F(TcpOpen, AConnectionResetBeforeAcceptIsAborted) {
  Socket& listener = Listen();
  In("S 0:0(0) win 65535");
  In(". 1:1(0) ack 1");
  In("R 1:1(0)");
  ASSERT_EQ(listener.listen->q.size(), 1u);
  const SocketPtr so = soqremque(*listener.listen->q.front());
  EXPECT_EQ(soaccept(*so, nullptr), kECONNABORTED);
}

TEST_F(TcpOpen, ClosingAListenerResetsWhatNobodyAccepted) {
  Socket& listener = Listen();
  In("S 0:0(0) win 65535");
  In(". 1:1(0) ack 1");
  AllOut();
  Close(listener);
  EXPECT_EQ(AllOut(), "R. 1:1(0) ack 1 win 0");
  Run(1ms);
  EXPECT_EQ(ns_.tcbtable.count(), 0u);
}

TEST_F(TcpOpen, NobodyListensAndTheSynIsReset) {  // 3.10.7.1
  In("S 0:10(10) win 65535");
  // Acknowledges SYN and data; our numbers begin at 0 there.
  const std::string out = AllOut();
  EXPECT_EQ(out.substr(0, 3), "R. ");
  EXPECT_NE(out.find(" ack 11 "), std::string::npos) << out;
  EXPECT_EQ(Drops(DropReason::kTcpNoPort), 1u);
}

TEST_F(TcpOpen, ResetsToStrangersAreLimited) {
  for (int i = 0; i < 250; ++i) In(". 1:1(0) ack 9");
  EXPECT_EQ(ns_.tcpstat.sndrst, 100u);
  EXPECT_EQ(ns_.tcpstat.rstlimited, 150u);
  Run(1s);
  AllOut();
  In(". 1:1(0) ack 9");
  EXPECT_EQ(AllOut(), "R 9:9(0) win 0");
}

TEST_F(TcpOpen, AResetIsNeverAnswered) {
  In("R 1:1(0)");
  In("R. 1:1(0) ack 1");
  EXPECT_EQ(AllOut(), "");
  EXPECT_EQ(Drops(DropReason::kTcpNoPort), 2u);
}

TEST_F(TcpOpen, InitialNumbersDependOnTheTupleAndGrowWithTime) {  // RFC 6528
  const auto iss_to = [this](uint16_t port) {
    Socket& so = NewSocket();
    Tcb(so)->pin = nullptr;
    CHECK(soconnect(so, Sockaddr(InAddr::V4(kRemote), port)) == kOk);
    const uint32_t iss = Tcb(so)->iss;
    tcp_close(*Tcb(so));
    return iss;
  };
  const uint32_t first = iss_to(1);
  EXPECT_NE(first, iss_to(2));
  EXPECT_EQ(first, iss_to(1));
  Run(40ms);
  EXPECT_EQ(first + 10000, iss_to(1)) << "one every 4 microseconds";
}

TEST_F(TcpOpen, APinFixesEveryOptionOfTheSyn) {
  ns_.settings.tcp_rfc1323 = 1;
  Socket& so = NewSocket();
  TcpPin pin;
  pin.iss = kIss;
  pin.ts_offset = 55;
  pin.options = true;
  pin.mss = 1200;
  pin.wscale = 9;
  pin.timestamps = true;
  pin.sack_permitted = true;
  tcp_pin(so, pin);
  ASSERT_EQ(soconnect(so, Sockaddr(InAddr::V4(kRemote), kPeerPort)), kOk);
  EXPECT_EQ(AllOut(),
            "S 0:0(0) win 16384 <mss 1200,nop,nop,sackOK,nop,wscale "
            "9,nop,nop,TS val 55 ecr 0>");
}

TEST_F(TcpOpen, APinOfNoOptionsSendsNone) {
  ns_.settings.tcp_rfc1323 = 1;
  Socket& so = NewSocket();
  TcpPin pin;
  pin.iss = kIss;
  pin.options = true;
  tcp_pin(so, pin);
  ASSERT_EQ(soconnect(so, Sockaddr(InAddr::V4(kRemote), kPeerPort)), kOk);
  EXPECT_EQ(AllOut(), "S 0:0(0) win 16384");
}

TEST_F(TcpOpen, WhatAListenerAcceptsInheritsItsPin) {
  Socket& listener = Listen();
  TcpPin pin;
  pin.iss = kIss + 5;
  pin.options = true;
  pin.mss = 700;
  tcp_pin(listener, pin);
  In("S 0:0(0) win 65535 <mss 1460,nop,wscale 2>");
  EXPECT_EQ(AllOut(), "S. 5:5(0) ack 1 win 16384 <mss 700>");
}

TEST_F(TcpOpen, ConnectFailsAtOnceWithoutARoute) {
  Socket& so = NewSocket();
  EXPECT_EQ(soconnect(so, Sockaddr(InAddr::V4(0x08080808), 1)), kENETUNREACH);
  EXPECT_FALSE(so.is(kSsIsConnecting));
  EXPECT_EQ(queue_.pending(), 0u) << "no timer was left";
}

}  // namespace
}  // namespace splnet
