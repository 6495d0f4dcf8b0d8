// NewReno congestion control.

#include "stack/netinet/tcp_cc.h"

#include <algorithm>

#include "stack/netinet/tcp_seq.h"

namespace splnet {
namespace {

// What is outstanding: FlightSize of RFC 5681.
uint32_t FlightSize(const Tcpcb& tp) { return tp.snd_max - tp.snd_una; }

// Half of what is outstanding, at least two segments: equation 4.
uint32_t HalfFlight(const Tcpcb& tp) {
  return std::max(FlightSize(tp) / 2, 2 * tp.maxseg);
}

}  // namespace

void tcp_cc_init(Tcpcb& tp, bool syn_lost) {
  // RFC 6928: ten segments, but no more than about 14600 bytes.
  tp.snd_cwnd = syn_lost ? tp.maxseg
                         : std::min(10 * tp.maxseg,
                                    std::max(2 * tp.maxseg, uint32_t{14600}));
  tp.bytes_acked = 0;
}

void tcp_cc_ack(Tcpcb& tp, uint32_t acked, uint32_t flight) {
  // A window that was not used has not been found to be sustainable.
  if (tp.snd_cwnd > 2 * flight + 2 * tp.maxseg) return;
  const uint32_t limit = kTcpMaxWin << tp.snd_scale;
  if (tp.snd_cwnd < tp.snd_ssthresh) {
    tp.snd_cwnd = std::min(tp.snd_cwnd + std::min(acked, tp.maxseg), limit);
    return;
  }
  // Congestion avoidance counts bytes: one segment a window (section 3.1).
  tp.bytes_acked += acked;
  if (tp.bytes_acked < tp.snd_cwnd) return;
  tp.bytes_acked -= tp.snd_cwnd;
  tp.snd_cwnd = std::min(tp.snd_cwnd + tp.maxseg, limit);
}

void tcp_cc_enter_recovery(Tcpcb& tp) {
  tp.flags |= kTfRecovery;
  tp.flags &= ~kTfPartialAck;
  tp.snd_ssthresh = HalfFlight(tp);
  tp.snd_recover = tp.snd_max;
  tp.snd_cwnd = tp.snd_ssthresh + kTcpDupThresh * tp.maxseg;
  tp.bytes_acked = 0;
}

void tcp_cc_inflate(Tcpcb& tp) {
  // Not beyond what is outstanding: a peer that invents duplicate ACKs gains
  // nothing (RFC 5681 section 3.2).
  const uint32_t limit = FlightSize(tp) + 2 * tp.maxseg;
  tp.snd_cwnd = std::max(tp.snd_cwnd, std::min(tp.snd_cwnd + tp.maxseg, limit));
}

bool tcp_cc_recovery_ack(Tcpcb& tp, uint32_t ack, uint32_t acked) {
  if (seq_geq(ack, tp.snd_recover)) {
    // Full acknowledgement, RFC 6582 section 3.2 step 3, option 1.
    const uint32_t flight = tp.snd_max - ack;
    tp.snd_cwnd =
        std::min(tp.snd_ssthresh, std::max(flight, tp.maxseg) + tp.maxseg);
    tp.flags &= ~(kTfRecovery | kTfPartialAck);
    return true;
  }
  // Partial: take out what was acknowledged, add a segment for what left.
  tp.snd_cwnd -= std::min(tp.snd_cwnd, acked);
  if (acked >= tp.maxseg) tp.snd_cwnd += tp.maxseg;
  tp.snd_cwnd = std::max(tp.snd_cwnd, tp.maxseg);
  return false;
}

void tcp_cc_timeout(Tcpcb& tp) {
  // Only the first timeout of a segment lowers the threshold (RFC 5681
  // section 3.1).
  if (tp.rxtshift <= 1) tp.snd_ssthresh = HalfFlight(tp);
  tp.snd_cwnd = tp.maxseg;
  tp.snd_recover = tp.snd_max;  // no fast retransmit for what was sent before
  tp.bytes_acked = 0;
  tp.flags &= ~(kTfRecovery | kTfPartialAck);
}

void tcp_cc_idle(Tcpcb& tp) {
  tp.snd_cwnd = std::min(tp.snd_cwnd, 2 * tp.maxseg);
}

}  // namespace splnet
