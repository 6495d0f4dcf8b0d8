// Drill scripts: TCP and UDP packets.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "stack/netinet/tcp.h"
#include "tools/drill/parse.h"

namespace splnet::drill {
namespace {

using Kind = Token::Kind;

constexpr uint64_t kMaxPayload = 65535 - 20 - 20;  // of TCP in IPv4
constexpr uint64_t kMaxDatagram = 65535 - 20 - 8;

struct FlagLetter {
  char letter;
  uint8_t flag;
};
constexpr std::array<FlagLetter, 7> kFlagLetters = {{{'F', kThFin},
                                                     {'S', kThSyn},
                                                     {'R', kThRst},
                                                     {'P', kThPush},
                                                     {'U', kThUrg},
                                                     {'E', kThEce},
                                                     {'W', kThCwr}}};
constexpr char kFlagsWanted[] =
    "TCP flags (letters of SFRPUEW and . for ACK, or - for none)";

struct EcnWord {
  std::string_view word;
  IpPrefix::Ecn ecn;
};
constexpr std::array<EcnWord, 5> kEcnWords = {
    {{"noecn", IpPrefix::Ecn::kNotEct},
     {"ect0", IpPrefix::Ecn::kEct0},
     {"ect1", IpPrefix::Ecn::kEct1},
     {"ect01", IpPrefix::Ecn::kEct01},
     {"ce", IpPrefix::Ecn::kCe}}};

// What may stand in a packet's place and is for later: word, message.
constexpr std::array<std::pair<std::string_view, std::string_view>, 7>
    kLaterPackets = {{{"icmpv6", "ICMPv6 is"},
                      {"ipv4", "IP in IP is"},
                      {"ipv6", "IPv6 is"},
                      {"gre", "GRE is"},
                      {"mpls", "MPLS is"},
                      {"sctp", "SCTP is"},
                      {"udplite", "UDP-Lite is"}}};

}  // namespace

bool Parse::ReadPacket(PacketEvent* packet) {
  packet->direction = Next().is('<') ? PacketEvent::Direction::kIn
                                     : PacketEvent::Direction::kOut;
  bool has_quoted = false;
  QuotedPacket quoted;
  if (!ReadPrefixes(packet, &has_quoted, &quoted)) return false;
  const Token transport = Peek();
  if (!ReadTransport(packet)) return false;
  if (!has_quoted) return true;
  auto* const icmp = std::get_if<IcmpPacket>(&packet->body);
  if (icmp == nullptr) {
    return Expected(transport, "icmp after a quoted packet in brackets");
  }
  if (icmp->quoted) {
    return Fail(transport, "this ICMP message quotes two packets");
  }
  icmp->quoted = quoted;
  return true;
}

// "[ect0]", "(ttl 64)", "[ect0] (ttl 64)"; or the packet that an ICMP message
// quotes, which may stand here or at the end.
bool Parse::ReadPrefixes(PacketEvent* packet, bool* has_quoted,
                         QuotedPacket* quoted) {
  while (Peek().is('[') || Peek().is('(')) {
    const Token open = Next();
    const bool bracket = open.is('[');
    const Token& first = Peek();
    if (bracket && (first.kind == Kind::kInteger || first.is_word("udp") ||
                    first.is_word("tcp"))) {
      if (*has_quoted) {
        return Fail(open, "an ICMP message quotes one packet");
      }
      *has_quoted = true;
      if (!ReadQuoted(quoted)) return false;
      continue;
    }
    if (!ReadPrefix(bracket ? ']' : ')', &packet->ip, packet->inbound())) {
      return false;
    }
  }
  return true;
}

bool Parse::ReadPrefix(char close, IpPrefix* ip, bool inbound) {
  do {
    const Token word = Peek();
    if (word.is_word("hlim") || word.is_word("class") ||
        word.is_word("flowlabel")) {
      return Unsupported(word, Quote(word.text) + " of IPv6 is");
    }
    uint64_t number = 0;
    if (AcceptWord("ttl")) {
      if (!ReadNumber(UINT8_MAX, "a TTL", &number)) return false;
      ip->ttl = static_cast<uint8_t>(number);
    } else if (AcceptWord("tos")) {
      if (!ReadNumber(UINT8_MAX, "a type of service", &number)) return false;
      ip->tos = static_cast<uint8_t>(number);
    } else if (!ReadEcn(word, ip, inbound)) {
      return false;
    }
    if (ip->tos && ip->ecn != IpPrefix::Ecn::kUnspecified) {
      return Fail(word,
                  "tos is the byte that the ECN bits are in: give one "
                  "of the two");
    }
  } while (Accept(',') || !Peek().is(close));
  return Expect(close, "after what is said of the IP header");
}

bool Parse::ReadEcn(const Token& word, IpPrefix* ip, bool inbound) {
  for (const EcnWord& row : kEcnWords) {
    if (!AcceptWord(row.word)) continue;
    if (inbound && row.ecn == IpPrefix::Ecn::kEct01) {
      return Fail(word,
                  "ect01 is either of two and only for packets that "
                  "are expected: give ect0 or ect1");
    }
    ip->ecn = row.ecn;
    return true;
  }
  return Expected("noecn, ect0, ect1, ect01, ce, ttl N or tos N");
}

bool Parse::ReadTransport(PacketEvent* packet) {
  const Token word = Peek();
  for (const auto& [name, message] : kLaterPackets) {
    if (word.is_word(name)) return Unsupported(word, message);
  }
  if (AcceptWord("udp")) return ReadUdp(&packet->body.emplace<UdpPacket>());
  if (AcceptWord("icmp")) {
    return ReadIcmp(packet->inbound(), &packet->body.emplace<IcmpPacket>());
  }
  return ReadTcp(packet->inbound(), &packet->body.emplace<TcpPacket>());
}

// "S. 0:0(0) ack 1 win 65535 urg 3 <mss 1460>"
bool Parse::ReadTcp(bool inbound, TcpPacket* tcp) {
  if (!ReadFlags(&tcp->flags) || !ReadSeqRange(inbound, &tcp->seq) ||
      !ReadTcpFields(inbound, tcp)) {
    return false;
  }
  if (Peek().is('<') && !ReadTcpOptions(inbound, tcp)) return false;
  if (Peek().is('/')) return Unsupported(Peek(), "TCP in UDP, /udp(...), is");
  return true;
}

// Letters and dots without blanks between them.
bool Parse::ReadFlags(uint8_t* flags) {
  if (Accept('-')) return true;
  const Token first = Peek();
  if (first.kind != Kind::kWord && !first.is('.'))
    return Expected(kFlagsWanted);
  while (Peek().kind == Kind::kWord || Peek().is('.')) {
    if (Peek().offset != first.offset && Peek().offset != end_) break;
    const Token token = Next();
    if (token.is('.')) {
      *flags |= kThAck;
      continue;
    }
    for (const char c : token.text) {
      uint8_t flag = 0;
      for (const FlagLetter& row : kFlagLetters) {
        if (row.letter == c) flag = row.flag;
      }
      if (flag == 0) return Expected(token, kFlagsWanted);
      *flags |= flag;
    }
  }
  return true;
}

// "1:1001(1000)", "...(0)", "1!:1!(0)"
bool Parse::ReadSeqRange(bool inbound, SeqRange* range) {
  const Token first = Peek();
  if (!ReadSeq(inbound, "a sequence number, as in 1:1001(1000)",
               &range->start)) {
    return false;
  }
  if (range->start.any && Peek().is('(')) {
    range->end = range->start;
  } else if (!Expect(':', "and the end of the sequence numbers") ||
             !ReadSeq(inbound, "the sequence number after the last byte",
                      &range->end)) {
    return false;
  }
  uint64_t len = 0;
  if (!Expect('(', "and the payload's length") ||
      !ReadNumber(kMaxPayload, "a payload's length", &len) ||
      !Expect(')', "after the payload's length")) {
    return false;
  }
  range->len = static_cast<uint16_t>(len);
  return CheckSeqRange(first, *range);
}

bool Parse::CheckSeqRange(const Token& at, const SeqRange& range) {
  if (range.start.any || range.end.any ||
      range.start.absolute != range.end.absolute) {
    return true;
  }
  const uint32_t end = range.start.value + range.len;
  if (range.end.value == end) return true;
  return Fail(at, "sequence numbers from " + std::to_string(range.start.value) +
                      " to " + std::to_string(range.end.value) +
                      " are not a payload of " + std::to_string(range.len) +
                      ": it would end at " + std::to_string(end));
}

// "1", "-1", "1!", "..."
bool Parse::ReadSeq(bool inbound, std::string_view what, SeqNumber* number) {
  const Token token = Peek();
  if (token.kind == Kind::kEllipsis && !inbound) {
    Next();
    number->any = true;
    return true;
  }
  const bool negative = Accept('-');
  if (Peek().kind != Kind::kInteger) return Expected(what);
  uint64_t value = 0;
  if (!ReadNumber(UINT32_MAX, "a sequence number", &value)) return false;
  number->value = static_cast<uint32_t>(negative ? -value : value);
  number->absolute = Accept('!');
  return true;
}

// "ack N", "win N", "urg N": each once.
bool Parse::ReadTcpFields(bool inbound, TcpPacket* tcp) {
  for (;;) {
    const Token word = Peek();
    const bool again = (word.is_word("ack") && tcp->ack) ||
                       (word.is_word("win") && tcp->win) ||
                       (word.is_word("urg") && tcp->urg);
    if (again) {
      return Fail(word, Quote(word.text) + " is given twice in this packet");
    }
    uint64_t number = 0;
    if (AcceptWord("ack")) {
      if (!ReadSeq(inbound, "the number that is acknowledged",
                   &tcp->ack.emplace())) {
        return false;
      }
    } else if (AcceptWord("win")) {
      if (!ReadNumber(UINT16_MAX, "a window", &number)) return false;
      tcp->win = static_cast<uint16_t>(number);
    } else if (AcceptWord("urg")) {
      if (!ReadNumber(UINT16_MAX, "an urgent pointer", &number)) return false;
      tcp->urg = static_cast<uint16_t>(number);
    } else if (word.kind == Kind::kWord) {
      return Expected("ack, win, urg, TCP options in < > or the next event");
    } else {
      return true;
    }
  }
}

// "(1000)" after udp
bool Parse::ReadUdp(UdpPacket* udp) {
  uint64_t len = 0;
  if (!Expect('(', "and the datagram's length") ||
      !ReadNumber(kMaxDatagram, "a datagram's length", &len) ||
      !Expect(')', "after the datagram's length")) {
    return false;
  }
  udp->len = static_cast<uint16_t>(len);
  return true;
}

}  // namespace splnet::drill
