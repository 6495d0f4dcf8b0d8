// Commands, their words, and pipes between them.

#include "tools/drill/commands.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "stack/kern/settings.h"
#include "tools/drill/grep.h"
#include "tools/drill/sockstat.h"

namespace splnet::drill {
namespace {

using Words = std::vector<std::string>;

constexpr const char* kKnown =
    "sysctl [-w] NAME=VALUE, sockstat [| grep PATTERN], tcpdrop -s STATE, "
    "sleep SECONDS";
constexpr Nanoseconds kMaxSleep = std::chrono::hours(24 * 365);

// The words of a line; what separates commands is a word of its own.
Words Split(std::string_view text) {
  Words words;
  bool open = false;  // the last word may go on
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (std::isspace(static_cast<unsigned char>(c)) != 0 && c != '\n') {
      open = false;
      continue;
    }
    if (c == '|' || c == ';' || c == '\n' || c == '&') {
      const bool twice = c != '\n' && i + 1 < text.size() && text[i + 1] == c;
      words.emplace_back(twice ? 2 : 1, c == '\n' ? ';' : c);
      if (twice) ++i;
      open = false;
      continue;
    }
    if (!open) words.emplace_back();
    open = true;
    if (c != '\'' && c != '"') {
      words.back() += c;
      continue;
    }
    const size_t close = std::min(text.find(c, i + 1), text.size());
    words.back().append(text.substr(i + 1, close - i - 1));
    i = close;
  }
  return words;
}

CommandOutput Failed(std::string error) { return {"", 1, std::move(error)}; }

// "NAME=VALUE", or "NAME" to print it.
CommandOutput Setting(Netstack& ns, const std::string& word) {
  const size_t equals = word.find('=');
  const std::string name = word.substr(0, equals);
  const Result<int64_t> old = GetSetting(ns.settings, name);
  if (equals == std::string::npos) {
    if (!old.ok()) return Failed(absl::StrCat("unknown setting ", name));
    return {absl::StrCat(name, ": ", old.value, "\n"), 0, ""};
  }
  const std::string value = word.substr(equals + 1);
  switch (SetSetting(ns.settings, name, std::string_view(value))) {
    case kOk:
      return {absl::StrCat(name, ": ", value, "\n"), 0, ""};
    case kENOENT:
      return Failed(absl::StrCat("unknown setting ", name));
    default:
      break;
  }
  std::string range;
  for (const auto& setting : AllSettings()) {
    if (setting.name != name) continue;
    range = absl::StrCat("; it takes ", setting.low, " to ", setting.high);
  }
  return Failed(absl::StrCat("\"", value, "\" is no value of ", name, range));
}

CommandOutput Sysctl(Netstack& ns, const Words& words) {
  CommandOutput output;
  bool any = false;
  for (size_t i = 1; i < words.size(); ++i) {
    if (words[i].starts_with('-')) {
      if (words[i].find_first_not_of("-wnqi") == std::string::npos) continue;
      return Failed(absl::StrCat("sysctl ", words[i],
                                 " is not known; the flags are -w -n -q -i"));
    }
    CommandOutput one = Setting(ns, words[i]);
    if (!one.error.empty()) return one;
    output.text += one.text;
    any = true;
  }
  return any ? output : Failed("sysctl needs NAME=VALUE");
}

// "1", "0.25"; nothing for what is no number of seconds up to kMaxSleep.
std::optional<Nanoseconds> ReadSeconds(std::string_view text) {
  const size_t point = std::min(text.find('.'), text.size());
  std::string digits(text.substr(0, point));
  std::string_view fraction = text.substr(point);
  if (!fraction.empty()) fraction.remove_prefix(1);
  if (fraction.size() > 9 || digits.size() + fraction.size() == 0) {
    return std::nullopt;
  }
  digits.append(fraction).append(9 - fraction.size(), '0');
  int64_t ns = 0;
  if (digits.find_first_not_of("0123456789") != std::string::npos ||
      !absl::SimpleAtoi(digits, &ns) || Nanoseconds(ns) > kMaxSleep) {
    return std::nullopt;
  }
  return Nanoseconds(ns);
}

CommandOutput Sleep(const Words& words, Nanoseconds* sleep) {
  const auto time = words.size() == 2 ? ReadSeconds(words[1]) : std::nullopt;
  if (!time) return Failed("sleep needs a number of seconds");
  *sleep += *time;
  return {};
}

CommandOutput RunOne(Netstack& ns, const Words& words, bool piped,
                     const std::string& input, Nanoseconds* sleep) {
  if (words.empty()) return Failed("a command is missing");
  const std::string& name = words[0];
  if (name == "grep" && piped) return Grep(words, input);
  if (name == "sysctl") return Sysctl(ns, words);
  if (name == "sockstat") return Sockstat(ns, words);
  if (name == "tcpdrop") return Tcpdrop(ns, words);
  if (name == "sleep") return Sleep(words, sleep);
  return Failed(
      absl::StrCat("\"", name, "\" is not known; the commands are ", kKnown));
}

std::string FirstLines(const std::string& text) {
  constexpr size_t kMost = 400;
  return text.size() <= kMost ? text : text.substr(0, kMost) + "...\n";
}

}  // namespace

CommandResult RunCommandLine(Netstack& ns, std::string_view text) {
  CommandResult result;
  Words words;
  std::string input;   // of the command that is read
  std::string source;  // what the first command of a pipe printed
  bool piped = false;
  Words all = Split(text);
  all.emplace_back(";");
  for (std::string& word : all) {
    const bool pipe = word == "|";
    if (!pipe && word != ";" && word != "&&") {
      words.push_back(std::move(word));
      continue;
    }
    if (words.empty() && !pipe && !piped && word == ";") continue;
    CommandOutput out = RunOne(ns, words, piped, input, &result.sleep);
    result.error = std::move(out.error);
    if (!result.error.empty()) return result;
    if (!piped) source = out.text;
    input = result.output = std::move(out.text);
    if (!pipe && out.status != 0) {
      result.error = absl::StrCat(words[0], " gives status ", out.status,
                                  piped ? "; it was given:\n" : "",
                                  piped ? FirstLines(source) : "");
      return result;
    }
    piped = pipe;
    words.clear();
  }
  return result;
}

}  // namespace splnet::drill
