namespace Engine.Kernels;

/// <summary>
/// HaLoRA's regulariser (arXiv 2502.19747): ||A A^T|| + ||B^T B|| of every layer's factors, and its gradient in closed form. Sums of Gram
/// matrices and eigenvectors are float64 on the cpu device and pairs of float32 elsewhere, in a fixed order.
/// </summary>
public static class FactorPenalty
{
    /// <summary>Norms that <see cref="Add"/> writes: of A A^T and of B^T B, layer by layer.</summary>
    public static int NormCount(LowRankTable table) => 2 * table.Pairs.Count;

    /// <summary>Elements of workspace of <see cref="Add"/>.</summary>
    public static long Workspace(Device device, LowRankTable table) =>
        device is CpuDevice { Features.HostVectors: true } ? 0 : LowRankSlots.LayerStride(table.LargestRank) * table.Pairs.Count;

    /// <summary>
    /// Adds mu times the gradient of sum (||A A^T|| + ||B^T B||): 2 mu P A to that of A and 2 mu B P to that of B. For the spectral norm
    /// P = u u^T, u the eigenvector of the largest eigenvalue, one of them where several share it; for the Frobenius norm P = K / ||K||,
    /// K the Gram matrix, and 0 where K is.
    /// </summary>
    /// <param name="spectral">The largest eigenvalue, else the Frobenius norm.</param>
    /// <param name="mu">What the sum counts for in the loss.</param>
    /// <param name="tableView">The table's data, int32.</param>
    /// <param name="values">The run of parameters.</param>
    /// <param name="gradients">Their gradients, laid out alike; added to.</param>
    /// <param name="norms">Receives the norms [<see cref="NormCount"/>].</param>
    public static Launch[] Add(
        Device device, LowRankTable table, bool spectral, float mu,
        BufferView<int> tableView, BufferView<float> values, BufferView<float> gradients, BufferView<float> workspace,
        BufferView<float> norms)
    {
        LowRank.RequireTable(table, tableView);
        Operand.Require(values, table.RunCount);
        Operand.Require(gradients, table.RunCount);
        Operand.Require(workspace, Workspace(device, table));
        Operand.Require(norms, NormCount(table));
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return [new FactorPenaltyHost(cpu, table.Pairs, spectral, mu, values, gradients, norms)];
        }

        int layers = table.Pairs.Count, rank = table.LargestRank;
        int small = LaunchShapes.RowGroup(device, rank * rank);
        var shape = new LaunchShape(layers, LowRankSlots.FactorProducts, 1, small);
        return
        [
            LowRank.Grams(device, table, LowRankSlots.FactorProducts, tableView, values, default, workspace),
            spectral
                ? FactorPenaltyKernels.SpectralKernel.Bind(device, shape, tableView, workspace, norms, rank, LowRank.Sweeps(rank), small)
                : FactorPenaltyKernels.FrobeniusKernel.Bind(device, shape, tableView, workspace, norms, rank, small),
            FactorPenaltyKernels.AddKernel.Bind(
                device, LaunchShapes.Elements(device, table.LargestFactor) with { GroupsY = layers },
                tableView, workspace, values, gradients, rank, mu),
        ];
    }
}
