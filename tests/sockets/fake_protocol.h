// Protocols for testing sockets without a network: a stream and a datagram
// protocol whose sockets reach one another directly, on one host.

#ifndef SPLNET_TESTS_SOCKETS_FAKE_PROTOCOL_H_
#define SPLNET_TESTS_SOCKETS_FAKE_PROTOCOL_H_

#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "sockets/uipc_socket.h"
#include "stack/netstack.h"

namespace splnet {

class FakeNet;

// The protocol's end of a socket.
struct FakePcb {
  explicit FakePcb(Socket& socket) : so(&socket) {}

  SocketPtr so;
  FakePcb* peer = nullptr;
  Sockaddr local;
  Sockaddr remote;
  bool fin = false;  // after what so.snd holds
};

struct FakeProtosw : Protosw {
  FakeNet* net = nullptr;
};

class FakeNet {
 public:
  explicit FakeNet(Netstack& ns);
  FakeNet(const FakeNet&) = delete;
  FakeNet& operator=(const FakeNet&) = delete;

  SocketPtr Stream();
  SocketPtr Datagram();
  // Two connected streams.
  std::pair<SocketPtr, SocketPtr> Pair();

  static FakePcb& PcbOf(const Socket& so) {
    return *static_cast<FakePcb*>(so.pcb);
  }
  // Streams: moves what `pcb` has queued to its peer, as far as there is room.
  static void Move(FakePcb& pcb);
  // The connection of `pcb` ends: what its peer reads then is `error`.
  static void Break(FakePcb& pcb, Errno error);
  // What close waits for, with `holds_close`.
  static void FinishClose(Socket& so);

  Nanoseconds connect_delay{0};  // connecting takes so long
  bool holds_close = false;      // disconnecting waits for FinishClose()
  bool holds_data = false;       // sent bytes stay in the send buffer
  uint32_t sends = 0;            // calls of Protosw::send
  uint32_t oob_sends = 0;
  uint32_t rcvds = 0;
  Errno send_error = kOk;                // what Protosw::send gives
  std::vector<uint32_t> first_headroom;  // in front of each packet sent
  std::vector<bool> more_to_come;        // kSsIsSending at each send
  int dontroute_sends = 0;

 private:
  friend struct FakeRequests;
  struct Connecting {
    Connecting(FakeNet& owner, Socket& socket, const Sockaddr& where);
    FakeNet& net;
    SocketPtr so;
    Sockaddr to;
    Timeout timer;
  };
  void Establish(Socket& so, const Sockaddr& to);

  Netstack& ns_;
  FakeProtosw stream_;
  FakeProtosw datagram_;
  std::map<uint16_t, FakePcb*> streams_;    // bound, by port
  std::map<uint16_t, FakePcb*> datagrams_;  // likewise
  std::vector<std::unique_ptr<Connecting>> connecting_;
  uint16_t next_port_ = 50000;
};

}  // namespace splnet

#endif  // SPLNET_TESTS_SOCKETS_FAKE_PROTOCOL_H_
