// The fake protocols' user requests.

#include "tests/sockets/fake_protocol.h"

#include <algorithm>
#include <cstring>

namespace splnet {

// The functions of the protocol switch.
struct FakeRequests {
  static FakeNet& NetOf(Socket& so) {
    return *static_cast<const FakeProtosw*>(so.proto)->net;
  }
  static auto& PortsOf(Socket& so) {
    FakeNet& net = NetOf(so);
    return so.type == SocketType::kStream ? net.streams_ : net.datagrams_;
  }

  static Errno Attach(Socket& so, int) {
    // A new connection has its listener's limits already.
    if (so.snd.hiwat == 0 || so.rcv.hiwat == 0) {
      CHECK(soreserve(so, 16384, 16384) == kOk);
    }
    so.pcb = new FakePcb(so);
    return kOk;
  }

  static void Detach(Socket& so) {
    FakePcb& pcb = FakeNet::PcbOf(so);
    if (pcb.peer != nullptr) FakeNet::Break(pcb, kOk);
    auto& ports = PortsOf(so);
    const auto at = ports.find(pcb.local.port);
    if (at != ports.end() && at->second == &pcb) ports.erase(at);
    so.pcb = nullptr;
    delete &pcb;
  }

  static Errno Bind(Socket& so, const Sockaddr& nam) {
    FakePcb& pcb = FakeNet::PcbOf(so);
    if (pcb.local.port != 0) return kEINVAL;
    if (PortsOf(so).contains(nam.port)) return kEADDRINUSE;
    pcb.local = nam;
    PortsOf(so)[nam.port] = &pcb;
    return kOk;
  }

  static Errno Listen(Socket&) { return kOk; }

  static Errno ConnectStream(Socket& so, const Sockaddr& nam) {
    FakeNet& net = NetOf(so);
    FakeNet::PcbOf(so).local = Sockaddr(kInaddrLoopback, net.next_port_++);
    soisconnecting(so);
    if (net.connect_delay == Nanoseconds(0)) {
      net.Establish(so, nam);
    } else {
      net.connecting_.push_back(
          std::make_unique<FakeNet::Connecting>(net, so, nam));
    }
    return kOk;
  }

  static Errno ConnectDatagram(Socket& so, const Sockaddr& nam) {
    FakeNet::PcbOf(so).remote = nam;
    soisconnected(so);
    return kOk;
  }

  static Errno Accept(Socket& so, Sockaddr* nam) {
    *nam = FakeNet::PcbOf(so).remote;
    return kOk;
  }

  static Errno DisconnectStream(Socket& so) {
    FakePcb& pcb = FakeNet::PcbOf(so);
    soisdisconnecting(so);
    pcb.fin = true;
    FakeNet::Move(pcb);
    if (!NetOf(so).holds_close) soisdisconnected(so);
    return kOk;
  }

  static Errno DisconnectDatagram(Socket& so) {
    FakeNet::PcbOf(so).remote = Sockaddr();
    so.state &= static_cast<uint16_t>(~kSsIsConnected);
    return kOk;
  }

  static Errno Shutdown(Socket& so) {
    socantsendmore(so);
    FakePcb& pcb = FakeNet::PcbOf(so);
    pcb.fin = true;
    FakeNet::Move(pcb);
    return kOk;
  }

  static void Rcvd(Socket& so) {
    ++NetOf(so).rcvds;
    FakePcb& pcb = FakeNet::PcbOf(so);
    if (pcb.peer != nullptr) FakeNet::Move(*pcb.peer);
  }

  static void Note(Socket& so, const Mbuf& m) {
    FakeNet& net = NetOf(so);
    ++net.sends;
    net.first_headroom.push_back(m_leadingspace(m));
    net.more_to_come.push_back((so.snd.state & kSsIsSending) != 0);
    if (so.has(kSO_DONTROUTE)) ++net.dontroute_sends;
  }

  static Errno SendStream(Socket& so, MbufPtr m, const Sockaddr*, MbufPtr) {
    Note(so, *m);
    if (NetOf(so).send_error != kOk) return NetOf(so).send_error;
    sbappendstream(so.snd, std::move(m));
    FakeNet::Move(FakeNet::PcbOf(so));
    return kOk;
  }

  static Errno SendOob(Socket& so, MbufPtr m, const Sockaddr* to,
                       MbufPtr control) {
    ++NetOf(so).oob_sends;
    FakePcb* const peer = FakeNet::PcbOf(so).peer;
    peer->so->oobmark = peer->so->rcv.cc + m->pkthdr.len;
    sohasoutofband(*peer->so);
    return SendStream(so, std::move(m), to, std::move(control));
  }

  static Errno RcvOob(Socket&, Mbuf& m, bool) {
    *m.data = std::byte{'!'};
    m.len = 1;
    return kOk;
  }

  static Errno SendDatagram(Socket& so, MbufPtr m, const Sockaddr* to,
                            MbufPtr control) {
    Note(so, *m);
    if (NetOf(so).send_error != kOk) return NetOf(so).send_error;
    FakePcb& pcb = FakeNet::PcbOf(so);
    if (to != nullptr && so.is(kSsIsConnected)) return kEISCONN;
    const auto at =
        PortsOf(so).find(to != nullptr ? to->port : pcb.remote.port);
    if (at == PortsOf(so).end()) return kEHOSTUNREACH;
    Socket& dest = *at->second->so;
    if (sbappendaddr(dest.rcv, pcb.local, std::move(m), std::move(control))) {
      return kOk;  // full: lost
    }
    sorwakeup(dest);
    return kOk;
  }

  static void Abort(Socket& so) {
    FakePcb& pcb = FakeNet::PcbOf(so);
    if (pcb.peer != nullptr) FakeNet::Break(pcb, kECONNRESET);
    Detach(so);
  }

  static void LocalAddr(Socket& so, Sockaddr* nam) {
    *nam = FakeNet::PcbOf(so).local;
  }
  static void PeerAddr(Socket& so, Sockaddr* nam) {
    *nam = FakeNet::PcbOf(so).remote;
  }

  static Errno SetOpt(Socket&, int level, int, std::span<const std::byte>) {
    return level == kIpprotoTcp ? kOk : kENOPROTOOPT;
  }
  static Errno GetOpt(Socket&, int level, int name, SockoptValue* value) {
    if (level != kIpprotoTcp) return kENOPROTOOPT;
    std::memcpy(value->bytes, &name, sizeof name);
    value->len = sizeof name;
    return kOk;
  }

  static void Fill(FakeProtosw& sw, FakeNet& net, bool stream) {
    sw.net = &net;
    sw.type = stream ? SocketType::kStream : SocketType::kDgram;
    sw.protocol = stream ? kIpprotoTcp : kIpprotoUdp;
    sw.flags = stream ? kPrConnRequired | kPrWantRcvd | kPrAbrtAcptDis
                      : kPrAtomic | kPrAddr;
    sw.attach = Attach;
    sw.detach = Detach;
    sw.bind = Bind;
    sw.connect = stream ? ConnectStream : ConnectDatagram;
    sw.disconnect = stream ? DisconnectStream : DisconnectDatagram;
    sw.send = stream ? SendStream : SendDatagram;
    sw.abort = Abort;
    sw.sockaddr = LocalAddr;
    sw.peeraddr = PeerAddr;
    sw.setopt = SetOpt;
    sw.getopt = GetOpt;
    if (!stream) return;
    sw.listen = Listen;
    sw.accept = Accept;
    sw.shutdown = Shutdown;
    sw.rcvd = Rcvd;
    sw.sendoob = SendOob;
    sw.rcvoob = RcvOob;
  }
};

FakeNet::FakeNet(Netstack& ns) : ns_(ns) {
  FakeRequests::Fill(stream_, *this, true);
  FakeRequests::Fill(datagram_, *this, false);
}

SocketPtr FakeNet::Stream() {
  SocketPtr so(new Socket(ns_, stream_, SocketType::kStream));
  CHECK(FakeRequests::Attach(*so, 0) == kOk);
  return so;
}

SocketPtr FakeNet::Datagram() {
  SocketPtr so(new Socket(ns_, datagram_, SocketType::kDgram));
  CHECK(FakeRequests::Attach(*so, 0) == kOk);
  return so;
}

std::pair<SocketPtr, SocketPtr> FakeNet::Pair() {
  std::pair<SocketPtr, SocketPtr> pair(Stream(), Stream());
  PcbOf(*pair.first).peer = &PcbOf(*pair.second);
  PcbOf(*pair.second).peer = &PcbOf(*pair.first);
  soisconnected(*pair.first);
  soisconnected(*pair.second);
  return pair;
}

FakeNet::Connecting::Connecting(FakeNet& owner, Socket& socket,
                                const Sockaddr& where)
    : net(owner),
      so(&socket),
      to(where),
      timer(
          owner.ns_.cpu,
          [](void* arg) {
            auto& self = *static_cast<Connecting*>(arg);
            if (self.so->pcb != nullptr) self.net.Establish(*self.so, self.to);
            self.so = nullptr;
          },
          this) {
  timeout_add(timer, owner.connect_delay);
}

void FakeNet::Establish(Socket& so, const Sockaddr& to) {
  const auto at = streams_.find(to.port);
  Socket* const got = at == streams_.end() || !at->second->so->listen
                          ? nullptr
                          : sonewconn(*at->second->so, kSsIsConnected);
  if (got == nullptr) {
    so.error = kECONNREFUSED;
    soisdisconnected(so);
    return;
  }
  FakePcb& mine = PcbOf(so);
  FakePcb& theirs = PcbOf(*got);
  mine.peer = &theirs;
  mine.remote = to;
  theirs.peer = &mine;
  theirs.local = to;
  theirs.remote = mine.local;
  soisconnected(so);
}

void FakeNet::Move(FakePcb& pcb) {
  Socket& so = *pcb.so;
  if (pcb.peer == nullptr ||
      static_cast<const FakeProtosw*>(so.proto)->net->holds_data) {
    return;
  }
  Socket& to = *pcb.peer->so;
  const int64_t room = std::max(sbspace(to.rcv), int64_t{0});
  const auto n = static_cast<uint32_t>(std::min(int64_t{so.snd.cc}, room));
  if (n > 0) {
    MbufPtr m = m_copym(*so.snd.mb, 0, n, MWait::kWait);
    if (to.cantrcvmore()) {
      m = nullptr;
    } else {
      sbappendstream(to.rcv, std::move(m));
    }
    sbdrop(so.snd, n);
    sowwakeup(so);
    sorwakeup(to);
  }
  if (pcb.fin && so.snd.cc == 0) socantrcvmore(to);
}

void FakeNet::Break(FakePcb& pcb, Errno error) {
  FakePcb& peer = *std::exchange(pcb.peer, nullptr);
  peer.peer = nullptr;
  if (error != kOk) {
    peer.so->error = error;
    soisdisconnected(*peer.so);
    return;
  }
  // What was sent before an orderly end still arrives.
  Socket& so = *pcb.so;
  if (so.snd.cc > 0 && !peer.so->cantrcvmore()) {
    sbappendstream(peer.so->rcv,
                   m_copym(*so.snd.mb, 0, so.snd.cc, MWait::kWait));
  }
  socantrcvmore(*peer.so);
}

void FakeNet::FinishClose(Socket& so) { soisdisconnected(so); }

}  // namespace splnet
