// TCP's socket options, TCP_INFO among them.

#include <gtest/gtest.h>

#include "sockets/uipc_socket.h"
#include "stack/netinet/tcp_info.h"
#include "tests/testing/tcp_fixture.h"

namespace splnet {
namespace {

using namespace std::chrono_literals;

class TcpOptions : public TcpFixture {
 protected:
  static Errno Set(Socket& so, int name, int value) {
    return sosetopt(so, kIpprotoTcp, name, std::as_bytes(std::span(&value, 1)));
  }
  static int Get(Socket& so, int name) {
    SockoptValue value;
    EXPECT_EQ(sogetopt(so, kIpprotoTcp, name, &value), kOk);
    EXPECT_EQ(value.len, 4u);
    int number = 0;
    std::memcpy(&number, value.bytes, sizeof number);
    return number;
  }
  static TcpInfo Info(Socket& so) {
    SockoptValue value;
    TcpInfo ti;
    EXPECT_EQ(sogetopt(so, kIpprotoTcp, kTCP_INFO, &value), kOk);
    EXPECT_EQ(value.len, sizeof ti);
    std::memcpy(&ti, value.bytes, sizeof ti);
    return ti;
  }
};

TEST_F(TcpOptions, OfTheWrongSizeOrUnknownTheyAreRefused) {
  Socket& so = Established();
  const std::array<std::byte, 3> three = {};
  for (const int name :
       {kTCP_NODELAY, kTCP_NOPUSH, kTCP_MAXSEG, kTCP_SACK_ENABLE, kTCP_KEEPIDLE,
        kTCP_KEEPINTVL, kTCP_KEEPINIT, kTCP_KEEPCNT}) {
    SCOPED_TRACE(name);
    EXPECT_EQ(sosetopt(so, kIpprotoTcp, name, three), kEINVAL);
    EXPECT_EQ(sosetopt(so, kIpprotoTcp, name, {}), kEINVAL);
  }
  EXPECT_EQ(Set(so, 0x7777, 1), kENOPROTOOPT);
  EXPECT_EQ(Set(so, kTCP_INFO, 1), kENOPROTOOPT) << "it is only read";
  SockoptValue value;
  EXPECT_EQ(sogetopt(so, kIpprotoTcp, 0x7777, &value), kENOPROTOOPT);
  EXPECT_EQ(sogetopt(so, kIpprotoUdp, kTCP_NODELAY, &value), kENOPROTOOPT);
  In("R. 1:1(0) ack 1");
  EXPECT_EQ(Set(so, kTCP_NODELAY, 1), kECONNRESET);
  EXPECT_EQ(sogetopt(so, kIpprotoTcp, kTCP_NODELAY, &value), kECONNRESET);
}

TEST_F(TcpOptions, FlagsReadAsOneOrNothing) {
  Socket& so = Established();
  for (const int name : {kTCP_NODELAY, kTCP_NOPUSH}) {
    EXPECT_EQ(Get(so, name), 0);
    EXPECT_EQ(Set(so, name, 7), kOk);
    EXPECT_EQ(Get(so, name), 1);
    EXPECT_EQ(Set(so, name, 0), kOk);
    EXPECT_EQ(Get(so, name), 0);
  }
}

TEST_F(TcpOptions, NoPushHoldsTheTailUntilItIsTakenBack) {
  Socket& so = Established("mss 1000");
  ASSERT_EQ(Set(so, kTCP_NOPUSH, 1), kOk);
  ASSERT_EQ(Send(so, 1300), kOk);
  EXPECT_EQ(AllOut(), ". 1:1001(1000) ack 1 win 16384");
  In(". 1:1(0) ack 1001");
  EXPECT_EQ(AllOut(), "");
  ASSERT_EQ(Set(so, kTCP_NOPUSH, 0), kOk);
  EXPECT_EQ(AllOut(), "P. 1001:1301(300) ack 1 win 16384");
}

TEST_F(TcpOptions, SackEnableDecidesWhatASynOffers) {
  ns_.settings.tcp_sack = 1;
  Socket& so = NewSocket();
  EXPECT_EQ(Get(so, kTCP_SACK_ENABLE), 1);
  ASSERT_EQ(Set(so, kTCP_SACK_ENABLE, 0), kOk);
  EXPECT_EQ(Get(so, kTCP_SACK_ENABLE), 0);
  ASSERT_EQ(soconnect(so, Sockaddr(InAddr::V4(kRemote), kPeerPort)), kOk);
  EXPECT_EQ(AllOut().find("sackOK"), std::string::npos);
  tcp_close(*Tcb(so));
  EXPECT_EQ(soconnect(NewSocket(), Sockaddr(InAddr::V4(kRemote), kPeerPort)),
            kOk);
  EXPECT_NE(AllOut().find("sackOK"), std::string::npos);
}

TEST_F(TcpOptions, CongestionNamesTheAlgorithm) {
  Socket& so = NewSocket();
  const auto get = [&so] {
    SockoptValue value;
    EXPECT_EQ(sogetopt(so, kIpprotoTcp, kTCP_CONGESTION, &value), kOk);
    EXPECT_EQ(value.len, 16u);
    return std::string(reinterpret_cast<const char*>(value.bytes));
  };
  const auto set = [&so](std::string_view name) {
    return sosetopt(so, kIpprotoTcp, kTCP_CONGESTION,
                    std::as_bytes(std::span(name)));
  };
  EXPECT_EQ(get(), "newreno");
  EXPECT_EQ(set("vegas"), kESRCH);
  EXPECT_EQ(set(""), kESRCH);
  EXPECT_EQ(set("cubic"), kOk);
  EXPECT_EQ(get(), "cubic");
  ASSERT_EQ(soconnect(so, Sockaddr(InAddr::V4(kRemote), kPeerPort)), kOk);
  In("S. 0:0(0) ack 1 win 65535 <mss 1460>");
  EXPECT_EQ(get(), "cubic") << "the host's setting does not take its place";
  EXPECT_EQ(set(std::string_view("newreno", 8)), kOk) << "with its NUL";
  EXPECT_EQ(get(), "newreno");
}

// ------------------------------------------------------------------ keepalives

TEST_F(TcpOptions, KeepaliveTimesAreTheHostsUntilSet) {
  Socket& so = NewSocket();
  EXPECT_EQ(Get(so, kTCP_KEEPINIT), 75);
  EXPECT_EQ(Get(so, kTCP_KEEPIDLE), 7200);
  EXPECT_EQ(Get(so, kTCP_KEEPINTVL), 75);
  EXPECT_EQ(Get(so, kTCP_KEEPCNT), 8);
  for (const int name :
       {kTCP_KEEPINIT, kTCP_KEEPIDLE, kTCP_KEEPINTVL, kTCP_KEEPCNT}) {
    const int dflt = Get(so, name);
    EXPECT_EQ(Set(so, name, 3), kOk);
    EXPECT_EQ(Get(so, name), 3);
    EXPECT_EQ(Set(so, name, -1), kEINVAL);
    EXPECT_EQ(Get(so, name), 3);
    EXPECT_EQ(Set(so, name, 0), kOk);
    EXPECT_EQ(Get(so, name), dflt);
  }
}

TEST_F(TcpOptions, KeepinitBoundsTheHandshake) {
  Socket& so = NewSocket();
  ASSERT_EQ(Set(so, kTCP_KEEPINIT, 5), kOk);
  ASSERT_EQ(soconnect(so, Sockaddr(InAddr::V4(kRemote), kPeerPort)), kOk);
  RunUntil(5s - 1ns);
  EXPECT_EQ(so.error, kOk);
  RunUntil(5s);
  EXPECT_EQ(so.error, kETIMEDOUT);
}

TEST_F(TcpOptions, KeepinitCountsFromWhenItIsSet) {
  Socket& so = Connect();
  RunUntil(2s);
  ASSERT_EQ(Set(so, kTCP_KEEPINIT, 2), kOk);
  RunUntil(4s - 1ns);
  EXPECT_EQ(so.error, kOk);
  RunUntil(4s);
  EXPECT_EQ(so.error, kETIMEDOUT);
}

// -------------------------------------------------------------------- TCP_INFO

TEST_F(TcpOptions, InfoTellsTheStateByBsdsNumbers) {
  constexpr std::pair<TcpState, int> kStates[] = {
      {TcpState::kClosed, 0},    {TcpState::kListen, 1},
      {TcpState::kSynSent, 2},   {TcpState::kEstablished, 4},
      {TcpState::kCloseWait, 5}, {TcpState::kFinWait1, 6},
      {TcpState::kFinWait2, 9},  {TcpState::kTimeWait, 10}};
  for (const auto& [state, number] : kStates) {
    SCOPED_TRACE(TcpStateName(state));
    Socket& so = InState(state);
    EXPECT_EQ(Info(so).state, number);
    tcp_close(*Tcb(so));
  }
}

TEST_F(TcpOptions, InfoTellsWhatWasAgreedOn) {
  ns_.settings.tcp_rfc1323 = 1;
  Socket& so = Established("mss 1000,nop,wscale 3,nop,nop,TS val 9 ecr 0");
  const TcpInfo ti = Info(so);
  EXPECT_EQ(ti.options, kTcpiOptTimestamps | kTcpiOptWscale);
  EXPECT_EQ(ti.snd_wscale, 3);
  EXPECT_EQ(ti.rcv_wscale, 6);
  EXPECT_EQ(ti.snd_mss, 988u);
  EXPECT_EQ(ti.advmss, 1460u);
  EXPECT_EQ(ti.pmtu, 1040u);
  EXPECT_EQ(ti.ts_recent, 9u);
}

TEST_F(TcpOptions, InfoTellsOfWindowsAndWhatIsInFlight) {
  Socket& so = Established("mss 1000", 5000);
  ASSERT_EQ(Send(so, 2500), kOk);
  TcpInfo ti = Info(so);
  EXPECT_EQ(ti.options, 0);
  EXPECT_EQ(ti.unacked, 3u);
  EXPECT_EQ(ti.snd_una, kIss + 1);
  EXPECT_EQ(ti.snd_nxt, kIss + 2501);
  EXPECT_EQ(ti.snd_max, kIss + 2501);
  EXPECT_EQ(ti.rcv_nxt, kPeerIss + 1);
  EXPECT_EQ(ti.snd_wnd, 5000u);
  EXPECT_EQ(ti.snd_cwnd, 10'000u);
  EXPECT_EQ(ti.so_snd_sb_cc, 2500u);
  EXPECT_EQ(ti.so_rcv_sb_hiwat, 16384u);
  Run(200ms);
  In(". 1:1(0) ack 2501 win 4000");
  ti = Info(so);
  EXPECT_EQ(ti.unacked, 0u);
  EXPECT_EQ(ti.snd_wnd, 4000u);
  EXPECT_EQ(ti.last_data_recv, 0u);
  Run(3ms);
  EXPECT_EQ(Info(so).last_data_recv, 3000u);
}

TEST_F(TcpOptions, InfoTellsTimesInMicroseconds) {
  Socket& listener = Listen();
  In("S 0:0(0) win 65535 <mss 1460>");
  Run(80ms);
  In(". 1:1(0) ack 1 win 65535");
  Socket& so = *Accept(listener);
  const TcpInfo ti = Info(so);
  EXPECT_EQ(ti.rtt, 80'000u);
  EXPECT_EQ(ti.rttvar, 40'000u);
  EXPECT_EQ(ti.rto, 1'000'000u);
  EXPECT_EQ(ti.ato, 200'000u);
}

TEST_F(TcpOptions, InfoCountsWhatWentWrong) {
  Socket& so = Established("mss 1000");
  ASSERT_EQ(Send(so, 1000), kOk);
  EXPECT_EQ(Info(so).ca_state, kTcpiCaOpen);
  Run(2s);
  TcpInfo ti = Info(so);
  EXPECT_EQ(ti.retransmits, 1);
  EXPECT_EQ(ti.backoff, 1);
  EXPECT_EQ(ti.ca_state, kTcpiCaLoss);
  EXPECT_EQ(ti.snd_rexmitpack, 1u);
  In(". 11:21(10) ack 1001");
  In(". 31:41(10) ack 1001 win 0");
  ti = Info(so);
  EXPECT_EQ(ti.retransmits, 0);
  EXPECT_EQ(ti.rcv_ooopack, 2u);
  ASSERT_EQ(Send(so, 10), kOk);
  Run(20s);
  ti = Info(so);
  EXPECT_EQ(ti.retransmits, 0);
  EXPECT_GT(ti.probes, 0);
}

TEST_F(TcpOptions, InfoCountsHowOftenOurWindowClosed) {
  Socket& so = Established("mss 16384");
  EXPECT_EQ(Info(so).snd_zerowin, 0u);
  In(". 1:16385(16384) ack 1");
  Run(1s);
  EXPECT_GT(Info(so).snd_zerowin, 0u);
  EXPECT_EQ(Info(so).so_rcv_sb_cc, 16384u);
}

TEST_F(TcpOptions, InfoHasItsFieldsByName) {
  TcpInfo ti;
  ti.snd_cwnd = 14600;
  ti.state = 4;
  EXPECT_EQ(tcp_info_field(ti, "tcpi_snd_cwnd"), 14600u);
  EXPECT_EQ(tcp_info_field(ti, "snd_cwnd"), 14600u);
  EXPECT_EQ(tcp_info_field(ti, "tcpi_state"), 4u);
  EXPECT_EQ(tcp_info_field(ti, "tcpi_nonsense"), std::nullopt);
  EXPECT_EQ(tcp_info_field(ti, ""), std::nullopt);
}

}  // namespace
}  // namespace splnet
