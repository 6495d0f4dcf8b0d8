// Packets of a drill script as bytes on the wire.

#ifndef SPLNET_TOOLS_DRILL_PACKET_BUILDER_H_
#define SPLNET_TOOLS_DRILL_PACKET_BUILDER_H_

#include <cstddef>
#include <string>
#include <vector>

#include "tools/drill/flow.h"
#include "tools/drill/script.h"

namespace splnet::drill {

// A packet of the script, ready to arrive: an IPv4 packet with its checksums.
struct BuiltPacket {
  std::vector<std::byte> bytes;
  std::string error;  // why there is none; "" if there is one
};

// The inbound `packet`, in the flow that it belongs to, whose state notes it.
// An ICMP error quotes a packet that our host sent in the current flow.
BuiltPacket BuildPacket(const PacketEvent& packet, FlowTable& flows,
                        const ScriptSettings& settings);

}  // namespace splnet::drill

#endif  // SPLNET_TOOLS_DRILL_PACKET_BUILDER_H_
