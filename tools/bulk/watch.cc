// Reads the TCP headers of frames on a link.

#include "tools/bulk/watch.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "stack/net/if_ethersubr.h"
#include "stack/netinet/in_pcb.h"
#include "stack/netinet/ip.h"
#include "stack/netinet/tcp.h"
#include "stack/netinet/tcp_seq.h"

namespace splnet {
namespace {

struct Segment {
  uint16_t port;  // of both ends
  uint8_t flags;
  uint32_t seq;
  uint32_t ack;
  uint32_t len;  // bytes of data
};

// The TCP segment in a frame; nothing for any other, and for fragments.
std::optional<Segment> ParseSegment(std::span<const std::byte> bytes) {
  IpHeader ip;
  TcpHeader th;
  if (bytes.size() < kEtherHdrLen + sizeof ip + sizeof th) return std::nullopt;
  std::memcpy(&ip, &bytes[kEtherHdrLen], sizeof ip);
  if (ip.vhl != 0x45 || ip.p != kIpProtoTcp) return std::nullopt;
  std::memcpy(&th, &bytes[kEtherHdrLen + sizeof ip], sizeof th);
  const size_t header = sizeof ip + size_t{4} * (th.off_x2 >> 4);
  if (ip.len < header || th.sport != th.dport) return std::nullopt;
  return Segment{th.sport, th.flags, th.seq, th.ack,
                 static_cast<uint32_t>(ip.len - header)};
}

}  // namespace

const Tcpcb* WatchedStream::tcb() const {
  const Inpcb* const inp = in_pcblookup_exact(sender->tcbtable, to, from);
  return inp == nullptr ? nullptr : inp->tcpcb.get();
}

void WatchedStream::OnData(uint32_t seq, uint32_t len, SimTime now) {
  ++segments;
  const uint32_t end = seq + len;
  if (!begun_) high_ = seq;
  begun_ = true;
  if (seq_geq(seq, high_)) {
    high_ = end;
    sent_.push_back({end, now});
    return;
  }
  ++retransmitted;
  // Segments end where they did, or are cut anew: whatever reaches into these
  // bytes is no measure any more.
  for (Sent& sent : sent_) sent.again |= seq_gt(sent.end, seq);
  if (seq_gt(end, high_)) {
    high_ = end;
    sent_.push_back({end, now, true});
  }
}

void WatchedStream::OnAck(uint32_t ack, SimTime now) {
  std::optional<Sent> last;
  bool again = false;
  while (!sent_.empty() && seq_leq(sent_.front().end, ack)) {
    last = sent_.front();
    again |= last->again;
    sent_.pop_front();
  }
  if (last && !again) {
    rtt_ns.Add(static_cast<uint64_t>(Nanoseconds(now - last->at).count()));
  }
  const Tcpcb* const tp = tcb();
  if (tp != nullptr && tcps_haveestablished(tp->state)) cwnd.Add(tp->snd_cwnd);
}

Watch::Watch(Host& a, const InAddr& a_addr, Host& b, const InAddr& b_addr,
             uint16_t first_port, size_t connections)
    : first_port_(first_port), from_a_(connections), from_b_(connections) {
  for (size_t i = 0; i < connections; ++i) {
    const auto port = static_cast<uint16_t>(first_port + i);
    from_a_[i].sender = &a.ns;
    from_b_[i].sender = &b.ns;
    from_a_[i].from = from_b_[i].to = Sockaddr(a_addr, port);
    from_b_[i].from = from_a_[i].to = Sockaddr(b_addr, port);
  }
}

void Watch::OnFrame(const TappedFrame& frame) {
  const std::optional<Segment> s = ParseSegment(frame.bytes);
  if (!s || s->len == 0) return;
  const size_t i = size_t{s->port} - first_port_;
  if (i >= from_a_.size()) return;
  (frame.from_a ? from_a_ : from_b_)[i].OnData(s->seq, s->len, frame.time);
}

void Watch::OnArrival(const TappedFrame& frame) {
  const std::optional<Segment> s = ParseSegment(frame.bytes);
  if (!s || (s->flags & kThAck) == 0) return;
  const size_t i = size_t{s->port} - first_port_;
  if (i >= from_a_.size()) return;
  // What arrives from one end acknowledges the other's stream.
  (frame.from_a ? from_b_ : from_a_)[i].OnAck(s->ack, frame.time);
}

}  // namespace splnet
