// Packets, calls and expressions as text in the drill language's own spelling.

#ifndef SPLNET_TOOLS_DRILL_NOTATION_H_
#define SPLNET_TOOLS_DRILL_NOTATION_H_

#include <string>
#include <vector>

#include "tools/drill/script.h"

namespace splnet::drill {

// "> [ect0] P. 1:1001(1000) ack 1 win 256 <nop,nop,TS val 1 ecr 2>".  What is
// absent is left out, so the parser reads back the same packet.
//
// With `like`, what a script packet does not say is left out of one that was
// seen: the IP fields, and the list of options where `like` has "<...>".
std::string PacketText(const PacketEvent& packet,
                       const PacketEvent* like = nullptr);

// "mss 1460"; of a list: "<mss 1460,nop,wscale 6>".
std::string OptionText(const TcpOption& option);
std::string OptionsText(const std::vector<TcpOption>& options);

// "[1, {l_onoff=1, l_linger=0}]".
std::string ExprText(const Expr& expr);

// "accept(3, ..., ...) = -1 EAGAIN (Resource temporarily unavailable)".
std::string SyscallText(const SyscallEvent& call);
// The same with another result: what a call really returned.
std::string SyscallText(const SyscallEvent& call, const std::string& result);

// "+0.1", "0.5~0.6", "+0...+0.2", "*".
std::string TimeText(const TimeSpec& time);

// A whole event without its time.
std::string EventText(const Event& event);

// A field in which two packets differ, in words: {"win", "100", "99"}.
struct FieldDifference {
  std::string field;
  std::string expected;
  std::string actual;
};

// Every field that `expected` asks for and `seen` has otherwise, in the order
// in which they are written.  `seen` has every field set; a number of
// `expected` that is absolute has an absolute counterpart in it.
std::vector<FieldDifference> ComparePackets(const PacketEvent& expected,
                                            const PacketEvent& seen);

}  // namespace splnet::drill

#endif  // SPLNET_TOOLS_DRILL_NOTATION_H_
