// The names that drill scripts may use for numbers, with the stack's values.

#ifndef SPLNET_TOOLS_DRILL_SYMBOLS_H_
#define SPLNET_TOOLS_DRILL_SYMBOLS_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "stack/kern/errno.h"

namespace splnet::drill {

// socket(2)'s type may have these added, with OpenBSD's values.
inline constexpr int kSockCloexec = 0x8000;
inline constexpr int kSockNonblock = 0x4000;

// fcntl(2)'s mode of a file that is open both ways.
inline constexpr int kORdwr = 0x2;

// Nothing for a name that is not known.  An error's name is its number, as
// SO_ERROR gives it.
std::optional<int64_t> FindSymbol(std::string_view name);

// "EAGAIN"; nothing for a name that is not known.
std::optional<Errno> FindErrno(std::string_view name);

}  // namespace splnet::drill

#endif  // SPLNET_TOOLS_DRILL_SYMBOLS_H_
