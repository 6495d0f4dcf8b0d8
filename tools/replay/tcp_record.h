// What a capture says of one TCP connection: the numbers of both directions,
// their streams, where the capture has gaps, how it ended.
//
// Sides are those of the flow: 0 the client, 1 the server.  Offsets count a
// side's sequence space from its SYN, which is at 0; its stream begins at 1.

#ifndef SPLNET_TOOLS_REPLAY_TCP_RECORD_H_
#define SPLNET_TOOLS_REPLAY_TCP_RECORD_H_

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "tools/replay/capture_index.h"
#include "tools/replay/flows.h"
#include "tools/replay/serial.h"
#include "tools/replay/stream.h"

namespace splnet {

inline constexpr int kClientSide = 0;
inline constexpr int kServerSide = 1;

// One captured segment with its numbers unwrapped.
struct RecordedSegment {
  uint32_t packet = 0;  // index into CaptureIndex::packets
  uint8_t side = 0;
  uint8_t flags = 0;
  bool after_gap = false;  // see TcpRecord
  bool lost = false;       // after the tap: the peer's first copy
  bool twice = false;      // the same packet was captured before
  bool sacks = false;      // it carries SACK blocks
  uint32_t len = 0;        // payload bytes on the wire
  int64_t begin = 0;       // of its sequence space
  int64_t ack = -1;        // into the other side's; -1: none
  uint64_t window = 0;     // advertised, scaled

  bool has(uint8_t flag) const { return (flags & flag) != 0; }
  bool syn() const { return has(kThSyn); }
  bool fin() const { return has(kThFin); }
  bool rst() const { return has(kThRst); }
  // Where its data begins in sequence space, and where its space ends.
  int64_t data_begin() const { return begin + (syn() ? 1 : 0); }
  int64_t data_end() const { return data_begin() + len; }
  int64_t end() const { return data_end() + (fin() ? 1 : 0); }
};

// What one side offered and did.
struct RecordedSide {
  SerialNumbers numbers;
  CapturedStream stream;
  TcpOptions syn_options;  // of its SYN; empty without one
  bool has_syn = false;
  bool ecn = false;            // its SYN has ECE: asks for ECN, or grants it
  std::optional<int64_t> fin;  // the offset of its FIN
  bool reset = false;          // it sent a RST
  int64_t max_ack = 0;         // the most it acknowledged of the other side
  uint64_t max_window = 0;     // the largest window advertised, bytes
  uint64_t max_in_flight = 0;  // the most unacknowledged, bytes
  uint32_t max_payload = 0;    // its longest segment
  uint8_t scale = 0;           // of its windows, where both offered one
  bool short_while_outstanding = false;  // so it does not use Nagle's rule
  std::optional<uint32_t> first_tsval;
  int64_t first_tsval_ns = 0;  // when it was sent
};

struct TcpRecord {
  std::array<RecordedSide, 2> sides;
  std::vector<RecordedSegment> segments;  // in file order
  bool invented = false;        // the peer's SYN is not in the capture
  bool refused = false;         // the server answered the SYN with RST
  int64_t round_trip_ns = 0;    // SYN to the ACK that ends the handshake
  std::optional<uint32_t> gap;  // index into `segments` of the first that is
                                // after a gap

  const RecordedSide& side(int which) const {
    return sides[static_cast<size_t>(which)];
  }
};

// Reads `flow`, one of TCP of which we play an end, from `index`.
TcpRecord RecordTcp(const Flow& flow, const CaptureIndex& index);

}  // namespace splnet

#endif  // SPLNET_TOOLS_REPLAY_TCP_RECORD_H_
