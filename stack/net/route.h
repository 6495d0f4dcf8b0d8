// Longest-prefix routing: rtable(9), route(4).

#ifndef SPLNET_STACK_NET_ROUTE_H_
#define SPLNET_STACK_NET_ROUTE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "stack/kern/errno.h"
#include "stack/kern/sockaddr.h"

namespace splnet {

inline constexpr uint32_t kRtfUp = 0x1;
inline constexpr uint32_t kRtfGateway = 0x2;
inline constexpr uint32_t kRtfHost = 0x4;
inline constexpr uint32_t kRtfReject = 0x8;
inline constexpr uint32_t kRtfDynamic = 0x10;    // made by a learnt path MTU
inline constexpr uint32_t kRtfLocal = 0x200000;  // an address of this host
inline constexpr uint32_t kRtfBroadcast = 0x400000;

struct Rtentry {
  InAddr dst;  // masked
  uint8_t prefixlen = 0;
  uint32_t flags = 0;
  InAddr gateway;          // next hop, with kRtfGateway
  uint16_t ifidx = 0;      // interface to send by
  InAddr ifa;              // source address for locally made packets
  uint32_t mtu_bytes = 0;  // path MTU learnt; 0 is the interface's
};

// The routes of a host: a binary trie over the bits of the destination, in
// which a node stands only where there is a route or a fork.
class RouteTable {
 public:
  RouteTable();
  RouteTable(const RouteTable&) = delete;
  RouteTable& operator=(const RouteTable&) = delete;
  ~RouteTable();

  // Bits of `route.dst` beyond the prefix are ignored.  kEEXIST if there is a
  // route for exactly this prefix; kEINVAL for a length that cannot be.
  Errno Add(const Rtentry& route);
  // kESRCH if there is none.
  Errno Delete(const InAddr& dst, uint8_t prefixlen);
  // The most specific route for `dst`; null if none.  Valid until the
  // generation changes.
  const Rtentry* Lookup(const InAddr& dst) const;
  // The route for exactly this prefix; null if none.
  const Rtentry* Find(const InAddr& dst, uint8_t prefixlen) const;
  // Grows with every change: a remembered route is good while it is equal.
  uint64_t generation() const { return generation_; }
  // All routes, ordered by destination, the shorter prefix first; IPv4 before
  // IPv6.
  std::vector<const Rtentry*> All() const;
  size_t size() const { return size_; }

 private:
  struct Node;
  std::unique_ptr<Node>* RootOf(Family family);
  const std::unique_ptr<Node>* RootOf(Family family) const;

  std::unique_ptr<Node> v4_;
  std::unique_ptr<Node> v6_;
  size_t size_ = 0;
  uint64_t generation_ = 1;
};

// A route remembered between packets to one destination: struct route.
struct Route {
  const Rtentry* rt = nullptr;
  InAddr dst;
  uint64_t generation = 0;  // 0: nothing remembered

  // The route to `to`, looked up again only if it, or the table, changed.
  const Rtentry* Get(const RouteTable& table, const InAddr& to) {
    if (generation != table.generation() || dst != to) {
      rt = table.Lookup(to);
      dst = to;
      generation = table.generation();
    }
    return rt;
  }
};

}  // namespace splnet

#endif  // SPLNET_STACK_NET_ROUTE_H_
