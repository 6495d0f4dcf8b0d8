// What every Ethernet NIC here has: a receive ring, its interrupt, and transmit
// DMA.
//
// A driver derives from RingNic, fills the ring with received frames and
// requests the interrupt, whose handler takes all of them into the stack at
// once.  DMA takes no time: a descriptor of the transmit ring is complete as
// soon as it is posted, so that ring never holds more than one frame.

#ifndef SPLNET_DRIVERS_IF_RING_H_
#define SPLNET_DRIVERS_IF_RING_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "stack/kern/cpu.h"
#include "stack/kern/mbuf.h"
#include "stack/netstack.h"

namespace splnet {

// Descriptors of a receive ring.
inline constexpr size_t kRxRingSlots = 1024;

// Room in front of a received frame that puts its IP header on a multiple of
// four bytes: ETHER_ALIGN.
inline constexpr size_t kEtherAlign = 2;

// The longest frame that fits a cluster.
inline constexpr size_t kMaxFrameBytes = kMaxMclBytes - kEtherAlign;

// A cluster of `pool` with room for a frame of `bytes` (at most
// kMaxFrameBytes), its lengths set, its bytes not; null at the pool's limit.
MbufPtr rxbuf_get(MbufPool& pool, size_t bytes);

struct RingNic : Ifnet {
  // An Ethernet interface of `stack`, up and running.
  RingNic(Netstack& stack, std::string_view name, const EtherAddr& station);

  // Receive DMA: puts `m`, one mbuf with a whole frame, in the ring under its
  // pkthdr.id.  A full ring drops it.  The caller raises the interrupt when
  // the last frame of the burst is in.
  void RxFill(MbufPtr m);
  void RaiseInterrupt() { ns.cpu.RaiseInterrupt(interrupt_); }

  size_t rx_waiting() const { return rx_ring_.size(); }
  size_t rx_slots() const { return rx_slots_; }
  void set_rx_slots(size_t slots) { rx_slots_ = slots; }

  // Receive DMA of `frame` into `m`, which has its size, summed on the way.
  static void RxCopy(std::span<const std::byte> frame, Mbuf& m);

  // Transmit DMA: the bytes of the frame `m` gathered to `to`, which has room
  // for all of them, and the checksum filled in that the stack left to the NIC.
  // What those bytes, from the network header on, sum to is noted in `sum` as
  // a receiver would have it, if there is a `sum` and the NIC had to sum them.
  void TxGather(const Mbuf& m, std::byte* to, PktHdr* sum);

 private:
  // The interrupt handler; `nic` is a RingNic*.
  static void Intr(void* nic);

  MbufList rx_ring_;
  size_t rx_slots_ = kRxRingSlots;
  Interrupt interrupt_;
};

}  // namespace splnet

#endif  // SPLNET_DRIVERS_IF_RING_H_
