// select and poll: what is ready, and how long they wait.

#include "tests/sockets/fixture.h"

namespace splnet {
namespace {

using Poll = SocketsTest;
using Select = SocketsTest;

PollFd Ask(int fd, int16_t events) {
  PollFd f;
  f.fd = fd;
  f.events = events;
  return f;
}

TEST_F(Poll, TellsWhatIsReadyNow) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    const Result<size_t> n = co_await p.write(fds[1], Bytes("x"));
    EXPECT_EQ(n.value, 1u);
    std::array<PollFd, 4> ask = {Ask(fds[0], kPollIn | kPollOut),
                                 Ask(fds[1], kPollIn | kPollOut),
                                 Ask(-1, kPollIn), Ask(77, kPollIn)};
    const Result<int> ready = co_await p.poll(ask, std::nullopt);
    EXPECT_EQ(ready.value, 3);
    EXPECT_EQ(ask[0].revents, kPollIn | kPollOut);
    EXPECT_EQ(ask[1].revents, kPollOut);
    EXPECT_EQ(ask[2].revents, 0);
    EXPECT_EQ(ask[3].revents, kPollNval);
    co_return 0;
  });
}

TEST_F(Poll, SleepsUntilOneOfManyIsReady) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    std::vector<PollFd> ask;
    for (int i = 0; i < 10; ++i) ask.push_back(Ask(t.PairIn(p)[0], kPollIn));
    Socket* const so = p.files().Get(ask[7].fd)->so.get();
    t.After(3 * kMillisecond, [so] { socantrcvmore(*so); });
    const Result<int> ready = co_await p.poll(ask, std::nullopt);
    EXPECT_EQ(ready.value, 1);
    EXPECT_EQ(ask[7].revents, kPollIn);
    EXPECT_EQ(t.ms(), 3);
    // Nothing is left hooked on.
    for (const PollFd& f : ask) {
      EXPECT_FALSE(p.files().Get(f.fd)->so->rcv.sel.hooks.hooked());
    }
    co_return 0;
  });
}

TEST_F(Poll, SpaceToWriteWakesAWriter) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    t.net.holds_data = true;
    const std::vector<std::byte> data(16384);
    const Result<size_t> n = co_await p.write(fds[1], data);
    EXPECT_EQ(n.value, data.size());
    Socket* const so = p.files().Get(fds[1])->so.get();
    t.After(kMillisecond, [so] {
      sbdrop(so->snd, 1000);
      sowwakeup(*so);
    });
    t.After(2 * kMillisecond, [so] {
      sbdrop(so->snd, 2000);
      sowwakeup(*so);
    });
    PollFd ask = Ask(fds[1], kPollOut);
    const Result<int> ready = co_await p.poll(std::span(&ask, 1), std::nullopt);
    EXPECT_EQ(ready.value, 1);
    EXPECT_EQ(t.ms(), 2);  // 1000 bytes are below the low-water mark
    co_return 0;
  });
}

TEST_F(Poll, TimesOutExactly) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    PollFd ask = Ask(t.PairIn(p)[0], kPollIn);
    Result<int> ready = co_await p.poll(std::span(&ask, 1), 5 * kMillisecond);
    EXPECT_EQ(ready.error, kOk);
    EXPECT_EQ(ready.value, 0);
    EXPECT_EQ(p.now(), SimTime(5 * kMillisecond));
    ready = co_await p.poll(std::span(&ask, 1), Nanoseconds(0));
    EXPECT_EQ(ready.value, 0);
    EXPECT_EQ(p.now(), SimTime(5 * kMillisecond));
    ready = co_await p.poll(std::span(&ask, 1), Nanoseconds(-1));
    EXPECT_EQ(ready.error, kEINVAL);
    co_return 0;
  });
}

// Wakeups for nothing do not make it longer.
TEST_F(Poll, TheTimeoutIsOfTheWholeCall) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    Socket* const so = p.files().Get(fds[0])->so.get();
    for (int i = 1; i < 5; ++i) {
      t.After(i * kMillisecond, [so] { sorwakeup(*so); });
    }
    PollFd ask = Ask(fds[0], kPollIn);
    const Result<int> ready =
        co_await p.poll(std::span(&ask, 1), 5 * kMillisecond);
    EXPECT_EQ(ready.value, 0);
    EXPECT_EQ(t.ms(), 5);
    co_return 0;
  });
}

TEST_F(Poll, ACaughtSignalInterruptsIt) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    PollFd ask = Ask(t.PairIn(p)[0], kPollIn);
    const Errno set = co_await p.signal(kSIGALRM, SignalAction::kCatch);
    EXPECT_EQ(set, kOk);
    const Nanoseconds left = co_await p.alarm(kMillisecond);
    EXPECT_EQ(left, Nanoseconds(0));
    const Result<int> ready = co_await p.poll(std::span(&ask, 1), std::nullopt);
    EXPECT_EQ(ready.error, kEINTR);
    co_return 0;
  });
}

TEST_F(Poll, WithoutDescriptorsItIsASleep) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const Result<int> ready = co_await p.poll(kNoFds, kMillisecond);
    EXPECT_EQ(ready.value, 0);
    EXPECT_EQ(t.ms(), 1);
    co_return 0;
  });
}

TEST_F(Poll, ADisconnectedSocketHangsUpAndIsNotWritable) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    soisdisconnected(*p.files().Get(fds[0])->so);
    PollFd ask = Ask(fds[0], kPollIn | kPollOut);
    Result<int> ready = co_await p.poll(std::span(&ask, 1), std::nullopt);
    EXPECT_EQ(ready.value, 1);
    EXPECT_EQ(ask.revents, kPollIn | kPollHup);
    ask.events = 0;
    ready = co_await p.poll(std::span(&ask, 1), std::nullopt);
    EXPECT_EQ(ask.revents, kPollHup);
    // To select it is writable: a write then says what is wrong.
    FdSet write;
    write.Set(fds[0]);
    ready =
        co_await p.select(fds[0] + 1, nullptr, &write, nullptr, Nanoseconds(0));
    EXPECT_EQ(ready.value, 1);
    co_return 0;
  });
}

TEST_F(Poll, AListenerIsReadableWhenAConnectionWaits) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const int fd = p.Install(t.net.Stream()).value;
    const Errno error = co_await p.listen(fd, 5);
    EXPECT_EQ(error, kOk);
    Socket* const so = p.files().Get(fd)->so.get();
    t.After(kMillisecond, [so] { sonewconn(*so, kSsIsConnected); });
    PollFd ask = Ask(fd, kPollIn);
    const Result<int> ready = co_await p.poll(std::span(&ask, 1), std::nullopt);
    EXPECT_EQ(ready.value, 1);
    EXPECT_EQ(t.ms(), 1);
    co_return 0;
  });
}

TEST_F(Poll, UrgentDataIsAnException) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    const Result<size_t> n = co_await p.send(fds[1], Bytes("!"), kMsgOob);
    EXPECT_EQ(n.value, 1u);
    PollFd ask = Ask(fds[0], kPollPri | kPollRdband);
    Result<int> ready = co_await p.poll(std::span(&ask, 1), std::nullopt);
    EXPECT_EQ(ask.revents, kPollPri | kPollRdband);
    FdSet except;
    except.Set(fds[0]);
    ready =
        co_await p.select(fds[0] + 1, nullptr, nullptr, &except, std::nullopt);
    EXPECT_EQ(ready.value, 1);
    EXPECT_TRUE(except.Test(fds[0]));
    co_return 0;
  });
}

TEST_F(Poll, TooManyDescriptorsAreInvalid) {
  ns.settings.maxfiles = 4;
  RunProgram([](Process& p, SocketsTest&) -> Task<int> {
    std::vector<PollFd> ask(5);
    const Result<int> ready = co_await p.poll(ask, std::nullopt);
    EXPECT_EQ(ready.error, kEINVAL);
    co_return 0;
  });
}

// --------------------------------------------------------------------- select

TEST_F(Select, LeavesInTheSetsWhatIsReady) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    const Result<size_t> n = co_await p.write(fds[1], Bytes("x"));
    EXPECT_EQ(n.value, 1u);
    FdSet read;
    FdSet write;
    for (const int fd : fds) {
      read.Set(fd);
      write.Set(fd);
    }
    const Result<int> ready =
        co_await p.select(2, &read, &write, nullptr, std::nullopt);
    EXPECT_EQ(ready.value, 3);
    EXPECT_TRUE(read.Test(fds[0]));
    EXPECT_FALSE(read.Test(fds[1]));
    EXPECT_TRUE(write.Test(fds[0]));
    EXPECT_TRUE(write.Test(fds[1]));
    co_return 0;
  });
}

TEST_F(Select, EmptiesTheSetsWhenItTimesOut) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    FdSet read;
    read.Set(fds[0]);
    const Result<int> ready =
        co_await p.select(2, &read, nullptr, nullptr, kMillisecond);
    EXPECT_EQ(ready.value, 0);
    EXPECT_FALSE(read.Test(fds[0]));
    EXPECT_EQ(t.ms(), 1);
    co_return 0;
  });
}

TEST_F(Select, LeavesTheSetsAloneWhenItFails) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    FdSet read;
    read.Set(fds[0]);
    read.Set(9);
    Result<int> ready =
        co_await p.select(10, &read, nullptr, nullptr, std::nullopt);
    EXPECT_EQ(ready.error, kEBADF);
    EXPECT_TRUE(read.Test(fds[0]));
    ready = co_await p.select(-1, &read, nullptr, nullptr, std::nullopt);
    EXPECT_EQ(ready.error, kEINVAL);
    ready = co_await p.select(kFdSetSize + 1, &read, nullptr, nullptr,
                              std::nullopt);
    EXPECT_EQ(ready.error, kEINVAL);
    EXPECT_TRUE(read.Test(9));
    co_return 0;
  });
}

TEST_F(Select, LooksOnlyBelowNfds) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    FdSet write;
    write.Set(fds[0]);
    write.Set(fds[1]);
    const Result<int> ready =
        co_await p.select(fds[1], nullptr, &write, nullptr, std::nullopt);
    EXPECT_EQ(ready.value, 1);
    EXPECT_FALSE(write.Test(fds[1]));
    co_return 0;
  });
}

TEST_F(Select, ASetHoldsNothingOutsideItsRange) {
  FdSet set;
  set.Set(-1);
  set.Set(kFdSetSize);
  EXPECT_FALSE(set.Test(-1));
  EXPECT_FALSE(set.Test(kFdSetSize));
  set.Set(kFdSetSize - 1);
  EXPECT_TRUE(set.Test(kFdSetSize - 1));
  set.Clear(kFdSetSize - 1);
  EXPECT_FALSE(set.Test(kFdSetSize - 1));
}

TEST_F(Select, AProcessKilledWhileItSelectsLeavesNoHook) {
  auto [a, b] = net.Pair();
  held = {a, b};
  Process& p = Start([](Process& self, SocketsTest& t) -> Task<int> {
    const int fd = self.Install(t.held[0]).value;
    FdSet read;
    read.Set(fd);
    const Result<int> ready =
        co_await self.select(fd + 1, &read, nullptr, nullptr, std::nullopt);
    co_return ready.value;
  });
  After(kMillisecond, [&] {
    EXPECT_TRUE(held[0]->rcv.sel.hooks.hooked());
    p.PostSignal(kSIGKILL);
  });
  Run();
  EXPECT_FALSE(held[0]->rcv.sel.hooks.hooked());
  EXPECT_EQ(soclose(*held[1]), kOk);
}

}  // namespace
}  // namespace splnet
