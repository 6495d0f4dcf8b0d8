// Conversations between the script's end and our host, and how the script's
// numbers stand for those on the wire.
//
// The script chooses its own sequence numbers and timestamps: they go on the
// wire as written.  Our host's are learnt: its sequence numbers count from the
// SYN of the connection, and its first timestamp is what the script calls it.

#ifndef SPLNET_TOOLS_DRILL_FLOW_H_
#define SPLNET_TOOLS_DRILL_FLOW_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <span>
#include <string>

#include "stack/kern/sockaddr.h"
#include "tools/drill/options.h"

namespace splnet::drill {

// The byte at `position` of every stream, and of every datagram.
constexpr std::byte PatternByte(uint32_t position) {
  return static_cast<std::byte>(position * 31 + (position >> 8));
}

// The bytes that our programs wrote: the pattern, but for those that a script
// gave as text.
class WrittenStream {
 public:
  void Write(uint32_t position, std::string_view text);
  // Whether `bytes` are what belongs to `position`; else the first that differs
  // in *differs.
  bool Matches(uint32_t position, std::span<const std::byte> bytes,
               size_t* differs) const;

 private:
  std::map<uint32_t, std::string> texts_;  // by position
};

// One 4-tuple.
struct Flow {
  uint8_t protocol = 0;  // kIpProtoTcp, kIpProtoUdp
  Sockaddr local;        // our host's end
  Sockaddr remote;       // the script's

  // --- our host's sequence numbers
  std::optional<uint32_t> iss;  // of the SYN that it sent last
  uint32_t seq_base = 0;        // wire number = script number + seq_base
  bool iss_named = false;       // a line has said what the script calls iss
  uint32_t last_sent_seq = 0;   // of its last segment, on the wire
  uint16_t last_sent_len = 0;   // ... and its payload
  // --- the script's, to tell a new incarnation from a SYN sent twice
  std::optional<uint32_t> irs;
  std::optional<uint32_t> later_irs;  // of a SYN that came when synchronized
  bool synchronized = false;          // our host has acknowledged the SYN
  bool got_beyond_syn = false;  // a segment without SYN, or a RST, went by
  bool may_begin_again = false;

  // --- our host's timestamps: script value = wire value - ts_base
  bool exact_timestamps = false;
  std::optional<uint32_t> ts_base;
  std::map<uint32_t, uint32_t> ts_names;  // script value to wire value

  // --- bytes of the streams
  uint32_t written = 0;  // that our programs wrote
  WrittenStream texts;
  uint32_t read = 0;    // that they read
  bool urgent = false;  // the script sent urgent data: bytes are taken out

  uint32_t ToWireSeq(uint32_t script) const { return script + seq_base; }
  uint32_t ToScriptSeq(uint32_t wire) const { return wire - seq_base; }
  // A timestamp that the script sends back to our host.
  uint32_t ToWireEcr(uint32_t script) const;

  // Whether the script may call our host's timestamp `wire` `script`: by what
  // it called others before.  If so, that is its name from now on.
  bool NameTimestamp(uint32_t script, uint32_t wire);

  // Our host sent a segment; call it before anything is mapped.
  void NoteSent(uint8_t flags, uint32_t wire_seq);
  // The script sends one.
  void NoteReceived(uint8_t flags, uint32_t wire_seq);
  // A connection is to be opened: the next SYN may have any number.
  void ExpectNewSyn() { may_begin_again = true; }

 private:
  void Begin(uint8_t flags, uint32_t wire_seq);
};

class FlowTable {
 public:
  // Flows that one script may have.
  static constexpr size_t kMax = 4096;

  explicit FlowTable(const ScriptSettings& settings) : settings_(settings) {}

  // The flow of that 4-tuple; null if there is none.
  Flow* Find(uint8_t protocol, const Sockaddr& local, const Sockaddr& remote);
  // The same, made if need be; null beyond kMax.
  Flow* Get(uint8_t protocol, const Sockaddr& local, const Sockaddr& remote);
  // The flow that a packet of the script belongs to: the last of its protocol
  // that anything happened to, at first one from the script's address and
  // connect port to where our host listens.
  Flow* Current(uint8_t protocol);
  // Our host sent a packet of `flow`: it becomes the current one.
  void NoteSent(Flow& flow);

  // A program has bound to `local`: that is where new flows go.
  void NoteBound(uint8_t protocol, const Sockaddr& local);
  // A program opens a connection.
  void NoteConnect();
  // A program sends a datagram that begins with `text`.
  void NoteDatagram(std::string_view text);
  const WrittenStream& datagram() const { return datagram_; }
  // The flow that our host sent to last; null if to none.
  Flow* last_sent() const { return last_sent_; }

 private:
  const ScriptSettings& settings_;
  std::list<Flow> flows_;
  Flow* tcp_ = nullptr;
  Flow* udp_ = nullptr;
  Flow* last_sent_ = nullptr;
  WrittenStream datagram_;
  std::optional<uint16_t> tcp_port_;
  std::optional<uint16_t> udp_port_;
};

}  // namespace splnet::drill

#endif  // SPLNET_TOOLS_DRILL_FLOW_H_
