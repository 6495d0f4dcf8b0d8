// Calls that ask and tell: options, flags, readiness.

#include <algorithm>
#include <cstring>

#include "stack/netinet/ip.h"
#include "stack/netinet/tcp_info.h"
#include "stack/netinet/tcp_var.h"
#include "tools/drill/call_args.h"
#include "tools/drill/call_kinds.h"
#include "tools/drill/symbols.h"

namespace splnet::drill {
namespace {

// A descriptor that is never open.
constexpr int kNoDescriptor = 1 << 30;

template <typename T>
void Append(std::vector<std::byte>& bytes, const T& value) {
  const auto* const p = reinterpret_cast<const std::byte*>(&value);
  bytes.insert(bytes.end(), p, p + sizeof value);
}

template <typename T>
T Load(const std::vector<std::byte>& bytes) {
  T value{};
  std::memcpy(&value, bytes.data(), std::min(bytes.size(), sizeof value));
  return value;
}

// The struct of the option that the call is about; null if it has none, and
// then `expr` may be no struct.
const StructType* StructOf(ArgReader& args, const Call& call, size_t i) {
  const StructType* const type = OptionStruct(call.number[0], call.number[1]);
  const Expr& expr = args.at(i);
  if (expr.kind != Expr::Kind::kStruct) return type;
  if (type == nullptr) {
    args.Fail(i, "the option's value is no struct: give [N]");
  } else if (const std::string error = CheckFieldNames(*type, expr);
             !error.empty()) {
    args.Fail(i, error);
  }
  return type;
}

// A struct's one field under either of two names; 0 if it has none.
int64_t Field(ArgReader& args, size_t i, const Expr& expr, const char* name,
              const char* other, size_t place) {
  const Expr* field = FindField(expr, name);
  if (field == nullptr) field = FieldAt(expr, other, place);
  return field == nullptr ? 0 : args.ValueOf(i, *field);
}

// An option's value in the layout of BSD's types.
void ReadValue(ArgReader& args, const Call& call, size_t i,
               std::vector<std::byte>& bytes) {
  const Expr& expr = args.at(i);
  const StructType* const type = StructOf(args, call, i);
  if (expr.kind == Expr::Kind::kString) {
    for (const char c : expr.text) bytes.push_back(static_cast<std::byte>(c));
  } else if (expr.kind == Expr::Kind::kList) {
    for (const Expr& item : expr.items) {
      if (item.kind == Expr::Kind::kEllipsis) {
        Append(bytes, int32_t{0});
        continue;
      }
      Append(bytes, static_cast<int32_t>(args.ValueOf(i, item)));
    }
  } else if (expr.kind != Expr::Kind::kStruct) {
    Append(bytes, static_cast<int32_t>(args.ValueOf(i, expr)));
  } else if (type == &kStructTimeval) {
    Timeval tv;
    tv.sec = Field(args, i, expr, "tv_sec", "tv_sec", 0);
    tv.usec = Field(args, i, expr, "tv_usec", "tv_usec", 1);
    Append(bytes, tv);
  } else if (type == &kStructLinger) {
    Linger linger;
    linger.onoff =
        static_cast<int32_t>(Field(args, i, expr, "onoff", "l_onoff", 0));
    linger.seconds =
        static_cast<int32_t>(Field(args, i, expr, "linger", "l_linger", 1));
    Append(bytes, linger);
  } else if (type != nullptr) {
    args.Fail(i, "the option cannot be set");
  }
}

// ----------------------------------------------------------------- setsockopt

constexpr int64_t kMaxOption = 4096;

std::string PrepareSetsockopt(CallContext& context, Call& call) {
  ArgReader args(*call.script);
  args.Descriptor(context, call);
  call.number[0] = args.Int(1);
  call.number[1] = args.Int(2);
  if (args.open(3)) {
    args.Fail(3, "the option's value is needed");
  } else {
    ReadValue(args, call, 3, call.option);
  }
  const int64_t len = args.Int(4, static_cast<int64_t>(call.option.size()));
  if (len < 0 || len > kMaxOption) args.Fail(4, "no option is that long");
  if (args.ok()) call.option.resize(static_cast<size_t>(len));
  return args.error();
}

Task<void> PerformSetsockopt(Process& p, Call& call) {
  const std::span<const std::byte> value(call.option);
  const Errno error =
      co_await p.setsockopt(call.fd, static_cast<int>(call.number[0]),
                            static_cast<int>(call.number[1]), value);
  call.Finish(error);
}

// ----------------------------------------------------------------- getsockopt

std::string PrepareGetsockopt(CallContext& context, Call& call) {
  ArgReader args(*call.script);
  args.Descriptor(context, call);
  call.number[0] = args.Int(1);
  call.number[1] = args.Int(2);
  call.option.resize(kMaxOption);
  StructOf(args, call, 3);
  args.Expected(3, args.at(3));
  args.Expected(4, args.at(4));
  return args.error();
}

Task<void> PerformGetsockopt(Process& p, Call& call) {
  const std::span<std::byte> value(call.option);
  const Result<size_t> n =
      co_await p.getsockopt(call.fd, static_cast<int>(call.number[0]),
                            static_cast<int>(call.number[1]), value);
  call.Finish(n.error);
  call.option.resize(n.ok() ? n.value : 0);
}

// A text that came back, which may end with a zero.
void FillText(const Call& call, Expr& expr) {
  std::string text;
  for (const std::byte b : call.option) {
    if (b == std::byte{0}) break;
    text.push_back(static_cast<char>(b));
  }
  if (expr.open_ended && text.starts_with(expr.text)) return;
  expr.text = text;
  expr.open_ended = false;
}

// What came back, in the fields that the script gives.
void FillStruct(const Call& call, Expr& expr) {
  const StructType* const type = OptionStruct(call.number[0], call.number[1]);
  if (type == &kStructTcpInfo) {
    const auto info = Load<TcpInfo>(call.option);
    for (Expr& item : expr.items) {
      const auto value = tcp_info_field(info, item.field);
      if (value) SetInteger(item, *value);
    }
  } else if (type == &kStructTimeval) {
    const auto tv = Load<Timeval>(call.option);
    SetField(expr, *type, "tv_sec", tv.sec);
    SetField(expr, *type, "tv_usec", tv.usec);
  } else if (type == &kStructLinger) {
    const auto linger = Load<Linger>(call.option);
    SetField(expr, *type, "onoff", linger.onoff);
    SetField(expr, *type, "l_onoff", linger.onoff);
    SetField(expr, *type, "linger", linger.seconds);
    SetField(expr, *type, "l_linger", linger.seconds);
  }
}

void FillGetsockopt(const CallContext& /*context*/, const Call& call,
                    SyscallEvent& seen) {
  Expr& expr = seen.args[3];
  if (expr.kind == Expr::Kind::kList) {
    for (size_t i = 0; i < expr.items.size(); ++i) {
      if (4 * (i + 1) > call.option.size()) break;
      int32_t value = 0;
      std::memcpy(&value, call.option.data() + 4 * i, sizeof value);
      SetInteger(expr.items[i], value);
    }
    // What the option does not have cannot be what the script expects.
    const size_t whole = std::max<size_t>(call.option.size() / 4, 1);
    while (expr.items.size() > whole &&
           expr.items.back().kind != Expr::Kind::kEllipsis) {
      expr.items.pop_back();
    }
  } else if (expr.kind == Expr::Kind::kString) {
    FillText(call, expr);
  } else if (expr.kind == Expr::Kind::kStruct) {
    FillStruct(call, expr);
  } else {
    SetInteger(expr, Load<int32_t>(call.option));
  }
  Expr& len = seen.args[4];
  if (len.kind == Expr::Kind::kList && len.items.size() == 1) {
    SetInteger(len.items[0], static_cast<int64_t>(call.option.size()));
  }
}

// ---------------------------------------------------------------------- fcntl

std::string PrepareFcntl(CallContext& context, Call& call) {
  ArgReader args(*call.script);
  args.Descriptor(context, call);
  call.number[0] = args.Int(1);
  call.number[1] = args.Int(2, 0);
  return args.error();
}

Task<void> PerformFcntl(Process& p, Call& call) {
  const Result<int> value =
      co_await p.fcntl(call.fd, static_cast<int>(call.number[0]),
                       static_cast<int>(call.number[1]));
  call.Finish(value);
  // Every socket is open both ways.
  if (value.ok() && call.number[0] == kFGetfl) call.result |= kORdwr;
}

// ---------------------------------------------------------------------- ioctl

std::string PrepareIoctl(CallContext& context, Call& call) {
  ArgReader args(*call.script);
  args.Descriptor(context, call);
  call.number[0] = args.Int(1);
  if (args.open(2)) return args.error();
  const Expr& value = args.at(2);
  const bool list = value.kind == Expr::Kind::kList && value.items.size() == 1;
  const Expr& number = list ? value.items[0] : value;
  if (number.kind == Expr::Kind::kEllipsis) return args.error();
  call.number[1] = args.ValueOf(2, number);
  return args.error();
}

Task<void> PerformIoctl(Process& p, Call& call) {
  int arg = static_cast<int>(call.number[1]);
  const auto request = static_cast<uint64_t>(call.number[0]);
  const Errno error = co_await p.ioctl(call.fd, request, &arg);
  call.Finish(error);
  call.number[2] = arg;
}

void FillIoctl(const CallContext& /*context*/, const Call& call,
               SyscallEvent& seen) {
  if (seen.args.size() < 3) return;
  Expr& expr = seen.args[2];
  if (expr.kind != Expr::Kind::kList || expr.items.size() != 1) return;
  SetInteger(expr.items[0], call.number[2]);
}

// ----------------------------------------------------------------------- poll

std::string PreparePoll(CallContext& context, Call& call) {
  ArgReader args(*call.script);
  const int64_t timeout_ms = args.Int(2, 0);
  if (timeout_ms >= 0) call.timeout = std::chrono::milliseconds(timeout_ms);
  if (args.open(0) || args.at(0).kind != Expr::Kind::kList) {
    args.Fail(0, "give [{fd=N, events=POLLIN, revents=...}]");
    return args.error();
  }
  for (const Expr& item : args.at(0).items) {
    if (!args.IsStruct(0, item, kStructPollfd,
                       "{fd=N, events=POLLIN, revents=...}")) {
      return args.error();
    }
    args.Expected(0, item);
    const Expr* const fd = FieldAt(item, "fd", 0);
    const Expr* const events = FieldAt(item, "events", 1);
    PollFd poll;
    if (fd != nullptr) poll.fd = context.Descriptor(args.ValueOf(0, *fd));
    if (events != nullptr) {
      poll.events = static_cast<int16_t>(args.ValueOf(0, *events));
    }
    // One that is not open is told of; a negative one would be passed over.
    if (fd != nullptr && poll.fd < 0) poll.fd = kNoDescriptor;
    call.polls.push_back(poll);
  }
  const int64_t count = args.Int(1, static_cast<int64_t>(call.polls.size()));
  if (count < 0 || count > static_cast<int64_t>(call.polls.size())) {
    args.Fail(1, "the list has " + std::to_string(call.polls.size()));
  } else {
    call.polls.resize(static_cast<size_t>(count));
  }
  return args.error();
}

Task<void> PerformPoll(Process& p, Call& call) {
  const std::span<PollFd> fds(call.polls);
  const std::optional<Nanoseconds> timeout = call.timeout;
  const Result<int> ready = co_await p.poll(fds, timeout);
  call.Finish(ready);
}

void FillPoll(const CallContext& /*context*/, const Call& call,
              SyscallEvent& seen) {
  std::vector<Expr>& items = seen.args[0].items;
  for (size_t i = 0; i < std::min(items.size(), call.polls.size()); ++i) {
    SetField(items[i], kStructPollfd, "revents", call.polls[i].revents);
  }
}

constexpr CallKind kCalls[] = {
    {"setsockopt", 4, 5, PrepareSetsockopt, PerformSetsockopt},
    {"getsockopt", 5, 5, PrepareGetsockopt, PerformGetsockopt, FillGetsockopt},
    {"fcntl", 2, 3, PrepareFcntl, PerformFcntl},
    {"ioctl", 2, 3, PrepareIoctl, PerformIoctl, FillIoctl},
    {"poll", 3, 3, PreparePoll, PerformPoll, FillPoll},
};

}  // namespace

std::span<const CallKind> OptionCalls() { return kCalls; }

}  // namespace splnet::drill
