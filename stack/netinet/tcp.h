// The TCP header and its options on the wire.  RFC 9293 section 3.1.

#ifndef SPLNET_STACK_NETINET_TCP_H_
#define SPLNET_STACK_NETINET_TCP_H_

#include <cstddef>
#include <cstdint>

#include "stack/kern/endian.h"

namespace splnet {

struct TcpHeader {
  Be16 sport;
  Be16 dport;
  Be32 seq;
  Be32 ack;
  uint8_t off_x2;  // header length in words, in the upper four bits
  uint8_t flags;
  Be16 win;
  Be16 sum;
  Be16 urp;

  constexpr size_t hlen() const { return size_t{4} * (off_x2 >> 4); }
};
static_assert(sizeof(TcpHeader) == 20 && alignof(TcpHeader) == 1);

inline constexpr uint8_t kThFin = 0x01;
inline constexpr uint8_t kThSyn = 0x02;
inline constexpr uint8_t kThRst = 0x04;
inline constexpr uint8_t kThPush = 0x08;
inline constexpr uint8_t kThAck = 0x10;
inline constexpr uint8_t kThUrg = 0x20;
inline constexpr uint8_t kThEce = 0x40;
inline constexpr uint8_t kThCwr = 0x80;

inline constexpr uint8_t kTcpOptEol = 0;
inline constexpr uint8_t kTcpOptNop = 1;
inline constexpr uint8_t kTcpOptMss = 2;            // length 4
inline constexpr uint8_t kTcpOptWscale = 3;         // length 3, RFC 7323
inline constexpr uint8_t kTcpOptSackPermitted = 4;  // length 2, RFC 2018
inline constexpr uint8_t kTcpOptSack = 5;
inline constexpr uint8_t kTcpOptTimestamp = 8;  // length 10, RFC 7323
inline constexpr size_t kTcpMaxOptLen = 40;
inline constexpr uint8_t kTcpMaxWinShift = 14;
inline constexpr uint32_t kTcpMaxWin = 65535;

}  // namespace splnet

#endif  // SPLNET_STACK_NETINET_TCP_H_
