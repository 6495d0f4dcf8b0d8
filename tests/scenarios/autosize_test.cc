// Buffers of the default size grow until a long fat path is full.

#include <gtest/gtest.h>

#include <chrono>

#include "tests/testing/transfer.h"
#include "tests/testing/two_hosts.h"

namespace splnet {
namespace {

using namespace std::chrono_literals;

constexpr int64_t kBitsPerSecond = 100'000'000;

// Bytes that a bulk transfer delivers from 5 s to 8 s, over 100 Mbit/s and a
// round trip of 50 ms.
uint64_t Delivered(bool auto_sized) {
  // No queue that could overflow: only the windows limit the sender.
  TwoHosts net(1, LinkConfig::Both({.bits_per_second = kBitsPerSecond,
                                    .delay = 25ms,
                                    .queue_limit = 5000}));
  for (Host* const host : {&net.a, &net.b}) {
    host->ns.settings.tcp_recvbuf_auto = auto_sized ? 1 : 0;
    host->ns.settings.tcp_sendbuf_auto = auto_sized ? 1 : 0;
  }
  EndResult client;
  EndResult server;
  TransferArgs args;
  args.server = Sockaddr(kBeta, 7);
  args.max_read = args.max_write = 65536;
  TransferArgs to_client = args;
  args.send = 1'000'000'000;
  args.result = &client;
  to_client.result = &server;
  std::swap(to_client.in_salt, to_client.out_salt);
  net.b.procs.Spawn("server", TransferServer, to_client);
  net.a.procs.Spawn("client", TransferClient, args);
  EXPECT_TRUE(net.sim.RunUntil(SimTime(5s)));
  const uint64_t before = server.in.bytes;
  EXPECT_TRUE(net.sim.RunUntil(SimTime(8s)));
  EXPECT_EQ(server.in.wrong, 0u);
  return server.in.bytes - before;
}

constexpr uint64_t kLink = kBitsPerSecond / 8 * 3;  // in three seconds

TEST(Autosize, DefaultBuffersComeToFillALongFatPath) {
  EXPECT_GT(Delivered(true), kLink * 9 / 10);
}

// What the test above would say of buffers that stay: 16 KiB in 50 ms.
TEST(Autosize, BuffersThatStayHoldTheSenderBack) {
  EXPECT_LT(Delivered(false), kLink / 10);
}

}  // namespace
}  // namespace splnet
