// Calls that open, connect and close sockets.

#include "stack/netinet/ip.h"
#include "tools/drill/call_args.h"
#include "tools/drill/call_kinds.h"
#include "tools/drill/symbols.h"

namespace splnet::drill {
namespace {

uint8_t ProtocolOf(const CallContext& context, int fd) {
  const File* const file = context.process.files().Get(fd);
  const bool datagrams =
      file != nullptr && file->so && file->so->type == SocketType::kDgram;
  return datagrams ? kIpProtoUdp : kIpProtoTcp;
}

// Out of the process's table: the context gives it its number.
void TakeOpened(Process& p, Call& call) {
  if (call.error != kOk) return;
  call.opened = p.files().Remove(static_cast<int>(call.result));
}

// --------------------------------------------------------------------- socket

std::string PrepareSocket(CallContext& /*context*/, Call& call) {
  ArgReader args(*call.script);
  call.number[0] = args.Int(0, static_cast<int>(Family::kInet));
  call.number[1] = args.Int(1);
  call.number[2] = args.Int(2, 0);
  return args.error();
}

Task<void> PerformSocket(Process& p, Call& call) {
  constexpr int64_t kExtras = kSockNonblock | kSockCloexec;
  const auto family = static_cast<Family>(call.number[0]);
  const auto type = static_cast<SocketType>(call.number[1] & ~kExtras);
  const Result<int> fd =
      co_await p.socket(family, type, static_cast<int>(call.number[2]));
  call.Finish(fd);
  if (fd.ok() && (call.number[1] & kSockNonblock) != 0) {
    (void)sys_fcntl(p, fd.value, kFSetfl, kONonblock);
  }
  TakeOpened(p, call);
}

// ----------------------------------------------------------------------- bind

std::string PrepareBind(CallContext& context, Call& call) {
  ArgReader args(*call.script);
  args.Descriptor(context, call);
  const ScriptSettings& settings = context.settings;
  call.addr = args.Address(1, Sockaddr(settings.local_ip, settings.bind_port));
  return args.error();
}

Task<void> PerformBind(Process& p, Call& call) {
  const Errno error = co_await p.bind(call.fd, call.addr);
  call.Finish(error);
}

void SettleBind(CallContext& context, Call& call) {
  const Result<Sockaddr> bound = sys_getsockname(context.process, call.fd);
  if (!bound.ok()) return;
  context.flows.NoteBound(ProtocolOf(context, call.fd), bound.value);
}

std::string PrepareListen(CallContext& context, Call& call) {
  ArgReader args(*call.script);
  args.Descriptor(context, call);
  call.number[0] = args.Int(1, 5);
  return args.error();
}

Task<void> PerformListen(Process& p, Call& call) {
  const Errno error =
      co_await p.listen(call.fd, static_cast<int>(call.number[0]));
  call.Finish(error);
}

// --------------------------------------------------------------------- accept

std::string PrepareAccept(CallContext& context, Call& call) {
  ArgReader args(*call.script);
  args.Descriptor(context, call);
  if (args.has(1)) args.ExpectedAddress(1, args.at(1));
  return args.error();
}

Task<void> PerformAccept(Process& p, Call& call) {
  const Result<int> fd = co_await p.accept(call.fd, &call.addr);
  call.Finish(fd);
  TakeOpened(p, call);
}

void FillAccept(const CallContext& /*context*/, const Call& call,
                SyscallEvent& seen) {
  if (seen.args.size() > 1) SetAddress(seen.args[1], call.addr);
}

// -------------------------------------------------------------------- connect

std::string PrepareConnect(CallContext& context, Call& call) {
  ArgReader args(*call.script);
  args.Descriptor(context, call);
  const ScriptSettings& settings = context.settings;
  call.addr =
      args.Address(1, Sockaddr(settings.remote_ip, settings.connect_port));
  context.flows.NoteConnect();
  return args.error();
}

Task<void> PerformConnect(Process& p, Call& call) {
  const Errno error = co_await p.connect(call.fd, call.addr);
  call.Finish(error);
}

// ------------------------------------------------------------------- shutdown

std::string PrepareShutdown(CallContext& context, Call& call) {
  ArgReader args(*call.script);
  args.Descriptor(context, call);
  call.number[0] = args.Int(1);
  return args.error();
}

Task<void> PerformShutdown(Process& p, Call& call) {
  const Errno error =
      co_await p.shutdown(call.fd, static_cast<Shut>(call.number[0]));
  call.Finish(error);
}

// ---------------------------------------------------------------------- close

std::string PrepareClose(CallContext& context, Call& call) {
  ArgReader args(*call.script);
  args.Descriptor(context, call);
  return args.error();
}

Task<void> PerformClose(Process& p, Call& call) {
  const Errno error = co_await p.close(call.fd);
  call.Finish(error);
}

void SettleClose(CallContext& context, Call& call) {
  context.fds.erase(call.script_fd);
}

constexpr CallKind kCalls[] = {
    {"socket", 3, 3, PrepareSocket, PerformSocket, nullptr, nullptr, true},
    {"bind", 2, 3, PrepareBind, PerformBind, nullptr, SettleBind},
    {"listen", 2, 2, PrepareListen, PerformListen},
    {"accept", 1, 3, PrepareAccept, PerformAccept, FillAccept, nullptr, true},
    {"connect", 2, 3, PrepareConnect, PerformConnect},
    {"shutdown", 2, 2, PrepareShutdown, PerformShutdown},
    {"close", 1, 1, PrepareClose, PerformClose, nullptr, SettleClose, false,
     true},
};

}  // namespace

std::span<const CallKind> SetupCalls() { return kCalls; }

}  // namespace splnet::drill
