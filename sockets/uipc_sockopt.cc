// getsockopt(2) and setsockopt(2) at the socket level.

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "sockets/uipc_socket.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

template <typename T>
bool Read(std::span<const std::byte> value, T* out) {
  if (value.size() != sizeof(T)) return false;
  std::memcpy(out, value.data(), sizeof(T));
  return true;
}

template <typename T>
Errno Write(SockoptValue* value, const T& v) {
  static_assert(sizeof(T) <= sizeof value->bytes);
  std::memcpy(value->bytes, &v, sizeof(T));
  value->len = sizeof(T);
  return kOk;
}

Errno SetLinger(Socket& so, std::span<const std::byte> value) {
  Linger l;
  if (!Read(value, &l)) return kEINVAL;
  if (l.seconds < 0 || l.seconds > std::numeric_limits<int16_t>::max()) {
    return kEDOM;
  }
  so.linger_seconds = l.seconds;
  so.options =
      l.onoff != 0 ? so.options | kSO_LINGER : so.options & ~kSO_LINGER;
  return kOk;
}

Errno SetFlag(Socket& so, int name, std::span<const std::byte> value) {
  int32_t on = 0;
  if (!Read(value, &on)) return kEINVAL;
  so.options = on != 0 ? so.options | name : so.options & ~name;
  return kOk;
}

Errno SetBuffer(Socket& so, int name, std::span<const std::byte> value) {
  int32_t asked = 0;
  if (!Read(value, &asked)) return kEINVAL;
  const auto bytes = static_cast<uint32_t>(std::max(asked, 1));
  const bool send = name == kSO_SNDBUF || name == kSO_SNDLOWAT;
  Sockbuf& sb = send ? so.snd : so.rcv;
  if (name == kSO_SNDLOWAT || name == kSO_RCVLOWAT) {
    sb.lowat = std::min(bytes, sb.hiwat);
    return kOk;
  }
  if (send ? so.cantsendmore() : so.cantrcvmore()) return kEINVAL;
  // Growth is refused while memory is short.
  if (bytes > sb.wat && sbchecklowmem(so.ns)) return kENOBUFS;
  const auto most = static_cast<uint32_t>(so.ns.settings.sb_max);
  if (!sbreserve(sb, bytes, most)) return kENOBUFS;
  sb.wat = bytes;
  sb.flags &= static_cast<uint16_t>(~kSbAuto);
  return kOk;
}

Errno SetTimeout(Socket& so, int name, std::span<const std::byte> value) {
  constexpr int64_t kMost = 100'000'000;  // three years, far from overflow
  Timeval tv;
  if (!Read(value, &tv)) return kEINVAL;
  if (tv.sec < 0 || tv.usec < 0 || tv.usec >= 1'000'000) return kEINVAL;
  if (tv.sec > kMost) return kEDOM;
  (name == kSO_SNDTIMEO ? so.snd : so.rcv).timeo =
      std::chrono::seconds(tv.sec) + std::chrono::microseconds(tv.usec);
  return kOk;
}

Errno GetTimeout(const Sockbuf& sb, SockoptValue* value) {
  const int64_t usec = sb.timeo.count() / 1000;
  return Write(value, Timeval{usec / 1'000'000, usec % 1'000'000});
}

Errno GetInt(SockoptValue* value, int64_t v) {
  return Write(value, static_cast<int32_t>(v));
}

}  // namespace

Errno sosetopt(Socket& so, int level, int name,
               std::span<const std::byte> value) {
  if (level != kSOL_SOCKET) {
    return so.proto->setopt == nullptr
               ? kENOPROTOOPT
               : so.proto->setopt(so, level, name, value);
  }
  switch (name) {
    case kSO_LINGER:
      return SetLinger(so, value);
    case kSO_KEEPALIVE: {
      const Errno error = SetFlag(so, name, value);
      // The protocol has a timer to start or stop; it may have none.
      if (error == kOk && so.proto->setopt != nullptr) {
        (void)so.proto->setopt(so, level, name, value);
      }
      return error;
    }
    case kSO_DEBUG:
    case kSO_REUSEADDR:
    case kSO_DONTROUTE:
    case kSO_BROADCAST:
    case kSO_OOBINLINE:
    case kSO_REUSEPORT:
    case kSO_TIMESTAMP:
      return SetFlag(so, name, value);
    case kSO_SNDBUF:
    case kSO_RCVBUF:
    case kSO_SNDLOWAT:
    case kSO_RCVLOWAT:
      return SetBuffer(so, name, value);
    case kSO_SNDTIMEO:
    case kSO_RCVTIMEO:
      return SetTimeout(so, name, value);
    default:
      return kENOPROTOOPT;
  }
}

Errno sogetopt(Socket& so, int level, int name, SockoptValue* value) {
  if (level != kSOL_SOCKET) {
    return so.proto->getopt == nullptr
               ? kENOPROTOOPT
               : so.proto->getopt(so, level, name, value);
  }
  switch (name) {
    case kSO_LINGER:
      return Write(value, Linger{so.options & kSO_LINGER, so.linger_seconds});
    case kSO_DEBUG:
    case kSO_ACCEPTCONN:
    case kSO_REUSEADDR:
    case kSO_KEEPALIVE:
    case kSO_DONTROUTE:
    case kSO_BROADCAST:
    case kSO_OOBINLINE:
    case kSO_REUSEPORT:
    case kSO_TIMESTAMP:
      return GetInt(value, so.options & name);
    case kSO_SNDBUF:
      return GetInt(value, so.snd.hiwat);
    case kSO_RCVBUF:
      return GetInt(value, so.rcv.hiwat);
    case kSO_SNDLOWAT:
      return GetInt(value, so.snd.lowat);
    case kSO_RCVLOWAT:
      return GetInt(value, so.rcv.lowat);
    case kSO_SNDTIMEO:
      return GetTimeout(so.snd, value);
    case kSO_RCVTIMEO:
      return GetTimeout(so.rcv, value);
    case kSO_ERROR:
      return GetInt(value, static_cast<int>(std::exchange(so.error, kOk)));
    case kSO_TYPE:
      return GetInt(value, static_cast<int>(so.type));
    case kSO_DOMAIN:
      return GetInt(value, static_cast<int>(so.proto->family));
    case kSO_PROTOCOL:
      return GetInt(value, so.proto->protocol);
    default:
      return kENOPROTOOPT;
  }
}

}  // namespace splnet
