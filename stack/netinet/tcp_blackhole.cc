// Path MTU black holes: large segments vanish, and no ICMP error says why.  RFC
// 2923 section 2.1, and RFC 4821's remedy: try smaller ones.

#include "stack/netinet/tcp_timer.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

// Two timeouts of full segments make them smaller, two more as small as they
// get, and after two more it was something else.
constexpr int kFirstStep = 2;
constexpr int kSecondStep = 4;
constexpr int kGiveUp = 6;

}  // namespace

void tcp_blackhole_timeout(Tcpcb& tp) {
  const Settings& settings = tp.ns().settings;
  TcpStat& stat = tp.ns().tcpstat;
  if (settings.tcp_blackhole_detect == 0 || settings.tcp_mtudisc == 0) return;
  if (tp.hole_mss != 0 && tp.rxtshift >= kGiveUp) {
    tp.hole_mss = 0;
    tp.hole_fragment = false;
    ++stat.pmtud_blackhole_failed;
    return tcp_mss_update(tp);
  }
  const bool full = tp.snd_max - tp.snd_una >= tp.maxseg;
  if (!full || !tcps_haveestablished(tp.state)) return;
  const auto first = static_cast<uint16_t>(settings.tcp_blackhole_mss);
  if ((tp.rxtshift == kFirstStep || tp.rxtshift == kSecondStep) &&
      tp.maxopd > first) {
    tp.hole_mss = first;
    ++stat.pmtud_blackhole_activated;
  } else if (tp.rxtshift == kSecondStep || tp.rxtshift == kFirstStep) {
    // Small enough for every host, and routers may cut it.
    tp.hole_mss = static_cast<uint16_t>(settings.tcp_mssdflt);
    tp.hole_fragment = true;
    ++stat.pmtud_blackhole_activated_min;
  } else {
    return;
  }
  tcp_mss_update(tp);
}

}  // namespace splnet
