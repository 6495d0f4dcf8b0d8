// The queues between interfaces and protocols, and the soft interrupts that
// drain them: arpintrq, ipintrq, ip6intrq, netisr(9).

#ifndef SPLNET_STACK_NET_NETISR_H_
#define SPLNET_STACK_NET_NETISR_H_

#include <cstddef>
#include <cstdint>

#include "stack/kern/cpu.h"
#include "stack/kern/mbuf.h"
#include "stack/kern/tracer.h"

namespace splnet {

struct Netstack;

// One protocol's input queue.
struct NetisrQueue {
  SoftInterrupt soft;     // drains it
  Fn fn;                  // its name in traces
  const int64_t& maxlen;  // a setting
  MbufList list{};
  uint64_t drops = 0;
};

// Puts `m` on `queue` and requests its soft interrupt, or drops it if full.
void netisr_enqueue(Netstack& ns, NetisrQueue& queue, MbufPtr m);

// The soft interrupts: each drains its queue.  `ns` is a Netstack*.
void arpintr(void* ns);
void ipintr(void* ns);
void ip6intr(void* ns);

}  // namespace splnet

#endif  // SPLNET_STACK_NET_NETISR_H_
