#include "fiber.h"

#include <sys/mman.h>

#include <vector>

#if defined(__SANITIZE_ADDRESS__)
extern "C" void __sanitizer_start_switch_fiber(void** fake_stack_save, const void* bottom, size_t size);
extern "C" void __sanitizer_finish_switch_fiber(void* fake_stack, const void** bottom_old, size_t* size_old);
extern "C" void __asan_unpoison_memory_region(void const volatile* address, size_t size);
#endif

// Saves the registers that a called function has to preserve on the old stack, and takes those on the
// new one.
extern "C" void emulator_switch(void** save, void* restore);

#if defined(__x86_64__)
asm(R"(
.text
.globl emulator_switch
.type emulator_switch,@function
emulator_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size emulator_switch,.-emulator_switch
)");
#elif defined(__aarch64__)
asm(R"(
.text
.globl emulator_switch
.type emulator_switch,%function
emulator_switch:
  stp d8, d9, [sp, #-160]!
  stp d10, d11, [sp, #16]
  stp d12, d13, [sp, #32]
  stp d14, d15, [sp, #48]
  stp x19, x20, [sp, #64]
  stp x21, x22, [sp, #80]
  stp x23, x24, [sp, #96]
  stp x25, x26, [sp, #112]
  stp x27, x28, [sp, #128]
  stp x29, x30, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp d10, d11, [sp, #16]
  ldp d12, d13, [sp, #32]
  ldp d14, d15, [sp, #48]
  ldp x19, x20, [sp, #64]
  ldp x21, x22, [sp, #80]
  ldp x23, x24, [sp, #96]
  ldp x25, x26, [sp, #112]
  ldp x27, x28, [sp, #128]
  ldp x29, x30, [sp, #144]
  ldp d8, d9, [sp], #160
  ret
.size emulator_switch,.-emulator_switch
)");
#else
#error "the emulator switches stacks on x86-64 and aarch64 only"
#endif

namespace emulator {

#if defined(__SANITIZE_ADDRESS__)
static thread_local const void* host_stack = nullptr;  // that of the OS thread
static thread_local size_t host_stack_bytes = 0;
#endif

// Stacks come in groups, so that a block of 256 threads takes few calls of the system.
struct Stacks {
    static constexpr size_t GUARD = 16 * 1024, GROUP = 32;  // a page, of whatever size it is
    static constexpr size_t PITCH = STACK_BYTES + GUARD;
    std::vector<char*> groups;

    char* at(size_t index) {
        while (groups.size() * GROUP <= index) {
            void* room = mmap(nullptr, GROUP * PITCH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
            if (room == MAP_FAILED) return nullptr;
            groups.push_back((char*)room);
            for (size_t s = 0; s < GROUP; s++) mprotect(groups.back() + s * PITCH, GUARD, PROT_NONE);
        }
        return groups[index / GROUP] + index % GROUP * PITCH + GUARD;
    }
    ~Stacks() {
        for (char* group : groups) munmap(group, GROUP * PITCH);
    }
};

char* stack_of(size_t index) {
    static thread_local Stacks stacks;
    return stacks.at(index);
}

void prepare(Fiber& fiber, void (*entry)()) {
    char* top = fiber.stack + STACK_BYTES;
#if defined(__SANITIZE_ADDRESS__)
    // Frames that never returned are still marked in the sanitizer's map: those of the last thread on
    // this stack, from where it left off; of an earlier launch's, all may be.
    char* used = fiber.stack_pointer ? (char*)fiber.stack_pointer : fiber.stack;
    __asan_unpoison_memory_region(used, top - used);
    fiber.fake_stack = nullptr;
#endif
#if defined(__x86_64__)
    void** slot = reinterpret_cast<void**>(top);
    *--slot = nullptr;  // the entry's return address; keeps the stack aligned as after a call
    *--slot = reinterpret_cast<void*>(entry);
    for (int saved = 0; saved < 6; saved++) *--slot = nullptr;
    fiber.stack_pointer = slot;
#else
    char* frame = top - 160;
    for (int i = 0; i < 160; i++) frame[i] = 0;
    *reinterpret_cast<void**>(frame + 152) = reinterpret_cast<void*>(entry);
    fiber.stack_pointer = frame;
#endif
}

void switch_fiber(Fiber& from, Fiber& to, [[maybe_unused]] bool from_is_done) {
#if defined(__SANITIZE_ADDRESS__)
    const void* bottom = to.stack ? to.stack : host_stack;
    size_t size = to.stack ? STACK_BYTES : host_stack_bytes;
    __sanitizer_start_switch_fiber(from_is_done ? nullptr : &from.fake_stack, bottom, size);
#endif
    emulator_switch(&from.stack_pointer, to.stack_pointer);
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(from.fake_stack, nullptr, nullptr);
#endif
}

void fiber_started() {
#if defined(__SANITIZE_ADDRESS__)
    const void* bottom;
    size_t size;
    __sanitizer_finish_switch_fiber(nullptr, &bottom, &size);
    if (!host_stack) host_stack = bottom, host_stack_bytes = size;
#endif
}

}  // namespace emulator
