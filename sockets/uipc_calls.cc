// System calls that may wait: how each tries, sleeps and tries again.

#include <algorithm>
#include <utility>

#include "sockets/uipc_syscalls.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

// Waits for space or data in `sb`.  False if a signal forbids it.
bool sbwait(Process& p, Sockbuf& sb) {
  if (!p.Sleep(sb.wait, sb.timeo)) return false;
  sb.flags |= kSbWait;
  return true;
}

// A transfer that was cut short but got somewhere is no error.
bool CutShort(Errno error) { return error == kEWOULDBLOCK || error == kEINTR; }

// The transfer of one piece of memory.
Uio OnePiece(const IoVec& piece) {
  Uio uio;
  uio.iov = std::span<const IoVec>(&piece, 1);
  uio.total = uio.resid = piece.len;
  return uio;
}

// Refuses what no memory holds.
Errno CheckPieces(std::span<const IoVec> iov) {
  if (iov.size() > kIovMax) return kEINVAL;
  size_t left = SIZE_MAX / 2;
  for (const IoVec& v : iov) {
    if (v.len > left) return kEINVAL;
    left -= v.len;
  }
  return kOk;
}

// What reading and writing begin with: the socket of op.fd, the memory, and
// whether one may wait.
template <typename Op>
Errno BeginTransfer(Process& p, Op& op) {
  File* file = nullptr;
  if (const Errno error = p.GetSocket(op.fd, &file); error != kOk) return error;
  if (op.vectored) {
    if (const Errno error = CheckPieces(op.iov); error != kOk) return error;
    op.uio = Uio(op.iov);
  } else {
    op.uio = OnePiece(op.piece);
  }
  if (file->nonblocking()) op.flags |= kMsgDontWait;
  op.so = file->so.get();
  return kOk;
}

}  // namespace

// ------------------------------------------------------------------ receiving

bool ReceiveOp::Try(Process& p) {
  Errno error = so == nullptr ? BeginTransfer(p, *this) : p.slept();
  int io_flags = flags;
  MbufPtr control;
  if (error == kOk) {
    const bool wants_control = msg != nullptr && !msg->control.empty();
    MbufPtr* const want = wants_control ? &control : nullptr;
    error = soreceive(*so, from, uio, &io_flags, want);
    if (error == kOk && msg == nullptr) {
      result.value = uio.done();
      return true;
    }
    // The urgent byte is there or is not: nobody waits for it.
    if (error == kEWOULDBLOCK && (flags & (kMsgDontWait | kMsgOob)) == 0) {
      if (sbwait(p, so->rcv)) return false;
      error = p.slept();
    }
  }
  Finish(error, io_flags, std::move(control));
  return true;
}

void ReceiveOp::Finish(Errno error, int out_flags, MbufPtr control) {
  if (uio.done() > 0 && CutShort(error)) error = kOk;
  result = error == kOk ? Result<size_t>(uio.done()) : Result<size_t>(error);
  if (msg == nullptr || error != kOk) return;
  msg->flags = out_flags;
  msg->controllen = 0;
  if (!control) return;
  const size_t len = m_length(*control);
  msg->controllen = std::min(len, msg->control.size());
  if (msg->controllen < len) msg->flags |= kMsgCTrunc;
  CHECK(m_peek(*control, 0, msg->controllen, msg->control.data()));
}

// -------------------------------------------------------------------- sending

Errno SendOp::Begin(Process& p) {
  if (const Errno error = BeginTransfer(p, *this); error != kOk) return error;
  if (msg == nullptr || msg->control.empty()) return kOk;
  if (msg->control.size() > kMclBytes) return kEINVAL;
  control = m_get(p.ns().mbufs, MWait::kWait, MbufType::kControl);
  if (!control) return kENOBUFS;
  return m_copyback(*control, 0, msg->control.data(), msg->control.size(),
                    MWait::kWait);
}

bool SendOp::Try(Process& p) {
  Errno error = so == nullptr ? Begin(p) : p.slept();
  if (error == kOk) {
    const Sockaddr* const dest = to.family() == Family::kUnspec ? nullptr : &to;
    error = sosend(*so, dest, uio, &control, flags);
    if (error == kEWOULDBLOCK && (flags & kMsgDontWait) == 0) {
      if (sbwait(p, so->snd)) {
        waiting = true;
        return false;
      }
      error = p.slept();
    }
  }
  Finish(p, error);
  return true;
}

void SendOp::Finish(Process& p, Errno error) {
  StopSending();
  if (uio.done() > 0 && CutShort(error)) error = kOk;
  if (error == kEPIPE && (flags & kMsgNoSignal) == 0) p.PostSignal(kSIGPIPE);
  result = error == kOk ? Result<size_t>(uio.done()) : Result<size_t>(error);
}

void SendOp::StopSending() {
  if (!std::exchange(waiting, false)) return;
  so->snd.state &= static_cast<uint16_t>(~kSsIsSending);
}

// ----------------------------------------------------------------- connecting

bool AcceptOp::Try(Process& p) {
  File* file = nullptr;
  Errno error = p.GetSocket(fd, &file);
  if (error == kOk && waiting) error = p.slept();
  if (error == kOk) error = Take(p, *file);
  if (error == kEWOULDBLOCK && !file->nonblocking()) {
    if (p.Sleep(file->so->connecting, Nanoseconds(0))) {
      waiting = true;
      return false;
    }
    error = p.slept();
  }
  if (error != kOk) result = error;
  return true;
}

Errno AcceptOp::Take(Process& p, File& listener) {
  Socket& head = *listener.so;
  if (!head.has(kSO_ACCEPTCONN)) return kEINVAL;
  if (!p.files().HasRoom(p.ns().settings.maxfiles)) return kEMFILE;
  if (head.error != kOk) return std::exchange(head.error, kOk);
  if (head.listen->q.empty()) {
    return head.cantrcvmore() ? kECONNABORTED : kEWOULDBLOCK;
  }
  SocketPtr so = soqremque(*head.listen->q.front());
  Sockaddr from;
  const Errno error = soaccept(*so, &from);
  const FilePtr file(new File(std::move(so)));
  if (error != kOk) return error;  // closes it
  file->flags = listener.flags;
  if (peer != nullptr) *peer = from;
  result = p.files().Alloc(file, p.ns().settings.maxfiles);
  return kOk;
}

bool ConnectOp::Try(Process& p) {
  File* file = nullptr;
  result = p.GetSocket(fd, &file);
  if (result != kOk) return true;
  Socket& so = *file->so;
  if (!waiting) {
    if (so.is(kSsIsConnecting)) {
      result = kEALREADY;
      return true;
    }
    result = soconnect(so, addr);
    if (result == kOk && so.is(kSsIsConnecting) && file->nonblocking()) {
      result = kEINPROGRESS;
      return true;
    }
  } else {
    result = p.slept();
  }
  if (result == kOk && so.is(kSsIsConnecting) && so.error == kOk) {
    if (p.Sleep(so.connecting, Nanoseconds(0))) {
      waiting = true;
      return false;
    }
    result = p.slept();
  }
  // Interrupted, it goes on connecting.
  if (result == kEINTR) return true;
  if (result == kOk) result = std::exchange(so.error, kOk);
  so.state &= static_cast<uint16_t>(~kSsIsConnecting);
  return true;
}

bool CloseOp::Try(Process& p) {
  if (!lingering) {
    FilePtr file = p.RemoveDescriptor(fd);
    if (!file) {
      result = kEBADF;
      return true;
    }
    const bool last = file->refs == 1 && file->so;
    if (!last || !soclose_begin(*file->so) || file->nonblocking()) return true;
    lingering = std::move(file);
  } else {
    result = p.slept();
  }
  Socket& so = *lingering->so;
  if (so.is(kSsIsConnected) && result == kOk) {
    if (p.Sleep(so.connecting, std::chrono::seconds(so.linger_seconds))) {
      return false;
    }
    result = p.slept();
  }
  lingering = FilePtr();
  return true;
}

// -------------------------------------------------------------------- waiting

bool SleepOp::Try(Process& p) {
  if (waiting) {
    result = p.slept() == kEWOULDBLOCK ? kOk : p.slept();
    return true;
  }
  if (duration < Nanoseconds(0)) {
    result = kEINVAL;
    return true;
  }
  if (duration == Nanoseconds(0)) return true;
  waiting = true;
  if (p.Sleep(p.selwait(), duration)) return false;
  result = p.slept();
  return true;
}

bool WaitOp::Try(Process& p) {
  Process* const child = p.table().Find(pid);
  if (child == nullptr || child == &p) {
    result = kECHILD;
    return true;
  }
  if (child->exited()) {
    result = child->exit_status();
    p.table().Reap(pid);
    return true;
  }
  if (waiting && p.slept() != kOk) {
    result = p.slept();
    return true;
  }
  waiting = true;
  if (p.Sleep(child->exiting_, Nanoseconds(0))) return false;
  result = p.slept();
  return true;
}

}  // namespace splnet
