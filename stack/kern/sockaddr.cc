// Addresses as text.

#include "stack/kern/sockaddr.h"

#include <charconv>
#include <cstdio>

namespace splnet {
namespace {

std::string FormatV6(const InAddr& addr) {
  // RFC 5952 is for the day that IPv6 packets are printed; this is the full
  // form, which is unambiguous.
  std::string out;
  char word[8];
  for (int i = 0; i < 8; ++i) {
    const uint64_t half = i < 4 ? addr.hi : addr.lo;
    const unsigned w = (half >> (48 - 16 * (i % 4))) & 0xffff;
    std::snprintf(word, sizeof word, i == 0 ? "%x" : ":%x", w);
    out += word;
  }
  return out;
}

}  // namespace

std::string FormatAddr(const InAddr& addr) {
  if (addr.family == Family::kInet6) return FormatV6(addr);
  char text[16];
  const uint32_t a = addr.v4();
  std::snprintf(text, sizeof text, "%u.%u.%u.%u", a >> 24, (a >> 16) & 0xff,
                (a >> 8) & 0xff, a & 0xff);
  return text;
}

std::string FormatSockaddr(const Sockaddr& sa) {
  return FormatAddr(sa.addr) + "." + std::to_string(sa.port);
}

std::string FormatEther(const EtherAddr& addr) {
  char text[18];
  const uint8_t* o = addr.octet;
  std::snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", o[0], o[1],
                o[2], o[3], o[4], o[5]);
  return text;
}

std::optional<InAddr> ParseAddr(std::string_view text) {
  uint32_t addr = 0;
  const char* p = text.data();
  const char* const end = p + text.size();
  for (int i = 0; i < 4; ++i) {
    if (i > 0 && (p == end || *p++ != '.')) return std::nullopt;
    uint8_t part = 0;
    const auto [next, error] = std::from_chars(p, end, part);
    if (error != std::errc() || next == p) return std::nullopt;
    p = next;
    addr = addr << 8 | part;
  }
  if (p != end) return std::nullopt;
  return InAddr::V4(addr);
}

}  // namespace splnet
