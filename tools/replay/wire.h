// The wire of one simulated host: frames of the capture in, the stack's frames
// out to the replay, all of them tapped.

#ifndef SPLNET_TOOLS_REPLAY_WIRE_H_
#define SPLNET_TOOLS_REPLAY_WIRE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "drivers/if_pcap.h"
#include "stack/kern/tracer.h"
#include "tools/replay/capture_index.h"
#include "tools/simulation.h"
#include "traces/capture_writer.h"

namespace splnet {

inline constexpr uint32_t kNoPacket = UINT32_MAX;

// Hears what a host sends.
class WireListener {
 public:
  virtual ~WireListener() = default;
  // `frame` is good during the call, which comes from inside the host's work.
  virtual void OnTransmit(std::span<const std::byte> frame) = 0;
};

// Writes every frame that crosses a wire; without a file it does nothing.
class WireTap {
 public:
  // `writer` may be null.  Virtual time 0 is `epoch_ns` since 1970.
  WireTap(CaptureWriter* writer, int64_t epoch_ns)
      : writer_(writer), epoch_ns_(epoch_ns) {}

  uint32_t AddInterface(const std::string& name);
  void Write(uint32_t interface, SimTime now, CaptureDirection direction,
             std::span<const std::byte> frame);
  // The first error of writing.
  const absl::Status& status() const { return status_; }

 private:
  CaptureWriter* writer_;
  int64_t epoch_ns_;
  absl::Status status_;
};

// A host's observer of fates: gives captured packets their verdicts.
class FateObserver : public Observer {
 public:
  explicit FateObserver(CaptureIndex& index, Observer* next)
      : index_(index), next_(next) {}

  void OnEvent(const TraceEvent& event) override;

  // Captured packet `packet` has got the id `id`: its fates, before and after
  // this call, become its verdict.
  void Bind(uint64_t id, uint32_t packet);
  // Nothing that came before is waited for any more.
  void ForgetUnbound() { unbound_.clear(); }

 private:
  struct Fated {
    uint64_t id;
    Verdict verdict;
    DropReason reason;
  };
  void Apply(uint32_t packet, Verdict verdict, DropReason reason);

  CaptureIndex& index_;
  Observer* next_;  // sees every event too; may be null
  std::vector<Fated> unbound_;
  std::map<uint64_t, uint32_t> packets_;  // by id
};

class ReplayWire {
 public:
  // A host for `addr` with the station address `station`.
  ReplayWire(Simulation& sim, const std::string& name, const InAddr& addr,
             const EtherAddr& station, CaptureIndex& index, WireTap& tap,
             WireListener& listener, Observer* observer);
  ReplayWire(const ReplayWire&) = delete;
  ReplayWire& operator=(const ReplayWire&) = delete;

  Host& host() { return host_; }
  PcapNic& nic() { return nic_; }
  const InAddr& addr() const { return addr_; }
  const EtherAddr& station() const { return nic_.lladdr; }

  // The neighbour `addr` has the station address `station`; the first to be
  // told stays.
  void AddNeighbour(const InAddr& addr, const EtherAddr& station);
  EtherAddr NeighbourStation(const InAddr& addr) const;

  // Receives `frame`, the captured packet `packet` or kNoPacket.  When this
  // returns the host has done its work on it.
  void Inject(std::span<const std::byte> frame, uint32_t packet);

  // What the host does is no longer watched: before it is destroyed.
  void Disconnect() {
    nic_.set_transmit(nullptr, nullptr);
    host_.ns.tracer.Set(nullptr, 0);
  }

 private:
  static void Transmitted(void* wire, uint64_t id,
                          std::span<const std::byte> frame);

  Host& host_;
  PcapNic& nic_;
  const InAddr addr_;
  WireTap& tap_;
  const uint32_t tap_interface_;
  WireListener& listener_;
  FateObserver fates_;
  std::map<InAddr, EtherAddr> neighbours_;
};

}  // namespace splnet

#endif  // SPLNET_TOOLS_REPLAY_WIRE_H_
