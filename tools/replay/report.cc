// Reports of replays.

#include "tools/replay/report.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "tools/replay/notation.h"
#include "tools/settings_flags.h"

namespace splnet {
namespace {

constexpr int kFlowsShown = 6;
constexpr int kDifferencesShown = 4;

uint32_t Count32(uint64_t count) {
  return static_cast<uint32_t>(std::min<uint64_t>(count, UINT32_MAX));
}

const char* FormatText(CaptureFormat format) {
  return format == CaptureFormat::kPcapng ? "pcapng" : "pcap";
}

// ------------------------------------------------------------------ the
// message

void AddCheck(report::Replay& report, std::string name, bool ok,
              std::string detail) {
  report::Check& check = *report.add_checks();
  check.set_name(std::move(name));
  check.set_ok(ok);
  check.set_detail(std::move(detail));
}

void AddVerdict(report::Replay& report, const char* name, const char* reason,
                uint64_t count, uint64_t first) {
  report::Verdict& verdict = *report.add_verdicts();
  verdict.set_name(name);
  verdict.set_reason(reason);
  verdict.set_count(Count32(count));
  verdict.set_first_packet(Count32(first));
}

void CheckSum(report::Replay& report) {
  uint64_t sum = 0;
  for (const report::Verdict& v : report.verdicts()) sum += v.count();
  AddCheck(
      report, "verdicts add up", sum == report.capture().packets(),
      absl::StrFormat("%u of %u packets", sum, report.capture().packets()));
}

void Conclude(report::Replay& report) {
  bool ok = true;
  for (const report::Check& check : report.checks()) ok = ok && check.ok();
  report.set_ok(ok);
}

// Verdicts with their reasons, in a fixed order.
void CountVerdicts(const CaptureIndex& index, report::Replay& report) {
  struct Tally {
    uint64_t count = 0;
    uint64_t first = 0;
  };
  std::map<std::pair<Verdict, int>, Tally> tallies;
  std::array<uint64_t, kAdaptations> adapted{};
  for (const CapturedPacket& p : index.packets) {
    int reason = 0;
    if (p.verdict == Verdict::kDropped) reason = static_cast<int>(p.reason);
    if (p.verdict == Verdict::kUnusable) reason = static_cast<int>(p.why);
    Tally& tally = tallies[{p.verdict, reason}];
    if (tally.count++ == 0) tally.first = p.number;
    for (size_t bit = 0; bit < kAdaptations; ++bit) {
      adapted[bit] += (p.adapted >> bit & 1) != 0;
    }
  }
  for (const auto& [key, tally] : tallies) {
    const auto [verdict, reason] = key;
    const char* text = "";
    if (verdict == Verdict::kDropped) {
      text = DropText(static_cast<DropReason>(reason));
    } else if (verdict == Verdict::kUnusable) {
      text = UnusableText(static_cast<Unusable>(reason));
    }
    AddVerdict(report, VerdictText(verdict), text, tally.count, tally.first);
  }
  for (size_t bit = 0; bit < kAdaptations; ++bit) {
    if (adapted[bit] == 0) continue;
    report::Count& count = *report.add_adapted();
    count.set_name(AdaptedText(bit));
    count.set_count(Count32(adapted[bit]));
  }
}

uint64_t CountOf(const CaptureIndex& index, Verdict verdict) {
  return static_cast<uint64_t>(std::count_if(
      index.packets.begin(), index.packets.end(),
      [verdict](const CapturedPacket& p) { return p.verdict == verdict; }));
}

void SetDirection(const DirectionResult& result, report::Direction& out) {
  out.set_bytes(result.bytes);
  out.set_captured(result.captured);
  out.set_equal(result.equal);
  out.set_prefix(result.prefix);
  if (!result.equal) out.set_first_difference(result.difference);
}

void SetEndpoint(const Sockaddr& address, report::Endpoint& out) {
  out.set_address(FormatAddr(address.addr));
  out.set_port(address.port);
}

void AddFlow(const Flow& flow, const FlowResult* result,
             report::Replay& report) {
  report::Flow& out = *report.add_flows();
  out.set_protocol(FlowKindText(flow.kind));
  SetEndpoint(flow.client, *out.mutable_client());
  SetEndpoint(flow.server, *out.mutable_server());
  out.set_incarnation(flow.incarnation);
  out.set_why(flow.why);
  out.set_packets(Count32(flow.packets.size()));
  if (result == nullptr) return;
  const bool client = flow.role == FlowRole::kClient;
  out.set_played(client ? "client" : "server");
  SetDirection(result->delivered, client ? *out.mutable_server_to_client()
                                         : *out.mutable_client_to_server());
  SetDirection(result->sent, client ? *out.mutable_client_to_server()
                                    : *out.mutable_server_to_client());
  out.set_data_segments(Count32(result->data_segments));
  out.set_data_reproduced(Count32(result->data_reproduced));
  out.set_extra(Count32(result->extra));
  out.set_end(result->end);
  out.set_handshake_invented(result->invented);
  out.set_gap(result->gap);
  out.set_ok(result->ok);
  out.set_note(result->note);
}

void AddDifferences(const DifferenceLog& log, report::Replay& report) {
  for (size_t i = 0; i < kDifferences; ++i) {
    const auto kind = static_cast<Difference>(i);
    const DifferenceGroup& group = log.group(kind);
    if (group.count == 0) continue;
    report::Difference& out = *report.add_differences();
    out.set_kind(DifferenceText(kind));
    out.set_count(Count32(group.count));
    out.set_packet(Count32(group.packet));
    out.set_captured(group.captured);
    out.set_ours(group.ours);
  }
}

void SetOptions(const ReplayOptions& options, report::Replay& report) {
  report.set_seed(options.seed);
  report.set_pinned(options.pin);
  report.set_settings(DescribeSettings(options.settings));
  if (options.observe) {
    report.set_mode("observe");
  } else {
    report.set_mode(options.as == ReplayOptions::As::kServer   ? "server"
                    : options.as == ReplayOptions::As::kClient ? "client"
                                                               : "addresses");
  }
  report.mutable_capture()->set_filter(options.filter);
}

// -------------------------------------------------------------------- the text

std::string BytesText(uint64_t bytes) {
  return bytes == 1 ? "1 byte" : absl::StrCat(bytes, " bytes");
}

std::string PlacesText(const report::Endpoint& e) {
  return e.port() == 0 ? e.address() : absl::StrCat(e.address(), ".", e.port());
}

std::string DirectionText(const char* verb, const report::Direction& d) {
  std::string text = absl::StrCat(verb, " ", BytesText(d.bytes()));
  if (!d.equal()) {
    absl::StrAppendFormat(&text, " of %u, DIFFERENT from byte %u on",
                          d.captured(), d.first_difference());
  } else if (d.prefix() && d.bytes() < d.captured()) {
    absl::StrAppendFormat(&text, " of %u, equal so far", d.captured());
  }
  return text;
}

std::string FlowText(const report::Flow& flow) {
  std::string text = absl::StrFormat(
      "  %s %s > %s%s: the first is the client, %s\n", flow.protocol(),
      PlacesText(flow.client()), PlacesText(flow.server()),
      flow.incarnation() > 1
          ? absl::StrFormat(" (incarnation %u)", flow.incarnation())
          : "",
      flow.why());
  if (flow.played().empty()) return text + "    not replayed\n";
  const bool server = flow.played() == "server";
  const report::Direction& in =
      server ? flow.client_to_server() : flow.server_to_client();
  const report::Direction& out =
      server ? flow.server_to_client() : flow.client_to_server();
  const auto whole = [](const report::Direction& d) {
    return d.equal() && d.bytes() >= d.captured();
  };
  absl::StrAppend(&text, "    ", DirectionText("delivered", in), ", ",
                  DirectionText("sent", out),
                  whole(in) && whole(out) ? ": equal to the capture\n" : "\n");
  std::string last;
  if (flow.data_segments() != 0) {
    last = absl::StrFormat("%u of %u packets with data reproduced",
                           flow.data_reproduced(), flow.data_segments());
    if (flow.extra() != 0)
      absl::StrAppendFormat(&last, ", %u extra", flow.extra());
  }
  if (!flow.end().empty()) {
    absl::StrAppend(&last, last.empty() ? "" : "; ", flow.end());
  }
  if (flow.handshake_invented()) absl::StrAppend(&last, "; handshake invented");
  if (flow.gap()) absl::StrAppend(&last, "; ends at a gap in the capture");
  if (!last.empty()) absl::StrAppend(&text, "    ", last, "\n");
  if (!flow.note().empty()) {
    absl::StrAppend(&text, "    FAILED: ", flow.note(), "\n");
  }
  return text;
}

// Flows that failed come first.
std::string FlowsText(const report::Replay& report) {
  if (report.flows().empty()) return "";
  std::string text = "flows\n";
  int shown = 0;
  for (const bool failed : {true, false}) {
    for (const report::Flow& flow : report.flows()) {
      const bool bad = !flow.played().empty() && !flow.ok();
      if (bad != failed || shown >= kFlowsShown) continue;
      text += FlowText(flow);
      ++shown;
    }
  }
  if (shown < report.flows_size()) {
    absl::StrAppendFormat(&text, "  and %u more: --json has all\n",
                          report.flows_size() - shown);
  }
  return text;
}

std::string VerdictsText(const report::Replay& report) {
  std::string text = "verdicts\n";
  uint64_t sum = 0;
  for (const report::Verdict& v : report.verdicts()) {
    std::string name = v.name();
    if (!v.reason().empty()) absl::StrAppend(&name, ": ", v.reason());
    const bool tells = !v.reason().empty();
    absl::StrAppendFormat(
        &text, "  %-44s %7u%s\n", name, v.count(),
        tells ? absl::StrFormat("  first: packet %u", v.first_packet()) : "");
    sum += v.count();
  }
  absl::StrAppendFormat(&text, "  %-44s %7u  of %u packets\n", "sum", sum,
                        report.capture().packets());
  if (report.adapted_size() > 0) {
    std::vector<std::string> words;
    for (const report::Count& c : report.adapted()) {
      words.push_back(absl::StrCat(c.name(), " ", c.count()));
    }
    absl::StrAppend(&text,
                    "  adapted before injection: ", absl::StrJoin(words, ", "),
                    "\n");
  }
  if (report.extra() != 0) {
    absl::StrAppendFormat(
        &text, "  extra packets that only our side sent: %u\n", report.extra());
  }
  return text;
}

std::string DifferencesText(const report::Replay& report) {
  if (report.differences().empty()) return "";
  std::string text = "differences from the captured end\n";
  int shown = 0;
  for (const report::Difference& d : report.differences()) {
    absl::StrAppendFormat(&text, "  %-44s %7u", d.kind(), d.count());
    if (d.packet() != 0) {
      absl::StrAppendFormat(&text, "  first: packet %u", d.packet());
    }
    text.push_back('\n');
    if (shown++ >= kDifferencesShown) continue;
    if (!d.captured().empty()) {
      absl::StrAppend(&text, "    captured  ", d.captured(), "\n");
    }
    if (!d.ours().empty()) {
      absl::StrAppend(&text, "    ours      ", d.ours(), "\n");
    }
  }
  return text;
}

std::string HeadText(const report::Replay& report) {
  const report::Capture& c = report.capture();
  std::string text = absl::StrFormat(
      "%s: %s, %u packets, %s, %s s\n", c.file(), c.format(), c.packets(),
      BytesText(c.bytes()), TimeNotation(c.duration_ns()));
  if (!c.filter().empty()) {
    absl::StrAppendFormat(&text, "filter '%s': %u of %u packets\n", c.filter(),
                          c.packets(), c.packets_in_file());
  }
  if (c.backward_clock() != 0) {
    absl::StrAppendFormat(&text, "clock went backwards for %u packets\n",
                          c.backward_clock());
  }
  if (report.mode() == "observe") {
    absl::StrAppend(&text, "observed by a host that owns every destination\n");
  } else {
    absl::StrAppend(&text, "the stack takes the place of ",
                    report.mode() == "addresses"
                        ? ""
                        : absl::StrCat("the ", report.mode(), ", "),
                    absl::StrJoin(report.played(), ", "),
                    report.pinned() ? "" : ", not pinned", "\n");
  }
  if (report.settings() != PersonalityName(Personality::kOpenBsd)) {
    absl::StrAppend(&text, "settings: ", report.settings(), "\n");
  }
  for (const std::string& warning : report.warnings()) {
    absl::StrAppend(&text, "warning: ", warning, "\n");
  }
  return text;
}

}  // namespace

report::Replay MakeReport(const ReplayOptions& options,
                          const CaptureIndex& index, const Replay& replay) {
  report::Replay report;
  SetOptions(options, report);
  report::Capture& capture = *report.mutable_capture();
  capture.set_file(index.reader->name());
  capture.set_format(FormatText(index.reader->format()));
  capture.set_packets(Count32(index.packets.size()));
  capture.set_packets_in_file(Count32(index.packets_in_file));
  capture.set_bytes(index.bytes);
  capture.set_first_time_ns(index.first_time_ns);
  capture.set_duration_ns(index.packets.back().due_ns);
  capture.set_backward_clock(Count32(index.backward_clock));
  for (const InAddr& addr : replay.flows().hosts) {
    report.add_played(FormatAddr(addr));
  }
  CountVerdicts(index, report);
  size_t next = 0;
  uint64_t failed = 0;
  for (size_t i = 0; i < replay.flows().flows.size(); ++i) {
    const FlowResult* result = nullptr;
    if (next < replay.results().size() && replay.results()[next].flow == i) {
      result = &replay.results()[next++];
      failed += !result->ok;
    }
    AddFlow(replay.flows().flows[i], result, report);
  }
  AddDifferences(replay.differences(), report);
  report.set_extra(Count32(replay.extra()));
  report.set_virtual_ns(replay.virtual_ns());
  for (const std::string& w : index.warnings) report.add_warnings(w);

  AddCheck(report, "the bytes are the captured bytes", failed == 0,
           absl::StrFormat("%u of %u flows", replay.results().size() - failed,
                           replay.results().size()));
  CheckSum(report);
  const uint64_t pending = CountOf(index, Verdict::kPending);
  AddCheck(report, "every packet has a verdict", pending == 0,
           absl::StrFormat("%u without", pending));
  const uint64_t stuck = CountOf(index, Verdict::kNeverReleased);
  AddCheck(report, "every frame was released", stuck == 0,
           absl::StrFormat("%u never", stuck));
  Conclude(report);
  return report;
}

report::Replay MakeReport(const ReplayOptions& options,
                          const Observation& seen) {
  report::Replay report;
  SetOptions(options, report);
  report::Capture& capture = *report.mutable_capture();
  capture.set_file(seen.file);
  capture.set_format(FormatText(seen.format));
  capture.set_packets(Count32(seen.packets));
  capture.set_packets_in_file(Count32(seen.packets_in_file));
  capture.set_bytes(seen.bytes);
  capture.set_first_time_ns(seen.first_time_ns);
  capture.set_duration_ns(seen.last_time_ns - seen.first_time_ns);
  capture.set_backward_clock(Count32(seen.backward_clock));
  if (seen.observed != 0) {
    AddVerdict(report, VerdictText(Verdict::kObserved), "", seen.observed,
               seen.first_observed);
  }
  for (size_t i = 0; i < kDropReasons; ++i) {
    if (seen.dropped[i] == 0) continue;
    AddVerdict(report, VerdictText(Verdict::kDropped),
               DropText(static_cast<DropReason>(i)), seen.dropped[i],
               seen.first_dropped[i]);
  }
  if (seen.unusable != 0) {
    AddVerdict(report, VerdictText(Verdict::kUnusable),
               UnusableText(Unusable::kLinkType), seen.unusable,
               seen.first_unusable);
  }
  report.set_virtual_ns(seen.virtual_ns);
  for (const std::string& w : seen.warnings) report.add_warnings(w);
  CheckSum(report);
  Conclude(report);
  return report;
}

std::string FormatReport(const report::Replay& report) {
  std::string text =
      absl::StrCat(HeadText(report), FlowsText(report), VerdictsText(report),
                   DifferencesText(report));
  for (const report::Check& check : report.checks()) {
    absl::StrAppendFormat(&text, "%-6s %s (%s)\n", check.ok() ? "ok" : "FAILED",
                          check.name(), check.detail());
  }
  return text;
}

}  // namespace splnet
