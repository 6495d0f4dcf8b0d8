// Two hosts and a link, in one line.

#ifndef SPLNET_TESTS_TESTING_TWO_HOSTS_H_
#define SPLNET_TESTS_TESTING_TWO_HOSTS_H_

#include <cstdint>

#include "drivers/if_pair.h"
#include "tools/simulation.h"

namespace splnet {

// "alpha" at 10.0.0.1 and "beta" at 10.0.0.2, which know one another's station
// addresses.
struct TwoHosts {
  explicit TwoHosts(uint64_t seed = 1, const LinkConfig& config = {},
                    const Settings& settings = {})
      : sim(seed, settings),
        a(sim.AddHost("alpha")),
        b(sim.AddHost("beta")),
        link(sim.AddLink({a, "10.0.0.1/24"}, {b, "10.0.0.2/24"}, config)) {
    sim.AddNeighbours(link);
  }

  Simulation sim;
  Host& a;
  Host& b;
  PairLink& link;
};

inline constexpr InAddr kAlpha = InAddr::V4(0x0a000001);
inline constexpr InAddr kBeta = InAddr::V4(0x0a000002);

}  // namespace splnet

#endif  // SPLNET_TESTS_TESTING_TWO_HOSTS_H_
