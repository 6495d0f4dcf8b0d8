// CUBIC: after congestion the window comes back along a cubic curve of time
// that is flat where congestion was met, and never grows slower than Reno.
//
// RFC 9438 with its constants: C = 0.4 segments/s^3, beta = 0.7.  Times are in
// milliseconds, windows in bytes, and nothing is a floating-point number.

#include "stack/netinet/tcp_cubic.h"

#include <algorithm>

#include "stack/netinet/tcp_cc.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

// The longest time from the plateau that is told apart, ms: its cube fits.
constexpr int64_t kFarthest = 2097151;
constexpr uint64_t kEstimateUnit = 256;  // of w_est
// Bytes of one ACK that count: no window is larger (RFC 7323 section 2.3).
constexpr uint32_t kMostAcked = uint32_t{1} << 30;

TcpCubic& State(Tcpcb& tp) {
  if (tp.cubic == nullptr) tp.cubic = std::make_unique<TcpCubic>();
  return *tp.cubic;
}

int64_t Milliseconds(Nanoseconds time) { return time.count() / 1000000; }

// A stage of congestion avoidance begins, section 4.2.
void BeginEpoch(Tcpcb& tp, TcpCubic& c) {
  c.in_epoch = true;
  c.epoch = tp.ns().now();
  c.credit = 0;
  c.w_est = uint64_t{tp.snd_cwnd} * kEstimateUnit;
  // After a timeout, and where slow start ended without congestion, it starts
  // from the plateau: sections 4.8 and 4.10.
  if (c.after_timeout || c.w_max < tp.snd_cwnd) c.w_max = tp.snd_cwnd;
  c.after_timeout = false;
  c.k_ms = tcp_cubic_k(c.w_max - tp.snd_cwnd, tp.maxseg);
}

// W_cubic(t), section 4.2.
int64_t Curve(const Tcpcb& tp, const TcpCubic& c, Nanoseconds t) {
  return c.w_max + tcp_cubic_rise(Milliseconds(t) - c.k_ms, tp.maxseg);
}

// What Reno would have by now, with the same average window: section 4.3.
void AdvanceEstimate(const Tcpcb& tp, TcpCubic& c, uint32_t acked) {
  uint64_t grown = uint64_t{acked} * tp.maxseg * kEstimateUnit;
  // alpha = 3 (1 - beta) / (1 + beta) = 9/17 until it has caught up.
  if (c.w_est < c.cwnd_prior * kEstimateUnit) grown = grown / 17 * 9;
  c.w_est += grown / tp.snd_cwnd;
}

void Avoid(Tcpcb& tp, uint32_t acked) {
  TcpCubic& c = State(tp);
  acked = std::min(acked, kMostAcked);
  if (!c.in_epoch) BeginEpoch(tp, c);
  const Nanoseconds t = tp.ns().now() - c.epoch;
  AdvanceEstimate(tp, c, acked);
  const uint64_t cwnd = tp.snd_cwnd;
  const uint64_t reno = c.w_est / kEstimateUnit;
  if (Curve(tp, c, t) < static_cast<int64_t>(reno)) {
    // As fast as Reno: where round trips are short or windows small.
    const uint64_t most = uint64_t{kTcpMaxWin} << kTcpMaxWinShift;
    tp.snd_cwnd = static_cast<uint32_t>(std::min(std::max(cwnd, reno), most));
    return;
  }
  // Towards where the curve is one round trip ahead: sections 4.4 and 4.5.
  const auto target = static_cast<uint64_t>(
      std::clamp<int64_t>(Curve(tp, c, t + tp.srtt), static_cast<int64_t>(cwnd),
                          static_cast<int64_t>(cwnd + cwnd / 2)));
  c.credit += (target - cwnd) * acked;
  tp.snd_cwnd += static_cast<uint32_t>(c.credit / cwnd);
  c.credit %= cwnd;
}

// Section 4.6, with fast convergence: section 4.7.
uint32_t Reduce(Tcpcb& tp, TcpCongestion why, uint32_t window) {
  TcpCubic& c = State(tp);
  // A flow that does not reach its old window again leaves room to another.
  c.w_max = window < c.w_max ? static_cast<uint32_t>(uint64_t{window} * 17 / 20)
                             : window;
  c.cwnd_prior = window;
  c.in_epoch = false;
  c.after_timeout = why == TcpCongestion::kTimeout;
  const auto left = static_cast<uint32_t>(uint64_t{window} * 7 / 10);
  return std::max(left, 2 * tp.maxseg);
}

// Section 5.8.  The curve is taken up later where it was left.
void Pause(Tcpcb& tp) {
  if (tp.cubic != nullptr) tp.cubic->in_epoch = false;
}

}  // namespace

const TcpCcAlgorithm kTcpCubic = {
    .name = "cubic", .avoid = Avoid, .reduce = Reduce, .pause = Pause};

uint32_t tcp_cube_root(uint64_t x) {
  uint64_t root = 0;
  for (int bit = 20; bit >= 0; --bit) {
    const uint64_t tried = root | uint64_t{1} << bit;
    if (tried * tried * tried <= x) root = tried;
  }
  return static_cast<uint32_t>(root);
}

uint32_t tcp_cubic_k(uint32_t below, uint32_t maxseg) {
  // K^3 = (W_max - cwnd) / C, in segments and seconds; 10^9 ms^3 in each s^3.
  const uint32_t bytes = std::min(below, uint32_t{1} << 31);
  return tcp_cube_root(uint64_t{bytes} * 2500000000 / maxseg);
}

int64_t tcp_cubic_rise(int64_t ms, uint32_t maxseg) {
  const int64_t d = std::clamp(ms, -kFarthest, kFarthest);
  // 0.4 * (d / 1000)^3 segments; divided on the way, so that it fits.
  return d * d * d / 1000000 * 4 * static_cast<int64_t>(maxseg) / 10000;
}

}  // namespace splnet
