// The system calls as programs await them.
//
// A call is an awaiter on the coroutine's frame: it tries its operation at
// once and suspends only if that has to wait, or if the call's cost occupies
// the CPU.  When the process is woken it tries again, and the program resumes
// when the operation is complete.  No lock and no buffer is held in between.

#ifndef SPLNET_SOCKETS_UIPC_SYSCALLS_H_
#define SPLNET_SOCKETS_UIPC_SYSCALLS_H_

#include <coroutine>
#include <optional>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>

#include "sockets/kqueue.h"
#include "sockets/proc.h"
#include "sockets/select.h"
#include "sockets/uipc_socket.h"

namespace splnet {

// fcntl(2) commands.
inline constexpr int kFDupfd = 0;
inline constexpr int kFGetfl = 3;
inline constexpr int kFSetfl = 4;
inline constexpr int kFGetown = 5;
inline constexpr int kFSetown = 6;  // who gets SIGIO and SIGURG; 0 is nobody

// ioctl(2) requests, with OpenBSD's values; `arg` is one int.
inline constexpr uint64_t kFIOCLEX = 0x20006601;   // nothing execs here
inline constexpr uint64_t kFIONCLEX = 0x20006602;  // likewise
inline constexpr uint64_t kFIONREAD = 0x4004667f;
inline constexpr uint64_t kFIONBIO = 0x8004667e;
inline constexpr uint64_t kFIOASYNC = 0x8004667d;
inline constexpr uint64_t kFIOSETOWN = 0x8004667c;
inline constexpr uint64_t kFIOGETOWN = 0x4004667b;
inline constexpr uint64_t kSIOCATMARK = 0x40047307;
inline constexpr uint64_t kSIOCSPGRP = 0x80047308;
inline constexpr uint64_t kSIOCGPGRP = 0x40047309;

inline constexpr size_t kIovMax = 1024;  // pieces in one call

// struct msghdr.
struct MsgHdr {
  Sockaddr name;  // family kUnspec: none
  std::span<const IoVec> iov;
  std::span<std::byte> control;  // control messages; recvmsg: room for them
  size_t controllen = 0;         // recvmsg: bytes of it filled in
  int flags = 0;                 // recvmsg: kMsgTrunc, kMsgCTrunc, ...
};

// A system call under way: `Op` has `bool Try(Process&)`, which is false if
// the process now sleeps, and `result`.
template <typename Op>
class [[nodiscard]] SystemCall final : private BlockedCall {
 public:
  template <typename... Args>
  explicit SystemCall(Process& p, Args&&... args)
      : process_(p), op_{std::forward<Args>(args)...} {}
  SystemCall(const SystemCall&) = delete;
  SystemCall& operator=(const SystemCall&) = delete;

  bool await_ready() {
    process_.BeginCall();
    complete_ = op_.Try(process_);
    return complete_ && process_.LeaveKernel();
  }
  void await_suspend(std::coroutine_handle<> caller) {
    again = [](BlockedCall& self) {
      auto& call = static_cast<SystemCall&>(self);
      return call.op_.Try(call.process_);
    };
    process_.Suspend(complete_ ? nullptr : this, caller);
  }
  // An Errno comes by reference, which a program may leave unread as in C; it
  // is gone at the end of the expression.  A Result is to be looked at.
  decltype(auto) await_resume() {
    using Value = decltype(Op::result);
    if constexpr (std::is_same_v<Value, Errno>) {
      return static_cast<const Errno&>(op_.result);
    } else {
      return Value(std::move(op_.result));
    }
  }

 private:
  Process& process_;
  bool complete_ = false;
  Op op_;
};

// A call that never waits.
template <typename R, typename... Args>
struct QuickOp {
  R (*fn)(Process& p, Args... args);
  std::tuple<Args...> args;
  R result = R(kOk);

  bool Try(Process& p) {
    result = std::apply([&](auto&... a) { return fn(p, a...); }, args);
    return true;
  }
};
template <typename... Args>
struct QuickOp<Nanoseconds, Args...> {
  Nanoseconds (*fn)(Process& p, Args... args);
  std::tuple<Args...> args;
  Nanoseconds result{0};

  bool Try(Process& p) {
    result = std::apply([&](auto&... a) { return fn(p, a...); }, args);
    return true;
  }
};

// read(2), readv(2), recv(2) and its kin.
struct ReceiveOp {
  int fd;
  int flags;
  IoVec piece;                 // where there is one
  std::span<const IoVec> iov;  // else
  Sockaddr* from = nullptr;
  MsgHdr* msg = nullptr;
  bool vectored = false;  // `iov` rather than `piece`
  Result<size_t> result = kOk;
  Socket* so = nullptr;  // once begun
  Uio uio{};

  bool Try(Process& p);

 private:
  void Finish(Errno error, int out_flags, MbufPtr control);
};

// write(2), writev(2), send(2) and its kin.
struct SendOp {
  int fd;
  int flags;
  IoVec piece;
  std::span<const IoVec> iov;
  Sockaddr to{};
  const MsgHdr* msg = nullptr;
  bool vectored = false;
  Result<size_t> result = kOk;
  Socket* so = nullptr;  // once begun
  bool waiting = false;
  Uio uio{};
  MbufPtr control{};

  ~SendOp() { StopSending(); }
  bool Try(Process& p);

 private:
  Errno Begin(Process& p);
  void Finish(Process& p, Errno error);
  // A writer that is killed while it waits is no longer sending.
  void StopSending();
};

struct AcceptOp {
  int fd;
  Sockaddr* peer;
  Result<int> result = kOk;
  bool waiting = false;

  bool Try(Process& p);

 private:
  Errno Take(Process& p, File& listener);
};

struct ConnectOp {
  int fd;
  Sockaddr addr;
  Errno result = kOk;
  bool waiting = false;

  bool Try(Process& p);
};

struct CloseOp {
  int fd;
  Errno result = kOk;
  FilePtr lingering{};  // no longer in the table

  bool Try(Process& p);
};

// nanosleep(2).
struct SleepOp {
  Nanoseconds duration;
  Errno result = kOk;
  bool waiting = false;

  bool Try(Process& p);
};

struct WaitOp {
  int pid;
  Result<ExitStatus> result = kOk;
  bool waiting = false;

  bool Try(Process& p);
};

// The calls that never wait, for use outside programs too: without their
// costs, and without being counted.
Result<int> sys_socket(Process& p, Family family, SocketType type,
                       int protocol);
Errno sys_bind(Process& p, int fd, Sockaddr addr);
Errno sys_listen(Process& p, int fd, int backlog);
Errno sys_shutdown(Process& p, int fd, Shut how);
Result<int> sys_dup(Process& p, int fd);
Result<int> sys_dup2(Process& p, int fd, int to);
Result<int> sys_fcntl(Process& p, int fd, int command, int arg);
Errno sys_setsockopt(Process& p, int fd, int level, int name,
                     std::span<const std::byte> value);
Errno sys_setsockopt_int(Process& p, int fd, int level, int name, int value);
Errno sys_setlinger(Process& p, int fd, Linger value);
Errno sys_settimeo(Process& p, int fd, int name, Nanoseconds value);
Result<size_t> sys_getsockopt(Process& p, int fd, int level, int name,
                              std::span<std::byte> value);
Result<int> sys_getsockopt_int(Process& p, int fd, int level, int name);
Result<Sockaddr> sys_getsockname(Process& p, int fd);
Result<Sockaddr> sys_getpeername(Process& p, int fd);
Result<bool> sys_sockatmark(Process& p, int fd);
Result<int> sys_fionread(Process& p, int fd);
Errno sys_ioctl(Process& p, int fd, uint64_t request, int* arg);
Result<int> sys_kqueue(Process& p);
Nanoseconds sys_alarm(Process& p, Nanoseconds delay);
Errno sys_signal(Process& p, int sig, SignalAction action);
Errno sys_kill(Process& p, int pid, int sig);

// --------------------------------------------------------- Process's methods

inline QuickCall<Result<int>, Family, SocketType, int> Process::socket(
    Family family, SocketType type, int protocol) {
  return QuickCall<Result<int>, Family, SocketType, int>(
      *this, sys_socket, std::tuple(family, type, protocol));
}
inline QuickCall<Errno, int, Sockaddr> Process::bind(int fd, Sockaddr addr) {
  return QuickCall<Errno, int, Sockaddr>(*this, sys_bind, std::tuple(fd, addr));
}
inline QuickCall<Errno, int, int> Process::listen(int fd, int backlog) {
  return QuickCall<Errno, int, int>(*this, sys_listen, std::tuple(fd, backlog));
}
inline SystemCall<AcceptOp> Process::accept(int fd, Sockaddr* peer) {
  return SystemCall<AcceptOp>(*this, fd, peer);
}
inline SystemCall<ConnectOp> Process::connect(int fd, Sockaddr addr) {
  return SystemCall<ConnectOp>(*this, fd, addr);
}

inline SystemCall<ReceiveOp> Process::recvfrom(int fd, std::span<std::byte> buf,
                                               int flags, Sockaddr* from) {
  return SystemCall<ReceiveOp>(*this, fd, flags, IoVec{buf.data(), buf.size()},
                               std::span<const IoVec>(), from);
}
inline SystemCall<ReceiveOp> Process::recv(int fd, std::span<std::byte> buf,
                                           int flags) {
  return recvfrom(fd, buf, flags, nullptr);
}
inline SystemCall<ReceiveOp> Process::read(int fd, std::span<std::byte> buf) {
  return recvfrom(fd, buf, 0, nullptr);
}
inline SystemCall<ReceiveOp> Process::recvmsg(int fd, MsgHdr* msg, int flags) {
  return SystemCall<ReceiveOp>(*this, fd, flags, IoVec(), msg->iov, &msg->name,
                               msg, true);
}
inline SystemCall<ReceiveOp> Process::readv(int fd,
                                            std::span<const IoVec> iov) {
  return SystemCall<ReceiveOp>(*this, fd, 0, IoVec(), iov, nullptr, nullptr,
                               true);
}

// The kernel only reads what a program sends.
inline IoVec SendPiece(std::span<const std::byte> buf) {
  return IoVec{const_cast<std::byte*>(buf.data()), buf.size()};
}
inline SystemCall<SendOp> Process::sendto(int fd,
                                          std::span<const std::byte> buf,
                                          int flags, Sockaddr to) {
  return SystemCall<SendOp>(*this, fd, flags, SendPiece(buf),
                            std::span<const IoVec>(), to);
}
inline SystemCall<SendOp> Process::send(int fd, std::span<const std::byte> buf,
                                        int flags) {
  return sendto(fd, buf, flags, Sockaddr());
}
inline SystemCall<SendOp> Process::write(int fd,
                                         std::span<const std::byte> buf) {
  return sendto(fd, buf, 0, Sockaddr());
}
inline SystemCall<SendOp> Process::sendmsg(int fd, const MsgHdr* msg,
                                           int flags) {
  return SystemCall<SendOp>(*this, fd, flags, IoVec(), msg->iov, msg->name, msg,
                            true);
}
inline SystemCall<SendOp> Process::writev(int fd, std::span<const IoVec> iov) {
  return SystemCall<SendOp>(*this, fd, 0, IoVec(), iov, Sockaddr(), nullptr,
                            true);
}

inline QuickCall<Errno, int, Shut> Process::shutdown(int fd, Shut how) {
  return QuickCall<Errno, int, Shut>(*this, sys_shutdown, std::tuple(fd, how));
}
inline SystemCall<CloseOp> Process::close(int fd) {
  return SystemCall<CloseOp>(*this, fd);
}
inline QuickCall<Result<int>, int> Process::dup(int fd) {
  return QuickCall<Result<int>, int>(*this, sys_dup, std::tuple(fd));
}
inline QuickCall<Result<int>, int, int> Process::dup2(int fd, int to) {
  return QuickCall<Result<int>, int, int>(*this, sys_dup2, std::tuple(fd, to));
}
inline QuickCall<Result<int>, int, int, int> Process::fcntl(int fd, int command,
                                                            int arg) {
  return QuickCall<Result<int>, int, int, int>(*this, sys_fcntl,
                                               std::tuple(fd, command, arg));
}

inline QuickCall<Errno, int, int, int, std::span<const std::byte>>
Process::setsockopt(int fd, int level, int name,
                    std::span<const std::byte> value) {
  return QuickCall<Errno, int, int, int, std::span<const std::byte>>(
      *this, sys_setsockopt, std::tuple(fd, level, name, value));
}
inline QuickCall<Errno, int, int, int, int> Process::setsockopt(int fd,
                                                                int level,
                                                                int name,
                                                                int value) {
  return QuickCall<Errno, int, int, int, int>(
      *this, sys_setsockopt_int, std::tuple(fd, level, name, value));
}
inline QuickCall<Errno, int, Linger> Process::setlinger(int fd, Linger value) {
  return QuickCall<Errno, int, Linger>(*this, sys_setlinger,
                                       std::tuple(fd, value));
}
inline QuickCall<Errno, int, int, Nanoseconds> Process::settimeo(
    int fd, int name, Nanoseconds value) {
  return QuickCall<Errno, int, int, Nanoseconds>(*this, sys_settimeo,
                                                 std::tuple(fd, name, value));
}
inline QuickCall<Result<size_t>, int, int, int, std::span<std::byte>>
Process::getsockopt(int fd, int level, int name, std::span<std::byte> value) {
  return QuickCall<Result<size_t>, int, int, int, std::span<std::byte>>(
      *this, sys_getsockopt, std::tuple(fd, level, name, value));
}
inline QuickCall<Result<int>, int, int, int> Process::getsockopt(int fd,
                                                                 int level,
                                                                 int name) {
  return QuickCall<Result<int>, int, int, int>(*this, sys_getsockopt_int,
                                               std::tuple(fd, level, name));
}
inline QuickCall<Result<Sockaddr>, int> Process::getsockname(int fd) {
  return QuickCall<Result<Sockaddr>, int>(*this, sys_getsockname,
                                          std::tuple(fd));
}
inline QuickCall<Result<Sockaddr>, int> Process::getpeername(int fd) {
  return QuickCall<Result<Sockaddr>, int>(*this, sys_getpeername,
                                          std::tuple(fd));
}
inline QuickCall<Result<bool>, int> Process::sockatmark(int fd) {
  return QuickCall<Result<bool>, int>(*this, sys_sockatmark, std::tuple(fd));
}
inline QuickCall<Result<int>, int> Process::fionread(int fd) {
  return QuickCall<Result<int>, int>(*this, sys_fionread, std::tuple(fd));
}

inline QuickCall<Errno, int, uint64_t, int*> Process::ioctl(int fd,
                                                            uint64_t request,
                                                            int* arg) {
  return QuickCall<Errno, int, uint64_t, int*>(*this, sys_ioctl,
                                               std::tuple(fd, request, arg));
}

inline SystemCall<SelectOp> Process::select(
    int nfds, FdSet* read, FdSet* write, FdSet* except,
    std::optional<Nanoseconds> timeout) {
  return SystemCall<SelectOp>(*this, nfds, read, write, except, timeout);
}
inline SystemCall<PollOp> Process::poll(std::span<PollFd> fds,
                                        std::optional<Nanoseconds> timeout) {
  return SystemCall<PollOp>(*this, fds, timeout);
}
inline QuickCall<Result<int>> Process::kqueue() {
  return QuickCall<Result<int>>(*this, sys_kqueue, std::tuple());
}
inline SystemCall<KeventOp> Process::kevent(
    int kq, std::span<const Kevent> changes, std::span<Kevent> events,
    std::optional<Nanoseconds> timeout) {
  return SystemCall<KeventOp>(*this, kq, changes, events, timeout);
}

inline SystemCall<SleepOp> Process::nanosleep(Nanoseconds duration) {
  return SystemCall<SleepOp>(*this, duration);
}
inline QuickCall<Nanoseconds, Nanoseconds> Process::alarm(Nanoseconds delay) {
  return QuickCall<Nanoseconds, Nanoseconds>(*this, sys_alarm,
                                             std::tuple(delay));
}
inline QuickCall<Errno, int, SignalAction> Process::signal(
    int sig, SignalAction action) {
  return QuickCall<Errno, int, SignalAction>(*this, sys_signal,
                                             std::tuple(sig, action));
}
inline QuickCall<Errno, int, int> Process::kill(int pid, int sig) {
  return QuickCall<Errno, int, int>(*this, sys_kill, std::tuple(pid, sig));
}
inline SystemCall<WaitOp> Process::waitpid(int pid) {
  return SystemCall<WaitOp>(*this, pid);
}

}  // namespace splnet

#endif  // SPLNET_SOCKETS_UIPC_SYSCALLS_H_
