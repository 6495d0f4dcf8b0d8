// Headers, options, payload and checksums of what the script sends.

#include "tools/drill/packet_builder.h"

#include <cstring>
#include <utility>

#include "stack/netinet/in_cksum.h"
#include "stack/netinet/ip.h"
#include "stack/netinet/ip_icmp.h"
#include "stack/netinet/tcp.h"
#include "stack/netinet/udp.h"

namespace splnet::drill {
namespace {

constexpr uint8_t kDefaultTtl = 64;

// Bytes in the order in which they are put.
class Bytes {
 public:
  template <typename T>
  void Put(const T& value) {
    const auto* const p = reinterpret_cast<const std::byte*>(&value);
    bytes_.insert(bytes_.end(), p, p + sizeof value);
  }
  void Put8(uint32_t value) { Put(static_cast<uint8_t>(value)); }
  void Put16(uint32_t value) { Put(Be16(static_cast<uint16_t>(value))); }
  void Put32(uint32_t value) { Put(Be32(value)); }
  void PutPattern(uint32_t position, size_t len) {
    for (size_t i = 0; i < len; ++i) {
      bytes_.push_back(PatternByte(position + static_cast<uint32_t>(i)));
    }
  }
  template <typename T>
  void Replace(size_t off, const T& value) {
    std::memcpy(bytes_.data() + off, &value, sizeof value);
  }
  size_t size() const { return bytes_.size(); }
  const std::byte* data() const { return bytes_.data(); }
  std::vector<std::byte> Take() { return std::move(bytes_); }

 private:
  std::vector<std::byte> bytes_;
};

uint8_t TosOf(const IpPrefix& ip) {
  if (ip.tos) return *ip.tos;
  switch (ip.ecn) {
    case IpPrefix::Ecn::kEct0:
      return 2;
    case IpPrefix::Ecn::kEct1:
      return 1;
    case IpPrefix::Ecn::kCe:
      return 3;
    default:
      return 0;
  }
}

IpHeader HeaderOf(const IpPrefix& prefix, uint8_t protocol, const InAddr& src,
                  const InAddr& dst, size_t payload) {
  IpHeader ip;
  ip.vhl = 0x45;
  ip.tos = TosOf(prefix);
  ip.len = static_cast<uint16_t>(sizeof ip + payload);
  ip.ttl = prefix.ttl.value_or(kDefaultTtl);
  ip.p = protocol;
  ip.src = src.wire4();
  ip.dst = dst.wire4();
  ip.sum = in_cksum_field(in_cksum_20(&ip));
  return ip;
}

// The checksum of `body` behind a pseudo-header.
uint16_t TransportSum(const IpHeader& ip, const Bytes& body) {
  return in_cksum_field(in_pseudo(ip.src, ip.dst, ip.p, body.size()) +
                        in_cksum_partial(body.data(), body.size()));
}

uint32_t WireSeq(const Flow& flow, const SeqNumber& number) {
  return number.absolute ? number.value : flow.ToWireSeq(number.value);
}

void PutOption(Bytes& out, const TcpOption& option, const Flow& flow,
               bool acks) {
  switch (option.kind) {
    case TcpOption::Kind::kEol:
      return out.Put8(kTcpOptEol);
    case TcpOption::Kind::kNop:
      return out.Put8(kTcpOptNop);
    case TcpOption::Kind::kMss:
      out.Put8(kTcpOptMss);
      out.Put8(4);
      return out.Put16(option.value.value);
    case TcpOption::Kind::kWscale:
      out.Put8(kTcpOptWscale);
      out.Put8(3);
      return out.Put8(option.value.value);
    case TcpOption::Kind::kSackOk:
      out.Put8(kTcpOptSackPermitted);
      return out.Put8(2);
    case TcpOption::Kind::kSack:
      out.Put8(kTcpOptSack);
      out.Put8(static_cast<uint32_t>(2 + 8 * option.sack.size()));
      for (const SackRange& range : option.sack) {
        out.Put32(WireSeq(flow, range.left));
        out.Put32(WireSeq(flow, range.right));
      }
      return;
    case TcpOption::Kind::kTimestamp: {
      const uint32_t ecr = option.ecr.value;
      out.Put8(kTcpOptTimestamp);
      out.Put8(10);
      out.Put32(option.value.value);
      return out.Put32(acks ? flow.ToWireEcr(ecr) : ecr);
    }
    case TcpOption::Kind::kOther:
      for (const uint8_t byte : option.raw) out.Put8(byte);
      return;
  }
}

BuiltPacket BuildTcp(const PacketEvent& packet, const TcpPacket& tcp,
                     Flow& flow) {
  const bool acks = (tcp.flags & kThAck) != 0;
  Bytes options;
  for (const TcpOption& option : tcp.options) {
    PutOption(options, option, flow, acks);
  }
  while (options.size() % 4 != 0) options.Put8(kTcpOptEol);
  if (options.size() > kTcpMaxOptLen) {
    return {{},
            "the options take " + std::to_string(options.size()) +
                " bytes; a header has room for 40"};
  }

  const size_t hlen = sizeof(TcpHeader) + options.size();
  TcpHeader th{};
  th.sport = flow.remote.port;
  th.dport = flow.local.port;
  th.seq = tcp.seq.start.value;
  if (tcp.ack) {
    const bool raw = tcp.ack->absolute || !acks;
    th.ack = raw ? tcp.ack->value : flow.ToWireSeq(tcp.ack->value);
  }
  th.off_x2 = static_cast<uint8_t>(hlen / 4 << 4);
  th.flags = tcp.flags;
  th.win = tcp.win.value_or(0);
  th.urp = tcp.urg.value_or(0);

  Bytes body;
  body.Put(th);
  for (size_t i = 0; i < options.size(); ++i) body.Put(options.data()[i]);
  // The stream's first byte is the one behind the SYN.
  const bool syn = (tcp.flags & kThSyn) != 0;
  const uint32_t first = syn ? 0 : th.seq - flow.irs.value_or(0) - 1;
  body.PutPattern(first, tcp.seq.len);
  const IpHeader ip = HeaderOf(packet.ip, kIpProtoTcp, flow.remote.addr,
                               flow.local.addr, body.size());
  th.sum = TransportSum(ip, body);
  body.Replace(0, th);
  flow.NoteReceived(tcp.flags, th.seq);

  Bytes out;
  out.Put(ip);
  for (size_t i = 0; i < body.size(); ++i) out.Put(body.data()[i]);
  return {out.Take(), ""};
}

BuiltPacket BuildUdp(const PacketEvent& packet, const UdpPacket& udp,
                     const Flow& flow) {
  UdpHeader uh{};
  uh.sport = flow.remote.port;
  uh.dport = flow.local.port;
  uh.len = static_cast<uint16_t>(sizeof uh + udp.len);
  Bytes body;
  body.Put(uh);
  body.PutPattern(0, udp.len);
  const IpHeader ip = HeaderOf(packet.ip, kIpProtoUdp, flow.remote.addr,
                               flow.local.addr, body.size());
  const uint16_t sum = TransportSum(ip, body);
  uh.sum = sum == 0 ? uint16_t{0xffff} : sum;
  body.Replace(0, uh);
  Bytes out;
  out.Put(ip);
  for (size_t i = 0; i < body.size(); ++i) out.Put(body.data()[i]);
  return {out.Take(), ""};
}

// The IP header and the first 8 bytes behind it of a packet that our host sent
// (RFC 792).
void PutQuoted(Bytes& out, const QuotedPacket& quoted, const Flow& flow) {
  if (const auto* const udp = std::get_if<UdpPacket>(&quoted.body)) {
    UdpHeader uh{};
    uh.sport = flow.local.port;
    uh.dport = flow.remote.port;
    uh.len = static_cast<uint16_t>(sizeof uh + udp->len);
    out.Put(HeaderOf({}, kIpProtoUdp, flow.local.addr, flow.remote.addr,
                     sizeof uh + udp->len));
    return out.Put(uh);
  }
  const auto& range = std::get<SeqRange>(quoted.body);
  IpHeader ip = HeaderOf({}, kIpProtoTcp, flow.local.addr, flow.remote.addr,
                         sizeof(TcpHeader) + range.len);
  out.Put(ip);
  out.Put16(flow.local.port);
  out.Put16(flow.remote.port);
  out.Put32(WireSeq(flow, range.start));
}

// The last packet that our host sent in `flow`.
QuotedPacket LastSent(const Flow& flow) {
  QuotedPacket quoted;
  if (flow.protocol == kIpProtoUdp) {
    quoted.body = UdpPacket{flow.last_sent_len};
    return quoted;
  }
  SeqRange range;
  range.start.value = flow.last_sent_seq;
  range.start.absolute = true;
  range.len = flow.last_sent_len;
  quoted.body = range;
  return quoted;
}

BuiltPacket BuildIcmp(const PacketEvent& packet, const IcmpPacket& icmp,
                      FlowTable& flows, const ScriptSettings& settings) {
  const bool about_udp =
      icmp.quoted && std::holds_alternative<UdpPacket>(icmp.quoted->body);
  Flow* flow = icmp.quoted ? nullptr : flows.last_sent();
  if (flow == nullptr) {
    flow = flows.Current(about_udp ? kIpProtoUdp : kIpProtoTcp);
  }
  if (flow == nullptr) return {{}, "too many conversations"};
  IcmpHeader header;
  header.type = icmp.type;
  header.code = icmp.code;
  header.seq = icmp.mtu.value_or(0);
  Bytes body;
  body.Put(header);
  // Only errors are about a packet.
  const bool error = icmp.type == kIcmpUnreach ||
                     icmp.type == kIcmpSourceQuench ||
                     icmp.type == kIcmpRedirect || icmp.type == kIcmpTimxceed ||
                     icmp.type == kIcmpParamProb;
  if (error || icmp.quoted)
    PutQuoted(body, icmp.quoted ? *icmp.quoted : LastSent(*flow), *flow);
  header.sum = in_cksum_field(in_cksum_partial(body.data(), body.size()));
  body.Replace(0, header);
  Bytes out;
  out.Put(HeaderOf(packet.ip, kIpProtoIcmp, settings.remote_ip,
                   settings.local_ip, body.size()));
  for (size_t i = 0; i < body.size(); ++i) out.Put(body.data()[i]);
  return {out.Take(), ""};
}

}  // namespace

BuiltPacket BuildPacket(const PacketEvent& packet, FlowTable& flows,
                        const ScriptSettings& settings) {
  if (const auto* const icmp = std::get_if<IcmpPacket>(&packet.body)) {
    return BuildIcmp(packet, *icmp, flows, settings);
  }
  const auto* const udp = std::get_if<UdpPacket>(&packet.body);
  Flow* const flow = flows.Current(udp != nullptr ? kIpProtoUdp : kIpProtoTcp);
  if (flow == nullptr) return {{}, "too many conversations"};
  if (udp != nullptr) return BuildUdp(packet, *udp, *flow);
  return BuildTcp(packet, std::get<TcpPacket>(packet.body), *flow);
}

}  // namespace splnet::drill
