using Engine.Graph.Operators;
using Engine.Kernels;

namespace Engine.Graph.Tests.Operators;

internal static partial class OperatorTable
{
    private static readonly (int M, int N, int K)[] ProductShapes = [(1, 1, 1), (5, 7, 3), (13, 9, 21)];

    /// <summary>The product alone, in the three layouts, with windows, bias and an addend.</summary>
    private static IEnumerable<OperatorCase> MatMulCases()
    {
        foreach ((int m, int n, int k) in ProductShapes)
        {
            yield return new OperatorCase(
                $"MatMul NN {m}x{n}x{k}",
                [Constant(1, m, k), Constant(2, k, n)],
                (graph, t) => [graph.MatMul(t[0], t[1], MatMulLayout.NN, alpha: 0.5f)],
                x => [Product(x[0], x[1], MatMulLayout.NN, m, n, k, 0.5)]);
            yield return new OperatorCase(
                $"MatMul TN {m}x{n}x{k}",
                [Constant(1, k, m), Constant(2, k, n)],
                (graph, t) => [graph.MatMul(t[0], t[1], MatMulLayout.TN)],
                x => [Product(x[0], x[1], MatMulLayout.TN, m, n, k)]);
            yield return new OperatorCase(
                $"MatMul NT {m}x{n}x{k}",
                [Activation(1, m, k), Parameter(2, n, k)],
                (graph, t) => [graph.MatMul(t[0], t[1], MatMulLayout.NT, alpha: 1.5f)],
                x => [Product(x[0], x[1], MatMulLayout.NT, m, n, k, 1.5)]);
            yield return new OperatorCase(
                $"Linear {m}x{n}x{k}",
                [Activation(1, m, k), Parameter(2, n, k), Parameter(3, n)],
                (graph, t) => [graph.Linear(t[0], t[1], t[2])],
                x => [Affine(x[0], x[1], x[2], m, n, k)]);
        }

        yield return new OperatorCase(
            "MatMul with an addend that dies",
            [Activation(1, 5, 3), Parameter(2, 7, 3), Parameter(3, 7), Activation(4, 5, 7)],
            (graph, t) => [graph.MatMul(t[0], t[1], MatMulLayout.NT, bias: t[2], addTo: t[3])],
            x => [Sum(Affine(x[0], x[1], x[2], 5, 7, 3), x[3])]);
        yield return new OperatorCase(
            "MatMul with an addend that lives on",
            [Activation(1, 5, 3), Parameter(2, 7, 3), Activation(4, 5, 7)],
            (graph, t) => [graph.Add(graph.MatMul(t[0], t[1], MatMulLayout.NT, addTo: t[2]), t[2])],
            x => [Sum(Product(x[0], x[1], MatMulLayout.NT, 5, 7, 3), Sum(x[2], x[2]))]);
        yield return new OperatorCase(
            "MatMul with itself as addend",
            [Activation(1, 5, 5), Parameter(2, 5, 5)],
            (graph, t) => [graph.MatMul(t[0], t[1], MatMulLayout.NT, addTo: t[0])],
            x => [Sum(Product(x[0], x[1], MatMulLayout.NT, 5, 5, 5), x[0])]);
        yield return new OperatorCase(
            "MatMul of a window of columns",
            [Activation(1, 6, 9), Parameter(2, 4, 3)],
            (graph, t) => [graph.MatMul(t[0], t[1], MatMulLayout.NT, 2f, windowA: new ColumnWindow(5, 3))],
            x => [Product(Columns(x[0], 9, 5, 3), x[1], MatMulLayout.NT, 6, 4, 3, 2)]);
        yield return new OperatorCase(
            "MatMul into a window of columns",
            [Constant(1, 6, 3), Constant(2, 3, 4), Constant(3, 6, 9)],
            (graph, t) => [graph.MatMul(t[0], t[1], MatMulLayout.NN, addTo: t[2], windowOutput: new ColumnWindow(2, 4))],
            x => [IntoColumns(x[2], Product(x[0], x[1], MatMulLayout.NN, 6, 4, 3), 9, 2, 4)]);
    }

    /// <summary>Layers made of products: what fusion folds, what sums into one gradient.</summary>
    private static IEnumerable<OperatorCase> LinearLayerCases()
    {
        foreach ((ActivationKind kind, Func<double, double> function) in Functions)
        {
            yield return new OperatorCase(
                $"Linear with {kind}",
                [Activation(1, 9, 5), Parameter(2, 7, 5), Parameter(3, 7)],
                (graph, t) => [graph.Activate(graph.Linear(t[0], t[1], t[2]), kind)],
                x => [[.. Affine(x[0], x[1], x[2], 9, 7, 5).Select(function)]])
            {
                Fuses = true,
            };
        }

        yield return new OperatorCase(
            "Linear with residual",
            [Activation(1, 5, 7), Parameter(2, 7, 7), Parameter(3, 7)],
            (graph, t) => [graph.Add(graph.Linear(t[0], t[1], t[2]), t[0])],
            x => [Sum(Affine(x[0], x[1], x[2], 5, 7, 7), x[0])])
        {
            Fuses = true,
        };
        yield return new OperatorCase(
            "Two layers of one input",
            [Activation(1, 5, 3), Parameter(2, 7, 3), Parameter(3, 7, 3)],
            (graph, t) => [graph.Add(graph.Linear(t[0], t[1]), graph.Linear(t[0], t[2]))],
            x => [Sum(Product(x[0], x[1], MatMulLayout.NT, 5, 7, 3), Product(x[0], x[2], MatMulLayout.NT, 5, 7, 3))])
        {
            Fuses = true,
        };
        yield return new OperatorCase(
            "One weight in two layers",
            [Activation(1, 5, 6), Parameter(2, 6, 6)],
            (graph, t) => [graph.Linear(graph.Linear(t[0], t[1]), t[1])],
            x => [Product(Product(x[0], x[1], MatMulLayout.NT, 5, 6, 6), x[1], MatMulLayout.NT, 5, 6, 6)]);
        yield return new OperatorCase(
            "Two LoRA branches of one input",
            [Activation(1, 8, 5), Constant(2, 7, 5), Constant(3, 7, 5), Parameter(4, 5, 5), Parameter(5, 7, 2), Parameter(6, 7, 3)],
            (graph, t) =>
            {
                Tensor shared = graph.Linear(t[0], t[3]);
                Tensor first = graph.MatMul(
                    shared, t[4], MatMulLayout.NT, 2f, addTo: graph.Linear(t[0], t[1]), windowA: new ColumnWindow(0, 2));
                Tensor second = graph.MatMul(
                    shared, t[5], MatMulLayout.NT, 0.5f, addTo: graph.Linear(t[0], t[2]), windowA: new ColumnWindow(2, 3));
                return [graph.Add(first, graph.Activate(second, ActivationKind.Tanh))];
            },
            x =>
            {
                double[] shared = Product(x[0], x[3], MatMulLayout.NT, 8, 5, 5);
                double[] first = Sum(
                    Product(x[0], x[1], MatMulLayout.NT, 8, 7, 5), Product(Columns(shared, 5, 0, 2), x[4], MatMulLayout.NT, 8, 7, 2, 2));
                double[] second = Sum(
                    Product(x[0], x[2], MatMulLayout.NT, 8, 7, 5), Product(Columns(shared, 5, 2, 3), x[5], MatMulLayout.NT, 8, 7, 3, 0.5));
                return [Sum(first, [.. second.Select(Math.Tanh)])];
            })
        {
            Fuses = true,
        };
    }

    private static double[] Product(double[] a, double[] b, MatMulLayout layout, int m, int n, int k, double alpha = 1)
    {
        var c = new double[m * n];
        for (int i = 0; i < m; i++)
        {
            for (int j = 0; j < n; j++)
            {
                double sum = 0;
                for (int l = 0; l < k; l++)
                {
                    sum +=
                        a[layout == MatMulLayout.TN ? (l * m) + i : (i * k) + l] * b[layout == MatMulLayout.NT ? (j * k) + l : (l * n) + j];
                }

                c[(i * n) + j] = alpha * sum;
            }
        }

        return c;
    }

    private static double[] Affine(double[] x, double[] weight, double[] bias, int m, int n, int k) =>
        [.. Product(x, weight, MatMulLayout.NT, m, n, k).Select((value, i) => value + bias[i % n])];

    private static double[] Sum(double[] a, double[] b) => [.. a.Zip(b, (left, right) => left + right)];

    private static double[] Columns(double[] x, int columns, int offset, int count) =>
        [.. x.Where((_, i) => i % columns >= offset && i % columns < offset + count)];

    private static double[] IntoColumns(double[] x, double[] added, int columns, int offset, int count) =>
        [.. x.Select(
            (value, i) => i % columns < offset || i % columns >= offset + count
                ? value
                : value + added[(i / columns * count) + (i % columns) - offset])];
}
