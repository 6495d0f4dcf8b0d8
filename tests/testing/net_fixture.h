// One host with an Ethernet interface whose wire is the test: frames go in as
// bytes, and what the host sends is kept as bytes.
//
// The host is 192.0.2.1/24 on 02:00:00:00:00:01; its neighbour 192.0.2.2 at
// 02:00:00:00:00:02 is in the ARP table for good, and is the default gateway.

#ifndef SPLNET_TESTS_TESTING_NET_FIXTURE_H_
#define SPLNET_TESTS_TESTING_NET_FIXTURE_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

#include "stack/kern/socketvar.h"
#include "stack/net/if_ethersubr.h"
#include "stack/netinet/ip.h"
#include "stack/netinet/ip_icmp.h"
#include "stack/netinet/udp.h"
#include "stack/netstack.h"
#include "tests/testing/recorder.h"

namespace splnet {

using Bytes = std::vector<std::byte>;

// `n` bytes that differ from their neighbours.
Bytes TestBytes(size_t n, unsigned seed = 0);
Bytes operator+(Bytes a, const Bytes& b);
template <typename T>
Bytes BytesOf(const T& value) {
  const auto* const p = reinterpret_cast<const std::byte*>(&value);
  return Bytes(p, p + sizeof value);
}
Bytes ToBytes(const Mbuf& m);
template <typename T>
T ReadAt(const Bytes& bytes, size_t off) {
  T value;
  CHECK(off + sizeof value <= bytes.size());
  std::memcpy(&value, bytes.data() + off, sizeof value);
  return value;
}

inline constexpr EtherAddr kHostEther = {{2, 0, 0, 0, 0, 1}};
inline constexpr EtherAddr kPeerEther = {{2, 0, 0, 0, 0, 2}};
inline constexpr InAddr kHostAddr = InAddr::V4(0xc0000201);
inline constexpr InAddr kPeerAddr = InAddr::V4(0xc0000202);

Bytes EtherFrame(const EtherAddr& dst, const EtherAddr& src, uint16_t type,
                 const Bytes& payload);

// An IPv4 packet; `ip.len`, `ip.sum` and, if zero, `ip.vhl` are filled in.
struct IpArgs {
  InAddr src = kPeerAddr;
  InAddr dst = kHostAddr;
  uint8_t p = kIpProtoUdp;
  uint16_t id = 1;
  uint16_t off = 0;
  uint8_t ttl = 64;
  Bytes options{};
};
Bytes IpPacket(const IpArgs& args, const Bytes& payload);
// Makes the header checksum of a packet right again.
void FixIpSum(Bytes& packet);

// A UDP datagram in IP; the checksum right, or 0 if `sum` is false.
struct UdpArgs {
  Sockaddr from{kPeerAddr, 1000};
  Sockaddr to{kHostAddr, 2000};
  bool sum = true;
  uint16_t ip_id = 1;
};
Bytes UdpSegment(const UdpArgs& args, const Bytes& payload);
Bytes UdpPacket(const UdpArgs& args, const Bytes& payload);

// An ICMP message, its checksum right.
Bytes IcmpMessage(uint8_t type, uint8_t code, uint16_t id, uint16_t seq,
                  const Bytes& data);

// An Ethernet interface that keeps what it sends.
struct FakeNic : Ifnet {
  FakeNic(Netstack& stack, std::string_view name, const EtherAddr& station);
  std::vector<Bytes> sent;  // frames
  bool hold = false;        // the driver sends nothing
};

class NetHost {
 public:
  explicit NetHost(uint64_t seed = 1);
  ~NetHost();

  EventQueue queue;
  Netstack ns;
  FakeNic& nic;
  Recorder seen;  // everything

  // Another interface with an address of its own.
  FakeNic& AddNic(std::string_view name, const EtherAddr& station,
                  const InAddr& addr, uint8_t prefixlen);

  // One frame, or several in one interrupt, received by `nic`.  In an mbuf
  // with a cluster, or in mbufs of `pieces` bytes each if that is not 0.
  void Receive(const Bytes& frame, size_t pieces = 0);
  void ReceiveBurst(std::span<const Bytes> frames);
  // An IP packet in a frame from the neighbour to this host.
  void ReceiveIp(const Bytes& packet, size_t pieces = 0);
  // The same in a broadcast frame.
  void ReceiveIpBroadcast(const Bytes& packet);
  // Virtual time passes.
  void Wait(Nanoseconds time) { queue.RunUntil(queue.now() + time); }

  // What was sent since the last call, without Ethernet headers, ARP apart.
  std::vector<Bytes> SentIp();
  // The same, which must be one packet.
  Bytes SentOne();

  uint64_t dropped(DropReason reason) const { return ns.dropped(reason); }
  SocketPtr UdpSocket();
  SocketPtr RawSocket(int protocol);
  // Closes what a test opened.
  static void Close(SocketPtr& so);
  // An mbuf chain of this host with `bytes`.
  MbufPtr Chain(const Bytes& bytes, size_t pieces = 0, size_t leading = 64);

 private:
  struct RxLine {
    Interrupt line;
    FakeNic* nic = nullptr;
    MbufList frames;
  };
  MbufPtr Frame(const Bytes& bytes, size_t pieces);
  void Interrupted();

  RxLine rx_;
};

// What the program would receive from `so`: one datagram, and its source.
// Nothing there gives an empty one of family kUnspec.
struct Received {
  Sockaddr from;
  Bytes data;
  Bytes control;
};
Received TakeDatagram(Socket& so);

}  // namespace splnet

#endif  // SPLNET_TESTS_TESTING_NET_FIXTURE_H_
