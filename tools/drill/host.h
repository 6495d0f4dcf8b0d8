// The simulated host that a drill script runs on, with its one wire.
//
// The far end of the wire is the script: what the host sends is told at its
// instant; what the script sends arrives at the present instant.

#ifndef SPLNET_TOOLS_DRILL_HOST_H_
#define SPLNET_TOOLS_DRILL_HOST_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "drivers/if_tun.h"
#include "tools/drill/options.h"
#include "tools/drill/runner.h"
#include "tools/simulation.h"

namespace splnet::drill {

class DrillHost {
 public:
  // What one script may cost: more is taken for a script without end.
  static constexpr uint64_t kMaxEvents = 20'000'000;
  static constexpr uint64_t kMaxPackets = 100'000;

  // Hears of a packet when it is sent, before anything else happens.  `bytes`
  // begins with the IP header and is good during the call.
  using SendHook = void (*)(void* arg, std::span<const std::byte> bytes);

  DrillHost(const ScriptSettings& settings, const DrillOptions& options,
            SendHook hook, void* arg);
  DrillHost(const DrillHost&) = delete;
  DrillHost& operator=(const DrillHost&) = delete;
  ~DrillHost();

  // What the host sends from now on reaches nobody.
  void Unplug() { tun_.set_transmit(nullptr, nullptr); }

  // Why there is no such host; "" if there is one.
  const std::string& error() const { return error_; }

  Netstack& ns() { return host_.ns; }
  ProcessTable& procs() { return host_.procs; }
  // Since the script's start, as are all times here.
  Nanoseconds now() const { return sim_.now().time_since_epoch(); }

  // Lets everything happen up to and including `time`, which is not in the
  // past.  False if that is more than a script may cost.
  [[nodiscard]] bool RunTo(Nanoseconds time);
  // The same, but no further than to the instant at which a packet is sent; the
  // clock then stands there, else at the last thing that happened.
  [[nodiscard]] bool RunUntilSent(Nanoseconds limit);
  // A packet, beginning with its IP header, arrives.
  void Inject(std::span<const std::byte> packet);
  // What crossed the wire so far, if DrillOptions::keep_packets; once.
  std::vector<WirePacket> TakePackets() { return std::move(packets_); }

 private:
  static void Transmitted(void* self, uint64_t packet,
                          std::span<const std::byte> bytes);
  std::string Configure(const ScriptSettings& settings);
  bool WithinLimits();
  void Keep(bool outbound, std::span<const std::byte> bytes);

  Simulation sim_;
  Host& host_;
  TunIf& tun_;
  SendHook hook_;
  void* hook_arg_;
  uint64_t sent_ = 0;  // packets
  const bool keep_packets_;
  std::vector<WirePacket> packets_;
  size_t kept_bytes_ = 0;  // in packets_
  std::string error_;
};

}  // namespace splnet::drill

#endif  // SPLNET_TOOLS_DRILL_HOST_H_
