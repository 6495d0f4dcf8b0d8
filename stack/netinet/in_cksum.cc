// The Internet checksum, by the vector unit where there is one.  RFC 1071.
//
// The vector loop adds words of 32 bits into 64-bit sums, so carries need no
// care until the end: 2^32 words would have to be added for one to be lost.

#include "stack/netinet/in_cksum.h"

#include <algorithm>

#include "stack/netinet/ip.h"
#include "stack/netstack.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace splnet {
namespace {

// Below this the set-up of the vector loop costs more than it saves.
constexpr size_t kVectorMin = 96;

template <typename T>
T Load(const std::byte* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

// The sum of two words with the carry out of bit 63 added in again.
inline uint64_t AddCarry(uint64_t sum, uint64_t word) {
  const bool carry = __builtin_add_overflow(sum, word, &sum);
  return sum + (carry ? 1 : 0);
}

// Sums any number of bytes, and copies them if `kCopy`.
template <bool kCopy>
CksumPartial SumPlain(std::byte* to, const std::byte* p, size_t n) {
  uint64_t even = 0;
  uint64_t odd = 0;
  if constexpr (kCopy) std::memcpy(to, p, n);
  for (; n >= 16; n -= 16, p += 16) {
    even = AddCarry(even, Load<uint64_t>(p));
    odd = AddCarry(odd, Load<uint64_t>(p + 8));
  }
  if (n >= 8) {
    even = AddCarry(even, Load<uint64_t>(p));
    n -= 8;
    p += 8;
  }
  uint64_t tail = 0;  // less than 8 bytes: no carry
  if (n >= 4) {
    tail += Load<uint32_t>(p);
    n -= 4;
    p += 4;
  }
  if (n >= 2) {
    tail += Load<uint16_t>(p);
    n -= 2;
    p += 2;
  }
  if (n == 1) tail += Load<uint8_t>(p);
  // 2^32 leaves the rest 1 modulo 2^16 - 1, so the halves may be added; what
  // comes out has room above for other sums.
  return (even & 0xffffffff) + (even >> 32) + (odd & 0xffffffff) + (odd >> 32) +
         tail;
}

#if defined(__x86_64__)

const bool kHaveAvx2 = [] {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") != 0;
}();

// The same for a multiple of 64 bytes.
template <bool kCopy>
__attribute__((target("avx2"))) CksumPartial SumAvx2(std::byte* to,
                                                     const std::byte* p,
                                                     size_t n) {
  const __m256i low = _mm256_set1_epi64x(0xffffffff);
  __m256i even = _mm256_setzero_si256();
  __m256i odd = _mm256_setzero_si256();
  for (const std::byte* const end = p + n; p != end; p += 64) {
    const auto a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    const auto b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 32));
    if constexpr (kCopy) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), a);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + 32), b);
      to += 64;
    }
    even = _mm256_add_epi64(even, _mm256_and_si256(a, low));
    odd = _mm256_add_epi64(odd, _mm256_srli_epi64(a, 32));
    even = _mm256_add_epi64(even, _mm256_and_si256(b, low));
    odd = _mm256_add_epi64(odd, _mm256_srli_epi64(b, 32));
  }
  const __m256i both = _mm256_add_epi64(even, odd);
  const __m128i half = _mm_add_epi64(_mm256_castsi256_si128(both),
                                     _mm256_extracti128_si256(both, 1));
  return static_cast<uint64_t>(_mm_cvtsi128_si64(half)) +
         static_cast<uint64_t>(_mm_extract_epi64(half, 1));
}

template <bool kCopy>
CksumPartial Sum(std::byte* to, const std::byte* p, size_t n) {
  if (n < kVectorMin || !kHaveAvx2) return SumPlain<kCopy>(to, p, n);
  const size_t body = n & ~size_t{63};
  return SumAvx2<kCopy>(to, p, body) +
         SumPlain<kCopy>(kCopy ? to + body : to, p + body, n - body);
}

#else

template <bool kCopy>
CksumPartial Sum(std::byte* to, const std::byte* p, size_t n) {
  return SumPlain<kCopy>(to, p, n);
}

#endif

// The sum of a range of a chain.
CksumPartial SumChain(const Mbuf& m, size_t off, size_t len) {
  const Mbuf* p = &m;
  for (; p != nullptr && off >= p->len; p = p->next) off -= p->len;
  CksumPartial sum = 0;
  bool odd = false;  // what follows begins at an odd offset
  for (; len > 0; p = p->next, off = 0) {
    CHECK(p != nullptr);
    const size_t step = std::min<size_t>(len, p->len - off);
    const CksumPartial piece = in_cksum_partial(p->data + off, step);
    sum += odd ? in_cksum_swap(piece) : piece;
    odd ^= (step & 1) != 0;
    len -= step;
  }
  return sum;
}

}  // namespace

CksumPartial in_cksum_partial(const void* p, size_t n) {
  return Sum<false>(nullptr, static_cast<const std::byte*>(p), n);
}

CksumPartial in_cksum_copy(void* to, const void* from, size_t n) {
  return Sum<true>(static_cast<std::byte*>(to),
                   static_cast<const std::byte*>(from), n);
}

CksumPartial in_cksum_swap(CksumPartial sum) {
  return __builtin_bswap16(static_cast<uint16_t>(~in_cksum_fold(sum)));
}

CksumPartial in_cksum_chain(const Mbuf& m, size_t off, size_t len) {
  if (off + len <= m.len) [[likely]]
    return in_cksum_partial(m.data + off, len);
  return SumChain(m, off, len);
}

uint16_t in_cksum(const Mbuf& m, size_t off, size_t len) {
  return in_cksum_field(in_cksum_chain(m, off, len));
}

CksumPartial in_cksum_received(Netstack& ns, const Mbuf& m, size_t off,
                               size_t len) {
  const PktHdr& hdr = m.pkthdr;
  if (hdr.csum_len == hdr.len && off + len == hdr.len) return hdr.csum_data;
  ns.cpu.ChargeSum(len);
  return in_cksum_chain(m, off, len);
}

uint16_t in4_cksum(const Mbuf& m, uint8_t protocol, size_t off, size_t len) {
  CksumPartial sum = in_cksum_chain(m, off, len);
  if (protocol != 0) {
    const auto ip = m_read<IpHeader>(m, 0);
    CHECK(ip.has_value());
    sum += in_pseudo(ip->src, ip->dst, protocol, len);
  }
  return in_cksum_field(sum);
}

}  // namespace splnet
