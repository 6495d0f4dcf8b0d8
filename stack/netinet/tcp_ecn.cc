// Explicit congestion notification for TCP.

#include "stack/netinet/tcp_ecn.h"

#include "stack/netinet/ip.h"
#include "stack/netinet/tcp_cc.h"
#include "stack/netinet/tcp_input.h"
#include "stack/netinet/tcp_output.h"
#include "stack/netinet/tcp_timer.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

constexpr uint8_t kBoth = kThEce | kThCwr;

bool Asks(const Tcpcb& tp) {
  if (tp.pin != nullptr && tp.pin->options) return tp.pin->ecn;
  return tp.ns().settings.tcp_ecn == 1;
}

}  // namespace

bool tcp_ecn_grants(const Netstack& ns, const TcpPin* pin, uint8_t flags) {
  if ((flags & kBoth) != kBoth) return false;
  if (pin != nullptr && pin->options) return pin->ecn;
  return ns.settings.tcp_ecn != 0;
}

uint8_t tcp_ecn_syn_flags(const Tcpcb& tp, uint8_t flags) {
  if ((flags & kThAck) != 0) return tp.ecn != 0 ? kThEce : 0;
  // Lost SYNs may have been lost for asking: section 6.1.1.1.
  if (!Asks(tp) || tp.rxtshift > tp.ns().settings.tcp_ecn_maxretries) return 0;
  return kBoth;
}

void tcp_ecn_take_syn(Tcpcb& tp, const TcpSegment& th) {
  TcpStat& stat = tp.ns().tcpstat;
  if (th.has(kThAck)) {
    // The answer to a SYN that asked.  One that reflects our own flags is
    // broken, and no answer.
    if (Asks(tp) && (th.flags & kBoth) == kThEce) {
      tp.ecn = kEcnPermit;
      ++stat.ecn_connects;
    }
  } else if (tcp_ecn_grants(tp.ns(), tp.pin.get(), th.flags)) {
    tp.ecn = kEcnPermit;
    ++stat.ecn_accepts;
  }
}

void tcp_ecn_input(Tcpcb& tp, const TcpSegment& th) {
  TcpStat& stat = tp.ns().tcpstat;
  // First what ends the echo of old congestion, then what begins a new one.
  if (th.has(kThCwr)) {
    ++stat.ecn_rcvcwr;
    tp.ecn &= static_cast<uint8_t>(~kEcnEcho);
  }
  if (th.ce && th.len > 0) {
    ++stat.ecn_rcvce;
    tp.ecn |= kEcnEcho;
  }
}

void tcp_ecn_echo(Tcpcb& tp, const TcpSegment& th) {
  if (!th.has(kThEce)) return;
  ++tp.ns().tcpstat.ecn_rcvece;
  // With a window of one segment all that is left is to wait: section 6.1.2.
  const bool least = tp.snd_cwnd <= tp.maxseg;
  if (!tcp_cc_ecn(tp)) return;
  tp.ecn |= kEcnCwr;
  if (least && tp.rexmt.pending()) tcp_rexmt_arm(tp);
}

uint8_t tcp_ecn_ack_flags(Tcpcb& tp) {
  if ((tp.ecn & kEcnEcho) == 0) return 0;
  ++tp.ns().tcpstat.ecn_sndece;
  return kThEce;
}

uint8_t tcp_ecn_output(Tcpcb& tp, TcpDecision& d, bool fresh) {
  TcpStat& stat = tp.ns().tcpstat;
  d.flags |= tcp_ecn_ack_flags(tp);
  if (!fresh) return 0;
  // Only new data may be marked: section 6.1.5, 6.1.6.
  if ((tp.ecn & kEcnCwr) != 0) {
    tp.ecn &= static_cast<uint8_t>(~kEcnCwr);
    d.flags |= kThCwr;
    ++stat.ecn_sndcwr;
  }
  ++stat.ecn_sndect;
  return kIpEcnEct0;
}

}  // namespace splnet
