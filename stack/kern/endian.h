// Byte-order-aware fields for headers on the wire.
//
// A header is a struct of these and bytes: it has alignment 1, its layout is
// the wire's, and a field reads and assigns as a host number.

#ifndef SPLNET_STACK_KERN_ENDIAN_H_
#define SPLNET_STACK_KERN_ENDIAN_H_

#include <bit>
#include <cstdint>
#include <cstring>

namespace splnet {

static_assert(std::endian::native == std::endian::little,
              "in_cksum and the Be types assume a little-endian host");

// A 16-bit number in network byte order.
class [[gnu::packed]] Be16 {
 public:
  constexpr Be16() = default;
  constexpr Be16(uint16_t v)  // NOLINT(google-explicit-constructor)
      : raw_(__builtin_bswap16(v)) {}
  constexpr operator uint16_t() const {  // NOLINT(google-explicit-constructor)
    return __builtin_bswap16(raw_);
  }

 private:
  uint16_t raw_ = 0;
};
static_assert(sizeof(Be16) == 2 && alignof(Be16) == 1);

// A 32-bit number in network byte order.
class [[gnu::packed]] Be32 {
 public:
  constexpr Be32() = default;
  constexpr Be32(uint32_t v)  // NOLINT(google-explicit-constructor)
      : raw_(__builtin_bswap32(v)) {}
  constexpr operator uint32_t() const {  // NOLINT(google-explicit-constructor)
    return __builtin_bswap32(raw_);
  }

 private:
  uint32_t raw_ = 0;
};
static_assert(sizeof(Be32) == 4 && alignof(Be32) == 1);

}  // namespace splnet

#endif  // SPLNET_STACK_KERN_ENDIAN_H_
