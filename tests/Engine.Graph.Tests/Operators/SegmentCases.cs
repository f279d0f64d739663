using Engine.Graph.Operators;
using Engine.Kernels;

namespace Engine.Graph.Tests.Operators;

internal static partial class OperatorTable
{
    private const int RunLength = 40;

    /// <summary>Three tensors with gaps before and between them, one without ASAM's operator.</summary>
    private static readonly Segment[] RunSegments = [new(2, 5), new(9, 1), new(12, 17, Scaled: false)];

    private static IEnumerable<OperatorCase> SegmentCases()
    {
        var table = new SegmentTable(RunSegments);
        CaseInput words = Integers(table.Encode());
        CaseInput packed = Constant(3, table.PackedCount), factors = Floats(0.5f, -2f, 0.25f);
        yield return new OperatorCase(
            "SegmentDots of a run and a packed tensor",
            [words, Constant(1, RunLength), packed],
            (graph, t) => [graph.SegmentDots(Of(t), t[1].Variable!, false, t[2].Variable!, true)],
            x => [BySegment((s, i, p) => x[1][i] * x[2][p])]);
        yield return new OperatorCase(
            "AdaptiveNorms",
            [words, Constant(1, RunLength), Constant(2, RunLength)],
            (graph, t) => [graph.AdaptiveNorms(Of(t), t[1].Variable!, t[2].Variable!, eta: 0.125f)],
            x => [BySegment((s, i, p) => Math.Pow((RunSegments[s].Scaled ? Math.Abs(x[1][i]) + 0.125 : 1) * x[2][i], 2))]);
        foreach (SegmentMap map in Enum.GetValues<SegmentMap>())
        {
            bool hasFactors = map is not (SegmentMap.Restore or SegmentMap.Save), hasPacked = map != SegmentMap.Scale;
            bool hasGradient = map is SegmentMap.Perturb or SegmentMap.PerturbAdaptive;
            yield return new OperatorCase(
                $"Segment{map}",
                [words, Constant(1, RunLength), packed, Constant(2, RunLength), factors],
                (graph, t) =>
                {
                    graph.MapSegments(
                        Of(t), map, t[1].Variable!, hasFactors ? t[4] : null, hasPacked ? t[2].Variable : null,
                        hasGradient ? t[3].Variable : null, eta: 0.125f);
                    return [t[1], t[2]];
                },
                x => Mapped(map, [.. x[1]], [.. x[2]], x[3], x[4]));
        }

        // Along two ranks of four places each; of a vector of three; the last tensor takes no part.
        var filters = new FilterTable(
            [new(1, 8), new(10, 3), new(15, 2)],
            [LowPass.Binomial(2, 4, isTransposed: true), LowPass.Laplacian(1, 3, false, 1), MatrixFilter.None(2)]);
        yield return new OperatorCase(
            "GradientFilter",
            [
                Integers(filters.Segments.Encode()), Integers(filters.Data), Floats(filters.Kernels), Floats(1f, 1f, 0f), Constant(1, 18),
                Constant(2, 18),
            ],
            (graph, t) =>
            {
                var tensors = new TensorFilters(filters, t[0].Variable!, t[1].Variable!, t[2].Variable!);
                graph.Filter(tensors, t[3], t[4].Variable!, t[5].Variable!);
                return [t[5]];
            },
            x =>
            {
                double[] y = [.. x[5]], from = x[4];
                int[][] mirrored = [[1, 0, 0, 1, 2], [0, 0, 1, 2, 3], [0, 1, 2, 3, 3], [1, 2, 3, 3, 2]];
                for (int i = 0; i < 8; i++)
                {
                    y[1 + i] = mirrored[i / 2]
                        .Zip((double[])[1, 4, 6, 4, 1], (place, weight) => weight / 16 * from[1 + (2 * place) + (i % 2)]).Sum();
                }

                // 1 - Laplacian is 3 on the diagonal and -1 beside it: its inverse has 1/2 there and 1/4 beside.
                double sum = from[10] + from[11] + from[12];
                for (int i = 10; i < 13; i++)
                {
                    y[i] = (sum + from[i]) / 4;
                }

                (y[15], y[16]) = (0, 0);
                return [y];
            });
        CaseInput squares = Floats(4f, 9f, 3f);
        yield return new OperatorCase(
            "MedianClip",
            [Floats(4f, 9f, 1f, 16f), Floats(1f, 1f, 1f, 0f), Scalars((StepScalars.SampleWeight, 0.25f))],
            (graph, t) =>
            {
                (Tensor factors, Tensor deviation) = graph.MedianClip(t[0], t[1], t[2], largest: 10f, noise: 0.5f);
                return [factors, deviation];
            },
            x => [[1, 2.0 / 3, 1, 0], [0.25]]);
        yield return new OperatorCase(
            "SamFactors",
            [squares, Floats(1f, 0f, 1f)],
            (graph, t) => [graph.SamFactors(t[0], 0.5f, t[1]), graph.SamFactors(t[0], 0.5f)],
            x => [[0.5 / Math.Sqrt(7), 0, 0.5 / Math.Sqrt(7)], [0.125, 0.125, 0.125]]);
        yield return new OperatorCase(
            "SamFactors of a chosen radius",
            [squares, Floats(1f, 0f, 1f), Floats(3f)],
            (graph, t) => [graph.SamFactors(t[0], 0.5f, t[1], t[2]), graph.SamFactors(t[0], 0.5f, radius: t[2])],
            x => [[1.5 / Math.Sqrt(7), 0, 1.5 / Math.Sqrt(7)], [0.375, 0.375, 0.375]]);
        foreach ((bool isShare, float largest) in ((bool, float)[])[(false, 10f), (true, 10f), (true, 0.01f)])
        {
            double target = isShare ? 0.2 * 0.75 : 0.2;
            yield return new OperatorCase(
                $"AscentRadius, at most {largest}{(isShare ? ", of a share of the loss" : "")}",
                [squares, Scalars((Slot, 0.2f)), Floats(0.75f), Floats(0f), Floats(0f), Floats(1f, 0f, 1f)],
                (graph, t) =>
                {
                    graph.AscentRadius(new RadiusRule(0.5f, largest, isShare, OfSquares: true), t[0], t[1], Slot, t[2], t[3].Variable!);
                    graph.AscentRadius(
                        new RadiusRule(0.5f, largest, isShare, OfSquares: false), t[0], t[1], Slot, t[2], t[4].Variable!, t[5]);
                    return [t[3], t[4]];
                },
                x => [[Math.Min(target / 4.5, largest)], [Math.Min(target / 7.5, largest)]]);
        }

        yield return new OperatorCase(
            "AscentRadius where the loss does not rise",
            [Floats(0f, 0f), Scalars((Slot, 0.2f)), Floats(0.75f), Floats(9f), Floats(0f), Floats(9f)],
            (graph, t) =>
            {
                var rule = new RadiusRule(0f, float.MaxValue, IsShare: true, OfSquares: true);
                graph.AscentRadius(rule, t[0], t[1], Slot, t[2], t[3].Variable!);
                graph.AscentRadius(rule with { OfSquares = false }, t[0], t[1], Slot, t[4], t[5].Variable!);
                return [t[3], t[5]];
            },
            x => [[0], [0]]);
        yield return new OperatorCase(
            "SamFactors of a zero gradient",
            [Floats(0f, 0f)],
            (graph, t) => [graph.SamFactors(t[0], 0f)],
            x => [[0, 0]]);
        yield return new OperatorCase(
            "ProjectionFactors",
            [Floats(1f, -3f, 4f), squares, Floats(0f, 0f, 0f)],
            (graph, t) => [graph.ProjectionFactors(t[0], t[1]), graph.ProjectionFactors(t[0], t[2])],
            x => [[-0.125, -0.125, -0.125], [0, 0, 0]]);
        yield return new OperatorCase(
            "NormRatioFactors",
            [squares, Floats(1f, 2f, 22f)],
            (graph, t) => [graph.NormRatioFactors(t[0], t[1], 0.7f)],
            x => [[0.7 * 4 / 5, 0.7 * 4 / 5, 0.7 * 4 / 5]]);
        foreach (bool growsLarger in (bool[])[false, true])
        {
            double s = (growsLarger ? -1 : 1) * 0.5 * 0.25;
            yield return new OperatorCase(
                $"BalanceFactors, the larger {(growsLarger ? "grows" : "shrinks")}",
                [Floats(1f, 2f, 2f, 1f, 3f, 3f), Scalars((Slot, 0.5f), (StepScalars.LearningRate, 0.25f)), Floats(1f)],
                (graph, t) => [graph.BalanceFactors(t[0], t[1], Slot, t[2], growsLarger)],
                x => [[1 + s, 1 - s, 1 - s, 1 + s, 1 + s, 1 - s]]);
        }

        yield return new OperatorCase(
            "Store",
            [Constant(1, 13), Constant(2, 13)],
            (graph, t) =>
            {
                graph.Store(t[0], t[1].Variable!);
                return [t[1]];
            },
            x => [x[0]]);
        yield return new OperatorCase(
            "SampleMeans",
            [Constant(1, 9), Integers(3, -100, 0, 5, -100, -100, 1, 2, 2), Integers(0, 3, 4, 6, 9)],
            (graph, t) => [graph.SampleMeans(t[0], t[1], t[2])],
            x => [[(x[0][0] + x[0][2]) / 2, x[0][3], 0, (x[0][6] + x[0][7] + x[0][8]) / 3]]);

        TensorSegments Of(Tensor[] t) => new(table, t[0].Variable!);
    }

    /// <summary>The sum over each segment of a function of the segment, the place in the run and the packed place.</summary>
    private static double[] BySegment(Func<int, int, int, double> term)
    {
        int start = 0;
        var sums = new double[RunSegments.Length];
        for (int s = 0; s < sums.Length; s++)
        {
            sums[s] = Enumerable.Range(0, RunSegments[s].Count).Sum(i => term(s, RunSegments[s].First + i, start + i));
            start += RunSegments[s].Count;
        }

        return sums;
    }

    private static double[][] Mapped(SegmentMap map, double[] run, double[] packed, double[] gradient, double[] factors)
    {
        BySegment((s, i, p) =>
        {
            double w = run[i], t = RunSegments[s].Scaled ? Math.Abs(w) + 0.125 : 1;
            (run[i], packed[p]) = map switch
            {
                SegmentMap.Perturb => (w + (factors[s] * gradient[i]), w),
                SegmentMap.PerturbAdaptive => (w + (factors[s] * t * t * gradient[i]), w),
                SegmentMap.Restore => (packed[p], packed[p]),
                SegmentMap.Save => (w, w),
                SegmentMap.Combine => (w, w + (factors[s] * packed[p])),
                SegmentMap.AddPacked => (w + (factors[s] * packed[p]), packed[p]),
                _ => (factors[s] * w, packed[p]),
            };
            return 0;
        });
        return [run, packed];
    }
}
