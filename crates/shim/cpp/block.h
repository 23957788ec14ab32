// A block of CUDA threads on one OS thread.
#pragma once
#include <cstddef>
#include <cstdint>

#include "fiber.h"

namespace shim {

struct Index3 { unsigned x, y, z; };

// What a lane shows the others of its warp: up to 32 bytes a lane, twice, so that a fast lane may
// already write the next exchange while a slow one still reads this one.
struct Warp {
    int live, waiting;
    uint32_t shown[2][32][8];
    uint32_t result[2][32][4];
};

enum class State { Ready, AtBarrier, AtWarp, Done };

struct Thread {
    Fiber fiber;
    Index3 index;
    int lane, warp;
    State state;
    const void* site;     // the barrier that it waits at
    unsigned exchanges;   // warp exchanges so far
    unsigned barriers;    // barriers passed so far
};

// Of the block that runs on this OS thread.
extern thread_local Thread* thread;
extern thread_local Index3 block_index, block_size, grid_size;
extern thread_local unsigned char* shared_memory;

Warp& warp();

// Waits until all threads of the block have come here.
void barrier(const void* site);

// Comes to an exchange of the warp; true for the last lane, which may compute for all.
bool warp_arrive();
// Waits until the last lane has called this too.
void warp_leave(bool last);

// Copies that are done when they are waited for.
struct Copy { void* to; const void* from; bool valid; };
void copy_later(const Copy& copy);
void copy_group();
void copy_wait(int left);

// Ends the launch with an error that names block and thread.
[[noreturn]] void fail(const char* what);

typedef void (*Thunk)(void** arguments);
struct Registration { Registration(int architecture, const char* name, Thunk thunk); };

}  // namespace shim
