// The IPv4 header on the wire.  RFC 791.

#ifndef SPLNET_STACK_NETINET_IP_H_
#define SPLNET_STACK_NETINET_IP_H_

#include <cstddef>
#include <cstdint>

#include "stack/kern/endian.h"
#include "stack/kern/sockaddr.h"

namespace splnet {

struct IpHeader {
  uint8_t vhl = 0;  // version in the upper four bits, length in words below
  uint8_t tos = 0;
  Be16 len;  // header and data
  Be16 id;
  Be16 off;  // flags and offset in units of 8 bytes
  uint8_t ttl = 0;
  uint8_t p = 0;  // protocol
  Be16 sum;       // of the header
  In4Wire src;
  In4Wire dst;

  constexpr size_t hlen() const { return size_t{4} * (vhl & 0x0f); }
};
static_assert(sizeof(IpHeader) == 20 && alignof(IpHeader) == 1);

inline constexpr uint16_t kIpRf = 0x8000;  // reserved
inline constexpr uint16_t kIpDf = 0x4000;  // don't fragment
inline constexpr uint16_t kIpMf = 0x2000;  // more fragments
inline constexpr uint16_t kIpOffMask = 0x1fff;
inline constexpr size_t kIpMaxPacket = 65535;

// The ECN field, the lower two bits of tos: RFC 3168 section 5.
inline constexpr uint8_t kIpEcnMask = 0x03;
inline constexpr uint8_t kIpEcnEct0 = 0x02;
inline constexpr uint8_t kIpEcnCe = 0x03;

inline constexpr uint8_t kIpProtoIcmp = 1;
inline constexpr uint8_t kIpProtoTcp = 6;
inline constexpr uint8_t kIpProtoUdp = 17;

// Options: type, then length and data but for the first two.
inline constexpr uint8_t kIpOptEol = 0;
inline constexpr uint8_t kIpOptNop = 1;
inline constexpr uint8_t kIpOptRr = 7;
inline constexpr uint8_t kIpOptTs = 68;
inline constexpr uint8_t kIpOptLsrr = 131;
inline constexpr uint8_t kIpOptSsrr = 137;
inline constexpr uint8_t kIpOptRa = 148;

}  // namespace splnet

#endif  // SPLNET_STACK_NETINET_IP_H_
