// Packets of scripts as bytes, and bytes as packets of scripts.

#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "stack/netinet/in_cksum.h"
#include "stack/netinet/ip.h"
#include "stack/netinet/tcp.h"
#include "tools/drill/compare.h"
#include "tools/drill/grep.h"
#include "tools/drill/notation.h"
#include "tools/drill/packet_builder.h"
#include "tools/drill/packet_reader.h"
#include "tools/drill/parser.h"

namespace splnet::drill {
namespace {

PacketEvent Parse(const std::string& line) {
  const auto script = ParseScript("0 " + line, "test.pkt", {});
  EXPECT_TRUE(script.ok()) << script.status().message();
  return std::get<PacketEvent>(script->events.at(0).action);
}

// What the script's end would build is what our host would send if the two
// changed places.
struct Ends {
  Ends() {
    std::swap(swapped.local_ip, swapped.remote_ip);
    std::swap(swapped.bind_port, swapped.connect_port);
  }
  std::vector<std::byte> Build(const std::string& line) {
    BuiltPacket built = BuildPacket(Parse("< " + line), sender, swapped);
    EXPECT_EQ(built.error, "");
    return std::move(built.bytes);
  }
  SeenPacket Read(const std::vector<std::byte>& bytes) {
    return ReadPacket(Nanoseconds(0), bytes, flows, settings);
  }

  ScriptSettings settings;
  ScriptSettings swapped;
  FlowTable flows{settings};
  FlowTable sender{swapped};
};

TEST(DrillPacket, IsReadAsItWasBuilt) {
  const char* const kLines[] = {
      "S 0:0(0) win 100 <mss 1460,nop,wscale 6,sackOK,TS val 1 ecr 0>",
      "[ce] FPUEW. 7:17(10) ack 9 win 65535 urg 3 <nop,nop,sack 1:2 5:9>",
      "(ttl 9) R 5!:5!(0) win 0",
      "udp (100)",
      "icmp unreachable port_unreachable [udp (10)]",
      "icmp unreachable frag_needed mtu 1200 [1:1001(1000)]",
      "icmp echo_request",
  };
  for (const std::string line : kLines) {
    Ends ends;
    const SeenPacket seen = ends.Read(ends.Build(line));
    EXPECT_EQ(seen.defect, "") << line;
    const PacketEvent wanted = Parse("> " + line);
    const PacketEvent actual = ToScriptNumbers(seen, &wanted);
    EXPECT_TRUE(ComparePackets(wanted, actual).empty())
        << line << " is read as " << PacketText(actual);
  }
}

TEST(DrillPacket, OfUsCountsFromItsSyn) {
  Ends ends;
  ends.Read(ends.Build("S 4000000000:4000000000(0) win 100"));
  const SeenPacket seen = ends.Read(ends.Build("P. 4000000001:4000000011(10)"));
  const PacketEvent wanted = Parse("> P. 1:11(10)");
  EXPECT_TRUE(ComparePackets(wanted, ToScriptNumbers(seen, &wanted)).empty());
  const PacketEvent whole = Parse("> P. 4000000001!:4000000011!(10)");
  EXPECT_TRUE(ComparePackets(whole, ToScriptNumbers(seen, &whole)).empty());
}

// Each changes a byte of a good segment, by hand or with the sums made right.
TEST(DrillPacket, TellsWhatIsWrongWhateverTheScriptSays) {
  struct Row {
    size_t at;
    int value;
    bool resum;  // the IP header's checksum is made again
    const char* says;
  };
  const Row kRows[] = {
      {0, 0x65, true, "version"},
      {0, 0x44, true, "header's length"},
      {3, 30, true, "IP length"},
      {6, 0x20, true, "a fragment"},
      {6, 0x80, true, "reserved bit"},
      {10, 1, false, "IP header's checksum"},
      {15, 9, true, "comes from 192.168.0.9"},
      {36, 1, false, "TCP checksum"},
      {45, 0xaa, false, "TCP checksum"},
  };
  for (const Row& row : kRows) {
    Ends ends;
    std::vector<std::byte> bytes = ends.Build("P. 1:11(10) ack 1 win 5");
    bytes.at(row.at) = static_cast<std::byte>(row.value);
    if (row.resum) {
      bytes[10] = bytes[11] = std::byte{0};
      const Be16 sum = in_cksum_field(in_cksum_20(bytes.data()));
      std::memcpy(&bytes[10], &sum, sizeof sum);
    }
    const std::string defect = ends.Read(bytes).defect;
    EXPECT_NE(defect.find(row.says), std::string::npos)
        << row.says << ": \"" << defect << "\"";
  }
}

TEST(DrillPacket, TellsBytesThatNobodyWrote) {
  Ends ends;
  ends.Read(ends.Build("S 0:0(0) win 100"));
  ends.flows.Current(kIpProtoTcp)->texts.Write(2, "xy");
  const SeenPacket seen = ends.Read(ends.Build("P. 1:11(10) ack 1"));
  EXPECT_EQ(seen.defect, "byte 2 of the payload is not what the program wrote");
}

TEST(DrillPacket, TellsPacketsLongerThanTheMtu) {
  Ends ends;
  ends.settings.mtu = 100;
  const SeenPacket seen = ends.Read(ends.Build("P. 1:101(100) ack 1"));
  EXPECT_NE(seen.defect.find("the MTU is 100"), std::string::npos);
}

TEST(DrillPacket, OfAnyBytesIsReadWithoutHarm) {
  Ends ends;
  const std::vector<std::byte> good =
      ends.Build("S 0:0(0) win 100 <mss 1460,nop,wscale 6>");
  for (size_t n = 0; n < good.size(); ++n) {
    EXPECT_NE(ends.Read({good.begin(), good.begin() + n}).defect, "");
  }
  for (size_t at = 0; at < good.size(); ++at) {
    for (int value = 0; value < 256; ++value) {
      std::vector<std::byte> bytes = good;
      bytes[at] = static_cast<std::byte>(value);
      if (bytes == good) continue;
      EXPECT_NE(ends.Read(bytes).defect, "") << at << " = " << value;
    }
  }
}

TEST(WrittenStream, IsThePatternButForWhatWasGiven) {
  WrittenStream stream;
  stream.Write(3, "abc");
  std::vector<std::byte> bytes;
  for (uint32_t i = 0; i < 10; ++i) bytes.push_back(PatternByte(i));
  size_t differs = 99;
  EXPECT_FALSE(stream.Matches(0, bytes, &differs));
  EXPECT_EQ(differs, 3u);
  for (size_t i = 0; i < 3; ++i) bytes[3 + i] = std::byte("abc"[i]);
  EXPECT_TRUE(stream.Matches(0, bytes, &differs));
  EXPECT_TRUE(stream.Matches(4, std::span(bytes).subspan(4), &differs));
  EXPECT_FALSE(stream.Matches(5, std::span(bytes).subspan(4), &differs));
}

TEST(Grep, FindsWhatItsPatternSays) {
  struct Row {
    std::vector<std::string> args;
    const char* text;
    int status;
  };
  const std::string input = "tcp4 LISTEN\ntcp4 TIME_WAIT\nudp4\n";
  const Row kRows[] = {
      {{"grep", "LISTEN"}, "tcp4 LISTEN\n", 0},
      {{"grep", "listen"}, "", 1},
      {{"grep", "-i", "listen"}, "tcp4 LISTEN\n", 0},
      {{"grep", "-c", "tcp4"}, "2\n", 0},
      {{"grep", "-cv", "tcp4"}, "1\n", 0},
      {{"grep", "-c", "SYN"}, "0\n", 1},
      {{"grep", "-q", "udp"}, "", 0},
      {{"grep", "^udp.$"}, "udp4\n", 0},
      {{"grep", "t.*T$"}, "tcp4 TIME_WAIT\n", 0},
      {{"grep", "[tx]cp[0-4] *L"}, "tcp4 LISTEN\n", 0},
      {{"grep", "[^t]dp4"}, "udp4\n", 0},
      {{"grep", "-w", "TIME"}, "", 1},
      {{"grep", "-x", "udp4"}, "udp4\n", 0},
      {{"grep", "-x", "udp"}, "", 1},
      {{"grep", "-F", "t.p"}, "", 1},
      {{"grep", "tcp\\4 L"}, "tcp4 LISTEN\n", 0},
      {{"grep", "-e", "udp"}, "udp4\n", 0},
  };
  for (const Row& row : kRows) {
    const CommandOutput output = Grep(row.args, input);
    EXPECT_EQ(output.text, row.text) << row.args.back();
    EXPECT_EQ(output.status, row.status) << row.args.back();
    EXPECT_EQ(output.error, "");
  }
  EXPECT_NE(Grep({"grep", "-Z", "x"}, input).error, "");
  EXPECT_NE(Grep({"grep"}, input).error, "");
  EXPECT_NE(Grep({"grep", "a", "b"}, input).error, "");
}

TEST(Grep, GivesUpOnPatternsThatTakeForEver) {
  std::string pattern;
  for (int i = 0; i < 50; ++i) pattern += "a*";
  pattern += 'b';
  std::string input(5000, 'a');
  input += '\n';
  const CommandOutput output = Grep({"grep", pattern}, input);
  EXPECT_EQ(output.status, 1);
}

}  // namespace
}  // namespace splnet::drill
