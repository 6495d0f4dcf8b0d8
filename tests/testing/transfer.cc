// A client and a server that check every byte.

#include "tests/testing/transfer.h"

#include <algorithm>
#include <vector>

#include "sockets/select.h"
#include "stack/kern/socketvar.h"

namespace splnet {
namespace {

// Sets one option; what the kernel refuses stays as it was.
Task<int> SetOption(Process& p, int fd, int name, int value) {
  if (value == 0) co_return 0;
  const Errno error = co_await p.setsockopt(fd, kSOL_SOCKET, name, value);
  co_return error == kOk ? 0 : 1;
}

Task<int> SetOptions(Process& p, int fd, TransferArgs args) {
  int failed = co_await SetOption(p, fd, kSO_SNDBUF, args.sndbuf);
  failed += co_await SetOption(p, fd, kSO_RCVBUF, args.rcvbuf);
  failed += co_await SetOption(p, fd, kSO_KEEPALIVE, args.keepalive ? 1 : 0);
  co_return failed;
}

Task<int> Write(Process& p, int fd, TransferArgs args) {
  HalfResult& out = args.result->out;
  RandomStream random(args.seed, "writes");
  std::vector<std::byte> buf(args.max_write);
  while (out.bytes < args.send) {
    const size_t n = std::min<uint64_t>(args.send - out.bytes,
                                        1 + random.Below(args.max_write));
    for (size_t i = 0; i < n; ++i) {
      buf[i] = StreamByte(out.bytes + i, args.out_salt);
    }
    const std::span<const std::byte> part(buf.data(), n);
    const Result<size_t> sent = co_await p.send(fd, part, kMsgNoSignal);
    out.error = sent.error;
    if (!sent.ok()) co_return 1;
    out.bytes += sent.value;
  }
  out.error = co_await p.shutdown(fd, Shut::kWrite);
  co_return 0;
}

Task<int> Read(Process& p, int fd, TransferArgs args) {
  HalfResult& in = args.result->in;
  RandomStream random(args.seed, "reads");
  std::vector<std::byte> buf(args.max_read);
  for (;;) {
    const std::span<std::byte> part(buf.data(), 1 + random.Below(buf.size()));
    const Result<size_t> got = co_await p.read(fd, part);
    in.error = got.error;
    if (!got.ok()) co_return 1;
    if (got.value == 0) {
      in.eof = true;
      co_return 0;
    }
    for (size_t i = 0; i < got.value; ++i) {
      if (part[i] != StreamByte(in.bytes + i, args.in_salt)) ++in.wrong;
    }
    in.bytes += got.value;
  }
}

// One end that writes and reads as it can, with pauses.
class Exchange {
 public:
  explicit Exchange(const TransferArgs& args)
      : args_(args),
        sizes_(args.seed, "sizes"),
        pauses_(args.seed, "pauses"),
        buf_(std::max(args.max_write, args.max_read)) {}

  Task<int> Run(Process& p, int fd);

 private:
  Task<int> WriteSome(Process& p, int fd);
  Task<int> ReadSome(Process& p, int fd);
  Task<int> Pause(Process& p);
  bool all_sent() const { return args_.result->out.bytes == args_.send; }

  const TransferArgs args_;
  RandomStream sizes_;
  RandomStream pauses_;
  std::vector<std::byte> buf_;
  bool shut_ = false;
};

Task<int> Exchange::WriteSome(Process& p, int fd) {
  HalfResult& out = args_.result->out;
  const size_t n = std::min<uint64_t>(args_.send - out.bytes,
                                      1 + sizes_.Below(args_.max_write));
  for (size_t i = 0; i < n; ++i) {
    buf_[i] = StreamByte(out.bytes + i, args_.out_salt);
  }
  const std::span<const std::byte> part(buf_.data(), n);
  const int flags = kMsgNoSignal | kMsgDontWait;
  const Result<size_t> sent = co_await p.send(fd, part, flags);
  if (sent.error == kEWOULDBLOCK) co_return 0;
  out.error = sent.error;
  if (!sent.ok()) co_return 1;
  out.bytes += sent.value;
  co_return 0;
}

Task<int> Exchange::ReadSome(Process& p, int fd) {
  HalfResult& in = args_.result->in;
  const std::span<std::byte> part(buf_.data(),
                                  1 + sizes_.Below(args_.max_read));
  const Result<size_t> got = co_await p.read(fd, part);
  in.error = got.error;
  if (!got.ok()) co_return 1;
  in.eof = got.value == 0;
  for (size_t i = 0; i < got.value; ++i) {
    if (part[i] != StreamByte(in.bytes + i, args_.in_salt)) ++in.wrong;
  }
  in.bytes += got.value;
  co_return 0;
}

Task<int> Exchange::Pause(Process& p) {
  if (args_.max_pause == Nanoseconds(0)) co_return 0;
  const bool sleeps = pauses_.Chance(50'000);
  const Nanoseconds time(pauses_.Between(1, args_.max_pause.count()));
  if (sleeps) static_cast<void>(co_await p.nanosleep(time));
  co_return 0;
}

Task<int> Exchange::Run(Process& p, int fd) {
  HalfResult& out = args_.result->out;
  const HalfResult& in = args_.result->in;
  while (!shut_ || !in.eof) {
    if (all_sent() && !shut_) {
      // Half-closed: the other direction goes on.
      out.error = co_await p.shutdown(fd, Shut::kWrite);
      shut_ = true;
      continue;
    }
    PollFd poll;
    poll.fd = fd;
    poll.events =
        static_cast<int16_t>((shut_ ? 0 : kPollOut) | (in.eof ? 0 : kPollIn));
    const std::span<PollFd> polled(&poll, 1);
    const Result<int> ready = co_await p.poll(polled, std::nullopt);
    if (!ready.ok()) co_return 1;
    const bool broken = (poll.revents & ~(kPollIn | kPollOut)) != 0;
    if (!in.eof && (broken || (poll.revents & kPollIn) != 0)) {
      const int failed = co_await ReadSome(p, fd);
      if (failed != 0) co_return 1;
    }
    if (!shut_ && (broken || (poll.revents & kPollOut) != 0)) {
      const int failed = co_await WriteSome(p, fd);
      if (failed != 0) co_return 1;
    }
    co_await Pause(p);
  }
  co_return 0;
}

// What both ends do on an open connection.
Task<int> TransferAtOnce(Process& p, int fd, TransferArgs args) {
  Exchange exchange(args);
  co_return co_await exchange.Run(p, fd);
}

}  // namespace

std::byte StreamByte(uint64_t at, uint8_t salt) {
  uint64_t x = at * 0x9e3779b97f4a7c15 + salt;
  x ^= x >> 29;
  return static_cast<std::byte>(x * 0xbf58476d1ce4e5b9 >> 56);
}

Task<int> TransferClient(Process& p, TransferArgs args) {
  const Result<int> fd =
      co_await p.socket(Family::kInet, SocketType::kStream, 0);
  co_await SetOptions(p, fd.value, args);
  args.result->open = co_await p.connect(fd.value, args.server);
  if (args.result->open == kOk && args.at_once) {
    co_await TransferAtOnce(p, fd.value, args);
  } else if (args.result->open == kOk) {
    const int failed = co_await Write(p, fd.value, args);
    if (failed == 0) co_await Read(p, fd.value, args);
  }
  args.result->finished_at = p.now();
  const Errno closed = co_await p.close(fd.value);
  args.result->finished = true;
  co_return closed == kOk ? 0 : 1;
}

Task<int> TransferServer(Process& p, TransferArgs args) {
  const Result<int> lfd =
      co_await p.socket(Family::kInet, SocketType::kStream, 0);
  EndResult& result = *args.result;
  co_await SetOptions(p, lfd.value, args);  // which connections inherit
  result.open = co_await p.bind(lfd.value, args.server);
  if (result.open != kOk) co_return 1;
  result.open = co_await p.listen(lfd.value, 5);
  if (result.open != kOk) co_return 1;
  PollFd poll;
  poll.fd = lfd.value;
  poll.events = kPollIn;
  const std::span<PollFd> polled(&poll, 1);
  const Result<int> ready = co_await p.poll(polled, std::chrono::hours(1));
  result.open = ready.ok() && ready.value == 0 ? kETIMEDOUT : ready.error;
  if (result.open == kOk) {
    const Result<int> fd = co_await p.accept(lfd.value);
    result.open = fd.error;
    if (fd.ok()) {
      if (args.at_once) {
        co_await TransferAtOnce(p, fd.value, args);
      } else {
        const int failed = co_await Read(p, fd.value, args);
        if (failed == 0) co_await Write(p, fd.value, args);
      }
      result.finished_at = p.now();
      static_cast<void>(co_await p.close(fd.value));
    }
  }
  static_cast<void>(co_await p.close(lfd.value));
  result.finished = true;
  co_return 0;
}

}  // namespace splnet
