// Builds the network of `splnet bulk`, runs it and samples it.

#include "tools/bulk/bulk.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/bulk/units.h"

namespace splnet {
namespace {

constexpr InAddr kAddressA = InAddr::V4(0x0a000001);
constexpr InAddr kAddressB = InAddr::V4(0x0a000002);
// Connection i has this port and the i after it at both ends.
constexpr uint16_t kFirstPort = 5001;
constexpr uint32_t kMostConnections = 50000;
constexpr uint32_t kLeastMtu = 296;
constexpr size_t kFrameHeader = 14;
// Enough for any transfer that anybody waits for.
constexpr uint64_t kEventBudget = uint64_t{1} << 50;

WireConfig BulkWire(const BulkOptions& options) {
  WireConfig wire;
  wire.bits_per_second = options.bits_per_second;
  wire.delay = options.rtt / 2;
  wire.queue_limit = BulkQueuePackets(options);
  wire.fault.loss.ppm = options.loss_ppm;
  return wire;
}

}  // namespace

uint32_t BulkQueuePackets(const BulkOptions& options) {
  if (options.queue_packets) return *options.queue_packets;
  const auto frame_bits = (options.mtu_bytes + kFrameHeader) * 8;
  const auto bits = static_cast<unsigned __int128>(options.bits_per_second) *
                    static_cast<uint64_t>(options.rtt.count()) / 1'000'000'000;
  const auto packets = static_cast<uint64_t>(bits / frame_bits);
  // At least an initial window, and all the SYNs that leave at one instant.
  const uint64_t least = 16 + uint64_t{2} * options.connections;
  return static_cast<uint32_t>(
      std::clamp<uint64_t>(packets, least, kMostQueuePackets));
}

absl::Status CheckBulkOptions(const BulkOptions& options) {
  const auto refuse = [](const auto&... parts) {
    return absl::InvalidArgumentError(absl::StrCat(parts...));
  };
  if (options.bytes == 0) return refuse("--bytes 0: give at least 1");
  if (options.connections == 0 || options.connections > kMostConnections) {
    return refuse("--connections ", options.connections, ": give 1 to ",
                  kMostConnections);
  }
  const auto most_mtu = static_cast<uint32_t>(kMaxFrameBytes - kFrameHeader);
  if (options.mtu_bytes < kLeastMtu || options.mtu_bytes > most_mtu) {
    return refuse("--mtu ", options.mtu_bytes, ": give ", kLeastMtu, " to ",
                  most_mtu);
  }
  if (options.interval <= Nanoseconds(0)) {
    return refuse("--interval 0: give a time, as 100ms");
  }
  if (options.buffer_bytes > options.settings.sb_max) {
    return refuse("--buffer ", options.buffer_bytes,
                  ": more than kern.sb_max allows; add --set kern.sb_max=",
                  options.buffer_bytes);
  }
  return absl::OkStatus();
}

// Every frame that the link takes, as a capture of two interfaces.
class Bulk::FrameWriter : public LinkTap {
 public:
  explicit FrameWriter(CaptureWriter& writer)
      : writer_(writer),
        a_(writer.AddInterface({.name = "a"})),
        b_(writer.AddInterface({.name = "b"})) {}

  void OnFrame(const TappedFrame& frame) override {
    if (!status_.ok()) return;
    CapturePacket packet;
    packet.interface = frame.from_a ? a_ : b_;
    packet.time_ns = ToNanoseconds(frame.time);
    packet.len = static_cast<uint32_t>(frame.bytes.size());
    packet.data = frame.bytes;
    packet.direction = CaptureDirection::kOutbound;
    if (frame.lost) packet.comment = "lost by the link";
    status_ = writer_.Write(packet);
  }

  const absl::Status& status() const { return status_; }

 private:
  CaptureWriter& writer_;
  const uint32_t a_;  // numbers of the interfaces
  const uint32_t b_;
  absl::Status status_;
};

Bulk::Bulk(const BulkOptions& options, CaptureWriter* writer, OutputFile* csv)
    : options_(options),
      queue_packets_(BulkQueuePackets(options)),
      csv_(csv),
      sim_(options.seed, options.settings),
      a_(sim_.AddHost("a")),
      b_(sim_.AddHost("b")),
      link_(sim_.AddLink({a_, "10.0.0.1/24"}, {b_, "10.0.0.2/24"},
                         LinkConfig::Both(BulkWire(options)))),
      watch_(a_, kAddressA, b_, kAddressB, kFirstPort, options.connections),
      ends_(size_t{2} * options.connections),
      sampler_(sim_.queue(), SampleAgain, this) {
  link_.a().mtu_bytes = link_.b().mtu_bytes = options.mtu_bytes;
  sim_.AddNeighbours(link_);
  link_.AddTap(watch_);
  if (writer != nullptr) {
    frames_ = std::make_unique<FrameWriter>(*writer);
    link_.AddTap(*frames_);
  }
}

Bulk::~Bulk() = default;

void Bulk::Start() {
  for (uint32_t i = 0; i < options_.connections; ++i) {
    const auto port = static_cast<uint16_t>(kFirstPort + i);
    DuplexArgs a;
    a.ends.local = Sockaddr(kAddressA, port);
    a.ends.remote = Sockaddr(kAddressB, port);
    a.send = options_.bytes;
    a.out_seed = uint64_t{2} * i + 1;
    a.in_seed = uint64_t{2} * i + 2;
    a.peer_sends = options_.both;
    a.buffer_bytes = options_.buffer_bytes;
    a.result = &ends_[size_t{2} * i];
    DuplexArgs b = a;
    b.ends = StreamEnds::Listen(Sockaddr(kAddressB, port));
    b.send = options_.both ? options_.bytes : 0;
    std::swap(b.out_seed, b.in_seed);
    b.result = &ends_[size_t{2} * i + 1];
    b_.procs.Spawn("receiver", Duplex, b);
    a_.procs.Spawn("sender", Duplex, a);
    streams_.push_back({.connection = i,
                        .from_a = true,
                        .watched = &watch_.from_a(i),
                        .sender = a.result,
                        .receiver = b.result});
    if (!options_.both) continue;
    streams_.push_back({.connection = i,
                        .from_a = false,
                        .watched = &watch_.from_b(i),
                        .sender = b.result,
                        .receiver = a.result});
  }
  sampled_.resize(streams_.size());
}

absl::Status Bulk::Run() {
  if (csv_ != nullptr) csv_status_ = csv_->Append(kBulkCsvHeader);
  Start();
  timeout_add(sampler_, options_.interval);
  came_to_an_end_ = sim_.RunUntilExit(kEventBudget);
  timeout_del(sampler_);
  finished_ = sim_.now();
  came_to_an_end_ &= sim_.RunUntilIdle(kEventBudget);
  if (csv_ != nullptr && csv_status_.ok()) csv_status_ = csv_->Write("");
  if (!csv_status_.ok()) return csv_status_;
  return frames_ ? frames_->status() : absl::OkStatus();
}

void Bulk::SampleAgain(void* bulk) {
  auto& self = *static_cast<Bulk*>(bulk);
  self.Sample();
  // Alone in the queue it would keep what sleeps for ever from being noticed.
  if (self.sim_.queue().pending() > 0) {
    timeout_add(self.sampler_, self.options_.interval);
  }
}

void Bulk::Sample() {
  for (size_t i = 0; i < streams_.size(); ++i) {
    BulkStream& stream = streams_[i];
    const Tcpcb* const tp = stream.watched->tcb();
    if (tp == nullptr || !tcps_haveestablished(tp->state)) continue;
    stream.ssthresh = tp->snd_ssthresh;
    const uint64_t received = stream.receiver->received;
    const uint64_t news = received - std::exchange(sampled_[i], received);
    if (csv_ != nullptr && csv_status_.ok()) WriteSample(stream, *tp, news);
  }
}

void Bulk::WriteSample(const BulkStream& stream, const Tcpcb& tp,
                       uint64_t news) {
  csv_status_ = csv_->Append(absl::StrCat(
      FormatSeconds(sim_.now().time_since_epoch()), ",", stream.connection + 1,
      stream.from_a ? ",a-to-b," : ",b-to-a,", tp.snd_cwnd, ",",
      tp.snd_ssthresh, ",", tp.snd_max - tp.snd_una, ",",
      FormatSeconds(tp.srtt), ",", *BitsPerSecond(news, options_.interval),
      "\n"));
}

}  // namespace splnet
