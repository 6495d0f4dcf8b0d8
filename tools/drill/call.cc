// What all system calls of a script have in common: from its text to a call,
// and from the outcome to a verdict.

#include "tools/drill/call.h"

#include <algorithm>
#include <utility>

#include "stack/netinet/in_pcb.h"
#include "stack/netinet/ip.h"
#include "stack/netstack.h"
#include "tools/drill/call_args.h"
#include "tools/drill/call_kinds.h"
#include "tools/drill/notation.h"
#include "tools/drill/symbols.h"

namespace splnet::drill {
namespace {

std::string ResultText(const CallContext& context, const Call& call) {
  if (call.error != kOk) {
    // Two names, one number: the script's own is kept.
    const std::string& said = call.script->errno_name;
    const bool same = FindErrno(said) == call.error;
    const std::string name = same ? said : errno_name(call.error);
    return "-1 " + name + " (" + errno_text(call.error) + ")";
  }
  int64_t result = call.result;
  if (call.kind->opens) {
    // By the script's name, if it has one for it.
    for (const auto& [script, ours] : context.fds) {
      if (ours == result) result = script;
    }
  }
  return std::to_string(result);
}

// The call with what came back by reference in its place.
SyscallEvent SeenCall(const CallContext& context, const Call& call) {
  SyscallEvent seen = *call.script;
  if (call.kind->fill != nullptr && call.error == kOk) {
    call.kind->fill(context, call, seen);
  }
  return seen;
}

std::string SeenText(const CallContext& context, const Call& call) {
  return CallText(SeenCall(context, call)) + " = " + ResultText(context, call);
}

// Gives a new descriptor to the process and the script's name to it.
void TakeDescriptor(CallContext& context, Call& call) {
  if (!call.opened) return;
  const Result<int> fd = context.process.files().Alloc(
      std::move(call.opened), context.process.ns().settings.maxfiles);
  if (!fd.ok()) return call.Finish(fd);
  call.result = fd.value;
  const Expr& expected = call.script->result;
  if (expected.kind == Expr::Kind::kInteger && expected.integer >= 0) {
    context.fds[static_cast<int>(expected.integer)] = fd.value;
  }
}

bool ErrorMatches(const Call& call) {
  const Expr& expected = call.script->result;
  if (expected.kind != Expr::Kind::kInteger || expected.integer != -1) {
    return false;
  }
  const std::string& name = call.script->errno_name;
  return name.empty() || FindErrno(name) == call.error;
}

bool ResultMatches(const Call& call) {
  const Expr& expected = call.script->result;
  if (expected.kind == Expr::Kind::kEllipsis) return true;
  if (call.error != kOk) return ErrorMatches(call);
  if (!call.script->errno_name.empty()) return false;
  std::string error;
  const int64_t value = Evaluate(expected, &error);
  if (call.kind->opens) return value >= 0;
  return value == call.result;
}

// Whether everything that the script gives in its arguments came back.
bool ArgsMatch(const CallContext& context, const Call& call) {
  return CallText(SeenCall(context, call)) == CallText(*call.script);
}

}  // namespace

std::vector<int> Call::UsedFds() const {
  std::vector<int> fds;
  if (fd >= 0) fds.push_back(fd);
  for (const PollFd& poll : polls) {
    if (poll.fd >= 0) fds.push_back(poll.fd);
  }
  std::sort(fds.begin(), fds.end());
  fds.erase(std::unique(fds.begin(), fds.end()), fds.end());
  return fds;
}

int CallContext::Descriptor(int64_t script_fd) const {
  const auto at = fds.find(static_cast<int>(script_fd));
  return at == fds.end() ? -1 : at->second;
}

Flow* CallContext::FlowOf(int fd) const {
  const File* const file = process.files().Get(fd);
  if (file == nullptr || !file->so) return nullptr;
  const Inpcb* const inp = sotoinpcb(*file->so);
  if (inp == nullptr || !inp->connected()) return nullptr;
  const auto protocol = static_cast<uint8_t>(file->so->proto->protocol);
  return flows.Get(protocol, inp->laddr, inp->faddr);
}

const CallKind* FindCall(std::string_view name) {
  for (const auto kinds : {SetupCalls(), TransferCalls(), OptionCalls()}) {
    for (const CallKind& kind : kinds) {
      if (kind.name == name) return &kind;
    }
  }
  return nullptr;
}

std::string CallNames() {
  std::string names;
  for (const auto kinds : {SetupCalls(), TransferCalls(), OptionCalls()}) {
    for (const CallKind& kind : kinds) {
      if (!names.empty()) names += ", ";
      names += kind.name;
    }
  }
  return names;
}

std::string PrepareCall(CallContext& context, const Event& event, Call& call) {
  call.event = &event;
  call.script = &std::get<SyscallEvent>(event.action);
  const SyscallEvent& script = *call.script;
  call.kind = FindCall(script.name);
  if (call.kind == nullptr) {
    return script.name + "() is not known; the calls are " + CallNames();
  }
  const size_t n = script.args.size();
  if (n < call.kind->least_args || n > call.kind->most_args) {
    const std::string least = std::to_string(call.kind->least_args);
    const std::string most = std::to_string(call.kind->most_args);
    return script.name + "() takes " + least +
           (least == most ? "" : " to " + most) + " arguments, not " +
           std::to_string(n);
  }
  if (!script.errno_name.empty() && !FindErrno(script.errno_name)) {
    return "the error " + script.errno_name + " is not known";
  }
  std::string error;
  if (script.result.kind != Expr::Kind::kEllipsis) {
    Evaluate(script.result, &error);
  }
  if (!error.empty()) return error;
  return call.kind->prepare(context, call);
}

bool CheckCall(CallContext& context, Call& call, std::string* actual) {
  TakeDescriptor(context, call);
  if (call.error == kOk && call.kind->settle != nullptr) {
    call.kind->settle(context, call);
  }
  const bool matches =
      ResultMatches(call) && (call.error != kOk || ArgsMatch(context, call));
  if (matches && call.defect.empty()) return true;
  *actual = SeenText(context, call);
  if (!call.defect.empty()) *actual += ", but " + call.defect;
  return false;
}

std::string OutcomeText(const CallContext& context, const Call& call) {
  return SeenText(context, call);
}

}  // namespace splnet::drill
