// kqueue(2): events that stay registered.
//
// EVFILT_READ, EVFILT_WRITE and EVFILT_EXCEPT on sockets, EVFILT_READ on a
// kqueue, EVFILT_TIMER.

#ifndef SPLNET_SOCKETS_KQUEUE_H_
#define SPLNET_SOCKETS_KQUEUE_H_

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <span>
#include <utility>

#include "sockets/select.h"
#include "stack/kern/errno.h"
#include "stack/kern/selinfo.h"
#include "stack/kern/timeout.h"
#include "stack/kern/waitchan.h"

namespace splnet {

class Process;
struct File;
struct Knote;

// Filters, flags and fflags, with OpenBSD's values.
inline constexpr int16_t kEvfiltRead = -1;
inline constexpr int16_t kEvfiltWrite = -2;
inline constexpr int16_t kEvfiltTimer = -7;
inline constexpr int16_t kEvfiltExcept = -9;

inline constexpr uint16_t kEvAdd = 0x0001;
inline constexpr uint16_t kEvDelete = 0x0002;
inline constexpr uint16_t kEvEnable = 0x0004;
inline constexpr uint16_t kEvDisable = 0x0008;
inline constexpr uint16_t kEvOneshot = 0x0010;
inline constexpr uint16_t kEvClear = 0x0020;
inline constexpr uint16_t kEvReceipt = 0x0040;
inline constexpr uint16_t kEvDispatch = 0x0080;
inline constexpr uint16_t kEvError = 0x4000;
inline constexpr uint16_t kEvEof = 0x8000;

inline constexpr uint32_t kNoteLowat = 0x0001;     // read, write: data is it
inline constexpr uint32_t kNoteOob = 0x0004;       // except: urgent data
inline constexpr uint32_t kNoteMseconds = 0x0000;  // timer: the unit of data
inline constexpr uint32_t kNoteSeconds = 0x0001;
inline constexpr uint32_t kNoteUseconds = 0x0002;
inline constexpr uint32_t kNoteNseconds = 0x0003;
inline constexpr uint32_t kNoteAbstime = 0x0010;  // timer: data is an instant

inline constexpr int64_t kMaxKqueueTimers = 4096;

struct Kevent {
  uint64_t ident = 0;  // descriptor, or the timer's name
  int16_t filter = 0;
  uint16_t flags = 0;
  uint32_t fflags = 0;  // with kEvEof: the socket's error
  int64_t data = 0;     // bytes there or free, or connections, or expirations
  void* udata = nullptr;
};

class Kqueue {
 public:
  // `owner` is the one process that has it: kqueues are not inherited.
  explicit Kqueue(Process& owner);
  Kqueue(const Kqueue&) = delete;
  Kqueue& operator=(const Kqueue&) = delete;
  ~Kqueue();

  // Applies one change.  kEBADF, kENOENT to change what there is not, kEINVAL
  // for an unknown filter or value, kENOMEM beyond kMaxKqueueTimers.
  Errno Register(const Kevent& change);
  // Fills `events` with what is ready, the longest so first; how many.
  size_t Scan(std::span<Kevent> events);
  // Whether Scan() may find something; false once it found nothing.
  bool ready() const { return active_.linked(); }
  // How many knotes are queued as active.
  int64_t active_count() const { return active_count_; }
  // Descriptor `fd` is being closed.
  void CloseDescriptor(int fd);

  WaitChannel wait;  // processes in kevent(2)
  SelInfo sel;       // who polls the kqueue itself

 private:
  friend struct Knote;
  // A filter on an identifier: at most one knote each.
  using Key = std::pair<uint64_t, int16_t>;

  void Activate(Knote& kn);
  void Deactivate(Knote& kn);
  Errno Add(const Kevent& change);
  Errno AttachFile(Knote& kn);
  Errno SetTimer(Knote& kn);
  // False if the knote turned out not to be ready.
  bool Deliver(Knote& kn, Kevent* event);
  void Erase(Knote& kn);

  Process& owner_;
  std::map<Key, std::unique_ptr<Knote>> knotes_;
  TimeoutLink active_;  // in the order in which they became so
  int64_t active_count_ = 0;
  int64_t timers_ = 0;
};

// kevent(2) under way.
struct KeventOp {
  int kq;
  std::span<const Kevent> changes;
  std::span<Kevent> events;
  CallTimeout timeout;
  Result<int> result = kOk;  // events filled in
  bool started = false;

  bool Try(Process& p);

 private:
  // The call's first half.  True if the call ends with it.
  bool ApplyChanges(Kqueue& kqueue);
};

}  // namespace splnet

#endif  // SPLNET_SOCKETS_KQUEUE_H_
