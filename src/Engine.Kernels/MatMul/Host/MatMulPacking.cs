using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>
/// Copies a strip of an operand, as float32, into the order the register tiles read: for each k, the strip's elements side by side.
/// </summary>
internal static unsafe class MatMulPacking
{
    /// <summary>
    /// target[k * width + i] = source[i * stride + k * step] for i below <paramref name="valid"/>, 0 from there to width. One of stride and
    /// step is 1.
    /// </summary>
    public static void Pack<T, TStored>(TStored* source, long stride, long step, int valid, int width, int depth, float* target)
        where T : struct, ISimd<T>
        where TStored : unmanaged
    {
        if (stride == 1)
        {
            Copy<T, TStored>(source, step, valid, width, depth, target);
        }
        else
        {
            Transpose(source, stride, valid, width, depth, target);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Copy<T, TStored>(TStored* source, long step, int valid, int width, int depth, float* target)
        where T : struct, ISimd<T>
        where TStored : unmanaged
    {
        for (int k = 0; k < depth; k++, source += step, target += width)
        {
            int i = 0;
            for (; i + T.Count <= valid; i += T.Count)
            {
                Stored.Load<T, TStored>(source + i).Store(target + i);
            }

            for (; i + 8 <= valid; i += 8)
            {
                Stored.Load<Simd256, TStored>(source + i).Store(target + i);
            }

            for (; i < width; i++)
            {
                target[i] = i < valid ? Stored.Load(source + i) : 0f;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Transpose<TStored>(TStored* source, long stride, int valid, int width, int depth, float* target)
        where TStored : unmanaged
    {
        int i = 0;
        for (; i + 4 <= valid; i += 4)
        {
            TStored* from = source + (i * stride);
            float* to = target + i;
            int k = 0;
            for (; Sse.IsSupported && k + 4 <= depth; k += 4)
            {
                Transpose4(from + k, stride, to + ((long)k * width), width);
            }

            for (; k < depth; k++)
            {
                for (int lane = 0; lane < 4; lane++)
                {
                    to[((long)k * width) + lane] = Stored.Load(from + (lane * stride) + k);
                }
            }
        }

        for (; i < width; i++)
        {
            for (int k = 0; k < depth; k++)
            {
                target[((long)k * width) + i] = i < valid ? Stored.Load(source + (i * stride) + k) : 0f;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose4<TStored>(TStored* source, long stride, float* target, long width)
        where TStored : unmanaged
    {
        Vector128<float> r0 = Stored.Load<Simd128, TStored>(source);
        Vector128<float> r1 = Stored.Load<Simd128, TStored>(source + stride);
        Vector128<float> r2 = Stored.Load<Simd128, TStored>(source + (2 * stride));
        Vector128<float> r3 = Stored.Load<Simd128, TStored>(source + (3 * stride));
        Vector128<float> low01 = Sse.UnpackLow(r0, r1);
        Vector128<float> low23 = Sse.UnpackLow(r2, r3);
        Vector128<float> high01 = Sse.UnpackHigh(r0, r1);
        Vector128<float> high23 = Sse.UnpackHigh(r2, r3);
        Sse.MoveLowToHigh(low01, low23).Store(target);
        Sse.MoveHighToLow(low23, low01).Store(target + width);
        Sse.MoveLowToHigh(high01, high23).Store(target + (2 * width));
        Sse.MoveHighToLow(high23, high01).Store(target + (3 * width));
    }
}
