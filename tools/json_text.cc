// JSON by protobuf's own printer.

#include "tools/json_text.h"

#include <google/protobuf/util/json_util.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace splnet {

absl::StatusOr<std::string> JsonText(const google::protobuf::Message& report) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.always_print_primitive_fields = true;
  std::string json;
  const auto status =
      google::protobuf::util::MessageToJsonString(report, &json, options);
  if (status.ok()) return json;
  return absl::InternalError(absl::StrCat(
      "the report cannot be written as JSON: ", std::string(status.message())));
}

}  // namespace splnet
