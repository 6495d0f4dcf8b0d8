// Drill scripts: ICMP messages and what they quote.

#include <cstdint>
#include <string>

#include "stack/netinet/ip_icmp.h"
#include "tools/drill/icmp_names.h"
#include "tools/drill/parse.h"

namespace splnet::drill {
namespace {

using Kind = Token::Kind;

constexpr uint8_t kNeedFrag = static_cast<uint8_t>(IcmpUnreach::kNeedFrag);

}  // namespace

// "unreachable frag_needed mtu 1200 [1:1461(1460)]"
bool Parse::ReadIcmp(bool, IcmpPacket* icmp) {
  uint64_t number = 0;
  const Token type = Peek();
  if (type.kind == Kind::kInteger) {
    if (!ReadNumber(UINT8_MAX, "an ICMP type", &number)) return false;
    icmp->type = static_cast<uint8_t>(number);
  } else if (type.kind == Kind::kWord) {
    const auto known = IcmpTypeNumber(type.text);
    if (!known) {
      return Expected(
          "an ICMP type: unreachable, time_exceeded, source_quench, redirect, "
          "parameter_problem, echo_request, echo_reply or type_N");
    }
    icmp->type = *known;
    Next();
  } else {
    return Expected("an ICMP type");
  }
  if (!ReadIcmpCode(icmp)) return false;
  const Token mtu = Peek();
  if (AcceptWord("mtu")) {
    if (icmp->type != kIcmpUnreach || icmp->code != kNeedFrag) {
      return Fail(mtu, "only unreachable frag_needed has an mtu");
    }
    if (!ReadNumber(UINT16_MAX, "an MTU", &number)) return false;
    icmp->mtu = static_cast<uint16_t>(number);
  }
  return !Accept('[') || ReadQuoted(&icmp->quoted.emplace());
}

// A name, code_N, or nothing for 0.
bool Parse::ReadIcmpCode(IcmpPacket* icmp) {
  const Token code = Peek();
  if (code.kind != Kind::kWord || code.text == "mtu") return true;
  const auto known = IcmpCodeNumber(icmp->type, code.text);
  if (!known) {
    return Expected("a code of ICMP " + IcmpTypeName(icmp->type) + " such as " +
                    IcmpCodeName(icmp->type, 0) +
                    ", code_N, mtu N, a quoted packet in [ ] or the next "
                    "event");
  }
  icmp->code = *known;
  Next();
  return true;
}

// Behind the bracket: "1:1461(1460)]" or "udp (1000)]"
bool Parse::ReadQuoted(QuotedPacket* quoted) {
  if (AcceptWord("udp")) {
    if (!ReadUdp(&quoted->body.emplace<UdpPacket>())) return false;
  } else {
    AcceptWord("tcp");
    if (!ReadSeqRange(true, &quoted->body.emplace<SeqRange>())) return false;
  }
  return Expect(']', "after the quoted packet");
}

}  // namespace splnet::drill
