// Building a replay out of a capture, and running it.

#include "tools/replay/replay.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tools/progress.h"

namespace splnet {
namespace {

constexpr int64_t kAfterwardsNs = 61'000'000'000;  // 2MSL and a second
constexpr uint64_t kLeastBuffer = 4096;            // bytes
constexpr uint64_t kLeastSendBuffer = 16384;
constexpr uint32_t kUsualMss = 1460;

uint32_t BufferBytes(uint64_t bytes) {
  constexpr uint64_t kMost = 1 << 30;
  return static_cast<uint32_t>(
      std::clamp<uint64_t>(bytes, kLeastBuffer, kMost));
}

// What our end offered in its SYN; where the capture lacks it, what it used.
TcpPin PinOf(const RecordedSide& ours) {
  TcpPin pin;
  pin.iss = ours.numbers.iss();
  pin.options = true;
  if (ours.has_syn) {
    const TcpOptions& offered = ours.syn_options;
    if (offered.mss != 0) pin.mss = offered.mss;
    if (offered.has_wscale) pin.wscale = offered.wscale;
    pin.timestamps = offered.ts_offset != 0;
    pin.sack_permitted = offered.sack_permitted;
    pin.ecn = ours.ecn;
  } else {
    pin.mss = static_cast<uint16_t>(kUsualMss);
    pin.wscale = ours.scale;
    pin.timestamps = ours.first_tsval.has_value();
  }
  if (ours.first_tsval) {
    pin.ts_offset = *ours.first_tsval -
                    static_cast<uint32_t>(ours.first_tsval_ns / 1'000'000);
  }
  return pin;
}

}  // namespace

Replay::Replay(const ReplayOptions& options, CaptureIndex& index,
               CaptureWriter* writer, Observer* observer)
    : options_(options),
      index_(index),
      tap_(writer, index.first_time_ns),
      observer_(observer),
      sim_(options.seed, options.settings) {}

Replay::~Replay() {
  for (const auto& [addr, wire] : wires_) wire->Disconnect();
}

absl::Status Replay::Run() {
  flows_ = FindFlows(options_, index_);
  if (flows_.hosts.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        index_.reader->name(), ": none of ", index_.packets.size(),
        " packets belongs to a flow that can be replayed",
        options_.as == ReplayOptions::As::kAddresses
            ? absl::StrCat(" as ",
                           absl::StrJoin(options_.addresses, " or ",
                                         [](std::string* out, const InAddr& a) {
                                           out->append(FormatAddr(a));
                                         }),
                           ": name an address of the capture with --as")
            : ": TCP, UDP and ping over IPv4 can, and --observe takes more"));
  }
  AddHosts();
  AddNeighbours();
  for (uint32_t i = 0; i < flows_.flows.size(); ++i) AddFlow(i);
  AddArp();
  StartPrograms();
  if (absl::Status status = Loop(); !status.ok()) return status;
  Finish();
  return tap_.status();
}

// ------------------------------------------------------------------- building

// The station addresses that the capture shows, one for each address.
std::map<InAddr, EtherAddr> Replay::Stations() const {
  std::map<InAddr, EtherAddr> stations;
  for (const CapturedPacket& entry : index_.packets) {
    if (entry.kind == PacketKind::kUnusable) continue;
    const Packet packet = entry.Parse();
    if (!packet.ether_src.is_multicast()) {
      stations.emplace(packet.src.addr, packet.ether_src);
    }
    if (!packet.ether_dst.is_multicast()) {
      stations.emplace(packet.dst.addr, packet.ether_dst);
    }
  }
  return stations;
}

void Replay::AddHosts() {
  WireListener& listener = *this;
  const std::map<InAddr, EtherAddr> stations = Stations();
  for (size_t i = 0; i < flows_.hosts.size(); ++i) {
    const InAddr& addr = flows_.hosts[i];
    const auto known = stations.find(addr);
    const EtherAddr made{
        {2, 0, 0, 1, static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i)}};
    wires_[addr] = std::make_unique<ReplayWire>(
        sim_, FormatAddr(addr), addr,
        known == stations.end() ? made : known->second, index_, tap_, listener,
        observer_);
  }
}

// Neighbours are static, from the link headers.
void Replay::AddNeighbours() {
  for (const CapturedPacket& entry : index_.packets) {
    if (entry.kind == PacketKind::kUnusable) continue;
    const Packet packet = entry.Parse();
    if (!packet.ether_src.is_multicast()) {
      const auto at = wires_.find(packet.dst.addr);
      if (at != wires_.end()) {
        at->second->AddNeighbour(packet.src.addr, packet.ether_src);
      }
    }
    if (!packet.ether_dst.is_multicast()) {
      const auto at = wires_.find(packet.src.addr);
      if (at != wires_.end()) {
        at->second->AddNeighbour(packet.dst.addr, packet.ether_dst);
      }
    }
  }
}

void Replay::AddLane(Lane& lane, const FlowId& id) {
  lane.number = lanes_.size();
  lanes_.push_back(&lane);
  lane_ids_.push_back(id);
  lane_times_.push_back(kNever);
  touched_.insert(lane.number);
}

void Replay::AddFlow(uint32_t number) {
  const Flow& flow = flows_.flows[number];
  if (flow.role == FlowRole::kNone) return;
  if (flow.kind == FlowKind::kTcp) {
    AddTcp(number);
  } else {
    AddDatagrams(number);
  }
}

void Replay::FillEnd(const Flow& flow, const TcpRecord& record,
                     TcpEnd& end) const {
  const int us = flow.role == FlowRole::kClient ? kClientSide : kServerSide;
  const RecordedSide& ours = record.side(us);
  const RecordedSide& peer = record.side(1 - us);
  end.local = flow.ours();
  end.remote = flow.peer();
  end.acts = TcpScript(flow, record, index_);
  end.our_stream = &ours.stream;
  end.peer_stream = &peer.stream;
  end.pinned = options_.pin;
  end.pin = PinOf(ours);
  const uint64_t segment = peer.max_payload != 0 ? peer.max_payload : kUsualMss;
  end.rcvbuf = BufferBytes(ours.max_window + 4 * segment);
  // In whole segments, so that a full buffer does not cut one.
  const uint64_t payload = std::max<uint64_t>(ours.max_payload, 1);
  const uint64_t in_flight = std::max(ours.max_in_flight, kLeastSendBuffer);
  end.sndbuf = BufferBytes((in_flight + payload - 1) / payload * payload);
  end.nodelay = ours.short_while_outstanding;
}

void Replay::AddTcp(uint32_t number) {
  const Flow& flow = flows_.flows[number];
  TcpState& state = tcp_.emplace_back();
  state.record = RecordTcp(flow, index_);
  FillEnd(flow, state.record, state.end);
  state.lane = std::make_unique<TcpLane>(flow, index_, state.record, state.end,
                                         WireOf(flow.ours().addr), driver());
  state.end.driver = this;
  state.end.lane = state.lane.get();
  AddLane(*state.lane, {FlowKind::kTcp, 0, flow.ours(), flow.peer()});
  if (flow.role == FlowRole::kServer && !state.record.refused) {
    listeners_.insert(flow.server);
  }
}

DatagramPort& Replay::PortFor(const Flow& flow) {
  auto& port = flow.kind == FlowKind::kUdp ? udp_ports_[flow.ours()]
                                           : echo_ports_[flow.ours().addr];
  if (!port) port = std::make_unique<DatagramPort>(flow.kind, flow.ours());
  return *port;
}

void Replay::AddDatagrams(uint32_t number) {
  const Flow& flow = flows_.flows[number];
  // The stack answers pings by itself.
  const bool program =
      flow.kind == FlowKind::kUdp || flow.role == FlowRole::kClient;
  DatagramPort* const port = program ? &PortFor(flow) : nullptr;
  DatagramState& state = datagrams_.emplace_back();
  state.flow = number;
  state.lane = std::make_unique<DatagramLane>(flow.packets, index_,
                                              WireOf(flow.ours().addr),
                                              driver(), port, differences_);
  const FlowId id{flow.kind, flow.echo_id, flow.ours(), flow.peer()};
  current_[id] = state.lane.get();
  AddLane(*state.lane, id);
  if (port != nullptr) port->Add(flow, *state.lane);
}

void Replay::AddArp() {
  for (const uint32_t i : flows_.arp) {
    const CapturedPacket& entry = index_.packets[i];
    const Packet packet = entry.Parse();
    arp_packets_[entry.ours ? packet.src.addr : packet.dst.addr].push_back(i);
  }
  for (const auto& [addr, packets] : arp_packets_) {
    arp_lanes_[addr] = std::make_unique<DatagramLane>(
        packets, index_, WireOf(addr), driver(), nullptr, differences_);
    AddLane(*arp_lanes_[addr], {});
  }
}

void Replay::StartPrograms() {
  for (const Sockaddr& local : listeners_) {
    TcpEndDirectory* const directory = this;
    WireOf(local.addr)
        .host()
        .procs.Spawn("listener", ListenTcp, local, directory);
  }
  for (TcpState& state : tcp_) {
    if (state.lane->flow().role != FlowRole::kClient) continue;
    Process& p = WireOf(state.end.local.addr)
                     .host()
                     .procs.Spawn("client", ConnectTcp, &state.end);
    state.end.pid = p.pid();
  }
  const auto start = [this](DatagramPort& port) {
    port.process = &WireOf(port.local().addr)
                        .host()
                        .procs.Spawn("datagrams", PlayDatagrams, &port);
  };
  for (const auto& [local, port] : udp_ports_) start(*port);
  for (const auto& [addr, port] : echo_ports_) start(*port);
}

// -------------------------------------------------------------------- running

void Replay::Touch(Lane& lane) {
  touched_.insert(lane.number);
  progress_ns_ = now_ns();
}

void Replay::Begin(Lane& lane) {
  Lane*& current = current_[lane_ids_[lane.number]];
  if (current != nullptr && current != &lane) {
    static_cast<TcpLane*>(current)->Replace();
  }
  current = &lane;
}

void Replay::OnTransmit(std::span<const std::byte> frame) {
  const Packet packet = ParsePacket(kLinkTypeEthernet, frame,
                                    static_cast<uint32_t>(frame.size()));
  FlowId id{FlowKind::kTcp, 0, packet.src, packet.dst};
  if (packet.kind == PacketKind::kArp) {
    const auto at = arp_lanes_.find(packet.src.addr);
    if (at != arp_lanes_.end()) return at->second->OnTransmit(packet, frame);
  } else if (packet.kind == PacketKind::kUdp) {
    id.kind = FlowKind::kUdp;
  } else if (packet.kind == PacketKind::kIcmp) {
    id.kind = FlowKind::kEcho;
    id.echo_id = packet.icmp.id;
  }
  const auto at = current_.find(id);
  if (at == current_.end()) {
    ++extra_;
    return;
  }
  at->second->OnTransmit(packet, frame);
}

TcpEnd* Replay::FindEnd(const Sockaddr& local, const Sockaddr& remote) {
  const auto at = current_.find({FlowKind::kTcp, 0, local, remote});
  if (at == current_.end()) return nullptr;
  return &static_cast<TcpLane*>(at->second)->end();
}

void Replay::Schedule(size_t number) {
  const int64_t time = lanes_[number]->NextTime();
  if (time == lane_times_[number]) return;
  by_time_.erase({lane_times_[number], number});
  lane_times_[number] = time;
  if (time != kNever) by_time_.emplace(time, number);
}

bool Replay::StepLane(size_t number) {
  bool moved = false;
  while (lanes_[number]->Step(now_ns())) moved = true;
  if (moved) progress_ns_ = now_ns();
  Schedule(number);
  held_.insert(number);
  return moved;
}

bool Replay::StepLanes() {
  bool moved = false;
  // Earliest first, as the capture has them.
  while (!by_time_.empty() && by_time_.begin()->first <= now_ns()) {
    const auto [time, number] = *by_time_.begin();
    moved |= StepLane(number);
    if (lane_times_[number] == time) break;  // it waits for something else
  }
  while (!touched_.empty()) {
    const size_t number = *touched_.begin();
    touched_.erase(touched_.begin());
    moved |= StepLane(number);
  }
  return moved;
}

bool Replay::HelpLanes() {
  while (!held_.empty()) {
    const size_t number = *held_.begin();
    held_.erase(held_.begin());
    if (!lanes_[number]->HeldUp(now_ns())) continue;
    progress_ns_ = now_ns();
    touched_.insert(number);
    return true;
  }
  return false;
}

SimTime Replay::NextInstant() {
  SimTime next = sim_.queue().NextDue();
  if (!by_time_.empty()) {
    next = std::min(next, FromNanoseconds(by_time_.begin()->first));
  }
  return next;
}

absl::Status Replay::Loop() {
  SimTime now = sim_.now();
  Progress progress("replaying");
  for (;;) {
    progress.At(static_cast<uint64_t>(now_ns()),
                static_cast<uint64_t>(index_.packets.back().due_ns));
    if (!sim_.RunUntil(now)) {
      return absl::InternalError(
          absl::StrCat("the simulation does not come to an end at ", now_ns(),
                       " ns of virtual time"));
    }
    if (StepLanes()) continue;
    if (HelpLanes()) continue;
    const SimTime next = NextInstant();
    if (next == SimTime::max()) break;
    const bool frames = !by_time_.empty();
    if (!frames && ToNanoseconds(next) > progress_ns_ + kAfterwardsNs) break;
    now = std::max(next, sim_.now());
  }
  return absl::OkStatus();
}

// -------------------------------------------------------------------- judging

void Replay::Finish() {
  for (Lane* lane : lanes_) lane->Finish();
  for (TcpState& state : tcp_) JudgeTcp(state);
  for (DatagramState& state : datagrams_) JudgeDatagrams(state);
  std::sort(
      results_.begin(), results_.end(),
      [](const FlowResult& a, const FlowResult& b) { return a.flow < b.flow; });
}

void Replay::JudgeDatagrams(DatagramState& state) {
  const Flow& flow = flows_.flows[state.flow];
  FlowResult result;
  result.flow = state.flow;
  DirectionResult& in = result.delivered;
  DirectionResult& out = result.sent;
  uint64_t missing = 0;
  for (const uint32_t i : flow.packets) {
    const CapturedPacket& entry = index_.packets[i];
    const uint64_t bytes = entry.Parse().payload_len;
    if (entry.ours) {
      out.captured += bytes;
      if (entry.verdict == Verdict::kReproduced) out.bytes += bytes;
      missing += entry.verdict != Verdict::kReproduced;
      ++result.data_segments;
    } else {
      in.captured += bytes;
      // The stack itself reads a ping.
      const bool answered = flow.kind == FlowKind::kEcho &&
                            flow.role == FlowRole::kServer &&
                            entry.verdict == Verdict::kConsumed;
      if (answered) in.bytes += bytes;
    }
  }
  result.data_reproduced = state.lane->reproduced();
  if (flow.kind == FlowKind::kUdp || flow.role == FlowRole::kClient) {
    in.bytes = state.lane->delivered_bytes();
  }
  in.equal = state.lane->delivered_equal() && in.bytes == in.captured;
  out.equal = missing == 0;
  result.extra = state.lane->extra();
  extra_ += result.extra;
  result.ok = in.equal && out.equal;
  if (!in.equal) result.note = "what our end read is not what was captured";
  if (!out.equal) result.note = "our end did not send all that was captured";
  results_.push_back(std::move(result));
}

void Replay::JudgeTcp(TcpState& state) {
  const TcpRecord& record = state.record;
  TcpLane& lane = *state.lane;
  const Flow& flow = lane.flow();
  const int us = flow.role == FlowRole::kClient ? kClientSide : kServerSide;
  const RecordedSide& ours = record.side(us);
  const RecordedSide& peer = record.side(1 - us);
  const TcpComparison compared = CompareTcp(lane, index_, differences_);

  FlowResult result;
  result.flow = static_cast<uint32_t>(&flow - flows_.flows.data());
  result.invented = record.invented;
  result.gap = record.gap.has_value();
  result.extra = compared.extra;
  result.data_segments = compared.data_segments;
  result.data_reproduced = compared.data_reproduced;
  extra_ += compared.extra;

  const bool reset = ours.reset || peer.reset;
  DirectionResult& in = result.delivered;
  in.bytes = state.end.delivered;
  in.captured = peer.stream.contiguous();
  in.prefix = reset || result.gap;
  in.equal = !state.end.difference && (in.prefix || in.bytes == in.captured);
  in.difference = state.end.difference.value_or(in.bytes);

  DirectionResult& out = result.sent;
  out.bytes = lane.sent_bytes();
  // As far as the captured peer acknowledged it.
  const auto acked = static_cast<uint64_t>(std::max<int64_t>(
      std::min<int64_t>(peer.max_ack - 1,
                        static_cast<int64_t>(ours.stream.contiguous())),
      0));
  out.captured = acked;
  out.prefix = reset || result.gap;
  out.equal = !lane.sent_difference() && (out.prefix || out.bytes >= acked);
  out.difference = lane.sent_difference().value_or(out.bytes);
  const uint64_t recorded = ours.stream.contiguous();
  const bool unacknowledged = out.equal && !out.prefix && out.bytes < recorded;
  if (unacknowledged) {
    out.captured = recorded;
    out.prefix = true;
  }

  result.ok = in.equal && out.equal;
  if (!in.equal) {
    result.note = state.end.difference ? "delivered other bytes than captured"
                                       : "did not deliver all captured bytes";
  } else if (!out.equal) {
    result.note = lane.sent_difference() ? "sent other bytes than captured"
                                         : "did not send all captured bytes";
  }
  std::vector<std::string> words;
  if (record.refused) words.emplace_back("refused");
  if (ours.fin) {
    words.emplace_back(lane.sent_fin() ? "FIN from us" : "no FIN from us");
  }
  if (peer.fin) {
    words.emplace_back(state.end.eof ? "FIN from the peer, read"
                                     : "FIN from the peer");
  }
  if (ours.reset) {
    words.emplace_back(lane.sent_rst() ? "RST from us" : "no RST from us");
  }
  if (peer.reset) words.emplace_back("RST from the peer");
  if (words.empty()) words.emplace_back("open when the capture ends");
  if (unacknowledged) {
    words.emplace_back("the capture has no acknowledgement of more");
  }
  for (const std::string& word : words) {
    absl::StrAppend(&result.end, result.end.empty() ? "" : ", ", word);
  }
  results_.push_back(std::move(result));
}

}  // namespace splnet
