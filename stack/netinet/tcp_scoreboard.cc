// Selective acknowledgement, the sender's half: the scoreboard and what loss
// recovery asks of it.  RFC 6675 sections 3 and 4.

#include <algorithm>

#include "stack/netinet/tcp_input.h"
#include "stack/netinet/tcp_sack.h"
#include "stack/netinet/tcp_seq.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

using Ranges = std::vector<TcpSackBlock>;

// An idle connection keeps no more room than this for ranges.
constexpr size_t kKeptRanges = 8;

void CountRanges(Tcpcb& tp, size_t before) {
  TcpHost& host = tp.ns().tcp;
  host.sack_ranges += tp.sack->sacked.size();
  host.sack_ranges -= before;
  if (tp.sack->sacked.empty()) {
    tp.flags &= ~kTfSacked;
    if (tp.sack->sacked.capacity() > kKeptRanges)
      Ranges().swap(tp.sack->sacked);
  } else {
    tp.flags |= kTfSacked;
  }
}

// Whether the scoreboard may have one more range: strangers decide how many
// there are.
bool HasRoom(Tcpcb& tp) {
  const Settings& settings = tp.ns().settings;
  if (tp.sack->sacked.size() <
          static_cast<size_t>(settings.tcp_sack_maxholes) &&
      tp.ns().tcp.sack_ranges <
          static_cast<uint64_t>(settings.tcp_sackholelimit)) {
    return true;
  }
  ++tp.ns().tcpstat.sackhole_limited;
  return false;
}

// Adds `block`, merged with what it touches.  The bytes of it that are new.
uint32_t Insert(Tcpcb& tp, TcpSackBlock block) {
  Ranges& ranges = tp.sack->sacked;
  const auto first = std::lower_bound(
      ranges.begin(), ranges.end(), block.left,
      [](const TcpSackBlock& r, uint32_t seq) { return seq_lt(r.right, seq); });
  auto last = first;
  uint32_t had = 0;
  for (; last != ranges.end() && seq_leq(last->left, block.right); ++last) {
    had += last->size();
    block.left = seq_min(block.left, last->left);
    block.right = seq_max(block.right, last->right);
  }
  const size_t before = ranges.size();
  if (first != last) {
    *first = block;
    ranges.erase(first + 1, last);
  } else if (HasRoom(tp)) {
    ranges.insert(first, block);
  } else {
    return 0;
  }
  CountRanges(tp, before);
  tp.sack->sacked_bytes += block.size() - had;
  return block.size() - had;
}

// Everything below it that is not SACKed is presumed lost: DupThresh runs
// above, or more than (DupThresh - 1) segments' worth of bytes.
uint32_t LostEdge(const Tcpcb& tp) {
  const Ranges& ranges = tp.sack->sacked;
  uint32_t bytes = 0;
  int runs = 0;
  for (size_t i = ranges.size(); i-- > 0;) {
    bytes += ranges[i].size();
    ++runs;
    if (runs >= kTcpDupThresh || bytes > (kTcpDupThresh - 1) * tp.maxseg) {
      return ranges[i].left;
    }
  }
  return tp.snd_una;
}

// The first hole beyond what recovery has sent again, below anything SACKed.
TcpSackBlock NextHole(const Tcpcb& tp) {
  const TcpSack& s = *tp.sack;
  if (s.sacked.empty()) return {tp.snd_max, tp.snd_max};
  const TcpSackBlock hole = tcp_sack_hole(tp, seq_max(s.high_rxt, tp.snd_una));
  if (!seq_lt(hole.left, s.sacked.back().left)) return {hole.left, hole.left};
  return hole;
}

bool IsDsack(const TcpSegment& th) {
  const TcpSackBlock& first = th.sack[0];
  if (!seq_lt(first.left, first.right)) return false;
  if (seq_leq(first.right, th.ack)) return true;
  return th.sacks > 1 && seq_geq(first.left, th.sack[1].left) &&
         seq_leq(first.right, th.sack[1].right);
}

}  // namespace

bool tcp_sack_update(Tcpcb& tp, const TcpSegment& th) {
  TcpStat& stat = tp.ns().tcpstat;
  ++stat.sack_rcv_opts;
  if (tp.sack == nullptr) tp.sack = std::make_unique<TcpSack>();
  uint32_t news = 0;
  for (size_t i = 0; i < th.sacks; ++i) {
    TcpSackBlock block = th.sack[i];
    // The first may tell of a duplicate, of which nothing follows here: below
    // the acknowledgement or within the second (RFC 2883 section 4).
    if (i == 0 && IsDsack(th)) {
      ++stat.sack_rcv_dsack;
      continue;
    }
    if (!seq_lt(block.left, block.right) || seq_leq(block.left, th.ack) ||
        seq_gt(block.right, tp.snd_max)) {
      ++stat.sack_drop_opts;
      continue;
    }
    // Of an older acknowledgement.
    block.left = seq_max(block.left, tp.snd_una);
    if (seq_lt(block.left, block.right)) news += Insert(tp, block);
  }
  return news > 0;
}

void tcp_sack_acked(Tcpcb& tp) {
  TcpSack& s = *tp.sack;
  const size_t before = s.sacked.size();
  auto it = s.sacked.begin();
  for (; it != s.sacked.end() && seq_leq(it->right, tp.snd_una); ++it) {
    s.sacked_bytes -= it->size();
  }
  s.sacked.erase(s.sacked.begin(), it);
  if (!s.sacked.empty() && seq_lt(s.sacked.front().left, tp.snd_una)) {
    s.sacked_bytes -= tp.snd_una - s.sacked.front().left;
    s.sacked.front().left = tp.snd_una;
  }
  // It would have acknowledged what it has: it gave up on it, and only a
  // timeout will show how much (RFC 2018 section 8).
  if (!s.sacked.empty() && s.sacked.front().left == tp.snd_una) {
    ++tp.ns().tcpstat.sack_reneged;
  }
  CountRanges(tp, before);
}

void tcp_sack_clear(Tcpcb& tp) {
  if (tp.sack == nullptr) return;
  const size_t before = tp.sack->sacked.size();
  tp.sack->sacked.clear();
  tp.sack->sacked_bytes = 0;
  CountRanges(tp, before);
}

bool tcp_sack_is_lost(const Tcpcb& tp, uint32_t seq) {
  return tp.is(kTfSacked) && seq_lt(seq, LostEdge(tp));
}

uint32_t tcp_sack_pipe(const Tcpcb& tp) {
  const TcpSack& s = *tp.sack;
  // Not presumed lost: everything beyond the edge but what is SACKed.
  const uint32_t edge = LostEdge(tp);
  const uint32_t above = s.sacked_bytes - tcp_sacked_below(tp, edge);
  uint32_t pipe = tp.snd_max - edge - above;
  // Sent again: everything below high_rxt but what is SACKed.
  if (tp.is(kTfSackRecovery) && seq_gt(s.high_rxt, tp.snd_una)) {
    pipe += s.high_rxt - tp.snd_una - tcp_sacked_below(tp, s.high_rxt);
  }
  return pipe;
}

void tcp_sack_enter_recovery(Tcpcb& tp) {
  tp.sack->high_rxt = tp.sack->rescue_rxt = tp.snd_una;
}

TcpSackBlock tcp_sack_next_lost(const Tcpcb& tp) {
  const TcpSackBlock hole = NextHole(tp);
  if (!seq_lt(hole.left, LostEdge(tp))) return {hole.left, hole.left};
  return hole;
}

TcpSackBlock tcp_sack_next_unsure(const Tcpcb& tp) { return NextHole(tp); }

TcpSackBlock tcp_sack_rescue(const Tcpcb& tp) {
  const TcpSack& s = *tp.sack;
  if (!seq_gt(tp.snd_una, s.rescue_rxt)) return {tp.snd_una, tp.snd_una};
  // It must include the highest that is not SACKed.
  TcpSackBlock hole{tp.snd_una, tp.snd_max};
  size_t n = s.sacked.size();
  if (n > 0 && s.sacked[n - 1].right == tp.snd_max) {
    hole.right = s.sacked[n - 1].left;
    --n;
  }
  if (n > 0) hole.left = s.sacked[n - 1].right;
  if (hole.size() > tp.maxseg) hole.left = hole.right - tp.maxseg;
  return hole;
}

uint32_t tcp_sacked_below(const Tcpcb& tp, uint32_t seq) {
  if (!tp.is(kTfSacked)) return 0;
  uint32_t bytes = 0;
  for (const TcpSackBlock& range : tp.sack->sacked) {
    if (!seq_lt(range.left, seq)) break;
    bytes += seq_min(range.right, seq) - range.left;
  }
  return bytes;
}

TcpSackBlock tcp_sack_hole(const Tcpcb& tp, uint32_t seq) {
  if (tp.is(kTfSacked)) {
    for (const TcpSackBlock& range : tp.sack->sacked) {
      if (seq_lt(seq, range.left)) return {seq, range.left};
      seq = seq_max(seq, range.right);
    }
  }
  return {seq, seq_max(seq, tp.snd_max)};
}

}  // namespace splnet
