// How the simulated programs come by a connection, and write all they have.

#ifndef SPLNET_TOOLS_PROGRAMS_STREAM_H_
#define SPLNET_TOOLS_PROGRAMS_STREAM_H_

#include <cstddef>
#include <span>

#include "sockets/uipc_syscalls.h"

namespace splnet {

// Where a stream comes from: `remote` is connected to; without one (family
// kUnspec) the program listens on `local` and takes the first that comes.
// With both, `local` is bound before connecting.
struct StreamEnds {
  Sockaddr local;
  Sockaddr remote;

  static StreamEnds Listen(Sockaddr at) { return {at, Sockaddr()}; }
  static StreamEnds Connect(Sockaddr to) { return {Sockaddr(), to}; }
};

// What kept a program from its end, and in which call; kOk and "" if nothing.
struct ProgramError {
  Errno error = kOk;
  const char* call = "";

  // Notes the first error.  Whether there was none now.
  bool Check(Errno e, const char* where) {
    if (e != kOk && error == kOk) {
      error = e;
      call = where;
    }
    return e == kOk;
  }
};

// A socket that listens on `local`, with SO_REUSEADDR.
Task<Result<int>> ListenOn(Process& p, Sockaddr local, int backlog,
                           ProgramError* error);
// A connected stream; the listener, if there was one, is closed again.
Task<Result<int>> OpenStream(Process& p, StreamEnds ends, ProgramError* error);

// Writes all of `bytes`, which outlive the task, waiting as often as need be.
Task<Errno> WriteAll(Process& p, int fd, std::span<const std::byte> bytes);

}  // namespace splnet

#endif  // SPLNET_TOOLS_PROGRAMS_STREAM_H_
