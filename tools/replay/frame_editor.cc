// Changing frames.  RFC 1071, RFC 1624.

#include "tools/replay/frame_editor.h"

#include <algorithm>
#include <cstring>

#include "stack/net/if_ethersubr.h"
#include "stack/netinet/udp.h"

namespace splnet {
namespace {

constexpr size_t kTcpSumOffset = 16;
constexpr size_t kUdpSumOffset = 6;
constexpr size_t kIpSumOffset = 10;

// The sum of `bytes` as 16-bit numbers, not folded; few enough for 32 bits.
uint32_t SumOf(std::span<const std::byte> bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    sum += static_cast<uint32_t>(bytes[i]) << (i % 2 == 0 ? 8 : 0);
  }
  return sum;
}

uint16_t Fold(uint32_t sum) {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(sum);
}

template <typename T>
void WriteAt(std::span<std::byte> bytes, size_t offset, const T& value) {
  std::memcpy(bytes.data() + offset, &value, sizeof(T));
}

void FillIpSum(std::span<std::byte> frame, size_t l3, size_t hlen) {
  WriteAt(frame, l3 + kIpSumOffset, Be16(0));
  const auto sum = static_cast<uint16_t>(~Fold(SumOf(frame.subspan(l3, hlen))));
  WriteAt(frame, l3 + kIpSumOffset, Be16(sum));
}

uint32_t PseudoHeaderSum(const InAddr& src, const InAddr& dst, uint8_t protocol,
                         size_t len) {
  return (src.v4() >> 16) + (src.v4() & 0xffff) + (dst.v4() >> 16) +
         (dst.v4() & 0xffff) + protocol + static_cast<uint32_t>(len);
}

// 0 stands for "no checksum" in UDP, and 0xffff is the same number.
void FillTransportSum(std::span<std::byte> frame, size_t l4, size_t at,
                      uint32_t pseudo) {
  WriteAt(frame, at, Be16(0));
  auto sum = static_cast<uint16_t>(~Fold(pseudo + SumOf(frame.subspan(l4))));
  if (sum == 0) sum = 0xffff;
  WriteAt(frame, at, Be16(sum));
}

}  // namespace

void FrameEditor::Load(std::span<const std::byte> frame, const Packet& packet,
                       const EtherAddr& src, const EtherAddr& dst) {
  const auto inner = frame.subspan(packet.l3, packet.end - packet.l3);
  frame_.resize(kEtherHdrLen + inner.size());
  WriteAt<EtherHeader>(frame_, 0, {dst, src, packet.ethertype});
  std::copy(inner.begin(), inner.end(), frame_.begin() + kEtherHdrLen);
  packet_ = packet;
  packet_.l3 = kEtherHdrLen;
  packet_.l4 = packet.l4 - packet.l3 + kEtherHdrLen;
  packet_.payload = packet.payload - packet.l3 + kEtherHdrLen;
  packet_.end = static_cast<uint32_t>(frame_.size());
  packet_.vlans = 0;
  if (packet.kind == PacketKind::kTcp || packet.kind == PacketKind::kUdp) {
    CompleteOffload();
  }
}

uint32_t FrameEditor::PseudoSum() const {
  return PseudoHeaderSum(packet_.src.addr, packet_.dst.addr, packet_.protocol,
                         frame_.size() - packet_.l4);
}

void FrameEditor::CompleteOffload() {
  const auto ip = ReadAt<IpHeader>(frame_, packet_.l3);
  if (uint16_t{ip.len} == 0) {
    WriteAt(frame_, packet_.l3 + offsetof(IpHeader, len),
            Be16(static_cast<uint16_t>(
                std::min<size_t>(frame_.size() - packet_.l3, kIpMaxPacket))));
    FillIpSum(frame_, packet_.l3, ip.hlen());
  }
  const bool tcp = packet_.kind == PacketKind::kTcp;
  const size_t at = packet_.l4 + (tcp ? kTcpSumOffset : kUdpSumOffset);
  // What a sender leaves in the field is the sum of the pseudo-header.
  if (uint16_t{ReadAt<Be16>(frame_, at)} == Fold(PseudoSum())) {
    FillTransportSum(frame_, packet_.l4, at, PseudoSum());
  }
}

void FrameEditor::Put(size_t offset, std::span<const std::byte> bytes) {
  // Sums of the words that change, before and after, with the weight of each
  // byte's place; the field's error stays because only the difference goes in.
  int64_t difference = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const int shift = (offset + i - packet_.l4) % 2 == 0 ? 8 : 0;
    difference += (int64_t{static_cast<uint8_t>(bytes[i])} -
                   int64_t{static_cast<uint8_t>(frame_[offset + i])})
                  << shift;
    frame_[offset + i] = bytes[i];
  }
  constexpr int64_t kOnes = 0xffff;
  const size_t at = packet_.l4 + kTcpSumOffset;
  const int64_t sum = kOnes - uint16_t{ReadAt<Be16>(frame_, at)};
  int64_t changed = (sum + difference) % kOnes;
  if (changed <= 0) changed += kOnes;
  WriteAt(frame_, at, Be16(static_cast<uint16_t>(kOnes - changed)));
}

void FrameEditor::Put16(size_t offset, uint16_t value) {
  const Be16 be(value);
  Put(offset, std::as_bytes(std::span(&be, 1)));
}

void FrameEditor::Put32(size_t offset, uint32_t value) {
  const Be32 be(value);
  Put(offset, std::as_bytes(std::span(&be, 1)));
}

void FrameEditor::SetTsecr(uint32_t tsecr) {
  if (packet_.tcp.options.ts_offset == 0) return;
  Put32(packet_.l4 + packet_.tcp.options.ts_offset + 6, tsecr);
}

void FrameEditor::SetSack(std::span<const SackBlock> blocks) {
  const TcpOptions& options = packet_.tcp.options;
  if (options.sack_offset == 0) return;
  const size_t size = 2 + size_t{8} * options.sacks;
  std::vector<std::byte> option(size, std::byte{kTcpOptNop});
  if (!blocks.empty()) {
    option[0] = std::byte{kTcpOptSack};
    option[1] = static_cast<std::byte>(2 + 8 * blocks.size());
    for (size_t i = 0; i < blocks.size(); ++i) {
      WriteAt(option, 2 + 8 * i, Be32(blocks[i].left));
      WriteAt(option, 6 + 8 * i, Be32(blocks[i].right));
    }
  }
  Put(packet_.l4 + options.sack_offset, option);
}

void FrameEditor::MakePureAck() {
  frame_.resize(packet_.payload);
  packet_.end = packet_.payload;
  packet_.payload_len = 0;
  packet_.tcp.flags &= kThAck;
  frame_[packet_.l4 + 13] = std::byte{packet_.tcp.flags};
  WriteAt(frame_, packet_.l4 + offsetof(TcpHeader, urp), Be16(0));
  FillChecksums();
}

void FrameEditor::FillChecksums() {
  const auto ip = ReadAt<IpHeader>(frame_, packet_.l3);
  WriteAt(frame_, packet_.l3 + offsetof(IpHeader, len),
          Be16(static_cast<uint16_t>(frame_.size() - packet_.l3)));
  FillIpSum(frame_, packet_.l3, ip.hlen());
  FillTransportSum(frame_, packet_.l4, packet_.l4 + kTcpSumOffset, PseudoSum());
}

TcpSum CheckTcpSum(std::span<const std::byte> frame, const Packet& packet) {
  if (packet.truncated) return TcpSum::kUnknown;
  // Without a length in its header it has not left the sender.
  const auto ip = ReadAt<IpHeader>(frame, packet.l3);
  if (uint16_t{ip.len} == 0) return TcpSum::kUnfilled;
  const auto segment = frame.subspan(packet.l4, packet.end - packet.l4);
  const uint32_t pseudo = PseudoHeaderSum(packet.src.addr, packet.dst.addr,
                                          kIpProtoTcp, segment.size());
  if (Fold(pseudo + SumOf(segment)) == 0xffff) return TcpSum::kGood;
  return uint16_t{ReadAt<Be16>(segment, kTcpSumOffset)} == Fold(pseudo)
             ? TcpSum::kUnfilled
             : TcpSum::kBad;
}

std::vector<std::byte> MakeSegment(const MadeSegment& s) {
  constexpr size_t kL4 = kEtherHdrLen + sizeof(IpHeader);
  std::vector<std::byte> frame(kL4 + sizeof(TcpHeader) + s.options.size() +
                               s.payload.size());
  WriteAt<EtherHeader>(frame, 0, {s.ether_dst, s.ether_src, kEthertypeIp});
  IpHeader ip{};
  ip.vhl = 0x45;
  ip.len = static_cast<uint16_t>(frame.size() - kEtherHdrLen);
  ip.id = s.ip_id;
  ip.off = kIpDf;
  ip.ttl = 64;
  ip.p = kIpProtoTcp;
  ip.src = s.src.addr.wire4();
  ip.dst = s.dst.addr.wire4();
  WriteAt(frame, kEtherHdrLen, ip);
  TcpHeader th{};
  th.sport = s.src.port;
  th.dport = s.dst.port;
  th.seq = s.seq;
  th.ack = s.ack;
  th.off_x2 =
      static_cast<uint8_t>((sizeof(TcpHeader) + s.options.size()) / 4 << 4);
  th.flags = s.flags;
  th.win = s.win;
  WriteAt(frame, kL4, th);
  const auto rest = std::copy(s.options.begin(), s.options.end(),
                              frame.begin() + kL4 + sizeof(TcpHeader));
  std::copy(s.payload.begin(), s.payload.end(), rest);
  FillIpSum(frame, kEtherHdrLen, sizeof(IpHeader));
  FillTransportSum(
      frame, kL4, kL4 + kTcpSumOffset,
      PseudoHeaderSum(s.src.addr, s.dst.addr, kIpProtoTcp, frame.size() - kL4));
  return frame;
}

}  // namespace splnet
