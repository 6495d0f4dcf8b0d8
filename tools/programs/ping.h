// ping: ICMP echo requests by a raw socket, and the times until the replies.

#ifndef SPLNET_TOOLS_PROGRAMS_PING_H_
#define SPLNET_TOOLS_PROGRAMS_PING_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "tools/programs/stream.h"

namespace splnet {

struct PingResult {
  uint32_t sent = 0;
  uint32_t received = 0;    // first replies to what was sent
  uint32_t duplicates = 0;  // further ones
  uint32_t corrupt = 0;     // replies whose data differ from the request's
  // By sequence number; nothing where no reply came.
  std::vector<std::optional<Nanoseconds>> round_trips;
  ProgramError error;
};

struct PingArgs {
  InAddr to;
  uint32_t count = 1;  // requests, at most 65536
  Nanoseconds interval{1'000'000'000};
  size_t size = 56;                 // bytes of data after the ICMP header
  uint16_t id = 1;                  // tells its replies from other pings'
  Nanoseconds wait{1'000'000'000};  // for replies, after the last request
  PingResult* result = nullptr;     // outlives the program; null: not wanted
};

// Exit status 0 if every request was answered as sent.
Task<int> Ping(Process& p, PingArgs args);

}  // namespace splnet

#endif  // SPLNET_TOOLS_PROGRAMS_PING_H_
