// Reading and printing quantities, in integers only.

#include "tools/bulk/units.h"

#include <algorithm>
#include <limits>
#include <span>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace splnet {
namespace {

constexpr int64_t kMost = std::numeric_limits<int64_t>::max();

struct Unit {
  std::string_view name;
  int64_t factor;
};

constexpr Unit kTimes[] = {{"ns", 1},
                           {"us", 1'000},
                           {"ms", 1'000'000},
                           {"s", 1'000'000'000},
                           {"min", 60'000'000'000}};
constexpr Unit kRates[] = {
    {"bit", 1}, {"kbit", 1'000}, {"Mbit", 1'000'000}, {"Gbit", 1'000'000'000}};
constexpr Unit kSizes[] = {{"", 1},          {"B", 1},
                           {"KB", 1'000},    {"kB", 1'000},
                           {"KiB", 1 << 10}, {"MB", 1'000'000},
                           {"MiB", 1 << 20}, {"GB", 1'000'000'000},
                           {"GiB", 1 << 30}};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Appends the digit `c` to `*value`; false if that overflows.
bool PushDigit(char c, int64_t* value) {
  if (*value > (kMost - (c - '0')) / 10) return false;
  *value = *value * 10 + (c - '0');
  return true;
}

// A number with one of `units` behind it, in the least unit: whole, or nothing.
std::optional<int64_t> ReadQuantity(std::string_view text,
                                    std::span<const Unit> units) {
  size_t end = 0;
  while (end < text.size() && (IsDigit(text[end]) || text[end] == '.')) ++end;
  const std::string_view name = text.substr(end);
  constexpr int kDecimals = 3;
  const auto value = ReadDecimal(text.substr(0, end), kDecimals);
  if (!value) return std::nullopt;
  for (const Unit& unit : units) {
    if (unit.name != name) continue;
    if (*value > kMost / unit.factor) return std::nullopt;
    const int64_t scaled = *value * unit.factor;
    if (scaled % 1000 != 0) return std::nullopt;
    return scaled / 1000;
  }
  return std::nullopt;
}

// `value` with `decimals` digits behind the point, `value` being in units of
// 1/`one`.
std::string FormatScaled(uint64_t value, uint64_t one, int decimals,
                         const char* unit) {
  uint64_t parts = 1;
  for (int i = 0; i < decimals; ++i) parts *= 10;
  const uint64_t whole = value / one;
  const auto rest = static_cast<uint64_t>(
      static_cast<unsigned __int128>(value % one) * parts / one);
  return absl::StrFormat("%u.%0*u%s", whole, decimals, rest, unit);
}

}  // namespace

std::optional<int64_t> ReadDecimal(std::string_view text, int decimals) {
  int64_t value = 0;
  int behind = -1;  // digits behind the point, -1 before it
  size_t digits = 0;
  for (const char c : text) {
    if (c == '.' && behind < 0) {
      behind = 0;
      continue;
    }
    if (!IsDigit(c) || behind == decimals || !PushDigit(c, &value)) {
      return std::nullopt;
    }
    ++digits;
    if (behind >= 0) ++behind;
  }
  if (digits == 0) return std::nullopt;
  for (int i = std::max(behind, 0); i < decimals; ++i) {
    if (!PushDigit('0', &value)) return std::nullopt;
  }
  return value;
}

std::optional<Nanoseconds> ReadTime(std::string_view text) {
  if (text == "0") return Nanoseconds(0);
  const auto ns = ReadQuantity(text, kTimes);
  if (!ns) return std::nullopt;
  return Nanoseconds(*ns);
}

std::optional<int64_t> ReadBandwidth(std::string_view text) {
  if (text == "unlimited") return 0;
  constexpr std::string_view kPerSecond = "/s";
  if (text.ends_with(kPerSecond)) text.remove_suffix(kPerSecond.size());
  const auto rate = ReadQuantity(text, kRates);
  if (!rate || *rate == 0) return std::nullopt;
  return rate;
}

std::optional<int64_t> ReadBytes(std::string_view text) {
  return ReadQuantity(text, kSizes);
}

std::optional<uint32_t> ReadPercent(std::string_view text) {
  if (text.ends_with('%')) text.remove_suffix(1);
  const auto ppm = ReadDecimal(text, 4);
  if (!ppm || *ppm > 1'000'000) return std::nullopt;
  return static_cast<uint32_t>(*ppm);
}

std::string FormatTime(Nanoseconds time) {
  const auto ns = static_cast<uint64_t>(time.count());
  if (ns < 1'000'000) return FormatScaled(ns, 1'000, 3, " us");
  if (ns < 1'000'000'000) return FormatScaled(ns, 1'000'000, 3, " ms");
  return FormatScaled(ns, 1'000'000'000, 3, " s");
}

std::string FormatSeconds(Nanoseconds time) {
  return FormatScaled(static_cast<uint64_t>(time.count()), 1'000'000'000, 9,
                      "");
}

std::string FormatBandwidth(int64_t bits_per_second) {
  const auto bits = static_cast<uint64_t>(bits_per_second);
  if (bits < 1'000) return absl::StrCat(bits, " bit/s");
  if (bits < 1'000'000) return FormatScaled(bits, 1'000, 2, " kbit/s");
  if (bits < 1'000'000'000) return FormatScaled(bits, 1'000'000, 2, " Mbit/s");
  return FormatScaled(bits, 1'000'000'000, 2, " Gbit/s");
}

std::string FormatPercent(uint32_t ppm) {
  std::string text = absl::StrFormat("%u.%04u", ppm / 10000, ppm % 10000);
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text + " %";
}

std::string FormatBytes(uint64_t bytes) {
  if (bytes < 1'000) return absl::StrCat(bytes, " bytes");
  if (bytes < 1'000'000) return FormatScaled(bytes, 1'000, 1, " kB");
  if (bytes < 1'000'000'000) return FormatScaled(bytes, 1'000'000, 1, " MB");
  return FormatScaled(bytes, 1'000'000'000, 1, " GB");
}

std::optional<int64_t> BitsPerSecond(uint64_t bytes, Nanoseconds time) {
  if (time <= Nanoseconds(0)) return std::nullopt;
  const auto bits = static_cast<unsigned __int128>(bytes) * 8 * 1'000'000'000;
  const auto rate = bits / static_cast<uint64_t>(time.count());
  return rate > static_cast<uint64_t>(kMost) ? kMost
                                             : static_cast<int64_t>(rate);
}

}  // namespace splnet
