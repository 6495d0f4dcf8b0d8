// A host's settings under their sysctl names: sysctl(2).
//
// Each is an int64 in one struct, so that the stack reads a plain field; the
// table gives each its name, unit, default, range and a line of help.

#ifndef SPLNET_STACK_KERN_SETTINGS_H_
#define SPLNET_STACK_KERN_SETTINGS_H_

#include <cstdint>
#include <span>
#include <string_view>

#include "stack/kern/errno.h"

namespace splnet {

// Name, field, unit, default, least, greatest, help.
#define SPLNET_SETTINGS_TABLE(X)                                               \
  X("kern.sb_max", sb_max, "bytes", 2097152, 1024, 1073741824,                 \
    "largest socket buffer")                                                   \
  X("kern.maxclusters", nmbclusters, "clusters", 131072, 64, 4194304,          \
    "memory for mbufs and clusters, in clusters of 2048 bytes")                \
  X("kern.somaxconn", somaxconn, "connections", 128, 1, 65535,                 \
    "largest listen backlog")                                                  \
  X("kern.sominconn", sominconn, "connections", 80, 0, 65535,                  \
    "least listen backlog")                                                    \
  X("kern.maxfiles", maxfiles, "descriptors", 1024, 4, 1048576,                \
    "descriptors that one process may have")                                   \
  X("net.inet.ip.forwarding", ip_forwarding, "", 0, 0, 1,                      \
    "forward packets between interfaces")                                      \
  X("net.inet.ip.ttl", ip_ttl, "hops", 64, 1, 255, "default time to live")     \
  X("net.inet.ip.sourceroute", ip_sourceroute, "", 0, 0, 1,                    \
    "accept source-routed packets")                                            \
  X("net.inet.ip.ifq.maxlen", ipintrq_maxlen, "packets", 2048, 1, 1048576,     \
    "limit of the IP input queue")                                             \
  X("net.inet.ip.maxqueue", ip_maxqueue, "fragments", 300, 0, 1048576,         \
    "fragments held for reassembly")                                           \
  X("net.inet.ip.fragttl", ip_fragttl, "seconds", 30, 1, 3600,                 \
    "how long fragments are held")                                             \
  X("net.inet.ip.porthifirst", ip_porthifirst, "port", 49152, 1, 65535,        \
    "first ephemeral port")                                                    \
  X("net.inet.ip.porthilast", ip_porthilast, "port", 65535, 1, 65535,          \
    "last ephemeral port")                                                     \
  X("net.inet.icmp.errppslimit", icmp_errppslimit, "packets/s", 100, -1,       \
    1000000, "ICMP errors sent in a second; -1 is no limit")                   \
  X("net.inet.icmp.bmcastecho", icmp_bmcastecho, "", 0, 0, 1,                  \
    "answer echo requests to broadcast addresses")                             \
  X("net.inet.ip.arptimeout", arp_timeout, "seconds", 1200, 1, 86400,          \
    "life of a resolved ARP entry")                                            \
  X("net.inet.ip.arpdown", arp_down, "seconds", 20, 1, 86400,                  \
    "how long an unanswered address is taken for down")                        \
  X("net.inet.ip.arpmaxentries", arp_max_entries, "entries", 1024, 1, 1048576, \
    "learnt ARP entries held")                                                 \
  X("net.inet.udp.checksum", udp_checksum, "", 1, 0, 1, "send UDP checksums")  \
  X("net.inet.udp.recvspace", udp_recvspace, "bytes", 41600, 1, 1073741824,    \
    "receive buffer of a UDP socket")                                          \
  X("net.inet.udp.sendspace", udp_sendspace, "bytes", 9216, 1, 1073741824,     \
    "largest UDP datagram by default")                                         \
  X("net.inet.tcp.rfc1323", tcp_rfc1323, "", 1, 0, 1,                          \
    "offer window scale and timestamps")                                       \
  X("net.inet.tcp.recvspace", tcp_recvspace, "bytes", 16384, 1, 1073741824,    \
    "receive buffer of a TCP socket")                                          \
  X("net.inet.tcp.sendspace", tcp_sendspace, "bytes", 16384, 1, 1073741824,    \
    "send buffer of a TCP socket")                                             \
  X("net.inet.tcp.mssdflt", tcp_mssdflt, "bytes", 512, 64, 65495,              \
    "segment size where the peer gives none")                                  \
  X("net.inet.tcp.keepinittime", tcp_keepinit, "seconds", 75, 1, 86400,        \
    "how long a connection may take to establish")                             \
  X("net.inet.tcp.keepidle", tcp_keepidle, "seconds", 7200, 1, 8640000,        \
    "idle time before keepalives")                                             \
  X("net.inet.tcp.keepintvl", tcp_keepintvl, "seconds", 75, 1, 86400,          \
    "time between keepalives")                                                 \
  X("net.inet.tcp.keepcnt", tcp_keepcnt, "probes", 8, 1, 1000,                 \
    "keepalives without answer before giving up")                              \
  X("net.inet.tcp.delacktime", tcp_delacktime, "milliseconds", 200, 0, 10000,  \
    "longest delay of an acknowledgement")                                     \
  X("net.inet.tcp.rexmit_initial", tcp_rexmit_initial, "milliseconds", 6000,   \
    10, 64000, "retransmission timeout before a round trip was measured")      \
  X("net.inet.tcp.rexmit_min", tcp_rexmit_min, "milliseconds", 1000, 1, 64000, \
    "least retransmission timeout")                                            \
  X("net.inet.tcp.rstppslimit", tcp_rstppslimit, "packets/s", 100, -1,         \
    1000000, "RSTs to strangers sent in a second; -1 is no limit")             \
  X("net.inet.tcp.reasslimit", tcp_reasslimit, "segments", 16384, 1, 1048576,  \
    "out-of-order segments held by all connections")

struct Settings {
#define SPLNET_SETTINGS_FIELD(name, field, unit, value, low, high, help) \
  int64_t field = value;
  SPLNET_SETTINGS_TABLE(SPLNET_SETTINGS_FIELD)
#undef SPLNET_SETTINGS_FIELD
};

struct Setting {
  const char* name;
  int64_t Settings::* field;
  const char* unit;
  int64_t initial;
  int64_t low;
  int64_t high;
  const char* help;
};

// All settings, by the order of the table.
std::span<const Setting> AllSettings();
// Null if there is none of that name.
const Setting* FindSetting(std::string_view name);
// kENOENT for an unknown name, kEINVAL for a value out of range.
Errno SetSetting(Settings& settings, std::string_view name, int64_t value);

}  // namespace splnet

#endif  // SPLNET_STACK_KERN_SETTINGS_H_
