// The hierarchical wheel behind EventQueue, and timeout(9).

#include "stack/kern/timeout.h"

#include <bit>

#include "stack/kern/check.h"
#include "stack/kern/cpu.h"

namespace splnet {
namespace {

// Timeout::slot_ outside the wheel.
constexpr int16_t kDueNow = -1;  // in EventQueue::due_now_
constexpr int16_t kOnCpu = -2;   // expired, waiting for its host's CPU

Timeout& AsTimeout(TimeoutLink& link) { return static_cast<Timeout&>(link); }

}  // namespace

Timeout::Timeout(Cpu& cpu, Fn fn, void* arg)
    : queue_(cpu.queue()), cpu_(&cpu), fn_(fn), arg_(arg) {}

Timeout::~Timeout() { timeout_del(*this); }

void timeout_add(Timeout& t, Nanoseconds delay) {
  timeout_add_at(t, t.queue_.now() + delay);
}

void timeout_add_at(Timeout& t, SimTime due) {
  CHECK(due >= t.queue_.now());
  timeout_del(t);
  t.due_ = due;
  ++t.queue_.pending_;
  t.queue_.Insert(t);
}

bool timeout_del(Timeout& t) {
  if (!t.linked()) return false;
  if (t.slot_ == kOnCpu) {
    t.Unlink();
  } else {
    t.queue_.Remove(t);
    --t.queue_.pending_;
  }
  return true;
}

EventQueue::~EventQueue() { CHECK(pending_ == 0); }

void EventQueue::Insert(Timeout& t) {
  const auto due = static_cast<uint64_t>(ToNanoseconds(t.due_));
  if (t.due_ == now_) {
    t.slot_ = kDueNow;
    t.Append(due_now_);
    return;
  }
  // The level is that of the highest digit in which due and hand differ, so
  // everything in a slot shares the digits above it.
  const uint64_t differ = due ^ wheel_;
  const int level = differ == 0 ? 0 : (63 - std::countl_zero(differ)) / kBits;
  const int slot = static_cast<int>(due >> (level * kBits)) & (kSlots - 1);
  t.slot_ = static_cast<int16_t>(level * kSlots + slot);
  t.Append(slots_[level][slot]);
  occupied_[level] |= uint64_t{1} << slot;
}

void EventQueue::Remove(Timeout& t) {
  t.Unlink();
  if (t.slot_ < 0) return;
  const int level = t.slot_ / kSlots;
  const int slot = t.slot_ % kSlots;
  if (!slots_[level][slot].linked()) {
    occupied_[level] &= ~(uint64_t{1} << slot);
  }
}

void EventQueue::Cascade(int level, int slot) {
  TimeoutLink& list = slots_[level][slot];
  occupied_[level] &= ~(uint64_t{1} << slot);
  while (list.linked()) {
    Timeout& t = AsTimeout(*list.next);
    t.Unlink();
    Insert(t);
  }
}

bool EventQueue::Advance(SimTime limit) {
  for (;;) {
    int level = 0;
    while (level < kLevels && occupied_[level] == 0) ++level;
    if (level == kLevels) return false;
    const int slot = std::countr_zero(occupied_[level]);
    // The instant at which the slot begins: the hand's digits above the level,
    // the slot's number, zeros.
    const int shift = level * kBits;
    const uint64_t above =
        shift + kBits >= 64 ? 0 : wheel_ >> (shift + kBits) << (shift + kBits);
    const uint64_t begin = above | static_cast<uint64_t>(slot) << shift;
    if (begin > static_cast<uint64_t>(ToNanoseconds(limit))) return false;
    wheel_ = begin;
    if (level > 0) {
      Cascade(level, slot);
      continue;
    }
    now_ = FromNanoseconds(static_cast<int64_t>(begin));
    Cascade(0, slot);  // everything in it is due now
    return true;
  }
}

bool EventQueue::RunNext() {
  if (!due_now_.linked() && !Advance(SimTime::max())) return false;
  Timeout& t = AsTimeout(*due_now_.next);
  t.Unlink();
  --pending_;
  ++events_run_;
  if (t.cpu_ == nullptr) {
    t.fn_(t.arg_);
  } else {
    t.slot_ = kOnCpu;
    t.cpu_->AddSoftclock(t);
  }
  return true;
}

bool EventQueue::RunUntil(SimTime end, uint64_t budget) {
  for (; due_now_.linked() || Advance(end); --budget) {
    if (budget == 0) return false;
    RunNext();
  }
  if (now_ < end) now_ = end;
  return true;
}

SimTime EventQueue::NextDue() {
  if (due_now_.linked()) return now_;
  for (int level = 0; level < kLevels; ++level) {
    if (occupied_[level] == 0) continue;
    TimeoutLink& list = slots_[level][std::countr_zero(occupied_[level])];
    SimTime first = SimTime::max();
    for (TimeoutLink* p = list.next; p != &list; p = p->next) {
      if (AsTimeout(*p).due_ < first) first = AsTimeout(*p).due_;
    }
    return first;
  }
  return SimTime::max();
}

}  // namespace splnet
