// Drill scripts: TCP options.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "stack/netinet/tcp.h"
#include "tools/drill/parse.h"

namespace splnet::drill {
namespace {

using Kind = Token::Kind;

// Bytes that an option takes on the wire.
size_t OptionBytes(const TcpOption& option) {
  switch (option.kind) {
    case TcpOption::Kind::kEol:
    case TcpOption::Kind::kNop:
      return 1;
    case TcpOption::Kind::kMss:
      return 4;
    case TcpOption::Kind::kWscale:
      return 3;
    case TcpOption::Kind::kSackOk:
      return 2;
    case TcpOption::Kind::kSack:
      return 2 + 8 * option.sack.size();
    case TcpOption::Kind::kTimestamp:
      return 10;
    case TcpOption::Kind::kOther:
      return option.raw.size();
  }
  return 0;
}

}  // namespace

// "<...>", "<mss 1460,nop,wscale 6>"
bool Parse::ReadTcpOptions(bool inbound, TcpPacket* tcp) {
  const Token open = Next();
  if (Peek().kind == Kind::kEllipsis && !inbound) {
    Next();
    tcp->any_options = true;
    return Expect('>', "after <...");
  }
  size_t bytes = 0;
  do {
    const Token at = Peek();
    TcpOption& option = tcp->options.emplace_back();
    if (!ReadTcpOption(inbound, &option)) return false;
    bytes += OptionBytes(option);
    if (bytes > kTcpMaxOptLen) {
      return Fail(at, "TCP options have at most 40 bytes, and with " +
                          Quote(at.text) + " these have " +
                          std::to_string(bytes));
    }
  } while (Accept(','));
  if (!Expect('>', "or , after a TCP option")) return false;
  if (tcp->options.back().kind == TcpOption::Kind::kEol) {
    for (; bytes % 4 != 0; ++bytes) {
      tcp->options.emplace_back().kind = TcpOption::Kind::kEol;
    }
  }
  if (bytes % 4 == 0) return true;
  return Fail(open, "these TCP options have " + std::to_string(bytes) +
                        " bytes, which is no multiple of 4: add nop or eol");
}

bool Parse::ReadTcpOption(bool inbound, TcpOption* option) {
  constexpr char kWanted[] =
      "a TCP option: mss N, nop, eol, sackOK, wscale N, sack A:B, or "
      "TS val N ecr N";
  const Token word = Peek();
  if (word.is_word("FO") || word.is_word("FOEXP")) {
    return Unsupported(word, "TCP Fast Open is");
  }
  if (word.is_word("md5")) return Unsupported(word, "TCP MD5 is");
  if (AcceptWord("nop")) {
    option->kind = TcpOption::Kind::kNop;
  } else if (AcceptWord("eol")) {
    option->kind = TcpOption::Kind::kEol;
  } else if (AcceptWord("sackOK")) {
    option->kind = TcpOption::Kind::kSackOk;
  } else if (AcceptWord("mss")) {
    option->kind = TcpOption::Kind::kMss;
    return ReadMaybeNumber(inbound, UINT16_MAX, "a segment size",
                           &option->value);
  } else if (AcceptWord("wscale")) {
    option->kind = TcpOption::Kind::kWscale;
    return ReadMaybeNumber(inbound, UINT8_MAX, "a window scale",
                           &option->value);
  } else if (AcceptWord("TS")) {
    return ReadTimestamp(inbound, option);
  } else if (AcceptWord("sack")) {
    return ReadSack(inbound, option);
  } else {
    return Expected(kWanted);
  }
  return true;
}

bool Parse::ReadTimestamp(bool inbound, TcpOption* option) {
  option->kind = TcpOption::Kind::kTimestamp;
  if (!AcceptWord("val")) return Expected("val after TS");
  if (!ReadMaybeNumber(inbound, UINT32_MAX, "a timestamp", &option->value)) {
    return false;
  }
  if (!AcceptWord("ecr")) return Expected("ecr after TS val N");
  return ReadMaybeNumber(inbound, UINT32_MAX, "a timestamp", &option->ecr);
}

bool Parse::ReadSack(bool inbound, TcpOption* option) {
  constexpr size_t kMaxBlocks = 4;  // RFC 2018 section 3: all that fit
  option->kind = TcpOption::Kind::kSack;
  do {
    const Token at = Peek();
    SackRange range;
    if (!ReadSeq(inbound, "the left edge of a SACK block", &range.left) ||
        !Expect(':', "and the right edge of a SACK block") ||
        !ReadSeq(inbound, "the right edge of a SACK block", &range.right)) {
      return false;
    }
    if (option->sack.size() == kMaxBlocks) {
      return Fail(at, "a SACK option has at most 4 blocks");
    }
    option->sack.push_back(range);
  } while (Peek().kind == Kind::kInteger || Peek().is('-'));
  return true;
}

bool Parse::ReadMaybeNumber(bool inbound, uint32_t max, std::string_view what,
                            MaybeNumber* number) {
  if (Peek().kind == Kind::kEllipsis && !inbound) {
    Next();
    number->any = true;
    return true;
  }
  uint64_t value = 0;
  if (!ReadNumber(max, what, &value)) return false;
  number->value = static_cast<uint32_t>(value);
  return true;
}

}  // namespace splnet::drill
