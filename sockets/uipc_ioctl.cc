// fcntl(2) and ioctl(2): what a descriptor does, and who is signalled.

#include "sockets/kqueue.h"
#include "sockets/uipc_syscalls.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

void SetFileFlag(File& file, int flag, bool on) {
  file.flags = on ? file.flags | flag : file.flags & ~flag;
}

// O_ASYNC belongs to the descriptor and acts through the socket.
void SetAsync(File& file, bool on) {
  SetFileFlag(file, kOAsync, on);
  if (!file.so) return;
  for (Sockbuf* const sb : {&file.so->rcv, &file.so->snd}) {
    sb->flags = static_cast<uint16_t>(on ? sb->flags | kSbAsync
                                         : sb->flags & ~kSbAsync);
  }
}

// The processes are there while any has a descriptor: soclose() forgets the
// owner.
void SignalOwner(const Sigio& self, SoSignal why) {
  auto& table = *static_cast<ProcessTable*>(self.table);
  Process* const p = table.Find(self.pid);
  if (p != nullptr) {
    p->PostSignal(why == SoSignal::kUrgent ? kSIGURG : kSIGIO);
  }
}

// There are no process groups: `pid` is a process, or 0 for nobody.
Errno SetOwner(Process& p, Socket& so, int pid) {
  if (pid == 0) {
    so.sigio.reset();
    return kOk;
  }
  const Process* const owner = p.table().Find(pid);
  if (owner == nullptr || owner->exited()) return kESRCH;
  so.sigio = std::make_unique<Sigio>(Sigio{SignalOwner, &p.table(), pid});
  return kOk;
}

int Owner(const Socket& so) { return so.sigio ? so.sigio->pid : 0; }

Errno SocketIoctl(Process& p, Socket& so, uint64_t request, int* arg) {
  switch (request) {
    case kFIONREAD:
      *arg = static_cast<int>(so.rcv.datacc);
      return kOk;
    case kSIOCATMARK:
      *arg = (so.rcv.state & kSsRcvAtMark) != 0 ? 1 : 0;
      return kOk;
    case kFIOSETOWN:
    case kSIOCSPGRP:
      return SetOwner(p, so, *arg);
    case kFIOGETOWN:
    case kSIOCGPGRP:
      *arg = Owner(so);
      return kOk;
    default:
      return kENOTTY;
  }
}

}  // namespace

Result<int> sys_fcntl(Process& p, int fd, int command, int arg) {
  File* const file = p.files().Get(fd);
  if (file == nullptr) return kEBADF;
  const int64_t most = p.ns().settings.maxfiles;
  switch (command) {
    case kFDupfd:
      if (arg < 0 || arg >= most) return kEINVAL;
      return p.files().Alloc(FilePtr(file), most, arg);
    case kFGetfl:
      return file->flags;
    case kFSetfl:
      SetFileFlag(*file, kONonblock, (arg & kONonblock) != 0);
      SetAsync(*file, (arg & kOAsync) != 0);
      return 0;
    case kFGetown:
      if (!file->so) return kENOTTY;
      return Owner(*file->so);
    case kFSetown: {
      if (!file->so) return kENOTTY;
      const Errno error = SetOwner(p, *file->so, arg);
      if (error != kOk) return error;
      return 0;
    }
    default:
      return kEINVAL;
  }
}

Errno sys_ioctl(Process& p, int fd, uint64_t request, int* arg) {
  File* const file = p.files().Get(fd);
  if (file == nullptr) return kEBADF;
  switch (request) {
    case kFIOCLEX:
    case kFIONCLEX:
      return kOk;
    case kFIONBIO:
      if (arg == nullptr) return kEFAULT;
      SetFileFlag(*file, kONonblock, *arg != 0);
      return kOk;
    case kFIOASYNC:
      if (arg == nullptr) return kEFAULT;
      SetAsync(*file, *arg != 0);
      return kOk;
    default:
      if (!file->so) return kENOTTY;
      if (arg == nullptr) return kEFAULT;
      return SocketIoctl(p, *file->so, request, arg);
  }
}

Result<bool> sys_sockatmark(Process& p, int fd) {
  int at = 0;
  const Errno error = sys_ioctl(p, fd, kSIOCATMARK, &at);
  // sockatmark(3) is of sockets, and says so in another way.
  if (error == kENOTTY) return kENOTSOCK;
  if (error != kOk) return error;
  return at != 0;
}

Result<int> sys_fionread(Process& p, int fd) {
  int bytes = 0;
  const Errno error = sys_ioctl(p, fd, kFIONREAD, &bytes);
  if (error == kENOTTY) return kENOTSOCK;
  if (error != kOk) return error;
  return bytes;
}

}  // namespace splnet
