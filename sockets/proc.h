// Processes of a simulated host: programs that make system calls.
//
// A program is a free coroutine function
//     Task<int> Echo(Process& p, EchoArgs args);
// that takes its arguments by value and makes system calls by
//     const Result<int> fd = co_await p.socket(...);
// Its value is the exit status.  A process is given the CPU by its host's Cpu,
// sleeps on a WaitChannel, and can be killed asleep or runnable: that destroys
// the coroutine's frame and closes its descriptors.
//
// Include sockets/uipc_syscalls.h to make the calls.

#ifndef SPLNET_SOCKETS_PROC_H_
#define SPLNET_SOCKETS_PROC_H_

#include <array>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "sockets/filedesc.h"
#include "sockets/signal.h"
#include "sockets/task.h"
#include "sockets/uipc_socket.h"
#include "stack/kern/cpu.h"
#include "stack/kern/sockaddr.h"
#include "stack/kern/timeout.h"
#include "stack/kern/waitchan.h"

namespace splnet {

class FdSet;
class ProcessTable;
struct AcceptOp;
struct CloseOp;
struct ConnectOp;
struct Kevent;
struct KeventOp;
struct MsgHdr;
struct Netstack;
struct PollFd;
struct PollOp;
struct ReceiveOp;
struct SelectOp;
struct SendOp;
struct SleepOp;
struct WaitOp;

// What co_await makes a system call of; see sockets/uipc_syscalls.h.
template <typename Op>
class SystemCall;
template <typename R, typename... Args>
struct QuickOp;
template <typename R, typename... Args>
using QuickCall = SystemCall<QuickOp<R, Args...>>;

// A call that waits, on the coroutine's frame.
struct BlockedCall {
  // Tries again.  False if it sleeps again.
  bool (*again)(BlockedCall& self) = nullptr;
  std::coroutine_handle<> caller;
};

// Parent of those whose own has ended; no process has it.
inline constexpr int kInitPid = -1;

// How a process ended.
struct ExitStatus {
  int code = 0;    // what the program returned
  int signal = 0;  // that killed it; 0 if none
  bool operator==(const ExitStatus&) const = default;
};

class Process final : public Sleeper, private TaskDriver {
 public:
  Process(ProcessTable& table, std::string name, int pid);
  ~Process() override;

  ProcessTable& table() { return table_; }
  Netstack& ns() { return ns_; }
  Cpu& cpu() { return cpu_; }
  const std::string& name() const { return name_; }
  int pid() const { return pid_; }
  // 0 if it was started from outside; kInitPid when the parent has ended.
  int parent() const { return parent_pid_; }
  SimTime now() const { return cpu_.now(); }
  bool exited() const { return status_ == Status::kZombie; }
  // Valid once exited.
  const ExitStatus& exit_status() const { return exit_status_; }

  // ------------------------------------------------------------ system calls
  // As in the manual's section 2.  Each is to be awaited at once.  `fd` that
  // is not open gives kEBADF, one that is no socket kENOTSOCK.  Memory passed
  // stays valid until the call is over.
  QuickCall<Result<int>, Family, SocketType, int> socket(Family family,
                                                         SocketType type,
                                                         int protocol);
  QuickCall<Errno, int, Sockaddr> bind(int fd, Sockaddr addr);
  QuickCall<Errno, int, int> listen(int fd, int backlog);
  // `peer` may be null.  kEWOULDBLOCK if non-blocking and there is none.
  SystemCall<AcceptOp> accept(int fd, Sockaddr* peer = nullptr);
  // kEINPROGRESS if non-blocking and it takes time.
  SystemCall<ConnectOp> connect(int fd, Sockaddr addr);

  // Bytes received, 0 at the end of the stream.
  SystemCall<ReceiveOp> read(int fd, std::span<std::byte> buf);
  SystemCall<ReceiveOp> readv(int fd, std::span<const IoVec> iov);
  SystemCall<ReceiveOp> recv(int fd, std::span<std::byte> buf, int flags);
  // `from` may be null.
  SystemCall<ReceiveOp> recvfrom(int fd, std::span<std::byte> buf, int flags,
                                 Sockaddr* from);
  SystemCall<ReceiveOp> recvmsg(int fd, MsgHdr* msg, int flags);

  // Bytes sent: fewer than given only if non-blocking or interrupted.  kEPIPE
  // comes with SIGPIPE, unless kMsgNoSignal is in `flags`.
  SystemCall<SendOp> write(int fd, std::span<const std::byte> buf);
  SystemCall<SendOp> writev(int fd, std::span<const IoVec> iov);
  SystemCall<SendOp> send(int fd, std::span<const std::byte> buf, int flags);
  SystemCall<SendOp> sendto(int fd, std::span<const std::byte> buf, int flags,
                            Sockaddr to);
  SystemCall<SendOp> sendmsg(int fd, const MsgHdr* msg, int flags);

  QuickCall<Errno, int, Shut> shutdown(int fd, Shut how);
  // The last close of a connected socket with SO_LINGER waits until what was
  // sent is acknowledged; kEWOULDBLOCK if that takes too long.
  SystemCall<CloseOp> close(int fd);
  QuickCall<Result<int>, int> dup(int fd);
  QuickCall<Result<int>, int, int> dup2(int fd, int to);
  // kFDupfd, kFGetfl, kFSetfl, kFGetown, kFSetown.
  QuickCall<Result<int>, int, int, int> fcntl(int fd, int command, int arg);

  QuickCall<Errno, int, int, int, std::span<const std::byte>> setsockopt(
      int fd, int level, int name, std::span<const std::byte> value);
  QuickCall<Errno, int, int, int, int> setsockopt(int fd, int level, int name,
                                                  int value);
  QuickCall<Errno, int, Linger> setlinger(int fd, Linger value);
  // SO_SNDTIMEO and SO_RCVTIMEO; 0 is none.
  QuickCall<Errno, int, int, Nanoseconds> settimeo(int fd, int name,
                                                   Nanoseconds value);
  // How many bytes of `value` were filled in.
  QuickCall<Result<size_t>, int, int, int, std::span<std::byte>> getsockopt(
      int fd, int level, int name, std::span<std::byte> value);
  // An option that is an int.
  QuickCall<Result<int>, int, int, int> getsockopt(int fd, int level, int name);
  QuickCall<Result<Sockaddr>, int> getsockname(int fd);
  QuickCall<Result<Sockaddr>, int> getpeername(int fd);
  // Whether the urgent mark is where the next byte will be read.
  QuickCall<Result<bool>, int> sockatmark(int fd);
  // kFIONREAD, kFIONBIO, kFIOASYNC, kSIOCATMARK and those for the owner.  `arg`
  // is read or written as the request's name says.  kENOTTY where the request
  // means nothing to what `fd` is.
  QuickCall<Errno, int, uint64_t, int*> ioctl(int fd, uint64_t request,
                                              int* arg);
  // Bytes to be read: ioctl FIONREAD.
  QuickCall<Result<int>, int> fionread(int fd);

  // `timeout` nothing: for ever; 0: not at all.  How many are ready.
  SystemCall<SelectOp> select(int nfds, FdSet* read, FdSet* write,
                              FdSet* except,
                              std::optional<Nanoseconds> timeout);
  SystemCall<PollOp> poll(std::span<PollFd> fds,
                          std::optional<Nanoseconds> timeout);
  QuickCall<Result<int>> kqueue();
  SystemCall<KeventOp> kevent(int kq, std::span<const Kevent> changes,
                              std::span<Kevent> events,
                              std::optional<Nanoseconds> timeout);

  // kEINTR if a caught signal ends it early.
  SystemCall<SleepOp> nanosleep(Nanoseconds duration);
  // SIGALRM in `delay`; 0 cancels.  What was left of the one before.
  QuickCall<Nanoseconds, Nanoseconds> alarm(Nanoseconds delay);
  // kEINVAL for SIGKILL and for what is no signal.
  QuickCall<Errno, int, SignalAction> signal(int sig, SignalAction action);
  // kESRCH; signal 0 only asks whether the process is there.
  QuickCall<Errno, int, int> kill(int pid, int sig);
  // Waits until `pid` has ended, and forgets it.  kECHILD if there is none.
  // (BSD's waits for children only.)
  SystemCall<WaitOp> waitpid(int pid);

  // True, once, if a signal that is caught has come.
  bool TookSignal(int sig);

  // ----------------------------------------------- around programs, in set-up
  DescriptorTable& files() { return files_; }
  // Opens the lowest free descriptor on `so`.
  Result<int> Install(SocketPtr so);
  // What kill(2) does, from outside any process.
  void PostSignal(int sig);

  // ------------------------------------------- for the system calls themselves
  void BeginCall() {
    undelivered_ = 0;
    cpu_.BeginSystemCall();
  }
  // The call is done: what is pending in higher contexts runs.  True if the
  // program goes on at once; else it is to be suspended.
  bool LeaveKernel() {
    if (!cpu_.EndSystemCall(*this)) {
      status_ = Status::kRunnable;
      return false;
    }
    return !doomed();
  }
  // Suspended in `call`, which sleeps, or (null) after a call that is over.
  void Suspend(BlockedCall* call, std::coroutine_handle<> caller);
  // Goes to sleep on `channel`, at most for `timeout` (0: for ever).  False if
  // a caught signal is waiting: slept() then says kEINTR.
  [[nodiscard]] bool Sleep(WaitChannel& channel, Nanoseconds timeout);
  // Why the last sleep ended: kOk by a wakeup, kEWOULDBLOCK by its timeout,
  // kEINTR by a signal.
  Errno slept() const { return slept_; }
  // Wakes it from a sleep on selwait().
  void SelectWakeup();
  WaitChannel& selwait() { return selwait_; }
  // Closes `fd` for the kqueues too, and gives what it was open on.
  FilePtr RemoveDescriptor(int fd);
  // Kqueues are told of descriptors that are closed.
  void NoteKqueue(Kqueue& kq) { kqueues_.push_back(&kq); }
  void ForgetKqueue(Kqueue& kq);
  // The socket of `fd`, or kEBADF or kENOTSOCK.
  Errno GetSocket(int fd, File** file) const {
    *file = files_.Get(fd);
    if (*file == nullptr) return kEBADF;
    return (*file)->so ? kOk : kENOTSOCK;
  }

  void Run() override;

 private:
  friend class ProcessTable;
  friend Nanoseconds sys_alarm(Process& p, Nanoseconds delay);
  friend Errno sys_signal(Process& p, int sig, SignalAction action);
  friend struct WaitOp;

  enum class Status : uint8_t {
    kNew,       // not yet started
    kSleeping,  // on a wait channel, or runnable after it
    kRunnable,  // waits for the CPU between two calls
    kRunning,
    kZombie,
  };

  void Start(Task<int> program, Nanoseconds delay);
  bool doomed() const { return doom_ != 0; }
  bool asleep() const { return status_ == Status::kSleeping && !runnable(); }
  void Wake(Errno why);
  void Exit();
  // Destroys the frame and stops every timer.
  void Stop();
  void CloseAll();

  ProcessTable& table_;
  Netstack& ns_;
  Cpu& cpu_;
  Status status_ = Status::kNew;
  Errno slept_ = kOk;
  int doom_ = 0;              // the signal that ends it
  uint32_t undelivered_ = 0;  // caught since the call began
  uint32_t caught_ = 0;       // and not yet taken by the program
  BlockedCall* blocked_ = nullptr;
  DescriptorTable files_;
  Timeout sleep_timer_;
  Timeout alarm_;
  Timeout start_;
  std::array<SignalAction, kNsig> actions_{};
  std::vector<Kqueue*> kqueues_;
  WaitChannel selwait_;
  WaitChannel exiting_;  // who waits for its end
  Task<int> root_;
  ExitStatus exit_status_;
  std::string name_;
  int pid_;
  int parent_pid_ = 0;
};

struct SpawnOptions {
  std::string name;
  Process* parent = nullptr;  // null: started from outside
  std::vector<int> inherit;   // the parent's descriptors that it gets, under
                              // the same numbers
  Nanoseconds delay{0};       // starts so much later
};

// The processes of one host, which it owns.  Destroy it before the host's
// interfaces and its Netstack.
class ProcessTable {
 public:
  explicit ProcessTable(Netstack& ns) : ns_(ns) {}
  ProcessTable(const ProcessTable&) = delete;
  ProcessTable& operator=(const ProcessTable&) = delete;
  // Ends every process; none runs again.
  ~ProcessTable();

  Netstack& ns() { return ns_; }

  // A process that will run `program` when the simulation runs on; its
  // descriptors may be set up before that.  A process without parent is kept
  // when it has ended, until Reap() or waitpid(2); one with a parent likewise,
  // unless the parent has ended or ignores SIGCHLD.
  template <typename... Params, typename... Args>
  Process& Spawn(SpawnOptions options,
                 Task<int> (*program)(Process&, Params...), Args&&... args) {
    const Nanoseconds delay = options.delay;
    Process& p = Create(std::move(options));
    p.Start(program(p, std::forward<Args>(args)...), delay);
    return p;
  }
  template <typename... Params, typename... Args>
  Process& Spawn(std::string name, Task<int> (*program)(Process&, Params...),
                 Args&&... args) {
    SpawnOptions options;
    options.name = std::move(name);
    return Spawn(std::move(options), program, std::forward<Args>(args)...);
  }

  // Null if there is none.
  Process* Find(int pid);
  // Sends `sig`; kESRCH, kEINVAL.
  Errno Kill(int pid, int sig);
  // Forgets a process that has ended.
  void Reap(int pid);
  // Processes that have not ended.
  size_t running() const { return running_; }
  // Processes known, those that have ended included.
  size_t size() const { return processes_.size(); }
  // By pid.
  auto begin() const { return processes_.begin(); }
  auto end() const { return processes_.end(); }

 private:
  friend class Process;
  Process& Create(SpawnOptions options);
  // `p` has ended; it may be gone afterwards.
  void Exited(Process& p);

  Netstack& ns_;
  int last_pid_ = 0;
  size_t running_ = 0;
  std::map<int, std::unique_ptr<Process>> processes_;
};

}  // namespace splnet

#endif  // SPLNET_SOCKETS_PROC_H_
