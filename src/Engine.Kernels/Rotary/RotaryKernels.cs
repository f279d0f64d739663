namespace Engine.Kernels;

/// <summary>Rotary position embeddings, one item a pair of elements.</summary>
internal static partial class RotaryKernels
{
    /// <summary>The cosine and sine of each token (rows) and frequency (columns), times the scale.</summary>
    [Kernel]
    public static void Angles(
        ArrayView<int> positions, ArrayView<ulong> frequencies, ArrayView<float> angles, float scale, long count, int half)
    {
        long i = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        if (i < count)
        {
            long token = i / half;
            int j = (int)(i % half);

            // The upper word counts 2^-32 turns.
            uint turns = (uint)(((ulong)positions[token] * frequencies[j]) >> 32);
            angles[(token * 2 * half) + j] = scale * KernelMath.CosTurns(turns, 0f);
            angles[(token * 2 * half) + half + j] = scale * KernelMath.SinTurns(turns, 0f);
        }
    }

    /// <summary>
    /// (y1, y2) = (x1 cos - x2 sin, x2 cos + x1 sin), sin times the direction; the elements of a head behind its pairs are copied.
    /// </summary>
    [Kernel]
    public static void Apply(
        ArrayView<float> x, ArrayView<float> angles, ArrayView<float> y, long count, int heads, int half, int rest,
        float direction)
    {
        long i = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        if (i < count)
        {
            long head = i / (half + rest);
            int j = (int)(i % (half + rest));
            long first = (head * ((2 * half) + rest)) + j;
            if (j < half)
            {
                long angle = (head / heads * 2 * half) + j;
                float cosine = angles[angle];
                float sine = angles[angle + half] * direction;
                float x1 = x[first];
                float x2 = x[first + half];
                y[first] = (x1 * cosine) - (x2 * sine);
                y[first + half] = (x2 * cosine) + (x1 * sine);
            }
            else
            {
                y[first + half] = x[first + half];
            }
        }
    }
}
