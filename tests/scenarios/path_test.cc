// The packet path: which functions a packet goes through, in which order, in
// which contexts.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sockets/uipc_syscalls.h"
#include "stack/netinet/in_cksum.h"
#include "stack/netinet/ip.h"
#include "stack/netinet/ip_icmp.h"
#include "stack/netinet/ip_var.h"
#include "tests/testing/recorder.h"
#include "tests/testing/two_hosts.h"

namespace splnet {
namespace {

// The functions entered, a line for each change of context:
// "process: sosend uiomove copyin".
std::string Path(const Recorder& recorder) {
  std::string text;
  Context context = Context::kIdle;
  for (const auto& seen : recorder.seen()) {
    if (seen.event.kind != TraceKind::kPath) continue;
    if (text.empty() || seen.event.context != context) {
      context = seen.event.context;
      absl::StrAppend(&text, text.empty() ? "" : "\n", ContextName(context),
                      ": ");
    } else {
      text += " -> ";
    }
    text += FnName(seen.event.fn);
  }
  return text;
}

constexpr char kTcpOut[] =
    "process: sosend -> uiomove -> copyin -> tcp_send -> sbappendstream -> "
    "tcp_output -> ip_output -> ether_output -> arpresolve -> if_snd -> "
    "if_start -> NIC ring -> link";
constexpr char kTcpIn[] =
    "hardware interrupt: NIC ring -> driver interrupt -> if_input -> "
    "ether_input -> ipintrq\n"
    "soft interrupt: ipintr -> ip_input -> tcp_input -> sbappendstream -> "
    "sorwakeup -> wakeup\n"
    "process: soreceive -> uiomove -> copyout";
constexpr char kUdpOut[] =
    "process: sosend -> uiomove -> copyin -> udp_send -> udp_output -> "
    "ip_output -> ether_output -> arpresolve -> if_snd -> if_start -> "
    "NIC ring -> link";
constexpr char kUdpIn[] =
    "hardware interrupt: NIC ring -> driver interrupt -> if_input -> "
    "ether_input -> ipintrq\n"
    "soft interrupt: ipintr -> ip_input -> udp_input -> sbappendaddr -> "
    "sorwakeup -> wakeup\n"
    "process: soreceive -> uiomove -> copyout";
constexpr char kPing[] =
    "hardware interrupt: NIC ring -> driver interrupt -> if_input -> "
    "ether_input -> ipintrq\n"
    "soft interrupt: ipintr -> ip_input -> icmp_input -> icmp_reflect -> "
    "icmp_send -> ip_output -> ether_output -> arpresolve -> if_snd -> "
    "if_start -> NIC ring -> link";

constexpr Sockaddr kServer(kBeta, 7);
constexpr size_t kBytes = 500;

class PathTest : public testing::Test {
 protected:
  PathTest() : net_(1, LinkConfig::Both({.delay = Nanoseconds(1000)})) {}
  ~PathTest() override {
    net_.a.ns.tracer.Set(nullptr, 0);
    net_.b.ns.tracer.Set(nullptr, 0);
  }
  void Observe() {
    net_.a.ns.tracer.Set(&at_a_, kTracePath);
    net_.b.ns.tracer.Set(&at_b_, kTracePath);
  }

  Recorder at_a_;
  Recorder at_b_;
  TwoHosts net_;
};

// What the programs tell the test.
struct Progress {
  bool ready = false;  // to send, and waiting to receive
  size_t received = 0;
};

Task<int> TcpSender(Process& p, Progress* progress) {
  const Result<int> fd =
      co_await p.socket(Family::kInet, SocketType::kStream, 0);
  const Errno connected = co_await p.connect(fd.value, kServer);
  progress->ready = connected == kOk;
  co_await p.nanosleep(std::chrono::seconds(1));
  const std::vector<std::byte> data(kBytes);
  const Result<size_t> sent = co_await p.write(fd.value, data);
  co_await p.nanosleep(std::chrono::seconds(1));
  co_return sent.value == kBytes ? 0 : 1;
}

Task<int> TcpReceiver(Process& p, Progress* progress) {
  const Result<int> lfd =
      co_await p.socket(Family::kInet, SocketType::kStream, 0);
  co_await p.bind(lfd.value, kServer);
  co_await p.listen(lfd.value, 1);
  const Result<int> fd = co_await p.accept(lfd.value);
  progress->ready = fd.ok();
  std::vector<std::byte> data(kBytes);
  const Result<size_t> got = co_await p.read(fd.value, data);
  progress->received = got.value;
  co_await p.nanosleep(std::chrono::seconds(1));
  co_return 0;
}

TEST_F(PathTest, OfATcpSegment) {
  Progress sender;
  Progress receiver;
  net_.b.procs.Spawn("receiver", TcpReceiver, &receiver);
  net_.a.procs.Spawn("sender", TcpSender, &sender);
  ASSERT_TRUE(net_.sim.RunUntil(FromNanoseconds(900'000'000)));
  ASSERT_TRUE(sender.ready && receiver.ready);
  // Connected, the delayed ACKs sent: what follows is the one segment.
  Observe();
  ASSERT_TRUE(net_.sim.RunUntil(FromNanoseconds(1'100'000'000)));
  EXPECT_EQ(Path(at_a_), kTcpOut);
  EXPECT_EQ(Path(at_b_), kTcpIn);
  EXPECT_EQ(receiver.received, kBytes);
}

// One packet id from tcp_output to the last byte read.
TEST_F(PathTest, OfATcpSegmentHasOneIdOnBothHosts) {
  Progress sender;
  Progress receiver;
  net_.b.procs.Spawn("receiver", TcpReceiver, &receiver);
  net_.a.procs.Spawn("sender", TcpSender, &sender);
  ASSERT_TRUE(net_.sim.RunUntil(FromNanoseconds(900'000'000)));
  Observe();
  ASSERT_TRUE(net_.sim.RunUntil(FromNanoseconds(1'100'000'000)));
  const auto link = at_a_.Of(Fn::kLink);
  ASSERT_EQ(link.size(), 1u);
  const uint64_t id = link[0].event.packet;
  EXPECT_NE(id, 0u);
  for (const Fn fn : {Fn::kIpOutput, Fn::kEtherOutput, Fn::kIfSnd}) {
    ASSERT_EQ(at_a_.Of(fn).size(), 1u) << FnName(fn);
    EXPECT_EQ(at_a_.Of(fn)[0].event.packet, id) << FnName(fn);
  }
  for (const Fn fn : {Fn::kRing, Fn::kEtherInput, Fn::kTcpInput,
                      Fn::kSbappendstream, Fn::kCopyout}) {
    ASSERT_EQ(at_b_.Of(fn).size(), 1u) << FnName(fn);
    EXPECT_EQ(at_b_.Of(fn)[0].event.packet, id) << FnName(fn);
  }
}

Task<int> UdpSender(Process& p, Progress* progress) {
  const Result<int> fd =
      co_await p.socket(Family::kInet, SocketType::kDgram, 0);
  const std::vector<std::byte> data(kBytes);
  co_await p.nanosleep(std::chrono::seconds(1));
  const Result<size_t> sent = co_await p.sendto(fd.value, data, 0, kServer);
  progress->ready = sent.ok();
  co_return 0;
}

Task<int> UdpReceiver(Process& p, Progress* progress) {
  const Result<int> fd =
      co_await p.socket(Family::kInet, SocketType::kDgram, 0);
  co_await p.bind(fd.value, kServer);
  std::vector<std::byte> data(kBytes);
  const Result<size_t> got = co_await p.recvfrom(fd.value, data, 0, nullptr);
  progress->received = got.value;
  co_return 0;
}

TEST_F(PathTest, OfAUdpDatagram) {
  Progress sender;
  Progress receiver;
  net_.b.procs.Spawn("receiver", UdpReceiver, &receiver);
  net_.a.procs.Spawn("sender", UdpSender, &sender);
  ASSERT_TRUE(net_.sim.RunUntil(FromNanoseconds(900'000'000)));
  Observe();
  ASSERT_TRUE(net_.sim.RunUntilExit());
  EXPECT_EQ(Path(at_a_), kUdpOut);
  EXPECT_EQ(Path(at_b_), kUdpIn);
  EXPECT_TRUE(sender.ready);
  EXPECT_EQ(receiver.received, kBytes);
}

// An echo request of `ns` for beta, without its IP header's sums and lengths.
MbufPtr EchoRequest(Netstack& ns) {
  struct Echo {
    IpHeader ip;
    uint8_t type = 8;
    uint8_t code = 0;
    Be16 sum;
    Be16 id{1};
    Be16 seq{1};
    uint8_t data[56] = {};
  } echo;
  echo.ip.vhl = 0x45;
  echo.ip.ttl = 64;
  echo.ip.p = kIpProtoIcmp;
  echo.ip.src = kAlpha.wire4();
  echo.ip.dst = kBeta.wire4();
  MbufPtr m = m_gethdr(ns.mbufs, MWait::kDontWait);
  m_align(*m, sizeof echo);
  std::memcpy(m->data, &echo, sizeof echo);
  m->len = m->pkthdr.len = sizeof echo;
  m->pkthdr.id = ns.NewPacketId();
  m->pkthdr.csum_flags = kMIcmpCsumOut;
  return m;
}

TEST_F(PathTest, OfAPing) {
  Observe();
  MbufPtr m = EchoRequest(net_.a.ns);
  ASSERT_EQ(ip_output(net_.a.ns, std::move(m), nullptr, nullptr, 0), kOk);
  ASSERT_TRUE(net_.sim.RunFor(Nanoseconds(1500)));
  EXPECT_EQ(Path(at_b_), kPing);
  ASSERT_TRUE(net_.sim.RunUntilIdle());
  EXPECT_EQ(net_.a.ns.ipstat.delivered, 1u);
}

}  // namespace
}  // namespace splnet
