namespace Engine.Kernels;

/// <summary>
/// ScaLoRA (arXiv 2510.23818): the columns of B and the rows of A are scaled so that the step that gradient descent takes of W0 + s B A
/// approximates the full weight's best, and what that changes of the product is merged into the base weight, so that the layer stays the
/// function it was. Sums of Gram matrices are float64 on the cpu device and pairs of float32 elsewhere, in a fixed order, and so is what is
/// solved for.
/// </summary>
internal static class ColumnScaling
{
    /// <summary>A pivot of the system with unit diagonal below this is round-off: the system counts as singular.</summary>
    internal const float SingularPivot = 1e-12f;

    /// <summary>Elements of workspace of <see cref="Solve"/>.</summary>
    public static long SolveWorkspace(Device device, LowRankTable table) => device is CpuDevice { Features.HostVectors: true }
        ? 0
        : (LowRankSlots.LayerStride(table.LargestRank) + (2 * SystemCount(table.LargestRank))) * table.Pairs.Count;

    /// <summary>
    /// The scales of every layer. With U = G_B / s, V = G_A / s, S1 = [B, U] and S2 = [V^T, A^T]: M v = lambda, M the elementwise product
    /// of S1^T S1 and S2^T S2, lambda the squared norms of V's rows and U's columns. Where all of v is positive, alpha = sqrt(v[..r] / L'),
    /// beta = sqrt(v[r..] / L'); else the same from the 2 x 2 system of block sums, one alpha and one beta for all columns; where that is
    /// not positive either, where B is zero or L' is not above zero, 1. L' = scalars[slot], times s^2 where <paramref
    /// name="byScale"/> says so.
    /// </summary>
    /// <param name="tableView">The table's data, int32.</param>
    /// <param name="values">The run of parameters.</param>
    /// <param name="gradients">Their gradients, laid out alike.</param>
    /// <param name="finite">[1] NaN says that the step's gradients are not finite: every scale is then 1.</param>
    /// <param name="slot">The place of L' among the step's scalars.</param>
    /// <param name="scales">Receives the scales, <see cref="ColumnScales"/>.</param>
    public static Launch[] Solve(
        Device device, LowRankTable table, int slot, bool byScale,
        BufferView<int> tableView, BufferView<float> values, BufferView<float> gradients, BufferView<float> scalars,
        BufferView<float> finite, BufferView<float> workspace, BufferView<float> scales)
    {
        LowRank.RequireTable(table, tableView);
        Operand.Require(values, table.RunCount);
        Operand.Require(gradients, table.RunCount);
        Operand.Require(scalars, StepScalars.Count);
        Operand.Require(finite, 1);
        Operand.Require(workspace, SolveWorkspace(device, table));
        Operand.Require(scales, ColumnScales.Count(table));
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return [new SolveScalesHost(cpu, table, slot, byScale, values, gradients, scalars, finite, scales)];
        }

        int layers = table.Pairs.Count, rank = table.LargestRank;
        long slots = LowRankSlots.LayerStride(rank) * layers;
        int groupSize = LaunchShapes.RowGroup(device, 4 * rank * rank);
        return
        [
            LowRank.Grams(device, table, LowRankSlots.Products, tableView, values, gradients, workspace),
            ColumnScalingKernels.SolveKernel.Bind(
                device, new LaunchShape(layers, groupSize),
                tableView, workspace, workspace.Slice(slots, workspace.Length - slots), scalars, finite, scales, slot, rank,
                byScale, groupSize),
        ];
    }

    /// <summary>
    /// Multiplies B's columns by alpha and A's rows by beta; their gradients, which belong to the product, by the partner's factor, Adam's
    /// first moments as gradients and its second by that factor's square.
    /// </summary>
    /// <param name="scales">What <see cref="Solve"/> wrote.</param>
    /// <param name="firstMoment">Adam's m, laid out as the values; <paramref name="secondMoment"/> its v.</param>
    public static Launch Apply(
        Device device, LowRankTable table,
        BufferView<int> tableView, BufferView<float> scales, BufferView<float> values, BufferView<float> gradients,
        BufferView<float> firstMoment, BufferView<float> secondMoment)
    {
        LowRank.RequireTable(table, tableView);
        Operand.Require(scales, ColumnScales.Count(table));
        foreach (BufferView<float> run in (ReadOnlySpan<BufferView<float>>)[values, gradients, firstMoment, secondMoment])
        {
            Operand.Require(run, table.RunCount);
        }

        return device is CpuDevice { Features.HostVectors: true } cpu
            ? new ApplyScalesHost(cpu, table, scales, values, gradients, firstMoment, secondMoment)
            : ColumnScalingKernels.ApplyKernel.Bind(
                device, LaunchShapes.Elements(device, table.LargestFactor) with { GroupsY = table.Pairs.Count },
                tableView, scales, values, gradients, firstMoment, secondMoment, table.LargestRank);
    }

    /// <summary>
    /// W += sum of c_k b_k a_k over the columns of one layer's factors, added in float32 in the order of the columns. A weight whose c is
    /// zero is not touched.
    /// </summary>
    /// <param name="layer">The layer's place in the table.</param>
    /// <param name="coefficients">c [r].</param>
    /// <param name="weight">W [rows, columns], float32.</param>
    public static Launch Merge(
        Device device, LowRankTable table, int layer,
        BufferView<int> tableView, BufferView<float> values, BufferView<float> coefficients, BufferView<float> weight)
    {
        LowRank.RequireTable(table, tableView);
        LowRankPair pair = table.Pairs[layer];
        long count = (long)pair.Rows * pair.Columns;
        Operand.Require(values, table.RunCount);
        Operand.Require(coefficients, pair.Rank);
        Operand.Require(weight, count);
        return device is CpuDevice { Features.HostVectors: true } cpu
            ? new MergeHost(cpu, pair, values, coefficients, weight)
            : ColumnScalingKernels.MergeKernel.Bind(
                device, LaunchShapes.Elements(device, count), tableView, values, coefficients, weight, layer);
    }

    /// <summary>The coefficients of a layer's merge among the scales that <see cref="Solve"/> wrote: s (1 - alpha beta).</summary>
    public static BufferView<float> MergeCoefficients(LowRankTable table, int layer, BufferView<float> scales) =>
        scales.Slice(ColumnScales.Offset(layer, ColumnScales.MergeSlot, table.LargestRank), table.LargestRank);

    /// <summary>Elements of a layer's system with its right-hand side, [2 r, 2 r + 1].</summary>
    internal static long SystemCount(int largestRank) => 2L * largestRank * ((2L * largestRank) + 1);
}
