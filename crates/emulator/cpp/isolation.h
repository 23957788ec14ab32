// Blocks that see nothing of each other: each begins with memory as it was when the launch began, and what it has
// written is put together with what the others have when all are done. So a block that reads what another one of the
// same launch has written finds what was there before, as it may on a GPU, and two blocks that write the same byte
// are an error.
//
// One way between blocks is open, and needs both of its halves: what a block has written before a fence is shown to
// those that go through an atomic operation on global memory after this block has done so.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "block.h"

namespace emulator {

// An allocation of the device.
struct Allocation {
    uint64_t address;
    size_t bytes;
};

class Isolation {
public:
    // The allocations that an argument of the launch points into and the kernel may write.
    Isolation(const Launch& launch, const Allocation* allocations, size_t count);
    ~Isolation();

    // Before and after a block; what is wrong with it, or an empty text.
    void enter();
    std::string leave();

    // Called by threads of the block.
    void fence();
    bool owns(const void* address) const;
    void arrive(const Place& place);
    // The number at an address has been changed for all blocks.
    void settle(const uint32_t* at);
    // Sets bits for the launches behind this one.
    void mark(uint32_t* at, uint32_t bits);

private:
    struct Part {
        unsigned char* start;
        // As it was when the launch began; as the running block has seen it, its own writes taken note of; as atomic
        // operations have shown it; as it will be when the launch is done.
        std::vector<unsigned char> before, seen, shown, after;
        std::vector<bool> touched;  // pages that are not as before
    };
    struct Byte {
        Part* part;
        size_t at;
    };

    std::vector<Part> parts;
    std::vector<Byte> fenced;    // written before a fence, and not yet shown
    std::map<const uint32_t*, uint32_t> marked;  // bits that blocks of the launch have set
    uint64_t fences = 0;         // of this block
    bool open = false;           // whether the last of them has not been looked at
    size_t budget = 1 << 30;     // bytes that may yet be compared for fences

    void add(uint64_t address, const Allocation* allocations, size_t count);
    size_t bytes() const;
    template <class Each> void each_difference(const std::vector<unsigned char> Part::*from, Each each);
    std::string take_note(bool behind_fence);
};

// Of the launch whose blocks run on this OS thread; null where they share memory.
extern __thread Isolation* isolation;

inline void fence() {
    if (isolation) isolation->fence();
    else __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

// Changes a number for all blocks; what it was before.
template <class Change> uint32_t change(const Place& place, uint32_t* at, Change by) {
    if (isolation && isolation->owns(at)) {
        isolation->arrive(place);
        uint32_t old = *at;
        *at = by(old);
        isolation->settle(at);
        return old;
    }
    uint32_t old = __atomic_load_n(at, __ATOMIC_SEQ_CST);
    while (!__atomic_compare_exchange_n(at, &old, by(old), false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {}
    return old;
}

// Sets bits in a number for the launches behind this one.
inline void mark(uint32_t* at, uint32_t bits) {
    if (isolation && isolation->owns(at)) isolation->mark(at, bits);
    else __atomic_fetch_or(at, bits, __ATOMIC_SEQ_CST);
}

}  // namespace emulator
