// What a drill script's failure looks like: where, what was expected, what was
// seen, and what came before.

#ifndef SPLNET_TOOLS_DRILL_REPORT_H_
#define SPLNET_TOOLS_DRILL_REPORT_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "stack/kern/time.h"
#include "tools/drill/compare.h"
#include "tools/drill/script.h"

namespace splnet::drill {

// What has happened, oldest first: packets both ways, calls, their returns and
// commands.  Keeps the last kMax, or all of it.
class History {
 public:
  static constexpr size_t kMax = 10;

  explicit History(bool keep_all = false) : keep_all_(keep_all) {}

  // `time` is since the script's start; `line` is the script's line that it
  // belongs to, 0 for none (a packet that no line expected); `text` is as
  // tools/drill/notation.h spells it.
  void Add(Nanoseconds time, uint32_t line, std::string text);

  // Its lines, each with `indent` before it and a newline at its end.
  std::string Text(const std::string& indent) const;
  bool empty() const { return entries_.empty(); }

 private:
  struct Entry {
    Nanoseconds time;
    uint32_t line;
    std::string text;
  };
  std::deque<Entry> entries_;
  uint64_t forgotten_ = 0;
  bool keep_all_;
};

struct Failure {
  // The event that failed; null for what no line has to do with, such as a
  // packet left over at the script's end.
  const Event* event = nullptr;
  Nanoseconds time{0};  // when it was noticed, since the script's start
  // One sentence without a full stop: "no packet was sent", "the packet
  // differs in win".
  std::string what;
  // Side by side, times included where they matter; "" leaves a row out.
  std::string expected;
  std::string actual;
  std::vector<FieldDifference> differences;  // one row each
};

// "PATH:LINE: what", and rows under it, each with a newline at its end.
std::string FailureText(const Script& script, const Failure& failure,
                        const History& history);

}  // namespace splnet::drill

#endif  // SPLNET_TOOLS_DRILL_REPORT_H_
