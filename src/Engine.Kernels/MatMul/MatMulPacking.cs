using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>Copies a strip of an operand into the order the register tiles read: for each k, the strip's elements side by side.</summary>
internal static unsafe class MatMulPacking
{
    /// <summary>target[k * width + i] = source[i * stride + k * step] for i below <paramref name="valid"/>, 0 from there to width. One of stride and step is 1.</summary>
    public static void Pack<T>(float* source, long stride, long step, int valid, int width, int depth, float* target)
        where T : struct, ISimd<T>
    {
        if (stride == 1)
        {
            Copy<T>(source, step, valid, width, depth, target);
        }
        else
        {
            Transpose(source, stride, valid, width, depth, target);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Copy<T>(float* source, long step, int valid, int width, int depth, float* target)
        where T : struct, ISimd<T>
    {
        for (int k = 0; k < depth; k++, source += step, target += width)
        {
            int i = 0;
            for (; i + T.Count <= valid; i += T.Count)
            {
                T.Load(source + i).Store(target + i);
            }

            for (; i + 8 <= valid; i += 8)
            {
                Vector256.Load(source + i).Store(target + i);
            }

            for (; i < width; i++)
            {
                target[i] = i < valid ? source[i] : 0f;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Transpose(float* source, long stride, int valid, int width, int depth, float* target)
    {
        int i = 0;
        for (; i + 4 <= valid; i += 4)
        {
            float* from = source + (i * stride);
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
                    to[((long)k * width) + lane] = from[(lane * stride) + k];
                }
            }
        }

        for (; i < width; i++)
        {
            for (int k = 0; k < depth; k++)
            {
                target[((long)k * width) + i] = i < valid ? source[(i * stride) + k] : 0f;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose4(float* source, long stride, float* target, long width)
    {
        Vector128<float> r0 = Vector128.Load(source);
        Vector128<float> r1 = Vector128.Load(source + stride);
        Vector128<float> r2 = Vector128.Load(source + (2 * stride));
        Vector128<float> r3 = Vector128.Load(source + (3 * stride));
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
