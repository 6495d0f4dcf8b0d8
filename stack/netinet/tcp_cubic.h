// CUBIC congestion control in integers.  RFC 9438.

#ifndef SPLNET_STACK_NETINET_TCP_CUBIC_H_
#define SPLNET_STACK_NETINET_TCP_CUBIC_H_

#include <cstdint>

#include "stack/kern/time.h"

namespace splnet {

// What CUBIC keeps for a connection that has met congestion.  Windows are in
// bytes.
struct TcpCubic {
  uint32_t w_max = 0;       // the window before the last reduction, or less
  uint32_t cwnd_prior = 0;  // ... as it was
  uint64_t w_est = 0;       // what Reno would have, in 1/256 bytes
  uint64_t credit = 0;      // growth that is not a whole byte yet
  SimTime epoch{};          // when this stage of congestion avoidance began
  uint32_t k_ms = 0;        // K: from then until the window is w_max again
  bool in_epoch = false;
  bool after_timeout = false;
};

// The greatest r with r * r * r <= x, for x below 2^63.
uint32_t tcp_cube_root(uint64_t x);
// K, in ms: how long the curve takes from `below` bytes under its plateau, for
// segments of `maxseg` bytes.
uint32_t tcp_cubic_k(uint32_t below, uint32_t maxseg);
// W_cubic(t) - W_max at `ms` after (before: negative) the plateau, in bytes.
int64_t tcp_cubic_rise(int64_t ms, uint32_t maxseg);

}  // namespace splnet

#endif  // SPLNET_STACK_NETINET_TCP_CUBIC_H_
