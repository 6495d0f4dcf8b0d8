// UDP: checks, delivery, errors, output.

#include <gtest/gtest.h>

#include "stack/netinet/in_cksum.h"
#include "stack/netinet/in_pcb.h"
#include "stack/netinet/ip_var.h"
#include "stack/netinet/udp_usrreq.h"
#include "tests/testing/net_fixture.h"

namespace splnet {
namespace {

InAddr A(const char* text) { return *ParseAddr(text); }

class Udp : public ::testing::Test {
 protected:
  ~Udp() override {
    for (SocketPtr& so : sockets_) NetHost::Close(so);
  }
  Socket& Open(int options = 0) {
    sockets_.push_back(host_.UdpSocket());
    sockets_.back()->options = options;
    return *sockets_.back();
  }
  Socket& Bound(const InAddr& addr, uint16_t port, int options = 0) {
    Socket& so = Open(options);
    EXPECT_EQ(so.proto->bind(so, Sockaddr(addr, port)), kOk);
    return so;
  }
  Errno Send(Socket& so, const Bytes& data, const Sockaddr* to = nullptr) {
    return so.proto->send(so, host_.Chain(data), to, nullptr);
  }
  Errno SetInt(Socket& so, int name, int32_t value) {
    return so.proto->setopt(so, kIpprotoIp, name,
                            std::as_bytes(std::span(&value, 1)));
  }
  uint64_t dropped(DropReason reason) const { return host_.dropped(reason); }

  NetHost host_;
  std::vector<SocketPtr> sockets_;
};

using UdpInput = Udp;
using UdpOutput = Udp;
using UdpErrors = Udp;

TEST_F(UdpInput, DeliversThePayloadAndItsSource) {
  Socket& so = Bound(kInaddrAny, 2000);
  for (const size_t pieces : {0u, 3u, 30u, 100u}) {
    host_.ReceiveIp(UdpPacket(UdpArgs{}, TestBytes(333)), pieces);
    const Received got = TakeDatagram(so);
    EXPECT_EQ(got.data, TestBytes(333));
    EXPECT_EQ(got.from, Sockaddr(kPeerAddr, 1000));
  }
  EXPECT_EQ(host_.ns.udpstat.delivered, 4u);
}

TEST_F(UdpInput, DeliversAnEmptyDatagram) {
  Socket& so = Bound(kInaddrAny, 2000);
  host_.ReceiveIp(UdpPacket(UdpArgs{}, {}));
  const Received got = TakeDatagram(so);
  EXPECT_EQ(got.from, Sockaddr(kPeerAddr, 1000));
  EXPECT_TRUE(got.data.empty());
}

TEST_F(UdpInput, EntersTheFunctionsOfThePathInOrder) {
  Bound(kInaddrAny, 2000);
  host_.ReceiveIp(UdpPacket(UdpArgs{}, TestBytes(10)));
  std::vector<Fn> path;
  for (const Recorder::Seen& s : host_.seen.seen()) {
    if (s.event.kind == TraceKind::kPath) path.push_back(s.event.fn);
  }
  EXPECT_EQ(path, (std::vector<Fn>{Fn::kIfInput, Fn::kEtherInput, Fn::kIpintrq,
                                   Fn::kIpintr, Fn::kIpInput, Fn::kUdpInput,
                                   Fn::kSbappendaddr, Fn::kSorwakeup}));
  EXPECT_EQ(host_.seen.Count(Fate::kDelivered), 1u);
}

TEST_F(UdpInput, CopiesNothing) {
  Socket& so = Bound(kInaddrAny, 2000);
  host_.ReceiveIp(UdpPacket(UdpArgs{}, TestBytes(1400)));
  EXPECT_EQ(host_.ns.ledger.CpuBytes(), 0u);
  TakeDatagram(so);
}

TEST_F(UdpInput, EndsWhereTheUdpLengthSays) {
  Socket& so = Bound(kInaddrAny, 2000);
  const Bytes segment = UdpSegment(UdpArgs{}, TestBytes(20));
  host_.ReceiveIp(IpPacket(IpArgs{}, segment + TestBytes(7)));
  EXPECT_EQ(TakeDatagram(so).data, TestBytes(20));
}

TEST_F(UdpInput, IgnoresPaddingOfTheLink) {
  Socket& so = Bound(kInaddrAny, 2000);
  host_.ReceiveIp(UdpPacket(UdpArgs{}, TestBytes(2)) + TestBytes(16));
  EXPECT_EQ(TakeDatagram(so).data, TestBytes(2));
}

TEST_F(UdpInput, DropsBadLengthsChecksumsAndPorts) {
  Bound(kInaddrAny, 2000);
  host_.ReceiveIp(IpPacket(IpArgs{}, TestBytes(7)));
  EXPECT_EQ(dropped(DropReason::kUdpShortHeader), 1u);

  Bytes segment = UdpSegment(UdpArgs{.sum = false}, TestBytes(8));
  segment[5] = std::byte{17};  // one byte more than there is
  host_.ReceiveIp(IpPacket(IpArgs{}, segment));
  segment[5] = std::byte{7};  // less than the header
  host_.ReceiveIp(IpPacket(IpArgs{}, segment));
  EXPECT_EQ(dropped(DropReason::kUdpBadLength), 2u);

  Bytes packet = UdpPacket(UdpArgs{}, TestBytes(8));
  packet.back() ^= std::byte{1};
  host_.ReceiveIp(packet);
  EXPECT_EQ(dropped(DropReason::kUdpBadChecksum), 1u);

  host_.ReceiveIp(UdpPacket(UdpArgs{.to = {kHostAddr, 0}}, TestBytes(8)));
  EXPECT_EQ(dropped(DropReason::kUdpBadPort), 1u);
  EXPECT_EQ(host_.ns.udpstat.delivered, 0u);
}

TEST_F(UdpInput, TakesADatagramWithoutChecksum) {
  Socket& so = Bound(kInaddrAny, 2000);
  host_.ReceiveIp(UdpPacket(UdpArgs{.sum = false}, TestBytes(9)));
  EXPECT_EQ(TakeDatagram(so).data, TestBytes(9));
  EXPECT_EQ(host_.ns.udpstat.nosum, 1u);
}

TEST_F(UdpInput, AFullBufferDropsAndCounts) {
  Socket& so = Bound(kInaddrAny, 2000);
  ASSERT_EQ(soreserve(so, 9216, 1000), kOk);
  for (int i = 0; i < 5; ++i) {
    host_.ReceiveIp(UdpPacket(UdpArgs{}, TestBytes(300)));
  }
  // Each takes 300 bytes and the 16 of its source.
  EXPECT_EQ(host_.ns.udpstat.delivered, 3u);
  EXPECT_EQ(host_.ns.udpstat.fullsock, 2u);
  EXPECT_EQ(dropped(DropReason::kSockbufFull), 2u);
}

TEST_F(UdpInput, AConnectedSocketHearsItsPeerAlone) {
  Socket& so = Bound(kInaddrAny, 2000);
  ASSERT_EQ(so.proto->connect(so, Sockaddr(kPeerAddr, 1000)), kOk);
  host_.ReceiveIp(UdpPacket(UdpArgs{.from = {kPeerAddr, 1001}}, TestBytes(4)));
  EXPECT_EQ(TakeDatagram(so).from.family(), Family::kUnspec);
  EXPECT_EQ(host_.ns.udpstat.noport, 1u);
  host_.ReceiveIp(UdpPacket(UdpArgs{}, TestBytes(4)));
  EXPECT_EQ(TakeDatagram(so).data, TestBytes(4));
}

TEST_F(UdpInput, TheConnectedSocketComesBeforeTheBoundOne) {
  Socket& bound = Bound(kInaddrAny, 2000, kSO_REUSEADDR);
  Socket& connected = Bound(kHostAddr, 2000, kSO_REUSEADDR);
  ASSERT_EQ(connected.proto->connect(connected, Sockaddr(kPeerAddr, 1000)),
            kOk);
  host_.ReceiveIp(UdpPacket(UdpArgs{}, TestBytes(1)));
  host_.ReceiveIp(UdpPacket(UdpArgs{.from = {kPeerAddr, 7}}, TestBytes(2)));
  EXPECT_EQ(TakeDatagram(connected).data, TestBytes(1));
  EXPECT_EQ(TakeDatagram(bound).data, TestBytes(2));
}

TEST_F(UdpInput, ABroadcastGoesToEverySocketThatSharesThePort) {
  Socket& one = Bound(kInaddrAny, 2000, kSO_REUSEPORT);
  Socket& two = Bound(kInaddrAny, 2000, kSO_REUSEPORT);
  Socket& other = Bound(kInaddrAny, 2001);
  Socket& unicast = Bound(kHostAddr, 2000, kSO_REUSEPORT);
  const InAddr all = A("192.0.2.255");
  host_.ReceiveIpBroadcast(
      UdpPacket(UdpArgs{.to = {all, 2000}}, TestBytes(700)));
  EXPECT_EQ(TakeDatagram(one).data, TestBytes(700));
  EXPECT_EQ(TakeDatagram(two).data, TestBytes(700));
  EXPECT_EQ(TakeDatagram(other).from.family(), Family::kUnspec);
  EXPECT_EQ(TakeDatagram(unicast).from.family(), Family::kUnspec);
  EXPECT_EQ(host_.ns.udpstat.delivered, 2u);
}

TEST_F(UdpInput, ABroadcastInAUnicastFrameIsStillOne) {
  Socket& one = Bound(kInaddrAny, 2000, kSO_REUSEPORT);
  Socket& two = Bound(kInaddrAny, 2000, kSO_REUSEPORT);
  host_.ReceiveIp(
      UdpPacket(UdpArgs{.to = {A("255.255.255.255"), 2000}}, TestBytes(5)));
  EXPECT_EQ(TakeDatagram(one).data, TestBytes(5));
  EXPECT_EQ(TakeDatagram(two).data, TestBytes(5));
}

TEST_F(UdpInput, AMulticastNeedsAMember) {
  const InAddr group = A("239.1.2.3");
  Socket& so = Bound(kInaddrAny, 2000);
  const Bytes frame =
      EtherFrame({{1, 0, 0x5e, 1, 2, 3}}, kPeerEther, kEthertypeIp,
                 UdpPacket(UdpArgs{.to = {group, 2000}}, TestBytes(5)));
  host_.Receive(frame);
  EXPECT_EQ(dropped(DropReason::kIpNotForUs), 1u);
  const Bytes mreq = BytesOf(group.wire4()) + BytesOf(kHostAddr.wire4());
  ASSERT_EQ(so.proto->setopt(so, kIpprotoIp, kIP_ADD_MEMBERSHIP, mreq), kOk);
  EXPECT_EQ(so.proto->setopt(so, kIpprotoIp, kIP_ADD_MEMBERSHIP, mreq),
            kEADDRINUSE);
  host_.Receive(frame);
  EXPECT_EQ(TakeDatagram(so).data, TestBytes(5));
  ASSERT_EQ(so.proto->setopt(so, kIpprotoIp, kIP_DROP_MEMBERSHIP, mreq), kOk);
  host_.Receive(frame);
  EXPECT_EQ(dropped(DropReason::kIpNotForUs), 2u);
}

TEST_F(UdpOutput, AMemberHearsTheHostsOwnMulticasts) {
  const InAddr group = A("239.1.2.3");
  Socket& member = Bound(kInaddrAny, 2000);
  Socket& sender = Open();
  const Sockaddr to(group, 2000);
  ASSERT_EQ(Send(sender, TestBytes(5), &to), kOk);
  EXPECT_EQ(member.rcv.cc, 0u);  // not yet in the group
  const Bytes mreq = BytesOf(group.wire4()) + BytesOf(kHostAddr.wire4());
  ASSERT_EQ(member.proto->setopt(member, kIpprotoIp, kIP_ADD_MEMBERSHIP, mreq),
            kOk);
  ASSERT_EQ(Send(sender, TestBytes(6), &to), kOk);
  const Received got = TakeDatagram(member);
  EXPECT_EQ(got.data, TestBytes(6));
  EXPECT_EQ(got.from.addr, kHostAddr);
  ASSERT_EQ(SetInt(sender, kIP_MULTICAST_LOOP, 0), kOk);
  ASSERT_EQ(Send(sender, TestBytes(7), &to), kOk);
  EXPECT_EQ(member.rcv.cc, 0u);
  const std::vector<Bytes> sent = host_.SentIp();
  ASSERT_EQ(sent.size(), 3u);
  EXPECT_EQ(ReadAt<IpHeader>(sent[2], 0).ttl, 1);
  // One that goes out in pieces is heard whole.
  ASSERT_EQ(SetInt(sender, kIP_MULTICAST_LOOP, 1), kOk);
  ASSERT_EQ(Send(sender, TestBytes(4000), &to), kOk);
  EXPECT_EQ(TakeDatagram(member).data, TestBytes(4000));
  EXPECT_EQ(host_.SentIp().size(), 3u);
}

TEST_F(UdpInput, AMembershipEndsWithItsSocket) {
  const InAddr group = A("239.1.2.3");
  Socket& so = Bound(kInaddrAny, 2000);
  const Bytes mreq = BytesOf(group.wire4()) + BytesOf(kHostAddr.wire4());
  ASSERT_EQ(so.proto->setopt(so, kIpprotoIp, kIP_ADD_MEMBERSHIP, mreq), kOk);
  EXPECT_TRUE(host_.ns.groups.Member(group));
  so.proto->detach(so);
  EXPECT_FALSE(host_.ns.groups.Member(group));
}

TEST_F(UdpInput, GivesTheDestinationWhereAskedFor) {
  Socket& so = Bound(kInaddrAny, 2000);
  ASSERT_EQ(SetInt(so, kIP_RECVDSTADDR, 1), kOk);
  host_.ReceiveIp(UdpPacket(UdpArgs{}, TestBytes(5)));
  const Received got = TakeDatagram(so);
  ASSERT_EQ(got.control.size(), 24u);
  const auto cmsg = ReadAt<CmsgHeader>(got.control, 0);
  EXPECT_EQ(cmsg.len, 20u);
  EXPECT_EQ(cmsg.type, kIP_RECVDSTADDR);
  EXPECT_EQ(ReadAt<In4Wire>(got.control, 16), kHostAddr.wire4());
  EXPECT_EQ(got.data, TestBytes(5));
}

TEST_F(UdpInput, GivesTheTimeWhereAskedFor) {
  Socket& so = Bound(kInaddrAny, 2000);
  so.options |= kSO_TIMESTAMP;
  host_.queue.RunUntil(FromNanoseconds(3'000'004'999));
  host_.ReceiveIp(UdpPacket(UdpArgs{}, TestBytes(5)));
  Received got = TakeDatagram(so);
  ASSERT_EQ(got.control.size(), 32u);
  const auto cmsg = ReadAt<CmsgHeader>(got.control, 0);
  EXPECT_EQ(cmsg.len, 32u);
  EXPECT_EQ(cmsg.level, kSOL_SOCKET);
  EXPECT_EQ(cmsg.type, kSCM_TIMESTAMP);
  EXPECT_EQ(ReadAt<int64_t>(got.control, 16), 3);
  EXPECT_EQ(ReadAt<int64_t>(got.control, 24), 4);
  // With the destination: one after the other.
  ASSERT_EQ(SetInt(so, kIP_RECVDSTADDR, 1), kOk);
  host_.ReceiveIp(UdpPacket(UdpArgs{}, TestBytes(5)));
  got = TakeDatagram(so);
  ASSERT_EQ(got.control.size(), 56u);
  EXPECT_EQ(ReadAt<CmsgHeader>(got.control, 32).type, kIP_RECVDSTADDR);
}

TEST_F(UdpInput, IsASinkWhereTheHostOwnsEverything) {
  host_.ns.owns_everything = true;
  host_.ReceiveIp(
      UdpPacket(UdpArgs{.to = {A("203.0.113.5"), 53}}, TestBytes(5)));
  EXPECT_EQ(host_.seen.Count(Fate::kConsumed), 1u);
  Bytes bad = UdpPacket(UdpArgs{.to = {A("203.0.113.5"), 53}}, TestBytes(5));
  bad.back() ^= std::byte{1};
  host_.ReceiveIp(bad);
  EXPECT_EQ(dropped(DropReason::kUdpBadChecksum), 1u);
  EXPECT_TRUE(host_.nic.sent.empty());
}

TEST_F(UdpInput, AReaderThatHasShutDownGetsNothing) {
  Socket& so = Bound(kInaddrAny, 2000);
  socantrcvmore(so);
  host_.ReceiveIp(UdpPacket(UdpArgs{}, TestBytes(5)));
  EXPECT_EQ(so.rcv.cc, 0u);
  EXPECT_EQ(host_.ns.udpstat.fullsock, 1u);
}

TEST_F(UdpErrors, NoSocketIsAnsweredWithPortUnreachable) {
  const Bytes packet = UdpPacket(UdpArgs{}, TestBytes(100));
  host_.ReceiveIp(packet);
  EXPECT_EQ(dropped(DropReason::kUdpNoPort), 1u);
  const Bytes error = host_.SentOne();
  const auto ip = ReadAt<IpHeader>(error, 0);
  EXPECT_EQ(ip.p, kIpProtoIcmp);
  EXPECT_EQ(ip.src, kHostAddr.wire4());
  EXPECT_EQ(ip.dst, kPeerAddr.wire4());
  const auto icmp = ReadAt<IcmpHeader>(error, 20);
  EXPECT_EQ(icmp.type, kIcmpUnreach);
  EXPECT_EQ(icmp.code, 3);
  // The original header, untouched, and 8 bytes.
  EXPECT_EQ(Bytes(error.begin() + 28, error.end()),
            Bytes(packet.begin(), packet.begin() + 28));
  EXPECT_EQ(in_cksum_fold(in_cksum_partial(error.data() + 20, 36)), 0);
}

TEST_F(UdpErrors, ABroadcastWithoutASocketIsNotAnswered) {
  host_.ReceiveIpBroadcast(
      UdpPacket(UdpArgs{.to = {A("192.0.2.255"), 2000}}, TestBytes(5)));
  host_.ReceiveIpBroadcast(UdpPacket(UdpArgs{}, TestBytes(5)));
  EXPECT_EQ(host_.ns.udpstat.noportbcast, 2u);
  EXPECT_TRUE(host_.SentIp().empty());
}

// The port unreachable that `sent` would come back as.
Bytes Unreachable(const Bytes& sent, uint8_t code = 3) {
  const Bytes quote(sent.begin(), sent.begin() + 28);
  return IpPacket(IpArgs{.p = kIpProtoIcmp},
                  IcmpMessage(kIcmpUnreach, code, 0, 0, quote));
}

TEST_F(UdpErrors, AConnectedSocketIsToldOfThem) {
  Socket& so = Open();
  ASSERT_EQ(so.proto->connect(so, Sockaddr(kPeerAddr, 9)), kOk);
  ASSERT_EQ(Send(so, TestBytes(10)), kOk);
  host_.ReceiveIp(Unreachable(host_.SentOne()));
  EXPECT_EQ(so.error, kECONNREFUSED);
  EXPECT_EQ(host_.ns.icmpstat.ierrors, 1u);
}

TEST_F(UdpErrors, AnUnconnectedSocketIsNot) {
  Socket& so = Open();
  const Sockaddr to(kPeerAddr, 9);
  ASSERT_EQ(Send(so, TestBytes(10), &to), kOk);
  host_.ReceiveIp(Unreachable(host_.SentOne()));
  EXPECT_EQ(so.error, kOk);
}

TEST_F(UdpErrors, AQuoteOfAnotherConnectionIsIgnored) {
  Socket& so = Open();
  ASSERT_EQ(so.proto->connect(so, Sockaddr(kPeerAddr, 9)), kOk);
  ASSERT_EQ(Send(so, TestBytes(10)), kOk);
  Bytes sent = host_.SentOne();
  sent[23] ^= std::byte{1};  // the destination port
  host_.ReceiveIp(Unreachable(sent));
  EXPECT_EQ(so.error, kOk);
}

TEST_F(UdpOutput, MakesARightDatagram) {
  Socket& so = Bound(kInaddrAny, 2000);
  const Sockaddr to(kPeerAddr, 53);
  for (const size_t n : {0u, 1u, 2u, 77u, 1472u}) {
    ASSERT_EQ(Send(so, TestBytes(n), &to), kOk);
    const Bytes sent = host_.SentOne();
    const auto ip = ReadAt<IpHeader>(sent, 0);
    EXPECT_EQ(ip.vhl, 0x45);
    EXPECT_EQ(ip.len, 28 + n);
    EXPECT_EQ(ip.ttl, 64);
    EXPECT_EQ(ip.src, kHostAddr.wire4());
    EXPECT_EQ(in_cksum_fold(in_cksum_20(sent.data())), 0);
    const auto uh = ReadAt<UdpHeader>(sent, 20);
    EXPECT_EQ(uh.sport, 2000);
    EXPECT_EQ(uh.dport, 53);
    EXPECT_EQ(uh.len, 8 + n);
    EXPECT_NE(uh.sum, 0);
    EXPECT_EQ(in_cksum_fold(in_cksum_partial(sent.data() + 20, 8 + n) +
                            in_pseudo(ip.src, ip.dst, kIpProtoUdp, 8 + n)),
              0);
    EXPECT_EQ(Bytes(sent.begin() + 28, sent.end()), TestBytes(n));
  }
}

TEST_F(UdpOutput, AChecksumOfZeroIsSentAsOnes) {
  // RFC 768.  Two bytes of payload are chosen so that the sum comes out as 0.
  Socket& so = Bound(kHostAddr, 2000);
  const Sockaddr to(kPeerAddr, 53);
  ASSERT_EQ(Send(so, Bytes(2, std::byte{0}), &to), kOk);
  const Be16 sum = ReadAt<UdpHeader>(host_.SentOne(), 20).sum;
  ASSERT_EQ(Send(so, BytesOf(sum), &to), kOk);
  EXPECT_EQ(ReadAt<UdpHeader>(host_.SentOne(), 20).sum, 0xffff);
}

TEST_F(UdpOutput, SendsNoChecksumWhereToldSo) {
  host_.ns.settings.udp_checksum = 0;
  Socket& so = Open();
  const Sockaddr to(kPeerAddr, 53);
  ASSERT_EQ(Send(so, TestBytes(9), &to), kOk);
  EXPECT_EQ(ReadAt<UdpHeader>(host_.SentOne(), 20).sum, 0);
}

TEST_F(UdpOutput, ObeysTtlTosAndOptions) {
  Socket& so = Open();
  const Sockaddr to(kPeerAddr, 53);
  ASSERT_EQ(SetInt(so, kIP_TTL, 7), kOk);
  ASSERT_EQ(SetInt(so, kIP_TOS, 0x10), kOk);
  const Bytes rr = {std::byte{kIpOptRr}, std::byte{7}, std::byte{4},
                    std::byte{0},        std::byte{0}, std::byte{0},
                    std::byte{0}};
  ASSERT_EQ(so.proto->setopt(so, kIpprotoIp, kIP_OPTIONS, rr), kOk);
  ASSERT_EQ(Send(so, TestBytes(9), &to), kOk);
  const Bytes sent = host_.SentOne();
  const auto ip = ReadAt<IpHeader>(sent, 0);
  EXPECT_EQ(ip.ttl, 7);
  EXPECT_EQ(ip.tos, 0x10);
  EXPECT_EQ(ip.hlen(), 28u);
  EXPECT_EQ(ip.len, 28 + 8 + 9);
  EXPECT_EQ(Bytes(sent.begin() + 20, sent.begin() + 27), rr);
  EXPECT_EQ(in_cksum_fold(in_cksum_partial(sent.data(), 28)), 0);
  EXPECT_EQ(in_cksum_fold(in_cksum_partial(sent.data() + 28, 17) +
                          in_pseudo(ip.src, ip.dst, kIpProtoUdp, 17)),
            0);
}

TEST_F(UdpOutput, RefusesOptionsThatCannotBeSent) {
  Socket& so = Open();
  const auto set = [&so](const Bytes& b) {
    return so.proto->setopt(so, kIpprotoIp, kIP_OPTIONS, b);
  };
  EXPECT_EQ(set(Bytes(41, std::byte{1})), kEINVAL);
  EXPECT_EQ(set({std::byte{7}}), kEINVAL);
  EXPECT_EQ(set({std::byte{7}, std::byte{9}, std::byte{4}}), kEINVAL);
  EXPECT_EQ(set({std::byte{kIpOptLsrr}, std::byte{3}, std::byte{4}}), kEINVAL);
  EXPECT_EQ(set({}), kOk);
  EXPECT_EQ(SetInt(so, kIP_TTL, 0), kEINVAL);
  EXPECT_EQ(SetInt(so, kIP_TTL, 256), kEINVAL);
  EXPECT_EQ(SetInt(so, kIP_HDRINCL, 1), kENOPROTOOPT);
  EXPECT_EQ(SetInt(so, 9999, 1), kENOPROTOOPT);
}

TEST_F(UdpOutput, GetoptGivesWhatWasSet) {
  Socket& so = Open();
  ASSERT_EQ(SetInt(so, kIP_TTL, 9), kOk);
  SockoptValue value;
  ASSERT_EQ(so.proto->getopt(so, kIpprotoIp, kIP_TTL, &value), kOk);
  ASSERT_EQ(value.len, 4u);
  int32_t ttl = 0;
  std::memcpy(&ttl, value.bytes, 4);
  EXPECT_EQ(ttl, 9);
  EXPECT_EQ(so.proto->getopt(so, kIpprotoIp, 9999, &value), kENOPROTOOPT);
}

TEST_F(UdpOutput, BroadcastNeedsPermission) {
  Socket& so = Open();
  const Sockaddr all(A("192.0.2.255"), 53);
  EXPECT_EQ(Send(so, TestBytes(9), &all), kEACCES);
  so.options |= kSO_BROADCAST;
  EXPECT_EQ(Send(so, TestBytes(9), &all), kOk);
  EXPECT_EQ(Send(so, TestBytes(2000), &all), kEMSGSIZE);
  const Sockaddr ones(kInaddrBroadcast, 53);
  EXPECT_EQ(Send(so, TestBytes(9), &ones), kOk);
  ASSERT_EQ(host_.nic.sent.size(), 2u);
  EXPECT_EQ(ReadAt<EtherAddr>(host_.nic.sent[1], 0), kEtherBroadcast);
}

TEST_F(UdpOutput, RefusesWhatCannotBeSent) {
  Socket& so = Open();
  const Sockaddr to(kPeerAddr, 53);
  const Sockaddr port0(kPeerAddr, 0);
  const Sockaddr none;
  EXPECT_EQ(Send(so, TestBytes(9)), kENOTCONN);
  EXPECT_EQ(Send(so, TestBytes(9), &port0), kEADDRNOTAVAIL);
  EXPECT_EQ(Send(so, TestBytes(9), &none), kEAFNOSUPPORT);
  EXPECT_EQ(so.proto->send(so, host_.Chain(TestBytes(kUdpMaxPayload + 1), 100),
                           &to, nullptr),
            kEMSGSIZE);
  ASSERT_EQ(so.proto->connect(so, to), kOk);
  EXPECT_EQ(Send(so, TestBytes(9), &to), kEISCONN);
  EXPECT_EQ(so.proto->connect(so, to), kEISCONN);
  EXPECT_TRUE(host_.SentIp().empty());
}

TEST_F(UdpOutput, TheLargestDatagramGoesInFragments) {
  Socket& so = Open();
  const Sockaddr to(kPeerAddr, 53);
  ASSERT_EQ(so.proto->send(so, host_.Chain(TestBytes(kUdpMaxPayload), 100), &to,
                           nullptr),
            kOk);
  EXPECT_EQ(host_.SentIp().size(), 45u);
}

TEST_F(UdpOutput, DisconnectingLetsItGoAnywhereAgain) {
  Socket& so = Bound(kInaddrAny, 2000);
  EXPECT_EQ(so.proto->disconnect(so), kENOTCONN);
  ASSERT_EQ(so.proto->connect(so, Sockaddr(kPeerAddr, 9)), kOk);
  EXPECT_TRUE(so.is(kSsIsConnected));
  Sockaddr name;
  so.proto->sockaddr(so, &name);
  EXPECT_EQ(name, Sockaddr(kHostAddr, 2000));
  so.proto->peeraddr(so, &name);
  EXPECT_EQ(name, Sockaddr(kPeerAddr, 9));
  ASSERT_EQ(so.proto->connect(so, Sockaddr()), kOk);  // AF_UNSPEC
  EXPECT_FALSE(so.is(kSsIsConnected));
  so.proto->sockaddr(so, &name);
  EXPECT_EQ(name, Sockaddr(kInaddrAny, 2000));
  const Sockaddr to(A("192.0.2.77"), 53);
  EXPECT_EQ(Send(so, TestBytes(9), &to), kOk);
}

TEST_F(UdpOutput, TakesTheSourceThatTheProgramNames) {
  ASSERT_EQ(if_addaddr(host_.nic, A("192.0.2.50"), 24), kOk);
  Socket& so = Bound(kInaddrAny, 2000);
  const Sockaddr to(kPeerAddr, 53);
  const auto send = [&](const InAddr& from) {
    const Bytes cmsg =
        BytesOf(CmsgHeader{20, 0, kIP_SENDSRCADDR, 0}) + BytesOf(from.wire4());
    return so.proto->send(so, host_.Chain(TestBytes(5)), &to,
                          host_.Chain(cmsg));
  };
  ASSERT_EQ(send(A("192.0.2.50")), kOk);
  EXPECT_EQ(ReadAt<IpHeader>(host_.SentOne(), 0).src, A("192.0.2.50").wire4());
  EXPECT_EQ(send(kPeerAddr), kEADDRNOTAVAIL);
  EXPECT_EQ(so.proto->send(so, host_.Chain(TestBytes(5)), &to,
                           host_.Chain(TestBytes(24))),
            kEINVAL);
}

TEST_F(UdpOutput, AShortageOfMemoryIsAnErrorNotACrash) {
  Socket& so = Open();
  const Sockaddr to(kPeerAddr, 53);
  for (uint64_t nth = 1; nth < 4; ++nth) {
    MbufPtr m = host_.Chain(TestBytes(9), 0, 0);  // no room for headers
    host_.ns.mbufs.FailNth(nth);
    const Errno error = so.proto->send(so, std::move(m), &to, nullptr);
    EXPECT_EQ(error, nth == 1 ? kENOBUFS : kOk) << nth;
    host_.ns.mbufs.FailNth(0);
  }
}

}  // namespace
}  // namespace splnet
