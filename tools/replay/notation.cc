// Packets in tcpdump's notation.

#include "tools/replay/notation.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace splnet {
namespace {

std::string OptionsNotation(const Packet& packet,
                            std::span<const std::byte> frame,
                            uint32_t ack_base) {
  const size_t begin = packet.l4 + sizeof(TcpHeader);
  if (packet.payload <= begin) return "";
  const auto bytes = frame.subspan(begin, packet.payload - begin);
  std::vector<std::string> words;
  for (size_t at = 0; at < bytes.size();) {
    const auto kind = static_cast<uint8_t>(bytes[at]);
    if (kind == kTcpOptEol) {
      words.emplace_back("eol");
      break;
    }
    if (kind == kTcpOptNop) {
      words.emplace_back("nop");
      ++at;
      continue;
    }
    const size_t size =
        at + 1 < bytes.size() ? static_cast<size_t>(bytes[at + 1]) : 0;
    if (size < 2 || at + size > bytes.size()) {
      words.emplace_back("malformed");
      break;
    }
    const TcpOptions one = ParseTcpOptions(bytes.subspan(at, size));
    if (kind == kTcpOptMss && size == 4) {
      words.push_back(absl::StrCat("mss ", one.mss));
    } else if (one.has_wscale) {
      words.push_back(absl::StrCat("wscale ", one.wscale));
    } else if (one.sack_permitted) {
      words.emplace_back("sackOK");
    } else if (one.ts_offset != 0) {
      words.push_back(
          absl::StrFormat("TS val %u ecr %u", one.tsval, one.tsecr));
    } else if (one.sack_offset != 0) {
      std::string sack = absl::StrFormat("sack %u ", one.sacks);
      for (size_t i = 0; i < one.sacks; ++i) {
        absl::StrAppendFormat(&sack, "{%u:%u}", one.sack[i].left - ack_base,
                              one.sack[i].right - ack_base);
      }
      words.push_back(std::move(sack));
    } else {
      words.push_back(absl::StrCat("unknown-", kind));
    }
    at += size;
  }
  return absl::StrCat(", options [", absl::StrJoin(words, ","), "]");
}

std::string TcpNotation(const Packet& packet, std::span<const std::byte> frame,
                        uint32_t seq_base, uint32_t ack_base) {
  const TcpFields& tcp = packet.tcp;
  std::string text = absl::StrCat("Flags ", TcpFlagsNotation(tcp.flags));
  const uint32_t seq = tcp.syn() ? tcp.seq : tcp.seq - seq_base;
  if (packet.payload_len > 0) {
    absl::StrAppendFormat(&text, ", seq %u:%u", seq, seq + packet.payload_len);
  } else if (tcp.syn() || tcp.fin() || tcp.rst()) {
    absl::StrAppendFormat(&text, ", seq %u", seq);
  }
  if (tcp.acks()) absl::StrAppendFormat(&text, ", ack %u", tcp.ack - ack_base);
  absl::StrAppendFormat(&text, ", win %u", tcp.win);
  if (tcp.has(kThUrg)) absl::StrAppendFormat(&text, ", urg %u", tcp.urp);
  absl::StrAppend(&text, OptionsNotation(packet, frame, ack_base));
  absl::StrAppendFormat(&text, ", length %u", packet.payload_len);
  return text;
}

std::string IcmpNotation(const Packet& packet) {
  const IcmpHeader& icmp = packet.icmp;
  if (icmp.type == kIcmpEcho || icmp.type == kIcmpEchoReply) {
    return absl::StrFormat("ICMP echo %s, id %u, seq %u, length %u",
                           icmp.type == kIcmpEcho ? "request" : "reply",
                           uint16_t{icmp.id}, uint16_t{icmp.seq},
                           packet.payload_len + sizeof(IcmpHeader));
  }
  return absl::StrFormat("ICMP type %u code %u, length %u", icmp.type,
                         icmp.code, packet.payload_len + sizeof(IcmpHeader));
}

std::string ArpNotation(const Packet& packet) {
  const ArpHeader& ah = packet.arp;
  if (uint16_t{ah.op} == kArpopRequest) {
    return absl::StrFormat("ARP, Request who-has %s tell %s, length %u",
                           FormatAddr(ah.tpa), FormatAddr(ah.spa),
                           sizeof(ArpHeader));
  }
  if (uint16_t{ah.op} == kArpopReply) {
    return absl::StrFormat("ARP, Reply %s is-at %s, length %u",
                           FormatAddr(ah.spa), FormatEther(ah.sha),
                           sizeof(ArpHeader));
  }
  return absl::StrFormat("ARP, op %u, length %u", uint16_t{ah.op},
                         sizeof(ArpHeader));
}

}  // namespace

std::string TcpFlagsNotation(uint8_t flags) {
  struct Letter {
    uint8_t flag;
    char letter;
  };
  constexpr Letter kLetters[] = {{kThFin, 'F'},  {kThSyn, 'S'}, {kThRst, 'R'},
                                 {kThPush, 'P'}, {kThAck, '.'}, {kThUrg, 'U'},
                                 {kThEce, 'E'},  {kThCwr, 'W'}};
  std::string text = "[";
  for (const Letter& l : kLetters) {
    if ((flags & l.flag) != 0) text.push_back(l.letter);
  }
  if (text.size() == 1) text = "[none";
  text.push_back(']');
  return text;
}

std::string TimeNotation(int64_t ns) {
  const char* const sign = ns < 0 ? "-" : "";
  const auto magnitude =
      ns < 0 ? -static_cast<uint64_t>(ns) : static_cast<uint64_t>(ns);
  return absl::StrFormat("%s%u.%09u", sign, magnitude / 1'000'000'000,
                         magnitude % 1'000'000'000);
}

std::string PacketNotation(const Packet& packet,
                           std::span<const std::byte> frame, uint32_t seq_base,
                           uint32_t ack_base) {
  switch (packet.kind) {
    case PacketKind::kArp:
      return ArpNotation(packet);
    case PacketKind::kTcp:
      return absl::StrCat("IP ", FormatSockaddr(packet.src), " > ",
                          FormatSockaddr(packet.dst), ": ",
                          TcpNotation(packet, frame, seq_base, ack_base));
    case PacketKind::kUdp:
      return absl::StrFormat("IP %s > %s: UDP, length %u",
                             FormatSockaddr(packet.src),
                             FormatSockaddr(packet.dst), packet.payload_len);
    case PacketKind::kIcmp:
      return absl::StrCat("IP ", FormatAddr(packet.src.addr), " > ",
                          FormatAddr(packet.dst.addr), ": ",
                          IcmpNotation(packet));
    case PacketKind::kUnusable:
      break;
  }
  if (packet.ethertype == 0x0800 && packet.protocol != 0) {
    return absl::StrFormat("IP %s > %s: protocol %u, length %u",
                           FormatAddr(packet.src.addr),
                           FormatAddr(packet.dst.addr), packet.protocol,
                           std::max(packet.end, packet.l4) - packet.l4);
  }
  return absl::StrFormat("ethertype 0x%04x, length %u", packet.ethertype,
                         frame.size());
}

}  // namespace splnet
