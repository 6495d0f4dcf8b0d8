// ioctl(2), fcntl(2) and the signals SIGIO and SIGURG.

#include "tests/sockets/fixture.h"

namespace splnet {
namespace {

class Ioctl : public SocketsTest {};

TEST_F(Ioctl, FionreadTellsWhatCanBeReadAndSiocatmarkTheMark) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    Result<size_t> n = co_await p.write(fds[1], Bytes("12345"));
    int value = -1;
    Errno e = co_await p.ioctl(fds[0], kFIONREAD, &value);
    EXPECT_EQ(e, kOk);
    EXPECT_EQ(value, 5);
    e = co_await p.ioctl(fds[0], kSIOCATMARK, &value);
    EXPECT_EQ(e, kOk);
    EXPECT_EQ(value, 0);
    n = co_await p.send(fds[1], Bytes("!"), kMsgOob);
    std::array<std::byte, 16> buf;
    n = co_await p.read(fds[0], buf);
    e = co_await p.ioctl(fds[0], kSIOCATMARK, &value);
    EXPECT_EQ(value, 1);
    co_return 0;
  });
}

TEST_F(Ioctl, FionbioIsTheFlagThatFcntlSets) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    int on = 1;
    Errno e = co_await p.ioctl(fds[0], kFIONBIO, &on);
    EXPECT_EQ(e, kOk);
    Result<int> flags = co_await p.fcntl(fds[0], kFGetfl, 0);
    EXPECT_EQ(flags.value, kONonblock);
    std::array<std::byte, 4> buf;
    const Result<size_t> n = co_await p.read(fds[0], buf);
    EXPECT_EQ(n.error, kEWOULDBLOCK);
    int off = 0;
    e = co_await p.ioctl(fds[0], kFIONBIO, &off);
    flags = co_await p.fcntl(fds[0], kFGetfl, 0);
    EXPECT_EQ(flags.value, 0);
    co_return 0;
  });
}

TEST_F(Ioctl, WhatDoesNotApplyIsRefused) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    const Result<int> kq = co_await p.kqueue();
    int value = 0;
    Errno e = co_await p.ioctl(99, kFIONREAD, &value);
    EXPECT_EQ(e, kEBADF);
    e = co_await p.ioctl(fds[0], 0x12345678, &value);
    EXPECT_EQ(e, kENOTTY);
    e = co_await p.ioctl(kq.value, kSIOCATMARK, &value);
    EXPECT_EQ(e, kENOTTY);
    for (const uint64_t request : {kFIONREAD, kFIONBIO, kFIOASYNC}) {
      e = co_await p.ioctl(fds[0], request, nullptr);
      EXPECT_EQ(e, kEFAULT);
    }
    e = co_await p.ioctl(fds[0], kFIOCLEX, nullptr);
    EXPECT_EQ(e, kOk);
    const Result<bool> mark = co_await p.sockatmark(kq.value);
    EXPECT_EQ(mark.error, kENOTSOCK);
    co_return 0;
  });
}

TEST_F(Ioctl, TheOwnerIsAProcessThatThereIs) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    Result<int> r = co_await p.fcntl(fds[0], kFGetown, 0);
    EXPECT_EQ(r.value, 0);
    r = co_await p.fcntl(fds[0], kFSetown, 4711);
    EXPECT_EQ(r.error, kESRCH);
    r = co_await p.fcntl(fds[0], kFSetown, p.pid());
    EXPECT_EQ(r.error, kOk);
    int owner = -1;
    Errno e = co_await p.ioctl(fds[0], kSIOCGPGRP, &owner);
    EXPECT_EQ(e, kOk);
    EXPECT_EQ(owner, p.pid());
    int nobody = 0;
    e = co_await p.ioctl(fds[0], kFIOSETOWN, &nobody);
    r = co_await p.fcntl(fds[0], kFGetown, 0);
    EXPECT_EQ(r.value, 0);
    co_return 0;
  });
}

TEST_F(Ioctl, UrgentDataSignalsTheOwner) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    Errno e = co_await p.signal(kSIGURG, SignalAction::kCatch);
    Result<size_t> n = co_await p.send(fds[1], Bytes("!"), kMsgOob);
    EXPECT_FALSE(p.TookSignal(kSIGURG)) << "nobody owns the socket";
    const Result<int> r = co_await p.fcntl(fds[0], kFSetown, p.pid());
    EXPECT_EQ(r.error, kOk);
    n = co_await p.send(fds[1], Bytes("!"), kMsgOob);
    EXPECT_TRUE(p.TookSignal(kSIGURG));
    // The last close ends it, though the process lives on.
    e = co_await p.close(fds[0]);
    EXPECT_EQ(e, kOk);
    EXPECT_FALSE(p.TookSignal(kSIGURG));
    co_return 0;
  });
}

TEST_F(Ioctl, AsyncSignalsTheOwnerOfWhatCanBeRead) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    co_await p.signal(kSIGIO, SignalAction::kCatch);
    Result<int> r = co_await p.fcntl(fds[0], kFSetown, p.pid());
    Result<size_t> n = co_await p.write(fds[1], Bytes("a"));
    EXPECT_FALSE(p.TookSignal(kSIGIO));
    int on = 1;
    co_await p.ioctl(fds[0], kFIOASYNC, &on);
    r = co_await p.fcntl(fds[0], kFGetfl, 0);
    EXPECT_EQ(r.value, kOAsync);
    n = co_await p.write(fds[1], Bytes("b"));
    EXPECT_TRUE(p.TookSignal(kSIGIO));
    r = co_await p.fcntl(fds[0], kFSetfl, 0);
    n = co_await p.write(fds[1], Bytes("c"));
    EXPECT_FALSE(p.TookSignal(kSIGIO));
    co_return 0;
  });
}

}  // namespace
}  // namespace splnet
