// `splnet bulk`: its flags, and what it does in which order.

#include "tools/bulk_verb.h"

#include <charconv>
#include <chrono>
#include <cstdio>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/bulk/bulk.h"
#include "tools/bulk/options.h"
#include "tools/bulk/report.h"
#include "tools/bulk/units.h"
#include "tools/json_text.h"
#include "tools/output_file.h"
#include "tools/settings_flags.h"
#include "tools/verb.h"
#include "traces/capture_writer.h"

namespace splnet {
namespace {

constexpr char kVerb[] = "bulk";
constexpr char kHelp[] =
    "Transfers between two hosts over one link, in virtual time: goodput, "
    "retransmissions, round trips, windows";
constexpr char kFooter[] = R"(Examples:
  splnet bulk
  splnet bulk --bytes 100MB --loss 0.1 --rtt 50ms --bandwidth 100Mbit/s
  splnet bulk --connections 2 --cc cubic --csv windows.csv
  splnet bulk --both --mtu 9000 --personality freebsd --json report.json
  splnet bulk --set net.inet.tcp.sack=0 --write wire.pcapng

Exit status: 0 every byte arrived once and in order and nothing was left
behind; 1 a check failed; 2 bad usage.)";

// What CLI11 asks of a flag's value: the error to say, or nothing.
std::string NotEmpty(const std::string& value) {
  return value.empty() ? "'' names no file: give one, or - for standard output"
                       : "";
}

// The flags as they were given.
struct Flags {
  std::string bytes = "10MB";
  std::string connections = "1";
  std::string loss = "0";
  std::string rtt = "50ms";
  std::string bandwidth = "100Mbit/s";
  std::string queue;
  std::string mtu = "1500";
  std::string buffer = "0";
  std::string interval = "100ms";
  std::string seed = "1";
  std::string cc;
  SettingsFlags settings;
  bool both = false;
  std::string csv;
  std::string json;
  std::string write;
};

int Refuse(const absl::Status& status) {
  return Complain(kVerb, std::string(status.message()), kExitUsage);
}

absl::Status Wrong(const char* flag, const std::string& value,
                   const char* remedy) {
  return absl::InvalidArgumentError(
      absl::StrCat(flag, " '", value, "': ", remedy));
}

// Reads a whole number into `*to`.
template <typename Number>
absl::Status ReadWhole(const char* flag, const std::string& text, Number* to) {
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, *to);
  if (error == std::errc() && stop == end) return absl::OkStatus();
  const std::string remedy = absl::StrCat("give a whole number from 0 to ",
                                          std::numeric_limits<Number>::max());
  return Wrong(flag, text, remedy.c_str());
}

absl::Status ReadQueue(const Flags& flags, BulkOptions& options) {
  if (flags.queue.empty()) return absl::OkStatus();
  constexpr char kRemedy[] =
      "give packets, as 100, or bytes, as 64KB: at least 1 and no more than "
      "a million packets";
  int64_t packets = 0;
  const std::string& text = flags.queue;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, packets);
  if (error != std::errc() || stop != end) {
    const auto bytes = ReadBytes(text);
    if (!bytes) return Wrong("--queue", text, kRemedy);
    packets = *bytes / options.mtu_bytes + (*bytes % options.mtu_bytes != 0);
  }
  if (packets < 1 || packets > kMostQueuePackets) {
    return Wrong("--queue", text, kRemedy);
  }
  options.queue_packets = static_cast<uint32_t>(packets);
  return absl::OkStatus();
}

absl::Status ReadLink(const Flags& flags, BulkOptions& options) {
  const auto loss = ReadPercent(flags.loss);
  if (!loss) {
    return Wrong("--loss", flags.loss,
                 "give a percentage from 0 to 100, as 0.1, with at most four "
                 "decimals");
  }
  options.loss_ppm = *loss;
  const auto rtt = ReadTime(flags.rtt);
  if (!rtt || *rtt > std::chrono::hours(1)) {
    return Wrong("--rtt", flags.rtt,
                 "give a time up to 60min, as 50ms or 1.5s");
  }
  options.rtt = *rtt;
  const auto bandwidth = ReadBandwidth(flags.bandwidth);
  if (!bandwidth || *bandwidth > 1'000'000'000'000) {
    return Wrong("--bandwidth", flags.bandwidth,
                 "give a rate up to 1000Gbit/s, as 100Mbit/s, or unlimited");
  }
  options.bits_per_second = *bandwidth;
  if (auto status = ReadWhole("--mtu", flags.mtu, &options.mtu_bytes);
      !status.ok()) {
    return status;
  }
  if (options.mtu_bytes == 0) return CheckBulkOptions(options);
  return ReadQueue(flags, options);
}

// --cc goes first, so that --set has the last word.
absl::Status ReadTuning(const Flags& flags, BulkOptions& options) {
  SettingsFlags settings = flags.settings;
  if (!flags.cc.empty()) {
    if (flags.cc != "newreno" && flags.cc != "cubic") {
      return Wrong("--cc", flags.cc, "give newreno or cubic");
    }
    settings.set.insert(settings.set.begin(),
                        "net.inet.tcp.cc.algorithm=" + flags.cc);
  }
  absl::StatusOr<Settings> read = ReadSettings(settings);
  if (!read.ok()) return read.status();
  options.settings = *read;
  return absl::OkStatus();
}

absl::Status ReadTransfer(const Flags& flags, BulkOptions& options) {
  const auto bytes = ReadBytes(flags.bytes);
  if (!bytes || *bytes < 1) {
    return Wrong("--bytes", flags.bytes,
                 "give a size of at least 1, as 10MB or 64KiB");
  }
  options.bytes = static_cast<uint64_t>(*bytes);
  const auto buffer = ReadBytes(flags.buffer);
  if (!buffer || *buffer > std::numeric_limits<int>::max()) {
    return Wrong("--buffer", flags.buffer, "give a size, as 256KiB");
  }
  options.buffer_bytes = static_cast<int>(*buffer);
  const auto interval = ReadTime(flags.interval);
  if (!interval || *interval <= Nanoseconds(0)) {
    return Wrong("--interval", flags.interval, "give a time, as 100ms");
  }
  options.interval = *interval;
  options.both = flags.both;
  if (auto status =
          ReadWhole("--connections", flags.connections, &options.connections);
      !status.ok()) {
    return status;
  }
  return ReadWhole("--seed", flags.seed, &options.seed);
}

absl::StatusOr<BulkOptions> ReadFlags(const Flags& flags) {
  BulkOptions options;
  for (const auto read : {ReadTransfer, ReadLink, ReadTuning}) {
    if (auto status = read(flags, options); !status.ok()) return status;
  }
  if (auto status = CheckBulkOptions(options); !status.ok()) return status;
  return options;
}

// ----------------------------------------------------------------- the output

// What is written, by flag and place.
using Places = std::vector<std::pair<const char*, std::string>>;

Places PlacesOf(const Flags& flags) {
  return {
      {"--csv", flags.csv}, {"--json", flags.json}, {"--write", flags.write}};
}

bool TakesStdout(const Flags& flags) {
  for (const auto& [flag, place] : PlacesOf(flags)) {
    if (place == "-") return true;
  }
  return false;
}

// Finds two outputs with one place.
absl::Status CheckPlaces(const Flags& flags) {
  const Places places = PlacesOf(flags);
  for (size_t i = 0; i < places.size(); ++i) {
    for (size_t k = 0; k < i; ++k) {
      const std::string& a = places[k].second;
      const std::string& b = places[i].second;
      if (a.empty() || b.empty()) continue;
      const bool both_stdout = a == "-" && b == "-";
      if (!both_stdout && (a == "-" || b == "-" || !SameFile(a, b))) continue;
      return absl::InvalidArgumentError(
          absl::StrCat(places[k].first, " and ", places[i].first, " both name ",
                       b, ": give them two files"));
    }
  }
  return absl::OkStatus();
}

struct Outputs {
  std::unique_ptr<OutputFile> csv;
  std::unique_ptr<OutputFile> json;
  std::unique_ptr<CaptureWriter> writer;
};

// Says that what `flag` names cannot be written.
int RefusePlace(const absl::Status& status, const char* flag) {
  return Complain(kVerb,
                  absl::StrCat(status.message(), ": give ", flag,
                               " another place, or make room there"),
                  kExitUsage);
}

// Opens all that is asked for; the exit status.
int Open(const Flags& flags, Outputs* outputs) {
  if (!flags.csv.empty()) {
    auto file = OutputFile::Open(flags.csv);
    if (!file.ok()) return RefusePlace(file.status(), "--csv");
    outputs->csv = std::move(*file);
  }
  if (!flags.json.empty()) {
    auto file = OutputFile::Open(flags.json);
    if (!file.ok()) return RefusePlace(file.status(), "--json");
    outputs->json = std::move(*file);
  }
  if (!flags.write.empty()) {
    auto writer = CaptureWriter::Create(flags.write);
    if (!writer.ok()) return RefusePlace(writer.status(), "--write");
    outputs->writer = std::move(*writer);
  }
  return kExitOk;
}

// The one line that differs from run to run: how long it really took.
std::string RealTime(const report::Bulk& report, Nanoseconds real) {
  std::string line = absl::StrCat("real time: ", FormatTime(real));
  if (const auto speed = BitsPerSecond(report.received(), real)) {
    const auto bytes = static_cast<uint64_t>(*speed / 8);
    absl::StrAppend(&line, ", ", FormatBytes(bytes), "/s");
  }
  const auto tenth = static_cast<uint64_t>(real.count()) / 10;
  if (report.virtual_ns() > 0 && tenth > 0) {
    const uint64_t tenths = static_cast<uint64_t>(report.virtual_ns()) / tenth;
    absl::StrAppendFormat(&line, ", %u.%u times as fast as the network",
                          tenths / 10, tenths % 10);
  }
  return line + "\n";
}

// Writes the JSON and prints the report, where standard output is taken on
// standard error; the exit status.
int Tell(const Flags& flags, Outputs& outputs, const report::Bulk& report,
         Nanoseconds real) {
  if (outputs.json) {
    const absl::StatusOr<std::string> json = JsonText(report);
    if (!json.ok()) {
      return Complain(kVerb, std::string(json.status().message()), kExitFailed);
    }
    const absl::Status status = outputs.json->Write(*json);
    if (!status.ok()) return RefusePlace(status, "--json");
  }
  const std::string text = FormatReport(report) + RealTime(report, real);
  std::FILE* const out = TakesStdout(flags) ? stderr : stdout;
  std::fwrite(text.data(), 1, text.size(), out);
  if (std::fflush(out) != 0) {
    return Complain(kVerb, "standard output cannot be written", kExitFailed);
  }
  return report.ok() ? kExitOk : kExitFailed;
}

int Run(const Flags& flags) {
  const absl::StatusOr<BulkOptions> options = ReadFlags(flags);
  if (!options.ok()) return Refuse(options.status());
  if (auto status = CheckPlaces(flags); !status.ok()) return Refuse(status);
  Outputs outputs;
  if (const int failed = Open(flags, &outputs); failed != kExitOk) {
    return failed;
  }
  const auto start = std::chrono::steady_clock::now();
  Bulk bulk(*options, outputs.writer.get(), outputs.csv.get());
  const absl::Status status = bulk.Run();
  const Nanoseconds real = std::chrono::steady_clock::now() - start;
  if (!status.ok()) {
    return RefusePlace(status, flags.write.empty() ? "--csv" : "the output");
  }
  if (outputs.writer) {
    const absl::Status closed = outputs.writer->Close();
    if (!closed.ok()) return RefusePlace(closed, "--write");
  }
  return Tell(flags, outputs, MakeReport(*options, bulk), real);
}

}  // namespace

void AddBulkVerb(CLI::App& app, int* status) {
  CLI::App* const verb = app.add_subcommand(kVerb, kHelp);
  const auto flags = std::make_shared<Flags>();
  verb->footer(kFooter);
  const auto option = [&](const char* name, std::string& to, const char* type,
                          const char* help) {
    return verb->add_option(name, to, help)->type_name(type);
  };
  option("--bytes", flags->bytes, "SIZE", "of each stream (default 10MB)");
  verb->add_flag("--both", flags->both,
                 "send both ways at once on every connection");
  option("--connections", flags->connections, "N",
         "connections side by side (default 1)");
  option("--rtt", flags->rtt, "TIME",
         "delay of the link, both ways together (default 50ms)");
  option("--bandwidth", flags->bandwidth, "RATE",
         "each way, as 100Mbit/s (the default), or unlimited");
  option("--queue", flags->queue, "N|SIZE",
         "packets that may wait for the link, or their bytes, taken as packets "
         "of the MTU (default: one bandwidth-delay product, at "
         "least 16 and two for each connection)");
  option("--loss", flags->loss, "PERCENT",
         "frames lost by chance, each way (default 0)");
  option("--mtu", flags->mtu, "BYTES", "of the link (default 1500)");
  option("--cc", flags->cc, "newreno|cubic",
         "congestion control (default: the personality's)");
  option("--buffer", flags->buffer, "SIZE",
         "SO_SNDBUF and SO_RCVBUF (default: as the stack sizes them)");
  AddSettingsFlags(*verb, flags->settings);
  option("--csv", flags->csv, "FILE",
         "write cwnd, ssthresh, flight, srtt and goodput of each stream over "
         "time; - is standard output")
      ->check(NotEmpty);
  option("--interval", flags->interval, "TIME",
         "between the lines of --csv (default 100ms)");
  option("--json", flags->json, "FILE",
         "write the report as JSON; - is standard output")
      ->check(NotEmpty);
  option("--write", flags->write, "FILE.pcapng",
         "write every frame that the link took")
      ->check(NotEmpty);
  option("--seed", flags->seed, "N", "of everything random (default 1)");
  verb->callback([flags, status] { *status = Run(*flags); });
}

}  // namespace splnet
