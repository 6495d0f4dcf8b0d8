// Lines that match a pattern.

#include "tools/drill/grep.h"

#include <cctype>

namespace splnet::drill {
namespace {

struct Flags {
  bool count = false;
  bool fixed = false;
  bool ignore_case = false;
  bool quiet = false;
  bool invert = false;
  bool word = false;
  bool line = false;
};

char Lower(char c) {
  return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
}

bool IsWordChar(char c) {
  return c == '_' || std::isalnum(static_cast<unsigned char>(c)) != 0;
}

// A pattern, matched by trying; what that may cost is limited, so that no
// pattern takes for ever.
class Matcher {
 public:
  Matcher(std::string_view pattern, const Flags& flags)
      : pattern_(pattern), flags_(flags) {}

  // Whether the pattern matches somewhere in `line`.
  bool Matches(std::string_view line) {
    line_ = line;
    steps_ = 0;
    const bool anchored = !flags_.fixed && pattern_.starts_with('^');
    for (size_t at = 0; at <= line.size(); ++at) {
      start_ = at;
      if (Here(anchored ? 1 : 0, at)) return true;
      if (anchored || flags_.line) return false;
    }
    return false;
  }

 private:
  static constexpr size_t kMaxSteps = 100'000;

  // One thing of the pattern that matches one character.
  size_t ItemLength(size_t p) const {
    if (flags_.fixed) return 1;
    if (pattern_[p] == '\\' && p + 1 < pattern_.size()) return 2;
    if (pattern_[p] != '[') return 1;
    const size_t close = pattern_.find(']', p + 2);
    return close == std::string_view::npos ? 1 : close - p + 1;
  }

  static bool InClass(std::string_view set, char c) {
    const bool negated = set.starts_with('^');
    if (negated) set.remove_prefix(1);
    bool found = false;
    for (size_t i = 0; i < set.size(); ++i) {
      const bool range = i + 2 < set.size() && set[i + 1] == '-';
      const char last = range ? set[i + 2] : set[i];
      found |= c >= set[i] && c <= last;
      if (range) i += 2;
    }
    return found != negated;
  }

  bool ItemMatches(size_t p, size_t length, char c) const {
    char want = pattern_[p];
    if (!flags_.fixed && length == 1 && want == '.') return true;
    if (!flags_.fixed && length > 2 && want == '[') {
      return InClass(pattern_.substr(p + 1, length - 2), c);
    }
    if (!flags_.fixed && length == 2) want = pattern_[p + 1];
    return flags_.ignore_case ? Lower(want) == Lower(c) : want == c;
  }

  bool AtEnd(size_t at) const {
    if (flags_.line && (at != line_.size() || start_ != 0)) return false;
    if (!flags_.word) return true;
    const bool before = start_ == 0 || !IsWordChar(line_[start_ - 1]);
    return before && (at == line_.size() || !IsWordChar(line_[at]));
  }

  // Whether the pattern from `p` on matches the line from `at` on.
  bool Here(size_t p, size_t at) {
    while (++steps_ < kMaxSteps) {
      if (p == pattern_.size()) return AtEnd(at);
      if (!flags_.fixed && pattern_[p] == '$' && p + 1 == pattern_.size()) {
        return at == line_.size() && AtEnd(at);
      }
      const size_t length = ItemLength(p);
      const size_t next = p + length;
      const bool star =
          !flags_.fixed && next < pattern_.size() && pattern_[next] == '*';
      if (star) return Star(p, length, at);
      if (at == line_.size() || !ItemMatches(p, length, line_[at])) {
        return false;
      }
      p = next;
      ++at;
    }
    return false;
  }

  // The longest first.
  bool Star(size_t p, size_t length, size_t at) {
    size_t end = at;
    while (end < line_.size() && ItemMatches(p, length, line_[end])) ++end;
    for (;; --end) {
      if (Here(p + length + 1, end)) return true;
      if (end == at || steps_ >= kMaxSteps) return false;
    }
  }

  std::string_view pattern_;
  const Flags flags_;
  std::string_view line_;
  size_t start_ = 0;
  size_t steps_ = 0;
};

// Sets the flags of one argument, "-cv".  The letter that is not known.
char SetFlags(std::string_view letters, Flags* flags) {
  for (const char letter : letters) {
    switch (letter) {
      case 'c':
        flags->count = true;
        break;
      case 'E':
      case 'e':
        break;
      case 'F':
        flags->fixed = true;
        break;
      case 'i':
        flags->ignore_case = true;
        break;
      case 'q':
        flags->quiet = true;
        break;
      case 'v':
        flags->invert = true;
        break;
      case 'w':
        flags->word = true;
        break;
      case 'x':
        flags->line = true;
        break;
      default:
        return letter;
    }
  }
  return 0;
}

}  // namespace

CommandOutput Grep(const std::vector<std::string>& args,
                   std::string_view input) {
  Flags flags;
  size_t i = 1;
  for (; i < args.size() && args[i].size() > 1 && args[i][0] == '-'; ++i) {
    const char unknown = SetFlags(std::string_view(args[i]).substr(1), &flags);
    if (unknown == 0) continue;
    return {"", 2,
            std::string("grep -") + unknown +
                " is not known; the flags are -c -E -F -i -q -v -w -x -e"};
  }
  if (i + 1 != args.size()) {
    return {"", 2, "grep takes one pattern here, and reads what is piped in"};
  }
  Matcher matcher(args[i], flags);
  CommandOutput output;
  size_t count = 0;
  while (!input.empty()) {
    const size_t n = std::min(input.find('\n'), input.size());
    const std::string_view line = input.substr(0, n);
    input.remove_prefix(std::min(n + 1, input.size()));
    if (matcher.Matches(line) == flags.invert) continue;
    ++count;
    if (!flags.count && !flags.quiet) output.text.append(line).append("\n");
  }
  if (flags.count && !flags.quiet) output.text = std::to_string(count) + "\n";
  output.status = count > 0 ? 0 : 1;
  return output;
}

}  // namespace splnet::drill
