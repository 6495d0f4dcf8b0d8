// Datagrams in fragments over links that lose, duplicate and reorder: each one
// received is one that was sent, whole; and nothing is left behind.

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "sockets/uipc_syscalls.h"
#include "tests/testing/recorder.h"
#include "tests/testing/transfer.h"
#include "tests/testing/two_hosts.h"

namespace splnet {
namespace {

constexpr Sockaddr kServer(kBeta, 9);
constexpr uint32_t kDatagrams = 60;
constexpr size_t kSmallest = sizeof(uint32_t);

// The size of datagram `number`, from 4 bytes to several fragments.
size_t SizeOf(uint32_t number) { return kSmallest + number * 977 % 9000; }

Task<int> Sender(Process& p, Nanoseconds pause) {
  const Result<int> fd =
      co_await p.socket(Family::kInet, SocketType::kDgram, 0);
  std::vector<std::byte> data(10000);
  for (uint32_t number = 0; number < kDatagrams; ++number) {
    const size_t size = SizeOf(number);
    std::memcpy(data.data(), &number, sizeof number);
    for (size_t i = kSmallest; i < size; ++i) {
      data[i] = StreamByte(i, static_cast<uint8_t>(number));
    }
    const std::span<const std::byte> datagram(data.data(), size);
    const Result<size_t> sent =
        co_await p.sendto(fd.value, datagram, 0, kServer);
    if (!sent.ok()) co_return 1;
    co_await p.nanosleep(pause);
  }
  co_return 0;
}

struct Received {
  std::map<uint32_t, int> times;  // by number
  size_t wrong = 0;
};

Task<int> Receiver(Process& p, Received* received) {
  const Result<int> fd =
      co_await p.socket(Family::kInet, SocketType::kDgram, 0);
  co_await p.bind(fd.value, kServer);
  // Until nothing has come for a minute.
  co_await p.settimeo(fd.value, kSO_RCVTIMEO, std::chrono::minutes(1));
  std::vector<std::byte> data(10000);
  for (;;) {
    const Result<size_t> got = co_await p.read(fd.value, data);
    if (!got.ok()) co_return 0;
    uint32_t number = 0;
    std::memcpy(&number, data.data(), sizeof number);
    bool right = number < kDatagrams && got.value == SizeOf(number);
    for (size_t i = kSmallest; right && i < got.value; ++i) {
      right = data[i] == StreamByte(i, static_cast<uint8_t>(number));
    }
    if (!right) ++received->wrong;
    ++received->times[number];
  }
}

struct Outcome {
  size_t arrived = 0;  // different ones
  uint64_t reassembled = 0;
  uint64_t timed_out = 0;
  std::string problems;
  std::string digest;
};

Outcome RunOnce(uint64_t seed) {
  RandomStream random(seed, "datagram scenario");
  WireConfig wire{.delay = Nanoseconds(random.Between(1000, 10'000'000))};
  wire.fault.loss.ppm = static_cast<uint32_t>(random.Below(100'000));
  wire.fault.duplicate.ppm = static_cast<uint32_t>(random.Below(200'000));
  wire.fault.reorder.ppm = static_cast<uint32_t>(random.Below(300'000));
  wire.fault.reorder_frames = static_cast<uint32_t>(random.Below(8));
  wire.fault.reorder_delay = Nanoseconds(random.Between(1000, 50'000'000));
  Recorder recorder;
  TwoHosts net(seed, LinkConfig::Both(wire));
  net.b.ns.tracer.Set(&recorder, kTracePath | kTraceFate | kTraceDrop);
  Received received;
  net.b.procs.Spawn("receiver", Receiver, &received);
  const Nanoseconds pause(random.Between(0, 2'000'000));
  const Process& sender = net.a.procs.Spawn("sender", Sender, pause);

  Outcome out;
  if (!net.sim.RunUntilIdle(1'000'000)) out.problems += "endless\n";
  if (sender.exit_status().code != 0) out.problems += "not all sent\n";
  if (received.wrong != 0)
    absl::StrAppend(&out.problems, received.wrong, " wrong\n");
  absl::StrAppend(&out.problems, absl::StrJoin(net.sim.Leftovers(), "\n"));
  out.arrived = received.times.size();
  out.reassembled = net.b.ns.ipstat.reassembled;
  out.timed_out = net.b.ns.ipstat.fragtimeout;
  out.digest = recorder.Text();
  return out;
}

TEST(Datagrams, ArriveWholeOrNotAtAll) {
  Outcome sum;
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    const Outcome once = RunOnce(seed);
    EXPECT_EQ(once.problems, "");
    EXPECT_TRUE(once.digest == RunOnce(seed).digest);
    sum.arrived += once.arrived;
    sum.reassembled += once.reassembled;
    sum.timed_out += once.timed_out;
  }
  // Worth something: most arrive, in pieces, and some pieces are given up.
  EXPECT_GT(sum.arrived, 100u * kDatagrams / 2);
  EXPECT_GT(sum.reassembled, 1000u);
  EXPECT_GT(sum.timed_out, 100u);
}

}  // namespace
}  // namespace splnet
