// What TCP_INFO says.

#include "stack/netinet/tcp_info.h"

#include <algorithm>
#include <limits>

#include "stack/netinet/in_pcb.h"
#include "stack/netinet/tcp_timer.h"
#include "stack/netinet/tcp_var.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

uint32_t Microseconds(Nanoseconds t) {
  constexpr int64_t kMost = std::numeric_limits<uint32_t>::max();
  return static_cast<uint32_t>(std::clamp<int64_t>(t.count() / 1000, 0, kMost));
}

uint8_t Options(const Tcpcb& tp) {
  uint8_t options = 0;
  if (tp.is(kTfRcvdTstmp)) options |= kTcpiOptTimestamps;
  if (tp.is(kTfRcvdSack)) options |= kTcpiOptSack;
  if (tp.is(kTfRcvdScale)) options |= kTcpiOptWscale;
  if ((tp.ecn & kEcnPermit) != 0) options |= kTcpiOptEcn;
  return options;
}

uint8_t CaState(const Tcpcb& tp) {
  if (tp.is(kTfRecovery)) return kTcpiCaRecovery;
  if (tp.rxtshift > 0 && !tp.persist.pending()) return kTcpiCaLoss;
  return tp.dupacks > 0 ? kTcpiCaDisorder : kTcpiCaOpen;
}

void FillSequences(const Tcpcb& tp, TcpInfo& ti) {
  ti.snd_wnd = tp.snd_wnd;
  ti.snd_nxt = tp.snd_nxt;
  ti.rcv_nxt = tp.rcv_nxt;
  ti.max_sndwnd = tp.max_sndwnd;
  ti.rcv_adv = tp.rcv_adv;
  ti.rcv_up = tp.rcv_up;
  ti.snd_una = tp.snd_una;
  ti.snd_up = tp.snd_up;
  ti.snd_wl1 = tp.snd_wl1;
  ti.snd_wl2 = tp.snd_wl2;
  ti.snd_max = tp.snd_max;
}

void FillBuffers(const Socket& so, TcpInfo& ti) {
  ti.so_rcv_sb_cc = so.rcv.cc;
  ti.so_rcv_sb_hiwat = so.rcv.hiwat;
  ti.so_rcv_sb_lowat = so.rcv.lowat;
  ti.so_rcv_sb_wat = so.rcv.wat;
  ti.so_snd_sb_cc = so.snd.cc;
  ti.so_snd_sb_hiwat = so.snd.hiwat;
  ti.so_snd_sb_lowat = so.snd.lowat;
  ti.so_snd_sb_wat = so.snd.wat;
}

}  // namespace

void tcp_fill_info(Tcpcb& tp, TcpInfo& ti) {
  const Netstack& ns = tp.ns();
  const bool probing = tp.persist.pending();
  ti.state = static_cast<uint8_t>(tp.state);
  ti.ca_state = CaState(tp);
  ti.backoff = tp.rxtshift;
  (probing ? ti.probes : ti.retransmits) = tp.rxtshift;
  ti.options = Options(tp);
  if (tp.is(kTfRcvdScale)) {
    ti.snd_wscale = tp.snd_scale;
    ti.rcv_wscale = tp.rcv_scale;
  }
  ti.rto = Microseconds(tp.rxtcur);
  ti.ato = Microseconds(std::chrono::milliseconds(ns.settings.tcp_delacktime));
  ti.snd_mss = ti.rcv_mss = tp.maxseg;
  ti.unacked = (tp.snd_max - tp.snd_una + tp.maxseg - 1) / tp.maxseg;
  if (tp.state > TcpState::kListen) {
    ti.last_data_recv = Microseconds(ns.now() - tp.rcv_time);
    ti.pmtu = tp.maxopd + kTcpHdrLen;
    ti.advmss = tcp_mss_adv(tp);
  }
  ti.rtt = Microseconds(tp.srtt);
  ti.rttvar = Microseconds(tp.rttvar);
  ti.rttmin =
      Microseconds(std::chrono::milliseconds(ns.settings.tcp_rexmit_min));
  ti.snd_ssthresh = tp.snd_ssthresh;
  ti.snd_cwnd = tp.snd_cwnd;
  ti.reordering = kTcpDupThresh;
  ti.rcv_space = tp.rcv_wnd;
  ti.snd_rexmitpack = tp.snd_rexmitpack;
  ti.rcv_ooopack = tp.rcv_ooopack;
  ti.snd_zerowin = tp.snd_zerowin;
  if (tp.is(kTfRcvdTstmp)) {
    ti.ts_recent = tp.ts_recent;
    ti.ts_recent_age = Microseconds(ns.now() - tp.ts_recent_time);
  }
  ti.rfbuf_cnt = tp.rfbuf_cnt;
  ti.rfbuf_ts = tp.rfbuf_ts;
  FillSequences(tp, ti);
  FillBuffers(tp.so(), ti);
}

std::optional<uint32_t> tcp_info_field(const TcpInfo& ti,
                                       std::string_view name) {
  constexpr std::string_view kPrefix = "tcpi_";
  if (name.starts_with(kPrefix)) name.remove_prefix(kPrefix.size());
#define SPLNET_TCP_INFO_FIELD(type, field) \
  if (name == #field) return uint32_t{ti.field};
  SPLNET_TCP_INFO_TABLE(SPLNET_TCP_INFO_FIELD)
#undef SPLNET_TCP_INFO_FIELD
  return std::nullopt;
}

}  // namespace splnet
