// What a script may put in backticks: a few commands of BSD, built in.  No
// shell and no program of this machine is ever run.
//
//   sysctl [-w] NAME=VALUE ...
//   sockstat [FLAGS] [| grep [FLAGS] PATTERN] ...
//   tcpdrop -s STATE, tcpdrop -a
//   sleep SECONDS
//
// Several are joined with ";" or "&&".

#ifndef SPLNET_TOOLS_DRILL_COMMANDS_H_
#define SPLNET_TOOLS_DRILL_COMMANDS_H_

#include <string>
#include <string_view>

#include "stack/kern/time.h"
#include "stack/netstack.h"

namespace splnet::drill {

struct CommandResult {
  // Why the command failed, in one line; "" if it did not.
  std::string error;
  std::string output;    // what was printed last, lines
  Nanoseconds sleep{0};  // virtual time that it asks to pass
};

// Carries `text` out on the host `ns`.  What it does is done at once.
CommandResult RunCommandLine(Netstack& ns, std::string_view text);

}  // namespace splnet::drill

#endif  // SPLNET_TOOLS_DRILL_COMMANDS_H_
