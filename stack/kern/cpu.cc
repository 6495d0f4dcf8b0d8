// Who gets the CPU, and what that costs.

#include "stack/kern/cpu.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace splnet {
namespace {

constexpr uint32_t Bit(SoftInterrupt which) {
  return uint32_t{1} << static_cast<unsigned>(which);
}

}  // namespace

const char* ContextName(Context context) {
  switch (context) {
    case Context::kIdle:
      return "idle";
    case Context::kProcess:
      return "process";
    case Context::kSoftInterrupt:
      return "soft interrupt";
    case Context::kHardInterrupt:
      return "hardware interrupt";
  }
  return "?";
}

bool CpuCosts::zero() const {
  const Nanoseconds none{0};
  return interrupt == none && soft_interrupt == none && system_call == none &&
         context_switch == none && wakeup == none &&
         copy_picoseconds_per_byte == 0 && sum_picoseconds_per_byte == 0;
}

void SleepQueue::Append(Sleeper& s) {
  s.Leave();
  s.prev_ = prev_;
  s.next_ = this;
  s.prev_->next_ = &s;
  prev_ = &s;
}

void SleepQueue::Prepend(Sleeper& s) {
  s.Leave();
  s.prev_ = this;
  s.next_ = next_;
  s.next_->prev_ = &s;
  next_ = &s;
}

Sleeper* SleepQueue::Pop() {
  if (empty()) return nullptr;
  Sleeper* const first = next_;
  first->Leave();
  return first;
}

Cpu::Cpu(EventQueue& queue, Ledger& ledger)
    : queue_(queue),
      ledger_(ledger),
      busy_timer_(
          queue, [](void* cpu) { static_cast<Cpu*>(cpu)->Dispatch(); }, this) {
  SetSoftHandler(
      SoftInterrupt::kClock,
      [](void* cpu) { static_cast<Cpu*>(cpu)->RunSoftclock(); }, this);
}

void Cpu::set_costs(const CpuCosts& costs) {
  costs_ = costs;
  costs_zero_ = costs.zero();
}

void Cpu::SetSoftHandler(SoftInterrupt which, void (*fn)(void*), void* arg) {
  soft_[static_cast<size_t>(which)] = SoftHandler{fn, arg};
}

void Cpu::RaiseInterrupt(Interrupt& line) {
  if (line.pending) return;
  line.pending = true;
  line.next = nullptr;
  (intr_tail_ == nullptr ? intr_head_ : intr_tail_->next) = &line;
  intr_tail_ = &line;
  Dispatch();
}

void Cpu::RaiseSoft(SoftInterrupt which) {
  soft_pending_ |= Bit(which);
  Dispatch();
}

void Cpu::MakeRunnable(Sleeper& s) {
  ++ledger_.wakeups;
  Charge(costs_.wakeup);
  run_queue_.Append(s);
  s.runnable_ = true;
  Dispatch();
}

void Cpu::AddSoftclock(Timeout& expired) {
  expired.Append(softclock_);
  RaiseSoft(SoftInterrupt::kClock);
}

bool Cpu::EndSystemCallSlow(Sleeper& s) {
  Occupy();
  if (occupied()) {
    s.continues_ = true;
    run_queue_.Prepend(s);
    s.runnable_ = true;
    return false;
  }
  while (ServeOne(Context::kProcess)) {
  }
  return true;
}

void Cpu::Dispatch() {
  if (dispatching_ || occupied()) return;
  dispatching_ = true;
  while (!occupied() && ServeOne(Context::kIdle)) Occupy();
  dispatching_ = false;
}

bool Cpu::ServeOne(Context floor) {
  const Context before = context_;
  if (intr_head_ != nullptr && floor < Context::kHardInterrupt) {
    context_ = Context::kHardInterrupt;
    ServeInterrupt();
  } else if (soft_pending_ != 0 && floor < Context::kSoftInterrupt) {
    context_ = Context::kSoftInterrupt;
    ServeSoft();
  } else if (!run_queue_.empty() && floor < Context::kProcess) {
    context_ = Context::kProcess;
    ServeProcess();
  } else {
    return false;
  }
  context_ = before;
  return true;
}

void Cpu::ServeInterrupt() {
  Interrupt* const line = intr_head_;
  intr_head_ = line->next;
  if (intr_head_ == nullptr) intr_tail_ = nullptr;
  line->pending = false;
  ++ledger_.interrupts;
  Charge(costs_.interrupt);
  line->handler(line->arg);
}

void Cpu::ServeSoft() {
  const int which = std::countr_zero(soft_pending_);
  soft_pending_ &= soft_pending_ - 1;
  ++ledger_.soft_interrupts;
  Charge(costs_.soft_interrupt);
  const SoftHandler& handler = soft_[static_cast<size_t>(which)];
  handler.fn(handler.arg);
}

void Cpu::ServeProcess() {
  Sleeper* const s = run_queue_.Pop();
  if (!std::exchange(s->continues_, false)) {
    ++ledger_.context_switches;
    Charge(costs_.context_switch);
  }
  s->Run();
}

void Cpu::RunSoftclock() {
  // Only what had expired when the interrupt began: a timer that is re-armed
  // for this instant runs in the next one.
  TimeoutLink expired;
  while (softclock_.linked()) {
    TimeoutLink* const first = softclock_.next;
    first->Unlink();
    first->Append(expired);
  }
  while (expired.linked()) {
    auto& t = static_cast<Timeout&>(*expired.next);
    t.Unlink();
    t.fn_(t.arg_);
  }
}

void Cpu::Occupy() {
  if (accrued_ == Nanoseconds{0}) return;
  const Nanoseconds cost = std::exchange(accrued_, Nanoseconds{0});
  busy_until_ = std::max(busy_until_, queue_.now()) + cost;
  busy_time_ += cost;
  timeout_add_at(busy_timer_, busy_until_);
}

void Cpu::ChargeBytes(size_t bytes, bool copy) {
  const int64_t rate =
      copy ? costs_.copy_picoseconds_per_byte : costs_.sum_picoseconds_per_byte;
  Charge(Nanoseconds(static_cast<int64_t>(bytes) * rate / 1000));
}

}  // namespace splnet
