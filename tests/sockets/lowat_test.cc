// Low-water marks: what counts as ready, for a call that waits and for
// select, poll and kqueue alike.

#include "tests/sockets/fixture.h"

namespace splnet {
namespace {

class Lowat : public SocketsTest {};

// What the three of them say of `fd` now, and that they agree.
Task<bool> Ready(Process& p, int fd, bool write) {
  PollFd ask;
  ask.fd = fd;
  ask.events = write ? kPollOut : kPollIn;
  const std::span<PollFd> polled(&ask, 1);
  const Result<int> by_poll = co_await p.poll(polled, Nanoseconds(0));
  FdSet set;
  set.Set(fd);
  FdSet* const read_set = write ? nullptr : &set;
  FdSet* const write_set = write ? &set : nullptr;
  const Result<int> by_select =
      co_await p.select(fd + 1, read_set, write_set, nullptr, Nanoseconds(0));
  const Result<int> kq = co_await p.kqueue();
  Kevent change;
  change.ident = static_cast<uint64_t>(fd);
  change.filter = write ? kEvfiltWrite : kEvfiltRead;
  change.flags = kEvAdd;
  const std::span<const Kevent> changes(&change, 1);
  Kevent event;
  const std::span<Kevent> events(&event, 1);
  const Result<int> by_kqueue =
      co_await p.kevent(kq.value, changes, events, Nanoseconds(0));
  co_await p.close(kq.value);
  EXPECT_EQ(by_select.value, by_poll.value);
  EXPECT_EQ(by_kqueue.value, by_poll.value);
  co_return by_poll.value != 0;
}

TEST_F(Lowat, LessThanTheMarkIsNotReadyToRead) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    co_await p.setsockopt(fds[0], kSOL_SOCKET, kSO_RCVLOWAT, 10);
    Result<size_t> n = co_await p.write(fds[1], Bytes("123456789"));
    bool ready = co_await Ready(p, fds[0], false);
    EXPECT_FALSE(ready);
    n = co_await p.write(fds[1], Bytes("0"));
    ready = co_await Ready(p, fds[0], false);
    EXPECT_TRUE(ready);
    std::array<std::byte, 1> buf;
    n = co_await p.read(fds[0], buf);
    ready = co_await Ready(p, fds[0], false);
    EXPECT_FALSE(ready);
    // The end is always ready.
    co_await p.shutdown(fds[1], Shut::kWrite);
    ready = co_await Ready(p, fds[0], false);
    EXPECT_TRUE(ready);
    co_return 0;
  });
}

TEST_F(Lowat, LessRoomThanTheMarkIsNotReadyToWrite) {
  net.holds_data = true;
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    co_await p.setsockopt(fds[0], kSOL_SOCKET, kSO_SNDBUF, 8192);
    co_await p.setsockopt(fds[0], kSOL_SOCKET, kSO_SNDLOWAT, 4000);
    const std::vector<std::byte> data(4192);
    Result<size_t> n = co_await p.write(fds[0], data);
    EXPECT_EQ(n.value, data.size());
    bool ready = co_await Ready(p, fds[0], true);
    EXPECT_TRUE(ready) << "4000 bytes of room";
    n = co_await p.write(fds[0], Bytes("x"));
    ready = co_await Ready(p, fds[0], true);
    EXPECT_FALSE(ready);
    // What fits is written all the same: the mark is for what does not.
    n = co_await p.write(fds[0], Bytes("y"));
    EXPECT_EQ(n.value, 1u);
    n = co_await p.send(fds[0], data, kMsgDontWait);
    EXPECT_EQ(n.error, kEWOULDBLOCK);
    co_await p.setsockopt(fds[0], kSOL_SOCKET, kSO_SNDLOWAT, 1);
    ready = co_await Ready(p, fds[0], true);
    EXPECT_TRUE(ready);
    n = co_await p.send(fds[0], data, kMsgDontWait);
    EXPECT_EQ(n.value, 3998u);
    co_return 0;
  });
}

}  // namespace
}  // namespace splnet
