// echo over streams and datagrams.

#include "tools/programs/echo.h"

#include <vector>

namespace splnet {
namespace {

constexpr size_t kBuffer = 65536;  // no datagram is larger

Task<Errno> EchoStream(Process& p, int fd, EchoResult& r) {
  std::vector<std::byte> buffer(kBuffer);
  for (;;) {
    const Result<size_t> n = co_await p.read(fd, buffer);
    if (!n.ok()) co_return n.error;
    if (n.value == 0) co_return kOk;
    const std::span<const std::byte> got = std::span(buffer).first(n.value);
    const Errno error = co_await WriteAll(p, fd, got);
    if (error != kOk) co_return error;
    r.bytes += n.value;
  }
}

}  // namespace

Task<int> EchoTcp(Process& p, EchoArgs args) {
  EchoResult unwanted;
  EchoResult& r = args.result != nullptr ? *args.result : unwanted;
  // One client that goes away must not end the service.
  const Errno set = co_await p.signal(kSIGPIPE, SignalAction::kIgnore);
  r.error.Check(set, "signal");
  const Result<int> listener = co_await ListenOn(p, args.local, 5, &r.error);
  if (!listener.ok()) co_return 1;
  while (args.limit == 0 || r.connections < args.limit) {
    const Result<int> fd = co_await p.accept(listener.value);
    if (fd.error == kECONNABORTED) continue;
    if (!r.error.Check(fd.error, "accept")) co_return 1;
    const Errno echoed = co_await EchoStream(p, fd.value, r);
    r.error.Check(echoed, "echo");
    const Errno closed = co_await p.close(fd.value);
    r.error.Check(closed, "close");
    ++r.connections;
  }
  co_return r.error.error == kOk ? 0 : 1;
}

Task<int> EchoUdp(Process& p, EchoArgs args) {
  EchoResult unwanted;
  EchoResult& r = args.result != nullptr ? *args.result : unwanted;
  const Result<int> fd =
      co_await p.socket(args.local.family(), SocketType::kDgram, 0);
  if (!r.error.Check(fd.error, "socket")) co_return 1;
  const int size = kBuffer;
  const Errno room =
      co_await p.setsockopt(fd.value, kSOL_SOCKET, kSO_SNDBUF, size);
  if (!r.error.Check(room, "setsockopt")) co_return 1;
  const Errno bound = co_await p.bind(fd.value, args.local);
  if (!r.error.Check(bound, "bind")) co_return 1;
  std::vector<std::byte> buffer(kBuffer);
  while (args.limit == 0 || r.datagrams < args.limit) {
    Sockaddr from;
    const Result<size_t> n = co_await p.recvfrom(fd.value, buffer, 0, &from);
    if (!r.error.Check(n.error, "recvfrom")) co_return 1;
    const std::span<const std::byte> got = std::span(buffer).first(n.value);
    const Result<size_t> sent = co_await p.sendto(fd.value, got, 0, from);
    if (!r.error.Check(sent.error, "sendto")) co_return 1;
    ++r.datagrams;
    r.bytes += n.value;
  }
  co_return 0;
}

}  // namespace splnet
