// Carries the precompiled header of the tests: a header needs a source.

#include "cmake/precompiled.h"
