// One line for a packet, in tcpdump's notation.

#ifndef SPLNET_TOOLS_REPLAY_NOTATION_H_
#define SPLNET_TOOLS_REPLAY_NOTATION_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "tools/replay/packet.h"

namespace splnet {

// "IP 192.0.2.2.4711 > 192.0.2.1.80: Flags [P.], seq 1:83, ack 1, ...".
//
// `frame` is what `packet` was parsed from.  Sequence and acknowledgement
// numbers are printed less `seq_base` and `ack_base`: 0 gives them as they
// stand in the header, the initial numbers of the two directions count from
// the SYN as tcpdump does.  A SYN's own number is always absolute.
std::string PacketNotation(const Packet& packet,
                           std::span<const std::byte> frame,
                           uint32_t seq_base = 0, uint32_t ack_base = 0);

// "[S.]" of the header's flags.
std::string TcpFlagsNotation(uint8_t flags);

// Seconds and nanoseconds of a virtual time: "0.000187238".
std::string TimeNotation(int64_t ns);

}  // namespace splnet

#endif  // SPLNET_TOOLS_REPLAY_NOTATION_H_
