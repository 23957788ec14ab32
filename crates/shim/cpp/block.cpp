#include "block.h"

#include <sys/mman.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace shim {

thread_local Thread* thread;
thread_local Index3 block_index, block_size, grid_size;
thread_local unsigned char* shared_memory;

// Who runs next when a thread has to wait. A race shows as different results under different orders:
// the greedy ones let one warp run ahead of all others as far as barriers allow.
enum Schedule { RoundRobin, Reverse, Random, GreedyUp, GreedyDown };

struct Copies {
    std::vector<std::vector<Copy>> groups;
    std::vector<Copy> open;
};

// The threads of a block, made once for a launch and used by one block after the other.
struct Scheduler {
    std::vector<Thread> threads;
    std::vector<Copies> copies;
    std::vector<Warp> warps;
    std::vector<int> order;
    int position = 0, live = 0, at_barrier = 0;
    bool greedy = false;
    Thread host{};
    Thunk kernel = nullptr;
    void** arguments = nullptr;
    size_t shared_bytes = 0;
};

static thread_local Scheduler* scheduler;

Warp& warp() { return scheduler->warps[thread->warp]; }

void fail(const char* what) {
    fprintf(stderr, "shim: %s (block %u,%u,%u thread %u,%u,%u)\n", what, block_index.x, block_index.y,
            block_index.z, thread->index.x, thread->index.y, thread->index.z);
    abort();
}

static void go_to(Thread* next) {
    Thread* from = thread;
    if (from == next) return;
    thread = next;
    switch_fiber(from->fiber, next->fiber, from->state == State::Done && from != &scheduler->host);
}

static void go_on() {
    Scheduler& s = *scheduler;
    int count = (int)s.threads.size();
    if (s.greedy) s.position = -1;
    for (int tried = 0; tried < count; tried++) {
        if (++s.position >= count) s.position = 0;
        Thread* next = &s.threads[s.order[s.position]];
        if (next->state == State::Ready) return go_to(next);
    }
    if (s.live == 0) return go_to(&s.host);
    fail("deadlock: threads wait for others that never come");
}

static void open_barrier() {
    Scheduler& s = *scheduler;
    const void* site = nullptr;
    for (Thread& t : s.threads) {
        if (t.state != State::AtBarrier) continue;
        if (site && t.site != site) fail("threads of one block wait at different barriers");
        site = t.site;
        t.state = State::Ready;
    }
    s.at_barrier = 0;
}

void barrier(const void* site) {
    Scheduler& s = *scheduler;
    thread->barriers++;
    thread->state = State::AtBarrier;
    thread->site = site;
    if (++s.at_barrier == s.live) open_barrier();
    else go_on();
}

static void open_warp(int index) {
    Scheduler& s = *scheduler;
    s.warps[index].waiting = 0;
    for (size_t t = index * 32; t < s.threads.size() && t < (size_t)index * 32 + 32; t++)
        if (s.threads[t].state == State::AtWarp) s.threads[t].state = State::Ready;
}

bool warp_arrive() {
    thread->state = State::AtWarp;
    return ++warp().waiting == warp().live;
}

void warp_leave(bool last) {
    if (last) open_warp(thread->warp);
    else go_on();
}

static Copies& copies() { return scheduler->copies[thread - scheduler->threads.data()]; }

void copy_later(const Copy& copy) { copies().open.push_back(copy); }

void copy_group() { copies().groups.push_back(std::exchange(copies().open, {})); }

void copy_wait(int left) {
    auto& groups = copies().groups;
    int done = (int)groups.size() - left;
    for (int group = 0; group < done; group++)
        for (const Copy& copy : groups[group]) {
            if (copy.valid) memcpy(copy.to, copy.from, 16);
            else memset(copy.to, 0, 16);
        }
    if (done > 0) groups.erase(groups.begin(), groups.begin() + done);
}

static void run_thread() {
    fiber_started();
    Scheduler& s = *scheduler;
    s.kernel(s.arguments);
    thread->state = State::Done;
    s.live--;
    Warp& w = warp();
    w.live--;
    if (s.live && s.at_barrier == s.live) open_barrier();
    if (w.live && w.waiting == w.live) open_warp(thread->warp);
    go_on();
    abort();  // nobody switches to a thread that is done
}

static void run_block() {
    Scheduler& s = *scheduler;
    s.live = (int)s.threads.size();
    s.at_barrier = 0;
    s.position = -1;
    // NaN in every format: what a kernel reads before it was written shows in the result.
    memset(shared_memory, 0xff, s.shared_bytes);
    for (Warp& w : s.warps) w.live = w.waiting = 0;
    for (size_t t = 0; t < s.threads.size(); t++) {
        Thread& started = s.threads[t];
        started.state = State::Ready;
        started.exchanges = started.barriers = 0;
        s.copies[t] = {};
        s.warps[started.warp].live++;
        prepare(started.fiber, run_thread);
    }
    s.host.state = State::Ready;
    thread = &s.host;
    go_on();
    for (Thread& t : s.threads)
        if (t.barriers != s.threads[0].barriers) {
            thread = &t;
            fail("threads of one block passed different numbers of barriers");
        }
}

static std::vector<int> order_of(int count, Schedule schedule, unsigned seed) {
    std::vector<int> order(count);
    for (int i = 0; i < count; i++) order[i] = schedule == Reverse || schedule == GreedyDown ? count - 1 - i : i;
    if (schedule == Random)
        for (int i = count - 1; i > 0; i--) {
            seed = seed * 1664525u + 1013904223u;
            std::swap(order[i], order[(seed >> 8) % (i + 1)]);
        }
    return order;
}

static std::map<std::pair<int, std::string>, Thunk>& kernels() {
    static std::map<std::pair<int, std::string>, Thunk> all;
    return all;
}

Registration::Registration(int architecture, const char* name, Thunk thunk) { kernels()[{architecture, name}] = thunk; }

}  // namespace shim

using namespace shim;

// 0: done; 1: no such kernel.
extern "C" int shim_launch(int architecture, const char* name, const unsigned* grid, const unsigned* block,
                           size_t shared_bytes, void** arguments, int schedule, unsigned seed, int os_threads) {
    auto found = kernels().find({architecture, name});
    if (found == kernels().end()) return 1;
    uint64_t blocks = (uint64_t)grid[0] * grid[1] * grid[2];
    int threads = (int)(block[0] * block[1] * block[2]);
    std::atomic<uint64_t> next{0};
    auto work = [&] {
        Scheduler s;
        scheduler = &s;
        s.kernel = found->second;
        s.arguments = arguments;
        s.threads.resize(threads);
        s.copies.resize(threads);
        s.warps.resize((threads + 31) / 32);
        s.order = order_of(threads, (Schedule)schedule, seed);
        s.greedy = schedule == GreedyUp || schedule == GreedyDown;
        size_t room = threads * STACK_BYTES;
        char* stacks = (char*)mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (stacks == MAP_FAILED) {
            fprintf(stderr, "shim: no memory for the stacks of %d threads\n", threads);
            abort();
        }
        for (int t = 0; t < threads; t++) {
            s.threads[t].fiber.stack = stacks + t * STACK_BYTES;
            s.threads[t].lane = t % 32;
            s.threads[t].warp = t / 32;
            s.threads[t].index = {t % block[0], t / block[0] % block[1], t / (block[0] * block[1])};
        }
        // Exactly as large as asked for, so that a sanitizer sees the first byte beyond it.
        s.shared_bytes = shared_bytes;
        shared_memory = (unsigned char*)aligned_alloc(16, shared_bytes ? (shared_bytes + 15) / 16 * 16 : 16);
        grid_size = {grid[0], grid[1], grid[2]};
        block_size = {block[0], block[1], block[2]};
        for (uint64_t b; (b = next.fetch_add(1)) < blocks;) {
            block_index = {(unsigned)(b % grid[0]), (unsigned)(b / grid[0] % grid[1]), (unsigned)(b / ((uint64_t)grid[0] * grid[1]))};
            run_block();
        }
        free(shared_memory);
        munmap(stacks, room);
        scheduler = nullptr;
        thread = nullptr;
    };
    if (os_threads <= 1) work();
    else {
        std::vector<std::thread> pool;
        for (int i = 0; i < os_threads; i++) pool.emplace_back(work);
        for (std::thread& t : pool) t.join();
    }
    return 0;
}
