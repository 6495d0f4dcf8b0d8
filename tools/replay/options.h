// What a replay was asked to do.

#ifndef SPLNET_TOOLS_REPLAY_OPTIONS_H_
#define SPLNET_TOOLS_REPLAY_OPTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "stack/kern/settings.h"
#include "stack/kern/sockaddr.h"

namespace splnet {

struct ReplayOptions {
  enum class As : uint8_t { kServer, kClient, kAddresses };

  std::string capture;  // a path, or "-"
  std::string filter;   // pcap's expression; empty: everything
  As as = As::kServer;
  std::vector<InAddr> addresses;  // with kAddresses: the ends that we play
  bool observe = false;
  bool pin = true;    // false: the stack's own choices
  bool path = false;  // print each packet's path
  uint64_t seed = 1;
  Settings settings;       // of every host
  std::string write_path;  // pcapng; empty: none
  std::string json_path;   // empty: none
};

}  // namespace splnet

#endif  // SPLNET_TOOLS_REPLAY_OPTIONS_H_
