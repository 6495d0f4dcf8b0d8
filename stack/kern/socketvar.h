// The half of the socket that protocols call.
//
// A Socket joins a program's descriptors to a protocol control block through
// two buffers.  Protocols move it through its states and wake its sleepers
// with the functions here; sockets/ holds the half that programs call.

#ifndef SPLNET_STACK_KERN_SOCKETVAR_H_
#define SPLNET_STACK_KERN_SOCKETVAR_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <utility>

#include "stack/kern/errno.h"
#include "stack/kern/protosw.h"
#include "stack/kern/sockbuf.h"

namespace splnet {

struct Netstack;
struct Socket;
void sofree(Socket* so);  // the last SocketPtr calls it

// Socket::options: SO_*, with OpenBSD's values.
inline constexpr int kSO_DEBUG = 0x0001;
inline constexpr int kSO_ACCEPTCONN = 0x0002;
inline constexpr int kSO_REUSEADDR = 0x0004;
inline constexpr int kSO_KEEPALIVE = 0x0008;
inline constexpr int kSO_DONTROUTE = 0x0010;
inline constexpr int kSO_BROADCAST = 0x0020;
inline constexpr int kSO_LINGER = 0x0080;
inline constexpr int kSO_OOBINLINE = 0x0100;
inline constexpr int kSO_REUSEPORT = 0x0200;
inline constexpr int kSO_TIMESTAMP = 0x0800;
// Options with values of their own.
inline constexpr int kSO_SNDBUF = 0x1001;
inline constexpr int kSO_RCVBUF = 0x1002;
inline constexpr int kSO_SNDLOWAT = 0x1003;
inline constexpr int kSO_RCVLOWAT = 0x1004;
inline constexpr int kSO_SNDTIMEO = 0x1005;
inline constexpr int kSO_RCVTIMEO = 0x1006;
inline constexpr int kSO_ERROR = 0x1007;
inline constexpr int kSO_TYPE = 0x1008;
inline constexpr int kSO_SPLICE = 0x1023;
inline constexpr int kSO_DOMAIN = 0x1024;
inline constexpr int kSO_PROTOCOL = 0x1025;
inline constexpr int kSOL_SOCKET = 0xffff;
inline constexpr int kSCM_TIMESTAMP = 0x04;  // control message: struct timeval

// Socket::state.
inline constexpr uint16_t kSsNoFdRef = 0x0001;
inline constexpr uint16_t kSsIsConnected = 0x0002;
inline constexpr uint16_t kSsIsConnecting = 0x0004;
inline constexpr uint16_t kSsIsDisconnecting = 0x0008;
inline constexpr uint16_t kSsIsDisconnected = 0x0800;
inline constexpr uint16_t kSsConnectOut = 0x1000;

inline constexpr int kSomaxconn = 128;  // listen(2) backlog is clamped
inline constexpr int kSominconn = 80;   // between these

// A shared reference to a Socket; the last one to let go frees it.
class SocketPtr {
 public:
  constexpr SocketPtr() = default;
  constexpr SocketPtr(std::nullptr_t) {}  // NOLINT(google-explicit-constructor)
  explicit SocketPtr(Socket* so);         // takes a reference of its own
  SocketPtr(const SocketPtr& other) : SocketPtr(other.so_) {}
  SocketPtr(SocketPtr&& other) noexcept
      : so_(std::exchange(other.so_, nullptr)) {}
  SocketPtr& operator=(SocketPtr other) noexcept {
    std::swap(so_, other.so_);
    return *this;
  }
  ~SocketPtr();

  Socket* get() const { return so_; }
  Socket& operator*() const { return *so_; }
  Socket* operator->() const { return so_; }
  explicit operator bool() const { return so_ != nullptr; }
  bool operator==(const SocketPtr&) const = default;

 private:
  Socket* so_ = nullptr;
};

// The connections of a listening socket.
struct ListenQueue {
  std::deque<SocketPtr> q0;  // not yet established
  std::deque<SocketPtr> q;   // waiting for accept(2)
  int limit = 0;             // the backlog, clamped
};

// Why a process is signalled.
enum class SoSignal : uint8_t { kIo, kUrgent };  // SIGIO, SIGURG

// The process that is to be signalled: fcntl F_SETOWN.  Whoever sets it sees to
// it that `table` lives for as long as the socket is somebody's descriptor.
struct Sigio {
  void (*post)(const Sigio& self, SoSignal why);
  void* table;  // of processes
  int pid;
};

struct Socket {
  Socket(Netstack& stack, const Protosw& protocol, SocketType socket_type);
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  Netstack& ns;
  const Protosw* proto;
  SocketType type;
  uint16_t state = 0;
  int options = 0;
  int linger_seconds = 0;
  uint32_t refs = 0;     // SocketPtrs
  uint64_t id;           // names it in traces, from 1 on a host
  void* pcb = nullptr;   // Inpcb* of an Internet socket; see sotoinpcb()
  Errno error = kOk;     // so_error: reported once
  uint32_t oobmark = 0;  // bytes to the urgent mark, 0 is none
  Sockbuf rcv;
  Sockbuf snd;
  WaitChannel connecting;  // so_timeo: connect, accept and linger wait here
  std::unique_ptr<ListenQueue> listen;  // with kSO_ACCEPTCONN
  std::unique_ptr<Sigio> sigio;         // null: nobody
  Socket* head = nullptr;  // the listener in whose queue this one is
  bool on_q = false;       // in head's q rather than q0

  bool has(int option) const { return (options & option) != 0; }
  bool is(uint16_t bits) const { return (state & bits) != 0; }
  bool cantsendmore() const { return (snd.state & kSsCantSendMore) != 0; }
  bool cantrcvmore() const { return (rcv.state & kSsCantRcvMore) != 0; }

 private:
  friend void sofree(Socket* so);
  ~Socket();
};

inline SocketPtr::SocketPtr(Socket* so) : so_(so) {
  if (so_ != nullptr) ++so_->refs;
}
inline SocketPtr::~SocketPtr() {
  if (so_ != nullptr && --so_->refs == 0) sofree(so_);
}

// A socket of the host's protocol (`type`, `protocol`) with the protocol
// attached.  kEPROTONOSUPPORT, kEPROTOTYPE or what attaching gives.
Result<SocketPtr> socreate(Netstack& ns, Family family, SocketType type,
                           int protocol);

// Send and receive space in bytes, which stay as they are until kSbAuto is set;
// kENOBUFS if out of bounds.
Errno soreserve(Socket& so, uint32_t sndcc, uint32_t rcvcc);

// Whether mbufs are short: from more than 80 % of them in use until fewer than
// 60 % are.
bool sbchecklowmem(Netstack& ns);

// Data, end of file or an error is there to be read; resp. space or an error
// for a writer.  Runs a splice, else tells sleepers, select and kqueue.
void sorwakeup(Socket& so);
void sowwakeup(Socket& so);

// Ready to read or write, by the rules of select(2).
bool soreadable(const Socket& so);
bool sowriteable(const Socket& so);

// State transitions that protocols announce.
void soisconnecting(Socket& so);
void soisconnected(Socket& so);
void soisdisconnecting(Socket& so);
void soisdisconnected(Socket& so);
void socantsendmore(Socket& so);
void socantrcvmore(Socket& so);
// Urgent data is there, or announced: SIGURG, and select's exceptions.
void sohasoutofband(Socket& so);

// A connection has come to the listener `head`: a new socket with its options
// and buffer limits, the protocol attached, in the queue that `connstatus`
// says (kSsIsConnected: ready to be accepted; 0: incomplete).  Null if the
// queue is full or memory is short.
Socket* sonewconn(Socket& head, uint16_t connstatus);

// Takes `so` off its listener's queues, if it is on one; the queue's reference
// comes back.
SocketPtr soqremque(Socket& so);

}  // namespace splnet

#endif  // SPLNET_STACK_KERN_SOCKETVAR_H_
