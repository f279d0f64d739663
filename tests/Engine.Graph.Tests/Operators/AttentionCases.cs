using Engine.Graph.Operators;
using Engine.Kernels;
using Engine.Kernels.Tests;

namespace Engine.Graph.Tests.Operators;

internal static partial class OperatorTable
{
    /// <summary>Ragged rows with a dead tail of three tokens behind them.</summary>
    private static IEnumerable<OperatorCase> AttentionCases()
    {
        yield return Attended("one token", new AttentionCase([1], [1], 1, 1, 1));
        yield return Attended("ragged rows, one of them empty", new AttentionCase([3, 0, 5], [3, 0, 5], 2, 2, 4));
        yield return Attended("causal, grouped heads", new AttentionCase([2, 5], [2, 5], 4, 2, 3, causal: true));
        yield return Attended("one query for each row", new AttentionCase([1, 1, 1], [4, 1, 6], 2, 2, 5));
        yield return Attended("window and soft cap", new AttentionCase([7, 2], [7, 2], 4, 2, 3, causal: true, window: 3, softCap: 1.5f));
        yield return Attended("window of both sides", new AttentionCase([6, 3], [6, 3], 2, 2, 4, window: 2));
        yield return Attended("bias", new AttentionCase([4, 0, 6], [4, 0, 6], 2, 2, 4, biasStep: 1));
        yield return SharedBias();
        yield return DistanceBias();
        yield return Attended("dropout", new AttentionCase([4, 3], [4, 3], 2, 2, 4, dropout: 0.3f, extraMaxLength: 2));
    }

    private static OperatorCase Attended(string name, AttentionCase problem)
    {
        int queryWidth = problem.Shape.Heads * problem.Shape.HeadSize, keyWidth = problem.Shape.KeyValueHeads * problem.Shape.HeadSize;
        uint[] random = [(uint)(AttentionCase.Seed & uint.MaxValue), (uint)(AttentionCase.Seed >> 32), AttentionCase.Step, 0];
        return new OperatorCase(
            $"Attention, {name}",
            [
                new CaseInput(new Shape(problem.Shape.QueryTokens, queryWidth), problem.Q, InputRole.Activation),
                new CaseInput(new Shape(problem.Shape.KeyTokens, keyWidth), problem.K, InputRole.Activation),
                new CaseInput(new Shape(problem.Shape.KeyTokens, keyWidth), problem.V, InputRole.Activation),
                Integers(problem.QueryStart),
                Integers(problem.KeyStart),
                Integers(problem.QueryPosition),
                new CaseInput(new Shape(random.Length), random, InputRole.Constant),
                .. problem.Bias.Length == 0 ? Array.Empty<CaseInput>() :
                [
                    new CaseInput(BiasShape(problem), problem.Bias, InputRole.Activation),
                    Integers(problem.BiasPosition),
                ],
            ],
            (graph, t) =>
            [
                graph.Attention(
                    problem.Shape, t[0], t[1], t[2], t[3], t[4], t[5], t[6], t.ElementAtOrDefault(7), t.ElementAtOrDefault(8)),
            ],
            x => [AttentionReference.Forward(problem, x[0], x[1], x[2], x.ElementAtOrDefault(7)).Output]);
    }

    /// <summary>Two layers add one bias: the gradient of the second is added to that of the first.</summary>
    private static OperatorCase SharedBias()
    {
        var problem = new AttentionCase([3, 5], [3, 5], 2, 2, 4, biasStep: 1);
        var shape = new Shape(problem.Shape.QueryTokens, problem.Shape.Heads * problem.Shape.HeadSize);
        double[] Layer(double[][] x, double[] input) => AttentionReference.Forward(problem, input, x[1], x[2], x[6]).Output;
        return new OperatorCase(
            "Attention, one bias of two layers",
            [
                new CaseInput(shape, problem.Q, InputRole.Activation),
                new CaseInput(shape, problem.K, InputRole.Activation),
                new CaseInput(shape, problem.V, InputRole.Activation),
                Integers(problem.QueryStart),
                Integers(problem.KeyStart),
                Integers(problem.QueryPosition),
                new CaseInput(BiasShape(problem), problem.Bias, InputRole.Activation),
                Integers(problem.BiasPosition),
            ],
            (graph, t) =>
            {
                Tensor Attended(Tensor x) => graph.Attention(problem.Shape, x, t[1], t[2], t[3], t[4], t[5], null, t[6], t[7]);
                return [Attended(Attended(t[0]))];
            },
            x => [Layer(x, Layer(x, x[0]))]);
    }

    /// <summary>Two heads' biases of 7 queries and 5 keys by 4 buckets in each direction.</summary>
    private static OperatorCase DistanceBias()
    {
        int[] buckets = RelativeBiases.Buckets(8, 8, 6, bidirectional: true);
        return new OperatorCase(
            "RelativeBias",
            [Parameter(1, 8, 2), Integers(buckets)],
            (graph, t) => [graph.RelativeBias(t[0], t[1], 7, 5)],
            x =>
            [
                [.. from head in Enumerable.Range(0, 2)
                    from query in Enumerable.Range(0, 7)
                    from key in Enumerable.Range(0, 5)
                    select x[0][(2 * buckets[7 + key - query]) + head]],
            ]);
    }

    private static Shape BiasShape(AttentionCase problem) =>
        new(problem.Shape.Heads, problem.Shape.BiasQueries, problem.Shape.MaxKeyLength);
}
