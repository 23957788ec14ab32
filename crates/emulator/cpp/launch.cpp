// Launches: which kernels there are, what a GPU would refuse, and blocks on OS threads.
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <map>
#include <mutex>
#include <numeric>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "isolation.h"
#include "registration.h"

namespace emulator {

static std::map<std::tuple<int, std::string, std::string>, Kernel>& kernels() {
    static std::map<std::tuple<int, std::string, std::string>, Kernel> all;
    return all;
}

static unsigned last_bound;
Bound::Bound(unsigned threads) { last_bound = threads; }

Registration::Registration(int architecture, const char* name, const char* file, std::vector<Parameter> parameters,
                           void (*run)(void**)) {
    kernels()[{architecture, file, name}] = Kernel{name, file, last_bound, std::move(parameters), run};
}

// What the driver would say, or nothing. The larger architecture stands for sm_80 and later, of which
// sm_86 has the least shared memory.
static std::string refusal(const Launch& l, int architecture, const size_t* sizes, size_t arguments) {
    auto number = [](uint64_t n) { return std::to_string(n); };
    const std::vector<Parameter>& parameters = l.kernel->parameters;
    if (arguments != parameters.size()) return "it takes " + number(parameters.size()) + " arguments, not " + number(arguments);
    for (size_t i = 0; i < arguments; i++)
        if (sizes[i] != parameters[i].bytes)
            return "argument " + number(i + 1) + " takes " + number(parameters[i].bytes) + " bytes, not " + number(sizes[i]);
    if (!l.grid.x || !l.grid.y || !l.grid.z) return "a grid without blocks";
    if (l.grid.x > 0x7fffffffu || l.grid.y > 65535 || l.grid.z > 65535)
        return "a grid of " + number(l.grid.x) + "," + number(l.grid.y) + "," + number(l.grid.z) + " blocks is too large";
    uint64_t threads = (uint64_t)l.block.x * l.block.y * l.block.z;
    if (threads == 0 || threads > l.kernel->threads)
        return "a block of " + number(threads) + " threads, where the kernel is made for 1 to " + number(l.kernel->threads);
    size_t room = architecture < 800 ? 64 << 10 : 99 << 10;
    if (l.shared_bytes > room) return number(l.shared_bytes) + " bytes of shared memory, where a block has " + number(room);
    return "";
}

// Blocks of one launch, taken one after the other by one or more OS threads.
struct Blocks {
    const Launch& launch;
    uint64_t count = (uint64_t)launch.grid.x * launch.grid.y * launch.grid.z;
    std::vector<uint32_t> shuffled;
    std::atomic<uint64_t> next{0};
    std::mutex lock;
    uint64_t failed = ~0ull;  // the first block of those taken that failed, and why
    std::string error;

    explicit Blocks(const Launch& launch) : launch(launch) {
        if (launch.schedule != Isolated) return;
        shuffled.resize(count);
        std::iota(shuffled.begin(), shuffled.end(), 0);
        uint64_t random = launch.seed;
        for (uint64_t i = count; i > 1; i--) {
            random = random * 6364136223846793005ull + 1442695040888963407ull;
            std::swap(shuffled[i - 1], shuffled[(random >> 33) % i]);
        }
    }

    // The block at a place in the schedule's order: work of one block that another one relies on, or
    // that both write, shows when the order changes.
    Index3 at(uint64_t turn) const {
        bool down = launch.schedule == Reverse || launch.schedule == GreedyDown;
        uint64_t b = launch.schedule == Isolated ? shuffled[turn] : down ? count - 1 - turn : turn;
        return {(unsigned)(b % launch.grid.x), (unsigned)(b / launch.grid.x % launch.grid.y),
                (unsigned)(b / launch.grid.x / launch.grid.y)};
    }

    // Runs blocks until none is left or `after` says no.
    template <class After> void run(After after) {
        catch_faults();
        Scheduler* scheduler = make_scheduler(launch);
        for (uint64_t turn; (turn = next.fetch_add(1)) < count;) {
            if (isolation) isolation->enter();
            std::string wrong = run_block(*scheduler, at(turn));
            if (isolation && wrong.empty()) wrong = isolation->leave();
            if (!wrong.empty()) {
                next = count;
                std::lock_guard<std::mutex> guard(lock);
                if (turn < failed) failed = turn, error = wrong;
                break;
            }
            if (!after()) break;
        }
        drop_scheduler(scheduler);
    }

    // Others join only where the launch has lasted longer than it takes to start them.
    void run_on(int os_threads) {
        using Clock = std::chrono::steady_clock;
        auto begin = Clock::now();
        bool alone = os_threads > 1;
        run([&] { return !alone || Clock::now() - begin < std::chrono::milliseconds(2); });
        if (next >= count) return;
        std::vector<std::thread> others;
        for (int i = 1; i < os_threads; i++) others.emplace_back([&] { run([] { return true; }); });
        run([] { return true; });
        for (std::thread& other : others) other.join();
    }
};

}  // namespace emulator

using namespace emulator;

// 0: done; 1: no such kernel; 2: refused; 3: failed. Writes what is wrong to `text`.
// Address space for so many bytes, of which only those count that are touched; null if there is none.
extern "C" void* emulator_reserve(size_t bytes) {
    void* start = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return start == MAP_FAILED ? nullptr : start;
}

extern "C" void emulator_release(void* start, size_t bytes) { munmap(start, bytes); }

// The most threads of a kernel's blocks; 0 where there is no such kernel.
extern "C" unsigned emulator_bound(int architecture, const char* file, const char* name) {
    auto found = kernels().find({architecture, file, name});
    return found == kernels().end() ? 0 : found->second.threads;
}

extern "C" int emulator_launch(int architecture, const char* file, const char* name, const unsigned* grid, const unsigned* block,
                           size_t shared_bytes, void** arguments, const size_t* argument_sizes, size_t argument_count, int schedule, unsigned seed,
                           int os_threads, const Allocation* allocations, size_t allocation_count, char* text, size_t room) {
    auto answer = [&](int code, const std::string& what) {
        text[what.copy(text, room - 1)] = 0;
        return code;
    };
    auto found = kernels().find({architecture, file, name});
    if (found == kernels().end()) return 1;
    Launch launch{&found->second, arguments, {grid[0], grid[1], grid[2]}, {block[0], block[1], block[2]},
                  shared_bytes, (Schedule)schedule, seed};
    std::string refused = refusal(launch, architecture, argument_sizes, argument_count);
    if (!refused.empty()) return answer(2, refused);
    Blocks blocks(launch);
    if (launch.schedule == Isolated) {
        Isolation isolation(launch, allocations, allocation_count);
        blocks.run_on(1);
    } else {
        blocks.run_on(os_threads);
    }
    return blocks.failed == ~0ull ? 0 : answer(3, blocks.error);
}
