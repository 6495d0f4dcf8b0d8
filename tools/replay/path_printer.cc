// Printing packets' paths.

#include "tools/replay/path_printer.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "stack/kern/mbuf.h"
#include "tools/replay/notation.h"
#include "tools/replay/packet.h"
#include "traces/capture_format.h"

namespace splnet {
namespace {

constexpr uint64_t kNumberMask = (uint64_t{1} << 48) - 1;

// The packet's number on its host; an id carries the host above it.
uint64_t NumberOf(uint64_t id) { return id & kNumberMask; }

std::string Bracketed(Context context) {
  return absl::StrFormat("%-20s", absl::StrCat("[", ContextName(context), "]"));
}

// Where a packet that is being sent comes to be.
bool BeginsWayOut(Fn fn) {
  switch (fn) {
    case Fn::kTcpOutput:
    case Fn::kTcpRespond:
    case Fn::kUdpOutput:
    case Fn::kRipOutput:
    case Fn::kIcmpError:
    case Fn::kIcmpSend:
    case Fn::kIpOutput:
    case Fn::kEtherOutput:
    case Fn::kIfSnd:
    case Fn::kArprequest:
      return true;
    default:
      return false;
  }
}

}  // namespace

void PathPrinter::PrintPacket(const TraceEvent& event) {
  if (event.m == nullptr) return;
  std::vector<std::byte> frame(event.m->pkthdr.len);
  if (!m_peek(*event.m, 0, frame.size(), frame.data())) return;
  const Packet packet = ParsePacket(kLinkTypeEthernet, frame,
                                    static_cast<uint32_t>(frame.size()));
  Print(absl::StrFormat("%s #%u %s\n", TimeNotation(ToNanoseconds(event.time)),
                        NumberOf(event.packet), PacketNotation(packet, frame)));
  printed_ = last_seen_ = event.packet;
}

void PathPrinter::EndLine() {
  if (line_.functions.empty()) return;
  std::string text = "    ";
  // What belongs to another packet than the lines above says so.
  const bool other = line_.packet != 0 && line_.packet != leaving_ &&
                     line_.packet != last_seen_;
  if (other) absl::StrAppendFormat(&text, "#%u ", NumberOf(line_.packet));
  absl::StrAppend(&text, Bracketed(line_.context), " ", line_.functions);
  if (line_.packet == 0 && line_.socket != 0) {
    absl::StrAppendFormat(&text, " (socket %u)", line_.socket);
  }
  text.push_back('\n');
  if (line_.packet != 0 && line_.packet == leaving_) {
    way_out_ += text;
  } else {
    Print(text);
    if (line_.packet != 0) last_seen_ = line_.packet;
  }
  line_ = Line();
}

void PathPrinter::Path(const TraceEvent& event) {
  if (event.fn == Fn::kRing) {
    EndLine();
    PrintPacket(event);
  }
  const bool same = event.packet == line_.packet &&
                    event.context == line_.context &&
                    (event.packet != 0 || event.socket == line_.socket);
  if (!same || line_.functions.empty()) {
    EndLine();
    line_.packet = event.packet;
    line_.socket = event.socket;
    line_.context = event.context;
  }
  if (event.packet != 0 && event.packet != leaving_ &&
      event.packet != last_seen_ && event.packet != printed_ &&
      BeginsWayOut(event.fn)) {
    leaving_ = event.packet;
    way_out_.clear();
  }
  absl::StrAppend(&line_.functions, line_.functions.empty() ? "" : " > ",
                  FnName(event.fn));
  if (event.fn == Fn::kLink && event.packet == leaving_) {
    EndLine();
    PrintPacket(event);
    Print(way_out_);
    way_out_.clear();
    leaving_ = 0;
  }
}

void PathPrinter::OnEvent(const TraceEvent& event) {
  if (event.kind == TraceKind::kPath) return Path(event);
  if (event.kind != TraceKind::kFate && event.kind != TraceKind::kDrop) return;
  EndLine();
  const bool drop = event.kind == TraceKind::kDrop;
  std::string text = absl::StrFormat(
      "    #%u = %s\n", NumberOf(event.packet),
      drop ? absl::StrCat("dropped: ", DropText(event.reason))
           : absl::StrFormat("%s, %u bytes", FateName(event.fate), event.len));
  if (event.packet == leaving_) {
    // It never came to the wire.
    Print(way_out_);
    way_out_.clear();
    leaving_ = 0;
  }
  Print(text);
  last_seen_ = event.packet;
}

void PathPrinter::Flush() {
  EndLine();
  if (!way_out_.empty()) Print(way_out_);
  way_out_.clear();
  std::fflush(out_);
}

}  // namespace splnet
