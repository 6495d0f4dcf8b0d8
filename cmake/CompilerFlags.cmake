# Compiler flags, as interface targets that a library or program links.
#
#   splnet_options       language, determinism, sanitizers: everything of ours
#   splnet_strict        warnings: everything of ours that no generator wrote
#   splnet_no_exceptions what the simulated host is made of
#   splnet_lto           objects that can be optimised across files at a link
#   splnet_lto_link      programs that are

add_library(splnet_options INTERFACE)
target_compile_features(splnet_options INTERFACE cxx_std_20)
target_include_directories(splnet_options INTERFACE ${PROJECT_SOURCE_DIR})
# One multiplication and one addition stay two roundings on every machine, so
# that what a build prints does not depend on its compiler.
target_compile_options(splnet_options INTERFACE -ffp-contract=off)
# Abseil comes in some forty shared libraries; a program starts with its own.
target_link_options(splnet_options INTERFACE LINKER:--as-needed)

if(SPLNET_SANITIZE)
  set(sanitize -fsanitize=${SPLNET_SANITIZE} -fno-sanitize-recover=all
      -fno-omit-frame-pointer)
  target_compile_options(splnet_options INTERFACE ${sanitize})
  target_link_options(splnet_options INTERFACE ${sanitize})
endif()
if(SPLNET_FUZZ)
  target_compile_options(splnet_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(SPLNET_COVERAGE)
  # Atomic counters are not needed: a simulation lives in one thread.
  target_compile_options(splnet_options INTERFACE --coverage)
  target_link_options(splnet_options INTERFACE --coverage)
endif()

# Anonymous structures in unions are used, hence no -Wpedantic.  Designated
# initialisers leave fields to their defaults, hence no
# -Wmissing-field-initializers.
add_library(splnet_strict INTERFACE)
target_compile_options(
  splnet_strict
  INTERFACE -Wall -Wextra -Wnon-virtual-dtor -Woverloaded-virtual -Wvla
            -Wimplicit-fallthrough -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Locals only: a constructor's parameter may be named as the field it sets.
  # GCC 12 sees overlaps in std::string's assignment of a literal that are none
  # (its bug 105651), hence no -Wrestrict.
  target_compile_options(splnet_strict INTERFACE -Wshadow=local
                                                 -Wduplicated-cond -Wno-restrict)
else()
  target_compile_options(splnet_strict INTERFACE -Wshadow)
endif()
if(SPLNET_WARNINGS_AS_ERRORS)
  target_compile_options(splnet_strict INTERFACE -Werror)
endif()

# RTTI stays on: a program that derives from an observer of the stack needs the
# base's type information under the undefined-behaviour sanitizer.
add_library(splnet_no_exceptions INTERFACE)
target_compile_options(splnet_no_exceptions INTERFACE -fno-exceptions)

# The objects carry machine code too, and so the many test programs link at
# once without optimising the stack again; only the program and the benchmarks
# pay for that.
add_library(splnet_lto INTERFACE)
add_library(splnet_lto_link INTERFACE)
if(SPLNET_LTO)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    message(FATAL_ERROR "SPLNET_LTO is for GCC; this is ${CMAKE_CXX_COMPILER}")
  endif()
  # One partition: GCC needs make to work on several at once, and it inlines
  # within one only.
  target_compile_options(splnet_lto INTERFACE -flto -ffat-lto-objects)
  target_link_options(splnet_lto_link INTERFACE -flto -flto-partition=one)
endif()
