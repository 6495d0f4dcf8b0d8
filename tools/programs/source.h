// source: sends a known stream of bytes and says that it has ended.

#ifndef SPLNET_TOOLS_PROGRAMS_SOURCE_H_
#define SPLNET_TOOLS_PROGRAMS_SOURCE_H_

#include <cstddef>
#include <cstdint>

#include "tools/programs/stream.h"

namespace splnet {

struct SourceResult {
  bool finished = false;    // all was written and the peer's end of file read
  uint64_t bytes = 0;       // written
  uint64_t digest = 0;      // StreamDigest of them
  uint64_t unexpected = 0;  // bytes that the peer sent, who should send none
  SimTime started{};        // connected
  SimTime ended{};          // closed
  ProgramError error;
};

struct SourceArgs {
  StreamEnds ends;
  uint64_t bytes = 0;              // to send
  uint64_t seed = 1;               // of the pattern
  size_t write_size = 65536;       // bytes a write
  SourceResult* result = nullptr;  // outlives the program; null: not wanted
};

// Writes, shuts down for writing, waits for the peer's end of file, closes.
// Exit status 0 if nothing failed.
Task<int> Source(Process& p, SourceArgs args);

}  // namespace splnet

#endif  // SPLNET_TOOLS_PROGRAMS_SOURCE_H_
