// The SYN cache and SYN cookies: connections that a listener's SYN has opened
// and that are not established yet.  RFC 4987 sections 3.3, 3.4 and 3.6.
//
// SYN-RECEIVED of a passive open is no control block and no socket but a small
// entry here; the ACK that ends the handshake makes the connection.  When the
// cache is full, and net.inet.tcp.syncookies allows it, a SYN is answered
// without remembering anything: the answer's sequence number says what must be
// known, and the ACK brings it back.

#ifndef SPLNET_STACK_NETINET_TCP_SYNCACHE_H_
#define SPLNET_STACK_NETINET_TCP_SYNCACHE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "stack/kern/random.h"
#include "stack/kern/sockaddr.h"
#include "stack/kern/timeout.h"
#include "stack/netinet/ip_var.h"
#include "stack/netinet/tcp_var.h"

namespace splnet {

struct TcpSegment;

// SynOpen::flags: what both sides agree on.
inline constexpr uint8_t kSynScale = 0x01;
inline constexpr uint8_t kSynTstmp = 0x02;
inline constexpr uint8_t kSynSack = 0x04;
inline constexpr uint8_t kSynEcn = 0x08;

// A passive open between its SYN and the ACK that establishes it.
struct SynOpen {
  Sockaddr from, to;  // the peer's end, ours
  uint32_t iss = 0;
  uint32_t irs = 0;
  uint32_t ts_offset = 0;  // of our timestamps, ms
  uint32_t ts_recent = 0;  // the peer's timestamp
  uint32_t snd_space = 0;  // buffers of the connection, bytes: the window was
  uint32_t rcv_space = 0;  // promised when the SYN came
  uint32_t wnd = 0;        // the peer's window, bytes
  uint16_t win = 0;        // our window in the SYN-ACK
  uint16_t our_mss = 0;    // offered in the SYN-ACK
  uint16_t peer_mss = 0;   // 0: no such option
  uint8_t snd_scale = 0;   // of the peer's windows
  uint8_t rcv_scale = 0;   // of ours
  uint8_t flags = 0;       // kSyn*
  uint8_t ttl = 0;
  uint8_t tos = 0;
  bool timed = false;                  // answered once so far, namely
  SimTime sent{};                      // ... then
  bool lost = false;                   // a timeout has sent the SYN-ACK again
  std::unique_ptr<TcpPin> pin;         // the listener's, when the SYN came
  std::unique_ptr<IpOptions> options;  // the same
};

class SynCache;

// An entry of the cache, which owns it.
struct SynCacheEntry : SynOpen {
  explicit SynCacheEntry(SynCache& cache);

  SynCache& owner;
  const Tcpcb* listener = nullptr;  // its entries go when it closes
  SimTime expires{};
  uint8_t rxtshift = 0;    // SYN-ACKs sent again by the timer
  bool unreach = false;    // an ICMP error came when it had been tried often
  uint8_t challenges = 0;  // challenge ACKs since challenge_time
  SimTime challenge_time{};
  uint32_t bucket = 0;
  SynCacheEntry* bucket_prev = nullptr;
  SynCacheEntry* bucket_next = nullptr;
  SynCacheEntry* prev = nullptr;  // by age, in the whole cache
  SynCacheEntry* next = nullptr;
  Timeout timer;  // the SYN-ACK again
};

class SynCache {
 public:
  static constexpr size_t kBuckets = 293;
  // After so many entries the hash gets a new key.
  static constexpr uint32_t kReseed = 100000;
  // How long the ACK of a cookie may take.
  static constexpr Nanoseconds kCookieLifetime = std::chrono::seconds(64);

  explicit SynCache(Netstack& ns);
  SynCache(const SynCache&) = delete;
  SynCache& operator=(const SynCache&) = delete;
  ~SynCache();

  Netstack& ns() { return ns_; }
  size_t count() const { return count_; }
  // The oldest entry; follow `next`.
  SynCacheEntry* first() const { return head_; }
  SynCacheEntry* Lookup(const Sockaddr& from, const Sockaddr& to);
  // Whether an entry for `from` and `to` would make another one give way:
  // because its bucket is full, resp. the cache is.
  bool BucketFull(const Sockaddr& from, const Sockaddr& to) const;
  bool Full() const;
  // Makes an entry of `open`; whatever gives way for it is counted.
  SynCacheEntry& Insert(SynOpen open);
  void Remove(SynCacheEntry& entry);
  // Gives the entry back without freeing what it says.
  SynOpen Take(SynCacheEntry& entry);

  // The key of cookies' hash.
  const uint64_t (&cookie_secret() const)[2] { return cookie_secret_; }
  // A cookie is sent; whether one was, lately enough to come back.
  void NoteCookie();
  bool CookiesAround() const;

 private:
  struct Bucket {
    SynCacheEntry* head = nullptr;  // oldest
    SynCacheEntry* tail = nullptr;
    uint32_t count = 0;
  };

  uint32_t BucketOf(const Sockaddr& from, const Sockaddr& to) const;
  void LinkBucket(SynCacheEntry& entry);
  void UnlinkBucket(SynCacheEntry& entry);
  void Reseed();

  Netstack& ns_;
  RandomStream keys_;
  uint64_t secret_[2];
  uint64_t cookie_secret_[2];
  uint32_t uses_ = 0;  // of this key
  SimTime cookies_until_{};
  size_t count_ = 0;
  SynCacheEntry* head_ = nullptr;
  SynCacheEntry* tail_ = nullptr;
  std::array<Bucket, kBuckets> buckets_;
};

// The host's cache, made when it is first needed.
SynCache& syn_cache_of(Netstack& ns);
// The entry of a 4-tuple; null if there is none.
SynCacheEntry* syn_cache_lookup(Netstack& ns, const Sockaddr& from,
                                const Sockaddr& to);
// Removes it without a word to the peer.  False if there is none.
bool syn_cache_remove(Netstack& ns, const Sockaddr& from, const Sockaddr& to);
// A listener closes: its entries go.
void syn_cache_cleanup(Tcpcb& listener);

// A SYN for `listener`: remembered and answered, or answered with a cookie.
void syn_cache_add(Tcpcb& listener, TcpSegment& th);
// A segment for `entry`, RFC 9293 section 3.10.7.4 in SYN-RECEIVED.  If it
// completes the handshake, the connection, in SYN-RECEIVED still: `th` goes on
// with its steps.  Null if `th` has met its fate.
Tcpcb* syn_cache_input(Tcpcb& listener, SynCacheEntry& entry, TcpSegment& th);
// An ICMP error quotes our SYN-ACK.
void syn_cache_unreach(SynCacheEntry& entry);
// Sends the SYN-ACK, resp. an ACK of the SYN alone, resp. a RST.
void syn_cache_respond(Netstack& ns, const SynOpen& open);
void syn_cache_ack(Netstack& ns, const SynOpen& open);
void syn_cache_reset(Netstack& ns, const SynOpen& open);
// Starts the timer that sends the SYN-ACK again.
void syn_cache_arm(SynCacheEntry& entry);
// Makes the connection that `open` describes and that `th` completes, as from
// syn_cache_input(); a socket in the queue of `listener`.
Tcpcb* syn_cache_socket(Tcpcb& listener, const SynOpen& open, TcpSegment& th);

// Answers with a cookie, and keeps nothing.
void syn_cookie_send(Netstack& ns, SynOpen open);
// The connection that the cookie which `th` acknowledges stands for, as from
// syn_cache_input(); null if it is none, and then `th` is untouched, or if no
// socket could be made, and then it has met its fate.
Tcpcb* syn_cookie_get(Tcpcb& listener, TcpSegment& th);

}  // namespace splnet

#endif  // SPLNET_STACK_NETINET_TCP_SYNCACHE_H_
