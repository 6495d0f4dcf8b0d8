// A lane carries one flow's captured frames to our host, in file order.
//
// The driver of a replay steps lanes whose time has come or whose state has
// changed; a lane that can do nothing although its next frame is due is told
// when its host has no work left at that instant.

#ifndef SPLNET_TOOLS_REPLAY_LANE_H_
#define SPLNET_TOOLS_REPLAY_LANE_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "tools/replay/packet.h"

namespace splnet {

// A frame that is blocked so long without progress on either side goes in
// anyway.
inline constexpr int64_t kBlockedNs = 5'000'000'000;
inline constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

class Lane;

// What lanes and programs tell the driver.
class LaneDriver {
 public:
  virtual ~LaneDriver() = default;
  virtual int64_t now_ns() const = 0;
  // Something happened that may let `lane` go on.
  virtual void Touch(Lane& lane) = 0;
  // `lane` begins: from now on it is its flow's current incarnation.
  virtual void Begin(Lane& lane) = 0;
};

class Lane {
 public:
  virtual ~Lane() = default;

  size_t number = 0;  // the driver's

  // When Step() is to be called next, if nothing touches the lane before.
  virtual int64_t NextTime() const = 0;
  // Injects the next frame if it is due and released.  True if it did anything.
  virtual bool Step(int64_t now) = 0;
  // A frame is due, cannot be released, and the host is idle.  True if
  // something was injected for it.
  virtual bool HeldUp(int64_t now) = 0;
  // Our side sent `frame` of this flow.
  virtual void OnTransmit(const Packet& packet,
                          std::span<const std::byte> frame) = 0;
  // The run is over: what is still to be injected never will be.
  virtual void Finish() = 0;
  // Every frame has been injected and the program has done all its acts.
  virtual bool done() const = 0;
};

}  // namespace splnet

#endif  // SPLNET_TOOLS_REPLAY_LANE_H_
