using Engine.Kernels.Host;

namespace Engine.Kernels;

internal sealed unsafe class RoutingHost(CpuDevice device, int rows, int experts, int chosen, BufferView<float> p, BufferView<float> w)
    : RowHost(device, rows, experts * experts)
{
    private readonly float* p = CpuDevice.Pointer(p);
    private readonly float* w = CpuDevice.Pointer(w);

    public override string Name => "Routing_Forward";

    protected override void Row(int row, int worker)
    {
        float* from = p + ((long)row * experts);
        float* to = w + ((long)row * experts);
        double sum = 0;
        for (int e = 0; e < experts; e++)
        {
            int before = 0;
            for (int j = 0; j < experts; j++)
            {
                before += from[j] > from[e] || (from[j] == from[e] && j < e) ? 1 : 0;
            }

            to[e] = before < chosen ? from[e] : 0f;
            sum += to[e];
        }

        for (int e = 0; e < experts; e++)
        {
            to[e] = (float)(to[e] / sum);
        }
    }
}

internal sealed unsafe class RoutingGradientHost(
    CpuDevice device, int rows, int experts, BufferView<float> p, BufferView<float> w, BufferView<float> dw, BufferView<float> dp)
    : RowHost(device, rows, experts)
{
    private readonly float* p = CpuDevice.Pointer(p);
    private readonly float* w = CpuDevice.Pointer(w);
    private readonly float* dw = CpuDevice.Pointer(dw);
    private readonly float* dp = CpuDevice.Pointer(dp);

    public override string Name => "Routing_Backward";

    protected override void Row(int row, int worker)
    {
        long start = (long)row * Columns;
        double sum = 0, dot = 0;
        for (int e = 0; e < Columns; e++)
        {
            sum += w[start + e] > 0f ? p[start + e] : 0f;
            dot += (double)w[start + e] * dw[start + e];
        }

        for (int e = 0; e < Columns; e++)
        {
            dp[start + e] = w[start + e] > 0f ? (float)((dw[start + e] - dot) / sum) : 0f;
        }
    }
}

/// <summary>Expert by expert in float64, the tokens in their order.</summary>
internal sealed unsafe class BalanceHost(
    CpuDevice device, int experts, int texts, float coefficient, BufferView<float> p, BufferView<float> w, BufferView<int> rowStart,
    BufferView<float>? previous, BufferView<float> fractions, BufferView<float> term)
    : HostLaunch(device)
{
    private readonly float* p = CpuDevice.Pointer(p);
    private readonly float* w = CpuDevice.Pointer(w);
    private readonly int* rowStart = CpuDevice.Pointer(rowStart);
    private readonly float* previous = previous is { } other ? CpuDevice.Pointer(other) : null;
    private readonly float* fractions = CpuDevice.Pointer(fractions);
    private readonly float* term = CpuDevice.Pointer(term);

    public override string Name => "Routing_Balance";

    protected override void Execute(HostThreads threads)
    {
        long tokens = rowStart[texts];
        double sum = 0;
        for (int e = 0; e < experts; e++)
        {
            double probability = 0;
            long chosen = 0;
            for (long token = 0; token < tokens; token++)
            {
                long place = (token * experts) + e;
                probability += p[place];
                chosen += w[place] > 0f ? 1 : 0;
            }

            fractions[e] = (float)((double)chosen / tokens);
            sum += fractions[e] * probability / tokens;
        }

        *term = (float)((previous is null ? 0 : *previous) + (coefficient * experts * sum));
    }
}

internal sealed unsafe class BalanceGradientHost(
    CpuDevice device, int rows, int experts, int texts, float coefficient, BufferView<float> fractions, BufferView<int> rowStart,
    BufferView<float> scalars, BufferView<float> dp)
    : RowHost(device, rows, experts)
{
    private readonly float* fractions = CpuDevice.Pointer(fractions);
    private readonly int* rowStart = CpuDevice.Pointer(rowStart);
    private readonly float* scalars = CpuDevice.Pointer(scalars);
    private readonly float* dp = CpuDevice.Pointer(dp);

    public override string Name => "Routing_BalanceGradient";

    protected override void Row(int row, int worker)
    {
        int tokens = rowStart[texts];
        for (int e = 0; e < Columns; e++)
        {
            dp[((long)row * Columns) + e] = row < tokens
                ? scalars[StepScalars.LossScale] * coefficient * Columns / tokens * fractions[e]
                : 0f;
        }
    }
}
