// ARP: the packet on the wire, and the table of neighbours.  RFC 826, RFC 1122
// section 2.3.2.

#ifndef SPLNET_STACK_NETINET_IF_ETHER_H_
#define SPLNET_STACK_NETINET_IF_ETHER_H_

#include <cstdint>
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
  uint8_t hln = 0;
  uint8_t pln = 0;
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
  uint64_t conflicts = 0;   // somebody else uses our address
  uint64_t overwrites = 0;  // of a static entry, refused
  uint64_t tablefull = 0;   // no room to learn or resolve an address
  uint64_t evicted = 0;     // unasked-for entries that made room for ours
  uint64_t heldreplaced = 0;
  uint64_t expired = 0;     // resolved entries that grew old
  uint64_t unanswered = 0;  // addresses that did not answer any request
};

// Requests for one address before it is taken for down, a second apart.
inline constexpr int kArpMaxTries = 5;
// Packets held for one unresolved address.
inline constexpr size_t kArpMaxHeld = 10;

// The neighbours of a host.
//
// An entry is made when this host needs an address (it then asks, a second
// apart, up to kArpMaxTries times by its own timer, where BSD asks again only
// as packets come), or when somebody asks for ours.  Packets about other hosts
// change entries that exist and make none.  Entries that were learnt count
// against net.inet.ip.arpmaxentries; one that this host needs takes the place
// of the oldest that it did not ask for.
class ArpTable {
 public:
  explicit ArpTable(Netstack& ns);
  ArpTable(const ArpTable&) = delete;
  ArpTable& operator=(const ArpTable&) = delete;
  ~ArpTable();

  ArpStat stats;

  // A permanent entry (arp -s), which nothing learnt replaces.
  void AddStatic(uint16_t ifidx, const InAddr& addr, const EtherAddr& lladdr);
  // Forgets an entry with what it holds (arp -d).  False if there is none.
  bool Delete(uint16_t ifidx, const InAddr& addr);
  // The station address that is known for `addr`; null if none is.
  const EtherAddr* Find(uint16_t ifidx, const InAddr& addr) const;
  size_t size() const;

 private:
  friend Errno arpresolve(Ifnet&, MbufPtr&, const InAddr&, EtherAddr*);
  friend void arpinput(Ifnet&, MbufPtr);
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The station address of the neighbour `dst` on `ifp`.  kOk with *lladdr set;
// or kEWOULDBLOCK: `m` was taken and is held until an answer comes; or
// kEHOSTDOWN, kENOBUFS: `m` was dropped.
Errno arpresolve(Ifnet& ifp, MbufPtr& m, const InAddr& dst, EtherAddr* lladdr);

// Asks the hosts on `ifp` who has `target`.  For one of our own addresses this
// is a gratuitous ARP: it tells them of us.
void arprequest(Ifnet& ifp, const InAddr& target);

// One ARP packet, its Ethernet header removed, in soft-interrupt context.
void arpinput(Ifnet& ifp, MbufPtr m);

}  // namespace splnet

#endif  // SPLNET_STACK_NETINET_IF_ETHER_H_
