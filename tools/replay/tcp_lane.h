// The captured peer of one TCP connection: a model that sends what the capture
// has of it, by the rules of release, to our end.
//
// A frame goes in when its captured time has come, what it acknowledges is
// not beyond what our side has sent, and its payload ends inside the window
// that our side last advertised.  Where that would never be, the peer
// acknowledges what our side did send: see HeldUp().

#ifndef SPLNET_TOOLS_REPLAY_TCP_LANE_H_
#define SPLNET_TOOLS_REPLAY_TCP_LANE_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "tools/replay/flows.h"
#include "tools/replay/frame_editor.h"
#include "tools/replay/lane.h"
#include "tools/replay/serial.h"
#include "tools/replay/stream.h"
#include "tools/replay/tcp_end.h"
#include "tools/replay/tcp_record.h"
#include "tools/replay/wire.h"

namespace splnet {

// A segment that our side sent.
struct SentSegment {
  int64_t time_ns = 0;
  int64_t begin = 0;  // of its sequence space, as in RecordedSegment
  int64_t ack = -1;
  uint32_t len = 0;  // payload bytes
  uint8_t ttl = 0;
  uint8_t tos = 0;
  bool matched = false;  // a captured segment was found for it
  TcpFields tcp;
  std::vector<std::byte> header;  // the frame up to its payload

  int64_t data_begin() const { return begin + (tcp.syn() ? 1 : 0); }
  int64_t data_end() const { return data_begin() + len; }
  int64_t end() const { return data_end() + (tcp.fin() ? 1 : 0); }
};

class TcpLane final : public Lane {
 public:
  // All of them outlive the lane.
  TcpLane(const Flow& flow, CaptureIndex& index, const TcpRecord& record,
          TcpEnd& end, ReplayWire& wire, LaneDriver& driver);

  int64_t NextTime() const override;
  bool Step(int64_t now) override;
  bool HeldUp(int64_t now) override;
  void OnTransmit(const Packet& packet,
                  std::span<const std::byte> frame) override;
  void Finish() override;
  bool done() const override {
    return head_ >= frames_.size() && (end_.finished || end_.acts_done());
  }

  // A later incarnation has taken this one's place.
  void Replace() { gone_ = true; }

  const Flow& flow() const { return flow_; }
  const TcpRecord& record() const { return record_; }
  TcpEnd& end() { return end_; }
  std::vector<SentSegment>& sent() { return sent_; }
  // Bytes of our stream that have been sent, and where they first were not
  // those of the capture.
  uint64_t sent_bytes() const { return sent_ranges_.contiguous(); }
  std::optional<uint64_t> sent_difference() const { return sent_difference_; }
  bool sent_fin() const { return sent_fin_; }
  bool sent_rst() const { return sent_rst_; }
  bool injected_rst() const { return injected_rst_; }
  uint32_t our_iss() const { return our_numbers_.iss(); }
  uint64_t helper_acks() const { return helper_acks_; }

 private:
  // A frame of the peer's: of the capture, or made up.
  struct Frame {
    uint32_t segment = 0;  // index into record_.segments
    bool made = false;
    RecordedSegment view;          // made: what it says
    std::vector<std::byte> bytes;  // made
    int64_t due = 0;
  };

  const RecordedSegment& Head() const;
  int64_t HeadDue() const { return frames_[head_].due; }
  bool AckAllowed(const RecordedSegment& s) const;
  bool WindowAllowed(const RecordedSegment& s) const;
  bool PcbGone() const;
  bool DelayedAckPending() const;
  // Injects the head frame acknowledging at most `ack`, and goes on to the
  // next unless its acknowledgement stays pending.
  void InjectHead(int64_t now, int64_t ack, bool keep_ack);
  // Injects an acknowledgement of `ack` in the name of the head frame.
  void InjectAck(int64_t ack);
  void Adapt(FrameEditor& editor, const RecordedSegment& s, int64_t ack);
  void TrimSack(FrameEditor& editor, const RecordedSegment& s);
  void Advance();
  void BeginIncarnation(const RecordedSegment& s);
  void NoteOurSegment(const Packet& packet, const SentSegment& s);
  void CheckOurBytes(const SentSegment& s, std::span<const std::byte> payload);
  void AddFrames();
  void InventHandshake();
  Frame MakeFrame(uint8_t flags, int64_t begin, int64_t ack, int64_t due) const;

  const Flow& flow_;
  CaptureIndex& index_;
  const TcpRecord& record_;
  TcpEnd& end_;
  ReplayWire& wire_;
  LaneDriver& driver_;
  const int us_;
  const RecordedSide& ours_;
  const RecordedSide& peer_;
  SerialNumbers our_numbers_;   // on the wire of this run
  SerialNumbers peer_numbers_;  // the captured ones
  FrameEditor editor_;

  std::vector<Frame> frames_;
  size_t head_ = 0;
  bool ack_pending_ = false;  // the head's payload has gone ahead
  uint8_t adapted_ = 0;       // of the head
  int64_t progress_ns_ = 0;   // when either side last came further

  // What the peer knows of us, and has told us.
  int64_t snd_max_ = 0;
  int64_t our_edge_ = 0;  // of the window last advertised, peer's space
  uint8_t our_scale_ = 0;
  int64_t acked_ = 0;      // the most it acknowledged in this run
  int64_t peer_edge_ = 0;  // the right edge that the captured peer granted
  std::optional<uint32_t> ts_recent_;
  bool began_ = false;  // the first frame of this incarnation went in or out
  bool gone_ = false;   // our end is no more
  bool sent_fin_ = false;
  bool sent_rst_ = false;
  bool injected_rst_ = false;
  uint64_t helper_acks_ = 0;

  std::vector<SentSegment> sent_;
  RangeSet sent_ranges_;
  std::optional<uint64_t> sent_difference_;
};

}  // namespace splnet

#endif  // SPLNET_TOOLS_REPLAY_TCP_LANE_H_
