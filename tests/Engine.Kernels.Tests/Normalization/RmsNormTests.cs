using Engine.Devices;

namespace Engine.Kernels.Tests;

public class RmsNormTests
{
    private const float Epsilon = 1e-6f;

    public static TheoryData<string, (int Rows, int Columns)> Shapes() =>
        TestDevices.With((1, 1), (3, 7), (5, 33), (2, 1000), (70, 768), (40, 64), (9, 16));

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Forward_agrees_with_float64(string name, (int Rows, int Columns) shape)
    {
        (int rows, int columns) = shape;
        using var run = new KernelRun(TestDevices.Open(name));
        float[] x = Numbers.Values(1, rows * columns, 3, 1), weight = Numbers.Values(2, columns);
        BufferView<float> y = run.Output(rows * columns), inverse = run.Output(rows);
        run.Run(RmsNorm.Forward(run.Device, rows, columns, Epsilon, run.Put(x), run.Put(weight), y, inverse));

        // Squares are all of one sign: their sum errs by some epsilons of itself (6e-8 each), however long the row.
        Numbers.Near(Forward(x.Double(), weight.Double(), columns, out double[] inverses), y.ToArray(), 1e-6, 1e-7);
        Numbers.Near(inverses, inverse.ToArray(), 1e-6, 0);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Gradients_agree_with_finite_differences(string name, (int Rows, int Columns) shape)
    {
        // Differences cost columns^2 a row; wide rows are held to the same formula by the first rows alone.
        (int rows, int columns) = (Math.Min(shape.Rows, shape.Columns > 500 ? 1 : 9), shape.Columns);
        using var run = new KernelRun(TestDevices.Open(name));
        float[] x = Numbers.Values(1, rows * columns, 3, 1), weight = Numbers.Values(2, columns), dy = Numbers.Values(4, rows * columns);
        float[] addend = Numbers.Values(5, rows * columns), start = Numbers.Values(6, columns);
        BufferView<float> xView = run.Put(x), weightView = run.Put(weight), inverse = run.Output(rows), dyView = run.Put(dy);
        BufferView<float> dx = run.Output(rows * columns), sum = run.Put(addend), dWeight = run.Put(start);
        BufferView<float> workspace = run.Output(RmsNorm.ParameterGradientWorkspace(run.Device, rows, columns));
        run.Run(RmsNorm.Forward(run.Device, rows, columns, Epsilon, xView, weightView, run.Output(rows * columns), inverse));
        run.Run(RmsNorm.Backward(run.Device, rows, columns, xView, weightView, inverse, dyView, null, dx));
        run.Run(RmsNorm.Backward(run.Device, rows, columns, xView, weightView, inverse, dyView, sum, sum));
        run.Run(RmsNorm.ParameterGradient(run.Device, rows, columns, xView, inverse, dyView, dWeight, workspace));
        run.Run(RmsNorm.Backward(run.Device, rows, columns, xView, weightView, inverse, dyView, null, dyView));

        double Loss(double[] values, double[] w) => Forward(values, w, columns, out _).Select((value, i) => value * dy[i]).Sum();
        double[] byX = Numbers.Gradient(at => Loss(at, weight.Double()), x.Double());
        double[] byWeight = Numbers.Gradient(at => Loss(x.Double(), at), weight.Double());

        // Terms of order one; in a row of one column all but epsilon cancels.
        Numbers.Near(byX, dx.ToArray(), 2e-6, 2e-6);
        Assert.Equal(dx.ToArray(), dyView.ToArray());
        Numbers.Near([.. byX.Select((value, i) => value + addend[i])], sum.ToArray(), 2e-6, 2e-6);
        Numbers.Near([.. byWeight.Select((value, j) => value + start[j])], dWeight.ToArray(), 2e-6, 2e-6);
    }

    [Theory]
    [MemberData(nameof(TestDevices.Names), MemberType = typeof(TestDevices))]
    public void The_weight_gradient_of_many_rows_stays_exact(string name)
    {
        const int Rows = 5000, Columns = 37;
        using var run = new KernelRun(TestDevices.Open(name));
        float[] x = Numbers.Values(1, Rows * Columns), dy = Numbers.Values(2, Rows * Columns), inverse = Numbers.Values(4, Rows, 0.5, 1);
        BufferView<float> dWeight = run.Put(new float[Columns]);
        run.Run(RmsNorm.ParameterGradient(
            run.Device, Rows, Columns, run.Put(x), run.Put(inverse), run.Put(dy), dWeight,
            run.Output(RmsNorm.ParameterGradientWorkspace(run.Device, Rows, Columns))));
        var byWeight = new double[Columns];
        for (int i = 0; i < Rows * Columns; i++)
        {
            byWeight[i % Columns] += (double)dy[i] * x[i] * inverse[i / Columns];
        }

        // Sums of 5000 terms of order one, about 40 in size.
        Numbers.Near(byWeight, dWeight.ToArray(), 1e-6, 2e-5);
    }

    [Theory]
    [MemberData(nameof(TestDevices.Names), MemberType = typeof(TestDevices))]
    public void A_row_of_zeros_stays_zero(string name)
    {
        using var run = new KernelRun(TestDevices.Open(name));
        BufferView<float> x = run.Put(new float[20]), weight = run.Put(Numbers.Values(1, 20)), inverse = run.Output(1), y = run.Output(20),
            dx = run.Output(20);
        run.Run(
            RmsNorm.Forward(run.Device, 1, 20, Epsilon, x, weight, y, inverse),
            RmsNorm.Backward(run.Device, 1, 20, x, weight, inverse, run.Put(new float[20]), null, dx));
        Assert.All(y.ToArray().Concat(dx.ToArray()), value => Assert.Equal(0f, value));
    }

    private static double[] Forward(double[] x, double[] weight, int columns, out double[] inverse)
    {
        inverse = [.. x.Chunk(columns).Select(row => 1 / Math.Sqrt(row.Average(value => value * value) + Epsilon))];
        double[] scales = inverse;
        return [.. x.Select((value, i) => value * scales[i / columns] * weight[i % columns])];
    }
}
