// Virtual time: nanoseconds in 64 bits since the start of the simulation.

#ifndef SPLNET_STACK_KERN_TIME_H_
#define SPLNET_STACK_KERN_TIME_H_

#include <chrono>
#include <cstdint>

namespace splnet {

using Nanoseconds = std::chrono::duration<int64_t, std::nano>;

// The clock that everything in a simulation reads, through its event queue.
// It has no now() of its own: there is one per EventQueue.
struct SimClock {
  using rep = int64_t;
  using period = std::nano;
  using duration = Nanoseconds;
  using time_point = std::chrono::time_point<SimClock, Nanoseconds>;
  static constexpr bool is_steady = true;
};
using SimTime = SimClock::time_point;

constexpr int64_t ToNanoseconds(SimTime t) {
  return t.time_since_epoch().count();
}
constexpr SimTime FromNanoseconds(int64_t ns) {
  return SimTime(Nanoseconds(ns));
}

}  // namespace splnet

#endif  // SPLNET_STACK_KERN_TIME_H_
