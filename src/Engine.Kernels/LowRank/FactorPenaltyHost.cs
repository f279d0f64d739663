namespace Engine.Kernels;

/// <summary>HaLoRA's regulariser, in float64 throughout; as <see cref="FactorPenaltyKernels"/>.</summary>
internal sealed unsafe class FactorPenaltyHost(
    CpuDevice device, IReadOnlyList<LowRankPair> pairs, bool spectral, float mu,
    BufferView<float> values, BufferView<float> gradients, BufferView<float> norms)
    : LayerHost(device, pairs)
{
    private readonly float* values = CpuDevice.Pointer(values);
    private readonly float* gradients = CpuDevice.Pointer(gradients);
    private readonly float* norms = CpuDevice.Pointer(norms);

    public override string Name => "FactorPenalty_Add";

    protected override void Layer(int index, in LowRankPair pair, double* scratch)
    {
        int rank = pair.Rank, square = rank * rank;
        float* a = values + pair.A, b = values + pair.B, gradientA = gradients + pair.A, gradientB = gradients + pair.B;
        double* projection = scratch, vectors = projection + square;
        SmallMatrices.RowProducts(a, a, rank, pair.Columns, projection);
        norms[2 * index] = (float)Project(projection, rank, vectors);
        for (int i = 0; i < rank; i++)
        {
            for (int j = 0; j < pair.Columns; j++)
            {
                double sum = 0;
                for (int k = 0; k < rank; k++)
                {
                    sum += projection[(i * rank) + k] * a[((long)k * pair.Columns) + j];
                }

                gradientA[((long)i * pair.Columns) + j] += (float)(2 * mu * sum);
            }
        }

        SmallMatrices.ColumnProducts(b, b, rank, pair.Rows, vectors, projection);
        norms[(2 * index) + 1] = (float)Project(projection, rank, vectors);
        for (int i = 0; i < pair.Rows; i++, b += rank, gradientB += rank)
        {
            for (int j = 0; j < rank; j++)
            {
                double sum = 0;
                for (int k = 0; k < rank; k++)
                {
                    sum += b[k] * projection[(k * rank) + j];
                }

                gradientB[j] += (float)(2 * mu * sum);
            }
        }
    }

    /// <summary>A Gram matrix becomes u u^T or itself over its norm; the norm.</summary>
    private double Project(double* gram, int rank, double* vectors)
    {
        int square = rank * rank;
        double norm = 0;
        if (!spectral)
        {
            norm = Math.Sqrt(SmallMatrices.Inner(gram, gram, square));
            for (int i = 0; i < square && norm > 0; i++)
            {
                gram[i] /= norm;
            }

            return norm;
        }

        SmallMatrices.Diagonalize(gram, rank, vectors);
        int top = 0;
        for (int k = 0; k < rank; k++)
        {
            if (gram[(k * rank) + k] > norm)
            {
                (norm, top) = (gram[(k * rank) + k], k);
            }
        }

        for (int i = 0; i < square; i++)
        {
            gram[i] = vectors[(top * rank) + (i / rank)] * vectors[(top * rank) + (i % rank)];
        }

        return norm;
    }
}
