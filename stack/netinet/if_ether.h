// ARP: the packet on the wire, and the table of neighbours.  RFC 826, RFC 1122
// section 2.3.2.

#ifndef SPLNET_STACK_NETINET_IF_ETHER_H_
#define SPLNET_STACK_NETINET_IF_ETHER_H_

#include <cstdint>
#include <map>
#include <memory>

#include "stack/kern/endian.h"
#include "stack/kern/mbuf.h"
#include "stack/kern/sockaddr.h"
#include "stack/kern/time.h"
#include "stack/net/if.h"

namespace splnet {

struct ArpHeader {
  Be16 hrd;  // 1: Ethernet
  Be16 pro;  // 0x0800: IPv4
  uint8_t hln;
  uint8_t pln;
  Be16 op;
  EtherAddr sha;
  In4Wire spa;
  EtherAddr tha;
  In4Wire tpa;
};
static_assert(sizeof(ArpHeader) == 28 && alignof(ArpHeader) == 1);

inline constexpr uint16_t kArphrdEther = 1;
inline constexpr uint16_t kArpopRequest = 1;
inline constexpr uint16_t kArpopReply = 2;

struct ArpStat {
  uint64_t rcvrequest = 0;
  uint64_t rcvreply = 0;
  uint64_t sntrequest = 0;
  uint64_t sntreply = 0;
  uint64_t conflicts = 0;  // somebody else uses our address
  uint64_t tablefull = 0;
  uint64_t heldreplaced = 0;
  uint64_t expired = 0;
};

struct ArpEntry;

// The neighbours of a host.
class ArpTable {
 public:
  explicit ArpTable(Netstack& ns);
  ~ArpTable();

  ArpStat stats;

  // A permanent entry (arp -s).
  void AddStatic(uint16_t ifidx, const InAddr& addr, const EtherAddr& lladdr);
  size_t size() const;

 private:
  friend Errno arpresolve(Ifnet&, MbufPtr&, const InAddr&, EtherAddr*);
  friend void arpinput(Ifnet&, MbufPtr);
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The station address of the neighbour `dst` on `ifp`.  kOk with *lladdr set;
// or kEWOULDBLOCK: `m` was taken and is held until an answer comes; or
// kEHOSTDOWN, `m` was dropped.
Errno arpresolve(Ifnet& ifp, MbufPtr& m, const InAddr& dst, EtherAddr* lladdr);

// One ARP packet, its Ethernet header removed, in soft-interrupt context.
void arpinput(Ifnet& ifp, MbufPtr m);

}  // namespace splnet

#endif  // SPLNET_STACK_NETINET_IF_ETHER_H_
