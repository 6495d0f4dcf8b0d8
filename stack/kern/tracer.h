// The observer: what the stack tells, as plain values, to whoever looks.
//
// A host has one observer pointer and a mask of what it wants.  With the mask
// empty an event costs a predictable branch; nothing is formatted, measured or
// allocated before an observer is there.

#ifndef SPLNET_STACK_KERN_TRACER_H_
#define SPLNET_STACK_KERN_TRACER_H_

#include <cstdint>

#include "stack/kern/cpu.h"
#include "stack/kern/drop.h"
#include "stack/kern/time.h"

namespace splnet {

struct Mbuf;
struct Socket;

// The functions and queues of the packet path, under the names that a trace
// prints.
#define SPLNET_FN_TABLE(X)                \
  X(kRing, "NIC ring")                    \
  X(kDriverInterrupt, "driver interrupt") \
  X(kIfInput, "if_input")                 \
  X(kEtherInput, "ether_input")           \
  X(kArpintrq, "arpintrq")                \
  X(kArpintr, "arpintr")                  \
  X(kArpinput, "arpinput")                \
  X(kIpintrq, "ipintrq")                  \
  X(kIpintr, "ipintr")                    \
  X(kIp6intrq, "ip6intrq")                \
  X(kIp6intr, "ip6intr")                  \
  X(kIpInput, "ip_input")                 \
  X(kIpReass, "ip_reass")                 \
  X(kIpForward, "ip_forward")             \
  X(kTcpInput, "tcp_input")               \
  X(kTcpReass, "tcp_reass")               \
  X(kUdpInput, "udp_input")               \
  X(kIcmpInput, "icmp_input")             \
  X(kRipInput, "rip_input")               \
  X(kSbappendstream, "sbappendstream")    \
  X(kSbappendaddr, "sbappendaddr")        \
  X(kSorwakeup, "sorwakeup")              \
  X(kSowwakeup, "sowwakeup")              \
  X(kSomove, "somove")                    \
  X(kWakeup, "wakeup")                    \
  X(kSoreceive, "soreceive")              \
  X(kUiomove, "uiomove")                  \
  X(kCopyout, "copyout")                  \
  X(kSosend, "sosend")                    \
  X(kCopyin, "copyin")                    \
  X(kTcpSend, "tcp_send")                 \
  X(kTcpOutput, "tcp_output")             \
  X(kTcpRespond, "tcp_respond")           \
  X(kUdpSend, "udp_send")                 \
  X(kUdpOutput, "udp_output")             \
  X(kRipSend, "rip_send")                 \
  X(kRipOutput, "rip_output")             \
  X(kIcmpReflect, "icmp_reflect")         \
  X(kIcmpError, "icmp_error")             \
  X(kIcmpSend, "icmp_send")               \
  X(kIpOutput, "ip_output")               \
  X(kIpFragment, "ip_fragment")           \
  X(kEtherOutput, "ether_output")         \
  X(kArpresolve, "arpresolve")            \
  X(kArprequest, "arprequest")            \
  X(kIfSnd, "if_snd")                     \
  X(kIfStart, "if_start")                 \
  X(kTxRing, "NIC ring")                  \
  X(kLink, "link")

enum class Fn : uint8_t {
#define SPLNET_FN_ENUMERATOR(name, text) name,
  SPLNET_FN_TABLE(SPLNET_FN_ENUMERATOR)
#undef SPLNET_FN_ENUMERATOR
};
const char* FnName(Fn fn);

// What became of a received packet, apart from being dropped.
enum class Fate : uint8_t {
  kDelivered,    // its bytes were appended to a socket buffer
  kConsumed,     // the stack used it up: an ACK, ARP, an ICMP error
  kQueued,       // it waits: out of order, or a fragment
  kDuplicate,    // all its bytes had been received before
  kOutOfWindow,  // outside the receive window
  kForwarded,    // sent on towards its destination
};
const char* FateName(Fate fate);

enum class TraceKind : uint8_t {
  kPath,     // a function of the path was entered
  kFate,     // a received packet met its fate
  kDrop,     // a packet was dropped
  kSegment,  // a TCP segment was built
};

// Tracer::mask bits, one a kind.
inline constexpr uint32_t kTracePath = 1;
inline constexpr uint32_t kTraceFate = 2;
inline constexpr uint32_t kTraceDrop = 4;
inline constexpr uint32_t kTraceSegment = 8;

struct TraceEvent {
  SimTime time{};
  uint32_t host = 0;
  Context context = Context::kIdle;
  TraceKind kind = TraceKind::kPath;
  Fn fn = Fn::kRing;                        // kPath
  Fate fate = Fate::kDelivered;             // kFate
  DropReason reason = DropReason::kIfDown;  // kDrop
  uint64_t packet = 0;  // PktHdr::id; 0 where no packet is known
  uint64_t socket = 0;  // Socket::id; 0 where none
  uint32_t len = 0;     // bytes of the chain, or moved, or delivered
  uint16_t mbufs = 0;   // the chain's shape
  uint16_t clusters = 0;
  uint64_t stream_begin = 0;  // kSegment: bytes of the stream that it carries,
  uint64_t stream_end = 0;    // counted from 0 for the first byte ever sent
  bool retransmission = false;  // kSegment: some of them were sent before
  const Mbuf* m = nullptr;      // the packet itself, during the call only
};

class Observer {
 public:
  virtual ~Observer() = default;
  virtual void OnEvent(const TraceEvent& event) = 0;
};

// A host's tracer.
class Tracer {
 public:
  Tracer(const Cpu& cpu, uint32_t host) : cpu_(cpu), host_(host) {}

  // `observer` outlives the tracer or is replaced by null.
  void Set(Observer* observer, uint32_t mask) {
    observer_ = observer;
    mask_ = observer == nullptr ? 0 : mask;
  }
  bool wants(uint32_t bit) const { return (mask_ & bit) != 0; }

  // A function of the path is entered with packet `m`.
  void Enter(Fn fn, const Mbuf& m) {
    if (wants(kTracePath)) [[unlikely]]
      EmitPath(fn, &m, nullptr, 0);
  }
  // The same where a socket or byte count says more than a packet.  Any of
  // `m` and `so` may be null.
  void Enter(Fn fn, const Mbuf* m, const Socket* so, size_t len) {
    if (wants(kTracePath)) [[unlikely]]
      EmitPath(fn, m, so, len);
  }
  // `len` bytes of packet `id` met `fate`.
  void Met(Fate fate, uint64_t id, const Socket* so, size_t len) {
    if (wants(kTraceFate)) [[unlikely]]
      EmitFate(fate, id, so, len);
  }
  void Dropped(DropReason reason, const Mbuf& m) {
    if (wants(kTraceDrop)) [[unlikely]]
      EmitDrop(reason, m);
  }
  // The same for a packet that is gone already.
  void Dropped(DropReason reason, uint64_t id) {
    if (wants(kTraceDrop)) [[unlikely]]
      EmitLost(reason, id);
  }
  // A segment `m` with stream bytes [begin, end) of `so` was built.
  void Segment(const Mbuf& m, const Socket* so, uint64_t begin, uint64_t end,
               bool retransmission) {
    if (wants(kTraceSegment)) [[unlikely]] {
      EmitSegment(m, so, begin, end, retransmission);
    }
  }

 private:
  TraceEvent Begin(TraceKind kind, const Mbuf* m, const Socket* so) const;
  void EmitPath(Fn fn, const Mbuf* m, const Socket* so, size_t len);
  void EmitFate(Fate fate, uint64_t id, const Socket* so, size_t len);
  void EmitDrop(DropReason reason, const Mbuf& m);
  void EmitLost(DropReason reason, uint64_t id);
  void EmitSegment(const Mbuf& m, const Socket* so, uint64_t begin,
                   uint64_t end, bool retransmission);

  Observer* observer_ = nullptr;
  uint32_t mask_ = 0;
  const Cpu& cpu_;
  uint32_t host_;
};

}  // namespace splnet

#endif  // SPLNET_STACK_KERN_TRACER_H_
