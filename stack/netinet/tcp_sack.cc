// Selective acknowledgement, the receiver's half: what to report, and how it is
// written.  RFC 2018 section 4, RFC 2883.

#include "stack/netinet/tcp_sack.h"

#include <algorithm>
#include <cstring>

#include "stack/kern/endian.h"
#include "stack/netinet/tcp.h"
#include "stack/netinet/tcp_seq.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

// nop nop, kind and length; and each block.
constexpr size_t kSackHead = 4;
constexpr size_t kSackBlock = 8;

TcpSack& State(Tcpcb& tp) {
  if (tp.sack == nullptr) tp.sack = std::make_unique<TcpSack>();
  return *tp.sack;
}

void NoteReports(Tcpcb& tp) {
  const TcpSack& s = *tp.sack;
  if (s.report_count > 0 || s.has_dsack) {
    tp.flags |= kTfSackReport;
  } else {
    tp.flags &= ~kTfSackReport;
  }
}

// Drops the reports for which `gone` is true; the others keep their order.
template <typename Gone>
void RemoveReports(TcpSack& s, Gone gone) {
  const auto begin = s.reports.begin();
  const auto end = std::remove_if(begin, begin + s.report_count, gone);
  s.report_count = static_cast<uint8_t>(end - begin);
}

// How many blocks fit behind `optlen` bytes of other options.
size_t BlocksThatFit(const Tcpcb& tp, size_t optlen) {
  if (optlen + kSackHead + kSackBlock > kTcpMaxOptLen) return 0;
  const size_t room = (kTcpMaxOptLen - optlen - kSackHead) / kSackBlock;
  const TcpSack& s = *tp.sack;
  const size_t have = s.report_count + (s.has_dsack ? 1u : 0u);
  const auto most = static_cast<size_t>(tp.ns().settings.tcp_sack_blocks);
  return std::min({room, have, most});
}

uint8_t* PutBlock(uint8_t* p, const TcpSackBlock& block) {
  const Be32 edges[2] = {block.left, block.right};
  std::memcpy(p, edges, sizeof edges);
  return p + sizeof edges;
}

}  // namespace

const TcpSackBlock* tcp_sack_run_at(const Tcpcb& tp, uint32_t seq) {
  if (tp.sack == nullptr) return nullptr;
  const TcpSack& s = *tp.sack;
  for (size_t i = 0; i < s.report_count; ++i) {
    const TcpSackBlock& run = s.reports[i];
    if (seq_leq(run.left, seq) && seq_lt(seq, run.right)) return &run;
  }
  return nullptr;
}

void tcp_sack_held(Tcpcb& tp, TcpSackBlock run) {
  TcpSack& s = State(tp);
  // What it has swallowed was a run before.
  RemoveReports(s, [&run](const TcpSackBlock& old) {
    return seq_leq(run.left, old.left) && seq_leq(old.right, run.right);
  });
  const size_t kept = std::min<size_t>(s.report_count, kTcpSackReports - 1);
  std::copy_backward(s.reports.begin(), s.reports.begin() + kept,
                     s.reports.begin() + kept + 1);
  s.reports[0] = run;
  s.report_count = static_cast<uint8_t>(kept + 1);
  tp.flags |= kTfSackReport;
}

void tcp_sack_duplicate(Tcpcb& tp, TcpSackBlock twice) {
  if (tp.ns().settings.tcp_dsack == 0 || !tcp_sack_enabled(tp)) return;
  if (!seq_lt(twice.left, twice.right)) return;
  TcpSack& s = State(tp);
  s.has_dsack = true;
  s.dsack = twice;
  tp.flags |= kTfSackReport | kTfAckNow;
}

void tcp_sack_advance(Tcpcb& tp) {
  if (!tp.is(kTfSackReport)) return;
  TcpSack& s = *tp.sack;
  RemoveReports(s, [&tp](const TcpSackBlock& run) {
    return seq_leq(run.right, tp.rcv_nxt);
  });
  NoteReports(tp);
}

void tcp_sack_forget_held(Tcpcb& tp) {
  if (tp.sack == nullptr) return;
  tp.sack->report_count = 0;
  NoteReports(tp);
}

size_t tcp_sack_optlen(const Tcpcb& tp, size_t optlen) {
  if (!tp.is(kTfSackReport) || !tcps_haveestablished(tp.state)) return 0;
  const size_t blocks = BlocksThatFit(tp, optlen);
  return blocks == 0 ? 0 : kSackHead + blocks * kSackBlock;
}

size_t tcp_put_sack(Tcpcb& tp, size_t optlen, uint8_t* opt) {
  const size_t len = tcp_sack_optlen(tp, optlen);
  if (len == 0) return 0;
  TcpSack& s = *tp.sack;
  opt[0] = opt[1] = kTcpOptNop;
  opt[2] = kTcpOptSack;
  opt[3] = static_cast<uint8_t>(len - 2);
  uint8_t* p = opt + kSackHead;
  if (s.has_dsack) {
    p = PutBlock(p, s.dsack);
    ++tp.ns().tcpstat.sack_snd_dsack;
    s.has_dsack = false;
  }
  for (const TcpSackBlock* run = s.reports.data(); p < opt + len; ++run) {
    p = PutBlock(p, *run);
  }
  ++tp.ns().tcpstat.sack_snd_opts;
  NoteReports(tp);
  return len;
}

}  // namespace splnet
