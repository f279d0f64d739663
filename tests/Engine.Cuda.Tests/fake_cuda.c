// A CUDA driver without a card, for tests: it runs no kernel and records every call. Device memory is host memory, so that copies and fills
// work. What a real driver would refuse is refused: no current context, an object of another card, something destroyed before, a block that is no longer
// there, an image that is not ours. Tests set it up and read it through the fake_ functions, other processes through FAKE_CUDA="devices=2,pools=0"; at the
// end of a process the file FAKE_CUDA_REPORT gets a line of what it did.
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

enum { SUCCESS = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NO_DEVICE = 100, INVALID_DEVICE = 101, INVALID_IMAGE = 200, INVALID_CONTEXT = 201, NO_BINARY = 209, INVALID_PTX = 218,
       INVALID_HANDLE = 400, NOT_FOUND = 500, ILLEGAL_ADDRESS = 700, LAUNCH_FAILED = 719, NOT_SUPPORTED = 801, CAPTURE_UNSUPPORTED = 900, CAPTURE_INVALIDATED = 901 };
enum { CONTEXT, STREAM, EVENT, BLOCK, HOST, POOL, MODULE, FUNCTION, GRAPH, NODE, EXECUTABLE, KINDS };

static const char* kind_names[KINDS] = { "contexts", "streams", "events", "blocks", "host", "pools", "modules", "functions", "graphs", "nodes", "executables" };

// Objects keep their memory when they are destroyed, so that a use of them afterwards is seen.
typedef struct object
{
    int kind, device, live;
    struct object *owner, *next; // next: of the live blocks of memory
    char* text;             // a module's PTX, a function's name
    char* binary;           // a block's memory
    size_t size, reserved;  // a block's bytes; a pool's bytes in use and kept
    unsigned grid[3], block, shared;
    int count, widths[64];  // a function's, and a node's, arguments in bytes; 0 is a pointer, and the length of its view follows it
    int parameters[64];     // the parameter that an argument is part of
    uint64_t values[64];
    struct object** nodes;
    unsigned char* enabled;
    struct object* capture; // the graph that a stream captures into
    int invalidated;        // whether that capture has failed
    void (*work)(void*);    // what a library's node does, with what
    void* data;
} object;

static struct { int devices, driver, pools, architecture, threads, captures; long memory; } card;
static struct { char entry[64]; int code, after; } faults[16];
static object *blocks, *contexts[8];
static int retained[8], lost, known_lost, fault_count;
static long launches, loads; // of the process
static long live[KINDS], used_bytes, reserved_bytes, pool_used, pool_peak;
static char *record, *compiler_log;
static size_t record_size, record_room;
static _Thread_local object* current;
static _Thread_local int capture_mode; // global, thread-local, relaxed

static void note(const char* format, ...)
{
    char line[4096];
    va_list list;
    va_start(list, format);
    int length = vsnprintf(line, sizeof line - 1, format, list);
    va_end(list);
    if (length > (int)sizeof line - 2) { length = sizeof line - 2; }
    line[length++] = '\n';
    if (record_size + length + 1 > record_room)
    {
        record_room = 2 * record_room + length + 4096;
        record = realloc(record, record_room);
    }
    memcpy(record + record_size, line, length);
    record_size += length;
    record[record_size] = 0;
}

static int is_sticky(int code) { return code == 700 || (code >= 714 && code <= 719); }

// What an entry point must return at once; 0 to go on.
static int enter(const char* entry)
{
    if (lost && known_lost) { return lost; }
    for (int i = 0; i < fault_count; i++)
    {
        if (strcmp(faults[i].entry, entry) == 0 && faults[i].after-- == 0)
        {
            int code = faults[i].code;
            faults[i] = faults[--fault_count];
            note("%s fails with %d", entry, code);
            if (is_sticky(code)) { lost = code; known_lost = 1; }
            return code;
        }
    }
    return 0;
}

// Held by one thread at a time, until the function returns; what a library's node does may ask the driver meanwhile.
static pthread_mutex_t gate;
static int hold(void) { return pthread_mutex_lock(&gate); }
static void leave(int* held) { (void)held, pthread_mutex_unlock(&gate); }
#define HOLD() __attribute__((cleanup(leave))) int held_ = hold(); (void)held_

#define ENTER() HOLD(); do { int fault_ = enter(__func__); if (fault_) { return fault_; } } while (0)
#define REQUIRE(condition, code) do { if (!(condition)) { note("%s refused: %s", __func__, #condition); return code; } } while (0)
#define IN_CONTEXT() REQUIRE(current && current->live, INVALID_CONTEXT)

static object* make(int kind, object* owner)
{
    object* made = calloc(1, sizeof(object));
    made->kind = kind;
    made->device = current ? current->device : 0;
    made->live = 1;
    made->owner = owner;
    live[kind]++;
    if (kind == BLOCK || kind == HOST)
    {
        made->next = blocks;
        blocks = made;
    }
    return made;
}

static int is(const object* thing, int kind) { return thing && thing->kind == kind && thing->live && (!current || thing->device == current->device); }

static void end(object* thing)
{
    thing->live = 0;
    live[thing->kind]--;
    for (int i = 0; thing->kind == GRAPH && i < thing->count; i++) { free(thing->nodes[i]->data); }
    free(thing->nodes);
    free(thing->enabled);
    thing->nodes = 0, thing->enabled = 0;
    for (object** at = &blocks; *at; at = &(*at)->next)
    {
        if (*at == thing) { *at = thing->next; break; }
    }
}

// ---- Control ----

EXPORT void fake_set(const char* key, long value)
{
    if (!strcmp(key, "devices")) { card.devices = (int)value; }
    else if (!strcmp(key, "driver")) { card.driver = (int)value; }
    else if (!strcmp(key, "pools")) { card.pools = (int)value; }
    else if (!strcmp(key, "architecture")) { card.architecture = (int)value; }
    else if (!strcmp(key, "threads")) { card.threads = (int)value; }
    else if (!strcmp(key, "captures")) { card.captures = (int)value; }
    else if (!strcmp(key, "memory")) { card.memory = value; }
    else { fprintf(stderr, "the fake CUDA driver has no setting %s\n", key); abort(); }
}

// Back to one healthy card, with nothing recorded. What is live stays, and is still counted.
EXPORT void fake_reset(void)
{
    card.devices = 1, card.driver = 12040, card.pools = 1, card.architecture = 90, card.threads = 1024, card.captures = 1, card.memory = 2L << 30;
    lost = known_lost = fault_count = 0;
    compiler_log = 0;
    record_size = 0;
    pool_peak = pool_used;
    note("reset");
    record_size = 0, record[0] = 0;
}

// The entry point's call after so many others returns the code.
EXPORT void fake_fail(const char* entry, int code, int after)
{
    snprintf(faults[fault_count].entry, sizeof faults[0].entry, "%s", entry);
    faults[fault_count].code = code, faults[fault_count].after = after;
    fault_count++;
}

// A kernel that runs now faults: what is called afterwards learns of it when it waits.
EXPORT void fake_lose(int code) { lost = code, known_lost = 0; }

// The end of the process, for a test after which nothing works: all is gone.
EXPORT void fake_forget(void)
{
    memset(live, 0, sizeof live);
    memset(retained, 0, sizeof retained);
    for (; blocks; blocks = blocks->next) { blocks->live = 0; }
    used_bytes = reserved_bytes = pool_used = 0;
    current = 0;
    fake_reset();
}

// What the driver says while it refuses all PTX; null where it takes it.
EXPORT void fake_compiler_log(const char* text) { compiler_log = text ? strdup(text) : 0; }

EXPORT const char* fake_log(void) { return record; }

EXPORT long fake_count(const char* what)
{
    if (!strcmp(what, "pool_peak")) { return pool_peak; }
    if (!strcmp(what, "pool_used")) { return pool_used; }
    if (!strcmp(what, "bytes")) { return used_bytes; }
    for (int kind = 0; kind < KINDS; kind++) { if (!strcmp(what, kind_names[kind])) { return live[kind]; } }
    return -1;
}

__attribute__((constructor)) static void start(void)
{
    pthread_mutexattr_t kind;
    pthread_mutexattr_init(&kind);
    pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&gate, &kind);
    fake_reset();
    const char* setup = getenv("FAKE_CUDA");
    char key[32];
    for (long value; setup && sscanf(setup, "%31[^=]=%ld", key, &value) == 2; setup = strchr(setup, ',') ? strchr(setup, ',') + 1 : 0) { fake_set(key, value); }
}

__attribute__((destructor)) static void report(void)
{
    const char* path = getenv("FAKE_CUDA_REPORT");
    FILE* file = path ? fopen(path, "a") : 0;
    if (file)
    {
        fprintf(file, "launches %ld modules %ld\n", launches, loads);
        fclose(file);
    }
}

// ---- Driver, cards, contexts ----

EXPORT int cuInit(unsigned flags) { ENTER(); REQUIRE(flags == 0, INVALID_VALUE); REQUIRE(card.devices > 0, NO_DEVICE); return 0; }

EXPORT int cuDriverGetVersion(int* version) { ENTER(); *version = card.driver; return 0; }

EXPORT int cuGetErrorName(int code, const char** name)
{
    switch (code)
    {
        case INVALID_VALUE: *name = "CUDA_ERROR_INVALID_VALUE"; return 0;
        case OUT_OF_MEMORY: *name = "CUDA_ERROR_OUT_OF_MEMORY"; return 0;
        case NO_DEVICE: *name = "CUDA_ERROR_NO_DEVICE"; return 0;
        case INVALID_IMAGE: *name = "CUDA_ERROR_INVALID_IMAGE"; return 0;
        case INVALID_PTX: *name = "CUDA_ERROR_INVALID_PTX"; return 0;
        case INVALID_CONTEXT: *name = "CUDA_ERROR_INVALID_CONTEXT"; return 0;
        case NO_BINARY: *name = "CUDA_ERROR_NO_BINARY_FOR_GPU"; return 0;
        case INVALID_HANDLE: *name = "CUDA_ERROR_INVALID_HANDLE"; return 0;
        case NOT_FOUND: *name = "CUDA_ERROR_NOT_FOUND"; return 0;
        case ILLEGAL_ADDRESS: *name = "CUDA_ERROR_ILLEGAL_ADDRESS"; return 0;
        case 701: *name = "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES"; return 0;
        case LAUNCH_FAILED: *name = "CUDA_ERROR_LAUNCH_FAILED"; return 0;
        case CAPTURE_UNSUPPORTED: *name = "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED"; return 0;
        case CAPTURE_INVALIDATED: *name = "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED"; return 0;
        default: return INVALID_VALUE;
    }
}

EXPORT int cuGetErrorString(int code, const char** text)
{
    *text = code == ILLEGAL_ADDRESS ? "an illegal memory access was encountered" : "words of the fake driver";
    return 0;
}

EXPORT int cuDeviceGetCount(int* count) { ENTER(); *count = card.devices; return 0; }

EXPORT int cuDeviceGet(int* device, int ordinal) { ENTER(); REQUIRE(ordinal < card.devices, INVALID_DEVICE); *device = ordinal; return 0; }

EXPORT int cuDeviceGetName(char* name, int room, int device) { ENTER(); snprintf(name, room, "Fake Card %c", 'A' + device); return 0; }

EXPORT int cuDeviceTotalMem_v2(size_t* bytes, int device) { ENTER(); (void)device; *bytes = card.memory; return 0; }

// What ILGPU's own accelerator asks for beside.
static int ilgpu_attribute(int* value, int attribute)
{
    static const int known[][2] = { { 2, 1024 }, { 3, 1024 }, { 4, 64 }, { 5, INT32_MAX }, { 6, 65535 }, { 7, 65535 }, { 9, 65536 }, { 11, INT32_MAX }, { 12, 65536 }, { 13, 1000000 },
        { 19, 1 }, { 32, 1 }, { 34, 0 }, { 35, 0 }, { 36, 1000000 }, { 37, 5120 }, { 38, 1 << 20 }, { 39, 2048 }, { 40, 2 }, { 50, 0 }, { 81, 65536 }, { 82, 65536 }, { 83, 1 },
        { 90, 1 }, { 91, 1 } };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    {
        if (known[i][0] == attribute) { *value = known[i][1]; return 0; }
    }
    return INVALID_VALUE;
}

EXPORT int cuDeviceGetAttribute(int* value, int attribute, int device)
{
    ENTER();
    REQUIRE(device < card.devices, INVALID_DEVICE);
    switch (attribute)
    {
        case 1: *value = 1024; return 0;
        case 8: *value = 49152; return 0;
        case 10: *value = 32; return 0;
        case 16: *value = 4; return 0;
        case 75: *value = card.architecture / 10; return 0;
        case 76: *value = card.architecture % 10; return 0;
        case 115: *value = card.pools; return 0;
        case 33: *value = device; return 0;
        default: return ilgpu_attribute(value, attribute);
    }
}

EXPORT int cuDevicePrimaryCtxRetain(object** context, int device)
{
    ENTER();
    REQUIRE(device < card.devices, INVALID_DEVICE);
    if (retained[device]++ == 0)
    {
        contexts[device] = make(CONTEXT, 0);
        contexts[device]->device = device;
    }
    *context = contexts[device];
    return 0;
}

EXPORT int cuDevicePrimaryCtxRelease_v2(int device)
{
    ENTER();
    REQUIRE(device < card.devices && retained[device] > 0, INVALID_CONTEXT);
    if (--retained[device] == 0) { end(contexts[device]); }
    return 0;
}

EXPORT int cuCtxSetCurrent(object* context)
{
    ENTER();
    current = 0;
    REQUIRE(!context || is(context, CONTEXT), INVALID_CONTEXT);
    current = context;
    return 0;
}

// ILGPU makes a context of its own, and works on its default stream, which is 0.
EXPORT int cuCtxCreate_v2(object** context, unsigned flags, int device)
{
    ENTER();
    (void)flags;
    REQUIRE(device < card.devices, INVALID_DEVICE);
    *context = make(CONTEXT, 0);
    (*context)->device = device;
    (*context)->count = 1;
    current = *context;
    return 0;
}

EXPORT int cuCtxDestroy_v2(object* context) { ENTER(); current = 0; REQUIRE(is(context, CONTEXT) && context->count, INVALID_CONTEXT); end(context); return 0; }

static int is_stream(object* stream) { return stream ? is(stream, STREAM) : current->count; }

EXPORT int cuCtxGetSharedMemConfig(int* value) { ENTER(); IN_CONTEXT(); *value = 0; return 0; }

EXPORT int cuCtxGetCacheConfig(int* value) { ENTER(); IN_CONTEXT(); *value = 0; return 0; }

EXPORT int cuCtxGetDevice(int* device) { ENTER(); IN_CONTEXT(); *device = current->device; return 0; }

// ---- Streams and events ----

EXPORT int cuStreamCreate(object** stream, unsigned flags)
{
    ENTER();
    IN_CONTEXT();
    REQUIRE(flags <= 1, INVALID_VALUE);
    if (flags == 0) { note("stream in order with the default one"); }
    *stream = make(STREAM, 0);
    (*stream)->count = flags == 0;
    return 0;
}

EXPORT int cuStreamDestroy_v2(object* stream) { ENTER(); IN_CONTEXT(); REQUIRE(is(stream, STREAM), INVALID_HANDLE); end(stream); return 0; }

// What cannot be captured ends a capture that is under way.
static int is_captured(object* stream) { if (!stream) { return 0; } if (stream->capture) { stream->invalidated = 1; } return stream->capture != 0; }

#define NOT_CAPTURING(stream) REQUIRE(!is_captured(stream), CAPTURE_UNSUPPORTED)

EXPORT int cuStreamSynchronize(object* stream)
{
    ENTER();
    IN_CONTEXT();
    REQUIRE(is_stream(stream), INVALID_HANDLE);
    NOT_CAPTURING(stream);
    note("synchronize");
    known_lost = lost;
    return lost;
}

EXPORT int cuEventCreate(object** event, unsigned flags) { ENTER(); IN_CONTEXT(); (void)flags; *event = make(EVENT, 0); return 0; }

EXPORT int cuEventDestroy_v2(object* event) { ENTER(); IN_CONTEXT(); REQUIRE(is(event, EVENT), INVALID_HANDLE); end(event); return 0; }

EXPORT int cuEventRecord(object* event, object* stream)
{
    ENTER();
    IN_CONTEXT();
    REQUIRE(is(event, EVENT) && is(stream, STREAM), INVALID_HANDLE);
    return 0;
}

EXPORT int cuEventSynchronize(object* event) { ENTER(); IN_CONTEXT(); REQUIRE(is(event, EVENT), INVALID_HANDLE); return 0; }

// ---- Memory ----

// The live block that a range lies in.
static object* block_of(uint64_t address, size_t bytes)
{
    for (object* o = blocks; o; o = o->next)
    {
        uint64_t first = (uint64_t)(uintptr_t)o->binary;
        if (o->kind == BLOCK && address >= first && address + bytes <= first + o->size) { return current && o->device != current->device ? 0 : o; }
    }
    return 0;
}

static int take(uint64_t* address, size_t bytes, object* pool)
{
    // A pool's kept bytes serve no other size here, as if all were in pieces.
    if (bytes == 0) { return INVALID_VALUE; }
    if (reserved_bytes + (long)bytes > card.memory) { note("out of memory: %zu", bytes); return OUT_OF_MEMORY; }
    object* block = make(BLOCK, pool);
    block->binary = aligned_alloc(256, (bytes + 255) / 256 * 256);
    memset(block->binary, 0xCD, bytes);
    block->size = bytes;
    used_bytes += bytes, reserved_bytes += bytes;
    if (pool)
    {
        pool->size += bytes, pool->reserved += bytes;
        pool_used += bytes;
        if (pool_used > pool_peak) { pool_peak = pool_used; }
    }
    *address = (uint64_t)(uintptr_t)block->binary;
    note("%s %zu", pool ? "pool-allocate" : "allocate", bytes);
    return 0;
}

static int give(uint64_t address, int pooled)
{
    object* block = block_of(address, 1);
    if (!block || (uint64_t)(uintptr_t)block->binary != address || !!block->owner != pooled) { note("free of no block"); return INVALID_VALUE; }
    note("%s %zu", pooled ? "pool-free" : "free", block->size);
    used_bytes -= block->size;
    if (pooled) { block->owner->size -= block->size, pool_used -= block->size; }
    else { reserved_bytes -= block->size; }
    free(block->binary);
    block->binary = 0;
    end(block);
    return 0;
}

EXPORT int cuMemAlloc_v2(uint64_t* address, size_t bytes) { ENTER(); IN_CONTEXT(); return take(address, bytes, 0); }

EXPORT int cuMemFree_v2(uint64_t address) { ENTER(); IN_CONTEXT(); return give(address, 0); }

EXPORT int cuMemPoolCreate(object** pool, const int* properties)
{
    ENTER();
    REQUIRE(card.pools, NOT_SUPPORTED);
    REQUIRE(properties[0] == 1 && properties[2] == 1 && properties[3] < card.devices, INVALID_VALUE);
    for (int i = 4; i < 22; i++) { REQUIRE(properties[i] == 0, INVALID_VALUE); }
    *pool = make(POOL, 0);
    (*pool)->device = properties[3];
    return 0;
}

EXPORT int cuMemPoolDestroy(object* pool)
{
    ENTER();
    REQUIRE(is(pool, POOL) && pool->size == 0, INVALID_VALUE);
    reserved_bytes -= pool->reserved;
    end(pool);
    return 0;
}

EXPORT int cuMemPoolSetAttribute(object* pool, int attribute, void* value)
{
    ENTER();
    REQUIRE(is(pool, POOL) && attribute == 4, INVALID_VALUE);
    note("pool-threshold %llu", *(unsigned long long*)value);
    return 0;
}

EXPORT int cuMemPoolTrimTo(object* pool, size_t kept)
{
    ENTER();
    REQUIRE(is(pool, POOL) && kept == 0, INVALID_VALUE);
    note("pool-trim %zu", pool->reserved - pool->size);
    reserved_bytes -= pool->reserved - pool->size;
    pool->reserved = pool->size;
    return 0;
}

EXPORT int cuMemAllocFromPoolAsync(uint64_t* address, size_t bytes, object* pool, object* stream)
{
    ENTER();
    IN_CONTEXT();
    REQUIRE(is(pool, POOL) && is(stream, STREAM), INVALID_HANDLE);
    NOT_CAPTURING(stream);
    return take(address, bytes, pool);
}

EXPORT int cuMemFreeAsync(uint64_t address, object* stream) { ENTER(); IN_CONTEXT(); REQUIRE(is(stream, STREAM), INVALID_HANDLE); NOT_CAPTURING(stream); return give(address, 1); }

EXPORT int cuMemHostAlloc(void** address, size_t bytes, unsigned flags)
{
    ENTER();
    IN_CONTEXT();
    (void)flags;
    object* host = make(HOST, 0);
    host->binary = *address = malloc(bytes);
    return 0;
}

EXPORT int cuMemFreeHost(void* address)
{
    ENTER();
    IN_CONTEXT();
    for (object* o = blocks; o; o = o->next)
    {
        if (o->kind == HOST && o->binary == address) { free(address); end(o); return 0; }
    }
    return INVALID_VALUE;
}

EXPORT int cuMemcpyHtoDAsync_v2(uint64_t target, const void* source, size_t bytes, object* stream)
{
    ENTER();
    IN_CONTEXT();
    REQUIRE(is(stream, STREAM), INVALID_HANDLE);
    NOT_CAPTURING(stream);
    REQUIRE(block_of(target, bytes), INVALID_VALUE);
    note("write %zu", bytes);
    memcpy((void*)(uintptr_t)target, source, bytes);
    return 0;
}

EXPORT int cuMemcpyDtoHAsync_v2(void* target, uint64_t source, size_t bytes, object* stream)
{
    ENTER();
    IN_CONTEXT();
    REQUIRE(is(stream, STREAM), INVALID_HANDLE);
    NOT_CAPTURING(stream);
    REQUIRE(block_of(source, bytes), INVALID_VALUE);
    note("read %zu", bytes);
    memcpy(target, (void*)(uintptr_t)source, bytes);
    return 0;
}

EXPORT int cuMemcpyDtoDAsync_v2(uint64_t target, uint64_t source, size_t bytes, object* stream)
{
    ENTER();
    IN_CONTEXT();
    REQUIRE(is(stream, STREAM), INVALID_HANDLE);
    NOT_CAPTURING(stream);
    REQUIRE(block_of(target, bytes) && block_of(source, bytes), INVALID_VALUE);
    note("copy %zu", bytes);
    memmove((void*)(uintptr_t)target, (void*)(uintptr_t)source, bytes);
    return 0;
}

EXPORT int cuMemsetD8Async(uint64_t target, unsigned char value, size_t bytes, object* stream)
{
    ENTER();
    IN_CONTEXT();
    REQUIRE(is_stream(stream), INVALID_HANDLE);
    NOT_CAPTURING(stream);
    REQUIRE(block_of(target, bytes), INVALID_VALUE);
    note("fill %zu", bytes);
    memset((void*)(uintptr_t)target, value, bytes);
    return 0;
}

EXPORT int cuMemcpyAsync(uint64_t target, uint64_t source, size_t bytes, object* stream)
{
    ENTER();
    IN_CONTEXT();
    REQUIRE(is_stream(stream) && (block_of(target, bytes) || block_of(source, bytes)), INVALID_VALUE);
    memmove((void*)(uintptr_t)target, (void*)(uintptr_t)source, bytes);
    return 0;
}

// ---- Modules ----

enum { ERROR_LOG = 5, ERROR_LOG_BYTES = 6 };

// Takes PTX for the card's architecture or an older one, written for a version that CUDA 11.6 reads.
EXPORT int cuModuleLoadDataEx(object** module, const char* image, unsigned count, const int* options, void** values)
{
    ENTER();
    IN_CONTEXT();
    int target = 0;
    const char *version = strstr(image, ".version 7."), *architecture = strstr(image, ".target sm_");
    REQUIRE(version && version[11] <= '6' && architecture && sscanf(architecture, ".target sm_%d", &target) == 1, INVALID_IMAGE);
    REQUIRE(target <= card.architecture, NO_BINARY);
    if (compiler_log)
    {
        REQUIRE(count == 2 && options[0] == ERROR_LOG && options[1] == ERROR_LOG_BYTES, INVALID_VALUE);
        snprintf(values[0], (size_t)values[1], "%s", compiler_log);
        return INVALID_PTX;
    }
    *module = make(MODULE, 0);
    (*module)->text = strdup(image);
    loads++;
    note("load ptx %d", target);
    return 0;
}

EXPORT int cuModuleUnload(object* module) { ENTER(); IN_CONTEXT(); REQUIRE(is(module, MODULE), INVALID_HANDLE); end(module); return 0; }

static void add(object* function, int parameter, int width)
{
    function->parameters[function->count] = parameter;
    function->widths[function->count++] = width;
}

// The widths of a kernel's arguments, from the parameters of its entry: 16 bytes are a view's address and length.
EXPORT int cuModuleGetFunction(object** function, object* module, const char* name)
{
    ENTER();
    IN_CONTEXT();
    REQUIRE(is(module, MODULE), INVALID_HANDLE);
    char start[256];
    snprintf(start, sizeof start, ".entry %s(", name);
    const char* at = strstr(module->text, start);
    REQUIRE(at, NOT_FOUND);
    object* made = make(FUNCTION, module);
    live[FUNCTION]--;
    made->text = strdup(name);
    const char* end = strchr(at + strlen(start), ')');
    int parameter = 0;
    for (at = strstr(at, ".param "); at && at < end; at = strstr(at + 1, ".param "), parameter++)
    {
        int bits, bytes;
        char kind;
        REQUIRE(made->count < 62, INVALID_IMAGE);
        if (sscanf(at, ".param .%c%d", &kind, &bits) == 2) { add(made, parameter, bits / 8); }
        else
        {
            REQUIRE(sscanf(at, ".param .align 8 .b8 %*[a-z_0-9][%d]", &bytes) == 1 && bytes == 16, INVALID_IMAGE);
            add(made, parameter, 0);
            add(made, parameter, 8);
        }
    }
    *function = made;
    return 0;
}

EXPORT int cuFuncGetAttribute(int* value, int attribute, object* function)
{
    ENTER();
    IN_CONTEXT();
    REQUIRE(is(function, FUNCTION) && is(function->owner, MODULE) && attribute == 0, INVALID_VALUE);
    *value = card.threads;
    return 0;
}

// ---- Launches and graphs ----

static void read_values(object* node, object* function, void** arguments)
{
    node->text = function->text;
    node->owner = function;
    node->count = function->count;
    for (int i = 0; i < function->count; i++)
    {
        node->widths[i] = function->widths[i];
        node->values[i] = 0;
        int second = i > 0 && function->parameters[i] == function->parameters[i - 1];
        memcpy(&node->values[i], (char*)arguments[function->parameters[i]] + 8 * second, function->widths[i] ? function->widths[i] : 8);
    }
}

// Records a launch as "launch NAME grid=X,Y,Z block=N shared=BYTES args=VALUE:WIDTH,...", pointers as *ADDRESS; one that leads nowhere, of a view that is not empty, loses the card.
static void run(const char* how, object* node)
{
    if (node->work)
    {
        note("%s-library %s", how, node->text);
        node->work(node->data);
        return;
    }
    launches++;
    char line[3072];
    int length = snprintf(line, sizeof line, "%s %s grid=%u,%u,%u block=%u shared=%u args=", how, node->text, node->grid[0], node->grid[1], node->grid[2],
                          node->block, node->shared);
    for (int i = 0; i < node->count && length < (int)sizeof line - 64; i++)
    {
        if (node->widths[i])
        {
            length += snprintf(line + length, sizeof line - length, "%s%llx:%d", i ? "," : "", (unsigned long long)node->values[i], node->widths[i]);
            continue;
        }
        int nowhere = node->values[i + 1] && !block_of(node->values[i], 1);
        if (nowhere) { lost = ILLEGAL_ADDRESS; }
        length += snprintf(line + length, sizeof line - length, "%s%s%llx", i ? "," : "", nowhere ? "NOWHERE" : "*", (unsigned long long)node->values[i]);
    }
    note("%s", line);
}

static int is_launchable(object* function, const unsigned* grid, unsigned block)
{
    return is(function, FUNCTION) && is(function->owner, MODULE) && grid[0] > 0 && grid[1] > 0 && grid[2] > 0 && grid[1] <= 65535 && grid[2] <= 65535
        && block > 0 && block <= (unsigned)card.threads;
}

// Adds a node behind the others of the graph that a stream captures into.
static void add_node(object* graph, const object* content)
{
    object* made = make(NODE, graph);
    live[NODE]--;
    object *next = made->next, *owner = content->owner;
    int device = made->device;
    *made = *content;
    made->kind = NODE, made->live = 1, made->device = device, made->owner = owner, made->next = next;
    graph->nodes = realloc(graph->nodes, (graph->count + 1) * sizeof *graph->nodes);
    graph->nodes[graph->count++] = made;
}

EXPORT int cuLaunchKernel(
    object* function, unsigned x, unsigned y, unsigned z, unsigned bx, unsigned by, unsigned bz, unsigned shared, object* stream, void** arguments, void** extra)
{
    ENTER();
    IN_CONTEXT();
    object node = { .grid = { x, y, z }, .block = bx, .shared = shared };
    REQUIRE(is(stream, STREAM) && is_launchable(function, node.grid, bx) && by == 1 && bz == 1 && !extra, INVALID_VALUE);
    read_values(&node, function, arguments);
    if (stream->capture) { add_node(stream->capture, &node); }
    else { run("launch", &node); }
    return 0;
}

// For the fake libraries: work on a stream, at once or as a node of the graph that is captured. It is recorded as "launch-library TEXT" or "node-library TEXT"; data is freed with it.
EXPORT int fake_enqueue(object* stream, const char* text, void (*work)(void*), void* data)
{
    HOLD();
    IN_CONTEXT();
    REQUIRE(is(stream, STREAM), INVALID_HANDLE);
    object node = { .text = strdup(text), .work = work, .data = data };
    if (stream->capture) { add_node(stream->capture, &node); }
    else
    {
        run("launch", &node);
        free(data);
    }
    return 0;
}

// For the fake libraries: whether a range lies in a block of the current card.
EXPORT int fake_is_memory(uint64_t address, size_t bytes) { HOLD(); return block_of(address, bytes) != 0; }

// For the fake libraries: whether a context is current, and whether this thread may load code, on a stream that captures or not.
EXPORT int fake_has_context(void) { HOLD(); return current && current->live && !(lost && known_lost); }

EXPORT int fake_may_load(object* stream) { HOLD(); return !stream->capture || capture_mode == 2; }

EXPORT void fake_note(const char* text) { HOLD(); note("%s", text); }

EXPORT int cuThreadExchangeStreamCaptureMode(int* mode)
{
    ENTER();
    REQUIRE(*mode >= 0 && *mode <= 2, INVALID_VALUE);
    int before = capture_mode;
    capture_mode = *mode, *mode = before;
    return 0;
}

EXPORT int cuStreamBeginCapture_v2(object* stream, int mode)
{
    ENTER();
    IN_CONTEXT();
    REQUIRE(is(stream, STREAM), INVALID_HANDLE);
    REQUIRE(!stream->capture && mode == 1 && capture_mode != 2, INVALID_VALUE);

    // What comes to the default stream meanwhile would be refused.
    REQUIRE(!stream->count, CAPTURE_UNSUPPORTED);
    stream->capture = make(GRAPH, 0);
    stream->invalidated = 0;
    return 0;
}

EXPORT int cuStreamEndCapture(object* stream, object** graph)
{
    ENTER();
    IN_CONTEXT();
    REQUIRE(is(stream, STREAM) && stream->capture, INVALID_HANDLE);
    *graph = stream->capture;
    stream->capture = 0;
    if (stream->invalidated)
    {
        end(*graph);
        *graph = 0;
        return CAPTURE_INVALIDATED;
    }
    return 0;
}

EXPORT int cuStreamGetCaptureInfo_v2(object* stream, int* status, uint64_t* id, object** graph, const object*** dependencies, size_t* count)
{
    ENTER();
    IN_CONTEXT();
    REQUIRE(is(stream, STREAM) && !id && !dependencies && !count, INVALID_VALUE);
    stream->invalidated |= !card.captures;
    *status = !stream->capture ? 0 : stream->invalidated ? 2 : 1;
    if (*status == 1) { *graph = stream->capture; }
    return 0;
}

// In another order than they were added in: no order is promised.
EXPORT int cuGraphGetNodes(object* graph, object** nodes, size_t* count)
{
    ENTER();
    REQUIRE(is(graph, GRAPH), INVALID_HANDLE);
    for (size_t i = 0; nodes && i < *count; i++) { nodes[i] = i < (size_t)graph->count ? graph->nodes[graph->count - 1 - i] : 0; }
    if (!nodes || *count > (size_t)graph->count) { *count = graph->count; }
    return 0;
}

EXPORT int cuGraphInstantiateWithFlags(object** executable, object* graph, unsigned long long flags)
{
    ENTER();
    IN_CONTEXT();
    REQUIRE(is(graph, GRAPH) && flags == 0, INVALID_VALUE);
    object* made = make(EXECUTABLE, graph);
    made->count = graph->count;
    made->nodes = malloc((made->count + 1) * sizeof *made->nodes);
    made->enabled = malloc(made->count + 1);
    memset(made->enabled, 1, made->count + 1);
    for (int i = 0; i < made->count; i++) { made->nodes[i] = graph->nodes[i]; }
    *executable = made;
    note("instantiate %d", made->count);
    return 0;
}

EXPORT int cuGraphNodeSetEnabled(object* executable, object* node, unsigned enabled)
{
    ENTER();
    IN_CONTEXT();
    REQUIRE(is(executable, EXECUTABLE) && is(executable->owner, GRAPH), INVALID_HANDLE);
    for (int i = 0; i < executable->count; i++)
    {
        if (executable->nodes[i] == node) { executable->enabled[i] = enabled != 0; return 0; }
    }
    return INVALID_VALUE;
}

EXPORT int cuGraphLaunch(object* executable, object* stream)
{
    ENTER();
    IN_CONTEXT();
    REQUIRE(is(executable, EXECUTABLE) && is(stream, STREAM), INVALID_HANDLE);
    NOT_CAPTURING(stream);
    note("graph-launch");
    for (int i = 0; i < executable->count; i++)
    {
        REQUIRE(executable->nodes[i]->work || is(executable->nodes[i]->owner->owner, MODULE), INVALID_HANDLE);
        if (executable->enabled[i]) { run("node", executable->nodes[i]); }
    }
    return 0;
}

EXPORT int cuGraphExecDestroy(object* executable) { ENTER(); REQUIRE(is(executable, EXECUTABLE), INVALID_HANDLE); end(executable); return 0; }

EXPORT int cuGraphDestroy(object* graph) { ENTER(); REQUIRE(is(graph, GRAPH), INVALID_HANDLE); end(graph); return 0; }
