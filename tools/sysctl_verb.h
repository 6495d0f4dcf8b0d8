// The verb `splnet sysctl`.

#ifndef SPLNET_TOOLS_SYSCTL_VERB_H_
#define SPLNET_TOOLS_SYSCTL_VERB_H_

#include <CLI/CLI.hpp>

namespace splnet {

// Adds the verb to `app`; when it is chosen, its exit status goes to `*status`.
void AddSysctlVerb(CLI::App& app, int* status);

}  // namespace splnet

#endif  // SPLNET_TOOLS_SYSCTL_VERB_H_
