// What drill scripts call ICMP types and codes.

#include "tools/drill/icmp_names.h"

#include <array>
#include <charconv>

#include "stack/netinet/ip_icmp.h"

namespace splnet::drill {
namespace {

struct TypeRow {
  uint8_t type;
  std::string_view name;
};
constexpr std::array<TypeRow, 13> kTypes = {
    {{kIcmpEchoReply, "echo_reply"},
     {kIcmpUnreach, "unreachable"},
     {kIcmpSourceQuench, "source_quench"},
     {kIcmpRedirect, "redirect"},
     {kIcmpEcho, "echo_request"},
     {kIcmpTimxceed, "time_exceeded"},
     {kIcmpParamProb, "parameter_problem"},
     {kIcmpTstamp, "timestamp_request"},
     {kIcmpTstampReply, "timestamp_reply"},
     {15, "information_request"},
     {16, "information_reply"},
     {17, "address_mask_request"},
     {18, "address_mask_reply"}}};

struct CodeRow {
  uint8_t type;
  uint8_t code;
  std::string_view name;
};
constexpr std::array<CodeRow, 24> kCodes = {
    {{kIcmpUnreach, 0, "net_unreachable"},
     {kIcmpUnreach, 1, "host_unreachable"},
     {kIcmpUnreach, 2, "protocol_unreachable"},
     {kIcmpUnreach, 3, "port_unreachable"},
     {kIcmpUnreach, 4, "frag_needed"},
     {kIcmpUnreach, 5, "source_route_failed"},
     {kIcmpUnreach, 6, "net_unknown"},
     {kIcmpUnreach, 7, "host_unknown"},
     {kIcmpUnreach, 8, "source_host_isolated"},
     {kIcmpUnreach, 9, "net_prohibited"},
     {kIcmpUnreach, 10, "host_prohibited"},
     {kIcmpUnreach, 11, "net_unreachable_for_tos"},
     {kIcmpUnreach, 12, "host_unreachable_for_tos"},
     {kIcmpUnreach, 13, "packet_filtered"},
     {kIcmpUnreach, 14, "precedence_violation"},
     {kIcmpUnreach, 15, "precedence_cutoff"},
     {kIcmpRedirect, 0, "redirect_net"},
     {kIcmpRedirect, 1, "redirect_host"},
     {kIcmpRedirect, 2, "redirect_tos_net"},
     {kIcmpRedirect, 3, "redirect_tos_host"},
     {kIcmpTimxceed, kIcmpTimxceedInTrans, "ttl_exceeded"},
     {kIcmpTimxceed, kIcmpTimxceedReass, "reassembly_time_exceeded"},
     {kIcmpParamProb, 0, "pointer_problem"},
     {kIcmpParamProb, 1, "missing_option"}}};

// The number after `prefix` in "type_3" and "code_4".
std::optional<uint8_t> NumberAfter(std::string_view prefix,
                                   std::string_view name) {
  if (!name.starts_with(prefix)) return std::nullopt;
  name.remove_prefix(prefix.size());
  uint8_t number = 0;
  const char* const end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data(), end, number);
  if (error != std::errc() || stop != end) return std::nullopt;
  return number;
}

}  // namespace

std::optional<uint8_t> IcmpTypeNumber(std::string_view name) {
  for (const TypeRow& row : kTypes) {
    if (row.name == name) return row.type;
  }
  return NumberAfter("type_", name);
}

std::optional<uint8_t> IcmpCodeNumber(uint8_t type, std::string_view name) {
  for (const CodeRow& row : kCodes) {
    if (row.type == type && row.name == name) return row.code;
  }
  return NumberAfter("code_", name);
}

std::string IcmpTypeName(uint8_t type) {
  for (const TypeRow& row : kTypes) {
    if (row.type == type) return std::string(row.name);
  }
  return "type_" + std::to_string(type);
}

std::string IcmpCodeName(uint8_t type, uint8_t code) {
  for (const CodeRow& row : kCodes) {
    if (row.type == type && row.code == code) return std::string(row.name);
  }
  return "code_" + std::to_string(code);
}

}  // namespace splnet::drill
