// Buffers that follow what the path takes.

#include <gtest/gtest.h>

#include "sockets/uipc_socket.h"
#include "tests/testing/tcp_fixture.h"

namespace splnet {
namespace {

using namespace std::chrono_literals;

constexpr uint32_t kMss = 1460;

class TcpSpace : public TcpFixture {
 protected:
  // A connection whose handshake took 50 ms.
  Socket& EstablishedIn50ms() {
    Socket& listener = Listen();
    In("S 0:0(0) win 65535 <mss 1460>");
    AllOut();
    Run(50ms);
    In(". 1:1(0) ack 1 win 65535");
    Socket& so = *Accept(listener);
    Close(listener);
    return so;
  }
  // `n` full segments arrive, and are read, one a millisecond.
  void Receive(Socket& so, int n) {
    for (int i = 0; i < n; ++i) {
      const uint32_t end = next_ + kMss;
      In(". " + std::to_string(next_) + ":" + std::to_string(end) +
         "(1460) ack 1");
      next_ = end;
      Read(so);
      Run(1ms);
    }
    AllOut();
  }
  void SetInt(Socket& so, int name, int value) {
    ASSERT_EQ(
        sosetopt(so, kSOL_SOCKET, name, std::as_bytes(std::span(&value, 1))),
        kOk);
  }
  // Takes mbufs until `percent` of the memory is in use.
  void Take(unsigned percent) {
    ns_.mbufs.set_limit_bytes(1 << 20);
    while (ns_.mbufs.PercentUsed() < percent) {
      hoard_.push_back(m_getcl(ns_.mbufs, 2048, MWait::kDontWait));
    }
  }

  std::vector<MbufPtr> hoard_;
  uint32_t next_ = 1;
};

// --------------------------------------------------------------------- receive

TEST_F(TcpSpace, ABufferThatFillsInARoundTripGrows) {
  Socket& so = EstablishedIn50ms();
  EXPECT_EQ(so.rcv.hiwat, 16384u);
  Receive(so, 1);   // begins the first round trip
  Receive(so, 50);  // ... in which 50 more come
  Receive(so, 1);
  EXPECT_EQ(so.rcv.hiwat, 23 * kMss) << "16384 more, in whole segments";
  EXPECT_EQ(so.rcv.wat, 16384u);
  Receive(so, 50);
  EXPECT_EQ(so.rcv.hiwat, 35 * kMss);
}

TEST_F(TcpSpace, ABufferThatNeverFillsStays) {
  Socket& so = EstablishedIn50ms();
  for (int i = 0; i < 10; ++i) {
    Receive(so, 9);  // 13140 of 16384: less than seven eighths
    Run(50ms);
  }
  EXPECT_EQ(so.rcv.hiwat, 16384u);
}

TEST_F(TcpSpace, WhatComesAfterALongSilenceIsNoRoundTrip) {
  Socket& so = EstablishedIn50ms();
  for (int i = 0; i < 4; ++i) {
    Receive(so, 40);
    Run(2s);
  }
  EXPECT_EQ(so.rcv.hiwat, 16384u);
}

TEST_F(TcpSpace, TheUsersSizeStays) {
  Socket& so = EstablishedIn50ms();
  SetInt(so, kSO_RCVBUF, 16384);
  Receive(so, 200);
  EXPECT_EQ(so.rcv.hiwat, 16384u);
}

TEST_F(TcpSpace, TheSizeOfAListenersUserIsInherited) {
  Socket& listener = Listen();
  SetInt(listener, kSO_RCVBUF, 20000);
  In("S 0:0(0) win 65535 <mss 1460>");
  Run(50ms);
  In(". 1:1(0) ack 1 win 65535");
  Socket& so = *Accept(listener);
  EXPECT_EQ(so.rcv.hiwat, 20000u);
  Receive(so, 200);
  EXPECT_EQ(so.rcv.hiwat, 20000u);
  EXPECT_NE(so.snd.flags & kSbAuto, 0) << "only the one that was set";
}

TEST_F(TcpSpace, ASettingTurnsItOff) {
  ns_.settings.tcp_recvbuf_auto = 0;
  Socket& so = EstablishedIn50ms();
  Receive(so, 200);
  EXPECT_EQ(so.rcv.hiwat, 16384u);
}

TEST_F(TcpSpace, SbMaxAndTheSettingBoundIt) {
  ns_.settings.tcp_recvbuf_max = 40'000;
  Socket& so = EstablishedIn50ms();
  Receive(so, 300);
  EXPECT_EQ(so.rcv.hiwat, 28 * kMss);  // 40000 in whole segments
  ns_.settings.tcp_recvbuf_max = 1 << 30;
  ns_.settings.sb_max = 60'000;
  Receive(so, 300);
  EXPECT_EQ(so.rcv.hiwat, 60'000u);
}

TEST_F(TcpSpace, WithTimestampsTheEchoEndsTheRoundTrip) {
  ns_.settings.tcp_rfc1323 = 1;
  Socket& so = Established("mss 1460,nop,nop,TS val 1 ecr 0");
  Run(1s);
  const auto segment = [&](uint32_t ecr) {
    const uint32_t end = next_ + 1448;
    In(". " + std::to_string(next_) + ":" + std::to_string(end) +
       "(1448) ack 1 <nop,nop,TS val 1 ecr " + std::to_string(ecr) + ">");
    next_ = end;
    Read(so);
  };
  segment(2000);  // our TSval was 1000 at the start and is 2000 now
  for (int i = 0; i < 30; ++i) segment(2000);
  EXPECT_EQ(so.rcv.hiwat, 16384u) << "all in one round trip";
  Run(100ms);
  segment(2001);
  EXPECT_EQ(so.rcv.hiwat, 23u * 1448);
}

TEST_F(TcpSpace, WhileMemoryIsShortItShrinksToTheDefault) {
  Socket& so = EstablishedIn50ms();
  Receive(so, 52);
  ASSERT_GT(so.rcv.hiwat, 32768u);
  Take(81);
  Receive(so, 51);
  EXPECT_EQ(so.rcv.hiwat, 12 * kMss);
  // Until memory is plenty again, not only enough.
  hoard_.resize(hoard_.size() * 7 / 8);
  ASSERT_GT(ns_.mbufs.PercentUsed(), 60u);
  Receive(so, 102);
  EXPECT_EQ(so.rcv.hiwat, 12 * kMss);
  hoard_.clear();
  Receive(so, 102);
  EXPECT_GT(so.rcv.hiwat, 32768u);
}

// The row of the personalities' table: options are not deducted.
TEST_F(TcpSpace, FreeBsdRoundsTheReceiveBufferToWholeSegments) {
  ns_.settings.tcp_rcvbuf_round = 1;
  ns_.settings.tcp_rfc1323 = 1;
  Socket& so = Established("mss 1000,nop,nop,TS val 1 ecr 0");
  ASSERT_EQ(Tcb(so)->maxseg, 988u);
  EXPECT_EQ(so.rcv.hiwat, 17'000u);
  EXPECT_EQ(so.rcv.wat, 16384u);
}

TEST_F(TcpSpace, OpenBsdLeavesTheReceiveBuffer) {
  Socket& so = Established("mss 1000");
  EXPECT_EQ(so.rcv.hiwat, 16384u);
}

// ------------------------------------------------------------------------ send

TEST_F(TcpSpace, TheSendBufferFollowsWhatIsInFlight) {
  Socket& so = Established();
  ASSERT_EQ(so.snd.hiwat, 16384u);
  ASSERT_EQ(Send(so, 16384), kOk);
  EXPECT_EQ(Send(so, 8192), kEWOULDBLOCK);
  In(". 1:1(0) ack 1461");
  // 13140 are in flight, and 16384 may wait behind them.
  EXPECT_EQ(so.snd.hiwat, 21 * kMss);
  EXPECT_EQ(so.snd.wat, 16384u);
  In(". 1:1(0) ack 16061");  // Nagle holds the rest back
  EXPECT_EQ(so.snd.hiwat, 12 * kMss) << "and back";
}

TEST_F(TcpSpace, TheUsersSendSizeStays) {
  Socket& so = Established();
  SetInt(so, kSO_SNDBUF, 16384);
  ASSERT_EQ(Send(so, 16384), kOk);
  In(". 1:1(0) ack 1461");
  EXPECT_EQ(so.snd.hiwat, 16384u);
}

TEST_F(TcpSpace, ASettingTurnsTheSendersOff) {
  ns_.settings.tcp_sendbuf_auto = 0;
  Socket& so = Established();
  ASSERT_EQ(Send(so, 16384), kOk);
  In(". 1:1(0) ack 1461");
  EXPECT_EQ(so.snd.hiwat, 16384u);
}

TEST_F(TcpSpace, AWriterWhoWasToldThatHeMayWriteStillMay) {
  Socket& so = Established();
  ASSERT_EQ(Send(so, 16384), kOk);
  In(". 1:1(0) ack 1461");
  ASSERT_TRUE(sowriteable(so));
  ASSERT_EQ(Send(so, 10'000), kOk);
  ASSERT_TRUE(sowriteable(so));
  In(". 1:1(0) ack 14601");
  EXPECT_TRUE(sowriteable(so));
  EXPECT_GE(so.snd.hiwat, so.snd.cc + so.snd.lowat);
}

TEST_F(TcpSpace, WhileMemoryIsShortTheSendBufferIsTheDefault) {
  Socket& so = Established();
  Take(81);
  ASSERT_EQ(Send(so, 16384), kOk);
  In(". 1:1(0) ack 1461");
  EXPECT_EQ(so.snd.hiwat, 16384u);
}

}  // namespace
}  // namespace splnet
