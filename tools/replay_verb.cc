// `splnet replay`: its flags, and what it does in which order.

#include "tools/replay_verb.h"

#include <charconv>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tools/json_text.h"
#include "tools/output_file.h"
#include "tools/replay/capture_index.h"
#include "tools/replay/observe.h"
#include "tools/replay/options.h"
#include "tools/replay/path_printer.h"
#include "tools/replay/replay.h"
#include "tools/replay/report.h"
#include "tools/settings_flags.h"
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

// What CLI11 asks of a flag's value: the error to say, or nothing.
std::string NotEmpty(const std::string& value) {
  return value.empty() ? "'' names no file: give one, or - for standard output"
                       : "";
}

// The flags as they were given.
struct Flags {
  ReplayOptions options;
  std::vector<std::string> as;
  std::vector<std::string> filter;
  SettingsFlags settings;
  std::string seed = "1";
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

// Reads --seed; the error to say, if there is one.
std::optional<std::string> ReadSeed(const Flags& flags,
                                    ReplayOptions& options) {
  const char* const end = flags.seed.data() + flags.seed.size();
  const auto [stop, error] =
      std::from_chars(flags.seed.data(), end, options.seed);
  if (error == std::errc() && stop == end) return std::nullopt;
  return absl::StrCat("--seed '", flags.seed,
                      "': give a whole number from 0 to ", UINT64_MAX);
}

// Whether standard output belongs to something other than the report.
bool TakesStdout(const ReplayOptions& options) {
  return options.json_path == "-" || options.write_path == "-";
}

// Finds places to write to that would destroy the capture or one another.
std::optional<std::string> CheckPlaces(const ReplayOptions& options) {
  const std::string& json = options.json_path;
  const std::string& write = options.write_path;
  if (json == "-" && write == "-") {
    return "--json - and --write - would mix on standard output: give one of "
           "them a file";
  }
  if (options.path && TakesStdout(options)) {
    return absl::StrCat("--path prints on standard output: give ",
                        json == "-" ? "--json" : "--write", " a file");
  }
  const bool json_file = !json.empty() && json != "-";
  const bool write_file = !write.empty() && write != "-";
  if (json_file && SameFile(json, options.capture)) {
    return absl::StrCat("--json ", json,
                        " would overwrite the capture: give another file");
  }
  if (write_file && SameFile(write, options.capture)) {
    return absl::StrCat("--write ", write,
                        " would overwrite the capture: give another file");
  }
  if (json_file && write_file && SameFile(json, write)) {
    return absl::StrCat("--json and --write both name ", json,
                        ": give them two files");
  }
  return std::nullopt;
}

// What one invocation works with.
struct Session {
  ReplayOptions options;
  std::unique_ptr<CaptureReader> reader;
  std::optional<CaptureFilter> filter;
  std::unique_ptr<CaptureWriter> writer;
  std::unique_ptr<OutputFile> json;
  std::unique_ptr<PathPrinter> path;

  CaptureFilter* filter_or_null() { return filter ? &*filter : nullptr; }
};

// Says that what `flag` names cannot be written.
int RefusePlace(const absl::Status& status, const char* flag) {
  return Complain(kVerb,
                  absl::StrCat(status.message(), ": give ", flag,
                               " another place, or make room there"),
                  kExitUsage);
}

int FinishWriting(Session& session) {
  if (session.path) session.path->Flush();
  if (!session.writer) return kExitOk;
  const absl::Status status = session.writer->Close();
  return status.ok() ? kExitOk : RefusePlace(status, "--write");
}

// Writes the JSON and prints the report, where standard output is taken on
// standard error; the exit status.
int Tell(Session& session, const report::Replay& report) {
  if (session.json) {
    const absl::StatusOr<std::string> json = JsonText(report);
    if (!json.ok()) return Refuse(json.status(), kExitFailed);
    const absl::Status status = session.json->Write(*json);
    if (!status.ok()) return RefusePlace(status, "--json");
  }
  const std::string text = FormatReport(report);
  std::FILE* const out = TakesStdout(session.options) ? stderr : stdout;
  std::fwrite(text.data(), 1, text.size(), out);
  if (std::fflush(out) != 0) {
    return Complain(kVerb, "standard output cannot be written", kExitFailed);
  }
  return report.ok() ? kExitOk : kExitFailed;
}

int RunObserve(Session& session) {
  Observation seen;
  const absl::Status status =
      Observe(session.options, *session.reader, session.filter_or_null(),
              session.writer.get(), session.path.get(), &seen);
  // Writing that failed ends the run as well, and is the cause.
  if (const int failed = FinishWriting(session); failed != kExitOk) {
    return failed;
  }
  if (!status.ok()) return Refuse(status, kExitUnusable);
  return Tell(session, MakeReport(session.options, seen));
}

int RunReplay(Session& session) {
  absl::StatusOr<CaptureIndex> index =
      IndexCapture(std::move(session.reader), session.filter_or_null());
  if (!index.ok()) return Refuse(index.status(), kExitUnusable);
  report::Replay report;
  {
    Replay replay(session.options, *index, session.writer.get(),
                  session.path.get());
    const absl::Status status = replay.Run();
    if (const int failed = FinishWriting(session); failed != kExitOk) {
      return failed;
    }
    if (!status.ok()) return Refuse(status, kExitUnusable);
    report = MakeReport(session.options, *index, replay);
  }
  return Tell(session, report);
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
  if (const auto wrong = ReadSeed(flags, options)) {
    return Complain(kVerb, *wrong, kExitUsage);
  }
  absl::StatusOr<Settings> settings = ReadSettings(flags.settings);
  if (!settings.ok()) return Refuse(settings.status(), kExitUsage);
  options.settings = *settings;
  if (options.capture.empty()) {
    return Complain(kVerb,
                    "CAPTURE '': give a pcap or pcapng file, or - for "
                    "standard input",
                    kExitUsage);
  }
  if (const auto wrong = CheckPlaces(options)) {
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
    if (!writer.ok()) return RefusePlace(writer.status(), "--write");
    session.writer = std::move(*writer);
  }
  if (!options.json_path.empty()) {
    auto json = OutputFile::Open(options.json_path);
    if (!json.ok()) return RefusePlace(json.status(), "--json");
    session.json = std::move(*json);
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
      ->allow_extra_args(false)
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
      ->type_name("FILE.pcapng")
      ->check(NotEmpty);
  verb->add_option("--json", options.json_path,
                   "write the report as JSON; - is standard output")
      ->type_name("FILE")
      ->check(NotEmpty);
  verb->add_option("--seed", flags->seed, "of everything random (default 1)")
      ->type_name("N");
  AddSettingsFlags(*verb, flags->settings);
  verb->callback([flags, status] { *status = Run(*flags); });
}

}  // namespace splnet
