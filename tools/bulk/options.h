// What `splnet bulk` is asked to do.

#ifndef SPLNET_TOOLS_BULK_OPTIONS_H_
#define SPLNET_TOOLS_BULK_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "stack/kern/settings.h"
#include "stack/kern/time.h"

namespace splnet {

struct BulkOptions {
  uint64_t bytes = 10'000'000;  // of each stream
  bool both = false;            // a stream each way on every connection
  uint32_t connections = 1;
  uint32_t loss_ppm = 0;  // of a million frames, each way
  Nanoseconds rtt = std::chrono::milliseconds(50);  // both ways' delay
  int64_t bits_per_second = 100'000'000;            // 0: unlimited
  std::optional<uint32_t> queue_packets;  // none: see BulkQueuePackets()
  uint32_t mtu_bytes = 1500;
  int buffer_bytes = 0;  // SO_SNDBUF and SO_RCVBUF; 0: as the stack has it
  Nanoseconds interval = std::chrono::milliseconds(100);  // between samples
  uint64_t seed = 1;
  Settings settings;  // of both hosts
};

}  // namespace splnet

#endif  // SPLNET_TOOLS_BULK_OPTIONS_H_
