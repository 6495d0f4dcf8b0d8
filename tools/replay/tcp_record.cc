// Reading one TCP connection from the capture.

#include "tools/replay/tcp_record.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "tools/replay/frame_editor.h"

namespace splnet {
namespace {

// How far searches around one segment go: a capture of any content is read in
// a time that grows with its length.
constexpr size_t kSearchLimit = 1024;
constexpr size_t kDuplicateWindow = 8;
constexpr int64_t kDuplicateNs = 1'000'000'000;
constexpr size_t kFirstRoundTrip = 16;        // segments
constexpr uint64_t kMostInvented = 16 << 20;  // bytes before the capture
constexpr std::array<std::byte, 65536> kZeros{};

struct Parsed {
  uint32_t packet;  // index into CaptureIndex::packets
  Packet p;
};

class Recorder {
 public:
  Recorder(const Flow& flow, const CaptureIndex& index)
      : flow_(flow),
        index_(index),
        peer_(flow.role == FlowRole::kClient ? kServerSide : kClientSide) {}

  TcpRecord Run() {
    ReadSyns();
    FindInitialNumbers();
    ChooseScales();
    FindFilledSums();
    record_.segments.reserve(flow_.packets.size());
    for (const uint32_t i : flow_.packets) ReadSegment(Get(i));
    if (record_.invented) FillBeginnings();
    MeasureRoundTrip();
    FindGap();
    FindDuplicateCaptures();
    FindLosses();
    return std::move(record_);
  }

 private:
  RecordedSide& side(int which) {
    return record_.sides[static_cast<size_t>(which)];
  }
  // Taken apart anew each time: a long flow's segments would fill memory.
  Parsed Get(uint32_t packet) const {
    return {packet, index_.packets[packet].Parse()};
  }
  int SideOf(const Parsed& s) const {
    return index_.packets[s.packet].from_client ? kClientSide : kServerSide;
  }
  int64_t TimeOf(const RecordedSegment& s) const {
    return index_.packets[s.packet].due_ns;
  }

  void ReadSyns();
  void FindInitialNumbers();
  uint32_t InventPeerNumber() const;
  uint32_t InventOurNumber() const;
  void ChooseScales();
  uint8_t LeastScale(int which) const;
  void FindFilledSums();
  bool Corrupt(const Parsed& parsed) const;
  void ReadSegment(const Parsed& parsed);
  void NoteSender(RecordedSide& from, const RecordedSide& to,
                  const RecordedSegment& s, const Packet& p);
  void FillBeginnings();
  void MeasureRoundTrip();
  void FindGap();
  bool BeyondGap(const RecordedSegment& s, int which, int64_t end) const;
  void FindDuplicateCaptures();
  bool SamePacket(const RecordedSegment& a, const RecordedSegment& b) const;
  void FindLosses();
  bool Sacked(const RecordedSegment& s, const RecordedSegment& x,
              bool* later) const;
  bool LostAfterTap(size_t first, size_t second) const;

  const Flow& flow_;
  const CaptureIndex& index_;
  const int peer_;
  std::array<bool, 2> filled_{};  // a side's checksums are not left to offload
  TcpRecord record_;
};

void Recorder::ReadSyns() {
  for (const uint32_t packet : flow_.packets) {
    const Parsed s = Get(packet);
    const int which = SideOf(s);
    const bool expected = s.p.tcp.acks() == (which == kServerSide);
    if (!s.p.tcp.syn() || !expected || side(which).has_syn) continue;
    side(which).has_syn = true;
    side(which).syn_options = s.p.tcp.options;
    side(which).ecn = (s.p.tcp.flags & kThEce) != 0;
    side(which).numbers = SerialNumbers(s.p.tcp.seq);
  }
  if (!side(kServerSide).has_syn && side(kClientSide).has_syn) {
    for (const uint32_t packet : flow_.packets) {
      const Parsed s = Get(packet);
      if (SideOf(s) != kServerSide) continue;
      record_.refused = s.p.tcp.rst();
      break;
    }
  }
}

// The peer's: the lowest number of the first round trip.  A keepalive repeats
// a byte that was acknowledged, and does not count.
uint32_t Recorder::InventPeerNumber() const {
  bool found = false;
  bool acked = false;
  uint32_t lowest = 0;
  uint32_t our_ack = 0;
  size_t looked = 0;
  for (const uint32_t packet : flow_.packets) {
    const Parsed s = Get(packet);
    const TcpFields& tcp = s.p.tcp;
    if (SideOf(s) != peer_) {
      if (!acked && tcp.acks()) our_ack = tcp.ack;
      acked |= tcp.acks();
      continue;
    }
    if (++looked > kFirstRoundTrip) break;
    if (tcp.rst()) continue;
    if (acked && s.p.payload_len <= 1 && tcp.seq + 1 == our_ack) continue;
    if (!found || static_cast<int32_t>(tcp.seq - lowest) < 0) lowest = tcp.seq;
    found = true;
  }
  if (!found) return our_ack - 1;
  return lowest - 1;
}

// Ours: the lower of our first number and the peer's lowest acknowledgement.
uint32_t Recorder::InventOurNumber() const {
  bool found = false;
  bool first_seen = false;
  uint32_t lowest = 0;
  size_t looked = 0;
  for (const uint32_t packet : flow_.packets) {
    const Parsed s = Get(packet);
    const TcpFields& tcp = s.p.tcp;
    const bool peers = SideOf(s) == peer_;
    if (peers ? !tcp.acks() : first_seen || tcp.rst()) continue;
    if (peers && ++looked > kFirstRoundTrip) break;
    first_seen |= !peers;
    const uint32_t number = peers ? tcp.ack : tcp.seq;
    if (!found || static_cast<int32_t>(number - lowest) < 0) lowest = number;
    found = true;
  }
  return lowest - 1;
}

void Recorder::FindInitialNumbers() {
  record_.invented = !side(peer_).has_syn;
  for (const int which : {kClientSide, kServerSide}) {
    if (side(which).has_syn) continue;
    // A SYN of the other side's may be acknowledged by what follows it.
    bool found = false;
    for (const uint32_t packet : flow_.packets) {
      const Parsed s = Get(packet);
      const bool tells = SideOf(s) != which && s.p.tcp.acks() &&
                         (s.p.tcp.syn() || side(1 - which).has_syn);
      if (!tells || s.p.tcp.rst()) continue;
      side(which).numbers = SerialNumbers(s.p.tcp.ack - 1);
      found = true;
      break;
    }
    if (found) continue;
    side(which).numbers =
        SerialNumbers(which == peer_ ? InventPeerNumber() : InventOurNumber());
  }
}

// Without its SYN: the least scale under which the other side never sent
// beyond the window.
uint8_t Recorder::LeastScale(int which) const {
  uint8_t scale = 0;
  bool acked = false;
  uint32_t ack = 0;
  uint32_t window = 0;
  for (const uint32_t packet : flow_.packets) {
    const Parsed s = Get(packet);
    const TcpFields& tcp = s.p.tcp;
    if (SideOf(s) == which) {
      if (!tcp.acks() || tcp.syn() || tcp.rst()) continue;
      if (acked && static_cast<int32_t>(tcp.ack - ack) < 0) continue;
      acked = true;
      ack = tcp.ack;
      window = tcp.win;
      continue;
    }
    if (!acked || s.p.payload_len <= 1) continue;
    const auto ahead = static_cast<int32_t>(tcp.seq + s.p.payload_len - ack);
    while (ahead > 0 && scale < kTcpMaxWinShift && window != 0 &&
           static_cast<uint32_t>(ahead) > window << scale) {
      ++scale;
    }
  }
  return scale;
}

void Recorder::ChooseScales() {
  const RecordedSide& client = side(kClientSide);
  const RecordedSide& server = side(kServerSide);
  if (client.has_syn && server.has_syn) {
    if (client.syn_options.has_wscale && server.syn_options.has_wscale) {
      side(kClientSide).scale = client.syn_options.wscale;
      side(kServerSide).scale = server.syn_options.wscale;
    }
    return;
  }
  for (const int which : {kClientSide, kServerSide}) {
    const bool known = side(which).has_syn;
    const TcpOptions& options = side(which).syn_options;
    side(which).scale = known
                            ? (options.has_wscale ? options.wscale : uint8_t{0})
                            : LeastScale(which);
  }
}

void Recorder::NoteSender(RecordedSide& from, const RecordedSide& to,
                          const RecordedSegment& s, const Packet& p) {
  if (s.rst()) {
    from.reset = true;
    return;
  }
  if (s.has(kThAck)) {
    from.max_ack = std::max(from.max_ack, s.ack);
    from.max_window = std::max(from.max_window, s.window);
  }
  if (p.tcp.options.ts_offset != 0 && !from.first_tsval) {
    from.first_tsval = p.tcp.options.tsval;
    from.first_tsval_ns = index_.packets[s.packet].due_ns;
  }
  if (s.fin() && !from.fin) from.fin = s.data_end();
  if (s.len == 0) return;
  const int64_t outstanding = s.begin - std::max<int64_t>(to.max_ack, 1);
  if (s.len < from.max_payload && outstanding > 0) {
    from.short_while_outstanding = true;
  }
  from.max_payload = std::max(from.max_payload, s.len);
  const int64_t in_flight = s.data_end() - std::max<int64_t>(to.max_ack, 1);
  if (in_flight > 0) {
    from.max_in_flight =
        std::max(from.max_in_flight, static_cast<uint64_t>(in_flight));
  }
}

void Recorder::FindFilledSums() {
  for (const uint32_t packet : flow_.packets) {
    const Parsed s = Get(packet);
    bool& filled = filled_[static_cast<size_t>(SideOf(s))];
    if (filled) continue;
    filled = CheckTcpSum(index_.packets[packet].frame(), s.p) == TcpSum::kGood;
    if (filled_[kClientSide] && filled_[kServerSide]) return;
  }
}

// Its receiver dropped it.  A side none of whose sums is good was captured
// before its interface filled them in.
bool Recorder::Corrupt(const Parsed& parsed) const {
  return filled_[static_cast<size_t>(SideOf(parsed))] &&
         CheckTcpSum(index_.packets[parsed.packet].frame(), parsed.p) ==
             TcpSum::kBad;
}

void Recorder::ReadSegment(const Parsed& parsed) {
  const Packet& p = parsed.p;
  const int which = SideOf(parsed);
  RecordedSide& from = side(which);
  RecordedSide& to = side(1 - which);
  RecordedSegment s;
  s.packet = parsed.packet;
  s.side = static_cast<uint8_t>(which);
  s.flags = p.tcp.flags;
  s.sacks = p.tcp.options.sacks != 0;
  s.len = p.payload_len;
  s.begin = from.numbers.Offset(p.tcp.seq);
  if (p.tcp.acks()) s.ack = to.numbers.Offset(p.tcp.ack);
  s.window = uint64_t{p.tcp.win} << (s.syn() ? 0 : from.scale);
  if (Corrupt(parsed)) {
    // Nothing that it says counts.
    record_.segments.push_back(s);
    return;
  }
  if (!s.rst()) from.numbers.Advance(s.end());
  if (p.tcp.acks() && !s.rst()) to.numbers.Advance(s.ack);
  const auto payload = p.Payload(index_.packets[s.packet].frame());
  if (s.data_begin() >= 1) {
    from.stream.Add(static_cast<uint64_t>(s.data_begin() - 1), payload);
  } else if (s.data_end() > 1 && payload.size() == s.len) {
    from.stream.Add(0, payload.last(static_cast<size_t>(s.data_end() - 1)));
  }
  NoteSender(from, to, s, p);
  record_.segments.push_back(s);
}

// Bytes from before the capture are zeros.
void Recorder::FillBeginnings() {
  for (RecordedSide& from : record_.sides) {
    const uint64_t stop = from.stream.begin();
    if (stop > kMostInvented) continue;  // a gap, and no beginning
    for (uint64_t at = 0; at < stop; at += kZeros.size()) {
      from.stream.Add(at, std::span(kZeros).first(static_cast<size_t>(
                              std::min<uint64_t>(kZeros.size(), stop - at))));
    }
  }
}

void Recorder::MeasureRoundTrip() {
  const RecordedSegment* syn = nullptr;
  for (const RecordedSegment& s : record_.segments) {
    if (s.side != kClientSide) continue;
    if (s.syn()) {
      syn = &s;
    } else if (syn != nullptr && s.has(kThAck) && s.ack >= 1) {
      record_.round_trip_ns = TimeOf(s) - TimeOf(*syn);
      return;
    }
  }
}

bool Recorder::BeyondGap(const RecordedSegment& s, int which,
                         int64_t end) const {
  return s.side == which ? s.data_end() > end && s.len > 0 : s.ack > end;
}

// Bytes that were acknowledged and that the capture lacks.
void Recorder::FindGap() {
  for (const int which : {kClientSide, kServerSide}) {
    const RecordedSide& from = record_.side(which);
    auto end = static_cast<int64_t>(from.stream.contiguous()) + 1;
    const bool fin_here = from.fin == end;
    if (record_.side(1 - which).max_ack <= end + (fin_here ? 1 : 0)) continue;
    // A FIN alone may be what the capture lacks.
    if (fin_here) ++end;
    for (uint32_t i = 0; i < record_.segments.size(); ++i) {
      if (!BeyondGap(record_.segments[i], which, end)) continue;
      if (!record_.gap || i < *record_.gap) record_.gap = i;
      break;
    }
  }
  if (!record_.gap) return;
  for (size_t i = *record_.gap; i < record_.segments.size(); ++i) {
    record_.segments[i].after_gap = true;
  }
}

bool Recorder::SamePacket(const RecordedSegment& a,
                          const RecordedSegment& b) const {
  const CapturedPacket& pa = index_.packets[a.packet];
  const CapturedPacket& pb = index_.packets[b.packet];
  if (pb.due_ns - pa.due_ns > kDuplicateNs) return false;
  const Packet x = pa.Parse();
  const Packet y = pb.Parse();
  // A retransmission has an IP identification of its own, unless the sender
  // leaves it at 0.
  if (x.ip_id == 0 && pa.interface == pb.interface) return false;
  const auto xb = pa.frame().subspan(x.l3, x.end - x.l3);
  const auto yb = pb.frame().subspan(y.l3, y.end - y.l3);
  return xb.size() == yb.size() &&
         std::memcmp(xb.data(), yb.data(), xb.size()) == 0;
}

void Recorder::FindDuplicateCaptures() {
  auto& segments = record_.segments;
  for (size_t i = 1; i < segments.size(); ++i) {
    RecordedSegment& s = segments[i];
    for (size_t back = 1; back <= std::min(i, kDuplicateWindow); ++back) {
      const RecordedSegment& before = segments[i - back];
      if (before.side == s.side && before.begin == s.begin &&
          before.ack == s.ack && before.len == s.len &&
          before.flags == s.flags && SamePacket(before, s)) {
        s.twice = true;
        break;
      }
    }
  }
}

void Recorder::FindLosses() {
  std::map<int64_t, size_t> copies;  // of the peer's data, by where it begins
  auto& segments = record_.segments;
  for (size_t i = 0; i < segments.size(); ++i) {
    const RecordedSegment& s = segments[i];
    if (s.side != peer_ || s.len == 0 || s.twice) continue;
    const auto [first, fresh] = copies.try_emplace(s.begin, i);
    if (fresh) continue;
    if (segments[first->second].end() <= s.end() &&
        LostAfterTap(first->second, i)) {
      segments[first->second].lost = true;
    }
    first->second = i;
  }
}

// Whether the SACK blocks of `s` cover `x`; or anything later.
bool Recorder::Sacked(const RecordedSegment& s, const RecordedSegment& x,
                      bool* later) const {
  const TcpOptions options = index_.packets[s.packet].Parse().tcp.options;
  const SerialNumbers& numbers = record_.side(peer_).numbers;
  for (size_t b = 0; b < options.sacks; ++b) {
    const int64_t left = numbers.Offset(options.sack[b].left);
    const int64_t right = numbers.Offset(options.sack[b].right);
    if (left <= x.begin && right >= x.end()) return true;
    *later |= left >= x.end();
  }
  return false;
}

// Nothing covers the first copy before the second, while our
// captured end acknowledged less at least a round trip later, and SACKed or
// repeated that acknowledgement for later data.
bool Recorder::LostAfterTap(size_t first, size_t second) const {
  const RecordedSegment& x = record_.segments[first];
  bool repeated = false;
  int64_t last_ack = -1;
  const size_t stop = std::min(second, first + kSearchLimit);
  for (size_t i = first + 1; i < stop; ++i) {
    const RecordedSegment& s = record_.segments[i];
    if (s.side == peer_ || s.ack < 0 || s.rst()) continue;
    if (s.ack >= x.end()) return false;
    bool sacks_later = false;
    if (s.sacks && Sacked(s, x, &sacks_later)) return false;
    const bool late = TimeOf(s) >= TimeOf(x) + record_.round_trip_ns;
    if (late && s.ack <= x.begin && (sacks_later || s.ack == last_ack)) {
      repeated = true;
    }
    last_ack = s.ack;
  }
  return repeated;
}

}  // namespace

TcpRecord RecordTcp(const Flow& flow, const CaptureIndex& index) {
  return Recorder(flow, index).Run();
}

}  // namespace splnet
