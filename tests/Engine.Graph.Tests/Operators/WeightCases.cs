using Engine.Graph.Operators;
using Engine.Kernels;
using Engine.Kernels.Tests;

namespace Engine.Graph.Tests.Operators;

internal static partial class OperatorTable
{
    private static IEnumerable<OperatorCase> WeightCases()
    {
        yield return new OperatorCase(
            "PerturbWeight under a linear layer",
            [Activation(1, 4, 5), Constant(2, 7, 5), Constant(3, 7), Random()],
            (graph, t) => [graph.Linear(t[0], graph.PerturbWeight(t[1], t[2], t[3], 11))],
            x =>
            {
                double[] weight = [.. x[1].Select((value, i) => value + (x[2][i / 5] * PhiloxReference.Normal(i, Seed, 11, Step)))];
                return [Product(x[0], weight, MatMulLayout.NT, 4, 7, 5)];
            });
        yield return new OperatorCase(
            "AddNoise",
            [Constant(1, 37), Floats(0.75f), Random()],
            (graph, t) =>
            {
                graph.AddNoise(t[0].Variable!, t[1], t[2], 11);
                return [t[0]];
            },
            x => [[.. x[0].Select((value, i) => value + (0.75 * PhiloxReference.Normal(i, Seed, 11, Step)))]]);
        yield return new OperatorCase(
            "RowSquaredNorms",
            [Constant(1, 5, 17), Floats(new float[5])],
            (graph, t) =>
            {
                graph.RowSquaredNorms(t[0], t[1].Variable!);
                return [t[1]];
            },
            x => [[.. Enumerable.Range(0, 5).Select(row => x[0][(row * 17)..((row + 1) * 17)].Sum(value => value * value))]]);

        // The low-rank identity against the norm of the whole matrix W0 + s B A: inputs W0 [7, 9], A [2, 9], B [7, 2].
        CaseInput weight = Constant(1, 7, 9);
        float[] baseNorm = [.. Enumerable.Range(0, 7)
            .Select(row => (float)((float[])weight.Data)[(row * 9)..((row + 1) * 9)].Sum(value => (double)value * value))];
        yield return new OperatorCase(
            "FlatDeviation",
            [weight, Constant(2, 2, 9), Constant(3, 7, 2), Scalars((Slot, 0.75f)), Floats(baseNorm)],
            (graph, t) =>
            {
                Tensor product = graph.MatMul(t[1], t[0], MatMulLayout.NT);
                Tensor gram = graph.MatMul(t[1], t[1], MatMulLayout.NT);
                graph.FlatDeviation(9, rho: 0.05f, loraScale: 2f, product, t[2], gram, t[3], Slot, t[4].Variable!);
                return [t[4]];
            },
            x =>
            {
                double[] whole = Sum(x[0], Product(x[2], x[1], MatMulLayout.NN, 7, 9, 2, 2));
                return [[.. Enumerable.Range(0, 7).Select(row =>
                    0.75 * 0.05 / Math.Sqrt(9) * Math.Sqrt(whole[(row * 9)..((row + 1) * 9)].Sum(value => value * value)))]];
            });
    }
}
