// The drill language: what the parser accepts, and what it makes of it.

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

}  // namespace
}  // namespace splnet::drill
