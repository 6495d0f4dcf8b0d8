// Protocol control blocks of the Internet protocols, and how they are found.
//
// One table a protocol: TCP, UDP and raw.  Connected pcbs are found by a hash
// of the 4-tuple, bound ones by local port.  IPv4 and IPv6 share the table.

#ifndef SPLNET_STACK_NETINET_IN_PCB_H_
#define SPLNET_STACK_NETINET_IN_PCB_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "stack/kern/errno.h"
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
  uint8_t protocol = 0;                // raw sockets
  bool detached = false;               // retired: freed when the event ends
  std::unique_ptr<IpOptions> options;  // IP_OPTIONS
  std::unique_ptr<Tcpcb> tcpcb;        // TCP only

  // Links of the table, by 4-tuple, by local port and by age.
  Inpcb* hash_next = nullptr;
  Inpcb* port_next = nullptr;
  Inpcb* list_prev = nullptr;
  Inpcb* list_next = nullptr;
};

inline Inpcb* sotoinpcb(const Socket& so) {
  return static_cast<Inpcb*>(so.pcb);
}

class InpcbTable {
 public:
  // `secret` keys the hash, so that strangers cannot fill one chain.
  InpcbTable(Netstack& ns, uint64_t secret);
  InpcbTable(const InpcbTable&) = delete;
  InpcbTable& operator=(const InpcbTable&) = delete;
  ~InpcbTable();

  Netstack& ns() { return ns_; }
  size_t count() const { return count_; }
  // The oldest pcb; follow list_next.
  Inpcb* first() const { return list_head_; }

 private:
  friend Errno in_pcballoc(InpcbTable&, Socket&);
  friend void in_pcbdetach(Inpcb&);
  friend void in_pcbrehash(Inpcb&);
  friend Inpcb* in_pcblookup_exact(InpcbTable&, const Sockaddr&,
                                   const Sockaddr&);
  friend Inpcb* in_pcblookup_local(InpcbTable&, const Sockaddr&);

  size_t TupleBucket(const Sockaddr& faddr, const Sockaddr& laddr) const;
  size_t PortBucket(uint16_t lport) const;
  void Link(Inpcb& inp);
  void Unlink(Inpcb& inp);
  void Grow();

  Netstack& ns_;
  uint64_t secret_;
  std::vector<Inpcb*> by_tuple_;
  std::vector<Inpcb*> by_port_;
  Inpcb* list_head_ = nullptr;
  Inpcb* list_tail_ = nullptr;
  size_t count_ = 0;
};

// A pcb for `so`, in `table`; so.pcb points to it.
Errno in_pcballoc(InpcbTable& table, Socket& so);

// Takes the pcb out of its table and from its socket, and retires it: it is
// freed when the current event ends.
void in_pcbdetach(Inpcb& inp);

// Binds to `nam`; port 0 picks an ephemeral one.  kEADDRINUSE, kEADDRNOTAVAIL,
// kEINVAL if bound, kEAFNOSUPPORT.
Errno in_pcbbind(Inpcb& inp, const Sockaddr& nam);
// Connects to `nam`: picks the local address by route, and a port if none.
// kEADDRINUSE if the 4-tuple exists, kENETUNREACH, kEADDRNOTAVAIL for port 0.
Errno in_pcbconnect(Inpcb& inp, const Sockaddr& nam);
void in_pcbdisconnect(Inpcb& inp);
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

// Tells every pcb connected to `dst` (and of that port if not 0) of `error`.
void in_pcbnotifyall(InpcbTable& table, const Sockaddr& dst, Errno error,
                     void (*notify)(Inpcb& inp, Errno error));

}  // namespace splnet

#endif  // SPLNET_STACK_NETINET_IN_PCB_H_
