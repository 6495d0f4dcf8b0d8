// Calls that move bytes.

#include "stack/netinet/ip.h"
#include "tools/drill/call_args.h"
#include "tools/drill/call_kinds.h"

namespace splnet::drill {
namespace {

void ReadFd(ArgReader& args, const CallContext& context, Call& call) {
  call.script_fd = static_cast<int>(args.Int(0));
  call.fd = context.Descriptor(call.script_fd);
}

// Fills the buffer with what the program sends: a text, then the pattern of
// the stream, and notes it for the check of what goes out.
void FillBuffer(const CallContext& context, Call& call, const Expr* text,
                size_t len) {
  Flow* const flow = context.FlowOf(call.fd);
  const bool stream = flow != nullptr && flow->protocol == kIpProtoTcp;
  const uint32_t position = stream ? flow->written : 0;
  call.buffer.resize(len);
  for (size_t i = 0; i < len; ++i) {
    call.buffer[i] = PatternByte(position + static_cast<uint32_t>(i));
  }
  if (text == nullptr || text->kind != Expr::Kind::kString) return;
  const std::string given = text->text.substr(0, len);
  for (size_t i = 0; i < given.size(); ++i) {
    call.buffer[i] = static_cast<std::byte>(given[i]);
  }
  if (stream) flow->texts.Write(position, given);
}

// ---------------------------------------------------------------------- write

std::string PrepareWrite(CallContext& context, Call& call) {
  ArgReader args(*call.script);
  ReadFd(args, context, call);
  const size_t len = args.Count(2, 0);
  call.number[0] = args.Int(3, 0);
  call.addr = args.Address(4, Sockaddr());
  if (args.ok()) FillBuffer(context, call, &args.at(1), len);
  return args.error();
}

Task<void> PerformWrite(Process& p, Call& call) {
  const std::span<const std::byte> bytes(call.buffer);
  const Result<size_t> n = co_await p.sendto(
      call.fd, bytes, static_cast<int>(call.number[0]), call.addr);
  call.Finish(n);
}

void SettleWrite(CallContext& context, const Call& call) {
  Flow* const flow = context.FlowOf(call.fd);
  if (flow != nullptr) flow->written += static_cast<uint32_t>(call.result);
}

// ----------------------------------------------------------------------- read

std::string PrepareRead(CallContext& context, Call& call) {
  ArgReader args(*call.script);
  ReadFd(args, context, call);
  call.buffer.resize(args.Count(2, 0));
  call.number[0] = args.Int(3, 0);
  return args.error();
}

Task<void> PerformRead(Process& p, Call& call) {
  const std::span<std::byte> bytes(call.buffer);
  const Result<size_t> n = co_await p.recvfrom(
      call.fd, bytes, static_cast<int>(call.number[0]), &call.addr);
  call.Finish(n);
}

constexpr CallKind kCalls[] = {
    {"read", 3, 3, PrepareRead, PerformRead},
    {"recv", 4, 4, PrepareRead, PerformRead},
    {"recvfrom", 6, 6, PrepareRead, PerformRead},
    {"write", 3, 3, PrepareWrite, PerformWrite, nullptr, SettleWrite},
    {"send", 4, 4, PrepareWrite, PerformWrite, nullptr, SettleWrite},
    {"sendto", 6, 6, PrepareWrite, PerformWrite, nullptr, SettleWrite},
};

}  // namespace

std::span<const CallKind> TransferCalls() { return kCalls; }

}  // namespace splnet::drill
