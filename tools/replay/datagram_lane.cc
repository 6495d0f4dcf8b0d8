// The captured peer of a UDP flow, a ping, or ARP.

#include "tools/replay/datagram_lane.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "sockets/uipc_syscalls.h"
#include "stack/netstack.h"
#include "tools/replay/notation.h"

namespace splnet {
namespace {

constexpr size_t kMatchLimit = 64;  // of our packets that are waited for
constexpr size_t kReadBytes = 65536;

bool SameBytes(std::span<const std::byte> a, std::span<const std::byte> b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

}  // namespace

DatagramLane::DatagramLane(const std::vector<uint32_t>& packets,
                           CaptureIndex& index, ReplayWire& wire,
                           LaneDriver& driver, DatagramPort* port,
                           DifferenceLog& differences)
    : packets_(packets),
      index_(index),
      wire_(wire),
      driver_(driver),
      port_(port),
      differences_(differences) {}

int64_t DatagramLane::NextTime() const {
  if (done()) return kNever;
  const int64_t due = At().due_ns;
  if (due > driver_.now_ns()) return due;
  return std::max(due, progress_ns_) + kBlockedNs;
}

void DatagramLane::Advance() {
  ++at_;
  unread_ = false;
  progress_ns_ = driver_.now_ns();
  if (port_ != nullptr && NextAct() != nullptr) port_->SetReady(*this);
}

bool DatagramLane::Step(int64_t now) {
  if (done() || At().due_ns > now) return false;
  const bool forced = now >= std::max(At().due_ns, progress_ns_) + kBlockedNs;
  if (At().ours) {
    if (port_ != nullptr && !forced) return false;
    Advance();
    return true;
  }
  if (unread_) {
    if (!forced) return false;
    mismatch_ = true;  // it was delivered, and nobody read it
    Advance();
    return true;
  }
  Inject(now);
  return true;
}

void DatagramLane::Inject(int64_t now) {
  CapturedPacket& entry = At();
  const uint32_t packet = packets_[at_];
  const Packet parsed = entry.Parse();
  const bool broadcast = parsed.ether_dst.is_multicast();
  const EtherAddr known = wire_.NeighbourStation(parsed.src.addr);
  editor_.Load(entry.frame(), parsed,
               known == EtherAddr{} ? parsed.ether_src : known,
               broadcast ? parsed.ether_dst : wire_.station());
  if (now > entry.due_ns) entry.adapted |= kAdaptedTime;
  progress_ns_ = now;
  unread_ = true;
  const size_t here = at_;
  wire_.Inject(editor_.bytes(), packet);
  if (at_ != here) return;  // it has been read by now
  // Only what reached a socket's buffer will be read.
  if (port_ == nullptr || entry.verdict != Verdict::kDelivered) Advance();
}

void DatagramLane::OnRead(std::span<const std::byte> payload) {
  ++delivered_;
  delivered_bytes_ += payload.size();
  if (!unread_) {
    mismatch_ = true;
    return;
  }
  const CapturedPacket& entry = At();
  if (!SameBytes(entry.Parse().Payload(entry.frame()), payload)) {
    mismatch_ = true;
  }
  Advance();
  driver_.Touch(*this);
}

const CapturedPacket* DatagramLane::NextAct() const {
  return !done() && At().ours ? &At() : nullptr;
}

void DatagramLane::OnSent() {
  Advance();
  driver_.Touch(*this);
}

bool DatagramLane::SameMessage(const Packet& a,
                               std::span<const std::byte> a_frame,
                               const Packet& b,
                               std::span<const std::byte> b_frame) const {
  if (a.kind != b.kind || a.src != b.src || a.dst != b.dst) return false;
  if (a.kind == PacketKind::kArp) {
    return uint16_t{a.arp.op} == uint16_t{b.arp.op} && a.arp.sha == b.arp.sha;
  }
  if (a.kind == PacketKind::kIcmp &&
      (a.icmp.type != b.icmp.type || a.icmp.code != b.icmp.code ||
       uint16_t{a.icmp.id} != uint16_t{b.icmp.id} ||
       uint16_t{a.icmp.seq} != uint16_t{b.icmp.seq})) {
    return false;
  }
  return SameBytes(a.Payload(a_frame), b.Payload(b_frame));
}

void DatagramLane::OnTransmit(const Packet& packet,
                              std::span<const std::byte> frame) {
  sent_bytes_ += packet.payload_len;
  size_t looked = 0;
  // Those of ours that are not yet matched lie around where the lane is.
  const size_t from = at_ > kMatchLimit ? at_ - kMatchLimit : 0;
  for (size_t i = from; i < packets_.size() && looked < 2 * kMatchLimit;
       ++i, ++looked) {
    CapturedPacket& entry = index_.packets[packets_[i]];
    if (!entry.ours || entry.verdict != Verdict::kPending) continue;
    const Packet captured = entry.Parse();
    if (!SameMessage(captured, entry.frame(), packet, frame)) continue;
    entry.verdict = Verdict::kReproduced;
    ++reproduced_;
    const auto note = [&](Difference kind) {
      if (!differences_.Count(kind)) return;
      differences_.SetExample(kind, entry.number,
                              PacketNotation(captured, entry.frame()),
                              PacketNotation(packet, frame));
    };
    if (captured.ttl != packet.ttl) note(Difference::kTtl);
    if (captured.tos != packet.tos) note(Difference::kTos);
    return;
  }
  ++extra_;
  if (differences_.Count(Difference::kExtra)) {
    differences_.SetExample(Difference::kExtra, 0, "",
                            PacketNotation(packet, frame));
  }
}

void DatagramLane::Finish() {
  if (unread_) {
    mismatch_ = true;
    Advance();
  }
  for (; at_ < packets_.size(); ++at_) {
    if (!At().ours && At().verdict == Verdict::kPending) {
      At().verdict = Verdict::kNeverReleased;
    }
  }
  for (const uint32_t i : packets_) {
    CapturedPacket& entry = index_.packets[i];
    if (!entry.ours || entry.verdict != Verdict::kPending) continue;
    entry.verdict = Verdict::kNotReproduced;
    if (differences_.Count(Difference::kMissing)) {
      differences_.SetExample(Difference::kMissing, entry.number,
                              PacketNotation(entry.Parse(), entry.frame()), "");
    }
  }
}

void DatagramPort::Add(const Flow& flow, DatagramLane& lane) {
  lane.port_number = members_.size();
  members_.push_back({&lane, flow.peer()});
  by_peer_[{flow.peer(), flow.echo_id}] = lane.port_number;
  if (lane.NextAct() != nullptr) SetReady(lane);
}

void DatagramPort::SetReady(DatagramLane& lane) {
  ready_.insert({lane.NextAct()->due_ns, lane.port_number});
  if (process != nullptr) process->PostSignal(kSIGUSR1);
}

DatagramLane* DatagramPort::FirstReady(int64_t* due_ns) const {
  if (ready_.empty()) return nullptr;
  *due_ns = ready_.begin()->due_ns;
  return members_[ready_.begin()->number].lane;
}

void DatagramPort::TakeReady() { ready_.erase(ready_.begin()); }

void DatagramPort::OnRead(const Sockaddr& from,
                          std::span<const std::byte> bytes) {
  Key key{from, 0};
  if (kind_ == FlowKind::kEcho) {
    // A raw socket's messages begin with the IP header.
    if (bytes.size() < sizeof(IpHeader)) return;
    const size_t hlen = ReadAt<IpHeader>(bytes, 0).hlen();
    if (bytes.size() < hlen + sizeof(IcmpHeader)) return;
    const auto icmp = ReadAt<IcmpHeader>(bytes, hlen);
    if (icmp.type != kIcmpEchoReply) return;
    key = {{from.addr, 0}, icmp.id};
    bytes = bytes.subspan(hlen + sizeof(IcmpHeader));
  }
  const auto at = by_peer_.find(key);
  if (at != by_peer_.end()) members_[at->second].lane->OnRead(bytes);
}

namespace {

// A socket for `port`; negative if there is none to be had.
Task<int> OpenPort(Process& p, const DatagramPort& port) {
  const bool echo = port.kind() == FlowKind::kEcho;
  const Result<int> fd = co_await p.socket(
      Family::kInet, echo ? SocketType::kRaw : SocketType::kDgram,
      echo ? kIpprotoIcmp : 0);
  if (!fd.ok()) co_return -1;
  const int space = 1 << 20;
  static_cast<void>(
      co_await p.setsockopt(fd.value, kSOL_SOCKET, kSO_RCVBUF, space));
  static_cast<void>(
      co_await p.setsockopt(fd.value, kSOL_SOCKET, kSO_SNDBUF, 65535));
  if (co_await p.bind(fd.value, port.local()) != kOk) co_return -1;
  static_cast<void>(co_await p.fcntl(fd.value, kFSetfl, kONonblock));
  static_cast<void>(co_await p.signal(kSIGUSR1, SignalAction::kCatch));
  co_return fd.value;
}

// What is sent: a ping's ICMP header goes with its payload.
std::span<const std::byte> Message(const CapturedPacket& entry) {
  const Packet packet = entry.Parse();
  const size_t from =
      packet.kind == PacketKind::kIcmp ? packet.l4 : packet.payload;
  return entry.frame().subspan(from, packet.end - from);
}

}  // namespace

Task<int> PlayDatagrams(Process& p, DatagramPort* port) {
  Task<int> open = OpenPort(p, *port);
  const int fd = co_await std::move(open);
  if (fd < 0) co_return 1;
  std::vector<std::byte> buffer(kReadBytes);
  for (;;) {
    Sockaddr from;
    const Result<size_t> n = co_await p.recvfrom(fd, buffer, 0, &from);
    if (n.ok()) {
      port->OnRead(from, std::span(buffer).first(n.value));
      continue;
    }
    int64_t due_ns = 0;
    DatagramLane* const lane = port->FirstReady(&due_ns);
    const int64_t now = ToNanoseconds(p.now());
    std::optional<Nanoseconds> wait;
    if (lane != nullptr) wait = Nanoseconds(std::max<int64_t>(due_ns - now, 0));
    if (lane != nullptr && due_ns <= now) {
      port->TakeReady();
      const CapturedPacket* const act = lane->NextAct();
      if (act == nullptr || act->due_ns > now) continue;
      const auto message = Message(*act);
      sotoinpcb(*p.files().Get(fd)->so)->ttl = act->Parse().ttl;
      const Sockaddr to = port->PeerOf(*lane);
      // An error says that it was not sent: the report misses the packet.
      static_cast<void>(co_await p.sendto(fd, message, 0, to));
      lane->OnSent();
      continue;
    }
    std::array<PollFd, 1> fds;
    fds[0].fd = fd;
    fds[0].events = kPollIn;
    static_cast<void>(co_await p.poll(fds, wait));
  }
}

}  // namespace splnet
