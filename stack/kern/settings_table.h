// The rows of the settings table: settings.h says what the columns mean.
//
// Name, field, unit, OpenBSD's default, FreeBSD's default, least, greatest,
// help.  Times are kept in milliseconds.  Names that begin with "splnet." are
// ours: rules in which the two systems differ and that neither lets one set.

#ifndef SPLNET_STACK_KERN_SETTINGS_TABLE_H_
#define SPLNET_STACK_KERN_SETTINGS_TABLE_H_

#define SPLNET_SETTINGS_KERN(X)                                               \
  X("kern.sb_max", sb_max, "bytes", 2097152, 2097152, 1024, 1073741824,       \
    "largest socket buffer")                                                  \
  X("kern.maxclusters", nmbclusters, "clusters", 131072, 131072, 64, 4194304, \
    "memory for mbufs and clusters, in clusters of 2048 bytes")               \
  X("kern.somaxconn", somaxconn, "connections", 128, 128, 1, 65535,           \
    "largest listen backlog")                                                 \
  X("kern.sominconn", sominconn, "connections", 80, 0, 0, 65535,              \
    "least listen backlog")                                                   \
  X("kern.maxfiles", maxfiles, "descriptors", 1024, 1024, 4, 1048576,         \
    "descriptors that one process may have")

#define SPLNET_SETTINGS_IP(X)                                                  \
  X("net.inet.ip.forwarding", ip_forwarding, "", 0, 0, 0, 1,                   \
    "forward packets between interfaces")                                      \
  X("net.inet.ip.ttl", ip_ttl, "hops", 64, 64, 1, 255, "default time to live") \
  X("net.inet.ip.sourceroute", ip_sourceroute, "", 0, 0, 0, 1,                 \
    "accept source-routed packets")                                            \
  X("net.inet.ip.ifq.maxlen", ipintrq_maxlen, "packets", 2048, 2048, 1,        \
    1048576, "limit of the IP input queue")                                    \
  X("net.inet.ip.maxqueue", ip_maxqueue, "fragments", 300, 300, 0, 1048576,    \
    "fragments held for reassembly")                                           \
  X("net.inet.ip.fragttl", ip_fragttl, "seconds", 30, 30, 1, 3600,             \
    "how long fragments are held")                                             \
  X("net.inet.ip.porthifirst", ip_porthifirst, "port", 49152, 49152, 1, 65535, \
    "first ephemeral port")                                                    \
  X("net.inet.ip.porthilast", ip_porthilast, "port", 65535, 65535, 1, 65535,   \
    "last ephemeral port")                                                     \
  X("net.inet.icmp.errppslimit", icmp_errppslimit, "packets/s", 100, 200, -1,  \
    1000000, "ICMP errors sent in a second; -1 is no limit")                   \
  X("net.inet.icmp.bmcastecho", icmp_bmcastecho, "", 0, 0, 0, 1,               \
    "answer echo requests to broadcast addresses")                             \
  X("net.inet.ip.arptimeout", arp_timeout, "seconds", 1200, 1200, 1, 86400,    \
    "life of a resolved ARP entry")                                            \
  X("net.inet.ip.arpdown", arp_down, "seconds", 20, 20, 1, 86400,              \
    "how long an unanswered address is taken for down")                        \
  X("net.inet.ip.arpmaxentries", arp_max_entries, "entries", 1024, 1024, 1,    \
    1048576, "learnt ARP entries held")                                        \
  X("net.inet.udp.checksum", udp_checksum, "", 1, 1, 0, 1,                     \
    "send UDP checksums")                                                      \
  X("net.inet.udp.recvspace", udp_recvspace, "bytes", 41600, 42080, 1,         \
    1073741824, "receive buffer of a UDP socket")                              \
  X("net.inet.udp.sendspace", udp_sendspace, "bytes", 9216, 9216, 1,           \
    1073741824, "largest UDP datagram by default")

// What TCP offers and how much it holds.
#define SPLNET_SETTINGS_TCP(X)                                                 \
  X("net.inet.tcp.rfc1323", tcp_rfc1323, "", 1, 1, 0, 1,                       \
    "offer window scale and timestamps")                                       \
  X("net.inet.tcp.tolerate_missing_ts", tcp_tolerate_missing_ts, "", 1, 0, 0,  \
    1, "take segments that lack the timestamp agreed on")                      \
  X("net.inet.tcp.sack", tcp_sack, "", 1, 1, 0, 1,                             \
    "offer selective acknowledgement")                                         \
  X("splnet.tcp.dsack", tcp_dsack, "", 0, 1, 0, 1,                             \
    "report duplicate data first in SACK (RFC 2883)")                          \
  X("splnet.tcp.sack_blocks", tcp_sack_blocks, "", 3, 4, 1, 4,                 \
    "SACK blocks in one segment, where they fit")                              \
  X("net.inet.tcp.sack.maxholes", tcp_sack_maxholes, "ranges", 1024, 128, 0,   \
    65535, "SACK ranges held by one connection")                               \
  X("splnet.tcp.syn_options", tcp_syn_options, "", 0, 1, 0, 1,                 \
    "order and padding of a SYN's options: 0 OpenBSD's, 1 FreeBSD's")          \
  X("splnet.tcp.rcvbuf_round", tcp_rcvbuf_round, "", 0, 1, 0, 1,               \
    "round the receive buffer up to whole segments once established")          \
  X("net.inet.tcp.recvspace", tcp_recvspace, "bytes", 16384, 65536, 1,         \
    1073741824, "receive buffer of a TCP socket")                              \
  X("net.inet.tcp.sendspace", tcp_sendspace, "bytes", 16384, 32768, 1,         \
    1073741824, "send buffer of a TCP socket")                                 \
  X("net.inet.tcp.recvbuf_auto", tcp_recvbuf_auto, "", 1, 1, 0, 1,             \
    "let receive buffers grow with what arrives in a round trip")              \
  X("net.inet.tcp.sendbuf_auto", tcp_sendbuf_auto, "", 1, 1, 0, 1,             \
    "let send buffers grow with what is in flight")                            \
  X("net.inet.tcp.recvbuf_max", tcp_recvbuf_max, "bytes", 1073741824, 2097152, \
    1, 1073741824, "how far; never beyond kern.sb_max")                        \
  X("net.inet.tcp.sendbuf_max", tcp_sendbuf_max, "bytes", 1073741824, 2097152, \
    1, 1073741824, "how far; never beyond kern.sb_max")                        \
  X("net.inet.tcp.recvbuf_inc", tcp_recvbuf_inc, "bytes", 16384, 16384, 1,     \
    1073741824, "step by which a receive buffer grows")                        \
  X("net.inet.tcp.mssdflt", tcp_mssdflt, "bytes", 512, 536, 64, 65495,         \
    "segment size where the peer gives none")                                  \
  X("net.inet.tcp.minmss", tcp_minmss, "bytes", 64, 216, 64, 65495,            \
    "segment size below which no peer and no path pushes us")                  \
  X("net.inet.tcp.path_mtu_discovery", tcp_mtudisc, "", 1, 1, 0, 1,            \
    "discover the path's MTU (RFC 1191)")                                      \
  X("net.inet.tcp.pmtud_blackhole_detection", tcp_blackhole_detect, "", 0, 0,  \
    0, 1, "make segments smaller when large ones vanish (RFC 4821)")           \
  X("net.inet.tcp.pmtud_blackhole_mss", tcp_blackhole_mss, "bytes", 1200,      \
    1200, 64, 65495, "... to this at first")                                   \
  X("net.inet.tcp.cc.algorithm", tcp_cc_algorithm, "", 0, 1, 0, 1,             \
    "congestion control: newreno (0) or cubic (1)")                            \
  X("net.inet.tcp.initcwnd_segments", tcp_initcwnd, "segments", 10, 10, 1,     \
    1000, "initial window (RFC 6928)")                                         \
  X("net.inet.tcp.rfc3465", tcp_abc, "", 0, 1, 0, 1,                           \
    "the window grows by bytes acknowledged, not by ACKs (RFC 3465)")          \
  X("net.inet.tcp.abc_l_var", tcp_abc_l, "segments", 2, 2, 1, 100,             \
    "... in slow start by at most so many for one ACK")                        \
  X("splnet.tcp.restart_segments", tcp_restart, "segments", 2, 10, 1, 1000,    \
    "window after an idle time (RFC 5681)")                                    \
  X("net.inet.tcp.ecn.enable", tcp_ecn, "", 0, 2, 0, 2,                        \
    "ECN: 0 off, 1 asked for and granted, 2 granted")                          \
  X("net.inet.tcp.ecn.maxretries", tcp_ecn_maxretries, "SYNs", 1, 1, 0, 12,    \
    "SYNs sent again that still ask for ECN")                                  \
  X("net.inet.tcp.reasslimit", tcp_reasslimit, "segments", 16384, 16384, 1,    \
    1048576, "out-of-order segments held by all connections")                  \
  X("net.inet.tcp.sackholelimit", tcp_sackholelimit, "ranges", 32768, 65536,   \
    0, 1048576, "SACK ranges held by all connections")

// How long TCP waits.
#define SPLNET_SETTINGS_TCP_TIMERS(X)                                         \
  X("net.inet.tcp.keepinit", tcp_keepinit, "milliseconds", 75000, 75000, 1,   \
    86400000, "how long a connection may take to establish")                  \
  X("net.inet.tcp.keepidle", tcp_keepidle, "milliseconds", 7200000, 7200000,  \
    1, 8640000000, "idle time before keepalives")                             \
  X("net.inet.tcp.keepintvl", tcp_keepintvl, "milliseconds", 75000, 75000, 1, \
    86400000, "time between keepalives")                                      \
  X("net.inet.tcp.keepcnt", tcp_keepcnt, "probes", 8, 8, 1, 1000,             \
    "keepalives without answer before giving up")                             \
  X("net.inet.tcp.always_keepalive", tcp_always_keepalive, "", 0, 1, 0, 1,    \
    "keepalives without SO_KEEPALIVE")                                        \
  X("net.inet.tcp.delacktime", tcp_delacktime, "milliseconds", 200, 40, 0,    \
    10000, "longest delay of an acknowledgement")                             \
  X("net.inet.tcp.delayed_ack", tcp_delayed_ack, "", 1, 1, 0, 1,              \
    "delay acknowledgements")                                                 \
  X("net.inet.tcp.rexmit_initial", tcp_rexmit_initial, "milliseconds", 6000,  \
    1000, 10, 64000, "retransmission timeout before a round trip was seen")   \
  X("net.inet.tcp.rexmit_min", tcp_rexmit_min, "milliseconds", 1000, 30, 1,   \
    64000, "least retransmission timeout")                                    \
  X("net.inet.tcp.rexmit_slop", tcp_rexmit_slop, "milliseconds", 0, 200, 0,   \
    64000, "added to every measured retransmission timeout")                  \
  X("net.inet.tcp.rexmit_drop_options", tcp_rexmit_drop_options, "", 0, 0, 0, \
    1, "leave options out of a SYN from its third copy on")                   \
  X("net.inet.tcp.persmin", tcp_persmin, "milliseconds", 5000, 5000, 1,       \
    3600000, "least time between probes of a closed window")                  \
  X("net.inet.tcp.persmax", tcp_persmax, "milliseconds", 60000, 60000, 1,     \
    3600000, "longest time between probes of a closed window")                \
  X("net.inet.tcp.msl", tcp_msl, "milliseconds", 30000, 30000, 1, 3600000,    \
    "maximum segment lifetime; TIME_WAIT is twice that")                      \
  X("net.inet.tcp.finwait2_timeout", tcp_finwait2_timeout, "milliseconds", 0, \
    60000, 0, 86400000,                                                       \
    "FIN_WAIT_2 after close; 0: keepidle times keepcnt of silence")

// What TCP does not take from strangers.
#define SPLNET_SETTINGS_TCP_DEFENCE(X)                                         \
  X("net.inet.tcp.syncookies", tcp_syncookies, "", 1, 1, 0, 1,                 \
    "answer SYNs with cookies when the SYN cache is full")                     \
  X("net.inet.tcp.syncookies_only", tcp_syncookies_only, "", 0, 0, 0, 1,       \
    "cookies always, and no SYN cache")                                        \
  X("net.inet.tcp.syncachelimit", tcp_syncache_limit, "entries", 10255, 15375, \
    0, 1048576, "entries of the SYN cache")                                    \
  X("net.inet.tcp.synbucketlimit", tcp_syn_bucket_limit, "entries", 105, 30,   \
    1, 1048576, "... in one of its buckets")                                   \
  X("net.inet.tcp.syncache.rexmtlimit", tcp_syncache_rexmtlimit, "SYN-ACKs",   \
    12, 3, 0, 12, "SYN-ACKs sent again before an entry goes")                  \
  X("net.inet.tcp.insecure_rst", tcp_insecure_rst, "", 0, 0, 0, 1,             \
    "take any RST in the window, against RFC 5961")                            \
  X("net.inet.tcp.insecure_syn", tcp_insecure_syn, "", 0, 0, 0, 1,             \
    "take any SYN in the window, against RFC 5961")                            \
  X("net.inet.tcp.drop_synfin", tcp_drop_synfin, "", 0, 0, 0, 1,               \
    "drop segments with both SYN and FIN")                                     \
  X("net.inet.tcp.blackhole", tcp_blackhole, "", 0, 0, 0, 3,                   \
    "no RST for closed ports: 1 to a SYN, 2 to anything, 3 locally too")       \
  X("splnet.tcp.rfc1337", tcp_rfc1337, "", 0, 1, 0, 1,                         \
    "no RST ends TIME_WAIT")                                                   \
  X("splnet.tcp.syncache_rst_alone", tcp_syncache_rst_alone, "", 0, 1, 0, 1,   \
    "an entry of the SYN cache heeds no RST that has an ACK")                  \
  X("net.inet.tcp.ack_war_cnt", tcp_ack_war_cnt, "segments", 10, 5, 1, 255,    \
    "challenge ACKs of a connection in ack_war_timewindow")                    \
  X("net.inet.tcp.ack_war_timewindow", tcp_ack_war_time, "milliseconds", 5000, \
    1000, 1, 3600000, "time in which challenge ACKs are counted")              \
  X("net.inet.tcp.icmp_may_rst", tcp_icmp_may_rst, "", 0, 1, 0, 1,             \
    "an ICMP hard error ends a connection in SYN_SENT")                        \
  X("net.inet.tcp.rstppslimit", tcp_rstppslimit, "packets/s", 100, 200, -1,    \
    1000000, "RSTs to strangers sent in a second; -1 is no limit")

#define SPLNET_SETTINGS_TABLE(X) \
  SPLNET_SETTINGS_KERN(X)        \
  SPLNET_SETTINGS_IP(X)          \
  SPLNET_SETTINGS_TCP(X)         \
  SPLNET_SETTINGS_TCP_TIMERS(X)  \
  SPLNET_SETTINGS_TCP_DEFENCE(X)

#endif  // SPLNET_STACK_KERN_SETTINGS_TABLE_H_
