// Programs that make the calls which they are given.

#include "tools/drill/caller.h"

#include <utility>

#include "sockets/signal.h"

namespace splnet::drill {

// Waits for work.
struct Caller::NextOp {
  Work* work;
  Errno result = kOk;

  bool Try(Process& p) {
    if (work->next != nullptr) return true;
    return !p.Sleep(work->channel, Nanoseconds(0));
  }
};

Task<int> Caller::Serve(Process& p, Work* work) {
  for (;;) {
    const Errno woken = co_await SystemCall<NextOp>(p, work);
    if (woken != kOk) co_return 1;
    Call* const call = std::exchange(work->next, nullptr);
    if (call == nullptr) continue;
    co_await call->kind->perform(p, *call);
    call->returned = p.now().time_since_epoch();
    call->done = true;
  }
}

Task<int> Caller::MakeOne(Process& p, Call* call) {
  co_await call->kind->perform(p, *call);
  call->returned = p.now().time_since_epoch();
  call->done = true;
  co_return 0;
}

Caller::Caller(DrillHost& host)
    : host_(host), process_(&host.procs().Spawn("script", Serve, &work_)) {
  // A script sees EPIPE itself.
  (void)sys_signal(*process_, kSIGPIPE, SignalAction::kIgnore);
}

void Caller::Make(Call& call) {
  work_.next = &call;
  // The process runs at once, and sleeps on the channel again.
  wakeup_one(host_.ns().cpu, work_.channel);
}

void Caller::MakeBeside(Call& call) {
  Process& p = host_.procs().Spawn("call", MakeOne, &call);
  (void)sys_signal(p, kSIGPIPE, SignalAction::kIgnore);
  DescriptorTable& ours = process_->files();
  for (const int fd : call.UsedFds()) {
    // The last close of a socket is the one that may wait.
    FilePtr file = call.kind->closes ? process_->RemoveDescriptor(fd)
                                     : FilePtr(ours.Get(fd));
    if (file) p.files().Put(fd, std::move(file));
  }
}

}  // namespace splnet::drill
