// A report as JSON text.

#ifndef SPLNET_TOOLS_JSON_TEXT_H_
#define SPLNET_TOOLS_JSON_TEXT_H_

#include <google/protobuf/message.h>

#include <string>

#include "absl/status/statusor.h"

namespace splnet {

// `report` with every field, also those that are 0, over several lines.  Fails
// for texts that are not UTF-8.
absl::StatusOr<std::string> JsonText(const google::protobuf::Message& report);

}  // namespace splnet

#endif  // SPLNET_TOOLS_JSON_TEXT_H_
