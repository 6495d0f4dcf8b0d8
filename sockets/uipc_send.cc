// sosend: a program's bytes become mbufs and go to the protocol.

#include <algorithm>
#include <cstring>
#include <utility>

#include "sockets/uipc_socket.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

// Why nothing more may be sent at all; kOk if it may.
Errno SendRefused(Socket& so, const Sockaddr* to, size_t resid, size_t clen) {
  if (so.cantsendmore()) return kEPIPE;
  if (so.error != kOk) return std::exchange(so.error, kOk);
  if (so.is(kSsIsConnected)) return kOk;
  if ((so.proto->flags & kPrConnRequired) != 0) {
    return resid == 0 && clen != 0 ? kOk : kENOTCONN;
  }
  return to == nullptr ? kEDESTADDRREQ : kOk;
}

Errno HandOver(Socket& so, MbufPtr top, const Sockaddr* to, MbufPtr control,
               int flags) {
  const auto send = (flags & kMsgOob) != 0 ? so.proto->sendoob : so.proto->send;
  if (send == nullptr) return kEOPNOTSUPP;
  // Past the routing table for this message only.
  const bool dontroute = (flags & kMsgDontRoute) != 0 &&
                         !so.has(kSO_DONTROUTE) &&
                         (so.proto->flags & kPrAtomic) != 0;
  if (dontroute) so.options |= kSO_DONTROUTE;
  const Errno error = send(so, std::move(top), to, std::move(control));
  if (dontroute) so.options &= ~kSO_DONTROUTE;
  return error;
}

// Sends until all is sent (kOk) or there is no space.
Errno SendLoop(Socket& so, const Sockaddr* to, Uio& uio, MbufPtr* control,
               int flags) {
  const bool atomic = (so.proto->flags & kPrAtomic) != 0;
  int64_t clen =
      control != nullptr && *control ? int64_t{m_length(**control)} : 0;
  do {
    const auto resid = static_cast<int64_t>(uio.resid);
    const Errno refused =
        SendRefused(so, to, uio.resid, static_cast<size_t>(clen));
    if (refused != kOk) return refused;
    if ((atomic && resid > so.snd.hiwat) || clen > so.snd.hiwat) {
      return kEMSGSIZE;
    }
    int64_t space = sbspace(so.snd);
    if ((flags & kMsgOob) != 0) space += 1024;
    if (space < clen ||
        (space < resid && (atomic || space < int64_t{so.snd.lowat}))) {
      return kEWOULDBLOCK;
    }
    space -= clen;
    do {
      MbufPtr top =
          m_getuio(so.ns, atomic,
                   static_cast<size_t>(std::max(space, int64_t{0})), uio, &so);
      if (!top) return kENOBUFS;
      space -= top->pkthdr.len;
      if ((flags & kMsgEor) != 0) top->flags |= kMEor;
      // More is to come: the protocol need not push what it has.
      if (uio.resid == 0) {
        so.snd.state &= static_cast<uint16_t>(~kSsIsSending);
      }
      MbufPtr ctl = control != nullptr ? std::move(*control) : nullptr;
      clen = 0;
      const Errno error =
          HandOver(so, std::move(top), to, std::move(ctl), flags);
      if (error != kOk) return error;
    } while (uio.resid > 0 && space > 0);
  } while (uio.resid > 0);
  return kOk;
}

// One more mbuf of a chain that m_getuio() makes, with storage for `want` bytes
// if there is so much in one.  A chain's first mbuf has `headroom` beside them.
MbufPtr GetStorage(MbufPool& pool, bool first, size_t want, size_t headroom) {
  MbufPtr m = first ? m_gethdr(pool, MWait::kWait) : m_get(pool, MWait::kWait);
  const size_t small = headroom == 0 ? kMinClSize - 1 : kMhlen;
  if (!m || want + headroom <= small) return m;
  // Without clusters it goes on with small mbufs.
  const size_t size = std::min(want + headroom, kMaxMclBytes);
  if (!m_clget(*m, size, MWait::kDontWait)) {
    static_cast<void>(m_clget(*m, kMclBytes, MWait::kDontWait));
  }
  return m;
}

}  // namespace

void uiomove_in(Netstack& ns, std::byte* kernel, size_t n, Uio& uio,
                const Socket* so) {
  ns.tracer.Enter(Fn::kUiomove, nullptr, so, n);
  while (n > 0 && uio.resid > 0) {
    size_t now = 0;
    const std::byte* const from = uio.Take(n, &now);
    if (now == 0) continue;
    ns.tracer.Enter(Fn::kCopyin, nullptr, so, now);
    std::memcpy(kernel, from, now);
    ns.ledger.Copy(CopyKind::kCopyin, now);
    ns.cpu.ChargeCopy(now);
    kernel += now;
    n -= now;
  }
}

MbufPtr m_getuio(Netstack& ns, bool atomic, size_t space, Uio& uio,
                 const Socket* so) {
  MbufPtr top;
  Mbuf* tail = nullptr;
  uint32_t total = 0;
  do {
    const bool first = !top;
    const size_t want = std::min(uio.resid, space - total);
    const size_t headroom = first && atomic ? kMaxHdr : 0;
    MbufPtr m = GetStorage(ns.mbufs, first, want, headroom);
    if (!m) return nullptr;
    const size_t room = m_trailingspace(*m);
    const size_t len = std::min(room, want);
    if (headroom > 0 && len + headroom <= room) {
      if (m->has(kMExt)) {
        m->data += headroom;
      } else {
        m_align(*m, len);
      }
    }
    uiomove_in(ns, m->data, len, uio, so);
    m->len = static_cast<uint32_t>(len);
    total += m->len;
    if (first) {
      top = std::move(m);
      tail = top.get();
    } else {
      tail->next = m.release();
      tail = tail->next;
    }
  } while (uio.resid > 0 && total < space);
  top->pkthdr.len = total;
  return top;
}

Errno sosend(Socket& so, const Sockaddr* to, Uio& uio, MbufPtr* control,
             int flags) {
  so.ns.tracer.Enter(Fn::kSosend, nullptr, &so, uio.resid);
  if (so.type == SocketType::kStream && (flags & kMsgEor) != 0) return kEINVAL;
  so.snd.state |= kSsIsSending;
  const Errno error = SendLoop(so, to, uio, control, flags);
  // A writer that waits for space is still sending.
  if (error != kEWOULDBLOCK || (flags & kMsgDontWait) != 0) {
    so.snd.state &= static_cast<uint16_t>(~kSsIsSending);
  }
  return error;
}

}  // namespace splnet
