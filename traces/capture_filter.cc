// Compiles and runs pcap filters through libpcap.

#include "traces/capture_filter.h"

#include <pcap/pcap.h>

#include <array>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "traces/capture_format.h"

namespace splnet {

struct CaptureFilter::Program {
  Program() = default;
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program() { pcap_freecode(&code); }

  uint16_t link_type = 0;
  bool big_endian = false;
  bpf_program code = {};
};

namespace {

struct PcapCloser {
  void operator()(pcap_t* pcap) const { pcap_close(pcap); }
};
using PcapHandle = std::unique_ptr<pcap_t, PcapCloser>;

// A libpcap handle on an empty capture file of that link type and byte order.
// A "dead" handle would do for most filters, but libpcap takes it for a live
// interface: it would compile `inbound` to what only a kernel can answer, and
// it would not know that a file's link headers may be in the other byte order
// or that files number some link types in their own way.
PcapHandle OpenEmpty(uint16_t link_type, bool big_endian) {
  std::array<char, kPcapFileHeaderBytes> header = {};
  const auto put = [&](size_t at, size_t size, uint32_t value) {
    for (size_t i = 0; i < size; ++i) {
      const size_t shift = 8 * (big_endian ? size - 1 - i : i);
      header[at + i] = static_cast<char>(value >> shift);
    }
  };
  put(0, 4, kPcapMagicMicros);
  put(4, 2, 2);  // version 2.4
  put(6, 2, 4);
  put(16, 4, CaptureReader::kUsualSnaplen);
  put(20, 4, link_type);
  std::FILE* const file = fmemopen(header.data(), header.size(), "rb");
  if (file == nullptr) return nullptr;
  char error[PCAP_ERRBUF_SIZE];
  PcapHandle pcap(pcap_fopen_offline(file, error));
  if (pcap == nullptr) std::fclose(file);
  return pcap;
}

// Compiles into `code`; an error is libpcap's text.
absl::Status CompileFor(const std::string& expression, uint16_t link_type,
                        bool big_endian, bpf_program* code) {
  const PcapHandle pcap = OpenEmpty(link_type, big_endian);
  if (pcap == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("libpcap has no filters for ", LinkTypeName(link_type)));
  }
  if (pcap_compile(pcap.get(), code, expression.c_str(), 1,
                   PCAP_NETMASK_UNKNOWN) != 0) {
    return absl::InvalidArgumentError(pcap_geterr(pcap.get()));
  }
  return absl::OkStatus();
}

}  // namespace

CaptureFilter::CaptureFilter(std::string expression)
    : expression_(std::move(expression)) {}
CaptureFilter::CaptureFilter(CaptureFilter&&) noexcept = default;
CaptureFilter& CaptureFilter::operator=(CaptureFilter&&) noexcept = default;
CaptureFilter::~CaptureFilter() = default;

absl::StatusOr<CaptureFilter> CaptureFilter::Compile(std::string expression) {
  // Ethernet knows nearly every word; the others have some of their own.
  constexpr uint16_t kTried[] = {kLinkTypeEthernet, kLinkTypeLinuxSll2,
                                 kLinkTypeNull, kLinkTypePpp,
                                 /*IEEE802_11_RADIOTAP=*/127};
  absl::Status first;
  for (const uint16_t link_type : kTried) {
    Program program;
    const absl::Status status =
        CompileFor(expression, link_type, false, &program.code);
    if (status.ok()) return CaptureFilter(std::move(expression));
    if (first.ok()) first = status;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("filter \"", expression, "\": ", first.message(),
                   " (see the manual page pcap-filter(7))"));
}

absl::StatusOr<const CaptureFilter::Program*> CaptureFilter::ProgramFor(
    const CaptureInterface& interface) {
  for (const std::unique_ptr<Program>& program : programs_) {
    if (program->link_type == interface.link_type &&
        program->big_endian == interface.big_endian) {
      return program.get();
    }
  }
  auto program = std::make_unique<Program>();
  program->link_type = interface.link_type;
  program->big_endian = interface.big_endian;
  const absl::Status status = CompileFor(expression_, interface.link_type,
                                         interface.big_endian, &program->code);
  if (!status.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "filter \"", expression_, "\" does not fit an interface of link type ",
        LinkTypeName(interface.link_type), ": ", status.message()));
  }
  programs_.push_back(std::move(program));
  return programs_.back().get();
}

absl::StatusOr<bool> CaptureFilter::Matches(const CaptureReader& reader,
                                            const CapturePacket& packet) {
  if (packet.interface >= by_interface_.size()) {
    by_interface_.resize(reader.interfaces().size());
  }
  const Program*& program = by_interface_[packet.interface];
  if (program == nullptr) {
    absl::StatusOr<const Program*> made =
        ProgramFor(reader.interfaces()[packet.interface]);
    if (!made.ok()) return made.status();
    program = *made;
  }
  return bpf_filter(program->code.bf_insns,
                    reinterpret_cast<const u_char*>(packet.data.data()),
                    packet.len, static_cast<u_int>(packet.caplen())) != 0;
}

}  // namespace splnet
