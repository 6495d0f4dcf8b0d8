// What a drill script's failure looks like.

#include "tools/drill/report.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/drill/notation.h"

namespace splnet::drill {
namespace {

constexpr size_t kMaxText = 400;  // of one row

std::string Cut(std::string text) {
  if (text.size() <= kMaxText) return text;
  text.resize(kMaxText);
  return text + " ...";
}

void AddRow(const char* name, const std::string& text, std::string* out) {
  if (text.empty()) return;
  absl::StrAppendFormat(out, "  %-10s%s\n", name, Cut(text));
}

}  // namespace

void History::Add(Nanoseconds time, uint32_t line, std::string text) {
  entries_.push_back({time, line, Cut(std::move(text))});
  if (keep_all_ || entries_.size() <= kMax) return;
  entries_.pop_front();
  ++forgotten_;
}

std::string History::Text(const std::string& indent) const {
  std::string text;
  if (forgotten_ > 0) {
    absl::StrAppend(&text, indent, "(", forgotten_, " earlier)\n");
  }
  for (const Entry& entry : entries_) {
    const std::string line = entry.line == 0 ? "-" : absl::StrCat(entry.line);
    absl::StrAppendFormat(&text, "%s%s  line %-4s %s\n", indent,
                          SecondsText(entry.time), line, entry.text);
  }
  return text;
}

std::string FailureText(const Script& script, const Failure& failure,
                        const History& history) {
  std::string text = script.path;
  if (failure.event != nullptr) {
    absl::StrAppend(&text, ":", failure.event->position.line);
  }
  absl::StrAppend(&text, ": ", failure.what, "\n");
  if (failure.event != nullptr) AddRow("script:", failure.event->source, &text);
  AddRow("expected:", failure.expected, &text);
  AddRow("actual:", failure.actual, &text);
  for (const FieldDifference& row : failure.differences) {
    AddRow("differs:",
           absl::StrCat(row.field, ": expected ", row.expected, ", seen ",
                        row.actual),
           &text);
  }
  AddRow("at:", absl::StrCat(SecondsText(failure.time), " s"), &text);
  if (history.empty()) return text + "  nothing came before it\n";
  return absl::StrCat(text, "  before it:\n", history.Text("    "));
}

}  // namespace splnet::drill
