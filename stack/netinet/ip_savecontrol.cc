// What comes with a datagram as control messages: ip_savecontrol.

#include <cstring>

#include "stack/kern/socketvar.h"
#include "stack/netinet/in_pcb.h"
#include "stack/netinet/ip_var.h"
#include "stack/netinet/udp_usrreq.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

// SCM_TIMESTAMP's value: struct timeval.
struct TimevalWire {
  int64_t sec;
  int64_t usec;
};
static_assert(sizeof(TimevalWire) == 16);

// One control message; null if memory is short.
template <typename T>
MbufPtr Control(Netstack& ns, int level, int type, const T& value) {
  constexpr size_t kLen = sizeof(CmsgHeader) + sizeof(T);
  MbufPtr m = m_get(ns.mbufs, MWait::kDontWait, MbufType::kControl);
  if (!m) return nullptr;
  m->len = (kLen + 7) / 8 * 8;  // CMSG_SPACE
  std::memset(m->data, 0, m->len);
  m_write(*m, 0, CmsgHeader{kLen, level, type});
  m_write(*m, sizeof(CmsgHeader), value);
  return m;
}

void Append(MbufPtr& chain, MbufPtr m) {
  if (!m) return;
  if (!chain) {
    chain = std::move(m);
    return;
  }
  Mbuf* last = chain.get();
  while (last->next != nullptr) last = last->next;
  last->next = m.release();
}

}  // namespace

MbufPtr ip_savecontrol(const Inpcb& inp, const InAddr& dst) {
  Netstack& ns = inp.table.ns();
  MbufPtr chain;
  if (inp.so->has(kSO_TIMESTAMP)) {
    const int64_t usec = ToNanoseconds(ns.now()) / 1000;
    Append(chain, Control(ns, kSOL_SOCKET, kSCM_TIMESTAMP,
                          TimevalWire{usec / 1'000'000, usec % 1'000'000}));
  }
  if ((inp.flags & kInpRecvDstAddr) != 0) {
    Append(chain, Control(ns, kIpprotoIp, kIP_RECVDSTADDR, dst.wire4()));
  }
  return chain;
}

}  // namespace splnet
