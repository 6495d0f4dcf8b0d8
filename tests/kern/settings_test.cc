// The settings table: names, ranges, personalities.

#include "stack/kern/settings.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace splnet {
namespace {

TEST(Settings, EveryDefaultIsInItsRangeAndEveryNameIsItsOwn) {
  std::set<std::string> names;
  for (const Setting& setting : AllSettings()) {
    SCOPED_TRACE(setting.name);
    EXPECT_TRUE(names.insert(setting.name).second);
    for (size_t i = 0; i < kPersonalities; ++i) {
      EXPECT_LE(setting.low, setting.initial[i]);
      EXPECT_GE(setting.high, setting.initial[i]);
      EXPECT_EQ(SettingsOf(static_cast<Personality>(i)).*setting.field,
                setting.initial[i]);
    }
    EXPECT_EQ(Settings().*setting.field, setting.initial[0]);
    EXPECT_NE(std::string(setting.help), "");
  }
  EXPECT_GT(names.size(), 60u);
}

TEST(Settings, EveryOtherNameLeadsToARow) {
  for (const SettingAlias& alias : SettingAliases()) {
    SCOPED_TRACE(alias.name);
    bool found = false;
    for (const Setting& setting : AllSettings()) {
      found = found || setting.field == alias.field;
    }
    EXPECT_TRUE(found);
    Settings settings = SettingsOf(alias.only.value_or(Personality::kOpenBsd));
    const auto value = GetSetting(settings, alias.name);
    ASSERT_TRUE(value.ok());
    EXPECT_EQ(value.value * alias.scale, settings.*alias.field);
  }
}

TEST(Settings, AreSetByNameWithinTheirRange) {
  Settings settings;
  EXPECT_EQ(SetSetting(settings, "net.inet.ip.ttl", 255), kOk);
  EXPECT_EQ(settings.ip_ttl, 255);
  EXPECT_EQ(SetSetting(settings, "net.inet.ip.ttl", 256), kEINVAL);
  EXPECT_EQ(SetSetting(settings, "net.inet.ip.ttl", 0), kEINVAL);
  EXPECT_EQ(settings.ip_ttl, 255);
  EXPECT_EQ(SetSetting(settings, "net.inet.ip.nothing", 1), kENOENT);
}

TEST(Settings, AreSetFromTextAndByWords) {
  Settings settings;
  constexpr const char* kCc = "net.inet.tcp.cc.algorithm";
  EXPECT_EQ(SetSetting(settings, kCc, "cubic"), kOk);
  EXPECT_EQ(settings.tcp_cc_algorithm, kTcpCcCubic);
  EXPECT_EQ(SetSetting(settings, kCc, "0"), kOk);
  EXPECT_EQ(settings.tcp_cc_algorithm, kTcpCcNewReno);
  EXPECT_EQ(SetSetting(settings, kCc, "vegas"), kEINVAL);
  EXPECT_EQ(SetSetting(settings, "net.inet.ip.ttl", "12x"), kEINVAL);
  EXPECT_EQ(SetSetting(settings, "net.inet.ip.ttl", ""), kEINVAL);
  EXPECT_EQ(SetSetting(settings, "net.inet.ip.nothing", "1"), kENOENT);
}

// sysctl(2) of OpenBSD counts keepalive times in seconds, FreeBSD's tcp(4) in
// milliseconds.
TEST(Settings, KeepTheUnitOfThePersonality) {
  for (const Personality personality :
       {Personality::kOpenBsd, Personality::kFreeBsd}) {
    Settings settings = SettingsOf(personality);
    const bool openbsd = personality == Personality::kOpenBsd;
    EXPECT_EQ(GetSetting(settings, "net.inet.tcp.keepidle").value,
              openbsd ? 7200 : 7200000);
    EXPECT_EQ(SetSetting(settings, "net.inet.tcp.keepidle", 10), kOk);
    EXPECT_EQ(settings.tcp_keepidle, openbsd ? 10000 : 10);
  }
  Settings settings;
  EXPECT_EQ(SetSetting(settings, "net.inet.tcp.keepidle", INT64_MAX), kEINVAL);
  EXPECT_EQ(SetSetting(settings, "net.inet.tcp.keepidle", 0), kEINVAL);
}

TEST(Settings, TakesWhatIsIgnoredOnlyInItsRange) {
  Settings settings;
  EXPECT_EQ(SetSetting(settings, "net.inet.tcp.udp_tunneling_port", 0), kOk);
  EXPECT_EQ(SetSetting(settings, "net.inet.tcp.udp_tunneling_port", 9899),
            kEINVAL);
  EXPECT_TRUE(ChangedSettings(settings).empty());
}

TEST(Settings, TellsWhatDiffersFromThePersonality) {
  Settings settings = SettingsOf(Personality::kFreeBsd);
  EXPECT_TRUE(ChangedSettings(settings).empty());
  settings.tcp_delacktime = 200;
  const auto changed = ChangedSettings(settings);
  ASSERT_EQ(changed.size(), 1u);
  EXPECT_STREQ(changed[0]->name, "net.inet.tcp.delacktime");
}

TEST(Settings, KnowsThePersonalitiesByName) {
  EXPECT_EQ(FindPersonality("openbsd"), Personality::kOpenBsd);
  EXPECT_EQ(FindPersonality("freebsd"), Personality::kFreeBsd);
  EXPECT_EQ(FindPersonality("FreeBSD"), std::nullopt);
  EXPECT_STREQ(PersonalityName(Personality::kFreeBsd), "freebsd");
}

// The numbers that BSD is known by.
TEST(Settings, DefaultsAreThoseOfBsd) {
  const Settings settings;
  EXPECT_EQ(settings.sb_max, 2 * 1024 * 1024);
  EXPECT_EQ(settings.udp_sendspace, 9216);
  EXPECT_EQ(settings.udp_recvspace, 40 * (1024 + 16));
  EXPECT_EQ(settings.tcp_sendspace, 16384);
  EXPECT_EQ(settings.tcp_recvspace, 16384);
  EXPECT_EQ(settings.tcp_mssdflt, 512);
  EXPECT_EQ(settings.tcp_rexmit_initial, 6000);
  EXPECT_EQ(settings.somaxconn, 128);
  EXPECT_EQ(settings.sominconn, 80);
  EXPECT_EQ(settings.ip_maxqueue, 300);
  const Settings free = SettingsOf(Personality::kFreeBsd);
  EXPECT_EQ(free.tcp_recvspace, 65536);
  EXPECT_EQ(free.tcp_sendspace, 32768);
  EXPECT_EQ(free.tcp_rexmit_initial, 1000);
  EXPECT_EQ(free.tcp_rexmit_min, 30);
  EXPECT_EQ(free.tcp_rexmit_slop, 200);
  EXPECT_EQ(free.tcp_delacktime, 40);
}

}  // namespace
}  // namespace splnet
