// Bytes that our host put on the wire as a packet of the drill language.

#ifndef SPLNET_TOOLS_DRILL_PACKET_READER_H_
#define SPLNET_TOOLS_DRILL_PACKET_READER_H_

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "tools/drill/flow.h"
#include "tools/drill/script.h"

namespace splnet::drill {

// A packet as it was seen.
struct SeenPacket {
  Nanoseconds time{0};  // since the script's start
  // Every field set; the numbers are those on the wire.
  PacketEvent packet;
  Flow* flow = nullptr;         // null for ICMP
  std::optional<uint32_t> iss;  // the flow's when this was sent
  // What no packet may have, whatever a script says: a wrong checksum, an
  // address that is not ours, a byte that nobody wrote.  "" if there is none.
  std::string defect;
};

// Reads the packet `bytes`, which begins with an IP header and was sent at
// `time`, and finds or makes its flow, which takes note of it.  To be called
// once for each packet, in the order in which they are sent.
SeenPacket ReadPacket(Nanoseconds time, std::span<const std::byte> bytes,
                      FlowTable& flows, const ScriptSettings& settings);

// The packet with the script's numbers in place of the wire's.  `expected`, if
// not null, is what the script has there: it may name timestamps and an initial
// sequence number, and ask for absolute numbers.
PacketEvent ToScriptNumbers(const SeenPacket& seen,
                            const PacketEvent* expected);

}  // namespace splnet::drill

#endif  // SPLNET_TOOLS_DRILL_PACKET_READER_H_
