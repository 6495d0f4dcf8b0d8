// How what our side sent differs from what the captured end sent, grouped by
// kind, with the first example of each.

#ifndef SPLNET_TOOLS_REPLAY_DIFFERENCE_H_
#define SPLNET_TOOLS_REPLAY_DIFFERENCE_H_

#include <array>
#include <cstdint>
#include <string>

namespace splnet {

#define SPLNET_DIFFERENCE_TABLE(X)                                   \
  X(kAck, "other acknowledgement number")                            \
  X(kWindow, "other window")                                         \
  X(kPush, "other PSH flag")                                         \
  X(kEcn, "other ECN flags")                                         \
  X(kOptions, "other options")                                       \
  X(kTimestamps, "other timestamps")                                 \
  X(kTtl, "other TTL")                                               \
  X(kTos, "other type of service")                                   \
  X(kAckedOtherwise, "captured acknowledgement given by another")    \
  X(kCut, "same bytes in other segments")                            \
  X(kCoveredOnce, "captured retransmission that we had no need for") \
  X(kMissing, "captured packet that we did not send")                \
  X(kExtra, "packet that only our side sent")

enum class Difference : uint8_t {
#define SPLNET_DIFFERENCE_ENUMERATOR(name, text) name,
  SPLNET_DIFFERENCE_TABLE(SPLNET_DIFFERENCE_ENUMERATOR)
#undef SPLNET_DIFFERENCE_ENUMERATOR
};

#define SPLNET_DIFFERENCE_COUNT(name, text) +1
inline constexpr size_t kDifferences =
    0 SPLNET_DIFFERENCE_TABLE(SPLNET_DIFFERENCE_COUNT);
#undef SPLNET_DIFFERENCE_COUNT

const char* DifferenceText(Difference kind);

struct DifferenceGroup {
  uint64_t count = 0;
  uint64_t packet = 0;   // of the first: its number in the file; 0 if extra
  std::string captured;  // of the first, in tcpdump's notation; may be empty
  std::string ours;
};

class DifferenceLog {
 public:
  // Counts; true the first time: then set the example by SetExample().
  bool Count(Difference kind) {
    return ++groups_[static_cast<size_t>(kind)].count == 1;
  }
  void SetExample(Difference kind, uint64_t packet, std::string captured,
                  std::string ours);
  const DifferenceGroup& group(Difference kind) const {
    return groups_[static_cast<size_t>(kind)];
  }

 private:
  std::array<DifferenceGroup, kDifferences> groups_;
};

}  // namespace splnet

#endif  // SPLNET_TOOLS_REPLAY_DIFFERENCE_H_
