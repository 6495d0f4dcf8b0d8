// Raw sockets.

#include "stack/netinet/raw_ip.h"

#include <gtest/gtest.h>

#include "stack/netinet/in_cksum.h"
#include "stack/netinet/in_pcb.h"
#include "stack/netinet/ip_var.h"
#include "stack/netinet/udp_usrreq.h"
#include "tests/testing/net_fixture.h"

namespace splnet {
namespace {

InAddr A(const char* text) { return *ParseAddr(text); }

class RawIp : public ::testing::Test {
 protected:
  ~RawIp() override {
    for (SocketPtr& so : sockets_) NetHost::Close(so);
  }
  Socket& Open(int protocol) {
    sockets_.push_back(host_.RawSocket(protocol));
    return *sockets_.back();
  }
  Errno Send(Socket& so, const Bytes& data, const Sockaddr* to) {
    return so.proto->send(so, host_.Chain(data, data.size() > 9000 ? 100 : 0),
                          to, nullptr);
  }

  NetHost host_;
  std::vector<SocketPtr> sockets_;
};

const Bytes kReply = IcmpMessage(kIcmpEchoReply, 0, 1, 2, TestBytes(8));

TEST_F(RawIp, GetsTheWholePacketOfItsProtocol) {
  Socket& icmp = Open(kIpprotoIcmp);
  Socket& other = Open(99);
  Socket& every = Open(0);
  const Bytes packet = IpPacket(IpArgs{.p = kIpProtoIcmp}, kReply);
  host_.ReceiveIp(packet);
  const Received got = TakeDatagram(icmp);
  EXPECT_EQ(got.data, packet);
  EXPECT_EQ(got.from, Sockaddr(kPeerAddr, 0));
  EXPECT_EQ(TakeDatagram(every).data, packet);
  EXPECT_EQ(other.rcv.cc, 0u);
  EXPECT_EQ(host_.seen.Count(Fate::kDelivered), 2u);
}

TEST_F(RawIp, AProtocolOfItsOwnNeedsNoError) {
  Socket& so = Open(99);
  const Bytes packet = IpPacket(IpArgs{.p = 99}, TestBytes(30));
  host_.ReceiveIp(packet);
  EXPECT_EQ(TakeDatagram(so).data, packet);
  EXPECT_TRUE(host_.SentIp().empty());
  EXPECT_EQ(host_.ns.ipstat.delivered, 1u);
}

TEST_F(RawIp, GivesTheTimeWhereAskedFor) {
  Socket& so = Open(99);
  so.options |= kSO_TIMESTAMP;
  host_.ReceiveIp(IpPacket(IpArgs{.p = 99}, TestBytes(4)));
  const Received got = TakeDatagram(so);
  ASSERT_EQ(got.control.size(), 32u);
  EXPECT_EQ(ReadAt<CmsgHeader>(got.control, 0).type, kSCM_TIMESTAMP);
}

TEST_F(RawIp, HearsItsAddressesAlone) {
  Socket& bound = Open(99);
  EXPECT_EQ(bound.proto->bind(bound, Sockaddr(kPeerAddr, 0)), kEADDRNOTAVAIL);
  ASSERT_EQ(bound.proto->bind(bound, Sockaddr(kHostAddr, 0)), kOk);
  Socket& connected = Open(99);
  ASSERT_EQ(connected.proto->connect(connected, Sockaddr(A("192.0.2.9"), 0)),
            kOk);
  host_.ReceiveIp(IpPacket(IpArgs{.p = 99}, TestBytes(4)));
  EXPECT_NE(bound.rcv.cc, 0u);
  EXPECT_EQ(connected.rcv.cc, 0u);
  host_.ReceiveIp(
      IpPacket(IpArgs{.src = A("192.0.2.9"), .p = 99}, TestBytes(4)));
  EXPECT_NE(connected.rcv.cc, 0u);
}

TEST_F(RawIp, AFullBufferDropsAndCounts) {
  Socket& so = Open(99);
  ASSERT_EQ(soreserve(so, 100, 100), kOk);
  for (int i = 0; i < 3; ++i) {
    host_.ReceiveIp(IpPacket(IpArgs{.p = 99}, TestBytes(30)));
  }
  EXPECT_EQ(host_.dropped(DropReason::kSockbufFull), 2u);
}

TEST_F(RawIp, SendsWithAHeaderOfTheStack) {
  Socket& so = Open(kIpprotoIcmp);
  const Sockaddr to(kPeerAddr, 0);
  const Bytes echo = IcmpMessage(kIcmpEcho, 0, 5, 6, TestBytes(20));
  ASSERT_EQ(Send(so, echo, &to), kOk);
  const Bytes sent = host_.SentOne();
  const auto ip = ReadAt<IpHeader>(sent, 0);
  EXPECT_EQ(ip.p, kIpProtoIcmp);
  EXPECT_EQ(ip.src, kHostAddr.wire4());
  EXPECT_EQ(ip.dst, kPeerAddr.wire4());
  EXPECT_EQ(Bytes(sent.begin() + 20, sent.end()), echo);
}

TEST_F(RawIp, SendsAHeaderOfTheProgramsAsItIs) {
  Socket& so = Open(kIpprotoRaw);
  const Sockaddr to(kPeerAddr, 0);
  Bytes packet = IpPacket(IpArgs{.src = A("203.0.113.1"),
                                 .dst = kPeerAddr,
                                 .p = 50,
                                 .id = 4711,
                                 .ttl = 3},
                          TestBytes(20));
  packet[10] = packet[11] = std::byte{0};  // the checksum is the stack's
  ASSERT_EQ(Send(so, packet, &to), kOk);
  FixIpSum(packet);
  EXPECT_EQ(host_.SentOne(), packet);
  EXPECT_EQ(host_.ns.ipstat.rawout, 1u);
}

TEST_F(RawIp, FillsInASourceAndIdentificationOfZero) {
  Socket& so = Open(kIpprotoRaw);
  const Sockaddr to(kPeerAddr, 0);
  const Bytes packet =
      IpPacket(IpArgs{.src = kInaddrAny, .dst = kPeerAddr, .p = 50, .id = 0},
               TestBytes(20));
  ASSERT_EQ(Send(so, packet, &to), kOk);
  ASSERT_EQ(Send(so, packet, &to), kOk);
  const std::vector<Bytes> sent = host_.SentIp();
  EXPECT_EQ(ReadAt<IpHeader>(sent[0], 0).src, kHostAddr.wire4());
  EXPECT_NE(ReadAt<IpHeader>(sent[0], 0).id, ReadAt<IpHeader>(sent[1], 0).id);
}

TEST_F(RawIp, RefusesAHeaderThatIsNotCoherent) {
  Socket& so = Open(kIpprotoRaw);
  const Sockaddr to(kPeerAddr, 0);
  const Bytes good = IpPacket(IpArgs{.dst = kPeerAddr, .p = 50}, TestBytes(20));
  const auto with = [&good](size_t at, uint8_t value) {
    Bytes b = good;
    b[at] = std::byte{value};
    return b;
  };
  for (const Bytes& bad : {with(0, 0x65), with(0, 0x44), with(0, 0x4f),
                           with(3, 41), with(3, 39), TestBytes(19)}) {
    EXPECT_EQ(Send(so, bad, &to), kEINVAL);
  }
  EXPECT_TRUE(host_.SentIp().empty());
}

TEST_F(RawIp, HdrinclCanBeTurnedOn) {
  Socket& so = Open(50);
  const int32_t on = 1;
  ASSERT_EQ(so.proto->setopt(so, kIpprotoIp, kIP_HDRINCL,
                             std::as_bytes(std::span(&on, 1))),
            kOk);
  const Sockaddr to(kPeerAddr, 0);
  EXPECT_EQ(Send(so, TestBytes(20), &to), kEINVAL);
  EXPECT_EQ(
      Send(so, IpPacket(IpArgs{.dst = kPeerAddr, .p = 50}, TestBytes(9)), &to),
      kOk);
}

TEST_F(RawIp, NeedsADestinationOnce) {
  Socket& so = Open(50);
  const Sockaddr to(kPeerAddr, 0);
  EXPECT_EQ(Send(so, TestBytes(9), nullptr), kENOTCONN);
  ASSERT_EQ(so.proto->connect(so, to), kOk);
  EXPECT_EQ(Send(so, TestBytes(9), nullptr), kOk);
  EXPECT_EQ(Send(so, TestBytes(9), &to), kEISCONN);
  ASSERT_EQ(so.proto->disconnect(so), kOk);
  EXPECT_EQ(so.proto->disconnect(so), kENOTCONN);
  EXPECT_EQ(Send(so, TestBytes(65516), &to), kEMSGSIZE);
}

TEST_F(RawIp, RefusesAProtocolNumberThatCannotBe) {
  EXPECT_EQ(socreate(host_.ns, Family::kInet, SocketType::kRaw, 256).error,
            kEPROTONOSUPPORT);
}

}  // namespace
}  // namespace splnet
