// Every reason for which a packet can die.
//
// Netstack::Drop() counts by these, traces them and frees the packet; netstat
// is a print of the counters.

#ifndef SPLNET_STACK_KERN_DROP_H_
#define SPLNET_STACK_KERN_DROP_H_

#include <cstddef>
#include <cstdint>

namespace splnet {

// Enumerator and text.  Text is what reports print.
#define SPLNET_DROP_TABLE(X)                                           \
  /* driver and interface */                                           \
  X(kIfDown, "interface down")                                         \
  X(kIfRingFull, "receive ring full")                                  \
  X(kIfNoMbufs, "no mbuf for a received frame")                        \
  X(kIfTooLong, "frame longer than the interface takes")               \
  X(kIfqFull, "send queue full")                                       \
  X(kLinkLost, "lost on the link")                                     \
  X(kLinkQueueFull, "link queue full")                                 \
  /* Ethernet and ARP */                                               \
  X(kEtherShort, "Ethernet header cut short")                          \
  X(kEtherNotForUs, "Ethernet destination is another station")         \
  X(kEtherUnknownType, "unknown EtherType")                            \
  X(kEtherUnknownVlan, "no interface for this VLAN")                   \
  X(kArpShort, "ARP packet cut short")                                 \
  X(kArpBad, "ARP packet is malformed")                                \
  X(kArpNotForUs, "ARP is about another host")                         \
  X(kArpTableFull, "ARP table full")                                   \
  X(kArpHoldReplaced, "held packet replaced while ARP was unresolved") \
  X(kArpUnresolved, "ARP gave no answer")                              \
  X(kNetisrqFull, "protocol input queue full")                         \
  /* IP */                                                             \
  X(kIpShort, "IP header cut short")                                   \
  X(kIpBadVersion, "IP version is not 4")                              \
  X(kIpBadHeaderLength, "IP header length impossible")                 \
  X(kIpBadLength, "IP total length impossible")                        \
  X(kIpTruncated, "packet shorter than its IP length")                 \
  X(kIpBadChecksum, "bad IP header checksum")                          \
  X(kIpBadSource, "IP source address not allowed")                     \
  X(kIpBadOptions, "bad IP options")                                   \
  X(kIpSourceRoute, "source-routed packet refused")                    \
  X(kIpNotForUs, "IP destination is another host")                     \
  X(kIpCannotForward, "cannot forward")                                \
  X(kIpNoProtocol, "IP protocol not supported")                        \
  X(kIpNoRoute, "no route to host")                                    \
  X(kIpNoBuffers, "no mbufs for IP output")                            \
  X(kIpMustFragment, "too big and must not be fragmented")             \
  X(kIpTooBig, "longer than 65535 bytes")                              \
  X(kIpFragBad, "fragment is malformed")                               \
  X(kIpFragLimit, "too many fragments held")                           \
  X(kIpFragTimeout, "reassembly timed out")                            \
  X(kIpFragDuplicate, "fragment already held")                         \
  X(kIpFragOverlap, "fragment overlaps another")                       \
  X(kIp6Unsupported, "IPv6 not supported")                             \
  /* ICMP */                                                           \
  X(kIcmpShort, "ICMP message cut short")                              \
  X(kIcmpBadChecksum, "bad ICMP checksum")                             \
  X(kIcmpBadCode, "unknown ICMP code")                                 \
  X(kIcmpUnknownType, "ICMP type not handled")                         \
  X(kIcmpBroadcast, "ICMP echo to a broadcast address refused")        \
  /* UDP and raw */                                                    \
  X(kUdpShortHeader, "UDP header cut short")                           \
  X(kUdpBadLength, "bad UDP length")                                   \
  X(kUdpBadChecksum, "bad UDP checksum")                               \
  X(kUdpBadPort, "UDP port 0")                                         \
  X(kUdpNoPort, "no UDP socket")                                       \
  X(kSockbufFull, "socket buffer full")                                \
  X(kRawNoSocket, "no raw socket")                                     \
  /* TCP */                                                            \
  X(kTcpShort, "TCP header cut short")                                 \
  X(kTcpBadOffset, "bad TCP data offset")                              \
  X(kTcpBadChecksum, "bad TCP checksum")                               \
  X(kTcpBadAddress, "TCP to or from a multicast or broadcast address") \
  X(kTcpNoPort, "no TCP connection")                                   \
  X(kTcpClosed, "TCP connection is closed")                            \
  X(kTcpListenBad, "segment not acceptable to a listener")             \
  X(kTcpListenFull, "listen queue full")                               \
  X(kTcpNoMemory, "no memory for a TCP connection")                    \
  X(kTcpBadAck, "acknowledges what was not sent")                      \
  X(kTcpBadReset, "reset out of window")                               \
  X(kTcpBadSyn, "SYN in a synchronized state")                         \
  X(kTcpNoAck, "segment without ACK")                                  \
  X(kTcpNoSyn, "segment without SYN")                                  \
  X(kTcpPaws, "timestamp too old")                                     \
  X(kTcpNoTimestamp, "lacks the timestamp agreed on")                  \
  X(kTcpOutOfWindow, "outside the receive window")                     \
  X(kTcpDuplicate, "all data received before")                         \
  X(kTcpAfterClose, "data after the receiver closed")                  \
  X(kTcpReassLimit, "out-of-order queue full")                         \
  X(kTcpReset, "connection reset")

enum class DropReason : uint8_t {
#define SPLNET_DROP_ENUMERATOR(name, text) name,
  SPLNET_DROP_TABLE(SPLNET_DROP_ENUMERATOR)
#undef SPLNET_DROP_ENUMERATOR
};

#define SPLNET_DROP_COUNT(name, text) +1
inline constexpr size_t kDropReasons = 0 SPLNET_DROP_TABLE(SPLNET_DROP_COUNT);
#undef SPLNET_DROP_COUNT

const char* DropText(DropReason reason);  // "bad UDP checksum"
const char* DropName(DropReason reason);  // "kUdpBadChecksum"

}  // namespace splnet

#endif  // SPLNET_STACK_KERN_DROP_H_
