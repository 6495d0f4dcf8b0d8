// The TCP endpoints of a host.

#include "stack/netinet/tcp_endpoint.h"

#include "stack/netinet/in_pcb.h"
#include "stack/netinet/tcp_syncache.h"
#include "stack/netstack.h"

namespace splnet {

std::vector<TcpEndpoint> tcp_endpoints(const Netstack& ns) {
  std::vector<TcpEndpoint> all;
  for (const Inpcb* p = ns.tcbtable.first(); p != nullptr; p = p->list_next) {
    all.push_back(
        {p->laddr, p->faddr, p->tcpcb->state, p->so->rcv.cc, p->so->snd.cc});
  }
  if (ns.tcp.syncache == nullptr) return all;
  for (const SynCacheEntry* p = ns.tcp.syncache->first(); p != nullptr;
       p = p->next) {
    all.push_back({p->to, p->from, TcpState::kSynReceived});
  }
  return all;
}

bool tcp_drop_endpoint(Netstack& ns, const Sockaddr& local,
                       const Sockaddr& foreign) {
  if (Inpcb* const inp = in_pcblookup_exact(ns.tcbtable, foreign, local)) {
    Tcpcb& tp = *inp->tcpcb;
    if (tp.state == TcpState::kTimeWait) {
      tcp_close(tp);
    } else {
      tcp_drop(tp, kECONNABORTED);
    }
    return true;
  }
  SynCacheEntry* const entry = syn_cache_lookup(ns, foreign, local);
  if (entry == nullptr) return false;
  syn_cache_reset(ns, entry->owner.Take(*entry));
  return true;
}

}  // namespace splnet
