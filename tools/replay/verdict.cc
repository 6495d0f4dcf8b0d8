// The names of verdicts.

#include "tools/replay/verdict.h"

namespace splnet {

const char* VerdictText(Verdict verdict) {
  switch (verdict) {
#define SPLNET_VERDICT_CASE(name, text) \
  case Verdict::name:                   \
    return text;
    SPLNET_VERDICT_TABLE(SPLNET_VERDICT_CASE)
#undef SPLNET_VERDICT_CASE
  }
  return "unknown";
}

const char* AdaptedText(size_t bit) {
  constexpr std::array<const char*, kAdaptations> kTexts = {"ack", "sack",
                                                            "window", "time"};
  return bit < kTexts.size() ? kTexts[bit] : "unknown";
}

}  // namespace splnet
