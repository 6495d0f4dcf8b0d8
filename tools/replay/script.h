// What the replaying program does, as the capture shows it: the acts of the
// end that we play, each with its time and what must have been read before.

#ifndef SPLNET_TOOLS_REPLAY_SCRIPT_H_
#define SPLNET_TOOLS_REPLAY_SCRIPT_H_

#include <cstdint>
#include <vector>

#include "tools/replay/capture_index.h"
#include "tools/replay/flows.h"
#include "tools/replay/tcp_record.h"

namespace splnet {

enum class ActKind : uint8_t {
  kConnect,
  kWrite,     // bytes [begin, end) of our stream
  kShutdown,  // for writing: a FIN
  kClose,     // a FIN, and whatever comes later is answered with RST
  kReset,     // close with a linger of 0: a RST
};

struct Act {
  ActKind kind = ActKind::kWrite;
  int64_t time_ns = 0;      // not before, since the capture's first packet
  uint64_t read_bytes = 0;  // nor before so much of the peer's stream was read
  bool read_eof = false;    // and its end
  uint64_t begin = 0;       // kWrite: offsets into our stream
  uint64_t end = 0;
};

// The program of our end of `flow`, in order.
std::vector<Act> TcpScript(const Flow& flow, const TcpRecord& record,
                           const CaptureIndex& index);

}  // namespace splnet

#endif  // SPLNET_TOOLS_REPLAY_SCRIPT_H_
