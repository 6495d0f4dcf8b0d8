// Every state against segments that are not acceptable: RST, SYN, wrong ACKs,
// old and future sequence numbers, old timestamps.  RFC 9293 section 3.10.7.4,
// RFC 5961, RFC 7323 section 5.

#include <gtest/gtest.h>

#include "sockets/uipc_socket.h"
#include "tests/testing/tcp_fixture.h"

namespace splnet {
namespace {

using namespace std::chrono_literals;

constexpr TcpState kSynchronized[] = {
    TcpState::kSynReceived, TcpState::kEstablished, TcpState::kCloseWait,
    TcpState::kFinWait1,    TcpState::kFinWait2,    TcpState::kClosing,
    TcpState::kLastAck,     TcpState::kTimeWait,
};

// What the peer sends next in `state`, if its last segment was InState()'s.
uint32_t NextSeq(TcpState state) {
  switch (state) {
    case TcpState::kCloseWait:
    case TcpState::kLastAck:
    case TcpState::kClosing:
    case TcpState::kTimeWait:
      return 2;  // behind its FIN
    default:
      return 1;
  }
}

class EveryState : public TcpFixture,
                   public ::testing::WithParamInterface<TcpState> {
 protected:
  // A line for a segment at `offset` from what the peer sends next.
  std::string At(const char* flags, int offset, int len,
                 const char* rest) const {
    const int64_t seq = int64_t{NextSeq(GetParam())} + offset;
    return std::string(flags) + " " + std::to_string(seq) + ":" +
           std::to_string(seq + len) + "(" + std::to_string(len) + ") " + rest;
  }
  std::string Ack() const {
    return " ack " + std::to_string(NextSeq(GetParam())) + " ";
  }
};

INSTANTIATE_TEST_SUITE_P(Tcp, EveryState, ::testing::ValuesIn(kSynchronized),
                         [](const auto& name) {
                           return std::string(TcpStateName(name.param));
                         });

TEST_P(EveryState, ResetAtExactlyTheNextNumberCloses) {  // RFC 5961 3.2
  Socket& so = InState(GetParam());
  In(At("R", 0, 0, ""));
  EXPECT_EQ(so.pcb, nullptr);
  EXPECT_EQ(AllOut(), "");
  Errno error = kECONNRESET;
  if (GetParam() == TcpState::kSynReceived) error = kECONNREFUSED;
  if (GetParam() == TcpState::kClosing || GetParam() == TcpState::kLastAck ||
      GetParam() == TcpState::kTimeWait) {
    error = kOk;
  }
  EXPECT_EQ(so.error, error);
}

TEST_P(EveryState, ResetElsewhereInTheWindowIsChallenged) {  // RFC 5961 3.2
  Socket& so = InState(GetParam());
  In(At("R", 100, 0, ""));
  EXPECT_EQ(State(so), GetParam());
  EXPECT_NE(AllOut().find(Ack()), std::string::npos);
  EXPECT_EQ(Drops(DropReason::kTcpBadReset), 1u);
  EXPECT_EQ(ns_.tcpstat.challenge, 1u);
}

TEST_P(EveryState, ResetOutsideOfTheWindowIsIgnored) {  // RFC 5961 3.2
  Socket& so = InState(GetParam());
  In(At("R", -100, 0, ""));
  In(At("R", 40000, 0, ""));
  EXPECT_EQ(State(so), GetParam());
  EXPECT_EQ(AllOut(), "");
  EXPECT_EQ(Drops(DropReason::kTcpBadReset), 2u);
}

// In TIME_WAIT too: nobody listens who could take a new connection.
TEST_P(EveryState, SynInTheWindowIsChallenged) {  // RFC 5961 4.2
  Socket& so = InState(GetParam());
  In(At("S", 100, 0, "win 100"));
  EXPECT_EQ(State(so), GetParam());
  EXPECT_NE(AllOut().find(Ack()), std::string::npos);
  EXPECT_EQ(Drops(DropReason::kTcpBadSyn), 1u);
}

TEST_P(EveryState, AckOfWhatWasNeverSentIsAnsweredAndDropped) {  // 5961 5.2
  Socket& so = InState(GetParam());
  In(At(".", 0, 0, "ack 500"));
  EXPECT_EQ(State(so), GetParam());
  const std::string out = AllOut();
  if (GetParam() == TcpState::kSynReceived) {
    EXPECT_EQ(out, "R 500:500(0) win 0");  // 3.10.7.4, fifth
  } else {
    EXPECT_NE(out.find(Ack()), std::string::npos) << out;
  }
  EXPECT_EQ(Drops(DropReason::kTcpBadAck), 1u);
}

TEST_P(EveryState, SegmentWithoutAckIsDropped) {  // 3.10.7.4, fifth
  Socket& so = InState(GetParam());
  In(At("-", 0, 0, ""));
  EXPECT_EQ(State(so), GetParam());
  EXPECT_EQ(AllOut(), "");
  EXPECT_EQ(Drops(DropReason::kTcpNoAck), 1u);
}

TEST_P(EveryState, DataBeyondTheWindowAreAnsweredAndDropped) {  // first
  Socket& so = InState(GetParam());
  In(At(".", 40000, 10, "ack 1"));
  EXPECT_EQ(State(so), GetParam());
  EXPECT_NE(AllOut().find(Ack()), std::string::npos);
  EXPECT_EQ(Fates(Fate::kOutOfWindow), 1u);
  EXPECT_EQ(so.rcv.cc, 0u);
}

TEST_P(EveryState, AKeepaliveBelowTheWindowIsAnswered) {  // 3.8.4
  if (GetParam() == TcpState::kSynReceived) return;
  Socket& so = InState(GetParam());
  In(At(".", -1, 0, "ack 1"));
  EXPECT_EQ(State(so), GetParam());
  EXPECT_NE(AllOut().find(Ack()), std::string::npos);
}

TEST_P(EveryState, AnswersToWhatCannotBeTrustedAreLimited) {  // RFC 5961 7
  InState(GetParam());
  for (int i = 0; i < 100; ++i) In(At("R", 100, 0, ""));
  EXPECT_EQ(ns_.tcpstat.challenge, 10u);
  EXPECT_EQ(ns_.tcpstat.challengelimited, 90u);
  AllOut();
  if (GetParam() == TcpState::kTimeWait) return;
  ns_.tcpstat.challenge = 0;
  Run(5s);
  In(At("R", 100, 0, ""));
  EXPECT_EQ(ns_.tcpstat.challenge, 1u) << "after five seconds again";
}

TEST_P(EveryState, EachSegmentMeetsExactlyOneFate) {
  const char* const kFlags[] = {"S", "S.", "R", "R.",     "F", "F.",
                                ".", "P.", "-", "FSRPU.", "U."};
  size_t segments = 0;
  for (const char* flags : kFlags) {
    for (const int offset : {-20000, -5, -1, 0, 1, 100, 16383, 16384, 30000}) {
      for (const int len : {0, 1, 5, 2000}) {
        for (const char* rest : {"ack 0", "ack 1", "ack 2", "ack 70000"}) {
          Socket& so = InState(GetParam());
          Recorder recorder;
          ns_.tracer.Set(&recorder, kTraceFate | kTraceDrop);
          In(At(flags, offset, len, rest));
          ++segments;
          size_t held = 0;
          if (Tcpcb* const tp = Tcb(so)) {
            held = tp->reass.empty() ? 0 : 1;
            ns_.tracer.Set(nullptr, 0);
            tcp_close(*tp);
          }
          ns_.tracer.Set(&recorder_, kTraceFate | kTraceDrop);
          EXPECT_GE(recorder.seen().size(), 1u) << At(flags, offset, len, rest);
          EXPECT_LE(recorder.seen().size(), 1u + held)
              << recorder.Text() << At(flags, offset, len, rest);
          Forget(so);
          AllOut();
          Run(1ns);
        }
      }
    }
  }
  EXPECT_EQ(segments, std::size(kFlags) * 9 * 4 * 4);
  EXPECT_EQ(ns_.tcp.reass_segments, 0u);
}

// ---------------------------------------------------------------- personality

TEST_P(EveryState, InsecureRstTakesAnyInTheWindow) {
  ns_.settings.tcp_insecure_rst = 1;
  Socket& so = InState(GetParam());
  In(At("R", 40000, 0, ""));
  EXPECT_EQ(State(so), GetParam());
  In(At("R", 100, 0, ""));
  EXPECT_EQ(so.pcb, nullptr);
  EXPECT_EQ(ns_.tcpstat.challenge, 0u);
}

TEST_P(EveryState, InsecureSynTakesAnyInTheWindow) {
  ns_.settings.tcp_insecure_syn = 1;
  Socket& so = InState(GetParam());
  In(At("S", 100, 0, "win 100"));
  EXPECT_EQ(so.pcb, nullptr);
  EXPECT_EQ(so.error, kECONNRESET);
  EXPECT_EQ(AllOut().substr(0, 2), "R.");
}

TEST_P(EveryState, DropSynfinDropsThemUnanswered) {
  ns_.settings.tcp_drop_synfin = 1;
  Socket& so = InState(GetParam());
  In(At("SF", 100, 0, "win 100"));
  In(At("SF", -100, 0, "win 100"));
  EXPECT_EQ(State(so), GetParam());
  EXPECT_EQ(AllOut(), "");
  EXPECT_EQ(ns_.tcpstat.rcvbadsyn, 2u);
}

class TcpBlackholed : public TcpFixture {};

TEST_F(TcpBlackholed, ClosedPortsAnswerLessByLevel) {
  struct Row {
    int level;
    const char* syn;
    const char* ack;
  };
  for (const Row& row :
       {Row{0, "R.", "R "}, Row{1, "", "R "}, Row{2, "", ""}, Row{3, "", ""}}) {
    SCOPED_TRACE(row.level);
    ns_.settings.tcp_blackhole = row.level;
    In("S 0:0(0) win 100");
    EXPECT_EQ(AllOut().substr(0, 2), row.syn);
    In(". 1:1(0) ack 1");
    EXPECT_EQ(AllOut().substr(0, 2), row.ack);
  }
  EXPECT_EQ(ns_.tcpstat.blackholed, 5u);
  EXPECT_EQ(Drops(DropReason::kTcpNoPort), 8u);
}

// ------------------------------------------------------------------------ PAWS

class TcpPaws : public TcpFixture {};

TEST_F(TcpPaws, AnOldTimestampIsAnsweredAndDropped) {  // RFC 7323 5.3
  ns_.settings.tcp_rfc1323 = 1;
  Socket& so = Established("mss 1460,nop,nop,TS val 1 ecr 0");
  In(". 1:11(10) ack 1 <nop,nop,TS val 100 ecr 1000>");
  EXPECT_EQ(so.rcv.cc, 10u);
  Run(200ms);
  EXPECT_EQ(AllOut(),
            ". 1:1(0) ack 11 win 16374 <nop,nop,TS val 1200 ecr 100>");
  In(". 11:21(10) ack 1 <nop,nop,TS val 99 ecr 1000>");
  EXPECT_EQ(so.rcv.cc, 10u);
  EXPECT_EQ(Drops(DropReason::kTcpPaws), 1u);
  EXPECT_EQ(AllOut(),
            ". 1:1(0) ack 11 win 16374 <nop,nop,TS val 1200 ecr 100>");
}

TEST_F(TcpPaws, AResetIsNotSubjectToIt) {  // RFC 7323 5.2
  ns_.settings.tcp_rfc1323 = 1;
  Socket& so = Established("mss 1460,nop,nop,TS val 100 ecr 0");
  In("R 1:1(0) <nop,nop,TS val 50 ecr 1000>");
  EXPECT_EQ(so.pcb, nullptr);
}

TEST_F(TcpPaws, AfterMoreThan24DaysTheTimestampProvesNothing) {  // 5.5
  ns_.settings.tcp_rfc1323 = 1;
  Socket& so = Established("mss 1460,nop,nop,TS val 100 ecr 0");
  Run(std::chrono::hours(24 * 25));
  In(". 1:11(10) ack 1 <nop,nop,TS val 50 ecr 1000>");
  EXPECT_EQ(so.rcv.cc, 10u);
}

TEST_F(TcpPaws, AMissingTimestampIsToleratedIfTheSettingSaysSo) {  // 3.2
  ns_.settings.tcp_rfc1323 = 1;
  ns_.settings.tcp_tolerate_missing_ts = 0;
  Socket& so = Established("mss 1460,nop,nop,TS val 1 ecr 0");
  In(". 1:11(10) ack 1");
  EXPECT_EQ(so.rcv.cc, 0u);
  EXPECT_EQ(AllOut(), "");
  EXPECT_EQ(Drops(DropReason::kTcpNoTimestamp), 1u);
  ns_.settings.tcp_tolerate_missing_ts = 1;
  In(". 1:11(10) ack 1");
  EXPECT_EQ(so.rcv.cc, 10u);
  ns_.settings.tcp_tolerate_missing_ts = 0;
  In("R 11:11(0)");
  EXPECT_EQ(so.pcb, nullptr) << "a RST needs none";
}

TEST_F(TcpPaws, TheEchoIsOfTheSegmentThatTheAckAnswers) {  // RFC 7323 4.3
  ns_.settings.tcp_rfc1323 = 1;
  Socket& so = Established("mss 1460,nop,nop,TS val 1 ecr 0");
  In(". 1:11(10) ack 1 <nop,nop,TS val 100 ecr 1000>");
  In(". 11:21(10) ack 1 <nop,nop,TS val 200 ecr 1000>");
  // The delayed ACK echoes the first of the two that it answers.
  EXPECT_NE(AllOut().find("ecr 100>"), std::string::npos);
  In(". 31:41(10) ack 1 <nop,nop,TS val 300 ecr 1000>");  // behind a hole
  EXPECT_NE(AllOut().find("ecr 100>"), std::string::npos);
  In(". 21:31(10) ack 1 <nop,nop,TS val 250 ecr 1000>");
  EXPECT_NE(AllOut().find("ack 41 win 16344 <nop,nop,TS val 1000 ecr 250>"),
            std::string::npos);
  EXPECT_EQ(Tcb(so)->ts_recent, 250u);
}

}  // namespace
}  // namespace splnet
