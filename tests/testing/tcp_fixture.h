// One host with one interface and, behind it, a peer made by hand: segments
// are given and shown in one line each, in the notation of packetdrill.
//
//   "S. 0:0(0) ack 1 win 16384 <mss 1460,nop,wscale 6>"
//
// An ECN field in brackets if there is one ("[ect0]", "[ce]"), flags (S F R P U
// E W and "." for ACK), the range of sequence numbers and the
// number of data bytes, then what applies.  Each side's sequence numbers count
// from its SYN, which is 0; windows are as in the header.  Data bytes follow a
// pattern of their place in the stream, which the fixture checks on both sides.

#ifndef SPLNET_TESTS_TESTING_TCP_FIXTURE_H_
#define SPLNET_TESTS_TESTING_TCP_FIXTURE_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "stack/kern/socketvar.h"
#include "stack/netinet/in_pcb.h"
#include "stack/netinet/tcp_var.h"
#include "stack/netstack.h"
#include "tests/testing/recorder.h"

namespace splnet {

class TcpFixture : public ::testing::Test {
 public:
  static constexpr uint32_t kLocal = 0x0a000001;
  static constexpr uint32_t kRemote = 0x0a000002;
  static constexpr uint16_t kPort = 80;
  static constexpr uint16_t kPeerPort = 40000;
  static constexpr uint32_t kIss = 0xfffff000;  // ours: wraps soon
  static constexpr uint32_t kPeerIss = 7000;

 protected:
  TcpFixture();
  ~TcpFixture() override;

  // ------------------------------------------------------------ the peer's end
  // A segment arrives.
  void In(std::string_view line);
  // The same from another port of the peer.
  void InFrom(uint16_t port, std::string_view line);
  // The oldest segment sent that was not looked at; "" if there is none.
  std::string Out();
  // All of them, joined with "; ".
  std::string AllOut();
  // When the segment that Out() last gave was sent, from the start.
  Nanoseconds out_time() const { return out_time_; }
  uint16_t out_port() const { return out_port_; }
  // An ICMP error that quotes our segment of relative sequence `seq`.
  void Icmp(CtlInput cmd, uint32_t seq, uint32_t mtu_bytes = 0);

  // ---------------------------------------------------------------- our end
  Socket& NewSocket();
  Socket& Listen(int backlog = 5);
  // Connects from kPort; the SYN is in Out().
  Socket& Connect();
  // The next connection of the listener; null if there is none.
  Socket* Accept(Socket& listener);
  // An established connection, opened by us or by a SYN with `options`;
  // nothing is left in Out().
  Socket& Established(std::string_view syn_options = "mss 1460",
                      int peer_window = 65535);
  Socket& EstablishedActive(std::string_view syn_ack_options = "mss 1460",
                            int peer_window = 65535);
  // Brings a connection into `state`, by the shortest way.
  Socket& InState(TcpState state);

  Errno Send(Socket& so, size_t n);
  // Reads up to `n` bytes, checks them, and returns how many there were.
  size_t Read(Socket& so, size_t n = SIZE_MAX);
  void Close(Socket& so);
  // Lets the connection go on without the fixture's reference.
  void Forget(Socket& so);
  static Tcpcb* Tcb(const Socket& so);
  static TcpState State(const Socket& so);

  void Run(Nanoseconds time);
  void RunUntil(Nanoseconds from_start);
  // How often a packet met `fate`, resp. was dropped, since the start.
  size_t Fates(Fate fate) const { return recorder_.Count(fate); }
  size_t Drops(DropReason reason) const { return recorder_.Count(reason); }

  EventQueue queue_;
  Netstack ns_;
  Recorder recorder_;

 private:
  struct Sent {
    Nanoseconds at;
    uint16_t port = 0;
    std::string text;
  };
  struct Nic;

  void Record(MbufPtr m);

  Ifnet* nic_ = nullptr;
  std::deque<Sent> sent_;
  Nanoseconds out_time_{0};
  uint16_t out_port_ = 0;
  std::vector<SocketPtr> sockets_;
  // Bytes of the stream that each socket was given, resp. has read.
  struct Place {
    Socket* so;
    uint64_t sent = 0;
    uint64_t read = 0;
  };
  Place& PlaceOf(Socket& so);
  std::deque<Place> places_;
};

}  // namespace splnet

#endif  // SPLNET_TESTS_TESTING_TCP_FIXTURE_H_
