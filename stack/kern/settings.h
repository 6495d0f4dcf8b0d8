// A host's settings under their sysctl names: sysctl(2).
//
// Each is an int64 in one struct, so that the stack reads a plain field; the
// table gives each its name, unit, range, a line of help, and the default of
// each personality.  A personality is nothing but those defaults: the code is
// one, and where two systems differ a setting decides.

#ifndef SPLNET_STACK_KERN_SETTINGS_H_
#define SPLNET_STACK_KERN_SETTINGS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "stack/kern/errno.h"
#include "stack/kern/settings_table.h"

namespace splnet {

enum class Personality : uint8_t { kOpenBsd, kFreeBsd };
inline constexpr size_t kPersonalities = 2;

// "openbsd" or "freebsd".
const char* PersonalityName(Personality personality);
std::optional<Personality> FindPersonality(std::string_view name);

// Settings::tcp_cc_algorithm.
inline constexpr int64_t kTcpCcNewReno = 0;
inline constexpr int64_t kTcpCcCubic = 1;

// What a fresh host of kOpenBsd has; SettingsOf() gives others.
struct Settings {
  Personality personality = Personality::kOpenBsd;
#define SPLNET_SETTINGS_FIELD(name, field, unit, openbsd, freebsd, low, high, \
                              help)                                           \
  int64_t field = openbsd;
  SPLNET_SETTINGS_TABLE(SPLNET_SETTINGS_FIELD)
#undef SPLNET_SETTINGS_FIELD
};

Settings SettingsOf(Personality personality);

struct Setting {
  const char* name;
  int64_t Settings::* field;
  const char* unit;
  int64_t initial[kPersonalities];
  int64_t low;
  int64_t high;
  const char* help;
};

// Another name of a setting, or the same in another unit.
struct SettingAlias {
  const char* name;
  int64_t Settings::* field;
  std::optional<Personality> only;  // none: known to both
  int64_t scale = 1;  // what one of this name is in the setting's unit
};

// A name that is accepted and has no effect, because this stack has no use
// for it: values from `low` to `high`.
struct IgnoredSetting {
  const char* name;
  int64_t low;
  int64_t high;
  const char* why;
};

// All settings, by the order of the table; their other names; the ignored.
std::span<const Setting> AllSettings();
std::span<const SettingAlias> SettingAliases();
std::span<const IgnoredSetting> IgnoredSettings();

// The settings that differ from what their personality begins with.
std::vector<const Setting*> ChangedSettings(const Settings& settings);

// Sets what `settings`' personality calls `name`.  kENOENT for an unknown
// name, kEINVAL for a value out of range.
Errno SetSetting(Settings& settings, std::string_view name, int64_t value);
// The same from text: a decimal number, or a word where the setting has words
// ("newreno").  kEINVAL for other text.
Errno SetSetting(Settings& settings, std::string_view name,
                 std::string_view text);
// The value under that name; kENOENT for an unknown one.
Result<int64_t> GetSetting(const Settings& settings, std::string_view name);

}  // namespace splnet

#endif  // SPLNET_STACK_KERN_SETTINGS_H_
