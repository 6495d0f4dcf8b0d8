// TCP: the control block, counters and entry points.  RFC 9293.

#ifndef SPLNET_STACK_NETINET_TCP_VAR_H_
#define SPLNET_STACK_NETINET_TCP_VAR_H_

#include <cstdint>

#include "stack/kern/protosw.h"

namespace splnet {

struct TcpStat {
  uint64_t sndtotal = 0;
  uint64_t rcvtotal = 0;
};

struct Tcpcb {};

// Carries one segment from ip_deliver() to a connection.  `off` is where the
// TCP header begins.  Consumes `m`.
void tcp_input(Netstack& ns, MbufPtr m, size_t off);

extern const Protosw kTcpProtosw;

}  // namespace splnet

#endif  // SPLNET_STACK_NETINET_TCP_VAR_H_
