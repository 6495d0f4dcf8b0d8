// The table of settings, their other names, and how they are set.

#include "stack/kern/settings.h"

#include <charconv>
#include <system_error>

namespace splnet {
namespace {

constexpr const char* kPersonalityNames[kPersonalities] = {"openbsd",
                                                           "freebsd"};

// A word that stands for a value.
struct SettingWord {
  int64_t Settings::* field;
  const char* word;
  int64_t value;
};
constexpr SettingWord kWords[] = {
    {&Settings::tcp_cc_algorithm, "newreno", kTcpCcNewReno},
    {&Settings::tcp_cc_algorithm, "cubic", kTcpCcCubic},
};

const Setting& RowOf(int64_t Settings::* field) {
  for (const Setting& setting : AllSettings()) {
    if (setting.field == field) return setting;
  }
  return AllSettings().front();  // every alias names a row: a test looks
}

// What a name means to one personality.
struct Meaning {
  const Setting* setting = nullptr;
  int64_t scale = 1;
};

Meaning FindMeaning(Personality personality, std::string_view name) {
  for (const SettingAlias& alias : SettingAliases()) {
    if (alias.name != name) continue;
    if (alias.only && *alias.only != personality) continue;
    return {&RowOf(alias.field), alias.scale};
  }
  for (const Setting& setting : AllSettings()) {
    if (setting.name == name) return {&setting, 1};
  }
  return {};
}

const IgnoredSetting* FindIgnored(std::string_view name) {
  for (const IgnoredSetting& ignored : IgnoredSettings()) {
    if (ignored.name == name) return &ignored;
  }
  return nullptr;
}

}  // namespace

const char* PersonalityName(Personality personality) {
  return kPersonalityNames[static_cast<size_t>(personality)];
}

std::optional<Personality> FindPersonality(std::string_view name) {
  for (size_t i = 0; i < kPersonalities; ++i) {
    if (kPersonalityNames[i] == name) return static_cast<Personality>(i);
  }
  return std::nullopt;
}

std::span<const Setting> AllSettings() {
  static constexpr Setting kSettings[] = {
#define SPLNET_SETTINGS_ROW(name, field, unit, openbsd, freebsd, low, high, \
                            help)                                           \
  {name, &Settings::field, unit, {openbsd, freebsd}, low, high, help},
      SPLNET_SETTINGS_TABLE(SPLNET_SETTINGS_ROW)
#undef SPLNET_SETTINGS_ROW
  };
  return kSettings;
}

std::span<const SettingAlias> SettingAliases() {
  constexpr auto kOpen = Personality::kOpenBsd;
  constexpr auto kFree = Personality::kFreeBsd;
  static constexpr SettingAlias kAliases[] = {
      {"kern.ipc.maxsockbuf", &Settings::sb_max, {}},
      {"kern.ipc.nmbclusters", &Settings::nmbclusters, {}},
      {"kern.ipc.somaxconn", &Settings::somaxconn, {}},
      {"kern.ipc.soacceptqueue", &Settings::somaxconn, {}},
      {"net.inet.ip.mtudisc", &Settings::tcp_mtudisc, {}},
      {"net.inet.icmp.icmplim", &Settings::icmp_errppslimit, kFree},
      {"net.inet.udp.maxdgram", &Settings::udp_sendspace, {}},
      {"net.inet.tcp.sack.enable", &Settings::tcp_sack, {}},
      {"net.inet.tcp.ecn", &Settings::tcp_ecn, {}},
      {"net.inet.tcp.keepinittime", &Settings::tcp_keepinit, kOpen, 1000},
      // The same names in seconds, as OpenBSD's sysctl(2) has them.
      {"net.inet.tcp.keepidle", &Settings::tcp_keepidle, kOpen, 1000},
      {"net.inet.tcp.keepintvl", &Settings::tcp_keepintvl, kOpen, 1000},
      {"net.inet.tcp.sack.globalmaxholes", &Settings::tcp_sackholelimit, {}},
      {"net.inet.tcp.syncache.cachelimit", &Settings::tcp_syncache_limit, {}},
      {"net.inet.tcp.syncache.bucketlimit",
       &Settings::tcp_syn_bucket_limit,
       {}},
  };
  return kAliases;
}

std::span<const IgnoredSetting> IgnoredSettings() {
  static constexpr IgnoredSetting kIgnored[] = {
      {"kern.timecounter.alloweddeviation", 0, 100, "timers are exact"},
      {"net.inet.tcp.hostcache.purgenow", 0, 1,
       "a fresh host remembers nothing of others"},
      {"net.inet.tcp.hostcache.enable", 0, 1,
       "a fresh host remembers nothing of others"},
      {"net.inet.tcp.fastopen.client_enable", 0, 1, "there is no Fast Open"},
      {"net.inet.tcp.fastopen.server_enable", 0, 0, "there is no Fast Open"},
      {"net.inet.tcp.udp_tunneling_port", 0, 0, "there is no TCP in UDP"},
      {"net.inet.tcp.udp_tunneling_overhead", 0, 1024,
       "there is no TCP in UDP"},
  };
  return kIgnored;
}

Settings SettingsOf(Personality personality) {
  Settings settings;
  settings.personality = personality;
  for (const Setting& setting : AllSettings()) {
    settings.*setting.field = setting.initial[static_cast<size_t>(personality)];
  }
  return settings;
}

std::vector<const Setting*> ChangedSettings(const Settings& settings) {
  const auto column = static_cast<size_t>(settings.personality);
  std::vector<const Setting*> changed;
  for (const Setting& setting : AllSettings()) {
    if (settings.*setting.field != setting.initial[column]) {
      changed.push_back(&setting);
    }
  }
  return changed;
}

Errno SetSetting(Settings& settings, std::string_view name, int64_t value) {
  if (const IgnoredSetting* const ignored = FindIgnored(name)) {
    return value < ignored->low || value > ignored->high ? kEINVAL : kOk;
  }
  const Meaning meaning = FindMeaning(settings.personality, name);
  if (meaning.setting == nullptr) return kENOENT;
  const Setting& setting = *meaning.setting;
  if (value < setting.low / meaning.scale ||
      value > setting.high / meaning.scale ||
      value * meaning.scale < setting.low) {
    return kEINVAL;
  }
  settings.*setting.field = value * meaning.scale;
  return kOk;
}

Errno SetSetting(Settings& settings, std::string_view name,
                 std::string_view text) {
  const Meaning meaning = FindMeaning(settings.personality, name);
  if (meaning.setting != nullptr) {
    for (const SettingWord& word : kWords) {
      if (word.field != meaning.setting->field || word.word != text) continue;
      settings.*word.field = word.value;
      return kOk;
    }
  } else if (FindIgnored(name) == nullptr) {
    return kENOENT;
  }
  int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [last, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || last != end) return kEINVAL;
  return SetSetting(settings, name, value);
}

Result<int64_t> GetSetting(const Settings& settings, std::string_view name) {
  if (FindIgnored(name) != nullptr) return int64_t{0};
  const Meaning meaning = FindMeaning(settings.personality, name);
  if (meaning.setting == nullptr) return kENOENT;
  return settings.*meaning.setting->field / meaning.scale;
}

}  // namespace splnet
