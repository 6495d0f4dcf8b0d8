// Builds hosts and links and runs them: what every verb and every scenario test
// starts from.

#ifndef SPLNET_TOOLS_SIMULATION_H_
#define SPLNET_TOOLS_SIMULATION_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/if_pair.h"
#include "sockets/proc.h"
#include "stack/kern/timeout.h"
#include "stack/netstack.h"

namespace splnet {

// One simulated host: the stack and the programs on it.
struct Host {
  Host(EventQueue& queue, uint32_t number, std::string_view name, uint64_t seed,
       const Settings& settings);

  Netstack ns;
  ProcessTable procs;
};

// An end of a link: the host and its address there, as "10.0.0.1/24".
struct LinkEnd {
  Host& host;
  std::string_view address;
};

class Simulation {
 public:
  // Events that a run may take before it is taken for endless.
  static constexpr uint64_t kEventBudget = 1'000'000'000;

  // Each host begins with `settings`.
  explicit Simulation(uint64_t seed, const Settings& settings = {})
      : seed_(seed), settings_(settings) {}
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;
  // The links go first, with what is in flight: what processes send as they end
  // then reaches nobody.  The hosts CHECK that they got back every mbuf and
  // socket.
  ~Simulation();

  EventQueue& queue() { return queue_; }
  uint64_t seed() const { return seed_; }
  SimTime now() const { return queue_.now(); }

  // A host with a loopback interface.  `name` names its random streams and is
  // in no other host's use.
  Host& AddHost(std::string_view name);
  // Joins two hosts; a CHECK fails for text that is no address and prefix
  // length, and for an address that the host has already.
  PairLink& AddLink(LinkEnd a, LinkEnd b, const LinkConfig& config = {});
  // Permanent ARP entries for every address of both ends: no ARP packet is
  // needed.
  void AddNeighbours(PairLink& link);

  // A route through `gateway`, which is on one of the host's links.  `prefix`
  // is "0.0.0.0/0" for the default route.
  void AddRoute(Host& host, std::string_view prefix, std::string_view gateway);

  const std::vector<std::unique_ptr<Host>>& hosts() const { return hosts_; }
  const std::vector<std::unique_ptr<PairLink>>& links() const { return links_; }

  // Each runs events, in order of time, until what its name says: true; or
  // until `budget` events have run: false.  RunUntil leaves the clock at `end`.
  [[nodiscard]] bool RunUntil(SimTime end, uint64_t budget = kEventBudget);
  [[nodiscard]] bool RunFor(Nanoseconds time, uint64_t budget = kEventBudget);
  // Until nothing is left to happen.  Processes may still sleep for what never
  // comes.
  [[nodiscard]] bool RunUntilIdle(uint64_t budget = kEventBudget);
  // Until no process is left, or nothing is left to happen.
  [[nodiscard]] bool RunUntilExit(uint64_t budget = kEventBudget);

  // Processes that have not ended, on all hosts.
  size_t running() const;

  // What is left: a line for each host's mbufs, clusters, sockets, connections
  // and processes, each link's frames and the pending timers.  Empty when
  // everything came back.
  std::vector<std::string> Leftovers() const;

 private:
  const uint64_t seed_;
  const Settings settings_;
  EventQueue queue_;
  std::vector<std::unique_ptr<Host>> hosts_;
  std::vector<std::unique_ptr<PairLink>> links_;
};

}  // namespace splnet

#endif  // SPLNET_TOOLS_SIMULATION_H_
