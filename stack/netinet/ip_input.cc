// IPv4 input: carries one packet from ipintr to its protocol.
//
// RFC 791, with the host requirements of RFC 1122 section 3.2.1.

#include <utility>

#include "stack/netinet/in_cksum.h"
#include "stack/netinet/ip.h"
#include "stack/netinet/ip_var.h"
#include "stack/netinet/raw_ip.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

bool Loopback(const InAddr& a) { return a.v4() >> 24 == 127; }

// `m`, whose first mbuf is shorter than the header, with the header in one
// piece.  Null when `m` was dropped.
MbufPtr PullupHeader(Netstack& ns, MbufPtr m, size_t hlen) {
  if (m->pkthdr.len < hlen) {
    ns.Drop(std::move(m), DropReason::kIpShort);
    return nullptr;
  }
  const uint64_t id = m->pkthdr.id;
  m = m_pullup(std::move(m), hlen);
  if (!m) ns.Lost(DropReason::kIpNoBuffers, id);
  return m;
}

// An address that no packet may come from, nor, on a wire, go to.
bool BadAddress(const Netstack& ns, const Mbuf& m, const InAddr& src,
                const InAddr& dst) {
  if (in_multicast(src) || src == kInaddrBroadcast) return true;
  if (Loopback(src) || Loopback(dst)) {
    const Ifnet* const ifp = if_get(const_cast<Netstack&>(ns), m.pkthdr.ifidx);
    return !m.has(kMLoop) && (ifp == nullptr || !ifp->is(kIffLoopback));
  }
  return false;
}

// What is wrong with the header `ip` of `m`, of whose first bytes `hlen` are
// contiguous; nothing if `ok`.
bool HeaderBad(const Netstack& ns, const Mbuf& m, const IpHeader& ip,
               size_t hlen, DropReason* why) {
  if ((m.pkthdr.csum_flags & kMIpv4CsumInOk) == 0) {
    CksumPartial sum = in_cksum_20(m.data);
    if (hlen > sizeof ip) [[unlikely]] {
      sum += in_cksum_partial(m.data + sizeof ip, hlen - sizeof ip);
    }
    if (in_cksum_fold(sum) != 0) {
      *why = DropReason::kIpBadChecksum;
      return true;
    }
  }
  if (ip.len < hlen) {
    *why = DropReason::kIpBadLength;
    return true;
  }
  if (m.pkthdr.len < ip.len) {
    *why = DropReason::kIpTruncated;
    return true;
  }
  if (BadAddress(ns, m, InAddr(ip.src), InAddr(ip.dst))) {
    *why = DropReason::kIpBadSource;
    return true;
  }
  return false;
}

// Whether this host takes the packet `m`, to `dst`.  One to all or to a group
// is marked as such, whatever frame it came in.
bool ForUs(Netstack& ns, Mbuf& m, const InAddr& dst) {
  const LocalAddrTable::Entry* const e = ns.local_addrs.Find(dst);
  if (e != nullptr && e->kind == LocalAddrTable::Kind::kUnicast) return true;
  if (in_multicast(dst)) {
    m.flags |= kMMcast;
    return ns.owns_everything || ns.groups.Member(dst);
  }
  const Ifnet* const ifp = if_get(ns, m.pkthdr.ifidx);
  const bool subnet =
      e != nullptr &&
      (m.has(kMLoop) || (ifp != nullptr && in_broadcast(*ifp, dst)));
  if (subnet || dst == kInaddrBroadcast || dst.is_any()) {
    m.flags |= kMBcast;
    return true;
  }
  // The whole of 127.0.0.0/8 is this host.
  if (m.has(kMLoop) && Loopback(dst)) return true;
  return ns.owns_everything;
}

// A packet for somebody else.
void NotForUs(Netstack& ns, MbufPtr m) {
  ++ns.ipstat.cantforward;
  const bool many = m->has(kMBcast | kMMcast);
  ns.Drop(std::move(m), ns.settings.ip_forwarding != 0 && !many
                            ? DropReason::kIpCannotForward
                            : DropReason::kIpNotForUs);
}

// Hands a whole packet to its protocol.
void Deliver(Netstack& ns, MbufPtr m, const IpHeader& ip) {
  const Protosw* const proto = ns.ProtoFor(ip.p);
  if (proto != nullptr) [[likely]] {
    ++ns.ipstat.delivered;
    return proto->input(ns, std::move(m), ip.hlen());
  }
  if (rip_input(ns, *m)) {
    ++ns.ipstat.delivered;
    return;
  }
  ++ns.ipstat.noproto;
  icmp_error(ns, std::move(m), IcmpUnreach::kProtocol);
}

}  // namespace

void ip_input(Netstack& ns, MbufPtr m) {
  ns.tracer.Enter(Fn::kIpInput, *m);
  ++ns.ipstat.total;
  if (m->len < sizeof(IpHeader)) [[unlikely]] {
    m = PullupHeader(ns, std::move(m), sizeof(IpHeader));
    if (!m) return;
  }
  IpHeader ip;
  std::memcpy(&ip, m->data, sizeof ip);
  if (ip.vhl != 0x45) [[unlikely]] {
    if (ip.vhl >> 4 != 4) {
      return ns.Drop(std::move(m), DropReason::kIpBadVersion);
    }
    if (ip.hlen() < sizeof ip) {
      return ns.Drop(std::move(m), DropReason::kIpBadHeaderLength);
    }
    if (m->len < ip.hlen()) m = PullupHeader(ns, std::move(m), ip.hlen());
    if (!m) return;
  }
  const size_t hlen = ip.hlen();
  DropReason why;
  if (HeaderBad(ns, *m, ip, hlen, &why)) [[unlikely]] {
    return ns.Drop(std::move(m), why);
  }
  // The link may have padded a short packet.
  if (m->pkthdr.len > ip.len) m_truncate(*m, ip.len);

  if (!ForUs(ns, *m, InAddr(ip.dst))) [[unlikely]] {
    return NotForUs(ns, std::move(m));
  }
  if (hlen > sizeof ip) [[unlikely]] {
    m = ip_dooptions(ns, std::move(m));
    if (!m) return;
  }
  if ((ip.off & (kIpMf | kIpOffMask)) != 0) [[unlikely]] {
    m = ns.ipfrag.Reassemble(std::move(m));
    if (!m) return;
    std::memcpy(&ip, m->data, sizeof ip);
  }
  Deliver(ns, std::move(m), ip);
}

}  // namespace splnet
