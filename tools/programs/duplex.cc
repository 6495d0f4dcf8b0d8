// duplex: blocking where only one end sends, by poll(2) where both do.

#include "tools/programs/duplex.h"

#include <algorithm>
#include <vector>

#include "sockets/select.h"
#include "tools/programs/pattern.h"

namespace splnet {
namespace {

// One end at work.  The buffers belong to the coroutine that holds it.
struct End {
  const DuplexArgs& args;
  DuplexResult& r;
  std::vector<std::byte> in;
  std::vector<std::byte> out;
  std::span<std::byte> pending;  // of `out`: to be written next
  bool eof = false;

  End(const DuplexArgs& a, DuplexResult& result)
      : args(a), r(result), in(std::max<size_t>(a.chunk, 1)), out(in.size()) {}

  bool all_sent() const { return r.sent == args.send; }
  // The next bytes to write.
  std::span<const std::byte> NextOut() {
    if (pending.empty()) {
      const auto n = std::min<uint64_t>(out.size(), args.send - r.sent);
      pending = std::span(out).first(n);
      FillPattern(args.out_seed, r.sent, pending);
    }
    return pending;
  }
  void Wrote(size_t n) {
    r.sent += n;
    pending = pending.subspan(n);
  }
  void Got(size_t n, SimTime now) {
    if (n == 0) {
      eof = true;
      return;
    }
    const std::span<const std::byte> bytes = std::span(in).first(n);
    if (!r.mismatch) {
      r.mismatch = FindMismatch(args.in_seed, r.received, bytes);
    }
    r.received += n;
    r.last_read = now;
  }
};

Task<int> SetBuffers(Process& p, int fd, int bytes, ProgramError* error) {
  if (bytes == 0) co_return 0;
  const Errno snd = co_await p.setsockopt(fd, kSOL_SOCKET, kSO_SNDBUF, bytes);
  error->Check(snd, "setsockopt SO_SNDBUF");
  const Errno rcv = co_await p.setsockopt(fd, kSOL_SOCKET, kSO_RCVBUF, bytes);
  error->Check(rcv, "setsockopt SO_RCVBUF");
  co_return 0;
}

// A listener's buffers go to what it accepts, and both have to be set before
// the SYN, whose window scale they decide.
Task<Result<int>> Open(Process& p, const DuplexArgs& args,
                       ProgramError* error) {
  if (args.ends.remote.family() == Family::kUnspec) {
    const Result<int> listener =
        co_await ListenOn(p, args.ends.local, 1, error);
    if (!listener.ok()) co_return listener;
    co_await SetBuffers(p, listener.value, args.buffer_bytes, error);
    const Result<int> fd = co_await p.accept(listener.value);
    error->Check(fd.error, "accept");
    const Errno closed = co_await p.close(listener.value);
    error->Check(closed, "close");
    co_return fd;
  }
  const Result<int> fd =
      co_await p.socket(args.ends.remote.family(), SocketType::kStream, 0);
  if (!error->Check(fd.error, "socket")) co_return fd;
  co_await SetBuffers(p, fd.value, args.buffer_bytes, error);
  if (args.ends.local.family() != Family::kUnspec) {
    const Errno bound = co_await p.bind(fd.value, args.ends.local);
    if (!error->Check(bound, "bind")) co_return bound;
  }
  const Errno connected = co_await p.connect(fd.value, args.ends.remote);
  if (!error->Check(connected, "connect")) co_return connected;
  co_return fd;
}

Task<int> Write(Process& p, int fd, End& end) {
  while (!end.all_sent()) {
    const Result<size_t> n = co_await p.send(fd, end.NextOut(), kMsgNoSignal);
    if (!end.r.error.Check(n.error, "write")) co_return 1;
    end.Wrote(n.value);
  }
  co_return 0;
}

Task<int> Read(Process& p, int fd, End& end) {
  while (!end.eof) {
    const Result<size_t> n = co_await p.read(fd, end.in);
    if (!end.r.error.Check(n.error, "read")) co_return 1;
    end.Got(n.value, p.now());
  }
  co_return 0;
}

// Whichever is possible now.  Ends when everything is sent.
Task<int> WriteAndRead(Process& p, int fd, End& end) {
  while (!end.all_sent()) {
    PollFd poll;
    poll.fd = fd;
    poll.events = static_cast<int16_t>(kPollOut | (end.eof ? 0 : kPollIn));
    const std::span<PollFd> polled(&poll, 1);
    const Result<int> ready = co_await p.poll(polled, std::nullopt);
    if (!end.r.error.Check(ready.error, "poll")) co_return 1;
    if ((poll.revents & kPollIn) != 0) {
      const Result<size_t> n = co_await p.read(fd, end.in);
      if (!end.r.error.Check(n.error, "read")) co_return 1;
      end.Got(n.value, p.now());
    }
    if ((poll.revents & ~kPollIn) != 0) {
      const Result<size_t> n =
          co_await p.send(fd, end.NextOut(), kMsgNoSignal | kMsgDontWait);
      if (n.error == kEWOULDBLOCK) continue;
      if (!end.r.error.Check(n.error, "write")) co_return 1;
      end.Wrote(n.value);
    }
  }
  co_return 0;
}

Task<int> Transfer(Process& p, int fd, End& end) {
  const int wrote = end.args.peer_sends ? co_await WriteAndRead(p, fd, end)
                                        : co_await Write(p, fd, end);
  if (wrote != 0) co_return 1;
  // A receiver keeps its side open until the sender ends, as servers do.
  if (end.args.send > 0) {
    const Errno shut = co_await p.shutdown(fd, Shut::kWrite);
    if (!end.r.error.Check(shut, "shutdown")) co_return 1;
  }
  co_return co_await Read(p, fd, end);
}

}  // namespace

Task<int> Duplex(Process& p, DuplexArgs args) {
  DuplexResult unwanted;
  DuplexResult& r = args.result != nullptr ? *args.result : unwanted;
  const Result<int> fd = co_await Open(p, args, &r.error);
  if (!fd.ok()) co_return 1;
  r.connected = r.last_read = p.now();
  End end(args, r);
  const int failed = co_await Transfer(p, fd.value, end);
  const Errno closed = co_await p.close(fd.value);
  r.error.Check(closed, "close");
  r.ended = p.now();
  r.finished = failed == 0 && r.error.error == kOk;
  co_return r.finished && !r.mismatch ? 0 : 1;
}

}  // namespace splnet
