using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Engine.Kernels.Host;

/// <summary>Gives a row's sixteen columns to a <see cref="ColumnSum"/>.</summary>
internal unsafe interface IRowLanes
{
    /// <summary>The terms of row <paramref name="row"/> at columns column to column + 15.</summary>
    Vector512<float> Load(int row, int column);

    /// <summary>As <see cref="Load"/>, of the first <paramref name="count"/> columns; nothing behind them is read.</summary>
    Vector512<float> LoadPartial(int row, int column, int count);
}

/// <summary>
/// Sums over the rows of a strip of columns. Blocks of rows are summed in float32 and added up in float64,
/// which costs little and keeps thousands of rows as exact as a few.
/// </summary>
internal static unsafe class ColumnSum
{
    private const int RowBlock = 32;

    /// <summary>target[j] += sum over all rows of the terms at column j, j from column to column + width.</summary>
    public static void Add<T>(ref readonly T terms, int rows, int column, int width, float* target)
        where T : struct, IRowLanes
    {
        int end = column + width;
        int at = column;
        for (; at <= end - (2 * Lanes.Count); at += 2 * Lanes.Count)
        {
            AddPair(in terms, rows, at, target + at);
        }

        for (; at < end; at += Lanes.Count)
        {
            AddOne(in terms, rows, at, Math.Min(Lanes.Count, end - at), target + at);
        }
    }

    private static void AddPair<T>(ref readonly T terms, int rows, int column, float* target)
        where T : struct, IRowLanes
    {
        T source = terms;
        Vector512<double> total0 = default, total1 = default, total2 = default, total3 = default;
        for (int first = 0; first < rows; first += RowBlock)
        {
            int last = Math.Min(rows, first + RowBlock);
            Vector512<float> left = default, right = default;
            for (int row = first; row < last; row++)
            {
                left += source.Load(row, column);
                right += source.Load(row, column + Lanes.Count);
            }

            AddWide(left, ref total0, ref total1);
            AddWide(right, ref total2, ref total3);
        }

        AddTo(total0, total1, target, Lanes.Count);
        AddTo(total2, total3, target + Lanes.Count, Lanes.Count);
    }

    private static void AddOne<T>(ref readonly T terms, int rows, int column, int count, float* target)
        where T : struct, IRowLanes
    {
        T source = terms;
        Vector512<double> low = default, high = default;
        for (int first = 0; first < rows; first += RowBlock)
        {
            int last = Math.Min(rows, first + RowBlock);
            Vector512<float> sum = default;
            for (int row = first; row < last; row++)
            {
                sum += count == Lanes.Count ? source.Load(row, column) : source.LoadPartial(row, column, count);
            }

            AddWide(sum, ref low, ref high);
        }

        AddTo(low, high, target, count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddWide(Vector512<float> sum, ref Vector512<double> low, ref Vector512<double> high)
    {
        (Vector512<double> sumLow, Vector512<double> sumHigh) = Vector512.Widen(sum);
        low += sumLow;
        high += sumHigh;
    }

    private static void AddTo(Vector512<double> low, Vector512<double> high, float* target, int count)
    {
        if (count == Lanes.Count)
        {
            (Vector512.Load(target) + Vector512.Narrow(low, high)).Store(target);
        }
        else
        {
            Lanes.StorePartial(Lanes.LoadPartial(target, count) + Vector512.Narrow(low, high), target, count);
        }
    }
}
