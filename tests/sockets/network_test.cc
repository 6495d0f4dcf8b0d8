// Sockets over the real protocols: the errors and waits that programs meet.

#include "stack/netinet/tcp_var.h"
#include "tests/sockets/fixture.h"
#include "tests/testing/two_hosts.h"

namespace splnet {
namespace {

// Two hosts on a wire that takes a millisecond each way.
class Network : public testing::Test {
 protected:
  using Program = Task<int> (*)(Process& p, Network& t);

  static LinkConfig OneMillisecond() {
    WireConfig wire;
    wire.delay = kMillisecond;
    return LinkConfig::Both(wire);
  }
  Process& On(Host& host, Program program) {
    return host.procs.Spawn("program", program, *this);
  }
  // Runs until nothing is left; every program must have ended well.
  void Run() {
    EXPECT_TRUE(hosts.sim.RunUntilIdle());
    for (const auto& host : hosts.sim.hosts()) {
      EXPECT_EQ(host->procs.running(), 0u);
      for (const auto& [pid, p] : host->procs) {
        EXPECT_EQ(p->exit_status(), ExitStatus{}) << host->ns.name;
      }
    }
    EXPECT_EQ(hosts.sim.Leftovers(), std::vector<std::string>());
  }

 public:
  int64_t ms() const {
    return ToNanoseconds(hosts.sim.now()) / kMillisecond.count();
  }
  TwoHosts hosts{1, OneMillisecond()};
};

constexpr Sockaddr kService(kBeta, 7);

// A UDP or TCP socket of `p`, bound to `port`.
int Bound(Process& p, SocketType type, uint16_t port) {
  const Result<int> fd = sys_socket(p, Family::kInet, type, 0);
  CHECK(fd.ok());
  CHECK(sys_bind(p, fd.value, Sockaddr(kInaddrAny, port)) == kOk);
  return fd.value;
}

// Accepts one connection on port 7.
Task<int> AcceptOne(Process& p) {
  const int listener = Bound(p, SocketType::kStream, 7);
  CHECK(sys_listen(p, listener, 5) == kOk);
  const Result<int> fd = co_await p.accept(listener);
  CHECK(fd.ok());
  CHECK(co_await p.close(listener) == kOk);
  co_return fd.value;
}

Task<int> ConnectOne(Process& p) {
  const Result<int> fd =
      co_await p.socket(Family::kInet, SocketType::kStream, 0);
  const Errno error = co_await p.connect(fd.value, kService);
  CHECK(error == kOk);
  co_return fd.value;
}

TEST_F(Network, SocketKnowsItsProtocols) {
  On(hosts.a, [](Process& p, Network&) -> Task<int> {
    Result<int> fd = co_await p.socket(Family::kInet, SocketType::kStream, 0);
    EXPECT_EQ(fd.value, 0);
    fd = co_await p.socket(Family::kInet, SocketType::kDgram, kIpprotoUdp);
    EXPECT_EQ(fd.value, 1);
    fd = co_await p.socket(Family::kInet, SocketType::kRaw, kIpprotoIcmp);
    EXPECT_EQ(fd.value, 2);
    fd = co_await p.socket(Family::kInet, SocketType::kDgram, kIpprotoTcp);
    EXPECT_EQ(fd.error, kEPROTONOSUPPORT);
    fd = co_await p.socket(Family::kInet6, SocketType::kDgram, 0);
    EXPECT_NE(fd.error, kOk);
    co_return 0;
  });
  Run();
}

TEST_F(Network, UdpReachesTheOtherHostAndComesBack) {
  On(hosts.b, [](Process& p, Network&) -> Task<int> {
    const int fd = Bound(p, SocketType::kDgram, 7);
    std::array<std::byte, 64> buf;
    Sockaddr from;
    Result<size_t> n = co_await p.recvfrom(fd, buf, 0, &from);
    EXPECT_EQ(from, Sockaddr(kAlpha, 1000));
    const auto got = std::span(buf).first(n.value);
    n = co_await p.sendto(fd, got, 0, from);
    EXPECT_EQ(n.error, kOk);
    co_return 0;
  });
  On(hosts.a, [](Process& p, Network& t) -> Task<int> {
    const int fd = Bound(p, SocketType::kDgram, 1000);
    Result<size_t> n = co_await p.sendto(fd, Bytes("echo"), 0, kService);
    EXPECT_EQ(n.value, 4u);
    std::array<std::byte, 64> buf;
    Sockaddr from;
    n = co_await p.recvfrom(fd, buf, 0, &from);
    EXPECT_EQ(Text(std::span(buf).first(n.value)), "echo");
    EXPECT_EQ(from, kService);
    EXPECT_EQ(t.ms(), 2);
    co_return 0;
  });
  Run();
}

TEST_F(Network, APortUnreachableRefusesTheNextReadOfAConnectedSocket) {
  On(hosts.a, [](Process& p, Network& t) -> Task<int> {
    const int fd = Bound(p, SocketType::kDgram, 1000);
    const Errno error = co_await p.connect(fd, kService);
    EXPECT_EQ(error, kOk);
    Result<size_t> n = co_await p.write(fd, Bytes("anybody?"));
    EXPECT_EQ(n.error, kOk);
    std::array<std::byte, 64> buf;
    n = co_await p.read(fd, buf);
    EXPECT_EQ(n.error, kECONNREFUSED);
    EXPECT_EQ(t.ms(), 2);
    n = co_await p.recv(fd, buf, kMsgDontWait);
    EXPECT_EQ(n.error, kEWOULDBLOCK);
    co_return 0;
  });
  Run();
}

TEST_F(Network, ADatagramBeyondTheSendBufferIsTooLong) {
  On(hosts.a, [](Process& p, Network&) -> Task<int> {
    const int fd = Bound(p, SocketType::kDgram, 1000);
    const std::vector<std::byte> data(9217);
    Result<size_t> n = co_await p.sendto(fd, data, 0, kService);
    EXPECT_EQ(n.error, kEMSGSIZE);
    const auto most = std::span(data).first(9216);
    n = co_await p.sendto(fd, most, 0, kService);
    EXPECT_EQ(n.value, 9216u);
    co_return 0;
  });
  Run();
}

TEST_F(Network, ConnectTakesOneRoundTrip) {
  On(hosts.b, [](Process& p, Network&) -> Task<int> {
    co_await AcceptOne(p);
    co_return 0;
  });
  On(hosts.a, [](Process& p, Network& t) -> Task<int> {
    const int fd = co_await ConnectOne(p);
    EXPECT_EQ(t.ms(), 2);
    const Result<Sockaddr> peer = co_await p.getpeername(fd);
    EXPECT_EQ(peer.value, kService);
    const Result<Sockaddr> own = co_await p.getsockname(fd);
    EXPECT_EQ(own.value.addr, kAlpha);
    EXPECT_NE(own.value.port, 0);
    co_return 0;
  });
  Run();
}

TEST_F(Network, ConnectIsRefusedWhereNobodyListens) {
  On(hosts.a, [](Process& p, Network& t) -> Task<int> {
    const Result<int> fd =
        co_await p.socket(Family::kInet, SocketType::kStream, 0);
    const Errno error = co_await p.connect(fd.value, kService);
    EXPECT_EQ(error, kECONNREFUSED);
    EXPECT_EQ(t.ms(), 2);
    co_return 0;
  });
  Run();
}

TEST_F(Network, NonBlockingConnectIsWritableWhenItIsDone) {
  On(hosts.b, [](Process& p, Network&) -> Task<int> {
    co_await AcceptOne(p);
    co_return 0;
  });
  On(hosts.a, [](Process& p, Network& t) -> Task<int> {
    const Result<int> fd =
        co_await p.socket(Family::kInet, SocketType::kStream, 0);
    const Result<int> set = co_await p.fcntl(fd.value, kFSetfl, kONonblock);
    EXPECT_EQ(set.error, kOk);
    const Errno error = co_await p.connect(fd.value, kService);
    EXPECT_EQ(error, kEINPROGRESS);
    PollFd ask;
    ask.fd = fd.value;
    ask.events = kPollOut;
    const Result<int> n = co_await p.poll(std::span(&ask, 1), std::nullopt);
    EXPECT_EQ(n.value, 1);
    EXPECT_EQ(ask.revents, kPollOut);
    EXPECT_EQ(t.ms(), 2);
    const Result<int> left =
        co_await p.getsockopt(fd.value, kSOL_SOCKET, kSO_ERROR);
    EXPECT_EQ(left.value, 0);
    co_return 0;
  });
  Run();
}

TEST_F(Network, AFailedNonBlockingConnectIsInSoError) {
  On(hosts.a, [](Process& p, Network&) -> Task<int> {
    const Result<int> fd =
        co_await p.socket(Family::kInet, SocketType::kStream, 0);
    const Result<int> set = co_await p.fcntl(fd.value, kFSetfl, kONonblock);
    EXPECT_EQ(set.error, kOk);
    const Errno error = co_await p.connect(fd.value, kService);
    EXPECT_EQ(error, kEINPROGRESS);
    FdSet write;
    write.Set(fd.value);
    const Result<int> n =
        co_await p.select(1, nullptr, &write, nullptr, std::nullopt);
    EXPECT_EQ(n.value, 1);
    const Result<int> left =
        co_await p.getsockopt(fd.value, kSOL_SOCKET, kSO_ERROR);
    EXPECT_EQ(left.value, static_cast<int>(kECONNREFUSED));
    co_return 0;
  });
  Run();
}

TEST_F(Network, AHalfClosedConnectionStillCarriesTheOtherDirection) {
  On(hosts.b, [](Process& p, Network&) -> Task<int> {
    const int fd = co_await AcceptOne(p);
    std::array<std::byte, 64> buf;
    Result<size_t> n = co_await p.read(fd, buf);
    EXPECT_EQ(Text(std::span(buf).first(n.value)), "question");
    n = co_await p.read(fd, buf);
    EXPECT_EQ(n.value, 0u);
    n = co_await p.write(fd, Bytes("answer"));
    EXPECT_EQ(n.value, 6u);
    co_return 0;
  });
  On(hosts.a, [](Process& p, Network&) -> Task<int> {
    const int fd = co_await ConnectOne(p);
    Result<size_t> n = co_await p.write(fd, Bytes("question"));
    const Errno error = co_await p.shutdown(fd, Shut::kWrite);
    EXPECT_EQ(error, kOk);
    std::array<std::byte, 64> buf;
    n = co_await p.read(fd, buf);
    EXPECT_EQ(Text(std::span(buf).first(n.value)), "answer");
    n = co_await p.read(fd, buf);
    EXPECT_EQ(n.value, 0u);
    co_return 0;
  });
  Run();
}

TEST_F(Network, AResetIsReadOnceThenTheEnd) {
  On(hosts.b, [](Process& p, Network&) -> Task<int> {
    const int fd = co_await AcceptOne(p);
    const Linger at_once = {1, 0};
    const Errno error = co_await p.setlinger(fd, at_once);
    EXPECT_EQ(error, kOk);
    co_return 0;
  });
  On(hosts.a, [](Process& p, Network&) -> Task<int> {
    const int fd = co_await ConnectOne(p);
    std::array<std::byte, 64> buf;
    Result<size_t> n = co_await p.read(fd, buf);
    EXPECT_EQ(n.error, kECONNRESET);
    n = co_await p.read(fd, buf);
    EXPECT_EQ(n.error, kOk);
    EXPECT_EQ(n.value, 0u);
    n = co_await p.send(fd, Bytes("x"), kMsgNoSignal);
    EXPECT_EQ(n.error, kEPIPE);
    co_return 0;
  });
  Run();
}

TEST_F(Network, ALingeringCloseWaitsForTheAcknowledgement) {
  On(hosts.b, [](Process& p, Network&) -> Task<int> {
    const int fd = co_await AcceptOne(p);
    std::array<std::byte, 64> buf;
    const Result<size_t> n = co_await p.recv(fd, buf, kMsgWaitAll);
    EXPECT_EQ(n.value, 4u);
    co_return 0;
  });
  On(hosts.a, [](Process& p, Network& t) -> Task<int> {
    const int fd = co_await ConnectOne(p);
    const Linger ten = {1, 10};
    Errno error = co_await p.setlinger(fd, ten);
    const Result<size_t> n = co_await p.write(fd, Bytes("last"));
    EXPECT_EQ(n.value, 4u);
    const int64_t before = t.ms();
    error = co_await p.close(fd);
    EXPECT_EQ(error, kOk);
    EXPECT_GE(t.ms(), before + 2);
    co_return 0;
  });
  Run();
}

TEST_F(Network, ClosingAListenerResetsWhatNobodyAccepted) {
  On(hosts.b, [](Process& p, Network&) -> Task<int> {
    const int listener = Bound(p, SocketType::kStream, 7);
    CHECK(sys_listen(p, listener, 5) == kOk);
    Errno error = co_await p.nanosleep(10 * kMillisecond);
    error = co_await p.close(listener);
    EXPECT_EQ(error, kOk);
    co_return 0;
  });
  On(hosts.a, [](Process& p, Network&) -> Task<int> {
    const int fd = co_await ConnectOne(p);
    std::array<std::byte, 64> buf;
    const Result<size_t> n = co_await p.read(fd, buf);
    EXPECT_EQ(n.error, kECONNRESET);
    co_return 0;
  });
  Run();
}

TEST_F(Network, AnAcceptedSocketHasItsListenersBufferLimits) {
  On(hosts.b, [](Process& p, Network&) -> Task<int> {
    const int listener = Bound(p, SocketType::kStream, 7);
    CHECK(sys_setsockopt_int(p, listener, kSOL_SOCKET, kSO_RCVBUF, 5000) ==
          kOk);
    CHECK(sys_listen(p, listener, 5) == kOk);
    const Result<int> fd = co_await p.accept(listener);
    EXPECT_EQ(p.files().Get(fd.value)->so->rcv.wat, 5000u);
    co_return 0;
  });
  On(hosts.a, [](Process& p, Network&) -> Task<int> {
    co_await ConnectOne(p);
    co_return 0;
  });
  Run();
}

TEST_F(Network, AKilledProcessResetsOrEndsItsConnections) {
  Process& server = On(hosts.b, [](Process& p, Network&) -> Task<int> {
    const int fd = co_await AcceptOne(p);
    std::array<std::byte, 64> buf;
    const Result<size_t> n = co_await p.read(fd, buf);
    co_return static_cast<int>(n.value);
  });
  On(hosts.a, [](Process& p, Network& t) -> Task<int> {
    const int fd = co_await ConnectOne(p);
    const Errno slept = co_await p.nanosleep(10 * kMillisecond);
    EXPECT_EQ(slept, kOk);
    for (const auto& [pid, victim] : t.hosts.b.procs) {
      victim->PostSignal(kSIGTERM);
    }
    std::array<std::byte, 64> buf;
    const Result<size_t> n = co_await p.read(fd, buf);
    EXPECT_EQ(n.error, kOk);
    EXPECT_EQ(n.value, 0u);
    co_return 0;
  });
  EXPECT_TRUE(hosts.sim.RunUntilIdle());
  EXPECT_EQ(server.exit_status(), (ExitStatus{.signal = kSIGTERM}));
  EXPECT_EQ(hosts.sim.Leftovers(), std::vector<std::string>());
}

}  // namespace
}  // namespace splnet
