// What there is, and ending it.

#include "tools/drill/sockstat.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "stack/netinet/tcp_endpoint.h"
#include "stack/netinet/tcp_var.h"

namespace splnet::drill {
namespace {

// One line to be.
struct Row {
  const char* protocol = "";
  Sockaddr local;
  Sockaddr foreign;
  std::string state;
};

struct Filter {
  bool connected = false;
  bool listening = false;
  bool tcp = true;
  bool udp = true;
  bool v4 = true;
  int port = -1;

  bool Takes(const Row& row) const {
    const bool is_tcp = row.protocol[0] == 't';
    const bool is_connected = row.foreign.port != 0;
    if (!v4 || !(is_tcp ? tcp : udp)) return false;
    if (connected != listening && is_connected != connected) return false;
    return port < 0 || row.local.port == port || row.foreign.port == port;
  }
};

std::string AddressText(const Sockaddr& addr) {
  const std::string host = addr.addr.is_any() ? "*" : FormatAddr(addr.addr);
  return absl::StrCat(host, ":",
                      addr.port == 0 ? "*" : absl::StrCat(addr.port));
}

void CollectTcp(Netstack& ns, std::vector<Row>* rows) {
  for (const TcpEndpoint& end : tcp_endpoints(ns)) {
    rows->push_back({"tcp4", end.local, end.foreign, TcpStateName(end.state)});
  }
}

void CollectUdp(Netstack& ns, std::vector<Row>* rows) {
  for (const Inpcb* p = ns.udbtable.first(); p != nullptr; p = p->list_next) {
    rows->push_back({"udp4", p->laddr, p->faddr, ""});
  }
}

// "tcp,udp".  False for another protocol.
bool SetProtocols(const std::string& list, Filter* filter) {
  filter->tcp = filter->udp = false;
  for (const auto name : absl::StrSplit(list, ',')) {
    if (name == "tcp") {
      filter->tcp = true;
    } else if (name == "udp") {
      filter->udp = true;
    } else {
      return false;
    }
  }
  return true;
}

// What is wrong with the flags; "" if nothing is.
std::string ReadFlags(const std::vector<std::string>& args, Filter* filter) {
  for (size_t i = 1; i < args.size(); ++i) {
    const std::string& arg = args[i];
    if (arg.size() < 2 || arg[0] != '-') {
      return absl::StrCat("sockstat does not take \"", arg, "\"");
    }
    for (const char letter : arg.substr(1)) {
      const bool valued = letter == 'P' || letter == 'p';
      if (valued && ++i >= args.size()) {
        return absl::StrFormat("sockstat -%c needs a value", letter);
      }
      if (letter == 'P' && !SetProtocols(args[i], filter)) {
        return absl::StrCat("sockstat -P knows tcp and udp, not \"", args[i],
                            "\"");
      }
      if (letter == 'p' && !absl::SimpleAtoi(args[i], &filter->port)) {
        return absl::StrCat("sockstat -p needs a port, not \"", args[i], "\"");
      }
      if (letter == 'c') filter->connected = true;
      if (letter == 'l') filter->listening = true;
      if (letter == '6' && arg.find('4') == std::string::npos) {
        filter->v4 = false;
      }
      if (!valued &&
          std::string_view("46clnqsw").find(letter) == std::string_view::npos) {
        return absl::StrFormat(
            "sockstat -%c is not known; the flags are -4 -6 -c -l -n -q -s -w "
            "-P PROTOCOLS -p PORT",
            letter);
      }
      if (valued) break;
    }
  }
  return "";
}

}  // namespace

CommandOutput Sockstat(Netstack& ns, const std::vector<std::string>& args) {
  Filter filter;
  if (std::string error = ReadFlags(args, &filter); !error.empty()) {
    return {"", 1, std::move(error)};
  }
  std::vector<Row> rows;
  CollectTcp(ns, &rows);
  CollectUdp(ns, &rows);
  CommandOutput output;
  for (const Row& row : rows) {
    if (!filter.Takes(row)) continue;
    absl::StrAppendFormat(&output.text, "%-5s %-21s %-21s %s\n", row.protocol,
                          AddressText(row.local), AddressText(row.foreign),
                          row.state);
  }
  return output;
}

CommandOutput Tcpdrop(Netstack& ns, const std::vector<std::string>& args) {
  const bool all = args.size() == 2 && args[1] == "-a";
  const bool state = args.size() == 3 && args[1] == "-s";
  if (!all && !state) {
    return {"", 1, "tcpdrop is written \"tcpdrop -s STATE\" or \"tcpdrop -a\""};
  }
  CommandOutput output;
  output.status = 1;  // nothing was dropped
  for (const TcpEndpoint& end : tcp_endpoints(ns)) {
    if (!all && args[2] != TcpStateName(end.state)) continue;
    // One without a peer is not a connection yet.
    if (end.foreign.port == 0) continue;
    if (!tcp_drop_endpoint(ns, end.local, end.foreign)) continue;
    absl::StrAppend(&output.text, AddressText(end.local), " ",
                    AddressText(end.foreign), ": dropped\n");
    output.status = 0;
  }
  return output;
}

}  // namespace splnet::drill
