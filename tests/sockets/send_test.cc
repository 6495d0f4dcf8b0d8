// sosend and the calls above it: errors in BSD's order, space, mbufs.

#include "tests/sockets/fixture.h"

namespace splnet {
namespace {

using Sosend = SocketsTest;

Task<int> ReadSlowly(Process& p, SocketsTest* t, int fd) {
  std::vector<std::byte> buf(4096);
  for (;;) {
    const Errno slept = co_await p.nanosleep(kMillisecond);
    if (slept != kOk) co_return 1;
    const Result<size_t> n = co_await p.read(fd, buf);
    if (!n.ok() || n.value == 0) co_return 0;
    t->count += static_cast<int>(n.value);
  }
}

TEST_F(Sosend, ABlockingWriteWaitsUntilAllIsTaken) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    SpawnOptions options;
    options.parent = &p;
    options.inherit = {fds[0]};
    t.procs.Spawn(options, ReadSlowly, &t, fds[0]);
    const std::vector<std::byte> data(100'000);
    const Result<size_t> n = co_await p.write(fds[1], data);
    EXPECT_EQ(n.error, kOk);
    EXPECT_EQ(n.value, data.size());
    EXPECT_GT(t.ms(), 10);
    co_return 0;
  });
  EXPECT_EQ(count, 100'000);
}

TEST_F(Sosend, ANonBlockingWriteTakesWhatFits) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    t.net.holds_data = true;
    const std::vector<std::byte> data(100'000);
    Result<size_t> n = co_await p.send(fds[1], data, kMsgDontWait);
    EXPECT_EQ(n.value, 16384u);
    n = co_await p.send(fds[1], data, kMsgDontWait);
    EXPECT_EQ(n.error, kEWOULDBLOCK);
    co_return 0;
  });
}

// A stream writer waits for the low-water mark, not for a few bytes.
TEST_F(Sosend, LittleSpaceIsNoSpaceForALargeWrite) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    t.net.holds_data = true;
    const std::vector<std::byte> data(16384 - 1000);
    Result<size_t> n = co_await p.write(fds[1], data);
    EXPECT_EQ(n.value, data.size());
    n = co_await p.send(fds[1], data, kMsgDontWait);
    EXPECT_EQ(n.error, kEWOULDBLOCK);
    n = co_await p.send(fds[1], std::span(data).first(1000), kMsgDontWait);
    EXPECT_EQ(n.value, 1000u);
    co_return 0;
  });
}

TEST_F(Sosend, TheSendTimeoutReturnsWhatWasTaken) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    t.net.holds_data = true;
    const Errno set = co_await p.settimeo(fds[1], kSO_SNDTIMEO, kSecond);
    EXPECT_EQ(set, kOk);
    const std::vector<std::byte> data(20'000);
    Result<size_t> n = co_await p.write(fds[1], data);
    EXPECT_EQ(n.error, kOk);
    EXPECT_EQ(n.value, 16384u);
    EXPECT_EQ(t.ms(), 1000);
    n = co_await p.write(fds[1], data);
    EXPECT_EQ(n.error, kEWOULDBLOCK);
    EXPECT_EQ(t.ms(), 2000);
    co_return 0;
  });
}

TEST_F(Sosend, ASignalReturnsWhatWasTaken) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    t.net.holds_data = true;
    const Errno set = co_await p.signal(kSIGALRM, SignalAction::kCatch);
    EXPECT_EQ(set, kOk);
    Nanoseconds left = co_await p.alarm(kMillisecond);
    const std::vector<std::byte> data(20'000);
    Result<size_t> n = co_await p.write(fds[1], data);
    EXPECT_EQ(n.value, 16384u);
    left = co_await p.alarm(kMillisecond);
    EXPECT_EQ(left, Nanoseconds(0));
    n = co_await p.write(fds[1], data);
    EXPECT_EQ(n.error, kEINTR);
    co_return 0;
  });
}

// ---------------------------------------------------------------------- errors

TEST_F(Sosend, WritingAfterShutdownIsABrokenPipe) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    Errno error = co_await p.shutdown(fds[0], Shut::kWrite);
    EXPECT_EQ(error, kOk);
    error = co_await p.signal(kSIGPIPE, SignalAction::kCatch);
    EXPECT_EQ(error, kOk);
    Result<size_t> n = co_await p.send(fds[0], Bytes("x"), kMsgNoSignal);
    EXPECT_EQ(n.error, kEPIPE);
    EXPECT_FALSE(p.TookSignal(kSIGPIPE));
    n = co_await p.write(fds[0], Bytes("x"));
    EXPECT_EQ(n.error, kEPIPE);
    EXPECT_TRUE(p.TookSignal(kSIGPIPE));
    co_return 0;
  });
}

TEST_F(Sosend, ABrokenPipeEndsAProcessByDefault) {
  const Process& p = Start([](Process& self, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(self);
    const Errno error = co_await self.shutdown(fds[0], Shut::kWrite);
    EXPECT_EQ(error, kOk);
    const Result<size_t> n = co_await self.write(fds[0], Bytes("x"));
    t.log.push_back(errno_name(n.error));
    co_return 0;
  });
  Run();
  EXPECT_EQ(p.exit_status(), (ExitStatus{.signal = kSIGPIPE}));
  EXPECT_TRUE(log.empty());
  EXPECT_EQ(ns.sockets_in_use, 0u);
}

TEST_F(Sosend, AnIgnoredSigpipeLeavesTheError) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    Errno error = co_await p.signal(kSIGPIPE, SignalAction::kIgnore);
    error = co_await p.shutdown(fds[0], Shut::kWrite);
    EXPECT_EQ(error, kOk);
    const Result<size_t> n = co_await p.write(fds[0], Bytes("x"));
    EXPECT_EQ(n.error, kEPIPE);
    co_return 0;
  });
}

TEST_F(Sosend, APendingErrorIsReportedOnceAndBeforeNotConnected) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const int fd = p.Install(t.net.Stream()).value;
    p.files().Get(fd)->so->error = kECONNREFUSED;
    Result<size_t> n = co_await p.write(fd, Bytes("x"));
    EXPECT_EQ(n.error, kECONNREFUSED);
    n = co_await p.write(fd, Bytes("x"));
    EXPECT_EQ(n.error, kENOTCONN);
    co_return 0;
  });
}

TEST_F(Sosend, ABrokenPipeComesBeforeAPendingError) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    Socket& so = *p.files().Get(fds[0])->so;
    so.error = kECONNRESET;
    socantsendmore(so);
    const Result<size_t> n = co_await p.send(fds[0], Bytes("x"), kMsgNoSignal);
    EXPECT_EQ(n.error, kEPIPE);
    EXPECT_EQ(so.error, kECONNRESET);
    co_return 0;
  });
}

TEST_F(Sosend, ADatagramNeedsADestination) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const int fd = p.Install(t.net.Datagram()).value;
    const Result<size_t> n = co_await p.write(fd, Bytes("x"));
    EXPECT_EQ(n.error, kEDESTADDRREQ);
    co_return 0;
  });
}

TEST_F(Sosend, ADatagramLargerThanTheBufferIsTooLong) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const int fd = p.Install(t.net.Datagram()).value;
    const Errno error = co_await p.connect(fd, Sockaddr(kInaddrLoopback, 9));
    EXPECT_EQ(error, kOk);
    const std::vector<std::byte> data(16385);
    const Result<size_t> n = co_await p.write(fd, data);
    EXPECT_EQ(n.error, kEMSGSIZE);
    EXPECT_EQ(t.net.sends, 0u);
    co_return 0;
  });
}

TEST_F(Sosend, EndOfRecordIsInvalidOnAStream) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    const Result<size_t> n = co_await p.send(fds[0], Bytes("x"), kMsgEor);
    EXPECT_EQ(n.error, kEINVAL);
    co_return 0;
  });
}

TEST_F(Sosend, WhatTheProtocolSaysIsReturned) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    t.net.send_error = kENOBUFS;
    const Result<size_t> n = co_await p.write(fds[0], Bytes("x"));
    EXPECT_EQ(n.error, kENOBUFS);
    co_return 0;
  });
}

TEST_F(Sosend, ADatagramSocketHasNoUrgentData) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const int fd = p.Install(t.net.Datagram()).value;
    const Sockaddr to(kInaddrLoopback, 9);
    const Result<size_t> n = co_await p.sendto(fd, Bytes("x"), kMsgOob, to);
    EXPECT_EQ(n.error, kEOPNOTSUPP);
    co_return 0;
  });
}

TEST_F(Sosend, DontrouteHoldsForOneMessage) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const int fd = p.Install(t.net.Datagram()).value;
    const Errno error = co_await p.connect(fd, Sockaddr(kInaddrLoopback, 9));
    EXPECT_EQ(error, kOk);
    Result<size_t> n = co_await p.send(fd, Bytes("x"), kMsgDontRoute);
    n = co_await p.send(fd, Bytes("x"), 0);
    EXPECT_EQ(t.net.dontroute_sends, 1);
    EXPECT_EQ(n.error, kEHOSTUNREACH);
    co_return 0;
  });
}

// ----------------------------------------------------------------------- mbufs

TEST_F(Sosend, AMessageLeavesRoomForHeadersInFront) {
  for (const size_t size : {0, 1, 64, 65, 143, 300, 1400, 9000, 16000}) {
    SCOPED_TRACE(size);
    IoVec piece;
    std::vector<std::byte> data(size);
    piece = IoVec{data.data(), data.size()};
    Uio uio(std::span<const IoVec>(&piece, 1));
    const MbufPtr m = m_getuio(ns, true, 65536, uio, nullptr);
    EXPECT_GE(m_leadingspace(*m), kMaxHdr);
    EXPECT_EQ(m->pkthdr.len, size);
    EXPECT_EQ(m_length(*m), size);
    EXPECT_EQ(m->next, nullptr);
  }
}

TEST_F(Sosend, ALargeWriteGoesIntoLargeClusters) {
  std::vector<std::byte> data(100'000);
  for (size_t i = 0; i < data.size(); ++i) data[i] = std::byte(i * 13);
  const IoVec piece{data.data(), data.size()};
  Uio uio(std::span<const IoVec>(&piece, 1));
  const MbufPtr m = m_getuio(ns, false, 100'000, uio, nullptr);
  EXPECT_EQ(m->len, 65536u);
  EXPECT_EQ(m->next->len, 34464u);
  EXPECT_EQ(m->next->next, nullptr);
  std::vector<std::byte> copy(data.size());
  m_copydata(*m, 0, copy.size(), copy.data());
  EXPECT_TRUE(copy == data);
}

TEST_F(Sosend, WithoutClustersItGoesOnWithSmallMbufs) {
  ns.mbufs.set_limit_bytes(8 * kMsize);
  const std::vector<std::byte> data(1000);
  const IoVec piece{const_cast<std::byte*>(data.data()), data.size()};
  Uio uio(std::span<const IoVec>(&piece, 1));
  const MbufPtr m = m_getuio(ns, false, 1000, uio, nullptr);
  EXPECT_EQ(m_length(*m), 1000u);
  EXPECT_FALSE(m->has(kMExt));
  EXPECT_EQ(ns.mbufs.stats().clusters_in_use, 0u);
}

TEST_F(Sosend, NoMoreIsToComeWithTheLastPiece) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    SpawnOptions options;
    options.parent = &p;
    options.inherit = {fds[0]};
    t.procs.Spawn(options, ReadSlowly, &t, fds[0]);
    const std::vector<std::byte> data(60'000);
    const Result<size_t> n = co_await p.write(fds[1], data);
    EXPECT_EQ(n.value, data.size());
    CO_REQUIRE(t.net.more_to_come.size() > 2);
    EXPECT_FALSE(t.net.more_to_come.back());
    t.net.more_to_come.pop_back();
    for (const bool more : t.net.more_to_come) EXPECT_TRUE(more);
    co_return 0;
  });
}

TEST_F(Sosend, AWriterKilledWhileItWaitsIsNoLongerSending) {
  auto [a, b] = net.Pair();
  held = {a, b};
  net.holds_data = true;
  Process& p = Start([](Process& self, SocketsTest& t) -> Task<int> {
    const int fd = self.Install(t.held[0]).value;
    const std::vector<std::byte> data(60'000);
    const Result<size_t> n = co_await self.write(fd, data);
    co_return static_cast<int>(n.error);
  });
  After(kMillisecond, [&] {
    EXPECT_NE(held[0]->snd.state & kSsIsSending, 0);
    p.PostSignal(kSIGKILL);
  });
  Run();
  EXPECT_TRUE(p.exited());
  EXPECT_EQ(held[0]->snd.state & kSsIsSending, 0);
  EXPECT_EQ(soclose(*held[1]), kOk);
}

TEST_F(Sosend, WritevSendsThePiecesInOrder) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    const std::array<IoVec, 3> iov = {SendPiece(Bytes("ab")), IoVec(),
                                      SendPiece(Bytes("cde"))};
    Result<size_t> n = co_await p.writev(fds[1], iov);
    EXPECT_EQ(n.value, 5u);
    EXPECT_EQ(t.net.sends, 1u);
    std::array<std::byte, 8> buf;
    n = co_await p.read(fds[0], buf);
    EXPECT_EQ(Text(std::span(buf).first(n.value)), "abcde");
    co_return 0;
  });
}

}  // namespace
}  // namespace splnet
