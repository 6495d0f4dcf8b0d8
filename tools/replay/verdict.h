// What became of each packet of the capture: exactly one verdict each, and
// they add up to the packet count.

#ifndef SPLNET_TOOLS_REPLAY_VERDICT_H_
#define SPLNET_TOOLS_REPLAY_VERDICT_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace splnet {

// Enumerator and text, in the order in which a report lists them: what the
// peers sent, what the ends sent that we play, what neither did.
#define SPLNET_VERDICT_TABLE(X)                       \
  X(kPending, "not decided")                          \
  X(kDelivered, "delivered")                          \
  X(kConsumed, "consumed by the stack")               \
  X(kDuplicate, "duplicate")                          \
  X(kOutOfWindow, "out of window")                    \
  X(kHeld, "held out of order to the end")            \
  X(kDropped, "dropped")                              \
  X(kLostAfterTap, "lost after the tap")              \
  X(kAfterGap, "after a gap")                         \
  X(kDuplicateCapture, "duplicate capture")           \
  X(kNeverReleased, "never released")                 \
  X(kReproduced, "reproduced")                        \
  X(kAcknowledgedOtherwise, "acknowledged otherwise") \
  X(kCutDifferently, "same bytes, cut differently")   \
  X(kCovered, "covered by a retransmission")          \
  X(kNotReproduced, "not reproduced")                 \
  X(kObserved, "observed")                            \
  X(kNotForUs, "not for us")                          \
  X(kUnusable, "unusable")

enum class Verdict : uint8_t {
#define SPLNET_VERDICT_ENUMERATOR(name, text) name,
  SPLNET_VERDICT_TABLE(SPLNET_VERDICT_ENUMERATOR)
#undef SPLNET_VERDICT_ENUMERATOR
};

#define SPLNET_VERDICT_COUNT(name, text) +1
inline constexpr size_t kVerdicts =
    0 SPLNET_VERDICT_TABLE(SPLNET_VERDICT_COUNT);
#undef SPLNET_VERDICT_COUNT

const char* VerdictText(Verdict verdict);

// How a frame was changed before it was injected: a set of bits.
inline constexpr uint8_t kAdaptedAck = 1;
inline constexpr uint8_t kAdaptedSack = 2;
inline constexpr uint8_t kAdaptedWindow = 4;
inline constexpr uint8_t kAdaptedTime = 8;
inline constexpr size_t kAdaptations = 4;
// The name of bit number `bit`: "ack".
const char* AdaptedText(size_t bit);

}  // namespace splnet

#endif  // SPLNET_TOOLS_REPLAY_VERDICT_H_
