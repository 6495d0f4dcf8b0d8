// What ICMP errors do to connections.  RFC 1122 section 4.2.3.9, RFC 5461,
// RFC 5927, RFC 1191.

#include <cstring>

#include "stack/kern/socketvar.h"
#include "stack/netinet/in_pcb.h"
#include "stack/netinet/tcp_seq.h"
#include "stack/netinet/tcp_syncache.h"
#include "stack/netinet/tcp_var.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

// An error that may pass: remembered, to explain a timeout (RFC 1122 section
// 4.2.3.9, RFC 5461).  An established connection does not heed a lost route.
void tcp_notify(Tcpcb& tp, Errno error) {
  const bool unreachable =
      error == kEHOSTUNREACH || error == kENETUNREACH || error == kEHOSTDOWN;
  if (tcps_haveestablished(tp.state)) {
    if (!unreachable) tp.softerror = error;
    return;
  }
  if (tp.rxtshift <= 3 || tp.softerror == kOk) {
    tp.softerror = error;
    return;
  }
  // Several tries have failed, and not by chance.
  Socket& so = tp.so();
  so.error = error;
  wakeup(tp.ns().cpu, so.connecting);
  sorwakeup(so);
  if (tp.inp.detached) return;
  sowwakeup(so);
}

// What only a host or a filter on the way says of a peer that has not answered
// yet: it will not (RFC 1122 section 4.2.3.9).
bool IsHard(CtlInput cmd) {
  return cmd == CtlInput::kUnreachPort || cmd == CtlInput::kUnreachProtocol ||
         cmd == CtlInput::kUnreachAdmin;
}

// The path takes packets of `mtu_bytes` at most, says a message about a segment
// that is on its way.
void LowerMtu(Tcpcb& tp, uint32_t mtu_bytes) {
  Netstack& ns = tp.ns();
  if (ns.settings.tcp_mtudisc == 0) return;
  if (!tcp_mtu_lowered(tp, mtu_bytes)) return;
  // What was too large is lost; it is no sign of congestion (RFC 1191).
  tp.snd_nxt = tp.snd_una;
  tp.flags &= ~kTfTiming;
  (void)tcp_output(tp);
}

// An error about our SYN-ACK, for which there is no control block yet.
void EntryInput(Netstack& ns, CtlInput cmd, const TcpHeader& th,
                const Sockaddr& to, const Sockaddr& from) {
  SynCacheEntry* const entry = syn_cache_lookup(ns, to, from);
  if (entry == nullptr || th.seq != entry->iss) return;
  const Errno error = ctlerrno(cmd);
  if (error != kOk && error != kEMSGSIZE) syn_cache_unreach(*entry);
}

}  // namespace

void tcp_ctlinput(Netstack& ns, CtlInput cmd, const CtlQuote& quote) {
  if (quote.transport.size() < 8) return;
  TcpHeader th{};
  std::memcpy(static_cast<void*>(&th), quote.transport.data(), 8);
  const Sockaddr to(quote.dst.addr, th.dport);
  const Sockaddr from(quote.src.addr, th.sport);
  Inpcb* const inp = in_pcblookup_exact(ns.tcbtable, to, from);
  if (inp == nullptr) return EntryInput(ns, cmd, th, to, from);
  if (inp->detached) return;
  Tcpcb& tp = *inp->tcpcb;
  // It must quote something that is on its way: RFC 5927 section 4.1.
  const uint32_t seq = th.seq;
  if (!seq_geq(seq, tp.snd_una) || !seq_lt(seq, tp.snd_max)) return;

  if (cmd == CtlInput::kMsgSize || cmd == CtlInput::kUnreachNeedFrag) {
    return LowerMtu(tp, quote.mtu);
  }
  if (cmd == CtlInput::kQuench) return;  // RFC 6633
  if (tp.state == TcpState::kSynSent && IsHard(cmd) &&
      ns.settings.tcp_icmp_may_rst != 0) {
    return tcp_drop(tp, kECONNREFUSED);
  }
  if (const Errno error = ctlerrno(cmd); error != kOk) tcp_notify(tp, error);
}

}  // namespace splnet
