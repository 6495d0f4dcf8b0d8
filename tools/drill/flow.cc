// What is learnt of each conversation.

#include "tools/drill/flow.h"

#include <algorithm>

#include "stack/netinet/ip.h"
#include "stack/netinet/tcp.h"

namespace splnet::drill {

void WrittenStream::Write(uint32_t position, std::string_view text) {
  if (!text.empty()) texts_[position] = std::string(text);
}

bool WrittenStream::Matches(uint32_t position, std::span<const std::byte> bytes,
                            size_t* differs) const {
  auto text = texts_.upper_bound(position);
  if (text != texts_.begin()) --text;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const uint32_t at = position + static_cast<uint32_t>(i);
    while (text != texts_.end() && at >= text->first &&
           at - text->first >= text->second.size()) {
      ++text;
    }
    const bool given = text != texts_.end() && at >= text->first;
    const std::byte want =
        given ? static_cast<std::byte>(text->second[at - text->first])
              : PatternByte(at);
    if (bytes[i] == want) continue;
    *differs = i;
    return false;
  }
  return true;
}

uint32_t Flow::ToWireEcr(uint32_t script) const {
  const auto named = ts_names.find(script);
  if (named != ts_names.end()) return named->second;
  return ts_base ? script + *ts_base : script;
}

void Flow::Begin(uint8_t flags, uint32_t wire_seq) {
  // An active open has no number of the script's yet; a passive one takes the
  // SYN that came last.
  if ((flags & kThAck) == 0) {
    irs.reset();
  } else if (later_irs) {
    irs = later_irs;
  }
  later_irs.reset();
  synchronized = false;
  iss = seq_base = wire_seq;
  iss_named = got_beyond_syn = may_begin_again = false;
  ts_base.reset();
  ts_names.clear();
  written = read = 0;
  urgent = false;
  texts = WrittenStream();
}

bool Flow::NameTimestamp(uint32_t script, uint32_t wire) {
  if (!ts_base) ts_base = wire - script;
  if (exact_timestamps && wire - *ts_base != script) return false;
  const auto [named, fresh] = ts_names.emplace(script, wire);
  return named->second == wire;
}

void Flow::NoteSent(uint8_t flags, uint32_t wire_seq) {
  if ((flags & kThSyn) != 0) {
    // One that is sent again keeps its number, and is held to it.
    const bool again = iss && !may_begin_again;
    if (!again && iss != wire_seq) Begin(flags, wire_seq);
    may_begin_again = false;
  } else {
    got_beyond_syn = true;
  }
  if ((flags & kThAck) != 0 && (flags & kThRst) == 0) synchronized = true;
}

void Flow::NoteReceived(uint8_t flags, uint32_t wire_seq) {
  if ((flags & kThUrg) != 0) urgent = true;
  if ((flags & kThSyn) == 0) {
    got_beyond_syn = true;
    return;
  }
  const bool other = irs && irs != wire_seq;
  if ((flags & kThAck) == 0 && iss && (got_beyond_syn || other)) {
    may_begin_again = true;
  }
  (synchronized ? later_irs : irs) = wire_seq;
}

Flow* FlowTable::Find(uint8_t protocol, const Sockaddr& local,
                      const Sockaddr& remote) {
  for (Flow& flow : flows_) {
    if (flow.protocol == protocol && flow.local == local &&
        flow.remote == remote) {
      return &flow;
    }
  }
  return nullptr;
}

Flow* FlowTable::Get(uint8_t protocol, const Sockaddr& local,
                     const Sockaddr& remote) {
  if (Flow* const flow = Find(protocol, local, remote)) return flow;
  if (flows_.size() >= kMax) return nullptr;
  Flow& flow = flows_.emplace_front();
  flow.protocol = protocol;
  flow.exact_timestamps = settings_.exact_timestamps;
  flow.local = local;
  flow.remote = remote;
  return &flow;
}

Flow* FlowTable::Current(uint8_t protocol) {
  Flow*& current = protocol == kIpProtoUdp ? udp_ : tcp_;
  if (current == nullptr) {
    const std::optional<uint16_t>& bound =
        protocol == kIpProtoUdp ? udp_port_ : tcp_port_;
    const Sockaddr local(settings_.local_ip,
                         bound.value_or(settings_.bind_port));
    const Sockaddr remote(settings_.remote_ip, settings_.connect_port);
    current = Get(protocol, local, remote);
  }
  return current;
}

void FlowTable::NoteSent(Flow& flow) {
  last_sent_ = &flow;
  (flow.protocol == kIpProtoUdp ? udp_ : tcp_) = &flow;
}

void FlowTable::NoteBound(uint8_t protocol, const Sockaddr& local) {
  std::optional<uint16_t>& bound =
      protocol == kIpProtoUdp ? udp_port_ : tcp_port_;
  if (bound == local.port) return;
  bound = local.port;
  // A conversation with the port bound before goes on only from our side.
  (protocol == kIpProtoUdp ? udp_ : tcp_) = nullptr;
}

void FlowTable::NoteConnect() {
  for (Flow& flow : flows_) flow.ExpectNewSyn();
}

void FlowTable::NoteDatagram(std::string_view text) {
  datagram_ = WrittenStream();
  datagram_.Write(0, text);
}

}  // namespace splnet::drill
