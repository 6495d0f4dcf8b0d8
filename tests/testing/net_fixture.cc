// A host whose wire is the test.

#include "tests/testing/net_fixture.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "stack/netinet/in_cksum.h"
#include "stack/netinet/in_pcb.h"

namespace splnet {

Bytes TestBytes(size_t n, unsigned seed) {
  Bytes out(n);
  uint32_t x = seed * 2654435761u + 12345;
  for (std::byte& b : out) {
    x = x * 1664525 + 1013904223;
    b = static_cast<std::byte>(x >> 24);
  }
  return out;
}

Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Bytes ToBytes(const Mbuf& m) {
  Bytes out;
  for (const Mbuf* p = &m; p != nullptr; p = p->next) {
    out.insert(out.end(), p->data, p->data + p->len);
  }
  return out;
}

Bytes EtherFrame(const EtherAddr& dst, const EtherAddr& src, uint16_t type,
                 const Bytes& payload) {
  return BytesOf(EtherHeader{dst, src, type}) + payload;
}

void FixIpSum(Bytes& packet) {
  const size_t hlen = ReadAt<IpHeader>(packet, 0).hlen();
  packet[10] = packet[11] = std::byte{0};
  const Be16 sum = in_cksum_field(in_cksum_partial(packet.data(), hlen));
  std::memcpy(packet.data() + 10, &sum, sizeof sum);
}

Bytes IpPacket(const IpArgs& args, const Bytes& payload) {
  IpHeader ip;
  const size_t hlen = sizeof ip + args.options.size();
  CHECK(hlen % 4 == 0 && hlen <= 60);
  ip.vhl = static_cast<uint8_t>(0x40 | hlen / 4);
  ip.len = static_cast<uint16_t>(hlen + payload.size());
  ip.id = args.id;
  ip.off = args.off;
  ip.ttl = args.ttl;
  ip.p = args.p;
  ip.src = args.src.wire4();
  ip.dst = args.dst.wire4();
  Bytes packet = BytesOf(ip) + args.options + payload;
  FixIpSum(packet);
  return packet;
}

Bytes UdpSegment(const UdpArgs& args, const Bytes& payload) {
  UdpHeader uh;
  uh.sport = args.from.port;
  uh.dport = args.to.port;
  uh.len = static_cast<uint16_t>(sizeof uh + payload.size());
  Bytes segment = BytesOf(uh) + payload;
  if (!args.sum) return segment;
  const CksumPartial sum =
      in_cksum_partial(segment.data(), segment.size()) +
      in_pseudo(args.from.addr.wire4(), args.to.addr.wire4(), kIpProtoUdp,
                segment.size());
  uint16_t field = in_cksum_field(sum);
  if (field == 0) field = 0xffff;
  const Be16 wire = field;
  std::memcpy(segment.data() + 6, &wire, sizeof wire);
  return segment;
}

Bytes UdpPacket(const UdpArgs& args, const Bytes& payload) {
  IpArgs ip;
  ip.src = args.from.addr;
  ip.dst = args.to.addr;
  ip.id = args.ip_id;
  return IpPacket(ip, UdpSegment(args, payload));
}

Bytes IcmpMessage(uint8_t type, uint8_t code, uint16_t id, uint16_t seq,
                  const Bytes& data) {
  Bytes message = BytesOf(IcmpHeader{type, code, 0, id, seq}) + data;
  const Be16 sum =
      in_cksum_field(in_cksum_partial(message.data(), message.size()));
  std::memcpy(message.data() + 2, &sum, sizeof sum);
  return message;
}

FakeNic::FakeNic(Netstack& stack, std::string_view name,
                 const EtherAddr& station)
    : Ifnet(stack, name) {
  ether_ifattach(*this, station);
  flags |= kIffUp | kIffRunning;
  start = [](Ifnet& ifp) {
    auto& self = static_cast<FakeNic&>(ifp);
    if (self.hold) return;
    while (MbufPtr m = self.snd.Dequeue()) self.sent.push_back(ToBytes(*m));
  };
}

NetHost::NetHost(uint64_t seed)
    : ns(queue, 1, "host", seed),
      nic(static_cast<FakeNic&>(
          ns.Attach(std::make_unique<FakeNic>(ns, "em0", kHostEther)))) {
  CHECK(if_addaddr(nic, kHostAddr, 24) == kOk);
  ns.arp.AddStatic(nic.index, kPeerAddr, kPeerEther);
  Rtentry gateway;
  gateway.dst = kInaddrAny;
  gateway.flags = kRtfUp | kRtfGateway;
  gateway.gateway = kPeerAddr;
  gateway.ifidx = nic.index;
  gateway.ifa = kHostAddr;
  CHECK(ns.routes.Add(gateway) == kOk);
  ns.tracer.Set(&seen, kTracePath | kTraceFate | kTraceDrop | kTraceSegment);
  rx_.nic = &nic;
  rx_.line.handler = [](void* arg) {
    auto& rx = *static_cast<RxLine*>(arg);
    if_input(*rx.nic, std::move(rx.frames));
  };
  rx_.line.arg = &rx_;
}

NetHost::~NetHost() { ns.tracer.Set(nullptr, 0); }

FakeNic& NetHost::AddNic(std::string_view name, const EtherAddr& station,
                         const InAddr& addr, uint8_t prefixlen) {
  auto& added = static_cast<FakeNic&>(
      ns.Attach(std::make_unique<FakeNic>(ns, name, station)));
  CHECK(if_addaddr(added, addr, prefixlen) == kOk);
  return added;
}

MbufPtr NetHost::Frame(const Bytes& bytes, size_t pieces) {
  return Chain(bytes, pieces, 2);
}

MbufPtr NetHost::Chain(const Bytes& bytes, size_t pieces, size_t leading) {
  if (pieces == 0) {
    MbufPtr m = m_getcl(ns.mbufs, leading + std::max<size_t>(bytes.size(), 1),
                        MWait::kWait);
    m->data += leading;
    m->len = m->pkthdr.len = static_cast<uint32_t>(bytes.size());
    if (!bytes.empty()) std::memcpy(m->data, bytes.data(), bytes.size());
    return m;
  }
  CHECK(pieces <= kMhlen);
  MbufPtr head = m_gethdr(ns.mbufs, MWait::kWait);
  Mbuf* tail = head.get();
  for (size_t off = 0; off < bytes.size();) {
    const size_t n = std::min(pieces, bytes.size() - off);
    if (off > 0) {
      tail->next = m_get(ns.mbufs, MWait::kWait).release();
      tail = tail->next;
    }
    std::memcpy(tail->data, bytes.data() + off, n);
    tail->len = static_cast<uint32_t>(n);
    off += n;
  }
  head->pkthdr.len = static_cast<uint32_t>(bytes.size());
  return head;
}

void NetHost::Receive(const Bytes& frame, size_t pieces) {
  rx_.frames.Enqueue(Frame(frame, pieces));
  ns.cpu.RaiseInterrupt(rx_.line);
}

void NetHost::ReceiveBurst(std::span<const Bytes> frames) {
  for (const Bytes& frame : frames) rx_.frames.Enqueue(Frame(frame, 0));
  ns.cpu.RaiseInterrupt(rx_.line);
}

void NetHost::ReceiveIp(const Bytes& packet, size_t pieces) {
  Receive(EtherFrame(kHostEther, kPeerEther, kEthertypeIp, packet), pieces);
}

void NetHost::ReceiveIpBroadcast(const Bytes& packet) {
  Receive(EtherFrame(kEtherBroadcast, kPeerEther, kEthertypeIp, packet));
}

std::vector<Bytes> NetHost::SentIp() {
  std::vector<Bytes> packets;
  for (const Bytes& frame : nic.sent) {
    if (ReadAt<EtherHeader>(frame, 0).type != kEthertypeIp) continue;
    packets.emplace_back(frame.begin() + kEtherHdrLen, frame.end());
  }
  nic.sent.clear();
  return packets;
}

Bytes NetHost::SentOne() {
  std::vector<Bytes> packets = SentIp();
  CHECK(packets.size() == 1);
  return packets.front();
}

SocketPtr NetHost::UdpSocket() {
  Result<SocketPtr> so = socreate(ns, Family::kInet, SocketType::kDgram, 0);
  CHECK(so.ok());
  return so.value;
}

SocketPtr NetHost::RawSocket(int protocol) {
  Result<SocketPtr> so =
      socreate(ns, Family::kInet, SocketType::kRaw, protocol);
  CHECK(so.ok());
  return so.value;
}

void NetHost::Close(SocketPtr& so) {
  if (so->pcb != nullptr) so->proto->detach(*so);
  so = nullptr;
}

Received TakeDatagram(Socket& so) {
  Received out;
  const Mbuf* m = so.rcv.mb;
  if (m == nullptr) return out;
  CHECK(m->type == MbufType::kSoname);
  soname_read(*m, &out.from);
  for (m = m->next; m != nullptr; m = m->next) {
    Bytes& to = m->type == MbufType::kControl ? out.control : out.data;
    to.insert(to.end(), m->data, m->data + m->len);
  }
  sbdroprecord(so.rcv);
  return out;
}

}  // namespace splnet
