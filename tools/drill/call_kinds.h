// The tables of system calls, by duty.

#ifndef SPLNET_TOOLS_DRILL_CALL_KINDS_H_
#define SPLNET_TOOLS_DRILL_CALL_KINDS_H_

#include <span>

#include "tools/drill/call.h"

namespace splnet::drill {

// socket, bind, listen, accept, connect, shutdown, close.
std::span<const CallKind> SetupCalls();
// read, write and their kin.
std::span<const CallKind> TransferCalls();
// getsockopt, setsockopt, fcntl, ioctl, poll.
std::span<const CallKind> OptionCalls();

}  // namespace splnet::drill

#endif  // SPLNET_TOOLS_DRILL_CALL_KINDS_H_
