// How a layer finds the one above, and a socket its protocol: struct protosw.
//
// Tables of these are filled in stack/netstack.cc.

#ifndef SPLNET_STACK_KERN_PROTOSW_H_
#define SPLNET_STACK_KERN_PROTOSW_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "stack/kern/errno.h"
#include "stack/kern/mbuf.h"
#include "stack/kern/sockaddr.h"

namespace splnet {

struct Netstack;
struct Socket;

enum class SocketType : uint8_t {
  kStream = 1,  // SOCK_STREAM
  kDgram = 2,   // SOCK_DGRAM
  kRaw = 3,     // SOCK_RAW
};

inline constexpr int kIpprotoIp = 0;
inline constexpr int kIpprotoIcmp = 1;
inline constexpr int kIpprotoTcp = 6;
inline constexpr int kIpprotoUdp = 17;
inline constexpr int kIpprotoRaw = 255;

// Protosw::flags.
inline constexpr uint16_t kPrAtomic = 0x01;        // exchange whole messages
inline constexpr uint16_t kPrAddr = 0x02;          // addresses with messages
inline constexpr uint16_t kPrConnRequired = 0x04;  // connection needed to send
inline constexpr uint16_t kPrWantRcvd = 0x08;      // pru_rcvd after reading
inline constexpr uint16_t kPrSplice = 0x10;        // can be spliced
inline constexpr uint16_t kPrAbrtAcptDis = 0x20;   // accept of a dead one fails

// What an ICMP error means to a transport: PRC_*.
enum class CtlInput : uint8_t {
  kMsgSize,   // too big for the path; arg is the next hop's MTU
  kHostDead,  // host unreachable by the link
  kQuench,
  kUnreachNet,
  kUnreachHost,
  kUnreachProtocol,
  kUnreachPort,
  kUnreachNeedFrag,
  kUnreachSrcFail,
  kUnreachAdmin,
  kTimxceedInTrans,
  kTimxceedReass,
  kParamProb,
};
// The errno that it becomes: inetctlerrmap.  kOk where none.
Errno ctlerrno(CtlInput cmd);

// The packet that an ICMP error is about, as quoted in it.
struct CtlQuote {
  Sockaddr src, dst;  // as sent: src is ours
  uint8_t protocol = 0;
  uint32_t mtu = 0;                      // for kMsgSize
  std::span<const std::byte> transport;  // at least 8 bytes of its header
};

// What getsockopt gives.
struct SockoptValue {
  std::byte bytes[384];  // the first `len` are
  size_t len = 0;
};

struct Protosw {
  SocketType type = SocketType::kStream;
  Family family = Family::kInet;
  int protocol = 0;
  uint16_t flags = 0;

  // From below.  `off` is where this protocol's header begins in `m`, which
  // still has its IP header in front.
  void (*input)(Netstack& ns, MbufPtr m, size_t off) = nullptr;
  void (*ctlinput)(Netstack& ns, CtlInput cmd, const CtlQuote& quote) = nullptr;

  // From above: user requests, pru_*.  Null where the protocol has none
  // (kEOPNOTSUPP).  A chain given is consumed on every path.
  Errno (*attach)(Socket& so, int protocol) = nullptr;
  void (*detach)(Socket& so) = nullptr;
  Errno (*bind)(Socket& so, const Sockaddr& nam) = nullptr;
  Errno (*listen)(Socket& so) = nullptr;
  Errno (*connect)(Socket& so, const Sockaddr& nam) = nullptr;
  Errno (*accept)(Socket& so, Sockaddr* nam) = nullptr;
  Errno (*disconnect)(Socket& so) = nullptr;
  Errno (*shutdown)(Socket& so) = nullptr;
  void (*rcvd)(Socket& so) = nullptr;
  // `to` is null for a connected destination.
  Errno (*send)(Socket& so, MbufPtr m, const Sockaddr* to,
                MbufPtr control) = nullptr;
  Errno (*sendoob)(Socket& so, MbufPtr m, const Sockaddr* to,
                   MbufPtr control) = nullptr;
  // Copies the urgent byte to `m`; `peek` leaves it.
  Errno (*rcvoob)(Socket& so, Mbuf& m, bool peek) = nullptr;
  void (*abort)(Socket& so) = nullptr;
  void (*sockaddr)(Socket& so, Sockaddr* nam) = nullptr;
  void (*peeraddr)(Socket& so, Sockaddr* nam) = nullptr;
  Errno (*setopt)(Socket& so, int level, int name,
                  std::span<const std::byte> value) = nullptr;
  Errno (*getopt)(Socket& so, int level, int name,
                  SockoptValue* value) = nullptr;
};

}  // namespace splnet

#endif  // SPLNET_STACK_KERN_PROTOSW_H_
