// One table of names for each struct.

#include "tools/drill/struct_fields.h"

#include <algorithm>

#include "sockets/uipc_socket.h"
#include "stack/netinet/ip.h"
#include "stack/netinet/tcp_info.h"
#include "stack/netinet/tcp_var.h"
#include "tools/drill/notation.h"

namespace splnet::drill {
namespace {

constexpr std::string_view kLinger[] = {"onoff", "linger", "l_onoff",
                                        "l_linger"};
constexpr std::string_view kTimeval[] = {"tv_sec", "tv_usec"};
constexpr std::string_view kSockaddr[] = {"sa_family", "sin_port", "sin_addr",
                                          "sin_family"};
constexpr std::string_view kPollfd[] = {"fd", "events", "revents"};
constexpr std::string_view kMsghdr[] = {
    "msg_name",    "msg_namelen",    "msg_iov",  "msg_iovlen",
    "msg_control", "msg_controllen", "msg_flags"};
constexpr std::string_view kIovec[] = {"iov_base", "iov_len"};

#define SPLNET_DRILL_TCP_INFO_NAME(type, name) "tcpi_" #name,
constexpr std::string_view kTcpInfo[] = {
    SPLNET_TCP_INFO_TABLE(SPLNET_DRILL_TCP_INFO_NAME)};
#undef SPLNET_DRILL_TCP_INFO_NAME

}  // namespace

constexpr StructType kStructLinger = {"linger", kLinger, 2};
constexpr StructType kStructTimeval = {"timeval", kTimeval, 2};
constexpr StructType kStructSockaddr = {"sockaddr_in", kSockaddr, 3};
constexpr StructType kStructPollfd = {"pollfd", kPollfd, 3};
constexpr StructType kStructMsghdr = {"msghdr", kMsghdr, 0};
constexpr StructType kStructIovec = {"iovec", kIovec, 2};
constexpr StructType kStructTcpInfo = {"tcp_info", kTcpInfo, 0};

const StructType* OptionStruct(int64_t level, int64_t option) {
  if (level == kIpProtoTcp) {
    return option == kTCP_INFO ? &kStructTcpInfo : nullptr;
  }
  if (level != kSOL_SOCKET) return nullptr;
  if (option == kSO_LINGER) return &kStructLinger;
  const bool timeout = option == kSO_SNDTIMEO || option == kSO_RCVTIMEO;
  return timeout ? &kStructTimeval : nullptr;
}

std::string_view FieldName(const StructType& type, const Expr& expr,
                           size_t place) {
  const Expr& item = expr.items[place];
  if (!item.field.empty()) return item.field;
  return place < type.places ? type.fields[place] : std::string_view();
}

std::string CheckFieldNames(const StructType& type, const Expr& expr) {
  for (size_t i = 0; i < expr.items.size(); ++i) {
    const Expr& item = expr.items[i];
    const std::string_view name = FieldName(type, expr, i);
    // "..." alone stands for all that is not told.
    if (name.empty() && item.kind == Expr::Kind::kEllipsis) continue;
    if (std::find(type.fields.begin(), type.fields.end(), name) !=
        type.fields.end()) {
      continue;
    }
    std::string text = item.field.empty() ? ExprText(item) + " needs a name"
                                          : "no field " + item.field;
    text.append(" in a struct ").append(type.name).append("; its fields are ");
    for (const std::string_view& field : type.fields) {
      text.append(&field == type.fields.data() ? "" : ", ").append(field);
    }
    return text;
  }
  return "";
}

}  // namespace splnet::drill
