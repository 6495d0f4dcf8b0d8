// What the IPv4 layer offers: input, output, counters.  RFC 791, RFC 1122.

#ifndef SPLNET_STACK_NETINET_IP_VAR_H_
#define SPLNET_STACK_NETINET_IP_VAR_H_

#include <array>
#include <cstdint>

#include "stack/kern/errno.h"
#include "stack/kern/mbuf.h"
#include "stack/kern/protosw.h"
#include "stack/net/if.h"
#include "stack/net/route.h"
#include "stack/netinet/ip.h"

namespace splnet {

struct Netstack;

// Options to be sent, as on the wire, padded to words.
struct IpOptions {
  std::array<std::byte, 40> bytes{};
  uint8_t len = 0;
};

// ip_output() flags.
inline constexpr int kIpRawOutput = 0x1;   // the header is complete
inline constexpr int kIpRouteToIf = 0x10;  // SO_DONTROUTE
inline constexpr int kIpAllowBroadcast = 0x20;
inline constexpr int kIpMtuDisc = 0x0800;  // set DF

struct IpStat {
  uint64_t total = 0;        // packets received
  uint64_t fragments = 0;    // fragments received
  uint64_t fragdropped = 0;  // for space, overlap or malformation
  uint64_t fragtimeout = 0;
  uint64_t reassembled = 0;
  uint64_t delivered = 0;  // to a protocol
  uint64_t forward = 0;
  uint64_t cantforward = 0;
  uint64_t localout = 0;  // packets made here
  uint64_t noroute = 0;
  uint64_t fragmented = 0;  // packets cut
  uint64_t ofragments = 0;  // into so many
  uint64_t cantfrag = 0;
  uint64_t odropped = 0;
};

// A received IPv4 packet, from ipintr: validates it, reassembles fragments,
// delivers it or forwards it.  Consumes `m`.
void ip_input(Netstack& ns, MbufPtr m);

// Sends `m`, which begins with an IpHeader whose tos, len, off (DF only), ttl,
// p, src and dst are set; the rest is filled in, checksums flagged in
// csum_flags too.  A source of 0.0.0.0 becomes the outgoing interface's.
// `opt` (may be null) is inserted.  `ro` (may be null) remembers the route.
// kEHOSTUNREACH, kEMSGSIZE, kEACCES for broadcast without the flag, kENOBUFS,
// or what the interface gives.
Errno ip_output(Netstack& ns, MbufPtr m, const IpOptions* opt, Route* ro,
                int flags);

// The interface and source address that a packet to `dst` would get.  Null
// source (family kUnspec) if there is no route.
InAddr in_selectsrc(Netstack& ns, const InAddr& dst, Route* ro);

// The MTU towards `rt`'s destinations.
uint32_t ip_pathmtu(Netstack& ns, const Rtentry& rt);

}  // namespace splnet

#endif  // SPLNET_STACK_NETINET_IP_VAR_H_
