// SYN cookies: a SYN is answered with a sequence number that says what must be
// known of the connection, so that nothing need be kept.  RFC 4987 section 3.6
// and appendix A.
//
// The number is 24 bits of a keyed hash of the addresses, the peer's number,
// the time in steps of 32 seconds and the other 8 bits, which say what the SYN
// offered: segment size (3 bits), window scale (3), SACK, ECN.  Timestamps need
// no bit, for then every segment carries one.

#include <algorithm>

#include "stack/netinet/tcp_input.h"
#include "stack/netinet/tcp_syncache.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

constexpr int64_t kTickNs = 32'000'000'000;
static_assert(2 * kTickNs == SynCache::kCookieLifetime.count());

// The greatest of these that the SYN allows stands for what it offered.
constexpr uint16_t kMss[8] = {64, 512, 536, 1220, 1360, 1440, 1452, 1460};
constexpr uint8_t kScale[8] = {0, 0, 2, 4, 6, 7, 8, 10};  // the first is none

constexpr uint32_t kSackBit = 0x40;
constexpr uint32_t kEcnBit = 0x80;

template <typename T>
uint32_t FloorIndex(const T (&table)[8], uint32_t value, uint32_t lowest) {
  uint32_t i = 7;
  while (i > lowest && table[i] > value) --i;
  return i;
}

uint32_t OptionBits(const SynOpen& open, uint32_t mss_default) {
  const uint32_t mss = open.peer_mss != 0 ? open.peer_mss : mss_default;
  uint32_t bits = FloorIndex(kMss, mss, 0);
  if ((open.flags & kSynScale) != 0) {
    bits |= FloorIndex(kScale, open.snd_scale, 1) << 3;
  }
  if ((open.flags & kSynSack) != 0) bits |= kSackBit;
  if ((open.flags & kSynEcn) != 0) bits |= kEcnBit;
  return bits;
}

uint32_t Cookie(Netstack& ns, const SynOpen& open, int64_t tick,
                uint32_t bits) {
  const uint64_t hash = tcp_hash(
      syn_cache_of(ns).cookie_secret(), open.to, open.from,
      uint64_t{open.irs} << 32 | static_cast<uint32_t>(tick) << 8 | bits);
  return static_cast<uint32_t>(hash) << 8 | bits;
}

int64_t TickNow(const Netstack& ns) {
  return ToNanoseconds(ns.now()) / kTickNs;
}

}  // namespace

void syn_cookie_send(Netstack& ns, SynOpen open) {
  const auto mssdflt = static_cast<uint32_t>(ns.settings.tcp_mssdflt);
  open.iss = Cookie(ns, open, TickNow(ns), OptionBits(open, mssdflt));
  syn_cache_of(ns).NoteCookie();
  ++ns.tcpstat.sc_sendcookie;
  syn_cache_respond(ns, open);
}

Tcpcb* syn_cookie_get(Tcpcb& listener, TcpSegment& th) {
  Netstack& ns = listener.ns();
  // What nobody sent is not worth a hash, and no guess.
  if (ns.tcp.syncache == nullptr || !ns.tcp.syncache->CookiesAround()) {
    return nullptr;
  }
  SynOpen open;
  open.from = th.from;
  open.to = th.to;
  open.iss = th.ack - 1;
  open.irs = th.seq - 1;
  const uint32_t bits = open.iss & 0xff;
  const int64_t tick = TickNow(ns);
  if (Cookie(ns, open, tick, bits) != open.iss &&
      Cookie(ns, open, tick - 1, bits) != open.iss) {
    ++ns.tcpstat.sc_badcookie;
    return nullptr;
  }
  ++ns.tcpstat.sc_recvcookie;
  const Socket& so = listener.so();
  open.snd_space = so.snd.wat;
  open.rcv_space = so.rcv.wat;
  open.win = static_cast<uint16_t>(
      std::clamp<int64_t>(sbspace(so.rcv), 0, kTcpMaxWin));
  open.ttl = listener.inp.ttl;
  open.tos = listener.inp.tos;
  if (listener.inp.options) {
    open.options = std::make_unique<IpOptions>(*listener.inp.options);
  }
  open.peer_mss = kMss[bits & 7];
  if ((bits & kSackBit) != 0) open.flags |= kSynSack;
  if ((bits & kEcnBit) != 0) open.flags |= kSynEcn;
  if (const uint32_t scale = bits >> 3 & 7; scale != 0) {
    open.flags |= kSynScale;
    open.snd_scale = kScale[scale];
    open.rcv_scale = tcp_pick_scale(ns, nullptr);
  }
  if (th.has_ts && ns.settings.tcp_rfc1323 != 0) {
    open.flags |= kSynTstmp;
    open.ts_recent = th.ts_val;
    open.ts_offset = tcp_pick_ts_offset(ns, nullptr, th.to, th.from);
  }
  open.wnd = th.wnd << open.snd_scale;
  return syn_cache_socket(listener, open, th);
}

}  // namespace splnet
