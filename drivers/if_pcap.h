// The NIC whose wire is a capture.
//
// Frames that a tool injects are received; frames that the stack sends go to
// the tool's hook.  Nothing takes time: an injected frame is in the ring at
// once, and the host's work on it is done when Inject() returns, unless the
// host's CPU is busy or the call came from inside the host's own work.

#ifndef SPLNET_DRIVERS_IF_PCAP_H_
#define SPLNET_DRIVERS_IF_PCAP_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "drivers/if_ring.h"

namespace splnet {

struct PcapNic : RingNic {
  // What the tool does with a frame that the stack has sent: `packet` is its
  // PktHdr::id, `frame` its bytes, good during the call.
  using TransmitHook = void (*)(void* arg, uint64_t packet,
                                std::span<const std::byte> frame);

  PcapNic(Netstack& stack, std::string_view name, const EtherAddr& station)
      : RingNic(stack, name, station) {
    start = Start;
  }

  // Without a hook, what is sent is counted and dropped as on an open wire.
  void set_transmit(TransmitHook hook, void* arg) {
    hook_ = hook;
    hook_arg_ = arg;
  }

  // Receives `frame` and gives the id that its packet has in traces.  A frame
  // that cannot be received (no mbuf, longer than any cluster, ring full) is
  // dropped with its reason under that id.
  uint64_t Inject(std::span<const std::byte> frame);

  // Receives several frames with one interrupt for each ring full of them.
  // ids[i], if `ids` is not empty, becomes the id of frames[i].
  void InjectBatch(std::span<const std::span<const std::byte>> frames,
                   std::span<uint64_t> ids = {});

  // Ifnet::start.
  static void Start(Ifnet& ifp);

 private:
  // Receive DMA of one frame.
  uint64_t Fill(std::span<const std::byte> frame);
  uint64_t Refuse(DropReason reason);

  TransmitHook hook_ = nullptr;
  void* hook_arg_ = nullptr;
  std::vector<std::byte> buffer_;  // a frame being transmitted
};

// Gives `ns` a PcapNic named `name` with the station address `station`.
PcapNic& pcapattach(Netstack& ns, std::string_view name,
                    const EtherAddr& station);

}  // namespace splnet

#endif  // SPLNET_DRIVERS_IF_PCAP_H_
