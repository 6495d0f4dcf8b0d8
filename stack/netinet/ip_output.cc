// IPv4 output: route, source, header, checksums, fragments.
//
// RFC 791, RFC 1122 section 3.3.1, RFC 1191.

#include <algorithm>
#include <cstring>
#include <utility>

#include "stack/netinet/in_cksum.h"
#include "stack/netinet/ip.h"
#include "stack/netinet/ip_var.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

// Where a packet goes next.
struct Hop {
  Ifnet* ifp = nullptr;
  const Rtentry* rt = nullptr;
  const InAddr* addr = nullptr;  // the neighbour: the gateway or destination
  InAddr source;                 // what 0.0.0.0 becomes
  uint32_t mtu_bytes = 0;
  Errno error = kOk;
};

InAddr FirstAddr(const Ifnet& ifp) {
  return ifp.addrs.empty() ? InAddr() : ifp.addrs.front().addr;
}

Hop Straight(Ifnet& ifp, const InAddr& dst) {
  return Hop{&ifp, nullptr, &dst, FirstAddr(ifp), ifp.mtu_bytes, kOk};
}

// A broadcast or multicast destination without a route goes out by the first
// interface that can do it.
Hop WithoutRoute(Netstack& ns, const InAddr& dst) {
  Ifnet* ifp = nullptr;
  if (dst == kInaddrBroadcast) ifp = if_first(ns, kIffUp | kIffBroadcast);
  if (in_multicast(dst)) ifp = if_first(ns, kIffUp | kIffMulticast);
  if (ifp != nullptr) return Straight(*ifp, dst);
  Hop none;
  none.error = kEHOSTUNREACH;
  return none;
}

// `dst` outlives what is returned.
Hop NextHop(Netstack& ns, const InAddr& dst, Route* ro, int flags) {
  if ((flags & kIpRouteToIf) != 0) [[unlikely]] {
    Ifnet* const ifp = ifa_ifwithnet(ns, dst);
    if (ifp != nullptr) return Straight(*ifp, dst);
    Hop none;
    none.error = kENETUNREACH;
    return none;
  }
  const Rtentry* const rt =
      ro != nullptr ? ro->Get(ns.routes, dst) : ns.routes.Lookup(dst);
  if (rt == nullptr) [[unlikely]]
    return WithoutRoute(ns, dst);
  Hop hop;
  hop.rt = rt;
  if ((rt->flags & kRtfReject) != 0) [[unlikely]] {
    hop.error = (rt->flags & kRtfHost) != 0 ? kEHOSTUNREACH : kENETUNREACH;
    return hop;
  }
  hop.ifp = if_get(ns, rt->ifidx);
  if (hop.ifp == nullptr) [[unlikely]] {
    hop.error = kEHOSTUNREACH;
    return hop;
  }
  hop.addr = (rt->flags & kRtfGateway) != 0 ? &rt->gateway : &dst;
  hop.source = rt->ifa.is_v4() ? rt->ifa : FirstAddr(*hop.ifp);
  hop.mtu_bytes = ip_pathmtu(ns, *rt);
  return hop;
}

// The header of `m` with `opt` behind it.  Null, `m` gone, if memory is short.
MbufPtr InsertOptions(MbufPtr m, const IpOptions& opt, IpHeader& ip) {
  m = m_pullup(std::move(m), sizeof ip);
  if (m) m = m_prepend(std::move(m), opt.len, MWait::kDontWait);
  if (m) m = m_pullup(std::move(m), sizeof ip + opt.len);
  if (!m) return nullptr;
  std::memcpy(m->data + sizeof ip, opt.bytes.data(), opt.len);
  ip.vhl = static_cast<uint8_t>(0x40 | (sizeof ip + opt.len) / 4);
  return m;
}

// Hands one packet that fits to the interface, or back to this host.
Errno Send(Netstack& ns, MbufPtr m, const Hop& hop) {
  if (hop.rt != nullptr && (hop.rt->flags & kRtfLocal) != 0) [[unlikely]] {
    Ifnet* const lo = if_first(ns, kIffUp | kIffLoopback);
    if (lo != nullptr) return lo->output(*lo, std::move(m), *hop.addr, hop.rt);
    return if_input_local(*hop.ifp, std::move(m), Family::kInet);
  }
  return hop.ifp->output(*hop.ifp, std::move(m), *hop.addr, hop.rt);
}

// A packet that does not fit: in pieces, or not at all.
Errno SendFragments(Netstack& ns, MbufPtr m, const IpHeader& ip,
                    const Hop& hop) {
  if ((ip.off & kIpDf) != 0) {
    ++ns.ipstat.cantfrag;
    ns.Drop(std::move(m), DropReason::kIpMustFragment);
    return kEMSGSIZE;
  }
  MbufList pieces;
  if (const Errno error = ip_fragment(ns, std::move(m), hop.mtu_bytes, &pieces);
      error != kOk) {
    return error;
  }
  Errno first = kOk;
  while (MbufPtr piece = pieces.Dequeue()) {
    if (first != kOk) {  // without one the others are of no use
      ns.Drop(std::move(piece), DropReason::kIfqFull);
      continue;
    }
    first = Send(ns, std::move(piece), hop);
  }
  return first;
}

// Destinations that concern more than one host.  kOk, or why not.
Errno MarkManyReceivers(Mbuf& m, const Hop& hop, const InAddr& dst, int flags) {
  if (in_multicast(dst)) {
    m.flags |= kMMcast;
    return kOk;
  }
  const bool to_all = hop.rt != nullptr && (hop.rt->flags & kRtfBroadcast) != 0;
  if (!to_all && dst != kInaddrBroadcast) return kOk;
  if (!hop.ifp->is(kIffBroadcast)) return kEADDRNOTAVAIL;
  if ((flags & kIpAllowBroadcast) == 0) return kEACCES;
  if (m.pkthdr.len > hop.ifp->mtu_bytes) return kEMSGSIZE;
  m.flags |= kMBcast;
  return kOk;
}

// Lets this host hear the multicast `m` too, if it is in the group.
void LoopBack(Netstack& ns, const Mbuf& m, const InAddr& dst, Ifnet& ifp) {
  if (!ns.groups.Member(dst)) return;
  // A copy of its own: the headers of `m` are still to be written.
  MbufPtr copy = m_dup_pkt(m, 0, MWait::kDontWait);
  if (!copy) return ns.Lost(DropReason::kIpNoBuffers, m.pkthdr.id);
  copy->pkthdr.id = ns.NewPacketId();
  static_cast<void>(if_input_local(ifp, std::move(copy), Family::kInet));
}

// The checksum of a header whose options sum to `options`: from its fields, for
// to load them together so soon after they were stored would stall.
uint16_t HeaderSum(const IpHeader& ip, CksumPartial options) {
  const uint32_t src = ip.src.addr;
  const uint32_t dst = ip.dst.addr;
  uint32_t sum = uint32_t{ip.vhl} << 8 | ip.tos;
  sum += uint32_t{ip.len} + uint32_t{ip.id} + uint32_t{ip.off};
  sum += uint32_t{ip.ttl} << 8 | ip.p;
  sum += (src >> 16) + (src & 0xffff) + (dst >> 16) + (dst & 0xffff);
  sum += static_cast<uint16_t>(~in_cksum_field(options));
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

Errno Refuse(Netstack& ns, MbufPtr m, DropReason reason, Errno error) {
  ns.Drop(std::move(m), reason);
  return error;
}

}  // namespace

Errno ip_output(Netstack& ns, MbufPtr m, const IpOptions* opt, Route* ro,
                int flags) {
  ns.tracer.Enter(Fn::kIpOutput, *m);
  const bool raw = (flags & kIpRawOutput) != 0;
  const uint64_t id = m->pkthdr.id;
  const auto given = m_read<IpHeader>(*m, 0);
  if (!given) return Refuse(ns, std::move(m), DropReason::kIpShort, kEINVAL);
  IpHeader ip = *given;
  if (!raw && ip.vhl >> 4 != 4) ip.vhl = 0x45;
  if (opt != nullptr && opt->len > 0) [[unlikely]] {
    m = InsertOptions(std::move(m), *opt, ip);
  } else if (m->len < ip.hlen() || m_readonly(*m)) [[unlikely]] {
    m = m_pullup(std::move(m), ip.hlen());
    if (m) m = m_makewritable(std::move(m), 0, ip.hlen());
  }
  if (!m) [[unlikely]] {
    ++ns.ipstat.odropped;
    ns.Lost(DropReason::kIpNoBuffers, id);
    return kENOBUFS;
  }
  if (m->pkthdr.len > kIpMaxPacket) [[unlikely]] {
    return Refuse(ns, std::move(m), DropReason::kIpTooBig, kEMSGSIZE);
  }

  const InAddr dst(ip.dst);
  const Hop hop = NextHop(ns, dst, ro, flags);
  if (hop.error != kOk) [[unlikely]] {
    ++ns.ipstat.noroute;
    return Refuse(ns, std::move(m), DropReason::kIpNoRoute, hop.error);
  }
  if (const Errno error = MarkManyReceivers(*m, hop, dst, flags); error != kOk)
      [[unlikely]] {
    return error;  // what was asked for cannot be: the caller is told
  }

  const size_t hlen = ip.hlen();
  ip.len = static_cast<uint16_t>(m->pkthdr.len);
  if (InAddr(ip.src).is_any() && hop.source.is_v4()) {
    ip.src = hop.source.wire4();
  }
  if (raw) {
    ++ns.ipstat.rawout;
    if (ip.id == 0) ip.id = ns.ip_ids.Next();
  } else {
    ip.id = ns.ip_ids.Next();
    ip.off = ip.off & kIpDf;
    if ((flags & kIpMtuDisc) != 0) ip.off = kIpDf;
  }
  ++ns.ipstat.localout;
  if (m->pkthdr.csum_flags != 0) {
    const bool by_nic = m->pkthdr.len <= hop.mtu_bytes &&
                        (hop.rt == nullptr || !(hop.rt->flags & kRtfLocal)) &&
                        !m->has(kMMcast);
    m = in_proto_cksum_out(ns, std::move(m), ip,
                           by_nic ? hop.ifp->capabilities : 0);
    if (!m) [[unlikely]] {
      ++ns.ipstat.odropped;
      ns.Lost(DropReason::kIpNoBuffers, id);
      return kENOBUFS;
    }
  }
  CksumPartial options = 0;
  if (hlen > sizeof ip) [[unlikely]] {
    options = in_cksum_partial(m->data + sizeof ip, hlen - sizeof ip);
  }
  ip.sum = HeaderSum(ip, options);
  m_write(*m, 0, ip);

  if (m->has(kMMcast) && (flags & kIpMcastLoop) != 0) [[unlikely]] {
    LoopBack(ns, *m, dst, *hop.ifp);
  }
  if (m->pkthdr.len > hop.mtu_bytes) [[unlikely]] {
    return SendFragments(ns, std::move(m), ip, hop);
  }
  return Send(ns, std::move(m), hop);
}

MbufPtr in_proto_cksum_out(Netstack& ns, MbufPtr m, const IpHeader& ip,
                           uint32_t capabilities) {
  const size_t hlen = ip.hlen();
  const uint16_t want = m->pkthdr.csum_flags;
  size_t field = 0;  // where in the payload the checksum stands
  bool by_nic = false;
  if ((want & kMTcpCsumOut) != 0) {
    field = 16;
    by_nic = (capabilities & kIfcapCsumTcp4) != 0;
  } else if ((want & kMUdpCsumOut) != 0) {
    field = 6;
    by_nic = (capabilities & kIfcapCsumUdp4) != 0;
  } else if ((want & kMIcmpCsumOut) != 0) {
    field = 2;
  } else {
    return m;
  }
  m->pkthdr.csum_flags = static_cast<uint16_t>(
      want & ~(kMTcpCsumOut | kMUdpCsumOut | kMIcmpCsumOut));
  const size_t len = m->pkthdr.len - hlen;
  if (len < field + 2) return m;
  if (m->len < hlen + field + 2) [[unlikely]] {
    m = m_pullup(std::move(m), hlen + field + 2);
    if (m) m = m_makewritable(std::move(m), 0, hlen + field + 2);
    if (!m) return nullptr;
  }
  const bool pseudo = (want & kMIcmpCsumOut) == 0;
  CksumPartial sum = pseudo ? in_pseudo(ip.src, ip.dst, ip.p, len) : 0;
  if (by_nic) {
    m->pkthdr.csum_flags = want;
    const auto partial = static_cast<uint16_t>(~in_cksum_field(sum));
    m_write(*m, hlen + field, Be16(partial));
    return m;
  }
  sum += in_cksum_chain(*m, hlen, len);
  ns.cpu.ChargeSum(len);
  uint16_t value = in_cksum_field(sum);
  // RFC 768: a computed 0 is sent as ones, for 0 says that none was computed.
  if ((want & kMUdpCsumOut) != 0 && value == 0) value = 0xffff;
  m_write(*m, hlen + field, Be16(value));
  return m;
}

InAddr in_selectsrc(Netstack& ns, const InAddr& dst, Route* ro) {
  return NextHop(ns, dst, ro, 0).source;
}

uint32_t ip_pathmtu(Netstack& ns, const Rtentry& rt) {
  const Ifnet* const ifp = if_get(ns, rt.ifidx);
  const uint32_t link = ifp == nullptr ? 0 : ifp->mtu_bytes;
  return rt.mtu_bytes == 0 ? link : std::min(rt.mtu_bytes, link);
}

}  // namespace splnet
