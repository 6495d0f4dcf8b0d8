// Ethernet frames: in to the queue of their EtherType, out with a header.

#include "stack/net/if_ethersubr.h"

#include <cstddef>
#include <cstring>
#include <utility>

#include "stack/netstack.h"

namespace splnet {
namespace {

// 224.0.0.0/4 to 01:00:5e and 23 bits of the group: RFC 1112 section 6.4.
EtherAddr EtherMulticast(const InAddr& group) {
  const uint32_t a = group.v4();
  return EtherAddr{{0x01, 0x00, 0x5e, static_cast<uint8_t>(a >> 16 & 0x7f),
                    static_cast<uint8_t>(a >> 8), static_cast<uint8_t>(a)}};
}

// The VLAN interface over `ifp` for this tag; null if there is none.
Ifnet* VlanAbove(const Ifnet& ifp, uint16_t vlan_id) {
  for (const uint16_t index : ifp.vlans) {
    Ifnet* const vlan = if_get(ifp.ns, index);
    if (vlan != nullptr && vlan->vlan_id == vlan_id) return vlan;
  }
  return nullptr;
}

// A frame whose tag is in its packet header: the VLAN's, if there is one and
// it is up, else nobody's.  Null when dropped.
Ifnet* VlanInput(Ifnet& ifp, MbufPtr& m) {
  const uint16_t vlan_id = m->pkthdr.ether_vtag & kEvlVidMask;
  if (vlan_id == 0) return &ifp;
  Ifnet* const vlan = VlanAbove(ifp, vlan_id);
  if (vlan == nullptr && ifp.ns.owns_everything) return &ifp;
  if (vlan == nullptr || !vlan->up()) {
    ++ifp.stats.noproto;
    ifp.ns.Drop(std::move(m), DropReason::kEtherUnknownVlan);
    return nullptr;
  }
  m->flags &= static_cast<uint16_t>(~kMVlantag);
  m->pkthdr.ifidx = vlan->index;
  ++vlan->stats.ipackets;
  vlan->stats.ibytes += m->pkthdr.len;
  return vlan;
}

// Moves the tag of a tagged frame from behind its addresses to the packet
// header.  The EtherType behind it; 0 if the frame is too short.
uint16_t TakeTag(Mbuf& m) {
  struct Tag {
    Be16 tci;
    Be16 type;
  };
  const auto tag = m_read<Tag>(m, kEtherHdrLen);
  if (!tag) return 0;
  m.pkthdr.ether_vtag = tag->tci;
  m.flags |= kMVlantag;
  return tag->type;
}

// Frames to a group or to all; true if the frame is for this station.
bool ForUs(const Ifnet& ifp, const EtherAddr& dhost, Mbuf& m, IfStats& stats) {
  // Two words instead of six bytes.
  if (std::memcmp(&dhost, &ifp.lladdr, sizeof dhost) == 0) return true;
  if (dhost.is_multicast()) {
    m.flags |= dhost == kEtherBroadcast ? kMBcast : kMMcast;
    ++stats.imcasts;
    return true;
  }
  return ifp.ns.owns_everything;
}

// Ifnet::start of a VLAN interface: tags its frames and gives them to the
// interface below.
void VlanStart(Ifnet& vlan) {
  Netstack& ns = vlan.ns;
  while (MbufPtr m = vlan.snd.Dequeue()) {
    Ifnet& parent = *if_get(ns, vlan.vlan_parent);
    const uint64_t id = m->pkthdr.id;
    m = m_pullup(std::move(m), kEtherHdrLen);
    if (m) m = m_prepend(std::move(m), kEtherVlanTagLen, MWait::kDontWait);
    if (!m) {
      ++vlan.stats.oerrors;
      ns.Lost(DropReason::kIpNoBuffers, id);
      continue;
    }
    const auto eh = m_read<EtherHeader>(*m, kEtherVlanTagLen);
    if (!eh) continue;  // cannot be: it was pulled up
    const EtherHeader tagged{eh->dhost, eh->shost, kEthertypeVlan};
    m = m_pullup(std::move(m), kEtherHdrLen + kEtherVlanTagLen);
    if (!m) {
      ++vlan.stats.oerrors;
      ns.Lost(DropReason::kIpNoBuffers, id);
      continue;
    }
    m_write(*m, 0, tagged);
    m_write(*m, kEtherHdrLen, Be16(vlan.vlan_id));
    m_write(*m, kEtherHdrLen + 2, eh->type);
    // What the parent's queue refuses it counts.
    static_cast<void>(if_enqueue(parent, std::move(m)));
  }
}

}  // namespace

void ether_ifattach(Ifnet& ifp, const EtherAddr& lladdr) {
  ifp.lladdr = lladdr;
  ifp.mtu_bytes = kEtherMtu;
  ifp.flags |= kIffBroadcast | kIffMulticast;
  ifp.input = ether_input;
  ifp.output = ether_output;
}

void ether_input(Ifnet& arrived, MbufPtr m) {
  Netstack& ns = arrived.ns;
  ns.tracer.Enter(Fn::kEtherInput, *m);
  const auto eh = m_read<EtherHeader>(*m, 0);
  if (!eh) [[unlikely]] {
    ++arrived.stats.ierrors;
    return ns.Drop(std::move(m), DropReason::kEtherShort);
  }
  if (!ForUs(arrived, eh->dhost, *m, arrived.stats)) [[unlikely]] {
    return ns.Drop(std::move(m), DropReason::kEtherNotForUs);
  }

  uint16_t type = eh->type;
  size_t hlen = kEtherHdrLen;
  if (type == kEthertypeVlan) [[unlikely]] {
    type = TakeTag(*m);
    if (type == 0) {
      ++arrived.stats.ierrors;
      return ns.Drop(std::move(m), DropReason::kEtherShort);
    }
    hlen += kEtherVlanTagLen;
  }
  Ifnet* ifp = &arrived;
  if (m->has(kMVlantag)) [[unlikely]] {
    ifp = VlanInput(arrived, m);
    if (ifp == nullptr) return;
  }

  NetisrQueue* const queue = ns.QueueFor(type);
  if (queue == nullptr) [[unlikely]] {
    ++ifp->stats.noproto;
    return ns.Drop(std::move(m), type == kEthertypeQinq
                                     ? DropReason::kEtherUnknownVlan
                                     : DropReason::kEtherUnknownType);
  }
  m_trim_front(*m, hlen);
  netisr_enqueue(ns, *queue, std::move(m));
}

Errno ether_output(Ifnet& ifp, MbufPtr m, const InAddr& dst,
                   const Rtentry* /*rt*/) {
  Netstack& ns = ifp.ns;
  ns.tracer.Enter(Fn::kEtherOutput, *m);
  if (!ifp.up()) [[unlikely]] {
    ns.Drop(std::move(m), DropReason::kIfDown);
    return kENETDOWN;
  }
  const EtherFamily* const family = ns.EtherFamilyOf(dst.family);
  if (family == nullptr) [[unlikely]] {
    ns.Drop(std::move(m), DropReason::kIp6Unsupported);
    return kEAFNOSUPPORT;
  }
  EtherAddr dhost;
  if (m->has(kMBcast)) {
    dhost = kEtherBroadcast;
  } else if (m->has(kMMcast)) {
    dhost = EtherMulticast(dst);
  } else if (const Errno error = family->resolve(ifp, m, dst, &dhost);
             error != kOk) [[unlikely]] {
    return error == kEWOULDBLOCK ? kOk : error;  // held is as good as sent
  }
  return ether_send(ifp, std::move(m), dhost, family->ethertype);
}

Errno ether_send(Ifnet& ifp, MbufPtr m, const EtherAddr& dhost,
                 uint16_t ethertype) {
  const uint64_t id = m->pkthdr.id;
  m = m_prepend(std::move(m), kEtherHdrLen, MWait::kDontWait);
  if (!m) [[unlikely]] {
    ++ifp.stats.oerrors;
    ifp.ns.Lost(DropReason::kIpNoBuffers, id);
    return kENOBUFS;
  }
  // Field by field, from where they are: a header put together first would be
  // read back wider than it was written, which stalls.
  m_write(*m, offsetof(EtherHeader, dhost), dhost);
  m_write(*m, offsetof(EtherHeader, shost), ifp.lladdr);
  m_write(*m, offsetof(EtherHeader, type), Be16(ethertype));
  return if_enqueue(ifp, std::move(m));
}

Result<Ifnet*> vlan_create(Ifnet& parent, uint16_t vlan_id,
                           std::string_view name) {
  if (vlan_id == 0 || vlan_id > kEvlVidMax || parent.vlan_parent != 0) {
    return kEINVAL;
  }
  if (VlanAbove(parent, vlan_id) != nullptr) return kEEXIST;
  Netstack& ns = parent.ns;
  Ifnet& vlan = ns.Attach(std::make_unique<Ifnet>(ns, name));
  ether_ifattach(vlan, parent.lladdr);
  vlan.flags |= kIffUp | kIffRunning;
  vlan.mtu_bytes = parent.mtu_bytes;
  vlan.vlan_parent = parent.index;
  vlan.vlan_id = vlan_id;
  vlan.start = VlanStart;
  parent.vlans.push_back(vlan.index);
  return &vlan;
}

}  // namespace splnet
