namespace Engine.Devices;

/// <summary>
/// The dialect's macros in CUDA C++ as NVRTC compiles it: no header is included, only functions that the compiler knows by itself.
/// </summary>
internal static class CudaPrelude
{
    public const string Text = """
        typedef signed char i8;
        typedef unsigned char u8;
        typedef short i16;
        typedef unsigned short u16;
        typedef unsigned int uint;
        typedef long long i64;
        typedef unsigned long long u64;
        typedef unsigned short f16;
        typedef unsigned short bf16;

        #define KERNEL extern "C" __global__
        #define FUNCTION static __device__ __forceinline__
        #define GLOBAL
        #define LOCAL
        #define PRIVATE
        #define SHARED __shared__
        #define UNROLL _Pragma("unroll")
        #define VIEW(T, base, offset) ((T*)((unsigned char*)(base) + (offset)))
        #define MAKE(T, ...) (T{ __VA_ARGS__ })

        #define BARRIER() __syncthreads()
        #define GROUP_ID(d) ((int)((d) == 0 ? blockIdx.x : (d) == 1 ? blockIdx.y : blockIdx.z))
        #define GROUP_COUNT(d) ((int)((d) == 0 ? gridDim.x : (d) == 1 ? gridDim.y : gridDim.z))
        #define GROUP_SIZE ((int)blockDim.x)
        #define ITEM_ID ((int)threadIdx.x)
        #define LANE_ID (ITEM_ID & 31)

        FUNCTION int bits_int(float x) { return __float_as_int(x); }
        FUNCTION uint bits_uint(float x) { return __float_as_uint(x); }
        FUNCTION float bits_float(uint x) { return __uint_as_float(x); }
        #ifndef INFINITY
        #define INFINITY __uint_as_float(0x7F800000u)
        #endif
        #ifndef NAN
        #define NAN __uint_as_float(0x7FC00000u)
        #endif

        #define EXP(x) expf(x)
        #define LOG(x) logf(x)
        #define LOG2(x) log2f(x)
        #define SQRT(x) sqrtf(x)
        #define TANH(x) tanhf(x)
        #define COS(x) cosf(x)
        #define SIN(x) sinf(x)
        #define TAN(x) tanf(x)
        #define ATAN(x) atanf(x)
        #define ATAN2(y, x) atan2f(y, x)
        #define POW(x, y) powf(x, y)
        #define FLOOR(x) floorf(x)
        #define CEIL(x) ceilf(x)
        #define TRUNC(x) truncf(x)
        #define ROUND_EVEN(x) rintf(x)
        #define FMA(a, b, c) fmaf(a, b, c)
        #define COPYSIGN(x, y) copysignf(x, y)
        #define fmod_float(x, y) fmodf(x, y)
        #define fmod_double(x, y) fmod(x, y)
        FUNCTION bool is_nan(float x) { return x != x; }
        FUNCTION bool is_infinite(float x) { return (bits_uint(x) & 0x7FFFFFFFu) == 0x7F800000u; }
        FUNCTION bool is_finite(float x) { return (bits_uint(x) & 0x7F800000u) != 0x7F800000u; }

        // Float to integer as .NET does it: saturated, NaN becomes 0. The hardware saturates, but not NaN at 64 bits.
        #define CONVERT_FUNCTION(T, name, ptx, f, constraint, in) \
            FUNCTION T name(f x) { T r; asm("cvt.rzi." ptx " %0, %1;" : constraint(r) : in(x)); return x == x ? r : 0; }
        CONVERT_FUNCTION(int, CONVERT_int, "s32.f32", float, "=r", "f")
        CONVERT_FUNCTION(uint, CONVERT_uint, "u32.f32", float, "=r", "f")
        CONVERT_FUNCTION(i64, CONVERT_i64, "s64.f32", float, "=l", "f")
        CONVERT_FUNCTION(u64, CONVERT_u64, "u64.f32", float, "=l", "f")
        CONVERT_FUNCTION(int, CONVERT_int, "s32.f64", double, "=r", "d")
        CONVERT_FUNCTION(uint, CONVERT_uint, "u32.f64", double, "=r", "d")
        CONVERT_FUNCTION(i64, CONVERT_i64, "s64.f64", double, "=l", "d")
        CONVERT_FUNCTION(u64, CONVERT_u64, "u64.f64", double, "=l", "d")

        // As MathF.Min and MathF.Max: NaN where either is NaN.
        FUNCTION float min_float(float a, float b) { return a < b || a != a ? a : b; }
        FUNCTION float max_float(float a, float b) { return a > b || a != a ? a : b; }
        FUNCTION float abs_float(float a) { return fabsf(a); }
        #define INTEGER_FUNCTIONS(T) \
            FUNCTION T min_##T(T a, T b) { return a < b ? a : b; } \
            FUNCTION T max_##T(T a, T b) { return a > b ? a : b; } \
            FUNCTION T abs_##T(T a) { return a < 0 ? -a : a; }
        INTEGER_FUNCTIONS(int)
        INTEGER_FUNCTIONS(uint)
        INTEGER_FUNCTIONS(i64)
        INTEGER_FUNCTIONS(u64)

        // Storage types.
        FUNCTION float to_float_float(float x) { return x; }
        FUNCTION float to_float_f16(u16 x) { float r; asm("cvt.f32.f16 %0, %1;" : "=f"(r) : "h"(x)); return r; }
        FUNCTION float to_float_bf16(u16 x) { return bits_float((uint)x << 16); }
        FUNCTION float to_float_i8(i8 x) { return (float)x; }
        FUNCTION float to_float_u8(u8 x) { return (float)x; }
        FUNCTION float from_float_float(float x) { return x; }
        FUNCTION u16 from_float_f16(float x) { u16 r; asm("cvt.rn.f16.f32 %0, %1;" : "=h"(r) : "f"(x)); return r; }
        FUNCTION u16 from_float_bf16(float x)
        {
            uint bits = bits_uint(x);
            return x != x ? (u16)((bits >> 16) | 0x40u) : (u16)((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
        }
        FUNCTION i8 from_float_i8(float x) { float r = rintf(x); return (i8)(x != x ? 0 : r < -128.0f ? -128 : r > 127.0f ? 127 : (int)r); }
        FUNCTION u8 from_float_u8(float x) { float r = rintf(x); return (u8)(x != x ? 0 : r < 0.0f ? 0 : r > 255.0f ? 255 : (int)r); }
        #define TO_FLOAT_(T, x) to_float_##T(x)
        #define TO_FLOAT(T, x) TO_FLOAT_(T, x)
        #define FROM_FLOAT_(T, x) from_float_##T(x)
        #define FROM_FLOAT(T, x) FROM_FLOAT_(T, x)
        #define LOAD(T, p, i) TO_FLOAT(T, (p)[i])
        #define STORE(T, p, i, x) ((p)[i] = FROM_FLOAT(T, x))

        #define ATOMIC_ADD(S, T, p, v) atomicAdd((T*)(p), (T)(v))
        #define ATOMIC_MAX(S, T, p, v) atomicMax((T*)(p), (T)(v))
        #define ATOMIC_MIN(S, T, p, v) atomicMin((T*)(p), (T)(v))
        #define ATOMIC_EXCHANGE(S, T, p, v) atomicExch((T*)(p), (T)(v))
        #define ATOMIC_COMPARE_EXCHANGE(S, T, p, compare, v) atomicCAS((T*)(p), (T)(compare), (T)(v))

        // The hardware exchanges values by itself; the scratch pointer is there for devices that do not.
        #define WARP_SCRATCH uint* warp_scratch = 0
        #define SHUFFLE(T, x, lane) ((T)__shfl_sync(0xFFFFFFFFu, (T)(x), (lane) & 31))
        #define SHUFFLE_XOR(T, x, mask) ((T)__shfl_xor_sync(0xFFFFFFFFu, (T)(x), (mask) & 31))
        #define SHUFFLE_DOWN(T, x, delta) ((T)__shfl_down_sync(0xFFFFFFFFu, (T)(x), (uint)(delta)))

        """;
}
