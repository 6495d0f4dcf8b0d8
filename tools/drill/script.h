// A drill script as a tree of plain values: what the parser makes of the text,
// what the runner carries out, and what the notation prints.
//
// Nothing here is resolved: symbols are names, sequence numbers are as
// written, times are as written.  The language is described in docs/drill.md.

#ifndef SPLNET_TOOLS_DRILL_SCRIPT_H_
#define SPLNET_TOOLS_DRILL_SCRIPT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "stack/kern/time.h"

namespace splnet::drill {

// Where something begins in the script's text; both count from 1.
struct Position {
  uint32_t line = 1;
  uint32_t column = 1;

  bool operator==(const Position&) const = default;
};

// When an event happens, or must happen.
struct TimeSpec {
  enum class Kind : uint8_t {
    kRelative,       // +N: `at` after the event before; also without a time
    kAbsolute,       // N: `at` after the script's start
    kAny,            // *: whenever it happens
    kRelativeRange,  // +N~+M: from `at` to `end` after the event before
    kAbsoluteRange,  // N~M: from `at` to `end` after the script's start
  };
  Kind kind = Kind::kRelative;
  Nanoseconds at{0};
  Nanoseconds end{0};  // of a range; at <= end
  // A system call that blocks (N...M): it is made at `at` and returns at this
  // time, which has the same base as `at` and is not before it.  Only with
  // kRelative and kAbsolute.
  std::optional<Nanoseconds> blocks_until;

  bool operator==(const TimeSpec&) const = default;
};

// A number of a packet that may be left open.
struct MaybeNumber {
  uint32_t value = 0;
  bool any = false;  // written "..."; then `value` is 0

  bool operator==(const MaybeNumber&) const = default;
};

// A sequence number.
struct SeqNumber {
  uint32_t value = 0;
  bool any = false;       // written "...": not checked; never inbound
  bool absolute = false;  // followed by "!": as it stands in the header

  bool operator==(const SeqNumber&) const = default;
};

// "START:END(LEN)".  START and END are any at once for "...(LEN)".
struct SeqRange {
  SeqNumber start;
  SeqNumber end;
  uint16_t len = 0;  // of the payload; SYN and FIN are not counted

  bool operator==(const SeqRange&) const = default;
};

struct SackRange {
  SeqNumber left;
  SeqNumber right;

  bool operator==(const SackRange&) const = default;
};

// One TCP option; the list has them in the order of their bytes, padding (nop,
// eol) included.  The parser has checked that they fit into 40 bytes and fill
// whole words; behind a last eol it has added those that were left out.
struct TcpOption {
  enum class Kind : uint8_t {
    kEol,
    kNop,
    kMss,        // `value`
    kWscale,     // `value`
    kSackOk,     //
    kSack,       // `sack`
    kTimestamp,  // `value` is val, `ecr` is ecr
    kOther,      // `raw`; only in packets that were seen, never in a script
  };
  Kind kind = Kind::kNop;
  MaybeNumber value;
  MaybeNumber ecr;
  std::vector<SackRange> sack;
  std::vector<uint8_t> raw;  // its bytes as on the wire, kind and length too

  bool operator==(const TcpOption&) const = default;
};

struct TcpPacket {
  uint8_t flags = 0;  // kThSyn and others of stack/netinet/tcp.h
  SeqRange seq;
  std::optional<SeqNumber> ack;    // absent: 0 inbound, unchecked outbound
  std::optional<uint16_t> win;     // unscaled, as in the header; likewise
  std::optional<uint16_t> urg;     // the urgent pointer; absent: 0
  bool any_options = false;        // "<...>": not checked; never inbound
  std::vector<TcpOption> options;  // absent in the script: none

  bool operator==(const TcpPacket&) const = default;
};

struct UdpPacket {
  uint16_t len = 0;  // of the payload, bytes

  bool operator==(const UdpPacket&) const = default;
};

// The packet that an ICMP error quotes.
struct QuotedPacket {
  std::variant<SeqRange, UdpPacket> body;  // SeqRange: a TCP segment

  bool operator==(const QuotedPacket&) const = default;
};

struct IcmpPacket {
  uint8_t type = 0;
  uint8_t code = 0;
  std::optional<uint16_t> mtu;         // next-hop MTU (RFC 1191)
  std::optional<QuotedPacket> quoted;  // absent: the last segment sent

  bool operator==(const IcmpPacket&) const = default;
};

// What stands before a packet about its IP header.
struct IpPrefix {
  // The two ECN bits (RFC 3168 section 5).
  enum class Ecn : uint8_t {
    kUnspecified,  // nothing said: 0 inbound, unchecked outbound
    kNotEct,       // noecn
    kEct0,         // ect0
    kEct1,         // ect1
    kEct01,        // ect01: either; never inbound
    kCe,           // ce
  };
  Ecn ecn = Ecn::kUnspecified;
  // Absent: 64 and 0 inbound, unchecked outbound.
  std::optional<uint8_t> ttl;
  std::optional<uint8_t> tos;  // the whole byte; never together with `ecn`

  bool operator==(const IpPrefix&) const = default;
};

// A packet of the script.  A packet that was seen on the wire is described by
// the same type, with every field set and its numbers those of the script.
struct PacketEvent {
  enum class Direction : uint8_t { kIn, kOut };  // "<" and ">"
  Direction direction = Direction::kIn;
  IpPrefix ip;
  std::variant<TcpPacket, UdpPacket, IcmpPacket> body;

  bool inbound() const { return direction == Direction::kIn; }
};

// An argument of a system call, or its result.
struct Expr {
  enum class Kind : uint8_t {
    kInteger,   // `integer`
    kDecimal,   // "2.5" and "2.0": `integer` counts nanounits
    kString,    // `text`, its escapes resolved; see `open_ended`
    kEllipsis,  // "..."
    kSymbol,    // `text`: SOL_SOCKET
    kOr,        // "A | B | C": `items` has two or more
    kList,      // "[a, b]": `items`, may be empty
    kStruct,    // "{...}": `items`, whose `field` names them where given
    kCall,      // "htons(8080)": `text` is the name, `items` the arguments
  };
  Kind kind = Kind::kInteger;
  Position position;
  int64_t integer = 0;
  bool hex = false;         // the integer was written in hexadecimal
  bool open_ended = false;  // "abc"...: the string is the beginning of more
  std::string text;
  std::vector<Expr> items;
  std::string field;         // the struct field that it is the value of, or ""
  int64_t field_count = -1;  // N of "msg_iov(N)=..."; -1 where not given
};

struct SyscallEvent {
  std::string name;
  std::vector<Expr> args;
  Expr result;             // kInteger, kEllipsis (anything), kSymbol or kOr
  std::string errno_name;  // "EAGAIN", or ""
  std::string note;        // the text in parentheses at the end, or ""
};

// What stood in backticks, the ends trimmed.
struct CommandEvent {
  std::string text;
};

struct Event {
  Position position;   // of its first character
  std::string source;  // its text in the script, on one line
  TimeSpec time;
  std::variant<PacketEvent, SyscallEvent, CommandEvent> action;
};

// "--name=value", from the top of the script.
struct Option {
  std::string name;   // without the dashes
  std::string value;  // "" where there is none
  Position position;
};

struct Script {
  std::string path;  // as it is to be called in reports
  std::vector<Option> options;
  std::vector<Event> events;
};

}  // namespace splnet::drill

#endif  // SPLNET_TOOLS_DRILL_SCRIPT_H_
