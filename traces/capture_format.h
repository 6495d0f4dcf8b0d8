// The numbers of the capture formats: magic values, block types, option codes
// and link types.
//
// Classic pcap: draft-ietf-opsawg-pcap.  pcapng: draft-ietf-opsawg-pcapng.
// Link types: the registry of draft-ietf-opsawg-pcaplinktype.

#ifndef SPLNET_TRACES_CAPTURE_FORMAT_H_
#define SPLNET_TRACES_CAPTURE_FORMAT_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

namespace splnet {

// Classic pcap: 24 bytes of file header, then records.
inline constexpr uint32_t kPcapMagicMicros = 0xa1b2c3d4;
inline constexpr uint32_t kPcapMagicNanos = 0xa1b23c4d;
// Kuznetzov's variant (patched Linux libpcap of the late 1990s): microseconds,
// and 8 more bytes in each record (interface index, protocol, packet type).
inline constexpr uint32_t kPcapMagicKuznetzov = 0xa1b2cd34;
inline constexpr size_t kPcapFileHeaderBytes = 24;
inline constexpr size_t kPcapRecordBytes = 16;
inline constexpr size_t kPcapKuznetzovRecordBytes = 24;

// pcapng: blocks of type (4), total length (4), body, total length again (4).
inline constexpr uint32_t kByteOrderMagic = 0x1a2b3c4d;
inline constexpr uint32_t kBlockInterface = 1;
inline constexpr uint32_t kBlockPacket = 2;  // obsolete
inline constexpr uint32_t kBlockSimplePacket = 3;
inline constexpr uint32_t kBlockNameResolution = 4;
inline constexpr uint32_t kBlockStatistics = 5;
inline constexpr uint32_t kBlockEnhancedPacket = 6;
inline constexpr uint32_t kBlockSecrets = 10;
inline constexpr uint32_t kBlockCustom = 0x00000bad;
inline constexpr uint32_t kBlockCustomNoCopy = 0x40000bad;
inline constexpr uint32_t kBlockSection = 0x0a0d0d0a;  // a palindrome
inline constexpr size_t kBlockFrameBytes = 12;         // type and two lengths

// Bytes of a block around its variable part, the frame included.
inline constexpr size_t kSectionBytes = 28;
inline constexpr size_t kInterfaceBytes = 20;
inline constexpr size_t kEnhancedPacketBytes = 32;
inline constexpr size_t kSimplePacketBytes = 16;
inline constexpr size_t kStatisticsBytes = 24;

// Option codes; those below 2 mean the same in every block.
inline constexpr uint16_t kOptEnd = 0;
inline constexpr uint16_t kOptComment = 1;
inline constexpr uint16_t kOptIfName = 2;
inline constexpr uint16_t kOptIfDescription = 3;
inline constexpr uint16_t kOptIfTsResol = 9;
inline constexpr uint16_t kOptIfFilter = 11;
inline constexpr uint16_t kOptIfTsOffset = 14;
inline constexpr uint16_t kOptPacketFlags = 2;
inline constexpr uint16_t kOptStatReceived = 4;
inline constexpr uint16_t kOptStatDropped = 5;

// Link types, as files number them (a live libpcap numbers some differently).
inline constexpr uint16_t kLinkTypeNull = 0;
inline constexpr uint16_t kLinkTypeEthernet = 1;
inline constexpr uint16_t kLinkTypePpp = 9;
inline constexpr uint16_t kLinkTypeRaw = 101;
inline constexpr uint16_t kLinkTypeLoop = 108;
inline constexpr uint16_t kLinkTypeLinuxSll = 113;
inline constexpr uint16_t kLinkTypeIpv4 = 228;
inline constexpr uint16_t kLinkTypeIpv6 = 229;
inline constexpr uint16_t kLinkTypeLinuxSll2 = 276;

// The registry's name without its prefix, "ETHERNET"; of one that is not in
// our list its number, "link type 147".
std::string LinkTypeName(uint16_t link_type);

// What a file is, judged by its first bytes.
enum class CaptureFormat {
  kTooShort,  // fewer than 4 bytes
  kPcap,
  kPcapng,
  kForeign,  // not ours: see DescribeForeign()
};

CaptureFormat IdentifyCapture(std::span<const std::byte> bytes);

// For a file that IdentifyCapture() calls kForeign: what it seems to be and
// how to make a capture of it, "is compressed with gzip: ...".
std::string DescribeForeign(std::span<const std::byte> bytes);

// The 32-bit number at `p`, which need not be aligned, in the host's byte
// order or, `swapped`, in the other.
inline uint32_t LoadCapture32(const std::byte* p, bool swapped) {
  uint32_t value;
  std::memcpy(&value, p, sizeof(value));
  return swapped ? __builtin_bswap32(value) : value;
}

inline uint16_t LoadCapture16(const std::byte* p, bool swapped) {
  uint16_t value;
  std::memcpy(&value, p, sizeof(value));
  return swapped ? __builtin_bswap16(value) : value;
}

inline uint64_t LoadCapture64(const std::byte* p, bool swapped) {
  uint64_t value;
  std::memcpy(&value, p, sizeof(value));
  return swapped ? __builtin_bswap64(value) : value;
}

}  // namespace splnet

#endif  // SPLNET_TRACES_CAPTURE_FORMAT_H_
