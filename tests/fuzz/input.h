// Numbers and bytes from a fuzzer's input.

#ifndef SPLNET_TESTS_FUZZ_INPUT_H_
#define SPLNET_TESTS_FUZZ_INPUT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace splnet {

// Zeros when the input is used up.
class FuzzInput {
 public:
  FuzzInput(const uint8_t* data, size_t size) : data_(data, size) {}

  bool empty() const { return at_ >= data_.size(); }
  uint8_t Byte() { return empty() ? 0 : data_[at_++]; }
  uint16_t Word() {
    const uint8_t high = Byte();
    return static_cast<uint16_t>(high << 8 | Byte());
  }
  // At most `n` bytes.
  std::span<const uint8_t> Take(size_t n) {
    n = std::min(n, data_.size() - at_);
    at_ += n;
    return data_.subspan(at_ - n, n);
  }

 private:
  std::span<const uint8_t> data_;
  size_t at_ = 0;
};

}  // namespace splnet

#endif  // SPLNET_TESTS_FUZZ_INPUT_H_
