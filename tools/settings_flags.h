// The flags --personality and --set, which every verb that runs a stack has.

#ifndef SPLNET_TOOLS_SETTINGS_FLAGS_H_
#define SPLNET_TOOLS_SETTINGS_FLAGS_H_

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "stack/kern/settings.h"

namespace splnet {

// The flags as they were given.
struct SettingsFlags {
  std::string personality = "openbsd";
  std::vector<std::string> set;  // "name=value"
};

// Adds both flags to `verb`; `flags` outlives it.
void AddSettingsFlags(CLI::App& verb, SettingsFlags& flags);

// The settings that the flags ask for; an error quotes the wrong word and says
// what it may be.
absl::StatusOr<Settings> ReadSettings(const SettingsFlags& flags);

// Sets one "name=value".
absl::Status AssignSetting(Settings& settings, std::string_view assignment);

// "freebsd, net.inet.tcp.delacktime 200": the personality, and what differs
// from it.
std::string DescribeSettings(const Settings& settings);

}  // namespace splnet

#endif  // SPLNET_TOOLS_SETTINGS_FLAGS_H_
