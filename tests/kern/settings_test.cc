// The settings table: names, ranges and defaults.

#include "stack/kern/settings.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace splnet {
namespace {

TEST(Settings, EveryDefaultIsInItsRangeAndEveryNameIsItsOwn) {
  std::set<std::string> names;
  const Settings fresh;
  for (const Setting& setting : AllSettings()) {
    SCOPED_TRACE(setting.name);
    EXPECT_TRUE(names.insert(setting.name).second);
    EXPECT_LE(setting.low, setting.initial);
    EXPECT_GE(setting.high, setting.initial);
    EXPECT_EQ(fresh.*setting.field, setting.initial);
    EXPECT_NE(std::string(setting.help), "");
  }
  EXPECT_GT(names.size(), 20u);
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

// The numbers that BSD is known by.
TEST(Settings, DefaultsAreThoseOfBsd) {
  const Settings settings;
  EXPECT_EQ(settings.sb_max, 2 * 1024 * 1024);
  EXPECT_EQ(settings.udp_sendspace, 9216);
  EXPECT_EQ(settings.udp_recvspace, 40 * (1024 + 16));
  EXPECT_EQ(settings.tcp_sendspace, 16384);
  EXPECT_EQ(settings.tcp_recvspace, 16384);
  EXPECT_EQ(settings.tcp_mssdflt, 512);
  EXPECT_EQ(settings.somaxconn, 128);
  EXPECT_EQ(settings.sominconn, 80);
  EXPECT_EQ(settings.ip_maxqueue, 300);
}

}  // namespace
}  // namespace splnet
