// ping: send at each interval, read what comes in between.

#include "tools/programs/ping.h"

#include <algorithm>
#include <cstring>

#include "stack/netinet/in_cksum.h"
#include "stack/netinet/ip.h"
#include "stack/netinet/ip_icmp.h"
#include "tools/programs/pattern.h"

namespace splnet {
namespace {

// What a ping under way knows.
struct Pinger {
  const PingArgs& args;
  PingResult& result;
  int fd;
  std::vector<SimTime> sent_at;  // by sequence number
  std::vector<std::byte> packet;
};

std::vector<std::byte> EchoRequest(const PingArgs& args, uint16_t seq) {
  std::vector<std::byte> packet(sizeof(IcmpHeader) + args.size);
  IcmpHeader header{};
  header.type = kIcmpEcho;
  header.id = Be16(args.id);
  header.seq = Be16(seq);
  std::memcpy(packet.data(), &header, sizeof header);
  FillPattern(seq, 0, std::span(packet).subspan(sizeof header));
  const uint16_t sum =
      in_cksum_fold(in_cksum_partial(packet.data(), packet.size()));
  std::memcpy(packet.data() + offsetof(IcmpHeader, sum), &sum, sizeof sum);
  return packet;
}

Task<Errno> SendRequest(Process& p, Pinger& ping) {
  const auto seq = static_cast<uint16_t>(ping.result.sent);
  const std::vector<std::byte> packet = EchoRequest(ping.args, seq);
  ping.sent_at.push_back(p.now());
  ++ping.result.sent;
  ping.result.round_trips.emplace_back();
  const Sockaddr to(ping.args.to, 0);
  const Result<size_t> n = co_await p.sendto(ping.fd, packet, 0, to);
  co_return n.error;
}

// A packet that the raw socket got, IP header first.
void TakeReply(Pinger& ping, std::span<const std::byte> packet, SimTime now) {
  IpHeader ip;
  IcmpHeader icmp;
  if (packet.size() < sizeof ip) return;
  std::memcpy(&ip, packet.data(), sizeof ip);
  if (packet.size() < ip.hlen() + sizeof icmp) return;
  std::memcpy(&icmp, packet.data() + ip.hlen(), sizeof icmp);
  const uint16_t id = icmp.id;
  const uint16_t seq = icmp.seq;
  if (icmp.type != kIcmpEchoReply || id != ping.args.id) return;
  if (seq >= ping.sent_at.size()) return;
  if (ping.result.round_trips[seq]) {
    ++ping.result.duplicates;
    return;
  }
  const auto data = packet.subspan(ip.hlen() + sizeof icmp);
  if (data.size() != ping.args.size || FindMismatch(seq, 0, data)) {
    ++ping.result.corrupt;
  }
  ping.result.round_trips[seq] = now - ping.sent_at[seq];
  ++ping.result.received;
}

// Reads replies until `end`, or until none is outstanding if `all_sent`.
Task<Errno> ReadUntil(Process& p, Pinger& ping, SimTime end, bool all_sent) {
  while (!all_sent || ping.result.received < ping.result.sent) {
    PollFd poll;
    poll.fd = ping.fd;
    poll.events = kPollIn;
    const Nanoseconds left = std::max(end - p.now(), Nanoseconds(0));
    const Result<int> ready = co_await p.poll(std::span(&poll, 1), left);
    if (!ready.ok()) co_return ready.error;
    if (ready.value == 0) co_return kOk;
    const Result<size_t> n =
        co_await p.recv(ping.fd, ping.packet, kMsgDontWait);
    if (n.ok()) {
      TakeReply(ping, std::span(ping.packet).first(n.value), p.now());
    } else if (n.error != kEWOULDBLOCK) {
      co_return n.error;
    }
  }
  co_return kOk;
}

}  // namespace

Task<int> Ping(Process& p, PingArgs args) {
  PingResult unwanted;
  PingResult& r = args.result != nullptr ? *args.result : unwanted;
  const Result<int> fd =
      co_await p.socket(args.to.family, SocketType::kRaw, kIpprotoIcmp);
  if (!r.error.Check(fd.error, "socket")) co_return 1;
  Pinger ping{args, r, fd.value, {}, std::vector<std::byte>(kIpMaxPacket)};
  const SimTime start = p.now();
  const uint32_t count = std::min<uint32_t>(args.count, 65536);
  for (uint32_t i = 0; i < count; ++i) {
    const Errno sent = co_await SendRequest(p, ping);
    r.error.Check(sent, "sendto");
    const bool last = i + 1 == count;
    const SimTime end =
        last ? p.now() + args.wait : start + (i + 1) * args.interval;
    const Errno read = co_await ReadUntil(p, ping, end, last);
    if (!r.error.Check(read, "recv")) co_return 1;
  }
  co_return r.error.error == kOk&& r.received == count&& r.corrupt == 0 ? 0 : 1;
}

}  // namespace splnet
