// The table of settings.

#include "stack/kern/settings.h"

namespace splnet {

std::span<const Setting> AllSettings() {
  static constexpr Setting kSettings[] = {
#define SPLNET_SETTINGS_ROW(name, field, unit, value, low, high, help) \
  {name, &Settings::field, unit, value, low, high, help},
      SPLNET_SETTINGS_TABLE(SPLNET_SETTINGS_ROW)
#undef SPLNET_SETTINGS_ROW
  };
  return kSettings;
}

const Setting* FindSetting(std::string_view name) {
  for (const Setting& setting : AllSettings()) {
    if (setting.name == name) return &setting;
  }
  return nullptr;
}

Errno SetSetting(Settings& settings, std::string_view name, int64_t value) {
  const Setting* const setting = FindSetting(name);
  if (setting == nullptr) return kENOENT;
  if (value < setting->low || value > setting->high) return kEINVAL;
  settings.*setting->field = value;
  return kOk;
}

}  // namespace splnet
