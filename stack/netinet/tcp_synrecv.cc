// Passive opens: from a listener's SYN, through SYN-RECEIVED in the SYN cache,
// to a connection.  RFC 9293 sections 3.10.7.2 and 3.10.7.4, RFC 4987.

#include <algorithm>
#include <utility>

#include "stack/kern/socketvar.h"
#include "stack/netinet/in_pcb.h"
#include "stack/netinet/tcp_ecn.h"
#include "stack/netinet/tcp_input.h"
#include "stack/netinet/tcp_options.h"
#include "stack/netinet/tcp_seq.h"
#include "stack/netinet/tcp_syncache.h"
#include "stack/netinet/tcp_timer.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

// What the listener and the SYN agree on.
SynOpen OpenOf(Tcpcb& listener, const TcpSegment& th) {
  Netstack& ns = listener.ns();
  const Socket& so = listener.so();
  const TcpPin* const pin = listener.pin.get();
  SynOpen open;
  open.from = th.from;
  open.to = th.to;
  open.irs = th.seq;
  open.wnd = th.wnd;
  open.peer_mss = th.mss;
  open.ttl = listener.inp.ttl;
  open.tos = listener.inp.tos;
  if (listener.inp.options) {
    open.options = std::make_unique<IpOptions>(*listener.inp.options);
  }
  if (pin != nullptr) open.pin = std::make_unique<TcpPin>(*pin);
  open.iss = tcp_pick_iss(ns, pin, th.to, th.from);
  // In place of a connection in TIME_WAIT: beyond what that one used (RFC 1122
  // section 4.2.2.13).
  if (th.replaces && pin == nullptr && seq_lt(open.iss, th.iss_floor)) {
    open.iss = th.iss_floor;
  }
  open.snd_space = so.snd.wat;
  open.rcv_space = so.rcv.wat;
  open.win = static_cast<uint16_t>(
      std::clamp<int64_t>(sbspace(so.rcv), 0, kTcpMaxWin));
  Route route;
  open.our_mss = tcp_mss_offer(ns, th.from.addr, route, listener.user_mss);

  const bool fixed = pin != nullptr && pin->options;
  const bool rfc1323 = ns.settings.tcp_rfc1323 != 0;
  if (th.has_wscale && (fixed ? pin->wscale.has_value() : rfc1323)) {
    open.flags |= kSynScale;
    open.snd_scale = th.wscale;
    open.rcv_scale = tcp_pick_scale(ns, pin);
  }
  if (th.has_ts && (fixed ? pin->timestamps : rfc1323)) {
    open.flags |= kSynTstmp;
    open.ts_recent = th.ts_val;
    open.ts_offset = tcp_pick_ts_offset(ns, pin, th.to, th.from);
  }
  if (th.sack_permitted && listener.is(kTfSackPermit)) open.flags |= kSynSack;
  if (tcp_ecn_grants(ns, pin, th.flags)) open.flags |= kSynEcn;
  return open;
}

// Without data, for a connection that has no control block.
TcpReply ReplyOf(const SynOpen& open, uint8_t flags) {
  TcpReply reply{.from = open.to, .to = open.from};
  reply.seq = open.iss + ((flags & kThSyn) != 0 ? 0 : 1);
  reply.ack = open.irs + 1;
  reply.flags = flags;
  reply.ttl = open.ttl;
  reply.tos = open.tos;
  return reply;
}

bool InWindow(const SynOpen& open, uint32_t seq) {
  const uint32_t rcv_nxt = open.irs + 1;
  return seq_geq(seq, rcv_nxt) && seq_lt(seq, rcv_nxt + open.win);
}

// RFC 9293 section 3.4, table 6.
bool Acceptable(const SynOpen& open, const TcpSegment& th) {
  if (open.win == 0) return th.seg_len() == 0 && th.seq == open.irs + 1;
  return InWindow(open, th.seq) ||
         (th.seg_len() > 0 && InWindow(open, th.seq + th.seg_len() - 1));
}

void Challenge(Netstack& ns, SynCacheEntry& entry) {
  if (!tcp_may_challenge(ns, entry.challenge_time, entry.challenges)) return;
  syn_cache_ack(ns, entry);
}

// A RST ends it if it is exactly the next in sequence: RFC 5961 section 3.2.
void ResetInput(Netstack& ns, SynCacheEntry& entry, TcpSegment& th) {
  if (th.has(kThAck) && ns.settings.tcp_syncache_rst_alone != 0) {
    // Nobody answers a SYN-ACK so (RFC 9293 section 3.10.7.1).
    return tcp_dropseg(ns, th, DropReason::kTcpBadReset);
  }
  const bool in_window = InWindow(entry, th.seq);
  if (th.seq == entry.irs + 1 ||
      (in_window && ns.settings.tcp_insecure_rst != 0)) {
    ++ns.tcpstat.sc_reset;
    entry.owner.Remove(entry);
    return tcp_dropseg(ns, th, DropReason::kTcpReset);
  }
  if (in_window) Challenge(ns, entry);
  tcp_dropseg(ns, th, DropReason::kTcpBadReset);
}

// Another SYN gets the answer of the first: it may be the first again, since
// the answer was lost, and else only the peer can tell whose it is.
void SynInput(Tcpcb& listener, SynCacheEntry& entry, TcpSegment& th) {
  Netstack& ns = listener.ns();
  if (th.has(kThAck)) {
    // Nothing of ours asked for it.
    ++ns.tcpstat.badsyn;
    tcp_reject(ns, th);
    return tcp_dropseg(ns, th, DropReason::kTcpBadSyn);
  }
  ++ns.tcpstat.sc_dupesyn;
  if (th.has_ts && th.seq == entry.irs) entry.ts_recent = th.ts_val;
  entry.timed = false;
  tcp_met(listener, th, Fate::kDuplicate);
  syn_cache_respond(ns, entry);
}

// First: the sequence number, and the timestamp.  False if that ends it.
bool CheckSequence(Netstack& ns, SynCacheEntry& entry, TcpSegment& th) {
  if ((entry.flags & kSynTstmp) != 0) {
    if (!th.has_ts && ns.settings.tcp_tolerate_missing_ts == 0) {
      tcp_dropseg(ns, th, DropReason::kTcpNoTimestamp);
      return false;
    }
    if (th.has_ts && tstmp_lt(th.ts_val, entry.ts_recent)) {
      ++ns.tcpstat.pawsdrop;
      Challenge(ns, entry);
      tcp_dropseg(ns, th, DropReason::kTcpPaws);
      return false;
    }
  }
  if (Acceptable(entry, th)) return true;
  Challenge(ns, entry);
  tcp_dropseg(ns, th, DropReason::kTcpOutOfWindow);
  return false;
}

}  // namespace

void syn_cache_respond(Netstack& ns, const SynOpen& open) {
  TcpSynOptions syn;
  syn.mss = open.our_mss;
  if (open.pin != nullptr && open.pin->options) syn.mss = open.pin->mss;
  syn.sack_permitted = (open.flags & kSynSack) != 0;
  if ((open.flags & kSynScale) != 0) syn.wscale = open.rcv_scale;
  if ((open.flags & kSynTstmp) != 0) {
    syn.ts = TcpTimestamps{tcp_clock(ns, open.ts_offset), open.ts_recent};
  }
  uint8_t opt[kTcpMaxOptLen];
  const size_t optlen = tcp_put_syn_options(ns, syn, opt);
  uint8_t flags = kThSyn | kThAck;
  if ((open.flags & kSynEcn) != 0) flags |= kThEce;
  TcpReply reply = ReplyOf(open, flags);
  reply.win = open.win;
  ++ns.tcpstat.sndctrl;
  tcp_reply(ns, reply, open.options.get(), nullptr, {opt, optlen});
}

void syn_cache_ack(Netstack& ns, const SynOpen& open) {
  uint8_t opt[kTcpOlenTstampAppa];
  size_t optlen = 0;
  if ((open.flags & kSynTstmp) != 0) {
    optlen = tcp_put_tstamp(opt, tcp_clock(ns, open.ts_offset), open.ts_recent);
  }
  TcpReply reply = ReplyOf(open, kThAck);
  const uint8_t scale = (open.flags & kSynScale) != 0 ? open.rcv_scale : 0;
  reply.win = static_cast<uint16_t>(open.win >> scale);
  tcp_reply(ns, reply, open.options.get(), nullptr, {opt, optlen});
}

void syn_cache_reset(Netstack& ns, const SynOpen& open) {
  ++ns.tcpstat.sndctrl;
  tcp_reply(ns, ReplyOf(open, kThRst | kThAck), open.options.get(), nullptr,
            {});
}

void syn_cache_add(Tcpcb& listener, TcpSegment& th) {
  Netstack& ns = listener.ns();
  const Settings& settings = ns.settings;
  const ListenQueue& queue = *listener.so().listen;
  if (queue.q.size() > static_cast<size_t>(queue.limit)) {
    // Nobody fetches what is there: one more would only be refused later.
    ++ns.tcpstat.listendrop;
    return tcp_dropseg(ns, th, DropReason::kTcpListenFull);
  }
  SynCache& cache = syn_cache_of(ns);
  SynOpen open = OpenOf(listener, th);
  const bool cookies =
      settings.tcp_syncookies != 0 && open.pin == nullptr && !th.replaces;
  if (cookies && (settings.tcp_syncookies_only != 0 || cache.Full() ||
                  cache.BucketFull(open.from, open.to))) {
    tcp_met(listener, th, Fate::kConsumed);
    return syn_cookie_send(ns, std::move(open));
  }
  if (settings.tcp_syncache_limit == 0) {
    ++ns.tcpstat.sc_dropped;
    return tcp_dropseg(ns, th, DropReason::kTcpListenFull);
  }
  open.timed = true;
  open.sent = ns.now();
  SynCacheEntry& entry = cache.Insert(std::move(open));
  entry.listener = &listener;
  entry.expires = ns.now() + tcp_keepinit(listener);
  ++ns.tcpstat.sc_added;
  tcp_met(listener, th, Fate::kConsumed);
  syn_cache_respond(ns, entry);
  syn_cache_arm(entry);
}

Tcpcb* syn_cache_input(Tcpcb& listener, SynCacheEntry& entry, TcpSegment& th) {
  Netstack& ns = listener.ns();
  if (th.has(kThRst)) {
    ResetInput(ns, entry, th);
    return nullptr;
  }
  if (th.has(kThSyn)) {
    SynInput(listener, entry, th);
    return nullptr;
  }
  if (!CheckSequence(ns, entry, th)) return nullptr;
  if (!th.has(kThAck)) {
    tcp_dropseg(ns, th, DropReason::kTcpNoAck);
    return nullptr;
  }
  if (th.ack != entry.iss + 1) {
    tcp_reject(ns, th);
    tcp_dropseg(ns, th, DropReason::kTcpBadAck);
    return nullptr;
  }
  const SynOpen open = entry.owner.Take(entry);
  Tcpcb* const tp = syn_cache_socket(listener, open, th);
  if (tp != nullptr) ++ns.tcpstat.sc_completed;
  return tp;
}

Tcpcb* syn_cache_socket(Tcpcb& listener, const SynOpen& open, TcpSegment& th) {
  Netstack& ns = listener.ns();
  Socket* const so = sonewconn(listener.so(), 0);
  if (so == nullptr) {
    ++ns.tcpstat.sc_aborted;
    ++ns.tcpstat.listendrop;
    tcp_reject(ns, th);
    tcp_dropseg(ns, th,
                ns.mbufs.PercentUsed() > 95 ? DropReason::kTcpNoMemory
                                            : DropReason::kTcpListenFull);
    return nullptr;
  }
  if (so->snd.wat != open.snd_space || so->rcv.wat != open.rcv_space) {
    static_cast<void>(soreserve(*so, open.snd_space, open.rcv_space));
  }
  Inpcb& inp = *sotoinpcb(*so);
  inp.laddr = open.to;
  inp.faddr = open.from;
  inp.ttl = open.ttl;
  inp.tos = open.tos;
  inp.flags |= listener.inp.flags;
  if (open.options) inp.options = std::make_unique<IpOptions>(*open.options);
  in_pcbrehash(inp);

  Tcpcb& tp = *inp.tcpcb;
  tcp_inherit(tp, listener);
  tcp_set_iss(tp, open.iss);
  tp.snd_nxt = tp.snd_max = open.iss + 1;
  tp.irs = open.irs;
  tp.rcv_nxt = tp.rcv_up = tp.last_ack_sent = open.irs + 1;
  tp.rcv_adv = tp.rcv_nxt + open.win;
  tp.snd_wnd = tp.max_sndwnd = open.wnd;
  tp.peer_mss = open.peer_mss;
  tp.ts_offset = open.ts_offset;
  if ((open.flags & kSynScale) != 0) {
    tp.flags |= kTfRcvdScale;
    tp.snd_scale = open.snd_scale;
    tp.rcv_scale = tp.request_scale = open.rcv_scale;
  }
  if ((open.flags & kSynTstmp) != 0) {
    tp.flags |= kTfRcvdTstmp;
    tp.ts_recent = open.ts_recent;
    tp.ts_recent_time = ns.now();
  }
  if ((open.flags & kSynSack) != 0) tp.flags |= kTfRcvdSack;
  if ((open.flags & kSynEcn) != 0) {
    tp.ecn = kEcnPermit;
    ++ns.tcpstat.ecn_accepts;
  }
  if (open.timed) {
    tp.flags |= kTfTiming;
    tp.rtt_seq = open.iss;
    tp.rtt_time = open.sent;
  }
  tp.rxtshift = open.lost ? 1 : 0;
  tp.state = TcpState::kSynReceived;
  ++ns.tcpstat.accepts;
  return &tp;
}

}  // namespace splnet
