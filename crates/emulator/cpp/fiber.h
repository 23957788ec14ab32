// A stack of its own and a way to switch to it: one for every CUDA thread of a block.
#pragma once
#include <cstddef>

namespace emulator {

struct Fiber {
    void* stack_pointer = nullptr;  // where it left off
    char* stack = nullptr;          // its lowest address; none: the OS thread's own
    void* fake_stack = nullptr;     // AddressSanitizer's
};

// Room for a fiber's frames. The sanitizer's frames are several times as large.
#if defined(__SANITIZE_ADDRESS__)
constexpr size_t STACK_BYTES = 256 * 1024;
#else
constexpr size_t STACK_BYTES = 64 * 1024;
#endif

// The stack of a block's thread `index`. An OS thread keeps its fibers' stacks for later launches.
// Below each lies a page that must not be touched.
char* stack_of(size_t index);

// Makes `fiber` start at `entry` when it is first switched to. `entry` never returns.
void prepare(Fiber& fiber, void (*entry)());

// Stops `from` and goes on with `to`. `from_is_done`: it will not be switched to again.
void switch_fiber(Fiber& from, Fiber& to, bool from_is_done);

// The first thing that a fiber's entry calls.
void fiber_started();

}  // namespace emulator
