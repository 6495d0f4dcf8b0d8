// soreceive: what a protocol queued goes to a program.

#include <algorithm>
#include <cstring>
#include <utility>

#include "sockets/uipc_socket.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

// One pass of soreceive().  A record is a name (for protocols with addresses),
// control, data; a stream is one record of data alone.
class Reception {
 public:
  Reception(Socket& so, Sockaddr* from, Uio& uio, int flags, MbufPtr* control)
      : so_(so),
        sb_(so.rcv),
        from_(from),
        uio_(uio),
        flags_(flags),
        control_(control) {}

  Errno Run();
  int flags() const { return flags_; }

 private:
  bool peek() const { return (flags_ & kMsgPeek) != 0; }
  bool progress() const { return uio_.done() > 0; }
  bool Waits(const Mbuf* m) const;
  // Why there is nothing to take: the call's result, kEWOULDBLOCK included.
  Errno NothingThere();
  void TakeRecord(Mbuf* m);
  Mbuf* TakeName(Mbuf* m);
  Mbuf* TakeControl(Mbuf* m);
  Mbuf* TakeData(Mbuf* m);
  // Goes behind `m`, which it frees unless peeking.
  Mbuf* Pass(Mbuf* m);
  // True at the urgent mark, where a read stops.
  bool CountToMark(uint32_t len);
  void EndRecord(Mbuf* rest);
  bool WantsAll() const;

  Socket& so_;
  Sockbuf& sb_;
  Sockaddr* from_;
  Uio& uio_;
  int flags_;
  MbufPtr* control_;
  Mbuf* nextrecord_ = nullptr;
  uint32_t peeked_ = 0;    // bytes peeked at
  bool had_name_ = false;  // of this record
  bool stopped_ = false;   // at a mark or the end of a record
};

// Less than the low-water mark, or than what MSG_WAITALL can be given at once,
// is waited for; not what ends a record.
bool Reception::Waits(const Mbuf* m) const {
  if (m == nullptr) return true;
  if ((flags_ & kMsgDontWait) != 0 || progress()) return false;
  if ((so_.proto->flags & kPrAtomic) != 0 || m->nextpkt != nullptr) {
    return false;
  }
  if (sb_.cc >= uio_.resid) return false;
  const bool wants_all = (flags_ & kMsgWaitAll) != 0 && uio_.resid <= sb_.hiwat;
  if (sb_.cc >= sb_.lowat && !wants_all) return false;
  if (so_.error != kOk || so_.cantrcvmore()) return false;
  for (const Mbuf* p = m; p != nullptr; p = p->next) {
    if (p->type == MbufType::kOobdata || p->has(kMEor)) return false;
  }
  return true;
}

Errno Reception::NothingThere() {
  // What was received is reported first; the error waits for the next call.
  if (progress() && (so_.error != kOk || so_.cantrcvmore())) return kOk;
  if (so_.error != kOk) {
    return peek() ? so_.error : std::exchange(so_.error, kOk);
  }
  if (so_.cantrcvmore() && sb_.cc == 0) return kOk;
  if (!so_.is(kSsIsConnected | kSsIsConnecting) &&
      (so_.proto->flags & kPrConnRequired) != 0) {
    return kENOTCONN;
  }
  if (uio_.resid == 0 && control_ == nullptr) return kOk;
  return kEWOULDBLOCK;
}

Errno Reception::Run() {
  for (;;) {
    // To a reader, a buffer that is spliced is empty.
    Mbuf* const m = (sb_.flags & kSbSplice) != 0 ? nullptr : sb_.mb;
    if (Waits(m)) return NothingThere();
    const size_t before = uio_.resid;
    TakeRecord(m);
    if (WantsAll()) continue;
    // A record without name and data says nothing: the next one is received.
    if (uio_.resid != before || before == 0 || had_name_ || peek() ||
        (flags_ & kMsgEor) != 0 || so_.cantrcvmore()) {
      return kOk;
    }
  }
}

// MSG_WAITALL takes more of a stream as it comes.
bool Reception::WantsAll() const {
  return (flags_ & kMsgWaitAll) != 0 && (flags_ & kMsgDontWait) == 0 &&
         !peek() && !stopped_ && uio_.resid > 0 &&
         (so_.proto->flags & kPrAtomic) == 0;
}

void Reception::TakeRecord(Mbuf* m) {
  nextrecord_ = m->nextpkt;
  peeked_ = 0;
  m = TakeName(m);
  m = TakeControl(m);
  if (m != nullptr) {
    if (m->has(kMBcast)) flags_ |= kMsgBcast;
    if (m->has(kMMcast)) flags_ |= kMsgMcast;
    m = TakeData(m);
  }
  EndRecord(m);
}

Mbuf* Reception::TakeName(Mbuf* m) {
  had_name_ = m->type == MbufType::kSoname;
  if (!had_name_) return m;
  if (from_ != nullptr) soname_read(*m, from_);
  return Pass(m);
}

Mbuf* Reception::TakeControl(Mbuf* m) {
  while (m != nullptr && m->type == MbufType::kControl) {
    if (control_ == nullptr) {
      m = Pass(m);
      continue;
    }
    MbufPtr one;
    Mbuf* const next = m->next;
    if (peek()) {
      one = m_copym(*m, 0, m->len, MWait::kWait);
    } else {
      sbfree(sb_, *m);
      m->next = nullptr;
      m->nextpkt = nullptr;
      one = MbufPtr(m);
    }
    // BSD hands over a chain; so does this.
    if (one && *control_) {
      m_cat(**control_, std::move(one));
    } else if (one) {
      *control_ = std::move(one);
    }
    m = next;
  }
  return m;
}

Mbuf* Reception::TakeData(Mbuf* m) {
  const MbufType type = m->type;
  if (type == MbufType::kOobdata) flags_ |= kMsgOob;
  while (m != nullptr && uio_.resid > 0 && m->type == type) {
    sb_.state &= static_cast<uint16_t>(~kSsRcvAtMark);
    auto len = static_cast<uint32_t>(std::min<size_t>(uio_.resid, m->len));
    if (so_.oobmark != 0) len = std::min(len, so_.oobmark - peeked_);
    uiomove_out(so_.ns, m->data, len, uio_, m, &so_);
    const bool eor = m->has(kMEor) && len == m->len;
    if (len == m->len) {
      m = Pass(m);
    } else if (!peek()) {
      m->data += len;
      m->len -= len;
      sb_.cc -= len;
      sb_.datacc -= len;
    }
    if (eor) flags_ |= kMsgEor;
    stopped_ = CountToMark(len) || eor;
    if (stopped_) return m;
  }
  stopped_ = m != nullptr && m->type != type;
  return m;
}

bool Reception::CountToMark(uint32_t len) {
  if (so_.oobmark == 0) return false;
  if (peek()) {
    peeked_ += len;
    return peeked_ == so_.oobmark;
  }
  so_.oobmark -= len;
  if (so_.oobmark != 0) return false;
  sb_.state |= kSsRcvAtMark;
  return true;
}

Mbuf* Reception::Pass(Mbuf* m) {
  if (peek()) return m->next;
  sbfree(sb_, *m);
  return m_free(m);
}

// Puts the buffer's head right; what is left of a message is lost.
void Reception::EndRecord(Mbuf* rest) {
  if (rest != nullptr && (so_.proto->flags & kPrAtomic) != 0) {
    flags_ |= kMsgTrunc;
    while (rest != nullptr && !peek()) rest = Pass(rest);
  }
  if (peek()) return;
  if (rest != nullptr) {
    sb_.mb = rest;
    rest->nextpkt = nextrecord_;
    if (nextrecord_ == nullptr) sb_.lastrecord = rest;
  } else {
    sb_.mb = nextrecord_;
    if (nextrecord_ == nullptr) sb_.mbtail = sb_.lastrecord = nullptr;
  }
  if ((so_.proto->flags & kPrWantRcvd) != 0 && so_.pcb != nullptr) {
    so_.proto->rcvd(so_);
  }
}

// The usual case, in one go: takes the first message of a buffer that holds
// one.  Gives the flags to report.
int TakeMessage(Socket& so, Sockaddr* from, Uio& uio) {
  Sockbuf& sb = so.rcv;
  Mbuf* m = sb.mb;
  Mbuf* const nextrecord = m->nextpkt;
  const auto pass = [&sb](Mbuf* done) {
    sbfree(sb, *done);
    return m_free(done);
  };
  if (m->type == MbufType::kSoname) {
    if (from != nullptr) soname_read(*m, from);
    m = pass(m);
  }
  while (m != nullptr && m->type == MbufType::kControl) m = pass(m);
  int flags = 0;
  if (m != nullptr && m->has(kMBcast)) flags |= kMsgBcast;
  if (m != nullptr && m->has(kMMcast)) flags |= kMsgMcast;
  while (m != nullptr && uio.resid >= m->len && uio.resid > 0) {
    uiomove_out(so.ns, m->data, m->len, uio, m, &so);
    m = pass(m);
  }
  if (m != nullptr) {  // the rest is lost
    flags |= kMsgTrunc;
    if (uio.resid > 0) uiomove_out(so.ns, m->data, uio.resid, uio, m, &so);
    while (m != nullptr) m = pass(m);
  }
  sb.mb = nextrecord;
  if (nextrecord == nullptr) sb.mbtail = sb.lastrecord = nullptr;
  return flags;
}

Errno ReceiveOob(Socket& so, Uio& uio, int flags) {
  if (so.proto->rcvoob == nullptr) return kEOPNOTSUPP;
  MbufPtr m = m_get(so.ns.mbufs, MWait::kWait);
  if (!m) return kENOBUFS;
  const Errno error = so.proto->rcvoob(so, *m, (flags & kMsgPeek) != 0);
  if (error != kOk) return error;
  const size_t len = std::min<size_t>(uio.resid, m->len);
  uiomove_out(so.ns, m->data, len, uio, m.get(), &so);
  return kOk;
}

// The packet that a read is about, for the trace.
const Mbuf* FirstData(const Sockbuf& sb) {
  const Mbuf* m = sb.mb;
  while (m != nullptr && !sb_isdata(*m)) m = m->next;
  return m;
}

}  // namespace

void uiomove_out(Netstack& ns, const std::byte* kernel, size_t n, Uio& uio,
                 const Mbuf* m, const Socket* so) {
  ns.tracer.Enter(Fn::kUiomove, m, so, n);
  while (n > 0 && uio.resid > 0) {
    size_t now = 0;
    std::byte* const to = uio.Take(n, &now);
    if (now == 0) continue;
    ns.tracer.Enter(Fn::kCopyout, m, so, now);
    std::memcpy(to, kernel, now);
    ns.ledger.Copy(CopyKind::kCopyout, now);
    ns.cpu.ChargeCopy(now);
    kernel += now;
    n -= now;
  }
}

Errno soreceive(Socket& so, Sockaddr* from, Uio& uio, int* flags,
                MbufPtr* control) {
  if (so.ns.tracer.wants(kTracePath)) {
    so.ns.tracer.Enter(Fn::kSoreceive, FirstData(so.rcv), &so, so.rcv.cc);
  }
  constexpr int kUnusual = kMsgPeek | kMsgOob;
  if ((so.proto->flags & (kPrAtomic | kPrWantRcvd)) == kPrAtomic &&
      so.rcv.mb != nullptr && (so.rcv.flags & kSbSplice) == 0 &&
      (*flags & kUnusual) == 0 && control == nullptr) {
    *flags = TakeMessage(so, from, uio);
    return kOk;
  }
  if ((*flags & kMsgOob) != 0) return ReceiveOob(so, uio, *flags);
  const int in = *flags & (kMsgPeek | kMsgWaitAll | kMsgDontWait);
  Reception reception(so, from, uio, in, control);
  const Errno error = reception.Run();
  *flags = reception.flags() & ~in;
  return error;
}

}  // namespace splnet
