namespace Engine.Kernels;

internal sealed unsafe class SamFactorsHost(
    CpuDevice device, int segments, float numerator, BufferView<float> squares, BufferView<float>? mask, BufferView<float>? radius,
    BufferView<float> factors)
    : HostLaunch(device)
{
    private readonly float* squares = CpuDevice.Pointer(squares);
    private readonly float* mask = mask is { } given ? CpuDevice.Pointer(given) : null;
    private readonly float* radius = radius is { } chosen ? CpuDevice.Pointer(chosen) : null;
    private readonly float* factors = CpuDevice.Pointer(factors);

    public override string Name => "StepFactors_Sam";

    protected override void Execute(HostThreads threads)
    {
        double sum = 0;
        for (int s = 0; s < segments; s++)
        {
            sum += TakesPart(s) ? squares[s] : 0;
        }

        double length = radius == null ? numerator : (double)numerator * *radius;
        float factor = (float)(length / (Math.Sqrt(sum) + StepFactors.SamEpsilon));
        for (int s = 0; s < segments; s++)
        {
            factors[s] = TakesPart(s) ? factor : 0;
        }
    }

    private bool TakesPart(int segment) => mask == null || mask[segment] != 0;
}

internal sealed unsafe class RadiusHost(
    CpuDevice device, int slot, int segments, RadiusRule rule, BufferView<float> sums, BufferView<float>? mask, BufferView<float> scalars,
    BufferView<float> loss, BufferView<float> radius)
    : HostLaunch(device)
{
    private readonly float* sums = CpuDevice.Pointer(sums);
    private readonly float* mask = mask is { } given ? CpuDevice.Pointer(given) : null;
    private readonly float* scalars = CpuDevice.Pointer(scalars);
    private readonly float* loss = CpuDevice.Pointer(loss);
    private readonly float* radius = CpuDevice.Pointer(radius);

    public override string Name => "StepFactors_Radius";

    protected override void Execute(HostThreads threads)
    {
        double sum = 0;
        for (int s = 0; s < segments; s++)
        {
            sum += mask == null || mask[s] != 0 ? sums[s] : 0;
        }

        double target = scalars[slot] * (rule.IsShare ? (double)*loss : 1);
        double slope = (rule.OfSquares ? Math.Sqrt(sum) : sum) + rule.C;
        *radius = slope > 0 ? (float)Math.Min(target / slope, rule.Largest) : 0;
    }
}

/// <summary>One factor for all segments, from the sums of two numbers a segment.</summary>
internal abstract unsafe class CommonFactorHost(
    CpuDevice device, int segments, BufferView<float> first, BufferView<float> second, BufferView<float> factors)
    : HostLaunch(device)
{
    private readonly float* first = CpuDevice.Pointer(first);
    private readonly float* second = CpuDevice.Pointer(second);
    private readonly float* factors = CpuDevice.Pointer(factors);

    protected sealed override void Execute(HostThreads threads)
    {
        double firstSum = 0, secondSum = 0;
        for (int s = 0; s < segments; s++)
        {
            firstSum += first[s];
            secondSum += second[s];
        }

        new Span<float>(factors, segments).Fill((float)Factor(firstSum, secondSum));
    }

    protected abstract double Factor(double first, double second);
}

internal sealed class ProjectionFactorsHost(
    CpuDevice device, int segments, BufferView<float> dots, BufferView<float> squares, BufferView<float> factors)
    : CommonFactorHost(device, segments, dots, squares, factors)
{
    public override string Name => "StepFactors_Projection";

    protected override double Factor(double first, double second) => second == 0 ? 0 : -first / second;
}

internal sealed class NormRatioFactorsHost(
    CpuDevice device, int segments, float a, BufferView<float> squares, BufferView<float> otherSquares, BufferView<float> factors)
    : CommonFactorHost(device, segments, squares, otherSquares, factors)
{
    public override string Name => "StepFactors_NormRatio";

    protected override double Factor(double first, double second) => a * Math.Sqrt(first) / (Math.Sqrt(second) + StepFactors.LookEpsilon);
}

internal sealed unsafe class BalanceFactorsHost(
    CpuDevice device, int slot, int pairs, bool growsLarger, BufferView<float> squares, BufferView<float> scalars, BufferView<float> finite,
    BufferView<float> factors)
    : HostLaunch(device)
{
    private readonly float* squares = CpuDevice.Pointer(squares);
    private readonly float* scalars = CpuDevice.Pointer(scalars);
    private readonly float* finite = CpuDevice.Pointer(finite);
    private readonly float* factors = CpuDevice.Pointer(factors);

    public override string Name => "StepFactors_Balance";

    protected override void Execute(HostThreads threads)
    {
        float s = float.IsNaN(*finite) ? 0 : scalars[slot] * scalars[StepScalars.LearningRate];
        for (int pair = 0; pair < pairs; pair++)
        {
            bool shrinksB = squares[(2 * pair) + 1] >= squares[2 * pair] != growsLarger;
            factors[2 * pair] = shrinksB ? 1 + s : 1 - s;
            factors[(2 * pair) + 1] = shrinksB ? 1 - s : 1 + s;
        }
    }
}
