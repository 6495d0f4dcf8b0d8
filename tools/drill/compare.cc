// In which fields two packets differ.

#include "tools/drill/compare.h"

#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "stack/netinet/tcp.h"
#include "tools/drill/icmp_names.h"
#include "tools/drill/notation.h"

namespace splnet::drill {
namespace {

using Differences = std::vector<FieldDifference>;

std::string Text(uint32_t value) { return absl::StrCat(value); }

void Compare(std::string field, std::string expected, std::string seen,
             Differences* out) {
  if (expected == seen) return;
  out->push_back({std::move(field), std::move(expected), std::move(seen)});
}

void CompareSeq(std::string field, const SeqNumber& expected,
                const SeqNumber& seen, Differences* out) {
  if (expected.any || expected.value == seen.value) return;
  out->push_back({std::move(field),
                  absl::StrCat(expected.value, expected.absolute ? "!" : ""),
                  absl::StrCat(seen.value, seen.absolute ? "!" : "")});
}

bool EcnMatches(IpPrefix::Ecn expected, IpPrefix::Ecn seen) {
  if (expected == IpPrefix::Ecn::kEct01) {
    return seen == IpPrefix::Ecn::kEct0 || seen == IpPrefix::Ecn::kEct1;
  }
  return expected == IpPrefix::Ecn::kUnspecified || expected == seen;
}

void CompareIp(const IpPrefix& expected, const IpPrefix& seen,
               Differences* out) {
  if (!EcnMatches(expected.ecn, seen.ecn)) {
    Compare("ECN", EcnText(expected.ecn), EcnText(seen.ecn), out);
  }
  if (expected.ttl)
    Compare("ttl", Text(*expected.ttl), Text(seen.ttl.value_or(0)), out);
  if (expected.tos) {
    Compare("tos", absl::StrFormat("0x%x", *expected.tos),
            absl::StrFormat("0x%x", seen.tos.value_or(0)), out);
  }
}

void CompareRange(const SeqRange& expected, const SeqRange& seen,
                  Differences* out) {
  CompareSeq("seq", expected.start, seen.start, out);
  Compare("length", Text(expected.len), Text(seen.len), out);
  // The end follows from the two unless one of them is open.
  if (expected.start.any) CompareSeq("end", expected.end, seen.end, out);
}

bool NumberMatches(const MaybeNumber& expected, const MaybeNumber& seen) {
  return expected.any || expected.value == seen.value;
}

bool SackMatches(const TcpOption& expected, const TcpOption& seen) {
  if (expected.sack.size() != seen.sack.size()) return false;
  for (size_t i = 0; i < expected.sack.size(); ++i) {
    const SackRange& want = expected.sack[i];
    const SackRange& have = seen.sack[i];
    if ((!want.left.any && want.left.value != have.left.value) ||
        (!want.right.any && want.right.value != have.right.value)) {
      return false;
    }
  }
  return true;
}

bool OptionMatches(const TcpOption& expected, const TcpOption& seen) {
  return NumberMatches(expected.value, seen.value) &&
         NumberMatches(expected.ecr, seen.ecr) && SackMatches(expected, seen) &&
         expected.raw == seen.raw;
}

// Options of the same kinds are compared one by one, others as lists.
void CompareOptions(const std::vector<TcpOption>& expected,
                    const std::vector<TcpOption>& seen, Differences* out) {
  bool same_kinds = expected.size() == seen.size();
  for (size_t i = 0; same_kinds && i < expected.size(); ++i) {
    same_kinds = expected[i].kind == seen[i].kind;
  }
  if (!same_kinds) {
    Compare("TCP options", expected.empty() ? "none" : OptionsText(expected),
            seen.empty() ? "none" : OptionsText(seen), out);
    return;
  }
  for (size_t i = 0; i < expected.size(); ++i) {
    if (OptionMatches(expected[i], seen[i])) continue;
    Compare(absl::StrCat("TCP option ", i + 1), OptionText(expected[i]),
            OptionText(seen[i]), out);
  }
}

void CompareBodies(const TcpPacket& expected, const TcpPacket& seen,
                   Differences* out) {
  Compare("flags", FlagsText(expected.flags), FlagsText(seen.flags), out);
  CompareRange(expected.seq, seen.seq, out);
  if (expected.ack) {
    CompareSeq("ack", *expected.ack, seen.ack.value_or(SeqNumber{}), out);
  }
  if (expected.win) {
    Compare("win", Text(*expected.win), Text(seen.win.value_or(0)), out);
  }
  // Without URG the pointer means nothing, and is zero.
  if (expected.urg || (expected.flags & kThUrg) == 0) {
    Compare("urg", Text(expected.urg.value_or(0)), Text(seen.urg.value_or(0)),
            out);
  }
  if (!expected.any_options) {
    CompareOptions(expected.options, seen.options, out);
  }
}

void CompareBodies(const UdpPacket& expected, const UdpPacket& seen,
                   Differences* out) {
  Compare("length", Text(expected.len), Text(seen.len), out);
}

void CompareQuoted(const QuotedPacket& expected,
                   const std::optional<QuotedPacket>& seen, Differences* out) {
  if (!seen || expected.body.index() != seen->body.index()) {
    const auto name = [](const QuotedPacket& packet) {
      return std::holds_alternative<SeqRange>(packet.body) ? "TCP" : "UDP";
    };
    Compare("quoted packet", name(expected), seen ? name(*seen) : "none", out);
    return;
  }
  Differences inner;
  if (const auto* const range = std::get_if<SeqRange>(&expected.body)) {
    CompareRange(*range, std::get<SeqRange>(seen->body), &inner);
  } else {
    CompareBodies(std::get<UdpPacket>(expected.body),
                  std::get<UdpPacket>(seen->body), &inner);
  }
  for (FieldDifference& difference : inner) {
    difference.field = "quoted " + difference.field;
    out->push_back(std::move(difference));
  }
}

void CompareBodies(const IcmpPacket& expected, const IcmpPacket& seen,
                   Differences* out) {
  Compare("type", IcmpTypeName(expected.type), IcmpTypeName(seen.type), out);
  if (expected.type == seen.type) {
    Compare("code", IcmpCodeName(expected.type, expected.code),
            IcmpCodeName(seen.type, seen.code), out);
  }
  if (expected.mtu) {
    Compare("mtu", Text(*expected.mtu), Text(seen.mtu.value_or(0)), out);
  }
  if (expected.quoted) CompareQuoted(*expected.quoted, seen.quoted, out);
}

const char* ProtocolName(const PacketEvent& packet) {
  if (std::holds_alternative<TcpPacket>(packet.body)) return "TCP";
  return std::holds_alternative<UdpPacket>(packet.body) ? "UDP" : "ICMP";
}

}  // namespace

std::vector<FieldDifference> ComparePackets(const PacketEvent& expected,
                                            const PacketEvent& seen) {
  Differences out;
  CompareIp(expected.ip, seen.ip, &out);
  if (expected.body.index() != seen.body.index()) {
    Compare("protocol", ProtocolName(expected), ProtocolName(seen), &out);
    return out;
  }
  std::visit(
      [&](const auto& body) {
        using Body = std::decay_t<decltype(body)>;
        CompareBodies(body, std::get<Body>(seen.body), &out);
      },
      expected.body);
  return out;
}

}  // namespace splnet::drill
