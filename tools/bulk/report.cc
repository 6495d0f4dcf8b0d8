// Reports of bulk transfers.

#include "tools/bulk/report.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "tools/bulk/units.h"
#include "tools/settings_flags.h"

namespace splnet {
namespace {

constexpr int kStreamsShown = 16;

// ---------------------------------------------------------------- the message

void AddCheck(report::Bulk& report, const char* name, std::string wrong) {
  report::Check& check = *report.add_checks();
  check.set_name(name);
  check.set_ok(wrong.empty());
  check.set_detail(std::move(wrong));
}

void SetRange(const Range& range, report::Range* to) {
  to->set_min(range.low());
  to->set_mean(range.mean());
  to->set_max(range.high());
  to->set_samples(range.count());
}

std::string ErrorText(const ProgramError& error) {
  if (error.error == kOk) return "";
  return absl::StrCat(error.call, ": ", errno_name(error.error));
}

int64_t Goodput(uint64_t bytes, Nanoseconds time) {
  return BitsPerSecond(bytes, time).value_or(0);
}

void AddStream(const BulkStream& stream, report::Bulk& report) {
  report::BulkStream& s = *report.add_streams();
  const WatchedStream& watched = *stream.watched;
  const Nanoseconds time = stream.done() - stream.begun();
  s.set_connection(stream.connection + 1);
  s.set_direction(stream.from_a ? "a-to-b" : "b-to-a");
  s.set_received(stream.receiver->received);
  s.set_duration_ns(time.count());
  s.set_goodput_bits_per_second(Goodput(stream.receiver->received, time));
  s.set_segments(watched.segments);
  s.set_retransmitted(watched.retransmitted);
  if (!watched.rtt_ns.empty()) SetRange(watched.rtt_ns, s.mutable_rtt_ns());
  if (!watched.cwnd.empty()) SetRange(watched.cwnd, s.mutable_cwnd());
  s.set_ssthresh(stream.ssthresh);
  std::string error = ErrorText(stream.sender->error);
  if (error.empty()) error = ErrorText(stream.receiver->error);
  s.set_error(std::move(error));
}

void AddTotals(const Bulk& bulk, report::Bulk& report) {
  Range rtt_ns;
  SimTime first = SimTime::max();
  SimTime last{};
  uint64_t received = 0;
  uint64_t segments = 0;
  uint64_t retransmitted = 0;
  for (const BulkStream& stream : bulk.streams()) {
    first = std::min(first, stream.begun());
    last = std::max(last, stream.done());
    received += stream.receiver->received;
    segments += stream.watched->segments;
    retransmitted += stream.watched->retransmitted;
    rtt_ns.Add(stream.watched->rtt_ns);
  }
  const Nanoseconds time = std::max(last - first, Nanoseconds(0));
  report.set_received(received);
  report.set_duration_ns(time.count());
  report.set_goodput_bits_per_second(Goodput(received, time));
  report.set_segments(segments);
  report.set_retransmitted(retransmitted);
  if (!rtt_ns.empty()) SetRange(rtt_ns, report.mutable_rtt_ns());
  for (const Netstack* const ns : {&bulk.a(), &bulk.b()}) {
    report.set_fast_retransmits(report.fast_retransmits() +
                                ns->tcpstat.sndrexmitfast);
    report.set_timeouts(report.timeouts() + ns->tcpstat.rexmttimeo);
  }
  for (const Wire* const wire :
       {&bulk.link().a_to_b(), &bulk.link().b_to_a()}) {
    report.set_queue_drops(report.queue_drops() + wire->stats().queue_drops);
    report.set_lost(report.lost() + wire->fault_stats().lost);
  }
}

// What was wrong with the bytes of one stream; empty if nothing.
std::string WrongBytes(const BulkStream& stream, uint64_t bytes) {
  const std::string who =
      absl::StrCat("connection ", stream.connection + 1,
                   stream.from_a ? " from a to b: " : " from b to a: ");
  if (stream.receiver->mismatch) {
    return absl::StrCat(who, "byte ", *stream.receiver->mismatch, " is wrong");
  }
  if (stream.receiver->received == bytes) return "";
  return absl::StrCat(who, stream.receiver->received, " of ", bytes,
                      " bytes arrived");
}

void AddChecks(const BulkOptions& options, const Bulk& bulk,
               report::Bulk& report) {
  std::string wrong;
  std::string failed;
  for (const BulkStream& stream : bulk.streams()) {
    if (wrong.empty()) wrong = WrongBytes(stream, options.bytes);
  }
  for (const report::BulkStream& s : report.streams()) {
    if (!failed.empty() || s.error().empty()) continue;
    failed = absl::StrCat("connection ", s.connection(), ": ", s.error());
  }
  AddCheck(report, "every byte arrived once and in order", std::move(wrong));
  AddCheck(report, "no call failed", std::move(failed));
  AddCheck(report, "it came to an end",
           bulk.came_to_an_end() ? "" : "events go on without end");
  AddCheck(report, "nothing was left behind",
           absl::StrJoin(bulk.simulation().Leftovers(), "; "));
  const auto& checks = report.checks();
  report.set_ok(std::all_of(checks.begin(), checks.end(),
                            [](const auto& check) { return check.ok(); }));
}

// ------------------------------------------------------------------- the text

void AppendHead(const report::Bulk& r, std::string* out) {
  const report::BulkLink& link = r.link();
  absl::StrAppend(
      out, r.connections(),
      r.connections() == 1 ? " connection, " : " connections, ",
      FormatBytes(r.bytes()), r.both() ? " each way" : " from a to b",
      r.connections() == 1 ? "" : " on each", "; ", r.congestion_control(),
      ", seed ", r.seed(), "\nsettings: ", r.settings(), "\n");
  absl::StrAppend(
      out, "link: ",
      link.bits_per_second() == 0 ? "unlimited"
                                  : FormatBandwidth(link.bits_per_second()),
      ", round trip ", FormatTime(Nanoseconds(link.rtt_ns())), ", queue ",
      link.queue_packets(), " packets, MTU ", link.mtu(), ", loss ",
      FormatPercent(link.loss_ppm()), " each way\n");
}

std::string GoodputText(uint64_t bytes, int64_t duration_ns,
                        int64_t bits_per_second) {
  if (bytes == 0) return "-";
  return duration_ns == 0 ? "at once" : FormatBandwidth(bits_per_second);
}

std::string TimesText(const report::Range& ns) {
  if (ns.samples() == 0) return "-";
  const auto part = [](uint64_t n) {
    return absl::StrFormat("%u.%02u", n / 1'000'000, n % 1'000'000 / 10'000);
  };
  return absl::StrCat(part(ns.min()), "/", part(ns.mean()), "/",
                      part(ns.max()));
}

std::string WindowsText(const report::Range& bytes) {
  if (bytes.samples() == 0) return "-";
  return absl::StrCat(bytes.min(), "/", bytes.mean(), "/", bytes.max());
}

void AppendStreams(const report::Bulk& r, std::string* out) {
  absl::StrAppendFormat(out, "\n%-11s %10s %11s %13s %7s %7s  %-22s %s\n",
                        "stream", "received", "time", "goodput", "sent",
                        "resent", "rtt min/mean/max ms",
                        "cwnd min/mean/max bytes");
  int shown = 0;
  for (const report::BulkStream& s : r.streams()) {
    if (shown++ == kStreamsShown) {
      absl::StrAppend(out, "... and ", r.streams_size() - kStreamsShown,
                      " more, which --json and --csv have\n");
      break;
    }
    absl::StrAppendFormat(
        out, "%-11s %10s %11s %13s %7u %7u  %-22s %s\n",
        absl::StrCat(s.connection(), " ", s.direction()),
        FormatBytes(s.received()), FormatTime(Nanoseconds(s.duration_ns())),
        GoodputText(s.received(), s.duration_ns(), s.goodput_bits_per_second()),
        s.segments(), s.retransmitted(), TimesText(s.rtt_ns()),
        WindowsText(s.cwnd()));
  }
}

void AppendTotals(const report::Bulk& r, std::string* out) {
  absl::StrAppend(
      out, "\ngoodput: ",
      GoodputText(r.received(), r.duration_ns(), r.goodput_bits_per_second()),
      ", ", FormatBytes(r.received()), " in ",
      FormatTime(Nanoseconds(r.duration_ns())));
  if (r.link().bits_per_second() > 0) {
    // Of what the wire carries, headers included.
    const uint64_t ways = r.both() ? 2 : 1;
    const auto tenths = static_cast<uint64_t>(
        static_cast<unsigned __int128>(r.goodput_bits_per_second()) * 1000 /
        (ways * static_cast<uint64_t>(r.link().bits_per_second())));
    absl::StrAppendFormat(out, ", %u.%u %% of the link", tenths / 10,
                          tenths % 10);
  }
  absl::StrAppend(out, "\nretransmissions: ", r.retransmitted(), " of ",
                  r.segments(), " segments; ", r.fast_retransmits(),
                  " fast retransmits, ", r.timeouts(), " timeouts\n");
  absl::StrAppend(out, "dropped: ", r.queue_drops(), " by a full queue, ",
                  r.lost(), " lost by chance\n");
  if (r.rtt_ns().samples() > 0) {
    absl::StrAppend(out, "round trip: ", TimesText(r.rtt_ns()),
                    " ms min/mean/max of ", r.rtt_ns().samples(), " samples\n");
  }
}

void AppendChecks(const report::Bulk& r, std::string* out) {
  for (const report::Check& check : r.checks()) {
    absl::StrAppend(out, check.ok() ? "ok: " : "FAILED: ", check.name(),
                    check.detail().empty() ? "" : ": ", check.detail(), "\n");
  }
}

}  // namespace

report::Bulk MakeReport(const BulkOptions& options, const Bulk& bulk) {
  report::Bulk r;
  r.set_seed(options.seed);
  r.set_settings(DescribeSettings(options.settings));
  r.set_congestion_control(
      options.settings.tcp_cc_algorithm == kTcpCcCubic ? "cubic" : "newreno");
  report::BulkLink& link = *r.mutable_link();
  link.set_bits_per_second(options.bits_per_second);
  link.set_rtt_ns(options.rtt.count());
  link.set_queue_packets(bulk.queue_packets());
  link.set_mtu(options.mtu_bytes);
  link.set_loss_ppm(options.loss_ppm);
  r.set_connections(options.connections);
  r.set_both(options.both);
  r.set_bytes(options.bytes);
  for (const BulkStream& stream : bulk.streams()) AddStream(stream, r);
  AddTotals(bulk, r);
  AddChecks(options, bulk, r);
  r.set_virtual_ns(ToNanoseconds(bulk.finished()));
  return r;
}

std::string FormatReport(const report::Bulk& report) {
  std::string out;
  AppendHead(report, &out);
  AppendStreams(report, &out);
  AppendTotals(report, &out);
  AppendChecks(report, &out);
  absl::StrAppend(&out, "virtual time: ",
                  FormatTime(Nanoseconds(report.virtual_ns())), "\n");
  return out;
}

}  // namespace splnet
