// select(2) and poll(2): look, hook on to what is not ready, sleep, look again.

#include "sockets/select.h"

#include <algorithm>

#include "sockets/kqueue.h"
#include "sockets/proc.h"
#include "stack/netstack.h"

namespace splnet {

int16_t PollFile(const File& file, int16_t events, bool no_hup) {
  constexpr int16_t kReads = kPollIn | kPollRdnorm;
  if (!file.so) {
    return static_cast<int16_t>(file.kq->ready() ? events & kReads : 0);
  }
  const Socket& so = *file.so;
  int ready = 0;
  if ((events & kReads) != 0 && soreadable(so)) ready |= events & kReads;
  if (!no_hup && so.is(kSsIsDisconnected)) {
    ready |= kPollHup;
  } else if ((events & kPollOut) != 0 && sowriteable(so)) {
    ready |= kPollOut;
  }
  constexpr int16_t kExceptions = kPollPri | kPollRdband;
  if ((events & kExceptions) != 0 && soexceptional(so)) {
    ready |= events & kExceptions;
  }
  return static_cast<int16_t>(ready);
}

void CallTimeout::Start(SimTime now) {
  if (started_ || !limit_) return;
  started_ = true;
  // What would end after the end of time never does.
  if (*limit_ > SimTime::max() - now) {
    limit_.reset();
  } else {
    deadline_ = now + *limit_;
  }
}

PollHooks::PollHooks(Process& p, size_t most)
    : process_(p), hooks_(std::make_unique<Hook[]>(most)) {}

PollHooks::~PollHooks() = default;

void PollHooks::Record(File& file, int16_t events) {
  const auto hook_on = [this](SelInfo& sel) {
    Hook& hook = hooks_[used_++];
    hook.process = &process_;
    hook.notify = [](SelHook& self) {
      static_cast<Hook&>(self).process->SelectWakeup();
    };
    sel.Record(hook);
  };
  if (!file.so) return hook_on(file.kq->sel);
  // A hang-up, which wakes readers, is told of unasked.
  hook_on(file.so->rcv.sel);
  if ((events & kPollOut) != 0) hook_on(file.so->snd.sel);
}

// Sleeps until a hook or the timeout.  False if the call ends instead, with
// `result`.
template <typename Op>
static bool PollSleep(Process& p, Op& op) {
  if (op.timeout.Expired(p.now())) return false;
  if (p.Sleep(p.selwait(), op.timeout.Left(p.now()))) return true;
  op.result = p.slept();
  return false;
}

// Whether the call has to look: not if it is over already.
template <typename Op>
static bool PollBegin(Process& p, Op& op) {
  if (op.hooks) {
    op.hooks.reset();
    if (p.slept() != kEINTR) return true;
    op.result = kEINTR;
    return false;
  }
  op.timeout.Start(p.now());
  return true;
}

int PollOp::Scan(Process& p) {
  int ready = 0;
  for (PollFd& f : fds) {
    f.revents = 0;
    if (f.fd < 0) continue;
    const File* const file = p.files().Get(f.fd);
    f.revents = file == nullptr ? kPollNval : PollFile(*file, f.events, false);
    if (f.revents != 0) ++ready;
  }
  return ready;
}

bool PollOp::Try(Process& p) {
  if (!timeout.valid() ||
      static_cast<int64_t>(fds.size()) > p.ns().settings.maxfiles) {
    result = kEINVAL;
    return true;
  }
  if (!PollBegin(p, *this)) return true;
  result = Scan(p);
  if (result.value > 0) return true;

  hooks = std::make_unique<PollHooks>(p, 2 * fds.size());
  for (const PollFd& f : fds) {
    if (f.fd >= 0) hooks->Record(*p.files().Get(f.fd), f.events);
  }
  if (PollSleep(p, *this)) return false;
  hooks.reset();
  return true;
}

template <typename Visit>
void SelectOp::ForEach(Process& p, Visit visit) const {
  constexpr std::array<int16_t, 3> kEvents = {kPollIn, kPollOut, kPollPri};
  const std::array<FdSet*, 3> sets = {read, write, except};
  for (int fd = 0; fd < nfds; ++fd) {
    for (size_t i = 0; i < sets.size(); ++i) {
      if (sets[i] == nullptr || !sets[i]->Test(fd)) continue;
      visit(p.files().Get(fd), fd, i, kEvents[i]);
    }
  }
}

bool SelectOp::Try(Process& p) {
  if (!timeout.valid() || nfds < 0 || nfds > kFdSetSize) {
    result = kEINVAL;
    return true;
  }
  if (!PollBegin(p, *this)) return true;
  std::array<FdSet, 3> ready;
  int count = 0;
  size_t asked = 0;
  bool bad = false;
  ForEach(p, [&](const File* file, int fd, size_t set, int16_t events) {
    ++asked;
    if (file == nullptr) {
      bad = true;
    } else if (PollFile(*file, events, true) != 0) {
      ready[set].Set(fd);
      ++count;
    }
  });
  if (bad) {
    result = kEBADF;
    return true;
  }
  if (count == 0) {
    hooks = std::make_unique<PollHooks>(p, 2 * asked);
    ForEach(p, [&](File* file, int, size_t, int16_t events) {
      hooks->Record(*file, events);
    });
    if (PollSleep(p, *this)) return false;
    hooks.reset();
    if (!result.ok()) return true;
  }
  const std::array<FdSet*, 3> sets = {read, write, except};
  for (size_t i = 0; i < sets.size(); ++i) {
    if (sets[i] != nullptr) *sets[i] = ready[i];
  }
  result = count;
  return true;
}

}  // namespace splnet
