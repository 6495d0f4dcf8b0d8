// duplex: one end of a stream on which both ends may send at the same time,
// each a known pattern that the other checks.

#ifndef SPLNET_TOOLS_PROGRAMS_DUPLEX_H_
#define SPLNET_TOOLS_PROGRAMS_DUPLEX_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "tools/programs/stream.h"

namespace splnet {

struct DuplexResult {
  bool finished = false;             // all was sent, the end of file was read
  uint64_t sent = 0;                 // bytes written
  uint64_t received = 0;             // bytes read
  std::optional<uint64_t> mismatch;  // offset of the first wrong byte read
  SimTime connected{};
  SimTime last_read{};  // when the last bytes were read
  SimTime ended{};      // closed
  ProgramError error;
};

struct DuplexArgs {
  StreamEnds ends;
  uint64_t send = 0;               // bytes to send
  uint64_t out_seed = 1;           // of the pattern sent
  uint64_t in_seed = 2;            // of the pattern expected
  bool peer_sends = false;         // it has to read while it writes
  int buffer_bytes = 0;            // SO_SNDBUF and SO_RCVBUF; 0 leaves them
  size_t chunk = 65536;            // bytes a read or write
  DuplexResult* result = nullptr;  // outlives the program; null: not wanted
};

// Sends, shuts down for writing, reads to the end of file, closes; with
// peer_sends it reads from the beginning.  Exit status 0 if nothing failed and
// every byte was as expected.
Task<int> Duplex(Process& p, DuplexArgs args);

}  // namespace splnet

#endif  // SPLNET_TOOLS_PROGRAMS_DUPLEX_H_
