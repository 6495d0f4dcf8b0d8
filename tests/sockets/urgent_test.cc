// Urgent data between programs on two hosts: select, SIGURG, MSG_OOB,
// sockatmark.

#include "stack/netinet/tcp_var.h"
#include "tests/sockets/fixture.h"
#include "tests/testing/two_hosts.h"

namespace splnet {
namespace {

constexpr Sockaddr kService(kBeta, 7);

class Urgent : public testing::Test {
 protected:
  using Program = Task<int> (*)(Process& p);

  // A client on alpha, and a server on beta that listens first.
  void RunBoth(Program client, Program server) {
    hosts_.b.procs.Spawn("server", server);
    hosts_.a.procs.Spawn("client", client);
    EXPECT_TRUE(hosts_.sim.RunUntilIdle());
    for (const auto& host : hosts_.sim.hosts()) {
      EXPECT_EQ(host->procs.running(), 0u);
      for (const auto& [pid, p] : host->procs) {
        EXPECT_EQ(p->exit_status(), ExitStatus{}) << host->ns.name;
      }
    }
    EXPECT_EQ(hosts_.sim.Leftovers(), std::vector<std::string>());
  }

 private:
  TwoHosts hosts_{1, LinkConfig::Both({.delay = kMillisecond})};
};

Task<int> AcceptOne(Process& p) {
  const Result<int> listener =
      sys_socket(p, Family::kInet, SocketType::kStream, 0);
  CHECK(listener.ok());
  CHECK(sys_bind(p, listener.value, Sockaddr(kInaddrAny, 7)) == kOk);
  CHECK(sys_listen(p, listener.value, 5) == kOk);
  const Result<int> fd = co_await p.accept(listener.value);
  CHECK(fd.ok());
  CHECK(co_await p.close(listener.value) == kOk);
  co_return fd.value;
}

Task<int> ConnectOne(Process& p) {
  const Result<int> fd =
      co_await p.socket(Family::kInet, SocketType::kStream, 0);
  const Errno error = co_await p.connect(fd.value, kService);
  CHECK(error == kOk);
  co_return fd.value;
}

// Sends "abcX" with X urgent, a second later "def"; the server has a second to
// prepare.
Task<int> SendsUrgent(Process& p) {
  const int fd = co_await ConnectOne(p);
  co_await p.nanosleep(kSecond);
  Result<size_t> n = co_await p.write(fd, Bytes("abc"));
  n = co_await p.send(fd, Bytes("X"), kMsgOob);
  EXPECT_EQ(n.value, 1u);
  co_await p.nanosleep(kSecond);
  n = co_await p.write(fd, Bytes("def"));
  EXPECT_EQ(n.value, 3u);
  co_return 0;
}

TEST_F(Urgent, SelectTellsItAndTheReaderFindsTheMark) {
  RunBoth(
      SendsUrgent, +[](Process& p) -> Task<int> {
        const int fd = co_await AcceptOne(p);
        FdSet except;
        except.Set(fd);
        const Result<int> ready =
            co_await p.select(fd + 1, nullptr, nullptr, &except, 2 * kSecond);
        EXPECT_EQ(ready.value, 1);
        EXPECT_TRUE(except.Test(fd));
        std::array<std::byte, 16> buf;
        Result<size_t> n = co_await p.recv(fd, buf, kMsgOob);
        EXPECT_EQ(Text(std::span(buf).first(n.value)), "X");
        n = co_await p.recv(fd, buf, kMsgOob);
        EXPECT_EQ(n.error, kEINVAL);
        n = co_await p.read(fd, buf);
        EXPECT_EQ(Text(std::span(buf).first(n.value)), "abc");
        Result<bool> mark = co_await p.sockatmark(fd);
        EXPECT_TRUE(mark.value);
        n = co_await p.read(fd, buf);
        EXPECT_EQ(Text(std::span(buf).first(n.value)), "def");
        mark = co_await p.sockatmark(fd);
        EXPECT_FALSE(mark.value);
        PollFd f;
        f.fd = fd;
        f.events = kPollPri | kPollRdband;
        const std::span<PollFd> polled(&f, 1);
        const Result<int> none = co_await p.poll(polled, Nanoseconds(0));
        EXPECT_EQ(none.value, 0);
        co_return 0;
      });
}

TEST_F(Urgent, TheOwnerGetsSigurgWhileItReads) {
  RunBoth(
      SendsUrgent, +[](Process& p) -> Task<int> {
        const int fd = co_await AcceptOne(p);
        co_await p.signal(kSIGURG, SignalAction::kCatch);
        const Result<int> owned = co_await p.fcntl(fd, kFSetown, p.pid());
        EXPECT_EQ(owned.error, kOk);
        co_await p.setsockopt(fd, kSOL_SOCKET, kSO_RCVLOWAT, 100);
        std::array<std::byte, 16> buf;
        Result<size_t> n = co_await p.recv(fd, buf, kMsgWaitAll);
        EXPECT_EQ(n.error, kEINTR);
        EXPECT_TRUE(p.TookSignal(kSIGURG));
        n = co_await p.recv(fd, buf, kMsgOob);
        EXPECT_EQ(buf[0], std::byte{'X'});
        co_return 0;
      });
}

// A call for the urgent byte never waits: it is there or it is not.
TEST_F(Urgent, ReceivingItDoesNotSleep) {
  RunBoth(
      +[](Process& p) -> Task<int> {
        const int fd = co_await ConnectOne(p);
        co_await p.nanosleep(kSecond);
        co_await p.close(fd);
        co_return 0;
      },
      +[](Process& p) -> Task<int> {
        const int fd = co_await AcceptOne(p);
        std::array<std::byte, 4> buf;
        Result<size_t> n = co_await p.recv(fd, buf, kMsgOob);
        EXPECT_EQ(n.error, kEINVAL);
        // Announced, as by a peer whose window does not let the byte through.
        p.files().Get(fd)->so->oobmark = 5;
        n = co_await p.recv(fd, buf, kMsgOob);
        EXPECT_EQ(n.error, kEWOULDBLOCK);
        p.files().Get(fd)->so->oobmark = 0;
        co_return 0;
      });
}

TEST_F(Urgent, InLineItIsReadInItsPlace) {
  RunBoth(
      SendsUrgent, +[](Process& p) -> Task<int> {
        const int fd = co_await AcceptOne(p);
        co_await p.setsockopt(fd, kSOL_SOCKET, kSO_OOBINLINE, 1);
        co_await p.nanosleep(3 * kSecond);
        std::array<std::byte, 16> buf;
        Result<size_t> n = co_await p.read(fd, buf);
        EXPECT_EQ(Text(std::span(buf).first(n.value)), "abc");
        const Result<bool> mark = co_await p.sockatmark(fd);
        EXPECT_TRUE(mark.value);
        n = co_await p.read(fd, buf);
        EXPECT_EQ(Text(std::span(buf).first(n.value)), "Xdef");
        co_return 0;
      });
}

}  // namespace
}  // namespace splnet
