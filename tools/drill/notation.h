// Packets, calls and times as text in the drill language's own spelling.

#ifndef SPLNET_TOOLS_DRILL_NOTATION_H_
#define SPLNET_TOOLS_DRILL_NOTATION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tools/drill/script.h"

namespace splnet::drill {

// "> [ect0] P. 1:1001(1000) ack 1 win 256 <nop,nop,TS val 1 ecr 2>".  What is
// absent is left out, so the parser reads back the same packet.
//
// With `like`, of the IP header only what `like` speaks of is told: a packet
// that was seen then looks like the one expected.  PacketEvent{} for `like`
// leaves the IP header out.
std::string PacketText(const PacketEvent& packet,
                       const PacketEvent* like = nullptr);

// "ect0"; "" when nothing is said.
const char* EcnText(IpPrefix::Ecn ecn);

// "S.", "-" for none.
std::string FlagsText(uint8_t flags);

// "mss 1460"; of a list "<mss 1460,nop,wscale 6>".
std::string OptionText(const TcpOption& option);
std::string OptionsText(const std::vector<TcpOption>& options);

// "[1, {l_onoff=1, l_linger=0}]".
std::string ExprText(const Expr& expr);

// "accept(3, ..., ...) = -1 EAGAIN (Resource temporarily unavailable)".
std::string SyscallText(const SyscallEvent& call);
// The same up to the closing parenthesis: what is called, and with what.
std::string CallText(const SyscallEvent& call);

// "+0.1", "0.5~0.6", "+0...0.2", "*".
std::string TimeText(const TimeSpec& time);

// Seconds with six digits behind the point, or nine where they matter.
std::string SecondsText(Nanoseconds time);

// An event without its time.
std::string EventText(const Event& event);

}  // namespace splnet::drill

#endif  // SPLNET_TOOLS_DRILL_NOTATION_H_
