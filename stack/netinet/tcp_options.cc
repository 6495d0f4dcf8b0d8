// Options of the TCP header, read and written.

#include "stack/netinet/tcp_options.h"

#include <algorithm>
#include <cstring>

#include "stack/kern/endian.h"
#include "stack/netinet/tcp_input.h"
#include "stack/netinet/tcp_var.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

size_t PutMss(uint8_t* opt, uint16_t value) {
  const Be16 mss = value;
  opt[0] = kTcpOptMss;
  opt[1] = 4;
  std::memcpy(opt + 2, &mss, sizeof mss);
  return 4;
}

// OpenBSD's order: mss, nop nop sackOK, nop wscale, nop nop TS.
size_t PutOpenbsd(const TcpSynOptions& syn, uint8_t* opt) {
  size_t n = 0;
  if (syn.mss) n += PutMss(opt, *syn.mss);
  if (syn.sack_permitted) {
    opt[n++] = kTcpOptNop;
    opt[n++] = kTcpOptNop;
    opt[n++] = kTcpOptSackPermitted;
    opt[n++] = 2;
  }
  if (syn.wscale) {
    opt[n++] = kTcpOptNop;
    opt[n++] = kTcpOptWscale;
    opt[n++] = 3;
    opt[n++] = *syn.wscale;
  }
  if (syn.ts) n += tcp_put_tstamp(opt + n, syn.ts->val, syn.ts->ecr);
  return n;
}

// FreeBSD's: mss, nop wscale, sackOK, TS, each at the place that suits it, and
// eol up to a whole word.
size_t PutFreebsd(const TcpSynOptions& syn, uint8_t* opt) {
  size_t n = 0;
  if (syn.mss) n += PutMss(opt, *syn.mss);
  if (syn.wscale) {
    while (n % 2 != 1) opt[n++] = kTcpOptNop;
    opt[n++] = kTcpOptWscale;
    opt[n++] = 3;
    opt[n++] = *syn.wscale;
  }
  if (syn.sack_permitted) {
    opt[n++] = kTcpOptSackPermitted;
    opt[n++] = 2;
  }
  if (syn.ts) {
    // Its values stand on words.
    uint8_t padded[kTcpOlenTstampAppa];
    tcp_put_tstamp(padded, syn.ts->val, syn.ts->ecr);
    while (n % 4 != 2) opt[n++] = kTcpOptNop;
    std::memcpy(opt + n, padded + 2, sizeof padded - 2);
    n += sizeof padded - 2;
  }
  while (n % 4 != 0) opt[n++] = kTcpOptEol;
  return n;
}

}  // namespace

void tcp_dooptions(TcpSegment& th, const uint8_t* opt, size_t optlen) {
  const auto be32 = [](const uint8_t* p) {
    Be32 v;
    std::memcpy(static_cast<void*>(&v), p, sizeof v);
    return static_cast<uint32_t>(v);
  };
  const bool syn = th.has(kThSyn);
  for (size_t i = 0; i < optlen;) {
    const uint8_t kind = opt[i];
    if (kind == kTcpOptEol) return;
    if (kind == kTcpOptNop) {
      ++i;
      continue;
    }
    if (i + 1 >= optlen) return;
    const size_t len = opt[i + 1];
    if (len < 2 || len > optlen - i) return;
    const uint8_t* const value = opt + i + 2;
    if (kind == kTcpOptTimestamp && len == 10) {
      th.has_ts = true;
      th.ts_val = be32(value);
      th.ts_ecr = be32(value + 4);
    } else if (kind == kTcpOptMss && len == 4 && syn) {
      th.mss = static_cast<uint16_t>(value[0] << 8 | value[1]);
    } else if (kind == kTcpOptWscale && len == 3 && syn) {
      th.has_wscale = true;
      th.wscale = std::min(value[0], kTcpMaxWinShift);
    } else if (kind == kTcpOptSackPermitted && len == 2 && syn) {
      th.sack_permitted = true;
    } else if (kind == kTcpOptSack && len > 2 && (len - 2) % 8 == 0 && !syn) {
      // The last of several such options counts; they are not merged.
      th.sacks = static_cast<uint8_t>((len - 2) / 8);
      for (size_t b = 0; b < th.sacks; ++b) {
        th.sack[b] = {be32(value + 8 * b), be32(value + 8 * b + 4)};
      }
    }
    i += len;
  }
}

size_t tcp_put_tstamp(uint8_t* opt, uint32_t val, uint32_t ecr) {
  const Be32 values[2] = {val, ecr};
  opt[0] = opt[1] = kTcpOptNop;
  opt[2] = kTcpOptTimestamp;
  opt[3] = 10;
  std::memcpy(opt + 4, values, sizeof values);
  return kTcpOlenTstampAppa;
}

size_t tcp_put_syn_options(const Netstack& ns, const TcpSynOptions& o,
                           uint8_t* opt) {
  return ns.settings.tcp_syn_options == 0 ? PutOpenbsd(o, opt)
                                          : PutFreebsd(o, opt);
}

}  // namespace splnet
