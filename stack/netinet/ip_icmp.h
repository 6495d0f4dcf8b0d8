// ICMP: the messages on the wire and their handling.  RFC 792, RFC 1122
// section 3.2.2, RFC 1191.

#ifndef SPLNET_STACK_NETINET_IP_ICMP_H_
#define SPLNET_STACK_NETINET_IP_ICMP_H_

#include <cstdint>

#include "stack/kern/endian.h"
#include "stack/kern/mbuf.h"

namespace splnet {

struct Netstack;

struct IcmpHeader {
  uint8_t type;
  uint8_t code;
  Be16 sum;
  Be16 id;   // echo: identifier; unreachable: unused
  Be16 seq;  // echo: sequence number; unreachable with code 4: next hop's MTU
};
static_assert(sizeof(IcmpHeader) == 8 && alignof(IcmpHeader) == 1);

inline constexpr uint8_t kIcmpEchoReply = 0;
inline constexpr uint8_t kIcmpUnreach = 3;
inline constexpr uint8_t kIcmpSourceQuench = 4;
inline constexpr uint8_t kIcmpRedirect = 5;
inline constexpr uint8_t kIcmpEcho = 8;
inline constexpr uint8_t kIcmpTimxceed = 11;
inline constexpr uint8_t kIcmpParamProb = 12;
inline constexpr uint8_t kIcmpTstamp = 13;
inline constexpr uint8_t kIcmpTstampReply = 14;

// Codes of kIcmpUnreach.
enum class IcmpUnreach : uint8_t {
  kNet = 0,
  kHost = 1,
  kProtocol = 2,
  kPort = 3,
  kNeedFrag = 4,
  kSrcFail = 5,
};

struct IcmpStat {
  uint64_t ipackets = 0;
  uint64_t echo = 0;     // requests answered
  uint64_t errors = 0;   // icmp_error() calls
  uint64_t oerrors = 0;  // ICMP errors sent
  uint64_t ratelimited = 0;
  uint64_t reflect = 0;
  uint64_t toofreq = 0;
};

// Handles one ICMP message.  `off` is where its header begins.
void icmp_input(Netstack& ns, MbufPtr m, size_t off);

// Drops `m`, a received packet with its IP header in front, and tells its
// sender, unless RFC 1122 section 3.2.2 forbids it or the limit is reached.
// `mtu_bytes` is for kNeedFrag.
void icmp_error(Netstack& ns, MbufPtr m, IcmpUnreach code,
                uint32_t mtu_bytes = 0);
void icmp_error(Netstack& ns, MbufPtr m, uint8_t type, uint8_t code,
                uint32_t mtu_bytes);

}  // namespace splnet

#endif  // SPLNET_STACK_NETINET_IP_ICMP_H_
