// Checksums that the NIC makes and sums that it takes: what arrives is what
// the stack would have computed, and damage on the wire still shows.

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "drivers/if_pair.h"
#include "drivers/if_pcap.h"
#include "stack/netinet/in_cksum.h"
#include "stack/netinet/ip_var.h"
#include "tests/testing/mbuf_chain.h"
#include "tests/testing/net_fixture.h"
#include "tests/testing/recorder.h"

namespace splnet {
namespace {

constexpr uint16_t kPort = 2000;

// Two hosts and a wire; datagrams from a to b, whose socket has no reader.
class IfCsumTest : public testing::Test {
 protected:
  IfCsumTest() : recorder_(true) {
    CHECK(if_addaddr(link_->a(), kHostAddr, 24) == kOk);
    CHECK(if_addaddr(link_->b(), kPeerAddr, 24) == kOk);
    a_.arp.AddStatic(link_->a().index, kPeerAddr, link_->b().lladdr);
    b_.tracer.Set(&recorder_, kTracePath);
    so_ = socreate(b_, Family::kInet, SocketType::kDgram, 0).value;
    CHECK(so_->proto->bind(*so_, Sockaddr(kPeerAddr, kPort)) == kOk);
  }
  ~IfCsumTest() override {
    b_.tracer.Set(nullptr, 0);
    NetHost::Close(so_);
  }

  // Sends `payload` in mbufs of `pieces` bytes; the checksum is left to
  // ip_output() and what is below.
  void Send(const Bytes& payload, size_t pieces) {
    UdpArgs args;
    args.from = Sockaddr(kHostAddr, 1000);
    args.to = Sockaddr(kPeerAddr, kPort);
    args.sum = false;
    const Bytes packet = UdpPacket(args, payload);
    std::vector<Piece> chain{{28}};
    for (size_t n = payload.size(); n > 0; n -= std::min(n, pieces)) {
      chain.push_back({std::min(n, pieces), Place::kCluster});
    }
    MbufPtr m = MakeChain(a_.mbufs, chain, packet, true, nullptr);
    m->pkthdr.id = a_.NewPacketId();
    m->pkthdr.csum_flags = kMUdpCsumOut;
    ASSERT_EQ(ip_output(a_, std::move(m), nullptr, nullptr, 0), kOk);
    while (queue_.RunNext()) {
    }
  }

  EventQueue queue_;
  Netstack a_{queue_, 1, "a", 1};
  Netstack b_{queue_, 2, "b", 1};
  Recorder recorder_;
  std::unique_ptr<PairLink> link_ =
      std::make_unique<PairLink>(queue_, 1, "wire0", a_, b_, LinkConfig{});
  SocketPtr so_;
};

TEST_F(IfCsumTest, TheNicFillsInWhatTheStackWouldHaveComputed) {
  for (const size_t len : {0, 1, 2, 7, 100, 999, 1000, 1471, 1472}) {
    for (const size_t pieces : {1472, 1001, 333, 64, 1}) {
      if (len / pieces > 100) continue;
      SCOPED_TRACE(testing::Message() << len << " in pieces of " << pieces);
      recorder_.Clear();
      const Bytes payload = TestBytes(len, static_cast<unsigned>(pieces));
      Send(payload, pieces);
      const auto seen = recorder_.Of(Fn::kDriverInterrupt);
      ASSERT_EQ(seen.size(), 1u);
      const Bytes packet(seen[0].bytes.begin() + kEtherHdrLen,
                         seen[0].bytes.end());
      UdpArgs args;
      args.from = Sockaddr(kHostAddr, 1000);
      args.to = Sockaddr(kPeerAddr, kPort);
      const Bytes expected = UdpPacket(args, payload);
      EXPECT_EQ(Bytes(packet.begin() + 20, packet.end()),
                Bytes(expected.begin() + 20, expected.end()));
      EXPECT_EQ(TakeDatagram(*so_).data, payload);
    }
  }
  EXPECT_EQ(b_.udpstat.badsum, 0u);
}

TEST_F(IfCsumTest, ABitThatTheWireFlipsIsFoundOut) {
  WireConfig wire;
  for (uint64_t n = 1; n <= 50; ++n) wire.fault.corrupt.frames.push_back(n);
  link_->a_to_b().set_config(wire);
  const Bytes payload = TestBytes(1400);
  for (int n = 1; n <= 50; ++n) {
    Send(payload, 1400);
    // A bit of the source's station address hurts nobody.
    if (so_->rcv.cc > 0) {
      EXPECT_EQ(TakeDatagram(*so_).data, payload);
    }
  }
  EXPECT_EQ(link_->a_to_b().fault_stats().corrupted, 50u);
  EXPECT_GT(b_.dropped(DropReason::kUdpBadChecksum), 40u);
}

// A short frame is padded: the NIC has summed more than the packet.
TEST(IfCsum, PaddingDoesNotCount) {
  NetHost host;
  PcapNic& nic = pcapattach(host.ns, "cap0", kHostEther);
  CHECK(if_addaddr(nic, InAddr::V4(0xc0000301), 24) == kOk);
  SocketPtr so = host.UdpSocket();
  CHECK(so->proto->bind(*so, Sockaddr(kInaddrAny, kPort)) == kOk);
  UdpArgs args;
  args.to = Sockaddr(InAddr::V4(0xc0000301), kPort);
  const Bytes packet = UdpPacket(args, TestBytes(5));
  const Bytes padding(13, std::byte{0xa5});
  nic.Inject(
      EtherFrame(kHostEther, kPeerEther, kEthertypeIp, packet + padding));
  EXPECT_EQ(TakeDatagram(*so).data, TestBytes(5));
  Bytes broken = packet;
  broken.back() ^= std::byte{1};
  nic.Inject(EtherFrame(kHostEther, kPeerEther, kEthertypeIp, broken));
  nic.Inject(
      EtherFrame(kHostEther, kPeerEther, kEthertypeIp, broken + padding));
  EXPECT_EQ(host.ns.udpstat.badsum, 2u);
  NetHost::Close(so);
}

}  // namespace
}  // namespace splnet
