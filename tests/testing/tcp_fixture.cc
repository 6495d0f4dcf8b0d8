// A host whose only neighbour is the test.

#include "tests/testing/tcp_fixture.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>

#include "sockets/uipc_socket.h"
#include "stack/netinet/in_cksum.h"
#include "stack/netinet/ip.h"
#include "stack/netinet/ip_var.h"

namespace splnet {
namespace {

std::byte Pattern(uint64_t place) {
  return static_cast<std::byte>(place * 31 + (place >> 8));
}

// Words of a line, one after another.
class Words {
 public:
  explicit Words(std::string_view line) : rest_(line) {}
  std::string_view Next() {
    rest_.remove_prefix(
        std::min(rest_.find_first_not_of(" ,<>"), rest_.size()));
    const size_t n = std::min(rest_.find_first_of(" ,<>"), rest_.size());
    const std::string_view word = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return word;
  }
  uint32_t Number() { return ToNumber(Next()); }
  static uint32_t ToNumber(std::string_view word) {
    int64_t value = 0;
    const auto [end, error] =
        std::from_chars(word.data(), word.data() + word.size(), value);
    CHECK(error == std::errc() && end == word.data() + word.size());
    return static_cast<uint32_t>(value);
  }

 private:
  std::string_view rest_;
};

constexpr std::string_view kFlagLetters = "FSRP.UEW";
constexpr const char* kEcnWords[] = {"", "[ect1] ", "[ect0] ", "[ce] "};

void PutOption(std::vector<uint8_t>& opt, std::string_view name, Words& words) {
  const auto put32 = [&opt](uint32_t v) {
    for (int shift = 24; shift >= 0; shift -= 8) {
      opt.push_back(static_cast<uint8_t>(v >> shift));
    }
  };
  if (name == "nop") {
    opt.push_back(kTcpOptNop);
  } else if (name == "mss") {
    const uint32_t mss = words.Number();
    opt.insert(opt.end(), {kTcpOptMss, 4, static_cast<uint8_t>(mss >> 8),
                           static_cast<uint8_t>(mss)});
  } else if (name == "wscale") {
    opt.insert(opt.end(),
               {kTcpOptWscale, 3, static_cast<uint8_t>(words.Number())});
  } else if (name == "sackOK") {
    opt.insert(opt.end(), {kTcpOptSackPermitted, 2});
  } else if (name == "TS") {  // TS val 1 ecr 2
    opt.insert(opt.end(), {kTcpOptTimestamp, 10});
    CHECK(words.Next() == "val");
    put32(words.Number());
    CHECK(words.Next() == "ecr");
    put32(words.Number());
  } else if (name == "sack") {  // sack 1:1001 2001:3001 end
    std::vector<uint32_t> edges;
    for (auto word = words.Next(); word != "end"; word = words.Next()) {
      const size_t colon = word.find(':');
      edges.push_back(Words::ToNumber(word.substr(0, colon)));
      edges.push_back(Words::ToNumber(word.substr(colon + 1)));
    }
    opt.insert(opt.end(),
               {kTcpOptSack, static_cast<uint8_t>(2 + 4 * edges.size())});
    for (const uint32_t edge : edges) put32(TcpFixture::kIss + edge);
  } else if (name == "raw") {  // one byte
    opt.push_back(static_cast<uint8_t>(words.Number()));
  } else {
    CHECK(false && "unknown option");
  }
}

std::string OptionText(std::span<const uint8_t> opt) {
  const auto be32 = [](const uint8_t* p) {
    return uint32_t{p[0]} << 24 | uint32_t{p[1]} << 16 | uint32_t{p[2]} << 8 |
           p[3];
  };
  std::string text;
  for (size_t i = 0; i < opt.size();) {
    if (!text.empty()) text += ',';
    const uint8_t kind = opt[i];
    if (kind == kTcpOptNop || kind == kTcpOptEol) {
      text += kind == kTcpOptNop ? "nop" : "eol";
      ++i;
      continue;
    }
    CHECK(i + 1 < opt.size() && opt[i + 1] >= 2 &&
          i + opt[i + 1] <= opt.size());
    const uint8_t* const v = &opt[i] + 2;
    if (kind == kTcpOptMss) text += "mss " + std::to_string(v[0] << 8 | v[1]);
    if (kind == kTcpOptWscale) text += "wscale " + std::to_string(v[0]);
    if (kind == kTcpOptSackPermitted) text += "sackOK";
    if (kind == kTcpOptTimestamp) {
      text += "TS val " + std::to_string(be32(v)) + " ecr " +
              std::to_string(be32(v + 4));
    }
    if (kind == kTcpOptSack) {
      text += "sack";
      for (size_t at = 0; at + 10 <= opt[i + 1]; at += 8) {
        text += " " + std::to_string(be32(v + at) - TcpFixture::kPeerIss) +
                ":" + std::to_string(be32(v + at + 4) - TcpFixture::kPeerIss);
      }
    }
    i += opt[i + 1];
  }
  return text;
}

}  // namespace

struct TcpFixture::Nic : Ifnet {
  Nic(Netstack& stack, TcpFixture& owner) : Ifnet(stack, "em0"), test(owner) {
    flags = kIffUp | kIffRunning | kIffBroadcast;
    output = [](Ifnet& ifp, MbufPtr m, const InAddr&, const Rtentry*) {
      static_cast<Nic&>(ifp).test.Record(std::move(m));
      return kOk;
    };
  }
  TcpFixture& test;
};

TcpFixture::TcpFixture() : ns_(queue_, 1, "host", 1) {
  nic_ = &ns_.Attach(std::make_unique<Nic>(ns_, *this));
  CHECK(if_addaddr(*nic_, InAddr::V4(kLocal), 24) == kOk);
  ns_.tracer.Set(&recorder_, kTraceFate | kTraceDrop);
  ns_.settings.tcp_rfc1323 = 0;  // a test of options turns them on
  ns_.settings.tcp_sack = 0;
}

TcpFixture::~TcpFixture() { ns_.tracer.Set(nullptr, 0); }

void TcpFixture::Record(MbufPtr m) {
  const auto ip = m_read<IpHeader>(*m, 0);
  ASSERT_TRUE(ip);
  if (ip->p != kIpProtoTcp) return;
  const auto th = m_read<TcpHeader>(*m, sizeof(IpHeader));
  ASSERT_TRUE(th);
  const size_t total = m->pkthdr.len;
  EXPECT_EQ(total, uint16_t{ip->len});
  EXPECT_EQ(m_length(*m), total);
  EXPECT_EQ(in4_cksum(*m, kIpProtoTcp, 20, total - 20), 0) << "bad checksum";
  EXPECT_LE(total, nic_->mtu_bytes);
  const size_t hlen = 20 + th->hlen();
  const auto len = static_cast<uint32_t>(total - hlen);

  std::string text = kEcnWords[ip->tos & kIpEcnMask];
  for (size_t bit : {1, 0, 2, 3, 5, 6, 7, 4}) {  // SFRPUEW.
    if ((th->flags >> bit & 1) != 0) text += kFlagLetters[bit];
  }
  // A RST to a stranger has numbers of its own.
  const bool has_ack = (th->flags & kThAck) != 0;
  const uint32_t seq = th->seq - kIss;
  text += " " + std::to_string(seq) + ":" + std::to_string(seq + len) + "(" +
          std::to_string(len) + ")";
  if (has_ack) text += " ack " + std::to_string(th->ack - kPeerIss);
  text += " win " + std::to_string(th->win);
  if ((th->flags & kThUrg) != 0) text += " urg " + std::to_string(th->urp);
  if (th->hlen() > sizeof(TcpHeader)) {
    std::vector<uint8_t> opt(th->hlen() - sizeof(TcpHeader));
    ASSERT_TRUE(m_peek(*m, 40, opt.size(), opt.data()));
    text += " <" + OptionText(opt) + ">";
  }
  for (uint32_t i = 0; i < len; ++i) {
    std::byte b{};
    ASSERT_TRUE(m_peek(*m, hlen + i, 1, &b));
    ASSERT_EQ(b, Pattern(seq - 1 + i)) << "data differ at " << seq + i;
  }
  sent_.push_back({Nanoseconds(ToNanoseconds(ns_.now())), th->dport, text});
}

void TcpFixture::In(std::string_view line) { InFrom(kPeerPort, line); }

void TcpFixture::InFrom(uint16_t port, std::string_view line) {
  Words words(line);
  IpHeader ip{};
  TcpHeader th{};
  std::vector<uint8_t> opt;
  std::string_view flags = words.Next();
  if (flags.front() == '[') {
    ip.tos = flags == "[ce]" ? kIpEcnCe : kIpEcnEct0;
    flags = words.Next();
  }
  for (const char letter : flags) {
    const size_t bit = kFlagLetters.find(letter);
    if (letter != '-') th.flags |= static_cast<uint8_t>(1 << bit);
  }
  const std::string_view range = words.Next();
  const size_t colon = range.find(':');
  const size_t paren = range.find('(');
  const uint32_t seq = Words::ToNumber(range.substr(0, colon));
  const uint32_t len =
      Words::ToNumber(range.substr(paren + 1, range.size() - paren - 2));
  th.seq = kPeerIss + seq;
  th.win = uint16_t{65535};
  for (auto word = words.Next(); !word.empty(); word = words.Next()) {
    if (word == "ack") {
      th.ack = kIss + words.Number();
    } else if (word == "win") {
      th.win = static_cast<uint16_t>(words.Number());
    } else if (word == "urg") {
      th.urp = static_cast<uint16_t>(words.Number());
    } else {
      PutOption(opt, word, words);
    }
  }
  while (opt.size() % 4 != 0) opt.push_back(kTcpOptEol);

  const size_t hlen = 40 + opt.size();
  ip.vhl = 0x45;
  ip.len = static_cast<uint16_t>(hlen + len);
  ip.ttl = 64;
  ip.p = kIpProtoTcp;
  ip.src = InAddr::V4(kRemote).wire4();
  ip.dst = InAddr::V4(kLocal).wire4();
  th.sport = port;
  th.dport = kPort;
  th.off_x2 = static_cast<uint8_t>((20 + opt.size()) / 4 << 4);

  MbufPtr m =
      m_getcl(ns_.mbufs, std::max<size_t>(hlen + len, 2048), MWait::kDontWait);
  CHECK(m);
  m->len = m->pkthdr.len = static_cast<uint32_t>(hlen + len);
  m->pkthdr.id = ns_.NewPacketId();
  m->pkthdr.ifidx = nic_->index;
  if (!opt.empty()) std::memcpy(m->data + 40, opt.data(), opt.size());
  const uint32_t first = (th.flags & kThSyn) != 0 ? seq : seq - 1;
  for (uint32_t i = 0; i < len; ++i) m->data[hlen + i] = Pattern(first + i);
  m_write(*m, 0, ip);
  m_write(*m, 20, th);
  th.sum = in4_cksum(*m, kIpProtoTcp, 20, 20 + opt.size() + len);
  m_write(*m, 20, th);
  ip.sum = in_cksum(*m, 0, 20);
  m_write(*m, 0, ip);
  ip_input(ns_, std::move(m));
}

std::string TcpFixture::Out() {
  if (sent_.empty()) return "";
  const Sent first = sent_.front();
  sent_.pop_front();
  out_time_ = first.at;
  out_port_ = first.port;
  return first.text;
}

std::string TcpFixture::AllOut() {
  std::string all;
  while (!sent_.empty()) {
    if (!all.empty()) all += "; ";
    all += Out();
  }
  return all;
}

void TcpFixture::Icmp(CtlInput cmd, uint32_t seq, uint32_t mtu_bytes) {
  TcpHeader th{};
  th.sport = kPort;
  th.dport = kPeerPort;
  th.seq = kIss + seq;
  CtlQuote quote;
  quote.src = Sockaddr(InAddr::V4(kLocal), kPort);
  quote.dst = Sockaddr(InAddr::V4(kRemote), kPeerPort);
  quote.protocol = kIpProtoTcp;
  quote.mtu = mtu_bytes;
  std::byte bytes[8];
  std::memcpy(bytes, &th, sizeof bytes);
  quote.transport = bytes;
  tcp_ctlinput(ns_, cmd, quote);
}

Socket& TcpFixture::NewSocket() {
  auto made = socreate(ns_, Family::kInet, SocketType::kStream, 0);
  CHECK(made.ok());
  Socket& so = *made.value;
  sockets_.push_back(std::move(made.value));
  TcpPin pin;
  pin.iss = kIss;
  pin.ts_offset = 1000;
  tcp_pin(so, pin);
  so.options |= kSO_REUSEADDR;
  CHECK(sobind(so, Sockaddr(kInaddrAny, kPort)) == kOk);
  return so;
}

Socket& TcpFixture::Listen(int backlog) {
  Socket& so = NewSocket();
  CHECK(solisten(so, backlog) == kOk);
  return so;
}

Socket& TcpFixture::Connect() {
  Socket& so = NewSocket();
  CHECK(soconnect(so, Sockaddr(InAddr::V4(kRemote), kPeerPort)) == kOk);
  return so;
}

Socket* TcpFixture::Accept(Socket& listener) {
  if (!listener.listen || listener.listen->q.empty()) return nullptr;
  sockets_.push_back(soqremque(*listener.listen->q.front()));
  Socket& so = *sockets_.back();
  Sockaddr peer;
  if (soaccept(so, &peer) == kOk) {
    EXPECT_EQ(peer.addr, InAddr::V4(kRemote));
  }
  return &so;
}

Socket& TcpFixture::Established(std::string_view syn_options, int peer_window) {
  Socket& listener = Listen();
  In("S 0:0(0) win " + std::to_string(peer_window) + " <" +
     std::string(syn_options) + ">");
  CHECK(!Out().empty());
  std::string ack = ". 1:1(0) ack 1 win " + std::to_string(peer_window);
  // With timestamps, the one of the SYN again.
  const size_t ts = syn_options.find("val ");
  if (ts != std::string_view::npos && ns_.settings.tcp_rfc1323 != 0) {
    Words words(syn_options.substr(ts + 4));
    ack += " <nop,nop,TS val " + std::string(words.Next()) + " ecr 1000>";
  }
  In(ack);
  Socket* const so = Accept(listener);
  CHECK(so != nullptr);
  Close(listener);
  CHECK(AllOut().empty());
  return *so;
}

Socket& TcpFixture::EstablishedActive(std::string_view options,
                                      int peer_window) {
  Socket& so = Connect();
  CHECK(!Out().empty());
  In("S. 0:0(0) ack 1 win " + std::to_string(peer_window) + " <" +
     std::string(options) + ">");
  CHECK(!Out().empty());
  CHECK(AllOut().empty());
  return so;
}

Socket& TcpFixture::InState(TcpState state) {
  switch (state) {
    case TcpState::kClosed:
      return NewSocket();
    case TcpState::kListen:
      return Listen();
    case TcpState::kSynSent: {
      Socket& so = Connect();
      AllOut();
      return so;
    }
    case TcpState::kSynReceived: {
      Socket& so = Connect();
      In("S 0:0(0) win 65535 <mss 1460>");
      AllOut();
      return so;
    }
    default:
      break;
  }
  Socket& so = EstablishedActive();
  const bool peer_closes_first =
      state == TcpState::kCloseWait || state == TcpState::kLastAck;
  const bool we_close =
      state != TcpState::kEstablished && state != TcpState::kCloseWait;
  if (peer_closes_first) In("F. 1:1(0) ack 1");
  if (we_close) CHECK(soshutdown(so, Shut::kWrite) == kOk);
  if (state == TcpState::kClosing) In("F. 1:1(0) ack 1");
  if (state == TcpState::kFinWait2) In(". 1:1(0) ack 2");
  if (state == TcpState::kTimeWait) In("F. 1:1(0) ack 2");
  AllOut();
  CHECK(State(so) == state);
  return so;
}

TcpFixture::Place& TcpFixture::PlaceOf(Socket& so) {
  for (Place& place : places_) {
    if (place.so == &so) return place;
  }
  places_.push_back({&so});
  return places_.back();
}

Errno TcpFixture::Send(Socket& so, size_t n) {
  Place& place = PlaceOf(so);
  std::vector<std::byte> bytes(n);
  for (std::byte& b : bytes) b = Pattern(place.sent++);
  IoVec iov{bytes.data(), bytes.size()};
  Uio uio(std::span<IoVec>(&iov, 1));
  const Errno error = sosend(so, nullptr, uio, nullptr, 0);
  place.sent -= uio.resid;
  return error;
}

size_t TcpFixture::Read(Socket& so, size_t n) {
  Place& place = PlaceOf(so);
  std::vector<std::byte> bytes(std::min<size_t>(n, so.rcv.cc));
  IoVec iov{bytes.data(), bytes.size()};
  Uio uio(std::span<IoVec>(&iov, 1));
  int flags = 0;
  if (bytes.empty()) return 0;
  EXPECT_EQ(soreceive(so, nullptr, uio, &flags, nullptr), kOk);
  const size_t got = bytes.size() - uio.resid;
  for (size_t i = 0; i < got; ++i) {
    EXPECT_EQ(bytes[i], Pattern(place.read)) << "at byte " << place.read;
    ++place.read;
  }
  return got;
}

void TcpFixture::Close(Socket& so) { CHECK(soclose(so) == kOk); }

void TcpFixture::Forget(Socket& so) {
  std::erase_if(places_, [&so](const Place& p) { return p.so == &so; });
  std::erase_if(sockets_, [&so](const SocketPtr& p) { return p.get() == &so; });
}

Tcpcb* TcpFixture::Tcb(const Socket& so) {
  const Inpcb* const inp = sotoinpcb(so);
  return inp == nullptr ? nullptr : inp->tcpcb.get();
}

TcpState TcpFixture::State(const Socket& so) {
  const Tcpcb* const tp = Tcb(so);
  return tp == nullptr ? TcpState::kClosed : tp->state;
}

void TcpFixture::Run(Nanoseconds time) { queue_.RunUntil(queue_.now() + time); }

void TcpFixture::RunUntil(Nanoseconds from_start) {
  queue_.RunUntil(SimTime(from_start));
}

}  // namespace splnet
