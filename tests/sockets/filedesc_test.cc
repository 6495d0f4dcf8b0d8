// Descriptors: which are given, what sharing means, what is refused.

#include <set>

#include "stack/kern/random.h"
#include "tests/sockets/fixture.h"

namespace splnet {
namespace {

using Filedesc = SocketsTest;

TEST_F(Filedesc, TheLowestFreeDescriptorIsGiven) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    t.PairIn(p);
    t.PairIn(p);
    Errno error = co_await p.close(1);
    error = co_await p.close(2);
    EXPECT_EQ(error, kOk);
    Result<int> fd = co_await p.dup(3);
    EXPECT_EQ(fd.value, 1);
    fd = co_await p.fcntl(3, kFDupfd, 7);
    EXPECT_EQ(fd.value, 7);
    fd = co_await p.dup(3);
    EXPECT_EQ(fd.value, 2);
    EXPECT_EQ(p.files().open(), 5u);
    co_return 0;
  });
}

// Against a set of numbers, whatever was opened and closed before.
TEST(DescriptorTable, GivesTheLowestFreeAfterAnyHistory) {
  RandomStream random(1, "descriptors");
  DescriptorTable table;
  std::set<int> open;
  for (int i = 0; i < 5000; ++i) {
    const int number = static_cast<int>(random.Below(40));
    const uint64_t act = random.Below(4);
    if (act == 0) {
      EXPECT_EQ(static_cast<bool>(table.Remove(number)),
                open.erase(number) > 0);
    } else if (act == 1 && open.count(number) == 0) {
      table.Put(number, FilePtr(new File(SocketPtr())));
      open.insert(number);
    } else {
      const int from = act == 2 ? 0 : number;
      int expected = from;
      while (open.count(expected) > 0) ++expected;
      const Result<int> fd =
          table.Alloc(FilePtr(new File(SocketPtr())), 40, from);
      EXPECT_EQ(fd.ok(), expected < 40);
      if (!fd.ok()) continue;
      EXPECT_EQ(fd.value, expected);
      open.insert(fd.value);
    }
    ASSERT_EQ(table.open(), open.size());
  }
}

TEST_F(Filedesc, Dup2ClosesWhatItReplaces) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    const auto others = t.PairIn(p);
    Result<int> fd = co_await p.dup2(fds[0], others[0]);
    EXPECT_EQ(fd.value, others[0]);
    std::array<std::byte, 4> buf;
    const Result<size_t> n = co_await p.recv(others[1], buf, kMsgDontWait);
    EXPECT_EQ(n.error, kOk);
    EXPECT_EQ(n.value, 0u);
    fd = co_await p.dup2(fds[0], fds[0]);
    EXPECT_EQ(fd.value, fds[0]);
    fd = co_await p.dup2(fds[0], 9);
    EXPECT_EQ(fd.value, 9);
    fd = co_await p.dup2(8, 9);
    EXPECT_EQ(fd.error, kEBADF);
    fd = co_await p.dup2(fds[0], -1);
    EXPECT_EQ(fd.error, kEBADF);
    fd = co_await p.dup2(fds[0], 1024);
    EXPECT_EQ(fd.error, kEBADF);
    co_return 0;
  });
}

TEST_F(Filedesc, FlagsBelongToTheFileThatDescriptorsShare) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    const Result<int> copy = co_await p.dup(fds[0]);
    const Result<int> set = co_await p.fcntl(fds[0], kFSetfl, kONonblock);
    EXPECT_EQ(set.error, kOk);
    const Result<int> flags = co_await p.fcntl(copy.value, kFGetfl, 0);
    EXPECT_EQ(flags.value, kONonblock);
    co_return 0;
  });
}

TEST_F(Filedesc, BeyondMaxfilesThereAreTooMany) {
  ns.settings.maxfiles = 3;
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    t.PairIn(p);
    Result<int> fd = co_await p.dup(0);
    EXPECT_EQ(fd.value, 2);
    fd = co_await p.dup(0);
    EXPECT_EQ(fd.error, kEMFILE);
    fd = co_await p.socket(Family::kInet, SocketType::kDgram, 0);
    EXPECT_EQ(fd.error, kEMFILE);
    fd = co_await p.kqueue();
    EXPECT_EQ(fd.error, kEMFILE);
    fd = co_await p.fcntl(0, kFDupfd, 3);
    EXPECT_EQ(fd.error, kEINVAL);
    co_return 0;
  });
}

TEST_F(Filedesc, EveryCallRefusesADescriptorThatIsNotOpen) {
  RunProgram([](Process& p, SocketsTest&) -> Task<int> {
    const Sockaddr addr(kInaddrLoopback, 1);
    std::array<std::byte, 4> buf = {};
    for (const int fd : {-1, 0, 5, 1 << 20}) {
      Errno e = co_await p.bind(fd, addr);
      EXPECT_EQ(e, kEBADF);
      e = co_await p.listen(fd, 1);
      EXPECT_EQ(e, kEBADF);
      e = co_await p.connect(fd, addr);
      EXPECT_EQ(e, kEBADF);
      e = co_await p.shutdown(fd, Shut::kBoth);
      EXPECT_EQ(e, kEBADF);
      e = co_await p.close(fd);
      EXPECT_EQ(e, kEBADF);
      e = co_await p.setsockopt(fd, kSOL_SOCKET, kSO_KEEPALIVE, 1);
      EXPECT_EQ(e, kEBADF);
      Result<size_t> n = co_await p.read(fd, buf);
      EXPECT_EQ(n.error, kEBADF);
      n = co_await p.write(fd, buf);
      EXPECT_EQ(n.error, kEBADF);
      Result<int> r = co_await p.accept(fd);
      EXPECT_EQ(r.error, kEBADF);
      r = co_await p.dup(fd);
      EXPECT_EQ(r.error, kEBADF);
      r = co_await p.fcntl(fd, kFGetfl, 0);
      EXPECT_EQ(r.error, kEBADF);
      r = co_await p.getsockopt(fd, kSOL_SOCKET, kSO_ERROR);
      EXPECT_EQ(r.error, kEBADF);
      r = co_await p.fionread(fd);
      EXPECT_EQ(r.error, kEBADF);
      const Result<Sockaddr> name = co_await p.getsockname(fd);
      EXPECT_EQ(name.error, kEBADF);
    }
    co_return 0;
  });
}

TEST_F(Filedesc, SocketCallsRefuseAKqueue) {
  RunProgram([](Process& p, SocketsTest&) -> Task<int> {
    const Result<int> kq = co_await p.kqueue();
    std::array<std::byte, 4> buf = {};
    Errno e = co_await p.listen(kq.value, 1);
    EXPECT_EQ(e, kENOTSOCK);
    e = co_await p.connect(kq.value, Sockaddr(kInaddrLoopback, 1));
    EXPECT_EQ(e, kENOTSOCK);
    Result<size_t> n = co_await p.read(kq.value, buf);
    EXPECT_EQ(n.error, kENOTSOCK);
    n = co_await p.write(kq.value, buf);
    EXPECT_EQ(n.error, kENOTSOCK);
    const Result<int> r = co_await p.accept(kq.value);
    EXPECT_EQ(r.error, kENOTSOCK);
    e = co_await p.close(kq.value);
    EXPECT_EQ(e, kOk);
    co_return 0;
  });
}

TEST_F(Filedesc, KqueuesAreNotInherited) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    const Result<int> kq = co_await p.kqueue();
    SpawnOptions options;
    options.parent = &p;
    options.inherit = {fds[0], kq.value, 77};
    Process& child =
        t.procs.Spawn(options, +[](Process&) -> Task<int> { co_return 0; });
    EXPECT_NE(child.files().Get(fds[0]), nullptr);
    EXPECT_EQ(child.files().Get(kq.value), nullptr);
    EXPECT_EQ(child.files().open(), 1u);
    co_return 0;
  });
}

TEST_F(Filedesc, ACommandThatFcntlDoesNotKnowIsInvalid) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    const Result<int> r = co_await p.fcntl(fds[0], 99, 0);
    EXPECT_EQ(r.error, kEINVAL);
    co_return 0;
  });
}

}  // namespace
}  // namespace splnet
