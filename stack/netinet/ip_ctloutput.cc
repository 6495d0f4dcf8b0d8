// setsockopt and getsockopt at level IPPROTO_IP.  ip(4).

#include <algorithm>
#include <cstring>

#include "stack/netinet/in_pcb.h"
#include "stack/netinet/ip_var.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

// An integer option of `value`: 4 bytes, or 1 as multicast options allow.
Errno ReadInt(std::span<const std::byte> value, int* out) {
  int32_t word = 0;
  if (value.size() == 1) {
    word = std::to_integer<uint8_t>(value[0]);
  } else if (value.size() == sizeof word) {
    std::memcpy(&word, value.data(), sizeof word);
  } else {
    return kEINVAL;
  }
  *out = word;
  return kOk;
}

Errno SetByte(std::span<const std::byte> value, int least, uint8_t* field) {
  int v = 0;
  if (const Errno error = ReadInt(value, &v); error != kOk) return error;
  if (v < least || v > 255) return kEINVAL;
  *field = static_cast<uint8_t>(v);
  return kOk;
}

Errno SetFlag(std::span<const std::byte> value, uint32_t flag,
              uint32_t* flags) {
  int v = 0;
  if (const Errno error = ReadInt(value, &v); error != kOk) return error;
  *flags = v != 0 ? *flags | flag : *flags & ~flag;
  return kOk;
}

// struct ip_mreq: the group and the interface's address, as on the wire.
Errno Membership(Inpcb& inp, std::span<const std::byte> value, bool join) {
  In4Wire wire;
  if (value.size() != 2 * sizeof wire) return kEINVAL;
  std::memcpy(&wire, value.data(), sizeof wire);
  const InAddr group(wire);
  if (!in_multicast(group)) return kEINVAL;
  GroupTable& groups = inp.table.ns().groups;
  const auto it = std::find(inp.groups.begin(), inp.groups.end(), group);
  if (join) {
    if (it != inp.groups.end()) return kEADDRINUSE;
    if (inp.groups.size() >= kIpMaxMemberships) return kETOOMANYREFS;
    inp.groups.push_back(group);
    groups.Join(group);
    return kOk;
  }
  if (it == inp.groups.end()) return kEADDRNOTAVAIL;
  inp.groups.erase(it);
  groups.Leave(group);
  return kOk;
}

void GiveInt(SockoptValue* value, int v) {
  const int32_t word = v;
  std::memcpy(value->bytes, &word, sizeof word);
  value->len = sizeof word;
}

}  // namespace

Errno ip_setopt(Inpcb& inp, int name, std::span<const std::byte> value) {
  switch (name) {
    case kIP_OPTIONS:
      return ip_pcbopts(value, &inp.options);
    case kIP_HDRINCL:
      if (inp.so->type != SocketType::kRaw) return kENOPROTOOPT;
      return SetFlag(value, kInpHdrIncl, &inp.flags);
    case kIP_TOS:
      return SetByte(value, 0, &inp.tos);
    case kIP_TTL:
      return SetByte(value, 1, &inp.ttl);
    case kIP_RECVDSTADDR:
      return SetFlag(value, kInpRecvDstAddr, &inp.flags);
    case kIP_MULTICAST_TTL:
      return SetByte(value, 0, &inp.mcast_ttl);
    case kIP_MULTICAST_LOOP:
      return SetByte(value, 0, &inp.mcast_loop);
    case kIP_ADD_MEMBERSHIP:
      return Membership(inp, value, true);
    case kIP_DROP_MEMBERSHIP:
      return Membership(inp, value, false);
    default:
      return kENOPROTOOPT;
  }
}

Errno ip_getopt(const Inpcb& inp, int name, SockoptValue* value) {
  switch (name) {
    case kIP_OPTIONS:
      value->len = inp.options ? inp.options->len : 0;
      if (inp.options) {
        std::memcpy(value->bytes, inp.options->bytes.data(), value->len);
      }
      return kOk;
    case kIP_HDRINCL:
      if (inp.so->type != SocketType::kRaw) return kENOPROTOOPT;
      GiveInt(value, (inp.flags & kInpHdrIncl) != 0);
      return kOk;
    case kIP_TOS:
      GiveInt(value, inp.tos);
      return kOk;
    case kIP_TTL:
      GiveInt(value, inp.ttl);
      return kOk;
    case kIP_RECVDSTADDR:
      GiveInt(value, (inp.flags & kInpRecvDstAddr) != 0);
      return kOk;
    case kIP_MULTICAST_TTL:
      GiveInt(value, inp.mcast_ttl);
      return kOk;
    case kIP_MULTICAST_LOOP:
      GiveInt(value, inp.mcast_loop);
      return kOk;
    default:
      return kENOPROTOOPT;
  }
}

}  // namespace splnet
