// Cuts a drill script's text into tokens.

#include "tools/drill/lexer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"

namespace splnet::drill {
namespace {

constexpr size_t kMaxConditions = 64;  // #ifdef in #ifdef

bool IsBlank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsHexDigit(char c) {
  return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// The conditional directives, as messages list them.
constexpr char kDirectives[] = "#ifdef, #ifndef, #else or #endif";

}  // namespace

bool IsWordChar(char c) {
  return IsDigit(c) || c == '_' || (c >= 'a' && c <= 'z') ||
         (c >= 'A' && c <= 'Z');
}

std::string Quote(std::string_view text) {
  constexpr size_t kMax = 40;
  const bool cut = text.size() > kMax;
  const std::string_view kept = text.substr(0, kMax);
  std::string quoted = "'";
  quoted += absl::CHexEscape(absl::string_view(kept.data(), kept.size()));
  // Quotes stand for themselves here.
  for (size_t at; (at = quoted.find("\\\"")) != std::string::npos;) {
    quoted.erase(at, 1);
  }
  quoted += cut ? "...'" : "'";
  return quoted;
}

const Token& Lexer::Peek() {
  if (!peeked_) peeked_ = Lex();
  return *peeked_;
}

Token Lexer::Next() {
  const Token token = Peek();
  if (token.kind != Token::Kind::kEnd && token.kind != Token::Kind::kError) {
    peeked_.reset();
  }
  return token;
}

std::optional<std::string_view> Lexer::ReadNote() {
  size_t depth = 1;
  const size_t begin = at_;
  for (size_t at = at_; at < text_.size() && text_[at] != '\n'; ++at) {
    if (text_[at] == '(') ++depth;
    if (text_[at] != ')' || --depth > 0) continue;
    const std::string_view note = text_.substr(begin, at - begin);
    Advance(at + 1 - at_);
    return note;
  }
  return std::nullopt;
}

std::string_view Lexer::ReadValue() {
  SkipSpaces();
  const size_t begin = at_;
  while (at_ < text_.size() && !IsBlank(Char()) && Char() != '\n') Advance(1);
  return text_.substr(begin, at_ - begin);
}

void Lexer::SetError(Position at, std::string message) {
  if (!error_) error_ = Error{at, std::move(message)};
}

void Lexer::Advance(size_t size) {
  for (const char c : text_.substr(at_, size)) {
    ++at_;
    if (c == '\n') {
      ++line_;
      line_start_ = at_;
      line_blank_ = true;
    } else if (!IsBlank(c)) {
      line_blank_ = false;
    }
  }
}

void Lexer::SkipSpaces() {
  while (IsBlank(Char())) Advance(1);
}

std::string_view Lexer::ReadWord() {
  const size_t begin = at_;
  while (IsWordChar(Char())) Advance(1);
  return text_.substr(begin, at_ - begin);
}

bool Lexer::SkipBlanks() {
  for (;;) {
    if (error_) return false;
    if (at_ >= text_.size()) break;
    if (IsBlank(Char()) || Char() == '\n') {
      Advance(1);
    } else if (StartsWith("//") || StartsWith("/*")) {
      if (!SkipComment()) return false;
    } else if (Char() == '#' && line_blank_) {
      if (!Directive()) return false;
    } else {
      return true;
    }
  }
  if (conditions_.empty()) return false;
  SetError(conditions_.back().position,
           "expected #endif before the script's end to close this");
  return false;
}

bool Lexer::SkipComment() {
  if (StartsWith("//")) {
    Advance(std::min(text_.find('\n', at_), text_.size()) - at_);
    return true;
  }
  // A comment does not count as something before a directive.
  const bool blank = line_blank_;
  const uint32_t line = line_;
  const Position start = position();
  const size_t close = text_.find("*/", at_ + 2);
  if (close == std::string_view::npos) {
    SetError(start, "expected */ before the script's end to close this /*");
    return false;
  }
  Advance(close + 2 - at_);
  line_blank_ = line_ != line || blank;
  return true;
}

bool Lexer::EndOfLine(std::string_view word) {
  SkipSpaces();
  if (at_ >= text_.size() || Char() == '\n' || StartsWith("//") ||
      StartsWith("/*")) {
    return true;
  }
  const size_t end = std::min(text_.find('\n', at_), text_.size());
  SetError(position(), "expected the line to end after " + std::string(word) +
                           ", found " + Quote(text_.substr(at_, end - at_)));
  return false;
}

bool Lexer::Directive() {
  const Position start = position();
  Advance(1);
  SkipSpaces();
  const std::string_view word = ReadWord();
  if (word == "ifdef" || word == "ifndef") return BeginCondition(word, start);
  if (word == "else") {
    if (conditions_.empty() || conditions_.back().in_else) {
      SetError(start, "#else without an #ifdef before it");
      return false;
    }
    conditions_.back().in_else = true;
    return EndOfLine("#else") && SkipBranch();
  }
  if (word == "endif") {
    if (conditions_.empty()) {
      SetError(start, "#endif without an #ifdef before it");
      return false;
    }
    conditions_.pop_back();
    return EndOfLine("#endif");
  }
  SetError(start, std::string("expected ") + kDirectives + ", found " +
                      Quote("#" + std::string(word)));
  return false;
}

bool Lexer::BeginCondition(std::string_view word, Position at) {
  SkipSpaces();
  const Position here = position();
  const std::string_view name = ReadWord();
  if (name.empty()) {
    SetError(here, "expected a name after #" + std::string(word));
    return false;
  }
  if (!EndOfLine(name)) return false;
  if (conditions_.size() == kMaxConditions) {
    SetError(at, "#ifdef inside #ifdef goes no deeper than " +
                     std::to_string(kMaxConditions));
    return false;
  }
  conditions_.push_back({at});
  const bool defined = defines_.find(name) != defines_.end();
  return defined == (word == "ifdef") || SkipBranch();
}

// Skips the lines of a branch that is not taken, and the directive that ends
// it; the innermost condition is its own.
bool Lexer::SkipBranch() {
  size_t nested = 0;
  for (;;) {
    const size_t newline = text_.find('\n', at_);
    if (newline == std::string_view::npos) break;
    Advance(newline + 1 - at_);
    SkipSpaces();
    if (Char() != '#') continue;
    const Position start = position();
    Advance(1);
    SkipSpaces();
    const std::string_view word = ReadWord();
    if (word == "ifdef" || word == "ifndef") ++nested;
    if (word == "else" && nested == 0) {
      if (conditions_.back().in_else) {
        SetError(start, "#else without an #ifdef before it");
        return false;
      }
      conditions_.back().in_else = true;
      return EndOfLine("#else");
    }
    if (word == "endif" && nested-- == 0) {
      conditions_.pop_back();
      return EndOfLine("#endif");
    }
  }
  Advance(text_.size() - at_);
  SetError(conditions_.back().position,
           "expected #endif before the script's end to close this");
  return false;
}

Token Lexer::Broken(Position at, std::string message) {
  SetError(at, std::move(message));
  Token token;
  token.kind = Token::Kind::kError;
  token.offset = at_;
  token.position = error_->position;
  return token;
}

Token Lexer::Take(Token::Kind kind, size_t size) {
  Token token{kind, text_.substr(at_, size), at_, position()};
  Advance(size);
  return token;
}

Token Lexer::Lex() {
  if (!SkipBlanks()) {
    if (error_) return Broken(error_->position, error_->message);
    return Take(Token::Kind::kEnd, 0);
  }
  const char c = Char();
  if (StartsWith("...")) return Take(Token::Kind::kEllipsis, 3);
  if (IsDigit(c) || (c == '.' && IsDigit(Char(1)))) return TakeNumber();
  if (c == '"') return TakeQuoted();
  if (c == '`') return TakeUntil(Token::Kind::kCommand, "`", "`");
  if (StartsWith("%{")) return TakeUntil(Token::Kind::kCode, "}%", "%{");
  if (StartsWith("--") && IsWordChar(Char(2)) && !IsDigit(Char(2))) {
    size_t size = 2;
    while (IsWordChar(Char(size)) || Char(size) == '-') ++size;
    return Take(Token::Kind::kOption, size);
  }
  size_t size = 0;
  while (IsWordChar(Char(size))) ++size;
  if (size > 0) return Take(Token::Kind::kWord, size);
  return Take(Token::Kind::kPunct, 1);
}

// "12", "0x1f", "1.5" or ".5"; digits that run into letters are a word.
Token Lexer::TakeNumber() {
  size_t size = 0;
  if (Char() == '0' && (Char(1) == 'x' || Char(1) == 'X') &&
      IsHexDigit(Char(2))) {
    size = 2;
    while (IsHexDigit(Char(size))) ++size;
    if (!IsWordChar(Char(size))) return Take(Token::Kind::kInteger, size);
  } else {
    while (IsDigit(Char(size))) ++size;
    if (Char(size) == '.' && IsDigit(Char(size + 1))) {
      ++size;
      while (IsDigit(Char(size))) ++size;
      return Take(Token::Kind::kDecimal, size);
    }
    if (!IsWordChar(Char(size))) return Take(Token::Kind::kInteger, size);
  }
  while (IsWordChar(Char(size))) ++size;
  return Take(Token::Kind::kWord, size);
}

Token Lexer::TakeQuoted() {
  for (size_t size = 1; at_ + size < text_.size(); ++size) {
    const char c = Char(size);
    if (c == '\n') break;
    if (c == '"') return Take(Token::Kind::kString, size + 1);
    if (c == '\\') ++size;
  }
  return Broken(position(),
                "expected \" before the line's end to close this "
                "string");
}

Token Lexer::TakeUntil(Token::Kind kind, std::string_view close,
                       std::string_view what) {
  const size_t end = text_.find(close, at_ + what.size());
  if (end != std::string_view::npos) {
    return Take(kind, end + close.size() - at_);
  }
  return Broken(position(), "expected " + std::string(close) +
                                " before the script's end to close this " +
                                std::string(what));
}

}  // namespace splnet::drill
