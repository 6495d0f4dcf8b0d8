// Urgent data: RFC 9293 section 3.8.5 as BSD has it, and RFC 6093 says that
// everybody does.
//
// The urgent pointer points behind the urgent byte.  That byte is where a
// reader of the stream stops (the mark), and unless the socket has SO_OOBINLINE
// it is taken out of the stream, for recv(MSG_OOB).

#include <utility>

#include "stack/kern/socketvar.h"
#include "stack/netinet/in_pcb.h"
#include "stack/netinet/tcp_input.h"
#include "stack/netinet/tcp_seq.h"
#include "stack/netinet/tcp_var.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

// The urgent byte is the one before `up`, later than any before.
void SetMark(Tcpcb& tp, TcpSegment& th, uint32_t up) {
  Socket& so = tp.so();
  tp.rcv_up = up;
  so.oobmark = so.rcv.cc + (up - tp.rcv_nxt) - 1;
  if (so.oobmark == 0) so.rcv.state |= kSsRcvAtMark;
  tp.oobflags = 0;
  th.wake |= kTcpWakeUrgent;
}

// Takes byte `off` out of `m`, without writing to storage, which may be shared.
// False if memory is short.
bool RemoveByte(Mbuf& m, size_t off) {
  Mbuf* p = &m;
  while (off >= p->len) {
    off -= p->len;
    p = p->next;
  }
  if (off == 0) {
    ++p->data;
  } else if (const size_t behind = p->len - off - 1; behind > 0) {
    MbufPtr rest = m_copym(*p, off + 1, behind, MWait::kDontWait);
    if (!rest) return false;
    rest->next = p->next;
    p->next = rest.release();
    p->len -= static_cast<uint32_t>(behind);
  }
  --p->len;  // mostly it is the last one
  --m.pkthdr.len;
  return true;
}

// Takes the urgent byte, which is in this segment, out of the stream: at once,
// or when what is missing before it has come.
void TakeByte(Tcpcb& tp, TcpSegment& th) {
  const size_t off = th.hdrlen + th.urp - 1u;
  CHECK(m_peek(*th.m, off, 1, &tp.iobc));
  tp.oobflags |= kTcpOobHaveData;
  if (th.seq == tp.rcv_nxt && tp.reass.empty()) {
    RemoveByte(*th.m, off);
    return;
  }
  th.has_oob = true;
  th.oob_seq = th.seq + th.urp - 1;
}

}  // namespace

void tcp_check_urgent(Tcpcb& tp, TcpSegment& th) {
  // After the FIN there is nothing left that could be urgent.
  if (!th.has(kThUrg) || th.urp == 0 || tcps_havercvdfin(tp.state)) {
    // Pulled along, so that it stays comparable.
    if (seq_gt(tp.rcv_nxt, tp.rcv_up)) tp.rcv_up = tp.rcv_nxt;
    return;
  }
  // No buffer will ever hold as much as this announces: a mark there is not
  // meant, or not meant well.
  const Socket& so = tp.so();
  if (int64_t{th.urp} + so.rcv.cc > so.ns.settings.sb_max) return;
  const uint32_t up = th.seq + th.urp;
  if (seq_gt(up, tp.rcv_up)) SetMark(tp, th, up);
  if (th.urp <= th.len && !so.has(kSO_OOBINLINE)) TakeByte(tp, th);
}

void tcp_pull_held(Tcpcb& tp, Mbuf& m, size_t off, uint32_t seq) {
  Socket& so = tp.so();
  if (!RemoveByte(m, off)) return;
  // A later mark was set as if this byte stayed in front of it.
  if (!seq_lt(seq + 1, tp.rcv_up) || so.oobmark == 0) return;
  if (--so.oobmark == 0) so.rcv.state |= kSsRcvAtMark;
}

Errno tcp_rcvoob(Socket& so, Mbuf& m, bool peek) {
  Inpcb* const inp = sotoinpcb(so);
  if (inp == nullptr) {
    const Errno error = std::exchange(so.error, kOk);
    return error != kOk ? error : kEINVAL;
  }
  Tcpcb& tp = *inp->tcpcb;
  const bool marked = so.oobmark != 0 || (so.rcv.state & kSsRcvAtMark) != 0;
  if (!marked || so.has(kSO_OOBINLINE) || (tp.oobflags & kTcpOobHadData) != 0) {
    return kEINVAL;
  }
  if ((tp.oobflags & kTcpOobHaveData) == 0) return kEWOULDBLOCK;
  m.len = 1;
  m.data[0] = tp.iobc;
  if (!peek) tp.oobflags ^= kTcpOobHaveData | kTcpOobHadData;
  return kOk;
}

}  // namespace splnet
