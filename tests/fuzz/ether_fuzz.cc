// Fuzzes a live host with Ethernet frames: it has a TCP listener, an
// established connection, a UDP socket and a raw one.
//
// Besides plain bytes the input makes frames whose checksums, addresses,
// ports and sequence numbers are nearly right, for plain bytes seldom come
// farther than the first check; it lets time pass, and programs act.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#include "sockets/uipc_socket.h"
#include "stack/netinet/if_ether.h"
#include "stack/netinet/in_cksum.h"
#include "stack/netinet/in_pcb.h"
#include "stack/netinet/tcp.h"
#include "stack/netinet/tcp_var.h"
#include "tests/testing/net_fixture.h"

namespace splnet {
namespace {

constexpr uint16_t kTcpPort = 80;
constexpr uint16_t kUdpPort = 53;
constexpr uint16_t kPeerPort = 4000;
constexpr uint32_t kPeerIss = 1000;

void Check(bool condition) {
  if (!condition) std::abort();
}

// Numbers and bytes from the input, zeros when it is used up.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  bool empty() const { return at_ >= size_; }
  uint8_t Byte() { return empty() ? 0 : data_[at_++]; }
  uint16_t Word() {
    const uint8_t high = Byte();
    return static_cast<uint16_t>(high << 8 | Byte());
  }
  Bytes Take(size_t n) {
    const size_t left = empty() ? 0 : size_ - at_;
    n = std::min(n, left);
    const auto* const p = reinterpret_cast<const std::byte*>(data_ + at_);
    at_ += n;
    return Bytes(p, p + n);
  }

 private:
  const uint8_t* data_;
  size_t size_;
  size_t at_ = 0;
};

// Puts the checksum of a transport's message where its header has it.
void FixSum(Bytes& message, size_t field, uint8_t protocol) {
  if (message.size() < field + 2) return;
  message[field] = message[field + 1] = std::byte{0};
  CksumPartial sum = in_cksum_partial(message.data(), message.size());
  if (protocol != kIpProtoIcmp) {
    sum += in_pseudo(kPeerAddr.wire4(), kHostAddr.wire4(), protocol,
                     message.size());
  }
  const Be16 wire = in_cksum_field(sum);
  std::memcpy(message.data() + field, &wire, sizeof wire);
}

class Victim {
 public:
  Victim() {
    listener_ = Open(SocketType::kStream);
    Check(sobind(*listener_, Sockaddr(kInaddrAny, kTcpPort)) == kOk);
    Check(solisten(*listener_, 5) == kOk);
    Establish();
    udp_ = Open(SocketType::kDgram);
    Check(sobind(*udp_, Sockaddr(kInaddrAny, kUdpPort)) == kOk);
    raw_ = Open(SocketType::kRaw);
  }

  ~Victim() {
    for (SocketPtr* so : {&connection_, &udp_, &raw_, &listener_}) {
      if (*so) static_cast<void>(soclose(**so));
    }
  }

  void Run(Input& in) {
    while (!in.empty()) {
      Step(in);
      Learn();
      CheckHost();
    }
  }

 private:
  SocketPtr Open(SocketType type) {
    Result<SocketPtr> so = socreate(host_.ns, Family::kInet, type, 0);
    Check(so.ok());
    return so.value;
  }

  // Three segments by hand.
  void Establish() {
    SendSegment(kPeerIss, 0, kThSyn, 65535, {}, {});
    Learn();
    SendSegment(kPeerIss + 1, our_next_, kThAck, 65535, {}, {});
    Check(!listener_->listen->q.empty());
    connection_ = soqremque(*listener_->listen->q.front());
    Sockaddr peer;
    Check(soaccept(*connection_, &peer) == kOk);
  }

  void SendSegment(uint32_t seq, uint32_t ack, uint8_t flags, uint16_t win,
                   const Bytes& options, const Bytes& data,
                   uint16_t port = kPeerPort, size_t pieces = 0) {
    TcpHeader th{};
    th.sport = port;
    th.dport = kTcpPort;
    th.seq = seq;
    th.ack = ack;
    th.off_x2 = static_cast<uint8_t>((20 + options.size()) / 4 << 4);
    th.flags = flags;
    th.win = win;
    Bytes segment = BytesOf(th) + options + data;
    FixSum(segment, 16, kIpProtoTcp);
    host_.ReceiveIp(IpPacket(IpArgs{.p = kIpProtoTcp}, segment), pieces);
  }

  // Where the host's sequence numbers are, from what it sends.
  void Learn() {
    for (const Bytes& packet : host_.SentIp()) {
      const auto ip = ReadAt<IpHeader>(packet, 0);
      Check(ip.len == packet.size());
      Check(in_cksum_fold(in_cksum_partial(packet.data(), ip.hlen())) == 0);
      if (ip.p != kIpProtoTcp || (ip.off & (kIpMf | kIpOffMask)) != 0) continue;
      const auto th = ReadAt<TcpHeader>(packet, ip.hlen());
      const size_t len = packet.size() - ip.hlen() - th.hlen();
      CksumPartial sum = in_cksum_partial(packet.data() + ip.hlen(),
                                          packet.size() - ip.hlen());
      sum += in_pseudo(ip.src, ip.dst, ip.p, packet.size() - ip.hlen());
      Check(in_cksum_fold(sum) == 0);
      if (th.dport != kPeerPort || (th.flags & kThRst) != 0) continue;
      our_next_ = th.seq + static_cast<uint32_t>(len) +
                  ((th.flags & (kThSyn | kThFin)) != 0 ? 1 : 0);
      if ((th.flags & kThAck) != 0) peer_next_ = th.ack;
    }
  }

  void Step(Input& in) {
    const uint8_t op = in.Byte();
    const size_t pieces = (op & 0x80) != 0 ? 1 + in.Byte() % 100 : 0;
    switch (op & 0x0f) {
      case 0:
        return host_.Receive(in.Take(in.Byte() * size_t{8}), pieces);
      case 1: {
        const uint16_t type = (in.Byte() & 1) != 0 ? kEthertypeIp : in.Word();
        const Bytes payload = in.Take(in.Byte() * size_t{8});
        return host_.Receive(EtherFrame(kHostEther, kPeerEther, type, payload),
                             pieces);
      }
      case 2:
      case 3:
      case 4:
        return Segment(in, kPeerPort, pieces);
      case 5:
        return Segment(in, static_cast<uint16_t>(5000 + in.Byte()), pieces);
      case 6:
        return Datagram(in, pieces);
      case 7:
        return Message(in, pieces);
      case 8:
        return Fragment(in, pieces);
      case 9:
        return Arp(in);
      case 10:
        return host_.Wait(std::chrono::milliseconds(in.Word()));
      case 11:
        return Anything(in, pieces);
      default:
        return Act(in);
    }
  }

  void Segment(Input& in, uint16_t port, size_t pieces) {
    const uint8_t flags = in.Byte();
    const auto seq = static_cast<uint32_t>(static_cast<int16_t>(in.Word()));
    const auto ack = static_cast<uint32_t>(static_cast<int16_t>(in.Word()));
    const uint16_t win = in.Word();
    const uint8_t shape = in.Byte();
    Bytes options = in.Take((shape & 7) * size_t{4});
    options.resize(options.size() & ~size_t{3});
    const Bytes data =
        (shape & 8) != 0 ? TestBytes(in.Word() % 3000) : in.Take(shape >> 4);
    SendSegment(peer_next_ + seq / ((shape & 16) != 0 ? 1 : 256),
                our_next_ + ack / ((shape & 32) != 0 ? 1 : 256), flags, win,
                options, data, port, pieces);
  }

  void Datagram(Input& in, size_t pieces) {
    UdpArgs args;
    args.to.port = (in.Byte() & 3) != 0 ? kUdpPort : in.Word();
    args.from.port = in.Word();
    args.sum = (in.Byte() & 1) != 0;
    host_.ReceiveIp(UdpPacket(args, TestBytes(in.Word() % 2000)), pieces);
  }

  // ICMP, about a packet of the connection's if the input likes.
  void Message(Input& in, size_t pieces) {
    const uint8_t type = in.Byte();
    const uint8_t code = in.Byte();
    Bytes data = in.Take(in.Byte());
    if ((code & 0x80) != 0) {
      IpArgs quoted;
      quoted.src = kHostAddr;
      quoted.dst = kPeerAddr;
      quoted.p = kIpProtoTcp;
      TcpHeader th{};
      th.sport = kTcpPort;
      th.dport = kPeerPort;
      th.seq = our_next_ - in.Byte();
      data = IpPacket(quoted, BytesOf(th)) + data;
    }
    const uint16_t id = in.Word();
    const uint16_t seq = in.Word();
    host_.ReceiveIp(
        IpPacket(IpArgs{.p = kIpProtoIcmp},
                 IcmpMessage(type & 31, code & 0x7f, id, seq, data)),
        pieces);
  }

  void Fragment(Input& in, size_t pieces) {
    IpArgs args;
    const uint8_t shape = in.Byte();
    args.id = shape & 3;
    args.p = (shape & 4) != 0 ? kIpProtoUdp : kIpProtoTcp;
    args.off = static_cast<uint16_t>((in.Byte() & 15) |
                                     ((shape & 8) != 0 ? kIpMf : 0));
    host_.ReceiveIp(IpPacket(args, in.Take((shape >> 4) * size_t{8})), pieces);
  }

  void Arp(Input& in) {
    ArpHeader ah;
    ah.hrd = kArphrdEther;
    ah.pro = kEthertypeIp;
    ah.hln = 6;
    ah.pln = 4;
    ah.op = static_cast<uint16_t>(in.Byte() & 3);
    ah.sha = EtherAddr{{2, 0, 0, 0, 0, in.Byte()}};
    ah.spa = InAddr::V4(0xc0000200u + in.Byte()).wire4();
    ah.tpa = InAddr::V4(0xc0000200u + (in.Byte() & 3)).wire4();
    host_.Receive(
        EtherFrame(kEtherBroadcast, ah.sha, kEthertypeArp, BytesOf(ah)));
  }

  // Any payload of any protocol, its IP header and checksum right.
  void Anything(Input& in, size_t pieces) {
    IpArgs args;
    const uint8_t shape = in.Byte();
    args.p = in.Byte();
    args.options = in.Take((shape & 15) * size_t{4} % 44);
    args.options.resize(args.options.size() & ~size_t{3});
    if ((shape & 16) != 0) args.dst = InAddr::V4(0xc00002ff);
    if ((shape & 32) != 0) args.src = InAddr::V4(in.Word() << 16);
    Bytes payload = in.Take(in.Byte());
    if (args.p == kIpProtoTcp) FixSum(payload, 16, args.p);
    if (args.p == kIpProtoUdp) FixSum(payload, 6, args.p);
    if (args.p == kIpProtoIcmp) FixSum(payload, 2, args.p);
    host_.ReceiveIp(IpPacket(args, payload), pieces);
  }

  // What programs do.
  void Act(Input& in) {
    const uint8_t what = in.Byte();
    Socket* const so = connection_.get();
    switch (what & 7) {
      case 0:
      case 1:
        if (so != nullptr) Send(*so, in.Word() % 5000, nullptr);
        return;
      case 2:
        if (so != nullptr) Drain(*so, in.Word());
        return;
      case 3: {
        const Sockaddr to(InAddr::V4(0xc0000202u + (what >> 6)), kPeerPort);
        return Send(*udp_, in.Word() % 3000, &to);
      }
      case 4:
        Drain(*udp_, 65535);
        return Drain(*raw_, 65535);
      case 5:
        if (so != nullptr) {
          static_cast<void>(soshutdown(*so, static_cast<Shut>(what >> 6 & 1)));
        }
        return;
      case 6:
        if (listener_->listen->q.empty()) return;
        if (so != nullptr) static_cast<void>(soclose(*so));
        {
          connection_ = soqremque(*listener_->listen->q.front());
          Sockaddr peer;
          static_cast<void>(soaccept(*connection_, &peer));
        }
        return;
      default:
        if (so != nullptr && (what & 0xf0) == 0xf0) {
          static_cast<void>(soclose(*so));
          connection_ = nullptr;
        }
        return;
    }
  }

  void Send(Socket& so, size_t n, const Sockaddr* to) {
    Bytes data = TestBytes(n);
    IoVec iov{data.data(), data.size()};
    Uio uio(std::span(&iov, 1));
    static_cast<void>(sosend(so, to, uio, nullptr, kMsgDontWait));
  }

  void Drain(Socket& so, size_t n) {
    Bytes data(n);
    IoVec iov{data.data(), data.size()};
    Uio uio(std::span(&iov, 1));
    int flags = kMsgDontWait;
    Sockaddr from;
    static_cast<void>(soreceive(so, &from, uio, &flags, nullptr));
  }

  void CheckHost() {
    for (const SocketPtr* so : {&connection_, &udp_, &raw_, &listener_}) {
      if (!*so) continue;
      sbcheck((*so)->rcv);
      sbcheck((*so)->snd);
    }
    Check(host_.ns.arp.size() <= 1025);
    Check(host_.ns.ipfrag.fragments() <= 300);
    Check(host_.ns.mbufs.stats().bytes_in_use < 64u << 20);
    host_.seen.Clear();
  }

  NetHost host_;
  SocketPtr listener_;
  SocketPtr connection_;
  SocketPtr udp_;
  SocketPtr raw_;
  uint32_t our_next_ = 0;              // what the host will send next
  uint32_t peer_next_ = kPeerIss + 1;  // what it expects next
};

}  // namespace
}  // namespace splnet

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  splnet::Input in(data, size);
  splnet::Victim victim;
  victim.Run(in);
  return 0;
}
