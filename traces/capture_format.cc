// Recognises capture formats and names link types.

#include "traces/capture_format.h"

#include <string_view>

#include "absl/strings/str_cat.h"

namespace splnet {
namespace {

struct LinkTypeEntry {
  uint16_t number;
  const char* name;
};

constexpr LinkTypeEntry kLinkTypes[] = {
    {kLinkTypeNull, "NULL"},
    {kLinkTypeEthernet, "ETHERNET"},
    {3, "AX25"},
    {6, "IEEE802_5"},
    {8, "SLIP"},
    {kLinkTypePpp, "PPP"},
    {10, "FDDI"},
    {50, "PPP_HDLC"},
    {51, "PPP_ETHER"},
    {100, "ATM_RFC1483"},
    {kLinkTypeRaw, "RAW"},
    {104, "C_HDLC"},
    {105, "IEEE802_11"},
    {107, "FRELAY"},
    {kLinkTypeLoop, "LOOP"},
    {kLinkTypeLinuxSll, "LINUX_SLL"},
    {117, "PFLOG"},
    {119, "IEEE802_11_PRISM"},
    {122, "IP_OVER_FC"},
    {127, "IEEE802_11_RADIOTAP"},
    {163, "IEEE802_11_AVS"},
    {187, "BLUETOOTH_HCI_H4"},
    {189, "USB_LINUX"},
    {192, "PPI"},
    {195, "IEEE802_15_4_WITHFCS"},
    {201, "BLUETOOTH_HCI_H4_WITH_PHDR"},
    {220, "USB_LINUX_MMAPPED"},
    {227, "CAN_SOCKETCAN"},
    {kLinkTypeIpv4, "IPV4"},
    {kLinkTypeIpv6, "IPV6"},
    {230, "IEEE802_15_4_NOFCS"},
    {239, "NFLOG"},
    {247, "INFINIBAND"},
    {249, "USBPCAP"},
    {252, "WIRESHARK_UPPER_PDU"},
    {253, "NETLINK"},
    {kLinkTypeLinuxSll2, "LINUX_SLL2"},
};

struct Signature {
  std::string_view magic;
  const char* what;  // continues "FILE "
};

constexpr Signature kForeignFormats[] = {
    {"\x1f\x8b", "is compressed with gzip: unpack it first (gunzip)"},
    {"\x28\xb5\x2f\xfd", "is compressed with zstd: unpack it first (unzstd)"},
    {"\xfd"
     "7zXZ",
     "is compressed with xz: unpack it first (unxz)"},
    {"BZh", "is compressed with bzip2: unpack it first (bunzip2)"},
    {"\x04\x22\x4d\x18", "is compressed with lz4: unpack it first (unlz4)"},
    {"PK\x03\x04", "is a zip archive: unpack it first (unzip)"},
    {"snoop\0", "is a snoop capture: convert it (editcap -F pcapng IN OUT)"},
    {"GMBU",
     "is a Network Monitor capture: convert it (editcap -F pcapng IN "
     "OUT)"},
    {"\x7f"
     "ELF",
     "is a program, not a capture"},
};

std::string_view AsText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

std::string LinkTypeName(uint16_t link_type) {
  for (const LinkTypeEntry& entry : kLinkTypes) {
    if (entry.number == link_type) return entry.name;
  }
  return absl::StrCat("link type ", link_type);
}

CaptureFormat IdentifyCapture(std::span<const std::byte> bytes) {
  if (bytes.size() < 4) return CaptureFormat::kTooShort;
  for (const bool swapped : {false, true}) {
    switch (LoadCapture32(bytes.data(), swapped)) {
      case kPcapMagicMicros:
      case kPcapMagicNanos:
      case kPcapMagicKuznetzov:
        return CaptureFormat::kPcap;
      case kBlockSection:
        return CaptureFormat::kPcapng;
      default:
        break;
    }
  }
  return CaptureFormat::kForeign;
}

std::string DescribeForeign(std::span<const std::byte> bytes) {
  const std::string_view text = AsText(bytes);
  for (const Signature& signature : kForeignFormats) {
    if (text.starts_with(signature.magic)) return signature.what;
  }
  std::string first;
  for (size_t i = 0; i < bytes.size() && i < 4; ++i) {
    absl::StrAppend(&first, i == 0 ? "" : " ",
                    absl::Hex(static_cast<uint8_t>(bytes[i]), absl::kZeroPad2));
  }
  return absl::StrCat("is not a capture: it begins with the bytes ", first,
                      "; pcap and pcapng are read (editcap -F pcapng IN OUT "
                      "converts many others)");
}

}  // namespace splnet
