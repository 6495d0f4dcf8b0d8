// TCP's control blocks from birth to death: sequence numbers, segment sizes,
// states.

#include <algorithm>
#include <bit>
#include <span>

#include "stack/netinet/in_pcb.h"
#include "stack/netinet/ip.h"
#include "stack/netinet/ip_var.h"
#include "stack/netinet/tcp_cubic.h"
#include "stack/netinet/tcp_input.h"
#include "stack/netinet/tcp_sack.h"
#include "stack/netinet/tcp_seq.h"
#include "stack/netinet/tcp_syncache.h"
#include "stack/netinet/tcp_timer.h"
#include "stack/netinet/tcp_var.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

// SipHash-2-4, so that a stranger cannot predict what a secret makes of a
// 4-tuple.
uint64_t SipHash(const uint64_t (&key)[2], std::span<const uint64_t> words) {
  uint64_t v0 = key[0] ^ 0x736f6d6570736575;
  uint64_t v1 = key[1] ^ 0x646f72616e646f6d;
  uint64_t v2 = key[0] ^ 0x6c7967656e657261;
  uint64_t v3 = key[1] ^ 0x7465646279746573;
  const auto round = [&] {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  };
  const auto absorb = [&](uint64_t word) {
    v3 ^= word;
    round();
    round();
    v0 ^= word;
  };
  for (const uint64_t word : words) absorb(word);
  absorb(uint64_t{words.size_bytes()} << 56);
  v2 ^= 0xff;
  for (int i = 0; i < 4; ++i) round();
  return v0 ^ v1 ^ v2 ^ v3;
}

// The largest packet that the path of `tp` takes, as far as is known.
uint32_t PathMtu(Tcpcb& tp) {
  Netstack& ns = tp.ns();
  const Rtentry* const rt = tp.inp.route.Get(ns.routes, tp.inp.faddr.addr);
  if (rt == nullptr) return 0;
  return ip_pathmtu(ns, *rt);
}

}  // namespace

uint64_t tcp_hash(const uint64_t (&key)[2], const Sockaddr& local,
                  const Sockaddr& foreign) {
  const uint64_t words[] = {local.addr.lo, foreign.addr.lo,
                            local.addr.hi ^ std::rotl(foreign.addr.hi, 32),
                            uint64_t{local.port} << 16 | foreign.port};
  return SipHash(key, words);
}

uint64_t tcp_hash(const uint64_t (&key)[2], const Sockaddr& local,
                  const Sockaddr& foreign, uint64_t extra) {
  const uint64_t words[] = {local.addr.lo, foreign.addr.lo,
                            local.addr.hi ^ std::rotl(foreign.addr.hi, 32),
                            uint64_t{local.port} << 16 | foreign.port, extra};
  return SipHash(key, words);
}

const char* TcpStateName(TcpState state) {
  switch (state) {
    case TcpState::kClosed:
      return "CLOSED";
    case TcpState::kListen:
      return "LISTEN";
    case TcpState::kSynSent:
      return "SYN_SENT";
    case TcpState::kSynReceived:
      return "SYN_RCVD";
    case TcpState::kEstablished:
      return "ESTABLISHED";
    case TcpState::kCloseWait:
      return "CLOSE_WAIT";
    case TcpState::kFinWait1:
      return "FIN_WAIT_1";
    case TcpState::kClosing:
      return "CLOSING";
    case TcpState::kLastAck:
      return "LAST_ACK";
    case TcpState::kFinWait2:
      return "FIN_WAIT_2";
    case TcpState::kTimeWait:
      return "TIME_WAIT";
  }
  return "?";
}

TcpHost::TcpHost(const Netstack& ns) : challenges(ns.Stream("tcp:challenge")) {
  RandomStream iss = ns.Stream("tcp:iss");
  for (uint64_t& word : iss_secret) word = iss.Next();
  RandomStream ts = ns.Stream("tcp:ts");
  for (uint64_t& word : ts_secret) word = ts.Next();
}

TcpHost::~TcpHost() = default;

Tcpcb::Tcpcb(Inpcb& pcb)
    : inp(pcb),
      rexmt(pcb.table.ns().cpu, tcp_timer_rexmt, this),
      persist(pcb.table.ns().cpu, tcp_timer_persist, this),
      keep(pcb.table.ns().cpu, tcp_timer_keep, this),
      msl2(pcb.table.ns().cpu, tcp_timer_2msl, this),
      delack(pcb.table.ns().cpu, tcp_timer_delack, this),
      ns_(pcb.table.ns()),
      so_(*pcb.so) {
  const Settings& settings = ns_.settings;
  maxseg = maxopd = static_cast<uint32_t>(settings.tcp_mssdflt);
  if (settings.tcp_rfc1323 != 0) flags |= kTfReqScale | kTfReqTstmp;
  if (settings.tcp_sack != 0) flags |= kTfSackPermit;
  snd_cwnd = kTcpMaxWin << kTcpMaxWinShift;
  snd_ssthresh = kTcpMaxWin << kTcpMaxWinShift;
  rxtcur = tcp_rto(*this);
}

Tcpcb::~Tcpcb() {
  tcp_sack_clear(*this);
  while (reass.head != nullptr) {
    MbufPtr m(std::exchange(reass.head, reass.head->nextpkt));
    --ns_.tcp.reass_segments;
  }
}

void tcp_pin(Socket& so, const TcpPin& pin) {
  Inpcb* const inp = sotoinpcb(so);
  if (inp == nullptr || inp->tcpcb == nullptr) return;
  Tcpcb& tp = *inp->tcpcb;
  tp.pin = std::make_unique<TcpPin>(pin);
  if (!pin.options) return;
  tp.flags &= ~(kTfReqScale | kTfReqTstmp | kTfSackPermit);
  if (pin.wscale) tp.flags |= kTfReqScale;
  if (pin.timestamps) tp.flags |= kTfReqTstmp;
  if (pin.sack_permitted) tp.flags |= kTfSackPermit;
}

uint32_t tcp_clock(const Netstack& ns, uint32_t ts_offset) {
  const int64_t ms = ToNanoseconds(ns.now()) / 1000000;
  return ts_offset + static_cast<uint32_t>(ms);
}

uint32_t tcp_now(const Tcpcb& tp) { return tcp_clock(tp.ns(), tp.ts_offset); }

uint32_t tcp_pick_iss(const Netstack& ns, const TcpPin* pin,
                      const Sockaddr& local, const Sockaddr& foreign) {
  if (pin != nullptr && pin->iss) return *pin->iss;
  const int64_t ticks = ToNanoseconds(ns.now()) / 4000;
  return static_cast<uint32_t>(tcp_hash(ns.tcp.iss_secret, local, foreign)) +
         static_cast<uint32_t>(ticks);
}

uint32_t tcp_pick_ts_offset(const Netstack& ns, const TcpPin* pin,
                            const Sockaddr& local, const Sockaddr& foreign) {
  if (pin != nullptr && pin->ts_offset) return *pin->ts_offset;
  return static_cast<uint32_t>(tcp_hash(ns.tcp.ts_secret, local, foreign));
}

uint8_t tcp_pick_scale(const Netstack& ns, const TcpPin* pin) {
  if (pin != nullptr && pin->options && pin->wscale) {
    return std::min(*pin->wscale, kTcpMaxWinShift);
  }
  // The smallest shift under which the largest buffer fits the window field.
  uint8_t shift = 0;
  while (shift < kTcpMaxWinShift &&
         int64_t{kTcpMaxWin} << shift < ns.settings.sb_max) {
    ++shift;
  }
  return shift;
}

void tcp_set_iss(Tcpcb& tp, uint32_t iss) {
  tp.iss = iss;
  tp.snd_una = tp.snd_nxt = tp.snd_max = tp.snd_up = tp.snd_recover = iss;
  tp.snd_una_stream = 0;
}

void tcp_sendseqinit(Tcpcb& tp) {
  const Netstack& ns = tp.ns();
  const Inpcb& inp = tp.inp;
  tcp_set_iss(tp, tcp_pick_iss(ns, tp.pin.get(), inp.laddr, inp.faddr));
  tp.ts_offset = tcp_pick_ts_offset(ns, tp.pin.get(), inp.laddr, inp.faddr);
  tp.request_scale = tcp_pick_scale(ns, tp.pin.get());
}

uint16_t tcp_mss_offer(Netstack& ns, const InAddr& dst, Route& route,
                       uint32_t user_mss) {
  // The interface's MTU, not the path's: RFC 6691, RFC 1191 section 3.1.
  const Rtentry* const rt = route.Get(ns.routes, dst);
  const Ifnet* const ifp = rt == nullptr ? nullptr : if_get(ns, rt->ifidx);
  uint32_t mss = static_cast<uint32_t>(ns.settings.tcp_mssdflt);
  if (ifp != nullptr && ifp->mtu_bytes > kTcpHdrLen + kTcpMinMss) {
    mss = ifp->mtu_bytes - kTcpHdrLen;
  }
  if (user_mss != 0) mss = std::min(mss, user_mss);
  return static_cast<uint16_t>(std::min<uint32_t>(mss, 65535));
}

uint16_t tcp_mss_adv(Tcpcb& tp) {
  return tcp_mss_offer(tp.ns(), tp.inp.faddr.addr, tp.inp.route, tp.user_mss);
}

void tcp_inherit(Tcpcb& tp, const Tcpcb& listener) {
  tp.flags |= listener.flags & (kTfNoDelay | kTfNoPush | kTfCcChosen);
  tp.cc = listener.cc;
  tp.user_mss = listener.user_mss;
  tp.keepidle_s = listener.keepidle_s;
  tp.keepintvl_s = listener.keepintvl_s;
  tp.keepinit_s = listener.keepinit_s;
  tp.keepcnt = listener.keepcnt;
}

void tcp_mss_update(Tcpcb& tp) {
  const auto dflt = static_cast<uint32_t>(tp.ns().settings.tcp_mssdflt);
  uint32_t mss = tp.peer_mss != 0 ? tp.peer_mss : dflt;
  if (const uint32_t mtu = PathMtu(tp); mtu > kTcpHdrLen) {
    mss = std::min(mss, mtu - kTcpHdrLen);
  }
  if (tp.user_mss != 0) mss = std::min<uint32_t>(mss, tp.user_mss);
  if (tp.path_mss != 0) mss = std::min<uint32_t>(mss, tp.path_mss);
  if (tp.hole_mss != 0) mss = std::min<uint32_t>(mss, tp.hole_mss);
  // IP options take from it in every packet (RFC 6691).
  if (tp.inp.options) mss -= std::min<uint32_t>(mss, tp.inp.options->len);
  tp.maxopd = std::max(mss, static_cast<uint32_t>(tp.ns().settings.tcp_minmss));
  tp.maxseg = tp.maxopd;
  if (tp.is(kTfRcvdTstmp)) {
    tp.maxseg -= kTcpOlenTstampAppa;
  }
}

bool tcp_mtu_lowered(Tcpcb& tp, uint32_t mtu_bytes) {
  // Smaller than what every host must take is a lie: RFC 1191 section 3.
  if (mtu_bytes < kTcpHdrLen + kTcpMinMss) return false;
  const uint32_t before = tp.maxopd;
  const uint32_t mss = mtu_bytes - kTcpHdrLen;
  if (mss >= before) return false;
  tp.path_mss = static_cast<uint16_t>(mss);
  tcp_mss_update(tp);
  if (tp.maxopd >= before) return false;
  ++tp.ns().tcpstat.mtulowered;
  return true;
}

void tcp_drop(Tcpcb& tp, Errno error) {
  Netstack& ns = tp.ns();
  if (tcps_havercvdsyn(tp.state)) {
    ++ns.tcpstat.drops;
    ++ns.tcpstat.sndctrl;
    tcp_respond(tp, tp.snd_max, tp.rcv_nxt, kThRst | kThAck);
  } else {
    ++ns.tcpstat.conndrops;
  }
  if (error == kETIMEDOUT && tp.softerror != kOk) error = tp.softerror;
  tp.so().error = error;
  tcp_close(tp);
}

void tcp_close(Tcpcb& tp) {
  Inpcb& inp = tp.inp;
  if (inp.detached) return;
  Socket& so = tp.so();
  ++tp.ns().tcpstat.closed;
  if (tp.state == TcpState::kListen) syn_cache_cleanup(tp);
  tp.state = TcpState::kClosed;
  tcp_canceltimers(tp);
  tcp_freeq(tp, DropReason::kTcpClosed);
  tp.snd_mbuf = nullptr;
  // A listener's incomplete connection simply goes; one that waits for
  // accept(2) stays and is reported there.
  if (so.head != nullptr && !so.on_q) soqremque(so);
  in_pcbdetach(inp);
  soisdisconnected(so);
}

void tcp_usrclosed(Tcpcb& tp) {
  switch (tp.state) {
    case TcpState::kClosed:
    case TcpState::kListen:
    case TcpState::kSynSent:
      tcp_close(tp);
      break;
    case TcpState::kSynReceived:
      tp.flags |= kTfNeedClose;  // RFC 9293 section 3.10.4
      break;
    case TcpState::kEstablished:
      tp.state = TcpState::kFinWait1;
      break;
    case TcpState::kCloseWait:
      tp.state = TcpState::kLastAck;
      break;
    case TcpState::kFinWait2:
      // Now nobody can wait for the peer's FIN any more.
      if (tp.so().cantrcvmore()) timeout_add(tp.msl2, tcp_maxidle(tp));
      break;
    case TcpState::kFinWait1:
    case TcpState::kClosing:
    case TcpState::kLastAck:
    case TcpState::kTimeWait:
      break;
  }
}

void tcp_time_wait(Tcpcb& tp) {
  if (tp.state != TcpState::kTimeWait) {
    tp.state = TcpState::kTimeWait;
    tcp_canceltimers(tp);
    tp.flags &= ~kTfDelAck;
  }
  timeout_add(tp.msl2, 2 * std::chrono::milliseconds(tp.ns().settings.tcp_msl));
}

}  // namespace splnet
