// Many established connections between two hosts, held open by descriptors and
// by no program: what benchmarks of idle connections start from.

#ifndef SPLNET_TESTS_BENCH_CONNECTIONS_H_
#define SPLNET_TESTS_BENCH_CONNECTIONS_H_

#include <cstddef>
#include <cstdint>

#include "stack/kern/socketvar.h"
#include "tools/simulation.h"

namespace splnet {

class Connections {
 public:
  Connections();
  Connections(const Connections&) = delete;
  Connections& operator=(const Connections&) = delete;
  ~Connections();

  // Establishes `count` more connections, all at one instant.  The client's
  // end and the server's end of each get a descriptor of the same number.
  void Open(size_t count);
  size_t count() const { return count_; }

  Socket& client(size_t i) { return Of(client_, i); }
  Socket& server(size_t i) { return Of(server_, i); }

  // Runs what happens at this instant: frames cross the link in no time.
  void RunNow();

 private:
  static Socket& Of(Process& holder, size_t i);
  void OpenOne();

  Simulation sim_;
  Host& client_host_;
  Host& server_host_;
  Process& client_;  // programs that never run: they hold the descriptors
  Process& server_;
  SocketPtr listener_;
  size_t count_ = 0;
};

}  // namespace splnet

#endif  // SPLNET_TESTS_BENCH_CONNECTIONS_H_
