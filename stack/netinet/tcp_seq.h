// Comparing sequence numbers and timestamps, which wrap.
//
// RFC 9293 section 3.4, RFC 7323 section 5.2: a is before b if b is fewer than
// 2^31 ahead of it.

#ifndef SPLNET_STACK_NETINET_TCP_SEQ_H_
#define SPLNET_STACK_NETINET_TCP_SEQ_H_

#include <cstdint>

namespace splnet {

constexpr bool seq_lt(uint32_t a, uint32_t b) {
  return static_cast<int32_t>(a - b) < 0;
}
constexpr bool seq_leq(uint32_t a, uint32_t b) {
  return static_cast<int32_t>(a - b) <= 0;
}
constexpr bool seq_gt(uint32_t a, uint32_t b) {
  return static_cast<int32_t>(a - b) > 0;
}
constexpr bool seq_geq(uint32_t a, uint32_t b) {
  return static_cast<int32_t>(a - b) >= 0;
}
constexpr uint32_t seq_max(uint32_t a, uint32_t b) {
  return seq_gt(a, b) ? a : b;
}
constexpr uint32_t seq_min(uint32_t a, uint32_t b) {
  return seq_lt(a, b) ? a : b;
}

// Of timestamps: a is older than b.
constexpr bool tstmp_lt(uint32_t a, uint32_t b) { return seq_lt(a, b); }
constexpr bool tstmp_geq(uint32_t a, uint32_t b) { return seq_geq(a, b); }

}  // namespace splnet

#endif  // SPLNET_STACK_NETINET_TCP_SEQ_H_
