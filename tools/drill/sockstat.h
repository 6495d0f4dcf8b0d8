// sockstat(1) and tcpdrop(8) of a simulated host.

#ifndef SPLNET_TOOLS_DRILL_SOCKSTAT_H_
#define SPLNET_TOOLS_DRILL_SOCKSTAT_H_

#include <string>
#include <vector>

#include "stack/netstack.h"
#include "tools/drill/grep.h"

namespace splnet::drill {

// A line for each socket and connection: protocol, both addresses as
// "192.0.2.1:80" or "*:*", and the state of TCP's.  Flags: -4 -6 -c (connected
// only) -l (listening only) -P tcp,udp -p PORT; -n -q -s -w change nothing.
CommandOutput Sockstat(Netstack& ns, const std::vector<std::string>& args);

// Drops connections with a RST: -s STATE those in that state, -a all.
CommandOutput Tcpdrop(Netstack& ns, const std::vector<std::string>& args);

}  // namespace splnet::drill

#endif  // SPLNET_TOOLS_DRILL_SOCKSTAT_H_
