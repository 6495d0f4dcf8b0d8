// The UDP header on the wire.  RFC 768.

#ifndef SPLNET_STACK_NETINET_UDP_H_
#define SPLNET_STACK_NETINET_UDP_H_

#include "stack/kern/endian.h"

namespace splnet {

struct UdpHeader {
  Be16 sport;
  Be16 dport;
  Be16 len;  // header and data
  Be16 sum;  // 0 where the sender computed none
};
static_assert(sizeof(UdpHeader) == 8 && alignof(UdpHeader) == 1);

}  // namespace splnet

#endif  // SPLNET_STACK_NETINET_UDP_H_
