// Strangers who send too much: SYN floods (RFC 4987), guessed resets and SYNs
// (RFC 5961), and two ends that contradict one another for ever.

#include <gtest/gtest.h>

#include "sockets/uipc_socket.h"
#include "stack/kern/random.h"
#include "stack/netinet/in_pcb.h"
#include "stack/netinet/ip.h"
#include "stack/netinet/tcp_endpoint.h"
#include "stack/netinet/tcp_input.h"
#include "stack/netinet/tcp_syncache.h"
#include "stack/netstack.h"
#include "tests/testing/transfer.h"
#include "tests/testing/two_hosts.h"

namespace splnet {
namespace {

using namespace std::chrono_literals;

constexpr InAddr kServer = InAddr::V4(0x0a000001);
constexpr InAddr kHonest = InAddr::V4(0x0afffffe);
constexpr uint16_t kPort = 80;

// A host under attack, and who attacks it: segments go in one by one, and of
// what it sends only the number counts, and what it says to the honest.
class Flood : public ::testing::Test {
 protected:
  struct Nic : Ifnet {
    Nic(Netstack& stack, Flood& owner) : Ifnet(stack, "em0"), test(owner) {
      flags = kIffUp | kIffRunning | kIffBroadcast;
      output = [](Ifnet& ifp, MbufPtr m, const InAddr&, const Rtentry*) {
        static_cast<Nic&>(ifp).test.Sent(*m);
        return kOk;
      };
    }
    Flood& test;
  };

  explicit Flood() : ns_(queue_, 1, "host", 1), random_(1, "flood") {
    Ifnet& nic = ns_.Attach(std::make_unique<Nic>(ns_, *this));
    CHECK(if_addaddr(nic, kServer, 8) == kOk);
  }

  Socket& Listen() {
    auto made = socreate(ns_, Family::kInet, SocketType::kStream, 0);
    CHECK(made.ok());
    listener_ = std::move(made.value);
    CHECK(sobind(*listener_, Sockaddr(kInaddrAny, kPort)) == kOk);
    CHECK(solisten(*listener_, 128) == kOk);
    return *listener_;
  }

  void Sent(const Mbuf& m) {
    ++sent_;
    const auto ip = m_read<IpHeader>(m, 0);
    const auto th = m_read<TcpHeader>(m, sizeof(IpHeader));
    CHECK(ip && th);
    if (InAddr(ip->dst) == kHonest) honest_ = *th;
  }

  void Segment(const Sockaddr& from, uint8_t flags, uint32_t seq,
               uint32_t ack) {
    IpHeader ip{};
    ip.vhl = 0x45;
    ip.len = uint16_t{40};
    ip.ttl = 64;
    ip.p = kIpProtoTcp;
    ip.src = from.addr.wire4();
    ip.dst = kServer.wire4();
    TcpHeader th{};
    th.sport = from.port;
    th.dport = kPort;
    th.seq = seq;
    th.ack = ack;
    th.off_x2 = 5 << 4;
    th.flags = flags;
    th.win = uint16_t{65535};
    MbufPtr m = m_gethdr(ns_.mbufs, MWait::kDontWait);
    CHECK(m);
    m->len = m->pkthdr.len = 40;
    m->pkthdr.id = ns_.NewPacketId();
    m->pkthdr.ifidx = 1;
    m->pkthdr.csum_flags = kMTcpCsumInOk;
    m_write(*m, 0, ip);
    m_write(*m, sizeof ip, th);
    tcp_input(ns_, std::move(m), sizeof ip);
  }

  // `n` SYNs from anywhere, 100,000 a second.
  void Syns(int n) {
    for (int i = 0; i < n; ++i) {
      const auto host = static_cast<uint32_t>(random_.Below(0xfffff0));
      const auto port = static_cast<uint16_t>(random_.Between(1, 65535));
      const Sockaddr from(InAddr::V4(0x0a000002 + host), port);
      Segment(from, kThSyn, random_.Next32(), 0);
      if (i % 1000 == 999) queue_.RunUntil(queue_.now() + 10ms);
    }
  }

  // An honest client connects, with a round trip in which `between` SYNs of
  // others come.  False if it is not accepted.
  bool HonestConnects(uint16_t port, int between) {
    const Sockaddr from(kHonest, port);
    honest_ = TcpHeader{};
    Segment(from, kThSyn, 1000, 0);
    const TcpHeader answer = honest_;
    if (answer.flags != (kThSyn | kThAck)) return false;
    Syns(between);
    Segment(from, kThAck, 1001, answer.seq + 1);
    ListenQueue& queue = *listener_->listen;
    if (queue.q.empty()) return false;
    const SocketPtr so = soqremque(*queue.q.front());
    const bool ours = sotoinpcb(*so)->faddr == from;
    tcp_close(*sotoinpcb(*so)->tcpcb);
    return ours;
  }

  EventQueue queue_;
  Netstack ns_;
  RandomStream random_;
  SocketPtr listener_;
  uint64_t sent_ = 0;
  TcpHeader honest_{};
};

TEST_F(Flood, AMillionSynsFillTheCacheAndTheHonestStillConnect) {
  for (const Personality personality :
       {Personality::kOpenBsd, Personality::kFreeBsd}) {
    SCOPED_TRACE(PersonalityName(personality));
    ns_.settings = SettingsOf(personality);
    const auto limit = static_cast<size_t>(ns_.settings.tcp_syncache_limit);
    Listen();
    for (int round = 0; round < 10; ++round) {
      Syns(50000);
      ASSERT_LE(syn_cache_of(ns_).count(), limit);
      ASSERT_EQ(ns_.sockets_in_use, 1u);
      ASSERT_EQ(ns_.mbufs.stats().bytes_in_use, 0u);
      EXPECT_TRUE(HonestConnects(static_cast<uint16_t>(5000 + round), 1000));
      queue_.RunUntil(queue_.now() + 1ns);  // what was closed is freed
    }
    EXPECT_GT(ns_.tcpstat.sc_sendcookie, 400000u);
    EXPECT_GE(ns_.tcpstat.sc_recvcookie + ns_.tcpstat.sc_completed, 10u);
    EXPECT_EQ(ns_.tcpstat.sc_overflowed + ns_.tcpstat.sc_bucketoverflow, 0u);
    // When it is over, nothing is left.
    queue_.RunUntil(queue_.now() + 80s);
    EXPECT_EQ(syn_cache_of(ns_).count(), 0u);
    EXPECT_EQ(queue_.pending(), 0u);
    CHECK(soclose(*listener_) == kOk);
    listener_ = nullptr;
    queue_.RunUntil(queue_.now() + 1ns);
    ns_.tcpstat = TcpStat{};
  }
}

TEST_F(Flood, WithoutCookiesTheOldestGiveWay) {
  ns_.settings.tcp_syncookies = 0;
  Listen();
  Syns(100000);
  const auto limit = static_cast<size_t>(ns_.settings.tcp_syncache_limit);
  EXPECT_LE(syn_cache_of(ns_).count(), limit);
  EXPECT_GT(ns_.tcpstat.sc_bucketoverflow + ns_.tcpstat.sc_overflowed, 80000u);
  // Who answers within a round trip of so many still gets in.
  EXPECT_TRUE(HonestConnects(5000, 5000));
  EXPECT_FALSE(HonestConnects(5001, 50000)) << "its entry has given way";
  CHECK(soclose(*listener_) == kOk);
}

// A guess for each of many connections, and one answer for each of a number
// that nobody can tell beforehand.
TEST_F(Flood, GuessedResetsAndSynsAreChallengedWithinLimits) {
  Socket& listener = Listen();
  listener.listen->limit = 1000;
  constexpr uint16_t kConnections = 1000;
  for (uint16_t i = 0; i < kConnections; ++i) {
    const Sockaddr from(kHonest, static_cast<uint16_t>(1000 + i));
    Segment(from, kThSyn, 0, 0);
    Segment(from, kThAck, 1, honest_.seq + 1);
  }
  ASSERT_EQ(listener.listen->q.size(), kConnections);
  std::vector<uint64_t> answers;
  for (int second = 0; second < 4; ++second) {
    const uint64_t before = ns_.tcpstat.challenge;
    const uint64_t sent = sent_;
    for (int round = 0; round < 10; ++round) {
      for (uint16_t i = 0; i < kConnections; ++i) {
        const Sockaddr from(kHonest, static_cast<uint16_t>(1000 + i));
        Segment(from, round % 2 == 0 ? kThRst : kThSyn, 5000, 0);
      }
    }
    answers.push_back(ns_.tcpstat.challenge - before);
    EXPECT_EQ(sent_ - sent, answers.back());
    EXPECT_GE(answers.back(), 500u);
    EXPECT_LE(answers.back(), 1500u);
    queue_.RunUntil(queue_.now() + 5s);
  }
  EXPECT_EQ(ns_.tcpstat.challenge + ns_.tcpstat.challengelimited, 40000u);
  EXPECT_FALSE(answers[0] == answers[1] && answers[1] == answers[2]);
  size_t established = 0;
  for (const TcpEndpoint& end : tcp_endpoints(ns_)) {
    established += end.state == TcpState::kEstablished ? 1 : 0;
  }
  EXPECT_EQ(established, kConnections) << "none was hit";
  CHECK(soclose(*listener_) == kOk);
}

// Both ends believe in numbers that the other's window does not have, as when
// somebody has slipped data in on both sides.  Each segment of one is answered
// by the other, whose answer is not acceptable either.
TEST(AckStorm, ComesToAnEnd) {
  TwoHosts net(1, LinkConfig::Both({.delay = 1ms}));
  const Sockaddr server(kBeta, 80);
  EndResult client_result;
  EndResult server_result;
  TransferArgs args{.server = server, .send = 100'000'000, .keepalive = false};
  args.result = &server_result;
  args.send = 0;
  net.b.procs.Spawn("server", TransferServer, args);
  args.send = 100'000'000;
  args.result = &client_result;
  SpawnOptions later{.name = "client", .delay = 5ms};
  net.a.procs.Spawn(std::move(later), TransferClient, args);
  ASSERT_TRUE(net.sim.RunFor(50ms));

  Netstack& a = net.a.ns;
  Netstack& b = net.b.ns;
  Tcpcb* ours = nullptr;
  for (Inpcb* p = a.tcbtable.first(); p != nullptr; p = p->list_next) {
    if (p->tcpcb->state == TcpState::kEstablished) ours = p->tcpcb.get();
  }
  ASSERT_NE(ours, nullptr);
  constexpr uint32_t kSlipped = 1 << 28;
  for (uint32_t* number :
       {&ours->snd_una, &ours->snd_nxt, &ours->snd_max, &ours->snd_recover,
        &ours->snd_wl2, &ours->rcv_nxt, &ours->rcv_adv, &ours->snd_wl1}) {
    *number += kSlipped;
  }
  const uint64_t before = a.tcpstat.sndtotal + b.tcpstat.sndtotal;
  static_cast<void>(net.sim.RunFor(60s));
  const uint64_t sent = a.tcpstat.sndtotal + b.tcpstat.sndtotal - before;
  EXPECT_LT(sent, 500u) << "there is time for 30000 round trips";
  EXPECT_GT(a.tcpstat.challengelimited + b.tcpstat.challengelimited, 0u);
  EXPECT_GT(a.tcpstat.challenge, 0u);
  EXPECT_GT(b.tcpstat.challenge, 0u);
  // In the end somebody gives up.
  static_cast<void>(net.sim.RunFor(std::chrono::hours(1)));
  EXPECT_EQ(a.tcpstat.timeoutdrop, 1u);
  EXPECT_NE(client_result.out.error, kOk);
}

}  // namespace
}  // namespace splnet
