#include "block.h"

#include <cstdlib>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

namespace emulator {

__thread Thread* thread;
__thread Index3 block_index, block_size, grid_size;
__thread unsigned char* shared_memory;
__thread size_t shared_bytes;

// Positions of the threads that can go on.
struct Ready {
    uint64_t words[16];  // a block has at most 1024 threads

    void add(int position) { words[position / 64] |= 1ull << position % 64; }
    void remove(int position) { words[position / 64] &= ~(1ull << position % 64); }
    // The first from here on, or -1.
    int next(int position) const {
        for (int word = position / 64; word < 16; word++, position = word * 64) {
            uint64_t rest = words[word] >> position % 64;
            if (rest) return position + __builtin_ctzll(rest);
        }
        return -1;
    }
};

// Copies of a thread in the order in which it asked for them.
struct Copies {
    std::vector<Copy> pending;
    std::vector<size_t> groups;  // how many of them each closed group has
    size_t open = 0;             // those behind the last group
};

struct Scheduler {
    const Launch* launch;
    std::vector<Thread> threads;
    std::vector<Copies> copies;
    std::vector<Warp> warps;
    std::vector<int> order;  // the thread at each position
    Ready ready;
    int position = 0, live = 0, at_barrier = 0;
    bool brought[2] = {};  // by some thread to this barrier, to the one before
    Thread host{};
    std::string error;
};

static __thread Scheduler* scheduler;

// ---- failures

static std::string words(Index3 at) {
    return std::to_string(at.x) + "," + std::to_string(at.y) + "," + std::to_string(at.z);
}

std::string words(const Place& place) {
    const char* file = strrchr(place.file, '/');
    return std::string(place.what) + " of " + (file ? file + 1 : place.file) + ":" + std::to_string(place.line);
}

std::string whereabouts() {
    if (!scheduler) return "";
    std::string text = "kernel " + scheduler->launch->kernel->name + ", block " + words(block_index);
    if (thread != &scheduler->host) text += ", thread " + words(thread->index);
    return text;
}

static void go_to(Thread* next) {
    Thread* from = thread;
    if (from == next) return;
    thread = next;
    switch_fiber(from->fiber, next->fiber, from->state == State::Done);
}

void fail(const std::string& what) {
    scheduler->error = whereabouts() + ": " + what;
    thread->state = State::Done;
    go_to(&scheduler->host);
    abort();  // nobody comes back to a thread that is done
}

// Where the block's threads are that wait, with their numbers.
static std::string who_waits() {
    std::map<std::string, int> places;
    for (const Thread& t : scheduler->threads)
        if (t.state == State::AtBarrier || t.state == State::AtWarp) places[words(t.place)]++;
    std::string text;
    for (const auto& [place, count] : places)
        text += (text.empty() ? "" : ", ") + std::to_string(count) + " at " + place;
    return text;
}

static bool same(const Place& a, const Place& b) {
    return a.line == b.line && (a.what == b.what || !strcmp(a.what, b.what)) && (a.file == b.file || !strcmp(a.file, b.file));
}

// ---- taking turns

static void go_on() {
    Scheduler& s = *scheduler;
    bool greedy = s.launch->schedule == GreedyUp || s.launch->schedule == GreedyDown;
    int next = s.ready.next(greedy ? 0 : s.position + 1);
    if (next < 0) next = s.ready.next(0);
    if (next < 0 && s.live == 0) return go_to(&s.host);
    if (next < 0) fail("deadlock, threads wait for others that never come: " + who_waits());
    s.position = next;
    go_to(&s.threads[s.order[next]]);
}

static void wait(State state, const Place& place) {
    thread->state = state;
    thread->place = place;
    scheduler->ready.remove(thread->position);
}

static void wake(Thread& t) {
    t.state = State::Ready;
    scheduler->ready.add(t.position);
}

bool barrier(const Place& place, bool brings) {
    Scheduler& s = *scheduler;
    int count = (int)s.threads.size();
    if (s.live != count) fail("it waits at " + words(place) + ", which " + std::to_string(count - s.live) + " threads never reach: they have ended");
    wait(State::AtBarrier, place);
    s.brought[0] |= brings;
    if (++s.at_barrier < count) {
        go_on();
        // A thread that is ahead may have come to the next barrier, but not have left it.
        return s.brought[1];
    }
    for (Thread& t : s.threads)
        if (!same(t.place, place)) fail("threads of one block wait at different barriers: " + who_waits());
    for (Thread& t : s.threads) wake(t);
    s.at_barrier = 0;
    s.brought[1] = std::exchange(s.brought[0], false);
    return s.brought[1];
}

// ---- warps

Warp& warp() { return scheduler->warps[thread->warp]; }

bool warp_arrive(const Place& place, uint32_t mask) {
    Warp& w = warp();
    if ((mask & w.existing) != w.alive)
        fail(words(place) + (mask & w.existing & ~w.alive ? " names lanes that have ended" : " leaves out lanes that run"));
    wait(State::AtWarp, place);
    w.waiting |= 1u << thread->lane;
    return w.waiting == w.alive;
}

void warp_leave(bool last) {
    if (!last) return go_on();
    Warp& w = warp();
    Thread* lanes = &scheduler->threads[thread->warp * 32];
    for (int lane = 0; lane < 32; lane++)
        if (w.waiting >> lane & 1 && !same(lanes[lane].place, thread->place))
            fail("lanes of one warp wait at different places: " + who_waits());
    for (int lane = 0; lane < 32; lane++)
        if (w.waiting >> lane & 1) wake(lanes[lane]);
    w.waiting = 0;
}

// ---- copies

static Copies& copies() { return scheduler->copies[thread - scheduler->threads.data()]; }

void copy_later(const Copy& copy) {
    copies().pending.push_back(copy);
    copies().open++;
}

void copy_group() { copies().groups.push_back(std::exchange(copies().open, 0)); }

void copy_wait(size_t left) {
    Copies& c = copies();
    if (c.groups.size() <= left) return;
    size_t groups = c.groups.size() - left, done = 0;
    for (size_t group = 0; group < groups; group++) done += c.groups[group];
    for (size_t i = 0; i < done; i++) {
        const Copy& copy = c.pending[i];
        if (copy.from) memcpy(copy.to, copy.from, 16);
        else memset(copy.to, 0, 16);
    }
    c.pending.erase(c.pending.begin(), c.pending.begin() + done);
    c.groups.erase(c.groups.begin(), c.groups.begin() + groups);
}

// ---- blocks

static void run_thread() {
    fiber_started();
    Scheduler& s = *scheduler;
    s.launch->kernel->run(s.launch->arguments);
    Warp& w = warp();
    if (s.at_barrier) fail("it ended while others of its block wait: " + who_waits());
    if (w.waiting) fail("it ended while others of its warp wait: " + who_waits());
    s.ready.remove(thread->position);
    w.alive &= ~(1u << thread->lane);
    thread->state = State::Done;
    s.live--;
    go_on();
    abort();  // nobody comes back to a thread that is done
}

static void shuffle(std::vector<int>& order, unsigned seed) {
    for (int i = (int)order.size() - 1; i > 0; i--) {
        seed = seed * 1664525u + 1013904223u;
        std::swap(order[i], order[(seed >> 8) % (i + 1)]);
    }
}

// What lies behind shared memory. A sanitizer has its own.
#if defined(__SANITIZE_ADDRESS__)
constexpr size_t RED_ZONE = 0;
#else
constexpr size_t RED_ZONE = 1024;
#endif

Scheduler* make_scheduler(const Launch& launch) {
    Scheduler* s = new Scheduler;
    s->launch = &launch;
    int threads = (int)(launch.block.x * launch.block.y * launch.block.z);
    s->threads.resize(threads);
    s->copies.resize(threads);
    s->warps.resize((threads + 31) / 32);
    s->order.resize(threads);
    for (int t = 0; t < threads; t++) {
        Thread& made = s->threads[t];
        made.fiber.stack = stack_of(t);
        if (!made.fiber.stack) s->error = "no memory for the stacks of " + std::to_string(threads) + " threads";
        made.lane = t % 32;
        made.warp = t / 32;
        made.index = {t % launch.block.x, t / launch.block.x % launch.block.y, t / (launch.block.x * launch.block.y)};
        s->warps[made.warp].existing |= 1u << made.lane;
        bool down = launch.schedule == Reverse || launch.schedule == GreedyDown;
        s->order[t] = down ? threads - 1 - t : t;
    }
    scheduler = s;
    thread = &s->host;
    grid_size = launch.grid;
    block_size = launch.block;
    // Exactly as large as asked for, so that a sanitizer sees the first byte beyond it.
    shared_bytes = launch.shared_bytes;
    void* room = nullptr;
    if (posix_memalign(&room, 16, shared_bytes + RED_ZONE)) s->error = "no memory for a block's shared memory";
    shared_memory = (unsigned char*)room;
    return s;
}

void drop_scheduler(Scheduler* s) {
    free(shared_memory);
    delete s;
    scheduler = nullptr;
    thread = nullptr;
}

std::string run_block(Scheduler& s, Index3 block) {
    if (!s.error.empty()) return s.error;
    block_index = block;
    s.live = (int)s.threads.size();
    s.at_barrier = 0;
    s.brought[0] = false;
    s.position = -1;
    if (s.launch->schedule == Isolated) shuffle(s.order, s.launch->seed + 31 * (block.x + 31 * (block.y + 31 * block.z)));
    // NaN in every format: what a kernel reads before it was written shows in the result.
    memset(shared_memory, 0xff, shared_bytes + RED_ZONE);
    for (Warp& w : s.warps) {
        w.alive = w.existing;
        w.waiting = 0;
        memset(w.shown, 0xff, sizeof w.shown);
    }
    s.ready = {};
    for (int position = 0; position < s.live; position++) {
        Thread& started = s.threads[s.order[position]];
        started.position = position;
        started.exchanges = 0;
        wake(started);
        prepare(started.fiber, run_thread);
    }
    for (Copies& c : s.copies) c = {};
    thread = &s.host;
    go_on();
    for (size_t i = 0; i < RED_ZONE && s.error.empty(); i++)
        if (shared_memory[shared_bytes + i] != 0xff)
            s.error = whereabouts() + ": it wrote byte " + std::to_string(shared_bytes + i) + " of " +
                      std::to_string(shared_bytes) + " bytes of shared memory";
    return s.error;
}

}  // namespace emulator
