// Calls that move bytes: read, write and their kin.

#include <algorithm>

#include "stack/netinet/ip.h"
#include "tools/drill/call_args.h"
#include "tools/drill/call_kinds.h"

namespace splnet::drill {
namespace {

bool IsDatagram(const CallContext& context, int fd) {
  const File* const file = context.process.files().Get(fd);
  return file != nullptr && file->so && file->so->type != SocketType::kStream;
}

// Where a datagram goes whose address is "...": a connected socket knows, an
// unconnected one sends to the script's end.
Sockaddr DefaultPeer(const CallContext& context, int fd) {
  if (!IsDatagram(context, fd) || context.FlowOf(fd) != nullptr) return {};
  const ScriptSettings& settings = context.settings;
  return Sockaddr(settings.remote_ip, settings.connect_port);
}

// ---------------------------------------------------------------------- pieces

// The lengths of [{..., 10}, {iov_base=..., iov_len=20}], of which there are
// `count`; with the texts of the bases, joined, in *text.
std::vector<size_t> ReadPieces(ArgReader& args, size_t i, const Expr& list,
                               int64_t count, std::string* text) {
  std::vector<size_t> lengths;
  if (list.kind != Expr::Kind::kList) {
    args.Fail(i, "give [{..., LENGTH}, ...]");
    return lengths;
  }
  int64_t total = 0;
  for (const Expr& item : list.items) {
    if (!args.IsStruct(i, item, kStructIovec, "{..., LENGTH}")) return {};
    const Expr* const base = FieldAt(item, "iov_base", 0);
    const Expr* const len = FieldAt(item, "iov_len", 1);
    const int64_t n = len == nullptr ? 0 : args.ValueOf(i, *len);
    if (n < 0 || n > kMaxCallBytes || (total += n) > kMaxCallBytes) {
      args.Fail(i, "the pieces have too many bytes");
      return {};
    }
    lengths.push_back(static_cast<size_t>(n));
    if (base != nullptr && base->kind == Expr::Kind::kString) {
      text->append(base->text);
    }
  }
  if (count < 0 || count > static_cast<int64_t>(lengths.size())) {
    args.Fail(i, "the list has " + std::to_string(lengths.size()) +
                     " pieces, not " + std::to_string(count));
    return {};
  }
  lengths.resize(static_cast<size_t>(count));
  return lengths;
}

// One buffer for all pieces.
void Allot(Call& call, const std::vector<size_t>& lengths) {
  size_t total = 0;
  for (const size_t n : lengths) total += n;
  call.buffer.resize(total);
  std::byte* at = call.buffer.data();
  for (const size_t n : lengths) {
    call.iov.push_back({at, n});
    at += n;
  }
}

// The pieces and the name of a struct msghdr.
void ReadMessage(ArgReader& args, const CallContext& context, Call& call,
                 std::string* text) {
  if (args.open(1) || args.at(1).kind != Expr::Kind::kStruct) {
    return args.Fail(1, "give {msg_iov=[{..., LENGTH}], ...}");
  }
  const Expr& msg = args.at(1);
  if (!args.IsStruct(1, msg, kStructMsghdr, "")) return;
  const Expr* const iov = FindField(msg, "msg_iov");
  const Expr* const count = FindField(msg, "msg_iovlen");
  if (iov == nullptr) return args.Fail(1, "msg_iov is missing");
  const bool counted = count != nullptr && count->kind != Expr::Kind::kEllipsis;
  const int64_t n = counted ? args.ValueOf(1, *count)
                            : static_cast<int64_t>(iov->items.size());
  Allot(call, ReadPieces(args, 1, *iov, n, text));
  call.msg.iov = call.iov;
  for (const char* const number : {"msg_controllen", "msg_flags"}) {
    const Expr* const field = FindField(msg, number);
    if (field != nullptr) args.Expected(1, *field);
  }
  const Expr* const name = FindField(msg, "msg_name");
  if (name == nullptr) return;
  call.msg.name = name->kind == Expr::Kind::kEllipsis
                      ? DefaultPeer(context, call.fd)
                      : args.AddressOf(1, *name);
}

// ---------------------------------------------------------------------- write

// Fills the buffer with what the program sends: a text, then the pattern of
// the stream, and notes it for the check of what goes out.
void FillBuffer(const CallContext& context, Call& call, std::string_view text) {
  Flow* const flow = context.FlowOf(call.fd);
  const bool datagram = IsDatagram(context, call.fd);
  const uint32_t position = flow == nullptr || datagram ? 0 : flow->written;
  for (size_t i = 0; i < call.buffer.size(); ++i) {
    call.buffer[i] = PatternByte(position + static_cast<uint32_t>(i));
  }
  text = text.substr(0, call.buffer.size());
  std::transform(text.begin(), text.end(), call.buffer.begin(),
                 [](char c) { return static_cast<std::byte>(c); });
  if (datagram) {
    context.flows.NoteDatagram(text);
  } else if (flow != nullptr) {
    flow->texts.Write(position, text);
  }
}

std::string TextOf(const Expr& expr) {
  return expr.kind == Expr::Kind::kString ? expr.text : "";
}

std::string PrepareWrite(CallContext& context, Call& call) {
  ArgReader args(*call.script);
  args.Descriptor(context, call);
  call.buffer.resize(args.Count(2, 0));
  call.number[0] = args.Int(3, 0);
  const bool addressed = args.has(4);
  call.addr =
      args.Address(4, addressed ? DefaultPeer(context, call.fd) : Sockaddr());
  if (args.ok()) FillBuffer(context, call, TextOf(args.at(1)));
  return args.error();
}

Task<void> PerformWrite(Process& p, Call& call) {
  const std::span<const std::byte> bytes(call.buffer);
  const Result<size_t> n = co_await p.sendto(
      call.fd, bytes, static_cast<int>(call.number[0]), call.addr);
  call.Finish(n);
}

std::string PrepareWritev(CallContext& context, Call& call) {
  ArgReader args(*call.script);
  args.Descriptor(context, call);
  std::string text;
  Allot(call, ReadPieces(args, 1, args.at(1), args.Int(2), &text));
  if (args.ok()) FillBuffer(context, call, text);
  return args.error();
}

Task<void> PerformWritev(Process& p, Call& call) {
  const std::span<const IoVec> pieces(call.iov);
  const Result<size_t> n = co_await p.writev(call.fd, pieces);
  call.Finish(n);
}

std::string PrepareSendmsg(CallContext& context, Call& call) {
  ArgReader args(*call.script);
  args.Descriptor(context, call);
  std::string text;
  ReadMessage(args, context, call, &text);
  call.number[0] = args.Int(2, 0);
  if (args.ok()) FillBuffer(context, call, text);
  return args.error();
}

Task<void> PerformSendmsg(Process& p, Call& call) {
  const Result<size_t> n =
      co_await p.sendmsg(call.fd, &call.msg, static_cast<int>(call.number[0]));
  call.Finish(n);
}

void SettleWrite(CallContext& context, Call& call) {
  Flow* const flow = context.FlowOf(call.fd);
  if (flow != nullptr) flow->written += static_cast<uint32_t>(call.result);
}

// ----------------------------------------------------------------------- read

std::string PrepareRead(CallContext& context, Call& call) {
  ArgReader args(*call.script);
  args.Descriptor(context, call);
  call.buffer.resize(args.Count(2, 0));
  call.number[0] = args.Int(3, 0);
  if (args.has(4)) args.ExpectedAddress(4, args.at(4));
  return args.error();
}

Task<void> PerformRead(Process& p, Call& call) {
  const std::span<std::byte> bytes(call.buffer);
  const Result<size_t> n = co_await p.recvfrom(
      call.fd, bytes, static_cast<int>(call.number[0]), &call.addr);
  call.Finish(n);
}

std::string PrepareReadv(CallContext& context, Call& call) {
  ArgReader args(*call.script);
  args.Descriptor(context, call);
  std::string unused;
  Allot(call, ReadPieces(args, 1, args.at(1), args.Int(2), &unused));
  return args.error();
}

Task<void> PerformReadv(Process& p, Call& call) {
  const std::span<const IoVec> pieces(call.iov);
  const Result<size_t> n = co_await p.readv(call.fd, pieces);
  call.Finish(n);
}

std::string PrepareRecvmsg(CallContext& context, Call& call) {
  ArgReader args(*call.script);
  args.Descriptor(context, call);
  std::string unused;
  ReadMessage(args, context, call, &unused);
  call.msg.name = Sockaddr();
  call.number[0] = args.Int(2, 0);
  return args.error();
}

Task<void> PerformRecvmsg(Process& p, Call& call) {
  const Result<size_t> n =
      co_await p.recvmsg(call.fd, &call.msg, static_cast<int>(call.number[0]));
  call.Finish(n);
}

// What was read must be what the script sent: the pattern.
void SettleRead(CallContext& context, Call& call) {
  const auto n = static_cast<size_t>(call.result);
  const bool datagram = IsDatagram(context, call.fd);
  Flow* const flow = context.FlowOf(call.fd);
  if (!datagram && (flow == nullptr || flow->urgent)) return;
  if ((call.number[0] & kMsgOob) != 0) return;
  const uint32_t position = datagram ? 0 : flow->read;
  for (size_t i = 0; i < std::min(n, call.buffer.size()); ++i) {
    const uint32_t at = position + static_cast<uint32_t>(i);
    if (call.buffer[i] == PatternByte(at)) continue;
    call.defect = "byte " + std::to_string(i) + " is not what was sent";
    return;
  }
  const bool taken = (call.number[0] & kMsgPeek) == 0;
  if (!datagram && taken) flow->read += static_cast<uint32_t>(n);
}

void FillRecvfrom(const CallContext& /*context*/, const Call& call,
                  SyscallEvent& seen) {
  if (seen.args.size() > 4) SetAddress(seen.args[4], call.addr);
}

void FillRecvmsg(const CallContext& /*context*/, const Call& call,
                 SyscallEvent& seen) {
  SetField(seen.args[1], kStructMsghdr, "msg_flags", call.msg.flags);
  SetField(seen.args[1], kStructMsghdr, "msg_controllen",
           static_cast<int64_t>(call.msg.controllen));
  for (Expr& field : seen.args[1].items) {
    if (field.field == "msg_name") SetAddress(field, call.msg.name);
  }
}

constexpr CallKind kCalls[] = {
    {"read", 3, 3, PrepareRead, PerformRead, nullptr, SettleRead},
    {"readv", 3, 3, PrepareReadv, PerformReadv, nullptr, SettleRead},
    {"recv", 4, 4, PrepareRead, PerformRead, nullptr, SettleRead},
    {"recvfrom", 6, 6, PrepareRead, PerformRead, FillRecvfrom, SettleRead},
    {"recvmsg", 3, 3, PrepareRecvmsg, PerformRecvmsg, FillRecvmsg, SettleRead},
    {"write", 3, 3, PrepareWrite, PerformWrite, nullptr, SettleWrite},
    {"writev", 3, 3, PrepareWritev, PerformWritev, nullptr, SettleWrite},
    {"send", 4, 4, PrepareWrite, PerformWrite, nullptr, SettleWrite},
    {"sendto", 6, 6, PrepareWrite, PerformWrite, nullptr, SettleWrite},
    {"sendmsg", 3, 3, PrepareSendmsg, PerformSendmsg, nullptr, SettleWrite},
};

}  // namespace

std::span<const CallKind> TransferCalls() { return kCalls; }

}  // namespace splnet::drill
