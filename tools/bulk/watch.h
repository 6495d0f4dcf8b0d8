// Watches the streams that cross a link: round trips as the sender's end of the
// wire sees them, retransmissions, and the sender's congestion window whenever
// an acknowledgement reaches it.

#ifndef SPLNET_TOOLS_BULK_WATCH_H_
#define SPLNET_TOOLS_BULK_WATCH_H_

#include <algorithm>
#include <cstdint>
#include <deque>
#include <vector>

#include "drivers/if_pair.h"
#include "stack/netinet/tcp_var.h"
#include "stack/netstack.h"
#include "tools/simulation.h"

namespace splnet {

// Least, greatest and mean of what was added.
class Range {
 public:
  void Add(uint64_t value) {
    low_ = count_ == 0 ? value : std::min(low_, value);
    high_ = std::max(high_, value);
    sum_ += value;
    ++count_;
  }
  void Add(const Range& other) {
    if (other.empty()) return;
    low_ = empty() ? other.low_ : std::min(low_, other.low_);
    high_ = std::max(high_, other.high_);
    sum_ += other.sum_;
    count_ += other.count_;
  }
  bool empty() const { return count_ == 0; }
  uint64_t count() const { return count_; }
  uint64_t low() const { return low_; }
  uint64_t high() const { return high_; }
  uint64_t mean() const { return count_ == 0 ? 0 : sum_ / count_; }

 private:
  uint64_t count_ = 0;
  uint64_t low_ = 0;
  uint64_t high_ = 0;
  uint64_t sum_ = 0;
};

// One stream: the data of one direction of a connection.
struct WatchedStream {
  Netstack* sender = nullptr;
  Sockaddr from;
  Sockaddr to;

  uint64_t segments = 0;       // with data that the link took
  uint64_t retransmitted = 0;  // of these, with bytes sent before
  Range rtt_ns;
  Range cwnd;  // bytes, as each acknowledgement arrived

  // The sender's control block; null when it is gone.
  const Tcpcb* tcb() const;

 private:
  friend class Watch;
  // A segment that is not acknowledged yet.
  struct Sent {
    uint32_t end;  // sequence number behind it
    SimTime at;
    bool again = false;  // sent more than once: it times nothing (Karn)
  };

  void OnData(uint32_t seq, uint32_t len, SimTime now);
  void OnAck(uint32_t ack, SimTime now);

  bool begun_ = false;
  uint32_t high_ = 0;  // behind the last byte sent, with begun_
  std::deque<Sent> sent_;
};

// Both streams of connection i are between port first_port + i of the link's
// end a and the same port of its end b.
class Watch : public LinkTap {
 public:
  Watch(Host& a, const InAddr& a_addr, Host& b, const InAddr& b_addr,
        uint16_t first_port, size_t connections);

  void OnFrame(const TappedFrame& frame) override;
  void OnArrival(const TappedFrame& frame) override;

  WatchedStream& from_a(size_t i) { return from_a_[i]; }
  WatchedStream& from_b(size_t i) { return from_b_[i]; }

 private:
  uint16_t first_port_;
  std::vector<WatchedStream> from_a_;
  std::vector<WatchedStream> from_b_;
};

}  // namespace splnet

#endif  // SPLNET_TOOLS_BULK_WATCH_H_
