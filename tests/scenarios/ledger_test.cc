// Copies are honest: the ledger of a transfer equals the arithmetic of its
// path.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sockets/uipc_syscalls.h"
#include "stack/netinet/ip.h"
#include "tests/testing/two_hosts.h"

namespace splnet {
namespace {

constexpr Sockaddr kServer(kBeta, 7);

// Every kind of copy with its bytes, but for those that are zero.
std::string Copies(const Ledger& ledger) {
  std::string text;
  for (size_t i = 0; i < kCopyKinds; ++i) {
    if (ledger.copies[i].bytes == 0) continue;
    absl::StrAppend(&text, text.empty() ? "" : " ",
                    CopyKindName(static_cast<CopyKind>(i)), "=",
                    ledger.copies[i].bytes);
  }
  return text;
}

// The bytes of all frames, by direction.
class ByteTap : public LinkTap {
 public:
  void OnFrame(const TappedFrame& frame) override {
    (frame.from_a ? from_a : from_b) += frame.bytes.size();
  }
  uint64_t from_a = 0;
  uint64_t from_b = 0;
};

struct SendArgs {
  SocketType type = SocketType::kStream;
  size_t bytes = 0;  // of each write
  size_t writes = 1;
  Nanoseconds pause{0};  // between them
};

Task<int> Sender(Process& p, SendArgs args) {
  const Result<int> fd = co_await p.socket(Family::kInet, args.type, 0);
  co_await p.setsockopt(fd.value, kSOL_SOCKET, kSO_SNDBUF, 131072);
  co_await p.connect(fd.value, kServer);
  const std::vector<std::byte> data(args.bytes);
  for (size_t i = 0; i < args.writes; ++i) {
    const Result<size_t> sent = co_await p.write(fd.value, data);
    if (!sent.ok() || sent.value != args.bytes) co_return 1;
    if (args.pause > Nanoseconds{0}) co_await p.nanosleep(args.pause);
  }
  co_return 0;
}

Task<int> StreamReceiver(Process& p, size_t* received) {
  const Result<int> lfd =
      co_await p.socket(Family::kInet, SocketType::kStream, 0);
  co_await p.bind(lfd.value, kServer);
  co_await p.listen(lfd.value, 1);
  const Result<int> fd = co_await p.accept(lfd.value);
  std::vector<std::byte> data(100000);
  for (;;) {
    const Result<size_t> got = co_await p.read(fd.value, data);
    if (!got.ok() || got.value == 0) co_return 0;
    *received += got.value;
  }
}

Task<int> DatagramReceiver(Process& p, size_t datagrams, size_t* received) {
  const Result<int> fd =
      co_await p.socket(Family::kInet, SocketType::kDgram, 0);
  co_await p.bind(fd.value, kServer);
  std::vector<std::byte> data(100000);
  for (size_t i = 0; i < datagrams; ++i) {
    const Result<size_t> got = co_await p.read(fd.value, data);
    if (!got.ok()) co_return 1;
    *received += got.value;
  }
  co_return 0;
}

class LedgerTest : public testing::Test {
 protected:
  LedgerTest() : net_(1, LinkConfig::Both({.delay = Nanoseconds(1000)})) {
    net_.link.AddTap(tap_);
  }

  void Transfer(SendArgs args) {
    if (args.type == SocketType::kStream) {
      net_.b.procs.Spawn("receiver", StreamReceiver, &received_);
    } else {
      net_.b.procs.Spawn("receiver", DatagramReceiver, args.writes, &received_);
    }
    Process& sender = net_.a.procs.Spawn("sender", Sender, args);
    ASSERT_TRUE(net_.sim.RunUntilIdle());
    ASSERT_TRUE(sender.exited());
    EXPECT_EQ(sender.exit_status().code, 0);
    EXPECT_EQ(received_, args.bytes * args.writes);
  }

  ByteTap tap_;
  TwoHosts net_;
  size_t received_ = 0;
};

// 45 full segments by one write: copied in once, by DMA once, out once.
TEST_F(LedgerTest, OfATcpTransferIsCopyinDmaCopyout) {
  constexpr size_t kSegment = 1448;
  constexpr size_t kBytes = 45 * kSegment;
  Transfer({.bytes = kBytes});
  EXPECT_EQ(Copies(net_.a.ns.ledger),
            absl::StrCat("copyin=", kBytes, " dma_tx=", tap_.from_a,
                         " dma_rx=", tap_.from_b));
  EXPECT_EQ(Copies(net_.b.ns.ledger),
            absl::StrCat("copyout=", kBytes, " dma_tx=", tap_.from_b,
                         " dma_rx=", tap_.from_a));
  // Ethernet, IP, TCP and timestamps around each segment, the last of which
  // brings the FIN; a SYN with 24 bytes of options and the ACK behind it; and
  // what acknowledges beta's FIN.
  constexpr size_t kHeaders = 14 + 20 + 20 + 12;
  EXPECT_EQ(tap_.from_a, kBytes + 45 * kHeaders + (54 + 24) + 2 * kHeaders);
}

// Small writes while the first is unacknowledged: sbcompress gathers them, and
// tcp_output copies what fits behind its headers.  The close sends the rest at
// once, so beta gathers the two segments as well.
TEST_F(LedgerTest, OfSmallWritesNamesTheOtherCopies) {
  Transfer({.bytes = 6, .writes = 10});
  EXPECT_EQ(Copies(net_.a.ns.ledger),
            absl::StrCat("copyin=60 dma_tx=", tap_.from_a, " dma_rx=",
                         tap_.from_b, " sbcompress=54 tcp_output=60"));
  EXPECT_EQ(Copies(net_.b.ns.ledger),
            absl::StrCat("copyout=60 dma_tx=", tap_.from_b,
                         " dma_rx=", tap_.from_a, " sbcompress=54"));
}

TEST_F(LedgerTest, OfUdpDatagramsIsCopyinDmaCopyout) {
  Transfer({.type = SocketType::kDgram,
            .bytes = 1000,
            .writes = 100,
            .pause = std::chrono::microseconds(10)});
  EXPECT_EQ(tap_.from_a, 100u * (1000 + 8 + 20 + 14));
  EXPECT_EQ(Copies(net_.a.ns.ledger),
            absl::StrCat("copyin=100000 dma_tx=", tap_.from_a));
  EXPECT_EQ(Copies(net_.b.ns.ledger),
            absl::StrCat("copyout=100000 dma_rx=", tap_.from_a));
}

// Fragments refer to the datagram; only their headers are copied.
TEST_F(LedgerTest, OfFragmentsAddsTheirHeaders) {
  Transfer({.type = SocketType::kDgram,
            .bytes = 8000,
            .writes = 10,
            .pause = std::chrono::milliseconds(1)});
  constexpr size_t kFragments = 6;  // 8008 bytes by 1480
  EXPECT_EQ(tap_.from_a, 10u * (8000 + 8 + kFragments * (20 + 14)));
  EXPECT_EQ(Copies(net_.a.ns.ledger),
            absl::StrCat("copyin=80000 dma_tx=", tap_.from_a, " ip_fragment=",
                         10 * (kFragments - 1) * sizeof(IpHeader)));
  EXPECT_EQ(Copies(net_.b.ns.ledger),
            absl::StrCat("copyout=80000 dma_rx=", tap_.from_a));
}

// Switches, wakeups and calls are counted too.
TEST_F(LedgerTest, CountsCallsWakeupsAndSwitches) {
  Transfer({.type = SocketType::kDgram, .bytes = 100, .writes = 1});
  const Ledger& a = net_.a.ns.ledger;
  EXPECT_EQ(a.system_calls, 5u);  // socket setsockopt connect write exit
  EXPECT_EQ(a.context_switches, 1u);
  EXPECT_EQ(a.interrupts, 0u);
  const Ledger& b = net_.b.ns.ledger;
  EXPECT_EQ(b.system_calls, 4u);  // socket bind read exit
  EXPECT_EQ(b.context_switches, 2u);
  EXPECT_EQ(b.interrupts, 1u);
  EXPECT_EQ(b.soft_interrupts, 1u);
}

}  // namespace
}  // namespace splnet
