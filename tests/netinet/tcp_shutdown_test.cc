// shutdown(2) and close(2) with SO_LINGER, by the connection's state.

#include <gtest/gtest.h>

#include "sockets/uipc_socket.h"
#include "tests/testing/tcp_fixture.h"

namespace splnet {
namespace {

using namespace std::chrono_literals;

class TcpShutdown : public TcpFixture {
 protected:
  void Linger0(Socket& so) {
    const Linger now{1, 0};
    ASSERT_EQ(sosetopt(so, kSOL_SOCKET, kSO_LINGER,
                       std::as_bytes(std::span(&now, 1))),
              kOk);
  }
};

TEST_F(TcpShutdown, ForWritingEndsWhatIsStillOpen) {
  const struct {
    TcpState state;
    const char* out;
    TcpState then;  // kClosed: the connection is gone
    Errno freebsd;
  } kRows[] = {
      {TcpState::kClosed, "", TcpState::kClosed, kENOTCONN},
      {TcpState::kListen, "", TcpState::kClosed, kENOTCONN},
      {TcpState::kSynSent, "", TcpState::kClosed, kOk},
      {TcpState::kSynReceived, "", TcpState::kSynReceived, kOk},
      {TcpState::kEstablished, "F. 1:1(0) ack 1 win 16384", TcpState::kFinWait1,
       kOk},
      {TcpState::kCloseWait, "F. 1:1(0) ack 2 win 16384", TcpState::kLastAck,
       kOk},
      {TcpState::kFinWait1, "", TcpState::kFinWait1, kOk},
      {TcpState::kFinWait2, "", TcpState::kFinWait2, kOk},
      {TcpState::kClosing, "", TcpState::kClosing, kOk},
      {TcpState::kLastAck, "", TcpState::kLastAck, kOk},
      {TcpState::kTimeWait, "", TcpState::kTimeWait, kENOTCONN},
  };
  for (const auto& row : kRows) {
    SCOPED_TRACE(TcpStateName(row.state));
    Socket& so = InState(row.state);
    if (row.freebsd != kOk) {
      ns_.settings.personality = Personality::kFreeBsd;
      EXPECT_EQ(soshutdown(so, Shut::kWrite), row.freebsd);
      EXPECT_EQ(State(so), row.state) << "it is left as it was";
      ns_.settings.personality = Personality::kOpenBsd;
    }
    EXPECT_EQ(soshutdown(so, Shut::kWrite), kOk);
    EXPECT_EQ(AllOut(), row.out);
    if (row.then == TcpState::kClosed) {
      EXPECT_EQ(so.pcb, nullptr);
    } else {
      EXPECT_EQ(State(so), row.then);
      tcp_close(*Tcb(so));
    }
    EXPECT_TRUE(so.cantsendmore());
    AllOut();
  }
}

TEST_F(TcpShutdown, InSynReceivedTheFinFollowsTheHandshake) {
  Socket& so = InState(TcpState::kSynReceived);
  ASSERT_EQ(soshutdown(so, Shut::kWrite), kOk);
  EXPECT_EQ(AllOut(), "");
  In(". 1:1(0) ack 1");
  EXPECT_EQ(AllOut(), "F. 1:1(0) ack 1 win 16384");
}

TEST_F(TcpShutdown, TheFinComesBehindWhatIsQueued) {
  Socket& so = Established("mss 1000", 1500);
  ASSERT_EQ(Send(so, 2000), kOk);
  EXPECT_EQ(AllOut(), ". 1:1001(1000) ack 1 win 16384");
  ASSERT_EQ(soshutdown(so, Shut::kWrite), kOk);
  EXPECT_EQ(Send(so, 1), kEPIPE);
  In(". 1:1(0) ack 1001 win 1500");
  EXPECT_EQ(AllOut(), "FP. 1001:2001(1000) ack 1 win 16384");
}

TEST_F(TcpShutdown, ForReadingThrowsAwayWhatComes) {
  Socket& so = Established();
  In("P. 1:101(100) ack 1");
  ASSERT_EQ(soshutdown(so, Shut::kRead), kOk);
  EXPECT_EQ(so.rcv.cc, 0u);
  EXPECT_TRUE(soreadable(so));
  Run(200ms);
  AllOut();
  In("P. 101:201(100) ack 1");
  Run(200ms);
  EXPECT_EQ(Out().substr(0, 18), ". 1:1(0) ack 201 w");
  EXPECT_EQ(so.rcv.cc, 0u);
  // The other direction goes on.
  EXPECT_EQ(Send(so, 10), kOk);
  EXPECT_EQ(Out().substr(0, 12), "P. 1:11(10) ");
}

TEST_F(TcpShutdown, OfAConnectionThatIsGone) {
  Socket& so = Established();
  In("R. 1:1(0) ack 1");
  ns_.settings.personality = Personality::kFreeBsd;
  EXPECT_EQ(soshutdown(so, Shut::kWrite), kENOTCONN);
  ns_.settings.personality = Personality::kOpenBsd;
  EXPECT_EQ(soshutdown(so, Shut::kWrite), kECONNRESET);
  EXPECT_EQ(soshutdown(so, Shut::kWrite), kEINVAL);
}

TEST_F(TcpShutdown, ANumberThatIsNoneIsInvalid) {
  Socket& so = Established();
  for (const int how : {-1, 3}) {
    EXPECT_EQ(soshutdown(so, static_cast<Shut>(how)), kEINVAL);
  }
  ns_.settings.personality = Personality::kFreeBsd;
  EXPECT_EQ(soshutdown(NewSocket(), static_cast<Shut>(7)), kEINVAL);
}

TEST_F(TcpShutdown, FreeBsdWakesWhoAcceptsOnAListenerShutForReading) {
  ns_.settings.personality = Personality::kFreeBsd;
  Socket& so = Listen();
  EXPECT_EQ(soshutdown(so, Shut::kRead), kENOTCONN);
  EXPECT_EQ(so.error, kECONNABORTED);
  EXPECT_EQ(State(so), TcpState::kListen);
}

// ---------------------------------------------------------------------- linger

TEST_F(TcpShutdown, WithALingerOfNothingCloseResets) {
  const struct {
    TcpState state;
    const char* out;
  } kRows[] = {
      {TcpState::kSynSent, ""},
      {TcpState::kSynReceived, ""},
      {TcpState::kEstablished, "R. 1:1(0) ack 1 win 0"},
      {TcpState::kCloseWait, "R. 1:1(0) ack 2 win 0"},
      {TcpState::kFinWait1, "R. 2:2(0) ack 1 win 0"},
      {TcpState::kFinWait2, "R. 2:2(0) ack 1 win 0"},
      {TcpState::kClosing, "R. 2:2(0) ack 2 win 0"},
      {TcpState::kLastAck, "R. 2:2(0) ack 2 win 0"},
  };
  for (const auto& row : kRows) {
    SCOPED_TRACE(TcpStateName(row.state));
    Socket& so = InState(row.state);
    Linger0(so);
    Close(so);
    EXPECT_EQ(AllOut(), row.out);
    EXPECT_EQ(ns_.tcbtable.count(), 0u);
  }
}

TEST_F(TcpShutdown, WithALingerOfNothingWhatIsQueuedIsLost) {
  Socket& so = Established("mss 1000", 500);
  ASSERT_EQ(Send(so, 3000), kOk);
  AllOut();
  Linger0(so);
  Close(so);
  EXPECT_EQ(AllOut(), "R. 501:501(0) ack 1 win 0");
}

TEST_F(TcpShutdown, WithoutLingerWhatIsQueuedGoesOut) {
  Socket& so = Established("mss 1000", 500);
  ASSERT_EQ(Send(so, 800), kOk);
  EXPECT_EQ(AllOut(), ". 1:501(500) ack 1 win 16384");
  Close(so);
  In(". 1:1(0) ack 501 win 500");
  EXPECT_EQ(AllOut(), "FP. 501:801(300) ack 1 win 16384");
}

}  // namespace
}  // namespace splnet
