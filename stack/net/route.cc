// The routing table: a path-compressed binary trie.

#include "stack/net/route.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace splnet {
namespace {

// The bits of an address from the most significant on: 32 or 128 of them.
struct Bits {
  uint64_t hi = 0;
  uint64_t lo = 0;

  bool operator==(const Bits&) const = default;
  int operator[](unsigned i) const {
    return static_cast<int>((i < 64 ? hi >> (63 - i) : lo >> (127 - i)) & 1);
  }
};

Bits BitsOf(const InAddr& a) {
  if (a.is_v4()) return Bits{a.lo << 32, 0};
  return Bits{a.hi, a.lo};
}

unsigned WidthOf(Family family) { return family == Family::kInet ? 32 : 128; }

// The first `n` bits, the others 0.
Bits Prefix(const Bits& b, unsigned n) {
  if (n == 0) return Bits{};
  if (n <= 64) return Bits{b.hi & (~uint64_t{0} << (64 - n)), 0};
  if (n >= 128) return b;
  return Bits{b.hi, b.lo & (~uint64_t{0} << (128 - n))};
}

// How many leading bits are equal.
unsigned CommonBits(const Bits& a, const Bits& b) {
  if (a.hi != b.hi) return static_cast<unsigned>(std::countl_zero(a.hi ^ b.hi));
  return 64 + static_cast<unsigned>(std::countl_zero(a.lo ^ b.lo));
}

}  // namespace

struct RouteTable::Node {
  Bits key;
  unsigned len = 0;  // bits of key that count
  std::unique_ptr<Rtentry> route;
  std::unique_ptr<Node> child[2];

  // Whether `b` begins with this node's prefix.
  bool Covers(const Bits& b) const { return Prefix(b, len) == key; }
  void Collect(std::vector<const Rtentry*>& out) const {
    if (route) out.push_back(route.get());
    for (const auto& c : child) {
      if (c) c->Collect(out);
    }
  }
};

RouteTable::RouteTable() = default;
RouteTable::~RouteTable() = default;

std::unique_ptr<RouteTable::Node>* RouteTable::RootOf(Family family) {
  if (family == Family::kInet) return &v4_;
  return family == Family::kInet6 ? &v6_ : nullptr;
}

const std::unique_ptr<RouteTable::Node>* RouteTable::RootOf(
    Family family) const {
  return const_cast<RouteTable*>(this)->RootOf(family);
}

Errno RouteTable::Add(const Rtentry& route) {
  std::unique_ptr<Node>* at = RootOf(route.dst.family);
  const unsigned len = route.prefixlen;
  if (at == nullptr || len > WidthOf(route.dst.family)) return kEINVAL;
  const Bits key = Prefix(BitsOf(route.dst), len);

  while (*at && (*at)->len < len && (*at)->Covers(key)) {
    at = &(*at)->child[key[(*at)->len]];
  }
  const bool exact = *at && (*at)->len == len && (*at)->key == key;
  if (exact && (*at)->route) return kEEXIST;
  if (!exact) {
    auto node = std::make_unique<Node>();
    node->key = key;
    node->len = len;
    if (std::unique_ptr<Node> old = std::move(*at)) {
      const unsigned common =
          std::min({CommonBits(old->key, key), old->len, len});
      if (common == len) {  // the new node stands above the old one
        node->child[old->key[len]] = std::move(old);
      } else {  // both stand below a fork
        auto fork = std::make_unique<Node>();
        fork->key = Prefix(key, common);
        fork->len = common;
        fork->child[old->key[common]] = std::move(old);
        *at = std::move(fork);
        at = &(*at)->child[key[common]];
      }
    }
    *at = std::move(node);
  }
  auto entry = std::make_unique<Rtentry>(route);
  entry->dst.hi = route.dst.is_v4() ? 0 : key.hi;
  entry->dst.lo = route.dst.is_v4() ? key.hi >> 32 : key.lo;
  (*at)->route = std::move(entry);
  ++size_;
  ++generation_;
  return kOk;
}

Errno RouteTable::Delete(const InAddr& dst, uint8_t prefixlen) {
  std::unique_ptr<Node>* at = RootOf(dst.family);
  std::unique_ptr<Node>* parent = nullptr;
  if (at == nullptr) return kESRCH;
  const Bits key = Prefix(BitsOf(dst), prefixlen);
  while (*at && (*at)->len < prefixlen && (*at)->Covers(key)) {
    parent = at;
    at = &(*at)->child[key[(*at)->len]];
  }
  if (!*at || (*at)->len != prefixlen || (*at)->key != key || !(*at)->route) {
    return kESRCH;
  }
  (*at)->route.reset();
  --size_;
  ++generation_;
  // A node without a route stays only as a fork; so may its parent.
  for (std::unique_ptr<Node>* node : {at, parent}) {
    if (node == nullptr || !*node || (*node)->route) continue;
    if ((*node)->child[0] && (*node)->child[1]) continue;
    std::unique_ptr<Node> only =
        std::move((*node)->child[(*node)->child[0] ? 0 : 1]);
    *node = std::move(only);
  }
  return kOk;
}

const Rtentry* RouteTable::Lookup(const InAddr& dst) const {
  const std::unique_ptr<Node>* const root = RootOf(dst.family);
  if (root == nullptr) return nullptr;
  const Bits key = BitsOf(dst);
  const unsigned width = WidthOf(dst.family);
  const Rtentry* best = nullptr;
  for (const Node* n = root->get(); n != nullptr && n->Covers(key);
       n = n->child[key[n->len]].get()) {
    if (n->route) best = n->route.get();
    if (n->len == width) break;
  }
  return best;
}

const Rtentry* RouteTable::Find(const InAddr& dst, uint8_t prefixlen) const {
  const std::unique_ptr<Node>* const root = RootOf(dst.family);
  if (root == nullptr || prefixlen > WidthOf(dst.family)) return nullptr;
  const Bits key = Prefix(BitsOf(dst), prefixlen);
  const Node* n = root->get();
  while (n != nullptr && n->len < prefixlen && n->Covers(key)) {
    n = n->child[key[n->len]].get();
  }
  if (n == nullptr || n->len != prefixlen || n->key != key) return nullptr;
  return n->route.get();
}

std::vector<const Rtentry*> RouteTable::All() const {
  std::vector<const Rtentry*> out;
  out.reserve(size_);
  for (const auto* root : {&v4_, &v6_}) {
    if (*root) (*root)->Collect(out);
  }
  return out;
}

}  // namespace splnet
