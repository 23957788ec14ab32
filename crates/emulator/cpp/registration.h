// How kernel files make themselves known.
#pragma once
#include <vector>

#include "block.h"

namespace emulator {

// Stands before a kernel and holds for the next registration.
struct Bound {
    explicit Bound(unsigned threads);
};

struct Registration {
    Registration(int architecture, const char* name, const char* path, std::vector<Parameter> parameters,
                 void (*run)(void** arguments));
};

}  // namespace emulator
