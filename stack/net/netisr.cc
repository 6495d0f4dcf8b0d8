// The protocol input queues and the soft interrupts that drain them.

#include "stack/net/netisr.h"

#include <utility>

#include "stack/netstack.h"

namespace splnet {

void netisr_enqueue(Netstack& ns, NetisrQueue& queue, MbufPtr m) {
  ns.tracer.Enter(queue.fn, *m);
  const size_t len = queue.list.size();
  if (static_cast<int64_t>(len) >= queue.maxlen) [[unlikely]] {
    ++queue.drops;
    if (Ifnet* const ifp = if_get(ns, m->pkthdr.ifidx)) ++ifp->stats.iqdrops;
    return ns.Drop(std::move(m), DropReason::kNetisrqFull);
  }
  queue.list.Enqueue(std::move(m));
  // A queue that was not empty has asked already.
  if (len == 0) ns.cpu.RaiseSoft(queue.soft);
}

// A run serves what was queued when it began; what comes meanwhile, such as
// this host's packets to itself, asks for another.

void arpintr(void* arg) {
  auto& ns = *static_cast<Netstack*>(arg);
  MbufList batch = std::move(ns.arpintrq.list);
  while (MbufPtr m = batch.Dequeue()) {
    ns.tracer.Enter(Fn::kArpintr, *m);
    Ifnet& ifp = *if_get(ns, m->pkthdr.ifidx);
    arpinput(ifp, std::move(m));
  }
}

void ipintr(void* arg) {
  auto& ns = *static_cast<Netstack*>(arg);
  MbufList batch = std::move(ns.ipintrq.list);
  while (MbufPtr m = batch.Dequeue()) {
    if (batch.front() != nullptr) __builtin_prefetch(batch.front()->data);
    ns.tracer.Enter(Fn::kIpintr, *m);
    ip_input(ns, std::move(m));
  }
}

void ip6intr(void* arg) {
  auto& ns = *static_cast<Netstack*>(arg);
  MbufList batch = std::move(ns.ip6intrq.list);
  while (MbufPtr m = batch.Dequeue()) {
    ns.tracer.Enter(Fn::kIp6intr, *m);
    ns.Drop(std::move(m), DropReason::kIp6Unsupported);
  }
}

}  // namespace splnet
