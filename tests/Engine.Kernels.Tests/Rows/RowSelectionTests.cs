using Engine.Devices;
using Engine.Devices.Kernels;

namespace Engine.Kernels.Tests;

public class RowSelectionTests
{
    public static TheoryData<string, (int Count, int Rows, int Columns)> Shapes() =>
        TestDevices.With((1, 1, 1), (4, 9, 7), (33, 40, 1000), (3, 300, 257));

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Gathered_rows_scatter_back_to_where_they_were(string name, (int Count, int Rows, int Columns) shape)
    {
        (int count, int rows, int columns) = shape;
        using var run = new KernelRun(TestDevices.Open(name));
        float[] x = Numbers.Values(1, rows * columns);

        // Distinct rows, from the last backwards, and a row of zeros in every fourth place.
        int[] index = [.. Enumerable.Range(0, count).Select(i => i % 4 == 3 ? -1 : rows - 1 - i)];
        BufferView<int> rowsOf = run.Put(index);
        BufferView<float> y = run.Output(count * columns), dx = run.Output(rows * columns);
        run.Run(RowSelection.Gather(run.Device, count, columns, run.Put(x), rowsOf, y));
        float[] gathered = y.ToArray();
        Assert.Equal(
            Enumerable.Range(0, count * columns)
                .Select(i => index[i / columns] < 0 ? 0 : x[(index[i / columns] * columns) + (i % columns)]), gathered);

        run.Run(RowSelection.Scatter(run.Device, count, rows, columns, y, rowsOf, dx));
        Assert.Equal(Enumerable.Range(0, rows * columns).Select(i => index.Contains(i / columns) ? x[i] : 0), dx.ToArray());
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Written_rows_leave_the_others_as_they_were(string name, (int Count, int Rows, int Columns) shape)
    {
        (int count, int rows, int columns) = shape;
        using var run = new KernelRun(TestDevices.Open(name));
        float[] x = Numbers.Values(1, count * columns), before = Numbers.Values(2, rows * columns);
        int[] index = [.. Enumerable.Range(0, count).Select(i => i % 4 == 3 ? -1 : rows - 1 - i)];
        BufferView<float> y = run.Put(before);
        run.Run(RowSelection.Write(run.Device, count, rows, columns, run.Put(x), run.Put(index), y));
        Assert.Equal(
            Enumerable.Range(0, rows * columns)
                .Select(i => Array.IndexOf(index, i / columns) is >= 0 and int from ? x[(from * columns) + (i % columns)] : before[i]),
            y.ToArray());
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Rows_written_to_a_table_of_16_bits_are_rounded_to_nearest_even(string name, (int Count, int Rows, int Columns) shape)
    {
        (int count, int rows, int columns) = shape;
        using var run = new KernelRun(TestDevices.Open(name));
        float[] x = Numbers.Values(1, count * columns);
        int[] index = [.. Enumerable.Range(0, count).Select(i => i % 4 == 3 ? -1 : rows - 1 - i)];
        BufferView<Half> half = run.Put(new Half[rows * columns]);
        BufferView<BFloat16> brain = run.Put(new BFloat16[rows * columns]);
        run.Run(RowSelection.Write(run.Device, count, rows, columns, run.Put(x), run.Put(index), half));
        run.Run(RowSelection.Write(run.Device, count, rows, columns, run.Put(x), run.Put(index), brain));
        float[] expected = [.. Enumerable.Range(0, rows * columns)
            .Select(i => Array.IndexOf(index, i / columns) is >= 0 and int from ? x[(from * columns) + (i % columns)] : 0)];
        Assert.Equal(expected.Select(value => (Half)value), half.ToArray());
        Assert.Equal(expected.Select(value => (float)(BFloat16)value), brain.ToArray().Select(value => (float)value));
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Gathered_columns_stand_in_the_order_of_their_indices(string name, (int Count, int Rows, int Columns) shape)
    {
        (int count, int rows, int columns) = shape;
        count = Math.Min(count, columns);
        using var run = new KernelRun(TestDevices.Open(name));
        float[] x = Numbers.Values(1, rows * columns);
        int[] index = [.. Enumerable.Range(0, count).Select(i => columns - 1 - i)];
        BufferView<float> y = run.Output(rows * count);
        run.Run(RowSelection.GatherColumns(run.Device, rows, columns, count, run.Put(x), run.Put(index), y));
        Assert.Equal(Enumerable.Range(0, rows * count).Select(i => x[(i / count * columns) + index[i % count]]), y.ToArray());
    }
}
