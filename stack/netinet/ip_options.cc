// IPv4 options: acted on when received, checked when given by a program.
//
// RFC 791 section 3.1, RFC 1122 section 3.2.1.8.

#include <chrono>
#include <cstring>
#include <utility>

#include "stack/netinet/in_cksum.h"
#include "stack/netinet/ip.h"
#include "stack/netinet/ip_icmp.h"
#include "stack/netinet/ip_var.h"
#include "stack/netstack.h"

namespace splnet {
namespace {

// An option's pointer counts from 1 at its type; the least one points behind
// type, length and pointer (and the timestamp's flags).
constexpr size_t kRouteMinPointer = 4;
constexpr size_t kTimeMinPointer = 5;

// Flags of the timestamp option.
constexpr uint8_t kTimeOnly = 0;
constexpr uint8_t kTimeAndAddr = 1;
constexpr uint8_t kTimePrespecified = 3;

// Milliseconds since midnight, UT.
uint32_t TimeOfDay(const Netstack& ns) {
  const auto ms = std::chrono::floor<std::chrono::milliseconds>(
      ns.now().time_since_epoch());
  return static_cast<uint32_t>(ms.count() % 86400000);
}

// What reading the options of one packet gives.
struct Verdict {
  size_t bad_at = 0;     // byte of the header; 0 is none
  bool refused = false;  // a source route
};

// The options of one packet, in place.
class OptionReader {
 public:
  OptionReader(Netstack& ns, std::span<std::byte> header, const InAddr& own)
      : ns_(ns), h_(header), own_(own) {}

  Verdict Run() {
    Verdict v;
    for (size_t at = sizeof(IpHeader); at < h_.size();) {
      const uint8_t type = Byte(at);
      if (type == kIpOptEol) break;
      if (type == kIpOptNop) {
        ++at;
        continue;
      }
      if (at + 1 >= h_.size()) return Verdict{at, false};
      const size_t len = Byte(at + 1);
      if (len < 2 || at + len > h_.size()) return Verdict{at + 1, false};
      v = One(type, at, len);
      if (v.bad_at != 0 || v.refused) return v;
      at += len;
    }
    return v;
  }

 private:
  uint8_t Byte(size_t at) const { return std::to_integer<uint8_t>(h_[at]); }
  template <typename T>
  void Store(size_t at, const T& value) {
    std::memcpy(h_.data() + at, &value, sizeof value);
  }

  Verdict One(uint8_t type, size_t at, size_t len) {
    switch (type) {
      case kIpOptLsrr:
      case kIpOptSsrr:
        return SourceRoute(at, len);
      case kIpOptRr:
        return RecordRoute(at, len);
      case kIpOptTs:
        return Timestamp(at, len);
      default:
        return Verdict{};  // unknown ones are passed over
    }
  }

  Verdict SourceRoute(size_t at, size_t len) {
    if (len < 3 || Byte(at + 2) < kRouteMinPointer) {
      return Verdict{at + 2, false};
    }
    // One that has been used up got here by the ordinary route in the end.
    const bool used_up = Byte(at + 2) > len;
    return Verdict{0, ns_.settings.ip_sourceroute == 0 || !used_up};
  }

  Verdict RecordRoute(size_t at, size_t len) {
    if (len < 3) return Verdict{at + 1, false};
    const size_t pointer = Byte(at + 2);
    if (pointer < kRouteMinPointer) return Verdict{at + 2, false};
    if (pointer - 1 + sizeof(In4Wire) > len) return Verdict{};  // full
    Store(at + pointer - 1, own_.wire4());
    Store(at + 2, static_cast<uint8_t>(pointer + sizeof(In4Wire)));
    return Verdict{};
  }

  Verdict Timestamp(size_t at, size_t len) {
    if (len < 4) return Verdict{at + 1, false};
    const size_t pointer = Byte(at + 2);
    if (pointer < kTimeMinPointer) return Verdict{at + 2, false};
    const uint8_t overflow_flags = Byte(at + 3);
    const uint8_t flags = overflow_flags & 0x0f;
    const size_t entry = flags == kTimeOnly ? 4 : 8;
    if (pointer - 1 + entry > len) {
      // Full: count those who found no room, of whom there may be 15.
      if (overflow_flags >> 4 == 15) return Verdict{at + 3, false};
      Store(at + 3, static_cast<uint8_t>(overflow_flags + 0x10));
      return Verdict{};
    }
    size_t time_at = at + pointer - 1;
    if (flags == kTimeAndAddr) {
      Store(time_at, own_.wire4());
      time_at += 4;
    } else if (flags == kTimePrespecified) {
      In4Wire named;
      std::memcpy(&named, h_.data() + time_at, sizeof named);
      if (!ns_.local_addrs.IsUnicast(InAddr(named))) return Verdict{};
      time_at += 4;
    } else if (flags != kTimeOnly) {
      return Verdict{at + 3, false};
    }
    Store(time_at, Be32(TimeOfDay(ns_)));
    Store(at + 2, static_cast<uint8_t>(pointer + entry));
    return Verdict{};
  }

  Netstack& ns_;
  std::span<std::byte> h_;
  InAddr own_;
};

}  // namespace

MbufPtr ip_dooptions(Netstack& ns, MbufPtr m) {
  const IpHeader before = *m_read<IpHeader>(*m, 0);
  const size_t hlen = before.hlen();
  const uint64_t id = m->pkthdr.id;
  m = m_makewritable(std::move(m), 0, hlen);
  if (!m) {
    ns.Lost(DropReason::kIpNoBuffers, id);
    return nullptr;
  }
  const Ifnet* const ifp = if_get(ns, m->pkthdr.ifidx);
  InAddr own(before.dst);
  if (!ns.local_addrs.IsUnicast(own) && ifp != nullptr && !ifp->addrs.empty()) {
    own = ifp->addrs.front().addr;
  }
  const Verdict v = OptionReader(ns, {m->data, hlen}, own).Run();
  if (v.refused) {
    ++ns.ipstat.srcroute;
    ns.Drop(std::move(m), DropReason::kIpSourceRoute);
    return nullptr;
  }
  if (v.bad_at != 0) {
    ++ns.ipstat.badoptions;
    icmp_error(ns, std::move(m), kIcmpParamProb, 0,
               static_cast<uint32_t>(v.bad_at));
    return nullptr;
  }
  // What was recorded is in the header now; keep its checksum true.
  IpHeader ip = before;
  ip.sum = 0;
  const CksumPartial sum =
      in_cksum_20(&ip) +
      in_cksum_partial(m->data + sizeof ip, hlen - sizeof ip);
  ip.sum = in_cksum_field(sum);
  m_write(*m, 0, ip);
  return m;
}

Errno ip_pcbopts(std::span<const std::byte> value,
                 std::unique_ptr<IpOptions>* out) {
  auto options = std::make_unique<IpOptions>();
  if (value.size() > options->bytes.size()) return kEINVAL;
  for (size_t at = 0; at < value.size();) {
    const auto type = std::to_integer<uint8_t>(value[at]);
    if (type == kIpOptEol) break;
    if (type == kIpOptNop) {
      ++at;
      continue;
    }
    if (type == kIpOptLsrr || type == kIpOptSsrr) return kEINVAL;
    if (at + 1 >= value.size()) return kEINVAL;
    const auto len = std::to_integer<size_t>(value[at + 1]);
    if (len < 2 || at + len > value.size()) return kEINVAL;
    at += len;
  }
  if (value.empty()) {
    out->reset();
    return kOk;
  }
  std::memcpy(options->bytes.data(), value.data(), value.size());
  options->len = static_cast<uint8_t>((value.size() + 3) & ~size_t{3});
  *out = std::move(options);
  return kOk;
}

}  // namespace splnet
