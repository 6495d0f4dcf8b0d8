// The Internet checksum.  RFC 1071.

#ifndef SPLNET_STACK_NETINET_IN_CKSUM_H_
#define SPLNET_STACK_NETINET_IN_CKSUM_H_

#include <cstddef>
#include <cstdint>

#include "stack/kern/mbuf.h"
#include "stack/kern/sockaddr.h"

namespace splnet {

// A sum under way: 32-bit words of memory, as the host reads them, added with
// their carries kept.
using CksumPartial = uint64_t;

// The sum of `n` bytes, which begin at an even offset of what is summed.
CksumPartial in_cksum_partial(const void* p, size_t n);
// Copies `n` bytes and sums them on the way.
CksumPartial in_cksum_copy(void* to, const void* from, size_t n);
// The sum of the same bytes had they begun at an odd offset.
CksumPartial in_cksum_swap(CksumPartial sum);
// Folds to 16 bits and complements: what a checksum field holds, in memory
// order (store it with memcpy, or as Be16 after in_cksum_field()).
uint16_t in_cksum_fold(CksumPartial sum);

// The checksum of bytes [off, off+len) of the chain; 0 if they include a valid
// checksum.  The value is in host order: assign it to a Be16.
uint16_t in_cksum(const Mbuf& m, size_t off, size_t len);

// The sum of the pseudo-header of RFC 9293 section 3.1 and RFC 768.
CksumPartial in_pseudo(In4Wire src, In4Wire dst, uint8_t protocol, size_t len);

// The checksum of bytes [off, off+len) of the chain and the pseudo-header that
// the IPv4 header at its start gives with `protocol` (0: none) and `len`.
uint16_t in4_cksum(const Mbuf& m, uint8_t protocol, size_t off, size_t len);

}  // namespace splnet

#endif  // SPLNET_STACK_NETINET_IN_CKSUM_H_
