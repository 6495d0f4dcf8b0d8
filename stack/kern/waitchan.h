// Sleep and wakeup: what a process waits on in the kernel, wakeup(9).

#ifndef SPLNET_STACK_KERN_WAITCHAN_H_
#define SPLNET_STACK_KERN_WAITCHAN_H_

#include "stack/kern/cpu.h"

namespace splnet {

// Where sleepers wait, in the order in which they came.  A sleeper that is
// destroyed, or put elsewhere, leaves by itself.
struct WaitChannel {
  SleepQueue sleepers;
};

// Puts `s` to sleep on `channel`.  The caller then gives up the CPU.
inline void sleep_setup(Sleeper& s, WaitChannel& channel) {
  channel.sleepers.Append(s);
}

// Makes every sleeper on `channel` runnable; resumes none.
inline void wakeup(Cpu& cpu, WaitChannel& channel) {
  while (Sleeper* const s = channel.sleepers.Pop()) cpu.MakeRunnable(*s);
}

// Makes the one that has slept longest runnable.
inline void wakeup_one(Cpu& cpu, WaitChannel& channel) {
  if (Sleeper* const s = channel.sleepers.Pop()) cpu.MakeRunnable(*s);
}

}  // namespace splnet

#endif  // SPLNET_STACK_KERN_WAITCHAN_H_
