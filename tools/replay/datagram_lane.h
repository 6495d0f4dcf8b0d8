// The captured peer of a UDP flow, a ping, or the ARP around a host, and what
// the program that acts as our end needs to know.
//
// An act or a frame waits until everything before it in the flow's file order
// was read or sent.

#ifndef SPLNET_TOOLS_REPLAY_DATAGRAM_LANE_H_
#define SPLNET_TOOLS_REPLAY_DATAGRAM_LANE_H_

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "sockets/proc.h"
#include "tools/replay/difference.h"
#include "tools/replay/flows.h"
#include "tools/replay/frame_editor.h"
#include "tools/replay/lane.h"
#include "tools/replay/wire.h"

namespace splnet {

class DatagramPort;

class DatagramLane final : public Lane {
 public:
  // `packets` are indices into `index`.  `port` reads and sends for our end;
  // null where the stack answers by itself (ping's server, ARP), and then
  // nothing waits for our answers.  All of them outlive the lane.
  DatagramLane(const std::vector<uint32_t>& packets, CaptureIndex& index,
               ReplayWire& wire, LaneDriver& driver, DatagramPort* port,
               DifferenceLog& differences);

  int64_t NextTime() const override;
  bool Step(int64_t now) override;
  bool HeldUp(int64_t) override { return false; }
  void OnTransmit(const Packet& packet,
                  std::span<const std::byte> frame) override;
  void Finish() override;
  bool done() const override { return at_ >= packets_.size(); }

  size_t port_number = 0;  // among the port's members

  // For the port.  Our end has read `payload`.
  void OnRead(std::span<const std::byte> payload);
  // The packet that our end is to send next; null if it is not its turn.
  const CapturedPacket* NextAct() const;
  // It has been sent.
  void OnSent();

  uint64_t delivered() const { return delivered_; }  // datagrams, equal or not
  uint64_t delivered_bytes() const { return delivered_bytes_; }
  uint64_t sent_bytes() const { return sent_bytes_; }
  uint64_t reproduced() const { return reproduced_; }
  uint64_t extra() const { return extra_; }
  // What was read was what the capture has, nothing missing.
  bool delivered_equal() const { return !mismatch_; }

 private:
  CapturedPacket& At() { return index_.packets[packets_[at_]]; }
  const CapturedPacket& At() const { return index_.packets[packets_[at_]]; }
  void Inject(int64_t now);
  void Advance();
  bool SameMessage(const Packet& a, std::span<const std::byte> a_frame,
                   const Packet& b, std::span<const std::byte> b_frame) const;

  const std::vector<uint32_t>& packets_;
  CaptureIndex& index_;
  ReplayWire& wire_;
  LaneDriver& driver_;
  DatagramPort* port_;
  DifferenceLog& differences_;
  FrameEditor editor_;
  size_t at_ = 0;
  bool unread_ = false;  // the frame at at_ is in, and not yet read
  int64_t progress_ns_ = 0;
  uint64_t delivered_ = 0;
  uint64_t delivered_bytes_ = 0;
  uint64_t sent_bytes_ = 0;
  uint64_t reproduced_ = 0;
  uint64_t extra_ = 0;
  bool mismatch_ = false;
};

// One socket of ours that a program reads and writes for several flows: a UDP
// port, or the raw socket of everything that pings.
class DatagramPort {
 public:
  DatagramPort(FlowKind kind, const Sockaddr& local)
      : kind_(kind), local_(local) {}

  FlowKind kind() const { return kind_; }
  const Sockaddr& local() const { return local_; }

  // Flows are told apart by peer, and pings by their identifier too.
  void Add(const Flow& flow, DatagramLane& lane);
  // `bytes` were read from `from`.
  void OnRead(const Sockaddr& from, std::span<const std::byte> bytes);

  // The next act of `lane`, a member, is ours.
  void SetReady(DatagramLane& lane);
  // The one to act next; null if there is none.
  DatagramLane* FirstReady(int64_t* due_ns) const;
  void TakeReady();
  const Sockaddr& PeerOf(const DatagramLane& lane) const {
    return members_[lane.port_number].peer;
  }

  Process* process = nullptr;  // that plays it; woken when a lane is ready

 private:
  struct Key {
    Sockaddr peer;
    uint16_t echo_id;
    auto operator<=>(const Key&) const = default;
  };
  struct ReadyLane {
    int64_t due_ns;
    size_t number;  // by order of Add(): not by where it lies in memory
    auto operator<=>(const ReadyLane&) const = default;
  };
  struct Member {
    DatagramLane* lane;
    Sockaddr peer;
  };

  const FlowKind kind_;
  const Sockaddr local_;
  std::map<Key, size_t> by_peer_;
  std::vector<Member> members_;
  std::set<ReadyLane> ready_;
};

// The program: reads what comes, sends what its lanes have ready.
Task<int> PlayDatagrams(Process& p, DatagramPort* port);

}  // namespace splnet

#endif  // SPLNET_TOOLS_REPLAY_DATAGRAM_LANE_H_
