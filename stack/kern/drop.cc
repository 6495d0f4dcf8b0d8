// Names of drop reasons.

#include "stack/kern/drop.h"

namespace splnet {

const char* DropText(DropReason reason) {
  switch (reason) {
#define SPLNET_DROP_TEXT(name, text) \
  case DropReason::name:             \
    return text;
    SPLNET_DROP_TABLE(SPLNET_DROP_TEXT)
#undef SPLNET_DROP_TEXT
  }
  return "?";
}

const char* DropName(DropReason reason) {
  switch (reason) {
#define SPLNET_DROP_NAME(name, text) \
  case DropReason::name:             \
    return #name;
    SPLNET_DROP_TABLE(SPLNET_DROP_NAME)
#undef SPLNET_DROP_NAME
  }
  return "?";
}

}  // namespace splnet
