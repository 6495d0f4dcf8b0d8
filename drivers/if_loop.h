// The loopback interface: lo(4).
//
// What is sent comes back in: looutput puts the very same mbufs on the input
// queue of their family and requests its soft interrupt.

#ifndef SPLNET_DRIVERS_IF_LOOP_H_
#define SPLNET_DRIVERS_IF_LOOP_H_

#include "stack/netstack.h"

namespace splnet {

inline constexpr uint32_t kLoMtu = 32768;  // LOMTU

// Gives `ns` the interface lo0 with the address 127.0.0.1/8.
Ifnet& loopattach(Netstack& ns);

// Ifnet::output.  kENETDOWN, kENETUNREACH or kEHOSTUNREACH (a reject route),
// kEAFNOSUPPORT; never kENOBUFS, for a full input queue drops silently.
Errno looutput(Ifnet& ifp, MbufPtr m, const InAddr& dst, const Rtentry* rt);

}  // namespace splnet

#endif  // SPLNET_DRIVERS_IF_LOOP_H_
