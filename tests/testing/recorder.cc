// Keeps trace events for tests.

#include "tests/testing/recorder.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "tests/testing/mbuf_chain.h"

namespace splnet {

void Recorder::OnEvent(const TraceEvent& event) {
  seen_.push_back({event, {}});
  if (keep_bytes_ && event.m != nullptr) {
    seen_.back().bytes = ChainBytes(*event.m);
  }
  seen_.back().event.m = nullptr;  // it lives for the call only
}

std::string EventText(const TraceEvent& event) {
  std::string what;
  switch (event.kind) {
    case TraceKind::kPath:
      what = FnName(event.fn);
      break;
    case TraceKind::kFate:
      what = FateName(event.fate);
      break;
    case TraceKind::kDrop:
      what = DropText(event.reason);
      break;
    case TraceKind::kSegment:
      what = absl::StrFormat("segment %d:%d%s", event.stream_begin,
                             event.stream_end,
                             event.retransmission ? " again" : "");
      break;
  }
  return absl::StrFormat(
      "%d h%d %s: %s %x len %d so %d", ToNanoseconds(event.time), event.host,
      ContextName(event.context), what, event.packet, event.len, event.socket);
}

std::string Recorder::Text() const {
  std::string text;
  for (const Seen& seen : seen_) text += EventText(seen.event) + "\n";
  return text;
}

std::vector<Recorder::Seen> Recorder::Of(Fn fn) const {
  std::vector<Seen> found;
  for (const Seen& seen : seen_) {
    if (seen.event.kind == TraceKind::kPath && seen.event.fn == fn) {
      found.push_back(seen);
    }
  }
  return found;
}

size_t Recorder::Count(Fate fate) const {
  return static_cast<size_t>(
      std::count_if(seen_.begin(), seen_.end(), [fate](const Seen& seen) {
        return seen.event.kind == TraceKind::kFate && seen.event.fate == fate;
      }));
}

size_t Recorder::Count(DropReason reason) const {
  return static_cast<size_t>(
      std::count_if(seen_.begin(), seen_.end(), [reason](const Seen& seen) {
        return seen.event.kind == TraceKind::kDrop &&
               seen.event.reason == reason;
      }));
}

}  // namespace splnet
