// Socket buffers: the queues between a protocol and a socket.
//
// A buffer holds records linked by nextpkt, each a chain of mbufs; a stream
// buffer is always one record.  cc counts bytes, mbcnt the memory behind them.
// Behaviour is OpenBSD's (sys/socketvar.h, uipc_socket2).

#ifndef SPLNET_STACK_KERN_SOCKBUF_H_
#define SPLNET_STACK_KERN_SOCKBUF_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "stack/kern/mbuf.h"
#include "stack/kern/selinfo.h"
#include "stack/kern/sockaddr.h"
#include "stack/kern/time.h"
#include "stack/kern/waitchan.h"

namespace splnet {

struct Socket;

// Sockbuf::flags.
inline constexpr uint16_t kSbWait = 0x01;   // somebody sleeps for space or data
inline constexpr uint16_t kSbAsync = 0x02;  // wakeups send SIGIO
inline constexpr uint16_t kSbSplice = 0x04;  // wakeups drive a splice
inline constexpr uint16_t kSbAuto = 0x0800;  // the protocol may change hiwat

// Sockbuf::state.
inline constexpr uint16_t kSsCantSendMore = 0x0010;  // in so_snd
inline constexpr uint16_t kSsCantRcvMore = 0x0020;   // in so_rcv
inline constexpr uint16_t kSsRcvAtMark = 0x0040;     // in so_rcv
inline constexpr uint16_t kSsIsSending = 0x2000;     // in so_snd

struct Sockbuf {
  uint32_t cc = 0;      // bytes queued
  uint32_t datacc = 0;  // bytes without names and control
  uint32_t hiwat = 0;   // bytes allowed
  uint32_t wat = 0;     // hiwat as asked for, before auto-sizing
  uint32_t mbcnt = 0;   // memory of mbufs and clusters queued
  uint32_t mbmax = 0;   // memory allowed
  uint32_t lowat = 0;   // bytes that make it ready
  uint16_t flags = 0;
  uint16_t state = 0;
  Mbuf* mb = nullptr;          // first record, owned
  Mbuf* mbtail = nullptr;      // last mbuf of the last record
  Mbuf* lastrecord = nullptr;  // first mbuf of the last record
  Nanoseconds timeo{0};        // SO_RCVTIMEO, SO_SNDTIMEO; 0 is none
  WaitChannel wait;            // sleepers for data or space
  SelInfo sel;                 // select, poll, kqueue

  Sockbuf() = default;
  Sockbuf(const Sockbuf&) = delete;
  Sockbuf& operator=(const Sockbuf&) = delete;
  ~Sockbuf();
};

// The memory that one mbuf counts for: itself and its cluster at full size,
// shared or not.
inline uint32_t sb_mbsize(const Mbuf& m) {
  return static_cast<uint32_t>(kMsize) + (m.has(kMExt) ? m.ext.size : 0);
}
inline bool sb_isdata(const Mbuf& m) {
  return m.type != MbufType::kSoname && m.type != MbufType::kControl;
}
// Account one mbuf in and out.
inline void sballoc(Sockbuf& sb, const Mbuf& m) {
  sb.cc += m.len;
  if (sb_isdata(m)) sb.datacc += m.len;
  sb.mbcnt += sb_mbsize(m);
}
inline void sbfree(Sockbuf& sb, const Mbuf& m) {
  sb.cc -= m.len;
  if (sb_isdata(m)) sb.datacc -= m.len;
  sb.mbcnt -= sb_mbsize(m);
}

// Bytes that may still be queued: the lesser of what hiwat and mbmax leave.
// May be negative.
inline int64_t sbspace(const Sockbuf& sb) {
  return std::min(int64_t{sb.hiwat} - sb.cc, int64_t{sb.mbmax} - sb.mbcnt);
}

// Sets the limits for `cc` bytes.  False if cc is 0 or above `sb_max` bytes.
[[nodiscard]] bool sbreserve(Sockbuf& sb, uint32_t cc, uint32_t sb_max);

// Appends `m` to `sb` as the next bytes of the stream and takes ownership.
//
// `m` is payload only, headers trimmed.  The caller has bounded it by the
// advertised window (RFC 9293 section 3.8.6), so this cannot fail.  Readers
// are not woken: call sorwakeup() after the last append.
void sbappendstream(Sockbuf& sb, MbufPtr m);

// Appends the datagram `m` from `from` as one record: an MT_SONAME mbuf, the
// `control` chain if any, the data.  Returns `m` refused if the space does not
// suffice or memory is short, null when appended.
[[nodiscard]] MbufPtr sbappendaddr(Sockbuf& sb, const Sockaddr& from, MbufPtr m,
                                   MbufPtr control = nullptr);

// Appends `m` behind the last mbuf of the last record, merging small mbufs
// into their predecessor as BSD does.
void sbcompress(Sockbuf& sb, MbufPtr m);

// Drops `len` bytes from the front, over record borders.
void sbdrop(Sockbuf& sb, size_t len);
// Drops the first record.
void sbdroprecord(Sockbuf& sb);
// Drops everything.
void sbflush(Sockbuf& sb);
// Drops everything and sets the limits to 0.
void sbrelease(Sockbuf& sb);

// After the first record's head was changed to `sb.mb`, repairs the pointers
// to the last record: `nextrecord` is what followed it.
void sbsync(Sockbuf& sb, Mbuf* nextrecord);

// CHECKs that counts and pointers agree with the mbufs: for tests.
void sbcheck(const Sockbuf& sb);

// Reads the source address in an MT_SONAME mbuf.
void soname_read(const Mbuf& m, Sockaddr* to);
// An MT_SONAME mbuf holding `sa`; its length counts as BSD's sockaddr does.
MbufPtr soname_make(MbufPool& pool, const Sockaddr& sa, MWait how);

}  // namespace splnet

#endif  // SPLNET_STACK_KERN_SOCKBUF_H_
