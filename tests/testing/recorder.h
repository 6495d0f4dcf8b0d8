// An observer that keeps what it saw, and finds paths in it.

#ifndef SPLNET_TESTS_TESTING_RECORDER_H_
#define SPLNET_TESTS_TESTING_RECORDER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "stack/kern/tracer.h"

namespace splnet {

class Recorder : public Observer {
 public:
  // An event; `bytes` are those of its packet, with keep_bytes.
  struct Seen {
    TraceEvent event;
    std::vector<std::byte> bytes;
  };

  explicit Recorder(bool keep_bytes = false) : keep_bytes_(keep_bytes) {}

  void OnEvent(const TraceEvent& event) override;

  const std::vector<Seen>& seen() const { return seen_; }
  void Clear() { seen_.clear(); }

  // Every event in order, a line each: "1000 h1 soft interrupt ip_input 3f".
  std::string Text() const;
  // The events of function `fn`.
  std::vector<Seen> Of(Fn fn) const;
  // How many received packets met `fate`, resp. were dropped for `reason`.
  size_t Count(Fate fate) const;
  size_t Count(DropReason reason) const;

 private:
  bool keep_bytes_;
  std::vector<Seen> seen_;
};

// An event as a line without its end.
std::string EventText(const TraceEvent& event);

}  // namespace splnet

#endif  // SPLNET_TESTS_TESTING_RECORDER_H_
