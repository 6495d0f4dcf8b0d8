// What TCP does when nothing arrives.

#include "stack/netinet/tcp_timer.h"

#include <algorithm>

#include "stack/netinet/in_pcb.h"
#include "stack/netinet/tcp_cc.h"
#include "stack/netinet/tcp_seq.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

Nanoseconds Milliseconds(int64_t ms) { return std::chrono::milliseconds(ms); }

// How long the connection has heard nothing.
Nanoseconds Idle(const Tcpcb& tp) { return tp.ns().now() - tp.rcv_time; }

// All twelve back-offs of `rto` together: after so long without an answer a
// peer with a closed window is taken for dead.
Nanoseconds TotalBackoff(Nanoseconds rto) {
  Nanoseconds total{0};
  for (int i = 0; i <= kTcpMaxRxtShift; ++i) {
    total += std::min(rto, kTcpRexmtMax);
    rto *= 2;
  }
  return total;
}

// The timeout by RFC 6298 equation 2.3, which back-off doubles.  The clock is
// exact, timestamps tick every 1 ms.
Nanoseconds BaseTimeout(const Tcpcb& tp) {
  const Settings& settings = tp.ns().settings;
  if (!tp.is(kTfHaveRtt)) return Milliseconds(settings.tcp_rexmit_initial);
  const Nanoseconds granularity = Milliseconds(1);
  const Nanoseconds rto = tp.srtt + std::max(granularity, 4 * tp.rttvar);
  const Nanoseconds least = Milliseconds(settings.tcp_rexmit_min);
  return std::clamp(rto, std::min(least, kTcpRexmtMax), kTcpRexmtMax);
}

// What every timeout but the first gets added, once, whatever the back-off.
Nanoseconds Slop(const Tcpcb& tp) {
  return Milliseconds(tp.ns().settings.tcp_rexmit_slop);
}

// The timeout that follows the one in use.  It doubles that, rather than
// counting from the measurement, since it may have been kept from before the
// last progress (RFC 6298 section 5).
Nanoseconds BackedOff(const Tcpcb& tp) {
  const bool first = !tp.is(kTfHaveRtt) && tp.rxtcur == BaseTimeout(tp);
  const Nanoseconds slop = first ? Nanoseconds(0) : Slop(tp);
  const Nanoseconds plain = std::max(tp.rxtcur - slop, Nanoseconds(0));
  return std::min(2 * plain + Slop(tp), kTcpRexmtMax);
}

// The socket's own option, or the host's setting.
Nanoseconds KeepIdle(const Tcpcb& tp) {
  return tp.keepidle_s != 0 ? std::chrono::seconds(tp.keepidle_s)
                            : Milliseconds(tp.ns().settings.tcp_keepidle);
}
Nanoseconds KeepInterval(const Tcpcb& tp) {
  return tp.keepintvl_s != 0 ? std::chrono::seconds(tp.keepintvl_s)
                             : Milliseconds(tp.ns().settings.tcp_keepintvl);
}
int64_t KeepCount(const Tcpcb& tp) {
  return tp.keepcnt != 0 ? int64_t{tp.keepcnt} : tp.ns().settings.tcp_keepcnt;
}

bool WantsKeepalive(const Tcpcb& tp) {
  return tp.so().has(kSO_KEEPALIVE) ||
         tp.ns().settings.tcp_always_keepalive != 0;
}

// A SYN that is not answered may meet somebody who stumbles over its options.
void DropOptions(Tcpcb& tp) {
  if (tp.ns().settings.tcp_rexmit_drop_options == 0) return;
  if (tp.state != TcpState::kSynSent || tp.rxtshift != 3) return;
  tp.flags &= ~(kTfReqScale | kTfReqTstmp | kTfSackPermit);
}

}  // namespace

void tcp_canceltimers(Tcpcb& tp) {
  timeout_del(tp.rexmt);
  timeout_del(tp.persist);
  timeout_del(tp.keep);
  timeout_del(tp.msl2);
  timeout_del(tp.delack);
}

Nanoseconds tcp_rto(const Tcpcb& tp) {
  if (!tp.is(kTfHaveRtt)) return BaseTimeout(tp);
  return std::min(BaseTimeout(tp) + Slop(tp), kTcpRexmtMax);
}

void tcp_rexmt_arm(Tcpcb& tp) { timeout_add(tp.rexmt, tp.rxtcur); }

void tcp_setpersist(Tcpcb& tp) {
  const Settings& settings = tp.ns().settings;
  const Nanoseconds least = Milliseconds(settings.tcp_persmin);
  const Nanoseconds most = Milliseconds(settings.tcp_persmax);
  const Nanoseconds backed_off =
      BaseTimeout(tp) * (int64_t{1} << tp.rxtshift) + Slop(tp);
  timeout_add(tp.persist, std::max(std::min(backed_off, most), least));
  if (tp.rxtshift < kTcpMaxRxtShift) ++tp.rxtshift;
}

Nanoseconds tcp_keepinit(const Tcpcb& tp) {
  return tp.keepinit_s != 0 ? std::chrono::seconds(tp.keepinit_s)
                            : Milliseconds(tp.ns().settings.tcp_keepinit);
}

void tcp_keepalive(Tcpcb& tp) {
  timeout_del(tp.keep);
  if (!WantsKeepalive(tp)) return;
  if (!tcps_haveestablished(tp.state) || tp.state == TcpState::kTimeWait) {
    return;
  }
  timeout_add(tp.keep, KeepIdle(tp));
}

Nanoseconds tcp_maxidle(const Tcpcb& tp) {
  const int64_t fixed = tp.ns().settings.tcp_finwait2_timeout;
  return fixed != 0 ? Milliseconds(fixed) : KeepCount(tp) * KeepIdle(tp);
}

void tcp_timer_rexmt(void* arg) {
  Tcpcb& tp = *static_cast<Tcpcb*>(arg);
  TcpStat& stat = tp.ns().tcpstat;
  if (++tp.rxtshift > kTcpMaxRxtShift) {
    tp.rxtshift = kTcpMaxRxtShift;
    ++stat.timeoutdrop;
    return tcp_drop(tp, kETIMEDOUT);
  }
  ++stat.rexmttimeo;
  // RFC 6298 section 5.5; what is in the air when no answer comes is timed no
  // more (Karn).
  tp.rxtcur = BackedOff(tp);
  DropOptions(tp);
  tcp_blackhole_timeout(tp);
  tp.flags &= ~kTfTiming;
  tp.dupacks = 0;
  tcp_cc_timeout(tp);
  // Everything outstanding is taken for lost and sent again, in slow start.
  tp.snd_nxt = tp.snd_una;
  tp.flags |= kTfAckNow;
  timeout_add(tp.rexmt, tp.rxtcur);
  (void)tcp_output(tp);
}

void tcp_timer_persist(void* arg) {
  Tcpcb& tp = *static_cast<Tcpcb*>(arg);
  Netstack& ns = tp.ns();
  ++ns.tcpstat.persisttimeo;
  // A window that stays closed is no reason to give up while the peer answers
  // (RFC 1122 section 4.2.2.17); silence is.
  if (tp.rxtshift == kTcpMaxRxtShift) {
    const Nanoseconds idle = Idle(tp);
    if (idle >= KeepIdle(tp) || idle >= TotalBackoff(BaseTimeout(tp))) {
      ++ns.tcpstat.persistdrop;
      return tcp_drop(tp, kETIMEDOUT);
    }
  }
  tcp_setpersist(tp);
  tp.flags |= kTfForce;
  (void)tcp_output(tp);
  tp.flags &= ~kTfForce;
}

void tcp_timer_keep(void* arg) {
  Tcpcb& tp = *static_cast<Tcpcb*>(arg);
  Netstack& ns = tp.ns();
  ++ns.tcpstat.keeptimeo;
  if (!tcps_haveestablished(tp.state)) {
    ++ns.tcpstat.keepdrops;
    return tcp_drop(tp, kETIMEDOUT);
  }
  if (!WantsKeepalive(tp)) return;
  const Nanoseconds idle = Idle(tp);
  const Nanoseconds keepidle = KeepIdle(tp);
  const Nanoseconds interval = KeepInterval(tp);
  // Something came since the last probe, or since the timer was set.
  if (idle <= keepidle) tp.keep_probes = 0;
  const Nanoseconds due = keepidle + tp.keep_probes * interval;
  if (idle < due) {
    timeout_add(tp.keep, due - idle);
    return;
  }
  if (tp.keep_probes >= KeepCount(tp)) {
    ++ns.tcpstat.keepdrops;
    return tcp_drop(tp, kETIMEDOUT);
  }
  // Below the window, so that the peer has to answer: RFC 9293 section 3.8.4.
  ++ns.tcpstat.keepprobe;
  ++tp.keep_probes;
  tcp_respond(tp, tp.snd_una - 1, tp.rcv_nxt, kThAck);
  // If the peer answers, the next one comes after keepidle.
  timeout_add(tp.keep, std::min(interval, keepidle));
}

void tcp_timer_2msl(void* arg) {
  Tcpcb& tp = *static_cast<Tcpcb*>(arg);
  if (tp.state != TcpState::kTimeWait &&
      tp.ns().settings.tcp_finwait2_timeout == 0) {
    // FIN_WAIT_2: the peer may go on sending while it is heard from.
    const Nanoseconds idle = Idle(tp);
    const Nanoseconds maxidle = tcp_maxidle(tp);
    if (idle < maxidle) {
      timeout_add(tp.msl2, maxidle - idle);
      return;
    }
  }
  tcp_close(tp);
}

void tcp_timer_delack(void* arg) {
  Tcpcb& tp = *static_cast<Tcpcb*>(arg);
  if (!tp.is(kTfDelAck)) return;
  tp.flags = (tp.flags & ~kTfDelAck) | kTfAckNow;
  ++tp.ns().tcpstat.delack;
  (void)tcp_output(tp);
}

}  // namespace splnet
