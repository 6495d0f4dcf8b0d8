// How processes start, sleep, are woken, signalled and end.

#include "sockets/proc.h"

#include <algorithm>

#include "sockets/kqueue.h"
#include "stack/netstack.h"

namespace splnet {

Process::Process(ProcessTable& table, std::string name, int pid)
    : table_(table),
      ns_(table.ns()),
      cpu_(table.ns().cpu),
      sleep_timer_(
          cpu_, [](void* p) { static_cast<Process*>(p)->Wake(kEWOULDBLOCK); },
          this),
      alarm_(
          cpu_, [](void* p) { static_cast<Process*>(p)->PostSignal(kSIGALRM); },
          this),
      start_(
          ns_.queue,
          [](void* p) {
            auto& self = *static_cast<Process*>(p);
            self.cpu_.MakeRunnable(self);
          },
          this),
      name_(std::move(name)),
      pid_(pid) {}

Process::~Process() {
  Stop();
  CloseAll();
}

void Process::Start(Task<int> program, Nanoseconds delay) {
  root_ = std::move(program);
  root_.handle().promise().driver = this;
  next = root_.handle();
  timeout_add(start_, delay);
}

void Process::Run() {
  status_ = Status::kRunning;
  timeout_del(sleep_timer_);
  if (blocked_ != nullptr && !doomed()) {
    BlockedCall& call = *blocked_;
    if (!call.again(call)) return;
    blocked_ = nullptr;
    next = call.caller;
    static_cast<void>(LeaveKernel());  // it may have to wait for the CPU
  }
  while (next && status_ == Status::kRunning && !doomed()) {
    std::exchange(next, nullptr).resume();
  }
  if (status_ == Status::kRunning) Exit();
}

void Process::Suspend(BlockedCall* call, std::coroutine_handle<> caller) {
  blocked_ = call;
  if (call != nullptr) {
    call->caller = caller;
  } else {
    next = caller;
  }
}

bool Process::Sleep(WaitChannel& channel, Nanoseconds timeout) {
  if (undelivered_ != 0) {
    slept_ = kEINTR;
    return false;
  }
  slept_ = kOk;
  status_ = Status::kSleeping;
  sleep_setup(*this, channel);
  if (timeout > Nanoseconds(0)) timeout_add(sleep_timer_, timeout);
  return true;
}

// Only from a sleep: what has been woken already knows why.
void Process::Wake(Errno why) {
  if (!asleep()) return;
  slept_ = why;
  cpu_.MakeRunnable(*this);
}

void Process::SelectWakeup() {
  if (asleep()) wakeup(cpu_, selwait_);
}

void Process::PostSignal(int sig) {
  if (exited() || !IsSignal(sig)) return;
  const SignalAction action = actions_[static_cast<size_t>(sig)];
  const uint32_t bit = uint32_t{1} << sig;
  if (action == SignalAction::kIgnore) return;
  if (action == SignalAction::kCatch) {
    caught_ |= bit;
    undelivered_ |= bit;
    return Wake(kEINTR);
  }
  if (IgnoredByDefault(sig) || doomed()) return;
  doom_ = sig;
  if (status_ == Status::kNew && !runnable()) {
    timeout_del(start_);
    cpu_.MakeRunnable(*this);
  } else {
    Wake(kEINTR);
  }
}

bool Process::TookSignal(int sig) {
  if (!IsSignal(sig)) return false;
  const uint32_t bit = uint32_t{1} << sig;
  const bool came = (caught_ & bit) != 0;
  caught_ &= ~bit;
  return came;
}

Result<int> Process::Install(SocketPtr so) {
  return files_.Alloc(FilePtr(new File(std::move(so))), ns_.settings.maxfiles);
}

FilePtr Process::RemoveDescriptor(int fd) {
  if (files_.Get(fd) == nullptr) return FilePtr();
  for (Kqueue* const kq : kqueues_) kq->CloseDescriptor(fd);
  return files_.Remove(fd);
}

void Process::ForgetKqueue(Kqueue& kq) { std::erase(kqueues_, &kq); }

void Process::Exit() {
  if (doomed()) {
    exit_status_.signal = doom_;
  } else {
    exit_status_.code = root_.handle().promise().Take();
    cpu_.BeginSystemCall();
  }
  Stop();
  CloseAll();
  wakeup(cpu_, exiting_);
  table_.Exited(*this);  // may delete this
}

void Process::Stop() {
  status_ = Status::kZombie;
  Leave();
  timeout_del(sleep_timer_);
  timeout_del(alarm_);
  timeout_del(start_);
  blocked_ = nullptr;
  next = nullptr;
  root_.Destroy();
}

// A lingering close does not wait here: nobody is left to wait.
void Process::CloseAll() {
  for (int fd = 0; fd < files_.end(); ++fd) RemoveDescriptor(fd);
}

// ------------------------------------------------------------------ the table

ProcessTable::~ProcessTable() {
  // First none may run any more: closing a descriptor wakes others.
  for (auto& [pid, p] : processes_) p->Stop();
  for (auto& [pid, p] : processes_) p->CloseAll();
}

Process& ProcessTable::Create(SpawnOptions options) {
  const int pid = ++last_pid_;
  auto owned = std::make_unique<Process>(*this, std::move(options.name), pid);
  Process& p = *owned;
  processes_.emplace(pid, std::move(owned));
  ++running_;
  if (options.parent != nullptr) {
    p.parent_pid_ = options.parent->pid();
    p.actions_ = options.parent->actions_;
    // What the parent catches has no handler in another program.
    for (SignalAction& a : p.actions_) {
      if (a == SignalAction::kCatch) a = SignalAction::kDefault;
    }
    for (const int fd : options.inherit) {
      File* const file = options.parent->files().Get(fd);
      if (file != nullptr && file->so && p.files().Get(fd) == nullptr) {
        p.files().Put(fd, FilePtr(file));
      }
    }
  }
  return p;
}

Process* ProcessTable::Find(int pid) {
  const auto at = processes_.find(pid);
  return at == processes_.end() ? nullptr : at->second.get();
}

Errno ProcessTable::Kill(int pid, int sig) {
  if (sig != 0 && !IsSignal(sig)) return kEINVAL;
  Process* const p = Find(pid);
  if (p == nullptr || p->exited()) return kESRCH;
  if (sig != 0) p->PostSignal(sig);
  return kOk;
}

void ProcessTable::Reap(int pid) {
  const auto at = processes_.find(pid);
  if (at != processes_.end() && at->second->exited()) processes_.erase(at);
}

void ProcessTable::Exited(Process& p) {
  --running_;
  const int pid = p.pid();
  // Its children have nobody to wait for them.
  for (auto at = processes_.begin(); at != processes_.end();) {
    Process& child = *at->second;
    ++at;
    if (child.parent() != pid) continue;
    child.parent_pid_ = kInitPid;
    if (child.exited()) Reap(child.pid());
  }
  if (p.parent() == 0) return;
  Process* const parent = Find(p.parent());
  if (parent == nullptr || parent->exited() ||
      parent->actions_[kSIGCHLD] == SignalAction::kIgnore) {
    return Reap(pid);
  }
  parent->PostSignal(kSIGCHLD);
}

}  // namespace splnet
