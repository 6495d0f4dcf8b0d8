// What the option lines at the top of a drill script set, as values.

#ifndef SPLNET_TOOLS_DRILL_OPTIONS_H_
#define SPLNET_TOOLS_DRILL_OPTIONS_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "stack/kern/sockaddr.h"
#include "stack/kern/time.h"
#include "tools/drill/script.h"

namespace splnet::drill {

// What the script does not set has the value here.
struct ScriptSettings {
  InAddr local_ip = InAddr::V4(0xc0a80001);    // 192.168.0.1, our host
  InAddr gateway_ip = InAddr::V4(0xc0a80002);  // 192.168.0.2
  InAddr netmask_ip = InAddr::V4(0xffff0000);  // 255.255.0.0
  InAddr remote_ip = InAddr::V4(0xc0000201);   // 192.0.2.1, the script's end
  uint16_t bind_port = 8080;     // where bind(fd, ..., ...) binds our host
  uint16_t connect_port = 8080;  // where connect(fd, ..., ...) goes
  uint32_t mtu = 1500;           // of the one interface, bytes
  // How far a packet or return may be off its time.  Virtual time needs none,
  // so it is 0 unless the script asks for some.
  Nanoseconds tolerance{0};
  // Our host's timestamps advance as in the script, from the first on; else
  // what the script calls them are names: one for each value.
  bool exact_timestamps = false;
  bool non_fatal_packet = false;   // go on after a wrong packet
  bool non_fatal_syscall = false;  // go on after a wrong return value
};

// Reads what the option lines of `script` say.  An option that is unknown or
// whose value makes no sense is an error "PATH:LINE:COLUMN: message".  The
// last of several lines with one name counts.  docs/drill.md lists the
// options that are accepted and change nothing.
absl::StatusOr<ScriptSettings> ReadSettings(const Script& script);

}  // namespace splnet::drill

#endif  // SPLNET_TOOLS_DRILL_OPTIONS_H_
