// The event queue of a simulation, and timeout(9) on top of it.
//
// One queue holds everything that will happen at a virtual instant: frames in
// flight, timers of the protocols, alarms of programs.  It is a hierarchical
// wheel that is exact to the nanosecond: eleven levels of 64 slots cover 64
// bits.  Events at one instant run in the order in which they were added; an
// event added for the present instant skips the wheel.

#ifndef SPLNET_STACK_KERN_TIMEOUT_H_
#define SPLNET_STACK_KERN_TIMEOUT_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "stack/kern/time.h"

namespace splnet {

class Cpu;
class EventQueue;

// A node of one of the queue's lists.
struct TimeoutLink {
  TimeoutLink* prev = this;
  TimeoutLink* next = this;

  bool linked() const { return next != this; }
  void Unlink() {
    prev->next = next;
    next->prev = prev;
    prev = next = this;
  }
  // Puts this node at the end of the list whose head is `list`.
  void Append(TimeoutLink& list) {
    prev = list.prev;
    next = &list;
    prev->next = this;
    list.prev = this;
  }
};

// A function to be called once at a later instant.
//
// It is a member of what it serves; destroying it cancels it.  With a Cpu the
// function runs in that host's soft-interrupt context (softclock), and so may
// wait for a busy CPU; without, it is an event of the simulation, such as the
// end of a frame on a wire.
class Timeout : public TimeoutLink {
 public:
  using Fn = void (*)(void* arg);

  Timeout(EventQueue& queue, Fn fn, void* arg)
      : queue_(queue), fn_(fn), arg_(arg) {}
  Timeout(Cpu& cpu, Fn fn, void* arg);
  Timeout(const Timeout&) = delete;
  Timeout& operator=(const Timeout&) = delete;
  ~Timeout();

  // Added and not yet run: timeout_pending().
  bool pending() const { return linked(); }
  // When it is or was due.
  SimTime due() const { return due_; }

 private:
  friend class EventQueue;
  friend class Cpu;
  friend void timeout_add(Timeout&, Nanoseconds);
  friend void timeout_add_at(Timeout&, SimTime);
  friend bool timeout_del(Timeout&);

  EventQueue& queue_;
  Cpu* cpu_ = nullptr;
  Fn fn_;
  void* arg_;
  SimTime due_{};
  int16_t slot_ = -1;  // level * 64 + slot while in the wheel
};

// Calls `t`'s function `delay` (0 or more) from now; a pending one is moved.
void timeout_add(Timeout& t, Nanoseconds delay);
// The same at an instant, which is not in the past.
void timeout_add_at(Timeout& t, SimTime due);
// Cancels.  True if it was pending.
bool timeout_del(Timeout& t);

class EventQueue {
 public:
  EventQueue() = default;
  EventQueue(const EventQueue&) = delete;
  EventQueue& operator=(const EventQueue&) = delete;
  ~EventQueue();  // CHECKs that no timeout is left behind

  SimTime now() const { return now_; }

  // Runs the next event, moving the clock to it.  False if there is none.
  bool RunNext();
  // Runs everything due up to and including `end`, then sets the clock to it.
  // False, with the clock where it stands, after `budget` events.
  bool RunUntil(SimTime end, uint64_t budget = ~uint64_t{0});
  // When the next event is due; SimTime::max() if there is none.  Moves no
  // clock that anyone can see.
  SimTime NextDue();

  // Timeouts that are in the queue.
  size_t pending() const { return pending_; }
  uint64_t events_run() const { return events_run_; }

 private:
  friend class Timeout;
  friend class Cpu;
  friend void timeout_add_at(Timeout&, SimTime);
  friend bool timeout_del(Timeout&);

  static constexpr int kBits = 6;
  static constexpr int kSlots = 1 << kBits;
  static constexpr int kLevels = 11;

  void Insert(Timeout& t);
  void Remove(Timeout& t);
  // Moves slots down until the earliest timeout is in due_now_.  False if the
  // wheel is empty or its earliest timeout is after `limit`.
  bool Advance(SimTime limit);
  void Cascade(int level, int slot);

  SimTime now_{};
  uint64_t wheel_ = 0;   // where the wheel's hands are: between now_ and the
                         // earliest timeout in it
  TimeoutLink due_now_;  // due at now_, in order
  size_t pending_ = 0;
  uint64_t events_run_ = 0;
  std::array<uint64_t, kLevels> occupied_{};  // a bit for each slot in use
  std::array<std::array<TimeoutLink, kSlots>, kLevels> slots_;
};

}  // namespace splnet

#endif  // SPLNET_STACK_KERN_TIMEOUT_H_
