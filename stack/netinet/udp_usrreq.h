// UDP: datagrams in and out.  RFC 768, RFC 1122 section 4.1.

#ifndef SPLNET_STACK_NETINET_UDP_USRREQ_H_
#define SPLNET_STACK_NETINET_UDP_USRREQ_H_

#include <cstdint>

#include "stack/kern/endian.h"
#include "stack/kern/protosw.h"

namespace splnet {

struct Inpcb;

struct UdpStat {
  uint64_t ipackets = 0;
  uint64_t delivered = 0;  // to sockets; a broadcast counts for each
  uint64_t hdrops = 0;     // too short for a header
  uint64_t badlen = 0;
  uint64_t badsum = 0;
  uint64_t noport = 0;
  uint64_t noportbcast = 0;
  uint64_t nosum = 0;     // received without checksum
  uint64_t fullsock = 0;  // socket buffer full
  uint64_t opackets = 0;
};

// A control message in a chain beside a datagram: struct cmsghdr as OpenBSD
// lays it out, 12 bytes in host order and padding to 16, then the data.
struct CmsgHeader {
  uint32_t len = 0;  // header with its padding, and data
  int32_t level = 0;
  int32_t type = 0;
  uint32_t padding = 0;
};
static_assert(sizeof(CmsgHeader) == 16);

// The longest payload: 65535 bytes without the two headers.
inline constexpr size_t kUdpMaxPayload = 65535 - 20 - 8;

// Carries one datagram from ip_input() to a socket.  `off` is where the UDP
// header begins.  Consumes `m`.  A datagram to a broadcast or multicast address
// goes to every socket that is bound to its port; one without a socket is
// answered with an ICMP port unreachable, as if nothing had been taken off it.
void udp_input(Netstack& ns, MbufPtr m, size_t off);

// Sends `m`, payload only, from `inp` to `to`, or to its peer if null.  Makes
// the headers and calls ip_output().  `from` (may be null) is the source that
// the program asks for.  kEMSGSIZE, kENETUNREACH, kEADDRNOTAVAIL for port 0,
// or what ip_output gives.
Errno udp_output(Inpcb& inp, MbufPtr m, const Sockaddr* to, const InAddr* from);

// The protocol's row of the protocol table.
extern const Protosw kUdpProtosw;

}  // namespace splnet

#endif  // SPLNET_STACK_NETINET_UDP_USRREQ_H_
