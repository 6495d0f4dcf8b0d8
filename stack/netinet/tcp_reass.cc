// Segments that arrive out of order.  RFC 9293 section 3.10.7.4, seventh step.
//
// They wait in a list by sequence number, without overlaps, each in the packet
// that brought it.  The limit is the host's: net.inet.tcp.reasslimit.

#include <utility>

#include "stack/netinet/in_pcb.h"
#include "stack/netinet/tcp_input.h"
#include "stack/netinet/tcp_sack.h"
#include "stack/netinet/tcp_seq.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

// What a held segment is, in the part of its packet header that is free while
// it is held.
struct Held {
  uint32_t seq;
  uint32_t len;
  uint32_t fin;      // not 0: a FIN follows the data
  uint32_t has_oob;  // not 0: byte oob_seq leaves the stream
  uint32_t oob_seq;

  static Held Of(const Mbuf& m) {
    const auto& word = m.pkthdr.reserved;
    return {word[0], word[1], word[2], word[3], word[4]};
  }
  void Keep(Mbuf& m) const {
    auto& word = m.pkthdr.reserved;
    word[0] = seq;
    word[1] = len;
    word[2] = fin;
    word[3] = has_oob;
    word[4] = oob_seq;
  }
  uint32_t end() const { return seq + len; }
  bool holds_oob() const {
    return has_oob != 0 && seq_geq(oob_seq, seq) && seq_lt(oob_seq, end());
  }
  // Of bytes that both have this one's stay: so does what is known of them.
  void LearnOob(const Held& other) {
    if (holds_oob() || other.has_oob == 0) return;
    has_oob = other.has_oob;
    oob_seq = other.oob_seq;
  }
};

// Takes the segment behind `prev` (null: the first) out of the queue.
MbufPtr Unlink(Tcpcb& tp, Mbuf* prev) {
  TcpReassQueue& q = tp.reass;
  Mbuf*& link = prev == nullptr ? q.head : prev->nextpkt;
  Mbuf* const m = link;
  link = m->nextpkt;
  if (q.tail == m) q.tail = prev;
  m->nextpkt = nullptr;
  --tp.ns().tcp.reass_segments;
  for (uint32_t& word : m->pkthdr.reserved) word = 0;
  return MbufPtr(m);
}

// Puts `m` behind `prev` (null: first).
void Link(Tcpcb& tp, Mbuf* prev, MbufPtr m) {
  TcpReassQueue& q = tp.reass;
  Mbuf* const added = m.release();
  Mbuf*& link = prev == nullptr ? q.head : prev->nextpkt;
  added->nextpkt = link;
  link = added;
  if (added->nextpkt == nullptr) q.tail = added;
  ++tp.ns().tcp.reass_segments;
}

// The last held segment that begins at or before `seq`; null if none does.
Mbuf* FindBefore(const TcpReassQueue& q, uint32_t seq) {
  // Mostly they come in order behind one hole.
  if (q.tail != nullptr && seq_leq(Held::Of(*q.tail).seq, seq)) return q.tail;
  Mbuf* prev = nullptr;
  for (Mbuf* p = q.head; p != nullptr && seq_leq(Held::Of(*p).seq, seq);
       p = p->nextpkt) {
    prev = p;
  }
  return prev;
}

// Where a segment has found its place.
struct Placed {
  const Mbuf* at = nullptr;  // the packet that holds it, or its beginning
  TcpSackBlock twice{0, 0};  // what of it was held before

  void Twice(uint32_t left, uint32_t right) {
    if (twice.empty()) twice = {left, right};
  }
};

// Puts the segment in its place and cuts away what is held twice.  False if
// all of it was held before.
bool Insert(Tcpcb& tp, TcpSegment& th, Placed* placed) {
  Held h{th.seq, th.len, th.has(kThFin) ? 1u : 0u, th.has_oob ? 1u : 0u,
         th.oob_seq};
  MbufPtr m = std::move(th.m);
  m_trim_front(*m, th.hdrlen);
  Mbuf* const prev = FindBefore(tp.reass, h.seq);
  if (prev != nullptr) {
    Held before = Held::Of(*prev);
    if (seq_gt(before.end(), h.seq)) {
      before.LearnOob(h);
      before.Keep(*prev);
      const uint32_t overlap = before.end() - h.seq;
      placed->at = prev;
      placed->Twice(h.seq, seq_min(before.end(), h.end()));
      if (overlap > h.len ||
          (overlap == h.len && (h.fin == 0 || before.fin != 0))) {
        th.m = std::move(m);
        return false;
      }
      m_trim_front(*m, overlap);
      h.seq += overlap;
      h.len -= overlap;
    } else if (before.end() == h.seq && h.len == 0 && before.fin != 0) {
      th.m = std::move(m);
      return false;
    }
  }
  // What follows gives way to the new segment, whole or in part.
  for (;;) {
    Mbuf* const next = prev == nullptr ? tp.reass.head : prev->nextpkt;
    if (next == nullptr) break;
    Held after = Held::Of(*next);
    if (!seq_gt(h.end(), after.seq)) break;
    h.LearnOob(after);
    const uint32_t overlap = h.end() - after.seq;
    placed->Twice(after.seq, seq_min(after.end(), h.end()));
    if (overlap < after.len || (overlap == after.len && after.fin != 0)) {
      m_trim_front(*next, overlap);
      after.seq += overlap;
      after.len -= overlap;
      after.Keep(*next);
      break;
    }
    h.fin |= after.fin;
    const MbufPtr gone = Unlink(tp, prev);
    tp.ns().tracer.Met(Fate::kDuplicate, gone->pkthdr.id, &tp.so(), after.len);
  }
  h.Keep(*m);
  placed->at = m.get();
  Link(tp, prev, std::move(m));
  return true;
}

// Where the run of held data begins that `m` is in.
uint32_t RunBegin(const TcpReassQueue& q, const Mbuf& m) {
  uint32_t begin = Held::Of(*q.head).seq;
  uint32_t end = begin;
  for (const Mbuf* p = q.head;; p = p->nextpkt) {
    const Held h = Held::Of(*p);
    if (h.seq != end) begin = h.seq;
    end = h.end();
    if (p == &m) return begin;
  }
}

// The whole run that `m` is in.  Those that were reported already spare the
// walk.
TcpSackBlock RunAround(const Tcpcb& tp, const Mbuf& m) {
  const Held h = Held::Of(m);
  const TcpSackBlock* const known = tcp_sack_run_at(tp, h.seq);
  if (known != nullptr && seq_leq(h.end(), known->right)) return *known;
  const TcpSackBlock* const before = tcp_sack_run_at(tp, h.seq - 1);
  TcpSackBlock run{before != nullptr ? before->left : RunBegin(tp.reass, m),
                   h.end()};
  for (const Mbuf* p = m.nextpkt; p != nullptr; p = p->nextpkt) {
    const Held after = Held::Of(*p);
    if (after.seq != run.right) break;
    run.right = after.end();
  }
  return run;
}

// What the next ACK has to report, RFC 2018 section 4 and RFC 2883.
void Report(Tcpcb& tp, const Placed& placed) {
  if (!tcp_sack_enabled(tp)) return;
  const TcpSackBlock run = RunAround(tp, *placed.at);
  if (!run.empty()) tcp_sack_held(tp, run);
  tcp_sack_duplicate(tp, placed.twice);
}

// Appends what has become contiguous.  True if that ends with the FIN.
bool Present(Tcpcb& tp, TcpSegment& th) {
  Netstack& ns = tp.ns();
  Socket& so = tp.so();
  bool fin = false;
  while (!fin && tp.reass.head != nullptr) {
    const Held h = Held::Of(*tp.reass.head);
    if (h.seq != tp.rcv_nxt) break;
    MbufPtr m = Unlink(tp, nullptr);
    tp.rcv_nxt += h.len;
    fin = h.fin != 0;
    const uint64_t id = m->pkthdr.id;
    if (h.len == 0) {
      ns.tracer.Met(Fate::kConsumed, id, &so, 0);
    } else if (so.cantrcvmore()) {
      ++ns.tcpstat.rcvafterclose;
      ns.Drop(std::move(m), DropReason::kTcpAfterClose);
    } else {
      if (h.holds_oob()) tcp_pull_held(tp, *m, h.oob_seq - h.seq, h.oob_seq);
      ns.tracer.Enter(Fn::kSbappendstream, *m);
      sbappendstream(so.rcv, std::move(m));
      ns.tracer.Met(Fate::kDelivered, id, &so, h.len);
      th.wake |= kTcpWakeRead;
    }
  }
  return fin;
}

}  // namespace

void tcp_freeq(Tcpcb& tp, DropReason reason) {
  tcp_sack_forget_held(tp);
  while (tp.reass.head != nullptr) {
    tp.ns().Drop(Unlink(tp, nullptr), reason);
  }
}

bool tcp_reass(Tcpcb& tp, TcpSegment& th) {
  Netstack& ns = tp.ns();
  ns.tracer.Enter(Fn::kTcpReass, *th.m);
  const bool next = th.seq == tp.rcv_nxt;
  if (!next && ns.tcp.reass_segments >=
                   static_cast<uint64_t>(ns.settings.tcp_reasslimit)) {
    // Whoever holds the host's memory gives it back; what fills a hole always
    // gets in, for it frees what waits behind it.
    ++ns.tcpstat.rcvmemdrop;
    tcp_freeq(tp, DropReason::kTcpReassLimit);
    tcp_dropseg(ns, th, DropReason::kTcpReassLimit);
    return false;
  }
  const uint32_t len = th.len;
  if (!next) {
    ++ns.tcpstat.rcvoopack;
    ++tp.rcv_ooopack;
    ns.tcpstat.rcvoobyte += len;
  }
  Placed placed;
  if (!Insert(tp, th, &placed)) {
    ++ns.tcpstat.rcvduppack;
    ns.tcpstat.rcvdupbyte += len;
    if (placed.at != nullptr) Report(tp, placed);
    tcp_met(tp, th, Fate::kDuplicate);
    return false;
  }
  if (!next) {
    Report(tp, placed);
    ns.tracer.Met(Fate::kQueued, th.id, &tp.so(), len);
    return false;
  }
  const bool fin = Present(tp, th);
  tcp_sack_advance(tp);
  tcp_sack_duplicate(tp, placed.twice);
  return fin;
}

}  // namespace splnet
