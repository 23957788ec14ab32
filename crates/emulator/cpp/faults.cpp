// What the processor or a sanitizer reports while a kernel runs.
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <mutex>

#include "block.h"

#if defined(__SANITIZE_ADDRESS__)

extern "C" void __sanitizer_set_death_callback(void (*callback)());

namespace emulator {

static void tell() {
    std::string where = whereabouts();
    if (!where.empty()) fprintf(stderr, "emulator: the fault above was in %s\n", where.c_str());
}

void catch_faults() {
    static std::once_flag once;
    std::call_once(once, [] { __sanitizer_set_death_callback(tell); });
}

}  // namespace emulator

#else

#include <ucontext.h>

namespace emulator {

static struct sigaction before[NSIG];
static __thread int caught;

// Where a thread goes on whose kernel had a fault: at the top of its own stack, which nobody needs any
// longer, so that it does not matter if the fault was that it was full.
static void after_fault() {
    fail(caught == SIGFPE ? "it divides by zero" : caught == SIGILL ? "it comes to what is no instruction"
         : "it touches memory that is not there, or as a type that needs another alignment, or its stack is full");
}

static void on_signal(int signal, siginfo_t*, void* context) {
    if (!thread || !thread->fiber.stack) {
        // Not a kernel's: let it happen again under whatever was installed before.
        sigaction(signal, &before[signal], nullptr);
        return;
    }
    caught = signal;
    uintptr_t top = (uintptr_t)thread->fiber.stack + STACK_BYTES;
    mcontext_t& machine = ((ucontext_t*)context)->uc_mcontext;
#if defined(__x86_64__)
    machine.gregs[REG_RSP] = (greg_t)(top - 8);  // as after a call
    machine.gregs[REG_RIP] = (greg_t)(uintptr_t)after_fault;
#else
    machine.sp = top;
    machine.pc = (uintptr_t)after_fault;
#endif
}

// A signal's handler needs a stack of its own where the fiber's is full.
struct SignalStack {
    char room[32 * 1024];
    SignalStack() {
        stack_t now;
        if (sigaltstack(nullptr, &now) || !(now.ss_flags & SS_DISABLE)) return;
        stack_t ours{};
        ours.ss_sp = room;
        ours.ss_size = sizeof room;
        sigaltstack(&ours, nullptr);
    }
    ~SignalStack() {
        stack_t now;
        if (sigaltstack(nullptr, &now) || now.ss_sp != room) return;
        now.ss_flags = SS_DISABLE;
        sigaltstack(&now, nullptr);
    }
};

void catch_faults() {
    static thread_local SignalStack stack;
    (void)stack.room;
    static std::once_flag once;
    std::call_once(once, [] {
        for (int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) {
            struct sigaction action{};
            action.sa_sigaction = on_signal;
            action.sa_flags = SA_SIGINFO | SA_ONSTACK;
            sigaction(signal, &action, &before[signal]);
        }
    });
}

}  // namespace emulator

#endif
