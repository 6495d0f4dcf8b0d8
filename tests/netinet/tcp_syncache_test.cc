// Passive opens until the handshake is done: the SYN cache and SYN cookies.
// RFC 9293 sections 3.10.7.2 and 3.10.7.4, RFC 4987, RFC 5961.

#include "stack/netinet/tcp_syncache.h"

#include <gtest/gtest.h>

#include "sockets/uipc_socket.h"
#include "tests/testing/tcp_fixture.h"

namespace splnet {
namespace {

using namespace std::chrono_literals;

class TcpSyncache : public TcpFixture {
 protected:
  size_t entries() { return syn_cache_of(ns_).count(); }
};

TEST_F(TcpSyncache, ASynMakesAnEntryAndNoSocket) {
  Socket& listener = Listen();
  const uint64_t sockets = ns_.sockets_in_use;
  In("S 0:0(0) win 65535 <mss 1460>");
  EXPECT_EQ(AllOut(), "S. 0:0(0) ack 1 win 16384 <mss 1460>");
  EXPECT_EQ(entries(), 1u);
  EXPECT_EQ(ns_.sockets_in_use, sockets);
  EXPECT_EQ(ns_.tcbtable.count(), 1u);
  In(". 1:1(0) ack 1");
  EXPECT_EQ(entries(), 0u);
  EXPECT_NE(Accept(listener), nullptr);
  EXPECT_EQ(ns_.tcpstat.sc_added, 1u);
  EXPECT_EQ(ns_.tcpstat.sc_completed, 1u);
  EXPECT_EQ(ns_.tcpstat.accepts, 1u);
}

TEST_F(TcpSyncache, DataAndFinWithTheLastAckCount) {
  Socket& listener = Listen();
  In("S 0:0(0) win 65535 <mss 1460>");
  AllOut();
  In("F. 1:11(10) ack 1");
  Socket* const so = Accept(listener);
  ASSERT_NE(so, nullptr);
  EXPECT_EQ(State(*so), TcpState::kCloseWait);
  EXPECT_EQ(Read(*so), 10u);
}

TEST_F(TcpSyncache, TheSynAckGoesOutAgainAt6_18_42SecondsAndEndsAt75) {
  Listen();
  In("S 0:0(0) win 65535 <mss 1460>");
  Out();
  for (const auto at : {6s, 18s, 42s}) {
    RunUntil(at - 1ns);
    EXPECT_EQ(AllOut(), "");
    RunUntil(at);
    EXPECT_EQ(Out(), "S. 0:0(0) ack 1 win 16384 <mss 1460>");
  }
  RunUntil(75s - 1ns);
  EXPECT_EQ(entries(), 1u);
  RunUntil(75s);  // net.inet.tcp.keepinit
  EXPECT_EQ(entries(), 0u);
  EXPECT_EQ(ns_.tcpstat.sc_timed_out, 1u);
  EXPECT_EQ(ns_.tcpstat.sc_retransmitted, 3u);
  EXPECT_EQ(queue_.pending(), 0u);
}

TEST_F(TcpSyncache, UnderFreebsdTheSynAckGoesOutAgainThreeTimes) {
  ns_.settings = SettingsOf(Personality::kFreeBsd);
  ns_.settings.tcp_rfc1323 = 0;
  Listen();
  In("S 0:0(0) win 65535 <mss 1460>");
  Out();
  // Doubled, with a slop of 200 ms from the second on.
  for (const auto at : {1000ms, 3200ms, 7400ms}) {
    RunUntil(at);
    EXPECT_EQ(Out().substr(0, 3), "S. ");
    EXPECT_EQ(out_time(), at);
  }
  RunUntil(15600ms);
  EXPECT_EQ(AllOut(), "");
  EXPECT_EQ(entries(), 0u);
}

TEST_F(TcpSyncache, AfterALostSynAckTheWindowBeginsWithOneSegment) {
  Socket& listener = Listen();  // RFC 5681 section 3.1
  In("S 0:0(0) win 65535 <mss 1000>");
  RunUntil(6s);
  In(". 1:1(0) ack 1");
  Socket* const so = Accept(listener);
  ASSERT_NE(so, nullptr);
  EXPECT_EQ(Tcb(*so)->snd_cwnd, 1000u);
}

TEST_F(TcpSyncache, TheHandshakeIsTheFirstRoundTrip) {
  Socket& listener = Listen();
  In("S 0:0(0) win 65535 <mss 1000>");
  Run(80ms);
  In(". 1:1(0) ack 1");
  Socket* const so = Accept(listener);
  ASSERT_NE(so, nullptr);
  EXPECT_EQ(Tcb(*so)->srtt, 80ms);
}

TEST_F(TcpSyncache, AResetAtTheNextNumberRemovesTheEntry) {  // RFC 5961 3.2
  Listen();
  In("S 0:0(0) win 65535");
  AllOut();
  In("R 1:1(0)");
  EXPECT_EQ(entries(), 0u);
  EXPECT_EQ(ns_.tcpstat.sc_reset, 1u);
  EXPECT_EQ(Drops(DropReason::kTcpReset), 1u);
  EXPECT_EQ(AllOut(), "");
}

TEST_F(TcpSyncache, AResetElsewhereInTheWindowIsChallenged) {
  Listen();
  In("S 0:0(0) win 65535");
  AllOut();
  In("R 100:100(0)");
  EXPECT_EQ(AllOut(), ". 1:1(0) ack 1 win 16384");
  In("R 0:0(0)");
  In("R 20000:20000(0)");
  EXPECT_EQ(AllOut(), "") << "outside of the window";
  EXPECT_EQ(entries(), 1u);
  for (int i = 0; i < 100; ++i) In("R 100:100(0)");
  EXPECT_EQ(ns_.tcpstat.challenge, 10u);
  ns_.settings.tcp_insecure_rst = 1;
  In("R 100:100(0)");
  EXPECT_EQ(entries(), 0u);
}

TEST_F(TcpSyncache, AnUnacceptableSegmentIsAnsweredWithAnAck) {  // first
  Listen();
  In("S 0:0(0) win 65535");
  AllOut();
  In(". 20000:20010(10) ack 1");
  EXPECT_EQ(AllOut(), ". 1:1(0) ack 1 win 16384");
  EXPECT_EQ(entries(), 1u);
  EXPECT_EQ(Drops(DropReason::kTcpOutOfWindow), 1u);
}

// As in BSD: only the peer can tell whose SYN this is.
TEST_F(TcpSyncache, AnotherSynGetsTheAnswerOfTheFirst) {
  Listen();
  In("S 0:0(0) win 65535");
  const std::string answer = AllOut();
  In("S 100:100(0) win 65535");
  EXPECT_EQ(AllOut(), answer);
  EXPECT_EQ(entries(), 1u);
}

TEST_F(TcpSyncache, SegmentsWithoutAckAreDropped) {
  Listen();
  In("S 0:0(0) win 65535");
  AllOut();
  In("- 1:11(10)");
  EXPECT_EQ(AllOut(), "");
  EXPECT_EQ(Drops(DropReason::kTcpNoAck), 1u);
}

TEST_F(TcpSyncache, AnOldTimestampIsAnsweredAndDropped) {  // RFC 7323 5.3
  ns_.settings.tcp_rfc1323 = 1;
  Socket& listener = Listen();
  In("S 0:0(0) win 65535 <mss 1460,nop,nop,TS val 100 ecr 0>");
  AllOut();
  In(". 1:1(0) ack 1 <nop,nop,TS val 99 ecr 1000>");
  EXPECT_EQ(AllOut(), ". 1:1(0) ack 1 win 16384 <nop,nop,TS val 1000 ecr 100>");
  EXPECT_EQ(Accept(listener), nullptr);
  In(". 1:1(0) ack 1 <nop,nop,TS val 100 ecr 1000>");
  EXPECT_NE(Accept(listener), nullptr);
}

TEST_F(TcpSyncache, AMissingTimestampIsToleratedIfTheSettingSaysSo) {
  ns_.settings.tcp_rfc1323 = 1;
  ns_.settings.tcp_tolerate_missing_ts = 0;
  Socket& listener = Listen();
  In("S 0:0(0) win 65535 <mss 1460,nop,nop,TS val 100 ecr 0>");
  AllOut();
  In(". 1:1(0) ack 1");
  EXPECT_EQ(Drops(DropReason::kTcpNoTimestamp), 1u);
  EXPECT_EQ(Accept(listener), nullptr);
  ns_.settings.tcp_tolerate_missing_ts = 1;
  In(". 1:1(0) ack 1");
  EXPECT_NE(Accept(listener), nullptr);
}

TEST_F(TcpSyncache, ClosingTheListenerForgetsItsEntries) {
  Socket& listener = Listen();
  In("S 0:0(0) win 65535");
  AllOut();
  Close(listener);
  EXPECT_EQ(entries(), 0u);
  EXPECT_EQ(AllOut(), "");
  EXPECT_EQ(queue_.pending(), 1u) << "the listener's pcb is being freed";
}

TEST_F(TcpSyncache, TheSecondUnreachableAfterThreeTriesRemovesTheEntry) {
  Listen();
  In("S 0:0(0) win 65535");
  AllOut();
  Icmp(CtlInput::kUnreachHost, 0);
  Icmp(CtlInput::kUnreachHost, 0);
  EXPECT_EQ(entries(), 1u);
  RunUntil(42s);
  Icmp(CtlInput::kUnreachHost, 5);
  EXPECT_EQ(entries(), 1u) << "quotes what we did not send";
  Icmp(CtlInput::kUnreachHost, 0);
  EXPECT_EQ(entries(), 0u);
  EXPECT_EQ(ns_.tcpstat.sc_unreach, 1u);
}

TEST_F(TcpSyncache, WithoutRoomForASocketTheClientGetsAReset) {
  Socket& listener = Listen();
  In("S 0:0(0) win 65535");
  AllOut();
  listener.listen->limit = 0;
  for (uint16_t i = 0; i < 2; ++i) {
    InFrom(static_cast<uint16_t>(3000 + i), "S 0:0(0) win 65535");
  }
  InFrom(3000, ". 1:1(0) ack 1");
  ASSERT_EQ(listener.listen->q.size(), 1u);
  AllOut();
  In(". 1:1(0) ack 1");
  EXPECT_EQ(AllOut(), "R 1:1(0) win 0");
  EXPECT_EQ(ns_.tcpstat.sc_aborted, 1u);
  EXPECT_EQ(Drops(DropReason::kTcpListenFull), 1u);
  // And a SYN is not even taken.
  InFrom(4000, "S 0:0(0) win 65535");
  EXPECT_EQ(AllOut(), "");
  EXPECT_EQ(ns_.tcpstat.listendrop, 2u);
}

// ------------------------------------------------------------------- overflow

TEST_F(TcpSyncache, AFullCacheGivesUpItsOldestEntry) {
  ns_.settings.tcp_syncookies = 0;
  ns_.settings.tcp_syncache_limit = 100;
  Socket& listener = Listen();
  for (uint16_t i = 0; i < 150; ++i) {
    InFrom(static_cast<uint16_t>(2000 + i), "S 0:0(0) win 65535");
  }
  EXPECT_EQ(entries(), 100u);
  EXPECT_EQ(ns_.tcpstat.sc_overflowed, 50u);
  AllOut();
  InFrom(2049, ". 1:1(0) ack 1");
  EXPECT_EQ(AllOut(), "R 1:1(0) win 0") << "it was the oldest";
  InFrom(2050, ". 1:1(0) ack 1");
  EXPECT_EQ(listener.listen->q.size(), 1u);
}

TEST_F(TcpSyncache, AFullBucketGivesUpItsOldestEntry) {
  ns_.settings.tcp_syncookies = 0;
  ns_.settings.tcp_syn_bucket_limit = 2;
  Listen();
  for (uint16_t i = 0; i < 2000; ++i) {
    InFrom(static_cast<uint16_t>(2000 + i), "S 0:0(0) win 65535");
  }
  EXPECT_LE(entries(), 2 * SynCache::kBuckets);
  EXPECT_GE(entries(), SynCache::kBuckets);
  EXPECT_EQ(ns_.tcpstat.sc_bucketoverflow, 2000 - entries());
}

class TcpSyncookie : public TcpSyncache {
 protected:
  TcpSyncookie() { ns_.settings.tcp_syncookies_only = 1; }
  // A listener that chooses its own numbers.
  Socket& Listener() {
    Socket& so = Listen();
    Tcb(so)->pin = nullptr;
    return so;
  }
  // A SYN with `options`; the number of the answer, from kIss.
  int64_t Syn(const char* options) {
    In("S 0:0(0) win 5000 <" + std::string(options) + ">");
    const std::string out = Out();
    CHECK(out.substr(0, 3) == "S. ");
    return std::stoll(out.substr(3));
  }
  void Ack(int64_t number, const char* options = "") {
    In(". 1:1(0) ack " + std::to_string(number + 1) + " win 5000 <" + options +
       ">");
  }
};

TEST_F(TcpSyncookie, BringsBackWhatTheSynOffered) {
  ns_.settings.tcp_rfc1323 = 1;
  ns_.settings.tcp_sack = 1;
  struct Row {
    const char* name;
    const char* syn;
    const char* ack;
    uint32_t maxopd;
    int scale;  // -1: none
    bool sack;
    bool tstamp;
  };
  const Row rows[] = {
      {"nothing", "", "", 512, -1, false, false},
      {"a segment size", "mss 1460", "", 1460, -1, false, false},
      {"one between", "mss 1459", "", 1452, -1, false, false},
      {"a small one", "mss 100", "", 64, -1, false, false},
      {"a large one", "mss 9000", "", 1460, -1, false, false},
      {"scale 0", "mss 536,nop,wscale 0", "", 536, 0, false, false},
      {"scale 7", "mss 536,nop,wscale 7", "", 536, 7, false, false},
      {"scale 14", "mss 536,nop,wscale 14", "", 536, 10, false, false},
      {"SACK", "mss 1460,nop,nop,sackOK", "", 1460, -1, true, false},
      {"timestamps", "mss 1460,nop,nop,TS val 9 ecr 0",
       "nop,nop,TS val 10 ecr 0", 1460, -1, false, true},
      {"all", "mss 1440,sackOK,TS val 9 ecr 0,nop,wscale 6",
       "nop,nop,TS val 10 ecr 0", 1440, 6, true, true},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    Socket& listener = Listener();
    Ack(Syn(row.syn), row.ack);
    EXPECT_EQ(entries(), 0u);
    Socket* const so = Accept(listener);
    ASSERT_NE(so, nullptr);
    const Tcpcb& tp = *Tcb(*so);
    EXPECT_EQ(tp.state, TcpState::kEstablished);
    EXPECT_EQ(tp.maxopd, row.maxopd);
    EXPECT_EQ(tp.is(kTfRcvdScale), row.scale >= 0);
    EXPECT_EQ(tp.snd_scale, std::max(row.scale, 0));
    EXPECT_EQ(tp.snd_wnd, 5000u << std::max(row.scale, 0));
    EXPECT_EQ(tp.is(kTfRcvdSack), row.sack);
    EXPECT_EQ(tp.is(kTfRcvdTstmp), row.tstamp);
    if (row.tstamp) {
      EXPECT_EQ(tp.ts_recent, 10u);
    }
    tcp_drop(*Tcb(*so), kECONNABORTED);
    Close(listener);
    AllOut();
    Run(1ms);
  }
  EXPECT_EQ(ns_.tcpstat.sc_sendcookie, std::size(rows));
  EXPECT_EQ(ns_.tcpstat.sc_recvcookie, std::size(rows));
  EXPECT_EQ(ns_.tcpstat.sc_badcookie, 0u);
}

TEST_F(TcpSyncookie, NoOtherNumberIsACookie) {
  Socket& listener = Listener();
  const int64_t good = Syn("mss 1460");
  for (int bit = 0; bit < 32; ++bit) {
    const auto number = static_cast<int32_t>(good ^ (int64_t{1} << bit));
    Ack(number);
    EXPECT_EQ(Out().substr(0, 2), "R ") << bit;
  }
  EXPECT_EQ(ns_.tcpstat.sc_badcookie, 32u);
  EXPECT_EQ(Accept(listener), nullptr);
  InFrom(kPeerPort + 1, ". 1:1(0) ack " + std::to_string(good + 1));
  EXPECT_EQ(Accept(listener), nullptr) << "it is of another port";
  Ack(good);
  EXPECT_NE(Accept(listener), nullptr);
}

TEST_F(TcpSyncookie, IsGoodForAtLeast32AndAtMost64Seconds) {
  Socket& listener = Listener();
  int64_t number = Syn("mss 1460");
  Run(32s);
  Ack(number);
  EXPECT_NE(Accept(listener), nullptr);
  InFrom(kPeerPort + 1, "S 0:0(0) win 100");
  const std::string out = Out();
  number = std::stoll(out.substr(3));
  Run(64s);
  InFrom(kPeerPort + 1, ". 1:1(0) ack " + std::to_string(number + 1));
  EXPECT_EQ(Accept(listener), nullptr);
  EXPECT_EQ(ns_.tcpstat.sc_recvcookie, 1u);
}

TEST_F(TcpSyncookie, WithoutOneSentNoneIsLookedFor) {
  Listener();
  Ack(5);
  EXPECT_EQ(Out().substr(0, 2), "R ");
  EXPECT_EQ(ns_.tcpstat.sc_badcookie, 0u);
}

TEST_F(TcpSyncookie, TakesOverWhenTheCacheIsFull) {
  ns_.settings.tcp_syncookies_only = 0;
  ns_.settings.tcp_syncache_limit = 10;
  Socket& listener = Listener();
  for (uint16_t i = 0; i < 50; ++i) {
    InFrom(static_cast<uint16_t>(2000 + i), "S 0:0(0) win 65535");
  }
  EXPECT_EQ(entries(), 10u);
  EXPECT_EQ(ns_.tcpstat.sc_overflowed, 0u) << "nobody gave way";
  EXPECT_EQ(ns_.tcpstat.sc_sendcookie, 40u);
  AllOut();
  Ack(Syn("mss 1220"));
  Socket* const so = Accept(listener);
  ASSERT_NE(so, nullptr);
  EXPECT_EQ(Tcb(*so)->maxopd, 1220u);
}

TEST_F(TcpSyncookie, APinnedListenerSendsNone) {
  Listen();
  In("S 0:0(0) win 65535");
  EXPECT_EQ(ns_.tcpstat.sc_sendcookie, 0u);
  EXPECT_EQ(entries(), 1u);
}

}  // namespace
}  // namespace splnet
