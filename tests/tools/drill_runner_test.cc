// Scripts that hold, and scripts that must fail: each check of the runner finds
// what it is there for.

#include <gtest/gtest.h>

#include <string>

#include "tools/drill/options.h"
#include "tools/drill/parser.h"
#include "tools/drill/runner.h"

namespace splnet::drill {
namespace {

DrillResult RunText(const std::string& text, const DrillOptions& options = {}) {
  const auto script = ParseScript(text, "test.pkt", {});
  if (!script.ok()) return {false, std::string(script.status().message())};
  const auto settings = ReadSettings(*script);
  if (!settings.ok()) return {false, std::string(settings.status().message())};
  return RunScript(*script, *settings, options);
}

// A listener, a handshake and accept(2): the connection is 4, at 0.1 s.
const std::string kAccepted = R"(
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 32792 <mss 1000>
+0 > S. 0:0(0) ack 1 win 16384 <mss 1460>
+.1 < . 1:1(0) ack 1 win 32792
+0 accept(3, ..., ...) = 4
)";

// A SYN has been sent, at 0.
const std::string kConnecting = R"(
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0
+0 connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)
+0 > S 0:0(0) win 16384 <...>
)";

const std::string kDatagram = R"(
0 socket(..., SOCK_DGRAM, IPPROTO_UDP) = 3
+0 bind(3, ..., ...) = 0
)";

// Both ends use timestamps; our host's first is 100 to the script.
const std::string kTimestamps = R"(
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 32792 <mss 1000,nop,nop,TS val 7 ecr 0>
+0 > S. 0:0(0) ack 1 <mss 1460,nop,nop,TS val 100 ecr 7>
+.1 < . 1:1(0) ack 1 win 32792 <nop,nop,TS val 8 ecr 100>
+0 accept(3, ..., ...) = 4
+0 write(4, ..., 10) = 10
)";

struct Row {
  const char* name;
  std::string script;
  const char* says = "";  // in the report, where the script must fail
};

std::string RowName(const testing::TestParamInfo<Row>& info) {
  return info.param.name;
}

// ------------------------------------------------------------ scripts that
// hold

class DrillHolds : public testing::TestWithParam<Row> {};

TEST_P(DrillHolds, Passes) {
  const DrillResult result = RunText(GetParam().script);
  EXPECT_TRUE(result.passed) << result.report;
  EXPECT_EQ(result.report, "");
}

const Row kHolds[] = {
    {"DataBothWaysAndClose", kAccepted + R"(
+0 < P. 1:1001(1000) ack 1 win 32792
+0 read(4, ..., 2000) = 1000
+.2 > . 1:1(0) ack 1001
+0 write(4, ..., 500) = 500
+0 > P. 1:501(500) ack 1001
+.1 < . 1001:1001(0) ack 501 win 32792
+0 close(4) = 0
+0 > F. 501:501(0) ack 1001
+.1 < F. 1001:1001(0) ack 502 win 32792
+0 > . 502:502(0) ack 1002
)"},
    {"ActiveOpen", kConnecting + R"(
+.05 < S. 500:500(0) ack 1 win 5000 <mss 1000>
+0 > . 1:1(0) ack 501
+0 getsockopt(3, SOL_SOCKET, SO_ERROR, [0], [4]) = 0
)"},
    {"PacketsAtOneInstantInTheirOrder", kAccepted + R"(
+0 write(4, ..., 2500) = 2500
+0 > . 1:1001(1000) ack 1
+0 > . 1001:2001(1000) ack 1
+0 > P. 2001:2501(500) ack 1
)"},
    {"AnAbsoluteTime", kAccepted + R"(
0.5 < P. 1:11(10) ack 1 win 32792
0.7 > . 1:1(0) ack 11
)"},
    {"AnyTime", kAccepted + R"(
+0 < P. 1:11(10) ack 1 win 32792
* > . 1:1(0) ack 11
+.1 read(4, ..., 10) = 10
)"},
    {"ARange", kAccepted + R"(
+0 < P. 1:11(10) ack 1 win 32792
+.1~+.2 > . 1:1(0) ack 11
)"},
    {"ATolerance", "--tolerance_usecs=1000\n" + kAccepted + R"(
+0 < P. 1:11(10) ack 1 win 32792
+.1995 > . 1:1(0) ack 11
)"},
    {"ABlockingRead", kAccepted + R"(
+0...0.3 read(4, ..., 10) = 10
+.3 < P. 1:11(10) ack 1 win 32792
+.2 > . 1:1(0) ack 11
)"},
    {"TwoBlockingCallsAndOthersMeanwhile", R"(
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0...0.1 accept(3, ..., ...) = 4
+0...0.05 poll([{fd=3, events=POLLIN, revents=0}], 1, 50) = 0
+0 < S 0:0(0) win 32792 <mss 1000>
+0 > S. 0:0(0) ack 1 <...>
+.1 < . 1:1(0) ack 1 win 32792
+0 write(4, ..., 10) = 10
+0 > P. 1:11(10) ack 1
)"},
    {"ABlockingConnectThatIsRefused", R"(
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0...0.1 connect(3, ..., ...) = -1 ECONNREFUSED (Connection refused)
+0 > S 0:0(0) <...>
+.1 < R. 0:0(0) ack 1 win 0
)"},
    {"ALingeringCloseBlocks", kAccepted + R"(
+0 setsockopt(4, SOL_SOCKET, SO_LINGER, {onoff=1, linger=5}, 8) = 0
+0...0.2 close(4) = 0
+0 > F. 1:1(0) ack 1
+.2 < F. 1:1(0) ack 2 win 32792
+0 > . 2:2(0) ack 2
)"},
    {"NoBlockingWithONonblock", kAccepted + R"(
+0 fcntl(4, F_GETFL) = O_RDWR
+0 fcntl(4, F_SETFL, O_RDWR|O_NONBLOCK) = 0
+0 fcntl(4, F_GETFL) = O_RDWR|O_NONBLOCK
+0 read(4, ..., 10) = -1 EAGAIN (Resource temporarily unavailable)
+0 recv(4, ..., 10, MSG_DONTWAIT) = -1 EWOULDBLOCK
)"},
    {"PiecesAndMessages", kAccepted + R"(
+0 writev(4, [{..., 10}, {"abc", 3}], 2) = 13
+0 > P. 1:14(13) ack 1
+0 < P. 1:21(20) ack 14 win 32792
+0 readv(4, [{..., 5}, {..., 5}], 2) = 10
+0 recvmsg(4, {msg_name=..., msg_namelen=..., msg_iov(2)=[{..., 4}, {..., 4}],
               msg_iovlen=2, msg_flags=0}, 0) = 8
+0 recv(4, ..., 10, MSG_PEEK) = 2
+0 recvfrom(4, ..., 10, 0, ..., ...) = 2
+.2 > . 14:14(0) ack 21
+0 sendmsg(4, {msg_name=..., msg_namelen=..., msg_iov(1)=[{..., 7}],
               msg_iovlen=1, msg_flags=0}, 0) = 7
+0 > P. 14:21(7) ack 21
)"},
    {"OptionsAndReadiness", kAccepted + R"(
+0 setsockopt(4, IPPROTO_TCP, TCP_NODELAY, [1], 4) = 0
+0 setsockopt(4, SOL_SOCKET, SO_LINGER, {onoff=1, linger=5}, 8) = 0
+0 getsockopt(4, SOL_SOCKET, SO_LINGER, {onoff=SO_LINGER, linger=5}, [8]) = 0
+0 setsockopt(4, SOL_SOCKET, SO_RCVTIMEO, {tv_sec=1, tv_usec=5}, 16) = 0
+0 getsockopt(4, SOL_SOCKET, SO_RCVTIMEO, {tv_sec=1, tv_usec=5}, [16]) = 0
+0 getsockopt(4, SOL_SOCKET, SO_TYPE, [SOCK_STREAM], [4]) = 0
+0 setsockopt(4, SOL_SOCKET, SO_TYPE, [1], 4) = -1 ENOPROTOOPT
+0 poll([{fd=4, events=POLLIN|POLLOUT, revents=POLLOUT}], 1, 0) = 1
+0 poll([{fd=9, events=POLLIN, revents=POLLNVAL}], 1, 0) = 1
+0 < P. 1:11(10) ack 1 win 32792
+0 ioctl(4, FIONREAD, [10]) = 0
+0 ioctl(4, FIONBIO, [1]) = 0
+0 ioctl(4, SIOCATMARK, [0]) = 0
+.2 > . 1:1(0) ack 11
)"},
    {"ShutdownAndReset", kAccepted + R"(
+0 shutdown(4, SHUT_WR) = 0
+0 > F. 1:1(0) ack 1
+.1 < R 1:1(0) win 0
+0 write(4, ..., 10) = -1 EPIPE (Broken pipe)
)"},
    {"WhatIsNotOpen", "0 read(7, ..., 10) = -1 EBADF (Bad file descriptor)"},
    {"ResetsToStrangers", R"(
0 < S 5:5(0) win 100
+0 > R. 0:0(0) ack 6 win 0
+.1 < . 1:1(0) ack 77 win 100
+0 > R 77:77(0) win 0
)"},
    {"ASecondConnectionOfTheSameAddresses", kAccepted + R"(
+0 < R 1:1(0) win 0
+0 close(4) = 0
+0 < S 7000:7000(0) win 32792 <mss 1000>
+0 > S. 0:0(0) ack 7001 <...>
+.1 < . 7001:7001(0) ack 1 win 32792
+0 accept(3, ..., ...) = 4
+0 write(4, ..., 10) = 10
+0 > P. 1:11(10) ack 7001
)"},
    {"ASynInTheMiddleOfTheStream", kAccepted + R"(
+0 < P. 1:11(10) ack 1 win 32792
+0 < S 50:50(0) win 32792 <mss 1000>
+0 > . 1:1(0) ack 11
+0 < P. 11:21(10) ack 1 win 32792
+0 read(4, ..., 100) = 20
* > . 1:1(0) ack 21
)"},
    {"NamesOfTimestamps", kTimestamps + R"(
+0 > P. 1:11(10) ack 1 <nop,nop,TS val 777 ecr 8>
+.1 < . 1:1(0) ack 11 win 32792 <nop,nop,TS val 9 ecr 777>
)"},
    {"SackByTheScriptsNumbers", R"(
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 32792 <mss 1000,nop,nop,sackOK>
+0 > S. 0:0(0) ack 1 <...>
+.1 < . 1:1(0) ack 1 win 32792
+0 accept(3, ..., ...) = 4
+0 < P. 11:21(10) ack 1 win 32792
+0 > . 1:1(0) ack 1 <nop,nop,sack 11:21>
)"},
    {"ExactTimestamps", "--tcp_ts_tick_usecs=1000\n" + kTimestamps + R"(
+0 > P. 1:11(10) ack 1 <nop,nop,TS val 200 ecr 8>
)"},
    {"WhatTcpInfoTells", kAccepted + R"(
+0 getsockopt(4, IPPROTO_TCP, TCP_INFO, {tcpi_state=4, tcpi_snd_mss=1000,
              tcpi_rtt=...}, ...) = 0
)"},
    {"Datagrams", kDatagram + R"(
+0 < udp (10)
+0 recvfrom(3, ..., 100, 0, {sa_family=AF_INET, sin_port=htons(8080),
            sin_addr=inet_addr("192.0.2.1")}, [16]) = 10
+0 sendto(3, ..., 20, 0, ..., ...) = 20
+0 > udp (20)
+0 sendto(3, "hello", 5, 0, ..., ...) = 5
+0 > udp (5)
)"},
    {"AnErrorForADatagram", R"(
0 < udp (10)
+0 > icmp unreachable port_unreachable [udp (10)]
)"},
    {"AnErrorForOurDatagram", kDatagram + R"(
+0 connect(3, ..., ...) = 0
+0 write(3, ..., 10) = 10
+0 > udp (10)
+.1 < icmp unreachable port_unreachable [udp (10)]
+0 write(3, ..., 10) = -1 ECONNREFUSED (Connection refused)
)"},
    {"AnErrorForOurSegment", kConnecting + R"(
+.1 < icmp unreachable port_unreachable [0:0(0)]
+0 getsockopt(3, SOL_SOCKET, SO_ERROR, [...], [4]) = 0
)"},
    {"AnEcho", R"(
0 < icmp echo_request
+0 > icmp echo_reply
)"},
    {"CommandsOfBsd", R"(
0 `sysctl -w net.inet.tcp.delacktime=50; sysctl net.inet.ip.ttl=33`
)" + kAccepted + R"(
+0 `sockstat -4 -P tcp -s | grep -c ESTABLISHED | grep -q '^1$'`
+0 `sockstat | grep 192.168.0.1:8080 | grep -v LISTEN | grep 192.0.2.1`
+0 < P. 1:11(10) ack 1 win 32792
+.05 > (ttl 33) . 1:1(0) ack 11
+0 `sleep 1.5 && sockstat -l | grep LISTEN`
+0 `tcpdrop -s ESTABLISHED`
+0 > R. 1:1(0) ack 11
+0 read(4, ..., 20) = 10
+0 read(4, ..., 20) = -1 ECONNABORTED
)"},
    {"EmbryonicConnectionsAreSeen", R"(
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 32792 <mss 1000>
+0 > S. 0:0(0) ack 1 <...>
+0 `sockstat | grep SYN_RCVD`
)"},
    {"StructsByPlace", kAccepted + R"(
+0 setsockopt(4, SOL_SOCKET, SO_LINGER, {1, 5}, 8) = 0
+0 getsockopt(4, SOL_SOCKET, SO_LINGER, {SO_LINGER, 5}, [8]) = 0
+0 getsockopt(4, SOL_SOCKET, SO_LINGER, {l_linger=5, ...}, [8]) = 0
+0 setsockopt(4, SOL_SOCKET, SO_RCVTIMEO, {1, 5}, 16) = 0
+0 getsockopt(4, SOL_SOCKET, SO_RCVTIMEO, {tv_sec=1, tv_usec=5}, [16]) = 0
+0 getsockopt(4, SOL_SOCKET, SO_RCVTIMEO, {1, 5}, [16]) = 0
+0 poll([{4, POLLOUT, POLLOUT}], 1, 0) = 1
)"},
    {"NamesOfStates", kAccepted + R"(
+0 getsockopt(3, IPPROTO_TCP, TCP_INFO, {tcpi_state=TCPS_LISTEN}, ...) = 0
+0 getsockopt(4, IPPROTO_TCP, TCP_INFO, {tcpi_state=TCPS_ESTABLISHED},
              ...) = 0
+0 close(3) = 0
)"},
    {"ATextThatIsAnOptionsValue", kAccepted + R"(
+0 setsockopt(4, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5) = 0
+0 getsockopt(4, IPPROTO_TCP, TCP_CONGESTION, "cubic", ...) = 0
+0 getsockopt(4, IPPROTO_TCP, TCP_CONGESTION, "cu"..., ...) = 0
)"},
};

INSTANTIATE_TEST_SUITE_P(Drill, DrillHolds, testing::ValuesIn(kHolds), RowName);

// ------------------------------------------------------ scripts that must fail

class DrillFails : public testing::TestWithParam<Row> {};

TEST_P(DrillFails, AndSaysWhy) {
  const DrillResult result = RunText(GetParam().script);
  EXPECT_FALSE(result.passed);
  EXPECT_NE(result.report.find(GetParam().says), std::string::npos)
      << "without \"" << GetParam().says << "\":\n"
      << result.report;
}

const std::string kWritten = kAccepted + "+0 write(4, ..., 10) = 10\n";

const Row kFails[] = {
    {"WrongSequence", kWritten + "+0 > P. 2:12(10) ack 1", "differs in seq"},
    {"WrongLength", kWritten + "+0 > P. 1:10(9) ack 1", "differs in"},
    {"WrongAck", kWritten + "+0 > P. 1:11(10) ack 2", "differs in ack"},
    {"WrongFlags", kWritten + "+0 > . 1:11(10) ack 1", "differs in flags"},
    {"WrongWindow", kWritten + "+0 > P. 1:11(10) ack 1 win 7",
     "differs in win"},
    {"WrongUrgentPointer", kWritten + "+0 > P. 1:11(10) ack 1 urg 7",
     "differs in urg"},
    {"OptionThatIsNotThere", kWritten + "+0 > P. 1:11(10) ack 1 <nop,nop>",
     "TCP options"},
    {"OptionsInAnotherOrder", R"(
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 fcntl(3, F_SETFL, O_NONBLOCK) = 0
+0 connect(3, ..., ...) = -1 EINPROGRESS
+0 > S 0:0(0) <nop,wscale 6,mss 1460>)",
     "TCP options"},
    {"WrongMss", R"(
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 32792 <mss 1000>
+0 > S. 0:0(0) ack 1 <mss 1459>)",
     "mss 1459"},
    {"WrongTtl", kWritten + "+0 > (ttl 63) P. 1:11(10) ack 1", "ttl"},
    {"WrongEcn", kWritten + "+0 > [ect0] P. 1:11(10) ack 1", "ECN"},
    {"WrongProtocol", kWritten + "+0 > udp (10)", "protocol"},
    {"TooEarly", kWritten + "+.1 > P. 1:11(10) ack 1", "sent too early"},
    {"TooLate", kAccepted + R"(
+0 < P. 1:11(10) ack 1 win 32792
+.1 > . 1:1(0) ack 11)",
     "sent too late"},
    {"OutOfItsRange", kAccepted + R"(
+0 < P. 1:11(10) ack 1 win 32792
+.1~+.19 > . 1:1(0) ack 11)",
     "sent too late"},
    {"BeyondTheTolerance", "--tolerance_usecs=1000\n" + kAccepted + R"(
+0 < P. 1:11(10) ack 1 win 32792
+.1985 > . 1:1(0) ack 11)",
     "sent too late"},
    {"NoPacketAtAll", kAccepted + "+.1 > . 1:1(0) ack 1", "no packet was sent"},
    {"OnePacketTooMany", kWritten, "no line expects"},
    {"WrongResult", kAccepted + "+0 write(4, ..., 10) = 9",
     "returned something else"},
    {"WrongDescriptor", "0 socket(..., SOCK_STREAM, 0) = -1",
     "returned something else"},
    {"WrongError", "0 read(7, ..., 1) = -1 ENOTSOCK", "EBADF"},
    {"AnErrorThatWasNotExpected", "0 read(7, ..., 1) = 1", "EBADF"},
    {"SuccessWhereAnErrorWas",
     kAccepted + "+0 shutdown(4, SHUT_RD) = -1 EINVAL",
     "returned something else"},
    {"WrongOptionValue",
     kAccepted + "+0 getsockopt(4, SOL_SOCKET, SO_TYPE, [2], [4]) = 0", "[1]"},
    {"WrongOptionLength",
     kAccepted + "+0 getsockopt(4, SOL_SOCKET, SO_TYPE, [1], [8]) = 0", "[4]"},
    {"WrongReadiness",
     kAccepted + "+0 poll([{fd=4, events=POLLOUT, revents=0}], 1, 0) = 1",
     "revents=4"},
    {"WrongCountOfBytesToRead", kAccepted + R"(
+0 < P. 1:11(10) ack 1 win 32792
+0 ioctl(4, FIONREAD, [9]) = 0)",
     "[10]"},
    {"WrongSender", kDatagram + R"(
+0 < udp (10)
+0 recvfrom(3, ..., 100, 0, {sa_family=AF_INET, sin_port=htons(8080),
            sin_addr=inet_addr("192.0.2.2")}, [16]) = 10)",
     "returned something else"},
    {"ACallThatBlocks", kAccepted + "+0 read(4, ..., 10) = 10",
     "the call blocks"},
    {"ABlockingCallTooEarly", kAccepted + R"(
+0...0.3 read(4, ..., 10) = 10
+.2 < P. 1:11(10) ack 1 win 32792
+.2 > . 1:1(0) ack 11)",
     "returned too early"},
    {"ABlockingCallThatDoesNotReturn", kAccepted + R"(
+0...0.3 read(4, ..., 10) = 10
+.5 < P. 1:11(10) ack 1 win 32792)",
     "still blocks"},
    {"ABlockingCallAtTheEnd", kAccepted + "+0...0.3 read(4, ..., 10) = 10",
     "still blocks"},
    {"ABlockingCallWithAnotherResult", kAccepted + R"(
+0...0.3 read(4, ..., 20) = 20
+.3 < P. 1:11(10) ack 1 win 32792
+.2 > . 1:1(0) ack 11)",
     "returned something else"},
    {"ATimeThatHasPassed", kAccepted + "0.05 close(4) = 0", "passed"},
    {"AnotherInitialNumberForTheSameSyn", R"(
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 fcntl(3, F_SETFL, O_NONBLOCK) = 0
+0 connect(3, ..., ...) = -1 EINPROGRESS
+0 > S 0:0(0) <...>
* > S 1:1(0) <...>)",
     "differs in seq"},
    {"ATimestampWithTwoValues", kTimestamps + R"(
+0 > P. 1:11(10) ack 1 <nop,nop,TS val 100 ecr 8>)",
     "expected TS val 100 ecr 8, seen TS val 200 ecr 8"},
    {"ATimestampThatIsNotExact",
     "--tcp_ts_tick_usecs=1000\n" + kTimestamps + R"(
+0 > P. 1:11(10) ack 1 <nop,nop,TS val 201 ecr 8>)",
     "expected TS val 201 ecr 8, seen TS val 200 ecr 8"},
    {"AWrongEcho", kTimestamps + R"(
+0 > P. 1:11(10) ack 1 <nop,nop,TS val 200 ecr 7>)",
     "expected TS val 200 ecr 7"},
    {"WrongTcpInfo", kAccepted + R"(
+0 getsockopt(4, IPPROTO_TCP, TCP_INFO, {tcpi_state=5}, ...) = 0)",
     "tcpi_state=4"},
    {"NoSuchFieldOfTcpInfo", kAccepted + R"(
+0 getsockopt(4, IPPROTO_TCP, TCP_INFO, {tcpi_nosuch=5}, ...) = 0)",
     "no field tcpi_nosuch in a struct tcp_info; its fields are tcpi_state, "},
    {"NoSuchState", kAccepted + R"(
+0 getsockopt(4, IPPROTO_TCP, TCP_INFO, {tcpi_state=TCPS_FOO}, ...) = 0)",
     "the symbol TCPS_FOO is not known"},
    {"AnotherState", kAccepted + R"(
+0 getsockopt(4, IPPROTO_TCP, TCP_INFO, {tcpi_state=TCPS_CLOSED}, ...) = 0)",
     "tcpi_state=4"},
    {"NoSuchFieldOfLinger", kAccepted + R"(
+0 getsockopt(4, SOL_SOCKET, SO_LINGER, {onoff=0, lingerr=9}, [8]) = 0)",
     "no field lingerr in a struct linger; its fields are onoff, linger, "
     "l_onoff, l_linger"},
    {"NoSuchFieldOfLingerToSet", kAccepted + R"(
+0 setsockopt(4, SOL_SOCKET, SO_LINGER, {onof=1, linger=0}, 8) = 0)",
     "no field onof in a struct linger"},
    {"TooManyFieldsOfLinger", kAccepted + R"(
+0 setsockopt(4, SOL_SOCKET, SO_LINGER, {1, 0, 7}, 8) = 0)",
     "7 needs a name in a struct linger"},
    {"AnotherLingerByPlace", kAccepted + R"(
+0 getsockopt(4, SOL_SOCKET, SO_LINGER, {0, 9}, [8]) = 0)",
     "{0, 0}"},
    {"NoSuchFieldOfTimeval", kAccepted + R"(
+0 setsockopt(4, SOL_SOCKET, SO_RCVTIMEO, {sec=1, usec=0}, 16) = 0)",
     "no field sec in a struct timeval; its fields are tv_sec, tv_usec"},
    {"TheStructOfAnotherOption", kAccepted + R"(
+0 getsockopt(4, SOL_SOCKET, SO_RCVTIMEO, {onoff=0, linger=0}, ...) = 0)",
     "no field onoff in a struct timeval"},
    {"AStructForANumber", kAccepted + R"(
+0 getsockopt(4, SOL_SOCKET, SO_TYPE, {type=1}, ...) = 0)",
     "the option's value is no struct"},
    {"AStructThatCannotBeSet", kAccepted + R"(
+0 setsockopt(4, IPPROTO_TCP, TCP_INFO, {tcpi_state=4}, 4) = 0)",
     "the option cannot be set"},
    {"NoSuchFieldOfPollfd", kAccepted + R"(
+0 poll([{fd=4, events=POLLOUT, reevents=POLLIN}], 1, 0) = 1)",
     "no field reevents in a struct pollfd; its fields are fd, events, "
     "revents"},
    {"NoSuchEvent", kAccepted + R"(
+0 poll([{fd=4, events=POLLOUT, revents=POLLFOO}], 1, 0) = 1)",
     "the symbol POLLFOO is not known"},
    {"AnotherReadinessByPlace",
     kAccepted + "+0 poll([{4, POLLOUT, POLLIN}], 1, 0) = 1",
     "{4, POLLOUT, 4}"},
    {"NoStructPollfd", kAccepted + "+0 poll([4], 1, 0) = 1",
     "4 is no struct pollfd"},
    {"NoSuchFieldOfAnAddress", R"(
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, {sa_family=AF_INET, sin_prt=htons(80), sin_addr=INADDR_ANY}, ...) = 0)",
     "no field sin_prt in a struct sockaddr_in; its fields are sa_family, "
     "sin_port, sin_addr, sin_family"},
    {"NoSuchFieldOfAnAddressThatComesBack", kDatagram + R"(
+0 < udp (10)
+0 recvfrom(3, ..., 100, 0, {sa_famly=AF_INET}, [16]) = 10)",
     "no field sa_famly in a struct sockaddr_in"},
    {"NoSuchFieldOfTheAddressOfAccept", kAccepted + R"(
+0 accept(3, {sa_family=AF_INET, port=5}, ...) = 5)",
     "no field port in a struct sockaddr_in"},
    {"AnotherSenderByPlace", kDatagram + R"(
+0 < udp (10)
+0 recvfrom(3, ..., 100, 0, {AF_INET, htons(9), ...}, [16]) = 10)",
     "{AF_INET, 8080, ...}"},
    {"NoSuchFieldOfMsghdr", kAccepted + R"(
+0 sendmsg(4, {msg_nam=..., msg_iov(1)=[{..., 7}], msg_flags=0}, 0) = 7)",
     "no field msg_nam in a struct msghdr; its fields are msg_name, "},
    {"NoSuchFieldOfMsghdrThatComesBack", kAccepted + R"(
+0 recvmsg(4, {msg_iov(1)=[{..., 7}], msg_flag=0}, 0) = 7)",
     "no field msg_flag in a struct msghdr"},
    {"NoSuchFieldOfIovec", kAccepted + R"(
+0 writev(4, [{iov_base=..., iov_length=7}], 1) = 7)",
     "no field iov_length in a struct iovec; its fields are iov_base, iov_len"},
    {"AnotherText", kAccepted + R"(
+0 setsockopt(4, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5) = 0
+0 getsockopt(4, IPPROTO_TCP, TCP_CONGESTION, "reno", ...) = 0)",
     "\"cubic\""},
    {"MoreThanTheOptionHas", kAccepted + R"(
+0 getsockopt(4, SOL_SOCKET, SO_TYPE, [1, 7], ...) = 0)",
     "TYPE, [1], "},
    {"ANumberAlone", kAccepted + R"(
+0 getsockopt(4, SOL_SOCKET, SO_TYPE, 7, ...) = 0)",
     "TYPE, 1, "},
    {"AFailureAfterOneThatIsNotFatal", "--non_fatal=packet\n" + kWritten + R"(
+0 > P. 1:11(10) ack 99
+0 write(4, ..., 10) = 9)",
     "the packet differs in ack (not fatal)"},
    {"AWrongCallWhereOnlyPacketsAreNotFatal",
     "--non_fatal=packet\n" + kAccepted + "+0 write(4, ..., 10) = 9",
     "the call returned something else\n"},
    {"AWrongPacketWhereOnlyCallsAreNotFatal",
     "--non_fatal=syscall\n" + kWritten + "+0 > P. 1:11(10) ack 99",
     "the packet differs in ack\n"},
    {"WrongIcmpCode", R"(
0 < udp (10)
+0 > icmp unreachable host_unreachable)",
     "code"},
    {"WrongDatagram", kDatagram + R"(
+0 sendto(3, ..., 20, 0, ..., ...) = 20
+0 > udp (21))",
     "length"},
    {"ASymbolThatIsNotKnown", "0 socket(AF_DECNET, SOCK_STREAM, 0) = 3",
     "AF_DECNET is not known"},
    {"TooFewArguments", "0 listen(3) = 0", "takes 2 arguments, not 1"},
    {"AnErrorThatIsNotKnown", "0 read(7, ..., 1) = -1 EWHAT",
     "EWHAT is not known"},
    {"TooManyBytes", "0 write(7, ..., 99999999999) = -1", "are not between"},
    {"ACommandThatIsNotKnown", "0 `rm -rf /`", "the commands are sysctl"},
    {"ASettingThatIsNotKnown", "0 `sysctl -w net.inet.tcp.magic=1`",
     "unknown setting net.inet.tcp.magic"},
    {"ASettingOutOfRange", "0 `sysctl -w net.inet.ip.ttl=256`", "1 to 255"},
    {"AGrepThatFindsNothing", "0 `sockstat | grep ESTABLISHED`",
     "grep gives status 1"},
    {"ACountThatIsAnother", kAccepted + R"(
+0 `sockstat | grep -c ESTABLISHED | grep -q 2`)",
     "grep gives status 1"},
    {"ADropOfNothing", "0 `tcpdrop -s ESTABLISHED`", "tcpdrop gives status 1"},
    {"APipeFromNowhere", "0 `| grep x`", "missing"},
    {"AnMtuThatIsNone", "--mtu=67\n0 close(3) = 0", "67"},
};

INSTANTIATE_TEST_SUITE_P(Drill, DrillFails, testing::ValuesIn(kFails), RowName);

// ------------------------------------------ failures that are not fatal

class DrillForgives : public testing::TestWithParam<Row> {};

TEST_P(DrillForgives, AndTells) {
  const DrillResult result = RunText(GetParam().script);
  EXPECT_TRUE(result.passed) << result.report;
  EXPECT_NE(result.report.find(GetParam().says), std::string::npos)
      << "without \"" << GetParam().says << "\":\n"
      << result.report;
}

const Row kForgiven[] = {
    {"AWrongPacket",
     "--non_fatal=packet\n" + kWritten + "+0 > P. 1:11(10) ack 99",
     "test.pkt:11: the packet differs in ack (not fatal)\n"
     "  script:   +0 > P. 1:11(10) ack 99\n"},
    {"WhatDiffers",
     "--non_fatal=packet\n" + kWritten + "+0 > P. 1:11(10) ack 9",
     "  differs:  ack: expected 9, seen 1\n"},
    {"APacketThatIsMissing",
     "--non_fatal=packet\n" + kAccepted + "+0 > . 1:1(0) ack 1",
     "test.pkt:10: no packet was sent (not fatal)\n"},
    {"APacketTooMany", "--non_fatal=packet\n" + kWritten,
     "a packet that no line expects (not fatal)\n"},
    {"AWrongResult",
     "--non_fatal=syscall\n" + kAccepted +
         "+0 close(4) = -1\n* > F. 1:1(0) ack 1",
     "test.pkt:10: the call returned something else (not fatal)\n"
     "  script:   +0 close(4) = -1\n"},
    {"ACallThatReturnsTooEarly", "--non_fatal=syscall\n" + kAccepted + R"(
+0...0.3 read(4, ..., 10) = 10
+.1 < P. 1:11(10) ack 1 win 32792
* > . 1:1(0) ack 11)",
     "the call returned too early (not fatal)\n"},
    {"APacketOfBoth", "--non_fatal=packet,syscall\n" + kAccepted + R"(
+0 write(4, ..., 10) = 9
+0 > P. 1:11(10) ack 99)",
     "the packet differs in ack (not fatal)\n"},
    {"ACallOfBoth", "--non_fatal=packet,syscall\n" + kAccepted + R"(
+0 write(4, ..., 10) = 9
+0 > P. 1:11(10) ack 99)",
     "the call returned something else (not fatal)\n"},
};

INSTANTIATE_TEST_SUITE_P(Drill, DrillForgives, testing::ValuesIn(kForgiven),
                         RowName);

TEST(DrillRunner, TellsOfManyForgivenFailuresHowManyThereWere) {
  std::string script = "--non_fatal=syscall\n";
  for (int i = 0; i < 1000; ++i) script += "0 close(77) = 0\n";
  const DrillResult result = RunText(script);
  EXPECT_TRUE(result.passed) << result.report;
  EXPECT_NE(result.report.find("test.pkt: 980 more failures (not fatal)\n"),
            std::string::npos)
      << result.report;
  EXPECT_LT(result.report.size(), 50'000u);
}

// ---------------------------------------------------------------------- others

TEST(DrillRunner, ExtraPacketsAreNoFailureWhereTheyAreAllowed) {
  DrillOptions options;
  options.allow_extra = true;
  const DrillResult result = RunText(kWritten, options);
  EXPECT_TRUE(result.passed) << result.report;
}

TEST(DrillRunner, ThePersonalityIsTheHosts) {
  const std::string script = R"(
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 getsockopt(3, SOL_SOCKET, SO_RCVBUF, [65536], [4]) = 0
)";
  DrillOptions options;
  EXPECT_FALSE(RunText(script, options).passed);
  options.settings = SettingsOf(Personality::kFreeBsd);
  const DrillResult result = RunText(script, options);
  EXPECT_TRUE(result.passed) << result.report;
}

TEST(DrillRunner, TellsEveryEventWhenAskedTo) {
  DrillOptions options;
  options.verbose = true;
  const DrillResult result = RunText(kAccepted, options);
  EXPECT_TRUE(result.passed);
  EXPECT_NE(result.report.find("accept(3, ..., ...) = 4"), std::string::npos)
      << result.report;
  EXPECT_NE(result.report.find("> S. 0:0(0) ack 1"), std::string::npos);
}

TEST(DrillRunner, RunsTheSameTwice) {
  DrillOptions options;
  options.verbose = true;
  const std::string script = kConnecting + "* > S 0:0(0) <...>";
  EXPECT_EQ(RunText(script, options).report, RunText(script, options).report);
}

TEST(DrillRunner, ALongTimeIsNoLongRun) {
  // Retransmissions and keepalives of centuries end by themselves.
  const DrillResult result = RunText(kAccepted + R"(
+0 setsockopt(4, SOL_SOCKET, SO_KEEPALIVE, [1], 4) = 0
+0 write(4, ..., 10) = 10
1000000000 close(4) = 0
)");
  EXPECT_FALSE(result.passed);
  EXPECT_NE(result.report.find("no line expects"), std::string::npos)
      << result.report;
}

}  // namespace
}  // namespace splnet::drill
