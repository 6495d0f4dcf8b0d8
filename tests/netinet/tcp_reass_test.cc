// Segments out of order: RFC 9293 section 3.10.7.4, RFC 5681 section 4.2.

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "sockets/uipc_socket.h"
#include "tests/testing/tcp_fixture.h"

namespace splnet {
namespace {

using namespace std::chrono_literals;

class TcpReass : public TcpFixture {
 protected:
  static std::string Data(uint32_t begin, uint32_t end,
                          const char* flags = ".") {
    return std::string(flags) + " " + std::to_string(begin) + ":" +
           std::to_string(end) + "(" + std::to_string(end - begin) + ") ack 1";
  }
};

TEST_F(TcpReass, ASegmentBehindAHoleIsHeldAndAnsweredAtOnce) {
  Socket& so = Established();
  In(Data(101, 201));
  EXPECT_EQ(AllOut(), ". 1:1(0) ack 1 win 16384");
  EXPECT_EQ(Fates(Fate::kQueued), 1u);
  EXPECT_EQ(so.rcv.cc, 0u);
  In(Data(1, 101));
  EXPECT_EQ(AllOut(), ". 1:1(0) ack 201 win 16184") << "at once, RFC 5681 4.2";
  EXPECT_EQ(Read(so), 200u);
  EXPECT_EQ(Fates(Fate::kDelivered), 2u);
  EXPECT_EQ(ns_.tcp.reass_segments, 0u);
}

TEST_F(TcpReass, TheFateOfAHeldPacketComesUnderItsOwnId) {
  Established();
  In(Data(101, 201));
  In(Data(1, 101));
  std::vector<std::pair<Fate, uint64_t>> fates;
  for (const auto& seen : recorder_.seen()) {
    if (seen.event.kind == TraceKind::kFate && seen.event.len == 100) {
      fates.emplace_back(seen.event.fate, seen.event.packet);
    }
  }
  ASSERT_EQ(fates.size(), 3u);
  EXPECT_EQ(fates[0].first, Fate::kQueued);
  EXPECT_EQ(fates[1].first, Fate::kDelivered);
  EXPECT_EQ(fates[2].first, Fate::kDelivered);
  EXPECT_EQ(fates[2].second, fates[0].second);
  EXPECT_NE(fates[1].second, fates[0].second);
}

TEST_F(TcpReass, OverlapsAreCutAway) {
  struct Row {
    const char* name;
    std::vector<std::pair<uint32_t, uint32_t>> segments;
    size_t duplicates;
  };
  const Row rows[] = {
      {"the same twice", {{101, 201}, {101, 201}, {1, 101}}, 1},
      {"inside another", {{101, 301}, {151, 201}, {1, 101}}, 1},
      {"covering another", {{151, 201}, {101, 301}, {1, 101}}, 1},
      {"covering two", {{151, 161}, {171, 181}, {101, 201}, {1, 101}}, 2},
      {"overlapping the front", {{151, 251}, {101, 201}, {1, 101}}, 0},
      {"overlapping the back", {{101, 201}, {151, 251}, {1, 101}}, 0},
      {"bridging two", {{101, 151}, {201, 251}, {141, 211}, {1, 101}}, 0},
      {"in order, over what is held", {{101, 201}, {1, 151}, {151, 301}}, 0},
      {"in order, over all that is held", {{101, 201}, {1, 301}}, 1},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    Socket& so = Established();
    const size_t before = Fates(Fate::kDuplicate);
    uint32_t end = 0;
    for (const auto& [begin, stop] : row.segments) {
      In(Data(begin, stop));
      end = std::max(end, stop);
    }
    EXPECT_EQ(Fates(Fate::kDuplicate) - before, row.duplicates);
    EXPECT_EQ(Read(so), end - 1);
    EXPECT_EQ(ns_.tcp.reass_segments, 0u);
    tcp_close(*Tcb(so));
    AllOut();
    Run(1ms);
  }
}

TEST_F(TcpReass, AFinBehindAHoleWaitsForTheData) {
  Socket& so = Established();
  In(Data(101, 201, "F."));
  EXPECT_EQ(State(so), TcpState::kEstablished);
  In(Data(1, 101));
  EXPECT_EQ(State(so), TcpState::kCloseWait);
  EXPECT_EQ(AllOut(), ". 1:1(0) ack 1 win 16384; . 1:1(0) ack 202 win 16184");
  EXPECT_EQ(Read(so), 200u);
}

TEST_F(TcpReass, AnEmptyFinBehindAHoleWaitsToo) {
  Socket& so = Established();
  In("F. 101:101(0) ack 1");
  EXPECT_EQ(State(so), TcpState::kEstablished);
  In(Data(1, 101));
  EXPECT_EQ(State(so), TcpState::kCloseWait);
}

TEST_F(TcpReass, AnyOrderGivesTheSameStream) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    SCOPED_TRACE(round);
    Socket& so = Established();
    std::vector<std::pair<uint32_t, uint32_t>> segments;
    for (uint32_t begin = 1; begin < 10001;) {
      const uint32_t end =
          std::min<uint32_t>(10001, begin + 1 + random() % 900);
      const uint32_t early = begin > 400 ? random() % 400 : 0;
      segments.emplace_back(begin - early, end);
      begin = end;
    }
    for (size_t i = segments.size(); i > 1; --i) {
      std::swap(segments[i - 1], segments[random() % i]);
    }
    for (const auto& [begin, end] : segments) In(Data(begin, end));
    EXPECT_EQ(Read(so), 10000u);
    EXPECT_EQ(ns_.tcp.reass_segments, 0u);
    sbcheck(so.rcv);
    tcp_close(*Tcb(so));
    AllOut();
    Run(1ms);
  }
}

TEST_F(TcpReass, AStrangerCannotHoldMoreThanTheLimit) {
  ns_.settings.tcp_reasslimit = 100;
  Socket& so = Established();
  for (uint32_t i = 0; i < 1000; ++i) {
    In(Data(3 + i * 2, 4 + i * 2));  // single bytes with holes between
    EXPECT_LE(ns_.tcp.reass_segments, 100u);
  }
  EXPECT_GT(ns_.tcpstat.rcvmemdrop, 0u);
  EXPECT_GT(Drops(DropReason::kTcpReassLimit), 900u);
  // What fills the hole gets in all the same.
  In(Data(1, 3));
  EXPECT_GE(so.rcv.cc, 2u);
}

TEST_F(TcpReass, ClosingFreesWhatIsHeldAndSaysSo) {
  Socket& so = Established();
  In(Data(101, 201));
  In("R 1:1(0)");
  EXPECT_EQ(so.pcb, nullptr);
  EXPECT_EQ(ns_.tcp.reass_segments, 0u);
  EXPECT_EQ(Drops(DropReason::kTcpClosed), 1u);
}

TEST_F(TcpReass, APartOfASegmentThatWasReceivedIsCutOff) {
  Socket& so = Established();
  In(Data(1, 101));
  In(Data(51, 151));
  EXPECT_EQ(Read(so), 150u);
  EXPECT_EQ(ns_.tcpstat.rcvpartdupbyte, 50u);
  EXPECT_EQ(Fates(Fate::kDelivered), 2u);
}

TEST_F(TcpReass, ADuplicateIsAnsweredAtOnceAndDropped) {
  Socket& so = Established();
  In(Data(1, 101));
  In(Data(1, 101));
  EXPECT_EQ(AllOut(), ". 1:1(0) ack 101 win 16284");
  EXPECT_EQ(Read(so), 100u);
  EXPECT_EQ(Fates(Fate::kDuplicate), 1u);
}

TEST_F(TcpReass, ThePartBeyondTheWindowIsCutOff) {
  Socket& so = Established();
  In(Data(16000, 17000));  // 385 bytes fit
  EXPECT_EQ(ns_.tcpstat.rcvbyteafterwin, 615u);
  EXPECT_EQ(Fates(Fate::kQueued), 1u);
  for (uint32_t seq = 1; seq < 16000; seq += 1000) {
    In(Data(seq, std::min<uint32_t>(seq + 1000, 16000)));
  }
  EXPECT_EQ(Read(so), 16384u);
}

}  // namespace
}  // namespace splnet
