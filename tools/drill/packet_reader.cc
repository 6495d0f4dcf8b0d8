// Headers and options of what our host sends, their checksums and numbers.

#include "tools/drill/packet_reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "stack/netinet/in_cksum.h"
#include "stack/netinet/ip.h"
#include "stack/netinet/ip_icmp.h"
#include "stack/netinet/tcp.h"
#include "stack/netinet/udp.h"

namespace splnet::drill {
namespace {

using ByteSpan = std::span<const std::byte>;

template <typename T>
T Load(ByteSpan bytes, size_t off) {
  T value;
  std::memcpy(&value, bytes.data() + off, sizeof value);
  return value;
}

uint8_t Load8(ByteSpan bytes, size_t off) { return Load<uint8_t>(bytes, off); }
uint16_t Load16(ByteSpan bytes, size_t off) { return Load<Be16>(bytes, off); }
uint32_t Load32(ByteSpan bytes, size_t off) { return Load<Be32>(bytes, off); }

SeqNumber Number(uint32_t value) {
  SeqNumber number;
  number.value = value;
  return number;
}

MaybeNumber Value(uint32_t value) {
  MaybeNumber number;
  number.value = value;
  return number;
}

// One option that is whole; kOther for what has not its kind's length.
TcpOption ReadOption(ByteSpan bytes) {
  using Kind = TcpOption::Kind;
  TcpOption option;
  const uint8_t kind = Load8(bytes, 0);
  if (kind == kTcpOptMss && bytes.size() == 4) {
    option.kind = Kind::kMss;
    option.value = Value(Load16(bytes, 2));
  } else if (kind == kTcpOptWscale && bytes.size() == 3) {
    option.kind = Kind::kWscale;
    option.value = Value(Load8(bytes, 2));
  } else if (kind == kTcpOptSackPermitted && bytes.size() == 2) {
    option.kind = Kind::kSackOk;
  } else if (kind == kTcpOptTimestamp && bytes.size() == 10) {
    option.kind = Kind::kTimestamp;
    option.value = Value(Load32(bytes, 2));
    option.ecr = Value(Load32(bytes, 6));
  } else if (kind == kTcpOptSack && bytes.size() % 8 == 2) {
    option.kind = Kind::kSack;
    for (size_t at = 2; at < bytes.size(); at += 8) {
      SackRange range;
      range.left = Number(Load32(bytes, at));
      range.right = Number(Load32(bytes, at + 4));
      option.sack.push_back(range);
    }
  } else {
    option.kind = Kind::kOther;
    for (const std::byte b : bytes) {
      option.raw.push_back(static_cast<uint8_t>(b));
    }
  }
  return option;
}

std::vector<TcpOption> ReadOptions(ByteSpan bytes, std::string* defect) {
  std::vector<TcpOption> options;
  while (!bytes.empty()) {
    const uint8_t kind = Load8(bytes, 0);
    size_t len = 1;
    TcpOption option;
    if (kind == kTcpOptEol) {
      option.kind = TcpOption::Kind::kEol;
    } else if (kind == kTcpOptNop) {
      option.kind = TcpOption::Kind::kNop;
    } else {
      len = bytes.size() < 2 ? 0 : Load8(bytes, 1);
      if (len < 2 || len > bytes.size()) {
        *defect = "a TCP option has no length that can be";
        len = bytes.size();
      }
      option = ReadOption(bytes.first(len));
    }
    options.push_back(std::move(option));
    bytes = bytes.subspan(len);
  }
  return options;
}

// Gives the payload.
ByteSpan ReadTcp(ByteSpan body, SeenPacket* seen) {
  TcpPacket tcp;
  const auto th = Load<TcpHeader>(body, 0);
  const size_t hlen = th.hlen();
  if (hlen < sizeof th || hlen > body.size()) {
    seen->defect = "the TCP header's length is " + std::to_string(hlen);
    seen->packet.body = tcp;
    return {};
  }
  if ((th.off_x2 & 0x0f) != 0) {
    seen->defect = "the reserved bits of the TCP header are not zero";
  }
  tcp.flags = th.flags;
  tcp.seq.len = static_cast<uint16_t>(body.size() - hlen);
  tcp.seq.start = Number(th.seq);
  tcp.seq.end = Number(th.seq + tcp.seq.len);
  if ((th.flags & kThAck) != 0 || th.ack != 0) tcp.ack = Number(th.ack);
  tcp.win = th.win;
  if ((th.flags & kThUrg) != 0 || th.urp != 0) tcp.urg = th.urp;
  tcp.options =
      ReadOptions(body.subspan(sizeof th, hlen - sizeof th), &seen->defect);
  seen->packet.body = std::move(tcp);
  return body.subspan(hlen);
}

// Gives the payload.
ByteSpan ReadUdp(ByteSpan body, SeenPacket* seen) {
  UdpPacket udp;
  const uint16_t len = Load<UdpHeader>(body, 0).len;
  if (len != body.size()) {
    seen->defect = "the UDP length is " + std::to_string(len) + ", of " +
                   std::to_string(body.size()) + " bytes";
  }
  const ByteSpan payload = body.subspan(sizeof(UdpHeader));
  udp.len = static_cast<uint16_t>(payload.size());
  seen->packet.body = udp;
  return payload;
}

// What an ICMP error quotes: a packet of the script's.
std::optional<QuotedPacket> ReadQuoted(ByteSpan bytes) {
  if (bytes.size() < sizeof(IpHeader)) return std::nullopt;
  const auto ip = Load<IpHeader>(bytes, 0);
  const size_t hlen = ip.hlen();
  if (hlen < sizeof ip || bytes.size() < hlen + 8) return std::nullopt;
  QuotedPacket quoted;
  if (ip.p == kIpProtoUdp) {
    UdpPacket udp;
    udp.len = static_cast<uint16_t>(Load<UdpHeader>(bytes, hlen).len -
                                    sizeof(UdpHeader));
    quoted.body = udp;
    return quoted;
  }
  if (ip.p != kIpProtoTcp) return std::nullopt;
  SeqRange range;
  const uint32_t seq = Load32(bytes, hlen + 4);
  size_t thlen = sizeof(TcpHeader);
  if (bytes.size() > hlen + 12) thlen = 4 * (Load8(bytes, hlen + 12) >> 4);
  range.start = Number(seq);
  range.len = static_cast<uint16_t>(ip.len - hlen - thlen);
  range.end = Number(seq + range.len);
  quoted.body = range;
  return quoted;
}

void ReadIcmp(ByteSpan body, SeenPacket* seen) {
  const auto header = Load<IcmpHeader>(body, 0);
  IcmpPacket icmp;
  icmp.type = header.type;
  icmp.code = header.code;
  const bool error = header.type == kIcmpUnreach ||
                     header.type == kIcmpTimxceed ||
                     header.type == kIcmpParamProb;
  const bool need_frag =
      header.type == kIcmpUnreach &&
      header.code == static_cast<uint8_t>(IcmpUnreach::kNeedFrag);
  if (need_frag) icmp.mtu = header.seq;
  if (error) icmp.quoted = ReadQuoted(body.subspan(sizeof header));
  seen->packet.body = std::move(icmp);
}

IpPrefix ReadPrefix(const IpHeader& ip) {
  IpPrefix prefix;
  constexpr IpPrefix::Ecn kBits[] = {IpPrefix::Ecn::kNotEct,
                                     IpPrefix::Ecn::kEct1, IpPrefix::Ecn::kEct0,
                                     IpPrefix::Ecn::kCe};
  prefix.ecn = kBits[ip.tos & 3];
  prefix.ttl = ip.ttl;
  prefix.tos = ip.tos;
  return prefix;
}

std::string CheckIp(const IpHeader& ip, ByteSpan bytes,
                    const ScriptSettings& settings) {
  const size_t hlen = ip.hlen();
  if (ip.vhl >> 4 != 4) return "the IP version is not 4";
  if (hlen < sizeof ip || hlen > bytes.size()) {
    return "the IP header's length is " + std::to_string(hlen);
  }
  if (in_cksum_field(in_cksum_partial(bytes.data(), hlen)) != 0) {
    return "the IP header's checksum is wrong";
  }
  if (ip.len != bytes.size()) {
    return "the IP length is " + std::to_string(ip.len) + ", of " +
           std::to_string(bytes.size()) + " bytes";
  }
  if (bytes.size() > settings.mtu) {
    return "it has " + std::to_string(bytes.size()) + " bytes, the MTU is " +
           std::to_string(settings.mtu);
  }
  if ((ip.off & (kIpMf | kIpOffMask)) != 0) return "it is a fragment";
  if ((ip.off & kIpRf) != 0) return "the reserved bit of the IP header is set";
  if (InAddr(ip.src) != settings.local_ip) {
    return "it comes from " + FormatAddr(ip.src);
  }
  return "";
}

std::string CheckTransport(const IpHeader& ip, ByteSpan body) {
  const CksumPartial sum = in_cksum_partial(body.data(), body.size());
  if (ip.p == kIpProtoIcmp) {
    return in_cksum_field(sum) == 0 ? "" : "the ICMP checksum is wrong";
  }
  const uint16_t rest =
      in_cksum_field(sum + in_pseudo(ip.src, ip.dst, ip.p, body.size()));
  if (ip.p == kIpProtoUdp) {
    const bool none = Load<UdpHeader>(body, 0).sum == 0;
    return none || rest == 0 ? "" : "the UDP checksum is wrong";
  }
  return rest == 0 ? "" : "the TCP checksum is wrong";
}

size_t LeastHeader(uint8_t protocol) {
  switch (protocol) {
    case kIpProtoTcp:
      return sizeof(TcpHeader);
    case kIpProtoUdp:
      return sizeof(UdpHeader);
    case kIpProtoIcmp:
      return sizeof(IcmpHeader);
    default:
      return SIZE_MAX;
  }
}

// What our host sent becomes part of the flow's history.
void NoteSent(SeenPacket* seen, ByteSpan payload, FlowTable& flows) {
  Flow& flow = *seen->flow;
  flows.NoteSent(flow);
  const auto* const tcp = std::get_if<TcpPacket>(&seen->packet.body);
  flow.last_sent_len = static_cast<uint16_t>(payload.size());
  if (tcp == nullptr) return;
  flow.NoteSent(tcp->flags, tcp->seq.start.value);
  flow.last_sent_seq = tcp->seq.start.value;
  seen->iss = flow.iss;
}

// "" if the payload is what our programs wrote; else what is wrong with it.
std::string CheckPayload(const SeenPacket& seen, ByteSpan payload,
                         const FlowTable& flows) {
  uint32_t position = 0;
  const WrittenStream* written = &flows.datagram();
  if (const auto* const tcp = std::get_if<TcpPacket>(&seen.packet.body)) {
    const uint32_t syn = (tcp->flags & kThSyn) != 0 ? 1 : 0;
    position = tcp->seq.start.value + syn - seen.iss.value_or(0) - 1;
    written = &seen.flow->texts;
  }
  size_t differs = 0;
  if (written->Matches(position, payload, &differs)) return "";
  return "byte " + std::to_string(differs) +
         " of the payload is not what the program wrote";
}

void ReadTransport(const IpHeader& ip, ByteSpan body, FlowTable& flows,
                   SeenPacket* seen) {
  const Sockaddr local(ip.src, Load16(body, 0));
  const Sockaddr remote(ip.dst, Load16(body, 2));
  seen->flow = flows.Get(ip.p, local, remote);
  ByteSpan payload;
  if (ip.p == kIpProtoTcp) {
    payload = ReadTcp(body, seen);
  } else {
    payload = ReadUdp(body, seen);
  }
  if (seen->flow == nullptr) {
    seen->defect = "it belongs to one conversation too many";
    return;
  }
  NoteSent(seen, payload, flows);
  if (seen->defect.empty()) {
    seen->defect = CheckPayload(*seen, payload, flows);
  }
}

void Rename(SeqNumber* number, const SeqNumber* like, uint32_t base) {
  if (like != nullptr && like->absolute) {
    number->absolute = true;
  } else {
    number->value -= base;
  }
}

void RenameSeq(TcpPacket* tcp, const TcpPacket* like, const SeenPacket& seen) {
  Flow& flow = *seen.flow;
  // A RST that answers a segment without ACK is numbered 0, whatever the
  // connection was (RFC 9293 section 3.10.7.1).
  constexpr uint8_t kRstAck = kThRst | kThAck;
  if ((tcp->flags & kRstAck) == kRstAck && tcp->seq.start.value == 0) return;
  const bool present = seen.iss == flow.iss;
  const bool numbered =
      like != nullptr && !like->seq.start.any && !like->seq.start.absolute;
  if ((tcp->flags & kThSyn) != 0 && present && flow.iss && numbered &&
      !std::exchange(flow.iss_named, true)) {
    // The script may call the initial number something else than 0.
    flow.seq_base = *flow.iss - like->seq.start.value;
  }
  const uint32_t base = present ? flow.seq_base : seen.iss.value_or(0);
  Rename(&tcp->seq.start, like == nullptr ? nullptr : &like->seq.start, base);
  Rename(&tcp->seq.end, like == nullptr ? nullptr : &like->seq.end, base);
}

const TcpOption* FindTimestamp(const TcpPacket& tcp) {
  for (const TcpOption& option : tcp.options) {
    if (option.kind == TcpOption::Kind::kTimestamp) return &option;
  }
  return nullptr;
}

// Our host's timestamp as the script calls it.
void RenameTimestamp(MaybeNumber* val, const TcpPacket* like, Flow& flow) {
  const TcpOption* const named =
      like == nullptr ? nullptr : FindTimestamp(*like);
  const uint32_t wire = val->value;
  if (named != nullptr && !named->value.any &&
      flow.NameTimestamp(named->value.value, wire)) {
    val->value = named->value.value;
    return;
  }
  val->value = wire - flow.ts_base.value_or(0);
}

}  // namespace

SeenPacket ReadPacket(Nanoseconds time, ByteSpan bytes, FlowTable& flows,
                      const ScriptSettings& settings) {
  SeenPacket seen;
  seen.time = time;
  seen.packet.direction = PacketEvent::Direction::kOut;
  if (bytes.size() < sizeof(IpHeader)) {
    seen.defect = "it is too short for an IP header";
    return seen;
  }
  const auto ip = Load<IpHeader>(bytes, 0);
  seen.packet.ip = ReadPrefix(ip);
  seen.defect = CheckIp(ip, bytes, settings);
  const size_t hlen = std::clamp(ip.hlen(), sizeof ip, bytes.size());
  const ByteSpan body = bytes.subspan(hlen);
  if (body.size() < LeastHeader(ip.p)) {
    if (seen.defect.empty()) {
      seen.defect = "it has " + std::to_string(body.size()) +
                    " bytes of IP protocol " + std::to_string(ip.p);
    }
    return seen;
  }
  if (seen.defect.empty()) seen.defect = CheckTransport(ip, body);
  if (ip.p == kIpProtoIcmp) {
    ReadIcmp(body, &seen);
  } else {
    ReadTransport(ip, body, flows, &seen);
  }
  return seen;
}

PacketEvent ToScriptNumbers(const SeenPacket& seen,
                            const PacketEvent* expected) {
  PacketEvent packet = seen.packet;
  auto* const tcp = std::get_if<TcpPacket>(&packet.body);
  if (tcp == nullptr || seen.flow == nullptr) return packet;
  const auto* const like =
      expected == nullptr ? nullptr : std::get_if<TcpPacket>(&expected->body);
  RenameSeq(tcp, like, seen);
  if (tcp->ack && like != nullptr && like->ack) {
    tcp->ack->absolute = like->ack->absolute;
  }
  for (TcpOption& option : tcp->options) {
    if (option.kind == TcpOption::Kind::kTimestamp) {
      RenameTimestamp(&option.value, like, *seen.flow);
    }
  }
  return packet;
}

}  // namespace splnet::drill
