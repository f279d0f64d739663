using Engine.Graph.Operators;
using Engine.Kernels;
using Engine.Kernels.Tests;

namespace Engine.Graph.Tests.Operators;

internal static partial class OperatorTable
{
    private static readonly (ActivationKind Kind, Func<double, double> Function)[] Functions =
    [
        (ActivationKind.GeluErf, x => 0.5 * x * (1 + Numbers.Erf(x / Math.Sqrt(2)))),
        (ActivationKind.GeluTanh, x => 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + (0.044715 * x * x * x))))),
        (ActivationKind.Tanh, Math.Tanh),
    ];

    private static IEnumerable<OperatorCase> ElementwiseCases()
    {
        foreach (int count in (int[])[1, 7, 301])
        {
            yield return new OperatorCase(
                $"Add {count}",
                [Activation(1, count), Activation(2, count)],
                (graph, t) => [graph.Add(t[0], t[1])],
                x => [Sum(x[0], x[1])]);
            yield return new OperatorCase(
                $"Dropout {count}",
                [Activation(1, count), Random()],
                (graph, t) => [graph.Dropout(t[0], 0.3f, 6, t[1])],
                x => [Dropped(x[0], 0.3f, 6)]);
            yield return new OperatorCase(
                $"SwiGlu {count}",
                [Activation(1, count), Activation(2, count)],
                (graph, t) => [graph.SwiGlu(t[0], t[1])],
                x => [[.. x[0].Zip(x[1], (gate, up) => gate / (1 + Math.Exp(-gate)) * up)]]);
            yield return new OperatorCase(
                $"Scale {count}",
                [Activation(1, count)],
                (graph, t) => [graph.Scale(t[0], -2.5f)],
                x => [[.. x[0].Select(value => -2.5 * value)]]);
            yield return new OperatorCase(
                $"SoftCap {count}",
                [Activation(1, count)],
                (graph, t) => [graph.SoftCap(t[0], 0.75f)],
                x => [[.. x[0].Select(value => 0.75 * Math.Tanh(value / 0.75))]]);
            foreach ((ActivationKind kind, Func<double, double> function) in Functions.Take(2))
            {
                yield return new OperatorCase(
                    $"GeGlu, {kind} {count}",
                    [Activation(1, count), Activation(2, count)],
                    (graph, t) => [graph.GeGlu(t[0], t[1], kind)],
                    x => [[.. x[0].Zip(x[1], (gate, up) => function(gate) * up)]]);
            }

            foreach ((ActivationKind kind, Func<double, double> function) in Functions)
            {
                yield return new OperatorCase(
                    $"{kind} {count}",
                    [Activation(1, count)],
                    (graph, t) => [graph.Activate(t[0], kind)],
                    x => [[.. x[0].Select(function)]]);
            }
        }

        yield return new OperatorCase(
            "Add a tensor to itself",
            [Activation(1, 13)],
            (graph, t) => [graph.Add(t[0], t[0])],
            x => [Sum(x[0], x[0])]);
        yield return new OperatorCase(
            "Dropout with residual",
            [Activation(1, 9, 7), Random()],
            (graph, t) => [graph.Add(graph.Dropout(graph.Activate(t[0], ActivationKind.Tanh), 0.5f, 1, t[1]), t[0])],
            x => [Sum(Dropped([.. x[0].Select(Math.Tanh)], 0.5f, 1), x[0])])
        {
            Fuses = true,
        };
    }

    /// <summary>Dropout as its kernel's description states it: an element is kept where its word is at least probability * 2^32.</summary>
    private static double[] Dropped(double[] x, float probability, uint stream) =>
        [.. x.Select(
            (value, i) => PhiloxReference.Word(i, Seed, stream, Step) >= probability * 4294967296.0
                ? value / (1 - (double)probability)
                : 0)];
}
