// Congestion control is right, not only alive: how much of a link one flow
// fills, what random loss leaves of it, how two share it, and when a transfer
// goes on after a blackout.
//
// The link has 100 Mbit/s, a round trip of 50 ms and a queue of one
// bandwidth-delay product.  All in virtual time.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sockets/uipc_syscalls.h"
#include "stack/netinet/in_pcb.h"
#include "stack/netinet/tcp_var.h"
#include "tests/testing/two_hosts.h"

namespace splnet {
namespace {

using namespace std::chrono_literals;

constexpr int64_t kBandwidth = 100'000'000;  // bits/s
constexpr Nanoseconds kRtt = 50ms;
constexpr int kMss = 1448;    // of the programs' bytes
constexpr int kFrame = 1514;  // that carries them
constexpr size_t kQueue = kBandwidth / 8 / 20 / kFrame;  // frames in 50 ms
// What the link can carry of the programs' bytes, bits/s.
constexpr double kCapacity = 1.0 * kBandwidth * kMss / kFrame;
constexpr int kBuffer = 2'000'000;
constexpr Nanoseconds kConverge = 30s;  // of two flows

// A minute of such a link is half a million segments: where every access is
// checked, a quarter of the seeds has to do.
#ifdef NDEBUG
constexpr uint64_t kStarts = 20;
constexpr uint64_t kLossSeeds = 9;
#else
constexpr uint64_t kStarts = 5;
constexpr uint64_t kLossSeeds = 3;
#endif

struct Flow {
  uint16_t port = 80;
  Nanoseconds start{0};
  uint64_t received = 0;  // bytes that the sink has read
};

Task<int> Source(Process& p, Sockaddr to) {
  const auto fd = co_await p.socket(Family::kInet, SocketType::kStream, 0);
  co_await p.setsockopt(fd.value, kSOL_SOCKET, kSO_SNDBUF, kBuffer);
  if (co_await p.connect(fd.value, to) != kOk) co_return 1;
  const std::vector<std::byte> data(65536);
  for (;;) {
    const auto n = co_await p.write(fd.value, data);
    if (!n.ok()) co_return 1;
  }
}

Task<int> Sink(Process& p, Flow* flow) {
  const auto s = co_await p.socket(Family::kInet, SocketType::kStream, 0);
  co_await p.setsockopt(s.value, kSOL_SOCKET, kSO_RCVBUF, kBuffer);
  co_await p.bind(s.value, Sockaddr(kBeta, flow->port));
  co_await p.listen(s.value, 1);
  const auto fd = co_await p.accept(s.value);
  std::vector<std::byte> data(65536);
  for (;;) {
    const auto n = co_await p.read(fd.value, data);
    if (!n.ok() || n.value == 0) co_return 1;
    flow->received += n.value;
  }
}

class Bottleneck {
 public:
  explicit Bottleneck(uint64_t seed, TcpCc cc)
      : net_(seed, LinkConfig::Both(Wire(0))) {
    sender().settings.tcp_cc_algorithm = static_cast<int64_t>(cc);
  }

  Netstack& sender() { return net_.a.ns; }
  PairLink& link() { return net_.link; }
  // One direction, which loses `loss_ppm` of a million frames.
  static WireConfig Wire(uint32_t loss_ppm) {
    WireConfig wire{.bits_per_second = kBandwidth,
                    .delay = kRtt / 2,
                    .queue_limit = kQueue};
    wire.fault.loss.ppm = loss_ppm;
    return wire;
  }
  void Add(Flow& flow) {
    net_.b.procs.Spawn("sink", Sink, &flow);
    SpawnOptions later{.name = "source", .delay = flow.start};
    net_.a.procs.Spawn(std::move(later), Source, Sockaddr(kBeta, flow.port));
  }
  void RunFor(Nanoseconds time) { ASSERT_TRUE(net_.sim.RunFor(time)); }
  // Bits/s of `flow` in the next `time`.
  double Goodput(const Flow& flow, Nanoseconds time) {
    const uint64_t before = flow.received;
    RunFor(time);
    return static_cast<double>(flow.received - before) * 8 /
           std::chrono::duration<double>(time).count();
  }

 private:
  TwoHosts net_;
};

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

class Congestion : public testing::TestWithParam<TcpCc> {};

std::string AlgorithmName(const testing::TestParamInfo<TcpCc>& cc) {
  return cc.param == TcpCc::kCubic ? "Cubic" : "NewReno";
}

INSTANTIATE_TEST_SUITE_P(Of, Congestion,
                         testing::Values(TcpCc::kNewReno, TcpCc::kCubic),
                         AlgorithmName);

TEST_P(Congestion, OneFlowFillsTheLink) {
  Bottleneck net(1, GetParam());
  Flow flow;
  net.Add(flow);
  net.RunFor(20s);
  const double got = net.Goodput(flow, 60s);
  EXPECT_GE(got, 0.9 * kCapacity);
  EXPECT_LE(got, 1.001 * kCapacity);
  // Only what slow start overshoots may need a timeout; SACK repairs the rest.
  EXPECT_LE(net.sender().tcpstat.rexmttimeo, 1u);
  EXPECT_GE(net.sender().tcpstat.sack_recovery_episode, 2u);
}

// The goodput of NewReno at a loss of 0.1 % against the formula of Mathis,
// Semke, Mahdavi and Ott (1997): MSS / RTT * C / sqrt(p).
//
// C = sqrt(3/2) if the window grows by a segment in each round trip.  The
// receiver acknowledges every second segment, so that growth by ACKs is half a
// segment: C = sqrt(3/4).
void ExpectMathis(int64_t count_bytes, double constant) {
  constexpr double kLoss = 0.001;
  std::vector<double> got;
  for (uint64_t seed = 1; seed <= kLossSeeds; ++seed) {
    Bottleneck net(seed, TcpCc::kNewReno);
    net.link().a_to_b().set_config(Bottleneck::Wire(1000));
    net.sender().settings.tcp_abc = count_bytes;
    Flow flow;
    net.Add(flow);
    net.RunFor(10s);
    got.push_back(net.Goodput(flow, 300s));
  }
  const double expected = 8.0 * kMss /
                          std::chrono::duration<double>(kRtt).count() *
                          constant / std::sqrt(kLoss);
  EXPECT_NEAR(Median(got), expected, 0.25 * expected);
}

TEST(CongestionLoss, NewRenoThatCountsAcksFollowsMathis) {
  ExpectMathis(0, std::sqrt(0.75));
}

TEST(CongestionLoss, NewRenoThatCountsBytesFollowsMathis) {
  ExpectMathis(1, std::sqrt(1.5));
}

// By how much the share of either of two flows is off its half, in the minute
// after half a minute in which they find it.
double Unfairness(uint64_t seed, TcpCc cc) {
  Bottleneck net(seed, cc);
  // Without any noise the flows' clocks lock, and the same one meets the full
  // queue time after time.
  WireConfig back = Bottleneck::Wire(0);
  back.fault.jitter = 1ms;
  net.link().b_to_a().set_config(back);
  RandomStream random(seed, "starts");
  Flow one{.port = 80, .start = Nanoseconds(random.Below(1'000'000'000))};
  Flow two{.port = 81, .start = Nanoseconds(random.Below(1'000'000'000))};
  net.Add(one);
  net.Add(two);
  net.RunFor(kConverge);
  const uint64_t before = two.received;
  const double first = net.Goodput(one, 60s);
  const double second = static_cast<double>(two.received - before) * 8 / 60;
  EXPECT_GE(first + second, 0.9 * kCapacity);
  return std::abs(first - second) / (first + second);
}

TEST_P(Congestion, TwoFlowsShareTheLink) {
  std::vector<double> off;
  for (uint64_t seed = 1; seed <= kStarts; ++seed) {
    off.push_back(Unfairness(seed, GetParam()));
  }
  EXPECT_LE(Median(off), 0.2) << testing::PrintToString(off);
}

TEST_P(Congestion, ATransferGoesOnWithinATimeoutOfABlackout) {
  Bottleneck net(1, GetParam());
  Flow flow;
  net.Add(flow);
  net.RunFor(10s);
  for (Wire* const wire : {&net.link().a_to_b(), &net.link().b_to_a()}) {
    wire->set_config(Bottleneck::Wire(1'000'000));
  }
  net.RunFor(1s);
  const uint64_t before = flow.received;
  net.RunFor(29s);
  EXPECT_EQ(flow.received, before);
  for (Wire* const wire : {&net.link().a_to_b(), &net.link().b_to_a()}) {
    wire->set_config(Bottleneck::Wire(0));
  }
  // After 1, 2, 4, 8 and 16 s.
  const Tcpcb& tp = *net.sender().tcbtable.first()->tcpcb;
  EXPECT_EQ(tp.rxtshift, 4);
  net.RunFor(tp.rxtcur + kRtt);
  EXPECT_GT(flow.received, before);
  net.RunFor(20s);
  EXPECT_GE(net.Goodput(flow, 10s), 0.9 * kCapacity);
}

}  // namespace
}  // namespace splnet
