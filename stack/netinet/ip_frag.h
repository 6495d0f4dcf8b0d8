// IPv4 reassembly.  RFC 791 section 3.2, RFC 815, RFC 1122 section 3.3.2.

#ifndef SPLNET_STACK_NETINET_IP_FRAG_H_
#define SPLNET_STACK_NETINET_IP_FRAG_H_

#include <cstddef>
#include <memory>

#include "stack/kern/mbuf.h"

namespace splnet {

struct Netstack;

// The fragments of a host, bounded by net.inet.ip.maxqueue.
class IpFragTable {
 public:
  explicit IpFragTable(Netstack& ns);
  ~IpFragTable();

  // Takes a fragment, its IP header in front.  Gives the whole packet when it
  // was the last one missing, else null.
  MbufPtr Reassemble(MbufPtr m);
  size_t fragments() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace splnet

#endif  // SPLNET_STACK_NETINET_IP_FRAG_H_
