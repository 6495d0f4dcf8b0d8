// What the IPv4 layer offers: input, output, counters.  RFC 791, RFC 1122.

#ifndef SPLNET_STACK_NETINET_IP_VAR_H_
#define SPLNET_STACK_NETINET_IP_VAR_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>

#include "stack/kern/errno.h"
#include "stack/kern/mbuf.h"
#include "stack/kern/protosw.h"
#include "stack/net/if.h"
#include "stack/net/route.h"
#include "stack/netinet/ip.h"

namespace splnet {

struct Inpcb;
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
inline constexpr int kIpMtuDisc = 0x0800;    // set DF
inline constexpr int kIpMcastLoop = 0x1000;  // hear it if a member: not BSD's

struct IpStat {
  uint64_t total = 0;        // packets received
  uint64_t fragments = 0;    // fragments received
  uint64_t fragdropped = 0;  // for space, overlap or malformation
  uint64_t fragtimeout = 0;  // packets never completed
  uint64_t reassembled = 0;
  uint64_t delivered = 0;  // to a protocol
  uint64_t noproto = 0;    // of a protocol that nobody takes
  uint64_t badoptions = 0;
  uint64_t srcroute = 0;  // source-routed packets refused
  uint64_t forward = 0;
  uint64_t cantforward = 0;
  uint64_t localout = 0;  // packets made here
  uint64_t rawout = 0;    // of them with a header made by a program
  uint64_t noroute = 0;
  uint64_t fragmented = 0;  // packets cut
  uint64_t ofragments = 0;  // into so many
  uint64_t cantfrag = 0;
  uint64_t odropped = 0;  // for want of memory
  uint64_t pmtu = 0;      // path MTUs learnt
  uint64_t pmtufull = 0;  // not learnt: too many
};

// The identification of the packets that a host makes: each of the 65536
// values once before one comes again, in an order of the host's own.
class IpIdStream {
 public:
  explicit IpIdStream(uint64_t key) : key_(key) {}

  uint16_t Next() {
    // A Feistel network over two bytes permutes the counter's values.
    const uint16_t n = next_++;
    uint32_t left = n >> 8;
    uint32_t right = n & 0xff;
    for (int round = 0; round < 4; ++round) {
      const auto k = static_cast<uint32_t>(key_ >> (round * 16));
      const uint32_t mixed = left ^ (((right + k) * 0x9e3779b1u) >> 24);
      left = right;
      right = mixed;
    }
    return static_cast<uint16_t>(left << 8 | right);
  }

 private:
  uint64_t key_;
  uint16_t next_ = 0;
};

// The multicast groups that programs of a host have joined.
class GroupTable {
 public:
  // True for 224.0.0.1 too, which every host is in.
  bool Member(const InAddr& group) const {
    return group.v4() == 0xe0000001 || joined_.contains(group);
  }
  void Join(const InAddr& group) { ++joined_[group]; }
  void Leave(const InAddr& group) {
    const auto it = joined_.find(group);
    if (it != joined_.end() && --it->second == 0) joined_.erase(it);
  }

 private:
  std::map<InAddr, uint32_t> joined_;  // by how many
};

// A received IPv4 packet, from ipintr: validates it, reassembles fragments,
// delivers it.  Consumes `m`.  Packets for others are counted as cantforward
// and dropped.
void ip_input(Netstack& ns, MbufPtr m);

// Sends `m`, which begins with an IpHeader whose tos, off (DF only), ttl, p,
// src and dst are set; the rest is filled in, but for a vhl that says that
// options are there already.  Checksums flagged in csum_flags
// (whose fields hold 0) are made here, over the IP payload.  A source of
// 0.0.0.0 becomes the outgoing interface's.  `opt` (may be null) is inserted.
// `ro` (may be null) remembers the route.  With kIpRawOutput the header is
// complete but for its checksum, and may have options.
// kEHOSTUNREACH without a route (kENETUNREACH with kIpRouteToIf), kEMSGSIZE,
// kEACCES for broadcast without the flag, kENOBUFS, or what the interface
// gives.
Errno ip_output(Netstack& ns, MbufPtr m, const IpOptions* opt, Route* ro,
                int flags);

// Cuts `m`, whose IP header is complete, into packets of at most `mtu_bytes`,
// in order.  kEMSGSIZE if that leaves no room for data, kENOBUFS; the chain is
// freed on failure.
Errno ip_fragment(Netstack& ns, MbufPtr m, uint32_t mtu_bytes, MbufList* out);

// Makes the transport checksum that csum_flags ask for in `m`, whose header
// `ip` is as it will be sent.  What an interface of `capabilities` (kIfcap*)
// makes itself gets the sum of the pseudo-header in its field, and keeps its
// flag.  Null, `m` gone, if memory is short.
MbufPtr in_proto_cksum_out(Netstack& ns, MbufPtr m, const IpHeader& ip,
                           uint32_t capabilities);

// The source address that a packet to `dst` would get; of family kUnspec if
// there is no route.
InAddr in_selectsrc(Netstack& ns, const InAddr& dst, Route* ro);

// The MTU towards `rt`'s destinations.
uint32_t ip_pathmtu(Netstack& ns, const Rtentry& rt);

// ------------------------------------------------------------------- options

// Acts on the options of the packet `m`, which is for this host: records the
// route and the time.  Null when `m` was dropped, its sender told.
MbufPtr ip_dooptions(Netstack& ns, MbufPtr m);

// Reads options as IP_OPTIONS gives them.  kEINVAL for what cannot be sent:
// longer than 40 bytes, malformed, or a source route.
Errno ip_pcbopts(std::span<const std::byte> value,
                 std::unique_ptr<IpOptions>* out);

// ------------------------------------------------------------ socket options

// The control messages that the socket of `inp` wants with a datagram to `dst`
// which has just come: SO_TIMESTAMP (struct timeval, of the virtual time),
// IP_RECVDSTADDR.  Null if it wants none, or memory is short.
MbufPtr ip_savecontrol(const Inpcb& inp, const InAddr& dst);

// Names at level IPPROTO_IP, with OpenBSD's values.
inline constexpr int kIP_OPTIONS = 1;
inline constexpr int kIP_HDRINCL = 2;
inline constexpr int kIP_TOS = 3;
inline constexpr int kIP_TTL = 4;
inline constexpr int kIP_RECVDSTADDR = 7;
inline constexpr int kIP_SENDSRCADDR = kIP_RECVDSTADDR;
inline constexpr int kIP_MULTICAST_TTL = 10;
inline constexpr int kIP_MULTICAST_LOOP = 11;
inline constexpr int kIP_ADD_MEMBERSHIP = 12;
inline constexpr int kIP_DROP_MEMBERSHIP = 13;

// setsockopt and getsockopt at level IPPROTO_IP for any Internet socket.
// Integers are 4 bytes in host order.  kENOPROTOOPT for an unknown name,
// kEINVAL for a value that cannot be.
Errno ip_setopt(Inpcb& inp, int name, std::span<const std::byte> value);
Errno ip_getopt(const Inpcb& inp, int name, SockoptValue* value);

}  // namespace splnet

#endif  // SPLNET_STACK_NETINET_IP_VAR_H_
