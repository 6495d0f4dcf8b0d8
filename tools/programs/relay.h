// relay: passes bytes between clients and a server, by copying them.

#ifndef SPLNET_TOOLS_PROGRAMS_RELAY_H_
#define SPLNET_TOOLS_PROGRAMS_RELAY_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "tools/programs/stream.h"

namespace splnet {

struct RelayResult {
  uint64_t connections = 0;         // relayed to their end
  uint64_t failed = 0;              // that ended with an error
  std::array<uint64_t, 2> bytes{};  // client to server, server to client
  ProgramError error;               // the first
};

struct RelayArgs {
  Sockaddr local;              // where clients come
  Sockaddr server;             // where they are passed on to
  uint64_t connections = 0;    // ends after so many; 0: never
  size_t buffer_size = 16384;  // bytes held for either direction
  // Outlives the program and its children; null: not wanted.
  RelayResult* result = nullptr;
};

// Each client is served by a child process, so that several are at once.  A
// direction that ends is shut down for writing on the other side; the
// connection ends when both have.
Task<int> Relay(Process& p, RelayArgs args);

// The child: relays between two connected sockets, both of which it closes.
Task<int> RelayPair(Process& p, int client, int server, size_t buffer_size,
                    RelayResult* result);

}  // namespace splnet

#endif  // SPLNET_TOOLS_PROGRAMS_RELAY_H_
