using Engine.Devices;

namespace Engine.Kernels.Tests;

/// <summary>
/// ScaLoRA's scales against brute force and closed forms, and what they do to factors, gradients, moments and base weight.
/// </summary>
public sealed class ColumnScalingTests
{
    private const int Rows = 9;
    private const int Columns = 8;
    private const int Rank = 2;
    private const float Scale = 2f;

    /// <summary>L' without the layer's scale.</summary>
    private const float Target = 1.7f;

    /// <summary>
    /// Of v, over its largest element: gradients are rounded to float32, 6e-8, and the systems' condition lifts that by some hundreds.
    /// </summary>
    private const double Tolerance = 1e-4;

    public static TheoryData<string> Devices => TestDevices.Names;

    /// <summary>
    /// The best step in the span of the columns' own steps: min ||G - sum v_i b_i (b_i^T G) - sum v_(r+j) (G a_j^T) a_j||, by a
    /// pseudo-inverse of the m n x 2 r matrix of these; the scalar form over the sums of both kinds.
    /// </summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void Scales_are_the_least_squares_solution_and_each_branch_is_taken_where_that_is_positive(string deviceName)
    {
        var taken = new HashSet<ScalingBranch>();
        for (int seed = 1; seed <= 24; seed++)
        {
            Layer layer = Layer.Random(seed, coupled: seed % 2 == 0);
            double[,] own = BestStep(layer, 2 * Rank), summed = BestStep(layer, 2);
            (ScalingBranch branch, float[] alpha, float[] beta, float[] v) = Solve(deviceName, layer);
            double[] expected = [.. own.Cast<double>()];
            Numbers.Near(expected, v, 0, Tolerance * expected.Max(Math.Abs));
            bool positive = expected.All(value => value > 0);
            Assert.Equal(positive
                ? ScalingBranch.Columns
                : summed[0, 0] > 0 && summed[1, 0] > 0 ? ScalingBranch.Scalars : ScalingBranch.NoSolution, branch);
            double[] squares = positive
                ? expected
                : branch == ScalingBranch.Scalars ? [.. Enumerable.Range(0, 2 * Rank).Select(k => summed[k / Rank, 0])] : [];
            if (squares.Length > 0)
            {
                Numbers.Near([.. squares.Select(value => Math.Sqrt(value / Target))], [.. alpha, .. beta], 1e-3, 0);
            }

            taken.Add(branch);
        }

        Assert.Contains(ScalingBranch.Columns, taken);
        Assert.Contains(ScalingBranch.Scalars, taken);
    }

    /// <summary>
    /// Where B^T G A^T = 0 and the columns of B and the rows of A are orthogonal, each gets the norm 1 / (s sqrt(L eta)).
    /// </summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void Uncoupled_columns_get_the_norm_that_l_and_eta_say(string deviceName)
    {
        Layer layer = Layer.Random(3, orthogonal: true);
        (ScalingBranch branch, float[] alpha, float[] beta, _) = Solve(deviceName, layer, byScale: true);
        Assert.Equal(ScalingBranch.Columns, branch);
        double norm = 1 / (Scale * Math.Sqrt(Target));
        for (int k = 0; k < Rank; k++)
        {
            Assert.Equal(norm, alpha[k] * Math.Sqrt(Enumerable.Range(0, Rows).Sum(i => Math.Pow(layer.B[(i * Rank) + k], 2))), 1e-6);
            Assert.Equal(norm, beta[k] * Math.Sqrt(Enumerable.Range(0, Columns).Sum(j => Math.Pow(layer.A[(k * Columns) + j], 2))), 1e-6);
        }
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void The_size_of_the_gradients_does_not_matter(string deviceName)
    {
        Layer layer = Layer.Random(3);
        float[] v = Solve(deviceName, layer).V;
        foreach (float factor in (float[])[1f / (1 << 20), 1 << 20])
        {
            Layer scaled = layer with
            {
                GradientA = [.. layer.GradientA.Select(g => g * factor)],
                GradientB = [.. layer.GradientB.Select(g => g * factor)]
            };
            Numbers.Near(v.Double(), Solve(deviceName, scaled).V, 1e-6, 0);
        }
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void A_column_of_zeros_makes_the_system_singular_and_zeros_alone_or_no_rate_or_a_broken_step_change_nothing(string deviceName)
    {
        Layer layer = Layer.Random(3), singular = layer with { B = [.. layer.B.Select((value, i) => i % Rank == 0 ? 0f : value)] };
        Assert.NotEqual(ScalingBranch.Columns, Solve(deviceName, singular.WithGradients()).Branch);
        foreach ((Layer still, float target, float finite) in new[]
        {
            ((layer with { B = new float[layer.B.Length] }).WithGradients(), Target, 1f), (layer, 0f, 1f), (layer, Target, float.NaN),
        })
        {
            (ScalingBranch branch, float[] alpha, float[] beta, _) = Solve(deviceName, still, target: target, finite: finite);
            Assert.Equal(ScalingBranch.Skipped, branch);
            Assert.All(alpha.Concat(beta), scale => Assert.Equal(1f, scale));
            (float[] values, float[] moments, float[] weight) = Move(deviceName, still, target, finite);
            Assert.Equal(still.Values, values);
            Assert.Equal(Layer.Moments, moments);
            Assert.Equal(Layer.Weight, weight);
        }
    }

    /// <summary>W + s B A in float64, of numbers that were rounded once each.</summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void Base_weight_and_product_together_stay_and_moments_take_the_partners_scale(string deviceName)
    {
        Layer layer = Layer.Random(3);
        (_, float[] alpha, float[] beta, _) = Solve(deviceName, layer);
        (float[] values, float[] moments, float[] weight) = Move(deviceName, layer, Target, 1f);
        Assert.NotEqual(Layer.Weight, weight);
        double[] before = layer.Whole(layer.Values, Layer.Weight), after = layer.Whole(values, weight);
        double largest = before.Max(Math.Abs) + (Scale * Rank * values.Max(Math.Abs) * values.Max(Math.Abs));
        Assert.All(before.Zip(after), pair => Assert.Equal(pair.First, pair.Second, 3e-7 * largest));
        double[] expected =
        [
            .. Enumerable.Range(0, Rank * Columns).Select(i => Layer.Moments[i] * (double)alpha[i / Columns]),
            .. Enumerable.Range(0, Rows * Rank).Select(i => Layer.Moments[(Rank * Columns) + i] * (double)beta[i % Rank]),
        ];
        Numbers.Near(expected, moments, 1e-6, 0);
    }

    private static (ScalingBranch Branch, float[] Alpha, float[] Beta, float[] V) Solve(
        string deviceName, Layer layer, bool byScale = false, float target = Target, float finite = 1f)
    {
        using var run = new KernelRun(TestDevices.Open(deviceName));
        BufferView<float> scales = Solve(run, layer, run.Put(layer.Values), run.Put(layer.Gradients), byScale, target, finite);
        var read = new ColumnScales(layer.Table, scales.ToArray(), 0);
        return (read.Branch, read.Alpha.ToArray(), read.Beta.ToArray(), read.Solution.ToArray());
    }

    /// <summary>Merges and scales; the second moments are the first ones, and checked against their squared scale.</summary>
    private static (float[] Values, float[] Moments, float[] Weight) Move(string deviceName, Layer layer, float target, float finite)
    {
        using var run = new KernelRun(TestDevices.Open(deviceName));
        BufferView<float> values = run.Put(layer.Values), gradients = run.Put(layer.Gradients), weight = run.Put(Layer.Weight);
        BufferView<float> first = run.Put(Layer.Moments), second = run.Put(Layer.Moments),
            scales = Solve(run, layer, values, gradients, false, target, finite);
        BufferView<int> table = run.Put(layer.Table.Data);
        BufferView<float> coefficients = ColumnScaling.MergeCoefficients(layer.Table, 0, scales);
        run.Run(ColumnScaling.Merge(run.Device, layer.Table, 0, table, values, coefficients, weight));
        run.Run(ColumnScaling.Apply(run.Device, layer.Table, table, scales, values, gradients, first, second));
        float[] moments = first.ToArray();
        Numbers.Near([.. moments.Zip(Layer.Moments, (moved, old) => moved * (double)moved / old)], second.ToArray(), 1e-6, 0);
        Numbers.Near(
            [.. moments.Zip(Layer.Moments, (moved, old) => (double)moved / old).Zip(layer.Gradients, (scale, g) => scale * g)],
            gradients.ToArray(), 1e-6, 0);
        return (values.ToArray(), moments, weight.ToArray());
    }

    private static BufferView<float> Solve(
        KernelRun run, Layer layer, BufferView<float> values, BufferView<float> gradients, bool byScale, float target, float finite)
    {
        BufferView<float> scales = run.Output(ColumnScales.Count(layer.Table));
        run.Run(ColumnScaling.Solve(
            run.Device, layer.Table, StepScalars.OfMethods, byScale, run.Put(layer.Table.Data), values, gradients,
            run.Scalars((StepScalars.OfMethods, target)),
            run.Put(finite), run.Output(ColumnScaling.SolveWorkspace(run.Device, layer.Table)), scales));
        return scales;
    }

    /// <summary>
    /// The least squares coefficients of the columns' steps, summed in groups until <paramref name="unknowns"/> are left.
    /// </summary>
    private static double[,] BestStep(Layer layer, int unknowns)
    {
        double[,] g = layer.G, a = LowRankReference.Matrix(layer.A, Rank, Columns), b = LowRankReference.Matrix(layer.B, Rows, Rank);
        double[,] byB = LowRankReference.Multiply(LowRankReference.Transpose(b), g),
            byA = LowRankReference.Multiply(g, LowRankReference.Transpose(a));
        double[,] steps = new double[Rows * Columns, unknowns], whole = new double[Rows * Columns, 1];
        for (int i = 0; i < Rows; i++)
        {
            for (int j = 0; j < Columns; j++)
            {
                int at = (i * Columns) + j;
                whole[at, 0] = g[i, j];
                for (int k = 0; k < Rank; k++)
                {
                    steps[at, k * unknowns / (2 * Rank)] += b[i, k] * byB[k, j];
                    steps[at, (Rank + k) * unknowns / (2 * Rank)] += byA[i, k] * a[k, j];
                }
            }
        }

        return LowRankReference.Multiply(LowRankReference.PseudoInverse(steps), whole);
    }

    /// <summary>One layer with gradients that come from one G by the full weight; A lies before B in a run.</summary>
    private sealed record Layer(float[] A, float[] B, double[,] G, float[] GradientA, float[] GradientB)
    {
        public static float[] Weight { get; } = Numbers.Values(7, Rows * Columns, 0.5);

        public static float[] Moments { get; } = Numbers.Values(8, Rank * (Rows + Columns), 0.2, 1);

        public LowRankTable Table { get; } = new([new LowRankPair(0, Rank * Columns, 0, Rows, Columns, Rank, Scale)]);

        public float[] Values => [.. A, .. B];

        public float[] Gradients => [.. GradientA, .. GradientB];

        /// <param name="orthogonal">Columns of B and rows of A along axes, and no G where both are.</param>
        /// <param name="coupled">Columns of B, and rows of A, lie near to one another, so that some get in one another's way.</param>
        public static Layer Random(int seed, bool orthogonal = false, bool coupled = false)
        {
            float[] a = Numbers.Values(seed, Rank * Columns, 0.4), b = Numbers.Values(seed + 100, Rows * Rank, 0.1);
            for (int i = 0; coupled && i < Columns; i++)
            {
                a[Columns + i] = a[i] + (0.5f * a[Columns + i]);
            }

            for (int i = 0; coupled && i < Rows; i++)
            {
                b[(i * Rank) + 1] = b[i * Rank] + (0.5f * b[(i * Rank) + 1]);
            }

            double[,] g = LowRankReference.Matrix(Numbers.Values(seed + 200, Rows * Columns, 0.01), Rows, Columns);
            for (int i = 0; orthogonal && i < Math.Max(Rows, Columns) * Rank; i++)
            {
                (int row, int column) = (i / Rank, i % Rank);
                if (row < Columns)
                {
                    a[(column * Columns) + row] = row == column ? 0.3f * (1 + row) : 0f;
                }

                if (row < Rows)
                {
                    b[i] = row == column ? 0.1f * (1 + row) : 0f;
                }

                if (row < Rank)
                {
                    g[row, column] = 0;
                }
            }

            return new Layer(a, b, g, [], []).WithGradients();
        }

        /// <summary>G_A = s B^T G and G_B = s G A^T.</summary>
        public Layer WithGradients()
        {
            double[,] a = LowRankReference.Matrix(A, Rank, Columns), b = LowRankReference.Matrix(B, Rows, Rank);
            return this with
            {
                GradientA = Flat(LowRankReference.Multiply(LowRankReference.Transpose(b), G)),
                GradientB = Flat(LowRankReference.Multiply(G, LowRankReference.Transpose(a))),
            };
        }

        /// <summary>W + s B A.</summary>
        public double[] Whole(float[] values, float[] weight)
        {
            double[,] a = LowRankReference.Matrix(values.AsSpan(0, A.Length), Rank, Columns);
            double[,] b = LowRankReference.Matrix(values.AsSpan(A.Length), Rows, Rank);
            return [.. LowRankReference.Multiply(b, a).Cast<double>().Zip(weight, (product, base0) => base0 + (Scale * product))];
        }

        private static float[] Flat(double[,] x) => [.. x.Cast<double>().Select(value => (float)(Scale * value))];
    }
}
