// The priority queue between if_enqueue and a driver.

#include "stack/net/ifq.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace splnet {

MbufPtr Ifqueue::Enqueue(MbufPtr m) {
  const size_t prio = std::min<size_t>(m->pkthdr.prio, kIfqPriorities - 1);
  MbufPtr victim;
  if (len_ >= maxlen_) {
    ++drops_;
    const auto lowest = static_cast<size_t>(std::countr_zero(occupied_));
    if (occupied_ == 0 || lowest >= prio) return m;
    victim = Take(lowest);
  }
  lists_[prio].Enqueue(std::move(m));
  occupied_ |= uint32_t{1} << prio;
  ++len_;
  return victim;
}

MbufPtr Ifqueue::Dequeue() {
  if (occupied_ == 0) return nullptr;
  return Take(static_cast<size_t>(std::bit_width(occupied_)) - 1);
}

MbufPtr Ifqueue::Take(size_t prio) {
  MbufPtr m = lists_[prio].Dequeue();
  if (lists_[prio].empty()) occupied_ &= ~(uint32_t{1} << prio);
  --len_;
  return m;
}

void Ifqueue::Purge() {
  while (Dequeue()) {
  }
}

}  // namespace splnet
