using Engine.Devices;

namespace Engine.Kernels.Tests;

public class ReductionsTests
{
    /// <summary>Sums are added in float64 or in short float32 blocks: a few units in the last place however many terms.</summary>
    private const double Tolerance = 5e-7;

    public static TheoryData<string, int> Counts() => TestDevices.With(1, 7, 33, 1000, 100_003);

    public static TheoryData<string, (int Rows, int Columns)> Shapes() =>
        TestDevices.With((1, 1), (3, 7), (33, 33), (1000, 2), (5, 1000), (700, 97), (4000, 48));

    [Theory]
    [MemberData(nameof(Counts))]
    public void Squared_norm_agrees_with_float64(string name, int count)
    {
        using var run = new KernelRun(TestDevices.Open(name));
        float[] x = Numbers.Values(1, count, 2, 0.5);
        BufferView<float> result = run.Output(1);
        run.Run(Reductions.SquaredNorm(
            run.Device, count, run.Put(x), run.Output(Reductions.SquaredNormWorkspace(run.Device, count)), result));
        Numbers.Near([x.Double().Sum(value => value * value)], result.ToArray(), Tolerance, 0);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Row_norms_and_column_sums_agree_with_float64(string name, (int Rows, int Columns) shape)
    {
        (int rows, int columns) = shape;
        using var run = new KernelRun(TestDevices.Open(name));
        float[] x = Numbers.Values(1, rows * columns, 2, 0.5), start = Numbers.Values(2, columns);
        BufferView<float> norms = run.Output(rows), sums = run.Put(start), view = run.Put(x);
        run.Run(Reductions.RowSquaredNorms(run.Device, rows, columns, view, norms));
        run.Run(Reductions.ColumnSums(
            run.Device, rows, columns, view, run.Output(Reductions.ColumnSumsWorkspace(run.Device, rows, columns)), sums));
        double[] byRow = new double[rows], byColumn = start.Double();
        for (int i = 0; i < x.Length; i++)
        {
            byRow[i / columns] += (double)x[i] * x[i];
            byColumn[i % columns] += x[i];
        }

        Numbers.Near(byRow, norms.ToArray(), Tolerance, 0);
        Numbers.Near(byColumn, sums.ToArray(), Tolerance, 1e-6 * Math.Sqrt(rows));
    }

    [Theory]
    [MemberData(nameof(TestDevices.Names), MemberType = typeof(TestDevices))]
    public void Row_norms_of_a_weight_in_16_bits_are_those_of_its_values(string name)
    {
        const int Rows = 5, Columns = 333;
        foreach (ElementType type in new[] { ElementType.Float16, ElementType.BFloat16 })
        {
            using var run = new KernelRun(TestDevices.Open(name));
            float[] w = StoredWeights.Values(type, 1, Rows * Columns);
            BufferView<float> expected = run.Output(Rows), actual = run.Output(Rows);
            run.Run(
                Reductions.RowSquaredNorms(run.Device, Rows, Columns, run.Put(w), expected),
                Reductions.RowSquaredNorms(run.Device, Rows, Columns, run.PutStored(type, w), actual));
            Assert.Equal(expected.ToArray(), actual.ToArray());
            Numbers.Near([.. w.Chunk(Columns).Select(row => row.Sum(value => (double)value * value))], actual.ToArray(), Tolerance, 0);
        }
    }

    [Theory]
    [MemberData(nameof(TestDevices.Names), MemberType = typeof(TestDevices))]
    public void The_clip_factor_is_that_of_clip_grad_norm(string name)
    {
        foreach ((float maxNorm, float square, float expected) in new[] { (1f, 4f, (float)(1 / (2 + 1e-6))), (3f, 4f, 1f), (0f, 4f, 1f),
            (1f, 0f, 1f), (1f, float.NaN, float.NaN), (0f, float.PositiveInfinity, float.NaN) })
        {
            using var run = new KernelRun(TestDevices.Open(name));
            BufferView<float> norm = run.Output(1), clip = run.Output(1);
            run.Run(Reductions.ClipFactor(run.Device, maxNorm, run.Put(square), norm, clip));
            Assert.Equal([MathF.Sqrt(square)], norm.ToArray());
            Assert.Equal([expected], clip.ToArray());
        }
    }
}
