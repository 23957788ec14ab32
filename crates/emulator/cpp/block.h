// A block of CUDA threads on one OS thread.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "fiber.h"

namespace emulator {

struct Index3 { unsigned x, y, z; };

// What a thread does and where: failures name it, and threads that wait together must agree on it.
struct Place {
    const char* what;
    const char* file;
    int line;
};

// What a lane shows the others of its warp: up to 32 bytes a lane, twice, so that a fast lane may
// already write the next exchange while a slow one still reads this one.
struct Warp {
    uint32_t existing, alive, waiting;  // a bit for each lane
    uint32_t shown[2][32][8];
    uint32_t result[2][32][4];
};

enum class State { Ready, AtBarrier, AtWarp, Done };

struct Thread {
    Fiber fiber;
    Index3 index;
    int lane, warp;
    int position;        // in the order of the schedule
    State state;
    Place place;         // where it waits
    unsigned exchanges;  // warp exchanges so far
};

// Of the block that runs on this OS thread.
extern __thread Thread* thread;
extern __thread Index3 block_index, block_size, grid_size;
extern __thread unsigned char* shared_memory;
extern __thread size_t shared_bytes;

Warp& warp();

// Waits until all threads of the block have come to this place; whether any of them brought true.
bool barrier(const Place& place, bool brings = false);

// Comes to an instruction of the warp's lanes in `mask`; true for the last lane, which may compute for
// all. Fails unless the mask names all lanes that run, which is all that kernels need.
bool warp_arrive(const Place& place, uint32_t mask);
// Waits until the last lane has called this too.
void warp_leave(bool last);

// Copies to shared memory that are done when they are waited for.
struct Copy {
    void* to;
    const void* from;  // null: zeros
};
void copy_later(const Copy& copy);
void copy_group();
void copy_wait(size_t left);

// Ends the launch with an error that names kernel, block and thread. The frames of all threads of the
// block are left behind, so nothing in a kernel may rely on destructors.
[[noreturn]] void fail(const std::string& what);

// Where the current thread is, in words; and of a place.
std::string whereabouts();
std::string words(const Place& place);

// ---- for launches

// Who runs next when a thread has to wait. A race shows as different results under different orders:
// the greedy ones let one warp run ahead of all others as far as barriers allow, Isolated is random and lets no
// block see what another has written (isolation.h).
enum Schedule { RoundRobin, Reverse, Isolated, GreedyUp, GreedyDown };

// Of an argument.
struct Parameter {
    size_t bytes;
    bool read_only;  // a pointer to what the kernel does not change
};

struct Kernel {
    std::string name, file;
    unsigned threads;      // launch bound
    std::vector<Parameter> parameters;
    void (*run)(void** arguments);
};

struct Launch {
    const Kernel* kernel;
    void** arguments;
    Index3 grid, block;
    size_t shared_bytes;
    Schedule schedule;
    unsigned seed;
};

// The threads of one block after the other, on the OS thread that made it.
struct Scheduler;
Scheduler* make_scheduler(const Launch& launch);
// Runs a block; what is wrong with it, or an empty text.
std::string run_block(Scheduler& scheduler, Index3 block);
void drop_scheduler(Scheduler* scheduler);

// Turns faults of kernels that the processor reports into failures; where a sanitizer is built in,
// adds `whereabouts` to its report.
void catch_faults();

}  // namespace emulator
