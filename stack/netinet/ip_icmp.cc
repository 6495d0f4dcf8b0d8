// ICMP: requests answered, errors received, errors made.
//
// RFC 792, RFC 1122 section 3.2.2.

#include "stack/netinet/ip_icmp.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "stack/netinet/in_cksum.h"
#include "stack/netinet/in_pcb.h"
#include "stack/netinet/ip.h"
#include "stack/netinet/ip_var.h"
#include "stack/netinet/raw_ip.h"
#include "stack/netinet/tcp_seq.h"
#include "stack/netinet/tcp_var.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

// Of the transport's header, what every error quotes (RFC 792).
constexpr size_t kQuoted = 8;
// Room in front of a new packet for the link's header.
constexpr size_t kMaxLinkHdr = 16;

bool IsError(uint8_t type) {
  return type == kIcmpUnreach || type == kIcmpSourceQuench ||
         type == kIcmpRedirect || type == kIcmpTimxceed ||
         type == kIcmpParamProb;
}

// To more than one host, by its address or by its frame.
bool ToMany(Netstack& ns, const Mbuf& m, const InAddr& dst) {
  if (m.has(kMBcast | kMMcast) || in_multicast(dst)) return true;
  if (dst == kInaddrBroadcast) return true;
  const Ifnet* const ifp = if_get(ns, m.pkthdr.ifidx);
  return ifp != nullptr && in_broadcast(*ifp, dst);
}

// Sends the ICMP message that stands in `m` behind its IP header.
void icmp_send(Netstack& ns, MbufPtr m) {
  m->pkthdr.id = ns.NewPacketId();
  ns.tracer.Enter(Fn::kIcmpSend, *m);
  m->pkthdr.csum_flags = kMIcmpCsumOut;
  // Nobody waits for the result; what is dropped is counted.
  static_cast<void>(ip_output(ns, std::move(m), nullptr, nullptr, 0));
}

// Milliseconds since midnight, UT.
uint32_t TimeOfDay(const Netstack& ns) {
  const auto ms = std::chrono::floor<std::chrono::milliseconds>(
      ns.now().time_since_epoch());
  return static_cast<uint32_t>(ms.count() % 86400000);
}

// Sends a request back as its answer of `type`.  Route and time that its
// options recorded go back with it.
void icmp_reflect(Netstack& ns, MbufPtr m, size_t off, uint8_t type) {
  ns.tracer.Enter(Fn::kIcmpReflect, *m);
  const uint64_t id = m->pkthdr.id;
  ns.tracer.Met(Fate::kConsumed, id, nullptr, m->pkthdr.len);
  const size_t headers = off + sizeof(IcmpHeader);
  m = m_pullup(std::move(m), headers);
  if (m) m = m_makewritable(std::move(m), 0, headers);
  if (!m) return ns.Lost(DropReason::kIpNoBuffers, id);
  ++ns.icmpstat.reflect;

  IpHeader ip = *m_read<IpHeader>(*m, 0);
  const bool many = ToMany(ns, *m, InAddr(ip.dst));
  m_resethdr(*m);
  const In4Wire from = many ? In4Wire{} : ip.dst;
  ip.dst = ip.src;
  ip.src = from;
  ip.ttl = static_cast<uint8_t>(ns.settings.ip_ttl);
  ip.off = 0;
  m_write(*m, 0, ip);
  IcmpHeader icmp = *m_read<IcmpHeader>(*m, off);
  icmp.type = type;
  icmp.sum = 0;
  m_write(*m, off, icmp);
  icmp_send(ns, std::move(m));
}

// Fills in when a timestamp request came and when it goes: at once.
MbufPtr Timestamp(Netstack& ns, MbufPtr m, size_t off) {
  struct Times {
    Be32 receive;
    Be32 transmit;
  };
  const size_t at = off + sizeof(IcmpHeader) + sizeof(Be32);
  const uint64_t id = m->pkthdr.id;
  m = m_pullup(std::move(m), at + sizeof(Times));
  if (m) m = m_makewritable(std::move(m), 0, at + sizeof(Times));
  if (!m) {
    ns.Lost(DropReason::kIpNoBuffers, id);
    return nullptr;
  }
  const uint32_t now = TimeOfDay(ns);
  m_write(*m, at, Times{now, now});
  return m;
}

// What an error of this type and code means; false if nothing.
bool CommandOf(const IcmpHeader& icmp, CtlInput* cmd) {
  static constexpr CtlInput kUnreach[] = {
      CtlInput::kUnreachNet,      CtlInput::kUnreachHost,
      CtlInput::kUnreachProtocol, CtlInput::kUnreachPort,
      CtlInput::kMsgSize,         CtlInput::kUnreachSrcFail,
      CtlInput::kUnreachNet,      CtlInput::kUnreachHost,
      CtlInput::kUnreachHost,     CtlInput::kUnreachAdmin,
      CtlInput::kUnreachAdmin,    CtlInput::kUnreachNet,
      CtlInput::kUnreachHost,     CtlInput::kUnreachAdmin,
      CtlInput::kUnreachAdmin,    CtlInput::kUnreachAdmin};
  switch (icmp.type) {
    case kIcmpUnreach:
      if (icmp.code >= std::size(kUnreach)) return false;
      *cmd = kUnreach[icmp.code];
      return true;
    case kIcmpTimxceed:
      if (icmp.code > kIcmpTimxceedReass) return false;
      *cmd = icmp.code == 0 ? CtlInput::kTimxceedInTrans
                            : CtlInput::kTimxceedReass;
      return true;
    case kIcmpParamProb:
      if (icmp.code > 1) return false;
      *cmd = CtlInput::kParamProb;
      return true;
    case kIcmpSourceQuench:
      if (icmp.code != 0) return false;
      *cmd = CtlInput::kQuench;
      return true;
    default:
      return false;
  }
}

// A path MTU is believed only about a packet that a connection of ours sent
// and that is not acknowledged yet (RFC 5927 section 7.2), or that a datagram
// socket may have sent.
bool MayHaveSent(Netstack& ns, const CtlQuote& quote) {
  if (quote.protocol == kIpProtoTcp) {
    const Inpcb* const inp =
        in_pcblookup_exact(ns.tcbtable, quote.dst, quote.src);
    if (inp == nullptr || inp->detached) return false;
    if (ns.settings.tcp_mtudisc == 0) return false;
    Be32 seq;
    std::memcpy(static_cast<void*>(&seq), quote.transport.data() + 4,
                sizeof seq);
    const Tcpcb& tp = *inp->tcpcb;
    return seq_geq(seq, tp.snd_una) && seq_lt(seq, tp.snd_max);
  }
  return quote.protocol == kIpProtoUdp &&
         in_pcblookup(ns.udbtable, quote.dst, quote.src) != nullptr;
}

// Tells the protocol that the quoted packet is of.  False if it is none of
// ours.
bool Report(Netstack& ns, const Mbuf& m, size_t off, CtlInput cmd,
            const IcmpHeader& icmp) {
  const size_t at = off + sizeof(IcmpHeader);
  const auto inner = m_read<IpHeader>(m, at);
  if (!inner || inner->vhl >> 4 != 4 || inner->hlen() < sizeof(IpHeader)) {
    return false;
  }
  std::array<std::byte, 64> transport;
  const size_t transport_at = at + inner->hlen();
  if (m.pkthdr.len < transport_at + kQuoted) return false;
  const size_t n = std::min(transport.size(), m.pkthdr.len - transport_at);
  if (!m_peek(m, transport_at, n, transport.data())) return false;
  if (!ns.local_addrs.IsUnicast(InAddr(inner->src))) return false;

  CtlQuote quote;
  quote.src = Sockaddr(InAddr(inner->src), 0);
  quote.dst = Sockaddr(InAddr(inner->dst), 0);
  quote.protocol = inner->p;
  quote.transport = std::span<const std::byte>(transport).first(n);
  if (inner->p == kIpProtoTcp || inner->p == kIpProtoUdp) {
    Be16 ports[2];
    std::memcpy(ports, transport.data(), sizeof ports);
    quote.src.port = ports[0];
    quote.dst.port = ports[1];
  }
  if (cmd == CtlInput::kMsgSize) {
    if (!MayHaveSent(ns, quote)) return false;
    quote.mtu = ns.pathmtu.Learn(quote.dst.addr, icmp.seq, inner->len);
    if (quote.mtu == 0) return false;
  }
  const Protosw* const proto = ns.ProtoFor(inner->p);
  if (proto != nullptr && proto->ctlinput != nullptr) {
    proto->ctlinput(ns, cmd, quote);
  }
  return true;
}

// What the error that the packet causes says of why it died.
DropReason ReasonOf(uint8_t type, uint8_t code) {
  if (type == kIcmpTimxceed) {
    return code == kIcmpTimxceedReass ? DropReason::kIpFragTimeout
                                      : DropReason::kIpCannotForward;
  }
  if (type == kIcmpParamProb) return DropReason::kIpBadOptions;
  switch (static_cast<IcmpUnreach>(code)) {
    case IcmpUnreach::kNet:
    case IcmpUnreach::kHost:
      return DropReason::kIpNoRoute;
    case IcmpUnreach::kProtocol:
      return DropReason::kIpNoProtocol;
    case IcmpUnreach::kPort:
      return DropReason::kUdpNoPort;
    case IcmpUnreach::kNeedFrag:
      return DropReason::kIpMustFragment;
    case IcmpUnreach::kSrcFail:
      return DropReason::kIpSourceRoute;
  }
  return DropReason::kIpCannotForward;
}

// RFC 1122 section 3.2.2: what no error may be sent about.
bool Forbidden(Netstack& ns, const Mbuf& m, const IpHeader& ip) {
  IcmpStat& stats = ns.icmpstat;
  const InAddr src(ip.src);
  const InAddr dst(ip.dst);
  const bool single = !src.is_any() && !in_multicast(src) &&
                      src.v4() >> 28 != 0xf && src.v4() >> 24 != 127;
  const Ifnet* const ifp = if_get(ns, m.pkthdr.ifidx);
  if (ToMany(ns, m, dst) || (!single && !m.has(kMLoop)) ||
      (ifp != nullptr && in_broadcast(*ifp, src))) {
    ++stats.badaddr;
    return true;
  }
  if ((ip.off & kIpOffMask) != 0) {
    ++stats.oldicmp;
    return true;
  }
  if (ip.p == kIpProtoIcmp) {
    const auto type = m_read<uint8_t>(m, ip.hlen());
    if (!type || IsError(*type)) {
      ++stats.oldicmp;
      return true;
    }
  }
  return false;
}

// icmp_ratelimit: true if the second's share is used up.
bool Limited(Netstack& ns) {
  const int64_t limit = ns.settings.icmp_errppslimit;
  if (limit < 0) return false;
  IcmpRateLimit& rate = ns.icmp_limit;
  const int64_t second = ToNanoseconds(ns.now()) / 1000000000;
  if (rate.second != second) rate = IcmpRateLimit{second, 0};
  if (rate.sent >= limit) {
    ++ns.icmpstat.ratelimited;
    return true;
  }
  ++rate.sent;
  return false;
}

// The error message about `m`: IP header, ICMP header, quote.  Null if memory
// is short.
MbufPtr MakeError(Netstack& ns, const Mbuf& m, const IpHeader& ip,
                  IcmpHeader icmp) {
  const size_t quoted = std::min<size_t>(ip.hlen() + kQuoted, m.pkthdr.len);
  MbufPtr n = m_gethdr(ns.mbufs, MWait::kDontWait);
  if (!n) return nullptr;
  n->data += kMaxLinkHdr;
  n->len = n->pkthdr.len =
      static_cast<uint32_t>(sizeof ip + sizeof icmp + quoted);
  IpHeader outer;
  outer.p = kIpProtoIcmp;
  outer.ttl = static_cast<uint8_t>(ns.settings.ip_ttl);
  outer.dst = ip.src;
  if (ns.local_addrs.IsUnicast(InAddr(ip.dst))) outer.src = ip.dst;
  m_write(*n, 0, outer);
  m_write(*n, sizeof outer, icmp);
  m_copydata(m, 0, quoted, n->data + sizeof outer + sizeof icmp,
             CopyKind::kIpFragment);
  return n;
}

}  // namespace

void icmp_error(Netstack& ns, MbufPtr m, IcmpUnreach code, uint32_t mtu_bytes) {
  icmp_error(ns, std::move(m), kIcmpUnreach, static_cast<uint8_t>(code),
             mtu_bytes);
}

void icmp_error(Netstack& ns, MbufPtr m, uint8_t type, uint8_t code,
                uint32_t arg) {
  ns.tracer.Enter(Fn::kIcmpError, *m);
  ++ns.icmpstat.errors;
  const auto ip = m_read<IpHeader>(*m, 0);
  // A host that only watches says nothing.
  if (!ip || ns.owns_everything || Forbidden(ns, *m, *ip) || Limited(ns)) {
    return ns.Drop(std::move(m), ReasonOf(type, code));
  }
  IcmpHeader icmp{type, code, 0, 0, 0};
  if (type == kIcmpUnreach) icmp.seq = static_cast<uint16_t>(arg);
  if (type == kIcmpParamProb) icmp.id = static_cast<uint16_t>(arg << 8);
  MbufPtr n = MakeError(ns, *m, *ip, icmp);
  ns.Drop(std::move(m), ReasonOf(type, code));
  if (!n) return ns.Lost(DropReason::kIpNoBuffers, 0);
  ++ns.icmpstat.oerrors;
  icmp_send(ns, std::move(n));
}

void icmp_input(Netstack& ns, MbufPtr m, size_t off) {
  ns.tracer.Enter(Fn::kIcmpInput, *m);
  IcmpStat& stats = ns.icmpstat;
  ++stats.ipackets;
  const auto icmp = m_read<IcmpHeader>(*m, off);
  if (!icmp) return ns.Drop(std::move(m), DropReason::kIcmpShort);
  const size_t len = m->pkthdr.len - off;
  if ((m->pkthdr.csum_flags & kMIcmpCsumInOk) == 0) {
    ns.cpu.ChargeSum(len);
    if (in_cksum(*m, off, len) != 0) {
      return ns.Drop(std::move(m), DropReason::kIcmpBadChecksum);
    }
  }
  const InAddr dst(m_read<IpHeader>(*m, 0)->dst);
  const bool is_request = icmp->type == kIcmpEcho || icmp->type == kIcmpTstamp;
  if (is_request && !ns.owns_everything) {
    if (icmp->code != 0) {
      return ns.Drop(std::move(m), DropReason::kIcmpBadCode);
    }
    if (ns.settings.icmp_bmcastecho == 0 && ToMany(ns, *m, dst)) {
      return ns.Drop(std::move(m), DropReason::kIcmpBroadcast);
    }
    if (icmp->type == kIcmpEcho) {
      ++stats.echo;
      return icmp_reflect(ns, std::move(m), off, kIcmpEchoReply);
    }
    if (len < sizeof(IcmpHeader) + 3 * sizeof(Be32)) {
      return ns.Drop(std::move(m), DropReason::kIcmpShort);
    }
    ++stats.timestamp;
    m = Timestamp(ns, std::move(m), off);
    if (!m) return;
    return icmp_reflect(ns, std::move(m), off, kIcmpTstampReply);
  }

  bool used = ns.owns_everything || icmp->type == kIcmpRedirect;
  if (icmp->type == kIcmpRedirect) {
    ++stats.redirects;
  } else if (IsError(icmp->type)) {
    CtlInput cmd;
    if (!CommandOf(*icmp, &cmd)) {
      return ns.Drop(std::move(m), DropReason::kIcmpBadCode);
    }
    ++(Report(ns, *m, off, cmd, *icmp) ? stats.ierrors : stats.badquote);
    used = true;
  }
  const uint64_t id = m->pkthdr.id;
  const bool taken = rip_input(ns, *m);
  if (used) {
    if (!taken) ns.tracer.Met(Fate::kConsumed, id, nullptr, len);
    return;
  }
  if (taken) return;
  const bool known =
      icmp->type == kIcmpEchoReply || icmp->type == kIcmpTstampReply;
  ns.Drop(std::move(m),
          known ? DropReason::kRawNoSocket : DropReason::kIcmpUnknownType);
}

const Protosw kIcmpProtosw = {
    .type = SocketType::kRaw,
    .family = Family::kInet,
    .protocol = kIpprotoIcmp,
    .flags = kPrAtomic | kPrAddr,
    .input = icmp_input,
};

}  // namespace splnet
