// Protocol control blocks: naming rules and lookup.

#include "stack/netinet/in_pcb.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/testing/net_fixture.h"

namespace splnet {
namespace {

InAddr A(const char* text) { return *ParseAddr(text); }
constexpr InAddr kOther = InAddr::V4(0xc0000263);  // 192.0.2.99
constexpr InAddr kGroup = InAddr::V4(0xef010203);  // 239.1.2.3

// Sockets of one host, closed at the end.
class InPcb : public ::testing::Test {
 protected:
  ~InPcb() override {
    for (SocketPtr& so : sockets_) NetHost::Close(so);
  }
  Inpcb& Pcb(int options = 0) {
    sockets_.push_back(host_.UdpSocket());
    sockets_.back()->options = options;
    return *sotoinpcb(*sockets_.back());
  }
  // A pcb that is bound, which must succeed.
  Inpcb& Bound(const InAddr& addr, uint16_t port, int options = 0) {
    Inpcb& inp = Pcb(options);
    EXPECT_EQ(in_pcbbind(inp, Sockaddr(addr, port)), kOk);
    return inp;
  }
  InpcbTable& table() { return host_.ns.udbtable; }

  NetHost host_;
  std::vector<SocketPtr> sockets_;
};

using InPcbBind = InPcb;
using InPcbConnect = InPcb;
using InPcbLookup = InPcb;

TEST_F(InPcbBind, KeepsConflictsApartByTheRulesOfBsd) {
  constexpr int kAddr = kSO_REUSEADDR;
  constexpr int kPort = kSO_REUSEPORT;
  const struct {
    InAddr first;
    int first_options;
    InAddr second;
    int second_options;
    Errno want;
  } kRows[] = {
      {kHostAddr, 0, kHostAddr, 0, kEADDRINUSE},
      {kInaddrAny, 0, kHostAddr, 0, kEADDRINUSE},
      {kHostAddr, 0, kInaddrAny, 0, kEADDRINUSE},
      {kInaddrAny, 0, kInaddrAny, 0, kEADDRINUSE},
      {kHostAddr, 0, kInaddrLoopback, 0, kOk},
      {kInaddrAny, kAddr, kHostAddr, kAddr, kOk},
      {kHostAddr, 0, kInaddrAny, kAddr, kOk},
      {kHostAddr, kAddr, kHostAddr, kAddr, kEADDRINUSE},
      {kHostAddr, kPort, kHostAddr, kPort, kOk},
      {kHostAddr, 0, kHostAddr, kPort, kEADDRINUSE},
      {kHostAddr, kPort, kHostAddr, 0, kEADDRINUSE},
      {kInaddrAny, kPort, kHostAddr, 0, kEADDRINUSE},
      {kGroup, kAddr, kGroup, kAddr, kOk},
      {kGroup, 0, kGroup, kAddr, kEADDRINUSE},
  };
  ASSERT_EQ(if_addaddr(host_.nic, A("10.0.0.1"), 8), kOk);
  host_.ns.local_addrs.Add(kInaddrLoopback, 1, LocalAddrTable::Kind::kUnicast);
  uint16_t port = 100;
  for (const auto& row : kRows) {
    ++port;
    Bound(row.first, port, row.first_options);
    EXPECT_EQ(in_pcbbind(Pcb(row.second_options), Sockaddr(row.second, port)),
              row.want)
        << "row " << port - 101;
  }
}

TEST_F(InPcbBind, AConnectedPortMayBeBoundWithReuseAddr) {
  Inpcb& inp = Bound(kHostAddr, 80);
  ASSERT_EQ(in_pcbconnect(inp, Sockaddr(kPeerAddr, 1)), kOk);
  EXPECT_EQ(in_pcbbind(Pcb(), Sockaddr(kInaddrAny, 80)), kEADDRINUSE);
  EXPECT_EQ(in_pcbbind(Pcb(kSO_REUSEADDR), Sockaddr(kInaddrAny, 80)), kOk);
}

TEST_F(InPcbBind, RefusesAddressesThatAreNotOurs) {
  EXPECT_EQ(in_pcbbind(Pcb(), Sockaddr(kOther, 80)), kEADDRNOTAVAIL);
  EXPECT_EQ(in_pcbbind(Pcb(), Sockaddr(InAddr(), 80)), kEAFNOSUPPORT);
  EXPECT_EQ(in_pcbbind(Pcb(), Sockaddr(A("192.0.2.255"), 80)), kOk);
  EXPECT_EQ(in_pcbbind(Pcb(), Sockaddr(kInaddrBroadcast, 81)), kOk);
  EXPECT_EQ(in_pcbbind(Pcb(), Sockaddr(kGroup, 82)), kOk);
}

TEST_F(InPcbBind, BindsOnce) {
  EXPECT_EQ(in_pcbbind(Bound(kHostAddr, 80), Sockaddr(kHostAddr, 81)), kEINVAL);
}

TEST_F(InPcbBind, PicksEachEphemeralPortOnceThenNone) {
  host_.ns.settings.ip_porthifirst = 50000;
  host_.ns.settings.ip_porthilast = 50099;
  std::set<uint16_t> ports;
  for (int i = 0; i < 100; ++i) {
    const Inpcb& inp = Bound(kInaddrAny, 0);
    EXPECT_GE(inp.laddr.port, 50000);
    EXPECT_LE(inp.laddr.port, 50099);
    EXPECT_NE(inp.flags & kInpAnonPort, 0u);
    ports.insert(inp.laddr.port);
  }
  EXPECT_EQ(ports.size(), 100u);
  EXPECT_EQ(in_pcbbind(Pcb(), Sockaddr(kInaddrAny, 0)), kEADDRNOTAVAIL);
}

TEST_F(InPcbBind, EphemeralPortsDependOnTheSeedAlone) {
  const auto ports = [](uint64_t seed) {
    NetHost host(seed);
    std::vector<uint16_t> out;
    std::vector<SocketPtr> all;
    for (int i = 0; i < 10; ++i) {
      all.push_back(host.UdpSocket());
      EXPECT_EQ(in_pcbbind(*sotoinpcb(*all.back()), Sockaddr(kInaddrAny, 0)),
                kOk);
      out.push_back(sotoinpcb(*all.back())->laddr.port);
    }
    for (SocketPtr& so : all) NetHost::Close(so);
    return out;
  };
  EXPECT_EQ(ports(3), ports(3));
  EXPECT_NE(ports(3), ports(4));
}

TEST_F(InPcbConnect, PicksAddressByRouteAndAPort) {
  Inpcb& inp = Pcb();
  ASSERT_EQ(in_pcbconnect(inp, Sockaddr(A("198.51.100.1"), 53)), kOk);
  EXPECT_EQ(inp.laddr.addr, kHostAddr);
  EXPECT_GE(inp.laddr.port, 49152);
  EXPECT_EQ(inp.faddr, Sockaddr(A("198.51.100.1"), 53));
}

TEST_F(InPcbConnect, RefusesWhatCannotBe) {
  EXPECT_EQ(in_pcbconnect(Pcb(), Sockaddr(kPeerAddr, 0)), kEADDRNOTAVAIL);
  EXPECT_EQ(in_pcbconnect(Pcb(), Sockaddr(InAddr(), 1)), kEAFNOSUPPORT);
  ASSERT_EQ(host_.ns.routes.Delete(kInaddrAny, 0), kOk);
  EXPECT_EQ(in_pcbconnect(Pcb(), Sockaddr(A("10.0.0.1"), 1)), kENETUNREACH);
}

TEST_F(InPcbConnect, KeepsEachFourTupleOnce) {
  Inpcb& first = Bound(kHostAddr, 80, kSO_REUSEPORT);
  Inpcb& second = Bound(kHostAddr, 80, kSO_REUSEPORT);
  ASSERT_EQ(in_pcbconnect(first, Sockaddr(kPeerAddr, 9)), kOk);
  EXPECT_EQ(in_pcbconnect(second, Sockaddr(kPeerAddr, 9)), kEADDRINUSE);
  EXPECT_EQ(in_pcbconnect(second, Sockaddr(kPeerAddr, 10)), kOk);
}

TEST_F(InPcbConnect, AddressZeroIsThisHost) {
  Inpcb& inp = Pcb();
  ASSERT_EQ(in_pcbconnect(inp, Sockaddr(kInaddrAny, 9)), kOk);
  EXPECT_EQ(inp.faddr.addr, kHostAddr);
}

TEST_F(InPcbLookup, ThePeerThenTheAddressThenTheWildcard) {
  const Sockaddr peer(kPeerAddr, 9);
  const Sockaddr to(kHostAddr, 80);
  Inpcb& any = Bound(kInaddrAny, 80, kSO_REUSEADDR);
  EXPECT_EQ(in_pcblookup(table(), peer, to), &any);
  Inpcb& exact = Bound(kHostAddr, 80, kSO_REUSEPORT);
  EXPECT_EQ(in_pcblookup(table(), peer, to), &exact);
  Inpcb& connected = Bound(kHostAddr, 80, kSO_REUSEPORT);
  ASSERT_EQ(in_pcbconnect(connected, peer), kOk);
  EXPECT_EQ(in_pcblookup(table(), peer, to), &connected);
  EXPECT_EQ(in_pcblookup(table(), Sockaddr(kPeerAddr, 10), to), &exact);
  EXPECT_EQ(in_pcblookup(table(), peer, Sockaddr(kOther, 80)), &any);
  EXPECT_EQ(in_pcblookup(table(), peer, Sockaddr(kHostAddr, 81)), nullptr);
  EXPECT_EQ(in_pcblookup_local(table(), to), &exact);
  in_pcbdisconnect(connected);
  EXPECT_EQ(in_pcblookup_exact(table(), peer, to), nullptr);
}

TEST_F(InPcbLookup, FindsEachOfManyConnectionsAndTheirListener) {
  Inpcb& listener = Bound(kHostAddr, 80, kSO_REUSEPORT);
  std::vector<Inpcb*> all;
  constexpr uint32_t kMany = 20000;
  for (uint32_t i = 0; i < kMany; ++i) {
    Inpcb& inp = Pcb(kSO_REUSEPORT);
    inp.laddr = Sockaddr(kHostAddr, 80);
    inp.faddr = Sockaddr(InAddr::V4(0x0a000000 + i % 100),
                         static_cast<uint16_t>(1000 + i / 100));
    in_pcbrehash(inp);
    all.push_back(&inp);
  }
  EXPECT_EQ(table().count(), kMany + 1);
  for (const Inpcb* inp : all) {
    ASSERT_EQ(in_pcblookup_exact(table(), inp->faddr, inp->laddr), inp);
  }
  EXPECT_EQ(in_pcblookup(table(), Sockaddr(kOther, 5), listener.laddr),
            &listener);
  // Out of order, so that chains are mended in the middle.
  for (uint32_t i = 0; i < kMany; i += 2) in_pcbdetach(*all[i]);
  for (uint32_t i = 1; i < kMany; i += 2) {
    ASSERT_EQ(in_pcblookup_exact(table(), all[i]->faddr, all[i]->laddr),
              all[i]);
  }
  EXPECT_EQ(table().count(), kMany / 2 + 1);
}

TEST_F(InPcbLookup, TheListKeepsTheOrderOfAge) {
  std::vector<Inpcb*> want;
  for (int i = 0; i < 300; ++i) want.push_back(&Pcb());
  in_pcbdetach(*want[100]);
  want.erase(want.begin() + 100);
  std::vector<Inpcb*> got;
  for (Inpcb* p = table().first(); p != nullptr; p = p->list_next) {
    got.push_back(p);
  }
  EXPECT_EQ(got, want);
}

TEST_F(InPcb, ADetachedOneIsFreedWhenTheEventEnds) {
  Inpcb& inp = Bound(kHostAddr, 80);
  Socket& so = *inp.so;
  const uint32_t refs = so.refs;
  in_pcbdetach(inp);
  EXPECT_TRUE(inp.detached);
  EXPECT_EQ(so.pcb, nullptr);
  EXPECT_EQ(so.refs, refs);
  in_pcbdetach(inp);  // once is enough
  host_.Wait(Nanoseconds(0));
  EXPECT_EQ(so.refs, refs - 1);
  EXPECT_EQ(in_pcblookup_local(table(), Sockaddr(kHostAddr, 80)), nullptr);
}

TEST_F(InPcb, NotifyAllTellsThoseWhoAreConnectedThere) {
  const auto notify = [](Inpcb& inp, Errno error) { inp.so->error = error; };
  Inpcb& there = Pcb();
  Inpcb& port = Pcb();
  Inpcb& elsewhere = Pcb();
  Inpcb& unconnected = Pcb();
  ASSERT_EQ(in_pcbconnect(there, Sockaddr(kPeerAddr, 9)), kOk);
  ASSERT_EQ(in_pcbconnect(port, Sockaddr(kPeerAddr, 10)), kOk);
  ASSERT_EQ(in_pcbconnect(elsewhere, Sockaddr(kOther, 9)), kOk);
  in_pcbnotifyall(table(), Sockaddr(kPeerAddr, 9), kEHOSTDOWN, notify);
  EXPECT_EQ(there.so->error, kEHOSTDOWN);
  EXPECT_EQ(port.so->error, kOk);
  in_pcbnotifyall(table(), Sockaddr(kPeerAddr, 0), kEHOSTUNREACH, notify);
  EXPECT_EQ(there.so->error, kEHOSTUNREACH);
  EXPECT_EQ(port.so->error, kEHOSTUNREACH);
  EXPECT_EQ(elsewhere.so->error, kOk);
  EXPECT_EQ(unconnected.so->error, kOk);
}

TEST_F(InPcb, LeftoversGoWithTheHost) {
  Bound(kHostAddr, 80);
  sockets_.clear();  // nobody closed it
  EXPECT_EQ(host_.ns.sockets_in_use, 1u);
}

}  // namespace
}  // namespace splnet
