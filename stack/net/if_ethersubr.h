// Ethernet: frames in and out, VLAN tags.  IEEE 802.3, 802.1Q; RFC 894.

#ifndef SPLNET_STACK_NET_IF_ETHERSUBR_H_
#define SPLNET_STACK_NET_IF_ETHERSUBR_H_

#include <cstdint>

#include "stack/kern/endian.h"
#include "stack/net/if.h"

namespace splnet {

// The Ethernet header on the wire.
struct EtherHeader {
  EtherAddr dhost;
  EtherAddr shost;
  Be16 type;
};
static_assert(sizeof(EtherHeader) == 14);

inline constexpr size_t kEtherHdrLen = 14;
inline constexpr size_t kEtherVlanTagLen = 4;
inline constexpr uint32_t kEtherMtu = 1500;
inline constexpr uint16_t kEthertypeIp = 0x0800;
inline constexpr uint16_t kEthertypeArp = 0x0806;
inline constexpr uint16_t kEthertypeVlan = 0x8100;
inline constexpr uint16_t kEthertypeIpv6 = 0x86dd;
inline constexpr uint16_t kEthertypeQinq = 0x88a8;

// The parts of a VLAN tag: priority in the upper three bits, then one bit,
// then the VLAN's number, 0 being a frame with a priority and no VLAN.
inline constexpr uint16_t kEvlVidMask = 0x0fff;
inline constexpr uint16_t kEvlVidMax = 0x0ffe;

// What Ethernet needs of an address family above it: Netstack has the table.
struct EtherFamily {
  uint16_t ethertype;
  // The station address of the neighbour `dst` on `ifp`, as arpresolve().
  Errno (*resolve)(Ifnet& ifp, MbufPtr& m, const InAddr& dst,
                   EtherAddr* lladdr);
};

// Makes `ifp` an Ethernet interface with this station address.
void ether_ifattach(Ifnet& ifp, const EtherAddr& lladdr);

// Ifnet::input: checks the destination, takes off a VLAN tag and puts the
// packet, its Ethernet header removed, on the queue of its EtherType.  A
// tagged frame is the VLAN interface's, which must exist unless the host owns
// everything; tag 0 is none.
void ether_input(Ifnet& ifp, MbufPtr m);

// Ifnet::output: resolves `dst`, prepends the Ethernet header and queues the
// frame.  kENETDOWN, kENOBUFS, kEHOSTDOWN or kEAFNOSUPPORT.  kMBcast and
// kMMcast in m's flags say that `dst` is a broadcast or multicast address.
Errno ether_output(Ifnet& ifp, MbufPtr m, const InAddr& dst, const Rtentry* rt);

// Sends the packet `m` of `ethertype` to the station `dhost`: the last step of
// ether_output(), and all that ARP needs.  kENOBUFS, or what if_enqueue gives.
Errno ether_send(Ifnet& ifp, MbufPtr m, const EtherAddr& dhost,
                 uint16_t ethertype);

// A VLAN interface, up, over the Ethernet interface `parent`: its frames are
// those of `parent` that have this tag.  kEEXIST if the parent has one for it,
// kEINVAL for a tag outside 1 to 4094 or a parent that is itself a VLAN.
Result<Ifnet*> vlan_create(Ifnet& parent, uint16_t vlan_id,
                           std::string_view name);

}  // namespace splnet

#endif  // SPLNET_STACK_NET_IF_ETHERSUBR_H_
