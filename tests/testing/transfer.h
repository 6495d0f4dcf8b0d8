// Programs that move known bytes over a connection and check them.

#ifndef SPLNET_TESTS_TESTING_TRANSFER_H_
#define SPLNET_TESTS_TESTING_TRANSFER_H_

#include <cstddef>
#include <cstdint>

#include "sockets/proc.h"
#include "sockets/uipc_syscalls.h"
#include "stack/kern/random.h"

namespace splnet {

// Byte `at` of the stream `salt`: known to both ends, without period.
std::byte StreamByte(uint64_t at, uint8_t salt);

// How one direction of one end went.
struct HalfResult {
  uint64_t bytes = 0;  // written, or read
  uint64_t wrong = 0;  // read, and not the ones that were due there
  Errno error = kOk;   // what ended it
  bool eof = false;    // read to the end of the stream
};

struct EndResult {
  Errno open = kOk;  // of connect or accept
  HalfResult in;
  HalfResult out;
  bool finished = false;  // the program came to its end
  SimTime finished_at{};
};

// What one end does: sends `send` bytes of stream `out_salt`, in writes of 1 to
// `max_write` bytes, shuts down for writing, and reads stream `in_salt` to its
// end.  A server reads first, unless both are done at once.
struct TransferArgs {
  Sockaddr server;
  uint64_t send = 0;
  size_t max_write = 8192;
  size_t max_read = 8192;
  uint8_t out_salt = 1;
  uint8_t in_salt = 2;
  int sndbuf = 0;  // SO_SNDBUF and SO_RCVBUF; 0 leaves the default
  int rcvbuf = 0;
  bool keepalive = true;     // so that a peer that is gone ends it
  bool at_once = false;      // reads while it writes, instead of in turn
  Nanoseconds max_pause{0};  // at_once: sleeps up to that now and then
  uint64_t seed = 1;         // of the sizes of reads and writes
  EndResult* result = nullptr;
};

// Connects to args.server.
Task<int> TransferClient(Process& p, TransferArgs args);
// Takes one connection at args.server, or gives up after an hour.
Task<int> TransferServer(Process& p, TransferArgs args);

}  // namespace splnet

#endif  // SPLNET_TESTS_TESTING_TRANSFER_H_
