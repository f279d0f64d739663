using Engine.Graph.Operators;
using Engine.Kernels;
using Engine.Kernels.Tests;

namespace Engine.Graph.Tests.Operators;

internal static partial class OperatorTable
{
    private static IEnumerable<OperatorCase> LowRankCases()
    {
        foreach (bool columns in (bool[])[true, false])
        {
            // y = x W^T with W joined of two parameters, as a window of wider rows where they lie side by side.
            yield return new OperatorCase(
                columns ? "Product with joined columns" : "Product with joined rows",
                columns
                    ? [Activation(1, 6, 9), Parameter(2, 4, 3), Parameter(3, 4, 2)]
                    : [Activation(1, 6, 5), Parameter(2, 4, 5), Parameter(3, 3, 5)],
                (graph, t) => columns
                    ? [graph.MatMul(t[0], graph.JoinColumns(t[1], t[2]), MatMulLayout.NT, 2f, windowA: new ColumnWindow(3, 5))]
                    : [graph.Linear(t[0], graph.JoinRows(t[1], t[2]))],
                x => columns
                    ? [Sum(
                        Product(Columns(x[0], 9, 3, 3), x[1], MatMulLayout.NT, 6, 4, 3, 2),
                        Product(Columns(x[0], 9, 6, 2), x[2], MatMulLayout.NT, 6, 4, 2, 2))]
                    : [Product(x[0], [.. x[1], .. x[2]], MatMulLayout.NT, 6, 7, 5)]);
        }

        yield return new OperatorCase(
            "Fill", [], (graph, _) => [graph.Fill(new Shape(7), -1.5f)], _ => [[.. Enumerable.Repeat(-1.5, 7)]]);
        yield return new OperatorCase(
            "ScaleBy a step scalar",
            [Constant(1, 37), Scalars((StepScalars.InverseLossScale, 0.25f))],
            (graph, t) =>
            {
                graph.ScaleBy(t[0].Variable!, t[1].Variable!, StepScalars.InverseLossScale);
                return [t[0]];
            },
            x => [[.. x[0].Select(value => 0.25 * value)]]);
        yield return new OperatorCase(
            "AddScaled by a step scalar",
            [Scalars((StepScalars.LearningRate, 0.25f)), Floats(1f), Constant(1, 37), Constant(2, 37)],
            (graph, t) =>
            {
                graph.AddScaled(t[0], StepScalars.LearningRate, 3f, t[1], t[2], t[3].Variable!);
                return [t[3]];
            },
            x => [[.. x[2].Zip(x[3], (added, value) => value + (0.75 * added))]]);
        yield return new OperatorCase(
            "Blend by a step scalar",
            [Scalars((Slot, 0.25f)), Floats(1f), Constant(1, 37), Constant(2, 37)],
            (graph, t) =>
            {
                graph.Blend(t[0], Slot, t[1], t[2], t[3].Variable!);
                return [t[3]];
            },
            x => [[.. x[2].Zip(x[3], (added, value) => (0.75 * value) + (0.25 * added))]]);

        // Two pairs in one run: A [2, 5], A [3, 4], B [6, 2], B [7, 3].
        LowRankTable table = new([new LowRankPair(0, 22, 0, 6, 5, 2, 2f), new LowRankPair(10, 34, 12, 7, 4, 3, 0.5f)]);
        CaseInput words = Integers(table.Data);
        yield return new OperatorCase(
            "AscentDirection",
            [words, Constant(1, 55), Constant(2, 55), Scalars((Slot, 0.1f))],
            (graph, t) => [graph.AscentDirection(new LowRankLayers(table, t[0].Variable!, t[1].Variable!), t[2].Variable!, t[3], Slot)],
            x => [[.. table.Pairs.SelectMany(pair =>
            {
                double[,] Part(double[] run, int start, int rows, int columns) =>
                    LowRankReference.Matrix([.. run.Skip(start).Select(value => (float)value)], rows, columns);
                return LowRankReference.AscentDirection(
                    Part(x[1], pair.A, pair.Rank, pair.Columns), Part(x[1], pair.B, pair.Rows, pair.Rank),
                    Part(x[2], pair.A, pair.Rank, pair.Columns), Part(x[2], pair.B, pair.Rows, pair.Rank), pair.Scale,
                    0.1f).Direction.Cast<double>();
            })]]);
        yield return new OperatorCase(
            "ClipProducts",
            [words, Constant(1, 55), Scalars((Slot, 0.5f)), Floats(1f), Floats(0f)],
            (graph, t) =>
            {
                graph.ClipProducts(
                    new LowRankLayers(table, t[0].Variable!, t[1].Variable!), perLayer: false, t[2], Slot, t[3], t[4].Variable!);
                return [t[1], t[4]];
            },
            x =>
            {
                double square = table.Pairs.Sum(pair => Product(
                    x[1][pair.B..(pair.B + (pair.Rows * pair.Rank))], x[1][pair.A..(pair.A + (pair.Rank * pair.Columns))],
                    MatMulLayout.NN, pair.Rows, pair.Columns, pair.Rank, pair.Scale).Sum(value => value * value));
                return [[.. x[1].Select(value => value * Math.Sqrt(0.5 / Math.Sqrt(square)))], [Math.Sqrt(square) / 0.5]];
            });

        // ||K||_F of K = A A^T and K = B^T B; the gradient of the first is 2 K A / ||K||_F, of the other 2 B K / ||K||_F (arXiv
        // 2502.19747).
        const double Mu = 0.25;
        yield return new OperatorCase(
            "AddFactorPenalty",
            [words, Constant(1, 55), Constant(2, 55), Floats(0f, 0f, 0f, 0f)],
            (graph, t) =>
            {
                var layers = new LowRankLayers(table, t[0].Variable!, t[1].Variable!);
                graph.AddFactorPenalty(layers, spectral: false, (float)Mu, t[2].Variable!, t[3].Variable!);
                return [t[2], t[3]];
            },
            x =>
            {
                double[] gradients = [.. x[2]];
                var norms = new List<double>();
                foreach (LowRankPair pair in table.Pairs)
                {
                    double[] a = x[1][pair.A..(pair.A + (pair.Rank * pair.Columns))], b = x[1][pair.B..(pair.B + (pair.Rows * pair.Rank))];
                    double[] ofA = Product(a, a, MatMulLayout.NT, pair.Rank, pair.Rank, pair.Columns, 1);
                    double[] ofB = Product(b, b, MatMulLayout.TN, pair.Rank, pair.Rank, pair.Rows, 1);
                    Add(pair.A, Product(ofA, a, MatMulLayout.NN, pair.Rank, pair.Columns, pair.Rank, 2 * Mu / Norm(ofA)));
                    Add(pair.B, Product(b, ofB, MatMulLayout.NN, pair.Rows, pair.Rank, pair.Rank, 2 * Mu / Norm(ofB)));
                    norms.AddRange([Norm(ofA), Norm(ofB)]);
                }

                return [gradients, [.. norms]];

                void Add(int at, double[] added)
                {
                    for (int i = 0; i < added.Length; i++)
                    {
                        gradients[at + i] += added[i];
                    }
                }

                static double Norm(double[] matrix) => Math.Sqrt(matrix.Sum(value => value * value));
            });

        // One layer of rank 1, A [1, 5] before B [6, 1]: two equations for alpha^2 L' and beta^2 L' (arXiv 2510.23818).
        LowRankTable column = new([new LowRankPair(0, 5, 0, 6, 5, 1, 2f)]);
        const int Run = 11;
        const double Smoothness = 0.25;
        yield return new OperatorCase(
            "Scales of one column, merged",
            [
                Integers(column.Data), Constant(1, Run), Constant(2, Run), Constant(3, Run), Constant(4, Run),
                Scalars((Slot, (float)Smoothness)), Floats(1f), Constant(5, (int)ColumnScales.Count(column)),
                Constant(6, 6, 5),
            ],
            (graph, t) =>
            {
                var layers = new LowRankLayers(column, t[0].Variable!, t[1].Variable!);
                graph.SolveScales(layers, t[2].Variable!, byScale: false, t[5], Slot, t[6], t[7].Variable!);
                graph.MergeScaled(layers, 0, t[7].Variable!, t[8].Variable!);
                graph.ApplyScales(layers, t[7].Variable!, t[2].Variable!, (t[3].Variable!, t[4].Variable!));
                return [t[1], t[2], t[3], t[4], t[8]];
            },
            x =>
            {
                double[] a = x[1][..5], b = x[1][5..], v = [.. x[2][..5].Select(g => g / 2)], u = [.. x[2][5..].Select(g => g / 2)];
                double Dot(double[] left, double[] right) => left.Zip(right, (l, r) => l * r).Sum();
                double own = Dot(b, b) * Dot(v, v), cross = Dot(b, u) * Dot(v, a), other = Dot(u, u) * Dot(a, a);
                double determinant = (own * other) - (cross * cross);
                double alphaSquare = ((Dot(v, v) * other) - (Dot(u, u) * cross)) / determinant,
                    betaSquare = ((Dot(u, u) * own) - (Dot(v, v) * cross)) / determinant;
                Assert.True(alphaSquare > 0 && betaSquare > 0, "The case is to take the branch that scales columns.");
                double alpha = Math.Sqrt(alphaSquare / Smoothness), beta = Math.Sqrt(betaSquare / Smoothness);
                double[] Scaled(double[] run, double ofA, double ofB) => [.. run.Select((value, i) => value * (i < 5 ? ofA : ofB))];
                return
                [
                    Scaled(x[1], beta, alpha),
                    Scaled(x[2], alpha, beta),
                    Scaled(x[3], alpha, beta),
                    Scaled(x[4], alpha * alpha, beta * beta),
                    [.. x[8].Select((w, i) => w + (2 * (1 - (alpha * beta)) * b[i / 5] * a[i % 5]))],
                ];
            });
    }

    private static IEnumerable<OperatorCase> DoraCases()
    {
        yield return new OperatorCase(
            "ScaleColumns",
            [Activation(1, 9, 7), Activation(2, 7), Parameter(3, 7)],
            (graph, t) => [graph.ScaleColumns(t[0], t[1], t[2])],
            x => [[.. x[0].Select((value, i) => (x[1][i % 7] * value) + x[2][i % 7])]]);
        yield return new OperatorCase(
            "ScaleColumns less one",
            [Activation(1, 40, 33), Activation(2, 33)],
            (graph, t) => [graph.ScaleColumns(t[0], t[1], offset: 1f)],
            x => [[.. x[0].Select((value, i) => (x[1][i % 33] - 1) * value)]]);

        // Against rows of the whole matrix W0 + s B A, whose norms the gradient takes for constants: only the magnitudes are differentiated
        // here.
        CaseInput weight = Constant(1, 7, 9);
        float[] baseNorm = [.. Enumerable.Range(0, 7)
            .Select(row => (float)((float[])weight.Data)[(row * 9)..((row + 1) * 9)].Sum(value => (double)value * value))];
        yield return new OperatorCase(
            "DoraScale",
            [weight, Floats(baseNorm), Constant(2, 2, 9), Constant(3, 7, 2), Parameter(4, 7), Activation(5, 4, 7)],
            (graph, t) => [graph.ScaleColumns(t[5], graph.DoraScale(t[0], t[1], t[2], t[3], t[4], loraScale: 2f))],
            x =>
            {
                double[] whole = Sum(x[0], Product(x[3], x[2], MatMulLayout.NN, 7, 9, 2, 2));
                double[] norms = [.. Enumerable.Range(0, 7)
                    .Select(row => Math.Sqrt(whole[(row * 9)..((row + 1) * 9)].Sum(value => value * value)))];
                return [[.. x[5].Select((value, i) => value * x[4][i % 7] / norms[i % 7])]];
            });
    }
}
