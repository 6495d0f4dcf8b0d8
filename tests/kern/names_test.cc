// Names that reports print: errors, drops, functions, fates, copies.

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "stack/kern/drop.h"
#include "stack/kern/errno.h"
#include "stack/kern/ledger.h"
#include "stack/kern/tracer.h"

namespace splnet {
namespace {

TEST(Names, ErrnoHasBsdsValuesAndNames) {
  EXPECT_EQ(static_cast<int>(kEWOULDBLOCK), 35);
  EXPECT_EQ(static_cast<int>(kETIMEDOUT), 60);
  EXPECT_STREQ(errno_name(kEPIPE), "EPIPE");
  EXPECT_STREQ(errno_name(kOk), "0");
  EXPECT_STREQ(errno_name(static_cast<Errno>(9999)), "errno?");
  EXPECT_STREQ(errno_text(kECONNREFUSED), "Connection refused");
}

TEST(Names, EveryDropReasonHasItsOwn) {
  std::set<std::string> names;
  std::set<std::string> texts;
  for (size_t i = 0; i < kDropReasons; ++i) {
    const auto reason = static_cast<DropReason>(i);
    EXPECT_TRUE(names.insert(DropName(reason)).second) << DropName(reason);
    EXPECT_TRUE(texts.insert(DropText(reason)).second) << DropText(reason);
  }
  EXPECT_EQ(names.count("?"), 0u);
}

TEST(Names, EveryKindOfCopyHasItsOwn) {
  std::set<std::string> names;
  for (size_t i = 0; i < kCopyKinds; ++i) {
    EXPECT_TRUE(names.insert(CopyKindName(static_cast<CopyKind>(i))).second);
  }
}

TEST(Names, FunctionsAreThoseOfThePath) {
  EXPECT_STREQ(FnName(Fn::kEtherInput), "ether_input");
  EXPECT_STREQ(FnName(Fn::kTxRing), "NIC ring");
  EXPECT_STREQ(FateName(Fate::kOutOfWindow), "out of window");
}

TEST(Ledger, DmaIsNotTheCpusWork) {
  Ledger ledger;
  ledger.Copy(CopyKind::kCopyin, 100);
  ledger.Copy(CopyKind::kDmaTx, 1000);
  ledger.Copy(CopyKind::kDmaRx, 1000);
  ledger.Copy(CopyKind::kPullup, 20);
  EXPECT_EQ(ledger.CpuBytes(), 120u);
  EXPECT_EQ(ledger.bytes(CopyKind::kDmaTx), 1000u);
  EXPECT_EQ(ledger.copies[0].calls, 1u);
}

}  // namespace
}  // namespace splnet
