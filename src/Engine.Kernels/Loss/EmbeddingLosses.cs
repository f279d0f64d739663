namespace Engine.Kernels;

/// <summary>Losses of sentence vectors by their cosines (Reimers and Gurevych 2019, arXiv 1908.10084), with their gradients.</summary>
internal static class EmbeddingLosses
{
    /// <summary>Lengths below this count as it, as in PyTorch's <c>normalize</c>.</summary>
    internal const float LeastNorm = 1e-12f;

    /// <summary>The same of <c>cosine_similarity</c>.</summary>
    internal const float LeastCosineNorm = 1e-8f;

    /// <summary>
    /// Multiple negatives ranking (Henderson et al. 2017, arXiv 1705.00652, section 4.4): samples of an anchor, a text that belongs to it
    /// and perhaps texts that do not, as rows one after another of embeddings [samples * textsPerSample, columns]. Mean cross-entropy of
    /// scale * cosine over the second texts of all samples, then their third ones and so on, where the sample's own second is right.
    /// loss[0] = mean (unscaled), rowLoss [samples]; scores [samples, samples * (textsPerSample - 1)] and norms [rows] are scratch;
    /// dEmbeddings = scalars[LossScale] * gradient (null: not wanted), and may not be the embeddings.
    /// </summary>
    public static Launch[] Ranking(
        Device device, int samples, int textsPerSample, int columns, float scale,
        BufferView<float> embeddings, BufferView<float> scalars, BufferView<float> rowLoss, BufferView<float> loss,
        BufferView<float> scores, BufferView<float> norms, BufferView<float>? dEmbeddings)
    {
        int rows = samples * textsPerSample;
        Operand.Require(embeddings, (long)rows * columns);
        Operand.Require(scalars, StepScalars.Count);
        Operand.Require(rowLoss, samples);
        Operand.Require(loss, 1);
        Operand.Require(scores, (long)samples * (rows - samples));
        Operand.Require(norms, rows);
        Operand.Require(dEmbeddings, (long)rows * columns);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return
            [
                new RankingLossHost(
                    cpu, samples, textsPerSample, columns, scale, embeddings, scalars, rowLoss, loss, scores, norms, dEmbeddings),
            ];
        }

        int groupSize = LaunchShapes.RowGroup(device, columns), candidates = rows - samples;
        int scoreGroup = LaunchShapes.RowGroup(device, candidates);
        double products = 2.0 * samples * candidates * columns;
        Launch[] launches =
        [
            EmbeddingLossesKernels.NormsKernel.Bind(device, new LaunchShape(rows, groupSize), embeddings, norms, columns, groupSize),

            // The scores are written, read for the sum, and read again to be replaced.
            EmbeddingLossesKernels.ScoresKernel.Bind(
                device, new LaunchShape(samples, scoreGroup), embeddings, norms, scalars, scores, rowLoss, samples, textsPerSample, columns,
                scale, scoreGroup).Computes(products).AlsoMoves(3L * sizeof(float) * samples * candidates),
            EmbeddingLossesKernels.MeanKernel.Bind(
                device, new LaunchShape(1, LaunchShapes.SingleGroup), rowLoss, loss, samples, LaunchShapes.SingleGroup),
        ];
        return dEmbeddings is null
            ? launches
            : [.. launches, EmbeddingLossesKernels.RankingGradientKernel.Bind(
                device, new LaunchShape(rows, groupSize), embeddings, norms, scores, dEmbeddings.Value, samples, textsPerSample, columns,
                groupSize).Computes(2 * products).AlsoMoves(2L * sizeof(float) * rows * columns)];
    }

    /// <summary>
    /// Mean squared difference of the cosine of each pair, rows 2i and 2i + 1 of embeddings [2 * samples, columns], to targets [samples]; a
    /// NaN target is ignored. loss[0] = mean (unscaled), rowLoss [samples] (0 where ignored), dEmbeddings = scalars[LossScale] * gradient
    /// (null: not wanted), and may not be the embeddings.
    /// </summary>
    public static Launch[] Cosine(
        Device device, int samples, int columns,
        BufferView<float> embeddings, BufferView<float> targets, BufferView<float> scalars, BufferView<float> rowLoss,
        BufferView<float> loss, BufferView<float>? dEmbeddings)
    {
        Operand.Require(embeddings, 2L * samples * columns);
        Operand.Require(targets, samples);
        Operand.Require(scalars, StepScalars.Count);
        Operand.Require(rowLoss, samples);
        Operand.Require(loss, 1);
        Operand.Require(dEmbeddings, 2L * samples * columns);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return [new CosineLossHost(cpu, samples, columns, embeddings, targets, scalars, rowLoss, loss, dEmbeddings)];
        }

        int groupSize = LaunchShapes.RowGroup(device, columns);
        return
        [
            EmbeddingLossesKernels.CosineKernel.Bind(
                device, new LaunchShape(samples, groupSize), embeddings, targets, scalars, rowLoss, dEmbeddings ?? default, samples,
                columns, dEmbeddings is not null, groupSize),
            EmbeddingLossesKernels.CountedMeanKernel.Bind(
                device, new LaunchShape(1, LaunchShapes.SingleGroup), rowLoss, targets, loss, samples, LaunchShapes.SingleGroup),
        ];
    }
}
