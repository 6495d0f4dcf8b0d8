// Quantities as people write them: 50ms, 100Mbit/s, 64KB, 0.1.

#ifndef SPLNET_TOOLS_BULK_UNITS_H_
#define SPLNET_TOOLS_BULK_UNITS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "stack/kern/time.h"

namespace splnet {

// A decimal number with at most `decimals` digits behind the point, times
// 10^decimals: ReadDecimal("0.25", 4) is 2500.  Nothing for anything else, or
// for what 63 bits do not hold.
std::optional<int64_t> ReadDecimal(std::string_view text, int decimals);

// "50ms", "1.5s", "200us", "10ns", "2min"; "0" needs no unit.
std::optional<Nanoseconds> ReadTime(std::string_view text);

// Bits in a second: "100Mbit/s", "1.5Gbit/s", "64kbit/s", "9600bit/s"; the
// "/s" may be left out.  0 for "unlimited".
std::optional<int64_t> ReadBandwidth(std::string_view text);

// Bytes: "4096", "64KB" (1000), "64KiB" (1024), "1MB", "2MiB", "1GB", "1GiB";
// "B" may follow a plain number.
std::optional<int64_t> ReadBytes(std::string_view text);

// Parts per million of a percentage: "0.1" or "0.1%" is 1000.
std::optional<uint32_t> ReadPercent(std::string_view text);

// "50.000 ms", "1.250000 s": in the unit that suits it.
std::string FormatTime(Nanoseconds time);
// Seconds with nine digits, for files that are read by programs.
std::string FormatSeconds(Nanoseconds time);
// "94.12 Mbit/s".
std::string FormatBandwidth(int64_t bits_per_second);
// "0.1 %".
std::string FormatPercent(uint32_t ppm);
// "12.3 kB", by powers of 1000.
std::string FormatBytes(uint64_t bytes);

// `bytes` in `time` as bits per second; nothing if no time passed.
std::optional<int64_t> BitsPerSecond(uint64_t bytes, Nanoseconds time);

}  // namespace splnet

#endif  // SPLNET_TOOLS_BULK_UNITS_H_
