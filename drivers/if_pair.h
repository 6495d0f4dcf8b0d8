// A wire between two hosts, with an Ethernet NIC at either end: pair(4).
//
// A frame that a NIC starts is gathered at once into a cluster of the receiving
// host's pool, which the link then owns; the sender's mbufs are free again.
// The frame waits for the wire, takes bits/bandwidth to be clocked out, and
// arrives after the delay.  Everything due at one instant arrives in one event
// and one interrupt.  A frame is its bytes from the destination address on: no
// preamble, padding or frame check sequence is added.

#ifndef SPLNET_DRIVERS_IF_PAIR_H_
#define SPLNET_DRIVERS_IF_PAIR_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/fault.h"
#include "drivers/if_ring.h"
#include "stack/kern/timeout.h"

namespace splnet {

// One direction's wire.
struct WireConfig {
  int64_t bits_per_second = 0;  // 0: frames take no time
  Nanoseconds delay{0};         // propagation
  size_t queue_limit = 1000;    // frames that may wait for the wire
  FaultConfig fault;
};

struct LinkConfig {
  WireConfig a_to_b;
  WireConfig b_to_a;

  // The same both ways.
  static LinkConfig Both(const WireConfig& wire) { return {wire, wire}; }
};

struct WireStats {
  uint64_t frames = 0;       // that NICs handed over
  uint64_t bytes = 0;        // in them
  uint64_t queue_drops = 0;  // too many waited for the wire
  uint64_t no_buffers = 0;   // the receiving host's pool was at its limit
  uint64_t too_long = 0;     // no cluster is that large
  uint64_t delivered = 0;    // given to the receiving NIC
  uint64_t torn_down = 0;    // in flight when the link was destroyed
};
// Always: frames + duplicated == queue_drops + no_buffers + too_long + lost +
// delivered + in flight, with duplicated and lost of FaultStats; a duplicate
// for which there is no buffer counts in both.

// A frame as a tap sees it: when it is handed to the link, before any
// impairment, and when it arrives.  Frames refused by a full queue are not
// seen.
struct TappedFrame {
  SimTime time{};
  bool from_a = false;
  bool lost = false;       // the link will lose it
  bool corrupted = false;  // the link will flip a bit of it
  uint64_t packet = 0;
  std::span<const std::byte> bytes;  // during the call only
};

class LinkTap {
 public:
  virtual ~LinkTap() = default;
  virtual void OnFrame(const TappedFrame& frame) = 0;
  // A frame is about to be given to the receiving NIC; what the link did to it
  // shows in its bytes alone.
  virtual void OnArrival(const TappedFrame& /*frame*/) {}
};

class PairLink;

// One end: an interface of a host.  Owned by that host's Netstack.
struct PairNic : RingNic {
  PairNic(Netstack& stack, std::string_view name, const EtherAddr& station)
      : RingNic(stack, name, station) {
    start = Start;
  }
  ~PairNic() override;

  // Ifnet::start: hands the send queue to the wire.
  static void Start(Ifnet& ifp);

  PairLink* link = nullptr;  // null when unplugged: frames are dropped
  bool is_a = false;
};

// Frames of one direction that wait for the wire or are on it.
class Wire {
 public:
  // `name` names the random stream of the faults; `taps` see what passes, as
  // from end a or not.
  Wire(EventQueue& queue, uint64_t seed, std::string_view name, bool from_a,
       const std::vector<LinkTap*>& taps);
  ~Wire();

  // Takes the frame `m` of `from` towards `to`.
  void Send(RingNic& from, RingNic& to, MbufPtr m);
  // Frees what is in flight.
  void TearDown();

  void set_config(const WireConfig& config);
  const WireConfig& config() const { return config_; }
  const WireStats& stats() const { return stats_; }
  const FaultStats& fault_stats() const { return fault_.stats(); }
  size_t in_flight() const { return fifo_.size() + late_.size(); }

 private:
  using Late = std::multimap<int64_t, MbufPtr>;
  // A frame in late_ that goes on once `left` more frames have passed.
  struct Held {
    Late::iterator at;
    uint32_t left;
  };

  // Whether a frame that is handed over now finds room to wait.
  bool HasRoom();
  // When a frame of `bytes` that is handed over now will have been clocked
  // out; advances the wire.
  SimTime ClockOut(size_t bytes);
  void Impair(MbufPtr m, SimTime arrival, const FaultDecision& decision);
  void Launch(MbufPtr m, SimTime arrival);
  void HoldBack(MbufPtr m, SimTime arrival);
  void PassHeld(SimTime arrival);
  void Arm();
  void TellArrival(const Mbuf& m) const;
  // The event: everything due arrives.  `wire` is a Wire*.
  static void Arrive(void* wire);
  // The next frame due by now, in order; null if none.
  MbufPtr NextDue(int64_t now);

  EventQueue& queue_;
  const bool from_a_;
  const std::vector<LinkTap*>& taps_;
  WireConfig config_;
  WireStats stats_;
  FaultInjector fault_;
  RingNic* to_ = nullptr;
  SimTime free_at_{};  // when the wire has clocked out what it has
  int64_t carry_ = 0;  // bit-nanoseconds beyond free_at_, below the rate
  std::deque<SimTime> starts_;  // of the frames that wait for the wire
  // Frames in flight, each with its arrival in pkthdr.timestamp_ns: fifo_ in
  // that order; late_ those that arrive before fifo_'s last.
  MbufList fifo_;
  int64_t fifo_last_ = 0;  // arrival of the frame put on fifo_ last
  Late late_;
  std::vector<Held> held_;
  Timeout arrival_;
};

class PairLink {
 public:
  // Attaches an interface to each host ("pair0", or the next free number) and
  // joins the two by a wire.  `name` names the link's random streams.  Both
  // hosts outlive the link.
  PairLink(EventQueue& queue, uint64_t seed, std::string_view name, Netstack& a,
           Netstack& b, const LinkConfig& config);
  PairLink(const PairLink&) = delete;
  PairLink& operator=(const PairLink&) = delete;
  // Frees the frames in flight and unplugs both interfaces.
  ~PairLink();

  const std::string& name() const { return name_; }
  PairNic& a() { return *a_; }
  PairNic& b() { return *b_; }
  Wire& a_to_b() { return a_to_b_; }
  Wire& b_to_a() { return b_to_a_; }
  const Wire& a_to_b() const { return a_to_b_; }
  const Wire& b_to_a() const { return b_to_a_; }
  size_t in_flight() const { return a_to_b_.in_flight() + b_to_a_.in_flight(); }

  // `tap` sees every frame until the link is destroyed; it outlives the link.
  void AddTap(LinkTap& tap) { taps_.push_back(&tap); }

 private:
  friend struct PairNic;

  std::string name_;
  PairNic* a_;
  PairNic* b_;
  std::vector<LinkTap*> taps_;
  Wire a_to_b_;
  Wire b_to_a_;
};

}  // namespace splnet

#endif  // SPLNET_DRIVERS_IF_PAIR_H_
