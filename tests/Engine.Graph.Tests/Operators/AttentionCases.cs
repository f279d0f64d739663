using Engine.Graph.Operators;
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
            ],
            (graph, t) => [graph.Attention(problem.Shape, t[0], t[1], t[2], t[3], t[4], t[5], t[6])],
            x => [AttentionReference.Forward(problem, x[0], x[1], x[2]).Output]);
    }
}
