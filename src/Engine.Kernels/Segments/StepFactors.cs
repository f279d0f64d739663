namespace Engine.Kernels;

/// <summary>How a step's radius follows from the rise it is to make (<see cref="StepFactors.Radius"/>).</summary>
/// <param name="C">What is added to the slope that is divided by.</param>
/// <param name="Largest">The largest radius.</param>
/// <param name="IsShare">The target is a share of the loss.</param>
/// <param name="OfSquares">The sums are squared norms; else the slope's own terms.</param>
internal sealed record RadiusRule(float C, float Largest, bool IsShare, bool OfSquares);

/// <summary>
/// The few numbers a step's perturbation or rescaling is made of, from the squared norms of its tensors; they never leave the device.
/// </summary>
internal static class StepFactors
{
    /// <summary>What SAM adds to the norm it divides by (arXiv 2010.01412 gives none; this is that of common implementations).</summary>
    internal const float SamEpsilon = 1e-12f;

    /// <summary>What LookSAM adds to the norm it divides by (as public implementations have it).</summary>
    internal const float LookEpsilon = 1e-8f;

    /// <summary>
    /// The factor of the gradient in SAM's perturbation, one norm over all tensors that take part:
    /// factors[s] = mask[s] numerator radius[0] / (sqrt(sum over s of mask[s] squares[s]) + 1e-12). mask [segments] of 0 and 1; null: all
    /// take part. radius [1]; null: 1.
    /// </summary>
    public static Launch Sam(
        Device device, int segments, float numerator, BufferView<float> squares, BufferView<float>? mask, BufferView<float>? radius,
        BufferView<float> factors)
    {
        Operand.Require(radius, 1);
        Operand.Require(squares, segments);
        Operand.Require(mask, segments);
        Operand.Require(factors, segments);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return new SamFactorsHost(cpu, segments, numerator, squares, mask, radius, factors);
        }

        return StepFactorsKernels.SamKernel.Bind(
            device, new LaunchShape(1, LaunchShapes.SingleGroup), squares, mask ?? default, radius ?? default, factors, segments, numerator,
            mask is not null, radius is not null, LaunchShapes.SingleGroup);
    }

    /// <summary>
    /// The radius at which a perturbation raises the loss to first order by what the step is to raise it:
    /// radius[0] = min(scalars[slot] / (slope + c), largest), the target times loss[0] where it is a share of the loss. slope is the
    /// rise per unit of radius: the root of the sum of sums[s] over the mask, or that sum itself. Where slope + c is not above 0, no radius
    /// makes the loss rise, and it is 0. sums [segments], mask as for <see cref="Sam"/>, loss [1], radius [1].
    /// </summary>
    public static Launch Radius(
        Device device, int slot, int segments, RadiusRule rule, BufferView<float> sums, BufferView<float>? mask, BufferView<float> scalars,
        BufferView<float> loss, BufferView<float> radius)
    {
        Operand.Require(sums, segments);
        Operand.Require(mask, segments);
        Operand.Require(scalars, StepScalars.Count);
        Operand.Require(loss, 1);
        Operand.Require(radius, 1);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return new RadiusHost(cpu, slot, segments, rule, sums, mask, scalars, loss, radius);
        }

        return StepFactorsKernels.RadiusKernel.Bind(
            device, new LaunchShape(1, LaunchShapes.SingleGroup), sums, mask ?? default, scalars, loss, radius, slot, segments, rule.C,
            rule.Largest, mask is not null, rule.IsShare, rule.OfSquares, LaunchShapes.SingleGroup);
    }

    /// <summary>
    /// factors[s] = -(sum of dots) / (sum of squares): what takes from a vector its part along another; 0 where that one is zero.
    /// </summary>
    public static Launch Projection(
        Device device, int segments, BufferView<float> dots, BufferView<float> squares, BufferView<float> factors)
    {
        Operand.Require(dots, segments);
        Operand.Require(squares, segments);
        Operand.Require(factors, segments);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return new ProjectionFactorsHost(cpu, segments, dots, squares, factors);
        }

        return StepFactorsKernels.ProjectionKernel.Bind(
            device, new LaunchShape(1, LaunchShapes.SingleGroup), dots, squares, factors, segments, LaunchShapes.SingleGroup);
    }

    /// <summary>
    /// factors[s] = a sqrt(sum of squares) / (sqrt(sum of otherSquares) + 1e-8): LookSAM's share of the remembered direction.
    /// </summary>
    public static Launch NormRatio(
        Device device, int segments, float a, BufferView<float> squares, BufferView<float> otherSquares, BufferView<float> factors)
    {
        Operand.Require(squares, segments);
        Operand.Require(otherSquares, segments);
        Operand.Require(factors, segments);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return new NormRatioFactorsHost(cpu, segments, a, squares, otherSquares, factors);
        }

        return StepFactorsKernels.NormRatioKernel.Bind(
            device, new LaunchShape(1, LaunchShapes.SingleGroup), squares, otherSquares, factors, segments, a, LaunchShapes.SingleGroup);
    }

    /// <summary>
    /// BAR's rescaling of each pair (arXiv 2410.14802), s = scalars[slot] scalars[LearningRate]: segments 2 l and 2 l + 1 are A
    /// and B of pair l. With ||B|| >= ||A||, B gets 1 - s and A 1 + s, or the opposite where <paramref name="growsLarger"/> (nBAR); else
    /// the other way round.
    /// </summary>
    /// <param name="finite">[1] NaN says that the step's gradients are not finite: every factor is then 1.</param>
    public static Launch Balance(
        Device device, int slot, int pairs, bool growsLarger, BufferView<float> squares, BufferView<float> scalars,
        BufferView<float> finite, BufferView<float> factors)
    {
        Operand.Require(squares, 2L * pairs);
        Operand.Require(scalars, StepScalars.Count);
        Operand.Require(finite, 1);
        Operand.Require(factors, 2L * pairs);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return new BalanceFactorsHost(cpu, slot, pairs, growsLarger, squares, scalars, finite, factors);
        }

        return StepFactorsKernels.BalanceKernel.Bind(
            device, LaunchShapes.Elements(device, pairs), squares, scalars, finite, factors, slot, pairs, growsLarger);
    }
}
