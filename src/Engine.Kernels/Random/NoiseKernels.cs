namespace Engine.Kernels;

/// <summary>Seeded Gaussian noise.</summary>
internal static partial class NoiseKernels
{
    /// <summary>One item a block: y[e] = z(e) of its four elements.</summary>
    [Kernel]
    public static void Normals(ArrayView<uint> random, ArrayView<float> y, uint stream, long count)
    {
        long block = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        long element = 4 * block;
        uint seedLow = random[RandomState.SeedLow];
        uint seedHigh = random[RandomState.SeedHigh];
        uint step = random[RandomState.Step];
        if (element < count)
        {
            PhiloxWords words = Philox.Block((ulong)block, seedLow, seedHigh, stream, step);
            NormalPair first = BoxMuller.Normals(words.X, words.Y);
            NormalPair second = BoxMuller.Normals(words.Z, words.W);
            y[element] = first.Cosine;
            if (element + 1 < count)
            {
                y[element + 1] = first.Sine;
            }

            if (element + 2 < count)
            {
                y[element + 2] = second.Cosine;
            }

            if (element + 3 < count)
            {
                y[element + 3] = second.Sine;
            }
        }
    }

    /// <summary>One item a block: the signs of its four elements.</summary>
    [Kernel]
    public static void Signs(ArrayView<uint> random, ArrayView<float> y, uint stream, long count)
    {
        long block = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        long element = 4 * block;
        uint seedLow = random[RandomState.SeedLow];
        uint seedHigh = random[RandomState.SeedHigh];
        uint step = random[RandomState.Step];
        if (element < count)
        {
            PhiloxWords words = Philox.Block((ulong)block, seedLow, seedHigh, stream, step);
            y[element] = words.X < 0x80000000u ? 1f : -1f;
            if (element + 1 < count)
            {
                y[element + 1] = words.Y < 0x80000000u ? 1f : -1f;
            }

            if (element + 2 < count)
            {
                y[element + 2] = words.Z < 0x80000000u ? 1f : -1f;
            }

            if (element + 3 < count)
            {
                y[element + 3] = words.W < 0x80000000u ? 1f : -1f;
            }
        }
    }

    /// <summary>One item a block: y = w + deviation[row] z of its four elements.</summary>
    [Kernel]
    public static void Perturb<TStored>(
        ArrayView<TStored> w, ArrayView<float> deviation, ArrayView<uint> random, ArrayView<float> y, uint stream, int columns, long count)
        where TStored : unmanaged
    {
        long block = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        long element = 4 * block;
        uint seedLow = random[RandomState.SeedLow];
        uint seedHigh = random[RandomState.SeedHigh];
        uint step = random[RandomState.Step];
        if (element < count)
        {
            PhiloxWords words = Philox.Block((ulong)block, seedLow, seedHigh, stream, step);
            NormalPair first = BoxMuller.Normals(words.X, words.Y);
            NormalPair second = BoxMuller.Normals(words.Z, words.W);
            y[element] = KernelMath.FusedMultiplyAdd(deviation[element / columns], first.Cosine, Storage.Load(w, element));
            if (element + 1 < count)
            {
                y[element + 1] = KernelMath.FusedMultiplyAdd(deviation[(element + 1) / columns], first.Sine, Storage.Load(w, element + 1));
            }

            if (element + 2 < count)
            {
                y[element + 2] = KernelMath.FusedMultiplyAdd(
                    deviation[(element + 2) / columns], second.Cosine, Storage.Load(w, element + 2));
            }

            if (element + 3 < count)
            {
                y[element + 3] = KernelMath.FusedMultiplyAdd(deviation[(element + 3) / columns], second.Sine, Storage.Load(w, element + 3));
            }
        }
    }

    /// <summary>One group a row: the deviation from the low-rank identity, over the frozen row's squared norm.</summary>
    [Kernel]
    public static void FlatDeviation(
        ArrayView<float> aw, ArrayView<float> b, ArrayView<float> gram, ArrayView<float> scalars, ArrayView<float> deviation,
        int slot, int rows, int columns, int rank, float rho, float loraScale, [Specialize] int groupSize)
    {
        ArrayView<float> tile = SharedMemory.Allocate<float>(groupSize);
        int item = Group.IdxX;
        int row = Grid.IdxX;
        long offset = (long)row * rank;
        float terms = 0f;
        for (int k = item; k < rank; k += groupSize)
        {
            float product = 0f;
            for (int j = 0; j < rank; j++)
            {
                product += gram[((long)k * rank) + j] * b[offset + j];
            }

            terms += b[offset + k] * loraScale * ((2f * aw[((long)k * rows) + row]) + (loraScale * product));
        }

        float added = GroupReductions.Sum(tile, terms, groupSize);
        if (item == 0)
        {
            float norm = deviation[row] + added;
            deviation[row] = scalars[slot] * rho / MathF.Sqrt(columns) * MathF.Sqrt(MathF.Max(0f, norm));
        }
    }
}
