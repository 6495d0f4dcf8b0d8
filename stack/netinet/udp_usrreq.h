// UDP: datagrams in and out.  RFC 768, RFC 1122 section 4.1.

#ifndef SPLNET_STACK_NETINET_UDP_USRREQ_H_
#define SPLNET_STACK_NETINET_UDP_USRREQ_H_

#include <cstdint>

#include "stack/kern/protosw.h"

namespace splnet {

struct UdpStat {
  uint64_t ipackets = 0;
  uint64_t delivered = 0;
  uint64_t noport = 0;
  uint64_t noportbcast = 0;
  uint64_t nosum = 0;     // received without checksum
  uint64_t fullsock = 0;  // socket buffer full
  uint64_t opackets = 0;
};

// Carries one datagram from ip_deliver() to a socket.  `off` is where the UDP
// header begins.  Consumes `m`.
void udp_input(Netstack& ns, MbufPtr m, size_t off);

// The protocol's row of the protocol table.
extern const Protosw kUdpProtosw;

}  // namespace splnet

#endif  // SPLNET_STACK_NETINET_UDP_USRREQ_H_
