// grep(1), as far as drill scripts need it to look at what sockstat prints.

#ifndef SPLNET_TOOLS_DRILL_GREP_H_
#define SPLNET_TOOLS_DRILL_GREP_H_

#include <string>
#include <string_view>
#include <vector>

namespace splnet::drill {

// What a command printed, and its exit status.
struct CommandOutput {
  std::string text;
  int status = 0;
  std::string error;  // why it could not be run at all; "" if it was
};

// grep with the arguments `args`, its name first, of the lines of `input`.
// Flags: -c -E -F -i -q -v -w -x -e PATTERN.  In patterns: "." "*" "[...]"
// "^" "$" and "\" before what is meant as it stands.
CommandOutput Grep(const std::vector<std::string>& args,
                   std::string_view input);

}  // namespace splnet::drill

#endif  // SPLNET_TOOLS_DRILL_GREP_H_
