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

}  // namespace

void tcp_ctlinput(Netstack& ns, CtlInput cmd, const CtlQuote& quote) {
  if (quote.transport.size() < 8) return;
  TcpHeader th{};
  std::memcpy(static_cast<void*>(&th), quote.transport.data(), 8);
  Inpcb* const inp =
      in_pcblookup_exact(ns.tcbtable, Sockaddr(quote.dst.addr, th.dport),
                         Sockaddr(quote.src.addr, th.sport));
  if (inp == nullptr) {
    SynCacheEntry* const entry =
        syn_cache_lookup(ns, Sockaddr(quote.dst.addr, th.dport),
                         Sockaddr(quote.src.addr, th.sport));
    const Errno error = ctlerrno(cmd);
    if (entry != nullptr && th.seq == entry->iss && error != kOk &&
        error != kEMSGSIZE) {
      syn_cache_unreach(*entry);
    }
    return;
  }
  if (inp->detached) return;
  Tcpcb& tp = *inp->tcpcb;
  // It must quote something that is on its way: RFC 5927 section 4.1.
  const uint32_t seq = th.seq;
  if (!seq_geq(seq, tp.snd_una) || !seq_lt(seq, tp.snd_max)) return;

  if (cmd == CtlInput::kMsgSize || cmd == CtlInput::kUnreachNeedFrag) {
    if (!tcp_mtu_lowered(tp, quote.mtu)) return;
    // What was too large is lost; it is no sign of congestion (RFC 1191).
    tp.snd_nxt = tp.snd_una;
    tp.flags &= ~kTfTiming;
    (void)tcp_output(tp);
    return;
  }
  if (cmd == CtlInput::kQuench) return;  // RFC 6633
  if (const Errno error = ctlerrno(cmd); error != kOk) tcp_notify(tp, error);
}

}  // namespace splnet
