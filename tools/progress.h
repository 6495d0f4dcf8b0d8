// Progress of long work, on standard error when that is a terminal.

#ifndef SPLNET_TOOLS_PROGRESS_H_
#define SPLNET_TOOLS_PROGRESS_H_

#include <chrono>
#include <cstdint>

namespace splnet {

class Progress {
 public:
  // `what` is said in front of the percentage: "reading".
  explicit Progress(const char* what);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  // Takes the line away.
  ~Progress();

  // `done` of `total` is done.  Shown after the first second, and then a few
  // times a second; cheap enough to be told of every packet.
  void At(uint64_t done, uint64_t total) {
    if (++calls_ % kCalls == 0) Show(done, total);
  }

 private:
  static constexpr uint64_t kCalls = 65536;  // between two looks at the clock
  void Show(uint64_t done, uint64_t total);

  const char* const what_;
  uint64_t calls_ = 0;
  std::chrono::steady_clock::time_point next_;
  bool terminal_ = false;
  bool shown_ = false;
};

}  // namespace splnet

#endif  // SPLNET_TOOLS_PROGRESS_H_
