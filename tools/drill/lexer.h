// Cuts a drill script's text into tokens: comments and lines left out by
// #ifdef go, positions stay.

#ifndef SPLNET_TOOLS_DRILL_LEXER_H_
#define SPLNET_TOOLS_DRILL_LEXER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/drill/script.h"

namespace splnet::drill {

// The names that #ifdef knows, with their values.
using Defines = std::map<std::string, std::string, std::less<>>;

struct Token {
  enum class Kind : uint8_t {
    kEnd,
    kError,     // see Lexer::error()
    kInteger,   // 12, 0x1f
    kDecimal,   // 1.5, .5
    kWord,      // socket, 3rd
    kString,    // "text", quotes and escapes as written
    kCommand,   // `text`
    kCode,      // %{ text }%
    kEllipsis,  // ...
    kOption,    // --name
    kPunct,     // any other single byte
  };
  Kind kind = Kind::kEnd;
  std::string_view text;  // into the script; all of it, quotes included
  size_t offset = 0;
  Position position;

  size_t end() const { return offset + text.size(); }
  bool is(char punct) const {
    return kind == Kind::kPunct && text.front() == punct;
  }
  bool is_word(std::string_view word) const {
    return kind == Kind::kWord && text == word;
  }
};

class Lexer {
 public:
  struct Error {
    Position position;
    std::string message;
  };

  // `text` and `defines` outlive the lexer.
  Lexer(std::string_view text, const Defines& defines)
      : text_(text), defines_(defines) {}

  // The next token.  After kEnd and kError the same comes again.
  const Token& Peek();
  Token Next();

  // Right behind the token that Next() gave last, which was an opening
  // parenthesis: the text up to the parenthesis that closes it, which is
  // consumed and left out.  None when the line ends before.
  std::optional<std::string_view> ReadNote();

  // Likewise: the text up to the next blank or the line's end, blanks before
  // it left out.
  std::string_view ReadValue();

  const std::optional<Error>& error() const { return error_; }

 private:
  struct Condition {
    Position position;  // of its #ifdef
    bool in_else = false;
  };

  Token Lex();
  // True when the cursor stands at a token, false at the end or an error.
  bool SkipBlanks();
  bool SkipComment();
  bool Directive();
  bool BeginCondition(std::string_view word, Position at);
  bool SkipBranch();
  bool EndOfLine(std::string_view word);
  Token Take(Token::Kind kind, size_t size);
  Token TakeNumber();
  Token TakeQuoted();
  Token TakeUntil(Token::Kind kind, std::string_view close,
                  std::string_view what);
  Token Broken(Position at, std::string message);

  bool StartsWith(std::string_view prefix) const {
    return text_.substr(at_, prefix.size()) == prefix;
  }
  char Char(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  void Advance(size_t size);
  std::string_view ReadWord();
  void SkipSpaces();
  Position position() const {
    return {line_, static_cast<uint32_t>(at_ - line_start_ + 1)};
  }
  void SetError(Position at, std::string message);

  std::string_view text_;
  const Defines& defines_;
  size_t at_ = 0;
  uint32_t line_ = 1;
  size_t line_start_ = 0;
  bool line_blank_ = true;  // nothing but blanks on this line so far
  std::vector<Condition> conditions_;
  std::optional<Token> peeked_;
  std::optional<Error> error_;
};

// A token's or any other text as a message quotes it: 'text', what cannot be
// printed escaped, cut after 40 bytes.
std::string Quote(std::string_view text);

// Whether `c` can be in a word.
bool IsWordChar(char c);

}  // namespace splnet::drill

#endif  // SPLNET_TOOLS_DRILL_LEXER_H_
