// Fuzzes IPv4 reassembly: fragments of a few packets in any shape and order,
// with time passing, against a model that keeps every byte.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "stack/netinet/in_cksum.h"
#include "tests/testing/net_fixture.h"

namespace splnet {
namespace {

void Check(bool condition) {
  if (!condition) std::abort();
}

// Numbers from the input, zeros when it is used up.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  bool empty() const { return at_ >= size_; }
  uint8_t Byte() { return empty() ? 0 : data_[at_++]; }

 private:
  const uint8_t* data_;
  size_t size_;
  size_t at_ = 0;
};

// What the rules of IpFragTable say of one packet.
class Model {
 public:
  // The payload, if this fragment completes it.
  std::optional<Bytes> Add(uint32_t begin, bool last, const Bytes& data) {
    const auto end = begin + static_cast<uint32_t>(data.size());
    const auto same = pieces_.find(begin);
    if (same != pieces_.end() && same->second.size() == data.size() &&
        last == (total_ == end)) {
      return std::nullopt;  // a duplicate
    }
    bool wrong = total_ != 0 && (last || end > total_);
    for (const auto& [at, piece] : pieces_) {
      const auto piece_end = at + static_cast<uint32_t>(piece.size());
      wrong = wrong || (at < end && begin < piece_end);
      wrong = wrong || (last && piece_end > end);
    }
    if (wrong) {
      Clear();
      return std::nullopt;
    }
    pieces_[begin] = data;
    if (last) total_ = end;
    Bytes whole;
    for (const auto& [at, piece] : pieces_) {
      if (at != whole.size()) return std::nullopt;
      whole.insert(whole.end(), piece.begin(), piece.end());
    }
    if (total_ == 0 || whole.size() != total_) return std::nullopt;
    Clear();
    return whole;
  }
  size_t count() const { return pieces_.size(); }
  void Clear() {
    pieces_.clear();
    total_ = 0;
  }

 private:
  std::map<uint32_t, Bytes> pieces_;
  uint32_t total_ = 0;
};

void Run(Input in) {
  NetHost host;
  const bool limited = (in.Byte() & 1) != 0;
  host.ns.settings.ip_maxqueue = limited ? 7 : 100000;
  Model models[4];
  unsigned salt = 0;
  while (!in.empty()) {
    const uint8_t op = in.Byte();
    if (op == 0xff) {  // everything grows old
      host.Wait(std::chrono::seconds(31));
      Check(host.ns.ipfrag.fragments() == 0);
      for (Model& model : models) model.Clear();
      continue;
    }
    const unsigned which = op & 3;
    const bool more = (op & 4) != 0;
    const auto unit = static_cast<uint16_t>(
        (op & 8) != 0 ? in.Byte() << 8 | in.Byte() : in.Byte() & 31);
    const size_t len = (op & 16) != 0 ? in.Byte() * size_t{8} : in.Byte() & 63;
    const Bytes data = TestBytes(len, ++salt);
    IpArgs args;
    args.id = static_cast<uint16_t>(which);
    args.off = static_cast<uint16_t>((unit & kIpOffMask) | (more ? kIpMf : 0));
    if (args.off == 0) continue;  // not a fragment
    if ((op & 32) != 0) args.options = Bytes(4, std::byte{kIpOptNop});
    const Bytes packet = IpPacket(args, data);
    // ip_input() has the header in one piece.
    const size_t pieces = (op & 64) != 0 ? 60 + in.Byte() % 80 : 0;
    const MbufPtr whole = host.ns.ipfrag.Reassemble(host.Chain(packet, pieces));

    const uint32_t begin = (args.off & kIpOffMask) * 8u;
    const bool sound = len > 0 && (!more || len % 8 == 0) &&
                       begin + len + 20 + args.options.size() <= 65535;
    if (limited) {
      Check(host.ns.ipfrag.fragments() <= 7);
      continue;
    }
    std::optional<Bytes> want;
    if (sound) want = models[which].Add(begin, !more, data);
    size_t held = 0;
    for (const Model& model : models) held += model.count();
    Check(host.ns.ipfrag.fragments() == held);
    if (!whole) {
      // The whole may have been too long with the first one's options.
      Check(!want || want->size() + 24 > kIpMaxPacket);
      continue;
    }
    Check(want.has_value());
    const Bytes got = ToBytes(*whole);
    const auto ip = ReadAt<IpHeader>(got, 0);
    Check(ip.len == got.size() && ip.off == 0);
    Check(whole->pkthdr.len == got.size());
    Check(in_cksum(*whole, 0, ip.hlen()) == 0);
    Check(Bytes(got.begin() + static_cast<ptrdiff_t>(ip.hlen()), got.end()) ==
          *want);
  }
}

}  // namespace
}  // namespace splnet

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  splnet::Run(splnet::Input(data, size));
  return 0;
}
