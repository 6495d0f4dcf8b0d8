// The conversations of a capture: which packets belong together, who is the
// client and why, and which end we play.

#ifndef SPLNET_TOOLS_REPLAY_FLOWS_H_
#define SPLNET_TOOLS_REPLAY_FLOWS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "stack/kern/sockaddr.h"
#include "tools/replay/capture_index.h"
#include "tools/replay/options.h"

namespace splnet {

enum class FlowKind : uint8_t { kTcp, kUdp, kEcho };
const char* FlowKindText(FlowKind kind);  // "TCP", "UDP", "ICMP echo"

enum class FlowRole : uint8_t { kServer, kClient, kNone };

struct Flow {
  FlowKind kind = FlowKind::kTcp;
  FlowRole role = FlowRole::kNone;  // the end that we play
  uint32_t incarnation = 1;         // of this 4-tuple, from 1
  uint16_t echo_id = 0;             // kEcho: the identifier
  uint32_t syn_seq = 0;             // kTcp: of the client's SYN, with has_syn
  bool has_syn = false;
  bool closing = false;  // kTcp: a FIN or RST was seen
  const char* why = "";  // why the client is the client
  Sockaddr client;
  Sockaddr server;
  std::vector<uint32_t> packets;  // indices into CaptureIndex, in file order

  const Sockaddr& ours() const {
    return role == FlowRole::kClient ? client : server;
  }
  const Sockaddr& peer() const {
    return role == FlowRole::kClient ? server : client;
  }
};

struct FlowTable {
  std::vector<Flow> flows;    // by first packet
  std::vector<InAddr> hosts;  // the addresses that we play, ascending
  std::vector<uint32_t> arp;  // ARP packets that concern our hosts
};

// Sorts the packets of `index` into flows and sets their kind, flow, ours,
// from_client; and for packets that will not be replayed their verdict.
FlowTable FindFlows(const ReplayOptions& options, CaptureIndex& index);

}  // namespace splnet

#endif  // SPLNET_TOOLS_REPLAY_FLOWS_H_
