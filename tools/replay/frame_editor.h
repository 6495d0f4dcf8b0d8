// A captured frame on its way into our host: new Ethernet addresses, and for
// TCP a changed acknowledgement, window, timestamp echo or SACK option, with
// its checksum as right or as wrong as it was.

#ifndef SPLNET_TOOLS_REPLAY_FRAME_EDITOR_H_
#define SPLNET_TOOLS_REPLAY_FRAME_EDITOR_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "stack/kern/sockaddr.h"
#include "tools/replay/packet.h"

namespace splnet {

class FrameEditor {
 public:
  // Copies `frame`, which `packet` was parsed from, without link header, VLAN
  // tags or what follows the IP packet, under a plain Ethernet header.
  void Load(std::span<const std::byte> frame, const Packet& packet,
            const EtherAddr& src, const EtherAddr& dst);

  // The frame as it now is, and what it was parsed as after Load().
  std::span<const std::byte> bytes() const { return frame_; }
  const Packet& packet() const { return packet_; }

  // For a loaded TCP segment.
  void SetSeq(uint32_t seq) { Put32(packet_.l4 + 4, seq); }
  void SetAck(uint32_t ack) { Put32(packet_.l4 + 8, ack); }
  void SetWindow(uint16_t window) { Put16(packet_.l4 + 14, window); }
  // No effect without the option.
  void SetTsecr(uint32_t tsecr);
  void SetSack(std::span<const SackBlock> blocks);
  // Takes away payload and every flag but ACK.
  void MakePureAck();

 private:
  // Stores bytes inside the TCP segment and keeps the checksum's error, if it
  // has any, what it was.
  void Put(size_t offset, std::span<const std::byte> bytes);
  void Put16(size_t offset, uint16_t value);
  void Put32(size_t offset, uint32_t value);
  void FillChecksums();
  // Fills in what the sender left to its interface.
  void CompleteOffload();
  uint32_t PseudoSum() const;

  std::vector<std::byte> frame_;
  Packet packet_;
};

// What a captured TCP segment's checksum is.
enum class TcpSum : uint8_t {
  kGood,
  kUnfilled,  // left to the interface
  kBad,
  kUnknown,  // not all of the segment was captured
};
// Of the TCP segment in `frame`, which `packet` was parsed from.
TcpSum CheckTcpSum(std::span<const std::byte> frame, const Packet& packet);

// A TCP segment from nothing, checksums included: for a handshake that the
// capture lacks.
struct MadeSegment {
  Sockaddr src;
  Sockaddr dst;
  EtherAddr ether_src;
  EtherAddr ether_dst;
  uint32_t seq = 0;
  uint32_t ack = 0;
  uint8_t flags = 0;
  uint16_t win = 0;
  std::vector<std::byte> options;  // a multiple of four bytes
  std::vector<std::byte> payload;
  uint16_t ip_id = 0;
};
std::vector<std::byte> MakeSegment(const MadeSegment& segment);

}  // namespace splnet

#endif  // SPLNET_TOOLS_REPLAY_FRAME_EDITOR_H_
