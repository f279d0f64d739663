using Engine.Devices;

namespace Engine.Kernels.Tests;

public class LowRankTests
{
    /// <summary>
    /// Inputs are float32 and exact; the r x r algebra keeps 48 bits or more, and the result is rounded once: only an ill-conditioned
    /// factor (here up to 1e3) lifts the error above float32's 6e-8, because the reference and the kernels then cut and round differently.
    /// </summary>
    private const double Tolerance = 1e-6;

    private const float Rho = 0.3f;

    public static TheoryData<string, string> Kinds() =>
        TestDevices.With(
            "tied", "untied", "zero B", "rank-deficient A", "rank-deficient B", "ill-conditioned B", "equal singular values",
            "no gradient");

    public static TheoryData<string, int> Ranks() => TestDevices.With(1, 2, 5, 8, 16, 33, 64);

    public static TheoryData<string, bool> Scopes() => TestDevices.With(true, false);

    [Theory]
    [MemberData(nameof(Kinds))]
    public void The_ascent_direction_is_the_papers_formula(string deviceName, string kind) =>
        RequireDirection(
            deviceName, [Layer.Make(1, kind, 23, 17, 4, 2f), Layer.Make(2, "tied", 9, 40, 7, 0.5f), Layer.Make(3, kind, 70, 31, 8, 1.5f)]);

    [Theory]
    [MemberData(nameof(Ranks))]
    public void Every_rank_up_to_the_largest_is_taken(string deviceName, int rank) =>
        RequireDirection(deviceName, [Layer.Make(4, "tied", 90, 75, rank, 2f)]);

    [Theory]
    [MemberData(nameof(TestDevices.Names), MemberType = typeof(TestDevices))]
    public void The_realised_radius_is_that_of_the_projections(string deviceName)
    {
        // ||s E_B A|| = rho sqrt((a + 3c) / (a + b + 2c)) with a, b, c the squared norms of G's projections; rho itself where B = 0.
        foreach ((string kind, bool whole) in new[] { ("tied", false), ("zero B", true) })
        {
            Layer layer = Layer.Make(5, kind, 30, 26, 5, 2f);
            double[,] direction = LowRankReference.Matrix(Direction(deviceName, [layer]), layer.Rows, layer.Rank);
            double[,] g = layer.Full!,
                projectionA = LowRankReference.Multiply(LowRankReference.PseudoInverse(layer.MatrixA), layer.MatrixA);
            double[,] projectionB = LowRankReference.Multiply(layer.MatrixB, LowRankReference.PseudoInverse(layer.MatrixB));
            double a = Math.Pow(LowRankReference.Norm(LowRankReference.Multiply(g, projectionA)), 2);
            double b = Math.Pow(LowRankReference.Norm(LowRankReference.Multiply(projectionB, g)), 2);
            double c = Math.Pow(
                LowRankReference.Norm(LowRankReference.Multiply(projectionB, LowRankReference.Multiply(g, projectionA))), 2);
            double radius = layer.Scale * LowRankReference.Norm(LowRankReference.Multiply(direction, layer.MatrixA));
            Assert.Equal(Rho * Math.Sqrt((a + (3 * c)) / (a + b + (2 * c))), radius, 1e-5 * Rho);
            Assert.Equal(whole, Math.Abs(radius - Rho) < 1e-5 * Rho);
        }
    }

    [Theory]
    [MemberData(nameof(TestDevices.Names), MemberType = typeof(TestDevices))]
    public void The_direction_ignores_a_common_scale_of_the_gradients_and_who_of_the_factors_carries_a_scale(string deviceName)
    {
        Layer layer = Layer.Make(6, "tied", 30, 26, 5, 2f);
        float[] direction = Direction(deviceName, [layer]);
        float[] scaled = Direction(
            deviceName, [layer with { GradientA = Times(layer.GradientA, 8f), GradientB = Times(layer.GradientB, 8f) }]);
        Numbers.Near(direction.Double(), scaled, 1e-5, 1e-7);

        // (B c, A / c) has the gradients (G_B / c, G_A c); the product E_B A stays.
        float[] moved = Direction(deviceName, [layer with
        {
            A = Times(layer.A, 0.25f), B = Times(layer.B, 4f), GradientA = Times(layer.GradientA, 4f),
            GradientB = Times(layer.GradientB, 0.25f),
        }]);
        Numbers.Near(direction.Double(), Times(moved, 0.25f), 1e-5, 1e-7);
    }

    [Theory]
    [MemberData(nameof(TestDevices.Names), MemberType = typeof(TestDevices))]
    public void A_radius_of_zero_gives_zeros(string deviceName) =>
        Assert.All(Direction(deviceName, [Layer.Make(7, "zero B", 30, 26, 5, 2f)], rho: 0f), value => Assert.Equal(0f, value));

    [Theory]
    [MemberData(nameof(Scopes))]
    public void Products_are_clipped_to_the_radius_and_left_alone_within_it(string deviceName, bool perLayer)
    {
        Layer[] layers = [Layer.Make(1, "tied", 23, 17, 4, 2f), Layer.Make(2, "tied", 9, 40, 7, 0.5f),
            Layer.Make(3, "zero B", 8, 8, 2, 1f)];
        double[] norms =
            [.. layers.Select(layer => layer.Scale * LowRankReference.Norm(LowRankReference.Multiply(layer.MatrixB, layer.MatrixA)))];
        double total = Math.Sqrt(norms.Sum(norm => norm * norm));
        foreach (float rho in (float[])[0.1f, (float)(norms[0] * 0.9), 1e4f])
        {
            (LowRankTable table, float[] values, _) = Run(layers);
            using var run = new KernelRun(TestDevices.Open(deviceName));
            BufferView<float> view = run.Put(values);
            BufferView<float> ratio = run.Output(1);
            run.Run(LowRank.ClipProducts(
                run.Device, table, StepScalars.OfMethods, perLayer, run.Put(table.Data), view,
                run.Scalars((StepScalars.OfMethods, rho)), run.Put(1f), ratio,
                run.Output(LowRank.ClipProductsWorkspace(run.Device, table))));
            Numbers.Near([(perLayer ? norms.Max() : total) / rho], ratio.ToArray(), 1e-6, 0);
            double[] expected = [.. values.Double()];
            for (int layer = 0; layer < layers.Length; layer++)
            {
                double norm = perLayer ? norms[layer] : total;
                LowRankPair pair = table.Pairs[layer];
                double factor = norm > rho ? Math.Sqrt(rho / norm) : 1;
                for (int i = 0; i < layers[layer].A.Length; i++)
                {
                    expected[pair.A + i] *= factor;
                }

                for (int i = 0; i < layers[layer].B.Length; i++)
                {
                    expected[pair.B + i] *= factor;
                }
            }

            Numbers.Near(expected, view.ToArray(), 3e-7, 0);
            if (rho > total)
            {
                Assert.Equal(values, view.ToArray());
            }
        }
    }

    private static void RequireDirection(string deviceName, Layer[] layers)
    {
        float[] actual = Direction(deviceName, layers);
        int start = 0;
        foreach (Layer layer in layers)
        {
            (double[,] expected, _) = LowRankReference.AscentDirection(
                layer.MatrixA, layer.MatrixB, LowRankReference.Matrix(layer.GradientA, layer.Rank, layer.Columns),
                LowRankReference.Matrix(layer.GradientB, layer.Rows, layer.Rank), layer.Scale, Rho);
            double[] flat = [.. expected.Cast<double>()];
            double largest = flat.Max(Math.Abs);
            Numbers.Near(flat, actual[start..(start + flat.Length)], 0, (Tolerance * layer.Condition * largest) + 1e-30);
            start += flat.Length;
        }
    }

    private static float[] Direction(string deviceName, Layer[] layers, float rho = Rho)
    {
        (LowRankTable table, float[] values, float[] gradients) = Run(layers);
        using var run = new KernelRun(TestDevices.Open(deviceName));
        BufferView<float> direction = run.Output(table.DirectionCount);
        run.Run(LowRank.AscentDirection(
            run.Device, table, StepScalars.OfMethods, run.Put(table.Data), run.Put(values), run.Put(gradients),
            run.Scalars((StepScalars.OfMethods, rho)),
            run.Output(LowRank.AscentDirectionWorkspace(run.Device, table)), direction));
        return direction.ToArray();
    }

    private static float[] Times(float[] values, float factor) => [.. values.Select(value => value * factor)];

    /// <summary>The layers' factors in one run: all A, a gap, all B.</summary>
    private static (LowRankTable Table, float[] Values, float[] Gradients) Run(Layer[] layers)
    {
        var pairs = new List<LowRankPair>();
        int a = 0, b = layers.Sum(layer => layer.A.Length) + 3, direction = 0;
        float[] values = new float[b + layers.Sum(layer => layer.B.Length)], gradients = new float[values.Length];
        foreach (Layer layer in layers)
        {
            pairs.Add(new LowRankPair(a, b, direction, layer.Rows, layer.Columns, layer.Rank, layer.Scale));
            layer.A.CopyTo(values, a);
            layer.GradientA.CopyTo(gradients, a);
            layer.B.CopyTo(values, b);
            layer.GradientB.CopyTo(gradients, b);
            a += layer.A.Length;
            b += layer.B.Length;
            direction += layer.B.Length;
        }

        return (new LowRankTable(pairs), values, gradients);
    }

    /// <summary>One layer's factors and gradients.</summary>
    private sealed record Layer(
        int Rows, int Columns, int Rank, float Scale, float[] A, float[] B, float[] GradientA, float[] GradientB, double Condition)
    {
        /// <summary>The gradient by the full weight that both factors' gradients come from; null where they are untied.</summary>
        public double[,]? Full { get; private init; }

        public double[,] MatrixA => LowRankReference.Matrix(A, Rank, Columns);

        public double[,] MatrixB => LowRankReference.Matrix(B, Rows, Rank);

        public static Layer Make(int seed, string kind, int rows, int columns, int rank, float scale)
        {
            float[] a = Numbers.Values(seed, (long)rank * columns, 0.2), b = Numbers.Values(seed + 100, (long)rows * rank, 0.05);
            switch (kind)
            {
                case "zero B":
                    b = new float[b.Length];
                    break;
                case "rank-deficient A":
                    a.AsSpan(0, columns).CopyTo(a.AsSpan((rank - 1) * columns));
                    break;
                case "rank-deficient B":
                    for (int i = 0; i < rows; i++)
                    {
                        b[(i * rank) + rank - 1] = -2 * b[i * rank];
                    }

                    break;
                case "ill-conditioned B":
                    // All columns nearly the first: singular values 1e-3 apart, as after AdamW's first steps.
                    for (int i = 0; i < b.Length; i++)
                    {
                        b[i] = b[i / rank * rank] + (1e-3f * b[i]);
                    }

                    break;
                case "equal singular values":
                    for (int i = 0; i < a.Length; i++)
                    {
                        a[i] = i % columns == i / columns ? 0.5f : 0f;
                    }

                    break;
            }

            float[] full = kind == "no gradient" ? new float[rows * columns] : Numbers.Values(seed + 200, (long)rows * columns, 0.01);
            double[,] g = LowRankReference.Matrix(full, rows, columns);
            double[,] matrixA = LowRankReference.Matrix(a, rank, columns), matrixB = LowRankReference.Matrix(b, rows, rank);
            float[] gradientA = kind == "untied"
                ? Numbers.Values(seed + 300, a.Length, 0.01)
                : Flat(LowRankReference.Scale(LowRankReference.Multiply(LowRankReference.Transpose(matrixB), g), scale));
            float[] gradientB = Flat(LowRankReference.Scale(LowRankReference.Multiply(g, LowRankReference.Transpose(matrixA)), scale));
            return new Layer(
                rows, columns, rank, scale, a, b, gradientA, gradientB, Condition: kind == "ill-conditioned B" ? 1e3 : rank > 32 ? 10 : 1)
            { Full = kind == "untied" ? null : g };
        }

        private static float[] Flat(double[,] x) => [.. x.Cast<double>().Select(value => (float)value)];
    }
}
