// Compares what our side of a TCP connection sent with what the captured end
// sent: gives the captured end's packets their verdicts.

#ifndef SPLNET_TOOLS_REPLAY_COMPARE_H_
#define SPLNET_TOOLS_REPLAY_COMPARE_H_

#include <cstdint>

#include "tools/replay/capture_index.h"
#include "tools/replay/difference.h"
#include "tools/replay/tcp_lane.h"

namespace splnet {

struct TcpComparison {
  uint64_t data_segments = 0;    // of the captured end
  uint64_t data_reproduced = 0;  // of these, sent by us exactly so
  uint64_t extra = 0;            // segments that only our side sent
};

// `lane`'s run is over.
TcpComparison CompareTcp(TcpLane& lane, CaptureIndex& index,
                         DifferenceLog& differences);

}  // namespace splnet

#endif  // SPLNET_TOOLS_REPLAY_COMPARE_H_
