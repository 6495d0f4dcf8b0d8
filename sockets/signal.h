// Signals, as far as network programs meet them: signal(3), reduced.
//
// There are no handlers.  A program lets a signal do what it does by default,
// ignores it, or catches it: then it interrupts a sleeping call with kEINTR
// and is remembered until the program takes it.

#ifndef SPLNET_SOCKETS_SIGNAL_H_
#define SPLNET_SOCKETS_SIGNAL_H_

#include <cstdint>

namespace splnet {

inline constexpr int kSIGHUP = 1;
inline constexpr int kSIGINT = 2;
inline constexpr int kSIGQUIT = 3;
inline constexpr int kSIGKILL = 9;  // cannot be caught or ignored
inline constexpr int kSIGPIPE = 13;
inline constexpr int kSIGALRM = 14;
inline constexpr int kSIGTERM = 15;
inline constexpr int kSIGURG = 16;   // ignored by default
inline constexpr int kSIGCHLD = 20;  // ignored by default
inline constexpr int kSIGIO = 23;    // ignored by default
inline constexpr int kSIGUSR1 = 30;
inline constexpr int kSIGUSR2 = 31;
inline constexpr int kNsig = 32;

enum class SignalAction : uint8_t { kDefault, kIgnore, kCatch };

constexpr bool IsSignal(int sig) { return sig > 0 && sig < kNsig; }
// What kDefault means; every other signal ends the process.
constexpr bool IgnoredByDefault(int sig) {
  return sig == kSIGURG || sig == kSIGCHLD || sig == kSIGIO;
}

}  // namespace splnet

#endif  // SPLNET_SOCKETS_SIGNAL_H_
