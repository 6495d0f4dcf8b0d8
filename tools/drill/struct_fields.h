// The structs that a script's system calls take, and the names of their fields.

#ifndef SPLNET_TOOLS_DRILL_STRUCT_FIELDS_H_
#define SPLNET_TOOLS_DRILL_STRUCT_FIELDS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "tools/drill/script.h"

namespace splnet::drill {

struct StructType {
  std::string_view name;  // as C calls it: "linger"
  // Every name that a script may use.  The first `places` are those of fields
  // that are given without names, in this order.
  std::span<const std::string_view> fields;
  size_t places = 0;
};

extern const StructType kStructLinger;
extern const StructType kStructTimeval;
extern const StructType kStructSockaddr;
extern const StructType kStructPollfd;
extern const StructType kStructMsghdr;
extern const StructType kStructIovec;
extern const StructType kStructTcpInfo;

// The struct in which a socket option's value comes; null where it is a number
// or a text.
const StructType* OptionStruct(int64_t level, int64_t option);

// The name of a struct's field number `place`, given or not; "" if it has none.
std::string_view FieldName(const StructType& type, const Expr& expr,
                           size_t place);

// What is wrong with the names in `expr`, a kStruct: a field that `type` does
// not have, or one without a name that has no place.  "" if nothing.
std::string CheckFieldNames(const StructType& type, const Expr& expr);

}  // namespace splnet::drill

#endif  // SPLNET_TOOLS_DRILL_STRUCT_FIELDS_H_
