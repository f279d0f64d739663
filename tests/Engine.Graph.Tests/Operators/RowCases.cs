using Engine.Graph.Operators;
using Engine.Kernels;

namespace Engine.Graph.Tests.Operators;

internal static partial class OperatorTable
{
    private static IEnumerable<OperatorCase> RowCases()
    {
        foreach ((int rows, int columns) in ((int, int)[])[(1, 3), (7, 5), (3, 65)])
        {
            yield return new OperatorCase(
                $"LayerNorm {rows}x{columns}",
                [Activation(1, rows, columns), Parameter(2, columns), Parameter(3, columns)],
                (graph, t) => [graph.LayerNorm(t[0], t[1], t[2], 1e-5f)],
                x => [Normalized(x[0], x[1], x[2], columns, 1e-5f)]);
        }

        yield return new OperatorCase(
            "LayerNorm, frozen, beside a residual branch",
            [Activation(1, 4, 6), Constant(2, 6), Constant(3, 6)],
            (graph, t) => [graph.Add(graph.LayerNorm(t[0], t[1], t[2], 1e-5f), graph.Activate(t[0], ActivationKind.Tanh))],
            x => [Sum(Normalized(x[0], x[1], x[2], 6, 1e-5f), [.. x[0].Select(Math.Tanh)])]);
        yield return new OperatorCase(
            "LayerNorm without a bias",
            [Activation(1, 5, 33), Parameter(2, 33)],
            (graph, t) => [graph.Add(graph.LayerNorm(t[0], t[1], null, 1e-5f), graph.Activate(t[0], ActivationKind.Tanh))],
            x => [Sum(Normalized(x[0], x[1], new double[33], 33, 1e-5f), [.. x[0].Select(Math.Tanh)])]);
        foreach ((int rows, int groups, int size) in ((int, int, int)[])[(1, 1, 3), (7, 1, 5), (3, 1, 65), (4, 3, 6)])
        {
            yield return new OperatorCase(
                $"RmsNorm {rows}x{groups}x{size}",
                [Activation(1, rows, groups * size), Parameter(2, size)],
                (graph, t) => [graph.RmsNorm(t[0], t[1], 1e-5f)],
                x => [RmsNormalized(x[0], x[1], 1e-5f)]);
        }

        yield return new OperatorCase(
            "RmsNorm, frozen, beside a residual branch",
            [Activation(1, 4, 6), Constant(2, 6)],
            (graph, t) => [graph.Add(graph.RmsNorm(t[0], t[1], 1e-5f), graph.Activate(t[0], ActivationKind.Tanh))],
            x => [Sum(RmsNormalized(x[0], x[1], 1e-5f), [.. x[0].Select(Math.Tanh)])]);
        yield return new OperatorCase(
            "RmsNorm by 1 + weight",
            [Activation(1, 4, 21), Parameter(2, 7)],
            (graph, t) => [graph.Add(graph.RmsNorm(t[0], t[1], 1e-5f, oneMore: true), graph.Activate(t[0], ActivationKind.Tanh))],
            x => [Sum(RmsNormalized(x[0], [.. x[1].Select(weight => 1 + weight)], 1e-5f), [.. x[0].Select(Math.Tanh)])]);
        yield return new OperatorCase(
            "Columns",
            [Activation(1, 5, 9)],
            (graph, t) =>
            [
                graph.SwiGlu(graph.Columns(t[0], 0, 4), graph.Add(graph.Columns(t[0], 5, 4), graph.Columns(t[0], 2, 4))),
            ],
            x =>
            [
                [.. x[0].Chunk(9).SelectMany(row => Enumerable.Range(0, 4).Select(
                    j => row[j] / (1 + Math.Exp(-row[j])) * (row[5 + j] + row[2 + j])))],
            ]);
        yield return new OperatorCase(
            "Embedding of words",
            [Parameter(1, 4, 3), Integers(3, 0, 3, 3, 1)],
            (graph, t) => [graph.Embedding(t[0], t[1])],
            x => [Rows(x[0], x[1], 3)]);
        yield return new OperatorCase(
            "Embedding with positions and types, padding without gradient",
            [Parameter(1, 6, 5), Integers(2, 5, 1, 1, 2, 0), Parameter(2, 4, 5), Integers(2, 3, 1, 0, 1, 1), Parameter(3, 2, 5),
                Integers(0, 0, 1, 1, 0, 0)],
            (graph, t) => [graph.Embedding(t[0], t[1], t[2], t[3], t[4], t[5], wordPaddingId: 1, positionPaddingId: 1)],
            x => [Sum(Sum(Rows(x[0], x[1], 5), Rows(x[2], x[3], 5)), Rows(x[4], x[5], 5))])
        {
            WithoutGradient = (input, element) => input is 0 or 2 && element / 5 == 1,
        };
        yield return new OperatorCase(
            "Embedding with trained rows of a frozen table",
            [Constant(1, 6, 4), Integers(2, 5, 0, 5, 3), Parameter(2, 2, 4), Integers(5, 3), Integers(-1, 0, -1, 0, 1)],
            (graph, t) =>
            {
                graph.WriteRows(t[2], t[3], t[0].Variable!);
                return [graph.Embedding(t[0], t[1], trained: new TrainedEmbeddings(t[2], t[4]))];
            },
            x => [Rows(WithRows(x[0], x[2], [5, 3], 4), x[1], 4)]);
        yield return new OperatorCase(
            "Embedding and output layer of one table",
            [Parameter(1, 6, 4), Integers(2, 5, 0)],
            (graph, t) => [graph.Linear(graph.Embedding(t[0], t[1]), t[0])],
            x => [Product(Rows(x[0], x[1], 4), x[0], MatMulLayout.NT, 3, 6, 4)]);
        yield return new OperatorCase(
            "TakeRows with an unused place",
            [Activation(1, 5, 3), Integers(4, -1, 0, 2), Integers(0, 4), Integers(0, 0, 0, 0)],
            (graph, t) => [graph.TakeRows(t[0], new RowSelectionInputs(t[1], t[2], t[3], 4))],
            x => [Rows(x[0], x[1], 3)]);
        foreach (int columns in (int[])[3, 33])
        {
            yield return new OperatorCase(
                $"MeanPooling of {columns} columns, the last row of no text",
                [Activation(1, 7, columns), Integers(0, 1, 4, 6)],
                (graph, t) => [graph.MeanPooling(t[0], t[1])],
                x => [Means(x[0], x[1], columns)]);
        }
    }

    /// <summary>The mean of each text's rows.</summary>
    private static double[] Means(double[] x, double[] rowStart, int columns) =>
    [
        .. from text in Enumerable.Range(0, rowStart.Length - 1)
           from column in Enumerable.Range(0, columns)
           select Enumerable.Range((int)rowStart[text], (int)(rowStart[text + 1] - rowStart[text]))
               .Average(row => x[(row * columns) + column]),
    ];

    private static double[] Normalized(double[] x, double[] weight, double[] bias, int columns, double epsilon)
    {
        var y = new double[x.Length];
        for (int start = 0; start < x.Length; start += columns)
        {
            double[] row = x[start..(start + columns)];
            double mean = row.Average();
            double deviation = Math.Sqrt(row.Average(value => (value - mean) * (value - mean)) + epsilon);
            for (int j = 0; j < columns; j++)
            {
                y[start + j] = ((row[j] - mean) / deviation * weight[j]) + bias[j];
            }
        }

        return y;
    }

    private static double[] RmsNormalized(double[] x, double[] weight, double epsilon) => [.. x.Chunk(weight.Length).SelectMany(group =>
    {
        double rms = Math.Sqrt(group.Average(value => value * value) + epsilon);
        return group.Select((value, j) => value / rms * weight[j]);
    })];

    /// <summary>Rows of a table by index; zeros for -1.</summary>
    private static double[] Rows(double[] table, double[] index, int columns) =>
        [.. index.SelectMany(row => row < 0 ? new double[columns] : table[((int)row * columns)..(((int)row + 1) * columns)])];
}
