using Engine.Graph.Operators;
using Engine.Kernels;

namespace Engine.Graph.Tests.Operators;

internal static partial class OperatorTable
{
    private static IEnumerable<OperatorCase> UpdateCases()
    {
        const int Count = 37;
        CaseInput scalars =
            Scalars((StepScalars.LearningRate, 0.01f), (StepScalars.BiasCorrection1, 0.19f), (StepScalars.BiasCorrection2, 0.002f));
        CaseInput secondMoment =
            new(new Shape(Count), ((float[])Constant(4, Count).Data).Select(value => value * value).ToArray(), InputRole.Constant);
        yield return new OperatorCase(
            "AdamW",
            [Constant(1, Count), Constant(2, Count), Constant(3, Count), secondMoment, scalars, Floats(0.7f)],
            (graph, t) =>
            {
                graph.AdamW(t[0], t[1], t[2], t[3], t[4], t[5], new AdamWSettings(0.9, 0.999, 1e-8, 0.1) { LearningRateRatio = 4 });
                return [t[0], t[2], t[3]];
            },
            x => Stepped(x[0], x[1], x[2], x[3], rate: 0.04, decay: 0.1, clip: 0.7));
        foreach ((float maxNorm, string name) in ((float, string)[])[(0f, "never"), (0.5f, "to less"), (1000f, "to more")])
        {
            yield return new OperatorCase(
                $"GradientNorm, clipped {name}",
                [Constant(1, 301), Floats(0f), Constant(2, 77)],
                (graph, t) =>
                {
                    (Tensor clip, Tensor finite) = graph.GradientNorm(t[0].Variable!, maxNorm, t[1].Variable!, t[2].Variable!);
                    return [clip, finite, t[1]];
                },
                x =>
                {
                    double norm = Math.Sqrt(x[0].Sum(value => value * value));
                    return [[maxNorm == 0 ? 1 : Math.Min(1, maxNorm / (norm + 1e-6))], [1], [norm]];
                });
        }

        yield return new OperatorCase(
            "Sgd",
            [Constant(1, Count), Constant(2, Count), scalars, Floats(0.75f)],
            (graph, t) =>
            {
                graph.Sgd(t[0], t[1], t[2], t[3], weightDecay: 0.1, learningRateRatio: 4);
                return [t[0]];
            },
            x => [[.. x[0].Zip(x[1], (p, g) => p - (0.04 * ((0.75 * g) + (0.1 * p))))]]);
        yield return new OperatorCase(
            "Move",
            [Constant(1, 13), Scalars((StepScalars.SampleWeight, 0.25f)), Floats(0.5f), Constant(2, 13)],
            (graph, t) =>
            {
                graph.Move(t[0].Variable!, t[1].Variable!, StepScalars.SampleWeight, t[2], t[3].Variable!);
                return [t[0], t[3]];
            },
            x => [new double[13], [.. x[0].Zip(x[3], (added, value) => value + (0.125 * added))]]);
        yield return new OperatorCase(
            "Accumulate",
            [Constant(1, 13), Constant(2, 13)],
            (graph, t) =>
            {
                graph.Accumulate(t[0], t[1].Variable!);
                return [t[1]];
            },
            x => [Sum(x[0], x[1])]);
        yield return new OperatorCase(
            "AccumulateScaled",
            [Constant(1, 13), Constant(2, 13)],
            (graph, t) =>
            {
                graph.AccumulateScaled(t[0], 0.25f, t[1].Variable!);
                return [t[1]];
            },
            x => [[.. x[0].Select((value, i) => (0.25 * value) + x[1][i])]]);
        yield return new OperatorCase(
            "AccumulateWeighted",
            [Constant(1, 1), Scalars((StepScalars.LossWeight, 0.75f)), Constant(2, 1)],
            (graph, t) =>
            {
                graph.AccumulateWeighted(t[0], t[1].Variable!, StepScalars.LossWeight, t[2].Variable!);
                return [t[2]];
            },
            x => [[(0.75 * x[0][0]) + x[2][0]]]);
        yield return new OperatorCase(
            "WriteRows",
            [Constant(1, 3, 4), Integers(5, -1, 0), Constant(2, 6, 4)],
            (graph, t) =>
            {
                graph.WriteRows(t[0], t[1], t[2].Variable!);
                return [t[2]];
            },
            x => [[.. x[0][8..12], .. x[2][4..20], .. x[0][0..4]]]);
        yield return new OperatorCase(
            "Clear",
            [Constant(1, 13)],
            (graph, t) =>
            {
                graph.Clear(t[0].Variable!);
                return [t[0]];
            },
            x => [new double[13]]);
        yield return new OperatorCase(
            "Zeros", [], (graph, _) => [graph.Zeros(new Shape(3, 5))], _ => [new double[15]]);
    }

    /// <summary>AdamW as torch.optim.AdamW states it, with the corrections of <see cref="UpdateCases"/>.</summary>
    private static double[][] Stepped(double[] p, double[] gradient, double[] m, double[] v, double rate, double decay, double clip)
    {
        double[] newM = [.. m.Select((value, i) => (0.9 * value) + (0.1 * clip * gradient[i]))];
        double[] newV = [.. v.Select((value, i) => (0.999 * value) + (0.001 * clip * clip * gradient[i] * gradient[i]))];
        double[] newP =
            [.. p.Select((value, i) => (value * (1 - (rate * decay))) - (rate * (newM[i] / 0.19) / (Math.Sqrt(newV[i] / 0.002) + 1e-8)))];
        return [newP, newM, newV];
    }
}
