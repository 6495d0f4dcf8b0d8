// sink: reads a stream to its end and checks what it got.

#ifndef SPLNET_TOOLS_PROGRAMS_SINK_H_
#define SPLNET_TOOLS_PROGRAMS_SINK_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "tools/programs/stream.h"

namespace splnet {

struct SinkResult {
  bool finished = false;             // the end of file was read
  uint64_t bytes = 0;                // read
  uint64_t digest = 0;               // StreamDigest of them
  std::optional<uint64_t> mismatch;  // offset of the first wrong byte
  SimTime started{};                 // connected
  SimTime ended{};                   // closed
  ProgramError error;
};

struct SinkArgs {
  StreamEnds ends;
  std::optional<uint64_t> seed;  // of the pattern to be expected
  size_t read_size = 65536;      // bytes a read
  Nanoseconds pause{0};          // sleeps so long after each read
  SinkResult* result = nullptr;  // outlives the program; null: not wanted
};

// Exit status 0 if the stream ended and was as expected.
Task<int> Sink(Process& p, SinkArgs args);

}  // namespace splnet

#endif  // SPLNET_TOOLS_PROGRAMS_SINK_H_
