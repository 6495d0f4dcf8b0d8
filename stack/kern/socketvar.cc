// Socket states, wakeups and the queues of a listener.

#include "stack/kern/socketvar.h"

#include <algorithm>

#include "stack/netstack.h"

namespace splnet {

Socket::Socket(Netstack& stack, const Protosw& protocol, SocketType socket_type)
    : ns(stack), proto(&protocol), type(socket_type), id(stack.NewSocketId()) {
  ++ns.sockets_in_use;
}

Socket::~Socket() { --ns.sockets_in_use; }

void sofree(Socket* so) {
  CHECK(so->pcb == nullptr && so->head == nullptr);
  delete so;
}

Result<SocketPtr> socreate(Netstack& ns, Family family, SocketType type,
                           int protocol) {
  const Protosw* const proto = ns.FindProtosw(family, type, protocol);
  if (proto == nullptr) return kEPROTONOSUPPORT;
  SocketPtr so(new Socket(ns, *proto, type));
  if (const Errno error = proto->attach(*so, protocol); error != kOk) {
    return error;
  }
  return so;
}

Errno soreserve(Socket& so, uint32_t sndcc, uint32_t rcvcc) {
  const auto sb_max = static_cast<uint32_t>(so.ns.settings.sb_max);
  if (!sbreserve(so.snd, sndcc, sb_max)) return kENOBUFS;
  if (!sbreserve(so.rcv, rcvcc, sb_max)) {
    so.snd.hiwat = so.snd.mbmax = 0;
    return kENOBUFS;
  }
  so.snd.flags &= static_cast<uint16_t>(~kSbAuto);
  so.rcv.flags &= static_cast<uint16_t>(~kSbAuto);
  so.snd.wat = sndcc;
  so.rcv.wat = rcvcc;
  if (so.rcv.lowat == 0) so.rcv.lowat = 1;
  if (so.snd.lowat == 0) so.snd.lowat = static_cast<uint32_t>(kMclBytes);
  so.snd.lowat = std::min(so.snd.lowat, so.snd.hiwat);
  return kOk;
}

bool sbchecklowmem(Netstack& ns) {
  // Without a division: this is asked for every ACK.
  const uint64_t used = ns.mbufs.stats().bytes_in_use;
  const uint64_t limit = ns.mbufs.limit_bytes();
  if (used * 5 < limit * 3) {
    ns.sockbufs_low = false;
  } else if (used * 5 > limit * 4) {
    ns.sockbufs_low = true;
  }
  return ns.sockbufs_low;
}

static void PostSignal(const Socket& so, SoSignal why) {
  if (so.sigio) so.sigio->post(*so.sigio, why);
}

// Wakes the sleepers, and tells select and kqueue.
static void sowakeup(Socket& so, Sockbuf& sb) {
  if ((sb.flags & kSbWait) != 0) {
    sb.flags &= static_cast<uint16_t>(~kSbWait);
    so.ns.tracer.Enter(Fn::kWakeup, nullptr, &so, 0);
    wakeup(so.ns.cpu, sb.wait);
  }
  selwakeup(sb.sel);
  if ((sb.flags & kSbAsync) != 0) PostSignal(so, SoSignal::kIo);
}

void sohasoutofband(Socket& so) {
  PostSignal(so, SoSignal::kUrgent);
  selwakeup(so.rcv.sel);
}

void sorwakeup(Socket& so) {
  so.ns.tracer.Enter(Fn::kSorwakeup, nullptr, &so, so.rcv.cc);
  sowakeup(so, so.rcv);
}

void sowwakeup(Socket& so) {
  so.ns.tracer.Enter(Fn::kSowwakeup, nullptr, &so, so.snd.cc);
  sowakeup(so, so.snd);
}

bool soreadable(const Socket& so) {
  return so.rcv.cc >= so.rcv.lowat || so.cantrcvmore() ||
         (so.listen && !so.listen->q.empty()) || so.error != kOk;
}

bool sowriteable(const Socket& so) {
  const bool may_send =
      so.is(kSsIsConnected) || (so.proto->flags & kPrConnRequired) == 0;
  return (may_send && sbspace(so.snd) >= int64_t{so.snd.lowat}) ||
         so.cantsendmore() || so.error != kOk;
}

void soisconnecting(Socket& so) {
  so.state &= static_cast<uint16_t>(~(kSsIsConnected | kSsIsDisconnecting));
  so.state |= kSsIsConnecting;
}

void soisconnected(Socket& so) {
  so.state &= static_cast<uint16_t>(~(kSsIsConnecting | kSsIsDisconnecting));
  so.state |= kSsIsConnected;
  Socket* const head = so.head;
  if (head != nullptr && !so.on_q) {
    SocketPtr ready = soqremque(so);
    so.head = head;
    so.on_q = true;
    head->listen->q.push_back(std::move(ready));
    sorwakeup(*head);
    wakeup_one(so.ns.cpu, head->connecting);
    return;
  }
  wakeup(so.ns.cpu, so.connecting);
  sorwakeup(so);
  sowwakeup(so);
}

void soisdisconnecting(Socket& so) {
  so.state &= static_cast<uint16_t>(~kSsIsConnecting);
  so.state |= kSsIsDisconnecting;
  so.rcv.state |= kSsCantRcvMore;
  so.snd.state |= kSsCantSendMore;
  wakeup(so.ns.cpu, so.connecting);
  sowwakeup(so);
  sorwakeup(so);
}

void soisdisconnected(Socket& so) {
  so.state &= static_cast<uint16_t>(
      ~(kSsIsConnecting | kSsIsConnected | kSsIsDisconnecting));
  so.state |= kSsIsDisconnected;
  so.rcv.state |= kSsCantRcvMore;
  so.snd.state |= kSsCantSendMore;
  wakeup(so.ns.cpu, so.connecting);
  sowwakeup(so);
  sorwakeup(so);
}

void socantsendmore(Socket& so) {
  so.snd.state |= kSsCantSendMore;
  sowwakeup(so);
}

void socantrcvmore(Socket& so) {
  so.rcv.state |= kSsCantRcvMore;
  sorwakeup(so);
}

Socket* sonewconn(Socket& head, uint16_t connstatus) {
  ListenQueue& queue = *head.listen;
  const size_t queued = queue.q.size() + queue.q0.size();
  if (head.ns.mbufs.PercentUsed() > 95) return nullptr;
  if (queued > static_cast<size_t>(queue.limit) * 3) return nullptr;

  SocketPtr so(new Socket(head.ns, *head.proto, head.type));
  so->options = head.options & ~kSO_ACCEPTCONN;
  so->linger_seconds = head.linger_seconds;
  so->state = head.state | kSsNoFdRef;
  so->snd.lowat = head.snd.lowat;
  so->rcv.lowat = head.rcv.lowat;
  so->snd.timeo = head.snd.timeo;
  so->rcv.timeo = head.rcv.timeo;
  if (head.sigio) so->sigio = std::make_unique<Sigio>(*head.sigio);
  if (soreserve(*so, head.snd.wat, head.rcv.wat) != kOk) return nullptr;
  so->snd.flags = head.snd.flags & (kSbAsync | kSbAuto);
  so->rcv.flags = head.rcv.flags & (kSbAsync | kSbAuto);
  if (so->proto->attach(*so, so->proto->protocol) != kOk) return nullptr;
  so->head = &head;
  so->on_q = connstatus != 0;
  Socket* const raw = so.get();
  (so->on_q ? queue.q : queue.q0).push_back(std::move(so));
  if (raw->on_q) {
    raw->state |= connstatus;
    sorwakeup(head);
    wakeup_one(head.ns.cpu, head.connecting);
  }
  return raw;
}

SocketPtr soqremque(Socket& so) {
  if (so.head == nullptr) return nullptr;
  auto& queue = so.on_q ? so.head->listen->q : so.head->listen->q0;
  const auto at =
      std::find_if(queue.begin(), queue.end(),
                   [&so](const SocketPtr& p) { return p.get() == &so; });
  CHECK(at != queue.end());
  SocketPtr ref = std::move(*at);
  queue.erase(at);
  so.head = nullptr;
  so.on_q = false;
  return ref;
}

}  // namespace splnet
