// The event loop: script events in their order, each at its instant.

#include "tools/drill/runner.h"

#include <algorithm>
#include <deque>
#include <list>
#include <utility>

#include "tools/drill/call.h"
#include "tools/drill/caller.h"
#include "tools/drill/commands.h"
#include "tools/drill/flow.h"
#include "tools/drill/host.h"
#include "tools/drill/notation.h"
#include "tools/drill/packet_builder.h"
#include "tools/drill/packet_reader.h"
#include "tools/drill/report.h"

namespace splnet::drill {
namespace {

// How far beyond its time a packet is looked for, to say when it came.
constexpr Nanoseconds kSearch = std::chrono::hours(24);
// The latest time of an event: far from where sums of times end.
constexpr Nanoseconds kMaxTime = std::chrono::seconds(1'000'000'000);
// Calls that may wait at once.
constexpr size_t kMaxWaiting = 32;
// Failures that are not fatal and are told at length; the rest are counted.
constexpr size_t kMaxForgiven = 20;

// When an event may happen.
struct Window {
  Nanoseconds from{0};
  Nanoseconds to{0};
  bool any = false;
  Nanoseconds tolerance{0};

  bool Early(Nanoseconds t) const { return !any && t < from - tolerance; }
  bool Late(Nanoseconds t) const { return !any && t > to + tolerance; }
  std::string Text() const {
    if (any) return "*";
    if (from == to) return SecondsText(from);
    return SecondsText(from) + "~" + SecondsText(to);
  }
};

class Runner {
 public:
  Runner(const Script& script, const ScriptSettings& settings,
         const DrillOptions& options)
      : script_(script),
        settings_(settings),
        options_(options),
        history_(options.verbose),
        flows_(settings_),
        host_(settings_, options, Sent, this),
        caller_(host_),
        context_{caller_.process(), flows_, settings_, {}} {}
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;
  ~Runner() { host_.Unplug(); }

  DrillResult Run();

 private:
  // A call that may wait.
  struct Waiting {
    Call call;
    Nanoseconds until{0};
  };

  static void Sent(void* self, std::span<const std::byte> bytes);

  // Each is false when the script has failed.
  bool RunEvents();
  bool RunEvent(const Event& event);
  bool Finish();
  bool RunTo(const Event* event, Nanoseconds time);
  bool Inbound(const Event& event, const PacketEvent& packet);
  bool Outbound(const Event& event, const PacketEvent& packet,
                const Window& window);
  bool AwaitPacket(const Event& event, const Window& window);
  bool Compare(const Event& event, const PacketEvent& packet,
               const Window& window);
  bool MakeCall(const Event& event);
  bool CheckWaiting();
  bool CheckWaiting(Waiting& waiting);
  bool CheckOutcome(Call& call);
  bool RunCommand(const Event& event, const CommandEvent& command);
  bool CheckLeftovers();

  bool Fail(const Event* event, std::string what, std::string expected = "",
            std::string actual = "");
  bool TooMuch(const Event* event) {
    return Fail(event, "the script makes the host do more than a script may");
  }
  // Each tells the failure and is true where the script makes it not fatal.
  bool PacketFail(Failure failure);
  bool CallFail(const Call& call, std::string what, std::string expected,
                std::string actual);
  void Forgive(Failure failure);
  std::string ForgivenText() const;
  void Note(const Event& event, std::string text) {
    history_.Add(host_.now(), event.position.line, std::move(text));
  }
  Window WindowOf(const Event& event) const;

  const Script& script_;
  const ScriptSettings settings_;
  const DrillOptions options_;
  History history_;
  FlowTable flows_;
  std::deque<SeenPacket> sent_;  // that no line has taken
  DrillHost host_;
  Caller caller_;
  CallContext context_;
  std::list<Waiting> waiting_;
  Nanoseconds base_{0};  // what relative times count from
  Failure failure_;
  std::string forgiven_;   // reports of failures that were not fatal
  size_t forgivings_ = 0;  // how many there were
};

void Runner::Sent(void* self, std::span<const std::byte> bytes) {
  auto& runner = *static_cast<Runner*>(self);
  runner.sent_.push_back(
      ReadPacket(runner.host_.now(), bytes, runner.flows_, runner.settings_));
}

bool Runner::Fail(const Event* event, std::string what, std::string expected,
                  std::string actual) {
  failure_.event = event;
  failure_.time = host_.now();
  failure_.what = std::move(what);
  failure_.expected = std::move(expected);
  failure_.actual = std::move(actual);
  return false;
}

Window Runner::WindowOf(const Event& event) const {
  const TimeSpec& spec = event.time;
  Window window;
  window.tolerance = settings_.tolerance;
  const bool relative = spec.kind == TimeSpec::Kind::kRelative ||
                        spec.kind == TimeSpec::Kind::kRelativeRange;
  const bool range = spec.kind == TimeSpec::Kind::kRelativeRange ||
                     spec.kind == TimeSpec::Kind::kAbsoluteRange;
  window.any = spec.kind == TimeSpec::Kind::kAny;
  if (window.any) {
    window.from = window.to = std::max(base_, host_.now());
    return window;
  }
  const Nanoseconds start = relative ? base_ : Nanoseconds(0);
  window.from = start + spec.at;
  window.to = range ? start + spec.end : window.from;
  return window;
}

bool Runner::RunTo(const Event* event, Nanoseconds time) {
  if (!host_.RunTo(time)) return TooMuch(event);
  return CheckWaiting();
}

// ------------------------------------------------------------------- packets

bool Runner::Inbound(const Event& event, const PacketEvent& packet) {
  const BuiltPacket built = BuildPacket(packet, flows_, settings_);
  if (!built.error.empty()) return Fail(&event, built.error);
  Note(event, PacketText(packet));
  host_.Inject(built.bytes);
  return true;
}

// Lets time go on until there is a packet, or there can be none in time.
bool Runner::AwaitPacket(const Event& event, const Window& window) {
  if (!sent_.empty()) return true;
  const Nanoseconds end =
      window.any ? window.to + kSearch : window.to + window.tolerance;
  if (!host_.RunUntilSent(std::max(end, host_.now()))) return TooMuch(&event);
  if (!CheckWaiting()) return false;
  if (!sent_.empty()) return true;
  if (settings_.non_fatal_packet) return true;
  // Too late, or never: only to tell which.
  if (!host_.RunUntilSent(end + kSearch)) return TooMuch(&event);
  return true;
}

void Runner::Forgive(Failure failure) {
  failure.what += " (not fatal)";
  if (++forgivings_ > kMaxForgiven) return;
  forgiven_ += FailureText(script_, failure, history_);
}

std::string Runner::ForgivenText() const {
  if (forgivings_ <= kMaxForgiven) return forgiven_;
  return forgiven_ + script_.path + ": " +
         std::to_string(forgivings_ - kMaxForgiven) +
         " more failures (not fatal)\n";
}

bool Runner::PacketFail(Failure failure) {
  if (settings_.non_fatal_packet) {
    base_ = std::max(base_, failure.time);
    Forgive(failure);
    history_.Add(failure.time, failure.event->position.line,
                 failure.actual + " (" + failure.what + ")");
    return true;
  }
  failure_ = std::move(failure);
  return false;
}

bool Runner::Compare(const Event& event, const PacketEvent& packet,
                     const Window& window) {
  const SeenPacket seen = std::move(sent_.front());
  sent_.pop_front();
  const PacketEvent actual = ToScriptNumbers(seen, &packet);
  Failure failure;
  failure.event = &event;
  failure.time = seen.time;
  failure.expected = window.Text() + " " + PacketText(packet);
  failure.actual = SecondsText(seen.time) + " " + PacketText(actual, &packet);
  failure.differences = ComparePackets(packet, actual);
  if (!failure.differences.empty()) {
    failure.what = "the packet differs";
    for (const FieldDifference& d : failure.differences) {
      failure.what += &d == failure.differences.data() ? " in " : ", ";
      failure.what += d.field;
    }
  } else if (window.Early(seen.time)) {
    failure.what = "the packet was sent too early";
  } else if (window.Late(seen.time)) {
    failure.what = "the packet was sent too late";
  } else if (!seen.defect.empty()) {
    failure.what = "the packet is wrong: " + seen.defect;
  } else {
    base_ = std::max(base_, seen.time);
    history_.Add(seen.time, event.position.line, PacketText(actual, &packet));
    return true;
  }
  return PacketFail(std::move(failure));
}

bool Runner::Outbound(const Event& event, const PacketEvent& packet,
                      const Window& window) {
  if (!AwaitPacket(event, window)) return false;
  if (!sent_.empty()) return Compare(event, packet, window);
  Failure failure;
  failure.event = &event;
  failure.time = window.to;
  failure.what = "no packet was sent";
  failure.expected = window.Text() + " " + PacketText(packet);
  failure.actual = "nothing";
  return PacketFail(std::move(failure));
}

bool Runner::CheckLeftovers() {
  if (sent_.empty() || options_.allow_extra) return true;
  const SeenPacket& first = sent_.front();
  const size_t more = sent_.size() - 1;
  std::string what = "the stack sent a packet that no line expects";
  if (more > 0) what += ", and " + std::to_string(more) + " more";
  const PacketEvent plain;
  Failure failure;
  failure.event = &script_.events.back();
  failure.time = host_.now();
  failure.what = std::move(what);
  failure.expected = "nothing after this line";
  failure.actual = SecondsText(first.time) + " " +
                   PacketText(ToScriptNumbers(first, nullptr), &plain);
  return PacketFail(std::move(failure));
}

// --------------------------------------------------------------------- calls

bool Runner::MakeCall(const Event& event) {
  if (waiting_.size() >= kMaxWaiting) {
    return Fail(&event, "more calls wait at once than a script may have");
  }
  waiting_.emplace_back();
  Waiting& waiting = waiting_.back();
  Call& call = waiting.call;
  const std::string error = PrepareCall(context_, event, call);
  if (!error.empty()) return Fail(&event, error);
  if (event.time.blocks_until) {
    waiting.until = host_.now() + (*event.time.blocks_until - event.time.at);
    Note(event, CallText(*call.script));
    caller_.MakeBeside(call);
    return true;
  }
  waiting.until = host_.now();
  caller_.Make(call);
  if (!host_.RunTo(host_.now())) return TooMuch(&event);
  if (!call.done) {
    return Fail(&event, "the call blocks", SyscallText(*call.script),
                "no return; a call that may wait is written +0...+N");
  }
  const bool good = CheckOutcome(call);
  waiting_.pop_back();
  return good;
}

bool Runner::CallFail(const Call& call, std::string what, std::string expected,
                      std::string actual) {
  Fail(call.event, std::move(what), std::move(expected), std::move(actual));
  if (!settings_.non_fatal_syscall) return false;
  Forgive(std::move(failure_));
  failure_ = {};
  return true;
}

bool Runner::CheckOutcome(Call& call) {
  std::string actual;
  const bool good = CheckCall(context_, call, &actual);
  history_.Add(call.returned, call.event->position.line,
               good ? OutcomeText(context_, call) : actual);
  if (good) return true;
  return CallFail(call, "the call returned something else",
                  SyscallText(*call.script), actual);
}

bool Runner::CheckWaiting(Waiting& waiting) {
  Call& call = waiting.call;
  const Nanoseconds tolerance = settings_.tolerance;
  if (!call.done) {
    if (host_.now() <= waiting.until + tolerance) return true;
    return Fail(call.event, "the call still blocks",
                SecondsText(waiting.until) + " " + SyscallText(*call.script),
                SecondsText(host_.now()) + " no return");
  }
  if (!CheckOutcome(call)) return false;
  if (call.returned >= waiting.until - tolerance &&
      call.returned <= waiting.until + tolerance) {
    return true;
  }
  const bool early = call.returned < waiting.until;
  return CallFail(
      call, std::string("the call returned too ") + (early ? "early" : "late"),
      SecondsText(waiting.until) + " " + SyscallText(*call.script),
      SecondsText(call.returned) + " " + OutcomeText(context_, call));
}

bool Runner::CheckWaiting() {
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    if (!CheckWaiting(*at)) return false;
    at = at->call.done ? waiting_.erase(at) : std::next(at);
  }
  return true;
}

// ------------------------------------------------------------------ commands

bool Runner::RunCommand(const Event& event, const CommandEvent& command) {
  Note(event, "`" + command.text + "`");
  const CommandResult result = RunCommandLine(host_.ns(), command.text);
  if (!result.error.empty()) {
    return Fail(&event, "the command failed: " + result.error);
  }
  if (result.sleep > Nanoseconds(0)) {
    base_ += result.sleep;
    if (base_ > kMaxTime) return Fail(&event, "it sleeps for too long");
    return RunTo(&event, base_);
  }
  return true;
}

// -------------------------------------------------------------------- events

bool Runner::RunEvent(const Event& event) {
  const Window window = WindowOf(event);
  if (window.to > kMaxTime) {
    return Fail(&event, "its time is more than 1000000000 seconds away");
  }
  const auto* const packet = std::get_if<PacketEvent>(&event.action);
  if (packet != nullptr && !packet->inbound()) {
    return Outbound(event, *packet, window);
  }
  if (window.from < host_.now()) {
    return Fail(&event, "its time has passed when its turn comes",
                SecondsText(window.from), SecondsText(host_.now()));
  }
  if (!RunTo(&event, window.from)) return false;
  base_ = window.from;
  if (packet != nullptr) return Inbound(event, *packet);
  if (const auto* const command = std::get_if<CommandEvent>(&event.action)) {
    return RunCommand(event, *command);
  }
  return MakeCall(event);
}

bool Runner::RunEvents() {
  if (!host_.error().empty()) return Fail(nullptr, host_.error());
  for (const Event& event : script_.events) {
    if (!RunEvent(event)) return false;
  }
  return Finish();
}

bool Runner::Finish() {
  if (!RunTo(nullptr, host_.now())) return false;
  while (!waiting_.empty()) {
    Nanoseconds next = waiting_.front().until;
    for (const Waiting& w : waiting_) next = std::min(next, w.until);
    next += settings_.tolerance;
    if (!RunTo(nullptr, std::max(next, host_.now()))) return false;
    for (const Waiting& w : waiting_) {
      if (w.until > next - settings_.tolerance) continue;
      return Fail(w.call.event, "the call still blocks",
                  SecondsText(w.until) + " " + SyscallText(*w.call.script),
                  SecondsText(host_.now()) + " no return");
    }
  }
  return CheckLeftovers();
}

DrillResult Runner::Run() {
  DrillResult result;
  result.passed = RunEvents();
  result.report = ForgivenText();
  if (!result.passed) {
    result.report += FailureText(script_, failure_, history_);
  } else if (options_.verbose) {
    result.report += history_.Text("  ");
  }
  result.packets = host_.TakePackets();
  return result;
}

}  // namespace

DrillResult RunScript(const Script& script, const ScriptSettings& settings,
                      const DrillOptions& options) {
  Runner runner(script, settings, options);
  return runner.Run();
}

}  // namespace splnet::drill
