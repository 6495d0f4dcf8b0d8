// From bind to close: listening, connecting, accepting, ending.

#include "tests/sockets/fixture.h"

namespace splnet {
namespace {

using Connect = SocketsTest;
using Listen = SocketsTest;
using Accept = SocketsTest;
using Close = SocketsTest;
using Shutdown = SocketsTest;

constexpr Sockaddr kServer(kInaddrLoopback, 80);
constexpr Linger kFiveSeconds = {1, 5};

// A listener on kServer in `p`.
int Listener(Process& p, SocketsTest& t) {
  const int fd = p.Install(t.net.Stream()).value;
  CHECK(sys_bind(p, fd, kServer) == kOk);
  CHECK(sys_listen(p, fd, 5) == kOk);
  return fd;
}

// ------------------------------------------------------------------- listening

TEST_F(Listen, TheBacklogIsClamped) {
  struct Row {
    int backlog;
    int limit;
  };
  for (const Row& row : {Row{-1, 128}, Row{0, 80}, Row{5, 80}, Row{100, 100},
                         Row{128, 128}, Row{1000, 128}}) {
    SCOPED_TRACE(row.backlog);
    const SocketPtr so = net.Stream();
    EXPECT_EQ(solisten(*so, row.backlog), kOk);
    EXPECT_EQ(so->listen->limit, row.limit);
    EXPECT_EQ(soclose(*so), kOk);
  }
}

TEST_F(Listen, AConnectedSocketCannotListen) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    const Errno error = co_await p.listen(fds[0], 5);
    EXPECT_EQ(error, kEINVAL);
    co_return 0;
  });
}

TEST_F(Listen, ADatagramSocketCannotListen) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const int fd = p.Install(t.net.Datagram()).value;
    const Errno error = co_await p.listen(fd, 5);
    EXPECT_EQ(error, kEOPNOTSUPP);
    co_return 0;
  });
}

// ------------------------------------------------------------------- accepting

Task<int> ConnectOnce(Process& p, SocketsTest* t) {
  const int fd = p.Install(t->net.Stream()).value;
  const Errno error = co_await p.connect(fd, kServer);
  t->log.push_back(errno_name(error));
  co_return 0;
}

TEST_F(Accept, SleepsUntilAConnectionComes) {
  net.connect_delay = kMillisecond;
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const int listener = Listener(p, t);
    t.procs.Spawn("client", ConnectOnce, &t);
    Sockaddr peer;
    const Result<int> fd = co_await p.accept(listener, &peer);
    EXPECT_EQ(fd.value, 1);
    EXPECT_EQ(peer, Sockaddr(kInaddrLoopback, 50000));
    EXPECT_EQ(t.ms(), 1);
    const Result<Sockaddr> name = co_await p.getpeername(fd.value);
    EXPECT_EQ(name.value, peer);
    const Result<Sockaddr> own = co_await p.getsockname(fd.value);
    EXPECT_EQ(own.value, kServer);
    co_return 0;
  });
  EXPECT_EQ(log, std::vector<std::string>{"0"});
}

TEST_F(Accept, NonBlockingGivesWouldBlock) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const int listener = Listener(p, t);
    Result<int> fd = co_await p.fcntl(listener, kFSetfl, kONonblock);
    fd = co_await p.accept(listener);
    EXPECT_EQ(fd.error, kEWOULDBLOCK);
    t.procs.Spawn("client", ConnectOnce, &t);
    const Errno slept = co_await p.nanosleep(kMillisecond);
    EXPECT_EQ(slept, kOk);
    fd = co_await p.accept(listener);
    EXPECT_EQ(fd.error, kOk);
    // The new descriptor is non-blocking as the listener is.
    const Result<int> flags = co_await p.fcntl(fd.value, kFGetfl, 0);
    EXPECT_EQ(flags.value, kONonblock);
    co_return 0;
  });
}

TEST_F(Accept, ASocketThatDoesNotListenIsInvalid) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    const Result<int> fd = co_await p.accept(fds[0]);
    EXPECT_EQ(fd.error, kEINVAL);
    co_return 0;
  });
}

TEST_F(Accept, WithoutAFreeDescriptorTheConnectionStaysQueued) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const int listener = Listener(p, t);
    t.procs.Spawn("client", ConnectOnce, &t);
    const Errno slept = co_await p.nanosleep(kMillisecond);
    EXPECT_EQ(slept, kOk);
    t.ns.settings.maxfiles = 1;
    Result<int> fd = co_await p.accept(listener);
    EXPECT_EQ(fd.error, kEMFILE);
    t.ns.settings.maxfiles = 4;
    fd = co_await p.accept(listener);
    EXPECT_EQ(fd.error, kOk);
    co_return 0;
  });
}

TEST_F(Accept, AConnectionThatDiedInTheQueueIsAborted) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const int listener = Listener(p, t);
    Socket& head = *p.files().Get(listener)->so;
    Socket* const queued = sonewconn(head, kSsIsConnected);
    queued->error = kECONNRESET;
    soisdisconnected(*queued);
    const Result<int> fd = co_await p.accept(listener);
    EXPECT_EQ(fd.error, kECONNABORTED);
    EXPECT_EQ(t.ns.sockets_in_use, 1u);
    co_return 0;
  });
}

TEST_F(Accept, AnErrorOfTheListenerIsReportedOnce) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const int listener = Listener(p, t);
    p.files().Get(listener)->so->error = kENOBUFS;
    Result<int> fd = co_await p.accept(listener);
    EXPECT_EQ(fd.error, kENOBUFS);
    fd = co_await p.fcntl(listener, kFSetfl, kONonblock);
    fd = co_await p.accept(listener);
    EXPECT_EQ(fd.error, kEWOULDBLOCK);
    co_return 0;
  });
}

TEST_F(Accept, OneConnectionWakesOneOfTwoThatWait) {
  const SocketPtr listener = net.Stream();
  ASSERT_EQ(sobind(*listener, kServer), kOk);
  ASSERT_EQ(solisten(*listener, 5), kOk);
  held = {listener};
  const Program acceptor = [](Process& p, SocketsTest& t) -> Task<int> {
    const Result<int> own = p.Install(t.held[0]);
    const Result<int> fd = co_await p.accept(own.value);
    t.log.push_back(p.name() + " " + errno_name(fd.error));
    const Errno slept = co_await p.nanosleep(kSecond);
    co_return slept == kOk ? 0 : 1;
  };
  Start(acceptor, "first");
  Start(acceptor, "second");
  const uint64_t before = ns.ledger.wakeups;
  After(kMillisecond, [&] {
    const uint64_t wakeups = ns.ledger.wakeups;
    EXPECT_NE(sonewconn(*listener, kSsIsConnected), nullptr);
    EXPECT_EQ(ns.ledger.wakeups, wakeups + 1);
  });
  queue.RunUntil(SimTime(2 * kMillisecond));
  EXPECT_GT(ns.ledger.wakeups, before);
  EXPECT_EQ(log, std::vector<std::string>{"first 0"});
}

TEST_F(Accept, OptionsAndLimitsComeFromTheListener) {
  const SocketPtr listener = net.Stream();
  ASSERT_EQ(sobind(*listener, kServer), kOk);
  const int32_t size = 5000;
  const auto bytes = std::as_bytes(std::span<const int32_t, 1>(&size, 1));
  ASSERT_EQ(sosetopt(*listener, kSOL_SOCKET, kSO_RCVBUF, bytes), kOk);
  ASSERT_EQ(sosetopt(*listener, kSOL_SOCKET, kSO_KEEPALIVE, bytes), kOk);
  ASSERT_EQ(solisten(*listener, 5), kOk);
  const Socket* const so = sonewconn(*listener, kSsIsConnected);
  EXPECT_TRUE(so->has(kSO_KEEPALIVE));
  EXPECT_FALSE(so->has(kSO_ACCEPTCONN));
  EXPECT_EQ(so->rcv.wat, 5000u);
  EXPECT_EQ(soclose(*listener), kOk);
  EXPECT_EQ(ns.sockets_in_use, 1u);
}

// ------------------------------------------------------------------ connecting

TEST_F(Connect, SleepsUntilConnected) {
  net.connect_delay = 7 * kMillisecond;
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    Listener(p, t);
    const int fd = p.Install(t.net.Stream()).value;
    const Errno error = co_await p.connect(fd, kServer);
    EXPECT_EQ(error, kOk);
    EXPECT_EQ(t.ms(), 7);
    const Errno again = co_await p.connect(fd, kServer);
    EXPECT_EQ(again, kEISCONN);
    co_return 0;
  });
}

TEST_F(Connect, ARefusalIsTheCallsError) {
  net.connect_delay = kMillisecond;
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const int fd = p.Install(t.net.Stream()).value;
    const Errno error = co_await p.connect(fd, kServer);
    EXPECT_EQ(error, kECONNREFUSED);
    const Result<int> left = co_await p.getsockopt(fd, kSOL_SOCKET, kSO_ERROR);
    EXPECT_EQ(left.value, 0);
    co_return 0;
  });
}

TEST_F(Connect, NonBlockingIsInProgressThenAlready) {
  net.connect_delay = kMillisecond;
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    Listener(p, t);
    const int fd = p.Install(t.net.Stream()).value;
    const Result<int> set = co_await p.fcntl(fd, kFSetfl, kONonblock);
    EXPECT_EQ(set.error, kOk);
    Errno error = co_await p.connect(fd, kServer);
    EXPECT_EQ(error, kEINPROGRESS);
    error = co_await p.connect(fd, kServer);
    EXPECT_EQ(error, kEALREADY);
    PollFd poll;
    poll.fd = fd;
    poll.events = kPollOut;
    const Result<int> n = co_await p.poll(std::span(&poll, 1), std::nullopt);
    EXPECT_EQ(n.value, 1);
    EXPECT_EQ(poll.revents, kPollOut);
    error = co_await p.connect(fd, kServer);
    EXPECT_EQ(error, kEISCONN);
    co_return 0;
  });
}

TEST_F(Connect, InterruptedItGoesOnConnecting) {
  net.connect_delay = 5 * kMillisecond;
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    Listener(p, t);
    const int fd = p.Install(t.net.Stream()).value;
    Errno error = co_await p.signal(kSIGALRM, SignalAction::kCatch);
    const Nanoseconds left = co_await p.alarm(kMillisecond);
    EXPECT_EQ(left, Nanoseconds(0));
    error = co_await p.connect(fd, kServer);
    EXPECT_EQ(error, kEINTR);
    error = co_await p.connect(fd, kServer);
    EXPECT_EQ(error, kEALREADY);
    error = co_await p.nanosleep(5 * kMillisecond);
    error = co_await p.connect(fd, kServer);
    EXPECT_EQ(error, kEISCONN);
    co_return 0;
  });
}

TEST_F(Connect, AListenerCannotConnect) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const int listener = Listener(p, t);
    const Errno error = co_await p.connect(listener, kServer);
    EXPECT_EQ(error, kEOPNOTSUPP);
    co_return 0;
  });
}

TEST_F(Connect, ADatagramSocketCanBeGivenAnotherPeer) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const int fd = p.Install(t.net.Datagram()).value;
    Result<Sockaddr> peer = co_await p.getpeername(fd);
    EXPECT_EQ(peer.error, kENOTCONN);
    for (const uint16_t port : {1, 2}) {
      const Sockaddr to(kInaddrLoopback, port);
      const Errno error = co_await p.connect(fd, to);
      EXPECT_EQ(error, kOk);
      peer = co_await p.getpeername(fd);
      EXPECT_EQ(peer.value, to);
    }
    const Sockaddr third(kInaddrLoopback, 3);
    const Result<size_t> n = co_await p.sendto(fd, Bytes("x"), 0, third);
    EXPECT_EQ(n.error, kEISCONN);
    co_return 0;
  });
}

TEST_F(Connect, BindingTwiceIsInvalidAndATakenPortInUse) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const int a = p.Install(t.net.Stream()).value;
    const int b = p.Install(t.net.Stream()).value;
    Errno error = co_await p.bind(a, kServer);
    EXPECT_EQ(error, kOk);
    error = co_await p.bind(a, kServer);
    EXPECT_EQ(error, kEINVAL);
    error = co_await p.bind(b, kServer);
    EXPECT_EQ(error, kEADDRINUSE);
    co_return 0;
  });
}

// -------------------------------------------------------------- shutting down

TEST_F(Shutdown, ReadingDropsWhatIsQueuedAndEndsTheStream) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    Result<size_t> n = co_await p.write(fds[1], Bytes("lost"));
    const Errno error = co_await p.shutdown(fds[0], Shut::kRead);
    EXPECT_EQ(error, kOk);
    std::array<std::byte, 8> buf;
    n = co_await p.read(fds[0], buf);
    EXPECT_EQ(n.error, kOk);
    EXPECT_EQ(n.value, 0u);
    n = co_await p.write(fds[0], Bytes("still"));
    EXPECT_EQ(n.value, 5u);
    co_return 0;
  });
}

TEST_F(Shutdown, WritingLetsThePeerReadTheEnd) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    const Errno error = co_await p.shutdown(fds[0], Shut::kBoth);
    EXPECT_EQ(error, kOk);
    std::array<std::byte, 8> buf;
    const Result<size_t> n = co_await p.read(fds[1], buf);
    EXPECT_EQ(n.error, kOk);
    EXPECT_EQ(n.value, 0u);
    co_return 0;
  });
}

TEST_F(Shutdown, AnotherValueIsInvalid) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    const Errno error = co_await p.shutdown(fds[0], static_cast<Shut>(3));
    EXPECT_EQ(error, kEINVAL);
    co_return 0;
  });
}

TEST_F(Shutdown, WakesAReaderThatSleeps) {
  auto [a, b] = net.Pair();
  held = {a, b};
  Start([](Process& p, SocketsTest& t) -> Task<int> {
    const int fd = p.Install(t.held[0]).value;
    std::array<std::byte, 8> buf;
    const Result<size_t> n = co_await p.read(fd, buf);
    EXPECT_EQ(n.error, kOk);
    t.log.push_back("woken");
    co_return 0;
  });
  After(kMillisecond,
        [&] { EXPECT_EQ(soshutdown(*held[0], Shut::kRead), kOk); });
  Run();
  EXPECT_EQ(log.size(), 1u);
  EXPECT_EQ(soclose(*held[1]), kOk);
}

// --------------------------------------------------------------------- closing

TEST_F(Close, AListenerAbortsItsQueuedConnections) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const int listener = Listener(p, t);
    const int fd = p.Install(t.net.Stream()).value;
    Errno error = co_await p.connect(fd, kServer);
    EXPECT_EQ(error, kOk);
    Socket& head = *p.files().Get(listener)->so;
    EXPECT_NE(sonewconn(head, 0), nullptr);
    EXPECT_EQ(t.ns.sockets_in_use, 4u);
    error = co_await p.close(listener);
    EXPECT_EQ(error, kOk);
    EXPECT_EQ(t.ns.sockets_in_use, 1u);
    std::array<std::byte, 8> buf;
    const Result<size_t> n = co_await p.read(fd, buf);
    EXPECT_EQ(n.error, kECONNRESET);
    co_return 0;
  });
}

TEST_F(Close, OnlyTheLastDescriptorEndsTheConnection) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    const Result<int> copy = co_await p.dup(fds[1]);
    Errno error = co_await p.close(fds[1]);
    EXPECT_EQ(error, kOk);
    std::array<std::byte, 8> buf;
    Result<size_t> n = co_await p.recv(fds[0], buf, kMsgDontWait);
    EXPECT_EQ(n.error, kEWOULDBLOCK);
    error = co_await p.close(copy.value);
    n = co_await p.recv(fds[0], buf, kMsgDontWait);
    EXPECT_EQ(n.error, kOk);
    EXPECT_EQ(n.value, 0u);
    co_return 0;
  });
}

TEST_F(Close, LingeringWaitsUntilDisconnected) {
  net.holds_close = true;
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    const Errno set = co_await p.setlinger(fds[0], kFiveSeconds);
    EXPECT_EQ(set, kOk);
    Socket* const so = p.files().Get(fds[0])->so.get();
    t.After(kMillisecond, [so] { FakeNet::FinishClose(*so); });
    const Errno error = co_await p.close(fds[0]);
    EXPECT_EQ(error, kOk);
    EXPECT_EQ(t.ms(), 1);
    const Errno again = co_await p.close(fds[0]);
    EXPECT_EQ(again, kEBADF);
    co_return 0;
  });
}

TEST_F(Close, LingeringGivesUpWhenItsTimeIsOver) {
  net.holds_close = true;
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    const Errno set = co_await p.setlinger(fds[0], kFiveSeconds);
    EXPECT_EQ(set, kOk);
    const Errno error = co_await p.close(fds[0]);
    EXPECT_EQ(error, kEWOULDBLOCK);
    EXPECT_EQ(t.ms(), 5000);
    EXPECT_EQ(t.ns.sockets_in_use, 1u);
    co_return 0;
  });
}

TEST_F(Close, ANonBlockingSocketDoesNotLinger) {
  net.holds_close = true;
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    const Errno set = co_await p.setlinger(fds[0], kFiveSeconds);
    EXPECT_EQ(set, kOk);
    const Result<int> flags = co_await p.fcntl(fds[0], kFSetfl, kONonblock);
    EXPECT_EQ(flags.error, kOk);
    const Errno error = co_await p.close(fds[0]);
    EXPECT_EQ(error, kOk);
    EXPECT_EQ(t.ms(), 0);
    co_return 0;
  });
}

TEST_F(Close, AProcessKilledWhileItLingersLetsGo) {
  net.holds_close = true;
  Process& p = Start([](Process& self, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(self);
    Errno error = co_await self.setlinger(fds[0], kFiveSeconds);
    error = co_await self.close(fds[0]);
    t.log.push_back(errno_name(error));
    co_return 0;
  });
  After(kMillisecond, [&] { p.PostSignal(kSIGKILL); });
  Run();
  EXPECT_EQ(ms(), 1);
  EXPECT_EQ(ns.sockets_in_use, 0u);
  EXPECT_TRUE(log.empty());
}

}  // namespace
}  // namespace splnet
