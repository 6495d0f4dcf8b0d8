// An address with its family: a value.
//
// One type serves IPv4 and IPv6 in pcbs, routes and sockets.  An address is
// kept as a number (IPv4 in the low 32 bits), so comparing, hashing and prefix
// arithmetic need no byte order.

#ifndef SPLNET_STACK_KERN_SOCKADDR_H_
#define SPLNET_STACK_KERN_SOCKADDR_H_

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "stack/kern/endian.h"

namespace splnet {

// Address families, with OpenBSD's numbers.
enum class Family : uint8_t {
  kUnspec = 0,
  kUnix = 1,
  kInet = 2,
  kLink = 18,
  kInet6 = 24,
};

// An IPv4 address as it stands in a header.
struct In4Wire {
  Be32 addr;
  constexpr bool operator==(const In4Wire&) const = default;
};
static_assert(sizeof(In4Wire) == 4);

// An Internet address of either family, or none.
struct InAddr {
  uint64_t hi = 0;  // IPv6: the upper 64 bits; IPv4: 0
  uint64_t lo = 0;  // IPv6: the lower 64 bits; IPv4: the address, host order
  Family family = Family::kUnspec;

  constexpr InAddr() = default;
  constexpr InAddr(In4Wire w)  // NOLINT(google-explicit-constructor)
      : lo(w.addr), family(Family::kInet) {}

  // `addr` in host order: 0x7f000001 is 127.0.0.1.
  static constexpr InAddr V4(uint32_t addr) {
    InAddr a;
    a.lo = addr;
    a.family = Family::kInet;
    return a;
  }
  constexpr uint32_t v4() const { return static_cast<uint32_t>(lo); }
  constexpr In4Wire wire4() const { return In4Wire{Be32(v4())}; }

  constexpr bool is_v4() const { return family == Family::kInet; }
  // 0.0.0.0, :: or no address at all: the wildcard of bind(2).
  constexpr bool is_any() const { return hi == 0 && lo == 0; }

  constexpr bool operator==(const InAddr&) const = default;
  constexpr auto operator<=>(const InAddr&) const = default;
};

inline constexpr InAddr kInaddrAny = InAddr::V4(0);
inline constexpr InAddr kInaddrLoopback = InAddr::V4(0x7f000001);
inline constexpr InAddr kInaddrBroadcast = InAddr::V4(0xffffffff);

// 224.0.0.0/4, RFC 5771.
constexpr bool in_multicast(const InAddr& a) {
  return a.is_v4() && (a.v4() >> 28) == 0xe;
}

// An address and a port: struct sockaddr_in or sockaddr_in6.
struct Sockaddr {
  InAddr addr;
  uint16_t port = 0;  // host order

  constexpr Sockaddr() = default;
  constexpr Sockaddr(InAddr a, uint16_t p) : addr(a), port(p) {}

  constexpr Family family() const { return addr.family; }
  // sa_len: what the structure takes in BSD, and so in a socket buffer.
  constexpr uint32_t len() const {
    return addr.family == Family::kInet6 ? 28 : 16;
  }
  constexpr bool operator==(const Sockaddr&) const = default;
  constexpr auto operator<=>(const Sockaddr&) const = default;
};

// An Ethernet address.
struct EtherAddr {
  uint8_t octet[6] = {};
  constexpr bool operator==(const EtherAddr& other) const {
    return __builtin_memcmp(octet, other.octet, sizeof octet) == 0;
  }
  constexpr auto operator<=>(const EtherAddr&) const = default;
  constexpr bool is_multicast() const { return (octet[0] & 1) != 0; }
};
static_assert(sizeof(EtherAddr) == 6);
inline constexpr EtherAddr kEtherBroadcast = {
    {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

// "192.0.2.1"; "192.0.2.1.80" in tcpdump's notation for an address and port.
std::string FormatAddr(const InAddr& addr);
std::string FormatSockaddr(const Sockaddr& sa);
std::string FormatEther(const EtherAddr& addr);

// Reads dotted-quad IPv4.  Nothing when `text` is anything else.
std::optional<InAddr> ParseAddr(std::string_view text);

}  // namespace splnet

#endif  // SPLNET_STACK_KERN_SOCKADDR_H_
