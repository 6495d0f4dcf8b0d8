// Selective acknowledgement: RFC 2018, RFC 2883, RFC 6675.

#include "stack/netinet/tcp_sack.h"

#include <gtest/gtest.h>

#include "sockets/uipc_socket.h"
#include "tests/testing/tcp_fixture.h"

namespace splnet {
namespace {

using namespace std::chrono_literals;

class TcpSackTest : public TcpFixture {
 protected:
  TcpSackTest() { ns_.settings.tcp_sack = 1; }

  static std::string Data(uint32_t begin, uint32_t end) {
    return ". " + std::to_string(begin) + ":" + std::to_string(end) + "(" +
           std::to_string(end - begin) + ") ack 1";
  }
  // A duplicate ACK of `ack` with SACK blocks.
  void Sack(uint32_t ack, const std::string& blocks) {
    In(". 1:1(0) ack " + std::to_string(ack) + " <nop,nop,sack " + blocks +
       " end>");
  }
  // The option of the last ACK sent.
  std::string Reported() {
    std::string last;
    for (std::string out = Out(); !out.empty(); out = Out()) last = out;
    const size_t at = last.find('<');
    return at == std::string::npos ? "" : last.substr(at);
  }
  // `segments` of 1000 bytes are on their way; more wait to be sent.
  Socket& InFlight(int segments, size_t written = 60000) {
    ns_.settings.tcp_initcwnd = segments;
    Socket& so = Established("mss 1000,nop,nop,sackOK");
    const int buffer = 65535;
    EXPECT_EQ(sosetopt(so, kSOL_SOCKET, kSO_SNDBUF,
                       std::as_bytes(std::span(&buffer, 1))),
              kOk);
    EXPECT_EQ(Send(so, written), kOk);
    for (int i = 0; i < segments; ++i) EXPECT_FALSE(Out().empty());
    EXPECT_EQ(Out(), "");
    return so;
  }
  // The first sequence numbers of what was sent.
  std::string Sent() {
    std::string all;
    for (std::string out = Out(); !out.empty(); out = Out()) {
      const size_t begin = out.find(' ') + 1;
      if (!all.empty()) all += " ";
      all += out.substr(begin, out.find(':') - begin);
    }
    return all;
  }
};

// ------------------------------------------------------------- negotiation

TEST_F(TcpSackTest, ASynOffersIt) {
  Connect();
  EXPECT_EQ(Out(), "S 0:0(0) win 16384 <mss 1460,nop,nop,sackOK>");
}

TEST_F(TcpSackTest, TheAnswerCarriesItIfThePeerOffersIt) {
  Listen();
  In("S 0:0(0) win 65535 <mss 1460,sackOK>");
  EXPECT_EQ(Out(), "S. 0:0(0) ack 1 win 16384 <mss 1460,nop,nop,sackOK>");
  InFrom(40001, "S 0:0(0) win 65535 <mss 1460>");
  EXPECT_EQ(Out(), "S. 0:0(0) ack 1 win 16384 <mss 1460>");
}

TEST_F(TcpSackTest, WithoutTheSettingNobodyUsesIt) {
  ns_.settings.tcp_sack = 0;
  Socket& so = Established("mss 1460,sackOK");
  In(Data(101, 201));
  EXPECT_EQ(Out(), ". 1:1(0) ack 1 win 16384");
  EXPECT_FALSE(tcp_sack_enabled(*Tcb(so)));
}

TEST_F(TcpSackTest, FreebsdPacksTheOptionsOfASyn) {
  ns_.settings = SettingsOf(Personality::kFreeBsd);
  ns_.settings.tcp_recvspace = 16384;
  struct Row {
    int rfc1323;
    const char* peer;
    const char* options;
  };
  const Row kRows[] = {
      {1, "mss 1460,sackOK,TS val 5 ecr 0,nop,wscale 2",
       "mss 1460,nop,wscale 6,sackOK,TS val 1000 ecr 5"},
      {0, "mss 1460,sackOK", "mss 1460,sackOK,eol,eol"},
      {1, "mss 1460,sackOK,TS val 5 ecr 0",
       "mss 1460,sackOK,TS val 1000 ecr 5"},
      {1, "mss 1460,nop,wscale 2,sackOK",
       "mss 1460,nop,wscale 6,sackOK,eol,eol"},
      {1, "mss 1460,nop,wscale 2,TS val 5 ecr 0",
       "mss 1460,nop,wscale 6,nop,nop,TS val 1000 ecr 5"},
  };
  Listen();
  uint16_t port = 41000;
  for (const Row& row : kRows) {
    ns_.settings.tcp_rfc1323 = row.rfc1323;
    std::string syn("S 0:0(0) win 65535 <");
    InFrom(port++, syn.append(row.peer).append(">"));
    const std::string out = Out();
    std::string options("<");
    EXPECT_EQ(out.substr(out.find('<')), options.append(row.options) + '>');
  }
}

// ------------------------------------------------------------- the receiver

TEST_F(TcpSackTest, TheBlockThatChangedLastComesFirst) {  // RFC 2018 4
  Established("mss 1460,sackOK");
  In(Data(101, 201));
  EXPECT_EQ(Reported(), "<nop,nop,sack 101:201>");
  In(Data(301, 401));
  EXPECT_EQ(Reported(), "<nop,nop,sack 301:401 101:201>");
  In(Data(501, 601));
  EXPECT_EQ(Reported(), "<nop,nop,sack 501:601 301:401 101:201>");
  // Joined to an older one: that comes first, whole.
  In(Data(201, 251));
  EXPECT_EQ(Reported(), "<nop,nop,sack 101:251 501:601 301:401>");
}

TEST_F(TcpSackTest, AtMostThreeBlocksAreReported) {
  Established("mss 1460,sackOK");
  for (uint32_t i = 0; i < 5; ++i) In(Data(101 + 200 * i, 201 + 200 * i));
  EXPECT_EQ(Reported(), "<nop,nop,sack 901:1001 701:801 501:601>");
}

TEST_F(TcpSackTest, FreebsdReportsFourWhereTheyFit) {
  ns_.settings.tcp_sack_blocks = 4;
  Established("mss 1460,sackOK");
  for (uint32_t i = 0; i < 5; ++i) In(Data(101 + 200 * i, 201 + 200 * i));
  EXPECT_EQ(Reported(), "<nop,nop,sack 901:1001 701:801 501:601 301:401>");
}

TEST_F(TcpSackTest, ASegmentThatJoinsTwoRunsReportsOne) {
  Established("mss 1460,sackOK");
  In(Data(101, 201));
  In(Data(301, 401));
  In(Data(201, 301));
  EXPECT_EQ(Reported(), "<nop,nop,sack 101:401>");
}

// A run that was forgotten because others changed later is still whole when it
// grows.
TEST_F(TcpSackTest, AForgottenRunIsReportedWhole) {
  Established("mss 1460,sackOK");
  In(Data(101, 151));
  In(Data(151, 201));
  for (uint32_t i = 1; i < 9; ++i) In(Data(101 + 200 * i, 201 + 200 * i));
  In(Data(201, 251));
  EXPECT_EQ(Reported(), "<nop,nop,sack 101:251 1701:1801 1501:1601>");
  In(Data(251, 301));
  EXPECT_EQ(Reported(), "<nop,nop,sack 101:401 1701:1801 1501:1601>");
}

TEST_F(TcpSackTest, WhatIsAcknowledgedIsReportedNoMore) {
  Socket& so = Established("mss 1460,sackOK");
  In(Data(101, 201));
  In(Data(301, 401));
  In(Data(1, 101));
  EXPECT_EQ(Reported(), "<nop,nop,sack 301:401>");
  In(Data(201, 301));
  EXPECT_EQ(AllOut(), ". 1:1(0) ack 401 win 15984");
  EXPECT_FALSE(Tcb(so)->is(kTfSackReport));
}

TEST_F(TcpSackTest, BlocksGoWithDataAndLeaveItLessRoom) {
  ns_.settings.tcp_rfc1323 = 1;
  Socket& so = Established("mss 1000,sackOK,TS val 1 ecr 0");
  In("P. 101:201(100) ack 1 <nop,nop,TS val 1 ecr 1000>");
  AllOut();
  ASSERT_EQ(Send(so, 1000), kOk);
  EXPECT_EQ(Out(),
            ". 1:977(976) ack 1 win 16384 <nop,nop,TS val 1000 ecr 1,nop,nop,"
            "sack 101:201>");
}

TEST_F(TcpSackTest, WhatALimitDropsIsReportedNoMore) {
  ns_.settings.tcp_reasslimit = 2;
  Established("mss 1460,sackOK");
  In(Data(101, 201));
  In(Data(301, 401));
  In(Data(501, 601));
  EXPECT_EQ(Reported(), "");
}

TEST_F(TcpSackTest, OpenbsdKeepsQuietAboutDuplicates) {
  Established("mss 1460,sackOK");
  In(Data(1, 101));
  In(Data(1, 101));
  EXPECT_EQ(Reported(), "");
}

TEST_F(TcpSackTest, FreebsdReportsADuplicateFirstAndOnce) {  // RFC 2883 4
  ns_.settings.tcp_dsack = 1;
  Established("mss 1460,sackOK");
  In(Data(1, 201));
  In(Data(1, 101));  // all of it below the acknowledgement
  EXPECT_EQ(Reported(), "<nop,nop,sack 1:101>");
  In(Data(301, 401));
  EXPECT_EQ(Reported(), "<nop,nop,sack 301:401>") << "told once";
  In(Data(301, 351));  // within a block: that one comes second
  EXPECT_EQ(Reported(), "<nop,nop,sack 301:351 301:401>");
  In(Data(351, 451));  // in part
  EXPECT_EQ(Reported(), "<nop,nop,sack 351:401 301:451>");
  In(Data(101, 251));  // in part below the acknowledgement: answered at once
  EXPECT_EQ(Reported(), "<nop,nop,sack 101:201 301:451>");
  EXPECT_EQ(ns_.tcpstat.sack_snd_dsack, 4u);
}

// --------------------------------------------------------------- the sender

TEST_F(TcpSackTest, EachSackedSegmentLetsANewOneGo) {  // RFC 3042, 6675 5 (3)
  InFlight(10);
  Sack(1, "2001:3001");
  EXPECT_EQ(Sent(), "10001");
  Sack(1, "2001:4001");
  EXPECT_EQ(Sent(), "11001");
}

TEST_F(TcpSackTest, TheThirdDuplicateAckBeginsRecovery) {
  Socket& so = InFlight(10);
  Sack(1, "1001:2001");
  Sack(1, "1001:3001");
  Sent();
  Sack(1, "1001:4001");
  EXPECT_EQ(Sent(), "1");
  const Tcpcb& tp = *Tcb(so);
  EXPECT_TRUE(tp.is(kTfSackRecovery));
  // Limited transmit does not count, and the window is not inflated.
  EXPECT_EQ(tp.snd_ssthresh, 5000u);
  EXPECT_EQ(tp.snd_cwnd, 5000u);
  // 12 outstanding, 3 of them SACKed, 1 lost and sent again.
  EXPECT_EQ(tcp_sack_pipe(tp), 9000u);
  EXPECT_EQ(ns_.tcpstat.sack_recovery_episode, 1u);
  EXPECT_EQ(ns_.tcpstat.sndrexmitfast, 1u);
}

// More than two segments' worth above it: lost, whatever the count of ACKs.
TEST_F(TcpSackTest, OneAckBeginsItIfItSacksEnough) {  // RFC 6675 5 (2)
  InFlight(10);
  Sack(1, "1001:3001");
  EXPECT_EQ(Sent(), "10001 11001") << "two segments are not more than two";
  Sack(1, "1001:3101");
  EXPECT_EQ(Sent(), "1");
}

TEST_F(TcpSackTest, ThreeRunsMeanThatWhatIsBelowIsLost) {
  Socket& so = InFlight(10);
  Sack(1, "1001:1101 2001:2101 3001:3101");
  EXPECT_EQ(Sent(), "1");
  EXPECT_TRUE(tcp_sack_is_lost(*Tcb(so), 1 + kIss));
  EXPECT_FALSE(tcp_sack_is_lost(*Tcb(so), 1101 + kIss));
}

// It counts although it acknowledges, carries data or changes the window.
TEST_F(TcpSackTest, AnyAckThatSacksMoreIsADuplicate) {  // RFC 6675 2
  Socket& so = InFlight(10);
  In(". 1:1(0) ack 1001 win 60000 <nop,nop,sack 2001:3001 end>");
  EXPECT_EQ(Tcb(so)->dupacks, 1);
  In(". 1:11(10) ack 1001 win 59000 <nop,nop,sack 2001:3501 end>");
  EXPECT_EQ(Tcb(so)->dupacks, 2);
  In(". 11:11(0) ack 1001 win 59000 <nop,nop,sack 2001:3501 end>");
  EXPECT_EQ(Tcb(so)->dupacks, 2) << "nothing new in it";
}

// Lost segments first, as the pipe drains; then new data.
TEST_F(TcpSackTest, RecoverySendsWhatIsLostAndThenNewData) {  // NextSeg()
  Socket& so = InFlight(10);
  // 1, 3001 and 5001 are lost.
  Sack(1, "1001:2001");
  Sack(1, "1001:3001");
  EXPECT_EQ(Sent(), "10001 11001");
  Sack(1, "1001:3001 4001:5001");
  EXPECT_EQ(Sent(), "1");
  EXPECT_EQ(tcp_sack_pipe(*Tcb(so)), 9000u);
  Sack(1, "1001:3001 4001:5001 6001:7001");
  // 3001 is lost now too, with 3 runs above 1 only 1 was.
  EXPECT_EQ(Sent(), "");
  Sack(1, "1001:3001 4001:5001 6001:10001");
  // Lost: 1 (sent again), 3001, 5001; in flight 10001 and 11001.
  EXPECT_EQ(Sent(), "3001 5001") << tcp_sack_pipe(*Tcb(so));
  EXPECT_EQ(tcp_sack_pipe(*Tcb(so)), 5000u);
  Sack(1, "1001:3001 4001:5001 6001:11001");
  EXPECT_EQ(Sent(), "12001");
}

TEST_F(TcpSackTest, APartialAckKeepsItGoing) {
  Socket& so = InFlight(10);
  Sack(1, "1001:2001 3001:6001");
  EXPECT_EQ(Sent(), "1");
  Sack(1, "1001:2001 3001:10001");
  EXPECT_EQ(Sent(), "2001 10001 11001 12001");
  Sack(2001, "3001:10001");
  EXPECT_EQ(Sent(), "13001");
  EXPECT_TRUE(Tcb(so)->is(kTfSackRecovery));
  In(". 1:1(0) ack 10001");
  EXPECT_FALSE(Tcb(so)->is(kTfRecovery | kTfSackRecovery | kTfSacked));
  EXPECT_EQ(Tcb(so)->snd_cwnd, 5000u);
  EXPECT_EQ(Tcb(so)->sack->sacked_bytes, 0u);
  EXPECT_EQ(ns_.tcp.sack_ranges, 0u);
  EXPECT_EQ(Sent(), "14001");
  EXPECT_EQ(ns_.tcpstat.rexmttimeo, 0u);
}

// Holes that are not presumed lost go out when nothing else can: rule 3.  The
// end of what was sent goes out once, in case it was lost too: rule 4.
TEST_F(TcpSackTest, WithNothingNewUnsureHolesAndOneRescueAreSent) {
  Socket& so = InFlight(10, 10000);
  Sack(1, "1001:4001");
  EXPECT_EQ(Sent(), "1");
  // 4001 and 6001 have fewer than three segments above them.
  Sack(1, "1001:4001 5001:6001 7001:7501");
  EXPECT_EQ(Sent(), "");
  Sack(2001, "5001:6001 7001:7501");  // the peer acknowledges in parts
  EXPECT_EQ(Sent(), "");
  In(". 1:1(0) ack 4001 <nop,nop,sack 7001:7501 5001:6001 end>");
  // 6 outstanding, 1.5 of them SACKed, none of the others lost.
  EXPECT_EQ(tcp_sack_pipe(*Tcb(so)), 4500u);
  EXPECT_EQ(Sent(), "");
  Sack(4001, "7001:8001 5001:6001");
  EXPECT_EQ(Sent(), "4001");
  // Now 4001 is lost, and was sent again; 6001 is unsure, and so is the end,
  // which has nothing SACKed above it.
  Sack(4001, "7001:9001 5001:6001");
  EXPECT_EQ(Sent(), "6001 9001");
  Sack(4001, "7001:9501 5001:6001");
  EXPECT_EQ(Sent(), "") << "one rescue in a recovery";
}

TEST_F(TcpSackTest, ATimeoutForgetsWhatWasSacked) {  // RFC 2018 8
  Socket& so = InFlight(10);
  Sack(1, "5001:6001");
  Sent();
  Run(1s);
  EXPECT_EQ(Sent(), "1");
  EXPECT_FALSE(Tcb(so)->is(kTfSacked | kTfSackRecovery));
  EXPECT_EQ(Tcb(so)->sack->sacked_bytes, 0u);
  // What the peer SACKs anew is left out of what goes again.
  In(". 1:1(0) ack 1001 <nop,nop,sack 2001:9001 end>");
  EXPECT_EQ(Sent(), "1001 9001");
  // No new recovery before all that had been sent is acknowledged.
  Sack(1001, "2001:9501");
  Sack(1001, "2001:9601");
  Sack(1001, "2001:9701");
  EXPECT_FALSE(Tcb(so)->is(kTfRecovery));
}

TEST_F(TcpSackTest, APeerThatPermitsSackButSendsNoneIsRecoveredByNewReno) {
  Socket& so = InFlight(10);
  for (int i = 0; i < 3; ++i) In(". 1:1(0) ack 1");
  EXPECT_EQ(Sent(), "10001 11001 1");
  EXPECT_TRUE(Tcb(so)->is(kTfRecovery));
  EXPECT_FALSE(Tcb(so)->is(kTfSackRecovery));
  In(". 1:1(0) ack 3001");
  EXPECT_EQ(Sent().substr(0, 4), "3001");
}

TEST_F(TcpSackTest, NonsenseIsIgnored) {
  struct Row {
    const char* name;
    const char* blocks;
  };
  const Row kRows[] = {
      {"beyond what was sent", "10001:11001"},
      {"in part beyond", "9001:10002"},
      {"inverted", "5001:4001"},
      {"empty", "5001:5001"},
      {"all of the window from the acknowledgement on", "1:5001"},
      {"across the acknowledgement", "0:5001"},
      {"half the sequence space", "5001:2147488000"},
      {"a duplicate", "0:1"},
  };
  Socket& so = InFlight(10);
  for (const Row& row : kRows) {
    Sack(1, row.blocks);
    EXPECT_FALSE(Tcb(so)->is(kTfSacked)) << row.name;
    EXPECT_EQ(Tcb(so)->dupacks, 0) << row.name;
  }
  EXPECT_EQ(Sent(), "");
  EXPECT_EQ(ns_.tcpstat.sack_drop_opts + ns_.tcpstat.sack_rcv_dsack,
            std::size(kRows));
}

TEST_F(TcpSackTest, AConnectionHoldsSoManyRangesAndNoMore) {
  ns_.settings.tcp_sack_maxholes = 20;
  Socket& so = InFlight(30);
  Tcb(so)->snd_recover = Tcb(so)->snd_max;  // no recovery: only the ranges
  for (uint32_t i = 0; i < 1000; ++i) {
    const uint32_t at = 1001 + 20 * i;
    Sack(1, std::to_string(at) + ":" + std::to_string(at + 1));
  }
  EXPECT_EQ(Tcb(so)->sack->sacked.size(), 20u);
  EXPECT_EQ(Tcb(so)->sack->sacked_bytes, 20u);
  EXPECT_EQ(ns_.tcp.sack_ranges, 20u);
  EXPECT_EQ(ns_.tcpstat.sackhole_limited, 980u);
  // What joins ranges still gets in.
  Sack(1, "1001:1500");
  EXPECT_EQ(Tcb(so)->sack->sacked.size(), 1u);
  Sack(1, "1001:25001");
  EXPECT_EQ(ns_.tcp.sack_ranges, 1u);
  In(". 1:1(0) ack 30001");
  EXPECT_EQ(ns_.tcp.sack_ranges, 0u);
}

TEST_F(TcpSackTest, TheHostHoldsSoManyRangesAndNoMore) {
  ns_.settings.tcp_sackholelimit = 3;
  Socket& so = InFlight(30);
  Tcb(so)->snd_recover = Tcb(so)->snd_max;
  for (uint32_t i = 0; i < 10; ++i) {
    const uint32_t at = 1001 + 2000 * i;
    Sack(1, std::to_string(at) + ":" + std::to_string(at + 1000));
  }
  EXPECT_EQ(ns_.tcp.sack_ranges, 3u);
  EXPECT_EQ(ns_.tcpstat.sackhole_limited, 7u);
  // They come back with the connection.
  In("R 1:1(0)");
  Forget(so);
  Run(1ms);
  EXPECT_EQ(ns_.tcp.sack_ranges, 0u);
}

// Two gigabytes without a loss do not forbid the next recovery.
TEST_F(TcpSackTest, RecoveryPointFollowsTheAcknowledgements) {
  Socket& so = InFlight(10);
  In(". 1:1(0) ack 5001");
  EXPECT_EQ(Tcb(so)->snd_recover - Tcb(so)->iss, 5000u);
}

}  // namespace
}  // namespace splnet
