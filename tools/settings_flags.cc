// The flags --personality and --set.

#include "tools/settings_flags.h"

#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace splnet {
namespace {

// "least to most unit" of what has that name.
std::string RangeOf(std::string_view name) {
  for (const IgnoredSetting& ignored : IgnoredSettings()) {
    if (ignored.name == name) {
      return absl::StrCat(ignored.low, " to ", ignored.high, ", for ",
                          ignored.why);
    }
  }
  int64_t Settings::* field = nullptr;
  for (const SettingAlias& alias : SettingAliases()) {
    if (alias.name == name) field = alias.field;
  }
  for (const Setting& setting : AllSettings()) {
    if (setting.field != field && setting.name != name) continue;
    const char* const space = *setting.unit == '\0' ? "" : " ";
    return absl::StrCat(setting.low, " to ", setting.high, space, setting.unit);
  }
  return "a number";
}

}  // namespace

void AddSettingsFlags(CLI::App& verb, SettingsFlags& flags) {
  verb.add_option("--personality", flags.personality,
                  "whose settings and habits the stack has: openbsd (the "
                  "default) or freebsd")
      ->type_name("openbsd|freebsd");
  verb.add_option("--set", flags.set,
                  "a setting by its sysctl name, as net.inet.tcp.sack=0; may "
                  "be given several times")
      ->type_name("NAME=VALUE")
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

absl::Status AssignSetting(Settings& settings, std::string_view assignment) {
  const std::string text(assignment);
  const size_t equals = assignment.find('=');
  if (equals == std::string_view::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text, "': give a setting as name=value"));
  }
  const std::string name(assignment.substr(0, equals));
  switch (SetSetting(settings, name, assignment.substr(equals + 1))) {
    case kOk:
      return absl::OkStatus();
    case kENOENT:
      return absl::NotFoundError(
          absl::StrCat("'", text, "': there is no setting ", name,
                       ": splnet sysctl lists those that there are"));
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("'", text, "': give ", name, " ", RangeOf(name)));
  }
}

absl::StatusOr<Settings> ReadSettings(const SettingsFlags& flags) {
  const std::optional<Personality> personality =
      FindPersonality(flags.personality);
  if (!personality) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--personality '", flags.personality, "': give openbsd or freebsd"));
  }
  Settings settings = SettingsOf(*personality);
  for (const std::string& assignment : flags.set) {
    const absl::Status status = AssignSetting(settings, assignment);
    if (!status.ok()) {
      return absl::Status(status.code(),
                          absl::StrCat("--set ", status.message()));
    }
  }
  return settings;
}

std::string DescribeSettings(const Settings& settings) {
  std::string text = PersonalityName(settings.personality);
  for (const Setting* const changed : ChangedSettings(settings)) {
    absl::StrAppend(&text, ", ", changed->name, " ", settings.*changed->field);
  }
  return text;
}

}  // namespace splnet
