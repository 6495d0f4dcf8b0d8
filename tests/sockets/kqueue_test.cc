// kqueue: filters, flags, and what a change or a close does.

#include "tests/sockets/fixture.h"

namespace splnet {
namespace {

using Kq = SocketsTest;

Kevent Change(int ident, int16_t filter, uint16_t flags) {
  Kevent kev;
  kev.ident = static_cast<uint64_t>(ident);
  kev.filter = filter;
  kev.flags = flags;
  return kev;
}

// Applies one change; its error.
Task<Errno> Apply(Process& p, int kq, Kevent change) {
  const Result<int> n =
      co_await p.kevent(kq, std::span(&change, 1), kNoEvents, std::nullopt);
  co_return n.error;
}

// One event that is there now or within `timeout`; ident is ~0 if none.
Task<Kevent> Next(Process& p, int kq, Nanoseconds timeout) {
  Kevent event;
  event.ident = ~uint64_t{0};
  const Result<int> n =
      co_await p.kevent(kq, kNoChanges, std::span(&event, 1), timeout);
  EXPECT_EQ(n.error, kOk);
  EXPECT_EQ(n.value == 1, event.ident != ~uint64_t{0});
  co_return event;
}

constexpr Nanoseconds kNow{0};
bool None(const Kevent& event) { return event.ident == ~uint64_t{0}; }

TEST_F(Kq, AReadEventTellsHowManyBytes) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    const Result<int> kq = co_await p.kqueue();
    Kevent change = Change(fds[0], kEvfiltRead, kEvAdd);
    change.udata = &t;
    const Errno error = co_await Apply(p, kq.value, change);
    EXPECT_EQ(error, kOk);
    Kevent event = co_await Next(p, kq.value, kNow);
    EXPECT_TRUE(None(event));
    const Result<size_t> n = co_await p.write(fds[1], Bytes("12345"));
    EXPECT_EQ(n.value, 5u);
    // It is told for as long as it holds.
    for (int i = 0; i < 2; ++i) {
      event = co_await Next(p, kq.value, kNow);
      EXPECT_EQ(event.ident, static_cast<uint64_t>(fds[0]));
      EXPECT_EQ(event.filter, kEvfiltRead);
      EXPECT_EQ(event.data, 5);
      EXPECT_EQ(event.udata, &t);
      EXPECT_EQ(event.flags, 0);
    }
    std::array<std::byte, 8> buf;
    const Result<size_t> got = co_await p.read(fds[0], buf);
    EXPECT_EQ(got.value, 5u);
    event = co_await Next(p, kq.value, kNow);
    EXPECT_TRUE(None(event));
    co_return 0;
  });
}

TEST_F(Kq, SleepsUntilAnEventComes) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    const Result<int> kq = co_await p.kqueue();
    Errno error =
        co_await Apply(p, kq.value, Change(fds[0], kEvfiltRead, kEvAdd));
    EXPECT_EQ(error, kOk);
    Socket* const so = p.files().Get(fds[1])->so.get();
    t.After(2 * kMillisecond,
            [so] { FakeNet::Break(FakeNet::PcbOf(*so), kECONNRESET); });
    const Kevent event = co_await Next(p, kq.value, kSecond);
    EXPECT_EQ(event.flags, kEvEof);
    EXPECT_EQ(event.fflags, static_cast<uint32_t>(kECONNRESET));
    EXPECT_EQ(t.ms(), 2);
    co_return 0;
  });
}

TEST_F(Kq, TimesOutExactly) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    const Result<int> kq = co_await p.kqueue();
    const Errno error =
        co_await Apply(p, kq.value, Change(fds[0], kEvfiltRead, kEvAdd));
    EXPECT_EQ(error, kOk);
    Socket* const so = p.files().Get(fds[0])->so.get();
    t.After(kMillisecond, [so] { sorwakeup(*so); });
    const Kevent event = co_await Next(p, kq.value, 5 * kMillisecond);
    EXPECT_TRUE(None(event));
    EXPECT_EQ(p.now(), SimTime(5 * kMillisecond));
    Kevent room;
    const Result<int> n = co_await p.kevent(
        kq.value, kNoChanges, std::span(&room, 1), Nanoseconds(-1));
    EXPECT_EQ(n.error, kEINVAL);
    co_return 0;
  });
}

TEST_F(Kq, AWriteEventTellsTheSpaceAndTheEnd) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    const Result<int> kq = co_await p.kqueue();
    Errno error =
        co_await Apply(p, kq.value, Change(fds[0], kEvfiltWrite, kEvAdd));
    Kevent event = co_await Next(p, kq.value, kNow);
    EXPECT_EQ(event.filter, kEvfiltWrite);
    EXPECT_EQ(event.data, 16384);
    t.net.holds_data = true;
    const std::vector<std::byte> data(15'000);
    const Result<size_t> n = co_await p.write(fds[0], data);
    EXPECT_EQ(n.value, data.size());
    event = co_await Next(p, kq.value, kNow);
    EXPECT_TRUE(None(event));
    error = co_await p.shutdown(fds[0], Shut::kWrite);
    EXPECT_EQ(error, kOk);
    event = co_await Next(p, kq.value, kNow);
    EXPECT_EQ(event.flags, kEvEof);
    co_return 0;
  });
}

TEST_F(Kq, AnUnconnectedStreamIsNotWritable) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const int fd = p.Install(t.net.Stream()).value;
    const Result<int> kq = co_await p.kqueue();
    const Errno error =
        co_await Apply(p, kq.value, Change(fd, kEvfiltWrite, kEvAdd));
    EXPECT_EQ(error, kOk);
    const Kevent event = co_await Next(p, kq.value, kNow);
    EXPECT_TRUE(None(event));
    co_return 0;
  });
}

TEST_F(Kq, AListenersReadEventTellsHowManyConnections) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const int fd = p.Install(t.net.Stream()).value;
    Errno error = co_await p.listen(fd, 5);
    const Result<int> kq = co_await p.kqueue();
    error = co_await Apply(p, kq.value, Change(fd, kEvfiltRead, kEvAdd));
    EXPECT_EQ(error, kOk);
    Socket& so = *p.files().Get(fd)->so;
    EXPECT_NE(sonewconn(so, kSsIsConnected), nullptr);
    EXPECT_NE(sonewconn(so, kSsIsConnected), nullptr);
    const Kevent event = co_await Next(p, kq.value, kNow);
    EXPECT_EQ(event.data, 2);
    co_return 0;
  });
}

TEST_F(Kq, NoteLowatTakesThePlaceOfTheSocketsMark) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    const Result<int> kq = co_await p.kqueue();
    Kevent change = Change(fds[0], kEvfiltRead, kEvAdd);
    change.fflags = kNoteLowat;
    change.data = 3;
    const Errno error = co_await Apply(p, kq.value, change);
    EXPECT_EQ(error, kOk);
    Result<size_t> n = co_await p.write(fds[1], Bytes("12"));
    Kevent event = co_await Next(p, kq.value, kNow);
    EXPECT_TRUE(None(event));
    n = co_await p.write(fds[1], Bytes("3"));
    EXPECT_EQ(n.value, 1u);
    event = co_await Next(p, kq.value, kNow);
    EXPECT_EQ(event.data, 3);
    co_return 0;
  });
}

TEST_F(Kq, UrgentDataIsAnException) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    const Result<int> kq = co_await p.kqueue();
    Kevent change = Change(fds[0], kEvfiltExcept, kEvAdd);
    change.fflags = kNoteOob;
    const Errno error = co_await Apply(p, kq.value, change);
    EXPECT_EQ(error, kOk);
    const Result<size_t> n = co_await p.send(fds[1], Bytes("!"), kMsgOob);
    EXPECT_EQ(n.value, 1u);
    const Kevent event = co_await Next(p, kq.value, kNow);
    EXPECT_EQ(event.filter, kEvfiltExcept);
    EXPECT_EQ(event.fflags, kNoteOob);
    co_return 0;
  });
}

// ----------------------------------------------------------------------- flags

TEST_F(Kq, AOneshotEventComesOnce) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    const Result<int> kq = co_await p.kqueue();
    Errno error = co_await Apply(
        p, kq.value, Change(fds[0], kEvfiltWrite, kEvAdd | kEvOneshot));
    EXPECT_EQ(error, kOk);
    Kevent event = co_await Next(p, kq.value, kNow);
    EXPECT_EQ(event.filter, kEvfiltWrite);
    event = co_await Next(p, kq.value, kNow);
    EXPECT_TRUE(None(event));
    error =
        co_await Apply(p, kq.value, Change(fds[0], kEvfiltWrite, kEvDelete));
    EXPECT_EQ(error, kENOENT);
    co_return 0;
  });
}

TEST_F(Kq, AClearedEventComesAgainOnlyWhenSomethingHappens) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    const Result<int> kq = co_await p.kqueue();
    const Errno error = co_await Apply(
        p, kq.value, Change(fds[0], kEvfiltRead, kEvAdd | kEvClear));
    EXPECT_EQ(error, kOk);
    Result<size_t> n = co_await p.write(fds[1], Bytes("a"));
    Kevent event = co_await Next(p, kq.value, kNow);
    EXPECT_EQ(event.data, 1);
    event = co_await Next(p, kq.value, kNow);
    EXPECT_TRUE(None(event));
    n = co_await p.write(fds[1], Bytes("b"));
    EXPECT_EQ(n.value, 1u);
    event = co_await Next(p, kq.value, kNow);
    EXPECT_EQ(event.data, 2);
    co_return 0;
  });
}

TEST_F(Kq, ADisabledEventWaitsUntilItIsEnabled) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    const Result<int> kq = co_await p.kqueue();
    Errno error = co_await Apply(
        p, kq.value, Change(fds[0], kEvfiltRead, kEvAdd | kEvDisable));
    const Result<size_t> n = co_await p.write(fds[1], Bytes("a"));
    EXPECT_EQ(n.value, 1u);
    Kevent event = co_await Next(p, kq.value, kNow);
    EXPECT_TRUE(None(event));
    error = co_await Apply(p, kq.value, Change(fds[0], kEvfiltRead, kEvEnable));
    EXPECT_EQ(error, kOk);
    event = co_await Next(p, kq.value, kNow);
    EXPECT_EQ(event.data, 1);
    error =
        co_await Apply(p, kq.value, Change(fds[0], kEvfiltRead, kEvDisable));
    event = co_await Next(p, kq.value, kNow);
    EXPECT_TRUE(None(event));
    co_return 0;
  });
}

TEST_F(Kq, ADispatchedEventIsDisabledAfterItCame) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    const Result<int> kq = co_await p.kqueue();
    Errno error = co_await Apply(
        p, kq.value, Change(fds[0], kEvfiltWrite, kEvAdd | kEvDispatch));
    Kevent event = co_await Next(p, kq.value, kNow);
    EXPECT_FALSE(None(event));
    event = co_await Next(p, kq.value, kNow);
    EXPECT_TRUE(None(event));
    error =
        co_await Apply(p, kq.value, Change(fds[0], kEvfiltWrite, kEvEnable));
    EXPECT_EQ(error, kOk);
    event = co_await Next(p, kq.value, kNow);
    EXPECT_FALSE(None(event));
    co_return 0;
  });
}

TEST_F(Kq, AReadyEventGoesBehindTheOthers) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    const Result<int> kq = co_await p.kqueue();
    for (const int fd : fds) {
      const Errno error =
          co_await Apply(p, kq.value, Change(fd, kEvfiltWrite, kEvAdd));
      EXPECT_EQ(error, kOk);
    }
    std::array<uint64_t, 4> got = {};
    for (uint64_t& ident : got) {
      const Kevent event = co_await Next(p, kq.value, kNow);
      ident = event.ident;
    }
    EXPECT_EQ(got, (std::array<uint64_t, 4>{0, 1, 0, 1}));
    co_return 0;
  });
}

// ---------------------------------------------------------------------- errors

TEST_F(Kq, ChangesThatCannotBeMadeAreToldInTheEvents) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    const Result<int> kq = co_await p.kqueue();
    const std::array<Kevent, 4> changes = {
        Change(fds[0], kEvfiltRead, kEvDelete), Change(77, kEvfiltRead, kEvAdd),
        Change(fds[0], -99, kEvAdd), Change(fds[0], kEvfiltRead, kEvEnable)};
    std::array<Kevent, 8> events;
    Result<int> n = co_await p.kevent(kq.value, changes, events, std::nullopt);
    EXPECT_EQ(n.value, 4);
    const std::array<Errno, 4> errors = {kENOENT, kEBADF, kEINVAL, kENOENT};
    for (size_t i = 0; i < 4; ++i) {
      EXPECT_EQ(events[i].flags, kEvError);
      EXPECT_EQ(events[i].data, static_cast<int64_t>(errors[i]));
    }
    n = co_await p.kevent(kq.value, changes, kNoEvents, std::nullopt);
    EXPECT_EQ(n.error, kENOENT);
    n = co_await p.kevent(fds[0], kNoChanges, events, std::nullopt);
    EXPECT_EQ(n.error, kEBADF);
    co_return 0;
  });
}

TEST_F(Kq, AReceiptIsGivenForAChangeThatWasMade) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    const Result<int> kq = co_await p.kqueue();
    const Kevent change = Change(fds[0], kEvfiltWrite, kEvAdd | kEvReceipt);
    std::array<Kevent, 2> events;
    const Result<int> n = co_await p.kevent(kq.value, std::span(&change, 1),
                                            events, std::nullopt);
    EXPECT_EQ(n.value, 1);
    EXPECT_EQ(events[0].flags, kEvError);
    EXPECT_EQ(events[0].data, 0);
    co_return 0;
  });
}

TEST_F(Kq, ClosingADescriptorRemovesItsEvents) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    const Result<int> copy = co_await p.dup(fds[0]);
    EXPECT_EQ(copy.error, kOk);
    const Result<int> kq = co_await p.kqueue();
    Errno error =
        co_await Apply(p, kq.value, Change(fds[0], kEvfiltWrite, kEvAdd));
    error = co_await p.close(fds[0]);
    EXPECT_EQ(error, kOk);
    const Kevent event = co_await Next(p, kq.value, kNow);
    EXPECT_TRUE(None(event));
    EXPECT_FALSE(p.files().Get(copy.value)->so->snd.sel.hooks.hooked());
    co_return 0;
  });
}

TEST_F(Kq, ClosingTheKqueueForgetsItsEvents) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    const Result<int> kq = co_await p.kqueue();
    Errno error =
        co_await Apply(p, kq.value, Change(fds[0], kEvfiltWrite, kEvAdd));
    Kevent timer = Change(1, kEvfiltTimer, kEvAdd);
    timer.data = 5;
    error = co_await Apply(p, kq.value, timer);
    error = co_await p.close(kq.value);
    EXPECT_EQ(error, kOk);
    EXPECT_FALSE(p.files().Get(fds[0])->so->snd.sel.hooks.hooked());
    EXPECT_EQ(t.queue.pending(), 0u);
    co_return 0;
  });
}

TEST_F(Kq, AKqueueCanBePolledAndBeInAnother) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    const Result<int> inner = co_await p.kqueue();
    const Result<int> outer = co_await p.kqueue();
    Errno error =
        co_await Apply(p, inner.value, Change(fds[0], kEvfiltRead, kEvAdd));
    error = co_await Apply(p, outer.value,
                           Change(inner.value, kEvfiltRead, kEvAdd));
    EXPECT_EQ(error, kOk);
    error = co_await Apply(p, outer.value,
                           Change(outer.value, kEvfiltRead, kEvAdd));
    EXPECT_EQ(error, kEINVAL);
    Socket* const so = p.files().Get(fds[0])->so.get();
    t.After(kMillisecond, [so] { socantrcvmore(*so); });
    PollFd ask;
    ask.fd = outer.value;
    ask.events = kPollIn;
    const Result<int> n = co_await p.poll(std::span(&ask, 1), std::nullopt);
    EXPECT_EQ(n.value, 1);
    EXPECT_EQ(t.ms(), 1);
    const Kevent event = co_await Next(p, outer.value, kNow);
    EXPECT_EQ(event.ident, static_cast<uint64_t>(inner.value));
    EXPECT_EQ(event.data, 1);
    co_return 0;
  });
}

// ---------------------------------------------------------------------- timers

TEST_F(Kq, ATimerCountsItsExpirations) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const Result<int> kq = co_await p.kqueue();
    Kevent timer = Change(42, kEvfiltTimer, kEvAdd);
    timer.data = 10;
    Errno error = co_await Apply(p, kq.value, timer);
    Kevent event = co_await Next(p, kq.value, kSecond);
    EXPECT_EQ(event.ident, 42u);
    EXPECT_EQ(event.data, 1);
    EXPECT_EQ(t.ms(), 10);
    error = co_await p.nanosleep(35 * kMillisecond);
    EXPECT_EQ(error, kOk);
    event = co_await Next(p, kq.value, kNow);
    EXPECT_EQ(event.data, 3);
    error = co_await Apply(p, kq.value, Change(42, kEvfiltTimer, kEvDelete));
    EXPECT_EQ(error, kOk);
    co_return 0;
  });
  EXPECT_EQ(queue.pending(), 0u);
}

TEST_F(Kq, ATimersUnitAndStartAreItsFflags) {
  RunProgram([](Process& p, SocketsTest&) -> Task<int> {
    const Result<int> kq = co_await p.kqueue();
    struct Row {
      uint32_t fflags;
      int64_t data;
      int64_t fires_ns;
    };
    // In order of time, each once.
    const std::array<Row, 4> rows = {
        Row{kNoteNseconds, 700, 700}, Row{kNoteUseconds, 3, 3000},
        Row{kNoteAbstime | kNoteMseconds, 5, 5'000'000},
        Row{kNoteSeconds, 2, 2'000'000'000}};
    for (size_t i = 0; i < rows.size(); ++i) {
      Kevent timer =
          Change(static_cast<int>(i), kEvfiltTimer, kEvAdd | kEvOneshot);
      timer.fflags = rows[i].fflags;
      timer.data = rows[i].data;
      const Errno error = co_await Apply(p, kq.value, timer);
      EXPECT_EQ(error, kOk);
    }
    for (size_t i = 0; i < rows.size(); ++i) {
      const Kevent event = co_await Next(p, kq.value, 10 * kSecond);
      EXPECT_EQ(event.ident, i);
      EXPECT_EQ(ToNanoseconds(p.now()), rows[i].fires_ns);
    }
    Kevent bad = Change(9, kEvfiltTimer, kEvAdd);
    bad.data = -1;
    Errno error = co_await Apply(p, kq.value, bad);
    EXPECT_EQ(error, kEINVAL);
    bad.data = 1;
    bad.fflags = 0x100;
    error = co_await Apply(p, kq.value, bad);
    EXPECT_EQ(error, kEINVAL);
    co_return 0;
  });
}

TEST_F(Kq, TooManyTimersAreRefused) {
  RunProgram([](Process& p, SocketsTest&) -> Task<int> {
    const Result<int> kq = co_await p.kqueue();
    Errno error = kOk;
    for (int i = 0; i <= kMaxKqueueTimers && error == kOk; ++i) {
      Kevent timer = Change(i, kEvfiltTimer, kEvAdd | kEvOneshot);
      timer.data = 1000;
      error = co_await Apply(p, kq.value, timer);
    }
    EXPECT_EQ(error, kENOMEM);
    error = co_await Apply(p, kq.value, Change(7, kEvfiltTimer, kEvDelete));
    Kevent timer = Change(5000, kEvfiltTimer, kEvAdd);
    timer.data = 1000;
    error = co_await Apply(p, kq.value, timer);
    EXPECT_EQ(error, kOk);
    co_return 0;
  });
}

TEST_F(Kq, AProcessKilledInKeventLeavesNothing) {
  auto [a, b] = net.Pair();
  held = {a, b};
  Process& p = Start([](Process& self, SocketsTest& t) -> Task<int> {
    const int fd = self.Install(t.held[0]).value;
    const Result<int> kq = co_await self.kqueue();
    const Errno error =
        co_await Apply(self, kq.value, Change(fd, kEvfiltRead, kEvAdd));
    EXPECT_EQ(error, kOk);
    const Kevent event = co_await Next(self, kq.value, kSecond);
    co_return static_cast<int>(event.data);
  });
  After(kMillisecond, [&] { p.PostSignal(kSIGKILL); });
  Run();
  EXPECT_TRUE(p.exited());
  EXPECT_FALSE(held[0]->rcv.sel.hooks.hooked());
  EXPECT_EQ(soclose(*held[1]), kOk);
  EXPECT_EQ(queue.pending(), 0u);
}

}  // namespace
}  // namespace splnet
