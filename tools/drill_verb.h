// The verb `splnet drill`.

#ifndef SPLNET_TOOLS_DRILL_VERB_H_
#define SPLNET_TOOLS_DRILL_VERB_H_

#include <CLI/CLI.hpp>

namespace splnet {

// Adds the verb to `app`.  When the command line has it, it runs while that is
// parsed, and its exit status is put into `*status`, which outlives `app`.
void AddDrillVerb(CLI::App& app, int* status);

}  // namespace splnet

#endif  // SPLNET_TOOLS_DRILL_VERB_H_
