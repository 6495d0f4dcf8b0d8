// Progress on a terminal.

#include "tools/progress.h"

#include <unistd.h>

#include <cstdio>

namespace splnet {
namespace {

constexpr auto kFirst = std::chrono::seconds(1);
constexpr auto kEvery = std::chrono::milliseconds(200);

}  // namespace

Progress::Progress(const char* what)
    : what_(what),
      next_(std::chrono::steady_clock::now() + kFirst),
      terminal_(isatty(STDERR_FILENO) != 0) {}

Progress::~Progress() {
  if (shown_) std::fputs("\r\033[K", stderr);
}

void Progress::Show(uint64_t done, uint64_t total) {
  const auto now = std::chrono::steady_clock::now();
  if (!terminal_ || now < next_) return;
  next_ = now + kEvery;
  shown_ = true;
  const unsigned percent =
      done >= total ? 100 : static_cast<unsigned>(done / (total / 100 + 1));
  std::fprintf(stderr, "\r%s: %u %%", what_, percent);
}

}  // namespace splnet
