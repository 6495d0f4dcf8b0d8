// What drill scripts call ICMP types and codes.  RFC 792, RFC 1122 section
// 3.2.2.1, RFC 1812 section 5.2.7.1.

#ifndef SPLNET_TOOLS_DRILL_ICMP_NAMES_H_
#define SPLNET_TOOLS_DRILL_ICMP_NAMES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace splnet::drill {

// The number of a type or of a type's code; none when there is no such name.
std::optional<uint8_t> IcmpTypeNumber(std::string_view name);
std::optional<uint8_t> IcmpCodeNumber(uint8_t type, std::string_view name);

// The name, or "type_N" and "code_N" where there is none.
std::string IcmpTypeName(uint8_t type);
std::string IcmpCodeName(uint8_t type, uint8_t code);

}  // namespace splnet::drill

#endif  // SPLNET_TOOLS_DRILL_ICMP_NAMES_H_
