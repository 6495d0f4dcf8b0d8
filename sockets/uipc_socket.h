// The half of the socket that system calls use.
//
// Nothing here suspends.  A function that BSD lets sleep returns kEWOULDBLOCK
// instead: its caller waits where the function's comment says, and calls it
// again with the same arguments, which remember how far it came.

#ifndef SPLNET_SOCKETS_UIPC_SOCKET_H_
#define SPLNET_SOCKETS_UIPC_SOCKET_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "stack/kern/mbuf.h"
#include "stack/kern/socketvar.h"
#include "stack/kern/uio.h"

namespace splnet {

struct Netstack;

// MSG_*, with OpenBSD's values.
inline constexpr int kMsgOob = 0x1;
inline constexpr int kMsgPeek = 0x2;
inline constexpr int kMsgDontRoute = 0x4;
inline constexpr int kMsgEor = 0x8;
inline constexpr int kMsgTrunc = 0x10;
inline constexpr int kMsgCTrunc = 0x20;
inline constexpr int kMsgWaitAll = 0x40;
inline constexpr int kMsgDontWait = 0x80;
inline constexpr int kMsgBcast = 0x100;
inline constexpr int kMsgMcast = 0x200;
inline constexpr int kMsgNoSignal = 0x400;

// Room that the first mbuf of a message keeps in front of its data, so that
// no header on its way down needs an mbuf of its own: max_hdr.
inline constexpr size_t kMaxHdr = 80;

// shutdown(2).
enum class Shut : int { kRead = 0, kWrite = 1, kBoth = 2 };

// Moves `n` bytes between `kernel` and the program's memory, advancing `uio`;
// `m` and `so` only name the bytes in the trace.  Counted and charged as
// copyin (to the kernel) or copyout.
void uiomove_in(Netstack& ns, std::byte* kernel, size_t n, Uio& uio,
                const Socket* so);
void uiomove_out(Netstack& ns, const std::byte* kernel, size_t n, Uio& uio,
                 const Mbuf* m, const Socket* so);

// The program's next bytes, at most `space`, as a packet.  With `atomic` all
// of them, and room for headers in front.  Null if there is no mbuf.
MbufPtr m_getuio(Netstack& ns, bool atomic, size_t space, Uio& uio,
                 const Socket* so);

// Sends what `uio` has left, to `to` if not null.  `control`, if not null, is
// taken when it is handed to the protocol.  kEWOULDBLOCK: it does not all fit;
// wait on so.snd.  kEPIPE, the pending error, kENOTCONN, kEDESTADDRREQ,
// kEMSGSIZE, kEINVAL, kENOBUFS or what the protocol says.
Errno sosend(Socket& so, const Sockaddr* to, Uio& uio, MbufPtr* control,
             int flags);

// Receives into `uio`.  `from`, if not null, gets the sender of a message.
// `flags` has kMsgPeek, kMsgWaitAll and kMsgOob in; kMsgTrunc, kMsgEor,
// kMsgBcast and kMsgMcast out.  `control`, if not null, gets the message's
// control mbufs.  kOk without bytes is the end of the stream.  kEWOULDBLOCK:
// wait on so.rcv.  With kMsgDontWait it takes what is there.
Errno soreceive(Socket& so, Sockaddr* from, Uio& uio, int* flags,
                MbufPtr* control);

Errno sobind(Socket& so, const Sockaddr& nam);
// The backlog is clamped between kern.sominconn and kern.somaxconn.
Errno solisten(Socket& so, int backlog);
// Starts connecting: kSsIsConnecting is set while it takes time; wait on
// so.connecting.
Errno soconnect(Socket& so, const Sockaddr& nam);
Errno sodisconnect(Socket& so);
// Makes `so`, which soqremque() took off a listener's queue, a descriptor's.
// kECONNABORTED if the peer is gone already.
Errno soaccept(Socket& so, Sockaddr* nam);
// kEINVAL for another value.
Errno soshutdown(Socket& so, Shut how);
// Ends receiving and drops what is queued.
void sorflush(Socket& so);

// Begins to close: aborts a listener's queues, starts disconnecting.  True if
// SO_LINGER asks to wait on so.connecting while it is still connected, at most
// so.linger_seconds.
bool soclose_begin(Socket& so);
// Ends what soclose_begin() began, or all of it: lets go of the protocol, which
// finishes the connection by itself.
Errno soclose(Socket& so);
// Ends a connection that nobody has accepted.
void soabort(Socket& so);

// SO_LINGER's value.
struct Linger {
  int32_t onoff = 0;
  int32_t seconds = 0;
};
static_assert(sizeof(Linger) == 8);
// SO_SNDTIMEO's and SO_RCVTIMEO's value.
struct Timeval {
  int64_t sec = 0;
  int64_t usec = 0;
};
static_assert(sizeof(Timeval) == 16);

// Values are in the layout of BSD's types on this machine: int32, Linger,
// Timeval.  kENOPROTOOPT for what there is not, kEINVAL for a wrong size or
// value, kEDOM, kENOBUFS.  Other levels go to the protocol.
Errno sosetopt(Socket& so, int level, int name,
               std::span<const std::byte> value);
Errno sogetopt(Socket& so, int level, int name, SockoptValue* value);

// Whether there is an urgent mark to tell of: select's exceptions.
bool soexceptional(const Socket& so);

}  // namespace splnet

#endif  // SPLNET_SOCKETS_UIPC_SOCKET_H_
