// Path MTU discovery: what routers say, remembered in host routes.  RFC 1191.

#include <algorithm>

#include "stack/netinet/ip_icmp.h"
#include "stack/netinet/ip_var.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

// RFC 1191 section 7.1: the next common size below `len`, for routers that do
// not say theirs.
uint32_t Plateau(uint32_t len) {
  static constexpr uint32_t kPlateaus[] = {32000, 17914, 8166, 4352,
                                           2002,  1492,  1006, 576};
  for (const uint32_t size : kPlateaus) {
    if (size < len) return size;
  }
  return PathMtuTable::kLeast;
}

}  // namespace

PathMtuTable::PathMtuTable(Netstack& ns)
    : ns_(ns), timer_(ns.cpu, Expire, this) {}

uint32_t PathMtuTable::Learn(const InAddr& dst, uint32_t mtu_bytes,
                             uint32_t quoted_len) {
  const Rtentry* const rt = ns_.routes.Lookup(dst);
  if (rt == nullptr || (rt->flags & (kRtfLocal | kRtfReject)) != 0) return 0;
  const uint32_t now = ip_pathmtu(ns_, *rt);
  uint32_t mtu = mtu_bytes != 0 ? mtu_bytes : Plateau(quoted_len);
  mtu = std::max(mtu, kLeast);
  if (mtu >= now) return now;

  const bool known = rt->prefixlen == 32 && rt->mtu_bytes != 0;
  if (!known && learnt_.size() >= kMax) {
    ++ns_.ipstat.pmtufull;
    return 0;
  }
  ++ns_.ipstat.pmtu;
  Rtentry host = *rt;
  if (rt->prefixlen == 32) {
    static_cast<void>(ns_.routes.Delete(dst, 32));
  } else {
    host.flags |= kRtfHost | kRtfDynamic;
  }
  host.dst = dst;
  host.prefixlen = 32;
  host.mtu_bytes = mtu;
  static_cast<void>(ns_.routes.Add(host));
  if (!known) {
    learnt_.push_back(Learnt{ns_.now() + kLifetime, dst});
    if (!timer_.pending()) timeout_add_at(timer_, learnt_.front().until);
  }
  return mtu;
}

void PathMtuTable::Expire(void* arg) {
  auto& self = *static_cast<PathMtuTable*>(arg);
  RouteTable& routes = self.ns_.routes;
  while (!self.learnt_.empty() &&
         self.learnt_.front().until <= self.ns_.now()) {
    const InAddr dst = self.learnt_.front().dst;
    self.learnt_.pop_front();
    const Rtentry* const rt = routes.Find(dst, 32);
    if (rt == nullptr || rt->mtu_bytes == 0) continue;
    Rtentry without = *rt;
    static_cast<void>(routes.Delete(dst, 32));
    if ((without.flags & kRtfDynamic) != 0) continue;
    without.mtu_bytes = 0;
    static_cast<void>(routes.Add(without));
  }
  if (!self.learnt_.empty()) {
    timeout_add_at(self.timer_, self.learnt_.front().until);
  }
}

}  // namespace splnet
