// ICMP: the messages on the wire and their handling.  RFC 792, RFC 1122
// section 3.2.2, RFC 1191.

#ifndef SPLNET_STACK_NETINET_IP_ICMP_H_
#define SPLNET_STACK_NETINET_IP_ICMP_H_

#include <chrono>
#include <cstdint>
#include <deque>

#include "stack/kern/endian.h"
#include "stack/kern/mbuf.h"
#include "stack/kern/protosw.h"
#include "stack/kern/time.h"
#include "stack/kern/timeout.h"

namespace splnet {

struct Netstack;

struct IcmpHeader {
  uint8_t type = 0;
  uint8_t code = 0;
  Be16 sum;
  Be16 id;   // echo: identifier; unreachable: unused
  Be16 seq;  // echo: sequence number; unreachable with code 4: next hop's MTU
};
static_assert(sizeof(IcmpHeader) == 8 && alignof(IcmpHeader) == 1);

inline constexpr uint8_t kIcmpEchoReply = 0;
inline constexpr uint8_t kIcmpUnreach = 3;
inline constexpr uint8_t kIcmpSourceQuench = 4;
inline constexpr uint8_t kIcmpRedirect = 5;
inline constexpr uint8_t kIcmpEcho = 8;
inline constexpr uint8_t kIcmpTimxceed = 11;
inline constexpr uint8_t kIcmpParamProb = 12;
inline constexpr uint8_t kIcmpTstamp = 13;
inline constexpr uint8_t kIcmpTstampReply = 14;

// Codes of kIcmpTimxceed.
inline constexpr uint8_t kIcmpTimxceedInTrans = 0;
inline constexpr uint8_t kIcmpTimxceedReass = 1;

// Codes of kIcmpUnreach.
enum class IcmpUnreach : uint8_t {
  kNet = 0,
  kHost = 1,
  kProtocol = 2,
  kPort = 3,
  kNeedFrag = 4,
  kSrcFail = 5,
};

struct IcmpStat {
  uint64_t ipackets = 0;
  uint64_t echo = 0;       // requests answered
  uint64_t timestamp = 0;  // timestamp requests answered
  uint64_t errors = 0;     // icmp_error() calls
  uint64_t oerrors = 0;    // ICMP errors sent
  uint64_t oldicmp = 0;    // errors not sent: about an error, a fragment
  uint64_t badaddr = 0;    // errors not sent: about a broadcast or the like
  uint64_t ratelimited = 0;
  uint64_t reflect = 0;    // requests answered
  uint64_t redirects = 0;  // received, and ignored
  uint64_t badquote = 0;   // errors received that quote no packet of ours
  uint64_t ierrors = 0;    // errors received and told to a protocol
};

// Counts the errors sent in the second that is under way: icmp_ratelimit.
struct IcmpRateLimit {
  int64_t second = -1;
  int64_t sent = 0;
};

// Path MTUs learnt from "fragmentation needed": host routes that are forgotten
// after ten minutes (RFC 1191 section 6.3), at most kMax at a time.
class PathMtuTable {
 public:
  static constexpr size_t kMax = 1024;
  static constexpr uint32_t kLeast = 552;  // what a message may shrink it to
  static constexpr Nanoseconds kLifetime = std::chrono::seconds(600);

  explicit PathMtuTable(Netstack& ns);

  // Packets to `dst` are to be no longer than `mtu_bytes`; 0 picks the next
  // common size below the present one.  The MTU now in force; 0 if there is no
  // route or no room.
  uint32_t Learn(const InAddr& dst, uint32_t mtu_bytes, uint32_t quoted_len);

 private:
  struct Learnt {
    SimTime until;
    InAddr dst;
  };
  static void Expire(void* self);

  Netstack& ns_;
  std::deque<Learnt> learnt_;  // oldest first
  Timeout timer_;
};

// Handles one ICMP message.  `off` is where its header begins.  Echo and
// timestamp requests are answered, errors told to the protocol that they are
// about, redirects counted and ignored (a host takes its routes from whoever
// runs it); raw sockets get a copy of all but requests.
void icmp_input(Netstack& ns, MbufPtr m, size_t off);

// Drops `m`, a received packet with its IP header in front, and tells its
// sender, unless RFC 1122 section 3.2.2 forbids it or the limit is reached.
// `mtu_bytes` is for kNeedFrag.
void icmp_error(Netstack& ns, MbufPtr m, IcmpUnreach code,
                uint32_t mtu_bytes = 0);
// The same for any type.  `arg` is the MTU of kNeedFrag, or the byte of the
// header at which kIcmpParamProb points.
void icmp_error(Netstack& ns, MbufPtr m, uint8_t type, uint8_t code,
                uint32_t arg);

extern const Protosw kIcmpProtosw;

}  // namespace splnet

#endif  // SPLNET_STACK_NETINET_IP_ICMP_H_
