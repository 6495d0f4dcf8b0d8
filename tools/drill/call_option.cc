// Calls that ask and tell: options, flags, readiness.

#include <cstring>

#include "tools/drill/call_args.h"
#include "tools/drill/call_kinds.h"
#include "tools/drill/symbols.h"

namespace splnet::drill {
namespace {

void ReadFd(ArgReader& args, const CallContext& context, Call& call) {
  call.script_fd = static_cast<int>(args.Int(0));
  call.fd = context.Descriptor(call.script_fd);
}

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

bool IsLinger(const Expr& expr) {
  return FindField(expr, "l_onoff") != nullptr ||
         FindField(expr, "onoff") != nullptr;
}

bool IsTimeval(const Expr& expr) {
  return FindField(expr, "tv_sec") != nullptr ||
         FindField(expr, "tv_usec") != nullptr;
}

// A struct's one field under either of two names; 0 if it has none.
int64_t Field(ArgReader& args, size_t i, const Expr& expr, const char* name,
              const char* other, size_t place) {
  const Expr* field = FindField(expr, name);
  if (field == nullptr) field = FieldAt(expr, other, place);
  return field == nullptr ? 0 : args.ValueOf(i, *field);
}

// An option's value in the layout of BSD's types.
void ReadValue(ArgReader& args, size_t i, std::vector<std::byte>& bytes) {
  const Expr& expr = args.at(i);
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
  } else if (IsTimeval(expr)) {
    Timeval tv;
    tv.sec = Field(args, i, expr, "tv_sec", "", 0);
    tv.usec = Field(args, i, expr, "tv_usec", "", 1);
    Append(bytes, tv);
  } else {
    Linger linger;
    linger.onoff =
        static_cast<int32_t>(Field(args, i, expr, "onoff", "l_onoff", 0));
    linger.seconds =
        static_cast<int32_t>(Field(args, i, expr, "linger", "l_linger", 1));
    Append(bytes, linger);
  }
}

// ----------------------------------------------------------------- setsockopt

constexpr int64_t kMaxOption = 4096;

std::string PrepareSetsockopt(CallContext& context, Call& call) {
  ArgReader args(*call.script);
  ReadFd(args, context, call);
  call.number[0] = args.Int(1);
  call.number[1] = args.Int(2);
  if (args.open(3)) {
    args.Fail(3, "the option's value is needed");
  } else {
    ReadValue(args, 3, call.option);
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
  ReadFd(args, context, call);
  call.number[0] = args.Int(1);
  call.number[1] = args.Int(2);
  call.option.resize(kMaxOption);
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

void SetInteger(Expr& expr, int64_t value) {
  std::string error;
  if (expr.kind == Expr::Kind::kEllipsis) return;
  if (Evaluate(expr, &error) == value && error.empty()) return;
  Expr actual;
  actual.integer = value;
  actual.field = expr.field;
  actual.hex = expr.hex;
  expr = actual;
}

void SetField(Expr& expr, const char* name, int64_t value) {
  for (Expr& item : expr.items) {
    if (item.field == name) SetInteger(item, value);
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
  } else if (expr.kind == Expr::Kind::kStruct && IsTimeval(expr)) {
    const auto tv = Load<Timeval>(call.option);
    SetField(expr, "tv_sec", tv.sec);
    SetField(expr, "tv_usec", tv.usec);
  } else if (expr.kind == Expr::Kind::kStruct && IsLinger(expr)) {
    const auto linger = Load<Linger>(call.option);
    SetField(expr, "onoff", linger.onoff);
    SetField(expr, "l_onoff", linger.onoff);
    SetField(expr, "linger", linger.seconds);
    SetField(expr, "l_linger", linger.seconds);
  }
  Expr& len = seen.args[4];
  if (len.kind == Expr::Kind::kList && len.items.size() == 1) {
    SetInteger(len.items[0], static_cast<int64_t>(call.option.size()));
  }
}

// ---------------------------------------------------------------------- fcntl

std::string PrepareFcntl(CallContext& context, Call& call) {
  ArgReader args(*call.script);
  ReadFd(args, context, call);
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

constexpr CallKind kCalls[] = {
    {"setsockopt", 4, 5, PrepareSetsockopt, PerformSetsockopt},
    {"getsockopt", 5, 5, PrepareGetsockopt, PerformGetsockopt, FillGetsockopt},
    {"fcntl", 2, 3, PrepareFcntl, PerformFcntl},
};

}  // namespace

std::span<const CallKind> OptionCalls() { return kCalls; }

}  // namespace splnet::drill
