namespace Engine.Kernels;

/// <summary>Compiled forms of <see cref="ColumnScaling"/>; numbers of a layer's system are pairs.</summary>
internal static partial class ColumnScalingKernels
{
    /// <summary>
    /// One group a layer. The system is brought to unit diagonal, so that its pivots say how singular it is, and solved by Gauss-Jordan
    /// elimination; where a pivot vanishes everything becomes NaN, and NaN is not positive.
    /// </summary>
    [Kernel]
    public static void Solve(
        ArrayView<int> table, ArrayView<float> products, ArrayView<float> systems, ArrayView<float> scalars, ArrayView<float> finite,
        ArrayView<float> scales, int slot, int largestRank, bool byScale, [Specialize] int groupSize)
    {
        // The norms of the columns of S1, then of S2: pairs.
        ArrayView<float> norms = SharedMemory.Allocate<float>(8 * LowRank.LargestRank);
        ArrayView<float> tile = SharedMemory.Allocate<float>(2 * groupSize);
        int layer = Grid.IdxX;
        long entry = (long)layer * LowRankTable.Width;
        int rank = table[entry + LowRankTable.RankSlot];
        float scale = BitConverter.Int32BitsToSingle(table[entry + LowRankTable.ScaleSlot]);
        int size = 2 * rank;
        int width = size + 1;
        long system = layer * ColumnScaling.SystemCount(largestRank);
        for (int column = Group.IdxX; column < size; column += groupSize)
        {
            Pair first = First(products, layer, largestRank, rank, column, column);
            Pair second = Second(products, layer, largestRank, rank, column, column);
            PairArithmetic.Store(norms, column, PairArithmetic.SquareRoot(first));
            PairArithmetic.Store(norms, size + column, PairArithmetic.SquareRoot(second));
        }

        Group.Barrier();
        for (int i = Group.IdxX; i < size * width; i += groupSize)
        {
            int row = i / width;
            int column = i % width;
            Pair value;
            if (column == size)
            {
                Pair first = PairArithmetic.Load(norms, row);
                Pair second = PairArithmetic.Load(norms, size + row);
                value = row < rank ? PairArithmetic.Divide(second, first) : PairArithmetic.Divide(first, second);
            }
            else
            {
                value = PairArithmetic.Multiply(
                    Cosine(First(products, layer, largestRank, rank, row, column), norms, row, column),
                    Cosine(Second(products, layer, largestRank, rank, row, column), norms, size + row, size + column));
            }

            PairArithmetic.Store(systems, system + i, value);
        }

        Group.Barrier();
        for (int k = 0; k < size; k++)
        {
            Pair pivot = PairArithmetic.Load(systems, system + ((long)k * width) + k);
            if (!(pivot.High > ColumnScaling.SingularPivot))
            {
                pivot = PairArithmetic.Of(float.NaN);
            }

            for (int column = k + 1 + Group.IdxX; column < width; column += groupSize)
            {
                long at = system + ((long)k * width) + column;
                PairArithmetic.Store(systems, at, PairArithmetic.Divide(PairArithmetic.Load(systems, at), pivot));
            }

            Group.Barrier();
            int rest = size - k;
            for (int i = Group.IdxX; i < size * rest; i += groupSize)
            {
                int row = i / rest;
                int column = k + 1 + (i % rest);
                if (row != k)
                {
                    long start = system + ((long)row * width);
                    Pair factor = PairArithmetic.Negate(PairArithmetic.Load(systems, start + k));
                    Pair pivotRow = PairArithmetic.Load(systems, system + ((long)k * width) + column);
                    Pair value = PairArithmetic.AddMultiplied(PairArithmetic.Load(systems, start + column), factor, pivotRow);
                    PairArithmetic.Store(systems, start + column, value);
                }
            }

            Group.Barrier();
        }

        // The 2 x 2 system of block sums: [a, b; b, c] x = [p, q].
        Pair a = PairArithmetic.Of(0f);
        Pair b = PairArithmetic.Of(0f);
        Pair c = PairArithmetic.Of(0f);
        Pair p = PairArithmetic.Of(0f);
        Pair q = PairArithmetic.Of(0f);
        for (int i = Group.IdxX; i < rank * rank; i += groupSize)
        {
            int row = i / rank;
            int column = i % rank;
            a = PairArithmetic.Add(a, Element(products, layer, largestRank, rank, row, column));
            b = PairArithmetic.Add(b, Element(products, layer, largestRank, rank, row, rank + column));
            c = PairArithmetic.Add(c, Element(products, layer, largestRank, rank, rank + row, rank + column));
            if (row == column)
            {
                p = PairArithmetic.Add(p, Second(products, layer, largestRank, rank, row, row));
                q = PairArithmetic.Add(q, First(products, layer, largestRank, rank, rank + row, rank + row));
            }
        }

        a = PairArithmetic.SquareRoot(PairArithmetic.GroupSum(tile, a, groupSize));
        b = PairArithmetic.GroupSum(tile, b, groupSize);
        c = PairArithmetic.SquareRoot(PairArithmetic.GroupSum(tile, c, groupSize));
        p = PairArithmetic.Divide(PairArithmetic.GroupSum(tile, p, groupSize), a);
        q = PairArithmetic.Divide(PairArithmetic.GroupSum(tile, q, groupSize), c);
        b = PairArithmetic.Divide(PairArithmetic.Divide(b, a), c);
        Pair determinant = PairArithmetic.Add(PairArithmetic.Of(1f), PairArithmetic.Negate(PairArithmetic.Multiply(b, b)));
        float forB = Solved(p, b, q, determinant, a);
        float forA = Solved(q, b, p, determinant, c);

        float target = scalars[slot] * (byScale ? scale * scale : 1f);
        bool hasB = false;
        bool positive = true;
        for (int k = 0; k < size; k++)
        {
            hasB = hasB || (k < rank && First(products, layer, largestRank, rank, k, k).High > 0f);
            positive = positive && Solution(systems, system, norms, size, k) > 0f;
        }

        int branch = !hasB || !(target > 0f) || float.IsNaN(finite[0]) ? (int)ScalingBranch.Skipped
            : positive ? (int)ScalingBranch.Columns
            : forB > 0f && forA > 0f && determinant.High > ColumnScaling.SingularPivot ? (int)ScalingBranch.Scalars
            : (int)ScalingBranch.NoSolution;
        long result = ColumnScales.Offset(layer, ColumnScales.AlphaSlot, largestRank);
        for (int k = Group.IdxX; k < rank; k += groupSize)
        {
            float alpha = 1f;
            float beta = 1f;
            float solvedB = Solution(systems, system, norms, size, k);
            float solvedA = Solution(systems, system, norms, size, rank + k);
            if (branch == (int)ScalingBranch.Columns)
            {
                alpha = MathF.Sqrt(solvedB / target);
                beta = MathF.Sqrt(solvedA / target);
            }
            else if (branch == (int)ScalingBranch.Scalars)
            {
                alpha = MathF.Sqrt(forB / target);
                beta = MathF.Sqrt(forA / target);
            }

            scales[result + (ColumnScales.AlphaSlot * largestRank) + k] = alpha;
            scales[result + (ColumnScales.BetaSlot * largestRank) + k] = beta;
            scales[result + (ColumnScales.MergeSlot * largestRank) + k] = scale * KernelMath.FusedMultiplyAdd(-alpha, beta, 1f);
            scales[result + (ColumnScales.SolutionSlot * largestRank) + k] = solvedB;
            scales[result + (ColumnScales.SolutionSlot * largestRank) + rank + k] = solvedA;
        }

        if (Group.IdxX == 0)
        {
            scales[result + (ColumnScales.BranchSlot * largestRank)] = branch;
        }
    }

    /// <summary>One item for each element of the larger factor (x) and layer (y): the factors, their gradients and moments.</summary>
    [Kernel]
    public static void Apply(
        ArrayView<int> table, ArrayView<float> scales, ArrayView<float> values, ArrayView<float> gradients, ArrayView<float> firstMoment,
        ArrayView<float> secondMoment, int largestRank)
    {
        long entry = (long)Grid.IdxY * LowRankTable.Width;
        long rank = table[entry + LowRankTable.RankSlot];
        long columns = table[entry + LowRankTable.ColumnsSlot];
        long alphas = ColumnScales.Offset(Grid.IdxY, ColumnScales.AlphaSlot, largestRank);
        long betas = ColumnScales.Offset(Grid.IdxY, ColumnScales.BetaSlot, largestRank);
        long i = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        if (i < rank * columns)
        {
            long k = i / columns;
            long at = table[entry + LowRankTable.ASlot] + i;
            Scale(values, gradients, firstMoment, secondMoment, at, scales[betas + k], scales[alphas + k]);
        }

        if (i < rank * table[entry + LowRankTable.RowsSlot])
        {
            long k = i % rank;
            long at = table[entry + LowRankTable.BSlot] + i;
            Scale(values, gradients, firstMoment, secondMoment, at, scales[alphas + k], scales[betas + k]);
        }
    }

    /// <summary>One item for each element of the weight.</summary>
    [Kernel]
    public static void Merge(
        ArrayView<int> table, ArrayView<float> values, ArrayView<float> coefficients, ArrayView<float> weight, int layer)
    {
        long entry = (long)layer * LowRankTable.Width;
        int rank = table[entry + LowRankTable.RankSlot];
        long columns = table[entry + LowRankTable.ColumnsSlot];
        long i = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        if (i < columns * table[entry + LowRankTable.RowsSlot])
        {
            long a = table[entry + LowRankTable.ASlot] + (i % columns);
            long b = table[entry + LowRankTable.BSlot] + (i / columns * rank);
            bool changes = false;
            float sum = 0f;
            for (int k = 0; k < rank; k++)
            {
                float coefficient = coefficients[k];
                changes = changes || coefficient != 0f;
                sum = KernelMath.FusedMultiplyAdd(coefficient * values[b + k], values[a + (k * columns)], sum);
            }

            if (changes)
            {
                weight[i] += sum;
            }
        }
    }

    private static void Scale(
        ArrayView<float> values, ArrayView<float> gradients, ArrayView<float> firstMoment, ArrayView<float> secondMoment,
        long at, float own, float partner)
    {
        values[at] *= own;
        gradients[at] *= partner;
        firstMoment[at] *= partner;
        secondMoment[at] = secondMoment[at] * partner * partner;
    }

    /// <summary>Element (row, column) of M.</summary>
    private static Pair Element(ArrayView<float> products, int layer, int largestRank, int rank, int row, int column) =>
        PairArithmetic.Multiply(
            First(products, layer, largestRank, rank, row, column), Second(products, layer, largestRank, rank, row, column));

    /// <summary>Element (row, column) of S1^T S1, U in units of s U.</summary>
    private static Pair First(ArrayView<float> products, int layer, int largestRank, int rank, int row, int column) =>
        Product(products, layer, largestRank, rank, row, column, LowRankSlots.B, LowRankSlots.GradientB, LowRankSlots.CrossB, true);

    /// <summary>Element (row, column) of S2^T S2, V in units of s V.</summary>
    private static Pair Second(ArrayView<float> products, int layer, int largestRank, int rank, int row, int column) =>
        Product(products, layer, largestRank, rank, row, column, LowRankSlots.GradientA, LowRankSlots.A, LowRankSlots.CrossA, false);

    /// <param name="crossIsTransposed">The slot holds the product of the later half with the earlier.</param>
    private static Pair Product(
        ArrayView<float> products, int layer, int largestRank, int rank, int row, int column,
        int earlier, int later, int cross, bool crossIsTransposed)
    {
        int slot = row < rank ? (column < rank ? earlier : cross) : (column < rank ? cross : later);
        bool turned = slot == cross && (row < rank) == crossIsTransposed;
        int i = turned ? column % rank : row % rank;
        int j = turned ? row % rank : column % rank;
        return PairArithmetic.Load(products, LowRankSlots.Offset(layer, slot, largestRank) + ((long)i * rank) + j);
    }

    private static Pair Cosine(Pair product, ArrayView<float> norms, int row, int column) =>
        PairArithmetic.Divide(PairArithmetic.Divide(product, PairArithmetic.Load(norms, row)), PairArithmetic.Load(norms, column));

    /// <summary>v_k, from the solution of the system with unit diagonal.</summary>
    private static float Solution(ArrayView<float> systems, long system, ArrayView<float> norms, int size, int k)
    {
        Pair solved = PairArithmetic.Load(systems, system + ((long)k * (size + 1)) + size);
        Pair overFirst = PairArithmetic.Divide(solved, PairArithmetic.Load(norms, k));
        return PairArithmetic.Divide(overFirst, PairArithmetic.Load(norms, size + k)).High;
    }

    /// <summary>An unknown of the 2 x 2 system with unit diagonal, over the norm its row was divided by.</summary>
    private static float Solved(Pair own, Pair off, Pair other, Pair determinant, Pair norm)
    {
        Pair numerator = PairArithmetic.Add(own, PairArithmetic.Negate(PairArithmetic.Multiply(off, other)));
        return PairArithmetic.Divide(PairArithmetic.Divide(numerator, determinant), norm).High;
    }
}
