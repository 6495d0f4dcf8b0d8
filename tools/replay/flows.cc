// Sorting packets into flows.

#include "tools/replay/flows.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace splnet {
namespace {

// Both directions of a conversation have one key.
struct FlowKey {
  FlowKind kind;
  uint16_t echo_id;
  Sockaddr low;
  Sockaddr high;
  auto operator<=>(const FlowKey&) const = default;
};

class Finder {
 public:
  Finder(const ReplayOptions& options, CaptureIndex& index)
      : options_(options), index_(index) {}

  FlowTable Run();

 private:
  void Sort(uint32_t i);
  bool KeyOf(const Packet& packet, FlowKey* key) const;
  bool StartsAnew(const Flow& flow, const Packet& packet) const;
  uint32_t NewFlow(const FlowKey& key, const Packet& packet,
                   uint32_t incarnation);
  void ChooseClient(Flow& flow, const Packet& first) const;
  void NoteTcp(Flow& flow, const Packet& packet);
  void ChooseRole(Flow& flow) const;
  bool Listed(const InAddr& addr) const {
    return std::find(options_.addresses.begin(), options_.addresses.end(),
                     addr) != options_.addresses.end();
  }
  void AssignHosts();
  void AssignPackets();
  void AssignArp();

  const ReplayOptions& options_;
  CaptureIndex& index_;
  FlowTable table_;
  std::map<FlowKey, uint32_t> current_;  // the latest incarnation
  std::vector<uint32_t> arp_;
};

bool Finder::KeyOf(const Packet& packet, FlowKey* key) const {
  *key = {FlowKind::kTcp, 0, std::min(packet.src, packet.dst),
          std::max(packet.src, packet.dst)};
  switch (packet.kind) {
    case PacketKind::kTcp:
      return true;
    case PacketKind::kUdp:
      key->kind = FlowKind::kUdp;
      return true;
    case PacketKind::kIcmp:
      key->kind = FlowKind::kEcho;
      key->echo_id = packet.icmp.id;
      return packet.icmp.type == kIcmpEcho ||
             packet.icmp.type == kIcmpEchoReply;
    default:
      return false;
  }
}

// A SYN with another number than the one before begins a new incarnation of
// the 4-tuple.
bool Finder::StartsAnew(const Flow& flow, const Packet& packet) const {
  if (packet.kind != PacketKind::kTcp || !packet.tcp.syn() ||
      packet.tcp.acks()) {
    return false;
  }
  if (!flow.has_syn) return true;
  if (packet.src != flow.client) return flow.closing;  // simultaneous open
  return packet.tcp.seq != flow.syn_seq;
}

void Finder::ChooseClient(Flow& flow, const Packet& first) const {
  flow.client = first.src;
  flow.server = first.dst;
  if (flow.kind == FlowKind::kEcho) {
    if (first.icmp.type == kIcmpEchoReply) std::swap(flow.client, flow.server);
    flow.why = "it asked";
    return;
  }
  if (flow.kind == FlowKind::kTcp && first.tcp.syn()) {
    if (first.tcp.acks()) {
      std::swap(flow.client, flow.server);
      flow.why = "it was answered with SYN and ACK";
    } else {
      flow.why = "it sent the SYN";
    }
    return;
  }
  constexpr uint16_t kPrivileged = 1024;
  const bool src_known = first.src.port < kPrivileged;
  const bool dst_known = first.dst.port < kPrivileged;
  if (src_known != dst_known) {
    if (src_known) std::swap(flow.client, flow.server);
    flow.why = "the other has a well-known port";
    return;
  }
  flow.why = "it sent the first packet";
}

uint32_t Finder::NewFlow(const FlowKey& key, const Packet& packet,
                         uint32_t incarnation) {
  Flow flow;
  flow.kind = key.kind;
  flow.echo_id = key.echo_id;
  flow.incarnation = incarnation;
  ChooseClient(flow, packet);
  table_.flows.push_back(std::move(flow));
  const auto number = static_cast<uint32_t>(table_.flows.size() - 1);
  current_[key] = number;
  return number;
}

void Finder::NoteTcp(Flow& flow, const Packet& packet) {
  if (packet.tcp.syn() && !packet.tcp.acks() && packet.src == flow.client) {
    flow.has_syn = true;
    flow.syn_seq = packet.tcp.seq;
  }
  if (packet.tcp.fin() || packet.tcp.rst()) flow.closing = true;
}

void Finder::Sort(uint32_t i) {
  CapturedPacket& entry = index_.packets[i];
  const Packet packet = entry.Parse();
  entry.kind = packet.kind;
  entry.why = packet.why;
  if (packet.kind == PacketKind::kUnusable) {
    entry.verdict = Verdict::kUnusable;
    return;
  }
  if (packet.kind == PacketKind::kArp) {
    arp_.push_back(i);
    return;
  }
  FlowKey key;
  if (!KeyOf(packet, &key)) {
    entry.verdict = Verdict::kUnusable;
    entry.why = Unusable::kIcmpType;
    return;
  }
  const auto known = current_.find(key);
  uint32_t number = 0;
  if (known == current_.end()) {
    number = NewFlow(key, packet, 1);
  } else if (StartsAnew(table_.flows[known->second], packet)) {
    number = NewFlow(key, packet, table_.flows[known->second].incarnation + 1);
  } else {
    number = known->second;
  }
  Flow& flow = table_.flows[number];
  if (packet.kind == PacketKind::kTcp) NoteTcp(flow, packet);
  entry.flow = number;
  entry.from_client = flow.kind == FlowKind::kEcho
                          ? packet.icmp.type == kIcmpEcho
                          : packet.src == flow.client;
  flow.packets.push_back(i);
}

void Finder::ChooseRole(Flow& flow) const {
  switch (options_.as) {
    case ReplayOptions::As::kServer:
      flow.role = FlowRole::kServer;
      return;
    case ReplayOptions::As::kClient:
      flow.role = FlowRole::kClient;
      return;
    case ReplayOptions::As::kAddresses:
      flow.role = Listed(flow.server.addr)   ? FlowRole::kServer
                  : Listed(flow.client.addr) ? FlowRole::kClient
                                             : FlowRole::kNone;
      return;
  }
}

void Finder::AssignHosts() {
  for (Flow& flow : table_.flows) {
    ChooseRole(flow);
    if (flow.role != FlowRole::kNone) {
      table_.hosts.push_back(flow.ours().addr);
    }
  }
  // Without a flow an address may still be asked for by ARP.
  if (table_.hosts.empty() && options_.as == ReplayOptions::As::kAddresses) {
    table_.hosts = options_.addresses;
  }
  std::sort(table_.hosts.begin(), table_.hosts.end());
  table_.hosts.erase(std::unique(table_.hosts.begin(), table_.hosts.end()),
                     table_.hosts.end());
}

void Finder::AssignPackets() {
  for (const Flow& flow : table_.flows) {
    for (const uint32_t i : flow.packets) {
      CapturedPacket& entry = index_.packets[i];
      if (flow.role == FlowRole::kNone) entry.verdict = Verdict::kNotForUs;
      entry.ours = entry.from_client == (flow.role == FlowRole::kClient);
    }
  }
}

void Finder::AssignArp() {
  const auto is_host = [this](const InAddr& addr) {
    return std::binary_search(table_.hosts.begin(), table_.hosts.end(), addr);
  };
  for (const uint32_t i : arp_) {
    CapturedPacket& entry = index_.packets[i];
    const Packet packet = entry.Parse();
    entry.ours = is_host(packet.src.addr);
    if (entry.ours || is_host(packet.dst.addr)) {
      table_.arp.push_back(i);
    } else {
      entry.verdict = Verdict::kNotForUs;
    }
  }
}

FlowTable Finder::Run() {
  for (uint32_t i = 0; i < index_.packets.size(); ++i) Sort(i);
  AssignHosts();
  AssignPackets();
  AssignArp();
  const bool plays = std::any_of(
      table_.flows.begin(), table_.flows.end(),
      [](const Flow& flow) { return flow.role != FlowRole::kNone; });
  if (!plays && table_.arp.empty()) table_.hosts.clear();
  return std::move(table_);
}

}  // namespace

const char* FlowKindText(FlowKind kind) {
  switch (kind) {
    case FlowKind::kTcp:
      return "TCP";
    case FlowKind::kUdp:
      return "UDP";
    case FlowKind::kEcho:
      return "ICMP echo";
  }
  return "unknown";
}

FlowTable FindFlows(const ReplayOptions& options, CaptureIndex& index) {
  return Finder(options, index).Run();
}

}  // namespace splnet
