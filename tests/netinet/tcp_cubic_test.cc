// CUBIC: RFC 9438.

#include "stack/netinet/tcp_cubic.h"

#include <gtest/gtest.h>

#include <cmath>

#include "sockets/uipc_socket.h"
#include "stack/netinet/tcp_cc.h"
#include "tests/testing/tcp_fixture.h"

namespace splnet {
namespace {

using namespace std::chrono_literals;

TEST(TcpCubicMath, TheCubeRootIsExact) {
  for (const uint64_t r : {0ULL, 1ULL, 2ULL, 3ULL, 10ULL, 999ULL, 1000ULL,
                           65535ULL, 1048575ULL, 2097151ULL}) {
    EXPECT_EQ(tcp_cube_root(r * r * r), r);
    if (r < 2) continue;
    EXPECT_EQ(tcp_cube_root(r * r * r - 1), r - 1);
    EXPECT_EQ(tcp_cube_root(r * r * r + 1), r);
  }
  EXPECT_EQ(tcp_cube_root((uint64_t{1} << 63) - 1), 2097151u);
}

TEST(TcpCubicMath, KIsThatOfEquation2) {
  struct Row {
    uint32_t below;
    uint32_t maxseg;
  };
  for (const Row& row :
       {Row{0, 1448}, Row{30 * 1448, 1448}, Row{1, 1448}, Row{300 * 1448, 1448},
        Row{64, 64}, Row{uint32_t{1} << 30, 64}, Row{1 << 30, 65495}}) {
    const double k = std::cbrt(row.below / (0.4 * row.maxseg)) * 1000;
    EXPECT_NEAR(tcp_cubic_k(row.below, row.maxseg), k, 1.0) << row.below;
  }
}

TEST(TcpCubicMath, TheCurveIsThatOfEquation1) {
  for (const int64_t ms :
       {-60000, -5000, -1000, -10, 0, 10, 1000, 5000, 60000}) {
    for (const uint32_t maxseg : {64, 536, 1448, 9000, 65495}) {
      const double t = static_cast<double>(ms) / 1000;
      const double rise = 0.4 * maxseg * t * t * t;
      EXPECT_NEAR(static_cast<double>(tcp_cubic_rise(ms, maxseg)), rise,
                  1 + 0.0004 * maxseg);
    }
  }
  // As far away as may be asked for, it does not overflow.
  EXPECT_GT(tcp_cubic_rise(INT64_MAX, 65535), 0);
  EXPECT_LT(tcp_cubic_rise(INT64_MIN, 65535), 0);
}

class TcpCubicTest : public TcpFixture {
 protected:
  TcpCubicTest() { ns_.settings.tcp_cc_algorithm = kTcpCcCubic; }

  // A connection with a window of `segments` of 1000 bytes, all in use.
  Tcpcb& Window(uint32_t segments) {
    Tcpcb& tp = *Tcb(Established("mss 1000"));
    tp.snd_cwnd = segments * 1000;
    tp.snd_max = tp.snd_una + tp.snd_cwnd;
    tp.snd_scale = 14;
    tp.srtt = 100ms;
    return tp;
  }
  // A loss, and its recovery.
  static void Lose(Tcpcb& tp) {
    tcp_cc_enter_recovery(tp);
    tp.flags &= ~kTfRecovery;
    tp.snd_cwnd = tp.snd_ssthresh;
    tp.snd_max = tp.snd_una + tp.snd_cwnd;
  }
  // Congestion avoidance for `time`: each 100 ms a window is acknowledged,
  // every segment by itself.
  void Avoid(Tcpcb& tp, Nanoseconds time) {
    for (Nanoseconds t{0}; t < time; t += 100ms) {
      const uint32_t window = tp.snd_cwnd;
      for (uint32_t acked = 0; acked < window; acked += 1000) {
        tcp_cc_ack(tp, 1000, tp.snd_cwnd);
      }
      Run(100ms);
    }
  }
};

TEST_F(TcpCubicTest, ALossLeavesSevenTenths) {  // 4.6
  Tcpcb& tp = Window(100);
  Lose(tp);
  EXPECT_EQ(tp.snd_ssthresh, 70000u);
  EXPECT_EQ(tp.cubic->w_max, 100000u);
}

TEST_F(TcpCubicTest, ButTwoSegmentsAtLeast) {
  Tcpcb& tp = Window(2);
  Lose(tp);
  EXPECT_EQ(tp.snd_ssthresh, 2000u);
}

// Concave up to the old window, which it reaches after K, and convex beyond.
TEST_F(TcpCubicTest, TheWindowFollowsTheCurve) {  // 4.2 to 4.5
  Tcpcb& tp = Window(1000);
  Lose(tp);
  // K = cbrt(300 / 0.4) = 9.086 s
  Avoid(tp, 100ms);
  EXPECT_EQ(tp.cubic->k_ms, 9085u);
  Avoid(tp, 4500ms);
  EXPECT_NEAR(tp.snd_cwnd, 1e6 - 400 * std::pow(9.085 - 4.6, 3), 5000);
  Avoid(tp, 4500ms);
  EXPECT_NEAR(tp.snd_cwnd, 1e6, 2000);
  Avoid(tp, 4500ms);
  EXPECT_NEAR(tp.snd_cwnd, 1e6 + 400 * std::pow(13.6 - 9.085, 3), 5000);
}

// A small window grows as Reno's would with the same average: 9/17 of a segment
// for each round trip.
TEST_F(TcpCubicTest, ASmallWindowGrowsAsFastAsReno) {  // 4.3
  Tcpcb& tp = Window(10);
  Lose(tp);
  EXPECT_EQ(tp.snd_cwnd, 7000u);
  Avoid(tp, 400ms);
  EXPECT_NEAR(tp.snd_cwnd, 7000 + 4 * 9000 / 17, 150);
  // Faster once it has the old window again: a segment for each.
  tp.cubic->w_est = 10000 * 256;
  tp.cubic->w_max = 10000;
  const uint32_t before = tp.snd_cwnd = 10000;
  Avoid(tp, 200ms);
  EXPECT_NEAR(tp.snd_cwnd, before + 2000, 200);
}

TEST_F(TcpCubicTest, AFlowThatDoesNotComeBackGivesWay) {  // 4.7
  Tcpcb& tp = Window(1000);
  Lose(tp);
  Lose(tp);
  EXPECT_EQ(tp.snd_ssthresh, 490000u);
  EXPECT_EQ(tp.cubic->w_max, 595000u);  // 700000 * (1 + 0.7) / 2
}

TEST_F(TcpCubicTest, AfterATimeoutItBeginsAtThePlateau) {  // 4.8
  Tcpcb& tp = Window(1000);
  tp.rxtshift = 1;
  tcp_cc_timeout(tp);
  EXPECT_EQ(tp.snd_ssthresh, 700000u);
  EXPECT_EQ(tp.snd_cwnd, 1000u);
  tp.snd_cwnd = 700000;
  Avoid(tp, 100ms);
  EXPECT_EQ(tp.cubic->w_max, 700000u);
  EXPECT_EQ(tp.cubic->k_ms, 0u);
}

TEST_F(TcpCubicTest, TimeInWhichTheWindowIsNotUsedDoesNotCount) {  // 5.8
  Tcpcb& tp = Window(1000);
  Lose(tp);
  Avoid(tp, 100ms);
  tcp_cc_ack(tp, 1000, 1000);  // of a thousandth of the window
  Run(100s);
  const uint32_t before = tp.snd_cwnd;
  Avoid(tp, 100ms);
  EXPECT_LT(tp.snd_cwnd, before + 20000);
}

TEST_F(TcpCubicTest, NothingIsKeptBeforeCongestion) {
  Socket& so = Established("mss 1000");
  ASSERT_EQ(Send(so, 10000), kOk);
  In(". 1:1(0) ack 10001");
  EXPECT_EQ(Tcb(so)->cubic, nullptr);
}

TEST_F(TcpCubicTest, TheSettingCountsWhenTheConnectionIsEstablished) {
  Socket& so = Established("mss 1000");
  ns_.settings.tcp_cc_algorithm = kTcpCcNewReno;
  EXPECT_STREQ(tcp_cc_algorithm(*Tcb(so)).name, "cubic");
  In("R 1:1(0)");
  Socket& later = EstablishedActive();
  EXPECT_STREQ(tcp_cc_algorithm(*Tcb(later)).name, "newreno");
}

// No ACK of whatever size overflows anything.
TEST_F(TcpCubicTest, HugeWindowsAndAcksStayInBounds) {
  Tcpcb& tp = Window(10);
  tp.snd_cwnd = 1 << 30;
  Lose(tp);
  for (int i = 0; i < 100; ++i) {
    Run(1000s);
    tcp_cc_ack(tp, UINT32_MAX, tp.snd_cwnd);
    EXPECT_LE(tp.snd_cwnd, kTcpMaxWin << 14);
    EXPECT_GE(tp.snd_cwnd, 2000u);
  }
}

}  // namespace
}  // namespace splnet
