namespace Engine.Compiler.Tests.Kernels;

/// <summary>Statements, helpers and structs.</summary>
internal static partial class ControlFlowKernels
{
    /// <summary>Every kind of statement; the method is its own reference.</summary>
    [Kernel]
    public static void Statements(ArrayView<int> x, ArrayView<int> y) => y[Group.IdxX] = StatementsOf(x[Group.IdxX]);

    public static int StatementsOf(int x)
    {
        int result = 0;
        for (int i = 0, j = x; i < 10; i++, j--)
        {
            if (i == 3)
            {
                continue;
            }

            if (i > x)
            {
                break;
            }

            result += i * j;
        }

        int n = x;
        while (n > 0)
        {
            n /= 2;
            result++;
        }

        do
        {
            result -= 2;
        }
        while (result > 100);

        switch (x % 4)
        {
            case 0:
            case 1:
                result += 5;
                break;
            case 2:
                result ^= 0x55;
                break;
            default:
                result = -result;
                break;
        }

        const int shift = 2;
        result <<= shift;
        result >>= 1;
        result |= 1;
        result &= 0x0FFFFFFF;
        result %= 9973;
        {
            int inner = result;
            result = inner > 50 ? inner : inner < 10 ? 10 - inner : inner + 1;
        }

        if (x == 7)
        {
            return 777;
        }
        else if (x == 8)
        {
            return 888;
        }

        return result;
    }

    public struct Moments
    {
        public float Mean;
        public float Square;
        public int Count;
        public bool Any;

        public static Moments operator +(Moments left, Moments right) => new Moments
        {
            Mean = left.Mean + right.Mean,
            Square = left.Square + right.Square,
            Count = left.Count + right.Count,
            Any = left.Any || right.Any,
        };
    }

    /// <summary>
    /// Loops of known length over local memory: a multiple of four passes, of two, an odd number; one that ends early, one that
    /// skips.
    /// </summary>
    [Kernel]
    public static void Passes(ArrayView<int> y)
    {
        ArrayView<int> sums = LocalMemory.Allocate<int>(2);
        sums[0] = Group.IdxX;
        sums[1] = 1;
        for (int i = 0; i < 12; i++)
        {
            sums[0] = (5 * sums[0]) + i;
        }

        for (int i = 1; i < 12; i += 2)
        {
            sums[1] = (3 * sums[1]) + (i * sums[0]);
        }

        for (int i = 0; i < 5; i++)
        {
            sums[0] = (7 * sums[0]) ^ i;
        }

        for (int i = 0; i < 8; i++)
        {
            if (i == Group.IdxX)
            {
                break;
            }

            sums[1] += sums[0] * i;
        }

        for (int i = 0; i < 8; i++)
        {
            if (i == Group.IdxX)
            {
                continue;
            }

            sums[0] = (11 * sums[0]) - i;
        }

        y[2 * Group.IdxX] = sums[0];
        y[(2 * Group.IdxX) + 1] = sums[1];
    }

    /// <summary>What item <paramref name="item"/> of <see cref="Passes"/> writes.</summary>
    public static (int First, int Second) PassesOf(int item)
    {
        int first = item, second = 1;
        int i = 0;
        while (i < 12)
        {
            first = (5 * first) + i++;
        }

        foreach (int odd in (int[])[1, 3, 5, 7, 9, 11])
        {
            second = (3 * second) + (odd * first);
        }

        foreach (int low in (int[])[0, 1, 2, 3, 4])
        {
            first = (7 * first) ^ low;
        }

        second += first * Enumerable.Range(0, Math.Min(item, 8)).Sum();
        foreach (int other in Enumerable.Range(0, 8).Where(other => other != item))
        {
            first = (11 * first) - other;
        }

        return (first, second);
    }

    /// <summary>Structs by value and by reference, generic helpers, views of two address spaces given to one helper.</summary>
    [Kernel]
    public static void Helpers<T>(ArrayView<T> x, ArrayView<float> y, int count, [Specialize] bool squares)
        where T : unmanaged
    {
        if (Group.IdxX != 0)
        {
            return;
        }

        ArrayView<float> copy = LocalMemory.Allocate<float>(16);
        for (int i = 0; i < 16; i++)
        {
            copy[i] = i < count ? Storage.Load(x, i) : 0f;
        }

        Moments all = default;
        Gather(x, count, ref all);
        Moments twice = all + Of(copy, count);
        Split(twice, out float mean, out float square);
        y[0] = mean;
        y[1] = squares ? square : -1f;
        y[2] = twice.Count;
        y[3] = twice.Any ? 1f : 0f;
        y[4] = Power(3f, exponent: 4);
        Swap(ref y[0], ref y[1]);
        y[5] = Quadratic(2f);
        y[6] = Tail(x.SubView(count - 2));
    }

    /// <summary>Of at most 16 elements.</summary>
    private static void Gather<T>(ArrayView<T> x, int count, ref Moments into)
        where T : unmanaged
    {
        for (int i = 0; i < 16; i++)
        {
            if (i < count)
            {
                float value = Storage.Load(x, i);
                into.Mean += value;
                into.Square += value * value;
                into.Count++;
                into.Any = true;
            }
        }
    }

    private static Moments Of<T>(ArrayView<T> x, int count)
        where T : unmanaged
    {
        var result = new Moments { Count = 0 };
        Gather(x, count, ref result);
        return result;
    }

    private static void Split(in Moments moments, out float mean, out float square)
    {
        mean = moments.Mean / moments.Count;
        square = moments.Square / moments.Count;
    }

    private static float Power(float value, [Specialize] int exponent)
    {
        float result = 1f;
        for (int i = 0; i < exponent; i++)
        {
            result *= value;
        }

        return result;
    }

    private static void Swap(ref float a, ref float b)
    {
        float c = a;
        a = b;
        b = c;
    }

    private static float Quadratic(float x, float factor = 0.5f) => factor * x * x;

    private static float Tail<T>(ArrayView<T> view)
        where T : unmanaged => Storage.Load(view, view.Length - 1) + view.IntLength;

    /// <summary>The place of each item: grid of three dimensions, parameters of every kind, one of which the kernel changes.</summary>
    [Kernel]
    public static void Places(
        ArrayView<int> y, bool negate, byte small, long large, uint word, float real, short half, [Specialize] DayOfWeek day)
    {
        int group = (((Grid.IdxZ * Grid.DimY) + Grid.IdxY) * Grid.DimX) + Grid.IdxX;
        int value = (Grid.DimX * 100) + (Grid.DimY * 10) + Grid.DimZ + small + (int)(large >> 32) + (int)(word >> 28) + (int)real + half;
        small += 250;
        value += small;
        if (day == DayOfWeek.Tuesday)
        {
            value += 1000;
        }

        y[(group * Group.DimX) + Group.IdxX] = negate ? -value : value + Group.IdxX;
    }
}
