using System.Runtime.Intrinsics;
using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>Work on one layer after the other, a piece each: the r x r matrices are float64 in the worker's scratch memory.</summary>
internal abstract unsafe class LayerHost(CpuDevice device, IReadOnlyList<LowRankPair> pairs) : HostLaunch(device), IHostBody
{
    private readonly LowRankPair[] pairs = [.. pairs];

    protected int Layers => pairs.Length;

    void IHostBody.Run(int piece, int worker) => Layer(piece, in pairs[piece], (double*)Device.Scratch(worker));

    protected override void Execute(HostThreads threads) => threads.For(pairs.Length, this);

    protected abstract void Layer(int index, in LowRankPair pair, double* scratch);
}

/// <summary>EFMLoRA's perturbation of every B, in float64 throughout.</summary>
internal sealed unsafe class AscentDirectionHost(
    CpuDevice device, IReadOnlyList<LowRankPair> pairs, int slot, BufferView<float> values, BufferView<float> gradients,
    BufferView<float> scalars, BufferView<float> direction)
    : LayerHost(device, pairs)
{
    private readonly float* values = CpuDevice.Pointer(values);
    private readonly float* gradients = CpuDevice.Pointer(gradients);
    private readonly float* scalars = CpuDevice.Pointer(scalars);
    private readonly float* direction = CpuDevice.Pointer(direction);

    public override string Name => "LowRank_AscentDirection";

    protected override void Layer(int index, in LowRankPair pair, double* scratch)
    {
        int rank = pair.Rank, square = rank * rank;
        float* a = values + pair.A, b = values + pair.B, gradientA = gradients + pair.A, gradientB = gradients + pair.B;
        double* gram = scratch, vectors = scratch + square, inverseA = vectors + square, inverseB = inverseA + square;
        double* crossA = inverseB + square, crossB = crossA + square, solvedA = crossB + square, solvedB = solvedA + square;
        double* row = solvedB + square;
        SmallMatrices.RowProducts(a, a, rank, pair.Columns, gram);
        SmallMatrices.PseudoInverse(gram, rank, vectors, inverseA);
        SmallMatrices.ColumnProducts(b, b, rank, pair.Rows, row, gram);
        SmallMatrices.PseudoInverse(gram, rank, vectors, inverseB);
        SmallMatrices.ColumnProducts(gradientB, gradientB, rank, pair.Rows, row, gram);
        double norm = SmallMatrices.Inner(inverseA, gram, square);
        SmallMatrices.RowProducts(gradientA, gradientA, rank, pair.Columns, gram);
        norm += SmallMatrices.Inner(inverseB, gram, square);
        SmallMatrices.RowProducts(gradientA, a, rank, pair.Columns, crossA);
        SmallMatrices.ColumnProducts(gradientB, b, rank, pair.Rows, row, crossB);
        SmallMatrices.Multiply(inverseB, crossA, rank, solvedA);
        SmallMatrices.Multiply(inverseA, crossB, rank, solvedB);
        for (int i = 0; i < square; i++)
        {
            norm += 2 * solvedB[i] * solvedA[(i % rank * rank) + (i / rank)];
        }

        norm = Math.Sqrt(Math.Max(0, norm)) / (2 * pair.Scale);
        double factor = scalars[slot] / (2.0 * pair.Scale * pair.Scale * (norm + LowRank.NormGuard));
        SmallMatrices.Multiply(solvedA, inverseA, rank, gram);
        float* to = direction + pair.Direction;
        for (int i = 0; i < pair.Rows; i++, to += rank, gradientB += rank, b += rank)
        {
            new Span<double>(row, rank).Clear();
            for (int k = 0; k < rank; k++)
            {
                SmallMatrices.AddScaled(gradientB[k], inverseA + (k * rank), rank, row);
                SmallMatrices.AddScaled(b[k], gram + (k * rank), rank, row);
            }

            for (int j = 0; j < rank; j++)
            {
                to[j] = (float)(factor * row[j]);
            }
        }
    }
}

/// <summary>Clips scaled products: the layers' squared norms first, then the factors, then A and B.</summary>
internal sealed unsafe class ClipProductsHost(
    CpuDevice device, IReadOnlyList<LowRankPair> pairs, int slot, bool perLayer, BufferView<float> values, BufferView<float> scalars,
    BufferView<float> finite, BufferView<float> ratio, BufferView<float> workspace)
    : LayerHost(device, pairs)
{
    private readonly float* values = CpuDevice.Pointer(values);
    private readonly float* scalars = CpuDevice.Pointer(scalars);
    private readonly float* finite = CpuDevice.Pointer(finite);
    private readonly float* ratio = CpuDevice.Pointer(ratio);
    private readonly float* norms = CpuDevice.Pointer(workspace);
    private bool measured;

    public override string Name => "LowRank_ClipProducts";

    protected override void Execute(HostThreads threads)
    {
        if (float.IsNaN(*finite))
        {
            return;
        }

        measured = false;
        base.Execute(threads);
        float rho = scalars[slot];
        double total = 0, largest = 0;
        for (int layer = 0; layer < Layers; layer++)
        {
            total += norms[layer];
            largest = Math.Max(largest, norms[layer]);
        }

        *ratio = (float)(Math.Sqrt(perLayer ? largest : total) / rho);

        for (int layer = 0; layer < Layers; layer++)
        {
            double norm = Math.Sqrt(perLayer ? norms[layer] : total);
            norms[layer] = norm > rho ? (float)Math.Sqrt(rho / norm) : 1f;
        }

        measured = true;
        base.Execute(threads);
    }

    protected override void Layer(int index, in LowRankPair pair, double* scratch)
    {
        float* a = values + pair.A, b = values + pair.B;
        int square = pair.Rank * pair.Rank;
        if (measured)
        {
            Scale(a, (long)pair.Rank * pair.Columns, norms[index]);
            Scale(b, (long)pair.Rank * pair.Rows, norms[index]);
            return;
        }

        SmallMatrices.RowProducts(a, a, pair.Rank, pair.Columns, scratch);
        SmallMatrices.ColumnProducts(b, b, pair.Rank, pair.Rows, scratch + (2 * square), scratch + square);
        norms[index] = (float)((double)pair.Scale * pair.Scale * Math.Max(0, SmallMatrices.Inner(scratch, scratch + square, square)));
    }

    private static void Scale(float* x, long count, float factor)
    {
        long i = 0;
        for (; i <= count - Lanes.Count; i += Lanes.Count)
        {
            (Vector512.Load(x + i) * Vector512.Create(factor)).Store(x + i);
        }

        for (; i < count; i++)
        {
            x[i] *= factor;
        }
    }
}
