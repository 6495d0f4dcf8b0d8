// Prints the path of every packet: one line in tcpdump's notation, and under
// it, indented, the functions that it went through in each context.
//
// Text goes out as events come, so that nothing is held but the way of the one
// packet that is being sent.

#ifndef SPLNET_TOOLS_REPLAY_PATH_PRINTER_H_
#define SPLNET_TOOLS_REPLAY_PATH_PRINTER_H_

#include <cstdint>
#include <cstdio>
#include <string>

#include "stack/kern/tracer.h"

namespace splnet {

class PathPrinter final : public Observer {
 public:
  // Prints to `out`, which the caller keeps open.
  explicit PathPrinter(std::FILE* out) : out_(out) {}
  ~PathPrinter() override { Flush(); }

  void OnEvent(const TraceEvent& event) override;
  // Prints what is held.
  void Flush();

 private:
  // Functions of one packet, or one socket, in one context.
  struct Line {
    uint64_t packet = 0;
    uint64_t socket = 0;
    Context context = Context::kIdle;
    std::string functions;
  };

  void Path(const TraceEvent& event);
  void EndLine();
  // The packet's own line: its bytes are there, link header first.
  void PrintPacket(const TraceEvent& event);
  void Print(const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), out_);
  }

  std::FILE* out_;
  Line line_;
  uint64_t printed_ = 0;    // the packet whose line was printed last
  uint64_t last_seen_ = 0;  // the packet whose functions were printed last
  uint64_t leaving_ = 0;    // the packet on its way out, not yet printed
  std::string way_out_;     // its lines
};

}  // namespace splnet

#endif  // SPLNET_TOOLS_REPLAY_PATH_PRINTER_H_
