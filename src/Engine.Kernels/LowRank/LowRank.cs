namespace Engine.Kernels;

/// <summary>
/// Small-matrix arithmetic on the factors of low-rank updates, all layers in one launch. Everything goes through r x r products; no
/// m x n matrix is formed. Those products are condition numbers squared, so they are added in float64 on the cpu device and in pairs of
/// float32 elsewhere.
/// </summary>
internal static class LowRank
{
    /// <summary>The largest rank these kernels take.</summary>
    public const int LargestRank = 64;

    /// <summary>
    /// Eigenvalues of a Gram matrix below this part of the largest count as zero: singular values below 1e-5 of the largest.
    /// </summary>
    internal const float RelativeCutOff = 1e-10f;

    /// <summary>Eigenvalues below this count as zero.</summary>
    internal const float AbsoluteCutOff = 1e-30f;

    /// <summary>Added to the norm that a direction is divided by.</summary>
    internal const float NormGuard = 1e-12f;

    /// <summary>Elements of workspace of <see cref="AscentDirection"/>.</summary>
    public static long AscentDirectionWorkspace(Device device, LowRankTable table) =>
        device is CpuDevice { Features.HostVectors: true } ? 0 : LowRankSlots.LayerStride(table.LargestRank) * table.Pairs.Count;

    /// <summary>
    /// The perturbation of every B that climbs fastest in the full weight, as far as the factors see it (EFMLoRA, arXiv 2508.00522,
    /// equations 12, 13 and 15): E_B = rho / (2 s^2 ||gW||) [G_B + B (B^T B)^+ (G_A A^T)] (A A^T)^+, ||gW|| each layer's own, rho =
    /// scalars[slot].
    /// </summary>
    /// <param name="slot">The place among the step's scalars.</param>
    /// <param name="tableView">The table's data, int32.</param>
    /// <param name="values">The run of parameters.</param>
    /// <param name="gradients">Their gradients, laid out alike.</param>
    /// <param name="direction">Receives E_B of every layer, [<see cref="LowRankTable.DirectionCount"/>].</param>
    public static Launch[] AscentDirection(
        Device device, LowRankTable table, int slot,
        BufferView<int> tableView, BufferView<float> values, BufferView<float> gradients, BufferView<float> scalars,
        BufferView<float> workspace, BufferView<float> direction)
    {
        RequireTable(table, tableView);
        Operand.Require(values, table.RunCount);
        Operand.Require(gradients, table.RunCount);
        Operand.Require(scalars, StepScalars.Count);
        Operand.Require(workspace, AscentDirectionWorkspace(device, table));
        Operand.Require(direction, table.DirectionCount);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return [new AscentDirectionHost(cpu, table.Pairs, slot, values, gradients, scalars, direction)];
        }

        int layers = table.Pairs.Count, rank = table.LargestRank;
        int small = LaunchShapes.RowGroup(device, rank * rank);
        LaunchShape elements = LaunchShapes.Elements(device, table.Pairs.Max(pair => (long)pair.Rows * pair.Rank));
        return
        [
            Grams(device, table, LowRankSlots.Products, tableView, values, gradients, workspace),
            LowRankKernels.PseudoInverseKernel.Bind(
                device, new LaunchShape(layers, 2, 1, small), tableView, workspace, rank, Sweeps(rank), small),
            LowRankKernels.CombineKernel.Bind(device, new LaunchShape(layers, small), tableView, workspace, scalars, slot, rank, small),
            LowRankKernels.DirectionKernel.Bind(
                device, elements with { GroupsY = layers }, tableView, values, gradients, workspace, direction, rank),
        ];
    }

    /// <summary>Elements of workspace of <see cref="ClipProducts"/>.</summary>
    public static long ClipProductsWorkspace(Device device, LowRankTable table) =>
        table.Pairs.Count + (device is CpuDevice { Features.HostVectors: true }
            ? 0
            : LowRankSlots.LayerStride(table.LargestRank) * table.Pairs.Count);

    /// <summary>
    /// Clips the scaled products s B A to Frobenius norm rho = scalars[slot]: with norm c above it, A and B are multiplied by
    /// sqrt(rho / c). The norm is that over all layers, or each layer's own.
    /// </summary>
    /// <param name="slot">The place among the step's scalars.</param>
    /// <param name="perLayer">Each layer by its own norm.</param>
    /// <param name="values">The run of parameters, changed in place.</param>
    /// <param name="finite">[1] NaN says that the step's gradients are not finite: no parameter is then changed.</param>
    /// <param name="ratio">[1] Receives c / rho, of layers by themselves the largest.</param>
    public static Launch[] ClipProducts(
        Device device, LowRankTable table, int slot, bool perLayer, BufferView<int> tableView, BufferView<float> values,
        BufferView<float> scalars, BufferView<float> finite, BufferView<float> ratio, BufferView<float> workspace)
    {
        RequireTable(table, tableView);
        Operand.Require(scalars, StepScalars.Count);
        Operand.Require(ratio, 1);
        Operand.Require(finite, 1);
        Operand.Require(values, table.RunCount);
        Operand.Require(workspace, ClipProductsWorkspace(device, table));
        int layers = table.Pairs.Count, rank = table.LargestRank;
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return [new ClipProductsHost(cpu, table.Pairs, slot, perLayer, values, scalars, finite, ratio, workspace)];
        }

        BufferView<float> norms = workspace.Slice(0, layers), products = workspace.Slice(layers, workspace.Length - layers);
        int small = LaunchShapes.RowGroup(device, rank * rank);
        return
        [
            Grams(device, table, LowRankSlots.FactorProducts, tableView, values, default, products),
            LowRankKernels.ProductNormsKernel.Bind(device, new LaunchShape(layers, small), tableView, products, norms, rank, small),
            LowRankKernels.ClipFactorsKernel.Bind(
                device, new LaunchShape(1, LaunchShapes.SingleGroup), norms, scalars, finite, ratio, slot, layers, perLayer,
                LaunchShapes.SingleGroup),
            LowRankKernels.ScaleFactorsKernel.Bind(
                device, LaunchShapes.Elements(device, table.LargestFactor) with { GroupsY = layers }, tableView, values, norms),
        ];
    }

    /// <summary>
    /// The first <paramref name="products"/> products of every layer, as pairs in their slots (<see cref="LowRankSlots"/>).
    /// </summary>
    internal static Launch Grams(
        Device device, LowRankTable table, int products, BufferView<int> tableView, BufferView<float> values, BufferView<float> gradients,
        BufferView<float> workspace)
    {
        int groupSize = LaunchShapes.RowGroup(device, table.Pairs.Max(pair => Math.Max(pair.Rows, pair.Columns)));
        return LowRankKernels.GramsKernel.Bind(
            device, new LaunchShape(table.Pairs.Count, products, table.LargestRank, groupSize), tableView, values, gradients, workspace,
            table.LargestRank, groupSize);
    }

    /// <summary>
    /// The most sweeps. Jacobi converges quadratically once it is near; ranks 8 and 64 take about 6 and 9 sweeps to 2^-48.
    /// </summary>
    internal static int Sweeps(int rank) => 7 + (int)Math.Log2(rank);

    internal static void RequireTable(LowRankTable table, BufferView<int> tableView) =>
        Operand.Require(tableView, (long)table.Pairs.Count * LowRankTable.Width);
}
