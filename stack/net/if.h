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

// Ifnet::capabilities: IFCAP_*, what the hardware does for the stack.
inline constexpr uint32_t kIfcapCsumTcp4 = 0x2;  // fills in TCP checksums
inline constexpr uint32_t kIfcapCsumUdp4 = 0x4;  // fills in UDP checksums

// An address of an interface: struct in_ifaddr.
struct IfAddr {
  InAddr addr;
  uint8_t prefixlen = 0;
  InAddr broadcast;  // the subnet's, IPv4 only
};

// Which addresses are this host's own: the unicast and broadcast addresses of
// its interfaces, found without looking at the interfaces one by one.
class LocalAddrTable {
 public:
  enum class Kind : uint8_t { kNone, kUnicast, kBroadcast };
  struct Entry {
    uint32_t addr = 0;
    uint16_t ifidx = 0;  // the interface that got it first
    Kind kind = Kind::kNone;
  };

  LocalAddrTable() : slots_(16) {}

  // The first to add an address keeps it.
  void Add(const InAddr& addr, uint16_t ifidx, Kind kind);
  // The entry of an IPv4 address; null if it is not one of ours.
  const Entry* Find(const InAddr& addr) const {
    const auto a = static_cast<uint32_t>(addr.lo);
    for (size_t i = Hash(a);; ++i) {
      const Entry& e = slots_[i & (slots_.size() - 1)];
      if (e.kind == Kind::kNone) return nullptr;
      if (e.addr == a) return addr.is_v4() ? &e : nullptr;
    }
  }
  bool IsUnicast(const InAddr& addr) const {
    const Entry* const e = Find(addr);
    return e != nullptr && e->kind == Kind::kUnicast;
  }
  size_t size() const { return used_; }

 private:
  static size_t Hash(uint32_t a) { return (a * 0x9e3779b1u) >> 12; }

  std::vector<Entry> slots_;  // a power of two, at most half used
  size_t used_ = 0;
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
  uint32_t capabilities = 0;
  uint32_t mtu_bytes = 1500;
  EtherAddr lladdr;
  std::vector<IfAddr> addrs;
  Ifqueue snd;
  IfStats stats;
  uint16_t vlan_parent = 0;     // VLAN interface: index of the one below
  uint16_t vlan_id = 0;         // its tag, 1 to 4094
  std::vector<uint16_t> vlans;  // indices of the VLAN interfaces above

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

// Takes the frames of one interrupt into the stack.  Frames without an id get
// one; those of an interface that is down are dropped.
void if_input(Ifnet& ifp, MbufList frames);

// Puts a packet of this host for itself on the input queue of its family, as
// received by `ifp`: what a loopback interface does.  `m` begins with its
// network header; checksums not yet made are taken for good.
Errno if_input_local(Ifnet& ifp, MbufPtr m, Family family);

// Queues the frame `m` on ifp's send queue and starts the driver.  kENOBUFS if
// a packet had to be dropped for it.
Errno if_enqueue(Ifnet& ifp, MbufPtr m);

// Gives `ifp` the address, with the routes to itself, its subnet and the
// subnet's broadcast address.  kEEXIST if it has it, kEINVAL for what is no
// unicast address or prefix length, kEAFNOSUPPORT for another family.
Errno if_addaddr(Ifnet& ifp, const InAddr& addr, uint8_t prefixlen);

// The interface of that index or name, or null.
Ifnet* if_get(Netstack& ns, uint16_t index);
Ifnet* ifunit(Netstack& ns, std::string_view name);

// The interface that has exactly this address (as in in_ifawithaddr), or null.
Ifnet* ifa_ifwithaddr(Netstack& ns, const InAddr& addr);

// The first interface with all of these flags, or null.
Ifnet* if_first(Netstack& ns, uint32_t flags);

// The interface whose subnet `addr` is in (as ifa_ifwithnet), or null.
Ifnet* ifa_ifwithnet(Netstack& ns, const InAddr& addr);

// True if `addr` is a broadcast address on `ifp`: 255.255.255.255 or a
// subnet's.
bool in_broadcast(const Ifnet& ifp, const InAddr& addr);

}  // namespace splnet

#endif  // SPLNET_STACK_NET_IF_H_
