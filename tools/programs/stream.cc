// Listening, connecting, writing to the end.

#include "tools/programs/stream.h"

namespace splnet {

Task<Result<int>> ListenOn(Process& p, Sockaddr local, int backlog,
                           ProgramError* error) {
  const Result<int> fd =
      co_await p.socket(local.family(), SocketType::kStream, 0);
  if (!error->Check(fd.error, "socket")) co_return fd;
  const Errno reuse =
      co_await p.setsockopt(fd.value, kSOL_SOCKET, kSO_REUSEADDR, 1);
  if (!error->Check(reuse, "setsockopt")) co_return reuse;
  const Errno bound = co_await p.bind(fd.value, local);
  if (!error->Check(bound, "bind")) co_return bound;
  const Errno listening = co_await p.listen(fd.value, backlog);
  if (!error->Check(listening, "listen")) co_return listening;
  co_return fd;
}

static Task<Result<int>> Accept(Process& p, Sockaddr local,
                                ProgramError* error) {
  const Result<int> listener = co_await ListenOn(p, local, 1, error);
  if (!listener.ok()) co_return listener;
  const Result<int> fd = co_await p.accept(listener.value);
  error->Check(fd.error, "accept");
  const Errno closed = co_await p.close(listener.value);
  error->Check(closed, "close");
  co_return fd;
}

static Task<Result<int>> Connect(Process& p, StreamEnds ends,
                                 ProgramError* error) {
  const Result<int> fd =
      co_await p.socket(ends.remote.family(), SocketType::kStream, 0);
  if (!error->Check(fd.error, "socket")) co_return fd;
  if (ends.local.family() != Family::kUnspec) {
    const Errno bound = co_await p.bind(fd.value, ends.local);
    if (!error->Check(bound, "bind")) co_return bound;
  }
  const Errno connected = co_await p.connect(fd.value, ends.remote);
  if (!error->Check(connected, "connect")) co_return connected;
  co_return fd;
}

Task<Result<int>> OpenStream(Process& p, StreamEnds ends, ProgramError* error) {
  if (ends.remote.family() == Family::kUnspec) {
    co_return co_await Accept(p, ends.local, error);
  }
  co_return co_await Connect(p, ends, error);
}

Task<Errno> WriteAll(Process& p, int fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const Result<size_t> n = co_await p.write(fd, bytes);
    if (!n.ok()) co_return n.error;
    bytes = bytes.subspan(n.value);
  }
  co_return kOk;
}

}  // namespace splnet
