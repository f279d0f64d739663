using Engine.Graph.Operators;
using Engine.Kernels;

namespace Engine.Graph.Tests.Operators;

internal static partial class OperatorTable
{
    private static IEnumerable<OperatorCase> LossCases()
    {
        foreach ((string name, int classes, int[] labels) in ((string, int, int[])[])
            [("two classes", 2, [1]), ("ignored rows", 5, [0, -100, 4, 2, -100, 4]), ("no row that counts", 3, [-100, -100]),
                ("many classes", 131, [130, 0, 7])])
        {
            yield return new OperatorCase(
                $"CrossEntropy, {name}",
                [Activation(1, labels.Length, classes), Integers(labels), Scalars((StepScalars.LossScale, 0.5f))],
                (graph, t) => LossAndRows(graph.CrossEntropy(t[0], t[1], t[2], withGradient: true)),
                x => MeanAndRows(
                    [.. labels.Select(
                        (label, row) => label < 0 ? (double?)null : LogSumExp(x[0], row, classes) - x[0][(row * classes) + label])]))
            {
                LossScale = 0.5,
            };
        }

        int[] choices = [2, 0, -100, 1];
        yield return new OperatorCase(
            "CrossEntropy, a column of choices",
            [Activation(1, choices.Length * 3, 1), Integers(choices), Scalars((StepScalars.LossScale, 0.5f))],
            (graph, t) => LossAndRows(graph.CrossEntropy(t[0], t[1], t[2], withGradient: true, classes: 3)),
            x => MeanAndRows([.. choices.Select(
                (label, row) => label < 0 ? (double?)null : LogSumExp(x[0], row, 3) - x[0][(row * 3) + label])]))
        {
            LossScale = 0.5,
        };

        foreach ((string name, double smoothing, float[]? weights) in ((string, double, float[]?)[])
            [("smoothed", 0.1, null), ("weighted", 0, [0.5f, 2, 1, 3]), ("smoothed and weighted", 0.25, [0.5f, 2, 1, 3])])
        {
            int[] labels = [0, -100, 3, 1, 3];
            CaseInput[] inputs = [Activation(1, labels.Length, 4), Integers(labels), Scalars((StepScalars.LossScale, 0.5f))];
            yield return new OperatorCase(
                $"CrossEntropy, {name}",
                weights is null ? inputs : [.. inputs, Floats(weights)],
                (graph, t) => LossAndRows(
                    graph.CrossEntropy(t[0], t[1], t[2], withGradient: true, smoothing, weights is null ? null : t[3])),
                x => WeightedMeanAndRows(labels, weights ?? [1, 1, 1, 1], smoothing, x[0]))
            {
                LossScale = 0.5,
            };
        }

        foreach ((string name,
            float[] targets) in ((string, float[])[])[("one text", [0.5f]), ("a target that is not known", [1f, float.NaN, -2f, 0.25f])])
        {
            yield return new OperatorCase(
                $"MeanSquaredError, {name}",
                [Activation(1, targets.Length, 1), Floats(targets), Scalars((StepScalars.LossScale, 0.25f))],
                (graph, t) => LossAndRows(graph.MeanSquaredError(t[0], t[1], t[2], withGradient: true)),
                x => MeanAndRows(
                    [.. targets.Select((target, row) => float.IsNaN(target) ? (double?)null : Math.Pow(x[0][row] - target, 2))]))
            {
                LossScale = 0.25,
            };
        }

        foreach ((string name, int classes, float[] targets) in ((string, int, float[])[])
            [("one text", 3, [0, 1, 1]), ("a text without targets", 2, [1, 0, float.NaN, float.NaN, 0, 0.5f])])
        {
            int rows = targets.Length / classes;
            yield return new OperatorCase(
                $"BinaryCrossEntropy, {name}",
                [Activation(1, rows, classes), Floats(targets), Scalars((StepScalars.LossScale, 0.25f))],
                (graph, t) => LossAndRows(graph.BinaryCrossEntropy(t[0], t[1], t[2], withGradient: true)),
                x => MeanAndRows([.. Enumerable.Range(0, rows).Select(row => float.IsNaN(targets[row * classes])
                    ? (double?)null
                    : Enumerable.Range(row * classes, classes).Average(i =>
                        -(targets[i] * Math.Log(1 / (1 + Math.Exp(-x[0][i]))))
                            - ((1 - targets[i]) * Math.Log(1 / (1 + Math.Exp(x[0][i]))))))]))
            {
                LossScale = 0.25,
            };
        }
    }

    /// <summary>Rows of 3, 1 and 4 tokens, and a tail of two that no row has.</summary>
    private static IEnumerable<OperatorCase> SpanCrossEntropyCases()
    {
        int[] start = [0, 3, 4, 8];
        foreach ((string name, int[] labels) in ((string, int[])[])
            [
                ("every label", [0, 2, 0, 0, 1, 3]), ("some ignored", [-100, 2, -100, -100, 1, 0]),
                ("none", [-100, -100, -100, -100, -100, -100]),
            ])
        {
            int Label(int row, int column) => labels[(2 * row) + column];
            double?[] Losses(double[] x, int column) => [.. Enumerable.Range(0, start.Length - 1).Select(row => Label(row, column) < 0
                ? (double?)null
                : Math.Log(Enumerable.Range(start[row], start[row + 1] - start[row]).Sum(token => Math.Exp(x[(2 * token) + column])))
                    - x[(2 * (start[row] + labels[(2 * row) + column])) + column])];
            yield return new OperatorCase(
                $"SpanCrossEntropy, {name}",
                [Activation(1, 10, 2), Integers(labels), Integers(start), Scalars((StepScalars.LossScale, 0.25f))],
                (graph, t) => LossAndRows(graph.SpanCrossEntropy(t[0], t[1], t[2], t[3], withGradient: true)),
                x =>
                {
                    double?[] starts = Losses(x[0], 0), ends = Losses(x[0], 1);
                    return [[((starts.Average() ?? 0) + (ends.Average() ?? 0)) / 2],
                        [.. starts.Zip(ends, (a, b) => ((a ?? 0) + (b ?? 0)) / 2)]];
                })
            {
                LossScale = 0.25,
            };
        }
    }

    /// <summary>Cosines in float64 of vectors of 5 numbers; the second texts of all samples come before the third ones.</summary>
    private static IEnumerable<OperatorCase> EmbeddingLossCases()
    {
        const int width = 5;
        static double Cosine(double[] x, int a, int b)
        {
            double Dot(int i, int j) => Enumerable.Range(0, width).Sum(k => x[(i * width) + k] * x[(j * width) + k]);
            return Dot(a, b) / Math.Sqrt(Dot(a, a) * Dot(b, b));
        }

        foreach ((int samples, int texts) in ((int, int)[])[(3, 2), (1, 2), (4, 3)])
        {
            const double scale = 3;
            yield return new OperatorCase(
                $"RankingLoss, {samples} samples of {texts} texts",
                [Activation(1, samples * texts, width), Scalars((StepScalars.LossScale, 0.25f))],
                (graph, t) => LossAndRows(graph.RankingLoss(t[0], t[1], texts, (float)scale, withGradient: true)),
                x => MeanAndRows([.. Enumerable.Range(0, samples).Select(sample =>
                {
                    double[] scores = [.. Enumerable.Range(0, samples * (texts - 1)).Select(candidate => scale
                        * Cosine(x[0], sample * texts, (candidate % samples * texts) + 1 + (candidate / samples)))];
                    return (double?)(Math.Log(scores.Sum(Math.Exp)) - scores[sample]);
                })]))
            {
                LossScale = 0.25,
            };
        }

        float[] targets = [0.5f, float.NaN, -0.25f];
        yield return new OperatorCase(
            "CosineLoss",
            [Activation(1, targets.Length * 2, width), Floats(targets), Scalars((StepScalars.LossScale, 0.25f))],
            (graph, t) => LossAndRows(graph.CosineLoss(t[0], t[1], t[2], withGradient: true)),
            x => MeanAndRows([.. targets.Select((target, row) =>
                float.IsNaN(target) ? (double?)null : Math.Pow(Cosine(x[0], 2 * row, (2 * row) + 1) - target, 2))]))
        {
            LossScale = 0.25,
        };
    }

    /// <summary>The vocabulary is 7, the hidden size 5; labels of whole chunks are ignored in one case.</summary>
    private static IEnumerable<OperatorCase> LinearCrossEntropyCases()
    {
        const int vocabulary = 7, width = 5;
        foreach ((string name, int[] labels, int? chunkRows, bool bias, bool trained) in ((string, int[], int?, bool, bool)[])
            [
                ("one chunk", [0, -100, 6, 2], null, true, true),
                ("chunks with a rest", [0, 6, -100, 3, 2, 1, 6], 3, true, true),
                ("a chunk that does not count", [5, 0, -100, -100, 4], 2, false, true),
                ("no row that counts", [-100, -100, -100], 2, true, true),
                ("a frozen head", [1, -100, 3, 4, 6], 2, true, false),
            ])
        {
            CaseInput Head(int seed, params int[] shape) => trained ? Parameter(seed, shape) : Constant(seed, shape);
            yield return new OperatorCase(
                $"LinearCrossEntropy, {name}",
                [Activation(1, labels.Length, width), Head(2, vocabulary, width), Head(3, vocabulary), Integers(labels),
                    Scalars((StepScalars.LossScale, 0.5f))],
                (graph, t) => LossAndRows(
                    graph.LinearCrossEntropy(t[0], t[1], bias ? t[2] : null, t[3], t[4], withGradient: true, chunkRows)),
                x =>
                {
                    double[] logits = Affine(x[0], x[1], bias ? x[2] : new double[vocabulary], labels.Length, vocabulary, width);
                    return MeanAndRows([.. labels.Select((label, row) =>
                        label < 0 ? (double?)null : LogSumExp(logits, row, vocabulary) - logits[(row * vocabulary) + label])]);
                })
            {
                LossScale = 0.5,
            };
        }
    }

    /// <summary>Capped logits over the vocabulary, in chunks.</summary>
    private static IEnumerable<OperatorCase> CappedVocabularyCases()
    {
        const int vocabulary = 7, width = 5;
        int[] labels = [0, 6, -100, 3, 2];
        foreach (int? chunkRows in (int?[])[null, 2])
        {
            yield return new OperatorCase(
                $"LinearCrossEntropy, capped, {(chunkRows is null ? "one chunk" : "chunks")}",
                [
                    Activation(1, labels.Length, width), Parameter(2, vocabulary, width), Parameter(3, vocabulary), Integers(labels),
                    Scalars((StepScalars.LossScale, 0.5f)),
                ],
                (graph, t) => LossAndRows(
                    graph.LinearCrossEntropy(t[0], t[1], t[2], t[3], t[4], withGradient: true, chunkRows, softCap: 0.5f)),
                x =>
                {
                    double[] logits = [.. Affine(x[0], x[1], x[2], labels.Length, vocabulary, width)
                        .Select(logit => 0.5 * Math.Tanh(logit / 0.5))];
                    return MeanAndRows([.. labels.Select((label, row) =>
                        label < 0 ? (double?)null : LogSumExp(logits, row, vocabulary) - logits[(row * vocabulary) + label])]);
                })
            {
                LossScale = 0.5,
            };
        }
    }

    /// <summary>Label smoothing over the vocabulary, in chunks.</summary>
    private static IEnumerable<OperatorCase> SmoothedVocabularyCases()
    {
        const int vocabulary = 7, width = 5;
        int[] labels = [0, 6, -100, 3, 2];
        foreach (int? chunkRows in (int?[])[null, 2])
        {
            yield return new OperatorCase(
                $"LinearCrossEntropy, smoothed, {(chunkRows is null ? "one chunk" : "chunks")}",
                [
                    Activation(1, labels.Length, width), Parameter(2, vocabulary, width), Parameter(3, vocabulary), Integers(labels),
                    Scalars((StepScalars.LossScale, 0.5f)),
                ],
                (graph, t) => LossAndRows(
                    graph.LinearCrossEntropy(t[0], t[1], t[2], t[3], t[4], withGradient: true, chunkRows, labelSmoothing: 0.1)),
                x => WeightedMeanAndRows(
                    labels, [1, 1, 1, 1, 1, 1, 1], 0.1, Affine(x[0], x[1], x[2], labels.Length, vocabulary, width)))
            {
                LossScale = 0.5,
            };
        }
    }

    /// <summary>Rows 4 and 1 of a frozen weight are trained: the weight holds them, and they alone have a gradient.</summary>
    private static IEnumerable<OperatorCase> TrainedRowsCases()
    {
        const int vocabulary = 7, width = 5;
        int[] labels = [0, 4, -100, 1, 2, 4, 6], index = [4, 1];
        foreach (int? chunkRows in (int?[])[null, 3])
        {
            yield return new OperatorCase(
                $"LinearCrossEntropy, trained rows of the weight, {(chunkRows is null ? "one chunk" : "chunks")}",
                [Activation(1, labels.Length, width), Constant(2, vocabulary, width), Parameter(3, vocabulary), Integers(labels),
                    Scalars((StepScalars.LossScale, 0.5f)), Parameter(4, index.Length, width), Integers(index)],
                (graph, t) =>
                {
                    graph.WriteRows(t[5], t[6], t[1].Variable!);
                    return LossAndRows(
                        graph.LinearCrossEntropy(t[0], t[1], t[2], t[3], t[4], withGradient: true, chunkRows, new TrainedRows(t[5], t[6])));
                },
                x =>
                {
                    double[] logits = Affine(x[0], WithRows(x[1], x[5], index, width), x[2], labels.Length, vocabulary, width);
                    return MeanAndRows(
                        [.. labels.Select(
                            (label, row) => label < 0
                                ? (double?)null
                                : LogSumExp(logits, row, vocabulary) - logits[(row * vocabulary) + label])]);
                })
            {
                LossScale = 0.5,
            };
        }
    }

    private static double[] WithRows(double[] table, double[] rows, int[] index, int columns) =>
        [.. table.Select(
            (value, i) => Array.IndexOf(index, i / columns) is >= 0 and var row ? rows[(row * columns) + (i % columns)] : value)];

    private static Tensor[] LossAndRows(Tensor loss) => [loss, loss.Producer!.Outputs[1]];

    private static double[][] MeanAndRows(double?[] rows) => [[rows.Average() ?? 0], [.. rows.Select(row => row ?? 0)]];

    /// <summary>torch.nn.CrossEntropyLoss(weight, label_smoothing): its mean, and its rows.</summary>
    private static double[][] WeightedMeanAndRows(int[] labels, float[] weights, double smoothing, double[] logits)
    {
        int classes = weights.Length;
        double Minus(int row, int label) => weights[label] * (LogSumExp(logits, row, classes) - logits[(row * classes) + label]);
        double[] rows = [.. labels.Select((label, row) => label < 0
            ? 0
            : ((1 - smoothing) * Minus(row, label)) + (smoothing * Enumerable.Range(0, classes).Average(other => Minus(row, other))))];
        return [[rows.Sum() / labels.Where(label => label >= 0).Sum(label => (double)weights[label])], rows];
    }

    private static double LogSumExp(double[] logits, int row, int classes) =>
        Math.Log(logits[(row * classes)..((row + 1) * classes)].Sum(Math.Exp));
}
