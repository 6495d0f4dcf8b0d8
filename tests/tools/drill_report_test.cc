// Drill scripts' options, notation, comparison and failure reports.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tools/drill/compare.h"
#include "tools/drill/notation.h"
#include "tools/drill/options.h"
#include "tools/drill/parser.h"
#include "tools/drill/report.h"

namespace splnet::drill {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

Script Parsed(const std::string& text) {
  auto script = ParseScript(text, "x.pkt", {});
  EXPECT_TRUE(script.ok()) << text << "\n" << script.status();
  return script.ok() ? *std::move(script) : Script();
}

PacketEvent Packet(const std::string& text) {
  const Script script = Parsed("+0 " + text);
  if (script.events.empty()) return {};
  return std::get<PacketEvent>(script.events.front().action);
}

// ---- options

absl::StatusOr<ScriptSettings> Settings(const std::string& options) {
  return ReadSettings(Parsed(options + "\n+0 close(3) = 0\n"));
}

TEST(DrillOptions, SetWhatTheyName) {
  const auto settings = Settings(
      "--ip_version=ipv4\n--local_ip=10.0.0.1\n--remote_ip=10.0.0.2\n"
      "--gateway_ip=10.0.0.3\n--netmask_ip=255.0.0.0\n--bind_port=80\n"
      "--connect_port=81\n--mtu=9000\n--tolerance_usecs=4000\n"
      "--non_fatal=packet,syscall");
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_EQ(FormatAddr(settings->local_ip), "10.0.0.1");
  EXPECT_EQ(FormatAddr(settings->remote_ip), "10.0.0.2");
  EXPECT_EQ(FormatAddr(settings->gateway_ip), "10.0.0.3");
  EXPECT_EQ(FormatAddr(settings->netmask_ip), "255.0.0.0");
  EXPECT_EQ(settings->bind_port, 80);
  EXPECT_EQ(settings->connect_port, 81);
  EXPECT_EQ(settings->mtu, 9000u);
  EXPECT_EQ(settings->tolerance, 4ms);
  EXPECT_TRUE(settings->non_fatal_packet);
  EXPECT_TRUE(settings->non_fatal_syscall);
}

TEST(DrillOptions, AreExactAndFatalByDefault) {
  const auto settings = Settings("");
  ASSERT_TRUE(settings.ok());
  EXPECT_EQ(settings->tolerance, 0ns);
  EXPECT_FALSE(settings->non_fatal_packet);
  EXPECT_FALSE(settings->non_fatal_syscall);
  EXPECT_EQ(FormatAddr(settings->local_ip), "192.168.0.1");
  EXPECT_EQ(FormatAddr(settings->remote_ip), "192.0.2.1");
}

TEST(DrillOptions, ChangeNothingWhereTheyDoNotApply) {
  const auto settings =
      Settings("--init_scripts=a.sh\n--speed=1000\n--tun\n--wire_client");
  EXPECT_TRUE(settings.ok()) << settings.status();
}

TEST(DrillOptions, TimestampsAreExactWhereTheirTickIsGiven) {
  EXPECT_FALSE(Settings("")->exact_timestamps);
  EXPECT_FALSE(Settings("--tcp_ts_tick_usecs=0")->exact_timestamps);
  EXPECT_TRUE(Settings("--tcp_ts_tick_usecs=1000")->exact_timestamps);
  EXPECT_FALSE(Settings("--tcp_ts_tick_usecs=often").ok());
}

TEST(DrillOptions, TakeTheLastOfSeveral) {
  EXPECT_EQ(Settings("--mtu=1500\n--mtu=1280")->mtu, 1280u);
}

TEST(DrillOptions, SayWhatIsWrongAndWhere) {
  struct Row {
    const char* option;
    const char* message;
  };
  const Row rows[] = {
      {"--mtu=67",
       "expected a whole number from 68 to 65535 for --mtu, found "
       "'67'"},
      {"--mtu=1500x", "found '1500x'"},
      {"--mtu", "for --mtu, found ''"},
      {"--bind_port=0", "from 1 to 65535"},
      {"--local_ip=10.0.0.256", "an IPv4 address"},
      {"--local_ip=::1", "an IPv4 address"},
      {"--ip_version=ipv6", "not supported yet"},
      {"--udp_encapsulation=1:2", "not supported yet"},
      {"--non_fatal=all", "packet, syscall or packet,syscall"},
      {"--non_fatal", "packet, syscall or packet,syscall"},
      {"--tolerance_usecs=-1", "a whole number"},
      {"--colour=red", "expected one of the options --bind_port"},
  };
  for (const Row& row : rows) {
    const auto settings = Settings(std::string("\n ") + row.option);
    ASSERT_FALSE(settings.ok()) << row.option;
    const std::string message(settings.status().message());
    EXPECT_THAT(message, testing::StartsWith("x.pkt:2:2: ")) << row.option;
    EXPECT_THAT(message, HasSubstr(row.message)) << row.option;
  }
}

// ---- notation

TEST(DrillNotation, TellsPacketsAsScriptsDo) {
  const char* const rows[] = {
      "< S 0:0(0) win 32792 <mss 1000,sackOK,nop,nop,nop,wscale 7>",
      "> S. 0:0(0) ack 1 <...>",
      "> [ect0] (ttl 64) P. 1:1001(1000) ack 1 win 256 urg 7",
      "> (tos 0x10) FR. 5!:6!(1) ack 7!",
      "> - ...(0) ack ...",
      "> . 5:...(10)",
      "> . 1:1(0) ack 1 <nop,nop,sack 5:7 9:11>",
      "> S 0:0(0) <mss ...,nop,nop,TS val ... ecr 0>",
      "< udp (1000)",
      "< icmp unreachable frag_needed mtu 1200 [1:1461(1460)]",
      "> icmp unreachable port_unreachable [udp (4)]",
      "< icmp type_3 code_99",
      "< icmp echo_request",
  };
  for (const std::string row : rows) {
    const std::string told =
        row == "< icmp type_3 code_99" ? "< icmp unreachable code_99" : row;
    EXPECT_EQ(PacketText(Packet(row)), told);
  }
}

TEST(DrillNotation, TellsOfASeenIpHeaderWhatTheScriptSpeaksOf) {
  PacketEvent seen = Packet("> [ce] (ttl 63) . 1:1(0)");
  seen.ip.tos = 3;
  const PacketEvent like = Packet("> (ttl 64) . 1:1(0)");
  EXPECT_EQ(PacketText(seen, &like), "> (ttl 63) . 1:1(0)");
  const PacketEvent nothing;
  EXPECT_EQ(PacketText(seen, &nothing), "> . 1:1(0)");
}

TEST(DrillNotation, TellsCallsAndTimes) {
  const Script script = Parsed(
      "+.10 setsockopt(3, SOL_SOCKET, A | B, [0x1f, {x=1}], 4) = -1 EINVAL "
      "(Invalid argument)\n"
      "+0...0.25 accept(3, ..., ...) = 4\n"
      "1.5~2 > . 1:1(0)\n"
      "+0~+.000001 > . 1:1(0)\n"
      "* > . 1:1(0)\n"
      "+0 `  sysctl -w a=1 `\n");
  EXPECT_EQ(EventText(script.events[0]),
            "setsockopt(3, SOL_SOCKET, A|B, [0x1f, {x=1}], 4) = -1 EINVAL "
            "(Invalid argument)");
  std::vector<std::string> times;
  for (const Event& event : script.events)
    times.push_back(TimeText(event.time));
  EXPECT_THAT(times, ElementsAre("+0.1", "+0...0.25", "1.5~2", "+0~+0.000001",
                                 "*", "+0"));
  EXPECT_EQ(EventText(script.events[5]), "`sysctl -w a=1`");
  EXPECT_EQ(SecondsText(1500us), "0.001500");
  EXPECT_EQ(SecondsText(1500001ns), "0.001500001");
}

// ---- comparison

TEST(DrillCompare, FindsNothingInAPacketAsExpected) {
  struct Row {
    const char* expected;
    const char* seen;
  };
  const Row rows[] = {
      {"> . 1:1(0)", "> . 1:1(0) ack 5 win 7"},
      {"> . ...(0) ack ...", "> . 9:9(0) ack 5 win 7"},
      {"> . 5:...(2)", "> . 5:7(2)"},
      {"> S 0:0(0) <...>", "> S 0:0(0) <mss 1460>"},
      {"> S 0:0(0) <mss ...>", "> S 0:0(0) <mss 1460>"},
      {"> . 1:1(0) <nop,nop,TS val ... ecr 4>",
       "> . 1:1(0) <nop,nop,TS val 3 ecr 4>"},
      {"> [ect01] . 1:1(0)", "> [ect0] . 1:1(0)"},
      {"> . 1:1(0)", "> [ce] (ttl 3) . 1:1(0)"},
      {"> U. 1:1(0)", "> U. 1:1(0) urg 5"},
      {"> icmp unreachable port_unreachable",
       "> icmp unreachable port_unreachable [udp (4)]"},
  };
  for (const Row& row : rows) {
    EXPECT_THAT(ComparePackets(Packet(row.expected), Packet(row.seen)),
                IsEmpty())
        << row.expected << " and " << row.seen;
  }
}

TEST(DrillCompare, NamesTheFieldThatDiffers) {
  struct Row {
    const char* expected;
    const char* seen;
    FieldDifference difference;
  };
  const Row rows[] = {
      {"> . 1:1(0)", "> F. 1:1(0)", {"flags", ".", "F."}},
      {"> . 1:1(0)", "> . 2:2(0)", {"seq", "1", "2"}},
      {"> . 1!:1!(0)", "> . 2!:2!(0)", {"seq", "1!", "2!"}},
      {"> . 1:3(2)", "> . 1:2(1)", {"length", "2", "1"}},
      {"> . ...(1)", "> . 1:3(2)", {"length", "1", "2"}},
      {"> . 1:1(0) ack 3", "> . 1:1(0) ack 4", {"ack", "3", "4"}},
      {"> . 1:1(0) win 3", "> . 1:1(0) win 4", {"win", "3", "4"}},
      {"> U. 1:1(0) urg 3", "> U. 1:1(0) urg 4", {"urg", "3", "4"}},
      {"> . 1:1(0)", "> . 1:1(0) urg 4", {"urg", "0", "4"}},
      {"> S 0:0(0) <mss 1460>",
       "> S 0:0(0) <mss 536>",
       {"TCP option 1", "mss 1460", "mss 536"}},
      {"> S 0:0(0)",
       "> S 0:0(0) <mss 536>",
       {"TCP options", "none", "<mss 536>"}},
      {"> S 0:0(0) <mss 536>",
       "> S 0:0(0)",
       {"TCP options", "<mss 536>", "none"}},
      {"> S 0:0(0) <sackOK,nop,nop>",
       "> S 0:0(0) <nop,nop,sackOK>",
       {"TCP options", "<sackOK,nop,nop>", "<nop,nop,sackOK>"}},
      {"> . 1:1(0) <nop,nop,sack 1:2>",
       "> . 1:1(0) <nop,nop,sack 1:3>",
       {"TCP option 3", "sack 1:2", "sack 1:3"}},
      {"> . 1:1(0) <nop,nop,sack 1:2>",
       "> . 1:1(0) <nop,nop,sack 1:2 3:4>",
       {"TCP option 3", "sack 1:2", "sack 1:2 3:4"}},
      {"> . 1:1(0) <nop,nop,TS val ... ecr 1>",
       "> . 1:1(0) <nop,nop,TS val 7 ecr 2>",
       {"TCP option 3", "TS val ... ecr 1", "TS val 7 ecr 2"}},
      {"> [ect0] . 1:1(0)", "> [noecn] . 1:1(0)", {"ECN", "ect0", "noecn"}},
      {"> [ect01] . 1:1(0)", "> [ce] . 1:1(0)", {"ECN", "ect01", "ce"}},
      {"> (ttl 64) . 1:1(0)", "> (ttl 63) . 1:1(0)", {"ttl", "64", "63"}},
      {"> (tos 0x10) . 1:1(0)", "> (tos 0) . 1:1(0)", {"tos", "0x10", "0x0"}},
      {"> udp (1)", "> udp (2)", {"length", "1", "2"}},
      {"> udp (1)", "> . 1:1(0)", {"protocol", "UDP", "TCP"}},
      {"> . 1:1(0)", "> icmp unreachable", {"protocol", "TCP", "ICMP"}},
      {"> icmp unreachable",
       "> icmp redirect",
       {"type", "unreachable", "redirect"}},
      {"> icmp unreachable",
       "> icmp unreachable port_unreachable",
       {"code", "net_unreachable", "port_unreachable"}},
      {"> icmp unreachable frag_needed mtu 5",
       "> icmp unreachable frag_needed mtu 6",
       {"mtu", "5", "6"}},
      {"> icmp unreachable [udp (1)]",
       "> icmp unreachable [1:2(1)]",
       {"quoted packet", "UDP", "TCP"}},
      {"> icmp unreachable [udp (1)]",
       "> icmp unreachable",
       {"quoted packet", "UDP", "none"}},
      {"> icmp unreachable [1:2(1)]",
       "> icmp unreachable [2:3(1)]",
       {"quoted seq", "1", "2"}},
      {"> icmp unreachable [udp (1)]",
       "> icmp unreachable [udp (2)]",
       {"quoted length", "1", "2"}},
  };
  for (const Row& row : rows) {
    EXPECT_THAT(ComparePackets(Packet(row.expected), Packet(row.seen)),
                ElementsAre(row.difference))
        << row.expected << " and " << row.seen;
  }
}

TEST(DrillCompare, SeesBytesThatNoScriptCanName) {
  const PacketEvent expected = Packet("> S 0:0(0) <mss 1>");
  PacketEvent seen = expected;
  TcpOption& option = std::get<TcpPacket>(seen.body).options[0];
  option.kind = TcpOption::Kind::kOther;
  option.raw = {30, 4, 0xab, 0xcd};
  EXPECT_THAT(ComparePackets(expected, seen),
              ElementsAre(FieldDifference{"TCP options", "<mss 1>",
                                          "<bytes 1e04abcd>"}));
}

// ---- reports

TEST(DrillReport, ShowsExpectedAndActualAndWhatCameBefore) {
  const Script script = Parsed(
      "+0 listen(3, 1) = 0\n"
      "+.1 > S. 0:0(0)   ack 1 win 5 <mss 1460>\n");
  History history;
  history.Add(0ns, 1, "listen(3, 1) = 0");
  history.Add(50ms, 0, "> . 1:1(0)");
  Failure failure;
  failure.event = &script.events[1];
  failure.time = 100ms;
  failure.what = "the packet differs in win";
  failure.expected = "0.100000 > S. 0:0(0) ack 1 win 5 <mss 1460>";
  failure.actual = "0.100000 > S. 0:0(0) ack 1 win 6 <mss 1460>";
  failure.differences = {{"win", "5", "6"}};
  EXPECT_EQ(FailureText(script, failure, history),
            "x.pkt:2: the packet differs in win\n"
            "  script:   +.1 > S. 0:0(0)   ack 1 win 5 <mss 1460>\n"
            "  expected: 0.100000 > S. 0:0(0) ack 1 win 5 <mss 1460>\n"
            "  actual:   0.100000 > S. 0:0(0) ack 1 win 6 <mss 1460>\n"
            "  differs:  win: expected 5, seen 6\n"
            "  at:       0.100000 s\n"
            "  before it:\n"
            "    0.000000  line 1    listen(3, 1) = 0\n"
            "    0.050000  line -    > . 1:1(0)\n");
}

TEST(DrillReport, LeavesOutRowsThatAreEmpty) {
  Failure failure;
  failure.what = "a packet that no line expects";
  failure.actual = "> R 1:1(0)";
  EXPECT_EQ(FailureText(Parsed("+0 close(3) = 0"), failure, History()),
            "x.pkt: a packet that no line expects\n"
            "  actual:   > R 1:1(0)\n"
            "  at:       0.000000 s\n"
            "  nothing came before it\n");
}

TEST(DrillReport, KeepsTheLastOfWhatCameBefore) {
  History history;
  History all(/*keep_all=*/true);
  for (uint32_t i = 1; i <= 25; ++i) {
    history.Add(0ns, i, "event");
    all.Add(0ns, i, "event");
  }
  EXPECT_THAT(history.Text(""), HasSubstr("(15 earlier)\n"));
  EXPECT_THAT(history.Text(""), HasSubstr("line 16 "));
  EXPECT_THAT(history.Text(""), Not(HasSubstr("line 15 ")));
  EXPECT_THAT(all.Text(""), HasSubstr("line 1 "));
  EXPECT_THAT(all.Text(""), Not(HasSubstr("earlier")));
}

TEST(DrillReport, CutsLongRows) {
  Failure failure;
  failure.what = "wrong";
  failure.actual = std::string(100000, 'x');
  EXPECT_LT(FailureText(Script(), failure, History()).size(), 1000u);
}

}  // namespace
}  // namespace splnet::drill
