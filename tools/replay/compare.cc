// Our segments beside the captured end's.

#include "tools/replay/compare.h"

#include <algorithm>
#include <deque>
#include <map>
#include <string>
#include <tuple>

#include "tools/replay/notation.h"

namespace splnet {
namespace {

// What makes two segments the same; other fields are notes.
using Shape = std::tuple<int64_t, uint32_t, uint8_t>;
constexpr uint8_t kShapeFlags = kThSyn | kThFin | kThRst | kThUrg;

class Comparer {
 public:
  Comparer(TcpLane& lane, CaptureIndex& index, DifferenceLog& differences)
      : lane_(lane),
        index_(index),
        differences_(differences),
        us_(lane.flow().role == FlowRole::kClient ? kClientSide : kServerSide) {
  }

  TcpComparison Run();

 private:
  void IndexSent();
  void Judge(const RecordedSegment& s);
  Verdict JudgeSequence(const RecordedSegment& s);
  Verdict JudgeAck(const RecordedSegment& s);
  void NoteDifferences(const RecordedSegment& s, const SentSegment& ours);
  void Note(Difference kind, const RecordedSegment* s, const SentSegment* ours);
  void CountExtra();
  const SentSegment* SentAt(int64_t begin) const;
  std::string CapturedText(const RecordedSegment& s) const;
  std::string SentText(const SentSegment& s) const;

  TcpLane& lane_;
  CaptureIndex& index_;
  DifferenceLog& differences_;
  const int us_;
  std::map<Shape, std::deque<size_t>> by_shape_;  // of sequence space
  std::map<int64_t, std::deque<size_t>> acks_;    // without
  std::map<int64_t, size_t> by_ack_;              // first with that number
  std::map<int64_t, size_t> by_begin_;            // first with such a begin
  RangeSet sent_;
  int64_t captured_frontier_ = 0;
  TcpComparison result_;
};

void Comparer::IndexSent() {
  const auto& sent = lane_.sent();
  for (size_t i = 0; i < sent.size(); ++i) {
    const SentSegment& s = sent[i];
    if (s.ack >= 0) by_ack_.try_emplace(s.ack, i);
    if (s.begin == s.end() && !s.tcp.rst()) {
      acks_[s.ack].push_back(i);
      continue;
    }
    by_shape_[{s.begin, s.len, s.tcp.flags & kShapeFlags}].push_back(i);
    if (s.begin < 0 || s.tcp.rst()) continue;
    by_begin_.try_emplace(s.begin, i);
    sent_.Add(static_cast<uint64_t>(s.begin), static_cast<uint64_t>(s.end()));
  }
}

const SentSegment* Comparer::SentAt(int64_t begin) const {
  auto at = by_begin_.upper_bound(begin);
  if (at == by_begin_.begin()) return nullptr;
  return &lane_.sent()[std::prev(at)->second];
}

std::string Comparer::CapturedText(const RecordedSegment& s) const {
  const CapturedPacket& entry = index_.packets[s.packet];
  const TcpRecord& record = lane_.record();
  return PacketNotation(entry.Parse(), entry.frame(),
                        record.side(us_).numbers.iss(),
                        record.side(1 - us_).numbers.iss());
}

std::string Comparer::SentText(const SentSegment& s) const {
  const auto wire_len = static_cast<uint32_t>(s.header.size() + s.len);
  const Packet packet = ParsePacket(kLinkTypeEthernet, s.header, wire_len);
  return PacketNotation(packet, s.header, lane_.our_iss(),
                        lane_.record().side(1 - us_).numbers.iss());
}

void Comparer::Note(Difference kind, const RecordedSegment* s,
                    const SentSegment* ours) {
  if (!differences_.Count(kind)) return;
  differences_.SetExample(kind,
                          s == nullptr ? 0 : index_.packets[s->packet].number,
                          s == nullptr ? "" : CapturedText(*s),
                          ours == nullptr ? "" : SentText(*ours));
}

void Comparer::NoteDifferences(const RecordedSegment& s,
                               const SentSegment& ours) {
  const Packet packet = index_.packets[s.packet].Parse();
  const TcpFields& a = packet.tcp;
  const TcpFields& b = ours.tcp;
  constexpr uint8_t kEcnFlags = kThEce | kThCwr;
  if (s.ack != ours.ack) Note(Difference::kAck, &s, &ours);
  if (a.win != b.win) Note(Difference::kWindow, &s, &ours);
  if (((a.flags ^ b.flags) & kThPush) != 0) {
    Note(Difference::kPush, &s, &ours);
  }
  if (((a.flags ^ b.flags) & kEcnFlags) != 0) Note(Difference::kEcn, &s, &ours);
  const TcpOptions& x = a.options;
  const TcpOptions& y = b.options;
  if (x.mss != y.mss || x.has_wscale != y.has_wscale || x.wscale != y.wscale ||
      x.sack_permitted != y.sack_permitted ||
      (x.ts_offset == 0) != (y.ts_offset == 0) || x.sacks != y.sacks) {
    Note(Difference::kOptions, &s, &ours);
  } else if (x.tsval != y.tsval || x.tsecr != y.tsecr) {
    Note(Difference::kTimestamps, &s, &ours);
  }
  if (packet.ttl != ours.ttl) Note(Difference::kTtl, &s, &ours);
  if (packet.tos != ours.tos) Note(Difference::kTos, &s, &ours);
}

Verdict Comparer::JudgeSequence(const RecordedSegment& s) {
  const bool repeats = s.end() <= captured_frontier_;
  if (!s.rst()) captured_frontier_ = std::max(captured_frontier_, s.end());
  const auto same = by_shape_.find({s.begin, s.len, s.flags & kShapeFlags});
  if (same != by_shape_.end() && !same->second.empty()) {
    SentSegment& ours = lane_.sent()[same->second.front()];
    same->second.pop_front();
    ours.matched = true;
    NoteDifferences(s, ours);
    return Verdict::kReproduced;
  }
  const bool covered = !s.rst() && s.begin >= 0 &&
                       sent_.Covers(static_cast<uint64_t>(s.begin),
                                    static_cast<uint64_t>(s.end()));
  if (!covered) {
    Note(Difference::kMissing, &s, nullptr);
    return Verdict::kNotReproduced;
  }
  Note(repeats ? Difference::kCoveredOnce : Difference::kCut, &s,
       SentAt(s.begin));
  return repeats ? Verdict::kCovered : Verdict::kCutDifferently;
}

Verdict Comparer::JudgeAck(const RecordedSegment& s) {
  const auto same = acks_.find(s.ack);
  if (same != acks_.end() && !same->second.empty()) {
    SentSegment& ours = lane_.sent()[same->second.front()];
    same->second.pop_front();
    ours.matched = true;
    NoteDifferences(s, ours);
    return Verdict::kReproduced;
  }
  const auto at = by_ack_.lower_bound(s.ack);
  if (at == by_ack_.end()) {
    Note(Difference::kMissing, &s, nullptr);
    return Verdict::kNotReproduced;
  }
  if (at->first == s.ack) return Verdict::kReproduced;
  Note(Difference::kAckedOtherwise, &s, &lane_.sent()[at->second]);
  return Verdict::kAcknowledgedOtherwise;
}

void Comparer::Judge(const RecordedSegment& s) {
  CapturedPacket& entry = index_.packets[s.packet];
  if (s.side != us_ || entry.verdict != Verdict::kPending) return;
  const bool sequence = s.begin != s.end() || s.rst();
  entry.verdict = sequence ? JudgeSequence(s) : JudgeAck(s);
  if (s.len == 0) return;
  ++result_.data_segments;
  if (entry.verdict == Verdict::kReproduced) ++result_.data_reproduced;
}

// What only our side sent: not the bytes that the captured end sent in other
// segments.
void Comparer::CountExtra() {
  RangeSet seen;
  for (const SentSegment& s : lane_.sent()) {
    const auto begin = static_cast<uint64_t>(std::max<int64_t>(s.begin, 0));
    const auto end = static_cast<uint64_t>(std::max<int64_t>(s.end(), 0));
    const bool fresh = begin < end && !seen.Covers(begin, end);
    if (!s.tcp.rst()) seen.Add(begin, end);
    if (s.matched || fresh) continue;
    ++result_.extra;
    Note(Difference::kExtra, nullptr, &s);
  }
}

TcpComparison Comparer::Run() {
  IndexSent();
  for (const RecordedSegment& s : lane_.record().segments) Judge(s);
  CountExtra();
  return result_;
}

}  // namespace

TcpComparison CompareTcp(TcpLane& lane, CaptureIndex& index,
                         DifferenceLog& differences) {
  return Comparer(lane, index, differences).Run();
}

}  // namespace splnet
