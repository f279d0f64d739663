namespace Engine.Devices;

/// <summary>
/// Tiles in the dialect, for kernels that use them: which lane holds which element (a form for each kind of matrix unit), loads and stores by these formulas, and the instruction. A fragment's
/// elements stand in the order of the instruction's registers, low halves first. Sources of the layouts: for mma.sync the PTX ISA, "Matrix Fragments for mma.m16n8k16 with floating point
/// type"; for MFMA the AMD matrix instruction calculator, v_mfma_f32_16x16x16f16; for WMMA the RDNA3 ISA, v_wmma_f32_16x16x16_f16.
/// </summary>
internal static class TilePrelude
{
    /// <summary>Everything but the product itself, for both languages. A <c>TILE_FORM</c> defined before chooses the form whatever the target.</summary>
    public const string Layouts = """
        #define TILE_LOOPS 0
        #define TILE_MMA 1
        #define TILE_MFMA 2
        #define TILE_WMMA 3
        #ifndef TILE_FORM
        #if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
        #define TILE_FORM TILE_MMA
        #elif defined(__gfx90a__) || defined(__gfx940__) || defined(__gfx941__) || defined(__gfx942__)
        #define TILE_FORM TILE_MFMA
        #elif (defined(__gfx1100__) || defined(__gfx1101__) || defined(__gfx1102__) || defined(__gfx1103__) || defined(__gfx1150__) || defined(__gfx1151__)) && (!defined(__AMDGCN_WAVEFRONT_SIZE) || __AMDGCN_WAVEFRONT_SIZE == 32)
        #define TILE_FORM TILE_WMMA
        #else
        #define TILE_FORM TILE_LOOPS
        #endif
        #endif

        // Items of a team; elements of A, B and the sums that lane l holds; row and column of its element e.
        #if TILE_FORM == TILE_MMA
        // Two products of 16 x 8: B and the sums hold columns 0 to 7, then 8 to 15.
        #define TILE_ITEMS 32
        #define TILE_A_COUNT 8
        #define TILE_A_ROW(l, e) (((l) >> 2) + 8 * (((e) >> 1) & 1))
        #define TILE_A_COLUMN(l, e) (2 * ((l) & 3) + ((e) & 1) + 8 * ((e) >> 2))
        #define TILE_B_COUNT 8
        #define TILE_B_ROW(l, e) (2 * ((l) & 3) + ((e) & 1) + 8 * (((e) >> 1) & 1))
        #define TILE_B_COLUMN(l, e) (((l) >> 2) + 8 * ((e) >> 2))
        #define TILE_SUM_COUNT 8
        #define TILE_SUM_ROW(l, e) (((l) >> 2) + 8 * (((e) >> 1) & 1))
        #define TILE_SUM_COLUMN(l, e) (2 * ((l) & 3) + ((e) & 1) + 8 * ((e) >> 2))
        #elif TILE_FORM == TILE_MFMA
        #define TILE_ITEMS 64
        #define TILE_A_COUNT 4
        #define TILE_A_ROW(l, e) ((l) & 15)
        #define TILE_A_COLUMN(l, e) (4 * ((l) >> 4) + (e))
        #define TILE_B_COUNT 4
        #define TILE_B_ROW(l, e) (4 * ((l) >> 4) + (e))
        #define TILE_B_COLUMN(l, e) ((l) & 15)
        #define TILE_SUM_COUNT 4
        #define TILE_SUM_ROW(l, e) (4 * ((l) >> 4) + (e))
        #define TILE_SUM_COLUMN(l, e) ((l) & 15)
        #elif TILE_FORM == TILE_WMMA
        // The upper lanes hold the operands of the lower ones once more.
        #define TILE_ITEMS 32
        #define TILE_A_COUNT 16
        #define TILE_A_ROW(l, e) ((l) & 15)
        #define TILE_A_COLUMN(l, e) (e)
        #define TILE_B_COUNT 16
        #define TILE_B_ROW(l, e) (e)
        #define TILE_B_COLUMN(l, e) ((l) & 15)
        #define TILE_SUM_COUNT 8
        #define TILE_SUM_ROW(l, e) (2 * (e) + ((l) >> 4))
        #define TILE_SUM_COLUMN(l, e) ((l) & 15)
        #else
        // Eight neighbouring sums an item, and all of A and B that they need.
        #define TILE_ITEMS 32
        #define TILE_A_COUNT 16
        #define TILE_A_ROW(l, e) ((l) >> 1)
        #define TILE_A_COLUMN(l, e) (e)
        #define TILE_B_COUNT 128
        #define TILE_B_ROW(l, e) ((e) >> 3)
        #define TILE_B_COLUMN(l, e) (8 * ((l) & 1) + ((e) & 7))
        #define TILE_SUM_COUNT 8
        #define TILE_SUM_ROW(l, e) ((l) >> 1)
        #define TILE_SUM_COLUMN(l, e) (8 * ((l) & 1) + (e))
        #endif

        // Unrolled, fragments live in the registers that an instruction reads; loops index memory, and 128 copies of a load are slow to compile.
        #if TILE_FORM == TILE_LOOPS
        #define TILE_UNROLL
        #else
        #define TILE_UNROLL UNROLL
        #endif
        #define TILE_TEAM (ITEM_ID / TILE_ITEMS)
        #define TILE_LANE (ITEM_ID % TILE_ITEMS)
        typedef struct { u16 e[TILE_A_COUNT]; } tile_a;
        typedef struct { u16 e[TILE_B_COUNT]; } tile_b;
        typedef struct { float e[TILE_SUM_COUNT]; } tile_sum;

        // Order 0 is row-major, 1 column-major.
        #define TILE_OFFSET(row, column, stride, order) ((order) == 0 ? (i64)(row) * (stride) + (column) : (i64)(column) * (stride) + (row))
        #define TILE_FUNCTIONS(S) \
            FUNCTION tile_a tile_load_a_##S(const S u16* p, int stride, int order) \
            { \
                tile_a r; \
                int l = TILE_LANE; \
                TILE_UNROLL for (int e = 0; e < TILE_A_COUNT; e++) r.e[e] = p[TILE_OFFSET(TILE_A_ROW(l, e), TILE_A_COLUMN(l, e), stride, order)]; \
                return r; \
            } \
            FUNCTION tile_b tile_load_b_##S(const S u16* p, int stride, int order) \
            { \
                tile_b r; \
                int l = TILE_LANE; \
                TILE_UNROLL for (int e = 0; e < TILE_B_COUNT; e++) r.e[e] = p[TILE_OFFSET(TILE_B_ROW(l, e), TILE_B_COLUMN(l, e), stride, order)]; \
                return r; \
            } \
            FUNCTION tile_sum tile_scale_rows_##S(const S float* p, tile_sum c) \
            { \
                int l = TILE_LANE; \
                TILE_UNROLL for (int e = 0; e < TILE_SUM_COUNT; e++) c.e[e] *= p[TILE_SUM_ROW(l, e)]; \
                return c; \
            } \
            FUNCTION void tile_store_##S(S float* p, int stride, tile_sum c) \
            { \
                int l = TILE_LANE; \
                TILE_UNROLL for (int e = 0; e < TILE_SUM_COUNT; e++) p[TILE_OFFSET(TILE_SUM_ROW(l, e), TILE_SUM_COLUMN(l, e), stride, 0)] = c.e[e]; \
            }
        TILE_FUNCTIONS(GLOBAL)
        TILE_FUNCTIONS(LOCAL)
        FUNCTION tile_sum tile_zero(void) { tile_sum r; TILE_UNROLL for (int e = 0; e < TILE_SUM_COUNT; e++) r.e[e] = 0.0f; return r; }
        #define TILE_LOAD_A(S, p, at, stride, order) tile_load_a_##S((p) + (at), stride, order)
        #define TILE_LOAD_B(S, p, at, stride, order) tile_load_b_##S((p) + (at), stride, order)
        #define TILE_SCALE_ROWS(S, p, at, c) tile_scale_rows_##S((p) + (at), c)
        #define TILE_STORE(S, p, at, stride, c) tile_store_##S((p) + (at), stride, c)
        #define TILE_MULTIPLY_ADD_(T, a, b, c) tile_multiply_add_##T(a, b, c)
        #define TILE_MULTIPLY_ADD(T, a, b, c) TILE_MULTIPLY_ADD_(T, a, b, c)

        """;

    /// <summary>The product where no matrix unit computes it.</summary>
    private const string Loops = """
        #if TILE_FORM == TILE_LOOPS
        #define TILE_PRODUCT(T) \
            FUNCTION tile_sum tile_multiply_add_##T(tile_a a, tile_b b, tile_sum c) \
            { \
                for (int k = 0; k < 16; k++) \
                { \
                    float x = to_float_##T(a.e[k]); \
                    for (int j = 0; j < 8; j++) c.e[j] = FMA(x, to_float_##T(b.e[8 * k + j]), c.e[j]); \
                } \
                return c; \
            }
        TILE_PRODUCT(f16)
        TILE_PRODUCT(bf16)
        #endif

        """;

    private const string Cuda = """
        #if TILE_FORM == TILE_MMA
        #define TILE_PAIR(x, i) ((uint)(x)[2 * (i)] | ((uint)(x)[2 * (i) + 1] << 16))
        #define TILE_PRODUCT(T, ptx) \
            FUNCTION void tile_mma_##T(float* c, const u16* a, const u16* b) \
            { \
                asm volatile("mma.sync.aligned.m16n8k16.row.col.f32." ptx "." ptx ".f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};" \
                    : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) \
                    : "r"(TILE_PAIR(a, 0)), "r"(TILE_PAIR(a, 1)), "r"(TILE_PAIR(a, 2)), "r"(TILE_PAIR(a, 3)), "r"(TILE_PAIR(b, 0)), "r"(TILE_PAIR(b, 1))); \
            } \
            FUNCTION tile_sum tile_multiply_add_##T(tile_a a, tile_b b, tile_sum c) { tile_mma_##T(c.e, a.e, b.e); tile_mma_##T(c.e + 4, a.e, b.e + 4); return c; }
        TILE_PRODUCT(f16, "f16")
        TILE_PRODUCT(bf16, "bf16")
        #endif

        """;

    private const string OpenCl = """
        #if TILE_FORM == TILE_MFMA || TILE_FORM == TILE_WMMA
        #pragma OPENCL EXTENSION cl_khr_fp16 : enable
        #define TILE_SHORTS(n, x) vload##n(0, (const __private short*)(x).e)
        #if TILE_FORM == TILE_MFMA
        #define TILE_PRODUCT(T, name, bits) \
            FUNCTION tile_sum tile_multiply_add_##T(tile_a a, tile_b b, tile_sum c) { vstore4(name(bits(TILE_SHORTS(4, a)), bits(TILE_SHORTS(4, b)), vload4(0, c.e), 0, 0, 0), 0, c.e); return c; }
        TILE_PRODUCT(f16, __builtin_amdgcn_mfma_f32_16x16x16f16, as_half4)
        TILE_PRODUCT(bf16, __builtin_amdgcn_mfma_f32_16x16x16bf16_1k, as_short4)
        #else
        #define TILE_PRODUCT(T, name, bits) \
            FUNCTION tile_sum tile_multiply_add_##T(tile_a a, tile_b b, tile_sum c) { vstore8(name(bits(TILE_SHORTS(16, a)), bits(TILE_SHORTS(16, b)), vload8(0, c.e)), 0, c.e); return c; }
        TILE_PRODUCT(f16, __builtin_amdgcn_wmma_f32_16x16x16_f16_w32, as_half16)
        TILE_PRODUCT(bf16, __builtin_amdgcn_wmma_f32_16x16x16_bf16_w32, as_short16)
        #endif
        #endif

        """;

    /// <summary>The text that stands between the language's prelude and the body of a kernel that uses tiles.</summary>
    public static string Text(DeviceLanguage language) => Layouts + Loops + (language == DeviceLanguage.Cuda ? Cuda : OpenCl);
}
