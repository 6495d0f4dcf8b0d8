// IPv4 reassembly.  RFC 791 section 3.2, RFC 815, RFC 1122 section 3.3.2.

#ifndef SPLNET_STACK_NETINET_IP_FRAG_H_
#define SPLNET_STACK_NETINET_IP_FRAG_H_

#include <cstddef>
#include <memory>

#include "stack/kern/mbuf.h"

namespace splnet {

struct Netstack;

// The fragments of a host: a queue for each packet under way, named by source,
// destination, identification and protocol.
//
// No more than net.inet.ip.maxqueue fragments are held; a new one pushes the
// oldest packet out.  A packet that is not complete after net.inet.ip.fragttl
// is dropped, and its sender told if its first fragment is here.  A fragment
// that is held already is dropped alone.  Any other overlap drops the whole
// packet: no honest sender makes one, and taking either copy of the bytes has
// been used to pass filters (BSD keeps what came first).
class IpFragTable {
 public:
  explicit IpFragTable(Netstack& ns);
  IpFragTable(const IpFragTable&) = delete;
  IpFragTable& operator=(const IpFragTable&) = delete;
  ~IpFragTable();

  // Takes a fragment, its IP header in front in one piece, and no bytes beyond
  // its IP length.  Gives the whole packet, under the id of the fragment that
  // completed it, when that was the last one missing, else null.
  MbufPtr Reassemble(MbufPtr m);
  size_t fragments() const;
  size_t packets() const;  // under way

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace splnet

#endif  // SPLNET_STACK_NETINET_IP_FRAG_H_
