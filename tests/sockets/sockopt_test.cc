// Socket options: values, limits, errors.

#include "tests/sockets/fixture.h"

namespace splnet {
namespace {

class Sockopt : public SocketsTest {
 protected:
  Sockopt() { held = {net.Stream()}; }
  ~Sockopt() override { EXPECT_EQ(soclose(so()), kOk); }

  Socket& so() { return *held[0]; }
  Errno Set(int name, int value) {
    const int32_t v = value;
    return sosetopt(so(), kSOL_SOCKET, name,
                    std::as_bytes(std::span<const int32_t, 1>(&v, 1)));
  }
  int Get(int name) {
    SockoptValue value;
    if (sogetopt(so(), kSOL_SOCKET, name, &value) != kOk) return -1;
    EXPECT_EQ(value.len, 4u);
    int32_t v = 0;
    std::memcpy(&v, value.bytes, sizeof v);
    return v;
  }
};

TEST_F(Sockopt, FlagsAreSetAndReadAsTheirBit) {
  for (const int name :
       {kSO_DEBUG, kSO_REUSEADDR, kSO_KEEPALIVE, kSO_DONTROUTE, kSO_BROADCAST,
        kSO_OOBINLINE, kSO_REUSEPORT, kSO_TIMESTAMP}) {
    SCOPED_TRACE(name);
    EXPECT_EQ(Get(name), 0);
    EXPECT_EQ(Set(name, 7), kOk);
    EXPECT_EQ(Get(name), name);
    EXPECT_EQ(Set(name, 0), kOk);
    EXPECT_EQ(Get(name), 0);
  }
}

TEST_F(Sockopt, AValueOfTheWrongSizeIsInvalid) {
  const std::array<std::byte, 3> three = {};
  for (const int name : {kSO_LINGER, kSO_KEEPALIVE, kSO_SNDBUF, kSO_RCVTIMEO}) {
    EXPECT_EQ(sosetopt(so(), kSOL_SOCKET, name, three), kEINVAL);
    EXPECT_EQ(sosetopt(so(), kSOL_SOCKET, name, {}), kEINVAL);
  }
}

TEST_F(Sockopt, WhatThereIsNotIsNoOption) {
  EXPECT_EQ(Set(0x7777, 1), kENOPROTOOPT);
  EXPECT_EQ(Set(kSO_ERROR, 1), kENOPROTOOPT);
  EXPECT_EQ(Set(kSO_TYPE, 1), kENOPROTOOPT);
  EXPECT_EQ(Set(kSO_ACCEPTCONN, 1), kENOPROTOOPT);
  SockoptValue value;
  EXPECT_EQ(sogetopt(so(), kSOL_SOCKET, 0x7777, &value), kENOPROTOOPT);
}

TEST_F(Sockopt, BuffersAreBoundedBySbMax) {
  EXPECT_EQ(Set(kSO_SNDBUF, 30'000), kOk);
  EXPECT_EQ(Get(kSO_SNDBUF), 30'000);
  EXPECT_EQ(so().snd.wat, 30'000u);
  EXPECT_EQ(Set(kSO_RCVBUF, 2097152), kOk);
  EXPECT_EQ(Get(kSO_RCVBUF), 2097152);
  EXPECT_EQ(Set(kSO_RCVBUF, 2097153), kENOBUFS);
  EXPECT_EQ(Get(kSO_RCVBUF), 2097152);
}

TEST_F(Sockopt, NothingAndLessBecomesOneByte) {
  EXPECT_EQ(Set(kSO_RCVBUF, 0), kOk);
  EXPECT_EQ(Get(kSO_RCVBUF), 1);
  EXPECT_EQ(Set(kSO_SNDBUF, -5), kOk);
  EXPECT_EQ(Get(kSO_SNDBUF), 1);
  EXPECT_EQ(Get(kSO_SNDLOWAT), 1);
}

TEST_F(Sockopt, TheBufferOfASideThatIsShutCannotBeSet) {
  socantsendmore(so());
  EXPECT_EQ(Set(kSO_SNDBUF, 1000), kEINVAL);
  EXPECT_EQ(Set(kSO_RCVBUF, 1000), kOk);
  sorflush(so());
  EXPECT_EQ(Set(kSO_RCVBUF, 1000), kEINVAL);
}

TEST_F(Sockopt, BuffersDoNotGrowWhileMemoryIsShort) {
  const MbufPtr m = m_getcl(ns.mbufs, 65536, MWait::kWait);
  ns.mbufs.set_limit_bytes(70'000);
  EXPECT_EQ(Set(kSO_RCVBUF, 16385), kENOBUFS);
  EXPECT_EQ(Set(kSO_RCVBUF, 1000), kOk);
}

TEST_F(Sockopt, LowWaterMarksAreClippedToTheBuffer) {
  EXPECT_EQ(Get(kSO_RCVLOWAT), 1);
  EXPECT_EQ(Get(kSO_SNDLOWAT), 2048);
  EXPECT_EQ(Set(kSO_RCVLOWAT, 100'000), kOk);
  EXPECT_EQ(Get(kSO_RCVLOWAT), 16384);
  EXPECT_EQ(Set(kSO_RCVLOWAT, 0), kOk);
  EXPECT_EQ(Get(kSO_RCVLOWAT), 1);
  EXPECT_EQ(Set(kSO_SNDLOWAT, 5000), kOk);
  EXPECT_EQ(Set(kSO_SNDBUF, 4000), kOk);
  EXPECT_EQ(Get(kSO_SNDLOWAT), 4000);
}

TEST_F(Sockopt, LingerHasTwoValuesAndALimit) {
  struct Row {
    Linger value;
    Errno error;
  };
  for (const Row& row :
       {Row{{1, 3}, kOk}, Row{{0, 0}, kOk}, Row{{1, -1}, kEDOM},
        Row{{1, 32768}, kEDOM}, Row{{1, 32767}, kOk}}) {
    const auto bytes = std::as_bytes(std::span<const Linger, 1>(&row.value, 1));
    EXPECT_EQ(sosetopt(so(), kSOL_SOCKET, kSO_LINGER, bytes), row.error);
  }
  SockoptValue value;
  EXPECT_EQ(sogetopt(so(), kSOL_SOCKET, kSO_LINGER, &value), kOk);
  Linger got;
  EXPECT_EQ(value.len, sizeof got);
  std::memcpy(&got, value.bytes, sizeof got);
  EXPECT_EQ(got.onoff, kSO_LINGER);
  EXPECT_EQ(got.seconds, 32767);
  // The end of the test is to close at once.
  EXPECT_EQ(Set(kSO_LINGER, 0), kEINVAL);
}

TEST_F(Sockopt, TimeoutsAreTimevals) {
  struct Row {
    Timeval value;
    Errno error;
  };
  for (const Row& row :
       {Row{{0, 0}, kOk}, Row{{-1, 0}, kEINVAL}, Row{{0, -1}, kEINVAL},
        Row{{0, 1'000'000}, kEINVAL}, Row{{int64_t{1} << 40, 0}, kEDOM},
        Row{{2, 500'000}, kOk}}) {
    const auto bytes =
        std::as_bytes(std::span<const Timeval, 1>(&row.value, 1));
    EXPECT_EQ(sosetopt(so(), kSOL_SOCKET, kSO_SNDTIMEO, bytes), row.error);
  }
  EXPECT_EQ(so().snd.timeo, Nanoseconds(2'500'000'000));
  SockoptValue value;
  EXPECT_EQ(sogetopt(so(), kSOL_SOCKET, kSO_SNDTIMEO, &value), kOk);
  Timeval got;
  std::memcpy(&got, value.bytes, sizeof got);
  EXPECT_EQ(got.sec, 2);
  EXPECT_EQ(got.usec, 500'000);
}

TEST_F(Sockopt, TheErrorIsReadOnce) {
  so().error = kECONNRESET;
  EXPECT_EQ(Get(kSO_ERROR), 54);
  EXPECT_EQ(Get(kSO_ERROR), 0);
}

TEST_F(Sockopt, TypeDomainAndProtocolAreTheSockets) {
  EXPECT_EQ(Get(kSO_TYPE), 1);
  EXPECT_EQ(Get(kSO_DOMAIN), 2);
  EXPECT_EQ(Get(kSO_PROTOCOL), 6);
  EXPECT_EQ(Get(kSO_ACCEPTCONN), 0);
}

TEST_F(Sockopt, OtherLevelsGoToTheProtocol) {
  const std::array<std::byte, 4> value = {};
  EXPECT_EQ(sosetopt(so(), kIpprotoTcp, 1, value), kOk);
  EXPECT_EQ(sosetopt(so(), kIpprotoIp, 1, value), kENOPROTOOPT);
  SockoptValue got;
  EXPECT_EQ(sogetopt(so(), kIpprotoTcp, 77, &got), kOk);
  EXPECT_EQ(got.bytes[0], std::byte{77});
}

TEST_F(Sockopt, ASmallBufferGetsPartOfTheValue) {
  RunProgram([](Process& p, SocketsTest& t) -> Task<int> {
    const auto fds = t.PairIn(p);
    std::array<std::byte, 2> two = {};
    Result<size_t> n =
        co_await p.getsockopt(fds[0], kSOL_SOCKET, kSO_TYPE, two);
    EXPECT_EQ(n.value, 2u);
    n = co_await p.getsockopt(fds[0], kSOL_SOCKET, 0x7777, two);
    EXPECT_EQ(n.error, kENOPROTOOPT);
    co_return 0;
  });
}

}  // namespace
}  // namespace splnet
