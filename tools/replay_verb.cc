// `splnet replay`: its flags, and what it does in which order.

#include "tools/replay_verb.h"

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tools/replay/capture_index.h"
#include "tools/replay/observe.h"
#include "tools/replay/options.h"
#include "tools/replay/path_printer.h"
#include "tools/replay/replay.h"
#include "tools/replay/report.h"
#include "tools/verb.h"
#include "traces/capture_filter.h"
#include "traces/capture_writer.h"

namespace splnet {
namespace {

constexpr char kVerb[] = "replay";
constexpr char kHelp[] =
    "Runs a captured conversation through the stack, which takes the place of "
    "one end, and accounts for every packet of the capture";
constexpr char kFooter[] = R"(Example:
  splnet replay traces/pcap/http-download.pcapng
  splnet replay --as client --write out.pcapng traces/pcap/dns-lookup.pcapng
  splnet replay --path traces/pcap/ping.pcapng icmp

Exit status: 0 it ran and every check holds; 1 a check failed; 2 bad usage;
3 the capture cannot be used.)";

// The flags as they were given.
struct Flags {
  ReplayOptions options;
  std::vector<std::string> as;
  std::vector<std::string> filter;
  bool no_pin = false;
};

int Refuse(const absl::Status& status, int exit_status) {
  return Complain(kVerb, std::string(status.message()), exit_status);
}

// Reads --as; the error to say, if there is one.
std::optional<std::string> ReadAs(const Flags& flags, ReplayOptions& options) {
  if (flags.as.empty()) return std::nullopt;
  if (options.observe) return "--observe plays no end: leave out --as";
  for (const std::string& word : flags.as) {
    if (word == "server" || word == "client") {
      if (flags.as.size() > 1) {
        return absl::StrCat("--as ", word,
                            " cannot be combined with another --as");
      }
      options.as = word == "server" ? ReplayOptions::As::kServer
                                    : ReplayOptions::As::kClient;
      return std::nullopt;
    }
    const std::optional<InAddr> addr = ParseAddr(word);
    if (!addr) {
      return absl::StrCat("--as '", word,
                          "': give server, client or an IPv4 address");
    }
    options.addresses.push_back(*addr);
  }
  options.as = ReplayOptions::As::kAddresses;
  return std::nullopt;
}

// Prints the report and writes the JSON; the exit status.
int Tell(const ReplayOptions& options, const report::Replay& report) {
  const std::string text = FormatReport(report);
  std::fwrite(text.data(), 1, text.size(), stdout);
  if (std::fflush(stdout) != 0) {
    return Complain(kVerb, "standard output cannot be written", kExitFailed);
  }
  if (!options.json_path.empty()) {
    if (absl::Status s = WriteJson(report, options.json_path); !s.ok()) {
      return Refuse(s, kExitUsage);
    }
  }
  return report.ok() ? kExitOk : kExitFailed;
}

// What one invocation works with.
struct Session {
  ReplayOptions options;
  std::unique_ptr<CaptureReader> reader;
  std::optional<CaptureFilter> filter;
  std::unique_ptr<CaptureWriter> writer;
  std::unique_ptr<PathPrinter> path;

  CaptureFilter* filter_or_null() { return filter ? &*filter : nullptr; }
};

int FinishWriting(Session& session) {
  if (session.path) session.path->Flush();
  if (!session.writer) return kExitOk;
  const absl::Status status = session.writer->Close();
  return status.ok() ? kExitOk : Refuse(status, kExitFailed);
}

int RunObserve(Session& session) {
  Observation seen;
  const absl::Status status =
      Observe(session.options, *session.reader, session.filter_or_null(),
              session.writer.get(), session.path.get(), &seen);
  if (!status.ok()) return Refuse(status, kExitUnusable);
  if (const int failed = FinishWriting(session); failed != kExitOk) {
    return failed;
  }
  return Tell(session.options, MakeReport(session.options, seen));
}

int RunReplay(Session& session) {
  absl::StatusOr<CaptureIndex> index =
      IndexCapture(std::move(session.reader), session.filter_or_null());
  if (!index.ok()) return Refuse(index.status(), kExitUnusable);
  report::Replay report;
  {
    Replay replay(session.options, *index, session.writer.get(),
                  session.path.get());
    if (absl::Status s = replay.Run(); !s.ok()) {
      return Refuse(s, kExitUnusable);
    }
    report = MakeReport(session.options, *index, replay);
  }
  if (const int failed = FinishWriting(session); failed != kExitOk) {
    return failed;
  }
  return Tell(session.options, report);
}

int Run(const Flags& flags) {
  Session session;
  session.options = flags.options;
  ReplayOptions& options = session.options;
  options.pin = !flags.no_pin;
  options.filter = absl::StrJoin(flags.filter, " ");
  if (const auto wrong = ReadAs(flags, options)) {
    return Complain(kVerb, *wrong, kExitUsage);
  }
  if (!options.filter.empty()) {
    absl::StatusOr<CaptureFilter> filter =
        CaptureFilter::Compile(options.filter);
    if (!filter.ok()) return Refuse(filter.status(), kExitUsage);
    session.filter = std::move(*filter);
  }
  auto reader = OpenCapture(options.capture);
  if (!reader.ok()) return Refuse(reader.status(), kExitUnusable);
  session.reader = std::move(*reader);
  if (!options.write_path.empty()) {
    auto writer = CaptureWriter::Create(options.write_path);
    if (!writer.ok()) return Refuse(writer.status(), kExitUsage);
    session.writer = std::move(*writer);
  }
  if (options.path) session.path = std::make_unique<PathPrinter>(stdout);
  return options.observe ? RunObserve(session) : RunReplay(session);
}

}  // namespace

void AddReplayVerb(CLI::App& app, int* status) {
  CLI::App* const verb = app.add_subcommand(kVerb, kHelp);
  const auto flags = std::make_shared<Flags>();
  ReplayOptions& options = flags->options;
  verb->footer(kFooter);
  verb->add_option("CAPTURE", options.capture,
                   "a pcap or pcapng file; - is standard input")
      ->required();
  verb->add_option("FILTER", flags->filter,
                   "packets to take, in pcap-filter's words: tcp port 80");
  verb->add_option("--as", flags->as,
                   "the end to play: server (of every flow, the default), "
                   "client, or an address, which may be given several times")
      ->type_name("server|client|ADDRESS")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  verb->add_flag("--observe", options.observe,
                 "play no end: take every packet in, send nothing");
  verb->add_flag("--no-pin", flags->no_pin,
                 "let the stack choose its sequence numbers, options and "
                 "timestamps, instead of those in the capture");
  verb->add_flag("--path", options.path,
                 "print the path of each packet through the stack");
  verb->add_option("--write", options.write_path,
                   "write every frame that crossed a wire")
      ->type_name("FILE.pcapng");
  verb->add_option("--json", options.json_path,
                   "write the report as JSON; - is standard output")
      ->type_name("FILE");
  verb->add_option("--seed", options.seed, "of everything random (default 1)")
      ->check(CLI::NonNegativeNumber)
      ->type_name("N");
  verb->callback([flags, status] { *status = Run(*flags); });
}

}  // namespace splnet
