// What sockets ask of TCP: the user requests, pru_*.  RFC 9293 section 3.10.

#include <algorithm>
#include <utility>

#include "stack/kern/socketvar.h"
#include "stack/netinet/in_pcb.h"
#include "stack/netinet/tcp_seq.h"
#include "stack/netinet/tcp_timer.h"
#include "stack/netinet/tcp_var.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

// The connection of `so`; null once it has gone.
Tcpcb* sototcpcb(const Socket& so) {
  Inpcb* const inp = sotoinpcb(so);
  return inp == nullptr ? nullptr : inp->tcpcb.get();
}

// What a request on a connection that has gone gives: so_error, once.
Errno GoneError(Socket& so) {
  const Errno error = std::exchange(so.error, kOk);
  return error != kOk ? error : kEINVAL;
}

Errno tcp_attach(Socket& so, int /*protocol*/) {
  Netstack& ns = so.ns;
  if (so.pcb != nullptr) return kEISCONN;
  if (so.snd.hiwat == 0 || so.rcv.hiwat == 0) {
    const Errno error =
        soreserve(so, static_cast<uint32_t>(ns.settings.tcp_sendspace),
                  static_cast<uint32_t>(ns.settings.tcp_recvspace));
    if (error != kOk) return error;
    so.snd.flags |= kSbAuto;
    so.rcv.flags |= kSbAuto;
  }
  if (const Errno error = in_pcballoc(ns.tcbtable, so); error != kOk) {
    return error;
  }
  Inpcb& inp = *sotoinpcb(so);
  inp.tcpcb = std::make_unique<Tcpcb>(inp);
  if (so.has(kSO_LINGER) && so.linger_seconds == 0) {
    so.linger_seconds = kTcpLingerSeconds;
  }
  return kOk;
}

// CLOSE as a user means it: RFC 9293 section 3.10.4.
void DoDisconnect(Tcpcb& tp) {
  Socket& so = tp.so();
  if (!tcps_haveestablished(tp.state)) {
    tcp_close(tp);
    return;
  }
  if (so.has(kSO_LINGER) && so.linger_seconds == 0) {
    tcp_drop(tp, kOk);
    return;
  }
  soisdisconnecting(so);
  if (tp.inp.detached) return;
  sbflush(so.rcv);
  tcp_usrclosed(tp);
  if (!tp.inp.detached) (void)tcp_output(tp);
}

void tcp_detach(Socket& so) {
  if (Tcpcb* const tp = sototcpcb(so)) DoDisconnect(*tp);
}

Errno tcp_disconnect(Socket& so) {
  Tcpcb* const tp = sototcpcb(so);
  if (tp == nullptr) return GoneError(so);
  DoDisconnect(*tp);
  return kOk;
}

Errno tcp_bind(Socket& so, const Sockaddr& nam) {
  Inpcb* const inp = sotoinpcb(so);
  if (inp == nullptr) return kEINVAL;
  if (in_multicast(nam.addr)) return kEADDRNOTAVAIL;
  return in_pcbbind(*inp, nam);
}

Errno tcp_listen(Socket& so) {
  Tcpcb* const tp = sototcpcb(so);
  if (tp == nullptr) return GoneError(so);
  if (tp->state != TcpState::kClosed && tp->state != TcpState::kListen) {
    return kEINVAL;
  }
  if (tp->inp.laddr.port == 0) {
    const Errno error = in_pcbbind(tp->inp, Sockaddr(kInaddrAny, 0));
    if (error != kOk) return error;
  }
  tp->state = TcpState::kListen;
  return kOk;
}

Errno tcp_connect(Socket& so, const Sockaddr& nam) {
  Tcpcb* const tp = sototcpcb(so);
  if (tp == nullptr) return GoneError(so);
  if (tp->state != TcpState::kClosed) return kEISCONN;
  const bool freebsd = so.ns.settings.personality == Personality::kFreeBsd;
  if (in_multicast(nam.addr)) return freebsd ? kEAFNOSUPPORT : kEINVAL;
  if (nam.addr == kInaddrBroadcast) return freebsd ? kEACCES : kEINVAL;
  Inpcb& inp = tp->inp;
  if (const Errno error = in_pcbconnect(inp, nam); error != kOk) return error;
  soisconnecting(so);
  ++so.ns.tcpstat.connattempt;
  tp->state = TcpState::kSynSent;
  timeout_add(tp->keep, tcp_keepinit(*tp));
  tcp_sendseqinit(*tp);
  const Errno error = tcp_output(*tp);
  if (error != kOk) {
    // Nobody could be asked: as before, so that another address can be tried.
    tcp_canceltimers(*tp);
    tp->state = TcpState::kClosed;
    so.state &= static_cast<uint16_t>(~kSsIsConnecting);
    in_pcbdisconnect(inp);
  }
  return error;
}

Errno tcp_accept(Socket& so, Sockaddr* nam) {
  const Inpcb* const inp = sotoinpcb(so);
  if (inp == nullptr) return kECONNABORTED;
  if (nam != nullptr) *nam = inp->faddr;
  return kOk;
}

Errno tcp_shutdown(Socket& so) {
  Tcpcb* const tp = sototcpcb(so);
  if (tp == nullptr) return GoneError(so);
  if (so.cantsendmore()) return kOk;
  socantsendmore(so);
  if (tp->inp.detached) return kOk;
  tcp_usrclosed(*tp);
  return tp->inp.detached ? kOk : tcp_output(*tp);
}

void tcp_rcvd(Socket& so) {
  Tcpcb* const tp = sototcpcb(so);
  if (tp == nullptr || !so.is(kSsIsConnected | kSsIsConnecting)) return;
  (void)tcp_output(*tp);
}

Errno tcp_send(Socket& so, MbufPtr m, const Sockaddr* /*to*/, MbufPtr control) {
  so.ns.tracer.Enter(Fn::kTcpSend, m.get(), &so, m ? m->pkthdr.len : 0);
  Tcpcb* const tp = sototcpcb(so);
  if (tp == nullptr) return GoneError(so);
  if (control && m_length(*control) > 0) return kEINVAL;
  so.ns.tracer.Enter(Fn::kSbappendstream, m.get(), &so, 0);
  sbappendstream(so.snd, std::move(m));
  return tcp_output(*tp);
}

Errno tcp_sendoob(Socket& so, MbufPtr m, const Sockaddr* /*to*/,
                  MbufPtr control) {
  so.ns.tracer.Enter(Fn::kTcpSend, m.get(), &so, m ? m->pkthdr.len : 0);
  Tcpcb* const tp = sototcpcb(so);
  if (tp == nullptr) return GoneError(so);
  if (control && m_length(*control) > 0) return kEINVAL;
  if (sbspace(so.snd) < -512) return kENOBUFS;
  so.ns.tracer.Enter(Fn::kSbappendstream, m.get(), &so, 0);
  sbappendstream(so.snd, std::move(m));
  // Behind the urgent byte, as BSD has it, not at it (RFC 9293 section 3.8.5).
  tp->snd_up = tp->snd_una + so.snd.cc;
  tp->flags |= kTfForce;
  const Errno error = tcp_output(*tp);
  tp->flags &= ~kTfForce;
  return error;
}

void tcp_abort(Socket& so) {
  if (Tcpcb* const tp = sototcpcb(so)) tcp_drop(*tp, kECONNABORTED);
}

void tcp_sockaddr(Socket& so, Sockaddr* nam) {
  if (const Inpcb* const inp = sotoinpcb(so)) *nam = inp->laddr;
}

void tcp_peeraddr(Socket& so, Sockaddr* nam) {
  if (const Inpcb* const inp = sotoinpcb(so)) *nam = inp->faddr;
}

}  // namespace

const Protosw kTcpProtosw = {
    .type = SocketType::kStream,
    .family = Family::kInet,
    .protocol = kIpprotoTcp,
    .flags = kPrConnRequired | kPrWantRcvd | kPrAbrtAcptDis | kPrSplice,
    .input = tcp_input,
    .ctlinput = tcp_ctlinput,
    .attach = tcp_attach,
    .detach = tcp_detach,
    .bind = tcp_bind,
    .listen = tcp_listen,
    .connect = tcp_connect,
    .accept = tcp_accept,
    .disconnect = tcp_disconnect,
    .shutdown = tcp_shutdown,
    .rcvd = tcp_rcvd,
    .send = tcp_send,
    .sendoob = tcp_sendoob,
    .rcvoob = tcp_rcvoob,
    .abort = tcp_abort,
    .sockaddr = tcp_sockaddr,
    .peeraddr = tcp_peeraddr,
    .setopt = tcp_setopt,
    .getopt = tcp_getopt,
};

}  // namespace splnet
