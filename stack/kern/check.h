// CHECK: a broken invariant of ours ends the process, in every build.
//
// Never for what a packet, file or program holds: those are refused with an
// error or dropped with a reason.

#ifndef SPLNET_STACK_KERN_CHECK_H_
#define SPLNET_STACK_KERN_CHECK_H_

#include <cstdio>
#include <cstdlib>

namespace splnet {

[[noreturn, gnu::cold]] inline void CheckFailed(const char* file, int line,
                                                const char* condition) {
  std::fprintf(stderr, "%s:%d: CHECK failed: %s\n", file, line, condition);
  std::abort();
}

}  // namespace splnet

#define CHECK(condition)              \
  ((condition) ? static_cast<void>(0) \
               : ::splnet::CheckFailed(__FILE__, __LINE__, #condition))

#endif  // SPLNET_STACK_KERN_CHECK_H_
