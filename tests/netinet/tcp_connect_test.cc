// connect(2) and accept(2) of TCP: what is refused, and as what.

#include <gtest/gtest.h>

#include "sockets/uipc_socket.h"
#include "tests/testing/tcp_fixture.h"

namespace splnet {
namespace {

class TcpConnect : public TcpFixture {
 protected:
  static Errno Try(Socket& so, uint32_t addr, uint16_t port = 99) {
    return soconnect(so, Sockaddr(InAddr::V4(addr), port));
  }
};

TEST_F(TcpConnect, OnlyOnceAndNotFromAListener) {
  const struct {
    TcpState state;
    Errno want;
  } kRows[] = {
      {TcpState::kListen, kEOPNOTSUPP},   {TcpState::kSynSent, kEISCONN},
      {TcpState::kSynReceived, kEISCONN}, {TcpState::kEstablished, kEISCONN},
      {TcpState::kCloseWait, kEISCONN},   {TcpState::kFinWait1, kEISCONN},
      {TcpState::kFinWait2, kEISCONN},    {TcpState::kClosing, kEISCONN},
      {TcpState::kLastAck, kEISCONN},     {TcpState::kTimeWait, kEISCONN},
  };
  for (const auto& row : kRows) {
    SCOPED_TRACE(TcpStateName(row.state));
    Socket& so = InState(row.state);
    EXPECT_EQ(Try(so, kRemote), row.want);
    EXPECT_EQ(State(so), row.state);
    EXPECT_EQ(AllOut(), "");
    tcp_close(*Tcb(so));
  }
}

TEST_F(TcpConnect, ToWhatIsNoHost) {
  constexpr uint32_t kGroupAddr = 0xe0000001;
  constexpr uint32_t kEverybody = 0xffffffff;
  Socket& so = NewSocket();
  EXPECT_EQ(Try(so, kGroupAddr), kEINVAL);
  EXPECT_EQ(Try(so, kEverybody), kEINVAL);
  EXPECT_EQ(Try(so, kRemote, 0), kEADDRNOTAVAIL);
  EXPECT_EQ(Try(so, 0xc6336401), kENETUNREACH);
  EXPECT_EQ(soconnect(so, Sockaddr()), kEAFNOSUPPORT);
  ns_.settings.personality = Personality::kFreeBsd;
  EXPECT_EQ(Try(so, kGroupAddr), kEAFNOSUPPORT);
  EXPECT_EQ(Try(so, kEverybody), kEACCES);
  // None of that spoils the socket.
  EXPECT_EQ(Try(so, kRemote), kOk);
  EXPECT_EQ(State(so), TcpState::kSynSent);
}

TEST_F(TcpConnect, AfterARefusalTheSocketIsSpent) {
  Socket& so = Connect();
  AllOut();
  In("R. 0:0(0) ack 1");
  EXPECT_EQ(so.error, kECONNREFUSED);
  EXPECT_EQ(Try(so, kRemote), kECONNREFUSED);
  EXPECT_EQ(Try(so, kRemote), kEINVAL);
}

TEST_F(TcpConnect, WhatWasResetBeforeItWasAcceptedIsAborted) {
  Socket& listener = Listen();
  In("S 0:0(0) win 65535 <mss 1460>");
  In(". 1:1(0) ack 1");
  In("R. 1:1(0) ack 1");
  ASSERT_FALSE(listener.listen->q.empty());
  const SocketPtr so = soqremque(*listener.listen->q.front());
  Sockaddr peer;
  EXPECT_EQ(soaccept(*so, &peer), kECONNABORTED);
}

}  // namespace
}  // namespace splnet
