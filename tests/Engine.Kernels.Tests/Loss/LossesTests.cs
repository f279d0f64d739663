using Engine.Devices;

namespace Engine.Kernels.Tests;

public class LossesTests
{
    /// <summary>Exponentials and logarithms of float32 differences up to 20: some 20 * 2^-24.</summary>
    private const double Tolerance = 2e-6;

    private const float Scale = 0.25f;

    public static TheoryData<string, (int Rows, int Classes)> Shapes() =>
        TestDevices.With((1, 1), (1, 2), (7, 3), (33, 33), (5, 1000), (3, 50265));

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Cross_entropy_agrees_with_float64(string name, (int Rows, int Classes) shape)
    {
        (int rows, int classes) = shape;
        using var run = new KernelRun(TestDevices.Open(name));
        float[] logits = Numbers.Values(1, rows * classes, 10, 80);
        int[] labels = Numbers.Indices(2, rows, classes);
        for (int i = 1; i < rows; i += 3)
        {
            labels[i] = Losses.IgnoredLabel;
        }

        BufferView<float> rowLoss = run.Output(rows), loss = run.Output(1), dLogits = run.Output(rows * classes), inPlace = run.Put(logits),
            alone = run.Output(1);
        BufferView<float> scalars = run.Scalars((StepScalars.LossScale, Scale));
        BufferView<int> labelView = run.Put(labels);
        run.Run(Losses.CrossEntropy(run.Device, rows, classes, inPlace, labelView, scalars, rowLoss, alone, null));
        run.Run(Losses.CrossEntropy(run.Device, rows, classes, inPlace, labelView, scalars, rowLoss, loss, dLogits));
        run.Run(Losses.CrossEntropy(run.Device, rows, classes, inPlace, labelView, scalars, rowLoss, loss, inPlace));

        double expected = CrossEntropy(logits.Double(), labels, classes, out double[] losses, out double[] gradient);
        Numbers.Near([expected], loss.ToArray(), Tolerance, Tolerance);
        Assert.Equal(loss.ToArray(), alone.ToArray());
        Numbers.Near(losses, rowLoss.ToArray(), Tolerance, Tolerance);
        Numbers.Near([.. gradient.Select(value => value * Scale)], dLogits.ToArray(), Tolerance, 1e-8);
        Assert.Equal(dLogits.ToArray(), inPlace.ToArray());
    }

    /// <summary>By the definition of torch.nn.CrossEntropyLoss(weight, label_smoothing), and by finite differences of it.</summary>
    [Theory]
    [MemberData(nameof(Shapes))]
    public void Smoothed_and_weighted_cross_entropy_agrees_with_float64(string name, (int Rows, int Classes) shape)
    {
        (int rows, int classes) = shape;
        using var run = new KernelRun(TestDevices.Open(name));
        float[] logits = Numbers.Values(1, rows * classes, 10);
        float[] weights = [.. Numbers.Values(5, classes).Select(value => 0.2f + Math.Abs(value))];
        int[] labels = Numbers.Indices(2, rows, classes);
        for (int i = 1; i < rows; i += 3)
        {
            labels[i] = Losses.IgnoredLabel;
        }

        BufferView<float> view = run.Put(logits), scalars = run.Scalars((StepScalars.LossScale, Scale));
        foreach ((float smoothing, bool weighted) in ((float, bool)[])[(0.1f, false), (0, true), (0.3f, true)])
        {
            BufferView<float> rowLoss = run.Output(rows), loss = run.Output(1), gradient = run.Output(rows * classes);
            var options = new CrossEntropyOptions(smoothing, weighted ? run.Put(weights) : null);
            run.Run(Losses.CrossEntropy(run.Device, rows, classes, view, run.Put(labels), scalars, rowLoss, loss, gradient, options));
            double[] expected = [.. SoftLosses(logits.Double(), labels, classes, smoothing, weighted ? weights : null)];
            double total = labels.Where(label => label >= 0).Sum(label => weighted ? weights[label] : 1.0);
            Numbers.Near(expected, rowLoss.ToArray(), Tolerance, Tolerance);
            Numbers.Near([expected.Sum() / total], loss.ToArray(), Tolerance, Tolerance);
            double[] byDefinition = SoftGradient(logits.Double(), labels, classes, smoothing, weighted ? weights : null);
            Numbers.Near([.. byDefinition.Select(value => value * Scale / total)], gradient.ToArray(), Tolerance, 1e-7);
            if (classes <= 3)
            {
                double[] byDifferences = Numbers.Gradient(
                    at => SoftLosses(at, labels, classes, smoothing, weighted ? weights : null).Sum() * Scale / total, logits.Double());
                Numbers.Near(byDifferences, gradient.ToArray(), 1e-6, 1e-7);
            }
        }
    }

    /// <summary>
    /// Two classes with logits 0 and log 3, so probabilities 1/4 and 3/4: -(1 - s) w_0 log(1/4) - s/2 (w_0 log(1/4) + w_1 log(3/4)).
    /// </summary>
    [Theory]
    [MemberData(nameof(TestDevices.Names), MemberType = typeof(TestDevices))]
    public void Smoothed_loss_of_two_classes_is_its_closed_form(string name)
    {
        using var run = new KernelRun(TestDevices.Open(name));
        BufferView<float> loss = run.Output(1), gradient = run.Output(2), scalars = run.Scalars((StepScalars.LossScale, 1));
        var options = new CrossEntropyOptions(0.2f, run.Put(2f, 5f));
        run.Run(Losses.CrossEntropy(
            run.Device, 1, 2, run.Put(0f, MathF.Log(3)), run.Put(0), scalars, run.Output(1), loss, gradient, options));
        double expected = ((0.8 * 2 * Math.Log(4)) + (0.1 * ((2 * Math.Log(4)) + (5 * Math.Log(4.0 / 3))))) / 2;
        Numbers.Near([expected], loss.ToArray(), 1e-6, 0);
        Numbers.Near([((2.3 / 4) - 1.8) / 2, ((2.3 * 3 / 4) - 0.5) / 2], gradient.ToArray(), 1e-6, 0);
    }

    [Theory]
    [MemberData(nameof(TestDevices.Names), MemberType = typeof(TestDevices))]
    public void Chunks_of_rows_have_the_bits_of_all_rows_at_once(string name)
    {
        const int rows = 11, classes = 37;
        using var run = new KernelRun(TestDevices.Open(name));
        float[] values = Numbers.Values(1, rows * classes, 10);
        int[] indices = Numbers.Indices(2, rows, classes);
        indices[1] = indices[9] = Losses.IgnoredLabel;
        BufferView<float> logits = run.Put(values), scalars = run.Scalars((StepScalars.LossScale, Scale));
        BufferView<int> labels = run.Put(indices);
        BufferView<float> rowLoss = run.Output(rows), loss = run.Output(1), gradient = run.Output(rows * classes);
        BufferView<float> chunkRowLoss = run.Output(rows), chunkLoss = run.Output(1), chunkGradient = run.Output(rows * classes);
        run.Run(Losses.CrossEntropy(run.Device, rows, classes, logits, labels, scalars, rowLoss, loss, gradient));
        foreach ((int first, int count) in ((int, int)[])[(0, 4), (4, 4), (8, 3)])
        {
            BufferView<float> Chunk(BufferView<float> matrix) => matrix.Slice(first * classes, count * classes);
            run.Run(Losses.CrossEntropyChunk(
                run.Device, rows, first, count, classes, Chunk(logits), labels, scalars, chunkRowLoss, chunkLoss, Chunk(chunkGradient)));
        }

        Assert.Equal(loss.ToArray(), chunkLoss.ToArray());
        Assert.Equal(rowLoss.ToArray(), chunkRowLoss.ToArray());
        Assert.Equal(gradient.ToArray(), chunkGradient.ToArray());
    }

    [Theory]
    [MemberData(nameof(TestDevices.Names), MemberType = typeof(TestDevices))]
    public void Cross_entropy_gradient_agrees_with_finite_differences(string name)
    {
        using var run = new KernelRun(TestDevices.Open(name));
        float[] logits = Numbers.Values(3, 4 * 5, 3);
        int[] labels = [4, Losses.IgnoredLabel, 0, 2];
        BufferView<float> dLogits = run.Output(20);
        run.Run(Losses.CrossEntropy(
            run.Device, 4, 5, run.Put(logits), run.Put(labels), run.Scalars((StepScalars.LossScale, 1)), run.Output(4),
            run.Output(1), dLogits));
        double[] expected = Numbers.Gradient(at => CrossEntropy(at, labels, 5, out _, out _), logits.Double());
        Numbers.Near(expected, dLogits.ToArray(), 1e-6, 1e-7);
    }

    [Theory]
    [MemberData(nameof(TestDevices.Names), MemberType = typeof(TestDevices))]
    public void Without_a_row_that_counts_loss_and_gradient_are_zero(string name)
    {
        using var run = new KernelRun(TestDevices.Open(name));
        BufferView<float> scalars = run.Scalars((StepScalars.LossScale, 1));
        BufferView<float> loss = run.Output(1), gradient = run.Output(6), squares = run.Output(1), squaresGradient = run.Output(2);
        run.Run(Losses.CrossEntropy(
            run.Device, 2, 3, run.Put(Numbers.Values(1, 6)), run.Put(-100, -100), scalars, run.Output(2), loss, gradient));
        run.Run(Losses.MeanSquaredError(
            run.Device, 2, run.Put(1f, 2f), run.Put(float.NaN, float.NaN), scalars, run.Output(2), squares, squaresGradient));
        Assert.Equal([0f], loss.ToArray());
        Assert.Equal([0f], squares.ToArray());
        Assert.All(gradient.ToArray(), value => Assert.Equal(0f, value));
        Assert.All(squaresGradient.ToArray(), value => Assert.Equal(0f, value));
    }

    [Theory]
    [MemberData(nameof(TestDevices.Names), MemberType = typeof(TestDevices))]
    public void Extreme_logits_neither_overflow_nor_hide_a_NaN(string name)
    {
        using var run = new KernelRun(TestDevices.Open(name));
        BufferView<float> scalars = run.Scalars((StepScalars.LossScale, 1));
        float[] wide = new float[40];
        wide[0] = 3e4f;
        wide[39] = -3e4f;
        wide[20] = float.NegativeInfinity;
        float[] broken = new float[40];
        broken[7] = float.NaN;
        BufferView<float> rowLoss = run.Output(1), loss = run.Output(1), gradient = run.Output(40);
        run.Run(Losses.CrossEntropy(run.Device, 1, 40, run.Put(wide), run.Put(39), scalars, rowLoss, loss, gradient));
        Numbers.Near([6e4], loss.ToArray(), 1e-6, 0);
        Assert.Equal(1f, gradient.ToArray()[0]);
        Assert.Equal(-1f, gradient.ToArray()[39]);
        run.Run(Losses.CrossEntropy(run.Device, 1, 40, run.Put(broken), run.Put(0), scalars, rowLoss, loss, gradient));
        Assert.True(float.IsNaN(loss.ToArray()[0]));
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Mean_squared_error_agrees_with_float64(string name, (int Rows, int Classes) shape)
    {
        int count = shape.Rows * shape.Classes;
        using var run = new KernelRun(TestDevices.Open(name));
        float[] predictions = Numbers.Values(1, count, 5), targets = Numbers.Values(2, count, 5);
        for (int i = 1; i < count; i += 5)
        {
            targets[i] = float.NaN;
        }

        BufferView<float> rowLoss = run.Output(count), loss = run.Output(1), gradient = run.Output(count);
        run.Run(Losses.MeanSquaredError(
            run.Device, count, run.Put(predictions), run.Put(targets), run.Scalars((StepScalars.LossScale, Scale)), rowLoss,
            loss, gradient));
        int counted = targets.Count(target => !float.IsNaN(target));
        double[] difference = [.. predictions.Select((value, i) => float.IsNaN(targets[i]) ? 0 : (double)value - targets[i])];
        Numbers.Near([difference.Sum(value => value * value) / counted], loss.ToArray(), 1e-6, 0);
        Numbers.Near([.. difference.Select(value => value * value)], rowLoss.ToArray(), 5e-7, 1e-6);
        Numbers.Near([.. difference.Select(value => 2 * value * Scale / counted)], gradient.ToArray(), 5e-7, 1e-6 / counted);
    }

    /// <summary>By the definition of torch.nn.BCEWithLogitsLoss; far out the loss is that of the logit itself.</summary>
    [Theory]
    [MemberData(nameof(Shapes))]
    public void Binary_cross_entropy_agrees_with_float64(string name, (int Rows, int Classes) shape)
    {
        (int rows, int classes) = (shape.Rows, Math.Min(shape.Classes, 1000));
        using var run = new KernelRun(TestDevices.Open(name));
        float[] logits = Numbers.Values(1, rows * classes, 10, 80);
        float[] targets = [.. Numbers.Indices(2, rows * classes, 2).Select(target => (float)target)];
        for (int row = 1; row < rows; row += 3)
        {
            targets[row * classes] = float.NaN;
        }

        BufferView<float> rowLoss = run.Output(rows), loss = run.Output(1), dLogits = run.Output(rows * classes), inPlace = run.Put(logits);
        BufferView<float> scalars = run.Scalars((StepScalars.LossScale, Scale)), targetView = run.Put(targets);
        run.Run(Losses.BinaryCrossEntropy(run.Device, rows, classes, inPlace, targetView, scalars, rowLoss, loss, dLogits));
        run.Run(Losses.BinaryCrossEntropy(run.Device, rows, classes, inPlace, targetView, scalars, rowLoss, loss, inPlace));

        bool Counts(int i) => !float.IsNaN(targets[i / classes * classes]);
        double[] each = [.. logits.Select((x, i) => Counts(i)
            ? Math.Max(x, 0) - ((double)x * targets[i]) + Math.Log(1 + Math.Exp(-Math.Abs((double)x)))
            : 0)];
        double[] rowLosses = [.. each.Chunk(classes).Select(row => row.Average())];
        int counted = Enumerable.Range(0, rows).Count(row => Counts(row * classes));
        Numbers.Near(rowLosses, rowLoss.ToArray(), Tolerance, Tolerance);
        Numbers.Near([rowLosses.Sum() / counted], loss.ToArray(), Tolerance, Tolerance);
        double share = Scale / ((double)counted * classes);
        Numbers.Near(
            [.. logits.Select((x, i) => Counts(i) ? share * ((1 / (1 + Math.Exp(-(double)x))) - targets[i]) : 0)],
            dLogits.ToArray(), Tolerance, 1e-8);
        Assert.Equal(dLogits.ToArray(), inPlace.ToArray());
    }

    /// <summary>Each row's loss: (1 - s) w_y (-log p_y) + s / classes * sum of w_c (-log p_c).</summary>
    private static IEnumerable<double> SoftLosses(double[] logits, int[] labels, int classes, float smoothing, float[]? weights)
    {
        for (int i = 0; i < labels.Length; i++)
        {
            double[] row = logits[(i * classes)..((i + 1) * classes)];
            double top = row.Max(), normaliser = top + Math.Log(row.Sum(value => Math.Exp(value - top)));
            double Term(int j) => (weights?[j] ?? 1) * (normaliser - row[j]);
            yield return labels[i] < 0
                ? 0
                : ((1 - (double)smoothing) * Term(labels[i])) + (smoothing * Enumerable.Range(0, classes).Average(Term));
        }
    }

    private static double[] SoftGradient(double[] logits, int[] labels, int classes, float smoothing, float[]? weights)
    {
        double[] gradient = new double[logits.Length];
        for (int i = 0; i < labels.Length; i++)
        {
            double[] row = logits[(i * classes)..((i + 1) * classes)];
            double top = row.Max(), sum = row.Sum(value => Math.Exp(value - top));
            double Target(int j) => (weights?[j] ?? 1) * ((smoothing / (double)classes) + (j == labels[i] ? 1 - (double)smoothing : 0));
            double targets = Enumerable.Range(0, classes).Sum(Target);
            for (int j = 0; j < classes && labels[i] >= 0; j++)
            {
                gradient[(i * classes) + j] = (targets * Math.Exp(row[j] - top) / sum) - Target(j);
            }
        }

        return gradient;
    }

    private static double CrossEntropy(double[] logits, int[] labels, int classes, out double[] losses, out double[] gradient)
    {
        losses = new double[labels.Length];
        gradient = new double[logits.Length];
        int counted = labels.Count(label => label != Losses.IgnoredLabel);
        for (int i = 0; i < labels.Length; i++)
        {
            if (labels[i] == Losses.IgnoredLabel)
            {
                continue;
            }

            double[] row = logits[(i * classes)..((i + 1) * classes)];
            double top = row.Max();
            double sum = row.Sum(value => Math.Exp(value - top));
            losses[i] = Math.Log(sum) + top - row[labels[i]];
            for (int j = 0; j < classes; j++)
            {
                gradient[(i * classes) + j] = ((Math.Exp(row[j] - top) / sum) - (j == labels[i] ? 1 : 0)) / counted;
            }
        }

        return losses.Sum() / counted;
    }
}
