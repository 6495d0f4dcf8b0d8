// System calls that never wait: from descriptors to sockets.

#include "sockets/uipc_syscalls.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "stack/netstack.h"

namespace splnet {
namespace {

// Runs `fn(Socket&)` on the socket of `fd`.
template <typename Fn>
auto OnSocket(Process& p, int fd, Fn fn)
    -> decltype(fn(std::declval<Socket&>())) {
  File* file = nullptr;
  if (const Errno error = p.GetSocket(fd, &file); error != kOk) return error;
  return fn(*file->so);
}

template <typename T>
std::span<const std::byte> BytesOf(const T& value) {
  return std::as_bytes(std::span<const T, 1>(&value, 1));
}

}  // namespace

Result<int> sys_socket(Process& p, Family family, SocketType type,
                       int protocol) {
  if (!p.files().HasRoom(p.ns().settings.maxfiles)) return kEMFILE;
  Result<SocketPtr> so = socreate(p.ns(), family, type, protocol);
  if (!so.ok()) return so.error;
  return p.Install(std::move(so.value));
}

Errno sys_bind(Process& p, int fd, Sockaddr addr) {
  return OnSocket(p, fd, [&](Socket& so) { return sobind(so, addr); });
}

Errno sys_listen(Process& p, int fd, int backlog) {
  return OnSocket(p, fd, [&](Socket& so) { return solisten(so, backlog); });
}

Errno sys_shutdown(Process& p, int fd, Shut how) {
  return OnSocket(p, fd, [&](Socket& so) { return soshutdown(so, how); });
}

Result<int> sys_dup(Process& p, int fd) {
  File* const file = p.files().Get(fd);
  if (file == nullptr) return kEBADF;
  return p.files().Alloc(FilePtr(file), p.ns().settings.maxfiles);
}

Result<int> sys_dup2(Process& p, int fd, int to) {
  File* const file = p.files().Get(fd);
  if (file == nullptr || to < 0 || to >= p.ns().settings.maxfiles) {
    return kEBADF;
  }
  if (fd == to) return to;
  FilePtr hold(file);
  p.RemoveDescriptor(to);
  p.files().Put(to, std::move(hold));
  return to;
}

Errno sys_setsockopt(Process& p, int fd, int level, int name,
                     std::span<const std::byte> value) {
  return OnSocket(p, fd,
                  [&](Socket& so) { return sosetopt(so, level, name, value); });
}

Errno sys_setsockopt_int(Process& p, int fd, int level, int name, int value) {
  const int32_t v = value;
  return sys_setsockopt(p, fd, level, name, BytesOf(v));
}

Errno sys_setlinger(Process& p, int fd, Linger value) {
  return sys_setsockopt(p, fd, kSOL_SOCKET, kSO_LINGER, BytesOf(value));
}

Errno sys_settimeo(Process& p, int fd, int name, Nanoseconds value) {
  // Rounded up: a timeout that is asked for is not none.
  const int64_t usec = value.count() / 1000 + (value.count() % 1000 > 0);
  const Timeval tv{usec / 1'000'000, usec % 1'000'000};
  return sys_setsockopt(p, fd, kSOL_SOCKET, name, BytesOf(tv));
}

Result<size_t> sys_getsockopt(Process& p, int fd, int level, int name,
                              std::span<std::byte> value) {
  File* file = nullptr;
  if (const Errno error = p.GetSocket(fd, &file); error != kOk) return error;
  SockoptValue v;
  if (const Errno error = sogetopt(*file->so, level, name, &v); error != kOk) {
    return error;
  }
  const size_t n = std::min(v.len, value.size());
  if (n > 0) std::memcpy(value.data(), v.bytes, n);
  return n;
}

Result<int> sys_getsockopt_int(Process& p, int fd, int level, int name) {
  int32_t v = 0;
  const Result<size_t> n = sys_getsockopt(
      p, fd, level, name, std::as_writable_bytes(std::span<int32_t, 1>(&v, 1)));
  if (!n.ok()) return n.error;
  return int{v};
}

Result<Sockaddr> sys_getsockname(Process& p, int fd) {
  File* file = nullptr;
  if (const Errno error = p.GetSocket(fd, &file); error != kOk) return error;
  Socket& so = *file->so;
  if (so.pcb == nullptr) return kEINVAL;
  if (so.proto->sockaddr == nullptr) return kEOPNOTSUPP;
  Sockaddr addr;
  so.proto->sockaddr(so, &addr);
  return addr;
}

Result<Sockaddr> sys_getpeername(Process& p, int fd) {
  File* file = nullptr;
  if (const Errno error = p.GetSocket(fd, &file); error != kOk) return error;
  Socket& so = *file->so;
  if (!so.is(kSsIsConnected)) return kENOTCONN;
  if (so.pcb == nullptr) return kEINVAL;
  if (so.proto->peeraddr == nullptr) return kEOPNOTSUPP;
  Sockaddr addr;
  so.proto->peeraddr(so, &addr);
  return addr;
}

Result<int> sys_kqueue(Process& p) {
  const int64_t most = p.ns().settings.maxfiles;
  if (!p.files().HasRoom(most)) return kEMFILE;
  return p.files().Alloc(FilePtr(new File(std::make_unique<Kqueue>(p))), most);
}

Nanoseconds sys_alarm(Process& p, Nanoseconds delay) {
  Nanoseconds left{0};
  if (p.alarm_.pending()) left = p.alarm_.due() - p.now();
  timeout_del(p.alarm_);
  if (delay > Nanoseconds(0)) timeout_add(p.alarm_, delay);
  return left;
}

Errno sys_signal(Process& p, int sig, SignalAction action) {
  if (!IsSignal(sig)) return kEINVAL;
  if (sig == kSIGKILL && action != SignalAction::kDefault) return kEINVAL;
  p.actions_[static_cast<size_t>(sig)] = action;
  return kOk;
}

Errno sys_kill(Process& p, int pid, int sig) {
  return p.table().Kill(pid, sig);
}

}  // namespace splnet
