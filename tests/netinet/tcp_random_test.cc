// Random segments near the windows, random requests and random pauses, against
// connections in every state: whatever comes, the control block stays sane,
// every packet meets its fate, and everything comes back at the end.

#include <gtest/gtest.h>

#include "sockets/uipc_socket.h"
#include "stack/kern/random.h"
#include "stack/netinet/tcp_seq.h"
#include "tests/testing/tcp_fixture.h"

namespace splnet {
namespace {

class TcpRandom : public TcpFixture {
 protected:
  void Check(const Socket& so) {
    sbcheck(so.rcv);
    sbcheck(so.snd);
    EXPECT_LE(so.rcv.cc + uint64_t{so.oobmark}, 2u * 2097152u);
    const Tcpcb* const tp = Tcb(so);
    if (tp == nullptr) return;
    EXPECT_TRUE(seq_leq(tp->snd_una, tp->snd_nxt));
    EXPECT_TRUE(seq_leq(tp->snd_nxt, tp->snd_max));
    EXPECT_TRUE(seq_leq(tp->rcv_nxt, tp->rcv_adv) ||
                tcps_havercvdfin(tp->state));
    EXPECT_GE(tp->snd_cwnd, tp->maxseg);
    EXPECT_FALSE(tp->is(kTfBlockOutput));
    EXPECT_FALSE(tp->rexmt.pending() && tp->persist.pending());
    // What is outstanding or waiting has a timer to push it on.
    const bool outstanding = tp->snd_una != tp->snd_max || so.snd.cc > 0;
    if (outstanding && tp->state != TcpState::kClosed) {
      EXPECT_TRUE(tp->rexmt.pending() || tp->persist.pending())
          << TcpStateName(tp->state);
    }
    EXPECT_EQ(tp->is(kTfDelAck), tp->delack.pending());
  }

  // A segment about where this connection is.
  std::string Segment(RandomStream& random, const Tcpcb* tp) {
    static constexpr const char* kFlags[] = {
        ".", ".", ".", "P.", "F.", "S", "S.", "R", "R.", "-", "U.", "FS."};
    const std::string flags = kFlags[random.Below(std::size(kFlags))];
    const uint32_t rcv = tp == nullptr ? 1 : tp->rcv_nxt - kPeerIss;
    const uint32_t una = tp == nullptr ? 1 : tp->snd_una - kIss;
    const uint32_t max = tp == nullptr ? 1 : tp->snd_max - kIss;
    const uint64_t where = random.Below(8);
    int64_t seq = rcv;
    if (where == 0) seq -= static_cast<int64_t>(random.Below(3000));
    if (where == 1) seq += static_cast<int64_t>(random.Below(3000));
    if (where == 2) seq += static_cast<int64_t>(random.Below(70000));
    seq = std::max<int64_t>(seq, 1);
    // The peer has one SYN, from which the fixture counts.
    if (tp != nullptr && tp->state == TcpState::kSynSent) seq = 0;
    const uint64_t len = random.Chance(500000) ? 0 : random.Below(1461);
    uint64_t ack = max;
    if (random.Chance(300000)) ack = una;
    if (random.Chance(300000)) ack = una + random.Below(max - una + 1);
    if (random.Chance(30000)) ack = random.Below(100000);
    const uint64_t win = random.Chance(200000) ? 0 : random.Below(65536);
    const uint64_t urg = random.Below(3000);
    return flags + " " + std::to_string(seq) + ":" + std::to_string(seq + len) +
           "(" + std::to_string(len) + ") ack " + std::to_string(ack) +
           " win " + std::to_string(win) + " urg " + std::to_string(urg);
  }

  // With urgent data in line every byte comes in its place.  Else some leave
  // the stream, and are asked for on the way.
  void ReadSome(RandomStream& random, Socket& so) {
    const size_t n = 1 + random.Below(4000);
    if (so.has(kSO_OOBINLINE)) {
      Read(so, n);
      return;
    }
    std::vector<std::byte> bytes(n);
    IoVec iov{bytes.data(), bytes.size()};
    Uio uio(std::span<IoVec>(&iov, 1));
    int flags = kMsgDontWait;
    if (random.Chance(300000)) flags |= kMsgOob;
    const Errno error = soreceive(so, nullptr, uio, &flags, nullptr);
    if (error == kOk && (flags & kMsgOob) != 0) ++oob_bytes_;
  }

  void Act(RandomStream& random, Socket& so) {
    switch (random.Below(16)) {
      case 0:
      case 1: {
        const size_t n = 1 + random.Below(4000);
        // Whatever state it is in: an error is an answer too.
        static_cast<void>(Send(so, n));
        break;
      }
      case 2:
      case 3:
        ReadSome(random, so);
        break;
      case 4:
        if (random.Chance(100000)) {
          static_cast<void>(soshutdown(so, Shut::kWrite));
        }
        break;
      case 5:
      case 6: {
        const auto ms = random.Below(random.Chance(100000) ? 100000 : 500);
        Run(std::chrono::milliseconds(ms));
        break;
      }
      case 7:
        Icmp(static_cast<CtlInput>(random.Below(13)),
             static_cast<uint32_t>(random.Below(5000)),
             static_cast<uint32_t>(random.Below(1600)));
        break;
      default:
        In(Segment(random, Tcb(so)));
        break;
    }
  }

  uint64_t oob_bytes_ = 0;
};

TEST_F(TcpRandom, WhateverComesTheConnectionStaysSane) {
  constexpr TcpState kStates[] = {
      TcpState::kSynSent,     TcpState::kSynReceived, TcpState::kEstablished,
      TcpState::kEstablished, TcpState::kCloseWait,   TcpState::kFinWait1,
      TcpState::kFinWait2,    TcpState::kClosing,     TcpState::kLastAck,
      TcpState::kTimeWait,
  };
  uint64_t received = 0;
  for (uint64_t seed = 1; seed <= 1000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomStream random(seed, "tcp random");
    Socket& so = InState(kStates[random.Below(std::size(kStates))]);
    if (seed % 2 == 0) so.options |= kSO_OOBINLINE;
    for (int i = 0; i < 150 && so.pcb != nullptr; ++i) {
      Act(random, so);
      Check(so);
      if (HasFailure()) return;
    }
    received += so.rcv.cc;
    if (Tcb(so) != nullptr) tcp_close(*Tcb(so));
    Forget(so);
    AllOut();
    Run(std::chrono::milliseconds(1));
    ASSERT_EQ(ns_.tcbtable.count(), 0u);
    ASSERT_EQ(ns_.tcp.reass_segments, 0u);
    ASSERT_EQ(ns_.sockets_in_use, 0u);
    ASSERT_EQ(queue_.pending(), ns_.routes.All().size() > 4 ? 1u : 0u)
        << "a timer was left; one may hold learnt MTUs";
  }
  EXPECT_GT(received, 0u) << "some of it was acceptable";
  EXPECT_GT(oob_bytes_, 0u);
  // Every packet met one fate at least, and no more than being held adds.
  const size_t fates = recorder_.seen().size();
  EXPECT_GE(fates, ns_.tcpstat.rcvtotal);
  EXPECT_LE(fates, ns_.tcpstat.rcvtotal + ns_.tcpstat.rcvoopack);
}

}  // namespace
}  // namespace splnet
