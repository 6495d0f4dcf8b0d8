// Drill scripts: options, events, times and commands.

#include "tools/drill/parser.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <utility>

#include "absl/status/status.h"
#include "tools/drill/parse.h"

namespace splnet::drill {
namespace {

using Kind = Token::Kind;

constexpr size_t kMaxScriptBytes = size_t{1} << 20;
constexpr size_t kMaxEvents = 100000;
constexpr size_t kMaxOptions = 256;
// The sum of all times of a script: well inside 64 bits of nanoseconds.
constexpr std::chrono::seconds kMaxSeconds{1000000000};
constexpr size_t kFractionDigits = 9;

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n\f\v";
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return "";
  return text.substr(begin, text.find_last_not_of(kBlanks) + 1 - begin);
}

// `text` on one line: a line's end and the blanks around it become one blank.
std::string OneLine(std::string_view text) {
  std::string line;
  while (!text.empty()) {
    const size_t newline = std::min(text.find('\n'), text.size());
    const std::string_view part = Trim(text.substr(0, newline));
    if (!part.empty() && !line.empty()) line.push_back(' ');
    line += part;
    text.remove_prefix(std::min(newline + 1, text.size()));
  }
  return line;
}

}  // namespace

absl::StatusOr<Script> ParseScript(std::string_view text, std::string path,
                                   const Defines& defines) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark)) {
    text.remove_prefix(kByteOrderMark.size());
  }
  if (text.size() > kMaxScriptBytes) {
    return absl::InvalidArgumentError(
        path + ":1:1: a script has at most " + std::to_string(kMaxScriptBytes) +
        " bytes, this one has " + std::to_string(text.size()) +
        ": cut it into several");
  }
  Script script;
  script.path = std::move(path);
  Parse parse(text, defines);
  if (parse.ReadScript(&script)) return script;
  const Lexer::Error& error = parse.error();
  return absl::InvalidArgumentError(
      script.path + ":" + std::to_string(error.position.line) + ":" +
      std::to_string(error.position.column) + ": " + error.message);
}

bool TokenInteger(const Token& token, uint64_t* value) {
  std::string_view digits = token.text;
  int base = 10;
  if (digits.starts_with("0x") || digits.starts_with("0X")) {
    digits.remove_prefix(2);
    base = 16;
  }
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, *value, base);
  return error == std::errc() && stop == end;
}

Token Parse::Next() {
  Token token = lexer_.Next();
  if (token.kind != Kind::kEnd && token.kind != Kind::kError) {
    end_ = token.end();
  }
  return token;
}

bool Parse::Accept(char punct) {
  if (!Peek().is(punct)) return false;
  Next();
  return true;
}

bool Parse::AcceptWord(std::string_view word) {
  if (!Peek().is_word(word)) return false;
  Next();
  return true;
}

bool Parse::Expect(char punct, std::string_view where) {
  if (Accept(punct)) return true;
  std::string what(1, punct);
  return Expected(what.append(" ").append(where));
}

bool Parse::ReadNumber(uint64_t max, std::string_view what, uint64_t* number) {
  if (Peek().kind != Kind::kInteger) return Expected(what);
  const Token token = Next();
  if (TokenInteger(token, number) && *number <= max) return true;
  return Fail(token, std::string(what) + " " + Quote(token.text) +
                         " is out of range: 0 to " + std::to_string(max));
}

bool Parse::Fail(Position at, std::string message) {
  if (failed_) return false;
  failed_ = true;
  error_ = {at, std::move(message)};
  return false;
}

bool Parse::Expected(std::string_view what) { return Expected(Peek(), what); }

bool Parse::Expected(const Token& found, std::string_view what) {
  if (lexer_.error()) {
    return Fail(lexer_.error()->position, lexer_.error()->message);
  }
  const std::string seen = found.kind == Kind::kEnd ? "the script's end"
                           : found.kind == Kind::kDecimal
                               ? "the decimal number " + Quote(found.text)
                               : Quote(found.text);
  return Fail(found, "expected " + std::string(what) + ", found " + seen);
}

bool Parse::Unsupported(const Token& at, std::string_view thing) {
  return Fail(at, std::string(thing) + " not supported yet");
}

bool Parse::ReadScript(Script* script) {
  if (!ReadOptions(script)) return false;
  while (Peek().kind != Kind::kEnd) {
    if (script->events.size() == kMaxEvents) {
      return Fail(Peek(), "a script has at most " + std::to_string(kMaxEvents) +
                              " events");
    }
    if (!ReadEvent(&script->events.emplace_back())) return false;
  }
  if (!script->events.empty()) return true;
  return Expected("an event, for there is none in this script");
}

// "--name=value" or "--name", before all events.
bool Parse::ReadOptions(Script* script) {
  while (Peek().kind == Kind::kOption) {
    const Token token = Next();
    if (script->options.size() == kMaxOptions) {
      return Fail(token, "a script has at most " + std::to_string(kMaxOptions) +
                             " options");
    }
    Option& option = script->options.emplace_back();
    option.name = token.text.substr(2);
    option.position = token.position;
    if (!Accept('=')) continue;
    std::string_view value = lexer_.ReadValue();
    if (value.empty()) {
      return Fail(token, "expected a value after " + std::string(token.text) +
                             "=, on the same line");
    }
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
      value = value.substr(1, value.size() - 2);
    }
    option.value = value;
  }
  return true;
}

bool Parse::ReadEvent(Event* event) {
  const Token first = Peek();
  event->position = first.position;
  // A command needs no time: those for setting up have none.
  const bool timed = first.kind != Kind::kCommand;
  if (timed && !ReadTime(&event->time)) return false;
  const Token& action = Peek();
  if (action.is('<') || action.is('>')) {
    if (!ReadPacket(&event->action.emplace<PacketEvent>())) return false;
  } else if (action.kind == Kind::kCommand) {
    if (!ReadCommand(event)) return false;
  } else if (action.kind == Kind::kWord) {
    if (!ReadSyscall(&event->action.emplace<SyscallEvent>())) return false;
  } else if (action.kind == Kind::kCode) {
    return Unsupported(action, "an assertion in %{ }% is");
  } else {
    return Expected(
        "< or > and a packet, a system call, or a command in "
        "backticks");
  }
  event->source = OneLine(text_.substr(first.offset, end_ - first.offset));
  return CheckTime(*event);
}

bool Parse::ReadCommand(Event* event) {
  const Token token = Next();
  const std::string_view text =
      Trim(token.text.substr(1, token.text.size() - 2));
  if (text.empty()) return Fail(token, "there is no command between these ``");
  event->action.emplace<CommandEvent>().text = text;
  return true;
}

// "+N", "N", "*", "+N~+M", "N~M", "+N...M", "N...M".
bool Parse::ReadTime(TimeSpec* time) {
  if (Accept('*')) {
    time->kind = TimeSpec::Kind::kAny;
    return true;
  }
  const bool relative = Accept('+');
  if (Peek().kind != Kind::kInteger && Peek().kind != Kind::kDecimal) {
    if (Peek().kind == Kind::kOption) {
      return Fail(Peek(), "options such as " + Quote(Peek().text) +
                              " stand before all events");
    }
    return Expected(relative ? "a time in seconds after +"
                             : "an event's time: +0.1, 0.1 or *");
  }
  time->kind = relative ? TimeSpec::Kind::kRelative : TimeSpec::Kind::kAbsolute;
  return ReadSeconds(&time->at) && ReadTimeEnd(time);
}

bool Parse::ReadTimeEnd(TimeSpec* time) {
  const bool relative = time->kind == TimeSpec::Kind::kRelative;
  const Token sign = Peek();
  const bool range = sign.is('~');
  if (!range && sign.kind != Kind::kEllipsis) return true;
  Next();
  const Token start = Peek();
  const bool plus = Accept('+');
  if (plus && !relative) {
    return Fail(start, "a time that begins without + ends without +");
  }
  if (range && relative && !plus) {
    return Expected(start, "+ and the end of the range, as +0.1~+0.2");
  }
  const Token at = Peek();
  Nanoseconds end{0};
  if (!ReadSeconds(&end)) return false;
  if (end < time->at) {
    return Fail(at, "the end " + Quote(at.text) + " is before the beginning");
  }
  if (!range) {
    time->blocks_until = end;
    return true;
  }
  time->kind = relative ? TimeSpec::Kind::kRelativeRange
                        : TimeSpec::Kind::kAbsoluteRange;
  time->end = end;
  return true;
}

bool Parse::ReadSeconds(Nanoseconds* seconds) {
  const Token token = Peek();
  const bool hex = token.text.starts_with("0x") || token.text.starts_with("0X");
  if ((token.kind != Kind::kInteger && token.kind != Kind::kDecimal) || hex) {
    return Expected("a time in seconds");
  }
  Next();
  const size_t point = std::min(token.text.find('.'), token.text.size());
  const std::string_view whole = token.text.substr(0, point);
  std::string fraction(
      token.text.substr(std::min(point + 1, token.text.size())));
  if (fraction.size() > kFractionDigits) {
    return Fail(
        token, "the time " + Quote(token.text) + " is finer than a nanosecond");
  }
  fraction.resize(kFractionDigits, '0');
  uint64_t value = 0;
  Token part = token;
  part.text = whole.empty() ? "0" : whole;
  if (!TokenInteger(part, &value) ||
      value > static_cast<uint64_t>(kMaxSeconds.count())) {
    return Fail(token, "the time " + Quote(token.text) +
                           " is out of range: at most " +
                           std::to_string(kMaxSeconds.count()) + " seconds");
  }
  *seconds = std::chrono::seconds(value);
  part.text = fraction;
  TokenInteger(part, &value);
  *seconds += Nanoseconds(value);
  return true;
}

// A call alone can block; and all the times together stay in range.
bool Parse::CheckTime(const Event& event) {
  const TimeSpec& time = event.time;
  const bool call = std::holds_alternative<SyscallEvent>(event.action);
  if (time.blocks_until && !call) {
    return Fail(event.position,
                "a time from ... to is for a system call "
                "that blocks; a packet takes a range: " +
                    std::string("0.1~0.2"));
  }
  const bool range = time.kind == TimeSpec::Kind::kRelativeRange ||
                     time.kind == TimeSpec::Kind::kAbsoluteRange;
  const auto* const packet = std::get_if<PacketEvent>(&event.action);
  if (range && (packet == nullptr || packet->inbound())) {
    return Fail(event.position,
                "a range of times is for a packet that is "
                "expected: give this event one time");
  }
  if (time.kind == TimeSpec::Kind::kAny &&
      (packet == nullptr || packet->inbound())) {
    return Fail(event.position,
                "any time, *, is for a packet that is "
                "expected: give this event a time");
  }
  const Nanoseconds end =
      std::max({time.at, time.end, time.blocks_until.value_or(time.at)});
  const bool relative = time.kind == TimeSpec::Kind::kRelative ||
                        time.kind == TimeSpec::Kind::kRelativeRange;
  longest_ = relative ? longest_ + end : std::max(longest_, end);
  if (longest_ <= kMaxSeconds) return true;
  return Fail(event.position, "the script's times add up to more than " +
                                  std::to_string(kMaxSeconds.count()) +
                                  " seconds");
}

}  // namespace splnet::drill
