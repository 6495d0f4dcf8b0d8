// The program that acts as the captured end of a TCP connection did.

#include "tools/replay/tcp_end.h"

#include <algorithm>
#include <array>

#include "sockets/uipc_syscalls.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

constexpr size_t kReadBytes = 65536;  // at a time
constexpr size_t kWritePieces = 64;   // in one writev(2)
constexpr int kBacklog = 128;

// What of the write that is under way goes into one call.
std::vector<IoVec> WritePieces(const TcpEnd& end) {
  std::vector<IoVec> pieces;
  uint64_t at = end.written;
  const uint64_t stop = end.acts[end.next].end;
  while (at < stop && pieces.size() < kWritePieces) {
    const auto bytes = end.our_stream->At(at, stop - at);
    if (bytes.empty()) break;
    pieces.push_back({const_cast<std::byte*>(bytes.data()), bytes.size()});
    at += bytes.size();
  }
  return pieces;
}

// How long to sleep for the next act's time; nothing if it waits for the peer.
std::optional<Nanoseconds> TimeToAct(const TcpEnd& end, int64_t now_ns) {
  if (!end.Allowed()) return std::nullopt;
  return Nanoseconds(std::max<int64_t>(end.acts[end.next].time_ns - now_ns, 0));
}

}  // namespace

void TcpEnd::Read(std::span<const std::byte> bytes) {
  if (bytes.empty()) {
    eof = true;
  } else {
    if (!difference)
      difference = peer_stream->FirstDifference(delivered, bytes);
    delivered += bytes.size();
  }
  Progress();
}

void PrepareSocket(Socket& so, const TcpEnd& end) {
  int64_t& sb_max = so.ns.settings.sb_max;
  sb_max = std::max<int64_t>(sb_max, std::max(end.rcvbuf, end.sndbuf));
  static_cast<void>(soreserve(so, end.sndbuf, end.rcvbuf));
  if (end.pinned) tcp_pin(so, end.pin);
}

Task<int> PlayTcp(Process& p, TcpEnd* end, int fd) {
  end->accepted = true;
  std::vector<std::byte> buffer(kReadBytes);
  static_cast<void>(co_await p.fcntl(fd, kFSetfl, kONonblock));
  static_cast<void>(co_await p.signal(kSIGPIPE, SignalAction::kIgnore));
  static_cast<void>(co_await p.signal(kSIGUSR1, SignalAction::kCatch));
  if (end->nodelay) {
    static_cast<void>(co_await p.setsockopt(fd, kIpprotoTcp, kTCP_NODELAY, 1));
  }
  for (;;) {
    // It reads at once, also while it waits to write.
    while (!end->eof && end->error == kOk) {
      const Result<size_t> n = co_await p.read(fd, buffer);
      if (n.ok()) {
        end->Read(std::span(buffer).first(n.value));
      } else if (n.error == kEWOULDBLOCK) {
        break;
      } else if (n.error != kEINTR) {
        end->error = n.error;
      }
    }
    if (end->over()) break;
    bool full = false;  // the send buffer
    if (end->Ready(ToNanoseconds(p.now()))) {
      const Act& act = end->acts[end->next];
      if (act.kind == ActKind::kWrite) {
        const std::vector<IoVec> pieces = WritePieces(*end);
        const Result<size_t> n = co_await p.writev(fd, pieces);
        if (n.ok()) end->written += n.value;
        if (!n.ok() && n.error != kEWOULDBLOCK) end->error = n.error;
        full = n.error == kEWOULDBLOCK;
        if (end->written >= act.end) ++end->next;
        end->Progress();
      } else if (act.kind == ActKind::kShutdown) {
        static_cast<void>(co_await p.shutdown(fd, Shut::kWrite));
        ++end->next;
        end->Progress();
      } else {
        if (act.kind == ActKind::kReset) {
          const Linger at_once{1, 0};
          static_cast<void>(co_await p.setlinger(fd, at_once));
        }
        ++end->next;
        break;
      }
      if (!full) continue;
    }
    const auto wait =
        full ? std::nullopt : TimeToAct(*end, ToNanoseconds(p.now()));
    if (end->eof && !full) {
      // Nothing can come but the act's time.
      if (!wait) break;
      static_cast<void>(co_await p.nanosleep(*wait));
      continue;
    }
    std::array<PollFd, 1> fds;
    fds[0].fd = fd;
    fds[0].events =
        static_cast<int16_t>((end->eof ? 0 : kPollIn) | (full ? kPollOut : 0));
    static_cast<void>(co_await p.poll(fds, wait));
  }
  end->finished = true;
  end->Progress();
  static_cast<void>(co_await p.close(fd));
  co_return 0;
}

Task<int> ListenTcp(Process& p, Sockaddr local, TcpEndDirectory* directory) {
  const Result<int> fd =
      co_await p.socket(Family::kInet, SocketType::kStream, 0);
  if (!fd.ok()) co_return 1;
  static_cast<void>(
      co_await p.setsockopt(fd.value, kSOL_SOCKET, kSO_REUSEADDR, 1));
  if (co_await p.bind(fd.value, local) != kOk) co_return 1;
  if (co_await p.listen(fd.value, kBacklog) != kOk) co_return 1;
  for (;;) {
    Sockaddr remote;
    const Result<int> conn = co_await p.accept(fd.value, &remote);
    if (!conn.ok()) continue;
    TcpEnd* const end = directory->FindEnd(local, remote);
    if (end != nullptr) {
      SpawnOptions options;
      options.name = "server";
      options.parent = &p;
      options.inherit = {conn.value};
      end->pid = p.table()
                     .Spawn(std::move(options), PlayTcp, end, int{conn.value})
                     .pid();
    }
    static_cast<void>(co_await p.close(conn.value));
  }
}

Task<int> ConnectTcp(Process& p, TcpEnd* end) {
  const Result<int> fd =
      co_await p.socket(Family::kInet, SocketType::kStream, 0);
  if (!fd.ok()) co_return 1;
  static_cast<void>(
      co_await p.setsockopt(fd.value, kSOL_SOCKET, kSO_REUSEADDR, 1));
  const int64_t start = end->acts.front().time_ns;
  const Nanoseconds wait(start - ToNanoseconds(p.now()));
  if (wait.count() > 0) static_cast<void>(co_await p.nanosleep(wait));
  // What an earlier incarnation left is removed.
  Inpcb* const old =
      in_pcblookup_exact(p.ns().tcbtable, end->remote, end->local);
  if (old != nullptr && old->tcpcb != nullptr) tcp_close(*old->tcpcb);
  end->driver->Begin(*end->lane);
  end->error = co_await p.bind(fd.value, end->local);
  if (end->error == kOk) {
    PrepareSocket(*p.files().Get(fd.value)->so, *end);
    end->next = 1;
    end->error = co_await p.connect(fd.value, end->remote);
  }
  if (end->error != kOk) {
    end->finished = true;
    end->Progress();
    co_return 1;
  }
  Task<int> play = PlayTcp(p, end, fd.value);
  co_return co_await std::move(play);
}

}  // namespace splnet
