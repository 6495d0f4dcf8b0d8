// `splnet drill`: its flags, many scripts on all cores, what it prints.
//
// A script runs in a Simulation of its own within one thread; nothing but the
// list of results is shared.  Results are told in the order of the arguments.

#include "tools/drill_verb.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <condition_variable>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "tools/drill/options.h"
#include "tools/drill/outputs.h"
#include "tools/drill/parser.h"
#include "tools/drill/runner.h"
#include "tools/settings_flags.h"
#include "tools/verb.h"

namespace splnet {
namespace {

constexpr char kVerb[] = "drill";
constexpr char kHelp[] =
    "Runs packetdrill scripts against the stack in virtual time, each on a "
    "fresh host, and shows what differs from the script";
constexpr char kFooter[] = R"(Example:
  splnet drill handshake.pkt
  splnet drill --tap --personality freebsd tests/*.pkt
  splnet drill -v --define EXTRA=1 handshake.pkt

The scripts' language: docs/drill.md.

Exit status: 0 every script passed; 1 a script failed; 2 bad usage; 3 a file
cannot be read.)";

constexpr size_t kMaxJobs = 256;

// The flags as they were given.
struct Flags {
  std::vector<std::string> scripts;
  std::vector<std::string> define;
  SettingsFlags settings;
  std::string seed = "1";
  std::string jobs;
  std::string json;
  std::string write;
  bool tap = false;
  bool allow_extra = false;
  bool verbose = false;
};

// What all scripts of one invocation share, read only.
struct Batch {
  std::vector<std::string> paths;
  drill::Defines defines;
  drill::DrillOptions options;
  size_t jobs = 1;
  bool tap = false;
};

struct Result {
  bool done = false;
  bool readable = true;
  drill::DrillResult script;
};

// ---- one script

// The file's bytes, or what is wrong with it.  One byte more than a script may
// have is enough for the parser to refuse it.
absl::StatusOr<std::string> ReadScriptFile(const std::string& path) {
  constexpr size_t kMaxBytes = size_t{1} << 20;
  const auto because = [&path] {
    return absl::UnavailableError(
        absl::StrCat(path, ": ", std::generic_category().message(errno),
                     ": name a drill script that can be read"));
  };
  std::FILE* const file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) return because();
  std::string text(kMaxBytes + 1, '\0');
  const size_t size = std::fread(text.data(), 1, text.size(), file);
  const absl::Status status =
      std::ferror(file) != 0 ? because() : absl::OkStatus();
  std::fclose(file);
  if (!status.ok()) return status;
  text.resize(size);
  return text;
}

Result Refuse(const absl::Status& status, bool readable) {
  Result result;
  result.readable = readable;
  result.script.report = absl::StrCat(status.message(), "\n");
  return result;
}

Result RunOne(const Batch& batch, const std::string& path) {
  const absl::StatusOr<std::string> text = ReadScriptFile(path);
  if (!text.ok()) return Refuse(text.status(), /*readable=*/false);
  const absl::StatusOr<drill::Script> script =
      drill::ParseScript(*text, path, batch.defines);
  if (!script.ok()) return Refuse(script.status(), /*readable=*/true);
  const absl::StatusOr<drill::ScriptSettings> settings =
      drill::ReadSettings(*script);
  if (!settings.ok()) return Refuse(settings.status(), /*readable=*/true);
  Result result;
  result.script = drill::RunScript(*script, *settings, batch.options);
  return result;
}

// ---- all scripts

// Runs every script of `batch` on threads of its own.
class Pool {
 public:
  explicit Pool(const Batch& batch)
      : batch_(batch), results_(batch.paths.size()) {
    const size_t jobs = std::min(batch.jobs, batch.paths.size());
    for (size_t i = 0; i < jobs; ++i) {
      threads_.emplace_back([this] { Work(); });
    }
  }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool() {
    for (std::thread& thread : threads_) thread.join();
  }

  // The result of script `i`, once it is there; asked for once.
  Result Take(size_t i) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return results_[i].done; });
    return std::move(results_[i]);
  }

 private:
  void Work() {
    for (size_t i; (i = next_.fetch_add(1)) < batch_.paths.size();) {
      Result result = RunOne(batch_, batch_.paths[i]);
      result.done = true;
      {
        const std::scoped_lock lock(mutex_);
        results_[i] = std::move(result);
      }
      changed_.notify_one();
    }
  }

  const Batch& batch_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Result> results_;  // under mutex_
  std::atomic<size_t> next_{0};
  std::vector<std::thread> threads_;
};

// ---- output

// `text` with `prefix` before each of its lines.
std::string Prefixed(std::string_view text, std::string_view prefix) {
  std::string out;
  while (!text.empty()) {
    const size_t newline = std::min(text.find('\n'), text.size());
    out.append(prefix).append(text.substr(0, newline)).push_back('\n');
    text.remove_prefix(std::min(newline + 1, text.size()));
  }
  return out;
}

// A path as a TAP description: on one line, and # begins no directive.
std::string TapName(std::string_view path) {
  std::string name;
  for (const char c : path) {
    if (c == '#' || c == '\\') name.push_back('\\');
    name.push_back(c == '\n' || c == '\r' ? '?' : c);
  }
  return name;
}

void Print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

void Tell(const Batch& batch, size_t i, const drill::DrillResult& result) {
  const std::string& path = batch.paths[i];
  if (batch.tap) {
    Print(absl::StrCat(result.passed ? "ok " : "not ok ", i + 1, " - ",
                       TapName(path), "\n", Prefixed(result.report, "# ")));
    return;
  }
  if (result.passed && batch.options.verbose) {
    Print(absl::StrCat(path, ": passed\n"));
  }
  Print(result.report);
}

int RunAll(const Batch& batch, drill::Outputs& outputs) {
  if (batch.tap) {
    Print(absl::StrCat("TAP version 13\n1..", batch.paths.size(), "\n"));
  }
  size_t passed = 0;
  bool readable = true;
  absl::Status kept;
  {
    Pool pool(batch);
    for (size_t i = 0; i < batch.paths.size(); ++i) {
      const Result result = pool.Take(i);
      Tell(batch, i, result.script);
      if (kept.ok()) kept = outputs.Add(batch.paths[i], result.script);
      passed += result.script.passed ? 1 : 0;
      readable = readable && result.readable;
    }
  }
  if (kept.ok()) kept = outputs.Finish(batch.options);
  if (!kept.ok()) {
    return Complain(kVerb, std::string(kept.message()), kExitFailed);
  }
  const size_t failed = batch.paths.size() - passed;
  Print(absl::StrCat(passed, " passed, ", failed, " failed\n"));
  if (std::fflush(stdout) != 0) {
    return Complain(kVerb, "standard output cannot be written", kExitFailed);
  }
  if (!readable) return kExitUnusable;
  return failed == 0 ? kExitOk : kExitFailed;
}

// ---- flags

// Adds "NAME=VALUE" or "NAME" to `defines`; false when it is neither.
bool AddDefine(std::string_view word, drill::Defines* defines) {
  const size_t equals = std::min(word.find('='), word.size());
  const std::string_view name = word.substr(0, equals);
  if (name.empty() || (name.front() >= '0' && name.front() <= '9') ||
      !std::all_of(name.begin(), name.end(), drill::IsWordChar)) {
    return false;
  }
  (*defines)[std::string(name)] =
      equals == word.size() ? "1" : word.substr(equals + 1);
  return true;
}

// A whole number from `least` to `most`.
bool ReadNumber(std::string_view word, uint64_t least, uint64_t most,
                uint64_t* number) {
  const char* const end = word.data() + word.size();
  const auto [stop, error] = std::from_chars(word.data(), end, *number);
  return error == std::errc() && stop == end && *number >= least &&
         *number <= most;
}

// What the flags ask for; an error says which is wrong.
absl::StatusOr<Batch> ReadFlags(const Flags& flags) {
  Batch batch;
  batch.paths = flags.scripts;
  batch.tap = flags.tap;
  batch.options.allow_extra = flags.allow_extra;
  batch.options.verbose = flags.verbose;
  const absl::StatusOr<Settings> settings = ReadSettings(flags.settings);
  if (!settings.ok()) return settings.status();
  batch.options.settings = *settings;
  const bool freebsd = settings->personality == Personality::kFreeBsd;
  batch.defines[freebsd ? "FreeBSD" : "OpenBSD"] = "1";
  for (const std::string& word : flags.define) {
    if (AddDefine(word, &batch.defines)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("--define '", word, "': give NAME=VALUE or NAME"));
  }
  if (!ReadNumber(flags.seed, 0, UINT64_MAX, &batch.options.seed)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--seed '", flags.seed,
                     "': give a whole number from 0 to ", UINT64_MAX));
  }
  uint64_t jobs = std::max(1u, std::thread::hardware_concurrency());
  if (!flags.jobs.empty() && !ReadNumber(flags.jobs, 1, kMaxJobs, &jobs)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--jobs '", flags.jobs, "': give a whole number from 1 to ", kMaxJobs));
  }
  batch.jobs = jobs;
  return batch;
}

int Run(const Flags& flags) {
  absl::StatusOr<Batch> batch = ReadFlags(flags);
  drill::Outputs outputs;
  absl::Status status = batch.status();
  if (status.ok()) {
    status = outputs.Open(flags.json, flags.write, flags.scripts);
  }
  if (!status.ok()) {
    return Complain(kVerb, std::string(status.message()), kExitUsage);
  }
  batch->options.keep_packets = outputs.wants_packets();
  return RunAll(*batch, outputs);
}

}  // namespace

void AddDrillVerb(CLI::App& app, int* status) {
  CLI::App* const verb = app.add_subcommand(kVerb, kHelp);
  const auto flags = std::make_shared<Flags>();
  verb->footer(kFooter);
  verb->add_option("SCRIPT", flags->scripts, "drill scripts")
      ->type_name("FILE.pkt")
      ->required();
  verb->add_flag("--tap", flags->tap, "print TAP, the Test Anything Protocol");
  verb->add_flag("-v,--verbose", flags->verbose,
                 "tell every event, also of scripts that pass");
  verb->add_flag("--allow-extra", flags->allow_extra,
                 "packets that a script has not expected by its end are no "
                 "failure");
  verb->add_option("--define", flags->define,
                   "a name for #ifdef, may be given several times; the "
                   "personality's, OpenBSD or FreeBSD, is defined by itself")
      ->type_name("NAME=VALUE")
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  verb->add_option("--jobs", flags->jobs,
                   "scripts that run at once (default: one for each core)")
      ->type_name("N");
  verb->add_option("--seed", flags->seed, "of everything random (default 1)")
      ->type_name("N");
  verb->add_option("--json", flags->json, "write the results as JSON")
      ->type_name("FILE");
  verb->add_option("--write", flags->write,
                   "write the packets of every script, each script an "
                   "interface of its own")
      ->type_name("FILE.pcapng");
  AddSettingsFlags(*verb, flags->settings);
  verb->callback([flags, status] { *status = Run(*flags); });
}

}  // namespace splnet
