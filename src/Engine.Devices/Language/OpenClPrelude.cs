namespace Engine.Devices;

/// <summary>
/// The dialect's macros in OpenCL C 1.2. No generic address space, no fp16 arithmetic, no subgroups: PoCL 3.1 has none of them.
/// </summary>
internal static class OpenClPrelude
{
    public const string Text = """
        #ifdef cl_khr_fp64
        #pragma OPENCL EXTENSION cl_khr_fp64 : enable
        #endif
        #pragma OPENCL FP_CONTRACT ON

        typedef char i8;
        typedef uchar u8;
        typedef short i16;
        typedef ushort u16;
        typedef long i64;
        typedef ulong u64;

        // Devices without fp16 arithmetic have no variables of type half: both 16-bit types are stored as their bits, but under
        // names of their own, since LOAD and STORE choose by name.
        typedef ushort f16;
        typedef ushort bf16;

        #define KERNEL __kernel
        #define FUNCTION static inline __attribute__((always_inline))
        #define GLOBAL __global
        #define LOCAL __local
        #define PRIVATE __private
        #define SHARED __local
        #define UNROLL _Pragma("unroll")
        #define VIEW(T, base, offset) ((GLOBAL T*)((GLOBAL uchar*)(base) + (offset)))
        #define MAKE(T, ...) ((T){ __VA_ARGS__ })

        #define BARRIER() barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE)
        #define GROUP_ID(d) ((int)get_group_id(d))
        #define GROUP_COUNT(d) ((int)get_num_groups(d))
        #define GROUP_SIZE ((int)get_local_size(0))
        #define ITEM_ID ((int)get_local_id(0))
        #define LANE_ID (ITEM_ID & 31)

        #define EXP(x) exp(x)
        #define LOG(x) log(x)
        #define LOG2(x) log2(x)
        #define SQRT(x) sqrt(x)
        #define TANH(x) tanh(x)
        #define COS(x) cos(x)
        #define SIN(x) sin(x)
        #define TAN(x) tan(x)
        #define ATAN(x) atan(x)
        #define ATAN2(y, x) atan2(y, x)
        #define POW(x, y) pow(x, y)
        #define FLOOR(x) floor(x)
        #define CEIL(x) ceil(x)
        #define TRUNC(x) trunc(x)
        #define ROUND_EVEN(x) rint(x)
        #define FMA(a, b, c) fma(a, b, c)
        #define COPYSIGN(x, y) copysign(x, y)
        #define fmod_float(x, y) fmod(x, y)
        #define fmod_double(x, y) fmod(x, y)
        #define is_nan(x) (isnan(x) != 0)
        #define is_infinite(x) (isinf(x) != 0)
        #define is_finite(x) (isfinite(x) != 0)
        #define bits_int(x) as_int(x)
        #define bits_uint(x) as_uint(x)
        #define bits_float(x) as_float(x)
        #define CONVERT_int(x) convert_int_sat(x)
        #define CONVERT_uint(x) convert_uint_sat(x)
        #define CONVERT_i64(x) convert_long_sat(x)
        #define CONVERT_u64(x) convert_ulong_sat(x)

        // As MathF.Min and MathF.Max: NaN where either is NaN.
        FUNCTION float min_float(float a, float b) { return a < b || isnan(a) ? a : b; }
        FUNCTION float max_float(float a, float b) { return a > b || isnan(a) ? a : b; }
        FUNCTION float abs_float(float a) { return fabs(a); }
        #define min_int(a, b) min((int)(a), (int)(b))
        #define max_int(a, b) max((int)(a), (int)(b))
        #define min_uint(a, b) min((uint)(a), (uint)(b))
        #define max_uint(a, b) max((uint)(a), (uint)(b))
        #define min_i64(a, b) min((i64)(a), (i64)(b))
        #define max_i64(a, b) max((i64)(a), (i64)(b))
        #define min_u64(a, b) min((u64)(a), (u64)(b))
        #define max_u64(a, b) max((u64)(a), (u64)(b))
        #define abs_int(a) ((int)abs((int)(a)))
        #define abs_i64(a) ((i64)abs((i64)(a)))

        // Storage types. Half goes through vload_half and vstore_half, which need no fp16 arithmetic.
        FUNCTION float to_float_float(float x) { return x; }
        FUNCTION float to_float_f16(ushort x) { return vload_half(0, (const __private half*)&x); }
        FUNCTION float to_float_bf16(ushort x) { return as_float((uint)x << 16); }
        FUNCTION float to_float_i8(char x) { return (float)x; }
        FUNCTION float to_float_u8(uchar x) { return (float)x; }
        FUNCTION float from_float_float(float x) { return x; }
        FUNCTION ushort from_float_f16(float x) { ushort h; vstore_half_rte(x, 0, (__private half*)&h); return h; }
        FUNCTION ushort from_float_bf16(float x)
        {
            uint bits = as_uint(x);
            return isnan(x) ? (ushort)((bits >> 16) | 0x40u) : (ushort)((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
        }
        FUNCTION char from_float_i8(float x) { return convert_char_sat_rte(x); }
        FUNCTION uchar from_float_u8(float x) { return convert_uchar_sat_rte(x); }
        #define TO_FLOAT_(T, x) to_float_##T(x)
        #define TO_FLOAT(T, x) TO_FLOAT_(T, x)
        #define FROM_FLOAT_(T, x) from_float_##T(x)
        #define FROM_FLOAT(T, x) FROM_FLOAT_(T, x)
        #define LOAD(T, p, i) TO_FLOAT(T, (p)[i])
        #define STORE(T, p, i, x) ((p)[i] = FROM_FLOAT(T, x))

        #define ATOMIC_ADD(S, T, p, v) atomic_add((volatile S T*)(p), v)
        #define ATOMIC_MAX(S, T, p, v) atomic_max((volatile S T*)(p), v)
        #define ATOMIC_MIN(S, T, p, v) atomic_min((volatile S T*)(p), v)
        #define ATOMIC_EXCHANGE(S, T, p, v) atomic_xchg((volatile S T*)(p), v)
        #define ATOMIC_COMPARE_EXCHANGE(S, T, p, compare, v) atomic_cmpxchg((volatile S T*)(p), compare, v)

        // Warp functions by way of local memory: no extension is needed, and all items of the group take part.
        #define WARP_SCRATCH __local uint warp_memory[1024]; __local uint* warp_scratch = warp_memory
        FUNCTION uint shuffle_bits(__local uint* scratch, uint x, int source)
        {
            barrier(CLK_LOCAL_MEM_FENCE);
            scratch[ITEM_ID] = x;
            barrier(CLK_LOCAL_MEM_FENCE);
            return scratch[(ITEM_ID & ~31) | source];
        }
        #define SHUFFLE(T, x, lane) as_##T(shuffle_bits(warp_scratch, as_uint((T)(x)), (lane) & 31))
        #define SHUFFLE_XOR(T, x, mask) as_##T(shuffle_bits(warp_scratch, as_uint((T)(x)), LANE_ID ^ ((mask) & 31)))
        #define SHUFFLE_DOWN(T, x, delta) as_##T(shuffle_bits(warp_scratch, as_uint((T)(x)), LANE_ID + (delta) < 32 ? LANE_ID + (delta) : LANE_ID))

        """;
}
