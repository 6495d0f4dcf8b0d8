// Builds the events that observers see.

#include "stack/kern/tracer.h"

#include "stack/kern/mbuf.h"
#include "stack/kern/socketvar.h"

namespace splnet {

const char* FnName(Fn fn) {
  switch (fn) {
#define SPLNET_FN_NAME(name, text) \
  case Fn::name:                   \
    return text;
    SPLNET_FN_TABLE(SPLNET_FN_NAME)
#undef SPLNET_FN_NAME
  }
  return "?";
}

const char* FateName(Fate fate) {
  switch (fate) {
    case Fate::kDelivered:
      return "delivered";
    case Fate::kConsumed:
      return "consumed";
    case Fate::kQueued:
      return "queued";
    case Fate::kDuplicate:
      return "duplicate";
    case Fate::kOutOfWindow:
      return "out of window";
    case Fate::kForwarded:
      return "forwarded";
  }
  return "?";
}

TraceEvent Tracer::Begin(TraceKind kind, const Mbuf* m,
                         const Socket* so) const {
  TraceEvent event;
  event.time = cpu_.now();
  event.host = host_;
  event.context = cpu_.context();
  event.kind = kind;
  event.socket = so == nullptr ? 0 : so->id;
  event.m = m;
  if (m != nullptr && m->has(kMPkthdr)) event.packet = m->pkthdr.id;
  for (const Mbuf* p = m; p != nullptr; p = p->next) {
    event.len += p->len;
    ++event.mbufs;
    if (p->has(kMExt)) ++event.clusters;
  }
  return event;
}

void Tracer::EmitPath(Fn fn, const Mbuf* m, const Socket* so, size_t len) {
  TraceEvent event = Begin(TraceKind::kPath, m, so);
  event.fn = fn;
  if (m == nullptr) event.len = static_cast<uint32_t>(len);
  observer_->OnEvent(event);
}

void Tracer::EmitFate(Fate fate, uint64_t id, const Socket* so, size_t len) {
  TraceEvent event = Begin(TraceKind::kFate, nullptr, so);
  event.fate = fate;
  event.packet = id;
  event.len = static_cast<uint32_t>(len);
  observer_->OnEvent(event);
}

void Tracer::EmitDrop(DropReason reason, const Mbuf& m) {
  TraceEvent event = Begin(TraceKind::kDrop, &m, nullptr);
  event.reason = reason;
  observer_->OnEvent(event);
}

void Tracer::EmitLost(DropReason reason, uint64_t id) {
  TraceEvent event = Begin(TraceKind::kDrop, nullptr, nullptr);
  event.reason = reason;
  event.packet = id;
  observer_->OnEvent(event);
}

void Tracer::EmitSegment(const Mbuf& m, const Socket* so, uint64_t begin,
                         uint64_t end, bool retransmission) {
  TraceEvent event = Begin(TraceKind::kSegment, &m, so);
  event.stream_begin = begin;
  event.stream_end = end;
  event.retransmission = retransmission;
  observer_->OnEvent(event);
}

}  // namespace splnet
