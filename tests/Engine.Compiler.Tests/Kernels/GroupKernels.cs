namespace Engine.Compiler.Tests.Kernels;

/// <summary>Barriers, shared memory, shuffles and atomics: what the managed executor cuts into phases.</summary>
internal static partial class GroupKernels
{
    /// <summary>
    /// y[i] = the prefix sum of the group's elements up to i; a loop that cannot be proven uniform, locals that live across barriers.
    /// </summary>
    [Kernel]
    public static void PrefixSum(ArrayView<int> x, ArrayView<int> lengths, ArrayView<int> y, [Specialize] int size)
    {
        ArrayView<int> tile = SharedMemory.Allocate<int>(size);
        int length = lengths[Grid.IdxX];
        int item = Group.IdxX;
        int sum = x[(Grid.IdxX * size) + item];
        tile[item] = sum;
        Group.Barrier();
        int step = 1;
        while (step < length)
        {
            int add = item >= step ? tile[item - step] : 0;
            Group.Barrier();
            sum += add;
            tile[item] = sum;
            step *= 2;
            Group.Barrier();
        }

        y[(Grid.IdxX * size) + item] = sum;
    }

    /// <summary>Early return, break, continue, do and nested branches, each around a barrier and the same for a whole group.</summary>
    [Kernel]
    public static void UniformBranches(ArrayView<int> x, ArrayView<int> y, int groups, [Specialize] int size)
    {
        ArrayView<int> tile = SharedMemory.Allocate<int>(size);
        if (Grid.IdxX >= groups)
        {
            return;
        }

        int item = Group.IdxX;
        int limit = x[Grid.IdxX];
        if (limit < 0)
        {
            return;
        }

        int total = 0;
        for (int round = 0; round < 6; round++)
        {
            if (round == limit)
            {
                break;
            }

            if (round == 1)
            {
                continue;
            }

            tile[item] = (round * 10) + item;
            Group.Barrier();
            total += tile[size - 1 - item];
            Group.Barrier();
        }

        int turns = 0;
        do
        {
            turns++;
            tile[item] = total + turns;
            Group.Barrier();
            if (limit > 2)
            {
                total += tile[(item + 1) % size];
                Group.Barrier();
            }
            else
            {
                total -= tile[0];
                Group.Barrier();
            }
        }
        while (turns < limit);

        if (item >= size - 1)
        {
            return;
        }

        y[(Grid.IdxX * size) + item] = total;
    }

    /// <summary>A helper with barriers, called in an expression and from another helper; local memory that lives across them.</summary>
    [Kernel]
    public static void BlockReduce(ArrayView<float> x, ArrayView<float> y, [Specialize] int size)
    {
        ArrayView<float> scratch = SharedMemory.Allocate<float>(size);
        ArrayView<float> own = LocalMemory.Allocate<float>(3);
        long row = (long)Grid.IdxX * size;
        for (int k = 0; k < 3; k++)
        {
            own[k] = x[row + Group.IdxX] * (k + 1);
        }

        float mean = Sum(own[0], scratch) / size;
        float deviation = own[0] - mean;
        float variance = Sum(deviation * deviation, scratch) / size;
        Normalize(ref deviation, variance);
        y[row + Group.IdxX] = deviation + own[2] + SumTwice(own[1], scratch);
    }

    private static float Sum(float value, ArrayView<float> scratch)
    {
        int item = Group.IdxX;
        scratch[item] = value;
        Group.Barrier();
        for (int half = Group.DimX / 2; half > 0; half /= 2)
        {
            if (item < half)
            {
                scratch[item] += scratch[item + half];
            }

            Group.Barrier();
        }

        float total = scratch[0];
        Group.Barrier();
        return total;
    }

    private static float SumTwice(float value, ArrayView<float> scratch) => Sum(value, scratch) + Sum(2f * value, scratch);

    private static void Normalize(ref float value, float variance) => value /= MathF.Sqrt(variance + 1e-5f);

    /// <summary>Every shuffle, of every type, nested ones included.</summary>
    [Kernel]
    public static void Shuffles(ArrayView<float> x, ArrayView<int> y, ArrayView<float> z)
    {
        int i = (Grid.IdxX * Group.DimX) + Group.IdxX;
        float value = x[i];
        int word = (int)value * 3;
        float down = Warp.ShuffleDown(value, 5);
        int first = Warp.Shuffle(word, 0);
        uint rotated = Warp.Shuffle((uint)word, Warp.LaneIdx + 1);
        float swapped = Warp.ShuffleXor(Warp.ShuffleXor(value, 1) + value, 2);
        for (int mask = 16; mask > 0; mask >>= 1)
        {
            value = MathF.Max(value, Warp.ShuffleXor(value, mask));
        }

        y[i] = first + (int)rotated;
        z[i] = down + (2f * swapped) + (3f * value);
    }

    /// <summary>Integer atomics on global and shared memory. histogram [8], extremes [2].</summary>
    [Kernel]
    public static void Atomics(ArrayView<int> x, ArrayView<int> histogram, ArrayView<int> extremes, ArrayView<uint> words, int count)
    {
        ArrayView<int> local = SharedMemory.Allocate<int>(8);
        int i = (Grid.IdxX * Group.DimX) + Group.IdxX;
        if (Group.IdxX < 8)
        {
            local[Group.IdxX] = 0;
        }

        Group.Barrier();
        if (i < count)
        {
            Atomic.Add(ref local[x[i] & 7], 1);
            Atomic.Max(ref extremes[0], x[i]);
            Atomic.Min(ref extremes[1], x[i]);
            uint before = Atomic.Add(ref words[0], 2u);
            Atomic.Max(ref words[1], before);
            Atomic.CompareExchange(ref words[2], 0u, 7u);
            Atomic.Exchange(ref words[3], 9u);
        }

        Group.Barrier();
        if (Group.IdxX < 8)
        {
            Atomic.Add(ref histogram[Group.IdxX], local[Group.IdxX]);
        }
    }

    /// <summary>Writes past a view where the data says so.</summary>
    [Kernel]
    public static void Scatter(ArrayView<int> index, ArrayView<float> y) => y[index[Group.IdxX]] = 1f;

    /// <summary>Reads what may not have been written.</summary>
    [Kernel]
    public static void Copy<T>(ArrayView<T> x, ArrayView<T> y)
        where T : unmanaged => y[Group.IdxX] = x[Group.IdxX];

    /// <summary>Reads shared memory that only the first item wrote.</summary>
    [Kernel]
    public static void Unwritten(ArrayView<float> y)
    {
        ArrayView<float> tile = SharedMemory.Allocate<float>(64);
        if (Group.IdxX == 0)
        {
            tile[0] = 1f;
        }

        Group.Barrier();
        y[Group.IdxX] = tile[Group.IdxX];
    }

    /// <summary>A barrier that half of the group misses.</summary>
    [Kernel]
    public static void Divergent(ArrayView<int> x)
    {
        if (Group.IdxX < 16)
        {
            Group.Barrier();
            x[Group.IdxX] = 1;
        }
    }
}
