using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>Tokens sent to some of several experts, by the probabilities of a router.</summary>
internal static class Routing
{
    /// <summary>
    /// w = p / (sum of the chosen p) for the <paramref name="chosen"/> largest of a row, 0 for the others; of equal ones the first is chosen.
    /// p, w [rows, experts].
    /// </summary>
    public static Launch Forward(Device device, int rows, int experts, int chosen, BufferView<float> p, BufferView<float> w)
    {
        Operand.Require(p, (long)rows * experts);
        Operand.Require(w, (long)rows * experts);
        return device is CpuDevice { Features.HostVectors: true } cpu
            ? new RoutingHost(cpu, rows, experts, chosen, p, w)
            : RoutingKernels.ForwardKernel.Bind(device, LaunchShapes.Elements(device, rows), p, w, rows, experts, chosen);
    }

    /// <summary>dp = (dw - w . dw) / (sum of the chosen p) for the chosen ones, those with w above 0; 0 for the others.</summary>
    public static Launch Backward(
        Device device, int rows, int experts, BufferView<float> p, BufferView<float> w, BufferView<float> dw, BufferView<float> dp)
    {
        Operand.Require(p, (long)rows * experts);
        Operand.Require(w, (long)rows * experts);
        Operand.Require(dw, (long)rows * experts);
        Operand.Require(dp, (long)rows * experts);
        return device is CpuDevice { Features.HostVectors: true } cpu
            ? new RoutingGradientHost(cpu, rows, experts, p, w, dw, dp)
            : RoutingKernels.BackwardKernel.Bind(device, LaunchShapes.Elements(device, rows), p, w, dw, dp, rows, experts);
    }

    /// <summary>
    /// What is added to a loss so that experts share the tokens: term = previous + coefficient * experts * sum_e f_e P_e, with f_e the share of
    /// tokens that chose expert e and P_e its mean probability; p, w [rows, experts], fractions (f) [experts], term [1].
    /// </summary>
    /// <param name="rowStart">[texts + 1] Its last number is how many rows are tokens; what follows is left out.</param>
    /// <param name="previous">[1] Another term; null for none.</param>
    public static Launch[] Balance(
        Device device, int rows, int experts, int texts, float coefficient, BufferView<float> p, BufferView<float> w, BufferView<int> rowStart,
        BufferView<float>? previous, BufferView<float> means, BufferView<float> fractions, BufferView<float> term)
    {
        Operand.Require(p, (long)rows * experts);
        Operand.Require(w, (long)rows * experts);
        Operand.Require(rowStart, texts + 1L);
        Operand.Require(means, experts);
        Operand.Require(fractions, experts);
        Operand.Require(term, 1);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return [new BalanceHost(cpu, experts, texts, coefficient, p, w, rowStart, previous, fractions, term)];
        }

        const int Items = LaunchShapes.SingleGroup;
        return
        [
            RoutingKernels.SharesKernel.Bind(device, new LaunchShape(experts, Items), p, w, rowStart, means, fractions, experts, texts, Items),
            RoutingKernels.BalanceKernel.Bind(
                device, new LaunchShape(1, 1), means, fractions, previous ?? term, term, experts, coefficient, previous is not null),
        ];
    }

    /// <summary>The term's gradient by the probabilities: dp = factor f_e for tokens, 0 for the rows behind them; factor = lossScale coefficient experts / tokens.</summary>
    public static Launch BalanceGradient(
        Device device, int rows, int experts, int texts, float coefficient, BufferView<float> fractions, BufferView<int> rowStart,
        BufferView<float> scalars, BufferView<float> dp)
    {
        Operand.Require(fractions, experts);
        Operand.Require(rowStart, texts + 1L);
        Operand.Require(scalars, StepScalars.Count);
        Operand.Require(dp, (long)rows * experts);
        long count = (long)rows * experts;
        return device is CpuDevice { Features.HostVectors: true } cpu
            ? new BalanceGradientHost(cpu, rows, experts, texts, coefficient, fractions, rowStart, scalars, dp)
            : RoutingKernels.BalanceGradientKernel.Bind(
                device, LaunchShapes.Elements(device, count), fractions, rowStart, scalars, dp, count, experts, texts, coefficient);
    }
}
