// Sends packets of this host to itself.

#include "drivers/if_loop.h"

#include <memory>
#include <utility>

namespace splnet {

Ifnet& loopattach(Netstack& ns) {
  Ifnet& lo = ns.Attach(std::make_unique<Ifnet>(ns, "lo0"));
  lo.flags = kIffUp | kIffRunning | kIffLoopback | kIffMulticast;
  lo.mtu_bytes = kLoMtu;
  lo.output = looutput;
  CHECK(if_addaddr(lo, kInaddrLoopback, 8) == kOk);
  return lo;
}

Errno looutput(Ifnet& ifp, MbufPtr m, const InAddr& dst, const Rtentry* rt) {
  Netstack& ns = ifp.ns;
  if (!ifp.up()) {
    ns.Drop(std::move(m), DropReason::kIfDown);
    return kENETDOWN;
  }
  if (rt != nullptr && (rt->flags & kRtfReject) != 0) {
    const bool host = (rt->flags & kRtfHost) != 0;
    ns.Drop(std::move(m), DropReason::kIpNoRoute);
    return host ? kEHOSTUNREACH : kENETUNREACH;
  }
  ++ifp.stats.opackets;
  ifp.stats.obytes += m->pkthdr.len;
  // Nothing that the way out noted in the header may guide the way in, but for
  // what was left unsummed.
  const uint16_t keep = m->flags & (kMBcast | kMMcast);
  const uint16_t csum_flags = m->pkthdr.csum_flags;
  m_resethdr(*m);
  m->flags |= keep;
  m->pkthdr.csum_flags = csum_flags;
  m->pkthdr.timestamp_ns = ToNanoseconds(ns.now());
  return if_input_local(ifp, std::move(m), dst.family);
}

}  // namespace splnet
