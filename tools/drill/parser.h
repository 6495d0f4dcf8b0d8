// Reads a drill script: its text becomes the tree of tools/drill/script.h.

#ifndef SPLNET_TOOLS_DRILL_PARSER_H_
#define SPLNET_TOOLS_DRILL_PARSER_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "tools/drill/lexer.h"
#include "tools/drill/script.h"

namespace splnet::drill {

// Parses `text`, which stands in the file `path` (used in messages only).  An
// error is one line "PATH:LINE:COLUMN: message" that quotes the bad text and
// says what was expected.
absl::StatusOr<Script> ParseScript(std::string_view text, std::string path,
                                   const Defines& defines);

}  // namespace splnet::drill

#endif  // SPLNET_TOOLS_DRILL_PARSER_H_
