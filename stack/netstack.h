// One simulated host: all that BSD keeps in globals.
//
// The tables by which a layer finds the one above are filled in netstack.cc,
// which is therefore the map of the stack.

#ifndef SPLNET_STACK_NETSTACK_H_
#define SPLNET_STACK_NETSTACK_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "stack/kern/cpu.h"
#include "stack/kern/drop.h"
#include "stack/kern/ledger.h"
#include "stack/kern/mbuf.h"
#include "stack/kern/protosw.h"
#include "stack/kern/random.h"
#include "stack/kern/settings.h"
#include "stack/kern/socketvar.h"
#include "stack/kern/timeout.h"
#include "stack/kern/tracer.h"
#include "stack/net/if.h"
#include "stack/net/if_ethersubr.h"
#include "stack/net/netisr.h"
#include "stack/net/route.h"
#include "stack/netinet/if_ether.h"
#include "stack/netinet/in_pcb.h"
#include "stack/netinet/ip_frag.h"
#include "stack/netinet/ip_icmp.h"
#include "stack/netinet/ip_var.h"
#include "stack/netinet/tcp_stat.h"
#include "stack/netinet/udp_usrreq.h"

namespace splnet {

struct Netstack {
  // A host of the simulation that `queue` drives.  `host` numbers it from 1
  // and `name` names its random streams, which depend on `seed`.
  Netstack(EventQueue& queue, uint32_t host, std::string_view name,
           uint64_t seed, const Settings& settings = {});
  Netstack(const Netstack&) = delete;
  Netstack& operator=(const Netstack&) = delete;
  // CHECKs that every mbuf and socket came back.  Processes and links that
  // hold any must be gone.
  ~Netstack();

  const std::string name;
  const uint32_t host;
  const uint64_t seed;
  EventQueue& queue;

  // stack/kern
  Ledger ledger;
  Cpu cpu;
  Settings settings;
  MbufPool mbufs;
  Tracer tracer;
  std::array<uint64_t, kDropReasons> drops{};
  size_t sockets_in_use = 0;
  bool sockbufs_low = false;  // sbchecklowmem()

  // stack/net
  RouteTable routes;
  LocalAddrTable local_addrs;
  // Every unicast destination is this host, as far as input goes: for a host
  // that watches the traffic of others.
  bool owns_everything = false;
  NetisrQueue arpintrq{SoftInterrupt::kArp, Fn::kArpintrq,
                       settings.ipintrq_maxlen};
  NetisrQueue ipintrq{SoftInterrupt::kIp, Fn::kIpintrq,
                      settings.ipintrq_maxlen};
  NetisrQueue ip6intrq{SoftInterrupt::kIp6, Fn::kIp6intrq,
                       settings.ipintrq_maxlen};

  // stack/netinet
  ArpTable arp;
  IpFragTable ipfrag;
  IpStat ipstat;
  IpIdStream ip_ids;
  GroupTable groups;
  PathMtuTable pathmtu;
  IcmpRateLimit icmp_limit;
  IcmpStat icmpstat;
  UdpStat udpstat;
  TcpStat tcpstat;
  TcpHost tcp;
  InpcbTable tcbtable;
  InpcbTable udbtable;
  InpcbTable rawcbtable;

  std::vector<std::unique_ptr<Ifnet>> interfaces;  // by index - 1

  SimTime now() const { return queue.now(); }
  uint64_t NewPacketId() { return uint64_t{host} << 48 | ++last_packet_id_; }
  uint64_t NewSocketId() { return ++last_socket_id_; }
  // The stream "NAME:purpose" of this host.
  RandomStream Stream(std::string_view purpose) const;

  // Counts, traces and frees a packet.
  void Drop(MbufPtr m, DropReason reason) {
    ++drops[static_cast<size_t>(reason)];
    tracer.Dropped(reason, *m);
  }
  // The same for packet `id`, which is gone already for want of memory.
  void Lost(DropReason reason, uint64_t id) {
    ++drops[static_cast<size_t>(reason)];
    tracer.Dropped(reason, id);
  }
  uint64_t dropped(DropReason reason) const {
    return drops[static_cast<size_t>(reason)];
  }

  // Makes `ifp` an interface of this host and numbers it.
  Ifnet& Attach(std::unique_ptr<Ifnet> ifp);

  // EtherType to input queue; null if nobody takes it.
  NetisrQueue* QueueFor(uint16_t ethertype);
  // Address family to input queue; null if nobody takes it.
  NetisrQueue* QueueOf(Family family);
  // Address family to how Ethernet carries it; null if it does not.
  static const EtherFamily* EtherFamilyOf(Family family);
  // IP protocol to its Protosw; null if there is none.
  const Protosw* ProtoFor(uint8_t ip_protocol) const {
    return ip_protos_[ip_protocol];
  }
  // For socket(2): null if there is none.
  const Protosw* FindProtosw(Family family, SocketType type,
                             int protocol) const;

  // Frees `inp` when the current event has ended.
  void Retire(std::unique_ptr<Inpcb> inp);

 private:
  uint64_t last_packet_id_ = 0;
  uint64_t last_socket_id_ = 0;
  std::array<const Protosw*, 256> ip_protos_{};
  std::vector<std::unique_ptr<Inpcb>> retired_;
  Timeout reaper_;
};

}  // namespace splnet

#endif  // SPLNET_STACK_NETSTACK_H_
