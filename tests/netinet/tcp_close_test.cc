// Closing: RFC 9293 section 3.6, RFC 1122 sections 4.2.2.13 and 4.2.2.20.

#include <gtest/gtest.h>

#include "sockets/uipc_socket.h"
#include "stack/netinet/tcp_syncache.h"
#include "tests/testing/tcp_fixture.h"

namespace splnet {
namespace {

using namespace std::chrono_literals;

class TcpClose : public TcpFixture {
 protected:
  void Shutdown(Socket& so) { ASSERT_EQ(soshutdown(so, Shut::kWrite), kOk); }
  // SO_LINGER with zero seconds.
  void ZeroLinger(Socket& so) {
    const Linger linger{1, 0};
    ASSERT_EQ(sosetopt(so, kSOL_SOCKET, kSO_LINGER,
                       std::as_bytes(std::span(&linger, 1))),
              kOk);
  }
};

TEST_F(TcpClose, WeCloseFirstAndGoThroughTimeWait) {  // figure 12
  Socket& so = Established();
  Shutdown(so);
  EXPECT_EQ(AllOut(), "F. 1:1(0) ack 1 win 16384");
  EXPECT_EQ(State(so), TcpState::kFinWait1);
  In(". 1:1(0) ack 2");
  EXPECT_EQ(State(so), TcpState::kFinWait2);
  EXPECT_EQ(AllOut(), "");
  In("F. 1:1(0) ack 2");
  EXPECT_EQ(AllOut(), ". 2:2(0) ack 2 win 16384");
  EXPECT_EQ(State(so), TcpState::kTimeWait);
  RunUntil(60s - 1ns);
  EXPECT_EQ(State(so), TcpState::kTimeWait);
  RunUntil(60s);
  EXPECT_EQ(so.pcb, nullptr);
  EXPECT_EQ(so.error, kOk);
}

TEST_F(TcpClose, ThePeerClosesFirst) {
  Socket& so = Established();
  In("F. 1:1(0) ack 1");
  EXPECT_EQ(AllOut(), ". 1:1(0) ack 2 win 16384");
  EXPECT_EQ(State(so), TcpState::kCloseWait);
  EXPECT_TRUE(so.cantrcvmore());
  Shutdown(so);
  EXPECT_EQ(AllOut(), "F. 1:1(0) ack 2 win 16384");
  EXPECT_EQ(State(so), TcpState::kLastAck);
  In(". 2:2(0) ack 2");
  EXPECT_EQ(so.pcb, nullptr);
  EXPECT_TRUE(so.is(kSsIsDisconnected));
  EXPECT_EQ(AllOut(), "");
}

TEST_F(TcpClose, BothCloseAtOnce) {  // figure 13
  Socket& so = Established();
  Shutdown(so);
  AllOut();
  In("F. 1:1(0) ack 1");
  EXPECT_EQ(AllOut(), "F. 1:1(0) ack 2 win 16384");
  EXPECT_EQ(State(so), TcpState::kClosing);
  In(". 2:2(0) ack 2");
  EXPECT_EQ(State(so), TcpState::kTimeWait);
}

TEST_F(TcpClose, FinAndItsAckInOneSegmentGoStraightToTimeWait) {
  Socket& so = Established();
  Shutdown(so);
  AllOut();
  In("F. 1:1(0) ack 2");
  EXPECT_EQ(State(so), TcpState::kTimeWait);
  EXPECT_EQ(AllOut(), ". 2:2(0) ack 2 win 16384");
}

TEST_F(TcpClose, QueuedDataGoOutBeforeTheFin) {
  Socket& so = Established("mss 1000", 1000);
  ASSERT_EQ(Send(so, 2500), kOk);
  Close(so);
  EXPECT_EQ(AllOut(), ". 1:1001(1000) ack 1 win 16384");
  In(". 1:1(0) ack 1001 win 1000");
  EXPECT_EQ(AllOut(), ". 1001:2001(1000) ack 1 win 16384");
  In(". 1:1(0) ack 2001 win 1000");
  EXPECT_EQ(AllOut(), "FP. 2001:2501(500) ack 1 win 16384");
  In(". 1:1(0) ack 2502");
  EXPECT_EQ(State(so), TcpState::kFinWait2);
}

TEST_F(TcpClose, DataAndFinInOneSegmentAreDeliveredInOrder) {
  Socket& so = Established();
  In("FP. 1:101(100) ack 1");
  EXPECT_EQ(so.rcv.cc, 100u);
  EXPECT_TRUE(so.cantrcvmore());
  EXPECT_EQ(AllOut(), ". 1:1(0) ack 102 win 16284");
  EXPECT_EQ(Read(so), 100u);
}

TEST_F(TcpClose, AfterShutdownThePeerMaySendOn) {
  Socket& so = Established();
  Shutdown(so);
  In(". 1:1(0) ack 2");
  In(". 1:1001(1000) ack 2");
  EXPECT_EQ(Read(so), 1000u);
  Run(100000s);
  EXPECT_EQ(State(so), TcpState::kFinWait2) << "only shut down: no timer";
}

TEST_F(TcpClose, AfterCloseNewDataAreAnsweredWithAReset) {  // 4.2.2.13
  Socket& so = Established();
  Close(so);
  In(". 1:1(0) ack 2");
  AllOut();
  In(". 1:1001(1000) ack 2");
  EXPECT_EQ(AllOut(), "R 2:2(0) win 0");
  EXPECT_EQ(so.pcb, nullptr);
  EXPECT_EQ(Drops(DropReason::kTcpAfterClose), 1u);
}

TEST_F(TcpClose, AfterCloseFinWait2EndsWithTheIdleTime) {
  Socket& so = Established();
  Close(so);
  In(". 1:1(0) ack 2");
  EXPECT_EQ(State(so), TcpState::kFinWait2);
  RunUntil(8 * 7200s - 1ns);
  EXPECT_EQ(State(so), TcpState::kFinWait2);
  RunUntil(8 * 7200s);
  EXPECT_EQ(so.pcb, nullptr);
}

TEST_F(TcpClose, ALostFinIsSentAgain) {
  Socket& so = Established();
  Shutdown(so);
  AllOut();
  Run(1s);
  EXPECT_EQ(AllOut(), "F. 1:1(0) ack 1 win 16384");
  EXPECT_EQ(State(so), TcpState::kFinWait1);
}

TEST_F(TcpClose, ALostFinBehindDataIsSentAgainWithThem) {
  Socket& so = Established();
  ASSERT_EQ(Send(so, 10), kOk);
  Shutdown(so);
  EXPECT_EQ(AllOut(),
            "P. 1:11(10) ack 1 win 16384; F. 11:11(0) ack 1 win 16384");
  Run(1s);
  EXPECT_EQ(AllOut(), "FP. 1:11(10) ack 1 win 16384");
}

// BSD's tcp_output(): what follows the FIN says it again.
TEST_F(TcpClose, AnAckInFinWait1CarriesTheFinToo) {
  Socket& so = Established();
  Shutdown(so);
  AllOut();
  In(". 1:101(100) ack 1");
  In(". 101:201(100) ack 1");
  EXPECT_EQ(AllOut(), "F. 1:1(0) ack 201 win 16184");
}

TEST_F(TcpClose, AFinThatComesAgainRestartsTimeWait) {
  Socket& so = Established();
  Shutdown(so);
  In("F. 1:1(0) ack 2");
  AllOut();
  RunUntil(50s);
  In("F. 1:1(0) ack 2");
  EXPECT_EQ(AllOut(), ". 2:2(0) ack 2 win 16384");
  RunUntil(110s - 1ns);
  EXPECT_EQ(State(so), TcpState::kTimeWait);
  RunUntil(110s);
  EXPECT_EQ(so.pcb, nullptr);
}

TEST_F(TcpClose, APureAckInTimeWaitIsNotAnswered) {
  Socket& so = Established();
  Shutdown(so);
  In("F. 1:1(0) ack 2");
  AllOut();
  In(". 2:2(0) ack 2");
  EXPECT_EQ(AllOut(), "");
  EXPECT_EQ(State(so), TcpState::kTimeWait);
}

TEST_F(TcpClose, ANewSynReplacesAConnectionInTimeWait) {  // 4.2.2.13
  Socket& listener = Listen();
  In("S 0:0(0) win 65535");
  In(". 1:1(0) ack 1");
  Socket* const old = Accept(listener);
  ASSERT_NE(old, nullptr);
  Tcb(listener)->pin = nullptr;
  Shutdown(*old);
  In("F. 1:1(0) ack 2");
  ASSERT_EQ(State(*old), TcpState::kTimeWait);
  AllOut();
  const uint32_t used = Tcb(*old)->snd_max;
  In("S 100:100(0) win 65535");
  EXPECT_EQ(old->pcb, nullptr);
  const SynCacheEntry* const entry = syn_cache_of(ns_).first();
  ASSERT_NE(entry, nullptr);
  EXPECT_GT(static_cast<int32_t>(entry->iss - used), 0);
  EXPECT_EQ(ns_.tcpstat.timewaitreuse, 1u);
}

TEST_F(TcpClose, AnOldSynInTimeWaitIsOnlyAcknowledged) {
  Socket& so = InState(TcpState::kTimeWait);
  In("S 0:0(0) win 65535");
  EXPECT_EQ(AllOut(), ". 2:2(0) ack 2 win 16384");
  EXPECT_EQ(State(so), TcpState::kTimeWait);
}

TEST_F(TcpClose, ZeroLingerResets) {
  Socket& so = Established();
  ASSERT_EQ(Send(so, 10), kOk);
  AllOut();
  ZeroLinger(so);
  Close(so);
  EXPECT_EQ(AllOut(), "R. 11:11(0) ack 1 win 0");
  EXPECT_EQ(so.pcb, nullptr);
}

TEST_F(TcpClose, CloseDropsWhatWasNotRead) {
  Socket& so = Established();
  In(". 1:1001(1000) ack 1");
  AllOut();
  Close(so);
  EXPECT_EQ(so.rcv.cc, 0u);
  EXPECT_EQ(Out().substr(0, 2), "F.");
}

TEST_F(TcpClose, CloseInSynSentJustGoes) {
  Socket& so = Connect();
  AllOut();
  Close(so);
  EXPECT_EQ(AllOut(), "");
  EXPECT_EQ(so.pcb, nullptr);
}

TEST_F(TcpClose, ShutdownInSynReceivedSendsTheFinOnceEstablished) {
  Socket& so = InState(TcpState::kSynReceived);
  Shutdown(so);
  EXPECT_EQ(AllOut(), "");
  In(". 1:1(0) ack 1");
  EXPECT_EQ(AllOut(), "F. 1:1(0) ack 1 win 16384");
  EXPECT_EQ(State(so), TcpState::kFinWait1);
}

TEST_F(TcpClose, DataForASocketShutDownForReadingAreThrownAway) {
  Socket& so = Established();
  ASSERT_EQ(soshutdown(so, Shut::kRead), kOk);
  In(". 1:101(100) ack 1");
  In(". 101:201(100) ack 1");
  EXPECT_EQ(so.rcv.cc, 0u);
  EXPECT_NE(AllOut().find("ack 201"), std::string::npos);
  EXPECT_EQ(Drops(DropReason::kTcpAfterClose), 2u);
}

TEST_F(TcpClose, AFinNeedsNoWindow) {
  Socket& so = Established();
  int bytes = 1000;
  ASSERT_EQ(sosetopt(so, kSOL_SOCKET, kSO_RCVBUF,
                     std::as_bytes(std::span(&bytes, 1))),
            kOk);
  Tcb(so)->rcv_adv = Tcb(so)->rcv_nxt + 1000;
  In(". 1:1001(1000) ack 1");
  In("F. 1001:1001(0) ack 1");
  EXPECT_EQ(State(so), TcpState::kCloseWait);
}

TEST_F(TcpClose, NothingIsLeftOnceBothHaveClosed) {
  Socket& so = Established();
  ASSERT_EQ(Send(so, 100), kOk);
  In("P. 1:101(100) ack 101");
  Close(so);
  In("F. 101:101(0) ack 102");
  Forget(so);
  Run(61s);
  EXPECT_EQ(ns_.tcbtable.count(), 0u);
  EXPECT_EQ(ns_.sockets_in_use, 1u) << "the listener, which the test holds";
  EXPECT_EQ(queue_.pending(), 0u);
}

}  // namespace
}  // namespace splnet
