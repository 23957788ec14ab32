// A driver and an NVRTC without a GPU, for tests of the host's side: host memory stands for the device's.
//
// Work is only written down when it is ordered, and done when it is waited for, as late as a real device
// might: what is used or freed too early shows. With "eager copies" the copies of all streams but the first
// are done as early as events allow instead: what is written over too early shows. The kernel `take_row`
// is the only one; the others do nothing. What goes wrong is chosen by the variable FAKE.
//
// A kernel's fault is sticky, as NVIDIA documents it: every call fails from then on, in every context, until the process is another
// one; and a process that asks for another context dies. Which kernel fails in which process is said by FAULTS, as "900 1200 0": the
// 900th in the first, the 1,200th in the second, none in the third. Processes are counted by lines of the file PROCESSES.
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OK = 0, INVALID = 1, NO_MEMORY = 2, DEVICE_BUSY = 46, NO_DEVICE = 100, NEW_PTX = 222, NOT_FOUND = 500, ILLEGAL_ADDRESS = 700
};

static int wrong(const char* what) {
    const char* chosen = getenv("FAKE");
    return chosen && !strcmp(chosen, what);
}

static void die(const char* why) {
    fprintf(stderr, "FAKE DRIVER: %s\n", why);
    abort();
}

// Threads take turns: LOCKED holds until the function ends.
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static void end_turn(int* held) { (void)held, pthread_mutex_unlock(&turn); }
#define LOCKED                        \
    pthread_mutex_lock(&turn);        \
    __attribute__((cleanup(end_turn))) int held = 0; \
    (void)held

// ---- work: a list for each stream, of which some is done, and one that is captured

typedef struct Stream Stream;

typedef struct {
    enum { COPY, FILL, KERNEL, WAIT } kind;
    uint64_t to, from;
    size_t bytes;
    int byte;
    char name[64];
    uint64_t arguments[5];
    // For this much of another stream.
    Stream* other;
    int until;
    // That it is a part of, if it is of one.
    void* graph;
} Work;

typedef struct { Work* items; int count, room; } List;

struct Stream { List list, captured; int done, capturing; Stream* next; };

// An event is a place in a stream; one that was not recorded is no reason to wait.
typedef struct { Stream* stream; int place; unsigned flags; } Event;

static Stream* streams;
static Stream* first_stream;
static int lost, allocated;
static int contexts = 1;

static void add(List* list, const Work* work) {
    if (list->count == list->room) {
        list->room = list->room ? 2 * list->room : 64;
        list->items = realloc(list->items, (size_t)list->room * sizeof(Work));
    }
    list->items[list->count++] = *work;
}

// The number of the kernel that fails in this process; 0 if none does.
static long failing_kernel(void) {
    static long number = -1;
    if (number >= 0) return number;
    if (wrong("fault")) return number = 1;
    const char *faults = getenv("FAULTS"), *path = getenv("PROCESSES");
    if (!faults || !path) return number = 0;
    FILE* file = fopen(path, "a+");
    int before = 0;
    rewind(file);
    for (int c; (c = fgetc(file)) != EOF;) before += c == '\n';
    fprintf(file, "process\n"), fclose(file);
    char* rest = (char*)faults;
    for (int i = 0; i <= before; i++) number = strtol(rest, &rest, 10);
    return number;
}

static long kernels_run;

static void do_one(const Work* w) {
    if (w->kind == COPY) memcpy((void*)w->to, (void*)w->from, w->bytes);
    if (w->kind == FILL) memset((void*)w->to, w->byte, w->bytes);
    if (w->kind == KERNEL && ++kernels_run == failing_kernel()) lost = 1;
    if (w->kind == KERNEL && !lost && !strcmp(w->name, "take_row")) {
        uint32_t *table = (uint32_t*)w->arguments[0], *counter = (uint32_t*)w->arguments[1];
        uint32_t *row = (uint32_t*)w->arguments[2], words = (uint32_t)w->arguments[3], rows = (uint32_t)w->arguments[4];
        uint32_t number = *counter < rows ? *counter : rows - 1;
        memcpy(row, table + (size_t)number * words, 4 * (size_t)words);
        ++*counter;
    }
}

// What can be done without any work of the first stream.
static void do_eagerly(void) {
    for (Stream* s = streams; s; s = s->next)
        while (s != first_stream && s->done < s->list.count) {
            Work w = s->list.items[s->done];
            if (w.kind == WAIT && w.other->done < w.until) break;
            do_one(&w);
            s->done++;
        }
}

static int do_until(Stream* stream, int place) {
    while (stream->done < place) {
        int at = stream->done;
        Work w = stream->list.items[at];
        if (w.kind == WAIT) do_until(w.other, w.until);
        if (stream->done > at) continue;  // done eagerly meanwhile
        do_one(&w);
        stream->done++;
        if (stream == first_stream && wrong("eager copies")) do_eagerly();
    }
    return lost ? ILLEGAL_ADDRESS : OK;
}

static int order(Stream* stream, const Work* work) {
    if (lost) return ILLEGAL_ADDRESS;
    add(stream->capturing ? &stream->captured : &stream->list, work);
    if (!stream->capturing && wrong("eager copies")) do_eagerly();
    return OK;
}

// Whether work that was ordered is still to touch some bytes. Of kernels only take_row is known to touch any.
static int used(uint64_t start, size_t bytes) {
    for (Stream* s = streams; s; s = s->next)
        for (int i = s->done; i < s->list.count; i++) {
            Work* w = &s->list.items[i];
            for (int a = 0; w->kind == KERNEL && a < 3; a++)
                if (start <= w->arguments[a] && w->arguments[a] < start + bytes) return 1;
            if (w->kind != COPY && w->kind != FILL) continue;
            if (w->to < start + bytes && start < w->to + w->bytes) return 1;
            if (w->kind == COPY && w->from < start + bytes && start < w->from + w->bytes) return 1;
        }
    return 0;
}

static int runs(void* graph) {
    for (Stream* s = streams; s; s = s->next)
        for (int i = s->done; i < s->list.count; i++)
            if (s->list.items[i].graph == graph) return 1;
    return 0;
}

// What was allocated, with its length in front: freed is what nothing will touch, on whatever stream.
enum { HEAD = 256 };

// ---- the driver

// The first line of each call that needs the card.
#define CARD(place)                                         \
    do {                                                    \
        if (lost) return ILLEGAL_ADDRESS;                   \
        if (wrong("no memory for " place)) return NO_MEMORY; \
    } while (0)

int cuInit(unsigned flags) { (void)flags; return wrong("no device") ? NO_DEVICE : OK; }
int cuDriverGetVersion(int* version) { *version = wrong("old driver") ? 11040 : 12040; return OK; }
int cuDeviceGetCount(int* count) { *count = wrong("hidden") ? 0 : 1; return OK; }
int cuDeviceGet(int* device, int number) { *device = number; return OK; }
int cuDeviceGetName(char* name, int room, int device) { (void)device; snprintf(name, (size_t)room, "Fake GPU"); return OK; }
int cuDeviceGetAttribute(int* value, int attribute, int device) {
    (void)device;
    switch (attribute) {
        case 75: *value = wrong("old card") ? 6 : wrong("new compiler, newer card") ? 12 : 8; break;
        case 76: *value = wrong("old card") ? 1 : wrong("new compiler, newer card") ? 0 : 6; break;
        case 97: *value = 99 << 10; break;
        default: *value = 1;
    }
    return OK;
}
int cuCtxCreate_v3(void** context, void* p, int n, unsigned flags, int device) {
    LOCKED;
    (void)p, (void)n, (void)flags, (void)device;
    if (lost) die("another context is asked for after a fault");
    if (wrong("busy")) return DEVICE_BUSY;
    if (wrong("no memory for a context")) return NO_MEMORY;
    failing_kernel();
    *context = (void*)(intptr_t)contexts++;
    return OK;
}
static _Thread_local void* current;
int cuCtxDestroy_v2(void* context) { (void)context; return OK; }
int cuCtxGetCurrent(void** context) { *context = current; return OK; }
int cuCtxSetCurrent(void* context) { current = context; return OK; }
int cuMemGetInfo_v2(size_t* left, size_t* total) { if (lost) return ILLEGAL_ADDRESS; *left = 4ull << 30, *total = 8ull << 30; return OK; }
int cuStreamCreate(void** stream, unsigned flags) {
    LOCKED;
    (void)flags;
    CARD("a stream");
    Stream* made = calloc(1, sizeof *made);
    made->next = streams, streams = made;
    if (!first_stream) first_stream = made;
    *stream = made;
    return OK;
}
// A stream's work is known for as long as the process runs, because events name places in it.
int cuStreamDestroy_v2(void* stream) { (void)stream; return OK; }
int cuStreamSynchronize(void* stream) {
    LOCKED;
    if (((Stream*)stream)->capturing) die("waiting while work is captured");
    return do_until(stream, ((Stream*)stream)->list.count);
}
int cuStreamWaitEvent(void* stream, void* event, unsigned flags) {
    LOCKED;
    (void)flags;
    Event* e = event;
    if (!e->stream) return OK;
    Work work = {.kind = WAIT, .other = e->stream, .until = e->place};
    return order(stream, &work);
}
int cuEventCreate(void** event, unsigned flags) {
    CARD("an event");
    Event* made = calloc(1, sizeof *made);
    made->flags = flags;
    *event = made;
    return OK;
}
int cuEventDestroy_v2(void* event) { free(event); return OK; }
int cuEventRecord(void* event, void* stream) {
    LOCKED;
    Event* e = event;
    if (((Stream*)stream)->capturing) die("an event is recorded while work is captured");
    e->stream = stream, e->place = ((Stream*)stream)->list.count;
    return lost ? ILLEGAL_ADDRESS : OK;
}
int cuEventSynchronize(void* event) {
    LOCKED;
    Event* e = event;
    if (!(e->flags & 1)) die("the host spins while it waits for an event");
    if (lost) return ILLEGAL_ADDRESS;
    return e->stream ? do_until(e->stream, e->place) : OK;
}
int cuEventElapsedTime(float* milliseconds, void* start, void* end) { (void)start, (void)end; *milliseconds = 2; return OK; }
int cuEventElapsedTime_v2(float* milliseconds, void* start, void* end) { return cuEventElapsedTime(milliseconds, start, end); }
int cuMemAlloc_v2(uint64_t* address, size_t bytes) {
    LOCKED;
    CARD("anything");
    if (bytes == 0) return INVALID;
    if (bytes > 1ull << 30) return NO_MEMORY;
    size_t* head = aligned_alloc(HEAD, HEAD + (bytes + 255) / 256 * 256);
    *head = bytes;
    *address = (uint64_t)head + HEAD;
    // The same in each run, where a kernel that does nothing should have written.
    memset((void*)*address, 0, bytes);
    allocated++;
    return OK;
}
int cuMemFree_v2(uint64_t address) {
    LOCKED;
    size_t* head = (size_t*)(address - HEAD);
    if (used(address, *head)) die("memory is freed before the work is done");
    free(head);
    allocated--;
    return OK;
}
// Page-locked memory knows its length.
int cuMemHostAlloc(void** memory, size_t bytes, unsigned flags) {
    (void)flags;
    CARD("pinned memory");
    size_t* head = malloc(bytes + 64);
    *head = bytes;
    *memory = (char*)head + 64;
    return OK;
}
int cuMemFreeHost(void* memory) {
    LOCKED;
    size_t* head = (size_t*)((char*)memory - 64);
    if (used((uint64_t)memory, *head)) die("page-locked memory is freed before the work is done");
    free(head);
    return OK;
}
int cuMemcpyHtoDAsync_v2(uint64_t to, const void* from, size_t bytes, void* stream) {
    LOCKED;
    Work work = {.kind = COPY, .to = to, .from = (uint64_t)from, .bytes = bytes};
    return order(stream, &work);
}
int cuMemcpyDtoHAsync_v2(void* to, uint64_t from, size_t bytes, void* stream) {
    LOCKED;
    Work work = {.kind = COPY, .to = (uint64_t)to, .from = from, .bytes = bytes};
    return order(stream, &work);
}
int cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t bytes, void* stream) {
    LOCKED;
    Work work = {.kind = COPY, .to = to, .from = from, .bytes = bytes};
    return order(stream, &work);
}
int cuMemsetD8Async(uint64_t to, unsigned char byte, size_t bytes, void* stream) {
    LOCKED;
    Work work = {.kind = FILL, .to = to, .byte = byte, .bytes = bytes};
    return order(stream, &work);
}
int cuModuleLoadData(void** module, const void* image) {
    CARD("a module");
    if (wrong("refuses ptx")) return NEW_PTX;
    if (memcmp(image, "code of ", 8)) die("a module that the compiler did not make");
    *module = (void*)0x20;
    return OK;
}
int cuModuleUnload(void* module) { (void)module; return OK; }
int cuModuleGetFunction(void** function, void* module, const char* name) {
    (void)module;
    if (wrong("no kernel") || strncmp(name, "_Z_", 3)) return NOT_FOUND;
    *function = strdup(name + 3);
    return OK;
}
int cuFuncSetAttribute(void* function, int attribute, int value) { (void)function; return attribute == 8 && value <= 99 << 10 ? OK : INVALID; }
int cuLaunchKernel(void* function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                   unsigned shared, void* stream, void** arguments, void** extra) {
    LOCKED;
    (void)shared, (void)extra;
    CARD("a launch");
    if (!gx || !gy || !gz || bx * by * bz > 1024) return INVALID;
    Work work = {.kind = KERNEL};
    snprintf(work.name, sizeof work.name, "%s", (const char*)function);
    if (!strcmp(work.name, "take_row")) {
        for (int i = 0; i < 3; i++) work.arguments[i] = *(uint64_t*)arguments[i];
        for (int i = 3; i < 5; i++) work.arguments[i] = *(uint32_t*)arguments[i];
    }
    return order(stream, &work);
}
int cuStreamBeginCapture_v2(void* stream, int mode) {
    LOCKED;
    Stream* s = stream;
    (void)mode;
    s->capturing = 1, s->captured.count = 0;
    return OK;
}
int cuStreamEndCapture(void* stream, void** graph) {
    LOCKED;
    Stream* s = stream;
    List* list = calloc(1, sizeof *list);
    for (int i = 0; i < s->captured.count; i++) add(list, &s->captured.items[i]);
    s->capturing = 0;
    *graph = list->count ? list : NULL;
    return OK;
}
int cuGraphInstantiateWithFlags(void** executable, void* graph, unsigned long long flags) {
    (void)flags;
    CARD("a graph");
    *executable = graph;
    return OK;
}
#ifndef WITHOUT_UPLOAD
int cuGraphUpload(void* executable, void* stream) { (void)executable, (void)stream; CARD("an upload"); return OK; }
#endif
int cuGraphLaunch(void* executable, void* stream) {
    LOCKED;
    List* list = executable;
    if (lost) return ILLEGAL_ADDRESS;
    for (int i = 0; i < list->count; i++) {
        Work work = list->items[i];
        work.graph = executable;
        order(stream, &work);
    }
    return OK;
}
int cuGraphExecDestroy(void* executable) {
    LOCKED;
    if (runs(executable)) die("a graph is destroyed before the work is done");
    free(((List*)executable)->items);
    return OK;
}
int cuGraphDestroy(void* graph) { free(graph); return OK; }
int cuGetErrorName(int error, const char** text) {
    *text = error == ILLEGAL_ADDRESS ? "CUDA_ERROR_ILLEGAL_ADDRESS" : error == NO_MEMORY ? "CUDA_ERROR_OUT_OF_MEMORY" : "CUDA_ERROR";
    return OK;
}
int cuGetErrorString(int error, const char** text) {
    *text = error == ILLEGAL_ADDRESS ? "an illegal memory access was encountered" : error == NO_MEMORY ? "out of memory" : "an error";
    return OK;
}

// ---- NVRTC: the code is a sentence about the source; each compilation adds a line to the file COMPILED

typedef struct { char *name, entry[64]; } Program;

int nvrtcVersion(int* major, int* minor) {
    *major = wrong("newest compiler") ? 13 : 12;
    *minor = wrong("new compiler") || wrong("new compiler, newer card") ? 8 : 4;
    return OK;
}
int nvrtcGetNumSupportedArchs(int* count) { *count = 2; return OK; }
int nvrtcGetSupportedArchs(int* list) { list[0] = 75, list[1] = 86; return OK; }
int nvrtcCreateProgram(void** program, const char* text, const char* name, int headers, const char** texts, const char** names) {
    (void)headers, (void)texts, (void)names;
    Program* p = malloc(sizeof *p);
    (void)text, p->name = strdup(name), p->entry[0] = 0;
    *program = p;
    return OK;
}
int nvrtcDestroyProgram(void** program) { free(((Program*)*program)->name); free(*program); return OK; }
// The name of take_row<...> in the code is _Z_take_row, and only kernels that were asked for have one.
int nvrtcAddNameExpression(void* program, const char* name) {
    Program* p = program;
    if (p->entry[0]) return INVALID;
    snprintf(p->entry, sizeof p->entry, "_Z_%.*s", (int)strcspn(name, "<"), name);
    return OK;
}
int nvrtcGetLoweredName(void* program, const char* name, const char** entry) {
    Program* p = program;
    *entry = p->entry;
    return strncmp(p->entry + 3, name, strcspn(name, "<")) ? INVALID : OK;
}
int nvrtcCompileProgram(void* program, int count, const char** options) {
    FILE* file = getenv("COMPILED") ? fopen(getenv("COMPILED"), "a") : NULL;
    if (file) fprintf(file, "%s %s\n", ((Program*)program)->name, count ? options[0] : ""), fclose(file);
    return wrong("does not compile") ? 6 : OK;
}
int nvrtcGetProgramLogSize(void* program, size_t* size) { (void)program; *size = 32; return OK; }
int nvrtcGetProgramLog(void* program, char* log) { (void)program; strcpy(log, "line 1: error"); return OK; }
int nvrtcGetCUBINSize(void* program, size_t* size) { *size = 9 + strlen(((Program*)program)->name); return OK; }
int nvrtcGetCUBIN(void* program, char* image) { sprintf(image, "code of %s", ((Program*)program)->name); return OK; }
int nvrtcGetPTXSize(void* program, size_t* size) { return nvrtcGetCUBINSize(program, size); }
int nvrtcGetPTX(void* program, char* image) { return nvrtcGetCUBIN(program, image); }
