// kqueue(2): knotes, what makes them active, and their delivery.

#include "sockets/kqueue.h"

#include <algorithm>
#include <limits>

#include "sockets/proc.h"
#include "stack/netstack.h"

namespace splnet {

// One registered filter.
struct Knote : TimeoutLink {
  Knote(Kqueue& queue, const Kevent& change)
      : kq(queue),
        ident(change.ident),
        filter(change.filter),
        flags(change.flags),
        fflags(change.fflags),
        data(change.data),
        udata(change.udata) {
    hook.knote = this;
    hook.notify = [](SelHook& self) {
      Knote& kn = *static_cast<Hook&>(self).knote;
      Kevent event;
      if (kn.Ready(&event)) kn.kq.Activate(kn);
    };
  }
  ~Knote() { kq.Deactivate(*this); }

  // Whether the filter holds now; fills in what it says.
  bool Ready(Kevent* event) const;
  bool ReadReady(const Socket& so, Kevent* event) const;
  bool WriteReady(const Socket& so, Kevent* event) const;
  void Expire();

  struct Hook : SelHook {
    Knote* knote = nullptr;
  };

  Kqueue& kq;
  const uint64_t ident;
  const int16_t filter;
  uint16_t flags;   // as added: kEvOneshot, kEvClear, kEvDispatch
  uint32_t fflags;  // as asked
  int64_t data;     // as asked
  void* udata;
  bool disabled = false;
  File* file = nullptr;            // for a descriptor
  std::unique_ptr<Timeout> timer;  // for a timer
  Nanoseconds period{0};
  int64_t expirations = 0;
  Hook hook;
};

bool Knote::ReadReady(const Socket& so, Kevent* event) const {
  if (so.has(kSO_ACCEPTCONN)) {
    event->data = static_cast<int64_t>(so.listen->q.size());
    return event->data != 0;
  }
  event->data = so.rcv.cc;
  if (so.cantrcvmore()) {
    event->flags |= kEvEof;
    event->fflags = static_cast<uint32_t>(so.error);
    return true;
  }
  if (so.error != kOk) return true;
  return event->data >=
         ((fflags & kNoteLowat) != 0 ? data : int64_t{so.rcv.lowat});
}

bool Knote::WriteReady(const Socket& so, Kevent* event) const {
  event->data = std::max(sbspace(so.snd), int64_t{0});
  if (so.cantsendmore()) {
    event->flags |= kEvEof;
    event->fflags = static_cast<uint32_t>(so.error);
    return true;
  }
  if (so.error != kOk) return true;
  if (!so.is(kSsIsConnected) && (so.proto->flags & kPrConnRequired) != 0) {
    return false;
  }
  return event->data >=
         ((fflags & kNoteLowat) != 0 ? data : int64_t{so.snd.lowat});
}

bool Knote::Ready(Kevent* event) const {
  event->ident = ident;
  event->filter = filter;
  event->flags = flags & (kEvOneshot | kEvClear | kEvDispatch);
  event->udata = udata;
  if (filter == kEvfiltTimer) {
    event->data = expirations;
    return expirations > 0;
  }
  if (!file->so) {
    event->data = file->kq->active_count();
    return event->data > 0;
  }
  const Socket& so = *file->so;
  if (filter == kEvfiltWrite) return WriteReady(so, event);
  if (filter == kEvfiltRead) return ReadReady(so, event);
  if (!soexceptional(so)) return false;
  event->fflags = kNoteOob;
  event->data = so.oobmark;
  return true;
}

void Knote::Expire() {
  ++expirations;
  const bool once = (flags & kEvOneshot) != 0 || (fflags & kNoteAbstime) != 0;
  if (!once) timeout_add(*timer, period);
  kq.Activate(*this);
}

// ----------------------------------------------------------------- the kqueue

Kqueue::Kqueue(Process& owner) : owner_(owner) { owner.NoteKqueue(*this); }

Kqueue::~Kqueue() {
  owner_.ForgetKqueue(*this);
  knotes_.clear();
}

void Kqueue::Activate(Knote& kn) {
  if (kn.disabled || kn.linked()) return;
  kn.Append(active_);
  ++active_count_;
  wakeup(owner_.cpu(), wait);
  selwakeup(sel);
}

void Kqueue::Deactivate(Knote& kn) {
  if (!kn.linked()) return;
  kn.Unlink();
  --active_count_;
}

// An amount of the unit that `fflags` names.
static Nanoseconds TimerUnits(int64_t amount, uint32_t fflags) {
  int64_t unit = 1'000'000;
  switch (fflags & ~kNoteAbstime) {
    case kNoteSeconds:
      unit = 1'000'000'000;
      break;
    case kNoteUseconds:
      unit = 1'000;
      break;
    case kNoteNseconds:
      unit = 1;
      break;
    default:
      break;
  }
  // A hundred years is long enough, and far from overflow.
  constexpr int64_t kMost = 100LL * 366 * 86400 * 1'000'000'000;
  return Nanoseconds(std::min(amount, kMost / unit) * unit);
}

Errno Kqueue::SetTimer(Knote& kn) {
  constexpr uint32_t kUnits = 3;
  if (kn.data < 0 || (kn.fflags & ~(kUnits | kNoteAbstime)) != 0) {
    return kEINVAL;
  }
  if (!kn.timer) {
    if (timers_ >= kMaxKqueueTimers) return kENOMEM;
    kn.timer = std::make_unique<Timeout>(
        owner_.cpu(), [](void* knote) { static_cast<Knote*>(knote)->Expire(); },
        &kn);
    ++timers_;
  }
  kn.expirations = 0;
  kn.flags |= kEvClear;
  Deactivate(kn);
  if ((kn.fflags & kNoteAbstime) != 0) {
    const SimTime due = SimTime(TimerUnits(kn.data, kn.fflags));
    timeout_add_at(*kn.timer, std::max(due, owner_.now()));
  } else {
    // A period of nothing would leave no time for anything else.
    kn.period = TimerUnits(std::max(kn.data, int64_t{1}), kn.fflags);
    timeout_add(*kn.timer, kn.period);
  }
  return kOk;
}

Errno Kqueue::AttachFile(Knote& kn) {
  if (kn.ident > std::numeric_limits<int>::max()) return kEBADF;
  kn.file = owner_.files().Get(static_cast<int>(kn.ident));
  if (kn.file == nullptr) return kEBADF;
  if (!kn.file->so) {
    // A kqueue in itself would wake itself for ever.
    if (kn.filter != kEvfiltRead || kn.file->kq.get() == this) return kEINVAL;
    kn.file->kq->sel.Record(kn.hook);
    return kOk;
  }
  Socket& so = *kn.file->so;
  (kn.filter == kEvfiltWrite ? so.snd.sel : so.rcv.sel).Record(kn.hook);
  return kOk;
}

Errno Kqueue::Add(const Kevent& change) {
  auto kn = std::make_unique<Knote>(*this, change);
  const Errno error =
      change.filter == kEvfiltTimer ? SetTimer(*kn) : AttachFile(*kn);
  if (error != kOk) return error;
  knotes_.emplace(Key(change.ident, change.filter), std::move(kn));
  return kOk;
}

Errno Kqueue::Register(const Kevent& change) {
  const bool fd_filter = change.filter == kEvfiltRead ||
                         change.filter == kEvfiltWrite ||
                         change.filter == kEvfiltExcept;
  if (!fd_filter && change.filter != kEvfiltTimer) return kEINVAL;
  if (fd_filter &&
      (change.ident > std::numeric_limits<int>::max() ||
       owner_.files().Get(static_cast<int>(change.ident)) == nullptr)) {
    return kEBADF;
  }
  const Key key(change.ident, change.filter);
  auto at = knotes_.find(key);
  if ((change.flags & kEvDelete) != 0) {
    if (at == knotes_.end()) return kENOENT;
    Erase(*at->second);
    return kOk;
  }
  if (at == knotes_.end()) {
    if ((change.flags & kEvAdd) == 0) return kENOENT;
    if (const Errno error = Add(change); error != kOk) return error;
    at = knotes_.find(key);
  } else if ((change.flags & kEvAdd) != 0) {
    Knote& old = *at->second;
    old.fflags = change.fflags;
    old.data = change.data;
    old.udata = change.udata;
    if (change.filter == kEvfiltTimer) {
      if (const Errno error = SetTimer(old); error != kOk) return error;
    }
  }
  Knote& kn = *at->second;
  if ((change.flags & kEvDisable) != 0) {
    kn.disabled = true;
    Deactivate(kn);
  }
  if ((change.flags & kEvEnable) != 0) kn.disabled = false;
  Kevent event;
  if (kn.Ready(&event)) Activate(kn);
  return kOk;
}

void Kqueue::Erase(Knote& kn) {
  if (kn.timer) --timers_;
  knotes_.erase(Key(kn.ident, kn.filter));
}

void Kqueue::CloseDescriptor(int fd) {
  for (const int16_t filter : {kEvfiltRead, kEvfiltWrite, kEvfiltExcept}) {
    knotes_.erase(Key(static_cast<uint64_t>(fd), filter));
  }
}

bool Kqueue::Deliver(Knote& kn, Kevent* event) {
  Deactivate(kn);
  Kevent now;
  // What happens once is told even if it has passed.
  if (!kn.Ready(&now) && (kn.flags & kEvOneshot) == 0) return false;
  *event = now;
  if ((kn.flags & kEvOneshot) != 0) {
    Erase(kn);
    return true;
  }
  kn.expirations = 0;
  if ((kn.flags & kEvDispatch) != 0) kn.disabled = true;
  // Without kEvClear it stays active for as long as it holds.
  if ((kn.flags & (kEvClear | kEvDispatch)) == 0) {
    kn.Append(active_);
    ++active_count_;
  }
  return true;
}

size_t Kqueue::Scan(std::span<Kevent> events) {
  size_t n = 0;
  for (int64_t left = active_count_; left > 0 && n < events.size(); --left) {
    if (Deliver(static_cast<Knote&>(*active_.next), &events[n])) ++n;
  }
  return n;
}

bool KeventOp::ApplyChanges(Kqueue& kqueue) {
  size_t told = 0;
  for (const Kevent& change : changes) {
    const Errno error = kqueue.Register(change);
    if (error == kOk && (change.flags & kEvReceipt) == 0) continue;
    if (told == events.size()) {
      if (error == kOk) continue;
      result = error;
      return true;
    }
    events[told] = change;
    events[told].flags = kEvError;
    events[told].data = static_cast<int64_t>(error);
    ++told;
  }
  result = static_cast<int>(told);
  return told > 0 || events.empty();
}

bool KeventOp::Try(Process& p) {
  File* const file = p.files().Get(kq);
  if (file == nullptr || file->kq == nullptr) {
    result = kEBADF;
    return true;
  }
  Kqueue& kqueue = *file->kq;
  if (!started) {
    started = true;
    if (!timeout.valid()) {
      result = kEINVAL;
      return true;
    }
    timeout.Start(p.now());
    if (ApplyChanges(kqueue)) return true;
  } else if (p.slept() == kEINTR) {
    result = kEINTR;
    return true;
  }
  result = static_cast<int>(kqueue.Scan(events));
  if (result.value > 0 || timeout.Expired(p.now())) return true;
  if (p.Sleep(kqueue.wait, timeout.Left(p.now()))) return false;
  result = p.slept();
  return true;
}

}  // namespace splnet
