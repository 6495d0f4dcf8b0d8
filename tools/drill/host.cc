// A host, its interface and its routes.

#include "tools/drill/host.h"

#include <bit>

namespace splnet::drill {
namespace {

constexpr uint32_t kLeastMtu = 68;  // RFC 791

}  // namespace

DrillHost::DrillHost(const ScriptSettings& settings,
                     const DrillOptions& options, SendHook hook, void* arg)
    : sim_(options.seed, options.settings),
      host_(sim_.AddHost("drill")),
      tun_(tunattach(host_.ns, "tun0")),
      hook_(hook),
      hook_arg_(arg),
      keep_packets_(options.keep_packets) {
  tun_.set_transmit(Transmitted, this);
  error_ = Configure(settings);
}

DrillHost::~DrillHost() {
  // What processes send as they end is not the script's any more.
  Unplug();
}

std::string DrillHost::Configure(const ScriptSettings& settings) {
  const uint32_t mask = settings.netmask_ip.v4();
  const int length = std::countl_one(mask);
  if (std::popcount(mask) != length) {
    return "--netmask_ip=" + FormatAddr(settings.netmask_ip) +
           " is no netmask: give leading ones and then zeros";
  }
  if (settings.mtu < kLeastMtu || settings.mtu > kIpMaxPacket) {
    return "--mtu=" + std::to_string(settings.mtu) +
           " is no MTU: give 68 to 65535";
  }
  tun_.mtu_bytes = settings.mtu;
  const Errno error =
      if_addaddr(tun_, settings.local_ip, static_cast<uint8_t>(length));
  if (error != kOk) {
    return "--local_ip=" + FormatAddr(settings.local_ip) +
           " cannot be a host's address";
  }
  Rtentry all;
  all.dst = kInaddrAny;
  all.flags = kRtfUp | kRtfGateway;
  all.gateway = settings.gateway_ip;
  all.ifidx = tun_.index;
  all.ifa = settings.local_ip;
  static_cast<void>(host_.ns.routes.Add(all));
  return "";
}

bool DrillHost::WithinLimits() {
  return sim_.queue().events_run() < kMaxEvents && sent_ < kMaxPackets;
}

bool DrillHost::RunTo(Nanoseconds time) {
  const uint64_t run = sim_.queue().events_run();
  if (run >= kMaxEvents) return false;
  return sim_.RunUntil(SimTime{time}, kMaxEvents - run) && WithinLimits();
}

bool DrillHost::RunUntilSent(Nanoseconds limit) {
  const SimTime end{limit};
  const uint64_t before = sent_;
  while (sent_ == before && sim_.queue().NextDue() <= end) {
    if (!WithinLimits()) return false;
    sim_.queue().RunNext();
  }
  return WithinLimits();
}

void DrillHost::Inject(std::span<const std::byte> packet) {
  Keep(/*outbound=*/false, packet);
  tun_.Inject(packet);
}

void DrillHost::Keep(bool outbound, std::span<const std::byte> bytes) {
  if (!keep_packets_ || kept_bytes_ + bytes.size() > kMaxKeptBytes) return;
  kept_bytes_ += bytes.size();
  packets_.push_back({now(), outbound, {bytes.begin(), bytes.end()}});
}

void DrillHost::Transmitted(void* self, uint64_t /*packet*/,
                            std::span<const std::byte> bytes) {
  auto& host = *static_cast<DrillHost*>(self);
  ++host.sent_;
  host.Keep(/*outbound=*/true, bytes);
  host.hook_(host.hook_arg_, bytes);
}

}  // namespace splnet::drill
