using Engine.Devices;

namespace Engine.Kernels.Tests;

public class LayerNormTests
{
    private const float Epsilon = 1e-5f;

    public static TheoryData<string, (int Rows, int Columns)> Shapes() =>
        TestDevices.With((1, 1), (3, 7), (5, 33), (2, 1000), (70, 768), (9, 16));

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Forward_agrees_with_float64(string name, (int Rows, int Columns) shape)
    {
        (int rows, int columns) = shape;
        using var run = new KernelRun(TestDevices.Open(name));
        float[] x = Numbers.Values(1, rows * columns, 3, 5), weight = Numbers.Values(2, columns), bias = Numbers.Values(3, columns);
        BufferView<float> y = run.Output(rows * columns), mean = run.Output(rows), inverse = run.Output(rows);
        run.Run(LayerNorm.Forward(run.Device, rows, columns, Epsilon, run.Put(x), run.Put(weight), run.Put(bias), y, mean, inverse));

        // A row's mean carries float32's error of the values' size, 8, times the inverse deviation.
        Numbers.Near(
            Forward(x.Double(), weight.Double(), bias.Double(), rows, columns, out double[] means, out double[] inverses), y.ToArray(),
            1e-6, 3e-6);
        Numbers.Near(means, mean.ToArray(), 2e-7, 1e-7);
        Numbers.Near(inverses, inverse.ToArray(), 2e-6, 0);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Gradients_agree_with_finite_differences(string name, (int Rows, int Columns) shape)
    {
        // Differences cost columns^2 a row; wide rows are held to the same formula by the first rows alone.
        (int rows, int columns) = (Math.Min(shape.Rows, shape.Columns > 500 ? 1 : 9), shape.Columns);
        using var run = new KernelRun(TestDevices.Open(name));
        float[] x = Numbers.Values(1, rows * columns, 3), weight = Numbers.Values(2, columns), bias = Numbers.Values(3, columns);
        float[] dy = Numbers.Values(4, rows * columns), addend = Numbers.Values(5, rows * columns);
        float[] start = Numbers.Values(6, columns);
        BufferView<float> xView = run.Put(x), weightView = run.Put(weight), mean = run.Output(rows), inverse = run.Output(rows),
            dyView = run.Put(dy);
        BufferView<float> dx = run.Output(rows * columns), sum = run.Put(addend), dWeight = run.Put(start), dBias = run.Put(start);
        BufferView<float> workspace = run.Output(LayerNorm.ParameterGradientWorkspace(run.Device, rows, columns));
        run.Run(LayerNorm.Forward(
            run.Device, rows, columns, Epsilon, xView, weightView, run.Put(bias), run.Output(rows * columns), mean, inverse));
        run.Run(LayerNorm.Backward(run.Device, rows, columns, xView, weightView, mean, inverse, dyView, null, dx));
        run.Run(LayerNorm.Backward(run.Device, rows, columns, xView, weightView, mean, inverse, dyView, sum, sum));
        run.Run(LayerNorm.ParameterGradient(run.Device, rows, columns, xView, mean, inverse, dyView, dWeight, dBias, workspace));
        run.Run(LayerNorm.Backward(run.Device, rows, columns, xView, weightView, mean, inverse, dyView, null, dyView));

        double Loss(double[] values, double[] w, double[] b) =>
            Forward(values, w, b, rows, columns, out _, out _).Select((value, i) => value * dy[i]).Sum();
        double[] byX = Numbers.Gradient(at => Loss(at, weight.Double(), bias.Double()), x.Double());
        double[] byWeight = Numbers.Gradient(at => Loss(x.Double(), at, bias.Double()), weight.Double());
        double[] byBias = Numbers.Gradient(at => Loss(x.Double(), weight.Double(), at), bias.Double());
        double tolerance = columns == 1
            ? 1e-3
            : 5e-6; // one column: all x is its own mean, and 1 / sqrt(epsilon) = 316 stands before a difference of 0
        Numbers.Near(byX, dx.ToArray(), tolerance, tolerance);
        Assert.Equal(dx.ToArray(), dyView.ToArray());
        Numbers.Near([.. byX.Select((value, i) => value + addend[i])], sum.ToArray(), tolerance, tolerance);
        Numbers.Near([.. byWeight.Select((value, j) => value + start[j])], dWeight.ToArray(), tolerance, tolerance);
        Numbers.Near([.. byBias.Select((value, j) => value + start[j])], dBias.ToArray(), 2e-6, 2e-6);
    }

    /// <summary>A product and a sum with 0 are rounded once, as the product alone is.</summary>
    [Theory]
    [MemberData(nameof(Shapes))]
    public void Without_a_bias_is_as_with_one_of_zeros(string name, (int Rows, int Columns) shape)
    {
        (int rows, int columns) = shape;
        using var run = new KernelRun(TestDevices.Open(name));
        BufferView<float> x = run.Put(Numbers.Values(1, rows * columns, 3, 5)), weight = run.Put(Numbers.Values(2, columns)),
            dy = run.Put(Numbers.Values(4, rows * columns));
        (float[] Y, float[] Gradient)[] results = [.. ((float[]?[])[null, new float[columns]]).Select(bias =>
        {
            BufferView<float> y = run.Output(rows * columns), mean = run.Output(rows), inverse = run.Output(rows),
                dWeight = run.Put(Numbers.Values(6, columns)),
                workspace = run.Output(LayerNorm.ParameterGradientWorkspace(run.Device, rows, columns));
            run.Run(LayerNorm.Forward(
                run.Device, rows, columns, Epsilon, x, weight, bias is null ? null : run.Put(bias), y, mean, inverse));
            run.Run(LayerNorm.ParameterGradient(
                run.Device, rows, columns, x, mean, inverse, dy, dWeight, bias is null ? null : run.Put(bias), workspace));
            return (y.ToArray(), dWeight.ToArray());
        })];
        Assert.Equal(results[1].Y, results[0].Y);
        Assert.Equal(results[1].Gradient, results[0].Gradient);
        Assert.Contains(results[0].Y, value => columns == 1 || value != 0);
    }

    [Theory]
    [MemberData(nameof(TestDevices.Names), MemberType = typeof(TestDevices))]
    public void A_row_far_from_zero_keeps_its_variance(string name)
    {
        const int Columns = 300;
        using var run = new KernelRun(TestDevices.Open(name));
        float[] x = Numbers.Values(1, Columns, 1, 1000);
        BufferView<float> y = run.Output(Columns), inverse = run.Output(1);
        run.Run(LayerNorm.Forward(
            run.Device, 1, Columns, Epsilon, run.Put(x), run.Put(Enumerable.Repeat(1f, Columns).ToArray()), run.Put(new float[Columns]), y,
            run.Output(1), inverse));
        double mean = x.Double().Average();
        Numbers.Near([1 / Math.Sqrt(x.Double().Average(value => (value - mean) * (value - mean)) + Epsilon)], inverse.ToArray(), 1e-6, 0);
    }

    [Theory]
    [MemberData(nameof(TestDevices.Names), MemberType = typeof(TestDevices))]
    public void Parameter_gradients_of_many_rows_stay_exact(string name)
    {
        const int Rows = 5000, Columns = 37;
        using var run = new KernelRun(TestDevices.Open(name));
        float[] x = Numbers.Values(1, Rows * Columns), dy = Numbers.Values(2, Rows * Columns), mean = Numbers.Values(3, Rows, 0.1),
            inverse = Numbers.Values(4, Rows, 0.5, 1);
        BufferView<float> dWeight = run.Put(new float[Columns]), dBias = run.Put(new float[Columns]);
        run.Run(LayerNorm.ParameterGradient(
            run.Device, Rows, Columns, run.Put(x), run.Put(mean), run.Put(inverse), run.Put(dy), dWeight, dBias,
            run.Output(LayerNorm.ParameterGradientWorkspace(run.Device, Rows, Columns))));
        var byWeight = new double[Columns];
        var byBias = new double[Columns];
        for (int i = 0; i < Rows * Columns; i++)
        {
            byWeight[i % Columns] += dy[i] * ((double)x[i] - mean[i / Columns]) * inverse[i / Columns];
            byBias[i % Columns] += dy[i];
        }

        // Sums of 5000 terms of order one, about 40 in size.
        Numbers.Near(byWeight, dWeight.ToArray(), 1e-6, 2e-5);
        Numbers.Near(byBias, dBias.ToArray(), 1e-6, 2e-5);
    }

    private static double[] Forward(
        double[] x, double[] weight, double[] bias, int rows, int columns, out double[] mean, out double[] inverse)
    {
        var y = new double[rows * columns];
        mean = new double[rows];
        inverse = new double[rows];
        for (int i = 0; i < rows; i++)
        {
            Span<double> row = x.AsSpan(i * columns, columns);
            double sum = 0, squares = 0;
            foreach (double value in row)
            {
                sum += value;
            }

            mean[i] = sum / columns;
            foreach (double value in row)
            {
                squares += (value - mean[i]) * (value - mean[i]);
            }

            inverse[i] = 1 / Math.Sqrt((squares / columns) + Epsilon);
            for (int j = 0; j < columns; j++)
            {
                y[(i * columns) + j] = ((row[j] - mean[i]) * inverse[i] * weight[j]) + bias[j];
            }
        }

        return y;
    }
}
