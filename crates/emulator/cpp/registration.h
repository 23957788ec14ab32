// How kernel files make themselves known.
#pragma once
#include <vector>

#include "block.h"

namespace emulator {

// The most threads of a block, for the registrations behind it.
struct Bound {
    explicit Bound(unsigned threads);
};

struct Registration {
    Registration(int architecture, const char* name, const char* file, std::vector<Parameter> parameters,
                 void (*run)(void** arguments));
};

}  // namespace emulator
