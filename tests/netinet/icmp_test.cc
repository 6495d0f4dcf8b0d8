// ICMP: requests, errors received, errors made and not made.

#include <gtest/gtest.h>

#include "stack/netinet/in_cksum.h"
#include "stack/netinet/in_pcb.h"
#include "stack/netinet/ip_icmp.h"
#include "stack/netinet/ip_var.h"
#include "tests/testing/net_fixture.h"

namespace splnet {
namespace {

using std::chrono::seconds;

InAddr A(const char* text) { return *ParseAddr(text); }

Bytes Icmp(const Bytes& message) {
  return IpPacket(IpArgs{.p = kIpProtoIcmp}, message);
}

class IcmpTest : public ::testing::Test {
 protected:
  uint64_t dropped(DropReason reason) const { return host_.dropped(reason); }
  // How many errors the packet is answered with.
  size_t Answers(const Bytes& packet) {
    host_.ReceiveIp(packet);
    return host_.SentIp().size();
  }
  // A connected UDP socket that has sent `n` bytes; what it sent.
  Bytes ConnectAndSend(SocketPtr& so, size_t n, const InAddr& to = kPeerAddr) {
    so = host_.UdpSocket();
    CHECK(so->proto->connect(*so, Sockaddr(to, 9)) == kOk);
    CHECK(so->proto->send(*so, host_.Chain(TestBytes(n)), nullptr, nullptr) ==
          kOk);
    return host_.SentIp().at(0);
  }
  static Bytes Quote(const Bytes& sent) {
    return Bytes(sent.begin(), sent.begin() + 28);
  }

  NetHost host_;
};

using IcmpInput = IcmpTest;
using IcmpError = IcmpTest;
using PathMtu = IcmpTest;

TEST_F(IcmpInput, AnswersAnEchoRequestWithTheSameBytes) {
  const Bytes data = TestBytes(56);
  host_.ReceiveIp(Icmp(IcmpMessage(kIcmpEcho, 0, 0x1234, 7, data)));
  const Bytes reply = host_.SentOne();
  const auto ip = ReadAt<IpHeader>(reply, 0);
  EXPECT_EQ(ip.src, kHostAddr.wire4());
  EXPECT_EQ(ip.dst, kPeerAddr.wire4());
  EXPECT_EQ(ip.ttl, 64);
  EXPECT_EQ(in_cksum_fold(in_cksum_20(reply.data())), 0);
  EXPECT_EQ(Bytes(reply.begin() + 20, reply.end()),
            IcmpMessage(kIcmpEchoReply, 0, 0x1234, 7, data));
}

TEST_F(IcmpInput, EntersTheFunctionsOfThePathInOrder) {
  host_.ReceiveIp(Icmp(IcmpMessage(kIcmpEcho, 0, 1, 1, TestBytes(8))));
  std::vector<Fn> path;
  for (const Recorder::Seen& s : host_.seen.seen()) {
    if (s.event.kind == TraceKind::kPath) path.push_back(s.event.fn);
  }
  EXPECT_EQ(path, (std::vector<Fn>{Fn::kIfInput, Fn::kEtherInput, Fn::kIpintrq,
                                   Fn::kIpintr, Fn::kIpInput, Fn::kIcmpInput,
                                   Fn::kIcmpReflect, Fn::kIcmpSend,
                                   Fn::kIpOutput, Fn::kEtherOutput,
                                   Fn::kArpresolve, Fn::kIfSnd, Fn::kIfStart}));
  EXPECT_EQ(host_.seen.Count(Fate::kConsumed), 1u);
}

TEST_F(IcmpInput, AnswersWhateverTheChainsShape) {
  const Bytes data = TestBytes(300);
  for (const size_t pieces : {1u, 9u, 27u, 100u}) {
    host_.ReceiveIp(Icmp(IcmpMessage(kIcmpEcho, 0, 1, 1, data)), pieces);
    const Bytes reply = host_.SentOne();
    EXPECT_EQ(Bytes(reply.begin() + 20, reply.end()),
              IcmpMessage(kIcmpEchoReply, 0, 1, 1, data));
  }
}

TEST_F(IcmpInput, BroadcastEchoIsRefusedUnlessAllowed) {
  const Bytes request =
      IpPacket(IpArgs{.dst = A("192.0.2.255"), .p = kIpProtoIcmp},
               IcmpMessage(kIcmpEcho, 0, 1, 1, TestBytes(8)));
  host_.ReceiveIpBroadcast(request);
  EXPECT_EQ(dropped(DropReason::kIcmpBroadcast), 1u);
  EXPECT_TRUE(host_.SentIp().empty());
  host_.ns.settings.icmp_bmcastecho = 1;
  host_.ReceiveIpBroadcast(request);
  EXPECT_EQ(ReadAt<IpHeader>(host_.SentOne(), 0).src, kHostAddr.wire4());
}

TEST_F(IcmpInput, AnswersATimestampRequestWithTheTimeOfDay) {
  host_.Wait(seconds(86401));
  const Bytes times = BytesOf(Be32(111)) + Bytes(8, std::byte{0});
  host_.ReceiveIp(Icmp(IcmpMessage(kIcmpTstamp, 0, 3, 4, times)));
  const Bytes reply = host_.SentOne();
  EXPECT_EQ(ReadAt<IcmpHeader>(reply, 20).type, kIcmpTstampReply);
  EXPECT_EQ(ReadAt<Be32>(reply, 28), 111u);
  EXPECT_EQ(ReadAt<Be32>(reply, 32), 1000u);
  EXPECT_EQ(ReadAt<Be32>(reply, 36), 1000u);
  EXPECT_EQ(in_cksum_fold(in_cksum_partial(reply.data() + 20, 20)), 0);
}

TEST_F(IcmpInput, DropsWhatIsShortBadOrUnknown) {
  host_.ReceiveIp(Icmp(TestBytes(7)));
  EXPECT_EQ(dropped(DropReason::kIcmpShort), 1u);
  Bytes bad = IcmpMessage(kIcmpEcho, 0, 1, 1, TestBytes(8));
  bad[9] ^= std::byte{1};
  host_.ReceiveIp(Icmp(bad));
  EXPECT_EQ(dropped(DropReason::kIcmpBadChecksum), 1u);
  host_.ReceiveIp(Icmp(IcmpMessage(kIcmpEcho, 1, 1, 1, {})));
  host_.ReceiveIp(Icmp(IcmpMessage(kIcmpUnreach, 16, 0, 0, TestBytes(28))));
  EXPECT_EQ(dropped(DropReason::kIcmpBadCode), 2u);
  host_.ReceiveIp(Icmp(IcmpMessage(kIcmpTstamp, 0, 1, 1, TestBytes(11))));
  EXPECT_EQ(dropped(DropReason::kIcmpShort), 2u);
  host_.ReceiveIp(Icmp(IcmpMessage(42, 0, 1, 1, {})));
  EXPECT_EQ(dropped(DropReason::kIcmpUnknownType), 1u);
  host_.ReceiveIp(Icmp(IcmpMessage(kIcmpEchoReply, 0, 1, 1, {})));
  EXPECT_EQ(dropped(DropReason::kRawNoSocket), 1u);
  EXPECT_TRUE(host_.SentIp().empty());
}

TEST_F(IcmpInput, RedirectsAreCountedAndIgnored) {
  const size_t routes = host_.ns.routes.size();
  const Bytes quote = UdpPacket(
      UdpArgs{.from = {kHostAddr, 1}, .to = {A("10.0.0.1"), 2}}, TestBytes(8));
  host_.ReceiveIp(Icmp(IcmpMessage(kIcmpRedirect, 1, 0xc000, 0x0263, quote)));
  EXPECT_EQ(host_.ns.icmpstat.redirects, 1u);
  EXPECT_EQ(host_.ns.routes.size(), routes);
  EXPECT_EQ(host_.seen.Count(Fate::kConsumed), 1u);
}

TEST_F(IcmpInput, ErrorsBecomeTheErrnoOfTheirCode) {
  const struct {
    uint8_t type;
    uint8_t code;
    Errno want;
  } kRows[] = {
      {kIcmpUnreach, 0, kEHOSTUNREACH},  {kIcmpUnreach, 1, kEHOSTUNREACH},
      {kIcmpUnreach, 2, kECONNREFUSED},  {kIcmpUnreach, 3, kECONNREFUSED},
      {kIcmpUnreach, 5, kEHOSTUNREACH},  {kIcmpUnreach, 13, kEHOSTUNREACH},
      {kIcmpParamProb, 0, kENOPROTOOPT}, {kIcmpTimxceed, 0, kOk},
      {kIcmpTimxceed, 1, kOk},           {kIcmpSourceQuench, 0, kOk},
  };
  SocketPtr so;
  const Bytes sent = ConnectAndSend(so, 10);
  for (const auto& row : kRows) {
    so->error = kOk;
    host_.ReceiveIp(Icmp(IcmpMessage(row.type, row.code, 0, 0, Quote(sent))));
    EXPECT_EQ(so->error, row.want)
        << int{row.type} << " code " << int{row.code};
  }
  EXPECT_EQ(host_.ns.icmpstat.ierrors, std::size(kRows));
  NetHost::Close(so);
}

TEST_F(IcmpInput, ErrorsWithBadQuotesReachNobody) {
  SocketPtr so;
  const Bytes quote = Quote(ConnectAndSend(so, 10));
  const auto with = [&quote](size_t at, uint8_t value) {
    Bytes b = quote;
    b[at] = std::byte{value};
    return b;
  };
  const Bytes kBad[] = {
      Bytes(quote.begin(), quote.end() - 1),  // cut short
      Bytes(quote.begin(), quote.begin() + 10),
      {},
      with(0, 0x65),   // version 6
      with(0, 0x44),   // header too short
      with(0, 0x4f),   // header longer than the quote
      with(12, 0x0a),  // not sent by us
  };
  for (const Bytes& bad : kBad) {
    host_.ReceiveIp(Icmp(IcmpMessage(kIcmpUnreach, 3, 0, 0, bad)));
    EXPECT_EQ(so->error, kOk);
  }
  EXPECT_EQ(host_.ns.icmpstat.badquote, std::size(kBad));
  NetHost::Close(so);
}

TEST_F(IcmpError, IsNotMadeAboutWhatRfc1122Forbids) {
  const Bytes segment = UdpSegment(UdpArgs{}, TestBytes(8));
  EXPECT_EQ(Answers(IpPacket(IpArgs{}, segment)), 1u);
  // About an ICMP error, or a message too short to tell.
  host_.ns.owns_everything = false;
  icmp_error(host_.ns,
             host_.Chain(Icmp(IcmpMessage(kIcmpUnreach, 3, 0, 0, {}))),
             IcmpUnreach::kHost);
  icmp_error(host_.ns, host_.Chain(Icmp({})), IcmpUnreach::kHost);
  EXPECT_TRUE(host_.SentIp().empty());
  EXPECT_EQ(host_.ns.icmpstat.oldicmp, 2u);
  // About an ICMP request it is.
  icmp_error(host_.ns, host_.Chain(Icmp(IcmpMessage(kIcmpEcho, 0, 0, 0, {}))),
             IcmpUnreach::kHost);
  EXPECT_EQ(host_.SentIp().size(), 1u);
  // About a fragment that is not the first.
  icmp_error(host_.ns, host_.Chain(IpPacket(IpArgs{.off = 5}, segment)),
             IcmpUnreach::kHost);
  EXPECT_EQ(host_.ns.icmpstat.oldicmp, 3u);
  // To what is not one host.
  for (const char* from : {"0.0.0.0", "240.0.0.1", "192.0.2.255"}) {
    EXPECT_EQ(Answers(IpPacket(IpArgs{.src = A(from), .p = 99}, segment)), 0u)
        << from;
  }
  // About a packet to many, by its address or by its frame.
  host_.ReceiveIpBroadcast(IpPacket(IpArgs{.p = 99}, segment));
  host_.ReceiveIp(IpPacket(IpArgs{.dst = A("192.0.2.255"), .p = 99}, segment));
  EXPECT_TRUE(host_.SentIp().empty());
  EXPECT_EQ(host_.ns.icmpstat.badaddr, 5u);
}

TEST_F(IcmpError, NoMoreThanTheLimitAreSentInASecond) {
  host_.Wait(std::chrono::milliseconds(500));
  const Bytes packet = UdpPacket(UdpArgs{}, TestBytes(8));
  for (int i = 0; i < 250; ++i) host_.ReceiveIp(packet);
  EXPECT_EQ(host_.SentIp().size(), 100u);
  EXPECT_EQ(host_.ns.icmpstat.ratelimited, 150u);
  EXPECT_EQ(dropped(DropReason::kUdpNoPort), 250u);
  host_.Wait(std::chrono::milliseconds(500));
  EXPECT_EQ(Answers(packet), 1u);
}

TEST_F(IcmpError, TheLimitCanBeZeroOrNone) {
  const Bytes packet = UdpPacket(UdpArgs{}, TestBytes(8));
  host_.ns.settings.icmp_errppslimit = 0;
  EXPECT_EQ(Answers(packet), 0u);
  host_.ns.settings.icmp_errppslimit = -1;
  for (int i = 0; i < 500; ++i) host_.ReceiveIp(packet);
  EXPECT_EQ(host_.SentIp().size(), 500u);
}

TEST_F(IcmpError, AHostThatOwnsEverythingSaysNothing) {
  host_.ns.owns_everything = true;
  EXPECT_EQ(Answers(IpPacket(IpArgs{.p = 99}, TestBytes(20))), 0u);
  EXPECT_EQ(Answers(Icmp(IcmpMessage(kIcmpEcho, 0, 1, 1, {}))), 0u);
  EXPECT_EQ(host_.seen.Count(Fate::kConsumed), 1u);
}

TEST_F(IcmpError, QuotesAllOptionsAndEightBytes) {
  const Bytes packet =
      IpPacket(IpArgs{.p = 99, .options = Bytes(40, std::byte{kIpOptNop})},
               TestBytes(100));
  host_.ReceiveIp(packet);
  const Bytes error = host_.SentOne();
  EXPECT_EQ(error.size(), 28u + 68u);
  EXPECT_EQ(Bytes(error.begin() + 28, error.end()),
            Bytes(packet.begin(), packet.begin() + 68));
}

TEST_F(IcmpError, AShortageOfMemoryLeavesTheDropAlone) {
  host_.ns.mbufs.FailNth(2);  // the first is the frame's
  host_.ReceiveIp(UdpPacket(UdpArgs{}, TestBytes(8)), 100);
  EXPECT_EQ(dropped(DropReason::kUdpNoPort), 1u);
  EXPECT_TRUE(host_.SentIp().empty());
}

Bytes NeedFrag(const Bytes& sent, uint16_t mtu) {
  return Icmp(IcmpMessage(kIcmpUnreach, 4, 0, mtu,
                          Bytes(sent.begin(), sent.begin() + 28)));
}

TEST_F(PathMtu, IsLearntForOneHostAndForgotten) {
  SocketPtr so;
  const InAddr far = A("198.51.100.1");
  const Bytes sent = ConnectAndSend(so, 1400, far);
  host_.ReceiveIp(NeedFrag(sent, 1300));
  EXPECT_EQ(so->error, kEMSGSIZE);
  RouteTable& routes = host_.ns.routes;
  EXPECT_EQ(ip_pathmtu(host_.ns, *routes.Lookup(far)), 1300u);
  EXPECT_EQ(ip_pathmtu(host_.ns, *routes.Lookup(A("198.51.100.2"))), 1500u);
  EXPECT_EQ(routes.Lookup(far)->gateway, kPeerAddr);
  // What is larger now goes in fragments.
  ASSERT_EQ(
      so->proto->send(*so, host_.Chain(TestBytes(1400)), nullptr, nullptr),
      kOk);
  EXPECT_EQ(host_.SentIp().size(), 2u);
  host_.Wait(seconds(599));
  EXPECT_EQ(ip_pathmtu(host_.ns, *routes.Lookup(far)), 1300u);
  host_.Wait(seconds(2));
  EXPECT_EQ(ip_pathmtu(host_.ns, *routes.Lookup(far)), 1500u);
  EXPECT_EQ(host_.queue.pending(), 0u);
  NetHost::Close(so);
}

TEST_F(PathMtu, ShrinksButNeverGrowsNorBelowTheLeast) {
  SocketPtr so;
  const InAddr far = A("198.51.100.1");
  const Bytes sent = ConnectAndSend(so, 1400, far);
  const auto mtu = [&] {
    return ip_pathmtu(host_.ns, *host_.ns.routes.Lookup(far));
  };
  host_.ReceiveIp(NeedFrag(sent, 1300));
  host_.ReceiveIp(NeedFrag(sent, 1400));
  EXPECT_EQ(mtu(), 1300u);
  host_.ReceiveIp(NeedFrag(sent, 1000));
  EXPECT_EQ(mtu(), 1000u);
  host_.ReceiveIp(NeedFrag(sent, 68));
  EXPECT_EQ(mtu(), PathMtuTable::kLeast);
  EXPECT_EQ(host_.ns.ipstat.pmtu, 3u);
  NetHost::Close(so);
}

TEST_F(PathMtu, AnOldRouterMeansTheNextCommonSize) {
  SocketPtr so;
  const InAddr far = A("198.51.100.1");
  const Bytes sent = ConnectAndSend(so, 1472, far);
  host_.ReceiveIp(NeedFrag(sent, 0));
  EXPECT_EQ(ip_pathmtu(host_.ns, *host_.ns.routes.Lookup(far)), 1492u);
  NetHost::Close(so);
}

TEST_F(PathMtu, NobodyElsesPacketTeachesIt) {
  SocketPtr so;
  Bytes sent = ConnectAndSend(so, 1400, A("198.51.100.1"));
  sent[21] ^= std::byte{1};  // another source port
  host_.ReceiveIp(NeedFrag(sent, 1000));
  EXPECT_EQ(host_.ns.ipstat.pmtu, 0u);
  EXPECT_EQ(host_.ns.icmpstat.badquote, 1u);
  NetHost::Close(so);
}

TEST_F(PathMtu, AStrangerCannotFillTheRoutes) {
  // An unconnected socket may have sent to anyone.
  SocketPtr so = host_.UdpSocket();
  ASSERT_EQ(so->proto->bind(*so, Sockaddr(kInaddrAny, 2000)), kOk);
  const size_t routes = host_.ns.routes.size();
  for (uint32_t i = 0; i < 1500; ++i) {
    const UdpArgs args{.from = {kHostAddr, 2000},
                       .to = {InAddr::V4(0x0a000001 + i), 9}};
    host_.ReceiveIp(NeedFrag(UdpPacket(args, TestBytes(100)), 1000));
  }
  EXPECT_EQ(host_.ns.routes.size(), routes + PathMtuTable::kMax);
  EXPECT_EQ(host_.ns.ipstat.pmtufull, 1500 - PathMtuTable::kMax);
  NetHost::Close(so);
}

TEST_F(PathMtu, AHostRouteOfTheOperatorsStays) {
  Rtentry rt = *host_.ns.routes.Lookup(A("198.51.100.1"));
  rt.dst = A("198.51.100.1");
  rt.prefixlen = 32;
  rt.flags |= kRtfHost;
  ASSERT_EQ(host_.ns.routes.Add(rt), kOk);
  SocketPtr so;
  host_.ReceiveIp(NeedFrag(ConnectAndSend(so, 1400, rt.dst), 1000));
  EXPECT_EQ(host_.ns.routes.Find(rt.dst, 32)->mtu_bytes, 1000u);
  host_.Wait(seconds(601));
  ASSERT_NE(host_.ns.routes.Find(rt.dst, 32), nullptr);
  EXPECT_EQ(host_.ns.routes.Find(rt.dst, 32)->mtu_bytes, 0u);
  NetHost::Close(so);
}

}  // namespace
}  // namespace splnet
