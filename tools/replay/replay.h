// Runs a capture through the stack: builds a host for every address that we
// play, gives each flow its captured peer and its program, and runs until
// everything of the capture was released.

#ifndef SPLNET_TOOLS_REPLAY_REPLAY_H_
#define SPLNET_TOOLS_REPLAY_REPLAY_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "tools/replay/capture_index.h"
#include "tools/replay/compare.h"
#include "tools/replay/datagram_lane.h"
#include "tools/replay/difference.h"
#include "tools/replay/flows.h"
#include "tools/replay/lane.h"
#include "tools/replay/options.h"
#include "tools/replay/tcp_end.h"
#include "tools/replay/tcp_lane.h"
#include "tools/replay/tcp_record.h"
#include "tools/replay/wire.h"
#include "tools/simulation.h"

namespace splnet {

// One direction of a flow, compared with the capture.
struct DirectionResult {
  uint64_t bytes = 0;       // delivered to, or sent by, our socket
  uint64_t captured = 0;    // what the capture asks for
  bool equal = false;       // no byte other than captured, none missing
  bool prefix = false;      // compared only as far as it went: reset or gap
  uint64_t difference = 0;  // if not equal: the first such byte
};

// How a flow came out.
struct FlowResult {
  uint32_t flow = 0;  // index into FlowTable::flows
  DirectionResult delivered;
  DirectionResult sent;
  bool ok = false;
  bool invented = false;  // the handshake
  bool gap = false;
  uint64_t extra = 0;  // packets that only our side sent
  uint64_t data_segments = 0;
  uint64_t data_reproduced = 0;
  std::string end;   // how it ended, in a few words
  std::string note;  // what went wrong; empty if nothing
};

class Replay final : private LaneDriver,
                     private WireListener,
                     private TcpEndDirectory {
 public:
  // `index` outlives it, and its packets get their verdicts.  `writer` and
  // `observer` may be null; `observer` sees every event of every host.
  Replay(const ReplayOptions& options, CaptureIndex& index,
         CaptureWriter* writer, Observer* observer);
  ~Replay() override;

  // Once.  An error where there is nothing that can be replayed, or writing
  // failed.
  absl::Status Run();

  const FlowTable& flows() const { return flows_; }
  const std::vector<FlowResult>& results() const { return results_; }
  const DifferenceLog& differences() const { return differences_; }
  uint64_t extra() const { return extra_; }
  int64_t virtual_ns() const { return ToNanoseconds(sim_.now()); }

 private:
  // Of the flow as our side sees it.
  struct FlowId {
    FlowKind kind = FlowKind::kTcp;
    uint16_t echo_id = 0;
    Sockaddr local;
    Sockaddr remote;
    auto operator<=>(const FlowId&) const = default;
  };
  struct TcpState {
    TcpRecord record;
    TcpEnd end;
    std::unique_ptr<TcpLane> lane;
  };
  struct DatagramState {
    uint32_t flow;
    std::unique_ptr<DatagramLane> lane;
  };

  // LaneDriver
  int64_t now_ns() const override { return ToNanoseconds(sim_.now()); }
  void Touch(Lane& lane) override;
  void Begin(Lane& lane) override;
  // WireListener
  void OnTransmit(std::span<const std::byte> frame) override;
  // TcpEndDirectory
  TcpEnd* FindEnd(const Sockaddr& local, const Sockaddr& remote) override;

  void AddHosts();
  std::map<InAddr, EtherAddr> Stations() const;
  void AddNeighbours();
  void AddFlow(uint32_t number);
  void AddTcp(uint32_t number);
  void FillEnd(const Flow& flow, const TcpRecord& record, TcpEnd& end) const;
  void AddDatagrams(uint32_t number);
  DatagramPort& PortFor(const Flow& flow);
  void AddArp();
  void StartPrograms();
  void AddLane(Lane& lane, const FlowId& id);
  LaneDriver& driver() { return *this; }
  ReplayWire& WireOf(const InAddr& addr) { return *wires_.at(addr); }

  // The run.
  absl::Status Loop();
  bool StepLanes();
  bool StepLane(size_t number);
  bool HelpLanes();
  void Schedule(size_t number);
  SimTime NextInstant();
  void Finish();
  void JudgeTcp(TcpState& state);
  void JudgeDatagrams(DatagramState& state);

  const ReplayOptions& options_;
  CaptureIndex& index_;
  WireTap tap_;
  Observer* const observer_;
  Simulation sim_;
  FlowTable flows_;
  std::map<InAddr, std::unique_ptr<ReplayWire>> wires_;
  std::deque<TcpState> tcp_;
  std::deque<DatagramState> datagrams_;
  std::map<Sockaddr, std::unique_ptr<DatagramPort>> udp_ports_;
  std::map<InAddr, std::unique_ptr<DatagramPort>> echo_ports_;
  std::map<InAddr, std::vector<uint32_t>> arp_packets_;
  std::map<InAddr, std::unique_ptr<DatagramLane>> arp_lanes_;
  std::set<Sockaddr> listeners_;

  std::map<FlowId, Lane*> current_;  // incarnations
  std::vector<Lane*> lanes_;
  std::vector<FlowId> lane_ids_;
  std::vector<int64_t> lane_times_;
  std::set<std::pair<int64_t, size_t>> by_time_;
  std::set<size_t> touched_;
  std::set<size_t> held_;  // stepped in vain at this instant
  int64_t progress_ns_ = 0;

  DifferenceLog differences_;
  std::vector<FlowResult> results_;
  uint64_t extra_ = 0;
};

}  // namespace splnet

#endif  // SPLNET_TOOLS_REPLAY_REPLAY_H_
