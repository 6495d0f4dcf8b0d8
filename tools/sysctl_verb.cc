// `splnet sysctl`: lists the settings of a host, as sysctl(8) does.

#include "tools/sysctl_verb.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "stack/kern/settings.h"
#include "tools/settings_flags.h"
#include "tools/verb.h"

namespace splnet {
namespace {

constexpr char kVerb[] = "sysctl";
constexpr char kHelp[] =
    "Lists the settings that --set and a script's sysctl command take, with "
    "their values, ranges and other names";
constexpr char kFooter[] = R"(Example:
  splnet sysctl
  splnet sysctl --personality freebsd net.inet.tcp

Exit status: 0 settings were listed; 2 bad usage, or no setting has that name.)";

struct Flags {
  std::vector<std::string> names;
  SettingsFlags settings;
};

// Whether `name` is `asked` or below it: "net.inet.tcp" takes all of TCP's.
bool Matches(std::string_view name, std::string_view asked) {
  return name.substr(0, asked.size()) == asked &&
         (name.size() == asked.size() || name[asked.size()] == '.');
}

bool Wanted(const Flags& flags, std::string_view name) {
  return flags.names.empty() ||
         std::any_of(
             flags.names.begin(), flags.names.end(),
             [name](std::string_view asked) { return Matches(name, asked); });
}

// "name=value  # help; 1 to 255 hops".
std::string Line(std::string_view name, int64_t value, const Setting& setting,
                 int64_t scale) {
  const std::string assignment =
      absl::StrCat(absl::string_view(name.data(), name.size()), "=", value);
  const std::string unit = scale == 1      ? setting.unit
                           : scale == 1000 ? "seconds"
                                           : "";
  return absl::StrFormat("%-44s # %s; %d to %d%s%s\n", assignment, setting.help,
                         scale == 1 ? setting.low : 1, setting.high / scale,
                         unit.empty() ? "" : " ", unit);
}

// What a name of the table is to `personality`: itself, or in another unit.
int64_t ScaleOf(const Setting& setting, Personality personality) {
  for (const SettingAlias& alias : SettingAliases()) {
    if (std::string_view(alias.name) != setting.name) continue;
    if (!alias.only || *alias.only == personality) return alias.scale;
  }
  return 1;
}

std::string List(const Flags& flags, const Settings& settings) {
  std::string text;
  for (const Setting& setting : AllSettings()) {
    if (!Wanted(flags, setting.name)) continue;
    const int64_t scale = ScaleOf(setting, settings.personality);
    absl::StrAppend(&text, Line(setting.name, settings.*setting.field / scale,
                                setting, scale));
  }
  for (const SettingAlias& alias : SettingAliases()) {
    const auto row = std::find_if(
        AllSettings().begin(), AllSettings().end(),
        [&](const Setting& setting) { return setting.field == alias.field; });
    if (alias.only && *alias.only != settings.personality) continue;
    if (!Wanted(flags, alias.name)) continue;
    if (std::string_view(alias.name) == row->name) continue;
    absl::StrAppend(&text, absl::StrFormat("%-44s # the same as %s\n",
                                           alias.name, row->name));
  }
  for (const IgnoredSetting& ignored : IgnoredSettings()) {
    if (!Wanted(flags, ignored.name)) continue;
    absl::StrAppend(&text, absl::StrFormat("%-44s # no effect: %s; %d to %d\n",
                                           ignored.name, ignored.why,
                                           ignored.low, ignored.high));
  }
  return text;
}

int Run(const Flags& flags) {
  const absl::StatusOr<Settings> settings = ReadSettings(flags.settings);
  if (!settings.ok()) {
    return Complain(kVerb, std::string(settings.status().message()),
                    kExitUsage);
  }
  for (const std::string& name : flags.names) {
    Flags one;
    one.names = {name};
    if (!List(one, *settings).empty()) continue;
    return Complain(kVerb,
                    absl::StrCat("there is no setting '", name,
                                 "': splnet sysctl lists those that there are"),
                    kExitUsage);
  }
  const std::string text = List(flags, *settings);
  std::fwrite(text.data(), 1, text.size(), stdout);
  if (std::fflush(stdout) != 0) {
    return Complain(kVerb, "standard output cannot be written", kExitFailed);
  }
  return kExitOk;
}

}  // namespace

void AddSysctlVerb(CLI::App& app, int* status) {
  CLI::App* const verb = app.add_subcommand(kVerb, kHelp);
  const auto flags = std::make_shared<Flags>();
  verb->footer(kFooter);
  verb->add_option("NAME", flags->names,
                   "settings to list, or what their names begin with");
  AddSettingsFlags(*verb, flags->settings);
  verb->callback([flags, status] { *status = Run(*flags); });
}

}  // namespace splnet
