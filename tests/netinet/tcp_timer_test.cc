// What TCP does when nothing arrives: retransmission, persist, keepalive,
// FIN_WAIT_2, TIME_WAIT, black holes, under both personalities.  RFC 6298, RFC
// 9293 section 3.8, RFC 1122 section 4.2.3.6, RFC 2923.

#include "stack/netinet/tcp_timer.h"

#include <gtest/gtest.h>

#include "sockets/uipc_socket.h"
#include "stack/netinet/tcp_endpoint.h"
#include "tests/testing/tcp_fixture.h"

namespace splnet {
namespace {

using namespace std::chrono_literals;

class TcpTimer : public TcpFixture {
 protected:
  void Freebsd() {
    ns_.settings = SettingsOf(Personality::kFreeBsd);
    ns_.settings.tcp_rfc1323 = 0;
    ns_.settings.tcp_sack = 0;
    ns_.settings.tcp_ecn = 0;
  }
  // When the next segment is sent, which must begin with `text`.
  Nanoseconds NextOut(std::string_view text) {
    for (int i = 0; i < 100000; ++i) {
      const std::string out = Out();
      if (!out.empty()) {
        EXPECT_EQ(out.substr(0, text.size()), text);
        return out_time();
      }
      if (!queue_.RunNext()) break;
    }
    ADD_FAILURE() << "nothing was sent";
    return Nanoseconds(0);
  }
};

// ------------------------------------------------------------- retransmission

TEST_F(TcpTimer,
       UnderFreebsdASynGoesOutAgainAfter1SecondAndTheSlopIsNotDoubled) {
  Freebsd();
  ns_.settings.tcp_keepinit = 1000000;
  Socket& so = Connect();
  Out();
  // 1 s, then 2, 4, 8 ... s and 200 ms, at most 64 s, twelve times.
  Nanoseconds at = 0s;
  Nanoseconds wait = 1s;
  for (int i = 0; i < 12; ++i) {
    at += wait;
    EXPECT_EQ(NextOut("S 0:0(0)"), at) << i;
    wait = std::min<Nanoseconds>(2s * (1 << i) + 200ms, 64s);
  }
  RunUntil(at + wait);
  EXPECT_EQ(so.error, kETIMEDOUT);
  EXPECT_EQ(AllOut(), "");
}

TEST_F(TcpTimer, UnderFreebsdAShortRoundTripTimesOutAfter230Milliseconds) {
  Freebsd();
  Socket& so = Established();
  ASSERT_EQ(Send(so, 10), kOk);
  Out();
  EXPECT_EQ(NextOut("P. 1:11(10)"), 230ms);
  EXPECT_EQ(NextOut("P. 1:11(10)"), 230ms + 260ms);
  EXPECT_EQ(NextOut("P. 1:11(10)"), 230ms + 260ms + 320ms);
}

TEST_F(TcpTimer, RexmitDropOptionsLeavesThemOutFromTheThirdTimeOn) {
  ns_.settings.tcp_rfc1323 = 1;
  ns_.settings.tcp_rexmit_drop_options = 1;
  Connect();
  EXPECT_NE(Out().find("wscale"), std::string::npos);
  EXPECT_EQ(NextOut("S 0:0(0) win 16384 <mss 1460,nop"), 6s);
  EXPECT_EQ(NextOut("S 0:0(0) win 16384 <mss 1460,nop"), 18s);
  EXPECT_EQ(NextOut("S 0:0(0) win 16384 <mss 1460>"), 42s);
}

TEST_F(TcpTimer, PersistKeepsToItsSettings) {
  ns_.settings.tcp_persmin = 1000;
  ns_.settings.tcp_persmax = 3000;
  Socket& so = Established("mss 1460", 0);
  ASSERT_EQ(Send(so, 10), kOk);
  Nanoseconds last = 0s;
  for (const Nanoseconds wait : {1s, 2s, 3s, 3s}) {
    const Nanoseconds at = NextOut(". 1:2(1)");
    EXPECT_EQ(at - last, wait);
    last = at;
  }
}

// ------------------------------------------------------------------ keepalive

TEST_F(TcpTimer, KeepaliveGoesBySettings) {
  ns_.settings.tcp_keepidle = 10000;
  ns_.settings.tcp_keepintvl = 2000;
  ns_.settings.tcp_keepcnt = 3;
  Socket& so = Established();
  so.options |= kSO_KEEPALIVE;
  tcp_keepalive(*Tcb(so));
  for (const Nanoseconds at : {10s, 12s, 14s}) {
    EXPECT_EQ(NextOut(". 0:0(0) ack 1"), at);
  }
  RunUntil(16s);
  EXPECT_EQ(so.error, kETIMEDOUT);
  EXPECT_EQ(Out(), "R. 1:1(0) ack 1 win 0");
  EXPECT_EQ(ns_.tcpstat.keepdrops, 1u);
}

TEST_F(TcpTimer, ASocketsOwnKeepaliveTimesComeFirst) {
  Socket& so = Established();
  Tcpcb& tp = *Tcb(so);
  tp.keepidle_s = 5;
  tp.keepintvl_s = 1;
  tp.keepcnt = 2;
  so.options |= kSO_KEEPALIVE;
  tcp_keepalive(*Tcb(so));
  EXPECT_EQ(NextOut(". 0:0(0) ack 1"), 5s);
  In(". 1:1(0) ack 1");  // it lives
  EXPECT_EQ(NextOut(". 0:0(0) ack 1"), 10s);
  EXPECT_EQ(NextOut(". 0:0(0) ack 1"), 11s);
  RunUntil(12s);
  EXPECT_EQ(so.error, kETIMEDOUT);
}

TEST_F(TcpTimer, AlwaysKeepaliveNeedsNoOption) {
  ns_.settings.tcp_always_keepalive = 1;
  Established();
  EXPECT_EQ(NextOut(". 0:0(0) ack 1"), 7200s);
}

TEST_F(TcpTimer, KeepinitEndsAConnect) {
  Socket& so = NewSocket();
  Tcb(so)->keepinit_s = 10;
  ASSERT_EQ(soconnect(so, Sockaddr(InAddr::V4(kRemote), kPeerPort)), kOk);
  RunUntil(10s - 1ns);
  EXPECT_EQ(so.error, kOk);
  RunUntil(10s);
  EXPECT_EQ(so.error, kETIMEDOUT);
}

TEST_F(TcpTimer, AnAcceptedSocketHasItsListenersKeepaliveTimes) {
  Socket& listener = Listen();
  Tcb(listener)->keepidle_s = 7;
  Tcb(listener)->keepinit_s = 3;
  In("S 0:0(0) win 65535");
  In(". 1:1(0) ack 1");
  Socket* const so = Accept(listener);
  ASSERT_NE(so, nullptr);
  EXPECT_EQ(Tcb(*so)->keepidle_s, 7u);
  InFrom(4000, "S 0:0(0) win 65535");
  Run(3s);
  EXPECT_EQ(ns_.tcpstat.sc_timed_out, 1u);
}

// ----------------------------------------------------- FIN_WAIT_2 and
// TIME_WAIT

TEST_F(TcpTimer, UnderFreebsdFinWait2Lasts60SecondsAfterClose) {
  Freebsd();
  ns_.settings.tcp_always_keepalive = 0;
  Socket& so = Established();
  Close(so);
  In(". 1:1(0) ack 2");
  ASSERT_EQ(State(so), TcpState::kFinWait2);
  Run(30s);
  In(". 1:1(0) ack 2");  // no matter what comes
  RunUntil(60s - 1ns);
  EXPECT_EQ(State(so), TcpState::kFinWait2);
  RunUntil(60s);
  EXPECT_EQ(so.pcb, nullptr);
}

TEST_F(TcpTimer, FinWait2LastsWhileThePeerIsHeard) {
  ns_.settings.tcp_keepidle = 10000;
  Socket& so = Established();
  Close(so);
  In(". 1:1(0) ack 2");
  Run(70s);
  In(". 1:1(0) ack 2");
  RunUntil(150s - 1ns);
  EXPECT_EQ(State(so), TcpState::kFinWait2);
  RunUntil(150s);
  EXPECT_EQ(so.pcb, nullptr);
}

TEST_F(TcpTimer, TimeWaitLastsTwiceTheMsl) {
  ns_.settings.tcp_msl = 500;
  Socket& so = InState(TcpState::kTimeWait);
  Run(1s - 1ns);
  EXPECT_EQ(State(so), TcpState::kTimeWait);
  Run(1ns);
  EXPECT_EQ(so.pcb, nullptr);
}

// ----------------------------------------------------------------- black holes

class TcpBlackhole : public TcpTimer {
 protected:
  TcpBlackhole() {
    ns_.settings.tcp_blackhole_detect = 1;
    ns_.settings.tcp_mssdflt = 536;
  }
};

TEST_F(TcpBlackhole, FullSegmentsThatVanishBecomeSmaller) {
  Socket& so = Established("mss 1460");
  ASSERT_EQ(Send(so, 1460), kOk);
  Out();
  NextOut("P. 1:1461(1460)");
  NextOut(". 1:1201(1200)");  // the second timeout
  EXPECT_EQ(ns_.tcpstat.pmtud_blackhole_activated, 1u);
  In(". 1:1(0) ack 1201");  // that was it
  AllOut();
  In(". 1:1(0) ack 1461");
  ASSERT_EQ(Send(so, 1300), kOk);
  EXPECT_EQ(Out().substr(0, 18), ". 1461:2661(1200) ") << "it stays so";
}

TEST_F(TcpBlackhole, ThenTheLeastSegmentAndThenItWasSomethingElse) {
  Socket& so = Established("mss 1460");
  ASSERT_EQ(Send(so, 1460), kOk);
  Out();
  NextOut("P. 1:1461(1460)");
  NextOut(". 1:1201(1200)");
  NextOut(". 1:1201(1200)");
  NextOut(". 1:537(536)");
  EXPECT_TRUE(Tcb(so)->hole_fragment);
  NextOut(". 1:537(536)");
  EXPECT_EQ(ns_.tcpstat.pmtud_blackhole_activated_min, 1u);
  NextOut("P. 1:1461(1460)");
  EXPECT_EQ(ns_.tcpstat.pmtud_blackhole_failed, 1u);
  EXPECT_FALSE(Tcb(so)->hole_fragment);
}

TEST_F(TcpBlackhole, ShortSegmentsAreNotSuspected) {
  Socket& so = Established("mss 1460");
  ASSERT_EQ(Send(so, 100), kOk);
  Out();
  for (int i = 0; i < 5; ++i) NextOut("P. 1:101(100)");
  EXPECT_EQ(Tcb(so)->maxseg, 1460u);
  EXPECT_EQ(ns_.tcpstat.pmtud_blackhole_activated, 0u);
}

// ------------------------------------------------------------------- endpoints

TEST_F(TcpTimer, EndpointsAreListedAndDropped) {
  Socket& listener = Listen();
  In("S 0:0(0) win 65535");
  In(". 1:1(0) ack 1");
  Socket* const so = Accept(listener);
  ASSERT_NE(so, nullptr);
  InFrom(4000, "S 0:0(0) win 65535");
  AllOut();
  const auto all = tcp_endpoints(ns_);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].state, TcpState::kListen);
  EXPECT_EQ(all[1].state, TcpState::kEstablished);
  EXPECT_EQ(all[1].foreign.port, kPeerPort);
  EXPECT_EQ(all[2].state, TcpState::kSynReceived);
  EXPECT_EQ(all[2].foreign.port, 4000);

  EXPECT_TRUE(tcp_drop_endpoint(ns_, all[1].local, all[1].foreign));
  EXPECT_EQ(AllOut(), "R. 1:1(0) ack 1 win 0");
  EXPECT_EQ(so->error, kECONNABORTED);
  EXPECT_TRUE(tcp_drop_endpoint(ns_, all[2].local, all[2].foreign));
  EXPECT_EQ(AllOut(), "R. 1:1(0) ack 1 win 0");
  EXPECT_FALSE(tcp_drop_endpoint(ns_, all[2].local, all[2].foreign));
  EXPECT_EQ(tcp_endpoints(ns_).size(), 1u);
}

TEST_F(TcpTimer, ADroppedTimeWaitJustGoes) {
  InState(TcpState::kTimeWait);
  const auto all = tcp_endpoints(ns_);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].state, TcpState::kTimeWait);
  EXPECT_TRUE(tcp_drop_endpoint(ns_, all[0].local, all[0].foreign));
  EXPECT_EQ(AllOut(), "");
  EXPECT_EQ(tcp_endpoints(ns_).size(), 0u);
}

// ------------------------------------------------- receive buffer, personality

TEST_F(TcpTimer, UnderFreebsdTheReceiveBufferHoldsWholeSegments) {
  Freebsd();
  Socket& passive = Established("mss 1460");
  EXPECT_EQ(passive.rcv.hiwat, 65700u);  // 45 * 1460
  tcp_drop(*Tcb(passive), kECONNABORTED);
  AllOut();
  Socket& active = EstablishedActive("mss 1000");
  EXPECT_EQ(active.rcv.hiwat, 66000u);
}

TEST_F(TcpTimer, OtherwiseItStaysAsItIs) {
  EXPECT_EQ(Established("mss 1460").rcv.hiwat, 16384u);
}

}  // namespace
}  // namespace splnet
