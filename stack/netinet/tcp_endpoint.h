// The TCP endpoints of a host, for those who list them and drop them:
// netstat(1) and tcpdrop(8).

#ifndef SPLNET_STACK_NETINET_TCP_ENDPOINT_H_
#define SPLNET_STACK_NETINET_TCP_ENDPOINT_H_

#include <cstdint>
#include <vector>

#include "stack/kern/sockaddr.h"
#include "stack/netinet/tcp_var.h"

namespace splnet {

struct TcpEndpoint {
  Sockaddr local;
  Sockaddr foreign;  // family kUnspec if there is no peer
  TcpState state = TcpState::kClosed;
  uint32_t rcv_cc = 0;  // bytes in its socket buffers
  uint32_t snd_cc = 0;
};

// All of them, the oldest first: control blocks in every state, TIME_WAIT
// included, and then what waits in the SYN cache, as SYN_RCVD.
std::vector<TcpEndpoint> tcp_endpoints(const Netstack& ns);

// Drops the connection between `local` and `foreign`: a RST tells the peer, and
// kECONNABORTED the socket.  One in TIME_WAIT just goes.  False if there is
// none; listeners are not dropped.
bool tcp_drop_endpoint(Netstack& ns, const Sockaddr& local,
                       const Sockaddr& foreign);

}  // namespace splnet

#endif  // SPLNET_STACK_NETINET_TCP_ENDPOINT_H_
