// The interface whose wire is a tool: tun(4), packets without a link header.
//
// What the stack sends goes to the tool's hook at the instant at which it is
// sent; what the tool injects is received.  Nothing takes time: when Inject()
// returns, the host has done its work on the packet, unless its CPU is busy or
// the call came from inside the host's own work.

#ifndef SPLNET_DRIVERS_IF_TUN_H_
#define SPLNET_DRIVERS_IF_TUN_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "stack/kern/cpu.h"
#include "stack/kern/drop.h"
#include "stack/kern/mbuf.h"
#include "stack/net/if.h"

namespace splnet {

struct TunIf : Ifnet {
  // What the tool does with a packet that the stack has sent: `packet` is its
  // PktHdr::id, `bytes` begins with the network header and is good during the
  // call.
  using TransmitHook = void (*)(void* arg, uint64_t packet,
                                std::span<const std::byte> bytes);

  TunIf(Netstack& stack, std::string_view name);

  // Without a hook, what is sent is counted and dropped as on an open wire.
  void set_transmit(TransmitHook hook, void* arg) {
    hook_ = hook;
    hook_arg_ = arg;
  }

  // Receives the packet `bytes` and gives the id that it has in traces.  One
  // for which there is no mbuf, or that is longer than any cluster, is dropped
  // with its reason under that id.
  uint64_t Inject(std::span<const std::byte> bytes);

 private:
  // Ifnet::input: queues the packet for its address family.
  static void Input(Ifnet& ifp, MbufPtr m);
  // Ifnet::output.
  static Errno Output(Ifnet& ifp, MbufPtr m, const InAddr& dst,
                      const Rtentry* rt);
  // Ifnet::start.
  static void Start(Ifnet& ifp);
  // The interrupt handler; `tun` is a TunIf*.
  static void Intr(void* tun);

  uint64_t Refuse(DropReason reason);

  TransmitHook hook_ = nullptr;
  void* hook_arg_ = nullptr;
  MbufList received_;
  Interrupt interrupt_;
  std::vector<std::byte> buffer_;  // a packet being transmitted
};

// Gives `ns` a point-to-point interface named `name`, up and without address.
TunIf& tunattach(Netstack& ns, std::string_view name);

}  // namespace splnet

#endif  // SPLNET_DRIVERS_IF_TUN_H_
