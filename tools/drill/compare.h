// In which fields a packet that was seen differs from the one expected.

#ifndef SPLNET_TOOLS_DRILL_COMPARE_H_
#define SPLNET_TOOLS_DRILL_COMPARE_H_

#include <string>
#include <vector>

#include "tools/drill/script.h"

namespace splnet::drill {

// A field with its two values, as text: {"win", "100", "99"}.
struct FieldDifference {
  std::string field;
  std::string expected;
  std::string actual;

  bool operator==(const FieldDifference&) const = default;
};

// Every field that `expected` asks for and `seen` has otherwise, in the order
// in which they are written; empty when the packet is the one expected.
//
// `seen` has every field set, and its numbers are the script's: where one of
// `expected` is absolute, its counterpart in `seen` is too.
std::vector<FieldDifference> ComparePackets(const PacketEvent& expected,
                                            const PacketEvent& seen);

}  // namespace splnet::drill

#endif  // SPLNET_TOOLS_DRILL_COMPARE_H_
