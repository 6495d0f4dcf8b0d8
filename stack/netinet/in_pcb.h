// Protocol control blocks of the Internet protocols, and how they are found.
//
// One table a protocol: TCP, UDP and raw.  Connected pcbs are found by a hash
// of the 4-tuple, bound ones by local port.  IPv4 and IPv6 share the table.

#ifndef SPLNET_STACK_NETINET_IN_PCB_H_
#define SPLNET_STACK_NETINET_IN_PCB_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "stack/kern/errno.h"
#include "stack/kern/random.h"
#include "stack/kern/sockaddr.h"
#include "stack/kern/socketvar.h"
#include "stack/net/route.h"

namespace splnet {

class InpcbTable;
struct IpOptions;
struct Netstack;
struct Tcpcb;

// Inpcb::flags.
inline constexpr uint32_t kInpHdrIncl = 0x08;  // IP_HDRINCL
inline constexpr uint32_t kInpRecvDstAddr = 0x04;
inline constexpr uint32_t kInpAnonPort = 0x40;  // port chosen by the stack

// Groups that one socket may join: IP_MAX_MEMBERSHIPS.
inline constexpr size_t kIpMaxMemberships = 4095;

struct Inpcb {
  Inpcb(InpcbTable& owner, Socket& socket);
  Inpcb(const Inpcb&) = delete;
  Inpcb& operator=(const Inpcb&) = delete;
  ~Inpcb();

  InpcbTable& table;
  SocketPtr so;
  Sockaddr faddr;  // addr.family kUnspec until connected
  Sockaddr laddr;
  Route route;  // to faddr
  uint32_t flags = 0;
  uint8_t ttl;
  uint8_t tos = 0;
  uint8_t mcast_ttl = 1;
  uint8_t mcast_loop = 1;  // this host hears its multicasts to groups it is in
  uint8_t protocol = 0;    // raw sockets
  bool detached = false;   // retired: freed when the event ends
  std::unique_ptr<IpOptions> options;  // IP_OPTIONS
  std::unique_ptr<Tcpcb> tcpcb;        // TCP only
  std::vector<InAddr> groups;          // IP_ADD_MEMBERSHIP

  // Links of the table, by 4-tuple, by local port and by age.
  Inpcb* hash_next = nullptr;
  Inpcb* hash_prev = nullptr;
  Inpcb* port_next = nullptr;
  Inpcb* port_prev = nullptr;
  Inpcb* list_prev = nullptr;
  Inpcb* list_next = nullptr;
  uint64_t hash = 0;        // of the 4-tuple, while on its chain
  bool on_tuple = false;    // on the chain of its 4-tuple: connected
  bool on_port = false;     // on the chain of its local port: bound
  uint16_t chain_port = 0;  // laddr.port when it was put there

  bool connected() const { return faddr.addr.family != Family::kUnspec; }
};

inline Inpcb* sotoinpcb(const Socket& so) {
  return static_cast<Inpcb*>(so.pcb);
}

class InpcbTable {
 public:
  // `name` ("tcb") names the streams that give the hash its key, so that
  // strangers cannot fill one chain, and the ephemeral ports.
  InpcbTable(Netstack& ns, std::string_view name);
  InpcbTable(const InpcbTable&) = delete;
  InpcbTable& operator=(const InpcbTable&) = delete;
  ~InpcbTable();

  Netstack& ns() { return ns_; }
  size_t count() const { return count_; }
  // The oldest pcb; follow list_next.
  Inpcb* first() const { return list_head_; }
  // The first pcb that may be bound to `lport`: follow port_next, and compare
  // laddr.port.  Unconnected ones come first, the newest before the others.
  Inpcb* first_on_port(uint16_t lport) const {
    return by_port_[lport & mask_].head;
  }

  // Frees every pcb that is left, when the host goes.
  void DetachAll();

 private:
  friend Errno in_pcballoc(InpcbTable&, Socket&);
  friend void in_pcbdetach(Inpcb&);
  friend void in_pcbrehash(Inpcb&);
  friend Errno in_pcbbind(Inpcb&, const Sockaddr&);
  friend Inpcb* in_pcblookup_exact(InpcbTable&, const Sockaddr&,
                                   const Sockaddr&);
  friend Inpcb* in_pcblookup_local(InpcbTable&, const Sockaddr&);

  struct PortChain {
    Inpcb* head = nullptr;
    Inpcb* tail = nullptr;
  };

  uint64_t Hash(const Sockaddr& faddr, const Sockaddr& laddr) const;
  // Puts the pcb on the chains that it belongs to; resp. takes it off them.
  void Link(Inpcb& inp);
  void Unlink(Inpcb& inp);
  void Grow();
  // A free local port for `laddr`; 0 if there is none.
  uint16_t PickPort(const Sockaddr& laddr, bool wildcard);

  Netstack& ns_;
  uint64_t secret_[2];
  RandomStream ports_;
  size_t mask_;  // buckets of each kind - 1
  std::vector<Inpcb*> by_tuple_;
  std::vector<PortChain> by_port_;
  Inpcb* list_head_ = nullptr;
  Inpcb* list_tail_ = nullptr;
  size_t count_ = 0;
  size_t connected_ = 0;  // pcbs on by_tuple_
};

// A pcb for `so`, in `table`; so.pcb points to it.
Errno in_pcballoc(InpcbTable& table, Socket& so);

// Takes the pcb out of its table and from its socket, and retires it: it is
// freed when the current event ends.
void in_pcbdetach(Inpcb& inp);

// Binds to `nam`; port 0 picks an ephemeral one.  kEADDRINUSE, kEADDRNOTAVAIL,
// kEINVAL if bound, kEAFNOSUPPORT.  SO_REUSEADDR lets it share a port with
// pcbs of other addresses or of connections, SO_REUSEPORT on both with anyone;
// for a multicast address either does.
Errno in_pcbbind(Inpcb& inp, const Sockaddr& nam);
// Connects to `nam`: picks the local address by route, and a port if none.
// Address 0.0.0.0 is this host.  kEADDRINUSE if the 4-tuple exists,
// kENETUNREACH without a route, kEADDRNOTAVAIL for port 0 or when no local
// port is free, kEAFNOSUPPORT.
Errno in_pcbconnect(Inpcb& inp, const Sockaddr& nam);
// Forgets the peer; the local address stays.
void in_pcbdisconnect(Inpcb& inp);
// The local address that a packet from `inp` to `dst` gets, by bind or by
// route; family kUnspec if there is no route.
InAddr in_pcbselsrc(Inpcb& inp, const InAddr& dst);
// Puts the pcb on its chains again after laddr or faddr was changed.
void in_pcbrehash(Inpcb& inp);

// The pcb for a packet from `from` to `to`: the connected one, else the best
// bound one (most specific local address first).  Null if none.
Inpcb* in_pcblookup(InpcbTable& table, const Sockaddr& from,
                    const Sockaddr& to);
// The connected one only.
Inpcb* in_pcblookup_exact(InpcbTable& table, const Sockaddr& from,
                          const Sockaddr& to);
// The best bound, unconnected one: a listener.
Inpcb* in_pcblookup_local(InpcbTable& table, const Sockaddr& to);

// Among the pcbs of that local port, the one that comes closest to `laddr`, as
// bind(2) looks for conflicts: with `wildcard`, one that differs in being
// connected, or in one of the two having no local address, counts too.
Inpcb* in_pcblookup_bound(const InpcbTable& table, const Sockaddr& laddr,
                          bool wildcard);

// Tells every pcb connected to `dst` (and of that port if not 0) of `error`.
void in_pcbnotifyall(InpcbTable& table, const Sockaddr& dst, Errno error,
                     void (*notify)(Inpcb& inp, Errno error));

}  // namespace splnet

#endif  // SPLNET_STACK_NETINET_IN_PCB_H_
