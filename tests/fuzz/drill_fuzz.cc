// Fuzzes the parser of drill scripts: any text is read or refused with one
// line that names a place in it; and what was read, told in the script's own
// notation and read again, is the same.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "tools/drill/compare.h"
#include "tools/drill/notation.h"
#include "tools/drill/options.h"
#include "tools/drill/parser.h"
#include "tools/drill/report.h"

namespace splnet::drill {
namespace {

void Check(bool condition) {
  if (!condition) std::abort();
}

// "fuzz:LINE:COLUMN: message" on one line, of a bounded length, and about a
// line that there is.
void CheckError(std::string_view message, std::string_view text) {
  constexpr std::string_view kPath = "fuzz:";
  Check(message.starts_with(kPath));
  Check(message.find('\n') == std::string_view::npos);
  Check(message.size() < 1000);
  size_t lines = 1;
  for (const char c : text) lines += c == '\n' ? 1 : 0;
  const size_t line = std::strtoul(message.data() + kPath.size(), nullptr, 10);
  Check(line >= 1 && line <= lines);
}

// One event as a script of its own; a note or a command may have bytes that
// tell differently.
void CheckRoundTrip(const Event& event) {
  const std::string told = EventText(event);
  const std::string text = TimeText(event.time) + " " + told;
  const auto again = ParseScript(text, "again", {});
  Check(again.ok() && again->events.size() == 1);
  const Event& other = again->events.front();
  Check(other.time == event.time);
  Check(other.action.index() == event.action.index());
  Check(EventText(other) == told);
  if (const auto* const packet = std::get_if<PacketEvent>(&event.action)) {
    const auto& same = std::get<PacketEvent>(other.action);
    Check(same.direction == packet->direction && same.ip == packet->ip &&
          same.body == packet->body);
    ComparePackets(*packet, same);
  }
}

}  // namespace
}  // namespace splnet::drill

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace splnet::drill;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto script = ParseScript(text, "fuzz", {{"OpenBSD", "1"}});
  if (!script.ok()) {
    CheckError(std::string(script.status().message()), text);
    return 0;
  }
  Check(!script->events.empty());
  if (const auto settings = ReadSettings(*script); !settings.ok()) {
    CheckError(std::string(settings.status().message()), text);
  }
  History history;
  for (const Event& event : script->events) {
    CheckRoundTrip(event);
    history.Add(event.time.at, event.position.line, EventText(event));
    Check(!FailureText(*script, {.event = &event}, history).empty());
  }
  return 0;
}
