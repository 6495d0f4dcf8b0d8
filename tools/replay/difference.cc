// Differences between our side and the captured end.

#include "tools/replay/difference.h"

#include <utility>

namespace splnet {

const char* DifferenceText(Difference kind) {
  switch (kind) {
#define SPLNET_DIFFERENCE_CASE(name, text) \
  case Difference::name:                   \
    return text;
    SPLNET_DIFFERENCE_TABLE(SPLNET_DIFFERENCE_CASE)
#undef SPLNET_DIFFERENCE_CASE
  }
  return "unknown";
}

void DifferenceLog::SetExample(Difference kind, uint64_t packet,
                               std::string captured, std::string ours) {
  DifferenceGroup& group = groups_[static_cast<size_t>(kind)];
  group.packet = packet;
  group.captured = std::move(captured);
  group.ours = std::move(ours);
}

}  // namespace splnet
