// One system call of a drill script: its arguments as the stack takes them,
// how a process makes it, and what came of it.

#ifndef SPLNET_TOOLS_DRILL_CALL_H_
#define SPLNET_TOOLS_DRILL_CALL_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sockets/proc.h"
#include "sockets/uipc_syscalls.h"
#include "tools/drill/flow.h"
#include "tools/drill/script.h"

namespace splnet::drill {

struct CallKind;

// Bytes that one call may move.
inline constexpr int64_t kMaxCallBytes = 16 << 20;

struct Call {
  const Event* event = nullptr;
  const SyscallEvent* script = nullptr;
  const CallKind* kind = nullptr;

  // --- arguments; which are used depends on the call
  int script_fd = -1;  // as the script calls it
  int fd = -1;         // as the process does
  int64_t number[3] = {};
  Sockaddr addr;
  std::vector<std::byte> buffer;  // bytes that are sent or come in
  std::vector<std::byte> option;  // an option's value, in and out
  std::vector<IoVec> iov;         // pieces of `buffer`
  std::vector<PollFd> polls;
  MsgHdr msg;
  std::optional<Nanoseconds> timeout;

  // --- outcome
  bool done = false;
  Nanoseconds returned{0};  // when, since the script's start
  Errno error = kOk;
  int64_t result = 0;
  std::string defect;  // what no call may do, whatever the script says
  FilePtr opened;      // a new descriptor's file, out of the process's table

  // The process's descriptors that it works on.
  std::vector<int> UsedFds() const;

  void Finish(Errno e) { error = e; }
  template <typename T>
  void Finish(const Result<T>& r) {
    error = r.error;
    if (r.ok()) result = static_cast<int64_t>(r.value);
  }
};

// What calls need to know of the script's state.
struct CallContext {
  Process& process;  // whose descriptors they are
  FlowTable& flows;
  const ScriptSettings& settings;
  std::map<int, int> fds;  // the script's descriptors to the process's

  // -1, which is never open, for one that the script does not have.
  int Descriptor(int64_t script_fd) const;
  // The flow of the connection behind our descriptor; null if there is none.
  Flow* FlowOf(int fd) const;
};

// How a call of some name is carried out.
struct CallKind {
  std::string_view name;
  size_t least_args;
  size_t most_args;
  // Fills the call's arguments; "" or what is wrong with them.
  std::string (*prepare)(CallContext& context, Call& call);
  // Makes it, and sets the outcome.
  Task<void> (*perform)(Process& p, Call& call);
  // Puts what came back by reference in the place of what the script expects,
  // in `seen`, which begins as a copy of the script's call.  May be null.
  void (*fill)(const CallContext& context, const Call& call,
               SyscallEvent& seen) = nullptr;
  // Notes for later calls and packets that it has succeeded, and may find a
  // defect.  May be null.
  void (*settle)(CallContext& context, Call& call) = nullptr;
  bool opens = false;   // its result is a new descriptor
  bool closes = false;  // its descriptor is no more
};

// Null for a name that is not known.
const CallKind* FindCall(std::string_view name);
// "accept, bind, ...", for messages.
std::string CallNames();

// Reads a script's call.  "" or what is wrong with it.
std::string PrepareCall(CallContext& context, const Event& event, Call& call);

// Whether what came back is what the script expects; if not, what the call
// looks like with what came back is in *actual.  Takes a new descriptor, or one
// that was closed, into account.
bool CheckCall(CallContext& context, Call& call, std::string* actual);

// The call with its result, as it happened.
std::string OutcomeText(const CallContext& context, const Call& call);

}  // namespace splnet::drill

#endif  // SPLNET_TOOLS_DRILL_CALL_H_
