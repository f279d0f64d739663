namespace Engine.Kernels;

/// <summary>The clipping of LA-LoRA's public code: of each tensor by itself, to a norm that the tensors' own give.</summary>
internal static class MedianClip
{
    /// <summary>
    /// C = min(median of the norms of the tensors whose mask is not 0, largest), the median of an even number the mean of the middle two;
    /// factors[s] = min(1, C / norm), 1 where the norm is 0, 0 outside the mask; deviation[0] = noise C scalars[SampleWeight].
    /// </summary>
    /// <param name="squares">[segments] Squared norms.</param>
    /// <param name="mask">[segments] 0 or 1.</param>
    /// <param name="factors">[segments].</param>
    /// <param name="deviation">[1].</param>
    public static Launch Factors(
        Device device, int segments, float largest, float noise, BufferView<float> squares, BufferView<float> mask,
        BufferView<float> scalars, BufferView<float> factors, BufferView<float> deviation)
    {
        Operand.Require(squares, segments);
        Operand.Require(mask, segments);
        Operand.Require(scalars, StepScalars.Count);
        Operand.Require(factors, segments);
        Operand.Require(deviation, 1);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return new MedianClipHost(cpu, segments, largest, noise, squares, mask, scalars, factors, deviation);
        }

        return MedianClipKernels.FactorsKernel.Bind(
            device, new LaunchShape(1, LaunchShapes.SingleGroup), squares, mask, scalars, factors, deviation, segments, largest, noise,
            LaunchShapes.SingleGroup);
    }
}

internal sealed unsafe class MedianClipHost(
    CpuDevice device, int segments, float largest, float noise, BufferView<float> squares, BufferView<float> mask,
    BufferView<float> scalars, BufferView<float> factors, BufferView<float> deviation)
    : HostLaunch(device)
{
    private readonly float* squares = CpuDevice.Pointer(squares);
    private readonly float* mask = CpuDevice.Pointer(mask);
    private readonly float* scalars = CpuDevice.Pointer(scalars);
    private readonly float* factors = CpuDevice.Pointer(factors);
    private readonly float* deviation = CpuDevice.Pointer(deviation);
    private readonly float[] norms = new float[segments];

    public override string Name => "MedianClip_Factors";

    protected override void Execute(HostThreads threads)
    {
        int taken = 0;
        for (int s = 0; s < segments; s++)
        {
            if (mask[s] != 0)
            {
                norms[taken++] = MathF.Sqrt(squares[s]);
            }
        }

        Span<float> sorted = norms.AsSpan(0, taken);
        sorted.Sort();
        float median = taken == 0 ? 0 : 0.5f * (sorted[(taken - 1) / 2] + sorted[taken / 2]), bound = Math.Min(median, largest);
        for (int s = 0; s < segments; s++)
        {
            float norm = MathF.Sqrt(squares[s]);
            factors[s] = mask[s] == 0 ? 0 : norm > bound ? bound / norm : 1;
        }

        *deviation = noise * bound * scalars[StepScalars.SampleWeight];
    }
}

/// <summary>The compiled form, one group for all tensors.</summary>
internal static partial class MedianClipKernels
{
    /// <summary>One group: each item finds its tensors' places in the order of the norms, ties by their numbers.</summary>
    [Kernel]
    public static void Factors(
        ArrayView<float> squares, ArrayView<float> mask, ArrayView<float> scalars, ArrayView<float> factors, ArrayView<float> deviation,
        int segments, float largest, float noise, [Specialize] int groupSize)
    {
        ArrayView<float> middle = SharedMemory.Allocate<float>(2);
        int item = Group.IdxX;
        if (item == 0)
        {
            middle[0] = 0f;
            middle[1] = 0f;
        }

        Group.Barrier();
        for (int s = item; s < segments; s += groupSize)
        {
            float square = squares[s];
            int before = 0;
            int taken = 0;
            for (int other = 0; other < segments; other++)
            {
                if (mask[other] != 0f)
                {
                    taken++;
                    if (squares[other] < square || (squares[other] == square && other < s))
                    {
                        before++;
                    }
                }
            }

            if (mask[s] != 0f)
            {
                if (before == (taken - 1) / 2)
                {
                    middle[0] = MathF.Sqrt(square);
                }

                if (before == taken / 2)
                {
                    middle[1] = MathF.Sqrt(square);
                }
            }
        }

        Group.Barrier();
        float bound = MathF.Min(0.5f * (middle[0] + middle[1]), largest);
        for (int s = item; s < segments; s += groupSize)
        {
            float norm = MathF.Sqrt(squares[s]);
            float factor = norm > bound ? bound / norm : 1f;
            factors[s] = mask[s] == 0f ? 0f : factor;
        }

        if (item == 0)
        {
            deviation[0] = noise * bound * scalars[StepScalars.SampleWeight];
        }
    }
}
