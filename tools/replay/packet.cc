// Taking a captured frame apart.

#include "tools/replay/packet.h"

#include <algorithm>
#include <cstring>

#include "stack/net/if_ethersubr.h"
#include "stack/netinet/udp.h"
#include "traces/capture_format.h"

namespace splnet {
namespace {

constexpr int kMaxVlanTags = 4;

Packet Refuse(Packet packet, Unusable why) {
  packet.kind = PacketKind::kUnusable;
  packet.why = why;
  return packet;
}

Packet Accept(Packet packet, PacketKind kind) {
  packet.kind = kind;
  packet.why = Unusable::kUsable;
  return packet;
}

Packet ParseTcp(Packet packet, std::span<const std::byte> frame,
                uint32_t wire_end) {
  if (packet.l4 + sizeof(TcpHeader) > frame.size()) {
    return Refuse(packet, Unusable::kTruncated);
  }
  const auto th = ReadAt<TcpHeader>(frame, packet.l4);
  const auto payload = static_cast<uint32_t>(packet.l4 + th.hlen());
  if (th.hlen() < sizeof(TcpHeader) || payload > wire_end) {
    return Refuse(packet, Unusable::kTransport);
  }
  if (payload > frame.size()) return Refuse(packet, Unusable::kTruncated);
  packet.src.port = th.sport;
  packet.dst.port = th.dport;
  packet.payload = payload;
  packet.payload_len = wire_end - payload;
  TcpFields& tcp = packet.tcp;
  tcp.seq = th.seq;
  tcp.ack = th.ack;
  tcp.win = th.win;
  tcp.urp = th.urp;
  tcp.flags = th.flags;
  tcp.options = ParseTcpOptions(frame.subspan(packet.l4 + sizeof(TcpHeader),
                                              th.hlen() - sizeof(TcpHeader)));
  return Accept(packet, PacketKind::kTcp);
}

Packet ParseUdp(Packet packet, std::span<const std::byte> frame,
                uint32_t wire_end) {
  if (packet.l4 + sizeof(UdpHeader) > frame.size()) {
    return Refuse(packet, Unusable::kTruncated);
  }
  const auto uh = ReadAt<UdpHeader>(frame, packet.l4);
  if (uh.len < sizeof(UdpHeader) || packet.l4 + uh.len > wire_end) {
    return Refuse(packet, Unusable::kTransport);
  }
  packet.src.port = uh.sport;
  packet.dst.port = uh.dport;
  packet.payload = static_cast<uint32_t>(packet.l4 + sizeof(UdpHeader));
  packet.payload_len = static_cast<uint32_t>(uh.len - sizeof(UdpHeader));
  // IP may carry more than the datagram.
  packet.end = std::min(packet.end, packet.payload + packet.payload_len);
  if (packet.truncated) return Refuse(packet, Unusable::kTruncated);
  return Accept(packet, PacketKind::kUdp);
}

Packet ParseIcmp(Packet packet, std::span<const std::byte> frame,
                 uint32_t wire_end) {
  if (packet.l4 + sizeof(IcmpHeader) > wire_end) {
    return Refuse(packet, Unusable::kTransport);
  }
  if (packet.truncated) return Refuse(packet, Unusable::kTruncated);
  packet.icmp = ReadAt<IcmpHeader>(frame, packet.l4);
  packet.payload = static_cast<uint32_t>(packet.l4 + sizeof(IcmpHeader));
  packet.payload_len = wire_end - packet.payload;
  return Accept(packet, PacketKind::kIcmp);
}

Packet ParseIp(Packet packet, std::span<const std::byte> frame,
               uint32_t wire_len) {
  if (packet.l3 + sizeof(IpHeader) > frame.size()) {
    const bool cut = wire_len > frame.size();
    return Refuse(packet, cut ? Unusable::kTruncated : Unusable::kIpHeader);
  }
  const auto ip = ReadAt<IpHeader>(frame, packet.l3);
  // Segmentation offload may leave the length at 0: then the frame tells it.
  const bool by_frame = uint16_t{ip.len} == 0 && ip.p == kIpProtoTcp;
  const uint32_t ip_len = by_frame ? wire_len - packet.l3 : uint32_t{ip.len};
  const uint32_t wire_end = packet.l3 + ip_len;
  if (ip.vhl >> 4 != 4 || ip.hlen() < sizeof(IpHeader) || ip.hlen() > ip_len ||
      wire_end > std::max<size_t>(wire_len, frame.size())) {
    return Refuse(packet, Unusable::kIpHeader);
  }
  packet.protocol = ip.p;
  packet.ttl = ip.ttl;
  packet.tos = ip.tos;
  packet.ip_id = ip.id;
  packet.ip_flags = ip.off;
  packet.src.addr = ip.src;
  packet.dst.addr = ip.dst;
  packet.l4 = static_cast<uint32_t>(packet.l3 + ip.hlen());
  packet.truncated = wire_end > frame.size();
  packet.end = std::min(wire_end, static_cast<uint32_t>(frame.size()));
  packet.payload = std::min(packet.l4, packet.end);
  if ((ip.off & (kIpMf | kIpOffMask)) != 0) {
    return Refuse(packet, Unusable::kFragment);
  }
  if (packet.l4 > frame.size()) return Refuse(packet, Unusable::kTruncated);
  switch (ip.p) {
    case kIpProtoTcp:
      return ParseTcp(packet, frame, wire_end);
    case kIpProtoUdp:
      return ParseUdp(packet, frame, wire_end);
    case kIpProtoIcmp:
      return ParseIcmp(packet, frame, wire_end);
    default:
      return Refuse(packet, Unusable::kProtocol);
  }
}

Packet ParseArp(Packet packet, std::span<const std::byte> frame) {
  if (packet.l3 + sizeof(ArpHeader) > frame.size()) {
    return Refuse(packet, Unusable::kArpMalformed);
  }
  packet.arp = ReadAt<ArpHeader>(frame, packet.l3);
  const ArpHeader& ah = packet.arp;
  if (uint16_t{ah.hrd} != kArphrdEther || uint16_t{ah.pro} != kEthertypeIp ||
      ah.hln != 6 || ah.pln != 4) {
    return Refuse(packet, Unusable::kArpMalformed);
  }
  packet.src.addr = ah.spa;
  packet.dst.addr = ah.tpa;
  packet.end = static_cast<uint32_t>(packet.l3 + sizeof(ArpHeader));
  packet.payload = packet.end;
  return Accept(packet, PacketKind::kArp);
}

uint32_t Load32(std::span<const std::byte> bytes, size_t offset) {
  return ReadAt<Be32>(bytes, offset);
}

void ReadTcpOption(uint8_t kind, std::span<const std::byte> option, size_t at,
                   TcpOptions& options) {
  const auto offset = static_cast<uint8_t>(sizeof(TcpHeader) + at);
  if (kind == kTcpOptMss && option.size() == 4) {
    options.mss = ReadAt<Be16>(option, 2);
  } else if (kind == kTcpOptWscale && option.size() == 3) {
    options.has_wscale = true;
    options.wscale = std::min(static_cast<uint8_t>(option[2]), kTcpMaxWinShift);
  } else if (kind == kTcpOptSackPermitted && option.size() == 2) {
    options.sack_permitted = true;
  } else if (kind == kTcpOptTimestamp && option.size() == 10) {
    options.ts_offset = offset;
    options.tsval = Load32(option, 2);
    options.tsecr = Load32(option, 6);
  } else if (kind == kTcpOptSack && option.size() % 8 == 2) {
    options.sack_offset = offset;
    options.sacks =
        static_cast<uint8_t>(std::min(option.size() / 8, options.sack.size()));
    for (size_t i = 0; i < options.sacks; ++i) {
      options.sack[i] = {Load32(option, 2 + 8 * i), Load32(option, 6 + 8 * i)};
    }
  }
}

}  // namespace

const char* UnusableText(Unusable why) {
  switch (why) {
#define SPLNET_UNUSABLE_CASE(name, text) \
  case Unusable::name:                   \
    return text;
    SPLNET_UNUSABLE_TABLE(SPLNET_UNUSABLE_CASE)
#undef SPLNET_UNUSABLE_CASE
  }
  return "unknown";
}

TcpOptions ParseTcpOptions(std::span<const std::byte> bytes) {
  TcpOptions options;
  size_t at = 0;
  while (at < bytes.size()) {
    const auto kind = static_cast<uint8_t>(bytes[at]);
    if (kind == kTcpOptEol) break;
    if (kind == kTcpOptNop) {
      ++at;
      continue;
    }
    const size_t size =
        at + 1 < bytes.size() ? static_cast<size_t>(bytes[at + 1]) : 0;
    if (size < 2 || at + size > bytes.size()) {
      options.malformed = true;
      break;
    }
    ReadTcpOption(kind, bytes.subspan(at, size), at, options);
    at += size;
  }
  return options;
}

Packet ParsePacket(uint16_t link_type, std::span<const std::byte> frame,
                   uint32_t wire_len) {
  Packet packet;
  if (link_type != kLinkTypeEthernet) {
    return Refuse(packet, Unusable::kLinkType);
  }
  if (frame.size() < kEtherHdrLen) return Refuse(packet, Unusable::kLinkShort);
  wire_len = std::max(wire_len, static_cast<uint32_t>(frame.size()));
  const auto eh = ReadAt<EtherHeader>(frame, 0);
  packet.ether_src = eh.shost;
  packet.ether_dst = eh.dhost;
  packet.ethertype = eh.type;
  packet.l3 = kEtherHdrLen;
  packet.end = static_cast<uint32_t>(frame.size());
  while ((packet.ethertype == kEthertypeVlan ||
          packet.ethertype == kEthertypeQinq) &&
         packet.vlans < kMaxVlanTags) {
    if (packet.l3 + kEtherVlanTagLen > frame.size()) {
      return Refuse(packet, Unusable::kLinkShort);
    }
    packet.ethertype = ReadAt<Be16>(frame, packet.l3 + 2);
    packet.l3 += kEtherVlanTagLen;
    ++packet.vlans;
  }
  switch (packet.ethertype) {
    case kEthertypeIp:
      return ParseIp(packet, frame, wire_len);
    case kEthertypeArp:
      return ParseArp(packet, frame);
    case kEthertypeIpv6:
      return Refuse(packet, Unusable::kIpv6);
    default:
      return Refuse(packet, Unusable::kEthertype);
  }
}

}  // namespace splnet
