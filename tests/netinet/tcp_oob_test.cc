// Urgent data: RFC 9293 section 3.8.5 and RFC 6093, as BSD's sockets show it.

#include <gtest/gtest.h>

#include "sockets/uipc_socket.h"
#include "tests/testing/tcp_fixture.h"

namespace splnet {
namespace {

using namespace std::chrono_literals;

class TcpOob : public TcpFixture {
 protected:
  // The fixture's bytes tell their sequence number, below 256.
  static int SeqOf(std::byte b) {
    return (std::to_integer<int>(b) * 223 & 255) + 1;
  }

  // One read: the sequence numbers of what it gives ("1-3,5"), or its error.
  static std::string Get(Socket& so, size_t n = 256, int flags = 0) {
    std::vector<std::byte> bytes(n);
    IoVec iov{bytes.data(), bytes.size()};
    Uio uio(std::span<IoVec>(&iov, 1));
    int io_flags = flags;
    const Errno error = soreceive(so, nullptr, uio, &io_flags, nullptr);
    if (error != kOk) return errno_name(error);
    std::string text;
    for (size_t i = 0; i < uio.done();) {
      const int first = SeqOf(bytes[i]);
      int last = first;
      for (++i; i < uio.done() && SeqOf(bytes[i]) == last + 1; ++i) ++last;
      if (!text.empty()) text += ',';
      text += std::to_string(first);
      if (last > first) text.append("-").append(std::to_string(last));
    }
    return text;
  }
  static std::string Oob(Socket& so, int flags = 0) {
    return Get(so, 1, kMsgOob | flags);
  }
  static bool AtMark(const Socket& so) {
    return (so.rcv.state & kSsRcvAtMark) != 0;
  }
  void Inline(Socket& so) {
    const int on = 1;
    ASSERT_EQ(sosetopt(so, kSOL_SOCKET, kSO_OOBINLINE,
                       std::as_bytes(std::span(&on, 1))),
              kOk);
  }
  static Errno SendOob(Socket& so, uint64_t from, size_t n) {
    std::vector<std::byte> bytes(n);
    for (std::byte& b : bytes) {
      b = static_cast<std::byte>(from * 31 + (from >> 8));
      ++from;
    }
    IoVec iov{bytes.data(), bytes.size()};
    Uio uio(std::span<IoVec>(&iov, 1));
    return sosend(so, nullptr, uio, nullptr, kMsgOob);
  }
};

// ------------------------------------------------------------------- receiving

TEST_F(TcpOob, TheUrgentByteIsTheOneBeforeThePointerAndLeavesTheStream) {
  Socket& so = Established();
  In("PU. 1:6(5) ack 1 urg 3");
  EXPECT_EQ(so.oobmark, 2u);
  EXPECT_EQ(so.rcv.cc, 4u);
  EXPECT_EQ(Tcb(so)->rcv_nxt - kPeerIss, 6u);
  EXPECT_EQ(Oob(so, kMsgPeek), "3");
  EXPECT_EQ(Oob(so), "3");
  EXPECT_EQ(Oob(so), "EINVAL") << "it is given once";
  EXPECT_EQ(Get(so), "1-2") << "a read stops at the mark";
  EXPECT_TRUE(AtMark(so));
  EXPECT_EQ(Get(so), "4-5");
  EXPECT_FALSE(AtMark(so));
  sbcheck(so.rcv);
}

TEST_F(TcpOob, WithoutAMarkThereIsNoUrgentByte) {
  Socket& so = Established();
  EXPECT_EQ(Oob(so), "EINVAL");
  In("P. 1:4(3) ack 1");
  EXPECT_EQ(Oob(so), "EINVAL");
  EXPECT_FALSE(soexceptional(so));
}

TEST_F(TcpOob, AReadAcrossTheMarkTakesTwoCalls) {
  Socket& so = Established();
  In("PU. 1:11(10) ack 1 urg 10");
  EXPECT_EQ(Get(so, 4), "1-4");
  EXPECT_EQ(so.oobmark, 5u);
  EXPECT_EQ(Get(so), "5-9");
  EXPECT_TRUE(AtMark(so));
  // The byte stays to be had for as long as the mark stands.
  EXPECT_EQ(Oob(so), "10");
  EXPECT_EQ(Get(so, 1, kMsgDontWait), "EWOULDBLOCK");
}

TEST_F(TcpOob, InLineTheReadStopsBeforeTheUrgentByte) {
  Socket& so = Established();
  Inline(so);
  In("PU. 1:6(5) ack 1 urg 3");
  EXPECT_EQ(so.rcv.cc, 5u);
  EXPECT_EQ(Oob(so), "EINVAL");
  EXPECT_EQ(Get(so), "1-2");
  EXPECT_TRUE(AtMark(so));
  EXPECT_EQ(Get(so), "3-5");
}

TEST_F(TcpOob, PeekingStopsAtTheMarkAndMovesNothing) {
  Socket& so = Established();
  Inline(so);
  In("PU. 1:6(5) ack 1 urg 3");
  EXPECT_EQ(Get(so, 256, kMsgPeek), "1-2");
  EXPECT_EQ(so.oobmark, 2u);
  EXPECT_EQ(Get(so), "1-2");
}

TEST_F(TcpOob, AMarkAtTheFrontIsThereAtOnce) {
  Socket& so = Established();
  In("PU. 1:2(1) ack 1 urg 1");
  EXPECT_TRUE(AtMark(so));
  EXPECT_TRUE(soexceptional(so));
  EXPECT_EQ(so.oobmark, 0u);
  EXPECT_EQ(so.rcv.cc, 0u);
  EXPECT_EQ(Oob(so), "1");
  In("P. 2:4(2) ack 1");
  EXPECT_EQ(Get(so), "2-3");
  EXPECT_FALSE(soexceptional(so));
  EXPECT_EQ(Oob(so), "EINVAL");
}

TEST_F(TcpOob, WhatIsAnnouncedAndHasNotComeWouldBlock) {
  Socket& so = Established();
  In("U. 1:4(3) ack 1 urg 6");
  EXPECT_EQ(so.oobmark, 5u);
  EXPECT_TRUE(soexceptional(so));
  EXPECT_EQ(Oob(so), "EWOULDBLOCK");
  EXPECT_EQ(Get(so), "1-3");
  EXPECT_EQ(so.oobmark, 2u);
  // The segment that has the byte announces it again.
  In("PU. 4:9(5) ack 1 urg 3");
  EXPECT_EQ(Oob(so), "6");
  EXPECT_EQ(Get(so), "4-5");
  EXPECT_TRUE(AtMark(so));
  EXPECT_EQ(Get(so), "7-8");
}

TEST_F(TcpOob, APointerWithoutDataAnnounces) {
  Socket& so = Established();
  In("U. 1:1(0) ack 1 urg 5");
  EXPECT_EQ(so.oobmark, 4u);
  EXPECT_TRUE(soexceptional(so));
}

TEST_F(TcpOob, ALaterMarkReplacesTheEarlier) {
  Socket& so = Established();
  In("PU. 1:4(3) ack 1 urg 3");
  In("PU. 4:8(4) ack 1 urg 2");
  EXPECT_EQ(Oob(so), "5") << "the byte of the later mark";
  EXPECT_EQ(Get(so), "1-2,4");
  EXPECT_TRUE(AtMark(so));
  EXPECT_EQ(Get(so), "6-7");
}

TEST_F(TcpOob, TheSameMarkAgainChangesNothing) {
  Socket& so = Established();
  In("PU. 1:4(3) ack 1 urg 3");
  EXPECT_EQ(Oob(so), "3");
  In("PU. 1:4(3) ack 1 urg 3");
  EXPECT_EQ(Oob(so), "EINVAL");
  EXPECT_EQ(Get(so), "1-2");
}

TEST_F(TcpOob, ARetransmissionMayAnnounceWhatFollows) {
  Socket& so = Established();
  In("P. 1:4(3) ack 1");
  In("PU. 1:4(3) ack 1 urg 6");
  EXPECT_EQ(so.oobmark, 5u);
  In("PU. 2:7(5) ack 1 urg 5");
  EXPECT_EQ(Oob(so), "6");
  EXPECT_EQ(Get(so), "1-5");
}

TEST_F(TcpOob, APointerOfNothingIsNone) {
  Socket& so = Established();
  In("PU. 1:4(3) ack 1 urg 0");
  EXPECT_FALSE(soexceptional(so));
  EXPECT_EQ(Get(so), "1-3");
}

TEST_F(TcpOob, APointerBeyondTheLargestBufferIsNoMark) {
  Socket& so = Established();
  ns_.settings.sb_max = 40'000;
  In("U. 1:101(100) ack 1 urg 40001");
  EXPECT_FALSE(soexceptional(so));
  In("U. 101:101(0) ack 1 urg 39900");
  EXPECT_EQ(so.oobmark, 100u + 39'900u - 1u);
}

TEST_F(TcpOob, AfterTheFinNothingIsUrgent) {
  Socket& so = Established();
  In("FU. 1:4(3) ack 1 urg 2");
  EXPECT_EQ(so.oobmark, 1u);
  EXPECT_EQ(Get(so), "1");
  EXPECT_EQ(Get(so), "3");
  In("U. 5:5(0) ack 1 urg 9");
  EXPECT_FALSE(soexceptional(so));
}

// Out of order the byte is to be had at once, and leaves the stream when the
// gap closes.
TEST_F(TcpOob, OutOfOrderTheByteComesBeforeWhatPrecedesIt) {
  Socket& so = Established();
  In("PU. 5:9(4) ack 1 urg 2");
  EXPECT_EQ(so.oobmark, 5u);
  EXPECT_EQ(Oob(so), "6");
  EXPECT_EQ(Oob(so), "EINVAL");
  In("P. 1:5(4) ack 1");
  EXPECT_EQ(Oob(so), "EINVAL");
  EXPECT_EQ(Get(so), "1-5");
  EXPECT_TRUE(AtMark(so));
  EXPECT_EQ(Get(so), "7-8");
  sbcheck(so.rcv);
}

TEST_F(TcpOob, OutOfOrderMarksEachTakeTheirByte) {
  Socket& so = Established();
  In("PU. 5:9(4) ack 1 urg 2");
  In("PU. 9:13(4) ack 1 urg 3");
  EXPECT_EQ(Oob(so), "11");
  In("P. 1:5(4) ack 1");
  EXPECT_EQ(Get(so), "1-5,7-10");
  EXPECT_TRUE(AtMark(so));
  EXPECT_EQ(Get(so), "12");
}

TEST_F(TcpOob, OverlappingCopiesAgreeOnTheByte) {
  Socket& so = Established();
  In("P. 5:9(4) ack 1");          // a copy that says nothing of it
  In("PU. 5:11(6) ack 1 urg 2");  // is told
  In("P. 3:7(4) ack 1");          // one that takes its place learns
  EXPECT_EQ(Oob(so), "6");
  In("P. 1:3(2) ack 1");
  EXPECT_EQ(Get(so), "1-5");
  EXPECT_TRUE(AtMark(so));
  EXPECT_EQ(Get(so), "7-10");
  sbcheck(so.rcv);
}

TEST_F(TcpOob, AByteInTheMiddleOfAClusterLeavesTheRestWhole) {
  Socket& so = Established();
  In("PU. 1:201(200) ack 1 urg 100");
  EXPECT_EQ(Get(so), "1-99");
  EXPECT_EQ(Get(so), "101-200");
  sbcheck(so.rcv);
}

TEST_F(TcpOob, ShutDownForReadingForgetsTheMark) {
  Socket& so = Established();
  In("PU. 1:4(3) ack 1 urg 3");
  EXPECT_EQ(soshutdown(so, Shut::kRead), kOk);
  EXPECT_EQ(so.oobmark, 0u);
  EXPECT_EQ(Get(so), "");
}

TEST_F(TcpOob, OnAConnectionThatIsGoneItsErrorComesOnce) {
  Socket& so = Established();
  In("PU. 1:4(3) ack 1 urg 3");
  In("R. 4:4(0) ack 1");
  EXPECT_EQ(Oob(so), "ECONNRESET");
  EXPECT_EQ(Oob(so), "EINVAL");
}

// --------------------------------------------------------------------- sending

TEST_F(TcpOob, TheLastByteSentIsTheUrgentOne) {
  Socket& so = Established();
  ASSERT_EQ(SendOob(so, 0, 3), kOk);
  EXPECT_EQ(AllOut(), "PU. 1:4(3) ack 1 win 16384 urg 3");
  ASSERT_EQ(SendOob(so, 3, 1), kOk);  // Nagle does not hold it back
  EXPECT_EQ(AllOut(), "PU. 4:5(1) ack 1 win 16384 urg 1");
}

TEST_F(TcpOob, EverySegmentUpToTheByteAnnouncesIt) {
  Socket& so = Established("mss 100");
  ASSERT_EQ(SendOob(so, 0, 250), kOk);
  EXPECT_EQ(AllOut(),
            "U. 1:101(100) ack 1 win 16384 urg 250; "
            "U. 101:201(100) ack 1 win 16384 urg 150; "
            "PU. 201:251(50) ack 1 win 16384 urg 50");
  In(". 1:1(0) ack 251");
  Run(1s);
  AllOut();
  // Once acknowledged it is urgent no more.
  In("P. 1:2(1) ack 251");
  Run(1s);
  EXPECT_EQ(AllOut(), ". 251:251(0) ack 2 win 16383");
}

TEST_F(TcpOob, AClosedWindowIsToldOfUrgentDataAtOnce) {
  Socket& so = Established("mss 1460", 0);
  ASSERT_EQ(SendOob(so, 0, 3), kOk);
  const std::string out = AllOut();
  EXPECT_NE(out.find("urg 3"), std::string::npos) << out;
}

TEST_F(TcpOob, FurtherThanThePointerReachesItPointsAsFarAsItCan) {
  Socket& so = Established("mss 1460", 1000);
  ASSERT_TRUE(sbreserve(so.snd, 200'000, 2'000'000));
  ASSERT_EQ(Send(so, 70'000), kOk);
  AllOut();
  ASSERT_EQ(SendOob(so, 70'000, 1), kOk);
  AllOut();
  In(". 1:1(0) ack 1001 win 1000");
  EXPECT_EQ(Out(), "U. 1001:2001(1000) ack 1 win 16384 urg 65535");
  for (uint32_t ack = 2001; ack < 6001; ack += 1000) {
    In(". 1:1(0) ack " + std::to_string(ack) + " win 1000");
  }
  EXPECT_NE(AllOut().find("U. 5001:6001(1000) ack 1 win 16384 urg 65001"),
            std::string::npos);
}

// A thousand bytes more than the buffer holds: room is made for what is urgent.
TEST_F(TcpOob, TheBufferHasAThousandBytesMoreForUrgentData) {
  Socket& so = Established("mss 1460", 0);
  ASSERT_TRUE(sbreserve(so.snd, 4096, 100'000));
  ASSERT_EQ(Send(so, 4096), kOk);
  EXPECT_EQ(Send(so, 1), kEWOULDBLOCK);
  EXPECT_EQ(SendOob(so, 4096, 1), kOk);
  EXPECT_EQ(so.snd.cc, 4097u);
}

}  // namespace
}  // namespace splnet
