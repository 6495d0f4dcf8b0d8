// Packets, calls and times in the drill language's own spelling.

#include "tools/drill/notation.h"

#include <array>
#include <string_view>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "stack/netinet/tcp.h"
#include "tools/drill/icmp_names.h"
#include "tools/replay/notation.h"

namespace splnet::drill {
namespace {

constexpr int64_t kNano = 1000000000;

// Each part followed by a blank.
std::string PrefixText(const IpPrefix& ip, const IpPrefix& like) {
  std::string text;
  if (ip.ecn != IpPrefix::Ecn::kUnspecified &&
      like.ecn != IpPrefix::Ecn::kUnspecified) {
    absl::StrAppend(&text, "[", EcnText(ip.ecn), "] ");
  }
  if (ip.ttl && like.ttl) absl::StrAppend(&text, "(ttl ", *ip.ttl, ") ");
  if (ip.tos && like.tos) absl::StrAppendFormat(&text, "(tos 0x%x) ", *ip.tos);
  return text;
}

std::string NumberText(const MaybeNumber& number) {
  return number.any ? "..." : absl::StrCat(number.value);
}

std::string SeqText(const SeqNumber& number) {
  if (number.any) return "...";
  return absl::StrCat(number.value, number.absolute ? "!" : "");
}

std::string SeqRangeText(const SeqRange& range) {
  if (range.start.any && range.end.any) {
    return absl::StrFormat("...(%u)", range.len);
  }
  return absl::StrFormat("%s:%s(%u)", SeqText(range.start), SeqText(range.end),
                         range.len);
}

std::string BodyText(const TcpPacket& tcp) {
  std::string text =
      absl::StrCat(FlagsText(tcp.flags), " ", SeqRangeText(tcp.seq));
  if (tcp.ack) absl::StrAppend(&text, " ack ", SeqText(*tcp.ack));
  if (tcp.win) absl::StrAppend(&text, " win ", *tcp.win);
  if (tcp.urg) absl::StrAppend(&text, " urg ", *tcp.urg);
  if (tcp.any_options) return text + " <...>";
  if (tcp.options.empty()) return text;
  return absl::StrCat(text, " ", OptionsText(tcp.options));
}

std::string BodyText(const UdpPacket& udp) {
  return absl::StrFormat("udp (%u)", udp.len);
}

std::string BodyText(const IcmpPacket& icmp) {
  std::string text = absl::StrCat("icmp ", IcmpTypeName(icmp.type));
  const std::string code = IcmpCodeName(icmp.type, icmp.code);
  // A code of 0 without a name goes without saying.
  if (code != "code_0") absl::StrAppend(&text, " ", code);
  if (icmp.mtu) absl::StrAppend(&text, " mtu ", *icmp.mtu);
  if (!icmp.quoted) return text;
  const auto* const seq = std::get_if<SeqRange>(&icmp.quoted->body);
  return absl::StrCat(text, " [",
                      seq != nullptr
                          ? SeqRangeText(*seq)
                          : BodyText(std::get<UdpPacket>(icmp.quoted->body)),
                      "]");
}

// Nanoseconds as seconds with as many digits as they need.
std::string ShortSeconds(int64_t ns) {
  std::string text = absl::StrFormat("%d.%09d", ns / kNano, ns % kNano);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

std::string ItemsText(const std::vector<Expr>& items) {
  return absl::StrJoin(items, ", ", [](std::string* out, const Expr& item) {
    absl::StrAppend(out, ExprText(item));
  });
}

// An expression without the name of the field that it is in.
std::string ValueText(const Expr& expr) {
  switch (expr.kind) {
    case Expr::Kind::kInteger:
      return expr.hex ? absl::StrFormat("0x%x", expr.integer)
                      : absl::StrCat(expr.integer);
    case Expr::Kind::kDecimal: {
      const bool negative = expr.integer < 0;
      std::string text = ShortSeconds(negative ? -expr.integer : expr.integer);
      if (text.find('.') == std::string::npos) text += ".0";
      return (negative ? "-" : "") + text;
    }
    case Expr::Kind::kString:
      return absl::StrCat("\"", absl::CHexEscape(expr.text),
                          expr.open_ended ? "\"..." : "\"");
    case Expr::Kind::kEllipsis:
      return "...";
    case Expr::Kind::kSymbol:
      return expr.text;
    case Expr::Kind::kOr:
      return absl::StrJoin(expr.items, "|",
                           [](std::string* out, const Expr& item) {
                             absl::StrAppend(out, ExprText(item));
                           });
    case Expr::Kind::kList:
      return absl::StrCat("[", ItemsText(expr.items), "]");
    case Expr::Kind::kStruct:
      return absl::StrCat("{", ItemsText(expr.items), "}");
    case Expr::Kind::kCall:
      return absl::StrCat(expr.text, "(", ItemsText(expr.items), ")");
  }
  return "";
}

}  // namespace

const char* EcnText(IpPrefix::Ecn ecn) {
  switch (ecn) {
    case IpPrefix::Ecn::kUnspecified:
      return "";
    case IpPrefix::Ecn::kNotEct:
      return "noecn";
    case IpPrefix::Ecn::kEct0:
      return "ect0";
    case IpPrefix::Ecn::kEct1:
      return "ect1";
    case IpPrefix::Ecn::kEct01:
      return "ect01";
    case IpPrefix::Ecn::kCe:
      return "ce";
  }
  return "";
}

std::string PacketText(const PacketEvent& packet, const PacketEvent* like) {
  return absl::StrCat(
      packet.inbound() ? "< " : "> ",
      PrefixText(packet.ip, like == nullptr ? packet.ip : like->ip),
      std::visit([](const auto& body) { return BodyText(body); }, packet.body));
}

std::string FlagsText(uint8_t flags) {
  constexpr std::array<std::pair<uint8_t, char>, 8> kLetters = {
      {{kThFin, 'F'},
       {kThSyn, 'S'},
       {kThRst, 'R'},
       {kThPush, 'P'},
       {kThUrg, 'U'},
       {kThEce, 'E'},
       {kThCwr, 'W'},
       {kThAck, '.'}}};
  std::string text;
  for (const auto& [flag, letter] : kLetters) {
    if ((flags & flag) != 0) text.push_back(letter);
  }
  return text.empty() ? "-" : text;
}

std::string OptionText(const TcpOption& option) {
  switch (option.kind) {
    case TcpOption::Kind::kEol:
      return "eol";
    case TcpOption::Kind::kNop:
      return "nop";
    case TcpOption::Kind::kMss:
      return absl::StrCat("mss ", NumberText(option.value));
    case TcpOption::Kind::kWscale:
      return absl::StrCat("wscale ", NumberText(option.value));
    case TcpOption::Kind::kSackOk:
      return "sackOK";
    case TcpOption::Kind::kSack: {
      std::string text = "sack";
      for (const SackRange& range : option.sack) {
        absl::StrAppend(&text, " ", SeqText(range.left), ":",
                        SeqText(range.right));
      }
      return text;
    }
    case TcpOption::Kind::kTimestamp:
      return absl::StrCat("TS val ", NumberText(option.value), " ecr ",
                          NumberText(option.ecr));
    case TcpOption::Kind::kOther: {
      std::string text = "bytes ";
      for (const uint8_t byte : option.raw) {
        absl::StrAppendFormat(&text, "%02x", byte);
      }
      return text;
    }
  }
  return "";
}

std::string OptionsText(const std::vector<TcpOption>& options) {
  return absl::StrCat(
      "<",
      absl::StrJoin(options, ",",
                    [](std::string* out, const TcpOption& option) {
                      absl::StrAppend(out, OptionText(option));
                    }),
      ">");
}

std::string ExprText(const Expr& expr) {
  std::string text;
  if (!expr.field.empty()) {
    text = expr.field;
    if (expr.field_count >= 0) {
      absl::StrAppend(&text, "(", expr.field_count, ")");
    }
    text += "=";
  }
  return text + ValueText(expr);
}

std::string CallText(const SyscallEvent& call) {
  return absl::StrCat(call.name, "(", ItemsText(call.args), ")");
}

std::string SyscallText(const SyscallEvent& call) {
  std::string text = absl::StrCat(CallText(call), " = ", ExprText(call.result));
  if (!call.errno_name.empty()) absl::StrAppend(&text, " ", call.errno_name);
  if (!call.note.empty()) absl::StrAppend(&text, " (", call.note, ")");
  return text;
}

std::string TimeText(const TimeSpec& time) {
  const std::string at = ShortSeconds(time.at.count());
  const std::string end = ShortSeconds(time.end.count());
  switch (time.kind) {
    case TimeSpec::Kind::kAny:
      return "*";
    case TimeSpec::Kind::kRelativeRange:
      return absl::StrCat("+", at, "~+", end);
    case TimeSpec::Kind::kAbsoluteRange:
      return absl::StrCat(at, "~", end);
    case TimeSpec::Kind::kRelative:
    case TimeSpec::Kind::kAbsolute:
      break;
  }
  std::string text =
      absl::StrCat(time.kind == TimeSpec::Kind::kRelative ? "+" : "", at);
  if (time.blocks_until) {
    absl::StrAppend(&text, "...", ShortSeconds(time.blocks_until->count()));
  }
  return text;
}

std::string SecondsText(Nanoseconds time) {
  std::string text = TimeNotation(time.count());
  constexpr std::string_view kZeros = "000";
  if (text.ends_with(kZeros)) text.erase(text.size() - kZeros.size());
  return text;
}

std::string EventText(const Event& event) {
  if (const auto* const packet = std::get_if<PacketEvent>(&event.action)) {
    return PacketText(*packet);
  }
  if (const auto* const call = std::get_if<SyscallEvent>(&event.action)) {
    return SyscallText(*call);
  }
  return absl::StrCat("`", std::get<CommandEvent>(event.action).text, "`");
}

}  // namespace splnet::drill
