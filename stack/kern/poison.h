// Marks free memory for the address sanitizer; nothing in other builds.

#ifndef SPLNET_STACK_KERN_POISON_H_
#define SPLNET_STACK_KERN_POISON_H_

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define SPLNET_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SPLNET_ASAN 1
#endif
#endif

#ifdef SPLNET_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace splnet {

inline void PoisonMemory([[maybe_unused]] const void* p,
                         [[maybe_unused]] size_t n) {
#ifdef SPLNET_ASAN
  __asan_poison_memory_region(p, n);
#endif
}

inline void UnpoisonMemory([[maybe_unused]] const void* p,
                           [[maybe_unused]] size_t n) {
#ifdef SPLNET_ASAN
  __asan_unpoison_memory_region(p, n);
#endif
}

}  // namespace splnet

#endif  // SPLNET_STACK_KERN_POISON_H_
