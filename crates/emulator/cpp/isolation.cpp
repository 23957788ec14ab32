#include "isolation.h"

#include <algorithm>
#include <cstring>

namespace emulator {

__thread Isolation* isolation;

// Memory is compared a page at a time.
constexpr size_t PAGE = 4096;
// Larger allocations stay shared: copies of them would take longer than what they are for.
constexpr size_t LARGEST = 64 << 20;

Isolation::Isolation(const Launch& launch, const Allocation* allocations, size_t count) {
    const std::vector<Parameter>& parameters = launch.kernel->parameters;
    for (size_t i = 0; i < parameters.size(); i++) {
        if (parameters[i].read_only) continue;
        // Also in structs: whatever could be an address.
        for (size_t at = 0; at + 8 <= parameters[i].bytes; at += 8) {
            uint64_t address;
            memcpy(&address, (const unsigned char*)launch.arguments[i] + at, 8);
            add(address, allocations, count);
        }
    }
    isolation = this;
}

void Isolation::add(uint64_t address, const Allocation* allocations, size_t count) {
    for (const Allocation* a = allocations; a < allocations + count; a++) {
        unsigned char* start = (unsigned char*)a->address;
        bool here = address >= a->address && address - a->address < a->bytes && a->bytes < LARGEST;
        if (!here || std::any_of(parts.begin(), parts.end(), [&](Part& part) { return part.start == start; })) continue;
        std::vector<unsigned char> bytes(start, start + a->bytes);
        parts.push_back({start, bytes, bytes, bytes, bytes, std::vector<bool>((a->bytes + PAGE - 1) / PAGE)});
    }
}

Isolation::~Isolation() {
    for (Part& part : parts) memcpy(part.start, part.after.data(), part.after.size());
    isolation = nullptr;
}

size_t Isolation::bytes() const {
    size_t sum = 0;
    for (const Part& part : parts) sum += part.before.size();
    return sum;
}

void Isolation::enter() {
    fenced.clear();
    fences = 0;
    open = false;
}

// Each byte in which memory, or one of a part's pictures of it, is not as the block has seen it.
template <class Each> void Isolation::each_difference(const std::vector<unsigned char> Part::*from, Each each) {
    for (Part& part : parts) {
        const unsigned char* other = from ? (part.*from).data() : part.start;
        for (size_t at = 0, size = part.seen.size(); at < size; at += PAGE) {
            size_t end = std::min(at + PAGE, size);
            if (!memcmp(other + at, part.seen.data() + at, end - at)) continue;
            part.touched[at / PAGE] = true;
            for (size_t byte = at; byte < end; byte++)
                if (other[byte] != part.seen[byte]) each(part, byte);
        }
    }
}

// Takes note of what the block has written since the last time.
std::string Isolation::take_note(bool behind_fence) {
    std::string wrong;
    each_difference(nullptr, [&](Part& part, size_t at) {
        if (part.after[at] != part.seen[at] && wrong.empty())
            wrong = "it writes byte " + std::to_string(at) + " of an allocation of " + std::to_string(part.seen.size()) +
                    " bytes, which another block of the launch has written";
        part.after[at] = part.seen[at] = part.start[at];
        if (behind_fence) fenced.push_back({&part, at});
    });
    return wrong;
}

void Isolation::fence() {
    fences++;
    // To look at all memory for each of many fences would take too long: then what comes behind the last one, up to
    // the atomic operation, counts as if it stood before it.
    open = budget < bytes();
    if (open) return;
    budget -= bytes();
    std::string wrong = take_note(true);
    if (!wrong.empty()) fail(wrong);
}

bool Isolation::owns(const void* address) const {
    return std::any_of(parts.begin(), parts.end(), [&](const Part& part) {
        return address >= part.start && address < part.start + part.seen.size();
    });
}

void Isolation::arrive(const Place& place) {
    if (fences == 0) {
        bool wrote = false;
        each_difference(nullptr, [&](Part&, size_t) { wrote = true; });
        if (wrote) fail(words(place) + ": the block has written, and there is no __threadfence behind it");
    }
    if (open) {
        std::string wrong = take_note(true);
        if (!wrong.empty()) fail(wrong);
        open = false;
    }
    for (const Byte& byte : fenced) byte.part->shown[byte.at] = byte.part->seen[byte.at];
    fenced.clear();
    each_difference(&Part::shown, [](Part& part, size_t at) {
        // What the block has written since its fence stays its own.
        if (part.start[at] == part.seen[at]) part.start[at] = part.shown[at];
        part.seen[at] = part.shown[at];
    });
}

void Isolation::settle(const uint32_t* number) {
    for (Part& part : parts) {
        size_t at = (const unsigned char*)number - part.start;
        if ((const unsigned char*)number < part.start || at >= part.seen.size()) continue;
        for (std::vector<unsigned char>* picture : {&part.seen, &part.shown, &part.after})
            memcpy(picture->data() + at, number, sizeof *number);
        part.touched[at / PAGE] = true;
    }
}

void Isolation::mark(uint32_t* number, uint32_t bits) {
    *number |= bits;
    uint32_t& before = marked[number];
    for (Part& part : parts) {
        size_t at = (const unsigned char*)number - part.start;
        if ((const unsigned char*)number < part.start || at >= part.seen.size()) continue;
        uint32_t first, after;
        memcpy(&first, part.before.data() + at, sizeof first);
        memcpy(&after, part.after.data() + at, sizeof after);
        if (after != (first | before)) fail("it sets bits of a number that another block of the launch has written");
        before |= bits;
        // Each picture keeps the bits that other blocks have set in it.
        for (std::vector<unsigned char>* picture : {&part.seen, &part.after}) {
            uint32_t old;
            memcpy(&old, picture->data() + at, sizeof old);
            old |= bits;
            memcpy(picture->data() + at, &old, sizeof old);
        }
        part.touched[at / PAGE] = true;
    }
}

std::string Isolation::leave() {
    std::string wrong = take_note(false);
    if (!wrong.empty()) return whereabouts() + ": " + wrong;
    for (Part& part : parts)
        for (size_t page = 0; page < part.touched.size(); page++) {
            if (!part.touched[page]) continue;
            size_t at = page * PAGE, size = std::min(PAGE, part.seen.size() - at);
            memcpy(part.start + at, part.before.data() + at, size);
            memcpy(part.seen.data() + at, part.before.data() + at, size);
            part.touched[page] = false;
        }
    return "";
}

}  // namespace emulator
