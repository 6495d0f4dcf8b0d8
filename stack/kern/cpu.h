// A host's one CPU: three contexts, what each costs, and who runs next.
//
// After the BSD of 2013: hardware interrupts (drivers), soft interrupts (the
// network queues, softclock, tasks) and processes.  A pending higher context
// runs before a lower one goes on; at the end of a system call what is pending
// runs before the program continues.  Work takes effect at the instant at
// which it starts and then occupies the CPU for its cost; what arrives
// meanwhile waits.  Costs are zero by default, and then nothing ever waits.

#ifndef SPLNET_STACK_KERN_CPU_H_
#define SPLNET_STACK_KERN_CPU_H_

#include <array>
#include <cstdint>

#include "stack/kern/ledger.h"
#include "stack/kern/time.h"
#include "stack/kern/timeout.h"

namespace splnet {

enum class Context : uint8_t {
  kIdle,
  kProcess,
  kSoftInterrupt,
  kHardInterrupt,
};
const char* ContextName(Context context);

// What work costs, in virtual time.
struct CpuCosts {
  Nanoseconds interrupt{0};       // each hardware interrupt
  Nanoseconds soft_interrupt{0};  // each run of a soft interrupt
  Nanoseconds system_call{0};
  Nanoseconds context_switch{0};
  Nanoseconds wakeup{0};
  int64_t copy_picoseconds_per_byte = 0;  // bytes copied by the CPU
  int64_t sum_picoseconds_per_byte = 0;   // bytes summed by in_cksum

  bool zero() const;
};

// The soft interrupts, the first being served first.
enum class SoftInterrupt : uint8_t { kClock, kArp, kIp, kIp6, kTask };
inline constexpr size_t kSoftInterrupts = 5;

// A driver's interrupt line; a member of the driver's softc.
struct Interrupt {
  void (*handler)(void* arg) = nullptr;
  void* arg = nullptr;
  Interrupt* next = nullptr;
  bool pending = false;
};

// Something that waits for, or has been given, the CPU in process context: a
// sleeping process.  It is on at most one list, a WaitChannel's or the run
// queue, and takes itself off when it is destroyed.
class Sleeper {
 public:
  Sleeper() = default;
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;
  virtual ~Sleeper() { Leave(); }

  // Called in process context when its turn on the CPU has come.
  virtual void Run() = 0;

  bool queued() const { return next_ != this; }
  // On the run queue, rather than asleep on a channel.
  bool runnable() const { return runnable_; }
  void Leave() {
    prev_->next_ = next_;
    next_->prev_ = prev_;
    prev_ = next_ = this;
    runnable_ = false;
  }

 private:
  friend class Cpu;
  friend class SleepQueue;
  bool runnable_ = false;
  bool continues_ = false;  // gets the CPU back after a system call's cost
  Sleeper* prev_ = this;
  Sleeper* next_ = this;
};

// A FIFO of sleepers: the head of a run queue or wait channel.
class SleepQueue : private Sleeper {
 public:
  bool empty() const { return !queued(); }
  void Append(Sleeper& s);
  void Prepend(Sleeper& s);
  Sleeper* front() { return empty() ? nullptr : next_; }
  // Null when empty.
  Sleeper* Pop();

 private:
  void Run() override {}
};

class Cpu {
 public:
  Cpu(EventQueue& queue, Ledger& ledger);
  Cpu(const Cpu&) = delete;
  Cpu& operator=(const Cpu&) = delete;

  EventQueue& queue() { return queue_; }
  SimTime now() const { return queue_.now(); }
  Context context() const { return context_; }
  void set_costs(const CpuCosts& costs);
  const CpuCosts& costs() const { return costs_; }
  // Virtual time that this CPU has been busy.
  Nanoseconds busy_time() const { return busy_time_; }

  // What a soft interrupt runs; set once when the host is built.
  void SetSoftHandler(SoftInterrupt which, void (*fn)(void*), void* arg);

  // Requests.  Each takes effect at once if the CPU is idle; else when what is
  // running, or occupies the CPU, lets it.
  void RaiseInterrupt(Interrupt& line);
  void RaiseSoft(SoftInterrupt which);
  void MakeRunnable(Sleeper& s);  // counts a wakeup
  void AddSoftclock(Timeout& expired);

  // A process enters the kernel: counts the call and its cost.
  void BeginSystemCall() {
    ++ledger_.system_calls;
    accrued_ += costs_.system_call;
  }
  // It leaves: what is pending in higher contexts runs now.  False if the CPU
  // is occupied by what was done: the caller then suspends, and `s` gets the
  // CPU back, without a context switch, when that time is over.
  [[nodiscard]] bool EndSystemCall(Sleeper& s) {
    if (costs_zero_ && intr_head_ == nullptr && soft_pending_ == 0) return true;
    return EndSystemCallSlow(s);
  }

  // Adds to what the work under way costs.
  void Charge(Nanoseconds cost) { accrued_ += cost; }
  void ChargeCopy(size_t bytes) {
    if (costs_.copy_picoseconds_per_byte != 0) ChargeBytes(bytes, true);
  }
  void ChargeSum(size_t bytes) {
    if (costs_.sum_picoseconds_per_byte != 0) ChargeBytes(bytes, false);
  }

 private:
  bool EndSystemCallSlow(Sleeper& s);
  void Dispatch();
  // Serves one pending request of a context above `floor`.  False if none.
  bool ServeOne(Context floor);
  void ServeInterrupt();
  void ServeSoft();
  void ServeProcess();
  void RunSoftclock();
  // Turns accrued cost into occupied time.
  void Occupy();
  bool occupied() const { return busy_until_ > queue_.now(); }
  void ChargeBytes(size_t bytes, bool copy);

  EventQueue& queue_;
  Ledger& ledger_;
  CpuCosts costs_;
  bool costs_zero_ = true;
  Context context_ = Context::kIdle;
  bool dispatching_ = false;
  Interrupt* intr_head_ = nullptr;
  Interrupt* intr_tail_ = nullptr;
  uint32_t soft_pending_ = 0;
  struct SoftHandler {
    void (*fn)(void*) = nullptr;
    void* arg = nullptr;
  };
  std::array<SoftHandler, kSoftInterrupts> soft_{};
  TimeoutLink softclock_;  // expired timeouts, in order
  SleepQueue run_queue_;
  Nanoseconds accrued_{0};
  Nanoseconds busy_time_{0};
  SimTime busy_until_{};
  Timeout busy_timer_;
};

}  // namespace splnet

#endif  // SPLNET_STACK_KERN_CPU_H_
