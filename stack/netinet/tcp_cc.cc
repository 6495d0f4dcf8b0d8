// What all congestion control has in common, and NewReno.

#include "stack/netinet/tcp_cc.h"

#include <algorithm>

#include "stack/netinet/tcp_sack.h"
#include "stack/netinet/tcp_seq.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

// What is outstanding: FlightSize of RFC 5681.
uint32_t FlightSize(const Tcpcb& tp) { return tp.snd_max - tp.snd_una; }

// The window that congestion met.  What limited transmit has sent beyond cwnd
// is not part of it (RFC 5681 section 3.2 step 2).
uint32_t WindowInUse(const Tcpcb& tp) {
  return std::min(tp.snd_cwnd, FlightSize(tp));
}

uint32_t InitialWindow(const Tcpcb& tp) {
  // RFC 6928: ten segments, but no more than about 14600 bytes.
  const auto segments = static_cast<uint32_t>(tp.ns().settings.tcp_initcwnd);
  return std::min(segments * tp.maxseg,
                  std::max(2 * tp.maxseg, segments * uint32_t{1460}));
}

uint32_t LargestWindow(const Tcpcb& tp) { return kTcpMaxWin << tp.snd_scale; }

// A segment for each window, RFC 5681 section 3.1: counted in bytes (RFC 3465),
// or approximated at each ACK, which is slower where ACKs are delayed.
void NewRenoAvoid(Tcpcb& tp, uint32_t acked) {
  if (tp.ns().settings.tcp_abc == 0) {
    const uint64_t squared = uint64_t{tp.maxseg} * tp.maxseg;
    tp.snd_cwnd +=
        static_cast<uint32_t>(std::max<uint64_t>(squared / tp.snd_cwnd, 1));
    return;
  }
  tp.bytes_acked += acked;
  if (tp.bytes_acked < tp.snd_cwnd) return;
  tp.bytes_acked -= tp.snd_cwnd;
  tp.snd_cwnd += tp.maxseg;
}

// Half, in whole segments: equation 4.
uint32_t NewRenoReduce(Tcpcb& tp, TcpCongestion /*why*/, uint32_t window) {
  return std::max(window / 2 / tp.maxseg, uint32_t{2}) * tp.maxseg;
}

void NewRenoPause(Tcpcb& /*tp*/) {}

void Reduce(Tcpcb& tp, TcpCongestion why) {
  tp.snd_ssthresh = tcp_cc_algorithm(tp).reduce(tp, why, WindowInUse(tp));
  tp.bytes_acked = 0;
}

}  // namespace

const TcpCcAlgorithm kTcpNewReno = {.name = "newreno",
                                    .avoid = NewRenoAvoid,
                                    .reduce = NewRenoReduce,
                                    .pause = NewRenoPause};

const TcpCcAlgorithm& tcp_cc_algorithm(const Tcpcb& tp) {
  return tp.cc == TcpCc::kCubic ? kTcpCubic : kTcpNewReno;
}

void tcp_cc_init(Tcpcb& tp, bool syn_lost) {
  if (!tp.is(kTfCcChosen)) {
    tp.cc = static_cast<TcpCc>(tp.ns().settings.tcp_cc_algorithm);
  }
  tp.snd_cwnd = syn_lost ? tp.maxseg : InitialWindow(tp);
  tp.bytes_acked = 0;
}

void tcp_cc_ack(Tcpcb& tp, uint32_t acked, uint32_t flight) {
  // A window that was not used has not been found to be sustainable.
  if (tp.snd_cwnd > 2 * flight + 2 * tp.maxseg) {
    tcp_cc_algorithm(tp).pause(tp);
    return;
  }
  if (tp.snd_cwnd < tp.snd_ssthresh) {
    // After a timeout an ACK may tell of data that arrived long ago: one
    // segment then, RFC 3465 section 2.3.
    const Settings& settings = tp.ns().settings;
    const bool again = seq_lt(tp.snd_nxt, tp.snd_max);
    const auto segments = static_cast<uint32_t>(
        settings.tcp_abc == 0 || again ? 1 : settings.tcp_abc_l);
    tp.snd_cwnd += std::min(acked, segments * tp.maxseg);
  } else {
    tcp_cc_algorithm(tp).avoid(tp, acked);
  }
  tp.snd_cwnd = std::min(tp.snd_cwnd, LargestWindow(tp));
}

void tcp_cc_enter_recovery(Tcpcb& tp) {
  // One reduction for a window of data, whatever told of it: RFC 3168 section
  // 6.1.2.
  if (!tp.is(kTfCwndReduced)) Reduce(tp, TcpCongestion::kLoss);
  tp.flags |= kTfRecovery;
  tp.flags &= ~(kTfPartialAck | kTfCwndReduced);
  tp.snd_recover = tp.snd_max;
  tp.snd_cwnd = tp.snd_ssthresh;
  if (!tp.is(kTfSackRecovery)) tp.snd_cwnd += kTcpDupThresh * tp.maxseg;
}

void tcp_cc_inflate(Tcpcb& tp) {
  // Not beyond what is outstanding: a peer that invents duplicate ACKs gains
  // nothing (RFC 5681 section 3.2).
  const uint32_t limit = FlightSize(tp) + 2 * tp.maxseg;
  tp.snd_cwnd = std::max(tp.snd_cwnd, std::min(tp.snd_cwnd + tp.maxseg, limit));
}

bool tcp_cc_recovery_ack(Tcpcb& tp, uint32_t ack, uint32_t acked) {
  const bool sack = tp.is(kTfSackRecovery);
  if (seq_geq(ack, tp.snd_recover)) {
    // Full acknowledgement: RFC 6675 section 5 step A; RFC 6582 section 3.2
    // step 3, option 1.
    const uint32_t flight = tp.snd_max - ack;
    tp.snd_cwnd = sack ? tp.snd_ssthresh
                       : std::min(tp.snd_ssthresh,
                                  std::max(flight, tp.maxseg) + tp.maxseg);
    tp.flags &= ~(kTfRecovery | kTfPartialAck | kTfSackRecovery);
    return true;
  }
  if (sack) return false;  // the pipe tells how much has left
  // Partial: take out what was acknowledged, add a segment for what left.
  tp.snd_cwnd -= std::min(tp.snd_cwnd, acked);
  if (acked >= tp.maxseg) tp.snd_cwnd += tp.maxseg;
  tp.snd_cwnd = std::max(tp.snd_cwnd, tp.maxseg);
  return false;
}

bool tcp_cc_ecn(Tcpcb& tp) {
  if (tp.is(kTfRecovery | kTfCwndReduced)) return false;
  Reduce(tp, TcpCongestion::kEcn);
  tp.snd_cwnd = std::min(tp.snd_cwnd, tp.snd_ssthresh);
  tp.snd_ecn = tp.snd_max;
  tp.flags |= kTfCwndReduced;
  return true;
}

void tcp_cc_timeout(Tcpcb& tp) {
  // Only the first timeout of a segment lowers the threshold (RFC 5681
  // section 3.1).
  if (tp.rxtshift <= 1) Reduce(tp, TcpCongestion::kTimeout);
  tp.snd_cwnd = tp.maxseg;
  tp.snd_recover = tp.snd_max;  // no fast retransmit for what was sent before
  tp.bytes_acked = 0;
  tp.flags &= ~(kTfRecovery | kTfPartialAck | kTfSackRecovery | kTfCwndReduced);
  tcp_sack_clear(tp);
}

void tcp_cc_idle(Tcpcb& tp) {
  const auto restart = static_cast<uint32_t>(tp.ns().settings.tcp_restart);
  const uint32_t window = std::min(restart * tp.maxseg, InitialWindow(tp));
  tp.snd_cwnd = std::min(tp.snd_cwnd, std::max(window, tp.maxseg));
  tcp_cc_algorithm(tp).pause(tp);
}

}  // namespace splnet
