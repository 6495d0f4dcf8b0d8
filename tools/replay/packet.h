// A captured frame taken apart: link header, IPv4, TCP, UDP, ICMP, ARP.
//
// Reads only; every number may be a lie, and what does not fit is said in
// Packet::why.  Offsets are into the frame as captured.

#ifndef SPLNET_TOOLS_REPLAY_PACKET_H_
#define SPLNET_TOOLS_REPLAY_PACKET_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "stack/kern/sockaddr.h"
#include "stack/netinet/if_ether.h"
#include "stack/netinet/ip.h"
#include "stack/netinet/ip_icmp.h"
#include "stack/netinet/tcp.h"

namespace splnet {

enum class PacketKind : uint8_t {
  kUnusable,  // see Packet::why
  kArp,
  kTcp,
  kUdp,
  kIcmp,
};

// Why a captured packet cannot be replayed.  Enumerator and text.
#define SPLNET_UNUSABLE_TABLE(X)                          \
  X(kUsable, "usable")                                    \
  X(kLinkType, "link type")                               \
  X(kLinkShort, "link header cut short")                  \
  X(kIpv6, "IPv6")                                        \
  X(kEthertype, "neither IPv4 nor ARP")                   \
  X(kArpMalformed, "malformed ARP packet")                \
  X(kTruncated, "truncated by the capture's snap length") \
  X(kIpHeader, "malformed IP header")                     \
  X(kFragment, "IP fragment")                             \
  X(kProtocol, "neither TCP, UDP nor ICMP")               \
  X(kTransport, "malformed transport header")             \
  X(kIcmpType, "ICMP message of no echo")                 \
  X(kNoHandshake, "TCP without a handshake")

enum class Unusable : uint8_t {
#define SPLNET_UNUSABLE_ENUMERATOR(name, text) name,
  SPLNET_UNUSABLE_TABLE(SPLNET_UNUSABLE_ENUMERATOR)
#undef SPLNET_UNUSABLE_ENUMERATOR
};
const char* UnusableText(Unusable why);

struct SackBlock {
  uint32_t left = 0;
  uint32_t right = 0;  // the sequence number after its last byte
};

// What the options of a TCP header say.  Offsets are from the header's start
// and 0 where the option is missing.
struct TcpOptions {
  uint16_t mss = 0;  // 0: none
  uint8_t wscale = 0;
  bool has_wscale = false;
  bool sack_permitted = false;
  bool malformed = false;  // reading stopped before the end
  uint8_t ts_offset = 0;
  uint8_t sack_offset = 0;
  uint8_t sacks = 0;
  uint32_t tsval = 0;
  uint32_t tsecr = 0;
  std::array<SackBlock, 4> sack{};
};
// `bytes` are the options alone, which begin 20 bytes into the header.
TcpOptions ParseTcpOptions(std::span<const std::byte> bytes);

struct TcpFields {
  uint32_t seq = 0;
  uint32_t ack = 0;
  uint16_t win = 0;  // as in the header, unscaled
  uint16_t urp = 0;
  uint8_t flags = 0;
  TcpOptions options;

  bool has(uint8_t flag) const { return (flags & flag) != 0; }
  bool syn() const { return has(kThSyn); }
  bool fin() const { return has(kThFin); }
  bool rst() const { return has(kThRst); }
  bool acks() const { return has(kThAck); }
};

struct Packet {
  PacketKind kind = PacketKind::kUnusable;
  Unusable why = Unusable::kLinkShort;
  uint8_t protocol = 0;  // IP's
  uint8_t ttl = 0;
  uint8_t tos = 0;
  uint8_t vlans = 0;       // tags between Ethernet and network header
  bool truncated = false;  // the payload is longer than what was captured
  uint16_t ip_id = 0;
  uint16_t ethertype = 0;
  uint16_t ip_flags = 0;  // kIpDf and others, as in the header's off
  EtherAddr ether_src;
  EtherAddr ether_dst;
  uint32_t l3 = 0;           // where the IP or ARP header begins
  uint32_t l4 = 0;           // where the transport header begins
  uint32_t payload = 0;      // where the transport's payload begins
  uint32_t payload_len = 0;  // on the wire; less was captured if truncated
  uint32_t end = 0;          // of the packet in the frame: padding follows
  Sockaddr src;              // ports are 0 where there are none
  Sockaddr dst;
  TcpFields tcp;
  IcmpHeader icmp{};
  ArpHeader arp{};

  // Payload bytes that were captured.
  std::span<const std::byte> Payload(std::span<const std::byte> frame) const {
    return frame.subspan(payload, end - payload);
  }
};

// Takes `frame` of `link_type` apart; `wire_len` is its length on the wire.
Packet ParsePacket(uint16_t link_type, std::span<const std::byte> frame,
                   uint32_t wire_len);

// The header of type T at `offset`; the caller has checked that it fits.
template <typename T>
T ReadAt(std::span<const std::byte> bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

}  // namespace splnet

#endif  // SPLNET_TOOLS_REPLAY_PACKET_H_
