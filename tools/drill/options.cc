// The option lines at the top of a drill script.

#include "tools/drill/options.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "tools/drill/lexer.h"

namespace splnet::drill {
namespace {

// Sets `settings` from `value`; otherwise gives what was expected.
using Setter = std::optional<std::string> (*)(std::string_view value,
                                              ScriptSettings* settings);
using Wanted = std::optional<std::string>;

// Accepted without effect: they are about a real kernel, real time, output or
// the language of assertions.
constexpr std::array<std::string_view, 17> kNoOps = {"code_command",
                                                     "code_format",
                                                     "code_sockopt",
                                                     "dry_run",
                                                     "init_scripts",
                                                     "is_anyip",
                                                     "persistent_tun_dev",
                                                     "send_omit_free",
                                                     "so_filename",
                                                     "so_flags",
                                                     "speed",
                                                     "tolerance_percent",
                                                     "tun",
                                                     "tun_dev",
                                                     "verbose",
                                                     "wire_client",
                                                     "wire_server"};

Wanted ReadInteger(std::string_view value, uint64_t least, uint64_t most,
                   uint64_t* number) {
  const char* const end = value.data() + value.size();
  const auto [stop, error] = std::from_chars(value.data(), end, *number);
  if (error == std::errc() && stop == end && *number >= least &&
      *number <= most) {
    return std::nullopt;
  }
  return "a whole number from " + std::to_string(least) + " to " +
         std::to_string(most);
}

Wanted ReadAddr(std::string_view value, InAddr* addr) {
  const auto parsed = ParseAddr(value);
  if (!parsed || !parsed->is_v4()) return "an IPv4 address, as 192.0.2.1";
  *addr = *parsed;
  return std::nullopt;
}

Wanted ReadPort(std::string_view value, uint16_t* port) {
  uint64_t number = 0;
  Wanted wanted = ReadInteger(value, 1, UINT16_MAX, &number);
  if (!wanted) *port = static_cast<uint16_t>(number);
  return wanted;
}

Wanted SetIpVersion(std::string_view value, ScriptSettings*) {
  if (value == "ipv4") return std::nullopt;
  return "ipv4, for other versions are not supported yet";
}

Wanted SetUdpEncapsulation(std::string_view, ScriptSettings*) {
  return "no such option, for TCP in UDP is not supported yet";
}

// RFC 791 section 3.2: every host takes 68 bytes; the greatest packet has
// 65535.
Wanted SetMtu(std::string_view value, ScriptSettings* settings) {
  uint64_t number = 0;
  Wanted wanted = ReadInteger(value, 68, UINT16_MAX, &number);
  if (!wanted) settings->mtu = static_cast<uint32_t>(number);
  return wanted;
}

Wanted SetTolerance(std::string_view value, ScriptSettings* settings) {
  constexpr uint64_t kMost = 3600000000;  // an hour
  uint64_t number = 0;
  Wanted wanted = ReadInteger(value, 0, kMost, &number);
  if (!wanted) settings->tolerance = std::chrono::microseconds(number);
  return wanted;
}

Wanted SetNonFatal(std::string_view value, ScriptSettings* settings) {
  while (!value.empty()) {
    const size_t comma = std::min(value.find(','), value.size());
    const std::string_view word = value.substr(0, comma);
    if (word == "packet") {
      settings->non_fatal_packet = true;
    } else if (word == "syscall") {
      settings->non_fatal_syscall = true;
    } else {
      break;
    }
    value.remove_prefix(std::min(comma + 1, value.size()));
    if (value.empty()) return std::nullopt;
  }
  return "packet, syscall or packet,syscall";
}

Wanted SetTimestampTick(std::string_view value, ScriptSettings* settings) {
  uint64_t number = 0;
  Wanted wanted = ReadInteger(value, 0, UINT32_MAX, &number);
  if (!wanted) settings->exact_timestamps = number > 0;
  return wanted;
}

struct Row {
  std::string_view name;
  Setter set;
};
constexpr std::array<Row, 12> kOptions = {{
    {"bind_port",
     [](std::string_view value, ScriptSettings* settings) {
       return ReadPort(value, &settings->bind_port);
     }},
    {"connect_port",
     [](std::string_view value, ScriptSettings* settings) {
       return ReadPort(value, &settings->connect_port);
     }},
    {"gateway_ip",
     [](std::string_view value, ScriptSettings* settings) {
       return ReadAddr(value, &settings->gateway_ip);
     }},
    {"ip_version", SetIpVersion},
    {"local_ip",
     [](std::string_view value, ScriptSettings* settings) {
       return ReadAddr(value, &settings->local_ip);
     }},
    {"mtu", SetMtu},
    {"netmask_ip",
     [](std::string_view value, ScriptSettings* settings) {
       return ReadAddr(value, &settings->netmask_ip);
     }},
    {"non_fatal", SetNonFatal},
    {"remote_ip",
     [](std::string_view value, ScriptSettings* settings) {
       return ReadAddr(value, &settings->remote_ip);
     }},
    {"tcp_ts_tick_usecs", SetTimestampTick},
    {"tolerance_usecs", SetTolerance},
    {"udp_encapsulation", SetUdpEncapsulation},
}};

absl::Status Refuse(const Script& script, const Option& option,
                    const std::string& message) {
  return absl::InvalidArgumentError(
      script.path + ":" + std::to_string(option.position.line) + ":" +
      std::to_string(option.position.column) + ": " + message);
}

absl::Status ReadOption(const Script& script, const Option& option,
                        ScriptSettings* settings) {
  for (const Row& row : kOptions) {
    if (row.name != option.name) continue;
    const Wanted wanted = row.set(option.value, settings);
    if (!wanted) return absl::OkStatus();
    return Refuse(script, option,
                  "expected " + *wanted + " for --" + option.name + ", found " +
                      Quote(option.value));
  }
  if (std::find(kNoOps.begin(), kNoOps.end(), option.name) != kNoOps.end()) {
    return absl::OkStatus();
  }
  std::string known;
  for (const Row& row : kOptions) known.append(" --").append(row.name);
  return Refuse(script, option,
                "expected one of the options" + known + ", found " +
                    Quote("--" + option.name));
}

}  // namespace

absl::StatusOr<ScriptSettings> ReadSettings(const Script& script) {
  ScriptSettings settings;
  for (const Option& option : script.options) {
    absl::Status status = ReadOption(script, option, &settings);
    if (!status.ok()) return status;
  }
  return settings;
}

}  // namespace splnet::drill
