// soreceive and the calls above it: what is returned, and when they wait.

#include "tests/sockets/fixture.h"

namespace splnet {
namespace {

using Soreceive = SocketsTest;

// Sends from soft-interrupt context, as a protocol delivers.
void Deliver(SocketsTest& t, const Socket& so, std::string text) {
  MbufPtr m = m_gethdr(t.ns.mbufs, MWait::kWait);
  CHECK(m_copyback(*m, 0, text.data(), text.size(), MWait::kWait) == kOk);
  Socket& to = *FakeNet::PcbOf(so).peer->so;
  sbappendstream(to.rcv, std::move(m));
  sorwakeup(to);
}

TEST_F(Soreceive, AReadSleepsUntilDataComes) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    Socket* const writer = p.files().Get(fds[1])->so.get();
    t.After(2 * kMillisecond, [&t, writer] { Deliver(t, *writer, "late"); });
    std::array<std::byte, 16> buf;
    const Result<size_t> n = co_await p.read(fds[0], buf);
    EXPECT_EQ(Text(std::span(buf).first(n.value)), "late");
    EXPECT_EQ(t.ms(), 2);
    co_return 0;
  });
}

TEST_F(Soreceive, AReadReturnsWhatIsThere) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    Result<size_t> n = co_await p.write(fds[1], Bytes("abc"));
    n = co_await p.write(fds[1], Bytes("defg"));
    std::array<std::byte, 5> buf;
    n = co_await p.read(fds[0], buf);
    EXPECT_EQ(Text(std::span(buf).first(n.value)), "abcde");
    n = co_await p.read(fds[0], buf);
    EXPECT_EQ(Text(std::span(buf).first(n.value)), "fg");
    sbcheck(p.files().Get(fds[0])->so->rcv);
    co_return 0;
  });
}

TEST_F(Soreceive, EverythingReadIsCountedAsOneCopyout) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    std::vector<std::byte> data(10'000);
    Result<size_t> n = co_await p.write(fds[1], data);
    EXPECT_EQ(n.value, data.size());
    n = co_await p.read(fds[0], data);
    EXPECT_EQ(n.value, data.size());
    EXPECT_EQ(t.ns.ledger.bytes(CopyKind::kCopyin), 10'000u);
    EXPECT_EQ(t.ns.ledger.bytes(CopyKind::kCopyout), 10'000u);
    co_return 0;
  });
}

TEST_F(Soreceive, NonBlockingReadsOfNothingWouldBlock) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    std::array<std::byte, 4> buf;
    Result<size_t> n = co_await p.recv(fds[0], buf, kMsgDontWait);
    EXPECT_EQ(n.error, kEWOULDBLOCK);
    const Result<int> set = co_await p.fcntl(fds[0], kFSetfl, kONonblock);
    EXPECT_EQ(set.error, kOk);
    n = co_await p.read(fds[0], buf);
    EXPECT_EQ(n.error, kEWOULDBLOCK);
    co_return 0;
  });
}

TEST_F(Soreceive, TheReceiveTimeoutGivesWouldBlock) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    const Errno set = co_await p.settimeo(fds[0], kSO_RCVTIMEO, kSecond);
    EXPECT_EQ(set, kOk);
    std::array<std::byte, 4> buf;
    const Result<size_t> n = co_await p.read(fds[0], buf);
    EXPECT_EQ(n.error, kEWOULDBLOCK);
    EXPECT_EQ(t.ms(), 1000);
    co_return 0;
  });
}

TEST_F(Soreceive, EndOfFileComesAfterTheData) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    Result<size_t> n = co_await p.write(fds[1], Bytes("last"));
    const Errno shut = co_await p.shutdown(fds[1], Shut::kWrite);
    EXPECT_EQ(shut, kOk);
    std::array<std::byte, 16> buf;
    n = co_await p.read(fds[0], buf);
    EXPECT_EQ(n.value, 4u);
    for (int i = 0; i < 2; ++i) {
      n = co_await p.read(fds[0], buf);
      EXPECT_EQ(n.error, kOk);
      EXPECT_EQ(n.value, 0u);
    }
    co_return 0;
  });
}

TEST_F(Soreceive, APendingErrorComesAfterTheDataAndOnce) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    Result<size_t> n = co_await p.write(fds[1], Bytes("data"));
    Socket& so = *p.files().Get(fds[0])->so;
    so.error = kECONNRESET;
    std::array<std::byte, 16> buf;
    n = co_await p.read(fds[0], buf);
    EXPECT_EQ(n.value, 4u);
    n = co_await p.recv(fds[0], buf, kMsgPeek);
    EXPECT_EQ(n.error, kECONNRESET);
    n = co_await p.read(fds[0], buf);
    EXPECT_EQ(n.error, kECONNRESET);
    n = co_await p.recv(fds[0], buf, kMsgDontWait);
    EXPECT_EQ(n.error, kEWOULDBLOCK);
    co_return 0;
  });
}

TEST_F(Soreceive, AnErrorWakesASleepingReader) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    Socket* const so = p.files().Get(fds[1])->so.get();
    t.After(kMillisecond,
            [so] { FakeNet::Break(FakeNet::PcbOf(*so), kECONNRESET); });
    std::array<std::byte, 16> buf;
    const Result<size_t> n = co_await p.read(fds[0], buf);
    EXPECT_EQ(n.error, kECONNRESET);
    EXPECT_EQ(t.ms(), 1);
    co_return 0;
  });
}

TEST_F(Soreceive, AnUnconnectedStreamIsNotConnected) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const int fd = p.Install(t.net.Stream()).value;
    std::array<std::byte, 4> buf;
    const Result<size_t> n = co_await p.read(fd, buf);
    EXPECT_EQ(n.error, kENOTCONN);
    co_return 0;
  });
}

TEST_F(Soreceive, AReadOfNothingReturnsAtOnce) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    const Result<size_t> n = co_await p.read(fds[0], kNoBytes);
    EXPECT_EQ(n.error, kOk);
    EXPECT_EQ(n.value, 0u);
    co_return 0;
  });
}

TEST_F(Soreceive, PeekLeavesTheData) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    Result<size_t> n = co_await p.write(fds[1], Bytes("peek"));
    std::array<std::byte, 16> buf;
    for (int i = 0; i < 2; ++i) {
      n = co_await p.recv(fds[0], buf, kMsgPeek);
      EXPECT_EQ(Text(std::span(buf).first(n.value)), "peek");
    }
    EXPECT_EQ(t.net.rcvds, 0u);
    n = co_await p.read(fds[0], buf);
    EXPECT_EQ(n.value, 4u);
    EXPECT_EQ(t.net.rcvds, 1u);
    sbcheck(p.files().Get(fds[0])->so->rcv);
    co_return 0;
  });
}

TEST_F(Soreceive, WaitAllWaitsForTheWholeRequest) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    Socket* const writer = p.files().Get(fds[1])->so.get();
    for (int i = 1; i <= 4; ++i) {
      t.After(i * kMillisecond, [&t, writer] { Deliver(t, *writer, "ab"); });
    }
    std::array<std::byte, 8> buf;
    const Result<size_t> n = co_await p.recv(fds[0], buf, kMsgWaitAll);
    EXPECT_EQ(Text(std::span(buf).first(n.value)), "abababab");
    EXPECT_EQ(t.ms(), 4);
    co_return 0;
  });
}

// More than the buffer holds can only be taken in pieces.
TEST_F(Soreceive, WaitAllFillsMoreThanTheBufferHolds) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    SpawnOptions options;
    options.parent = &p;
    options.inherit = {fds[1]};
    t.procs.Spawn(
        options,
        +[](Process& child, int fd) -> Task<int> {
          const std::vector<std::byte> data(50'000, std::byte{7});
          const Result<size_t> n = co_await child.write(fd, data);
          EXPECT_EQ(n.value, data.size());
          co_return 0;
        },
        fds[1]);
    std::vector<std::byte> buf(50'000);
    const Result<size_t> n = co_await p.recv(fds[0], buf, kMsgWaitAll);
    EXPECT_EQ(n.value, 50'000u);
    EXPECT_EQ(buf.back(), std::byte{7});
    co_return 0;
  });
}

TEST_F(Soreceive, WaitAllReturnsWhatCameBeforeTheEnd) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    Result<size_t> n = co_await p.write(fds[1], Bytes("abc"));
    Socket* const writer = p.files().Get(fds[1])->so.get();
    t.After(kMillisecond,
            [writer] { socantrcvmore(*FakeNet::PcbOf(*writer).peer->so); });
    std::array<std::byte, 8> buf;
    n = co_await p.recv(fds[0], buf, kMsgWaitAll);
    EXPECT_EQ(n.error, kOk);
    EXPECT_EQ(n.value, 3u);
    co_return 0;
  });
}

TEST_F(Soreceive, WaitAllThatIsInterruptedReturnsWhatItHas) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    const Errno set = co_await p.signal(kSIGALRM, SignalAction::kCatch);
    EXPECT_EQ(set, kOk);
    std::vector<std::byte> big(20'000);
    Result<size_t> n = co_await p.write(fds[1], std::span(big).first(10'000));
    const Nanoseconds left = co_await p.alarm(kMillisecond);
    EXPECT_EQ(left, Nanoseconds(0));
    n = co_await p.recv(fds[0], big, kMsgWaitAll);
    EXPECT_EQ(n.error, kOk);
    EXPECT_EQ(n.value, 10'000u);
    co_return 0;
  });
}

TEST_F(Soreceive, TheLowWaterMarkHoldsAReaderBack) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    const Errno set =
        co_await p.setsockopt(fds[0], kSOL_SOCKET, kSO_RCVLOWAT, 4);
    EXPECT_EQ(set, kOk);
    Result<size_t> n = co_await p.write(fds[1], Bytes("ab"));
    Socket* const writer = p.files().Get(fds[1])->so.get();
    t.After(kMillisecond, [&t, writer] { Deliver(t, *writer, "cd"); });
    std::array<std::byte, 16> buf;
    n = co_await p.read(fds[0], buf);
    EXPECT_EQ(n.value, 4u);
    EXPECT_EQ(t.ms(), 1);
    n = co_await p.write(fds[1], Bytes("ef"));
    n = co_await p.recv(fds[0], buf, kMsgDontWait);
    EXPECT_EQ(n.value, 2u);
    co_return 0;
  });
}

TEST_F(Soreceive, ReadvFillsThePiecesInOrder) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    Result<size_t> n = co_await p.write(fds[1], Bytes("abcdefgh"));
    std::array<std::byte, 3> first;
    std::array<std::byte, 8> second;
    const std::array<IoVec, 3> iov = {IoVec{first.data(), first.size()},
                                      IoVec{},
                                      IoVec{second.data(), second.size()}};
    n = co_await p.readv(fds[0], iov);
    EXPECT_EQ(n.value, 8u);
    EXPECT_EQ(Text(first), "abc");
    EXPECT_EQ(Text(std::span(second).first(5)), "defgh");
    co_return 0;
  });
}

TEST_F(Soreceive, TooManyPiecesAndTooManyBytesAreInvalid) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    const std::vector<IoVec> many(kIovMax + 1);
    Result<size_t> n = co_await p.readv(fds[0], many);
    EXPECT_EQ(n.error, kEINVAL);
    n = co_await p.writev(fds[0], many);
    EXPECT_EQ(n.error, kEINVAL);
    std::byte b{};
    const std::array<IoVec, 2> huge = {IoVec{&b, SIZE_MAX / 2}, IoVec{&b, 1}};
    n = co_await p.readv(fds[0], huge);
    EXPECT_EQ(n.error, kEINVAL);
    co_return 0;
  });
}

// ------------------------------------------------------------------ datagrams

// A datagram socket on `port` of `p`.
int Bound(Process& p, SocketsTest& t, uint16_t port) {
  const int fd = p.Install(t.net.Datagram()).value;
  CHECK(sys_bind(p, fd, Sockaddr(kInaddrLoopback, port)) == kOk);
  return fd;
}

TEST_F(Soreceive, ADatagramComesWholeAndWithItsSender) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const int a = Bound(p, t, 1);
    const int b = Bound(p, t, 2);
    const Sockaddr to(kInaddrLoopback, 2);
    Result<size_t> n = co_await p.sendto(a, Bytes("one"), 0, to);
    EXPECT_EQ(n.value, 3u);
    n = co_await p.sendto(a, Bytes("two!"), 0, to);
    std::array<std::byte, 16> buf;
    Sockaddr from;
    n = co_await p.recvfrom(b, buf, 0, &from);
    EXPECT_EQ(Text(std::span(buf).first(n.value)), "one");
    EXPECT_EQ(from, Sockaddr(kInaddrLoopback, 1));
    n = co_await p.recvfrom(b, buf, 0, nullptr);
    EXPECT_EQ(Text(std::span(buf).first(n.value)), "two!");
    co_return 0;
  });
}

TEST_F(Soreceive, WhatDoesNotFitOfADatagramIsLostAndTold) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const int a = Bound(p, t, 1);
    const int b = Bound(p, t, 2);
    const Sockaddr to(kInaddrLoopback, 2);
    Result<size_t> n = co_await p.sendto(a, Bytes("0123456789"), 0, to);
    n = co_await p.sendto(a, Bytes("next"), 0, to);
    std::array<std::byte, 4> buf;
    const std::array<IoVec, 1> iov = {IoVec{buf.data(), buf.size()}};
    MsgHdr msg;
    msg.iov = iov;
    n = co_await p.recvmsg(b, &msg, kMsgPeek);
    EXPECT_EQ(n.value, 4u);
    EXPECT_EQ(msg.flags, kMsgTrunc);
    n = co_await p.recvmsg(b, &msg, 0);
    EXPECT_EQ(Text(buf), "0123");
    EXPECT_EQ(msg.flags, kMsgTrunc);
    EXPECT_EQ(msg.name, Sockaddr(kInaddrLoopback, 1));
    n = co_await p.recvmsg(b, &msg, 0);
    EXPECT_EQ(Text(buf), "next");
    EXPECT_EQ(msg.flags, 0);
    sbcheck(p.files().Get(b)->so->rcv);
    co_return 0;
  });
}

TEST_F(Soreceive, AnEmptyDatagramIsReceived) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const int a = Bound(p, t, 1);
    const int b = Bound(p, t, 2);
    const Sockaddr to(kInaddrLoopback, 2);
    Result<size_t> n = co_await p.sendto(a, kNoBytes, 0, to);
    EXPECT_EQ(n.error, kOk);
    std::array<std::byte, 4> buf;
    Sockaddr from;
    n = co_await p.recvfrom(b, buf, 0, &from);
    EXPECT_EQ(n.error, kOk);
    EXPECT_EQ(n.value, 0u);
    EXPECT_EQ(from.port, 1);
    n = co_await p.recv(b, buf, kMsgDontWait);
    EXPECT_EQ(n.error, kEWOULDBLOCK);
    co_return 0;
  });
}

TEST_F(Soreceive, ALargeDatagramComesBackByteForByte) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const int a = Bound(p, t, 1);
    const int b = Bound(p, t, 2);
    const Sockaddr to(kInaddrLoopback, 2);
    std::vector<std::byte> data(9000);
    for (size_t i = 0; i < data.size(); ++i) data[i] = std::byte(i * 7);
    Result<size_t> n = co_await p.sendto(a, data, 0, to);
    std::vector<std::byte> got(10'000);
    n = co_await p.recv(b, got, 0);
    got.resize(n.value);
    EXPECT_TRUE(got == data);
    co_return 0;
  });
}

TEST_F(Soreceive, ControlIsGivenToRecvmsgAndDroppedOtherwise) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const int a = Bound(p, t, 1);
    const int b = Bound(p, t, 2);
    std::array<std::byte, 4> payload = {};
    std::array<std::byte, 6> control = {};
    control[5] = std::byte{9};
    const std::array<IoVec, 1> iov = {IoVec{payload.data(), payload.size()}};
    MsgHdr out;
    out.name = Sockaddr(kInaddrLoopback, 2);
    out.iov = iov;
    out.control = control;
    Result<size_t> n = kOk;
    for (int i = 0; i < 3; ++i) n = co_await p.sendmsg(a, &out, 0);
    EXPECT_EQ(n.error, kOk);
    n = co_await p.recv(b, payload, 0);
    EXPECT_EQ(n.value, 4u);
    std::array<std::byte, 16> room = {};
    MsgHdr in;
    in.iov = iov;
    in.control = room;
    n = co_await p.recvmsg(b, &in, 0);
    EXPECT_EQ(n.value, 4u);
    EXPECT_EQ(in.controllen, 6u);
    EXPECT_EQ(room[5], std::byte{9});
    in.control = std::span(room).first(2);
    n = co_await p.recvmsg(b, &in, 0);
    EXPECT_EQ(in.controllen, 2u);
    EXPECT_EQ(in.flags, kMsgCTrunc);
    co_return 0;
  });
}

// ----------------------------------------------------------------- urgent data

TEST_F(Soreceive, AReadStopsAtTheUrgentMark) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    Result<size_t> n = co_await p.write(fds[1], Bytes("normal"));
    n = co_await p.send(fds[1], Bytes("X"), kMsgOob);
    EXPECT_EQ(t.net.oob_sends, 1u);
    n = co_await p.write(fds[1], Bytes("after"));
    std::array<std::byte, 32> buf;
    n = co_await p.recv(fds[0], buf, kMsgPeek);
    EXPECT_EQ(n.value, 7u);
    n = co_await p.read(fds[0], buf);
    EXPECT_EQ(Text(std::span(buf).first(n.value)), "normalX");
    Result<bool> mark = co_await p.sockatmark(fds[0]);
    EXPECT_TRUE(mark.value);
    n = co_await p.read(fds[0], buf);
    EXPECT_EQ(Text(std::span(buf).first(n.value)), "after");
    mark = co_await p.sockatmark(fds[0]);
    EXPECT_FALSE(mark.value);
    co_return 0;
  });
}

TEST_F(Soreceive, OutOfBandDataComesFromTheProtocol) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    std::array<std::byte, 4> buf;
    Result<size_t> n = co_await p.recv(fds[0], buf, kMsgOob);
    EXPECT_EQ(n.value, 1u);
    EXPECT_EQ(buf[0], std::byte{'!'});
    const int datagram = Bound(p, t, 1);
    n = co_await p.recv(datagram, buf, kMsgOob);
    EXPECT_EQ(n.error, kEOPNOTSUPP);
    co_return 0;
  });
}

// ---------------------------------------------------------------------
// splicing

TEST_F(Soreceive, ASplicedBufferIsEmptyToAReader) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    Result<size_t> n = co_await p.write(fds[1], Bytes("spliced"));
    Socket& so = *p.files().Get(fds[0])->so;
    so.rcv.flags |= kSbSplice;
    std::array<std::byte, 16> buf;
    n = co_await p.recv(fds[0], buf, kMsgDontWait);
    EXPECT_EQ(n.error, kEWOULDBLOCK);
    so.error = kETIMEDOUT;
    n = co_await p.recv(fds[0], buf, kMsgDontWait);
    EXPECT_EQ(n.error, kETIMEDOUT);
    so.rcv.flags &= static_cast<uint16_t>(~kSbSplice);
    n = co_await p.read(fds[0], buf);
    EXPECT_EQ(n.value, 7u);
    co_return 0;
  });
}

}  // namespace
}  // namespace splnet
