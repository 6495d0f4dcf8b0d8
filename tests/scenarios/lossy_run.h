// One transfer over a bad link, with everything that must hold checked.

#ifndef SPLNET_TESTS_SCENARIOS_LOSSY_RUN_H_
#define SPLNET_TESTS_SCENARIOS_LOSSY_RUN_H_

#include <cstdint>
#include <string>

#include "drivers/fault.h"
#include "tests/testing/transfer.h"

namespace splnet {

// What the seeds draw from.
enum class LossyKind {
  kInTurn,  // client to server, then back; loss to 20 %
  // Both ways at once, half-closed when one is done, with pauses, buffers from
  // 256 bytes, loss to 30 %, blackouts, either personality, options of TCP
  // switched off and on.
  kAtOnce,
};

// What a run met, summed over both hosts and directions.
struct LossyMet {
  uint64_t complete = 0;  // runs in which every byte arrived
  uint64_t timed_out = 0;
  FaultStats faults;
  uint64_t queue_drops = 0;
  uint64_t bytes = 0;
  uint64_t timeouts = 0;  // retransmissions by the timer
  uint64_t fast = 0;      // ... by duplicate ACKs
  uint64_t out_of_order = 0;
  uint64_t duplicates = 0;
  uint64_t bad_sums = 0;
  uint64_t blackouts = 0;
  uint64_t persists = 0;  // probes of a closed window
};

// One run.
struct LossyOutcome {
  EndResult client;
  EndResult server;
  std::string problems;  // a line each
  std::string digest;    // all that happened, as text
  LossyMet met;
};

// The scenario of that kind and seed, once.
LossyOutcome RunLossy(LossyKind kind, uint64_t seed);

}  // namespace splnet

#endif  // SPLNET_TESTS_SCENARIOS_LOSSY_RUN_H_
