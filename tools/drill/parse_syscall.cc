// Drill scripts: system calls, their arguments and results.

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "tools/drill/parse.h"

namespace splnet::drill {
namespace {

using Kind = Token::Kind;

constexpr int kMaxDepth = 16;       // braces in brackets in calls
constexpr size_t kMaxItems = 1024;  // of one list
constexpr size_t kFractionDigits = 9;
constexpr int64_t kNano = 1000000000;

// The calls that scripts make, socket(2) and on.
constexpr std::array<std::string_view, 22> kCalls = {
    "socket",     "bind",   "listen",   "accept",  "connect",  "read",
    "readv",      "recv",   "recvfrom", "recvmsg", "write",    "writev",
    "send",       "sendto", "sendmsg",  "close",   "shutdown", "getsockopt",
    "setsockopt", "fcntl",  "ioctl",    "poll"};

constexpr char kArgument[] =
    "an argument: a number, \"text\", ..., a symbol, [list] or {struct}";

// "EAGAIN": capitals and digits, an E first.
bool IsErrnoName(const Token& token) {
  return token.kind == Kind::kWord && token.text.front() == 'E' &&
         std::none_of(token.text.begin(), token.text.end(),
                      [](char c) { return c >= 'a' && c <= 'z'; });
}

// A byte written as an escape of `digits`, base 8 or 16, at most `most` of
// them; moves `at` behind.
char NumericEscape(std::string_view text, int base, size_t most, size_t* at) {
  unsigned value = 0;
  for (size_t n = 0; n < most && *at < text.size(); ++n, ++*at) {
    const char c = text[*at];
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : 16;
    if (digit >= base) break;
    value = value * static_cast<unsigned>(base) + static_cast<unsigned>(digit);
  }
  return static_cast<char>(value);
}

}  // namespace

// "accept(3, ..., ...) = -1 EAGAIN (Resource temporarily unavailable)"
bool Parse::ReadSyscall(SyscallEvent* call) {
  const Token name = Peek();
  if (name.is_word("expect")) return Unsupported(name, "expect is");
  if (name.is_word("fail")) return Unsupported(name, "fail is");
  if (std::find(kCalls.begin(), kCalls.end(), name.text) == kCalls.end()) {
    std::string wanted =
        "< or > and a packet, a command in backticks, or one "
        "of the system calls";
    for (const std::string_view known : kCalls) {
      wanted.append(" ").append(known);
    }
    return Expected(wanted);
  }
  call->name = Next().text;
  return Expect('(', "and the system call's arguments") &&
         ReadItems(0, ')', /*fields=*/false, &call->args) && ReadResult(call);
}

bool Parse::ReadResult(SyscallEvent* call) {
  if (!Expect('=', "and the system call's result")) return false;
  const Token at = Peek();
  if (!ReadExpr(0, &call->result)) return false;
  const Expr::Kind kind = call->result.kind;
  if (kind != Expr::Kind::kInteger && kind != Expr::Kind::kEllipsis &&
      kind != Expr::Kind::kSymbol && kind != Expr::Kind::kOr) {
    return Expected(at, "a result: a number, ... or a symbol");
  }
  if (IsErrnoName(Peek())) call->errno_name = Next().text;
  return !Peek().is('(') || ReadNote(call);
}

bool Parse::ReadNote(SyscallEvent* call) {
  const Token open = Next();
  const auto note = lexer_.ReadNote();
  if (!note) {
    return Fail(open, "expected ) on the same line to close this (");
  }
  call->note = *note;
  end_ = static_cast<size_t>(note->data() - text_.data()) + note->size() + 1;
  return true;
}

// Arguments, elements or fields up to `close`, which is taken.
bool Parse::ReadItems(int depth, char close, bool fields,
                      std::vector<Expr>* items) {
  if (Accept(close)) return true;
  do {
    if (items->size() == kMaxItems) {
      return Fail(Peek(), "a list has at most " + std::to_string(kMaxItems) +
                              " elements");
    }
    Expr& item = items->emplace_back();
    if (!(fields ? ReadField(depth, &item) : ReadExpr(depth, &item))) {
      return false;
    }
  } while (Accept(','));
  return Expect(close, "or , here");
}

// "l_onoff=1", "msg_iov(1)=[...]", or a value alone
bool Parse::ReadField(int depth, Expr* expr) {
  if (!ReadExpr(depth, expr)) return false;
  const Token equals = Peek();
  if (!equals.is('=')) return true;
  const bool counted = expr->kind == Expr::Kind::kCall;
  if (expr->kind != Expr::Kind::kSymbol && !counted) {
    return Expected(equals, ", or } after a value");
  }
  Next();
  Expr value;
  value.field = expr->text;
  if (counted) {
    if (expr->items.size() != 1) {
      return Fail(expr->position, "expected one number in the parentheses of " +
                                      Quote(expr->text));
    }
    const Expr& count = expr->items.front();
    if (count.kind == Expr::Kind::kInteger && count.integer >= 0) {
      value.field_count = count.integer;
    } else if (count.kind != Expr::Kind::kEllipsis) {
      return Fail(count.position,
                  "expected a number or ... in the "
                  "parentheses of " +
                      Quote(expr->text));
    }
  }
  if (!ReadExpr(depth, &value)) return false;
  *expr = std::move(value);
  return true;
}

// "A | B | C"
bool Parse::ReadExpr(int depth, Expr* expr) {
  if (!ReadOperand(depth, expr)) return false;
  if (!Peek().is('|')) return true;
  Expr all;
  all.kind = Expr::Kind::kOr;
  all.position = expr->position;
  all.field = expr->field;
  expr->field.clear();
  all.items.push_back(std::move(*expr));
  while (Accept('|')) {
    if (all.items.size() == kMaxItems) {
      return Fail(Peek(),
                  "| joins at most " + std::to_string(kMaxItems) + " values");
    }
    if (!ReadOperand(depth, &all.items.emplace_back())) return false;
  }
  *expr = std::move(all);
  return true;
}

bool Parse::ReadOperand(int depth, Expr* expr) {
  const Token token = Peek();
  expr->position = token.position;
  if (depth > kMaxDepth) {
    return Fail(token,
                "brackets go no deeper than " + std::to_string(kMaxDepth));
  }
  switch (token.kind) {
    case Kind::kInteger:
    case Kind::kDecimal:
      return ReadNumberExpr(/*negative=*/false, expr);
    case Kind::kString:
      return ReadStringExpr(expr);
    case Kind::kWord:
      return ReadWordExpr(depth, expr);
    case Kind::kEllipsis:
      Next();
      expr->kind = Expr::Kind::kEllipsis;
      return true;
    default:
      break;
  }
  if (Accept('-')) return ReadNumberExpr(/*negative=*/true, expr);
  if (Accept('[')) {
    expr->kind = Expr::Kind::kList;
    return ReadItems(depth + 1, ']', /*fields=*/false, &expr->items);
  }
  if (Accept('{')) {
    expr->kind = Expr::Kind::kStruct;
    return ReadItems(depth + 1, '}', /*fields=*/true, &expr->items);
  }
  return Expected(kArgument);
}

// An integer up to 64 bits, or a decimal number in billionths.
bool Parse::ReadNumberExpr(bool negative, Expr* expr) {
  const Token token = Peek();
  const bool decimal = token.kind == Kind::kDecimal;
  if (token.kind != Kind::kInteger && !decimal) {
    return Expected("a number after -");
  }
  Next();
  const size_t point = std::min(token.text.find('.'), token.text.size());
  Token whole = token;
  whole.text = point == 0 ? "0" : token.text.substr(0, point);
  uint64_t value = 0;
  bool fits = TokenInteger(whole, &value);
  if (decimal) {
    std::string digits(token.text.substr(point + 1));
    fits = fits && digits.size() <= kFractionDigits &&
           value < static_cast<uint64_t>(INT64_MAX / kNano);
    digits.resize(kFractionDigits, '0');
    whole.text = digits;
    uint64_t fraction = 0;
    TokenInteger(whole, &fraction);
    value = value * kNano + fraction;
  }
  // 0xffffffffffffffff is a mask, but -2^64 is nothing.
  if (!fits || (negative && value > static_cast<uint64_t>(INT64_MAX))) {
    return Fail(token, "the number " + Quote(token.text) +
                           " does not fit into 64 bits");
  }
  expr->kind = decimal ? Expr::Kind::kDecimal : Expr::Kind::kInteger;
  expr->hex = token.text.starts_with("0x") || token.text.starts_with("0X");
  expr->integer = static_cast<int64_t>(negative ? -value : value);
  return true;
}

bool Parse::ReadStringExpr(Expr* expr) {
  const Token token = Next();
  expr->kind = Expr::Kind::kString;
  const std::string_view text = token.text.substr(1, token.text.size() - 2);
  for (size_t at = 0; at < text.size();) {
    const char c = text[at++];
    if (c != '\\') {
      expr->text.push_back(c);
      continue;
    }
    const char escaped = text[at];  // the lexer left no \ at the end
    constexpr std::string_view kNames = "nrtabfv\\\"'";
    constexpr std::string_view kBytes = "\n\r\t\a\b\f\v\\\"'";
    if (const size_t i = kNames.find(escaped); i != std::string_view::npos) {
      expr->text.push_back(kBytes[i]);
      ++at;
    } else if (escaped == 'x') {
      expr->text.push_back(NumericEscape(text, 16, 2, &++at));
    } else if (escaped >= '0' && escaped <= '7') {
      expr->text.push_back(NumericEscape(text, 8, 3, &at));
    } else {
      return Fail(token,
                  "expected one of \\n \\r \\t \\\\ \\\" \\0 \\xNN in "
                  "the string, found " +
                      Quote(text.substr(at - 1, 2)));
    }
  }
  if (Peek().kind == Kind::kEllipsis) {
    Next();
    expr->open_ended = true;
  }
  return true;
}

// "SOL_SOCKET", "htons(8080)"
bool Parse::ReadWordExpr(int depth, Expr* expr) {
  const Token word = Peek();
  if (word.text.front() >= '0' && word.text.front() <= '9') {
    return Expected(kArgument);
  }
  if (word.is_word("SO_SPLICE")) return Unsupported(word, "SO_SPLICE is");
  Next();
  expr->text = word.text;
  expr->kind = Expr::Kind::kSymbol;
  // A result's note stands behind it in parentheses, but only calls of a
  // name directly followed by one are calls.
  if (!Peek().is('(') || Peek().offset != word.end()) return true;
  Next();
  expr->kind = Expr::Kind::kCall;
  return ReadItems(depth + 1, ')', /*fields=*/false, &expr->items);
}

}  // namespace splnet::drill
