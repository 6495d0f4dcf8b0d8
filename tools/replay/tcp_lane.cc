// The captured peer of one TCP connection.

#include "tools/replay/tcp_lane.h"

#include <algorithm>

#include "stack/netinet/tcp_syncache.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

uint8_t SynScale(const RecordedSide& side) {
  return side.syn_options.has_wscale ? side.syn_options.wscale : side.scale;
}

}  // namespace

TcpLane::TcpLane(const Flow& flow, CaptureIndex& index, const TcpRecord& record,
                 TcpEnd& end, ReplayWire& wire, LaneDriver& driver)
    : flow_(flow),
      index_(index),
      record_(record),
      end_(end),
      wire_(wire),
      driver_(driver),
      us_(flow.role == FlowRole::kClient ? kClientSide : kServerSide),
      ours_(record.side(us_)),
      peer_(record.side(1 - us_)),
      our_numbers_(ours_.numbers.iss()),
      peer_numbers_(peer_.numbers.iss()) {
  AddFrames();
}

void TcpLane::AddFrames() {
  if (record_.invented) InventHandshake();
  for (uint32_t i = 0; i < record_.segments.size(); ++i) {
    const RecordedSegment& s = record_.segments[i];
    CapturedPacket& entry = index_.packets[s.packet];
    if (s.after_gap) {
      entry.verdict = Verdict::kAfterGap;
    } else if (s.twice) {
      entry.verdict = Verdict::kDuplicateCapture;
    } else if (s.side == us_) {
      continue;  // CompareTcp() finds its verdict
    } else if (s.lost) {
      entry.verdict = Verdict::kLostAfterTap;
    } else if (entry.Parse().truncated) {
      entry.verdict = Verdict::kUnusable;
      entry.why = Unusable::kTruncated;
    } else {
      Frame frame;
      frame.segment = i;
      frame.due = entry.due_ns;
      frames_.push_back(std::move(frame));
    }
  }
}

// The peer's part of a handshake that the capture lacks.
void TcpLane::InventHandshake() {
  if (record_.segments.empty()) return;
  const int64_t due = index_.packets[record_.segments.front().packet].due_ns;
  if (us_ == kServerSide) {
    frames_.push_back(MakeFrame(kThSyn, 0, -1, due));
    frames_.push_back(MakeFrame(kThAck, 1, 1, due));
  } else {
    frames_.push_back(MakeFrame(kThSyn | kThAck, 0, 1, due));
  }
}

TcpLane::Frame TcpLane::MakeFrame(uint8_t flags, int64_t begin, int64_t ack,
                                  int64_t due) const {
  MadeSegment made;
  made.src = end_.remote;
  made.dst = end_.local;
  made.ether_src = wire_.NeighbourStation(end_.remote.addr);
  made.ether_dst = wire_.station();
  made.seq = peer_numbers_.Number(begin);
  made.ack = ack < 0 ? 0 : our_numbers_.Number(ack);
  made.flags = flags;
  const auto put = [&made](std::initializer_list<int> bytes) {
    for (const int b : bytes) made.options.push_back(std::byte(b));
  };
  const bool syn = (flags & kThSyn) != 0;
  if (syn) {
    const auto mss = static_cast<uint16_t>(std::clamp<uint32_t>(
        std::max(ours_.max_payload, peer_.max_payload), 536, 1460));
    put({kTcpOptMss, 4, mss >> 8, mss & 0xff});
    put({kTcpOptNop, kTcpOptWscale, 3, SynScale(peer_)});
  }
  if (peer_.first_tsval) {
    const uint32_t tsval = *peer_.first_tsval;
    put({kTcpOptNop, kTcpOptNop, kTcpOptTimestamp, 10});
    for (const int shift : {24, 16, 8, 0}) put({int(tsval >> shift & 0xff)});
    put({0, 0, 0, 0});
  }
  const uint64_t window = std::max<uint64_t>(peer_.max_window, 1);
  made.win = static_cast<uint16_t>(
      std::min<uint64_t>(window >> (syn ? 0 : SynScale(peer_)), kTcpMaxWin));
  Frame frame;
  frame.made = true;
  frame.due = due;
  frame.bytes = MakeSegment(made);
  frame.view.side = static_cast<uint8_t>(1 - us_);
  frame.view.flags = flags;
  frame.view.begin = begin;
  frame.view.ack = ack;
  frame.view.window = window;
  return frame;
}

const RecordedSegment& TcpLane::Head() const {
  const Frame& frame = frames_[head_];
  return frame.made ? frame.view : record_.segments[frame.segment];
}

bool TcpLane::AckAllowed(const RecordedSegment& s) const {
  return s.ack <= snd_max_;
}

bool TcpLane::WindowAllowed(const RecordedSegment& s) const {
  return s.len == 0 || s.syn() || s.rst() || s.data_end() <= our_edge_;
}

bool TcpLane::PcbGone() const {
  Netstack& ns = wire_.host().ns;
  return began_ &&
         in_pcblookup_exact(ns.tcbtable, end_.remote, end_.local) == nullptr &&
         syn_cache_lookup(ns, end_.remote, end_.local) == nullptr;
}

bool TcpLane::DelayedAckPending() const {
  const Inpcb* const inp =
      in_pcblookup_exact(wire_.host().ns.tcbtable, end_.remote, end_.local);
  return inp != nullptr && inp->tcpcb != nullptr &&
         inp->tcpcb->delack.pending();
}

int64_t TcpLane::NextTime() const {
  if (head_ >= frames_.size()) return kNever;
  const int64_t due = HeadDue();
  if (due > driver_.now_ns()) return due;
  return std::max(due, progress_ns_) + kBlockedNs;
}

bool TcpLane::Step(int64_t now) {
  if (head_ >= frames_.size() || HeadDue() > now) return false;
  const RecordedSegment& s = Head();
  if (!gone_ && PcbGone()) gone_ = true;
  if (gone_) {
    InjectHead(now, s.ack, false);
    return true;
  }
  const bool forced = now >= std::max(HeadDue(), progress_ns_) + kBlockedNs;
  if (ack_pending_) {
    if (!AckAllowed(s) && !forced) return false;
    const int64_t ack = std::min(s.ack, snd_max_);
    const bool news = ack > acked_;
    if (news) InjectAck(ack);
    Advance();
    return true;
  }
  // A peer that was asked nothing yet does not answer.
  if (s.syn() && s.has(kThAck) && !began_ && !forced) return false;
  if (!forced && (!AckAllowed(s) || !WindowAllowed(s))) return false;
  InjectHead(now, std::min(s.ack, snd_max_), false);
  return true;
}

bool TcpLane::HeldUp(int64_t now) {
  if (head_ >= frames_.size() || HeadDue() > now || gone_) return false;
  const RecordedSegment& s = Head();
  if (s.syn() || s.ack < 0) return false;
  const int64_t ack = std::min(s.ack, snd_max_);
  if (AckAllowed(s)) {
    // It waits for our window, which a delayed ACK may still open.
    if (ack_pending_ || DelayedAckPending() || ack <= acked_) return false;
    InjectAck(ack);
    return true;
  }
  const bool carries = (s.len > 0 || s.fin()) && !s.rst();
  if (!ack_pending_ && carries && WindowAllowed(s)) {
    InjectHead(now, ack, true);
    return true;
  }
  if (ack <= acked_) return false;
  InjectAck(ack);
  return true;
}

void TcpLane::Advance() {
  ++head_;
  ack_pending_ = false;
  adapted_ = 0;
}

// SACK blocks beyond what our side has sent are trimmed.
void TcpLane::TrimSack(FrameEditor& editor, const RecordedSegment& s) {
  const TcpOptions& options = editor.packet().tcp.options;
  if (options.sacks == 0) return;
  std::vector<SackBlock> kept;
  bool trimmed = our_numbers_.iss() != ours_.numbers.iss();
  SerialNumbers captured = ours_.numbers;
  captured = SerialNumbers(ours_.numbers.iss());
  captured.Advance(s.ack);
  for (size_t i = 0; i < options.sacks; ++i) {
    const int64_t left = captured.Offset(options.sack[i].left);
    const int64_t right = captured.Offset(options.sack[i].right);
    trimmed |= right > snd_max_;
    if (left >= snd_max_) continue;
    kept.push_back({our_numbers_.Number(left),
                    our_numbers_.Number(std::min(right, snd_max_))});
  }
  if (!trimmed) return;
  editor.SetSack(kept);
  adapted_ |= kAdaptedSack;
}

// The peer's header fields as they must be in this run, where it acknowledges
// no more than `ack`.
void TcpLane::Adapt(FrameEditor& editor, const RecordedSegment& s,
                    int64_t ack) {
  if (!s.has(kThAck)) return;
  peer_edge_ = std::max(peer_edge_, s.ack + static_cast<int64_t>(s.window));
  editor.SetAck(our_numbers_.Number(ack));
  if (ack < s.ack) {
    adapted_ |= kAdaptedAck;
    // The right edge stays where the captured peer's is, as near as the scale
    // allows.
    const uint8_t scale = s.syn() ? 0 : peer_.scale;
    const int64_t window =
        std::clamp<int64_t>((peer_edge_ - ack) >> scale, 0, kTcpMaxWin);
    if (window != editor.packet().tcp.win) adapted_ |= kAdaptedWindow;
    editor.SetWindow(static_cast<uint16_t>(window));
  }
  if (ts_recent_) editor.SetTsecr(*ts_recent_);
  TrimSack(editor, s);
}

// A new incarnation silently removes what is left of the old one.
void TcpLane::BeginIncarnation(const RecordedSegment& s) {
  if (began_) return;
  driver_.Begin(*this);
  if (!s.syn() || s.has(kThAck)) return;
  InpcbTable& table = wire_.host().ns.tcbtable;
  Inpcb* const old = in_pcblookup_exact(table, end_.remote, end_.local);
  if (old != nullptr && old->tcpcb != nullptr) tcp_close(*old->tcpcb);
  syn_cache_remove(wire_.host().ns, end_.remote, end_.local);
  Inpcb* const listener = in_pcblookup_local(table, end_.local);
  if (listener != nullptr) PrepareSocket(*listener->so, end_);
}

void TcpLane::InjectHead(int64_t now, int64_t ack, bool keep_ack) {
  const Frame& frame = frames_[head_];
  const RecordedSegment s = Head();
  const uint32_t packet = frame.made ? kNoPacket : s.packet;
  if (frame.made) {
    editor_.Load(frame.bytes,
                 ParsePacket(kLinkTypeEthernet, frame.bytes,
                             static_cast<uint32_t>(frame.bytes.size())),
                 wire_.NeighbourStation(end_.remote.addr), wire_.station());
  } else {
    const CapturedPacket& entry = index_.packets[packet];
    editor_.Load(entry.frame(), entry.Parse(),
                 wire_.NeighbourStation(end_.remote.addr), wire_.station());
  }
  if (!gone_) Adapt(editor_, s, ack);
  if (now > frame.due) adapted_ |= kAdaptedTime;
  if (packet != kNoPacket) index_.packets[packet].adapted |= adapted_;
  BeginIncarnation(s);
  if (s.has(kThAck)) acked_ = std::max(acked_, ack);
  injected_rst_ |= s.rst();
  began_ = true;
  progress_ns_ = now;
  // Before the host answers: that comes back into this lane.
  if (keep_ack) {
    ack_pending_ = true;
  } else {
    Advance();
  }
  wire_.Inject(editor_.bytes(), packet);
}

void TcpLane::InjectAck(int64_t ack) {
  const RecordedSegment& s = Head();
  if (frames_[head_].made) return;
  const CapturedPacket& entry = index_.packets[s.packet];
  editor_.Load(entry.frame(), entry.Parse(),
               wire_.NeighbourStation(end_.remote.addr), wire_.station());
  editor_.MakePureAck();
  if (ack_pending_) editor_.SetSeq(peer_numbers_.Number(s.end()));
  Adapt(editor_, s, ack);
  index_.packets[s.packet].adapted |= adapted_;
  acked_ = std::max(acked_, ack);
  progress_ns_ = driver_.now_ns();
  ++helper_acks_;
  wire_.Inject(editor_.bytes(), kNoPacket);
}

void TcpLane::CheckOurBytes(const SentSegment& s,
                            std::span<const std::byte> payload) {
  if (s.len == 0 || s.data_begin() < 1) return;
  const auto at = static_cast<uint64_t>(s.data_begin() - 1);
  sent_ranges_.Add(at, at + s.len);
  if (!sent_difference_) {
    sent_difference_ = ours_.stream.FirstDifference(at, payload);
  }
}

void TcpLane::NoteOurSegment(const Packet& packet, const SentSegment& s) {
  const TcpFields& tcp = packet.tcp;
  if (tcp.rst()) {
    sent_rst_ = gone_ = true;
    return;
  }
  const bool news = s.end() > snd_max_;
  snd_max_ = std::max(snd_max_, s.end());
  our_numbers_.Advance(s.end());
  sent_fin_ |= tcp.fin();
  // RFC 7323 section 4.3, from where the peer stands.
  if (tcp.options.ts_offset != 0 &&
      (!ts_recent_ ||
       (static_cast<int32_t>(tcp.options.tsval - *ts_recent_) >= 0 &&
        s.begin <= acked_))) {
    ts_recent_ = tcp.options.tsval;
  }
  if (!tcp.acks()) {
    if (news) progress_ns_ = driver_.now_ns();
    return;
  }
  const int64_t edge =
      s.ack + (int64_t{tcp.win} << (tcp.syn() ? 0 : our_scale_));
  if (news || edge > our_edge_) progress_ns_ = driver_.now_ns();
  our_edge_ = edge;
}

void TcpLane::OnTransmit(const Packet& packet,
                         std::span<const std::byte> frame) {
  const TcpFields& tcp = packet.tcp;
  if (tcp.syn()) {
    our_numbers_ = SerialNumbers(tcp.seq);
    const bool scaled = tcp.options.has_wscale &&
                        (!peer_.has_syn || peer_.syn_options.has_wscale);
    our_scale_ = scaled ? tcp.options.wscale : 0;
  }
  began_ = true;
  SentSegment s;
  s.time_ns = driver_.now_ns();
  s.begin = our_numbers_.Offset(tcp.seq);
  s.ack = tcp.acks() ? peer_numbers_.Offset(tcp.ack) : -1;
  if (s.ack >= 0) peer_numbers_.Advance(s.ack);
  s.len = packet.payload_len;
  s.ttl = packet.ttl;
  s.tos = packet.tos;
  s.tcp = tcp;
  s.header.assign(frame.begin(), frame.begin() + packet.payload);
  CheckOurBytes(s, packet.Payload(frame));
  NoteOurSegment(packet, s);
  sent_.push_back(std::move(s));
  driver_.Touch(*this);
}

void TcpLane::Finish() {
  for (; head_ < frames_.size(); Advance()) {
    if (frames_[head_].made || ack_pending_) continue;
    index_.packets[Head().packet].verdict = Verdict::kNeverReleased;
  }
}

}  // namespace splnet
