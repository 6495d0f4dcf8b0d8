// IPv4 in and out: checks, options, routes, fragments.

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "stack/netinet/in_cksum.h"
#include "stack/netinet/in_pcb.h"
#include "stack/netinet/ip_var.h"
#include "tests/testing/net_fixture.h"

namespace splnet {
namespace {

InAddr A(const char* text) { return *ParseAddr(text); }

class Ip : public ::testing::Test {
 protected:
  uint64_t dropped(DropReason reason) const { return host_.dropped(reason); }
  // A packet of protocol 99 to `dst`, given to ip_output.
  MbufPtr Packet(const InAddr& dst, size_t payload, uint16_t off = 0,
                 const InAddr& src = kInaddrAny) {
    IpHeader ip;
    ip.ttl = 64;
    ip.p = 99;
    ip.off = off;
    ip.src = src.wire4();
    ip.dst = dst.wire4();
    MbufPtr m = host_.Chain(BytesOf(ip) + TestBytes(payload));
    m->pkthdr.id = host_.ns.NewPacketId();
    return m;
  }
  Errno Output(const InAddr& dst, size_t payload, uint16_t off = 0,
               int flags = 0) {
    return ip_output(host_.ns, Packet(dst, payload, off), nullptr, nullptr,
                     flags);
  }

  NetHost host_;
};

using IpInput = Ip;
using IpInputOptions = Ip;
using IpOutput = Ip;

TEST_F(IpInput, DropsEachBadHeaderForItsReason) {
  const Bytes good = UdpPacket(UdpArgs{}, TestBytes(20));
  const auto with = [&good](size_t at, uint8_t value, bool fix = true) {
    Bytes b = good;
    b[at] = std::byte{value};
    if (fix) FixIpSum(b);
    return b;
  };
  const auto cut = [](Bytes b, size_t n) {
    b.resize(n);
    return b;
  };
  const struct {
    Bytes packet;
    DropReason want;
  } kRows[] = {
      {cut(good, 19), DropReason::kIpShort},
      {with(0, 0x65), DropReason::kIpBadVersion},
      {with(0, 0x44, false), DropReason::kIpBadHeaderLength},
      {cut(with(0, 0x4f, false), 47), DropReason::kIpShort},
      {with(10, 0xab, false), DropReason::kIpBadChecksum},
      {with(3, 19), DropReason::kIpBadLength},
      {with(3, 49), DropReason::kIpTruncated},
      {with(12, 224), DropReason::kIpBadSource},
      {with(12, 127), DropReason::kIpBadSource},
      {with(16, 127), DropReason::kIpBadSource},
      {with(16, 10), DropReason::kIpNotForUs},
  };
  for (const auto& row : kRows) {
    const uint64_t before = dropped(row.want);
    host_.ReceiveIp(row.packet);
    EXPECT_EQ(dropped(row.want), before + 1) << DropName(row.want);
  }
  EXPECT_EQ(host_.ns.udpstat.ipackets, 0u);
  host_.ReceiveIp(good);
  EXPECT_EQ(host_.ns.udpstat.ipackets, 1u);
}

TEST_F(IpInput, DropsPacketsForOthersAndSaysSoWhereItShouldForward) {
  const Bytes packet =
      UdpPacket(UdpArgs{.to = {A("10.0.0.1"), 9}}, TestBytes(4));
  host_.ReceiveIp(packet);
  EXPECT_EQ(dropped(DropReason::kIpNotForUs), 1u);
  host_.ns.settings.ip_forwarding = 1;
  host_.ReceiveIp(packet);
  EXPECT_EQ(dropped(DropReason::kIpCannotForward), 1u);
  EXPECT_EQ(host_.ns.ipstat.cantforward, 2u);
  EXPECT_TRUE(host_.SentIp().empty());
}

TEST_F(IpInput, TakesEveryDestinationWhereTheHostOwnsEverything) {
  host_.ns.owns_everything = true;
  host_.ReceiveIp(UdpPacket(UdpArgs{.to = {A("10.0.0.1"), 9}}, TestBytes(4)));
  host_.ReceiveIp(UdpPacket(UdpArgs{.to = {A("239.1.1.1"), 9}}, TestBytes(4)));
  EXPECT_EQ(host_.ns.udpstat.ipackets, 2u);
}

TEST_F(IpInput, AProtocolThatNobodyTakesIsAnswered) {
  host_.ReceiveIp(IpPacket(IpArgs{.p = 99}, TestBytes(20)));
  EXPECT_EQ(dropped(DropReason::kIpNoProtocol), 1u);
  EXPECT_EQ(host_.ns.ipstat.noproto, 1u);
  const Bytes error = host_.SentOne();
  EXPECT_EQ(ReadAt<IcmpHeader>(error, 20).code,
            static_cast<uint8_t>(IcmpUnreach::kProtocol));
}

Bytes Option(std::initializer_list<int> bytes) {
  Bytes out;
  for (const int b : bytes) out.push_back(static_cast<std::byte>(b));
  while (out.size() % 4 != 0) out.push_back(std::byte{kIpOptEol});
  return out;
}

// An echo request with options; the reply carries what they recorded.
Bytes EchoWith(const Bytes& options) {
  return IpPacket(IpArgs{.p = kIpProtoIcmp, .options = options},
                  IcmpMessage(kIcmpEcho, 0, 1, 2, TestBytes(8)));
}

TEST_F(IpInputOptions, RecordRouteGetsThisHost) {
  host_.ReceiveIp(EchoWith(Option({1, 7, 7, 4, 0, 0, 0, 0})));
  const Bytes reply = host_.SentOne();
  EXPECT_EQ(ReadAt<IpHeader>(reply, 0).hlen(), 28u);
  EXPECT_EQ(std::to_integer<int>(reply[23]), 8);
  EXPECT_EQ(ReadAt<In4Wire>(reply, 24), kHostAddr.wire4());
  EXPECT_EQ(in_cksum_fold(in_cksum_partial(reply.data(), 28)), 0);
}

TEST_F(IpInputOptions, AFullRecordRouteIsLeftAlone) {
  const Bytes full = Option({1, 7, 7, 8, 1, 2, 3, 4});
  host_.ReceiveIp(EchoWith(full));
  const Bytes reply = host_.SentOne();
  EXPECT_EQ(Bytes(reply.begin() + 20, reply.begin() + 28), full);
}

TEST_F(IpInputOptions, TimestampsGetTheTimeOfDay) {
  host_.Wait(std::chrono::milliseconds(4321));
  host_.ReceiveIp(EchoWith(Option({68, 8, 5, 0, 0, 0, 0, 0})));
  Bytes reply = host_.SentOne();
  EXPECT_EQ(std::to_integer<int>(reply[22]), 9);
  EXPECT_EQ(ReadAt<Be32>(reply, 24), 4321u);
  host_.ReceiveIp(EchoWith(Option({68, 12, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0})));
  reply = host_.SentOne();
  EXPECT_EQ(ReadAt<In4Wire>(reply, 24), kHostAddr.wire4());
  EXPECT_EQ(ReadAt<Be32>(reply, 28), 4321u);
  // Prescribed to somebody else.
  host_.ReceiveIp(EchoWith(Option({68, 12, 5, 3, 10, 0, 0, 1, 0, 0, 0, 0})));
  reply = host_.SentOne();
  EXPECT_EQ(ReadAt<Be32>(reply, 28), 0u);
  // Prescribed to us.
  host_.ReceiveIp(EchoWith(Option({68, 12, 5, 3, 192, 0, 2, 1, 0, 0, 0, 0})));
  reply = host_.SentOne();
  EXPECT_EQ(ReadAt<Be32>(reply, 28), 4321u);
}

TEST_F(IpInputOptions, AFullTimestampCountsItsOverflow) {
  host_.ReceiveIp(EchoWith(Option({68, 8, 9, 0x20, 0, 0, 0, 0})));
  EXPECT_EQ(std::to_integer<int>(host_.SentOne()[23]), 0x30);
}

TEST_F(IpInputOptions, SourceRoutesAreRefused) {
  for (const int type : {kIpOptLsrr, kIpOptSsrr}) {
    host_.ReceiveIp(EchoWith(Option({type, 7, 4, 10, 0, 0, 1})));
    host_.ReceiveIp(EchoWith(Option({type, 7, 8, 10, 0, 0, 1})));
  }
  EXPECT_EQ(dropped(DropReason::kIpSourceRoute), 4u);
  EXPECT_EQ(host_.ns.ipstat.srcroute, 4u);
  EXPECT_TRUE(host_.SentIp().empty());
}

TEST_F(IpInputOptions, BadOnesAreAnsweredWithAParameterProblem) {
  const struct {
    Bytes options;
    int pointer;  // byte of the header
  } kRows[] = {
      {Option({1, 1, 1, 7}), 23},                  // no length
      {Option({7, 1, 4, 0}), 21},                  // shorter than itself
      {Option({7, 9, 4, 0, 0, 0, 0, 0}), 21},      // longer than header
      {Option({7, 7, 3, 0, 0, 0, 0}), 22},         // pointer too low
      {Option({68, 8, 4, 0, 0, 0, 0, 0}), 22},     // the same
      {Option({68, 8, 9, 0xf0, 0, 0, 0, 0}), 23},  // overflow is full
      {Option({68, 12, 5, 7, 0, 0, 0, 0, 0, 0, 0, 0}), 23},  // unknown flag
      {Option({7, 2, 0, 0}), 21},
      {Option({68, 3, 5, 0}), 21},
      {Option({131, 3, 3, 0}), 22},
  };
  for (const auto& row : kRows) {
    host_.ReceiveIp(EchoWith(row.options));
    const Bytes error = host_.SentOne();
    EXPECT_EQ(ReadAt<IcmpHeader>(error, 20).type, kIcmpParamProb);
    EXPECT_EQ(std::to_integer<int>(error[24]), row.pointer);
  }
  EXPECT_EQ(dropped(DropReason::kIpBadOptions), std::size(kRows));
}

TEST_F(IpInputOptions, UnknownOnesArePassedOver) {
  host_.ReceiveIp(EchoWith(Option({0x94, 4, 0, 0})));
  EXPECT_EQ(host_.ns.icmpstat.echo, 1u);
}

TEST_F(IpOutput, FillsInTheHeader) {
  ASSERT_EQ(Output(A("198.51.100.7"), 100), kOk);
  ASSERT_EQ(host_.nic.sent.size(), 1u);
  EXPECT_EQ(ReadAt<EtherAddr>(host_.nic.sent[0], 0), kPeerEther);
  const Bytes sent = host_.SentOne();
  const auto ip = ReadAt<IpHeader>(sent, 0);
  EXPECT_EQ(ip.vhl, 0x45);
  EXPECT_EQ(ip.len, 120);
  EXPECT_EQ(ip.src, kHostAddr.wire4());
  EXPECT_EQ(in_cksum_fold(in_cksum_20(sent.data())), 0);
}

// Of every field, carries included, with options and without.
TEST_F(IpOutput, TheHeaderChecksumCoversEverything) {
  const Bytes given = Option({7, 7, 4, 0xff, 0xfe, 0xfd, 0xfc, 1});
  IpOptions options;
  std::memcpy(options.bytes.data(), given.data(), given.size());
  options.len = static_cast<uint8_t>(given.size());
  const IpOptions* const kEach[] = {&options, nullptr};
  for (const IpOptions* const opt : kEach) {
    for (const char* const to :
         {"192.0.2.2", "198.51.100.7", "223.255.255.254"}) {
      host_.nic.sent.clear();
      MbufPtr m = Packet(A(to), 100, kIpDf);
      auto ip = *m_read<IpHeader>(*m, 0);
      ip.tos = 0xfc;
      ip.ttl = 255;
      m_write(*m, 0, ip);
      ASSERT_EQ(ip_output(host_.ns, std::move(m), opt, nullptr, 0), kOk);
      const Bytes sent = host_.SentOne();
      const size_t hlen = ReadAt<IpHeader>(sent, 0).hlen();
      EXPECT_EQ(hlen, opt == nullptr ? 20u : 28u);
      EXPECT_EQ(in_cksum_fold(in_cksum_partial(sent.data(), hlen)), 0) << to;
    }
  }
}

TEST_F(IpOutput, NoIdentificationComesTwiceIn65536Packets) {
  IpIdStream ids(42);
  std::set<uint16_t> seen;
  std::vector<uint16_t> first;
  for (int i = 0; i < 65536; ++i) {
    const uint16_t id = ids.Next();
    seen.insert(id);
    if (i < 100) first.push_back(id);
  }
  EXPECT_EQ(seen.size(), 65536u);
  EXPECT_FALSE(std::is_sorted(first.begin(), first.end()));
}

TEST_F(IpOutput, WithoutARouteItSaysSo) {
  ASSERT_EQ(host_.ns.routes.Delete(kInaddrAny, 0), kOk);
  EXPECT_EQ(Output(A("198.51.100.7"), 100), kEHOSTUNREACH);
  EXPECT_EQ(host_.ns.ipstat.noroute, 1u);
  EXPECT_EQ(dropped(DropReason::kIpNoRoute), 1u);
  EXPECT_EQ(Output(A("198.51.100.7"), 100, 0, kIpRouteToIf), kENETUNREACH);
  EXPECT_EQ(Output(A("192.0.2.2"), 100, 0, kIpRouteToIf), kOk);
}

TEST_F(IpOutput, ARejectRouteRefuses) {
  Rtentry rt;
  rt.dst = A("10.0.0.0");
  rt.prefixlen = 8;
  rt.flags = kRtfUp | kRtfReject;
  ASSERT_EQ(host_.ns.routes.Add(rt), kOk);
  EXPECT_EQ(Output(A("10.1.1.1"), 4), kENETUNREACH);
}

TEST_F(IpOutput, TooBigAndNotToBeCutIsAnError) {
  EXPECT_EQ(Output(kPeerAddr, 1480, kIpDf), kOk);
  EXPECT_EQ(Output(kPeerAddr, 1481, kIpDf), kEMSGSIZE);
  EXPECT_EQ(Output(kPeerAddr, 1481, 0, kIpMtuDisc), kEMSGSIZE);
  EXPECT_EQ(host_.ns.ipstat.cantfrag, 2u);
  EXPECT_EQ(dropped(DropReason::kIpMustFragment), 2u);
  EXPECT_EQ(host_.SentIp().size(), 1u);
}

TEST_F(IpOutput, CutsWhatIsTooBigIntoWholeUnitsOfEight) {
  host_.nic.mtu_bytes = 600;
  ASSERT_EQ(Output(kPeerAddr, 1500), kOk);
  const std::vector<Bytes> sent = host_.SentIp();
  ASSERT_EQ(sent.size(), 3u);
  Bytes joined;
  for (size_t i = 0; i < sent.size(); ++i) {
    const auto ip = ReadAt<IpHeader>(sent[i], 0);
    EXPECT_LE(sent[i].size(), 600u);
    EXPECT_EQ(ip.len, sent[i].size());
    EXPECT_EQ((ip.off & kIpOffMask) * 8u, joined.size());
    EXPECT_EQ((ip.off & kIpMf) != 0, i + 1 < sent.size());
    EXPECT_EQ(ip.id, ReadAt<IpHeader>(sent[0], 0).id);
    EXPECT_EQ(in_cksum_fold(in_cksum_20(sent[i].data())), 0);
    joined = joined + Bytes(sent[i].begin() + 20, sent[i].end());
  }
  EXPECT_EQ(joined, TestBytes(1500));
  EXPECT_EQ(host_.ns.ipstat.fragmented, 1u);
  EXPECT_EQ(host_.ns.ipstat.ofragments, 3u);
}

TEST_F(IpOutput, EveryFragmentHasTheOptionsThatAreToBeCopied) {
  host_.nic.mtu_bytes = 600;
  // Record route stays with the first; router alert (0x94) is for all.
  const Bytes given = Option({7, 7, 4, 0, 0, 0, 0, 0x94, 4, 0, 0});
  IpOptions options;
  std::memcpy(options.bytes.data(), given.data(), given.size());
  options.len = static_cast<uint8_t>(given.size());
  ASSERT_EQ(ip_output(host_.ns, Packet(kPeerAddr, 1500), &options, nullptr, 0),
            kOk);
  const std::vector<Bytes> sent = host_.SentIp();
  ASSERT_EQ(sent.size(), 3u);
  EXPECT_EQ(ReadAt<IpHeader>(sent[0], 0).hlen(), 32u);
  size_t joined = sent[0].size() - 32;
  for (size_t i = 1; i < 3; ++i) {
    const auto ip = ReadAt<IpHeader>(sent[i], 0);
    EXPECT_EQ(ip.hlen(), 24u);
    EXPECT_EQ(std::to_integer<int>(sent[i][20]), 0x94);
    EXPECT_EQ((ip.off & kIpOffMask) * 8u, joined);
    EXPECT_EQ(in_cksum_fold(in_cksum_partial(sent[i].data(), 24)), 0);
    joined += sent[i].size() - 24;
  }
  EXPECT_EQ(joined, 1500u);
}

TEST_F(IpOutput, AnMtuWithoutRoomForDataIsAnError) {
  host_.nic.mtu_bytes = 27;
  EXPECT_EQ(Output(kPeerAddr, 100), kEMSGSIZE);
  EXPECT_TRUE(host_.SentIp().empty());
}

TEST_F(IpOutput, FragmentsThatAreCutAgainKeepTheirPlace) {
  host_.nic.mtu_bytes = 100;
  IpHeader ip;
  ip.vhl = 0x45;
  ip.len = 220;
  ip.id = 77;
  ip.off = kIpMf | 10;
  ip.ttl = 9;
  ip.p = 99;
  ip.dst = kPeerAddr.wire4();
  MbufPtr m = host_.Chain(BytesOf(ip) + TestBytes(200));
  ASSERT_EQ(ip_output(host_.ns, std::move(m), nullptr, nullptr, kIpRawOutput),
            kOk);
  const std::vector<Bytes> sent = host_.SentIp();
  ASSERT_EQ(sent.size(), 3u);
  EXPECT_EQ(ReadAt<IpHeader>(sent[0], 0).off, kIpMf | 10);
  EXPECT_EQ(ReadAt<IpHeader>(sent[1], 0).off, kIpMf | 20);
  EXPECT_EQ(ReadAt<IpHeader>(sent[2], 0).off, kIpMf | 30);
  EXPECT_EQ(ReadAt<IpHeader>(sent[2], 0).id, 77);
}

TEST_F(IpOutput, AFullQueueStopsTheRestOfThePacket) {
  host_.nic.mtu_bytes = 600;
  host_.nic.hold = true;
  host_.nic.snd.set_maxlen(1);
  EXPECT_EQ(Output(kPeerAddr, 2000), kENOBUFS);
  EXPECT_EQ(dropped(DropReason::kIfqFull), 3u);
  host_.nic.snd.Purge();
}

TEST_F(IpOutput, MemoryThatRunsOutWhileCuttingLeavesNothingBehind) {
  host_.nic.mtu_bytes = 600;
  for (uint64_t nth = 1; nth <= 6; ++nth) {
    MbufPtr m = Packet(kPeerAddr, 1500);
    host_.ns.mbufs.FailNth(nth);
    const Errno error = ip_output(host_.ns, std::move(m), nullptr, nullptr, 0);
    host_.ns.mbufs.FailNth(0);
    EXPECT_EQ(error, nth <= 5 ? kENOBUFS : kOk) << nth;
    EXPECT_EQ(host_.ns.mbufs.stats().mbufs_in_use, 0u);
  }
}

TEST_F(IpOutput, FollowsAMulticastRouteOrTheFirstInterface) {
  ASSERT_EQ(host_.ns.routes.Delete(kInaddrAny, 0), kOk);
  ASSERT_EQ(Output(A("224.0.0.5"), 10), kOk);
  ASSERT_EQ(host_.nic.sent.size(), 1u);
  EXPECT_EQ(ReadAt<EtherAddr>(host_.nic.sent[0], 0),
            (EtherAddr{{1, 0, 0x5e, 0, 0, 5}}));
  EXPECT_EQ(ReadAt<IpHeader>(host_.nic.sent[0], 14).src, kHostAddr.wire4());
}

TEST_F(IpOutput, CountsEveryPacketAndSumsEveryProtocol) {
  for (const uint16_t flag : {kMTcpCsumOut, kMIcmpCsumOut, kMUdpCsumOut}) {
    MbufPtr m = Packet(kPeerAddr, 41);
    const size_t field = flag == kMTcpCsumOut   ? 16
                         : flag == kMUdpCsumOut ? 6
                                                : 2;
    std::memset(m->data + 20 + field, 0, 2);
    m->pkthdr.csum_flags = flag;
    ASSERT_EQ(ip_output(host_.ns, std::move(m), nullptr, nullptr, 0), kOk);
    const Bytes sent = host_.SentOne();
    const auto ip = ReadAt<IpHeader>(sent, 0);
    CksumPartial sum = in_cksum_partial(sent.data() + 20, 41);
    if (flag != kMIcmpCsumOut) sum += in_pseudo(ip.src, ip.dst, ip.p, 41);
    EXPECT_EQ(in_cksum_fold(sum), 0) << flag;
  }
  EXPECT_EQ(host_.ns.ipstat.localout, 3u);
}

TEST_F(IpOutput, ChecksumsOverChainsAndSharedClustersStoreIntoTheirOwn) {
  MbufPtr m = host_.Chain([&] {
    IpHeader ip;
    ip.p = 17;
    ip.dst = kPeerAddr.wire4();
    Bytes b = BytesOf(ip) + TestBytes(300);
    b[26] = b[27] = std::byte{0};
    return b;
  }());
  // Somebody else holds the cluster too.
  const MbufPtr shared = m_copym(*m, 0, kMCopyAll, MWait::kWait);
  const Bytes before = ToBytes(*shared);
  m->pkthdr.csum_flags = kMUdpCsumOut;
  ASSERT_EQ(ip_output(host_.ns, std::move(m), nullptr, nullptr, 0), kOk);
  EXPECT_EQ(ToBytes(*shared), before);
  const Bytes sent = host_.SentOne();
  const auto ip = ReadAt<IpHeader>(sent, 0);
  EXPECT_EQ(in_cksum_fold(in_cksum_partial(sent.data() + 20, 300) +
                          in_pseudo(ip.src, ip.dst, 17, 300)),
            0);
}

}  // namespace
}  // namespace splnet
