// What ICMP errors do to connections: RFC 1122 section 4.2.3.9, RFC 5461,
// RFC 5927, RFC 1191.

#include <gtest/gtest.h>

#include <cstring>

#include "sockets/uipc_socket.h"
#include "stack/netinet/ip.h"
#include "stack/netinet/ip_icmp.h"
#include "stack/netinet/ip_var.h"
#include "tests/testing/net_fixture.h"
#include "tests/testing/tcp_fixture.h"

namespace splnet {
namespace {

using namespace std::chrono_literals;

class TcpIcmp : public TcpFixture {
 protected:
  // A whole ICMP message arrives: "fragmentation needed" about our segment of
  // relative sequence `seq`, with the next hop's `mtu_bytes`.
  void NeedFrag(uint32_t seq, uint16_t mtu_bytes) {
    TcpHeader th{};
    th.sport = kPort;
    th.dport = kPeerPort;
    th.seq = kIss + seq;
    Bytes quoted = BytesOf(th);
    quoted.resize(8);
    const Bytes inner = IpPacket({.src = InAddr::V4(kLocal),
                                  .dst = InAddr::V4(kRemote),
                                  .p = kIpProtoTcp},
                                 quoted);
    const Bytes packet =
        IpPacket({.src = InAddr::V4(kRemote),
                  .dst = InAddr::V4(kLocal),
                  .p = kIpProtoIcmp},
                 IcmpMessage(kIcmpUnreach, 4, 0, mtu_bytes, inner));
    MbufPtr m = m_getcl(ns_.mbufs, packet.size(), MWait::kDontWait);
    CHECK(m);
    std::memcpy(m->data, packet.data(), packet.size());
    m->len = m->pkthdr.len = static_cast<uint32_t>(packet.size());
    m->pkthdr.ifidx = 1;
    ip_input(ns_, std::move(m));
  }
  uint32_t PathMtu() {
    return ip_pathmtu(ns_, *ns_.routes.Lookup(InAddr::V4(kRemote)));
  }
};

TEST_F(TcpIcmp, AnEstablishedConnectionDoesNotHeedALostRoute) {
  Socket& so = Established();
  ASSERT_EQ(Send(so, 10), kOk);
  for (const CtlInput cmd :
       {CtlInput::kUnreachNet, CtlInput::kUnreachHost, CtlInput::kHostDead}) {
    Icmp(cmd, 1);
  }
  EXPECT_EQ(so.error, kOk);
  EXPECT_EQ(Tcb(so)->softerror, kOk);
  EXPECT_EQ(State(so), TcpState::kEstablished);
}

TEST_F(TcpIcmp, APortUnreachableOnlyExplainsALaterTimeout) {
  Socket& so = Established();
  ASSERT_EQ(Send(so, 10), kOk);
  Icmp(CtlInput::kUnreachPort, 1);
  EXPECT_EQ(so.error, kOk);
  EXPECT_EQ(State(so), TcpState::kEstablished);
  Run(2000s);
  EXPECT_EQ(so.error, kECONNREFUSED);
}

TEST_F(TcpIcmp, WhileConnectingAnErrorIsReportedAfterSeveralTries) {
  Socket& so = Connect();
  Icmp(CtlInput::kUnreachHost, 0);
  EXPECT_EQ(so.error, kOk) << "it may pass";
  Run(48s);  // retransmitted three times
  Icmp(CtlInput::kUnreachHost, 0);
  EXPECT_EQ(so.error, kOk);
  Run(75s);
  EXPECT_EQ(so.error, kEHOSTUNREACH) << "the reason of the timeout";
}

TEST_F(TcpIcmp, AQuoteOfWhatIsNotOutstandingIsIgnored) {  // RFC 5927 4.1
  Socket& so = Established();
  ASSERT_EQ(Send(so, 10), kOk);
  Icmp(CtlInput::kUnreachPort, 0);   // acknowledged
  Icmp(CtlInput::kUnreachPort, 11);  // not sent yet
  Icmp(CtlInput::kUnreachPort, 5000);
  EXPECT_EQ(Tcb(so)->softerror, kOk);
  Icmp(CtlInput::kUnreachPort, 10);
  EXPECT_EQ(Tcb(so)->softerror, kECONNREFUSED);
}

TEST_F(TcpIcmp, NeedFragLowersTheSegmentSizeAndSendsAgain) {  // RFC 1191
  Socket& so = Established("mss 1460");
  ASSERT_EQ(Send(so, 1460), kOk);
  EXPECT_EQ(AllOut(), "P. 1:1461(1460) ack 1 win 16384");
  const uint32_t cwnd = Tcb(so)->snd_cwnd;
  Icmp(CtlInput::kMsgSize, 1, 1000);
  EXPECT_EQ(AllOut(),
            ". 1:961(960) ack 1 win 16384; "
            "P. 961:1461(500) ack 1 win 16384");
  EXPECT_EQ(Tcb(so)->snd_cwnd, cwnd) << "no sign of congestion";
  EXPECT_EQ(ns_.tcpstat.mtulowered, 1u);
}

TEST_F(TcpIcmp, AnMtuThatIsLargerOrAbsurdChangesNothing) {
  Socket& so = Established("mss 1460");
  ASSERT_EQ(Send(so, 1460), kOk);
  AllOut();
  for (const uint32_t mtu : {0u, 1u, 68u, 1500u, 9000u, 0xffffffffu}) {
    Icmp(CtlInput::kMsgSize, 1, mtu);
    EXPECT_EQ(Tcb(so)->maxseg, 1460u) << mtu;
  }
  EXPECT_EQ(AllOut(), "");
}

TEST_F(TcpIcmp, AGuessedNeedFragTeachesTheHostNothing) {  // RFC 5927 7.2
  Socket& so = Established("mss 1460");
  ASSERT_EQ(Send(so, 1460), kOk);
  AllOut();
  NeedFrag(5000, 600);  // a stranger knows the ports and not the numbers
  EXPECT_EQ(PathMtu(), 1500u);
  EXPECT_EQ(ns_.ipstat.pmtu, 0u);
  EXPECT_EQ(Tcb(so)->maxseg, 1460u);
  NeedFrag(1, 1000);
  EXPECT_EQ(PathMtu(), 1000u);
  EXPECT_EQ(Tcb(so)->maxseg, 960u);
}

TEST_F(TcpIcmp, WithoutPathMtuDiscoveryItIsIgnoredAndPacketsMayBeCut) {
  ns_.settings.tcp_mtudisc = 0;
  Socket& so = Established("mss 1460");
  ASSERT_EQ(Send(so, 1460), kOk);
  AllOut();
  NeedFrag(1, 1000);
  EXPECT_EQ(PathMtu(), 1500u);
  EXPECT_EQ(Tcb(so)->maxseg, 1460u);
}

TEST_F(TcpIcmp, WhileConnectingAHardErrorEndsItIfTheSettingSaysSo) {
  struct Row {
    CtlInput cmd;
    bool hard;
  };
  const Row rows[] = {
      {CtlInput::kUnreachPort, true},      {CtlInput::kUnreachProtocol, true},
      {CtlInput::kUnreachAdmin, true},     {CtlInput::kUnreachHost, false},
      {CtlInput::kUnreachNet, false},      {CtlInput::kParamProb, false},
      {CtlInput::kTimxceedInTrans, false},
  };
  for (const bool may_rst : {false, true}) {
    ns_.settings.tcp_icmp_may_rst = may_rst ? 1 : 0;
    for (const Row& row : rows) {
      SCOPED_TRACE(static_cast<int>(row.cmd));
      Socket& so = Connect();
      Icmp(row.cmd, 1);  // beyond our SYN
      EXPECT_EQ(State(so), TcpState::kSynSent);
      Icmp(row.cmd, 0);
      const bool gone = may_rst && row.hard;
      EXPECT_EQ(so.pcb == nullptr, gone);
      EXPECT_EQ(so.error, gone ? kECONNREFUSED : kOk);
      if (!gone) tcp_close(*Tcb(so));
      AllOut();
      Run(1ns);
    }
  }
}

TEST_F(TcpIcmp, NoHardErrorEndsAnEstablishedConnection) {  // RFC 5927 6.2
  ns_.settings.tcp_icmp_may_rst = 1;
  Socket& so = Established();
  ASSERT_EQ(Send(so, 10), kOk);
  Icmp(CtlInput::kUnreachProtocol, 1);
  Icmp(CtlInput::kUnreachAdmin, 1);
  EXPECT_EQ(State(so), TcpState::kEstablished);
  EXPECT_EQ(so.error, kOk);
}

TEST_F(TcpIcmp, SourceQuenchIsIgnored) {  // RFC 6633
  Socket& so = Established();
  ASSERT_EQ(Send(so, 10), kOk);
  const uint32_t cwnd = Tcb(so)->snd_cwnd;
  Icmp(CtlInput::kQuench, 1);
  EXPECT_EQ(Tcb(so)->snd_cwnd, cwnd);
  EXPECT_EQ(Tcb(so)->softerror, kOk);
}

}  // namespace
}  // namespace splnet
