// What all verbs share: exit statuses, and how an error is said.

#ifndef SPLNET_TOOLS_VERB_H_
#define SPLNET_TOOLS_VERB_H_

#include <cstdio>
#include <string>
#include <string_view>

namespace splnet {

inline constexpr int kExitOk = 0;        // it ran, and every check holds
inline constexpr int kExitFailed = 1;    // a check failed
inline constexpr int kExitUsage = 2;     // wrong flags, or a wrong filter
inline constexpr int kExitUnusable = 3;  // the input cannot be used

// Says "splnet VERB: message" on standard error, in one line, and returns
// `status`.
inline int Complain(std::string_view verb, std::string_view message,
                    int status) {
  std::string line = "splnet ";
  line.append(verb).append(": ").append(message).push_back('\n');
  std::fwrite(line.data(), 1, line.size(), stderr);
  return status;
}

}  // namespace splnet

#endif  // SPLNET_TOOLS_VERB_H_
