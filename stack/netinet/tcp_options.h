// TCP options as they are written: in which order, and with which padding.
// RFC 9293 section 3.2, RFC 7323, RFC 2018.

#ifndef SPLNET_STACK_NETINET_TCP_OPTIONS_H_
#define SPLNET_STACK_NETINET_TCP_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <optional>

namespace splnet {

struct Netstack;

struct TcpTimestamps {
  uint32_t val;
  uint32_t ecr;
};

// What a SYN or its answer carries.
struct TcpSynOptions {
  std::optional<uint16_t> mss;
  bool sack_permitted = false;
  std::optional<uint8_t> wscale;
  std::optional<TcpTimestamps> ts;
};

// Writes them in the order of the host's personality, padded to words, to
// `opt`, which has room for kTcpMaxOptLen bytes; how many it took.
//   openbsd  mss, nop nop sackOK, nop wscale, nop nop TS
//   freebsd  mss, nop wscale, sackOK, TS; eol behind what is no whole word
size_t tcp_put_syn_options(const Netstack& ns, const TcpSynOptions& o,
                           uint8_t* opt);

}  // namespace splnet

#endif  // SPLNET_STACK_NETINET_TCP_OPTIONS_H_
