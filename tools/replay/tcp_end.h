// Our end of one TCP connection: what its program is to do, and how far it
// has come.

#ifndef SPLNET_TOOLS_REPLAY_TCP_END_H_
#define SPLNET_TOOLS_REPLAY_TCP_END_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "sockets/proc.h"
#include "stack/kern/errno.h"
#include "stack/kern/sockaddr.h"
#include "stack/netinet/tcp_var.h"
#include "tools/replay/lane.h"
#include "tools/replay/script.h"
#include "tools/replay/stream.h"

namespace splnet {

struct TcpEnd {
  Sockaddr local;
  Sockaddr remote;
  std::vector<Act> acts;
  const CapturedStream* peer_stream = nullptr;  // what it is to read
  const CapturedStream* our_stream = nullptr;   // what it is to write
  bool pinned = true;
  TcpPin pin;
  uint32_t rcvbuf = 0;  // bytes
  uint32_t sndbuf = 0;
  bool nodelay = false;
  LaneDriver* driver = nullptr;
  Lane* lane = nullptr;

  size_t next = 0;         // act
  uint64_t delivered = 0;  // bytes read
  uint64_t written = 0;
  std::optional<uint64_t> difference;  // where what was read is not the capture
  bool accepted = false;               // or connected
  bool eof = false;
  bool flow_ended = false;  // nothing will come any more
  bool finished = false;    // the program has closed its socket
  Errno error = kOk;        // that ended it
  int pid = 0;

  bool acts_done() const { return next >= acts.size(); }
  // The program has nothing left to do or to wait for.
  bool over() const {
    return error != kOk || (acts_done() && (eof || flow_ended));
  }
  // Whether what the next act waits for has been read.
  bool Allowed() const {
    return !acts_done() && acts[next].read_bytes <= delivered &&
           (eof || !acts[next].read_eof);
  }
  // The same, and its time has come.
  bool Ready(int64_t now_ns) const {
    return Allowed() && acts[next].time_ns <= now_ns;
  }

  void Read(std::span<const std::byte> bytes);
  void Progress() const { driver->Touch(*lane); }
};

// Gives the socket its pin and its buffers: before connect(2), or of a
// listener, before the SYN arrives.
void PrepareSocket(Socket& so, const TcpEnd& end);

// Who was accepted?
class TcpEndDirectory {
 public:
  virtual ~TcpEndDirectory() = default;
  // The end whose peer `remote` has connected to `local`; null if unknown.
  virtual TcpEnd* FindEnd(const Sockaddr& local, const Sockaddr& remote) = 0;
};

// Programs.  Their arguments outlive them.
Task<int> ListenTcp(Process& p, Sockaddr local, TcpEndDirectory* directory);
Task<int> ConnectTcp(Process& p, TcpEnd* end);
// Plays `end` on the connected socket `fd`.
Task<int> PlayTcp(Process& p, TcpEnd* end, int fd);

}  // namespace splnet

#endif  // SPLNET_TOOLS_REPLAY_TCP_END_H_
