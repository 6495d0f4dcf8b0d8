// Raw sockets: IP packets to and from programs such as ping.  raw(4).

#ifndef SPLNET_STACK_NETINET_RAW_IP_H_
#define SPLNET_STACK_NETINET_RAW_IP_H_

#include "stack/kern/protosw.h"

namespace splnet {

// Gives a copy of the packet `m`, IP header included, to every raw socket that
// wants its protocol and addresses.  True if there was one.
bool rip_input(Netstack& ns, const Mbuf& m);

extern const Protosw kRipProtosw;

}  // namespace splnet

#endif  // SPLNET_STACK_NETINET_RAW_IP_H_
