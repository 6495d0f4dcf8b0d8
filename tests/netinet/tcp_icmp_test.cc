// What ICMP errors do to connections: RFC 1122 section 4.2.3.9, RFC 5461,
// RFC 5927, RFC 1191.

#include <gtest/gtest.h>

#include "sockets/uipc_socket.h"
#include "tests/testing/tcp_fixture.h"

namespace splnet {
namespace {

using namespace std::chrono_literals;

class TcpIcmp : public TcpFixture {};

TEST_F(TcpIcmp, AnEstablishedConnectionDoesNotHeedALostRoute) {
  Socket& so = Established();
  ASSERT_EQ(Send(so, 10), kOk);
  for (const CtlInput cmd :
       {CtlInput::kUnreachNet, CtlInput::kUnreachHost, CtlInput::kHostDead}) {
    Icmp(cmd, 1);
  }
  EXPECT_EQ(so.error, kOk);
  EXPECT_EQ(Tcb(so)->softerror, kOk);
  EXPECT_EQ(State(so), TcpState::kEstablished);
}

TEST_F(TcpIcmp, APortUnreachableOnlyExplainsALaterTimeout) {
  Socket& so = Established();
  ASSERT_EQ(Send(so, 10), kOk);
  Icmp(CtlInput::kUnreachPort, 1);
  EXPECT_EQ(so.error, kOk);
  EXPECT_EQ(State(so), TcpState::kEstablished);
  Run(2000s);
  EXPECT_EQ(so.error, kECONNREFUSED);
}

TEST_F(TcpIcmp, WhileConnectingAnErrorIsReportedAfterSeveralTries) {
  Socket& so = Connect();
  Icmp(CtlInput::kUnreachHost, 0);
  EXPECT_EQ(so.error, kOk) << "it may pass";
  Run(48s);  // retransmitted three times
  Icmp(CtlInput::kUnreachHost, 0);
  EXPECT_EQ(so.error, kOk);
  Run(75s);
  EXPECT_EQ(so.error, kEHOSTUNREACH) << "the reason of the timeout";
}

TEST_F(TcpIcmp, AQuoteOfWhatIsNotOutstandingIsIgnored) {  // RFC 5927 4.1
  Socket& so = Established();
  ASSERT_EQ(Send(so, 10), kOk);
  Icmp(CtlInput::kUnreachPort, 0);   // acknowledged
  Icmp(CtlInput::kUnreachPort, 11);  // not sent yet
  Icmp(CtlInput::kUnreachPort, 5000);
  EXPECT_EQ(Tcb(so)->softerror, kOk);
  Icmp(CtlInput::kUnreachPort, 10);
  EXPECT_EQ(Tcb(so)->softerror, kECONNREFUSED);
}

TEST_F(TcpIcmp, NeedFragLowersTheSegmentSizeAndSendsAgain) {  // RFC 1191
  Socket& so = Established("mss 1460");
  ASSERT_EQ(Send(so, 1460), kOk);
  EXPECT_EQ(AllOut(), "P. 1:1461(1460) ack 1 win 16384");
  const uint32_t cwnd = Tcb(so)->snd_cwnd;
  Icmp(CtlInput::kMsgSize, 1, 1000);
  EXPECT_EQ(AllOut(),
            ". 1:961(960) ack 1 win 16384; "
            "P. 961:1461(500) ack 1 win 16384");
  EXPECT_EQ(Tcb(so)->snd_cwnd, cwnd) << "no sign of congestion";
  EXPECT_EQ(ns_.tcpstat.mtulowered, 1u);
}

TEST_F(TcpIcmp, AnMtuThatIsLargerOrAbsurdChangesNothing) {
  Socket& so = Established("mss 1460");
  ASSERT_EQ(Send(so, 1460), kOk);
  AllOut();
  for (const uint32_t mtu : {0u, 1u, 68u, 1500u, 9000u, 0xffffffffu}) {
    Icmp(CtlInput::kMsgSize, 1, mtu);
    EXPECT_EQ(Tcb(so)->maxseg, 1460u) << mtu;
  }
  EXPECT_EQ(AllOut(), "");
}

TEST_F(TcpIcmp, SourceQuenchIsIgnored) {  // RFC 6633
  Socket& so = Established();
  ASSERT_EQ(Send(so, 10), kOk);
  const uint32_t cwnd = Tcb(so)->snd_cwnd;
  Icmp(CtlInput::kQuench, 1);
  EXPECT_EQ(Tcb(so)->snd_cwnd, cwnd);
  EXPECT_EQ(Tcb(so)->softerror, kOk);
}

}  // namespace
}  // namespace splnet
