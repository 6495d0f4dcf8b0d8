// Interfaces: struct ifnet, and the way in and out of the stack.
//
// A driver derives its softc from Ifnet and fills in start; Netstack owns it.
// Received frames go up through if_input() in hardware-interrupt context;
// frames to send come down through if_enqueue() and the driver's start.

#ifndef SPLNET_STACK_NET_IF_H_
#define SPLNET_STACK_NET_IF_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "stack/kern/errno.h"
#include "stack/kern/mbuf.h"
#include "stack/kern/sockaddr.h"
#include "stack/net/ifq.h"

namespace splnet {

struct Netstack;
struct Rtentry;

// Ifnet::flags: IFF_*.
inline constexpr uint32_t kIffUp = 0x1;
inline constexpr uint32_t kIffBroadcast = 0x2;
inline constexpr uint32_t kIffLoopback = 0x8;
inline constexpr uint32_t kIffPointToPoint = 0x10;
inline constexpr uint32_t kIffRunning = 0x40;
inline constexpr uint32_t kIffNoArp = 0x80;
inline constexpr uint32_t kIffPromisc = 0x100;
inline constexpr uint32_t kIffMulticast = 0x8000;

// An address of an interface: struct in_ifaddr.
struct IfAddr {
  InAddr addr;
  uint8_t prefixlen = 0;
  InAddr broadcast;  // the subnet's, IPv4 only
};

struct IfStats {
  uint64_t ipackets = 0;
  uint64_t ibytes = 0;
  uint64_t imcasts = 0;
  uint64_t iqdrops = 0;  // received, but no room above
  uint64_t ierrors = 0;
  uint64_t noproto = 0;  // of a protocol that nobody takes
  uint64_t opackets = 0;
  uint64_t obytes = 0;
  uint64_t omcasts = 0;
  uint64_t oqdrops = 0;  // send queue full
  uint64_t oerrors = 0;
};

struct Ifnet {
  Ifnet(Netstack& stack, std::string_view name);
  Ifnet(const Ifnet&) = delete;
  Ifnet& operator=(const Ifnet&) = delete;
  virtual ~Ifnet();

  Netstack& ns;
  std::string xname;   // "lo0", "em0"
  uint16_t index = 0;  // from 1; set by if_attach()
  uint32_t flags = 0;
  uint32_t mtu_bytes = 1500;
  EtherAddr lladdr;
  std::vector<IfAddr> addrs;
  Ifqueue snd;
  IfStats stats;

  // One received frame, in hardware-interrupt context: ether_input, or what
  // the link type needs.
  void (*input)(Ifnet& ifp, MbufPtr m) = nullptr;
  // Sends the packet `m` of family dst.family to the next hop `dst`, by route
  // `rt` if there is one: ether_output, looutput.
  Errno (*output)(Ifnet& ifp, MbufPtr m, const InAddr& dst,
                  const Rtentry* rt) = nullptr;
  // Tells the driver that `snd` has packets: if_start.
  void (*start)(Ifnet& ifp) = nullptr;

  bool up() const { return (flags & kIffUp) != 0; }
  bool is(uint32_t flag) const { return (flags & flag) != 0; }
};

// Takes the frames of one interrupt into the stack.
void if_input(Ifnet& ifp, MbufList frames);

// Queues `m` on ifp's send queue and starts the driver.  kENOBUFS if a packet
// had to be dropped for it.
Errno if_enqueue(Ifnet& ifp, MbufPtr m);

// Gives `ifp` the address, with its connected route.  kEEXIST if it has it.
Errno if_addaddr(Ifnet& ifp, const InAddr& addr, uint8_t prefixlen);

// The interface of that index or name, or null.
Ifnet* if_get(Netstack& ns, uint16_t index);
Ifnet* ifunit(Netstack& ns, std::string_view name);

// The interface that has exactly this address (as in in_ifawithaddr), or null.
Ifnet* ifa_ifwithaddr(Netstack& ns, const InAddr& addr);

// True if `addr` is a broadcast address on `ifp`: 255.255.255.255 or a
// subnet's.
bool in_broadcast(const Ifnet& ifp, const InAddr& addr);

}  // namespace splnet

#endif  // SPLNET_STACK_NET_IF_H_
