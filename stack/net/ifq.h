// Send queues: what waits between if_enqueue and the driver, ifq_enqueue(9).

#ifndef SPLNET_STACK_NET_IFQ_H_
#define SPLNET_STACK_NET_IFQ_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "stack/kern/mbuf.h"

namespace splnet {

inline constexpr size_t kIfqMaxlen = 256;    // IFQ_MAXLEN
inline constexpr size_t kIfqPriorities = 8;  // IFQ_NQUEUES

// The default policy, priq: eight priorities, FIFO within each.
class Ifqueue {
 public:
  // Takes `m`.  When full, gives back the packet to drop: one of the lowest
  // priority below m's, else `m` itself.  Null when nothing is dropped.
  [[nodiscard]] MbufPtr Enqueue(MbufPtr m);
  // The oldest packet of the highest priority; null when empty.
  MbufPtr Dequeue();
  void Purge();

  bool empty() const { return len_ == 0; }
  size_t len() const { return len_; }
  size_t maxlen() const { return maxlen_; }
  void set_maxlen(size_t maxlen) { maxlen_ = maxlen; }
  uint64_t drops() const { return drops_; }

 private:
  MbufPtr Take(size_t prio);  // from a list that has one

  std::array<MbufList, kIfqPriorities> lists_;
  uint32_t occupied_ = 0;  // a bit for each list in use
  size_t len_ = 0;
  size_t maxlen_ = kIfqMaxlen;
  uint64_t drops_ = 0;
};

}  // namespace splnet

#endif  // SPLNET_STACK_NET_IFQ_H_
