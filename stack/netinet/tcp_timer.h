// TCP's timers: what happens when nothing arrives.  RFC 6298, RFC 9293
// section 3.8.

#ifndef SPLNET_STACK_NETINET_TCP_TIMER_H_
#define SPLNET_STACK_NETINET_TCP_TIMER_H_

#include "stack/netinet/tcp_var.h"

namespace splnet {

// Each takes the Tcpcb as `arg`.
void tcp_timer_rexmt(void* arg);    // retransmission timeout
void tcp_timer_persist(void* arg);  // the peer's window is still closed
void tcp_timer_keep(void* arg);     // keepalive; giving up a connect
void tcp_timer_2msl(void* arg);     // TIME_WAIT, or FIN_WAIT_2, is over
void tcp_timer_delack(void* arg);   // an ACK was delayed long enough

void tcp_canceltimers(Tcpcb& tp);

// The retransmission timeout before back-off, by what was measured.
Nanoseconds tcp_rto(const Tcpcb& tp);
// Starts the retransmission timer with the timeout in use.
void tcp_rexmt_arm(Tcpcb& tp);
// Starts the persist timer, backed off once more.
void tcp_setpersist(Tcpcb& tp);
// How long the handshake may take: TCP_KEEPINIT, or the setting.
Nanoseconds tcp_keepinit(const Tcpcb& tp);
// Starts keepalives if the socket wants them.
void tcp_keepalive(Tcpcb& tp);
// How long FIN_WAIT_2 may last after close(2): keepcnt times keepidle without
// a word from the peer, or finwait2_timeout in all.
Nanoseconds tcp_maxidle(const Tcpcb& tp);

// After a retransmission timeout: large segments may vanish on the way without
// a word, so smaller ones are tried (RFC 4821, RFC 2923 section 2.1).
void tcp_blackhole_timeout(Tcpcb& tp);

}  // namespace splnet

#endif  // SPLNET_STACK_NETINET_TCP_TIMER_H_
