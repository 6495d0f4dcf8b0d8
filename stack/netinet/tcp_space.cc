// How large the buffers of a connection are: they follow what the path and the
// peer can take, unless the user has set them (SO_SNDBUF, SO_RCVBUF).
//
// OpenBSD's rules: tcp_update_sndspace, tcp_update_rcvspace.

#include <algorithm>

#include "stack/kern/socketvar.h"
#include "stack/netinet/in_pcb.h"
#include "stack/netinet/tcp_input.h"
#include "stack/netinet/tcp_seq.h"
#include "stack/netinet/tcp_var.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

uint32_t RoundUp(int64_t bytes, uint32_t unit) {
  return static_cast<uint32_t>((bytes + unit - 1) / unit * unit);
}

// Sets the limit to `bytes` in whole segments, as far as one may.
void Resize(Tcpcb& tp, Sockbuf& sb, int64_t bytes) {
  const auto most = static_cast<uint32_t>(tp.ns().settings.sb_max);
  const uint32_t size =
      std::min(RoundUp(std::min<int64_t>(bytes, most), tp.maxseg), most);
  if (size != sb.hiwat) static_cast<void>(sbreserve(sb, size, most));
}

// Whether the data that `th` brings was sent in answer to what we sent in the
// round trip being measured, or later; so it is if none is being measured.
bool RoundTripOver(const Tcpcb& tp, const TcpSegment& th) {
  if (tp.rfbuf_ts == 0) return true;
  if (tp.is(kTfRcvdTstmp)) return seq_gt(th.ts_ecr, tp.rfbuf_ts);
  const auto ms = static_cast<int32_t>(tcp_now(tp) - tp.rfbuf_ts);
  return tp.is(kTfHaveRtt) && std::chrono::milliseconds(ms) >= tp.srtt;
}

// Nothing came for long: what was counted says nothing about a round trip.
bool Stale(const Tcpcb& tp, uint32_t now) {
  const Nanoseconds most =
      std::max<Nanoseconds>(std::chrono::seconds(1), 4 * tp.srtt);
  const auto ms = static_cast<int32_t>(now - tp.rfbuf_ts);
  return std::chrono::milliseconds(ms) > most;
}

void UpdateReceiveSpace(Tcpcb& tp) {
  const Settings& settings = tp.ns().settings;
  Sockbuf& rcv = tp.so().rcv;
  if (sbchecklowmem(tp.ns())) {
    if (rcv.hiwat > settings.tcp_recvspace) {
      Resize(tp, rcv, settings.tcp_recvspace);
    }
    return;
  }
  // A window that nearly fills in a round trip may be what holds the peer back.
  if (tp.rfbuf_cnt <= rcv.hiwat / 8 * 7) return;
  const int64_t more = int64_t{rcv.hiwat} + settings.tcp_recvbuf_inc;
  const int64_t most = std::min(settings.sb_max, settings.tcp_recvbuf_max);
  if (rcv.hiwat < most) Resize(tp, rcv, std::min(more, most));
}

}  // namespace

void tcp_round_rcvspace(Tcpcb& tp) {
  const Settings& settings = tp.ns().settings;
  Sockbuf& rcv = tp.so().rcv;
  if (settings.tcp_rcvbuf_round == 0 || rcv.hiwat <= tp.maxopd) return;
  const auto most = static_cast<uint32_t>(settings.sb_max);
  const uint32_t size = std::min(RoundUp(rcv.hiwat, tp.maxopd), most);
  static_cast<void>(sbreserve(rcv, size, most));
}

void tcp_measure_rcvspace(Tcpcb& tp, const TcpSegment& th) {
  if ((tp.so().rcv.flags & kSbAuto) == 0) return;
  if (RoundTripOver(tp, th)) {
    const uint32_t now = tcp_now(tp);
    if (!Stale(tp, now) && tp.ns().settings.tcp_recvbuf_auto != 0) {
      UpdateReceiveSpace(tp);
    }
    tp.rfbuf_cnt = 0;
    tp.rfbuf_ts = now;
  }
  tp.rfbuf_cnt += th.len;
}

void tcp_update_sndspace(Tcpcb& tp) {
  const Settings& settings = tp.ns().settings;
  Sockbuf& snd = tp.so().snd;
  if ((snd.flags & kSbAuto) == 0 || settings.tcp_sendbuf_auto == 0) return;
  int64_t size = snd.wat;
  if (!sbchecklowmem(tp.ns())) {
    // As much in the air as now, and as much again to come as at the start.
    const int64_t most = std::min(settings.sb_max, settings.tcp_sendbuf_max);
    size = std::max<int64_t>(
        size, std::min<int64_t>(most, size + (tp.snd_max - tp.snd_una)));
  }
  // Whoever was told by poll(2) that he may write can still do so.
  if (sbspace(snd) >= int64_t{snd.lowat}) {
    size = std::max(size, int64_t{snd.cc} + snd.lowat);
    size = std::max(size, (int64_t{snd.mbcnt} + snd.lowat + 7) / 8);
  }
  // Mostly the same number of segments as before: without a division.
  if (size <= snd.hiwat && snd.hiwat - size < tp.maxseg) return;
  Resize(tp, snd, size);
}

}  // namespace splnet
