// The drill language: what the parser accepts, what it makes of it, and what
// it says of the rest.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "stack/netinet/ip_icmp.h"
#include "stack/netinet/tcp.h"
#include "tools/drill/notation.h"
#include "tools/drill/parser.h"

namespace splnet::drill {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
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

// The only event of a script of one line.
Event Only(const std::string& line) {
  Script script = Parsed(line);
  EXPECT_EQ(script.events.size(), 1u) << line;
  return script.events.empty() ? Event() : std::move(script.events.front());
}

template <typename Action>
Action OnlyAction(const std::string& line) {
  Event event = Only(line);
  EXPECT_TRUE(std::holds_alternative<Action>(event.action)) << line;
  if (!std::holds_alternative<Action>(event.action)) return Action();
  return std::get<Action>(std::move(event.action));
}

template <typename Body>
Body OnlyBody(const std::string& line) {
  const auto packet = OnlyAction<PacketEvent>(line);
  EXPECT_TRUE(std::holds_alternative<Body>(packet.body)) << line;
  return std::holds_alternative<Body>(packet.body) ? std::get<Body>(packet.body)
                                                   : Body();
}

// The first argument of a call.
Expr Argument(const std::string& text) {
  auto call = OnlyAction<SyscallEvent>("+0 close(" + text + ") = 0");
  EXPECT_EQ(call.args.size(), 1u) << text;
  return call.args.empty() ? Expr() : std::move(call.args.front());
}

// ---- times

struct TimeRow {
  const char* text;
  TimeSpec::Kind kind;
  Nanoseconds at;
  Nanoseconds end;
};

TEST(DrillParser, ReadsEveryFormOfTimeOfAnExpectedPacket) {
  using enum TimeSpec::Kind;
  const TimeRow rows[] = {
      {"0", kAbsolute, 0ns, 0ns},
      {"0.000", kAbsolute, 0ns, 0ns},
      {"1", kAbsolute, 1s, 0ns},
      {".5", kAbsolute, 500ms, 0ns},
      {"12.000000001", kAbsolute, 12000000001ns, 0ns},
      {"+0", kRelative, 0ns, 0ns},
      {"+.1", kRelative, 100ms, 0ns},
      {"+0.100", kRelative, 100ms, 0ns},
      {"+ 0.5", kRelative, 500ms, 0ns},
      {"*", kAny, 0ns, 0ns},
      {"0~1", kAbsoluteRange, 0ns, 1s},
      {"0.5 ~ 0.75", kAbsoluteRange, 500ms, 750ms},
      {"+0~+0.1", kRelativeRange, 0ns, 100ms},
      {"+ .2 ~ + .2", kRelativeRange, 200ms, 200ms},
  };
  for (const TimeRow& row : rows) {
    const Event event = Only(std::string(row.text) + " > . 1:1(0) ack 1");
    EXPECT_EQ(event.time.kind, row.kind) << row.text;
    EXPECT_EQ(event.time.at, row.at) << row.text;
    EXPECT_EQ(event.time.end, row.end) << row.text;
    EXPECT_FALSE(event.time.blocks_until) << row.text;
  }
}

TEST(DrillParser, ReadsTheTimesOfACallThatBlocks) {
  struct Row {
    const char* text;
    TimeSpec::Kind kind;
    Nanoseconds at;
    Nanoseconds until;
  };
  using enum TimeSpec::Kind;
  const Row rows[] = {
      {"0...1", kAbsolute, 0ns, 1s},
      {"0.5...0.7", kAbsolute, 500ms, 700ms},
      {".5....7", kAbsolute, 500ms, 700ms},
      {"+0...0.2", kRelative, 0ns, 200ms},
      {"+0...+0.2", kRelative, 0ns, 200ms},
      {"+.1...0.2", kRelative, 100ms, 200ms},
      {"+ 1 ... 1", kRelative, 1s, 1s},
  };
  for (const Row& row : rows) {
    const Event event =
        Only(std::string(row.text) + " accept(3, ..., ...) = 4");
    EXPECT_EQ(event.time.kind, row.kind) << row.text;
    EXPECT_EQ(event.time.at, row.at) << row.text;
    EXPECT_EQ(event.time.blocks_until, row.until) << row.text;
  }
}

TEST(DrillParser, TakesACommandWithoutATimeAsSetUp) {
  const Event event = Only("`sysctl -w net.inet.tcp.sack=0`");
  EXPECT_EQ(event.time, TimeSpec{});
  EXPECT_EQ(std::get<CommandEvent>(event.action).text,
            "sysctl -w net.inet.tcp.sack=0");
}

// ---- packets

TEST(DrillParser, ReadsAWholeSegment) {
  const auto packet = OnlyAction<PacketEvent>(
      "+0 > [ect0] (ttl 64) P.U 1:1001(1000) ack 5 win 256 urg 7 "
      "<nop,nop,TS val 100 ecr 4294967295>");
  EXPECT_FALSE(packet.inbound());
  EXPECT_EQ(packet.ip.ecn, IpPrefix::Ecn::kEct0);
  EXPECT_EQ(packet.ip.ttl, 64);
  EXPECT_FALSE(packet.ip.tos);
  const auto& tcp = std::get<TcpPacket>(packet.body);
  EXPECT_EQ(tcp.flags, kThPush | kThAck | kThUrg);
  EXPECT_EQ(tcp.seq, (SeqRange{{1}, {1001}, 1000}));
  EXPECT_EQ(tcp.ack, SeqNumber{5});
  EXPECT_EQ(tcp.win, 256);
  EXPECT_EQ(tcp.urg, 7);
  EXPECT_FALSE(tcp.any_options);
  ASSERT_EQ(tcp.options.size(), 3u);
  EXPECT_EQ(tcp.options[0].kind, TcpOption::Kind::kNop);
  EXPECT_EQ(tcp.options[2].kind, TcpOption::Kind::kTimestamp);
  EXPECT_EQ(tcp.options[2].value.value, 100u);
  EXPECT_EQ(tcp.options[2].ecr.value, 4294967295u);
}

TEST(DrillParser, LeavesOpenWhatASegmentDoesNotSay) {
  const auto packet = OnlyAction<PacketEvent>("+0 > F 7:7(0)");
  EXPECT_EQ(packet.ip, IpPrefix{});
  const auto& tcp = std::get<TcpPacket>(packet.body);
  EXPECT_FALSE(tcp.ack);
  EXPECT_FALSE(tcp.win);
  EXPECT_FALSE(tcp.urg);
  EXPECT_FALSE(tcp.any_options);
  EXPECT_THAT(tcp.options, IsEmpty());
}

TEST(DrillParser, ReadsFlagsInAnyOrder) {
  struct Row {
    const char* text;
    int flags;
  };
  const Row rows[] = {
      {".", kThAck},
      {"-", 0},
      {"S", kThSyn},
      {"S.", kThSyn | kThAck},
      {".S", kThSyn | kThAck},
      {"SEW", kThSyn | kThEce | kThCwr},
      {"SE.", kThSyn | kThEce | kThAck},
      {"S.E", kThSyn | kThEce | kThAck},
      {"FPU.", kThFin | kThPush | kThUrg | kThAck},
      {"R.", kThRst | kThAck},
      {"FSRPUEW.", 0xff},
  };
  for (const Row& row : rows) {
    const auto tcp =
        OnlyBody<TcpPacket>("+0 < " + std::string(row.text) + " 1:1(0)");
    EXPECT_EQ(tcp.flags, row.flags) << row.text;
  }
}

TEST(DrillParser, ReadsSequenceNumbers) {
  struct Row {
    const char* text;
    SeqRange range;
  };
  const Row rows[] = {
      {"0:0(0)", {{0}, {0}, 0}},
      {"1:1001(1000)", {{1}, {1001}, 1000}},
      {"4294967295:9(10)", {{4294967295}, {9}, 10}},
      {"-1:0(1)", {{4294967295}, {0}, 1}},
      {"5!:6!(1)", {{5, false, true}, {6, false, true}, 1}},
      {"...(0)", {{0, true}, {0, true}, 0}},
      {"...:...(10)", {{0, true}, {0, true}, 10}},
      {"5:...(10)", {{5}, {0, true}, 10}},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(OnlyBody<TcpPacket>("+0 > . " + std::string(row.text)).seq,
              row.range)
        << row.text;
  }
  EXPECT_EQ(OnlyBody<TcpPacket>("+0 > . 1:1(0) ack ...").ack,
            (SeqNumber{0, true}));
  EXPECT_EQ(OnlyBody<TcpPacket>("+0 < . 1:1(0) ack 77!").ack,
            (SeqNumber{77, false, true}));
}

TEST(DrillParser, ReadsIpPrefixes) {
  struct Row {
    const char* text;
    IpPrefix ip;
  };
  using enum IpPrefix::Ecn;
  const Row rows[] = {
      {"[noecn]", {kNotEct, {}, {}}},
      {"[ect0]", {kEct0, {}, {}}},
      {"[ect1]", {kEct1, {}, {}}},
      {"[ect01]", {kEct01, {}, {}}},
      {"[ce]", {kCe, {}, {}}},
      {"(ce)", {kCe, {}, {}}},
      {"(ttl 255)", {kUnspecified, 255, {}}},
      {"(tos 0x10)", {kUnspecified, {}, 0x10}},
      {"[ect0] (ttl 1)", {kEct0, 1, {}}},
      {"[ect0, ttl 1]", {kEct0, 1, {}}},
      {"[ect0 ttl 1]", {kEct0, 1, {}}},
      {"(tos 3, ttl 9)", {kUnspecified, 9, 3}},
  };
  for (const Row& row : rows) {
    const auto packet =
        OnlyAction<PacketEvent>("+0 > " + std::string(row.text) + " . 1:1(0)");
    EXPECT_EQ(packet.ip, row.ip) << row.text;
  }
}

TEST(DrillParser, KeepsTcpOptionsInTheirOrder) {
  const auto tcp = OnlyBody<TcpPacket>(
      "+0 < S 0:0(0) win 1 "
      "<mss 1460, nop, wscale 6, sackOK, TS val 1 ecr 0, eol>");
  EXPECT_EQ(OptionsText(tcp.options),
            "<mss 1460,nop,wscale 6,sackOK,TS val 1 ecr 0,eol,eol,eol,eol>");
  const auto sack =
      OnlyBody<TcpPacket>("+0 > . 1:1(0) ack 1 <nop,nop,sack 5:7 9:-1 1!:2!>");
  ASSERT_EQ(sack.options.size(), 3u);
  ASSERT_EQ(sack.options[2].sack.size(), 3u);
  EXPECT_EQ(sack.options[2].sack[1], (SackRange{{9}, {4294967295}}));
  EXPECT_EQ(sack.options[2].sack[2],
            (SackRange{{1, false, true}, {2, false, true}}));
}

TEST(DrillParser, PadsAListThatEndsInEolToAWord) {
  const auto tcp = OnlyBody<TcpPacket>("+0 > S 0:0(0) <mss 1460,sackOK,eol>");
  ASSERT_EQ(tcp.options.size(), 4u);
  EXPECT_EQ(tcp.options[3].kind, TcpOption::Kind::kEol);
}

TEST(DrillParser, ReadsOpenOptions) {
  const auto any = OnlyBody<TcpPacket>("+0 > S. 0:0(0) ack 1 <...>");
  EXPECT_TRUE(any.any_options);
  const auto open = OnlyBody<TcpPacket>(
      "+0 > S 0:0(0) <mss ...,nop,wscale ...,nop,nop,TS val ... ecr 0>");
  EXPECT_TRUE(open.options[0].value.any);
  EXPECT_TRUE(open.options[2].value.any);
  EXPECT_TRUE(open.options[5].value.any);
  EXPECT_FALSE(open.options[5].ecr.any);
}

TEST(DrillParser, ReadsDatagrams) {
  EXPECT_EQ(OnlyBody<UdpPacket>("+0 < udp (1000)").len, 1000);
  EXPECT_EQ(OnlyBody<UdpPacket>("+0 > [ect0] udp(0)").len, 0);
}

TEST(DrillParser, ReadsIcmpMessages) {
  struct Row {
    const char* text;
    IcmpPacket icmp;
  };
  const QuotedPacket segment{SeqRange{{1}, {1461}, 1460}};
  const QuotedPacket datagram{UdpPacket{4}};
  const Row rows[] = {
      {"icmp unreachable", {kIcmpUnreach, 0, {}, {}}},
      {"icmp unreachable host_unreachable", {kIcmpUnreach, 1, {}, {}}},
      {"icmp unreachable code_255", {kIcmpUnreach, 255, {}, {}}},
      {"icmp type_3 code_4", {kIcmpUnreach, 4, {}, {}}},
      {"icmp 3 frag_needed", {kIcmpUnreach, 4, {}, {}}},
      {"icmp unreachable frag_needed mtu 1200", {kIcmpUnreach, 4, 1200, {}}},
      {"icmp unreachable frag_needed mtu 1200 [1:1461(1460)]",
       {kIcmpUnreach, 4, 1200, segment}},
      {"[1:1461(1460)] icmp unreachable frag_needed mtu 1200",
       {kIcmpUnreach, 4, 1200, segment}},
      {"icmp unreachable frag_needed mtu 0 [tcp 1:1461(1460)]",
       {kIcmpUnreach, 4, 0, segment}},
      {"[udp (4)] icmp unreachable port_unreachable",
       {kIcmpUnreach, 3, {}, datagram}},
      {"icmp time_exceeded ttl_exceeded [udp(4)]",
       {kIcmpTimxceed, 0, {}, datagram}},
      {"icmp source_quench [1:1461(1460)]",
       {kIcmpSourceQuench, 0, {}, segment}},
      {"icmp echo_request", {kIcmpEcho, 0, {}, {}}},
      {"icmp type_255 code_0", {255, 0, {}, {}}},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(OnlyBody<IcmpPacket>("+0 < " + std::string(row.text)), row.icmp)
        << row.text;
  }
}

// ---- calls

TEST(DrillParser, ReadsACallAndItsResult) {
  const auto call = OnlyAction<SyscallEvent>(
      "+0 accept(3, ..., ...) = -1 EAGAIN (Resource temporarily "
      "unavailable)");
  EXPECT_EQ(call.name, "accept");
  ASSERT_EQ(call.args.size(), 3u);
  EXPECT_EQ(call.args[0].integer, 3);
  EXPECT_EQ(call.args[1].kind, Expr::Kind::kEllipsis);
  EXPECT_EQ(call.result.integer, -1);
  EXPECT_EQ(call.errno_name, "EAGAIN");
  EXPECT_EQ(call.note, "Resource temporarily unavailable");
}

TEST(DrillParser, ReadsResultsThatAreNoNumbers) {
  EXPECT_EQ(OnlyAction<SyscallEvent>("+0 close(3) = ...").result.kind,
            Expr::Kind::kEllipsis);
  const auto flags =
      OnlyAction<SyscallEvent>("+0 fcntl(3, F_GETFL) = 0x2 (flags O_RDWR)");
  EXPECT_EQ(flags.result.integer, 2);
  EXPECT_TRUE(flags.result.hex);
  EXPECT_THAT(flags.errno_name, IsEmpty());
  EXPECT_EQ(flags.note, "flags O_RDWR");
  const auto either =
      OnlyAction<SyscallEvent>("+0 fcntl(3, F_GETFL) = O_RDWR|O_NONBLOCK");
  EXPECT_EQ(either.result.kind, Expr::Kind::kOr);
  EXPECT_EQ(OnlyAction<SyscallEvent>("+0 close(3) = -1 EX (a (b) c)").note,
            "a (b) c");
}

TEST(DrillParser, ReadsArguments) {
  struct Row {
    const char* text;
    Expr::Kind kind;
    const char* told;  // by ExprText()
  };
  using enum Expr::Kind;
  const Row rows[] = {
      {"12", kInteger, "12"},
      {"-12", kInteger, "-12"},
      {"0xFf", kInteger, "0xff"},
      {"0xffffffffffffffff", kInteger, "0xffffffffffffffff"},
      {"2.5", kDecimal, "2.5"},
      {"-.5", kDecimal, "-0.5"},
      {"\"a\\n\\x41\\101\\\"\"", kString, "\"a\\nAA\\\"\""},
      {"\"abc\"...", kString, "\"abc\"..."},
      {"...", kEllipsis, "..."},
      {"SOL_SOCKET", kSymbol, "SOL_SOCKET"},
      {"A | 1|0x2", kOr, "A|1|0x2"},
      {"[]", kList, "[]"},
      {"[ 1 ]", kList, "[1]"},
      {"[1, [2, ...]]", kList, "[1, [2, ...]]"},
      {"{}", kStruct, "{}"},
      {"{..., 1000}", kStruct, "{..., 1000}"},
      {"{onoff=1, linger=0}", kStruct, "{onoff=1, linger=0}"},
      {"{tv_sec=2,tv_usec=500000}", kStruct, "{tv_sec=2, tv_usec=500000}"},
      {"htons(8080)", kCall, "htons(8080)"},
      {"{sa_family = AF_INET, sin_port = htons(8080), "
       "sin_addr = inet_addr(\"192.0.2.1\")}",
       kStruct,
       "{sa_family=AF_INET, sin_port=htons(8080), "
       "sin_addr=inet_addr(\"192.0.2.1\")}"},
      {"{msg_name(...)=..., msg_iov(2)=[{..., 1}, {\"x\", 2}], msg_flags=0}",
       kStruct,
       "{msg_name=..., msg_iov(2)=[{..., 1}, {\"x\", 2}], msg_flags=0}"},
      {"[{fd=4, events=POLLIN|POLLOUT, revents=POLLIN}]", kList,
       "[{fd=4, events=POLLIN|POLLOUT, revents=POLLIN}]"},
  };
  for (const Row& row : rows) {
    const Expr expr = Argument(row.text);
    EXPECT_EQ(expr.kind, row.kind) << row.text;
    EXPECT_EQ(ExprText(expr), row.told) << row.text;
  }
}

TEST(DrillParser, NamesFieldsAndTheirCounts) {
  const Expr header = Argument("{msg_iov(2)=[..., ...], 7}");
  ASSERT_EQ(header.items.size(), 2u);
  EXPECT_EQ(header.items[0].field, "msg_iov");
  EXPECT_EQ(header.items[0].field_count, 2);
  EXPECT_EQ(header.items[0].kind, Expr::Kind::kList);
  EXPECT_EQ(header.items[1].field, "");
  EXPECT_EQ(header.items[1].field_count, -1);
  const Expr decimal = Argument("2.000000001");
  EXPECT_EQ(decimal.integer, 2000000001);
}

// ---- the text around events

TEST(DrillParser, SkipsCommentsAndBlankLines) {
  const Script script = Parsed(
      "// one\n"
      "/* two\n * lines ** */ /**/\n"
      "--mtu=1500 // three\n"
      "\t+0 close(3) /* in between */ = 0 // four\r\n"
      "\n"
      "+0 `a // no comment` // five");
  ASSERT_EQ(script.events.size(), 2u);
  EXPECT_EQ(script.events[0].position, (Position{5, 2}));
  EXPECT_EQ(std::get<CommandEvent>(script.events[1].action).text,
            "a // no comment");
}

TEST(DrillParser, LetsAnEventGoOverSeveralLines) {
  const Script script = Parsed(
      "+0 setsockopt(3, SOL_SOCKET,\n"
      "              SO_LINGER, [1], 4)\n"
      "   = 0\n"
      "+0 `a\n   b`\n");
  ASSERT_EQ(script.events.size(), 2u);
  EXPECT_EQ(script.events[0].source,
            "+0 setsockopt(3, SOL_SOCKET, SO_LINGER, [1], 4) = 0");
  EXPECT_EQ(script.events[1].position, (Position{4, 1}));
  EXPECT_EQ(script.events[1].source, "+0 `a b`");
}

TEST(DrillParser, KeepsAnEventsTextForReports) {
  const Script script = Parsed(
      "  +0   >  S. 0:0(0) ack 1 <...>  // said\n"
      "+0 close(3) = -1 EBADF (Bad file descriptor)   \n"
      "+.1 < [1:2(1)] icmp unreachable\n");
  EXPECT_EQ(script.events[0].source, "+0   >  S. 0:0(0) ack 1 <...>");
  EXPECT_EQ(script.events[1].source,
            "+0 close(3) = -1 EBADF (Bad file descriptor)");
  EXPECT_EQ(script.events[2].source, "+.1 < [1:2(1)] icmp unreachable");
}

TEST(DrillParser, KeepsOptionsAsTheyAreWritten) {
  const Script script = Parsed(
      "--local_ip=192.0.2.1\n"
      "--non_fatal = packet,syscall\n"
      "--init_scripts=\"a.sh\"\n"
      "--tun\n"
      "+0 close(3) = 0\n");
  ASSERT_EQ(script.options.size(), 4u);
  EXPECT_EQ(script.options[0].name, "local_ip");
  EXPECT_EQ(script.options[0].value, "192.0.2.1");
  EXPECT_EQ(script.options[1].value, "packet,syscall");
  EXPECT_EQ(script.options[1].position, (Position{2, 1}));
  EXPECT_EQ(script.options[2].value, "a.sh");
  EXPECT_EQ(script.options[3].value, "");
}

TEST(DrillParser, TakesTheBranchOfTheNamesThatAreDefined) {
  const std::string text =
      "#ifdef FreeBSD\n"
      "+0 close(1) = 0\n"
      "# ifdef EXTRA // why\n"
      "+0 close(2) = 0\n"
      "# else\n"
      "+0 close(3) = 0\n"
      "# endif\n"
      "#else\n"
      "this is not ( looked at \" `\n"
      "#ifndef EXTRA\n"
      "#else\n"
      "#endif\n"
      "+0 close(4) = 0\n"
      "#endif\n"
      "#ifndef FreeBSD\n"
      "+0 close(5) = 0\n"
      "#endif\n";
  const auto closed = [&](const Defines& defines) {
    std::vector<int64_t> numbers;
    for (const Event& event : Parsed(text, defines).events) {
      numbers.push_back(std::get<SyscallEvent>(event.action).args[0].integer);
    }
    return numbers;
  };
  EXPECT_THAT(closed({{"FreeBSD", "1"}}), testing::ElementsAre(1, 3));
  EXPECT_THAT(closed({{"FreeBSD", "1"}, {"EXTRA", "0"}}),
              testing::ElementsAre(1, 2));
  EXPECT_THAT(ErrorOf(text), StartsWith("x.pkt:9:1:")) << "not skipped now";
}

TEST(DrillParser, SkipsABranchInsideAnEvent) {
  const Script script = Parsed(
      "+0 > S. 0:0(0) ack 1\n"
      "#ifdef NO\n"
      "<mss 1>\n"
      "#else\n"
      "<mss 1460>\n"
      "#endif\n");
  ASSERT_EQ(script.events.size(), 1u);
}

// ---- errors

struct ErrorRow {
  const char* text;
  const char* place;  // LINE:COLUMN
  const char* words;  // what the message has
};

TEST(DrillParser, SaysWhereAndWhatIsWrong) {
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

TEST(DrillParser, NamesWhatIsNotSupportedYet) {
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

TEST(DrillParser, LimitsTheScriptsSize) {
  const std::string large((size_t{1} << 20) + 1, ' ');
  EXPECT_THAT(ErrorOf(large), StartsWith("x.pkt:1:1: a script has at most"));
}

TEST(DrillParser, LimitsEventsOptionsAndElements) {
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

TEST(DrillParser, LimitsNesting) {
  for (const char* const open : {"[", "{", "{a=", "f(", "{a(1)=["}) {
    std::string text = "+0 close(";
    for (int i = 0; i < 100000; ++i) text += open;
    EXPECT_THAT(ErrorOf(text), HasSubstr("no deeper than 16")) << open;
  }
  std::string conditions;
  for (int i = 0; i < 65; ++i) conditions += "#ifndef A\n";
  EXPECT_THAT(ErrorOf(conditions), HasSubstr("no deeper than 64"));
}

TEST(DrillParser, QuotesNoMoreThanAGlanceTakesIn) {
  const std::string error = ErrorOf("+0 " + std::string(100000, 'a'));
  EXPECT_LT(error.size(), 400u);
  EXPECT_THAT(error, HasSubstr("aaa...'"));
}

TEST(DrillParser, SkipsAByteOrderMark) {
  EXPECT_EQ(Parsed("\xef\xbb\xbf+0 close(3) = 0").events.size(), 1u);
}

}  // namespace
}  // namespace splnet::drill
