// The generator behind a random stream.

#include "stack/kern/random.h"

#include <bit>

namespace splnet {
namespace {

// splitmix64: spreads a seed over the generator's state.
uint64_t SplitMix(uint64_t& x) {
  x += 0x9e3779b97f4a7c15;
  uint64_t z = x;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

// FNV-1a.
uint64_t HashName(std::string_view name) {
  uint64_t h = 0xcbf29ce484222325;
  for (const char c : name) {
    h ^= static_cast<unsigned char>(c);
    h *= 0x100000001b3;
  }
  return h;
}

}  // namespace

RandomStream::RandomStream(uint64_t seed, std::string_view name) {
  uint64_t x = seed;
  x = SplitMix(x) ^ HashName(name);
  for (uint64_t& word : state_) word = SplitMix(x);
}

uint64_t RandomStream::Next() {
  const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const uint64_t t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

uint64_t RandomStream::Below(uint64_t bound) {
  // Draws below this threshold would make the low numbers likelier.
  const uint64_t threshold = (0 - bound) % bound;
  for (;;) {
    const uint64_t r = Next();
    if (r >= threshold) return r % bound;
  }
}

int64_t RandomStream::Between(int64_t low, int64_t high) {
  const auto span = static_cast<uint64_t>(high) - static_cast<uint64_t>(low);
  if (span == ~uint64_t{0}) return static_cast<int64_t>(Next());
  return static_cast<int64_t>(static_cast<uint64_t>(low) + Below(span + 1));
}

}  // namespace splnet
