// Chains of a chosen shape, and their bytes as a plain vector.

#ifndef SPLNET_TESTS_TESTING_MBUF_CHAIN_H_
#define SPLNET_TESTS_TESTING_MBUF_CHAIN_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "stack/kern/mbuf.h"

namespace splnet {

// How one mbuf of a chain keeps its bytes.
enum class Place : uint8_t { kInside, kCluster, kShared };

struct Piece {
  size_t len = 0;
  Place place = Place::kInside;
};

// `n` bytes that differ from their neighbours and, by `salt`, between calls.
std::vector<std::byte> PatternBytes(size_t n, uint8_t salt = 0);

// A chain with one mbuf for each piece (at least one), filled with `bytes`,
// whose number is the sum of the pieces.  With `header` the first has a packet
// header; an inside piece must fit.  A shared piece's cluster has a second
// holder, appended to `holders`.
MbufPtr MakeChain(MbufPool& pool, const std::vector<Piece>& pieces,
                  const std::vector<std::byte>& bytes, bool header,
                  std::vector<MbufPtr>* holders);
// The same filled with PatternBytes, without shared pieces.
MbufPtr MakeChain(MbufPool& pool, const std::vector<Piece>& pieces,
                  bool header = true);
// One mbuf with a packet header, or a cluster if need be.
MbufPtr MakePacket(MbufPool& pool, const std::vector<std::byte>& bytes);

// All bytes of the chain.
std::vector<std::byte> ChainBytes(const Mbuf& m);
// The lengths of its mbufs, as "10+0+4".
std::string ChainShape(const Mbuf& m);

// What is wrong with the chain: lengths that do not add up, data outside of
// its storage, a header where none may be.  Empty if nothing is.
std::string ChainFaults(const Mbuf& m);

}  // namespace splnet

#endif  // SPLNET_TESTS_TESTING_MBUF_CHAIN_H_
