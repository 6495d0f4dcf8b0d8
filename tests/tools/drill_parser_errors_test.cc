// The drill language: what the parser says of what it does not accept.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tools/drill/parser.h"

namespace splnet::drill {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string ErrorOf(const std::string& text, const Defines& defines = {}) {
  const auto script = ParseScript(text, "x.pkt", defines);
  return script.ok() ? "" : std::string(script.status().message());
}

Script Parsed(const std::string& text, const Defines& defines = {}) {
  auto script = ParseScript(text, "x.pkt", defines);
  EXPECT_TRUE(script.ok()) << text << "\n" << script.status();
  return script.ok() ? *std::move(script) : Script();
}

struct ErrorRow {
  const char* text;
  const char* place;  // LINE:COLUMN
  const char* words;  // what the message has
};

TEST(DrillParserErrors, SaysWhereAndWhatIsWrong) {
  const ErrorRow rows[] = {
      // Scripts.
      {"", "1:1", "expected an event"},
      {"// nothing\n--mtu=1500\n", "3:1", "expected an event"},
      {"+0 close(3) = 0\n--mtu=1500\n", "2:1", "before all events"},
      {"--mtu=\n+0 close(3) = 0", "1:1", "a value after --mtu="},
      {"hello", "1:1", "an event's time: +0.1, 0.1 or *, found 'hello'"},
      {"+0 hello", "1:4", "found 'hello'"},
      {"+0 hello", "1:4", "socket bind listen"},
      {"+0 =", "1:4", "found '='"},
      {"+0", "1:3", "found the script's end"},
      {"+0 \x01", "1:4", "found '\\x01'"},
      // Times.
      {"+ > . 1:1(0)", "1:3", "a time in seconds after +, found '>'"},
      {"-1 > . 1:1(0)", "1:1", "an event's time"},
      {"0x1 > . 1:1(0)", "1:1", "a time in seconds, found '0x1'"},
      {"+0x1 > . 1:1(0)", "1:2", "a time in seconds, found '0x1'"},
      {"0.0000000001 > . 1:1(0)", "1:1", "finer than a nanosecond"},
      {"1000000001 > . 1:1(0)", "1:1", "out of range"},
      {"99999999999999999999 > . 1:1(0)", "1:1", "out of range"},
      {"+999999999 > . 1:1(0)\n+2 > . 1:1(0)", "2:1", "add up"},
      {"1~0.5 > . 1:1(0)", "1:3", "the end '0.5' is before the beginning"},
      {"+1~0.5 > . 1:1(0)", "1:4", "+ and the end"},
      {"1~+2 > . 1:1(0)", "1:3", "without +"},
      {"1...0.5 close(3) = 0", "1:5", "before the beginning"},
      {"1...+2 close(3) = 0", "1:5", "without +"},
      {"1...2 > . 1:1(0)", "1:1", "for a system call"},
      {"1~2 < . 1:1(0)", "1:1", "a range of times"},
      {"1~2 close(3) = 0", "1:1", "a range of times"},
      {"* < . 1:1(0)", "1:1", "any time"},
      {"* close(3) = 0", "1:1", "any time"},
      // Flags and sequence numbers.
      {"+0 > 1:1(0)", "1:6", "TCP flags"},
      {"+0 > X 1:1(0)", "1:6", "found 'X'"},
      {"+0 > SX. 1:1(0)", "1:6", "found 'SX'"},
      {"+0 > . 1(0)", "1:9", "expected : and the end"},
      {"+0 > . 1:1", "1:11", "expected ( and the payload's length"},
      {"+0 > . 1:1(0", "1:13", "expected )"},
      {"+0 > . 1:1(x)", "1:12", "payload's length, found 'x'"},
      {"+0 > . 1:1(70000)", "1:12", "out of range: 0 to 65495"},
      {"+0 > . 1:100(10)", "1:8", "not a payload of 10: it would end at 11"},
      {"+0 > . 4294967296:1(1)", "1:8", "out of range"},
      {"+0 < . ...(0)", "1:8", "a sequence number"},
      {"+0 < . 1:1(0) ack ...", "1:19", "the number that is acknowledged"},
      {"+0 > . 1:1(0) ack 1 ack 2", "1:21", "'ack' is given twice"},
      {"+0 > . 1:1(0) ack 1 win 65536", "1:25", "0 to 65535"},
      {"+0 > . 1:1(0) ack 1 win", "1:24", "a window"},
      {"+0 > . 1:1(0) wim 100", "1:15", "ack, win, urg"},
      // TCP options.
      {"+0 > S 0:0(0) <mss>", "1:19", "a segment size"},
      {"+0 > S 0:0(0) <mss 70000>", "1:20", "out of range"},
      {"+0 > S 0:0(0) <wscale 256>", "1:23", "out of range"},
      {"+0 > S 0:0(0) <mms 1460>", "1:16", "a TCP option: mss N"},
      {"+0 > S 0:0(0) <mss 1460", "1:24", "expected >"},
      {"+0 > S 0:0(0) <mss 1460 nop>", "1:25", "expected >"},
      {"+0 > S 0:0(0) <sackOK>", "1:15", "2 bytes, which is no multiple"},
      {"+0 > S 0:0(0) <TS 1 2>", "1:19", "val after TS"},
      {"+0 > S 0:0(0) <TS val 1>", "1:24", "ecr after"},
      {"+0 > S 0:0(0) <sack>", "1:20", "left edge"},
      {"+0 > S 0:0(0) <sack 1:2 1:2 1:2 1:2 1:2>", "1:37", "at most 4"},
      {"+0 > S 0:0(0) <sack 1:2 1:2 1:2 1:2,TS val 1 ecr 2>", "1:37",
       "at most 40 bytes"},
      {"+0 < S 0:0(0) <...>", "1:16", "a TCP option"},
      {"+0 < S 0:0(0) <mss ...>", "1:20", "a segment size"},
      {"+0 > S 0:0(0) <>", "1:16", "a TCP option"},
      // IP prefixes.
      {"+0 > [ecn] . 1:1(0)", "1:7", "noecn, ect0"},
      {"+0 > [] . 1:1(0)", "1:7", "noecn, ect0"},
      {"+0 > [ect0 . 1:1(0)", "1:12", "noecn, ect0"},
      {"+0 > [ect0) . 1:1(0)", "1:11", "noecn, ect0"},
      {"+0 < [ect01] . 1:1(0)", "1:7", "give ect0 or ect1"},
      {"+0 > (ttl 256) . 1:1(0)", "1:11", "out of range"},
      {"+0 > (tos 1) [ce] . 1:1(0)", "1:15", "one of the two"},
      // UDP and ICMP.
      {"+0 > udp 1", "1:10", "datagram's length"},
      {"+0 > udp (65508)", "1:11", "out of range"},
      {"+0 < icmp", "1:10", "an ICMP type"},
      {"+0 < icmp gone", "1:11", "unreachable, time_exceeded"},
      {"+0 < icmp type_256", "1:11", "type_N"},
      {"+0 < icmp unreachable gone", "1:23", "such as net_unreachable"},
      {"+0 < icmp unreachable mtu 5", "1:23", "only unreachable frag_needed"},
      {"+0 < icmp unreachable frag_needed mtu 65536", "1:39", "out of range"},
      {"+0 < icmp unreachable [1:2(2)]", "1:24", "not a payload"},
      {"+0 < icmp unreachable [1:2(1)", "1:30", "expected ]"},
      {"+0 < [1:2(1)] . 1:1(0)", "1:15", "expected icmp"},
      {"+0 < [1:2(1)] [1:2(1)] icmp unreachable", "1:15", "one packet"},
      {"+0 < [1:2(1)] icmp unreachable [1:2(1)]", "1:15", "two packets"},
      // Calls.
      {"+0 close 3", "1:10", "expected ( and the system call's arguments"},
      {"+0 close(3 = 0", "1:12", "expected )"},
      {"+0 close(3,) = 0", "1:12", "an argument"},
      {"+0 close(3)", "1:12", "expected = and the system call's result"},
      {"+0 close(3) =", "1:14", "an argument"},
      {"+0 close(3) = [1]", "1:15", "a result"},
      {"+0 close(3) = 1.5", "1:15", "a result"},
      {"+0 close(3) = \"x\"", "1:15", "a result"},
      {"+0 close(3) = -1 EX (never closed", "1:21", "expected ) on the same"},
      {"+0 close(3) = 0\nerror", "2:1", "an event's time"},
      {"+0 close(3) = -1 Ebadf", "1:18", "an event's time"},
      {"+0 close(3abc) = 0", "1:10", "an argument"},
      {"+0 close(-x) = 0", "1:11", "a number after -"},
      {"+0 close(18446744073709551616) = 0", "1:10", "64 bits"},
      {"+0 close(-9223372036854775809) = 0", "1:11", "64 bits"},
      {"+0 close(1.0000000001) = 0", "1:10", "64 bits"},
      {"+0 close(\"abc) = 0\n", "1:10", "expected \" before the line's end"},
      {"+0 close(\"a\\q\") = 0", "1:10", "\\xNN in the string, found"},
      {"+0 close({1=2}) = 0", "1:12", ", or } after a value"},
      {"+0 close({a(1,2)=2}) = 0", "1:11", "one number"},
      {"+0 close({a(-1)=2}) = 0", "1:13", "a number or ..."},
      {"+0 close({a=}) = 0", "1:13", "an argument"},
      {"+0 close(A|) = 0", "1:12", "an argument"},
      {"+0 close([1}) = 0", "1:12", "expected ]"},
      // Commands, comments, conditions.
      {"+0 `sysctl", "1:4", "expected ` before the script's end"},
      {"+0 ` \t`", "1:4", "no command"},
      {"+0 close(3) = 0\n/* x", "2:1", "expected */"},
      {"#ifdef\n+0 close(3) = 0\n#endif", "1:7", "a name after #ifdef"},
      {"#ifdef A B\n#endif", "1:10", "the line to end after A"},
      {"#ifdef A\n+0 close(3) = 0\n", "1:1", "expected #endif"},
      {"#ifndef A\n+0 close(3) = 0\n", "1:1", "expected #endif"},
      {"+0 close(3) = 0\n#endif\n", "2:1", "#endif without an #ifdef"},
      {"#else\n", "1:1", "#else without an #ifdef"},
      {"#ifdef A\n#else\n#else\n#endif", "3:1", "#else without"},
      {"#ifndef A\n#else\n#else\n#endif", "3:1", "#else without"},
      {"#define A\n", "1:1", "expected #ifdef, #ifndef, #else or #endif"},
      {"+0 close(3) = 0 # x", "1:17", "found '#'"},
  };
  for (const ErrorRow& row : rows) {
    EXPECT_THAT(ErrorOf(row.text),
                AllOf(StartsWith("x.pkt:" + std::string(row.place) + ": "),
                      HasSubstr(row.words)))
        << row.text;
  }
}

TEST(DrillParserErrors, NamesWhatIsNotSupportedYet) {
  const ErrorRow rows[] = {
      {"+0 > (hlim 64) . 1:1(0)", "1:7", "'hlim' of IPv6 is"},
      {"+0 > [class 0x4] . 1:1(0)", "1:7", "'class' of IPv6 is"},
      {"+0 > (flowlabel 1) . 1:1(0)", "1:7", "'flowlabel' of IPv6 is"},
      {"+0 > icmpv6 unreachable", "1:6", "ICMPv6 is"},
      {"+0 > . 1:1(0) ack 1 /udp(1 > 2)", "1:21", "TCP in UDP, /udp(...), is"},
      {"+0 > S 0:0(0) <FO 1234,nop,nop>", "1:16", "TCP Fast Open is"},
      {"+0 > S 0:0(0) <FOEXP>", "1:16", "TCP Fast Open is"},
      {"+0 > S 0:0(0) <md5>", "1:16", "TCP MD5 is"},
      {"+0 %{ assert tcpi_rto == 1 }%", "1:4", "an assertion in %{ }% is"},
      {"+0 setsockopt(3, SOL_SOCKET, SO_SPLICE, [4], 4) = 0", "1:30",
       "SO_SPLICE is"},
      {"+0 expect so_rcv(3).cc == 10", "1:4", "expect is"},
      {"+0 fail m_copym #2", "1:4", "fail is"},
      {"+0 < sctp: INIT[]", "1:6", "SCTP is"},
  };
  for (const ErrorRow& row : rows) {
    EXPECT_EQ(ErrorOf(row.text), "x.pkt:" + std::string(row.place) + ": " +
                                     row.words + " not supported yet")
        << row.text;
  }
}

// ---- hostile scripts

TEST(DrillParserErrors, LimitsTheScriptsSize) {
  const std::string large((size_t{1} << 20) + 1, ' ');
  EXPECT_THAT(ErrorOf(large), StartsWith("x.pkt:1:1: a script has at most"));
}

TEST(DrillParserErrors, LimitsEventsOptionsAndElements) {
  std::string events;
  for (int i = 0; i < 100001; ++i) events += "`a`\n";
  EXPECT_THAT(ErrorOf(events), HasSubstr("at most 100000 events"));
  std::string options;
  for (int i = 0; i < 257; ++i) options += "--tun\n";
  EXPECT_THAT(ErrorOf(options), HasSubstr("257:1: a script has at most 256"));
  std::string items = "1";
  for (int i = 0; i < 1024; ++i) items += ",1";
  EXPECT_THAT(ErrorOf("+0 close([" + items + "]) = 0"),
              HasSubstr("at most 1024 elements"));
  std::string joined = "1";
  for (int i = 0; i < 1024; ++i) joined += "|1";
  EXPECT_THAT(ErrorOf("+0 close(" + joined + ") = 0"),
              HasSubstr("at most 1024 values"));
}

TEST(DrillParserErrors, LimitsNesting) {
  for (const char* const open : {"[", "{", "{a=", "f(", "{a(1)=["}) {
    std::string text = "+0 close(";
    for (int i = 0; i < 100000; ++i) text += open;
    EXPECT_THAT(ErrorOf(text), HasSubstr("no deeper than 16")) << open;
  }
  std::string conditions;
  for (int i = 0; i < 65; ++i) conditions += "#ifndef A\n";
  EXPECT_THAT(ErrorOf(conditions), HasSubstr("no deeper than 64"));
}

TEST(DrillParserErrors, QuotesNoMoreThanAGlanceTakesIn) {
  const std::string error = ErrorOf("+0 " + std::string(100000, 'a'));
  EXPECT_LT(error.size(), 400u);
  EXPECT_THAT(error, HasSubstr("aaa...'"));
}

TEST(DrillParserErrors, SkipsAByteOrderMark) {
  EXPECT_EQ(Parsed("\xef\xbb\xbf+0 close(3) = 0").events.size(), 1u);
}

}  // namespace
}  // namespace splnet::drill
