// Reading the acts of a captured end off its segments.

#include "tools/replay/script.h"

#include <algorithm>

namespace splnet {
namespace {

constexpr int64_t kSilenceNs = 10'000'000;  // beyond a round trip: a new write

class Scripter {
 public:
  Scripter(const Flow& flow, const TcpRecord& record, const CaptureIndex& index)
      : record_(record),
        index_(index),
        us_(flow.role == FlowRole::kClient ? kClientSide : kServerSide),
        ours_(record.side(us_)),
        peer_(record.side(1 - us_)) {}

  std::vector<Act> Run();

 private:
  void Connect();
  void Data(const RecordedSegment& s);
  void Fin(const RecordedSegment& s);
  void Reset(const RecordedSegment& s);
  void EndWrite() { writing_ = false; }
  // An act that `s` shows.
  Act ActOf(ActKind kind, const RecordedSegment& s) const;
  int64_t TimeOf(const RecordedSegment& s) const {
    return index_.packets[s.packet].due_ns;
  }

  const TcpRecord& record_;
  const CaptureIndex& index_;
  const int us_;
  const RecordedSide& ours_;
  const RecordedSide& peer_;
  std::vector<Act> acts_;
  uint64_t written_ = 0;  // of our stream
  int64_t latest_ack_ = 0;
  int64_t last_data_ns_ = 0;
  bool writing_ = false;  // the last act is a write that may go on
  bool ended_ = false;    // it has shut down, closed or reset
};

Act Scripter::ActOf(ActKind kind, const RecordedSegment& s) const {
  Act act;
  act.kind = kind;
  act.time_ns = TimeOf(s);
  // What was acknowledged before had been read before, too.
  const int64_t ack = std::max(latest_ack_, s.ack);
  const int64_t stream_end =
      static_cast<int64_t>(peer_.stream.contiguous()) + 1;
  act.read_eof = peer_.fin && ack > *peer_.fin;
  act.read_bytes =
      static_cast<uint64_t>(std::clamp<int64_t>(ack - 1, 0, stream_end - 1));
  return act;
}

void Scripter::Connect() {
  Act act;
  act.kind = ActKind::kConnect;
  for (const RecordedSegment& s : record_.segments) {
    if (s.side != us_ || !s.syn()) continue;
    act.time_ns = TimeOf(s);
    acts_.push_back(act);
    return;
  }
  // Without our SYN in the capture: before whatever comes first.
  act.time_ns = TimeOf(record_.segments.front());
  acts_.push_back(act);
}

void Scripter::Data(const RecordedSegment& s) {
  const auto end = std::min<uint64_t>(
      s.data_end() > 1 ? static_cast<uint64_t>(s.data_end() - 1) : 0,
      ours_.stream.contiguous());
  if (end <= written_) return;  // it repeats
  const int64_t now = TimeOf(s);
  const bool acks_more = s.ack > latest_ack_;
  if (now - last_data_ns_ > record_.round_trip_ns + kSilenceNs || acks_more) {
    EndWrite();
  }
  if (!writing_) {
    acts_.push_back(ActOf(ActKind::kWrite, s));
    acts_.back().begin = written_;
    writing_ = true;
  }
  acts_.back().end = written_ = end;
  last_data_ns_ = now;
  if (s.has(kThPush) || s.len < ours_.max_payload) EndWrite();
}

void Scripter::Fin(const RecordedSegment& s) {
  if (ended_) return;
  // A RST of ours after it: the program had gone away altogether.
  bool reset_later = false;
  for (const RecordedSegment& later : record_.segments) {
    reset_later |= later.side == us_ && later.rst() && !later.after_gap &&
                   later.packet > s.packet;
  }
  acts_.push_back(ActOf(reset_later ? ActKind::kClose : ActKind::kShutdown, s));
  ended_ = true;
}

void Scripter::Reset(const RecordedSegment& s) {
  if (ended_ || record_.refused) return;
  acts_.push_back(ActOf(ActKind::kReset, s));
  ended_ = true;
}

std::vector<Act> Scripter::Run() {
  if (us_ == kClientSide) Connect();
  for (const RecordedSegment& s : record_.segments) {
    if (s.side != us_) continue;
    if (s.after_gap) break;
    if (s.twice) continue;
    if (s.len > 0 && !s.rst() && !ended_) Data(s);
    // Before the FIN or RST everything of the segment is written.
    if (s.fin()) Fin(s);
    if (s.rst()) Reset(s);
    if (!s.rst()) latest_ack_ = std::max(latest_ack_, s.ack);
  }
  return std::move(acts_);
}

}  // namespace

std::vector<Act> TcpScript(const Flow& flow, const TcpRecord& record,
                           const CaptureIndex& index) {
  return Scripter(flow, record, index).Run();
}

}  // namespace splnet
