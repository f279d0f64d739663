namespace Engine.Kernels;

/// <summary>
/// Compiled forms of <see cref="FactorPenalty"/>; a layer's Gram matrices are dense [rank, rank] pairs in its first two slots.
/// </summary>
internal static partial class FactorPenaltyKernels
{
    /// <summary>One group for each layer (x) and factor (y): the Gram matrix becomes u u^T.</summary>
    [Kernel]
    public static void Spectral(
        ArrayView<int> table, ArrayView<float> workspace, ArrayView<float> norms, int largestRank, int sweeps, [Specialize] int groupSize)
    {
        ArrayView<float> rotations = SharedMemory.Allocate<float>(2 * LowRank.LargestRank);
        int rank = table[((long)Grid.IdxX * LowRankTable.Width) + LowRankTable.RankSlot];
        long matrix = LowRankSlots.Offset(Grid.IdxX, Grid.IdxY, largestRank);
        long vectors = LowRankSlots.Offset(Grid.IdxX, LowRankSlots.EigenvectorsA + Grid.IdxY, largestRank);
        LowRankKernels.Diagonalize(workspace, matrix, vectors, rank, sweeps, rotations, groupSize);
        int top = 0;
        float norm = 0f;
        for (int k = 0; k < rank; k++)
        {
            float value = workspace[2 * (matrix + ((long)k * rank) + k)];
            if (value > norm)
            {
                norm = value;
                top = k;
            }
        }

        Group.Barrier();
        for (int i = Group.IdxX; i < rank * rank; i += groupSize)
        {
            Pair row = PairArithmetic.Load(workspace, vectors + ((long)(i / rank) * rank) + top);
            Pair column = PairArithmetic.Load(workspace, vectors + ((long)(i % rank) * rank) + top);
            PairArithmetic.Store(workspace, matrix + i, PairArithmetic.Multiply(row, column));
        }

        if (Group.IdxX == 0)
        {
            norms[(2 * Grid.IdxX) + Grid.IdxY] = norm;
        }
    }

    /// <summary>One group for each layer (x) and factor (y): the Gram matrix is divided by its norm.</summary>
    [Kernel]
    public static void Frobenius(
        ArrayView<int> table, ArrayView<float> workspace, ArrayView<float> norms, int largestRank, [Specialize] int groupSize)
    {
        ArrayView<float> tile = SharedMemory.Allocate<float>(2 * groupSize);
        int rank = table[((long)Grid.IdxX * LowRankTable.Width) + LowRankTable.RankSlot];
        long matrix = LowRankSlots.Offset(Grid.IdxX, Grid.IdxY, largestRank);
        Pair part = PairArithmetic.Of(0f);
        for (int i = Group.IdxX; i < rank * rank; i += groupSize)
        {
            Pair element = PairArithmetic.Load(workspace, matrix + i);
            part = PairArithmetic.AddMultiplied(part, element, element);
        }

        Pair square = PairArithmetic.GroupSum(tile, part, groupSize);
        Pair norm = PairArithmetic.Of(0f);
        if (square.High > 0f)
        {
            norm = PairArithmetic.SquareRoot(square);
            for (int i = Group.IdxX; i < rank * rank; i += groupSize)
            {
                PairArithmetic.Store(workspace, matrix + i, PairArithmetic.Divide(PairArithmetic.Load(workspace, matrix + i), norm));
            }
        }

        if (Group.IdxX == 0)
        {
            norms[(2 * Grid.IdxX) + Grid.IdxY] = norm.High;
        }
    }

    /// <summary>One item for each element of the larger factor (x) and layer (y).</summary>
    [Kernel]
    public static void Add(
        ArrayView<int> table, ArrayView<float> workspace, ArrayView<float> values, ArrayView<float> gradients, int largestRank, float mu)
    {
        int layer = Grid.IdxY;
        long entry = (long)layer * LowRankTable.Width;
        long rank = table[entry + LowRankTable.RankSlot];
        long columns = table[entry + LowRankTable.ColumnsSlot];
        long i = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        if (i < rank * columns)
        {
            long row = LowRankSlots.Offset(layer, LowRankSlots.A, largestRank) + (i / columns * rank);
            long start = table[entry + LowRankTable.ASlot];
            Pair sum = PairArithmetic.Of(0f);
            for (int k = 0; k < rank; k++)
            {
                float value = values[start + (k * columns) + (i % columns)];
                sum = PairArithmetic.AddProduct(sum, value, PairArithmetic.Load(workspace, row + k));
            }

            gradients[start + i] += 2f * mu * (sum.High + sum.Low);
        }

        if (i < rank * table[entry + LowRankTable.RowsSlot])
        {
            long column = LowRankSlots.Offset(layer, LowRankSlots.B, largestRank) + (i % rank);
            long start = table[entry + LowRankTable.BSlot];
            Pair sum = PairArithmetic.Of(0f);
            for (int k = 0; k < rank; k++)
            {
                float value = values[start + (i / rank * rank) + k];
                sum = PairArithmetic.AddProduct(sum, value, PairArithmetic.Load(workspace, column + (k * rank)));
            }

            gradients[start + i] += 2f * mu * (sum.High + sum.Low);
        }
    }
}
