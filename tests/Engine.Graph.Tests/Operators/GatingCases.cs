using Engine.Graph.Operators;
using Engine.Kernels;

namespace Engine.Graph.Tests.Operators;

internal static partial class OperatorTable
{
    private static IEnumerable<OperatorCase> GatingCases()
    {
        foreach (InputRole role in (InputRole[])[InputRole.Activation, InputRole.Parameter])
        {
            yield return new OperatorCase(
                $"Softmax of an input that is {role}",
                [Input(1, role, [3, 5])],
                (graph, t) => [graph.Softmax(t[0], 0.5f, 5f)],
                x => [Softmax(x[0], 5, 0.5, 5)]);
        }

        foreach (int chosen in (int[])[1, 2, 5])
        {
            yield return new OperatorCase(
                $"Route to {chosen} of 5 experts",
                [Activation(2, 7, 5)],
                (graph, t) => [graph.Route(graph.Softmax(t[0]), chosen)],
                x => [Routed(Softmax(x[0], 5, 1, 1), 5, chosen)])
            {
                // With one expert chosen its weight is 1 whatever the logits: a gradient of 0, from differences of numbers near 1.
                GradientTolerance = chosen == 1 ? 1e-6 : 8e-6,
            };
        }

        yield return new OperatorCase(
            "Balance of rows of which the last two are no tokens, after another term",
            [Activation(3, 8, 4), Integers(0, 2, 6), Scalars((StepScalars.LossScale, 0.5f)), Floats(0.25f)],
            (graph, t) =>
            {
                Tensor probabilities = graph.Softmax(t[0]);
                BalanceTerm term = graph.Balance(probabilities, graph.Route(probabilities, 2), t[1], t[2], 0.3f, t[3]);
                return [term.Term, term.Shares];
            },
            x => Balanced(x[0], tokens: 6, experts: 4, chosen: 2, coefficient: 0.3, previous: 0.25))
        {
            LossScale = 0.5,
        };
        yield return new OperatorCase(
            "Balance of two experts",
            [Activation(4, 5, 2), Integers(0, 5), Scalars((StepScalars.LossScale, 2f))],
            (graph, t) =>
            {
                Tensor probabilities = graph.Softmax(t[0]);
                BalanceTerm term = graph.Balance(probabilities, graph.Route(probabilities, 1), t[1], t[2], 1f);
                return [term.Term, term.Shares];
            },
            x => Balanced(x[0], tokens: 5, experts: 2, chosen: 1, coefficient: 1, previous: 0))
        {
            LossScale = 2,
        };
        foreach (bool shared in (bool[])[false, true])
        {
            yield return new OperatorCase(
                $"WeighHeads of columns that are {(shared ? "every head's" : "a head's own")}",
                [Activation(5, 4, shared ? 3 : 6), Activation(6, 4, 2)],
                (graph, t) => [graph.WeighHeads(t[0], t[1], shared)],
                x => [Weighed(x[0], x[1], 4, 2, 3, shared)]);
        }

        yield return new OperatorCase(
            "SpreadTexts to rows of which the last is of no text",
            [Activation(7, 3, 5), Integers(0, 1, 4, 6)],
            (graph, t) => [graph.SpreadTexts(t[0], t[1], 7)],
            x => [[.. ((int[])[0, 1, 1, 1, 2, 2]).SelectMany(text => x[0][(text * 5)..((text + 1) * 5)]), .. new double[5]]]);
    }

    private static double[] Softmax(double[] x, int columns, double temperature, double scale) => [.. x.Chunk(columns).SelectMany(row =>
    {
        double[] powers = [.. row.Select(value => Math.Exp(value / temperature))];
        return powers.Select(power => scale * power / powers.Sum());
    })];

    private static double[] Routed(double[] p, int experts, int chosen) => [.. p.Chunk(experts).SelectMany(row =>
    {
        double least = row.OrderDescending().ElementAt(chosen - 1);
        double sum = row.Where(value => value >= least).Sum();
        return row.Select(value => value >= least ? value / sum : 0);
    })];

    private static double[][] Balanced(double[] logits, int tokens, int experts, int chosen, double coefficient, double previous)
    {
        double[] p = Softmax(logits[..(tokens * experts)], experts, 1, 1), w = Routed(p, experts, chosen);
        double[] shares = [.. Enumerable.Range(0, experts)
            .Select(e => (double)Enumerable.Range(0, tokens).Count(t => w[(t * experts) + e] > 0) / tokens)];
        double sum = Enumerable.Range(0, experts).Sum(e => shares[e] * Enumerable.Range(0, tokens).Average(t => p[(t * experts) + e]));
        return [[previous + (coefficient * experts * sum)], shares];
    }

    private static double[] Weighed(double[] x, double[] w, int rows, int heads, int width, bool shared) =>
    [
        .. from row in Enumerable.Range(0, rows)
           from head in Enumerable.Range(0, heads)
           from j in Enumerable.Range(0, width)
           select w[(row * heads) + head] * x[((shared ? row : (row * heads) + head) * width) + j],
    ];
}
