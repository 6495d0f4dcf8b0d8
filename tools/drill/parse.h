// The recursive descent behind ParseScript(), a function for each rule.
//
// A function that fails has said why by Fail() and returns false; nothing is
// read after that.  Only the first error is kept.

#ifndef SPLNET_TOOLS_DRILL_PARSE_H_
#define SPLNET_TOOLS_DRILL_PARSE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tools/drill/lexer.h"
#include "tools/drill/script.h"

namespace splnet::drill {

class Parse {
 public:
  Parse(std::string_view text, const Defines& defines)
      : text_(text), lexer_(text, defines) {}

  // The whole script; false: see error().
  [[nodiscard]] bool ReadScript(Script* script);

  const Lexer::Error& error() const { return error_; }

 private:
  // parser.cc: options, events, times, commands.
  bool ReadOptions(Script* script);
  bool ReadEvent(Event* event);
  bool ReadTime(TimeSpec* time);
  bool ReadTimeEnd(TimeSpec* time);
  bool ReadSeconds(Nanoseconds* seconds);
  bool ReadCommand(Event* event);
  bool CheckTime(const Event& event);

  // parse_packet.cc, parse_tcp_options.cc and parse_icmp.cc: "<" and ">" and
  // what follows.
  bool ReadPacket(PacketEvent* packet);
  bool ReadPrefixes(PacketEvent* packet, bool* has_quoted,
                    QuotedPacket* quoted);
  bool ReadPrefix(char close, IpPrefix* ip, bool inbound);
  bool ReadEcn(const Token& word, IpPrefix* ip, bool inbound);
  bool ReadTransport(PacketEvent* packet);
  bool ReadTcp(bool inbound, TcpPacket* tcp);
  bool ReadFlags(uint8_t* flags);
  bool ReadSeqRange(bool inbound, SeqRange* range);
  bool ReadSeq(bool inbound, std::string_view what, SeqNumber* number);
  bool CheckSeqRange(const Token& at, const SeqRange& range);
  bool ReadTcpFields(bool inbound, TcpPacket* tcp);
  bool ReadTcpOptions(bool inbound, TcpPacket* tcp);
  bool ReadTcpOption(bool inbound, TcpOption* option);
  bool ReadTimestamp(bool inbound, TcpOption* option);
  bool ReadSack(bool inbound, TcpOption* option);
  bool ReadMaybeNumber(bool inbound, uint32_t max, std::string_view what,
                       MaybeNumber* number);
  bool ReadUdp(UdpPacket* udp);
  bool ReadIcmp(bool inbound, IcmpPacket* icmp);
  bool ReadIcmpCode(IcmpPacket* icmp);
  bool ReadQuoted(QuotedPacket* quoted);

  // parse_syscall.cc: calls and expressions.
  bool ReadSyscall(SyscallEvent* call);
  bool ReadResult(SyscallEvent* call);
  bool ReadNote(SyscallEvent* call);
  bool ReadExpr(int depth, Expr* expr);
  bool ReadOperand(int depth, Expr* expr);
  bool ReadNumberExpr(bool negative, Expr* expr);
  bool ReadStringExpr(Expr* expr);
  bool ReadWordExpr(int depth, Expr* expr);
  bool ReadField(int depth, Expr* expr);
  bool ReadItems(int depth, char close, bool fields, std::vector<Expr>* items);

  // Tokens.
  const Token& Peek() { return lexer_.Peek(); }
  Token Next();
  bool Accept(char punct);
  bool AcceptWord(std::string_view word);
  bool Expect(char punct, std::string_view where);
  // A whole number from 0 to `max`; `what` names it in messages.
  bool ReadNumber(uint64_t max, std::string_view what, uint64_t* number);

  // Errors.
  bool Fail(Position at, std::string message);
  bool Fail(const Token& at, std::string message) {
    return Fail(at.position, std::move(message));
  }
  // "expected WHAT, found 'TOKEN'".
  bool Expected(std::string_view what);
  bool Expected(const Token& found, std::string_view what);
  // "THING is not supported yet".
  bool Unsupported(const Token& at, std::string_view thing);

  std::string_view text_;
  Lexer lexer_;
  size_t end_ = 0;  // of the last token that was taken
  Lexer::Error error_;
  bool failed_ = false;
  Nanoseconds longest_{0};  // a bound on the virtual time that it all takes
};

// The value of an integer token; false when it is over 2^64 - 1.
bool TokenInteger(const Token& token, uint64_t* value);

}  // namespace splnet::drill

#endif  // SPLNET_TOOLS_DRILL_PARSE_H_
