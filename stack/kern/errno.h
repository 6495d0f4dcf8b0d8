// BSD error numbers, with OpenBSD's values.
//
// Spelled with a leading k because the bare names are macros on most hosts.

#ifndef SPLNET_STACK_KERN_ERRNO_H_
#define SPLNET_STACK_KERN_ERRNO_H_

#include <utility>

namespace splnet {

// Name, value and text of every error that the stack can return; errno(2).
#define SPLNET_ERRNO_TABLE(X)                                            \
  X(EPERM, 1, "Operation not permitted")                                 \
  X(ENOENT, 2, "No such file or directory")                              \
  X(ESRCH, 3, "No such process")                                         \
  X(EINTR, 4, "Interrupted system call")                                 \
  X(EIO, 5, "Input/output error")                                        \
  X(ENXIO, 6, "Device not configured")                                   \
  X(EBADF, 9, "Bad file descriptor")                                     \
  X(ECHILD, 10, "No child processes")                                    \
  X(EDEADLK, 11, "Resource deadlock avoided")                            \
  X(ENOMEM, 12, "Cannot allocate memory")                                \
  X(EACCES, 13, "Permission denied")                                     \
  X(EFAULT, 14, "Bad address")                                           \
  X(EBUSY, 16, "Device busy")                                            \
  X(EEXIST, 17, "File exists")                                           \
  X(ENODEV, 19, "Operation not supported by device")                     \
  X(EINVAL, 22, "Invalid argument")                                      \
  X(ENFILE, 23, "Too many open files in system")                         \
  X(EMFILE, 24, "Too many open files")                                   \
  X(ENOTTY, 25, "Inappropriate ioctl for device")                        \
  X(EFBIG, 27, "File too large")                                         \
  X(ENOSPC, 28, "No space left on device")                               \
  X(ESPIPE, 29, "Illegal seek")                                          \
  X(EPIPE, 32, "Broken pipe")                                            \
  X(EDOM, 33, "Numerical argument out of domain")                        \
  X(ERANGE, 34, "Result too large")                                      \
  X(EWOULDBLOCK, 35, "Resource temporarily unavailable")                 \
  X(EINPROGRESS, 36, "Operation now in progress")                        \
  X(EALREADY, 37, "Operation already in progress")                       \
  X(ENOTSOCK, 38, "Socket operation on non-socket")                      \
  X(EDESTADDRREQ, 39, "Destination address required")                    \
  X(EMSGSIZE, 40, "Message too long")                                    \
  X(EPROTOTYPE, 41, "Protocol wrong type for socket")                    \
  X(ENOPROTOOPT, 42, "Protocol not available")                           \
  X(EPROTONOSUPPORT, 43, "Protocol not supported")                       \
  X(ESOCKTNOSUPPORT, 44, "Socket type not supported")                    \
  X(EOPNOTSUPP, 45, "Operation not supported")                           \
  X(EPFNOSUPPORT, 46, "Protocol family not supported")                   \
  X(EAFNOSUPPORT, 47, "Address family not supported by protocol family") \
  X(EADDRINUSE, 48, "Address already in use")                            \
  X(EADDRNOTAVAIL, 49, "Can't assign requested address")                 \
  X(ENETDOWN, 50, "Network is down")                                     \
  X(ENETUNREACH, 51, "Network is unreachable")                           \
  X(ENETRESET, 52, "Network dropped connection on reset")                \
  X(ECONNABORTED, 53, "Software caused connection abort")                \
  X(ECONNRESET, 54, "Connection reset by peer")                          \
  X(ENOBUFS, 55, "No buffer space available")                            \
  X(EISCONN, 56, "Socket is already connected")                          \
  X(ENOTCONN, 57, "Socket is not connected")                             \
  X(ESHUTDOWN, 58, "Can't send after socket shutdown")                   \
  X(ETOOMANYREFS, 59, "Too many references: can't splice")               \
  X(ETIMEDOUT, 60, "Operation timed out")                                \
  X(ECONNREFUSED, 61, "Connection refused")                              \
  X(ELOOP, 62, "Too many levels of symbolic links")                      \
  X(ENAMETOOLONG, 63, "File name too long")                              \
  X(EHOSTDOWN, 64, "Host is down")                                       \
  X(EHOSTUNREACH, 65, "No route to host")                                \
  X(EOVERFLOW, 87, "Value too large to be stored in data type")          \
  X(ECANCELED, 88, "Operation canceled")                                 \
  X(EPROTO, 95, "Protocol error")

#define SPLNET_ERRNO_ENUMERATOR(name, value, text) k##name = value,
enum class [[nodiscard]] Errno : int {
  kOk = 0,
  SPLNET_ERRNO_TABLE(SPLNET_ERRNO_ENUMERATOR)
};
#undef SPLNET_ERRNO_ENUMERATOR
using enum Errno;

// "EPIPE" for kEPIPE, "0" for kOk, "errno?" for a value outside the table.
constexpr const char* errno_name(Errno error) {
  switch (error) {
    case kOk:
      return "0";
#define SPLNET_ERRNO_NAME(name, value, text) \
  case Errno::k##name:                       \
    return #name;
      SPLNET_ERRNO_TABLE(SPLNET_ERRNO_NAME)
#undef SPLNET_ERRNO_NAME
  }
  return "errno?";
}

// The text of strerror(3).
constexpr const char* errno_text(Errno error) {
  switch (error) {
    case kOk:
      return "Undefined error: 0";
#define SPLNET_ERRNO_TEXT(name, value, text) \
  case Errno::k##name:                       \
    return text;
      SPLNET_ERRNO_TABLE(SPLNET_ERRNO_TEXT)
#undef SPLNET_ERRNO_TEXT
  }
  return "Unknown error";
}

// What a system call gives: a value, or the error that kept it from one.
template <typename T>
struct [[nodiscard]] Result {
  Errno error = kOk;
  T value{};

  Result(T v) : value(std::move(v)) {}  // NOLINT(google-explicit-constructor)
  Result(Errno e) : error(e) {}         // NOLINT(google-explicit-constructor)

  bool ok() const { return error == kOk; }
};

}  // namespace splnet

#endif  // SPLNET_STACK_KERN_ERRNO_H_
