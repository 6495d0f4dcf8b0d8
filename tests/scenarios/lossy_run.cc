// Builds the scenario from its seed, runs it and looks for what must not be.

#include "tests/scenarios/lossy_run.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "stack/net/if_ethersubr.h"
#include "stack/netinet/ip.h"
#include "stack/netinet/tcp.h"
#include "tests/testing/recorder.h"
#include "tests/testing/two_hosts.h"

namespace splnet {
namespace {

// What a connection tries before it gives up: SYNs after 0, 6, 18 and 42 s of
// 75, or the 12 retransmissions of a segment, whose first copy may have gone
// out before the last acknowledgement of something new.
constexpr size_t kConnectTries = 4;
constexpr size_t kTries = 12;

constexpr char kNone[] = "no timeout";

// ------------------------------------------------------------- the scenario

// A wire, as bad as the seed makes it; of a million frames it loses at most
// `loss`, and at most `queue` may wait.
WireConfig BadWire(RandomStream& random, uint64_t loss, int64_t queue) {
  const auto ppm = [&random](uint64_t most) {
    // Half of the impairments are absent.
    const bool absent = random.Chance(500000);
    const uint64_t drawn = random.Below(most + 1);
    return static_cast<uint32_t>(absent ? 0 : drawn);
  };
  WireConfig wire;
  wire.delay = Nanoseconds(random.Between(10'000, 50'000'000));
  if (random.Chance(500000)) {
    wire.bits_per_second = random.Between(200'000, 100'000'000);
  }
  wire.queue_limit = static_cast<size_t>(random.Between(2, queue));
  wire.fault.loss.ppm = ppm(loss);
  wire.fault.duplicate.ppm = ppm(100'000);
  wire.fault.corrupt.ppm = ppm(50'000);
  wire.fault.reorder.ppm = ppm(200'000);
  wire.fault.reorder_frames = static_cast<uint32_t>(random.Below(6));
  wire.fault.reorder_delay = Nanoseconds(random.Between(1'000, 100'000'000));
  if (random.Chance(300000)) {
    wire.fault.jitter = Nanoseconds(random.Between(0, 5'000'000));
  }
  wire.fault.jitter_reorders = random.Chance(500000);
  return wire;
}

// Settings in which hosts differ, and which they have to agree about.
Settings AnySettings(RandomStream& random) {
  Settings settings = SettingsOf(random.Chance(500000) ? Personality::kFreeBsd
                                                       : Personality::kOpenBsd);
  const auto flip = [&random](int64_t& on) {
    if (random.Chance(250000)) on = 1 - on;
  };
  flip(settings.tcp_rfc1323);
  flip(settings.tcp_sack);
  flip(settings.tcp_dsack);
  flip(settings.tcp_cc_algorithm);
  flip(settings.tcp_recvbuf_auto);
  flip(settings.tcp_sendbuf_auto);
  settings.tcp_ecn = random.Between(0, 2);
  return settings;
}

// A TCP segment on the link.
struct Segment {
  SimTime time{};
  bool lost = false;  // or corrupted: of no use to the receiver
  bool has_ack = false;
  bool has_rst = false;
  bool has_syn = false;
  uint32_t seq = 0;
  uint32_t ack = 0;
};

Segment ParseSegment(const TappedFrame& frame) {
  Segment s;
  s.time = frame.time;
  s.lost = frame.lost || frame.corrupted;
  IpHeader ip;
  TcpHeader th;
  if (frame.bytes.size() < kEtherHdrLen + sizeof ip + sizeof th) return s;
  std::memcpy(&ip, frame.bytes.data() + kEtherHdrLen, sizeof ip);
  std::memcpy(&th, frame.bytes.data() + kEtherHdrLen + ip.hlen(), sizeof th);
  s.has_ack = (th.flags & kThAck) != 0;
  s.has_rst = (th.flags & kThRst) != 0;
  s.has_syn = (th.flags & kThSyn) != 0;
  s.seq = th.seq;
  s.ack = th.ack;
  return s;
}

// The segments of the link by direction, and all frames as text.
class FrameLog : public LinkTap {
 public:
  void OnFrame(const TappedFrame& frame) override {
    (frame.from_a ? from_a : from_b).push_back(ParseSegment(frame));
    absl::StrAppend(
        &text, ToNanoseconds(frame.time), frame.from_a ? " a " : " b ",
        frame.packet, " ", frame.bytes.size(), " ", Sum(frame.bytes),
        frame.lost ? " lost" : "", frame.corrupted ? " corrupted\n" : "\n");
  }

  std::string text;
  std::vector<Segment> from_a;
  std::vector<Segment> from_b;

 private:
  static uint64_t Sum(std::span<const std::byte> bytes) {
    uint64_t h = 0xcbf29ce484222325;
    for (const std::byte b : bytes) {
      h = (h ^ static_cast<uint8_t>(b)) * 0x100000001b3;
    }
    return h;
  }
};

// Why an end that gave up at `end` should not have: empty if it tried what it
// had outstanding at least `tries` times since it last got an acknowledgement
// of something new, and whatever got across was answered, in vain.
std::string GaveUpTooSoon(const std::vector<Segment>& own,
                          const std::vector<Segment>& peer, SimTime end,
                          size_t tries) {
  if (own.empty()) return "it sent nothing";
  uint32_t una = own.front().seq;
  SimTime progress{};
  for (const Segment& s : peer) {
    if (s.lost || !s.has_ack || s.time > end) continue;
    if (static_cast<int32_t>(s.ack - una) <= 0) continue;
    una = s.ack;
    progress = s.time;
  }
  size_t tried = 0;
  bool got_across = false;
  for (const Segment& s : own) {
    if (s.seq != una || s.time < progress || s.time > end) continue;
    ++tried;
    got_across |= !s.lost;
  }
  if (tried < tries) {
    return absl::StrCat("it tried ", tried, " times only");
  }
  const bool answered =
      std::any_of(peer.begin(), peer.end(), [&](const Segment& s) {
        return s.lost && s.has_ack && static_cast<int32_t>(s.ack - una) > 0;
      });
  if (got_across && !answered) return "the peer did not answer a try";
  return "";
}

class LossyRun {
 public:
  LossyRun(LossyKind kind, uint64_t seed)
      : at_once_(kind == LossyKind::kAtOnce),
        random_(seed, at_once_ ? "lossy at once" : "lossy scenario"),
        config_(Config()),
        net_(seed, config_),
        blackout_(net_.sim.queue(), Toggle, this) {
    if (at_once_) {
      net_.a.ns.settings = AnySettings(random_);
      net_.b.ns.settings = AnySettings(random_);
    }
    net_.link.AddTap(frames_);
    net_.a.ns.tracer.Set(&at_a_, kMask);
    net_.b.ns.tracer.Set(&at_b_, kMask);
  }

  LossyOutcome Run();

 private:
  // Fates and drops, and of the path where a frame enters the host.
  static constexpr uint32_t kMask = kTraceFate | kTraceDrop | kTracePath;

  LinkConfig Config() {
    const uint64_t loss = at_once_ ? 300'000 : 200'000;
    const int64_t queue = at_once_ ? 12 : 30;
    LinkConfig config;
    config.a_to_b = BadWire(random_, loss, queue);
    config.b_to_a = BadWire(random_, loss, queue);
    return config;
  }
  // Half of them the default, the others from 4 kbyte to 256; of kAtOnce some
  // from 256 bytes to 4 kbyte.
  int BufferSize() {
    const bool initial = random_.Chance(500000);
    const auto size = static_cast<int>(random_.Between(4096, 262144));
    if (initial) return 0;
    if (at_once_ && random_.Chance(400000)) {
      return static_cast<int>(random_.Between(256, 4096));
    }
    return size;
  }
  // A slow machine.
  CpuCosts Costs() {
    CpuCosts costs;
    costs.interrupt = Nanoseconds(random_.Between(0, 50'000));
    costs.soft_interrupt = Nanoseconds(random_.Between(0, 50'000));
    costs.system_call = Nanoseconds(random_.Between(0, 50'000));
    costs.context_switch = Nanoseconds(random_.Between(0, 50'000));
    costs.wakeup = Nanoseconds(random_.Between(0, 50'000));
    costs.copy_picoseconds_per_byte = random_.Between(0, 10'000);
    costs.sum_picoseconds_per_byte = random_.Between(0, 10'000);
    return costs;
  }
  void Start();
  // Both at once, with pauses and, in a third of the runs, a blackout.
  void StartAtOnce();
  // Begins or ends a time in which nothing gets through; `run` is a LossyRun*.
  static void Toggle(void* run);
  template <typename... Parts>
  void Problem(const Parts&... parts) {
    absl::StrAppend(&out_.problems, parts..., "\n");
  }
  void CheckBytes(const char* what, const EndResult& from, const EndResult& to,
                  uint64_t sent);
  void CheckErrors();
  bool ForgotTheClient();
  std::string CheckTimeout(const EndResult& end, const Host& host,
                           const std::vector<Segment>& own,
                           const std::vector<Segment>& peer);
  void CheckFates(const Host& host, const Recorder& recorder);
  void CheckWire(const char* what, const Wire& wire, const Ifnet& to);
  void CheckLedger(const Host& host, uint64_t in, uint64_t out);
  void CountMet();

  const bool at_once_;
  RandomStream random_;
  const LinkConfig config_;
  Recorder at_a_;
  Recorder at_b_;
  FrameLog frames_;
  TwoHosts net_;
  Timeout blackout_;
  Nanoseconds blackout_length_{0};
  bool dark_ = false;
  TransferArgs client_;
  TransferArgs server_;
  LossyOutcome out_;
};

void LossyRun::Start() {
  client_.server = server_.server = Sockaddr(kBeta, 80);
  client_.send = random_.Below(uint64_t{1} << (6 + random_.Below(13)));
  server_.send = random_.Below(uint64_t{1} << (6 + random_.Below(13)));
  client_.max_write = 1 + random_.Below(20000);
  server_.max_write = 1 + random_.Below(20000);
  client_.max_read = 1 + random_.Below(20000);
  server_.max_read = 1 + random_.Below(20000);
  client_.sndbuf = BufferSize();
  client_.rcvbuf = BufferSize();
  server_.sndbuf = BufferSize();
  server_.rcvbuf = BufferSize();
  if (random_.Chance(300000)) {
    net_.a.ns.cpu.set_costs(Costs());
    net_.b.ns.cpu.set_costs(Costs());
  }
  client_.seed = random_.Next();
  server_.seed = random_.Next();
  client_.result = &out_.client;
  server_.result = &out_.server;
  std::swap(server_.in_salt, server_.out_salt);
  if (at_once_) StartAtOnce();
  net_.b.procs.Spawn("server", TransferServer, server_);
  // On a slow machine it takes a while until the server listens.
  SpawnOptions later{.name = "client", .delay = std::chrono::milliseconds(5)};
  net_.a.procs.Spawn(std::move(later), TransferClient, client_);
}

void LossyRun::StartAtOnce() {
  client_.at_once = server_.at_once = true;
  const Nanoseconds longest(random_.Between(0, 20'000'000'000));
  if (random_.Chance(400000)) client_.max_pause = longest;
  if (random_.Chance(400000)) server_.max_pause = longest;
  blackout_length_ = Nanoseconds(random_.Between(1'000'000, 60'000'000'000));
  const Nanoseconds after(random_.Between(0, 5'000'000'000));
  if (random_.Chance(333333)) timeout_add(blackout_, after);
}

void LossyRun::Toggle(void* run) {
  auto& self = *static_cast<LossyRun*>(run);
  self.dark_ = !self.dark_;
  LinkConfig config = self.config_;
  if (self.dark_) {
    config.a_to_b.fault.loss.ppm = config.b_to_a.fault.loss.ppm = 1'000'000;
    timeout_add(self.blackout_, self.blackout_length_);
    ++self.out_.met.blackouts;
  }
  self.net_.link.a_to_b().set_config(config.a_to_b);
  self.net_.link.b_to_a().set_config(config.b_to_a);
}

LossyOutcome LossyRun::Run() {
  Start();
  if (!net_.sim.RunUntilIdle(5'000'000)) Problem("it does not come to an end");
  if (!out_.client.finished) Problem("the client did not end");
  if (!out_.server.finished) Problem("the server did not end");
  CheckBytes("client to server", out_.client, out_.server, client_.send);
  CheckBytes("server to client", out_.server, out_.client, server_.send);
  CheckErrors();
  CheckFates(net_.a, at_a_);
  CheckFates(net_.b, at_b_);
  CheckWire("a to b", net_.link.a_to_b(), net_.link.b());
  CheckWire("b to a", net_.link.b_to_a(), net_.link.a());
  CheckLedger(net_.a, out_.client.out.bytes, out_.client.in.bytes);
  CheckLedger(net_.b, out_.server.out.bytes, out_.server.in.bytes);
  for (const std::string& left : net_.sim.Leftovers()) {
    Problem("left behind: ", left);
  }
  CountMet();
  out_.digest =
      absl::StrCat(frames_.text, at_a_.Text(), at_b_.Text(), out_.problems);
  return out_;
}

void LossyRun::CheckBytes(const char* what, const EndResult& from,
                          const EndResult& to, uint64_t sent) {
  if (to.in.wrong != 0) {
    Problem(what, ": ", to.in.wrong, " wrong bytes");
  }
  if (to.in.bytes > from.out.bytes) {
    Problem(
        absl::StrCat(what, ": ", to.in.bytes, " bytes of ", from.out.bytes));
  }
  // The end of the stream is told only behind its last byte.
  if (to.in.eof && (to.in.bytes != sent || from.out.bytes != sent)) {
    Problem(what, ": ended after ", to.in.bytes, " of ", sent);
  }
}

// What is wrong with the way in which an end timed out; kNone if it did not.
std::string LossyRun::CheckTimeout(const EndResult& end, const Host& host,
                                   const std::vector<Segment>& own,
                                   const std::vector<Segment>& peer) {
  if (end.open == kETIMEDOUT) {
    // A server without a client has waited in vain: no connection timed out.
    if (&end == &out_.server) return kNone;
    return GaveUpTooSoon(own, peer, end.finished_at, kConnectTries);
  }
  if (end.in.error == kETIMEDOUT || end.out.error == kETIMEDOUT) {
    return GaveUpTooSoon(own, peer, end.finished_at, kTries);
  }
  // The program had ended before, and left the rest to the kernel, which tells
  // the peer by a reset.
  if (host.ns.tcpstat.timeoutdrop == 0) return kNone;
  const auto reset = std::find_if(own.begin(), own.end(),
                                  [](const Segment& s) { return s.has_rst; });
  if (reset == own.end()) return "it gave up without a reset";
  return GaveUpTooSoon(own, peer, reset->time, kTries);
}

// Whether the server forgot a client whose SYN it had answered, since nothing
// came back: its SYN cache has given up (RFC 4987).
bool LossyRun::ForgotTheClient() {
  if (net_.b.ns.tcpstat.sc_timed_out == 0) return false;
  SimTime last_syn_ack{};
  for (const Segment& s : frames_.from_b) {
    if (s.has_syn) last_syn_ack = s.time;
  }
  // What was sent shortly before it may not have arrived by then.
  const SimTime arrived = last_syn_ack - std::chrono::seconds(2);
  for (const Segment& s : frames_.from_a) {
    if (s.lost || s.has_syn || !s.has_ack || s.time >= arrived) continue;
    Problem("the server was answered and tried once more");
  }
  return true;
}

// No error but ETIMEDOUT, after tries that were all lost; at the other end it
// may show as a reset, or as a timeout of its own.
void LossyRun::CheckErrors() {
  const bool complete = out_.client.in.eof && out_.server.in.eof;
  if (complete) return;
  std::set<Errno> seen;
  for (const EndResult* end : {&out_.client, &out_.server}) {
    for (const Errno error : {end->open, end->in.error, end->out.error}) {
      if (error != kOk) seen.insert(error);
    }
  }
  for (const Errno error : seen) {
    if (error != kETIMEDOUT && error != kECONNRESET && error != kEPIPE &&
        error != kECONNABORTED) {
      Problem("unexpected ", errno_name(error));
    }
  }
  const std::string client =
      CheckTimeout(out_.client, net_.a, frames_.from_a, frames_.from_b);
  const std::string server =
      CheckTimeout(out_.server, net_.b, frames_.from_b, frames_.from_a);
  if (client == kNone && server == kNone && !ForgotTheClient()) {
    Problem("incomplete without a timeout");
  }
  if (client != kNone && !client.empty()) Problem("client: ", client);
  if (server != kNone && !server.empty()) Problem("server: ", server);
}

// Every packet that a driver took met a fate, or was dropped with a reason.
void LossyRun::CheckFates(const Host& host, const Recorder& recorder) {
  std::set<uint64_t> open;
  std::set<uint64_t> met;
  for (const auto& seen : recorder.seen()) {
    const TraceEvent& e = seen.event;
    if (e.kind == TraceKind::kPath && e.fn == Fn::kRing) open.insert(e.packet);
    if (e.kind == TraceKind::kFate || e.kind == TraceKind::kDrop) {
      met.insert(e.packet);
    }
  }
  size_t without = 0;
  for (const uint64_t id : open) {
    if (met.count(id) == 0) ++without;
  }
  if (without > 0) {
    Problem(
        absl::StrCat(host.ns.name, ": ", without, " packets without a fate"));
  }
}

void LossyRun::CheckWire(const char* what, const Wire& wire, const Ifnet& to) {
  const WireStats& s = wire.stats();
  const FaultStats& f = wire.fault_stats();
  const uint64_t in = s.frames + f.duplicated;
  const uint64_t gone = s.queue_drops + s.no_buffers + s.too_long + f.lost;
  if (in != gone + s.delivered + wire.in_flight()) {
    Problem(what, ": ", in, " frames in, ", gone, " gone, ", s.delivered,
            " delivered");
  }
  if (s.delivered !=
      to.stats.ipackets + to.ns.dropped(DropReason::kIfRingFull)) {
    Problem(what, ": ", s.delivered, " delivered, ", to.stats.ipackets,
            " received");
  }
}

// Copied in and out is what the programs wrote and read.
void LossyRun::CheckLedger(const Host& host, uint64_t in, uint64_t out) {
  const Ledger& ledger = host.ns.ledger;
  // A write that failed may have moved bytes before it did.
  if (ledger.bytes(CopyKind::kCopyin) < in ||
      ledger.bytes(CopyKind::kCopyout) != out) {
    Problem(host.ns.name, ": the ledger has ", ledger.bytes(CopyKind::kCopyin),
            " in, ", ledger.bytes(CopyKind::kCopyout), " out for ", in, " and ",
            out);
  }
}

void LossyRun::CountMet() {
  LossyMet& met = out_.met;
  const bool complete = out_.client.in.eof && out_.server.in.eof;
  ++(complete ? met.complete : met.timed_out);
  met.bytes = out_.client.in.bytes + out_.server.in.bytes;
  for (const Wire* wire : {&net_.link.a_to_b(), &net_.link.b_to_a()}) {
    met.faults.lost += wire->fault_stats().lost;
    met.faults.duplicated += wire->fault_stats().duplicated;
    met.faults.corrupted += wire->fault_stats().corrupted;
    met.faults.reordered += wire->fault_stats().reordered;
    met.faults.jittered += wire->fault_stats().jittered;
    met.queue_drops += wire->stats().queue_drops;
  }
  for (const Host* host : {&net_.a, &net_.b}) {
    const TcpStat& tcp = host->ns.tcpstat;
    met.timeouts += tcp.rexmttimeo;
    met.fast += tcp.sndrexmitfast;
    met.out_of_order += tcp.rcvoopack;
    met.duplicates += tcp.rcvduppack;
    met.bad_sums += tcp.rcvbadsum;
    met.persists += tcp.persisttimeo;
  }
}

}  // namespace

LossyOutcome RunLossy(LossyKind kind, uint64_t seed) {
  return LossyRun(kind, seed).Run();
}

}  // namespace splnet
