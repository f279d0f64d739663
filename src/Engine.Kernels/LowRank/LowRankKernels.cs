namespace Engine.Kernels;

/// <summary>Compiled forms of <see cref="LowRank"/>; matrices of a layer are dense [rank, rank] pairs in its slots.</summary>
internal static partial class LowRankKernels
{
    /// <summary>Columns of a product that a group computes together.</summary>
    private const int Columns = 8;

    /// <summary>
    /// One group for each layer (x), product (y) and row (z): that row of the product, by dot products of eight columns at a time whose
    /// terms the group shares.
    /// </summary>
    [Kernel]
    public static void Grams(
        ArrayView<int> table, ArrayView<float> values, ArrayView<float> gradients, ArrayView<float> workspace, int largestRank,
        [Specialize] int groupSize)
    {
        ArrayView<float> tile = SharedMemory.Allocate<float>(2 * Columns * groupSize);
        ArrayView<Pair> parts = LocalMemory.Allocate<Pair>(Columns);
        int product = Grid.IdxY;
        int row = Grid.IdxZ;
        long entry = (long)Grid.IdxX * LowRankTable.Width;
        int rank = table[entry + LowRankTable.RankSlot];
        bool inputs = (product & 1) == 0;
        int length = inputs ? table[entry + LowRankTable.ColumnsSlot] : table[entry + LowRankTable.RowsSlot];
        long start = inputs ? table[entry + LowRankTable.ASlot] : table[entry + LowRankTable.BSlot];
        int stride = inputs ? length : 1;
        int step = inputs ? 1 : rank;
        bool symmetric = product < LowRankSlots.CrossA;
        bool leftGradient = product >= LowRankSlots.GradientA;
        bool rightGradient = leftGradient && symmetric;
        long result = LowRankSlots.Offset(Grid.IdxX, product, largestRank);
        if (row < rank)
        {
            for (int first = symmetric ? row / Columns * Columns : 0; first < rank; first += Columns)
            {
                if (rightGradient)
                {
                    Products(gradients, gradients, start, row, first, rank, length, stride, step, parts, groupSize);
                }
                else if (leftGradient)
                {
                    Products(gradients, values, start, row, first, rank, length, stride, step, parts, groupSize);
                }
                else
                {
                    Products(values, values, start, row, first, rank, length, stride, step, parts, groupSize);
                }

                Add(tile, parts, groupSize);
                int column = first + Group.IdxX;
                if (Group.IdxX < Columns && column < rank && (!symmetric || column >= row))
                {
                    Pair sum = PairArithmetic.Load(tile, (long)Group.IdxX * groupSize);
                    PairArithmetic.Store(workspace, result + ((long)row * rank) + column, sum);
                    if (symmetric)
                    {
                        PairArithmetic.Store(workspace, result + ((long)column * rank) + row, sum);
                    }
                }

                Group.Barrier();
            }
        }
    }

    /// <summary>One group for each layer (x) and factor (y): the Gram matrix becomes its pseudo-inverse.</summary>
    [Kernel]
    public static void PseudoInverse(
        ArrayView<int> table, ArrayView<float> workspace, int largestRank, int sweeps, [Specialize] int groupSize)
    {
        // A round's cosines and sines, at the end the inverse eigenvalues: pairs.
        ArrayView<float> shared = SharedMemory.Allocate<float>(2 * LowRank.LargestRank);
        int rank = table[((long)Grid.IdxX * LowRankTable.Width) + LowRankTable.RankSlot];
        long matrix = LowRankSlots.Offset(Grid.IdxX, Grid.IdxY, largestRank);
        long vectors = LowRankSlots.Offset(Grid.IdxX, LowRankSlots.EigenvectorsA + Grid.IdxY, largestRank);
        Diagonalize(workspace, matrix, vectors, rank, sweeps, shared, groupSize);

        float largest = 0f;
        for (int i = 0; i < rank; i++)
        {
            largest = MathF.Max(largest, workspace[2 * (matrix + ((long)i * rank) + i)]);
        }

        float cutOff = MathF.Max(LowRank.RelativeCutOff * largest, LowRank.AbsoluteCutOff);
        for (int i = Group.IdxX; i < rank; i += groupSize)
        {
            Pair value = PairArithmetic.Load(workspace, matrix + ((long)i * rank) + i);
            Pair inverse = PairArithmetic.Of(0f);
            if (value.High > cutOff)
            {
                inverse = PairArithmetic.Divide(PairArithmetic.Of(1f), value);
            }

            PairArithmetic.Store(shared, i, inverse);
        }

        Group.Barrier();
        for (int i = Group.IdxX; i < rank * rank; i += groupSize)
        {
            Pair sum = PairArithmetic.Of(0f);
            for (int k = 0; k < rank; k++)
            {
                Pair weighted = PairArithmetic.Multiply(
                    PairArithmetic.Load(workspace, vectors + ((long)(i / rank) * rank) + k), PairArithmetic.Load(shared, k));
                sum = PairArithmetic.AddMultiplied(sum, weighted, PairArithmetic.Load(workspace, vectors + ((long)(i % rank) * rank) + k));
            }

            PairArithmetic.Store(workspace, matrix + i, sum);
        }
    }

    /// <summary>
    /// One group a layer: ||gW|| by tr((A A^T)^+ G_B^T G_B) + tr((B^T B)^+ G_A G_A^T) + 2 tr((A A^T)^+ C (B^T B)^+ D), what E_B is
    /// multiplied by, and (B^T B)^+ D (A A^T)^+.
    /// </summary>
    [Kernel]
    public static void Combine(
        ArrayView<int> table, ArrayView<float> workspace, ArrayView<float> scalars, int slot, int largestRank,
        [Specialize] int groupSize)
    {
        ArrayView<float> tile = SharedMemory.Allocate<float>(2 * groupSize);
        int layer = Grid.IdxX;
        long entry = (long)layer * LowRankTable.Width;
        int rank = table[entry + LowRankTable.RankSlot];
        float scale = BitConverter.Int32BitsToSingle(table[entry + LowRankTable.ScaleSlot]);
        long inverseA = LowRankSlots.Offset(layer, LowRankSlots.A, largestRank);
        long inverseB = LowRankSlots.Offset(layer, LowRankSlots.B, largestRank);
        long gradientA = LowRankSlots.Offset(layer, LowRankSlots.GradientA, largestRank);
        long gradientB = LowRankSlots.Offset(layer, LowRankSlots.GradientB, largestRank);
        long crossA = LowRankSlots.Offset(layer, LowRankSlots.CrossA, largestRank);
        long crossB = LowRankSlots.Offset(layer, LowRankSlots.CrossB, largestRank);
        long solvedA = LowRankSlots.Offset(layer, LowRankSlots.EigenvectorsA, largestRank);
        long solvedB = LowRankSlots.Offset(layer, LowRankSlots.EigenvectorsB, largestRank);
        for (int i = Group.IdxX; i < rank * rank; i += groupSize)
        {
            PairArithmetic.Store(workspace, solvedA + i, ProductElement(workspace, inverseB, crossA, rank, i / rank, i % rank));
            PairArithmetic.Store(workspace, solvedB + i, ProductElement(workspace, inverseA, crossB, rank, i / rank, i % rank));
        }

        Group.Barrier();
        Pair part = PairArithmetic.Of(0f);
        for (int i = Group.IdxX; i < rank * rank; i += groupSize)
        {
            long transposed = ((long)(i % rank) * rank) + (i / rank);
            part = PairArithmetic.AddMultiplied(
                part, PairArithmetic.Load(workspace, inverseA + i), PairArithmetic.Load(workspace, gradientB + i));
            part = PairArithmetic.AddMultiplied(
                part, PairArithmetic.Load(workspace, inverseB + i), PairArithmetic.Load(workspace, gradientA + i));
            Pair cross = PairArithmetic.Multiply(
                PairArithmetic.Load(workspace, solvedB + i), PairArithmetic.Load(workspace, solvedA + transposed));
            part = PairArithmetic.Add(part, PairArithmetic.Add(cross, cross));
            PairArithmetic.Store(workspace, crossA + i, ProductElement(workspace, solvedA, inverseA, rank, i / rank, i % rank));
        }

        Pair square = PairArithmetic.GroupSum(tile, part, groupSize);
        if (Group.IdxX == 0)
        {
            float norm = MathF.Sqrt(MathF.Max(0f, square.High)) / (2f * scale);
            workspace[LowRankSlots.Factor(layer, Grid.DimX, largestRank)] =
                scalars[slot] / (2f * scale * scale * (norm + LowRank.NormGuard));
        }
    }

    /// <summary>One item for each element of B's shape (x) and layer (y): E_B.</summary>
    [Kernel]
    public static void Direction(
        ArrayView<int> table, ArrayView<float> values, ArrayView<float> gradients, ArrayView<float> workspace, ArrayView<float> direction,
        int largestRank)
    {
        int layer = Grid.IdxY;
        long entry = (long)layer * LowRankTable.Width;
        int rank = table[entry + LowRankTable.RankSlot];
        long count = (long)table[entry + LowRankTable.RowsSlot] * rank;
        long i = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        if (i < count)
        {
            long row = table[entry + LowRankTable.BSlot] + (i / rank * rank);
            long column = i % rank;
            long inverseA = LowRankSlots.Offset(layer, LowRankSlots.A, largestRank);
            long solved = LowRankSlots.Offset(layer, LowRankSlots.CrossA, largestRank);
            Pair sum = PairArithmetic.Of(0f);
            for (int k = 0; k < rank; k++)
            {
                long at = ((long)k * rank) + column;
                sum = PairArithmetic.AddProduct(sum, gradients[row + k], PairArithmetic.Load(workspace, inverseA + at));
                sum = PairArithmetic.AddProduct(sum, values[row + k], PairArithmetic.Load(workspace, solved + at));
            }

            direction[table[entry + LowRankTable.DirectionSlot] + i] =
                workspace[LowRankSlots.Factor(layer, Grid.DimY, largestRank)] * (sum.High + sum.Low);
        }
    }

    /// <summary>One group a layer: norms[layer] = ||s B A||^2 = s^2 sum of (A A^T) o (B^T B).</summary>
    [Kernel]
    public static void ProductNorms(
        ArrayView<int> table, ArrayView<float> workspace, ArrayView<float> norms, int largestRank, [Specialize] int groupSize)
    {
        ArrayView<float> tile = SharedMemory.Allocate<float>(2 * groupSize);
        int layer = Grid.IdxX;
        long entry = (long)layer * LowRankTable.Width;
        int rank = table[entry + LowRankTable.RankSlot];
        float scale = BitConverter.Int32BitsToSingle(table[entry + LowRankTable.ScaleSlot]);
        long a = LowRankSlots.Offset(layer, LowRankSlots.A, largestRank);
        long b = LowRankSlots.Offset(layer, LowRankSlots.B, largestRank);
        Pair part = PairArithmetic.Of(0f);
        for (int i = Group.IdxX; i < rank * rank; i += groupSize)
        {
            part = PairArithmetic.AddMultiplied(part, PairArithmetic.Load(workspace, a + i), PairArithmetic.Load(workspace, b + i));
        }

        Pair sum = PairArithmetic.GroupSum(tile, part, groupSize);
        if (Group.IdxX == 0)
        {
            norms[layer] = scale * scale * MathF.Max(0f, sum.High);
        }
    }

    /// <summary>One group: the squared norms become the factors of A and B.</summary>
    [Kernel]
    public static void ClipFactors(
        ArrayView<float> norms, ArrayView<float> scalars, ArrayView<float> finite, ArrayView<float> ratio, int slot, int layers,
        bool perLayer, [Specialize] int groupSize)
    {
        ArrayView<float> tile = SharedMemory.Allocate<float>(groupSize);
        float rho = scalars[slot];
        float part = 0f;
        float largest = 0f;
        for (int i = Group.IdxX; i < layers; i += groupSize)
        {
            part += norms[i];
            largest = MathF.Max(largest, norms[i]);
        }

        float total = GroupReductions.Sum(tile, part, groupSize);
        largest = GroupReductions.Max(tile, largest, groupSize);
        if (Group.IdxX == 0)
        {
            ratio[0] = MathF.Sqrt(perLayer ? largest : total) / rho;
        }

        for (int i = Group.IdxX; i < layers; i += groupSize)
        {
            float norm = MathF.Sqrt(perLayer ? norms[i] : total);
            norms[i] = norm > rho && !float.IsNaN(finite[0]) ? MathF.Sqrt(rho / norm) : 1f;
        }
    }

    /// <summary>One item for each element of the larger factor (x) and layer (y): A and B times the layer's factor.</summary>
    [Kernel]
    public static void ScaleFactors(ArrayView<int> table, ArrayView<float> values, ArrayView<float> factors)
    {
        long entry = (long)Grid.IdxY * LowRankTable.Width;
        long rank = table[entry + LowRankTable.RankSlot];
        float factor = factors[Grid.IdxY];
        long i = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        if (i < rank * table[entry + LowRankTable.ColumnsSlot])
        {
            values[table[entry + LowRankTable.ASlot] + i] *= factor;
        }

        if (i < rank * table[entry + LowRankTable.RowsSlot])
        {
            values[table[entry + LowRankTable.BSlot] + i] *= factor;
        }
    }

    /// <summary>
    /// A symmetric matrix becomes diagonal, column k of <paramref name="vectors"/> the eigenvector of its element k; called by the whole
    /// group. Jacobi rotations in rounds of disjoint index pairs (a tournament: everyone meets everyone once a sweep), so that a round's
    /// rotations run side by side.
    /// </summary>
    /// <param name="rotations">Shared memory for a round's cosines and sines: a pair for each index.</param>
    internal static void Diagonalize(
        ArrayView<float> workspace, long matrix, long vectors, int rank, int sweeps, ArrayView<float> rotations, [Specialize] int groupSize)
    {
        for (int i = Group.IdxX; i < rank * rank; i += groupSize)
        {
            PairArithmetic.Store(workspace, vectors + i, PairArithmetic.Of(i / rank == i % rank ? 1f : 0f));
        }

        Group.Barrier();
        int players = rank + (rank & 1);
        int matches = players / 2;
        for (int sweep = 0; sweep < sweeps && !JacobiRotation.Settled(workspace, matrix, rank); sweep++)
        {
            for (int round = 0; round < players - 1; round++)
            {
                for (int match = Group.IdxX; match < matches; match += groupSize)
                {
                    int first = JacobiRotation.First(round, match, players);
                    int second = JacobiRotation.Second(round, match, players);
                    JacobiRotation.Choose(workspace, matrix, rank, first, second, rotations, match);
                }

                Group.Barrier();
                for (int i = Group.IdxX; i < matches * rank; i += groupSize)
                {
                    int match = i / rank;
                    int first = JacobiRotation.First(round, match, players);
                    int second = JacobiRotation.Second(round, match, players);
                    if (first < rank && second < rank)
                    {
                        int column = i % rank;
                        long start = matrix + column;
                        JacobiRotation.Apply(workspace, start + ((long)first * rank), start + ((long)second * rank), rotations, match);
                    }
                }

                Group.Barrier();
                for (int i = Group.IdxX; i < 2 * matches * rank; i += groupSize)
                {
                    int match = i / (2 * rank);
                    int first = JacobiRotation.First(round, match, players);
                    int second = JacobiRotation.Second(round, match, players);
                    if (first < rank && second < rank)
                    {
                        int row = i % (2 * rank);
                        long start = row < rank ? matrix + ((long)row * rank) : vectors + ((long)(row - rank) * rank);
                        JacobiRotation.Apply(workspace, start + first, start + second, rotations, match);
                    }
                }

                Group.Barrier();
            }
        }
    }

    /// <summary>
    /// An item's part of the dot products of one row of the left factor with eight of the right, from <paramref name="first"/> on; rows
    /// that are not there repeat the last.
    /// </summary>
    private static void Products(
        ArrayView<float> leftRun, ArrayView<float> rightRun, long start, int row, int first, int rank, int length, int stride, int step,
        ArrayView<Pair> parts, [Specialize] int groupSize)
    {
        for (int i = 0; i < Columns; i++)
        {
            parts[i] = PairArithmetic.Of(0f);
        }

        for (int k = Group.IdxX; k < length; k += groupSize)
        {
            float left = leftRun[start + (row * stride) + (k * step)];
            for (int i = 0; i < Columns; i++)
            {
                parts[i] = PairArithmetic.AddProduct(
                    parts[i], left, rightRun[start + (Math.Min(first + i, rank - 1) * stride) + (k * step)]);
            }
        }
    }

    /// <summary>
    /// Adds the items' parts of every column, which end at <paramref name="groupSize"/> pairs from each other in the tile: one tree for all
    /// columns, called by the whole group.
    /// </summary>
    private static void Add(ArrayView<float> tile, ArrayView<Pair> parts, [Specialize] int groupSize)
    {
        int item = Group.IdxX;
        for (int i = 0; i < Columns; i++)
        {
            PairArithmetic.Store(tile, (i * groupSize) + item, PairArithmetic.Normalize(parts[i]));
        }

        Group.Barrier();
        for (int half = groupSize / 2; half > 0; half >>= 1)
        {
            if (item < half)
            {
                for (int i = 0; i < Columns; i++)
                {
                    int at = (i * groupSize) + item;
                    PairArithmetic.Store(tile, at, PairArithmetic.Add(PairArithmetic.Load(tile, at), PairArithmetic.Load(tile, at + half)));
                }
            }

            Group.Barrier();
        }
    }

    /// <summary>Element (row, column) of the product of two dense [rank, rank] matrices of pairs.</summary>
    private static Pair ProductElement(ArrayView<float> workspace, long left, long right, int rank, int row, int column)
    {
        Pair sum = PairArithmetic.Of(0f);
        for (int k = 0; k < rank; k++)
        {
            sum = PairArithmetic.AddMultiplied(
                sum, PairArithmetic.Load(workspace, left + ((long)row * rank) + k),
                PairArithmetic.Load(workspace, right + ((long)k * rank) + column));
        }

        return sum;
    }
}
