// cublasLt for the driver of fake_cuda.c: it refuses what the documents of the real one do not allow, and computes the rest on that driver's memory, which is the host's. A long sum takes two nodes of a graph, as
// the real one's may. Tests set it up through fake_lt_set, other processes through FAKE_CUBLASLT="version=130000"; with
// "computes=0" products are checked and recorded, as that driver's kernels are, and leave memory as it is.
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

enum { SUCCESS = 0, NOT_INITIALIZED = 1, INVALID_VALUE = 7, EXECUTION_FAILED = 13, NOT_SUPPORTED = 15 };
enum { HANDLE, PRODUCT, LAYOUT, PREFERENCE, KINDS };
enum { FLOAT32 = 0, FLOAT16 = 2, BFLOAT16 = 14 };
enum { BIAS = 4, GELU = 32, AUXILIARY = 128 };
enum { MAGIC = 0x17A16, SPLIT_FROM = 256, SPLIT_BYTES = 4096 };

static const char* kind_names[KINDS] = { "handles", "products", "layouts", "preferences" };

extern int fake_enqueue(void* stream, const char* text, void (*work)(void*), void* data);
extern int fake_is_memory(uint64_t address, size_t bytes);
extern int fake_has_context(void);
extern int fake_may_load(void* stream);
extern void fake_note(const char* text);

typedef struct { int type; uint64_t rows, columns; int64_t leading; int batch; int64_t apart; } layout;

typedef struct
{
    int kind, live;
    layout matrix;
    int compute, transposed[2];
    uint32_t epilogue;
    uint64_t bias, auxiliary;
    int64_t auxiliary_leading, auxiliary_apart;
    uint64_t limit;
    uint32_t schemes, alignments[4];
} object;

typedef struct { uint64_t magic, workspace; uint32_t alignments[4]; uint64_t rest[4]; } algorithm;

typedef struct { algorithm chosen; size_t workspace; int status; float waves; int reserved[4]; } found;

// A product as it was enqueued: descriptors may be gone when it runs.
typedef struct { object product; layout a, b, c, d; uint64_t at[4]; float alpha, beta; } call;

static long live[KINDS];
static int version, has_gelu, has_algorithms, is_broken, computes;

static int refuse(const char* function, const char* condition, int code)
{
    char line[512];
    snprintf(line, sizeof line, "%s refused: %s", function, condition);
    fake_note(line);
    return code;
}

#define REQUIRE(condition, code) do { if (!(condition)) { return refuse(__func__, #condition, code); } } while (0)

EXPORT void fake_lt_reset(void) { version = 120405, has_gelu = has_algorithms = computes = 1, is_broken = 0; }

EXPORT void fake_lt_set(const char* key, long value)
{
    if (!strcmp(key, "version")) { version = (int)value; }
    else if (!strcmp(key, "gelu")) { has_gelu = (int)value; }
    else if (!strcmp(key, "algorithms")) { has_algorithms = (int)value; }
    else if (!strcmp(key, "broken")) { is_broken = (int)value; }
    else if (!strcmp(key, "computes")) { computes = (int)value; }
    else { fprintf(stderr, "the fake cublasLt has no setting %s\n", key); abort(); }
}

// With the driver's own: what a lost context takes along.
EXPORT void fake_lt_forget(void) { memset(live, 0, sizeof live); }

EXPORT long fake_lt_count(const char* what)
{
    for (int kind = 0; kind < KINDS; kind++) { if (!strcmp(what, kind_names[kind])) { return live[kind]; } }
    return -1;
}

__attribute__((constructor)) static void start(void)
{
    fake_lt_reset();
    const char* setup = getenv("FAKE_CUBLASLT");
    char key[32];
    for (long value; setup && sscanf(setup, "%31[^=]=%ld", key, &value) == 2; setup = strchr(setup, ',') ? strchr(setup, ',') + 1 : 0) { fake_lt_set(key, value); }
}

static object* make(int kind)
{
    object* made = calloc(1, sizeof(object));
    made->kind = kind, made->live = 1;
    live[kind]++;
    return made;
}

static int is(const object* thing, int kind) { return thing && thing->kind == kind && thing->live; }

// Objects keep their memory, so that a use of them afterwards is seen.
static int end(object* thing, int kind)
{
    REQUIRE(is(thing, kind), INVALID_VALUE);
    thing->live = 0;
    live[kind]--;
    return SUCCESS;
}

EXPORT size_t cublasLtGetVersion(void) { return version; }

EXPORT const char* cublasLtGetStatusName(int status) { return status == NOT_INITIALIZED ? "CUBLAS_STATUS_NOT_INITIALIZED" : status == EXECUTION_FAILED ? "CUBLAS_STATUS_EXECUTION_FAILED" : "CUBLAS_STATUS_OF_THE_FAKE"; }

EXPORT const char* cublasLtGetStatusString(int status) { (void)status; return "words of the fake library"; }

EXPORT int cublasLtCreate(object** handle)
{
    REQUIRE(fake_has_context() && !is_broken, NOT_INITIALIZED);
    *handle = make(HANDLE);
    return SUCCESS;
}

EXPORT int cublasLtDestroy(object* handle) { REQUIRE(fake_has_context(), NOT_INITIALIZED); return end(handle, HANDLE); }

EXPORT int cublasLtMatmulDescCreate(object** product, int compute, int scale)
{
    REQUIRE((compute == 68 || compute == 77) && scale == FLOAT32, INVALID_VALUE);
    *product = make(PRODUCT);
    (*product)->compute = compute;
    (*product)->epilogue = 1;
    return SUCCESS;
}

EXPORT int cublasLtMatmulDescDestroy(object* product) { return end(product, PRODUCT); }

static int set(const char* function, void* field, size_t size, const void* value, size_t bytes)
{
    if (size != bytes) { return refuse(function, "the attribute's size", INVALID_VALUE); }
    memcpy(field, value, bytes);
    return SUCCESS;
}

#define SET(field) set(__func__, &(field), sizeof(field), value, bytes)

EXPORT int cublasLtMatmulDescSetAttribute(object* product, int attribute, const void* value, size_t bytes)
{
    REQUIRE(is(product, PRODUCT), INVALID_VALUE);
    switch (attribute)
    {
        case 3: return SET(product->transposed[0]);
        case 4: return SET(product->transposed[1]);
        case 7: return SET(product->epilogue);
        case 8: return SET(product->bias);
        case 11: return SET(product->auxiliary);
        case 12: return SET(product->auxiliary_leading);
        case 13: return SET(product->auxiliary_apart);
        default: return refuse(__func__, "the attribute", INVALID_VALUE);
    }
}

EXPORT int cublasLtMatrixLayoutCreate(object** made, int type, uint64_t rows, uint64_t columns, int64_t leading)
{
    REQUIRE(type == FLOAT32 || type == FLOAT16 || type == BFLOAT16, INVALID_VALUE);
    REQUIRE(rows > 0 && columns > 0 && leading >= (int64_t)rows, INVALID_VALUE);
    *made = make(LAYOUT);
    (*made)->matrix = (layout){ type, rows, columns, leading, 1, 0 };
    return SUCCESS;
}

EXPORT int cublasLtMatrixLayoutDestroy(object* matrix) { return end(matrix, LAYOUT); }

EXPORT int cublasLtMatrixLayoutSetAttribute(object* matrix, int attribute, const void* value, size_t bytes)
{
    REQUIRE(is(matrix, LAYOUT), INVALID_VALUE);
    switch (attribute)
    {
        case 5: return SET(matrix->matrix.batch);
        case 6: return SET(matrix->matrix.apart);
        default: return refuse(__func__, "the attribute", INVALID_VALUE);
    }
}

EXPORT int cublasLtMatmulPreferenceCreate(object** preference)
{
    *preference = make(PREFERENCE);
    (*preference)->schemes = 7;
    for (int i = 0; i < 4; i++) { (*preference)->alignments[i] = 256; }
    return SUCCESS;
}

EXPORT int cublasLtMatmulPreferenceDestroy(object* preference) { return end(preference, PREFERENCE); }

EXPORT int cublasLtMatmulPreferenceSetAttribute(object* preference, int attribute, const void* value, size_t bytes)
{
    REQUIRE(is(preference, PREFERENCE), INVALID_VALUE);
    switch (attribute)
    {
        case 1: return SET(preference->limit);
        case 3: return SET(preference->schemes);
        case 5: case 6: case 7: case 8: return SET(preference->alignments[attribute - 5]);
        default: return refuse(__func__, "the attribute", INVALID_VALUE);
    }
}

static uint64_t depth(const object* product, const layout* a) { return product->transposed[0] ? a->rows : a->columns; }

// What the documents ask of a product, whatever the algorithm.
static int check(const object* product, const layout* a, const layout* b, const layout* c, const layout* d)
{
    REQUIRE(a->type == b->type && c->type == FLOAT32 && d->type == FLOAT32, NOT_SUPPORTED);
    REQUIRE(product->compute == 68 || a->type == FLOAT32, NOT_SUPPORTED);
    REQUIRE((product->transposed[0] ? a->columns : a->rows) == d->rows, INVALID_VALUE);
    REQUIRE((product->transposed[1] ? b->rows : b->columns) == d->columns, INVALID_VALUE);
    REQUIRE(depth(product, a) == (product->transposed[1] ? b->columns : b->rows), INVALID_VALUE);
    REQUIRE(c->rows == d->rows && c->columns == d->columns && c->batch == d->batch, INVALID_VALUE);
    REQUIRE(a->batch >= 1 && a->batch == b->batch && a->batch == d->batch, INVALID_VALUE);
    uint32_t steps = product->epilogue;
    REQUIRE(steps == 1 || steps == BIAS || steps == GELU || steps == (GELU | BIAS) || steps == (GELU | AUXILIARY) || steps == (GELU | AUXILIARY | BIAS), INVALID_VALUE);
    REQUIRE(!(steps & BIAS) == !product->bias && !(steps & AUXILIARY) == !product->auxiliary, INVALID_VALUE);
    REQUIRE(!(steps & AUXILIARY) || (product->auxiliary_leading >= (int64_t)d->rows && product->auxiliary_leading % 8 == 0 && product->auxiliary_apart % 8 == 0), INVALID_VALUE);
    return SUCCESS;
}

EXPORT int cublasLtMatmulAlgoGetHeuristic(
    object* handle, object* product, object* a, object* b, object* c, object* d, object* preference, int most, found* results, int* count)
{
    *count = 0;
    REQUIRE(fake_has_context() && is(handle, HANDLE), NOT_INITIALIZED);
    REQUIRE(is(product, PRODUCT) && is(a, LAYOUT) && is(b, LAYOUT) && is(c, LAYOUT) && is(d, LAYOUT) && is(preference, PREFERENCE) && most >= 1, INVALID_VALUE);
    REQUIRE((preference->schemes & ~2u) == 0, INVALID_VALUE); // The same bits at every run.
    int status = check(product, &a->matrix, &b->matrix, &c->matrix, &d->matrix);
    if (status) { return status; }
    if (!has_algorithms || (!has_gelu && (product->epilogue & GELU))) { return NOT_SUPPORTED; }
    memset(results, 0, sizeof *results);
    results->workspace = depth(product, &a->matrix) >= SPLIT_FROM ? SPLIT_BYTES : 0;
    REQUIRE(results->workspace <= preference->limit, NOT_SUPPORTED);
    results->chosen.magic = MAGIC;
    results->chosen.workspace = results->workspace;
    memcpy(results->chosen.alignments, preference->alignments, sizeof preference->alignments);
    *count = 1;
    return SUCCESS;
}

static size_t width(int type) { return type == FLOAT32 ? 4 : 2; }

static int lies_in_memory(uint64_t at, const layout* matrix)
{
    return fake_is_memory(at, (((matrix->batch - 1) * matrix->apart) + ((matrix->columns - 1) * matrix->leading) + matrix->rows) * width(matrix->type));
}

static double element(uint64_t at, const layout* matrix, int batch, uint64_t row, uint64_t column)
{
    uint64_t index = (batch * matrix->apart) + (column * matrix->leading) + row;
    if (matrix->type == FLOAT32) { return ((const float*)(uintptr_t)at)[index]; }
    uint16_t bits = ((const uint16_t*)(uintptr_t)at)[index];
    if (matrix->type == BFLOAT16)
    {
        uint32_t whole = (uint32_t)bits << 16;
        float value;
        memcpy(&value, &whole, sizeof value);
        return value;
    }
    int exponent = (bits >> 10) & 31, mantissa = bits & 1023;
    double value = exponent == 31 ? (mantissa ? NAN : INFINITY) : exponent ? ldexp(1024 + mantissa, exponent - 25) : ldexp(mantissa, -24);
    return bits >> 15 ? -value : value;
}

static void multiply(void* data)
{
    const call* it = data;
    const object* product = &it->product;
    if (!lies_in_memory(it->at[0], &it->a) || !lies_in_memory(it->at[1], &it->b) || !lies_in_memory(it->at[2], &it->c) || !lies_in_memory(it->at[3], &it->d))
    {
        fake_note("NOWHERE: a product's memory is gone");
        return;
    }
    float* d = (float*)(uintptr_t)it->at[3];
    for (int batch = 0; batch < it->d.batch; batch++)
    {
        for (uint64_t column = 0; column < it->d.columns; column++)
        {
            for (uint64_t row = 0; row < it->d.rows; row++)
            {
                double sum = 0;
                for (uint64_t k = 0; k < depth(product, &it->a); k++)
                {
                    sum += element(it->at[0], &it->a, batch, product->transposed[0] ? k : row, product->transposed[0] ? row : k)
                        * element(it->at[1], &it->b, batch, product->transposed[1] ? column : k, product->transposed[1] ? k : column);
                }
                sum *= it->alpha;
                if (it->beta != 0) { sum += it->beta * element(it->at[2], &it->c, batch, row, column); }
                if (product->epilogue & BIAS) { sum += ((const float*)(uintptr_t)product->bias)[row]; }
                if (product->epilogue & AUXILIARY)
                {
                    ((float*)(uintptr_t)product->auxiliary)[(batch * product->auxiliary_apart) + (column * product->auxiliary_leading) + row] = (float)sum;
                }
                if (product->epilogue & GELU) { sum = 0.5 * sum * (1 + tanh(0.7978845608028654 * (sum + 0.044715 * sum * sum * sum))); }
                d[(batch * it->d.apart) + (column * it->d.leading) + row] = (float)sum;
            }
        }
    }
}

static void nothing(void* data) { (void)data; }

EXPORT int cublasLtMatmul(
    object* handle, object* product, const float* alpha, uint64_t a, object* layout_a, uint64_t b, object* layout_b, const float* beta, uint64_t c, object* layout_c, uint64_t d,
    object* layout_d, const algorithm* chosen, uint64_t workspace, size_t workspace_bytes, void* stream)
{
    REQUIRE(fake_has_context() && is(handle, HANDLE), NOT_INITIALIZED);
    REQUIRE(is(product, PRODUCT) && is(layout_a, LAYOUT) && is(layout_b, LAYOUT) && is(layout_c, LAYOUT) && is(layout_d, LAYOUT), INVALID_VALUE);
    REQUIRE(!is_broken, EXECUTION_FAILED);
    REQUIRE(fake_may_load(stream), EXECUTION_FAILED);
    call it = { *product, layout_a->matrix, layout_b->matrix, layout_c->matrix, layout_d->matrix, { a, b, c, d }, *alpha, *beta };
    int status = check(product, &it.a, &it.b, &it.c, &it.d);
    if (status) { return status; }
    REQUIRE(chosen->magic == MAGIC && chosen->workspace <= workspace_bytes, INVALID_VALUE);
    REQUIRE(fake_is_memory(workspace, workspace_bytes) && workspace % 256 == 0, INVALID_VALUE);
    REQUIRE(lies_in_memory(a, &it.a) && lies_in_memory(b, &it.b) && lies_in_memory(c, &it.c) && lies_in_memory(d, &it.d), INVALID_VALUE);
    REQUIRE(!(product->epilogue & BIAS) || fake_is_memory(product->bias, it.d.rows * 4), INVALID_VALUE);
    for (int i = 0; i < 4; i++)
    {
        // The truth, no more and no less.
        uint64_t lowest = it.at[i] & -it.at[i];
        REQUIRE(chosen->alignments[i] == (lowest < 256 ? lowest : 256), INVALID_VALUE);
    }
    if (*beta == 0) { REQUIRE(c == d, INVALID_VALUE); }
    if (chosen->workspace && (status = fake_enqueue(stream, "memset", nothing, 0))) { return EXECUTION_FAILED; }
    char text[256];
    snprintf(
        text, sizeof text, "cublasLt type=%d compute=%d op=%c%c size=%dx%dx%d lead=%d,%d,%d,%d batch=%d apart=%d,%d,%d,%d alpha=%g beta=%g epilogue=%u%s", it.a.type, product->compute,
        product->transposed[0] ? 'T' : 'N', product->transposed[1] ? 'T' : 'N', (int)it.d.rows, (int)it.d.columns, (int)depth(product, &it.a), (int)it.a.leading, (int)it.b.leading,
        (int)it.c.leading, (int)it.d.leading, it.d.batch, (int)it.a.apart, (int)it.b.apart, (int)it.c.apart, (int)it.d.apart, *alpha, *beta, product->epilogue, c == d ? "" : " out-of-place");
    call* kept = malloc(sizeof *kept);
    *kept = it;
    return fake_enqueue(stream, text, computes ? multiply : nothing, kept) ? EXECUTION_FAILED : SUCCESS;
}
