// One table from names to values.

#include "tools/drill/symbols.h"

#include "sockets/select.h"
#include "sockets/uipc_socket.h"
#include "sockets/uipc_syscalls.h"
#include "stack/kern/protosw.h"
#include "stack/netinet/ip.h"
#include "stack/netinet/ip_var.h"
#include "stack/netinet/tcp_var.h"

namespace splnet::drill {
namespace {

struct Symbol {
  std::string_view name;
  int64_t value;
};

template <typename T>
constexpr int64_t Int(T value) {
  return static_cast<int64_t>(value);
}

constexpr Symbol kSymbols[] = {
    {"PF_INET", Int(Family::kInet)},
    {"AF_INET", Int(Family::kInet)},
    {"PF_INET6", Int(Family::kInet6)},
    {"AF_INET6", Int(Family::kInet6)},
    {"AF_UNSPEC", Int(Family::kUnspec)},
    {"SOCK_STREAM", Int(SocketType::kStream)},
    {"SOCK_DGRAM", Int(SocketType::kDgram)},
    {"SOCK_RAW", Int(SocketType::kRaw)},
    {"SOCK_NONBLOCK", kSockNonblock},
    {"SOCK_CLOEXEC", kSockCloexec},
    {"IPPROTO_IP", 0},
    {"IPPROTO_ICMP", kIpProtoIcmp},
    {"IPPROTO_TCP", kIpProtoTcp},
    {"IPPROTO_UDP", kIpProtoUdp},
    {"SOL_TCP", kIpProtoTcp},
    {"SOL_UDP", kIpProtoUdp},
    {"SOL_IP", 0},
    {"INADDR_ANY", 0},
    {"INADDR_LOOPBACK", 0x7f000001},

    {"SOL_SOCKET", kSOL_SOCKET},
    {"SO_DEBUG", kSO_DEBUG},
    {"SO_ACCEPTCONN", kSO_ACCEPTCONN},
    {"SO_REUSEADDR", kSO_REUSEADDR},
    {"SO_KEEPALIVE", kSO_KEEPALIVE},
    {"SO_DONTROUTE", kSO_DONTROUTE},
    {"SO_BROADCAST", kSO_BROADCAST},
    {"SO_LINGER", kSO_LINGER},
    {"SO_OOBINLINE", kSO_OOBINLINE},
    {"SO_REUSEPORT", kSO_REUSEPORT},
    {"SO_TIMESTAMP", kSO_TIMESTAMP},
    {"SO_SNDBUF", kSO_SNDBUF},
    {"SO_RCVBUF", kSO_RCVBUF},
    {"SO_SNDLOWAT", kSO_SNDLOWAT},
    {"SO_RCVLOWAT", kSO_RCVLOWAT},
    {"SO_SNDTIMEO", kSO_SNDTIMEO},
    {"SO_RCVTIMEO", kSO_RCVTIMEO},
    {"SO_ERROR", kSO_ERROR},
    {"SO_TYPE", kSO_TYPE},
    {"SO_DOMAIN", kSO_DOMAIN},
    {"SO_PROTOCOL", kSO_PROTOCOL},
    {"SO_SPLICE", kSO_SPLICE},

    {"TCP_NODELAY", kTCP_NODELAY},
    {"TCP_MAXSEG", kTCP_MAXSEG},
    {"TCP_NOPUSH", kTCP_NOPUSH},
    {"TCP_SACK_ENABLE", kTCP_SACK_ENABLE},
    {"TCP_INFO", kTCP_INFO},
    {"TCP_CONGESTION", kTCP_CONGESTION},
    {"TCP_KEEPINIT", kTCP_KEEPINIT},
    {"TCP_KEEPIDLE", kTCP_KEEPIDLE},
    {"TCP_KEEPINTVL", kTCP_KEEPINTVL},
    {"TCP_KEEPCNT", kTCP_KEEPCNT},

    {"TCPS_CLOSED", Int(TcpState::kClosed)},
    {"TCPS_LISTEN", Int(TcpState::kListen)},
    {"TCPS_SYN_SENT", Int(TcpState::kSynSent)},
    {"TCPS_SYN_RECEIVED", Int(TcpState::kSynReceived)},
    {"TCPS_ESTABLISHED", Int(TcpState::kEstablished)},
    {"TCPS_CLOSE_WAIT", Int(TcpState::kCloseWait)},
    {"TCPS_FIN_WAIT_1", Int(TcpState::kFinWait1)},
    {"TCPS_CLOSING", Int(TcpState::kClosing)},
    {"TCPS_LAST_ACK", Int(TcpState::kLastAck)},
    {"TCPS_FIN_WAIT_2", Int(TcpState::kFinWait2)},
    {"TCPS_TIME_WAIT", Int(TcpState::kTimeWait)},

    {"IP_OPTIONS", kIP_OPTIONS},
    {"IP_HDRINCL", kIP_HDRINCL},
    {"IP_TOS", kIP_TOS},
    {"IP_TTL", kIP_TTL},
    {"IP_RECVDSTADDR", kIP_RECVDSTADDR},
    {"IP_MULTICAST_TTL", kIP_MULTICAST_TTL},
    {"IP_MULTICAST_LOOP", kIP_MULTICAST_LOOP},

    {"MSG_OOB", kMsgOob},
    {"MSG_PEEK", kMsgPeek},
    {"MSG_DONTROUTE", kMsgDontRoute},
    {"MSG_EOR", kMsgEor},
    {"MSG_TRUNC", kMsgTrunc},
    {"MSG_CTRUNC", kMsgCTrunc},
    {"MSG_WAITALL", kMsgWaitAll},
    {"MSG_DONTWAIT", kMsgDontWait},
    {"MSG_BCAST", kMsgBcast},
    {"MSG_MCAST", kMsgMcast},
    {"MSG_NOSIGNAL", kMsgNoSignal},

    {"F_DUPFD", kFDupfd},
    {"F_GETFL", kFGetfl},
    {"F_SETFL", kFSetfl},
    {"O_RDONLY", 0},
    {"O_WRONLY", 1},
    {"O_RDWR", kORdwr},
    {"O_NONBLOCK", kONonblock},
    {"F_GETOWN", kFGetown},
    {"F_SETOWN", kFSetown},
    {"FIONREAD", Int(kFIONREAD)},
    {"FIONBIO", Int(kFIONBIO)},
    {"FIOASYNC", Int(kFIOASYNC)},
    {"FIOSETOWN", Int(kFIOSETOWN)},
    {"FIOGETOWN", Int(kFIOGETOWN)},
    {"SIOCATMARK", Int(kSIOCATMARK)},
    {"SIOCSPGRP", Int(kSIOCSPGRP)},
    {"SIOCGPGRP", Int(kSIOCGPGRP)},

    {"SHUT_RD", Int(Shut::kRead)},
    {"SHUT_WR", Int(Shut::kWrite)},
    {"SHUT_RDWR", Int(Shut::kBoth)},

    {"POLLIN", kPollIn},
    {"POLLPRI", kPollPri},
    {"POLLOUT", kPollOut},
    {"POLLERR", kPollErr},
    {"POLLHUP", kPollHup},
    {"POLLNVAL", kPollNval},
    {"POLLRDNORM", kPollRdnorm},
    {"POLLWRNORM", kPollWrnorm},
    {"POLLRDBAND", kPollRdband},
    {"INFTIM", -1},
};

struct ErrnoName {
  std::string_view name;
  Errno value;
};

#define SPLNET_DRILL_ERRNO(name, value, text) {#name, k##name},
constexpr ErrnoName kErrnoNames[] = {
    SPLNET_ERRNO_TABLE(SPLNET_DRILL_ERRNO){"EAGAIN", kEWOULDBLOCK},
};
#undef SPLNET_DRILL_ERRNO

}  // namespace

std::optional<int64_t> FindSymbol(std::string_view name) {
  for (const Symbol& symbol : kSymbols) {
    if (symbol.name == name) return symbol.value;
  }
  if (const auto error = FindErrno(name)) return Int(*error);
  return std::nullopt;
}

std::optional<Errno> FindErrno(std::string_view name) {
  for (const ErrnoName& entry : kErrnoNames) {
    if (entry.name == name) return entry.value;
  }
  return std::nullopt;
}

}  // namespace splnet::drill
