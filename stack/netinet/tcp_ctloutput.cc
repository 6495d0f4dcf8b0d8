// TCP's options: getsockopt(2) and setsockopt(2) below the socket level.

#include <algorithm>
#include <cstring>
#include <span>
#include <string_view>

#include "stack/kern/socketvar.h"
#include "stack/netinet/in_pcb.h"
#include "stack/netinet/ip_var.h"
#include "stack/netinet/tcp_cc.h"
#include "stack/netinet/tcp_info.h"
#include "stack/netinet/tcp_timer.h"
#include "stack/netinet/tcp_var.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

Tcpcb* sototcpcb(const Socket& so) {
  Inpcb* const inp = sotoinpcb(so);
  return inp == nullptr ? nullptr : inp->tcpcb.get();
}

void SetFlag(Tcpcb& tp, uint32_t flag, bool on) {
  tp.flags = on ? tp.flags | flag : tp.flags & ~flag;
}

// Only downwards: the peer's limit and the path's stay.
Errno SetMaxSeg(Tcpcb& tp, int bytes) {
  if (bytes <= 0 || bytes > 65535) return kEINVAL;
  const auto mss = static_cast<uint32_t>(bytes);
  const bool known = tcps_havercvdsyn(tp.state);
  if (known && mss > tp.maxopd) return kEINVAL;
  tp.user_mss = static_cast<uint16_t>(std::max(mss, kTcpMinMss));
  if (known) tcp_mss_update(tp);
  return kOk;
}

// Where one of TCP_KEEPIDLE and its like is kept; null for another option.
uint32_t* KeepField(Tcpcb& tp, int name) {
  switch (name) {
    case kTCP_KEEPINIT:
      return &tp.keepinit_s;
    case kTCP_KEEPIDLE:
      return &tp.keepidle_s;
    case kTCP_KEEPINTVL:
      return &tp.keepintvl_s;
    case kTCP_KEEPCNT:
      return &tp.keepcnt;
    default:
      return nullptr;
  }
}

// What holds where the connection has no value of its own.
int64_t KeepSetting(const Settings& settings, int name) {
  switch (name) {
    case kTCP_KEEPINIT:
      return settings.tcp_keepinit / 1000;
    case kTCP_KEEPIDLE:
      return settings.tcp_keepidle / 1000;
    case kTCP_KEEPINTVL:
      return settings.tcp_keepintvl / 1000;
    default:
      return settings.tcp_keepcnt;
  }
}

Errno SetKeep(Tcpcb& tp, int name, int number) {
  if (number < 0) return kEINVAL;
  *KeepField(tp, name) = static_cast<uint32_t>(number);
  // The timer that runs was set by the old value.
  if (tcps_haveestablished(tp.state)) {
    if (name == kTCP_KEEPIDLE || name == kTCP_KEEPINTVL) tcp_keepalive(tp);
  } else if (name == kTCP_KEEPINIT && tp.keep.pending()) {
    timeout_add(tp.keep, tcp_keepinit(tp));
  }
  return kOk;
}

int GetKeep(Tcpcb& tp, int name) {
  const uint32_t own = *KeepField(tp, name);
  const int64_t value = own != 0 ? own : KeepSetting(tp.ns().settings, name);
  return static_cast<int>(value);
}

constexpr size_t kCcNameMax = 16;  // TCP_CA_NAME_MAX

// What TCP_CONGESTION says, or will once the connection is established.
TcpCc CcOf(const Tcpcb& tp) {
  if (tp.is(kTfCcChosen) || tcps_haveestablished(tp.state)) return tp.cc;
  return static_cast<TcpCc>(tp.ns().settings.tcp_cc_algorithm);
}

const char* CcName(TcpCc cc) {
  return cc == TcpCc::kCubic ? kTcpCubic.name : kTcpNewReno.name;
}

// The name of an algorithm, with or without a NUL.
Errno SetCc(Tcpcb& tp, std::span<const std::byte> value) {
  std::string_view name(reinterpret_cast<const char*>(value.data()),
                        value.size());
  name = name.substr(0, name.find('\0'));
  for (const TcpCc cc : {TcpCc::kNewReno, TcpCc::kCubic}) {
    if (name != CcName(cc)) continue;
    tp.cc = cc;
    tp.flags |= kTfCcChosen;
    return kOk;
  }
  return kESRCH;
}

Errno WriteCc(const Tcpcb& tp, SockoptValue* value) {
  std::memset(value->bytes, 0, kCcNameMax);
  const std::string_view name = CcName(CcOf(tp));
  std::memcpy(value->bytes, name.data(), name.size());
  value->len = kCcNameMax;
  return kOk;
}

// TCP_SACK_ENABLE: what is offered, and then what was agreed on.
bool SackEnabled(const Tcpcb& tp) {
  return tp.is(tcps_havercvdsyn(tp.state) ? kTfRcvdSack : kTfSackPermit);
}

template <typename T>
Errno Write(SockoptValue* value, const T& v) {
  static_assert(sizeof(T) <= sizeof value->bytes);
  std::memcpy(value->bytes, &v, sizeof v);
  value->len = sizeof v;
  return kOk;
}

Errno WriteInfo(Tcpcb& tp, SockoptValue* value) {
  TcpInfo ti;
  tcp_fill_info(tp, ti);
  return Write(value, ti);
}

}  // namespace

Errno tcp_setopt(Socket& so, int level, int name,
                 std::span<const std::byte> value) {
  Tcpcb* const tp = sototcpcb(so);
  if (tp == nullptr) return kECONNRESET;
  if (level == kSOL_SOCKET) {
    // The socket has noted it already; the timer has to follow.
    if (name == kSO_KEEPALIVE && tcps_haveestablished(tp->state)) {
      tcp_keepalive(*tp);
    }
    return kOk;
  }
  if (level == kIpprotoIp) return ip_setopt(tp->inp, name, value);
  if (level != kIpprotoTcp) return kENOPROTOOPT;
  int number = 0;
  if (value.size() == sizeof number) {
    std::memcpy(&number, value.data(), sizeof number);
  }
  const bool is_int = value.size() == sizeof number;
  switch (name) {
    case kTCP_NODELAY:
      if (!is_int) return kEINVAL;
      SetFlag(*tp, kTfNoDelay, number != 0);
      return kOk;
    case kTCP_NOPUSH:
      if (!is_int) return kEINVAL;
      SetFlag(*tp, kTfNoPush, number != 0);
      // What was held back may go now.
      return number == 0 ? tcp_output(*tp) : kOk;
    case kTCP_SACK_ENABLE:
      // For the next handshake; what was agreed on stays.
      if (!is_int) return kEINVAL;
      SetFlag(*tp, kTfSackPermit, number != 0);
      return kOk;
    case kTCP_CONGESTION:
      return SetCc(*tp, value);
    case kTCP_MAXSEG:
      return is_int ? SetMaxSeg(*tp, number) : kEINVAL;
    case kTCP_KEEPINIT:
    case kTCP_KEEPIDLE:
    case kTCP_KEEPINTVL:
    case kTCP_KEEPCNT:
      return is_int ? SetKeep(*tp, name, number) : kEINVAL;
    default:
      return kENOPROTOOPT;
  }
}

Errno tcp_getopt(Socket& so, int level, int name, SockoptValue* value) {
  Tcpcb* const tp = sototcpcb(so);
  if (tp == nullptr) return kECONNRESET;
  if (level == kIpprotoIp) return ip_getopt(tp->inp, name, value);
  if (level != kIpprotoTcp) return kENOPROTOOPT;
  switch (name) {
    case kTCP_NODELAY:
      return Write(value, int{tp->is(kTfNoDelay)});
    case kTCP_NOPUSH:
      return Write(value, int{tp->is(kTfNoPush)});
    case kTCP_MAXSEG:
      return Write(value, static_cast<int>(tp->maxseg));
    case kTCP_SACK_ENABLE:
      return Write(value, int{SackEnabled(*tp)});
    case kTCP_CONGESTION:
      return WriteCc(*tp, value);
    case kTCP_INFO:
      return WriteInfo(*tp, value);
    case kTCP_KEEPINIT:
    case kTCP_KEEPIDLE:
    case kTCP_KEEPINTVL:
    case kTCP_KEEPCNT:
      return Write(value, GetKeep(*tp, name));
    default:
      return kENOPROTOOPT;
  }
}

}  // namespace splnet
