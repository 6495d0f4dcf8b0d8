// Fuzzes live connections with TCP segments: checksums are right, sequence
// numbers, acknowledgements, timestamps and SACK blocks are near those in use,
// and programs and time act in between.
//
// Four peers stand behind one interface.  A step of the input is a segment of
// one of them, made freely or as a well-behaved peer would; a call on one of
// the host's sockets; an ICMP error; a while of time.  So connections get into
// every state.  After each step the control blocks and buffers must be in
// order and the host must not have sent without end; at the end, with silent
// peers and every socket closed, nothing may be left.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "sockets/uipc_socket.h"
#include "stack/netinet/in_cksum.h"
#include "stack/netinet/in_pcb.h"
#include "stack/netinet/ip.h"
#include "stack/netinet/tcp.h"
#include "stack/netinet/tcp_seq.h"
#include "stack/netinet/tcp_var.h"
#include "stack/netstack.h"
#include "tests/fuzz/input.h"

namespace splnet {
namespace {

constexpr InAddr kHost = InAddr::V4(0x0a000001);
constexpr InAddr kPeer = InAddr::V4(0x0a000002);
constexpr uint16_t kPort = 80;  // listened on
constexpr uint16_t kFirstPeerPort = 4000;
constexpr size_t kPeers = 4;
constexpr size_t kMaxSockets = 6;
constexpr size_t kHeaders = sizeof(IpHeader) + sizeof(TcpHeader);
constexpr std::byte kSentByte{0x5a};
// Buffers of at most this and segments of at least 32 bytes bound what one
// event may send.
constexpr int64_t kSbMax = 32768;
constexpr uint64_t kPacketsAnEvent = kMaxSockets * 4096;
// Retransmissions, probes and keepalives of a day.
constexpr uint64_t kPacketsOfTime = kMaxSockets * 20000;
constexpr uint64_t kEventsOfTime = 1'000'000;

void Check(bool condition) {
  if (!condition) std::abort();
}

// What a peer has seen of the host, and where it stands itself.
struct Peer {
  uint16_t port = 0;
  uint16_t host_port = kPort;
  uint32_t iss = 0;
  uint32_t next = 0;        // our next sequence number
  uint32_t host_next = 0;   // what the host will send next
  uint32_t host_acked = 0;  // what it acknowledged last
  uint32_t host_tsval = 0;
};

struct Segment {
  uint8_t flags = kThAck;
  uint32_t seq = 0;
  uint32_t ack = 0;
  uint16_t win = 65535;
  uint16_t urp = 0;
  size_t len = 0;
  std::vector<uint8_t> options;
  bool bad_sum = false;

  void Put32(uint32_t v) {
    for (int shift = 24; shift >= 0; shift -= 8) {
      options.push_back(static_cast<uint8_t>(v >> shift));
    }
  }
};

class Victim {
 public:
  explicit Victim(FuzzInput& in)
      : in_(in), ns_(queue_, 1, "host", 1, HostSettings(in)) {
    nic_ = &ns_.Attach(std::make_unique<Nic>(ns_, *this));
    Check(if_addaddr(*nic_, kHost, 24) == kOk);
    listener_ = Open();
    Check(sobind(*listener_, Sockaddr(kInaddrAny, kPort)) == kOk);
    Check(solisten(*listener_, 2) == kOk);
    for (size_t i = 0; i < kPeers; ++i) {
      peers_[i].port = static_cast<uint16_t>(kFirstPeerPort + i);
      // One of them wraps at once.
      peers_[i].iss = peers_[i].next =
          i == 0 ? 0xffffff00 : static_cast<uint32_t>(i) * 0x10000000;
    }
  }

  void Run() {
    while (!in_.empty()) {
      sent_ = 0;
      const bool time = Step();
      Check(sent_ <= (time ? kPacketsOfTime : kPacketsAnEvent));
      CheckHost();
    }
  }

  // Nobody answers any more, and nobody asks.
  void Finish() {
    for (SocketPtr& so : sockets_) static_cast<void>(soclose(*so));
    sockets_.clear();
    static_cast<void>(soclose(*listener_));
    listener_ = nullptr;
    CheckHost();
    sent_ = 0;
    Check(
        queue_.RunUntil(queue_.now() + std::chrono::hours(48), kEventsOfTime));
    Check(sent_ <= kPacketsOfTime);
    Check(ns_.tcbtable.count() == 0);
    Check(ns_.sockets_in_use == 0);
    Check(ns_.mbufs.stats().mbufs_in_use == 0);
    Check(ns_.mbufs.stats().clusters_in_use == 0);
    Check(queue_.pending() == 0);
  }

 private:
  // Takes packets without an Ethernet header.
  struct Nic : Ifnet {
    Nic(Netstack& stack, Victim& victim) : Ifnet(stack, "em0"), owner(victim) {
      flags = kIffUp | kIffRunning | kIffBroadcast;
      output = [](Ifnet& ifp, MbufPtr m, const InAddr&, const Rtentry*) {
        static_cast<Nic&>(ifp).owner.Sent(*m);
        return kOk;
      };
    }
    Victim& owner;
  };

  static Settings HostSettings(FuzzInput& in) {
    const uint8_t bits = in.Byte();
    Settings settings = SettingsOf((bits & 1) != 0 ? Personality::kFreeBsd
                                                   : Personality::kOpenBsd);
    settings.sb_max = kSbMax;
    settings.tcp_recvspace = settings.tcp_sendspace = 16384;
    if ((bits & 2) != 0) settings.tcp_rfc1323 = 0;
    if ((bits & 4) != 0) settings.tcp_sack = 0;
    if ((bits & 8) != 0) settings.tcp_cc_algorithm ^= 1;
    settings.tcp_ecn = (bits >> 4 & 3) % 3;
    if ((bits & 64) != 0) settings.tcp_blackhole_detect = 1;
    return settings;
  }

  SocketPtr Open() {
    Result<SocketPtr> so = socreate(ns_, Family::kInet, SocketType::kStream, 0);
    Check(so.ok());
    return std::move(so.value);
  }

  // A packet of the host.
  void Sent(const Mbuf& m) {
    ++sent_;
    const auto ip = m_read<IpHeader>(m, 0);
    Check(ip && m_length(m) == m.pkthdr.len && ip->len == m.pkthdr.len);
    Check(m.pkthdr.len <= nic_->mtu_bytes);
    if (ip->p != kIpProtoTcp) return;
    const auto th = m_read<TcpHeader>(m, ip->hlen());
    Check(th && ip->hlen() + th->hlen() <= m.pkthdr.len);
    Check(in4_cksum(m, kIpProtoTcp, ip->hlen(), m.pkthdr.len - ip->hlen()) ==
          0);
    CheckData(m, ip->hlen() + th->hlen());
    const size_t i = th->dport - kFirstPeerPort;
    if (i >= kPeers || (th->flags & kThRst) != 0) return;
    Peer& peer = peers_[i];
    peer.host_port = th->sport;
    auto next =
        static_cast<uint32_t>(th->seq + m.pkthdr.len - ip->hlen() - th->hlen());
    if ((th->flags & kThSyn) != 0) ++next;
    if ((th->flags & kThFin) != 0) ++next;
    const bool syn = (th->flags & kThSyn) != 0;
    if (syn || seq_gt(next, peer.host_next)) peer.host_next = next;
    if ((th->flags & kThAck) != 0) peer.host_acked = th->ack;
    LearnTimestamp(m, ip->hlen() + sizeof *th, ip->hlen() + th->hlen(), peer);
  }

  // Programs send nothing but this byte.
  static void CheckData(const Mbuf& m, size_t at) {
    std::array<std::byte, kMaxMclBytes> data;
    const size_t n = m.pkthdr.len - at;
    Check(n <= data.size() && m_peek(m, at, n, data.data()));
    for (size_t i = 0; i < n; ++i) Check(data[i] == kSentByte);
  }

  // TSval from the options in bytes [at, end) of `m`.
  static void LearnTimestamp(const Mbuf& m, size_t at, size_t end, Peer& peer) {
    while (at < end) {
      uint8_t option[6] = {};
      Check(m_peek(m, at, std::min(end - at, sizeof option), option));
      if (option[0] == kTcpOptEol) return;
      if (option[0] == kTcpOptTimestamp) {
        Be32 tsval;
        std::memcpy(&tsval, &option[2], sizeof tsval);
        peer.host_tsval = tsval;
      }
      Check(option[0] == kTcpOptNop || option[1] >= 2);
      at += option[0] == kTcpOptNop ? 1 : option[1];
    }
    Check(at == end);
  }

  void Arrive(const Peer& peer, const Segment& s) {
    const size_t optlen = (s.options.size() + 3) / 4 * 4;
    const size_t total = kHeaders + optlen + s.len;
    MbufPtr m = m_getcl(ns_.mbufs, std::max<size_t>(total, kMclBytes),
                        MWait::kDontWait);
    if (!m) return;
    m->len = m->pkthdr.len = static_cast<uint32_t>(total);
    m->pkthdr.id = ns_.NewPacketId();
    m->pkthdr.ifidx = nic_->index;
    std::memset(m->data, 0, total);
    if (!s.options.empty()) {
      std::memcpy(m->data + kHeaders, s.options.data(), s.options.size());
    }
    IpHeader ip{};
    ip.vhl = 0x45;
    ip.tos = s.flags % 4;  // ECN
    ip.len = static_cast<uint16_t>(total);
    ip.ttl = 64;
    ip.p = kIpProtoTcp;
    ip.src = kPeer.wire4();
    ip.dst = kHost.wire4();
    TcpHeader th{};
    th.sport = peer.port;
    th.dport = peer.host_port;
    th.seq = s.seq;
    th.ack = s.ack;
    th.off_x2 = static_cast<uint8_t>((sizeof th + optlen) / 4 << 4);
    th.flags = s.flags;
    th.win = s.win;
    th.urp = s.urp;
    m_write(*m, 0, ip);
    m_write(*m, sizeof ip, th);
    th.sum = in4_cksum(*m, kIpProtoTcp, sizeof ip, total - sizeof ip);
    if (s.bad_sum) th.sum = static_cast<uint16_t>(th.sum + 1);
    m_write(*m, sizeof ip, th);
    ip.sum = in_cksum(*m, 0, sizeof ip);
    m_write(*m, 0, ip);
    ip_input(ns_, std::move(m));
    RunNow();
  }

  void RunNow() { Check(queue_.RunUntil(queue_.now(), kEventsOfTime)); }

  // True if time passed.
  bool Step() {
    const uint8_t what = in_.Byte();
    Peer& peer = peers_[what >> 4 & 3];
    switch (what & 7) {
      case 0:
      case 1:
        FreeSegment(peer);
        return false;
      case 2:
      case 3:
        PoliteSegment(peer);
        return false;
      case 4:
      case 5:
        Call(what >> 4);
        RunNow();
        return false;
      case 6:
        IcmpError(peer);
        return false;
      default:
        PassTime(what >> 3);
        return true;
    }
  }

  // A number close to `base`, or far from it.
  uint32_t Near(uint32_t base) {
    const uint8_t how = in_.Byte();
    const auto small = static_cast<uint32_t>(static_cast<int8_t>(in_.Byte()));
    if ((how & 0xc0) == 0) return base;
    if ((how & 0xc0) == 0x40) return base + small;
    if ((how & 0xc0) == 0x80) {
      return base + small * (uint32_t{1} << (how & 15));
    }
    return base + (static_cast<uint32_t>(in_.Word()) << (how & 31));
  }

  void FreeSegment(Peer& peer) {
    Segment s;
    s.flags = in_.Byte();
    const uint8_t what = in_.Byte();
    s.seq = Near((what & 1) != 0 ? peer.host_acked : peer.next);
    s.ack = Near(peer.host_next);
    s.win = (what & 2) != 0 ? in_.Word() : 65535;
    if ((s.flags & kThUrg) != 0) s.urp = in_.Word();
    if ((what & 4) != 0) s.len = in_.Word() % 1461;
    if ((what & 8) != 0) Options(peer, s);
    s.bad_sum = (what & 0xf0) == 0xf0;
    Arrive(peer, s);
    if ((what & 0x10) != 0) peer.next = s.seq + static_cast<uint32_t>(s.len);
  }

  // Options that are meant well, and some that are not.
  void Options(const Peer& peer, Segment& s) {
    const uint8_t which = in_.Byte();
    if ((which & 1) != 0) {
      const uint16_t mss = in_.Word();
      s.options.insert(s.options.end(),
                       {kTcpOptMss, 4, static_cast<uint8_t>(mss >> 8),
                        static_cast<uint8_t>(mss)});
    }
    if ((which & 2) != 0) {
      s.options.insert(s.options.end(), {kTcpOptWscale, 3, in_.Byte()});
    }
    if ((which & 4) != 0) {
      s.options.insert(s.options.end(), {kTcpOptSackPermitted, 2});
    }
    if ((which & 8) != 0) {
      const auto now_ms =
          static_cast<uint32_t>(ToNanoseconds(queue_.now()) / 1'000'000);
      s.options.insert(s.options.end(), {kTcpOptTimestamp, 10});
      s.Put32(Near(now_ms));
      s.Put32(Near(peer.host_tsval));
    }
    if ((which & 16) != 0) {
      const size_t blocks = 1 + in_.Byte() % 4;
      if (s.options.size() + 2 + blocks * 8 <= kTcpMaxOptLen) {
        s.options.push_back(kTcpOptSack);
        s.options.push_back(static_cast<uint8_t>(2 + blocks * 8));
        for (size_t i = 0; i < blocks * 2; ++i) s.Put32(Near(peer.host_next));
      }
    }
    if ((which & 32) != 0) {
      for (const uint8_t byte : in_.Take(in_.Byte() % 16)) {
        s.options.push_back(byte);
      }
    }
    if (s.options.size() > kTcpMaxOptLen) s.options.resize(kTcpMaxOptLen);
  }

  // What a peer in its right mind would say next.
  void PoliteSegment(Peer& peer) {
    const uint8_t what = in_.Byte();
    Segment s;
    s.seq = peer.next;
    s.ack = peer.host_next;
    const bool options = (what & 0x10) != 0;
    uint32_t sequence_space = 0;
    switch (what & 7) {
      case 0:  // a connection of its own
        peer.host_port = kPort;
        peer.next = s.seq = Near(peer.next + 100000);
        s.flags = kThSyn;
        s.ack = 0;
        sequence_space = 1;
        break;
      case 1:  // the answer to a SYN
        s.flags = kThSyn | kThAck;
        sequence_space = 1;
        break;
      case 2:
        s.flags = kThAck | kThFin;
        sequence_space = 1;
        break;
      case 3:
      case 4:
        s.len = 1 + in_.Word() % 1460;
        s.flags = kThAck | kThPush;
        sequence_space = static_cast<uint32_t>(s.len);
        break;
      case 5:
        s.win = in_.Word();
        break;
      case 6:
        s.flags = kThRst;
        s.seq = peer.host_acked;
        break;
      default:
        break;  // an ACK of everything
    }
    if (options) Options(peer, s);
    Arrive(peer, s);
    peer.next += sequence_space;
  }

  // ------------------------------------------------------------- the programs

  void Call(size_t which) {
    const uint8_t what = in_.Byte();
    if ((what & 15) == 0) return Connect();
    if ((what & 15) == 1) return Accept();
    if (sockets_.empty()) return;
    SocketPtr& so = sockets_[which % sockets_.size()];
    switch (what & 15) {
      case 2:
      case 3:
        return Send(*so, in_.Word() % 20000, 0);
      case 4:
        return Send(*so, 1 + in_.Byte() % 4, kMsgOob);
      case 5:
      case 6:
        return Receive(*so, in_.Word(), 0);
      case 7:
        return Receive(*so, 1, kMsgOob);
      case 8:
        static_cast<void>(soshutdown(*so, static_cast<Shut>(what >> 4 & 1)));
        return;
      case 9:
        static_cast<void>(soclose(*so));
        sockets_.erase(sockets_.begin() +
                       static_cast<ptrdiff_t>(which % sockets_.size()));
        return;
      default:
        return SetOption(*so, what >> 4);
    }
  }

  void Connect() {
    const size_t to = in_.Byte() % kPeers;
    if (sockets_.size() >= kMaxSockets) return;
    SocketPtr so = Open();
    static_cast<void>(soconnect(*so, Sockaddr(kPeer, peers_[to].port)));
    sockets_.push_back(std::move(so));
  }

  void Accept() {
    if (sockets_.size() >= kMaxSockets || listener_->listen->q.empty()) return;
    SocketPtr so = soqremque(*listener_->listen->q.front());
    Sockaddr from;
    static_cast<void>(soaccept(*so, &from));
    sockets_.push_back(std::move(so));
  }

  void Send(Socket& so, size_t n, int flags) {
    std::vector<std::byte> data(n, kSentByte);
    IoVec iov{data.data(), data.size()};
    Uio uio(std::span(&iov, 1));
    static_cast<void>(sosend(so, nullptr, uio, nullptr, flags | kMsgDontWait));
  }

  void Receive(Socket& so, size_t n, int flags) {
    std::vector<std::byte> data(n);
    IoVec iov{data.data(), data.size()};
    Uio uio(std::span(&iov, 1));
    flags |= kMsgDontWait;
    static_cast<void>(soreceive(so, nullptr, uio, &flags, nullptr));
  }

  void SetOption(Socket& so, size_t which) {
    struct Option {
      int level;
      int name;
    };
    static constexpr Option kOptions[] = {
        {kIpProtoTcp, kTCP_NODELAY},  {kIpProtoTcp, kTCP_MAXSEG},
        {kIpProtoTcp, kTCP_NOPUSH},   {kSOL_SOCKET, kSO_KEEPALIVE},
        {kSOL_SOCKET, kSO_OOBINLINE}, {kSOL_SOCKET, kSO_SNDBUF},
        {kSOL_SOCKET, kSO_RCVBUF},    {kSOL_SOCKET, kSO_RCVLOWAT},
        {kSOL_SOCKET, kSO_SNDLOWAT}};
    if (which % 10 == 9) {
      const Linger linger{1, in_.Byte() % 3};
      static_cast<void>(sosetopt(so, kSOL_SOCKET, kSO_LINGER,
                                 std::as_bytes(std::span(&linger, 1))));
      return;
    }
    const Option& option = kOptions[which % 10];
    const int32_t value = in_.Word();
    static_cast<void>(sosetopt(so, option.level, option.name,
                               std::as_bytes(std::span(&value, 1))));
  }

  void IcmpError(const Peer& peer) {
    const uint8_t what = in_.Byte();
    TcpHeader th{};
    th.sport = peer.host_port;
    th.dport = peer.port;
    th.seq = Near(peer.host_next);
    static constexpr CtlInput kErrors[] = {
        CtlInput::kUnreachHost, CtlInput::kUnreachPort, CtlInput::kMsgSize,
        CtlInput::kUnreachNet};
    CtlQuote quote;
    quote.src = Sockaddr(kHost, peer.host_port);
    quote.dst = Sockaddr(kPeer, peer.port);
    quote.protocol = kIpProtoTcp;
    quote.mtu = in_.Word();
    std::byte bytes[8];
    std::memcpy(bytes, &th, sizeof bytes);
    quote.transport = bytes;
    tcp_ctlinput(ns_, kErrors[what % std::size(kErrors)], quote);
    RunNow();
  }

  // A microsecond to an hour.
  void PassTime(int scale) {
    const int64_t time = int64_t{1000} << scale;
    Check(queue_.RunUntil(
        queue_.now() +
            std::min<Nanoseconds>(Nanoseconds(time), std::chrono::hours(1)),
        kEventsOfTime));
  }

  // ----------------------------------------------------------- what must hold

  void CheckHost() {
    for (const Inpcb* inp = ns_.tcbtable.first(); inp != nullptr;
         inp = inp->list_next) {
      CheckConnection(*inp->tcpcb);
      sbcheck(inp->so->rcv);
      sbcheck(inp->so->snd);
    }
    Check(ns_.mbufs.stats().bytes_in_use < 16u << 20);
    Check(ns_.tcbtable.count() < 1000);
  }

  static void CheckConnection(const Tcpcb& tp) {
    if (tp.state <= TcpState::kListen) return;
    Check(seq_leq(tp.snd_una, tp.snd_nxt) && seq_leq(tp.snd_nxt, tp.snd_max));
    // In flight is what the buffer holds, and SYN and FIN.
    Check(tp.snd_max - tp.snd_una <= tp.so().snd.cc + 2);
    Check(tp.snd_cwnd > 0 && tp.maxseg > 0 && tp.maxseg <= 65535);
    if (tp.snd_max != tp.snd_una && tp.state != TcpState::kTimeWait) {
      Check(tp.rexmt.pending() || tp.persist.pending());
    }
    if (tcps_havercvdsyn(tp.state)) {
      Check(tp.so().rcv.cc <= kSbMax + 65536);
    }
  }

  FuzzInput& in_;
  EventQueue queue_;
  Netstack ns_;
  Ifnet* nic_ = nullptr;
  SocketPtr listener_;
  std::vector<SocketPtr> sockets_;
  std::array<Peer, kPeers> peers_;
  uint64_t sent_ = 0;  // packets, in this step
};

}  // namespace
}  // namespace splnet

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  splnet::FuzzInput in(data, std::min<size_t>(size, 4096));
  splnet::Victim victim(in);
  victim.Run();
  victim.Finish();
  return 0;
}
