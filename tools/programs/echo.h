// echo: sends back what it receives, RFC 862.

#ifndef SPLNET_TOOLS_PROGRAMS_ECHO_H_
#define SPLNET_TOOLS_PROGRAMS_ECHO_H_

#include <cstddef>
#include <cstdint>

#include "tools/programs/stream.h"

namespace splnet {

struct EchoResult {
  uint64_t connections = 0;  // TCP: that ended
  uint64_t datagrams = 0;    // UDP
  uint64_t bytes = 0;        // sent back
  ProgramError error;
};

struct EchoArgs {
  Sockaddr local;
  // Ends after so many connections or datagrams; 0: never.
  uint64_t limit = 0;
  EchoResult* result = nullptr;  // outlives the program; null: not wanted
};

// Serves one connection after the other; the end of file is echoed, too.
Task<int> EchoTcp(Process& p, EchoArgs args);
Task<int> EchoUdp(Process& p, EchoArgs args);

}  // namespace splnet

#endif  // SPLNET_TOOLS_PROGRAMS_ECHO_H_
