// The Internet checksum.  RFC 1071.

#ifndef SPLNET_STACK_NETINET_IN_CKSUM_H_
#define SPLNET_STACK_NETINET_IN_CKSUM_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "stack/kern/endian.h"
#include "stack/kern/mbuf.h"
#include "stack/kern/sockaddr.h"

namespace splnet {

struct Netstack;

// A sum under way: 32-bit words of memory, as the host reads them, added with
// their carries kept.  Partial sums of neighbouring pieces may be added.
using CksumPartial = uint64_t;

// The sum of `n` bytes, which begin at an even offset of what is summed.
CksumPartial in_cksum_partial(const void* p, size_t n);
// Copies `n` bytes and sums them on the way.
CksumPartial in_cksum_copy(void* to, const void* from, size_t n);
// The sum of the same bytes had they begun at an odd offset.
CksumPartial in_cksum_swap(CksumPartial sum);

// Folds to 16 bits and complements: what a checksum field holds, in memory
// order (store it with memcpy, or see in_cksum_field()).
constexpr uint16_t in_cksum_fold(CksumPartial sum) {
  sum = (sum & 0xffffffff) + (sum >> 32);  // at most 33 bits
  sum = (sum & 0xffff) + ((sum >> 16) & 0xffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}
// The same as a number in host order: assign it to a Be16.
constexpr uint16_t in_cksum_field(CksumPartial sum) {
  return __builtin_bswap16(in_cksum_fold(sum));
}

// The sum of a header of 20 bytes: an IPv4 header without options.
inline CksumPartial in_cksum_20(const void* header) {
  uint64_t a;
  uint64_t b;
  uint32_t c;
  const auto* const p = static_cast<const std::byte*>(header);
  std::memcpy(&a, p, sizeof a);
  std::memcpy(&b, p + 8, sizeof b);
  std::memcpy(&c, p + 16, sizeof c);
  return (a & 0xffffffff) + (a >> 32) + (b & 0xffffffff) + (b >> 32) + c;
}

// The sum of bytes [off, off+len) of the chain, which must exist.
CksumPartial in_cksum_chain(const Mbuf& m, size_t off, size_t len);

// The checksum of bytes [off, off+len) of the chain, which must exist; 0 if
// they include a valid checksum.  In host order: assign it to a Be16.
uint16_t in_cksum(const Mbuf& m, size_t off, size_t len);

// The sum of the pseudo-header of RFC 9293 section 3.1 and RFC 768.
inline CksumPartial in_pseudo(In4Wire src, In4Wire dst, uint8_t protocol,
                              size_t len) {
  uint32_t s;
  uint32_t d;
  std::memcpy(&s, &src, sizeof s);
  std::memcpy(&d, &dst, sizeof d);
  const auto tail = static_cast<uint32_t>(protocol + len);
  return CksumPartial{s} + d + __builtin_bswap32(tail);
}

// The sum of bytes [off, off+len) of the received IPv4 packet `m`, up to a
// multiple of 2^16 - 1.  Takes what the NIC summed if that is the whole packet
// and nothing but its header, which sums to that multiple, stands before
// `off`; else sums the bytes itself and charges the CPU for it.
CksumPartial in_cksum_received(Netstack& ns, const Mbuf& m, size_t off,
                               size_t len);

// The checksum of bytes [off, off+len) of the chain and the pseudo-header that
// the IPv4 header at its start gives with `protocol` (0: none) and `len`.
uint16_t in4_cksum(const Mbuf& m, uint8_t protocol, size_t off, size_t len);

}  // namespace splnet

#endif  // SPLNET_STACK_NETINET_IN_CKSUM_H_
