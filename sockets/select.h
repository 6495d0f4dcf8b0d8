// select(2) and poll(2): what is ready among a program's descriptors.

#ifndef SPLNET_SOCKETS_SELECT_H_
#define SPLNET_SOCKETS_SELECT_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "stack/kern/errno.h"
#include "stack/kern/selinfo.h"
#include "stack/kern/time.h"

namespace splnet {

class Process;
struct File;

inline constexpr int kFdSetSize = 1024;

// A set of descriptors below kFdSetSize.  Others are never in it.
class FdSet {
 public:
  void Set(int fd) {
    if (Holds(fd)) Word(fd) |= Bit(fd);
  }
  void Clear(int fd) {
    if (Holds(fd)) Word(fd) &= ~Bit(fd);
  }
  bool Test(int fd) const {
    return Holds(fd) && (words_[static_cast<size_t>(fd) / 64] & Bit(fd)) != 0;
  }
  void Zero() { words_ = {}; }

 private:
  static bool Holds(int fd) { return fd >= 0 && fd < kFdSetSize; }
  static uint64_t Bit(int fd) { return uint64_t{1} << (fd % 64); }
  uint64_t& Word(int fd) { return words_[static_cast<size_t>(fd) / 64]; }
  std::array<uint64_t, kFdSetSize / 64> words_{};
};

// PollFd::events, with OpenBSD's values.
inline constexpr int16_t kPollIn = 0x0001;
inline constexpr int16_t kPollPri = 0x0002;
inline constexpr int16_t kPollOut = 0x0004;
inline constexpr int16_t kPollErr = 0x0008;   // in revents only, as are these
inline constexpr int16_t kPollHup = 0x0010;   // both directions have ended
inline constexpr int16_t kPollNval = 0x0020;  // not an open descriptor
inline constexpr int16_t kPollRdnorm = 0x0040;
inline constexpr int16_t kPollWrnorm = kPollOut;
inline constexpr int16_t kPollRdband = 0x0080;

struct PollFd {
  int fd = -1;  // negative: passed over
  int16_t events = 0;
  int16_t revents = 0;
};

// What of `events` is ready on `file` now.  kPollHup is told unasked and takes
// the place of kPollOut, unless `no_hup` (select) asks for neither.
int16_t PollFile(const File& file, int16_t events, bool no_hup);

// A sleeping process's hooks on what it polls.
class PollHooks {
 public:
  PollHooks(Process& p, size_t most);
  ~PollHooks();
  // Has the process woken when `file` may have become ready for `events`.
  void Record(File& file, int16_t events);

 private:
  struct Hook : SelHook {
    Process* process = nullptr;
  };
  Process& process_;
  std::unique_ptr<Hook[]> hooks_;
  size_t used_ = 0;
};

// How long a call may wait in all, over several sleeps.
class CallTimeout {
 public:
  // Nothing: for ever.
  // NOLINTNEXTLINE(google-explicit-constructor): a call's argument
  CallTimeout(std::optional<Nanoseconds> limit) : limit_(limit) {}

  bool valid() const { return !limit_ || *limit_ >= Nanoseconds(0); }
  // Begins to count, at the first call.
  void Start(SimTime now);
  // Whether it is over.
  bool Expired(SimTime now) const { return limit_ && now >= deadline_; }
  // For Process::Sleep(), while not over: what is left, 0 for ever.
  Nanoseconds Left(SimTime now) const {
    return limit_ ? deadline_ - now : Nanoseconds(0);
  }

 private:
  std::optional<Nanoseconds> limit_;
  SimTime deadline_{};
  bool started_ = false;
};

// poll(2) under way.
struct PollOp {
  std::span<PollFd> fds;
  CallTimeout timeout;
  Result<int> result = kOk;  // how many are ready
  std::unique_ptr<PollHooks> hooks{};

  bool Try(Process& p);

 private:
  int Scan(Process& p);
};

// select(2) under way.  Any of the sets may be null.
struct SelectOp {
  int nfds;
  FdSet* read;
  FdSet* write;
  FdSet* except;
  CallTimeout timeout;
  Result<int> result = kOk;
  std::unique_ptr<PollHooks> hooks{};

  bool Try(Process& p);

 private:
  // `visit` is called for each descriptor that a set names, with its file (null
  // if not open), which set (0 to 2), and the poll events that the set means.
  template <typename Visit>
  void ForEach(Process& p, Visit visit) const;
};

}  // namespace splnet

#endif  // SPLNET_SOCKETS_SELECT_H_
