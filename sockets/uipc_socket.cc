// Socket state as system calls change it, from bind to close.

#include "sockets/uipc_socket.h"

#include <algorithm>
#include <utility>

#include "stack/netstack.h"

namespace splnet {

Errno sobind(Socket& so, const Sockaddr& nam) {
  return so.proto->bind == nullptr ? kEOPNOTSUPP : so.proto->bind(so, nam);
}

Errno solisten(Socket& so, int backlog) {
  if (so.is(kSsIsConnected | kSsIsConnecting | kSsIsDisconnecting)) {
    return kEINVAL;
  }
  if (so.proto->listen == nullptr) return kEOPNOTSUPP;
  if (const Errno error = so.proto->listen(so); error != kOk) return error;
  if (!so.listen) so.listen = std::make_unique<ListenQueue>();
  so.options |= kSO_ACCEPTCONN;

  const auto most = static_cast<int>(so.ns.settings.somaxconn);
  const auto least = static_cast<int>(so.ns.settings.sominconn);
  if (backlog < 0 || backlog > most) backlog = most;
  so.listen->limit = std::max(backlog, least);
  return kOk;
}

Errno soconnect(Socket& so, const Sockaddr& nam) {
  if (so.has(kSO_ACCEPTCONN) || so.proto->connect == nullptr) {
    return kEOPNOTSUPP;
  }
  // A connection is made once; a datagram socket may be given another peer.
  if (so.is(kSsIsConnected | kSsIsConnecting)) {
    if ((so.proto->flags & kPrConnRequired) != 0) return kEISCONN;
    if (sodisconnect(so) != kOk) return kEISCONN;
  }
  return so.proto->connect(so, nam);
}

Errno sodisconnect(Socket& so) {
  if (!so.is(kSsIsConnected)) return kENOTCONN;
  if (so.is(kSsIsDisconnecting)) return kEALREADY;
  if (so.proto->disconnect == nullptr) return kEOPNOTSUPP;
  return so.proto->disconnect(so);
}

Errno soaccept(Socket& so, Sockaddr* nam) {
  so.state &= static_cast<uint16_t>(~kSsNoFdRef);
  const bool dead =
      so.is(kSsIsDisconnected) && (so.proto->flags & kPrAbrtAcptDis) != 0;
  if (dead || so.pcb == nullptr) return kECONNABORTED;
  return so.proto->accept == nullptr ? kEOPNOTSUPP : so.proto->accept(so, nam);
}

// FreeBSD, unlike OpenBSD, refuses what has no connection; a listener that is
// shut for reading gives those who wait in accept(2) an error.
static Errno CheckShutdown(Socket& so, Shut how) {
  constexpr uint16_t kInUse =
      kSsIsConnected | kSsIsConnecting | kSsIsDisconnecting;
  if (so.ns.settings.personality != Personality::kFreeBsd || so.is(kInUse) ||
      so.type != SocketType::kStream) {
    return kOk;
  }
  if (so.listen && how != Shut::kWrite) {
    so.error = kECONNABORTED;
    wakeup(so.ns.cpu, so.connecting);
    sorwakeup(so);
  }
  return kENOTCONN;
}

Errno soshutdown(Socket& so, Shut how) {
  if (how < Shut::kRead || how > Shut::kBoth) return kEINVAL;
  if (const Errno error = CheckShutdown(so, how); error != kOk) return error;
  switch (how) {
    case Shut::kRead:
      sorflush(so);
      return kOk;
    case Shut::kBoth:
      sorflush(so);
      [[fallthrough]];
    case Shut::kWrite:
      return so.proto->shutdown == nullptr ? kEOPNOTSUPP
                                           : so.proto->shutdown(so);
  }
  return kEINVAL;
}

void sorflush(Socket& so) {
  socantrcvmore(so);
  sbrelease(so.rcv);
  so.oobmark = 0;
}

void soabort(Socket& so) {
  if (so.pcb == nullptr) return;
  if (so.proto->abort != nullptr) {
    so.proto->abort(so);
  } else if (so.proto->detach != nullptr) {
    so.proto->detach(so);
  }
}

// Nobody will accept what a listener still has.
static void AbortQueued(ListenQueue& queue) {
  while (!queue.q0.empty()) {
    const SocketPtr so = soqremque(*queue.q0.front());
    soabort(*so);
  }
  while (!queue.q.empty()) {
    const SocketPtr so = soqremque(*queue.q.front());
    soabort(*so);
  }
}

bool soclose_begin(Socket& so) {
  if (so.listen) AbortQueued(*so.listen);
  if (so.pcb == nullptr || !so.is(kSsIsConnected)) return false;
  if (!so.is(kSsIsDisconnecting) && sodisconnect(so) != kOk) return false;
  return so.has(kSO_LINGER) && so.is(kSsIsConnected);
}

Errno soclose(Socket& so) {
  // The protocol may let go of its reference on the way.
  const SocketPtr hold(&so);
  soclose_begin(so);
  if (so.pcb != nullptr && so.proto->detach != nullptr) so.proto->detach(so);
  so.state |= kSsNoFdRef;
  so.sigio.reset();
  return kOk;
}

bool soexceptional(const Socket& so) {
  return so.oobmark != 0 || (so.rcv.state & kSsRcvAtMark) != 0;
}

}  // namespace splnet
