// TCP's counters, and what it keeps for a whole host.
//
// A header of its own: netstack.h needs these and not the control block.

#ifndef SPLNET_STACK_NETINET_TCP_STAT_H_
#define SPLNET_STACK_NETINET_TCP_STAT_H_

#include <cstdint>
#include <memory>

#include "stack/kern/random.h"
#include "stack/kern/time.h"

namespace splnet {

class SynCache;
struct Netstack;

// Counters; those of BSD's struct tcpstat keep their stems.
struct TcpStat {
  // Opening and closing.
  uint64_t connattempt = 0;  // active opens
  uint64_t accepts = 0;      // passive opens
  uint64_t connects = 0;     // connections established
  uint64_t drops = 0;        // established ones dropped
  uint64_t conndrops = 0;    // embryonic ones dropped
  uint64_t closed = 0;       // control blocks closed
  uint64_t listendrop = 0;   // SYNs refused: listen queue full or no memory
  // Round trips and timers.
  uint64_t segstimed = 0;
  uint64_t rttupdated = 0;
  uint64_t delack = 0;       // delayed ACKs sent by the timer
  uint64_t rexmttimeo = 0;   // retransmission timeouts
  uint64_t timeoutdrop = 0;  // connections given up for them
  uint64_t persisttimeo = 0;
  uint64_t persistdrop = 0;
  uint64_t keeptimeo = 0;
  uint64_t keepprobe = 0;
  uint64_t keepdrops = 0;
  // Sent.
  uint64_t sndtotal = 0;  // segments
  uint64_t sndpack = 0;   // with data
  uint64_t sndbyte = 0;
  uint64_t sndrexmitpack = 0;
  uint64_t sndrexmitbyte = 0;
  uint64_t sndrexmitfast = 0;  // fast retransmits
  uint64_t sndacks = 0;        // only acknowledging
  uint64_t sndprobe = 0;       // window probes
  uint64_t sndurg = 0;
  uint64_t sndwinup = 0;    // window updates
  uint64_t sndctrl = 0;     // SYN, FIN, RST
  uint64_t sndrst = 0;      // RSTs to segments without a connection
  uint64_t rstlimited = 0;  // ... and those that the limit kept back
  uint64_t challenge = 0;   // challenge ACKs, RFC 5961
  uint64_t challengelimited = 0;
  // Received.
  uint64_t rcvtotal = 0;
  uint64_t rcvpack = 0;  // in sequence
  uint64_t rcvbyte = 0;
  uint64_t rcvbadsum = 0;
  uint64_t rcvbadoff = 0;
  uint64_t rcvshort = 0;
  uint64_t rcvnoport = 0;
  uint64_t rcvduppack = 0;  // nothing new in them
  uint64_t rcvdupbyte = 0;
  uint64_t rcvpartduppack = 0;
  uint64_t rcvpartdupbyte = 0;
  uint64_t rcvoopack = 0;  // out of order
  uint64_t rcvoobyte = 0;
  uint64_t rcvpackafterwin = 0;
  uint64_t rcvbyteafterwin = 0;
  uint64_t rcvafterclose = 0;
  uint64_t rcvmemdrop = 0;  // out-of-order segments that the limit dropped
  uint64_t rcvwinprobe = 0;
  uint64_t rcvdupack = 0;
  uint64_t rcvacktoomuch = 0;
  uint64_t rcvackpack = 0;
  uint64_t rcvackbyte = 0;
  uint64_t rcvwinupd = 0;
  uint64_t pawsdrop = 0;
  uint64_t badsyn = 0;   // SYN in a synchronized state
  uint64_t predack = 0;  // header prediction: pure ACKs
  uint64_t preddat = 0;  // ... data in sequence
  uint64_t timewaitreuse = 0;
  uint64_t mtulowered = 0;  // ICMP lowered a segment size
  uint64_t rcvbadsyn = 0;   // SYN and FIN together, refused by drop_synfin
  uint64_t blackholed = 0;  // refused without an answer: blackhole
  // SYN cache and cookies, RFC 4987.
  uint64_t sc_added = 0;      // entries made
  uint64_t sc_completed = 0;  // ... that became connections
  uint64_t sc_timed_out = 0;
  uint64_t sc_overflowed = 0;      // gave way: the cache was full
  uint64_t sc_bucketoverflow = 0;  // ... the bucket was full
  uint64_t sc_reset = 0;
  uint64_t sc_unreach = 0;
  uint64_t sc_aborted = 0;        // no socket could be made
  uint64_t sc_dupesyn = 0;        // the SYN again
  uint64_t sc_retransmitted = 0;  // SYN-ACKs sent again
  uint64_t sc_dropped = 0;        // SYNs that could not even be remembered
  uint64_t sc_sendcookie = 0;
  uint64_t sc_recvcookie = 0;  // cookies that made a connection
  uint64_t sc_badcookie = 0;   // ACKs that claimed one falsely
  // Selective acknowledgement, RFC 2018, 2883, 6675.
  uint64_t sack_recovery_episode = 0;
  uint64_t sack_rexmits = 0;  // segments sent again by the scoreboard
  uint64_t sack_rexmit_bytes = 0;
  uint64_t sack_rcv_opts = 0;  // segments with SACK blocks received
  uint64_t sack_snd_opts = 0;  // ... sent
  uint64_t sack_rcv_dsack = 0;
  uint64_t sack_snd_dsack = 0;
  uint64_t sack_drop_opts = 0;    // blocks that made no sense
  uint64_t sackhole_limited = 0;  // ranges that a limit kept out
  uint64_t sack_reneged = 0;
  // ECN, RFC 3168.
  uint64_t ecn_accepts = 0;   // negotiated, passive
  uint64_t ecn_connects = 0;  // ... active
  uint64_t ecn_rcvece = 0;
  uint64_t ecn_rcvcwr = 0;
  uint64_t ecn_rcvce = 0;
  uint64_t ecn_sndect = 0;
  uint64_t ecn_sndece = 0;
  uint64_t ecn_sndcwr = 0;
  // Path MTU black holes, RFC 4821.
  uint64_t pmtud_blackhole_activated = 0;      // segments made smaller
  uint64_t pmtud_blackhole_activated_min = 0;  // ... to the least
  uint64_t pmtud_blackhole_failed = 0;         // it was something else
};

// What TCP keeps for a whole host.
struct TcpHost {
  explicit TcpHost(const Netstack& ns);
  ~TcpHost();

  uint64_t iss_secret[2];       // keys of the hash behind initial sequence
  uint64_t ts_secret[2];        // numbers and timestamp offsets
  uint64_t reass_segments = 0;  // in all reassembly queues
  uint64_t sack_ranges = 0;     // in all scoreboards
  SimTime rst_time{};           // the second that rst_count counts in
  int64_t rst_count = 0;
  std::unique_ptr<SynCache> syncache;  // once a SYN has come for a listener
  RandomStream challenges;     // how many challenge ACKs the whole host may
  int64_t challenge_left = 0;  // ... send, and still may
  SimTime challenge_until{};   // ... in the second that ends then
};

}  // namespace splnet

#endif  // SPLNET_STACK_NETINET_TCP_STAT_H_
