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

// Makes `ifp` an Ethernet interface with this station address.
void ether_ifattach(Ifnet& ifp, const EtherAddr& lladdr);

// Ifnet::input: checks the destination, takes off a VLAN tag and puts the
// packet, its Ethernet header removed, on the queue of its EtherType.
void ether_input(Ifnet& ifp, MbufPtr m);

// Ifnet::output: resolves `dst`, prepends the Ethernet header and queues the
// frame.  kENETDOWN, kENOBUFS, kEHOSTUNREACH or kEHOSTDOWN.
Errno ether_output(Ifnet& ifp, MbufPtr m, const InAddr& dst, const Rtentry* rt);

}  // namespace splnet

#endif  // SPLNET_STACK_NET_IF_ETHERSUBR_H_
