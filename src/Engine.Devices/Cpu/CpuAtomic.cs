namespace Engine.Devices.Cpu;

/// <summary>
/// <see cref="ILGPU.Atomic"/> in the managed executor, on 32-bit integers; each returns the value that was there before. There are none on
/// floats: the order of float additions would differ from run to run, and a step would no longer be reproducible bit for bit.
/// </summary>
public static class CpuAtomic
{
    /// <summary>target += value; returns what was there before, as every member here does.</summary>
    public static int Add(ref int target, int value) => Interlocked.Add(ref target, value) - value;

    /// <summary>target += value.</summary>
    public static uint Add(ref uint target, uint value) => Interlocked.Add(ref target, value) - value;

    /// <summary>target = max(target, value).</summary>
    public static int Max(ref int target, int value)
    {
        int seen = Volatile.Read(ref target);
        while (value > seen)
        {
            int before = Interlocked.CompareExchange(ref target, value, seen);
            if (before == seen)
            {
                return before;
            }

            seen = before;
        }

        return seen;
    }

    /// <summary>target = max(target, value).</summary>
    public static uint Max(ref uint target, uint value)
    {
        uint seen = Volatile.Read(ref target);
        while (value > seen)
        {
            uint before = Interlocked.CompareExchange(ref target, value, seen);
            if (before == seen)
            {
                return before;
            }

            seen = before;
        }

        return seen;
    }

    /// <summary>target = min(target, value).</summary>
    public static int Min(ref int target, int value)
    {
        int seen = Volatile.Read(ref target);
        while (value < seen)
        {
            int before = Interlocked.CompareExchange(ref target, value, seen);
            if (before == seen)
            {
                return before;
            }

            seen = before;
        }

        return seen;
    }

    /// <summary>target = min(target, value).</summary>
    public static uint Min(ref uint target, uint value)
    {
        uint seen = Volatile.Read(ref target);
        while (value < seen)
        {
            uint before = Interlocked.CompareExchange(ref target, value, seen);
            if (before == seen)
            {
                return before;
            }

            seen = before;
        }

        return seen;
    }

    /// <summary>target = value.</summary>
    public static int Exchange(ref int target, int value) => Interlocked.Exchange(ref target, value);

    /// <summary>target = value.</summary>
    public static uint Exchange(ref uint target, uint value) => Interlocked.Exchange(ref target, value);

    /// <summary>Writes <paramref name="value"/> where <paramref name="compare"/> was.</summary>
    public static int CompareExchange(ref int target, int compare, int value) => Interlocked.CompareExchange(ref target, value, compare);

    /// <inheritdoc cref="CompareExchange(ref int, int, int)"/>
    public static uint CompareExchange(ref uint target, uint compare, uint value) =>
        Interlocked.CompareExchange(ref target, value, compare);
}
