using Engine.Devices;
using Engine.Devices.Cpu;
using Engine.Kernels.Host;

namespace Engine.Kernels.Tests;

/// <summary>Attention over ragged segments against double precision, forward and backward.</summary>
public sealed partial class AttentionTests
{
    public static TheoryData<string> Devices => TestDevices.Names;

    /// <summary>
    /// Cases by name: head sizes that are and are not whole registers, lengths around blocks, grouped heads, causal, dropout.
    /// </summary>
    private static readonly Dictionary<string, AttentionCase> Cases = new(StringComparer.Ordinal)
    {
        ["one token"] = new([1], [1], 1, 1, 1),
        ["odd sizes"] = new([3, 1, 7], [3, 1, 7], 3, 3, 5),
        ["empty segments"] = new([0, 4, 0, 5, 0], [0, 4, 6, 0, 0], 2, 2, 8),
        ["bert"] = new([17, 64, 33], [17, 64, 33], 2, 2, 64),
        ["head of 32"] = new([40, 9], [40, 9], 2, 2, 32, dropout: 0.1f),
        ["head of 80, grouped"] = new([20, 11], [20, 11], 4, 2, 80, causal: true),
        ["several blocks"] = new([300, 5], [300, 5], 1, 1, 24),
        ["several blocks, causal, grouped"] = new([301, 130], [301, 130], 3, 1, 16, causal: true, dropout: 0.25f),
        ["more keys than queries, causal"] = new([1, 3, 2], [30, 400, 2], 2, 1, 16, causal: true),
        ["classified tokens"] = new([1, 1, 1], [60, 7, 200], 2, 2, 16),
        ["single queries, grouped, causal"] = new([1, 1, 0, 1], [65, 7, 4, 200], 6, 2, 64, causal: true),
        ["single queries, odd head"] = new([1, 1], [33, 130], 3, 1, 21),
        ["window, causal"] = new([150, 40, 3], [150, 40, 3], 2, 1, 16, causal: true, window: 7),
        ["window over blocks, causal, grouped"] = new([420, 70], [420, 70], 2, 1, 8, causal: true, dropout: 0.25f, window: 130),
        ["window of one token"] = new([70], [70], 1, 1, 8, causal: true, window: 1),
        ["window, both sides"] = new([150, 0, 40], [150, 4, 40], 2, 2, 16, window: 9),
        ["window over blocks, both sides"] = new([300], [300], 1, 1, 8, dropout: 0.25f, window: 70),
        ["window, more keys than queries"] = new([1, 30, 2], [230, 400, 2], 2, 1, 16, causal: true, window: 50),
        ["single queries, window, soft cap"] = new([1, 1, 0, 1], [265, 7, 4, 200], 6, 2, 20, causal: true, window: 70, softCap: 3f),
        ["soft cap"] = new([40, 9], [40, 9], 2, 2, 32, softCap: 2f),
        ["soft cap, window, causal, grouped"] = new(
            [140, 9], [140, 9], 4, 2, 24, causal: true, dropout: 0.25f, window: 33, softCap: 2f),
        ["bias"] = new([17, 64, 0, 33], [17, 64, 3, 33], 2, 2, 32, biasStep: 1),
        ["bias over blocks, grouped, dropout"] = new([140, 9], [210, 9], 4, 2, 16, dropout: 0.25f, biasStep: 1, extraMaxLength: 3),
        ["bias, queries apart, causal"] = new([70, 20], [70, 20], 2, 1, 21, causal: true, biasStep: 3),
        ["bias, window and soft cap"] = new([90, 33], [90, 33], 2, 2, 16, window: 20, softCap: 2f, biasStep: 2),
        ["bias of single queries"] = new([1, 1, 0, 1], [65, 7, 4, 200], 6, 2, 20, biasStep: 1),
        ["dropout over unaligned rows"] = new([19, 30], [19, 30], 2, 2, 16, dropout: 0.5f, extraMaxLength: 7),
    };

    public static TheoryData<string, string> DevicesAndCases => TestDevices.With<string>([.. Cases.Keys]);

    /// <summary>Every case in the finer type, and two in the other.</summary>
    public static TheoryData<string, string, ElementType> CaseNamesAndStorages
    {
        get
        {
            var rows = new TheoryData<string, string, ElementType>();
            foreach (string device in TestDevices.All.Where(device => device != "cpu"))
            {
                rows.Add(device, "head of 80, grouped", ElementType.BFloat16);
                rows.Add(device, "dropout over unaligned rows", ElementType.BFloat16);
                foreach (string name in Cases.Keys)
                {
                    rows.Add(device, name, ElementType.Float16);
                }
            }

            return rows;
        }
    }

    [Theory]
    [MemberData(nameof(DevicesAndCases))]
    public void Outputs_and_gradients_agree_with_double_precision(string name, string problem)
        => Check(Cases[problem], Run(name, 2, Cases[problem]));

    /// <summary>
    /// The managed executor and OpenCL run the form by loops. Inputs are values that the type holds, so that what it rounds is softmax's
    /// weights and their gradients.
    /// </summary>
    [Theory]
    [MemberData(nameof(CaseNamesAndStorages))]
    public void The_form_for_matrix_units_agrees_with_double_precision_but_for_rounded_weights(string device, string name, ElementType type)
        => CheckMatrixUnits(TestDevices.Open(device), Cases[name], type);

    [Fact]
    public void Attention_in_16_bits_needs_tiles()
    {
        using var run = new KernelRun(TestDevices.Open("cpu"));
        AttentionShape shape = Cases["bert"].Shape with { Products = ElementType.BFloat16 };
        Assert.Contains(
            "Products in BFloat16 need tiles, and cpu",
            Assert.Throws<ArgumentException>(() => Bind(run, Cases["bert"], shape, Attention.Forward, Attention.Backward)).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Gradients_are_the_slopes_of_the_double_precision_forward_pass(string name)
    {
        foreach (AttentionCase problem in new AttentionCase[]
        {
            new([3, 5], [3, 5], 2, 2, 4),
            new([4, 2], [6, 2], 4, 2, 3, causal: true, dropout: 0.3f),
            new([7, 2], [9, 2], 4, 2, 3, causal: true, dropout: 0.3f, window: 3, softCap: 1.5f),
            new([7], [7], 1, 1, 4, window: 2, softCap: 0.5f),
            new([4, 2], [6, 2], 4, 2, 3, dropout: 0.3f, softCap: 1.5f, biasStep: 2),
        })
        {
            double[] q = problem.Q.Double(), k = problem.K.Double(), v = problem.V.Double();
            Result actual = Run(name, 2, problem);

            // Central differences leave about 1e-9 with step 1e-5; the rest is float32 arithmetic over values near 1.
            const double Tolerance = 1e-5;
            Numbers.Near(Numbers.Gradient(x => Loss(problem, x, k, v), q), actual.Dq, Tolerance, Tolerance);
            Numbers.Near(Numbers.Gradient(x => Loss(problem, q, x, v), k), actual.Dk, Tolerance, Tolerance);
            Numbers.Near(Numbers.Gradient(x => Loss(problem, q, k, x), v), actual.Dv, Tolerance, Tolerance);
            Numbers.Near(
                Numbers.Gradient(x => Loss(problem, q, k, v, x), problem.Bias.Double()), actual.DBias, Tolerance, Tolerance);
        }
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Threads_do_not_change_a_bit(string name) => Assert.All(
        ["several blocks, causal, grouped", "bias over blocks, grouped, dropout"], problem =>
        {
            Result one = Run(name, 1, Cases[problem]);
            Numbers.RequireComputed(one.Output);
            Numbers.RequireComputed(one.Dk);
            foreach (int threads in new[] { 2, 3 })
            {
                Result more = Run(name, threads, Cases[problem]);
                Assert.Equal(one.Output, more.Output);
                Assert.Equal(one.LogSumExp, more.LogSumExp);
                Assert.Equal(one.Dq, more.Dq);
                Assert.Equal(one.Dk, more.Dk);
                Assert.Equal(one.Dv, more.Dv);
                Assert.Equal(one.DBias, more.DBias);
            }
        });

    [Fact]
    public void Every_register_width_agrees_with_double_precision()
    {
        foreach (AttentionCase problem in Cases.Values)
        {
            CheckWidth<Simd512, Tile8<Simd512>>(problem);
            CheckWidth<Simd256, Tile4<Simd256>>(problem);
            CheckWidth<Simd128, Tile4<Simd128>>(problem);
        }
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Large_scores_do_not_overflow(string name)
    {
        var problem = new AttentionCase([9], [250], 1, 1, 16);
        for (int i = 0; i < problem.Q.Length; i++)
        {
            problem.Q[i] *= 100f;
        }

        // Scores reach about 300, where a float32 score is off by 2e-5 and its weight by as much.
        (double[] output, _) = AttentionReference.Forward(problem, problem.Q.Double(), problem.K.Double(), problem.V.Double());
        Numbers.Near(output, Run(name, 2, problem).Output, 0, 5e-4);
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Dead_tokens_get_zeros(string name)
    {
        AttentionCase problem = Cases["odd sizes"];
        Result actual = Run(name, 2, problem);
        int live = problem.QueryStart[^1], width = problem.Shape.Heads * problem.Shape.HeadSize;
        Assert.All(actual.Output[(live * width)..], x => Assert.Equal(0f, x));
        Assert.All(actual.Dq[(live * width)..], x => Assert.Equal(0f, x));
        Assert.All(actual.Dk[(live * width)..], x => Assert.Equal(0f, x));
        Assert.All(actual.Dv[(live * width)..], x => Assert.Equal(0f, x));
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Running_attention_allocates_nothing_managed(string name)
    {
        using var run = new KernelRun(TestDevices.Open(name));
        Bound bound = Bind(run, Cases["several blocks, causal, grouped"], Attention.Forward, Attention.Backward);
        Array.ForEach(bound.Launches, launch => launch.Enqueue());
        long before = GC.GetAllocatedBytesForCurrentThread();
        foreach (Launch launch in bound.Launches)
        {
            launch.Enqueue();
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    /// <summary>Groups without work do nothing, and the mask's numbering is the pitch's affair.</summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void Closer_bounds_of_the_lengths_change_no_bit(string name)
    {
        AttentionCase close = new([70, 9, 0, 33], [70, 9, 4, 33], 2, 1, 16, causal: true, dropout: 0.25f);
        AttentionShape loose = close.Shape with { MaxQueryLength = 500, MaxKeyLength = 700, DropoutPitch = 700 };
        AttentionShape closer = close.Shape with { DropoutPitch = 700 };
        using var run = new KernelRun(TestDevices.Open(name));
        Result expected = Bound(loose), actual = Bound(closer);
        Assert.Equal(expected.Output, actual.Output);
        Assert.Equal(expected.Dq, actual.Dq);
        Assert.Equal(expected.Dk, actual.Dk);
        Assert.Equal(expected.Dv, actual.Dv);
        Assert.NotEqual(expected.Output, Bound(close.Shape).Output);

        Result Bound(AttentionShape shape) => Bind(run, close, shape, Attention.Forward, Attention.Backward).Run(run);
    }

    /// <summary>A cap far above every score is none: cap tanh(s / cap) = s - s^3 / (3 cap^2) + ...</summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void A_distant_cap_and_a_wide_window_change_nothing(string name)
    {
        AttentionCase problem = Cases["head of 80, grouped"];
        using var run = new KernelRun(TestDevices.Open(name));
        Result expected = Bind(run, problem, Attention.Forward, Attention.Backward).Run(run);
        Result capped = Bind(run, problem, problem.Shape with { SoftCap = 1e4f }, Attention.Forward, Attention.Backward).Run(run);

        // Scores are below 30, where a cap of 1e4 takes 1e-4 from them.
        Numbers.Near(expected.Output.Double(), capped.Output, 2e-4, 2e-4);
        Numbers.Near(expected.Dq.Double(), capped.Dq, 2e-3, 2e-3);
        Result wide = Bind(run, problem, problem.Shape with { Window = 20 }, Attention.Forward, Attention.Backward).Run(run);
        Assert.Equal(expected.Output, wide.Output);
        Assert.Equal(expected.Dq, wide.Dq);
        Assert.Equal(expected.Dk, wide.Dk);
        Assert.NotEqual(
            expected.Output,
            Bind(run, problem, problem.Shape with { Window = 19 }, Attention.Forward, Attention.Backward).Run(run).Output);
    }

    /// <summary>Tiles outside of a window are skipped, not masked: what lies there may be anything.</summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void Keys_before_the_first_window_are_never_read(string name)
    {
        foreach (int[] queries in (int[][])[[1, 1], [3, 40]])
        {
            var problem = new AttentionCase(queries, [170, 190], 4, 2, 16, causal: true, window: 30);
            int width = problem.Shape.KeyValueHeads * problem.Shape.HeadSize;
            foreach (int row in (int[])[0, 1])
            {
                int unread = problem.QueryPosition[problem.QueryStart[row]] - 29;
                problem.K.AsSpan(problem.KeyStart[row] * width, unread * width).Fill(float.NaN);
                problem.V.AsSpan(problem.KeyStart[row] * width, unread * width).Fill(float.NaN);
            }

            Assert.All(Forward(name, problem), x => Assert.True(float.IsFinite(x)));
        }
    }

    [Fact]
    public void Segments_outside_the_tokens_are_an_error_that_names_the_row()
    {
        using var run = new KernelRun(TestDevices.Open("cpu"));
        var problem = new AttentionCase([3, 4], [3, 4], 1, 1, 4);
        problem.KeyStart[2] = 99;
        Bound bound = Bind(run, problem, Attention.Forward, Attention.Backward);
        var error = Assert.Throws<DeviceException>(bound.Launches[0].Enqueue);
        Assert.Contains("keyStart goes from 3 to 99 at row 2", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(2, 8, "row 8 for query 2")]
    [InlineData(4, 1, "row 1 for query 4")]
    public void Rows_of_the_bias_must_rise_and_be_there(int query, int row, string expected)
    {
        using var run = new KernelRun(TestDevices.Open("cpu"));
        var problem = new AttentionCase([3, 4], [3, 4], 1, 1, 4, biasStep: 1);
        problem.BiasPosition[query] = row;
        Bound bound = Bind(run, problem, Attention.Forward, Attention.Backward);
        Assert.Contains(expected, Assert.Throws<DeviceException>(bound.Launches[0].Enqueue).Message, StringComparison.Ordinal);
    }

    /// <summary>A bias that is the same for all keys of a query shifts its scores, which softmax does not see.</summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void A_bias_of_rows_changes_nothing_and_a_gradient_is_added(string name)
    {
        AttentionCase plain = Cases["bert"], problem = new([17, 64, 33], [17, 64, 33], 2, 2, 64, biasStep: 1);
        for (int i = 0; i < problem.Bias.Length; i++)
        {
            problem.Bias[i] = i / problem.Shape.MaxKeyLength % 5;
        }

        Result expected = Run(name, 2, plain), actual = Run(name, 2, problem);

        // Scores up to 14 in place of 10 are rounded to 1e-6.
        Numbers.Near(expected.Output.Double(), actual.Output, 2e-6, 2e-6);
        Numbers.Near(expected.Dq.Double(), actual.Dq, 2e-5, 2e-5);

        // A shift of a row has no gradient: what its keys have adds up to 0, here of up to 64 numbers below 1.
        int keys = problem.Shape.MaxKeyLength;
        Assert.All(Enumerable.Range(0, actual.DBias.Length / keys), row =>
            Assert.InRange(actual.DBias.AsSpan(row * keys, keys).ToArray().Double().Sum(), -2e-5, 2e-5));
        using var run = new KernelRun(TestDevices.Open(name));
        Bound bound = Bind(run, problem, Attention.Forward, Attention.Backward, accumulatesBias: true);
        bound.DBias.Write([.. actual.DBias.Select(value => 1f - value)]);
        Assert.All(bound.Run(run).DBias, value => Assert.Equal(1f, value, 1e-6f));
    }

    [Fact]
    public void Shapes_that_make_no_sense_are_refused()
    {
        using var run = new KernelRun(TestDevices.Open("cpu"));
        var problem = new AttentionCase([3], [3], 3, 3, 4);
        Assert.Throws<ArgumentException>(
            () => Bind(run, problem, problem.Shape with { KeyValueHeads = 2 }, Attention.Forward, Attention.Backward));
        Assert.Throws<ArgumentException>(
            () => Bind(run, problem, problem.Shape with { Dropout = 1f }, Attention.Forward, Attention.Backward));
        Assert.Throws<ArgumentException>(
            () => Bind(run, problem, problem.Shape with { Dropout = 0.5f, DropoutPitch = 2 }, Attention.Forward, Attention.Backward));
        Assert.Throws<ArgumentException>(
            () => Bind(run, problem, problem.Shape with { QueryTokens = 100 }, Attention.Forward, Attention.Backward));
        Assert.Throws<ArgumentException>(
            () => Bind(
                run, new([3], [3], 1, 1, 4, biasStep: 1), problem.Shape with { BiasQueries = 9 }, Attention.Forward, Attention.Backward));
        Assert.Throws<ArgumentException>(
            () => Bind(run, problem, problem.Shape with { Window = -1 }, Attention.Forward, Attention.Backward));
        Assert.Throws<ArgumentException>(
            () => Bind(run, problem, problem.Shape with { SoftCap = float.NaN }, Attention.Forward, Attention.Backward));
    }

    /// <summary>The places of a cache that are not written yet may hold anything.</summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void Keys_behind_the_last_query_are_never_read(string name)
    {
        foreach (int[] queries in (int[][])[[1, 1], [3, 40]])
        {
            var problem = new AttentionCase(queries, [70, 90], 4, 2, 16, causal: true);
            int firstUnwritten = 50, width = problem.Shape.KeyValueHeads * problem.Shape.HeadSize;
            int move = 70 - firstUnwritten;
            for (int i = 0; i < problem.QueryStart[^1]; i++)
            {
                problem.QueryPosition[i] -= move;
            }

            foreach (int row in (int[])[0, 1])
            {
                int first = (problem.KeyStart[row + 1] - move) * width, count = move * width;
                problem.K.AsSpan(first, count).Fill(float.NaN);
                problem.V.AsSpan(first, count).Fill(float.NaN);
            }

            Assert.All(Forward(name, problem), x => Assert.True(float.IsFinite(x)));
        }
    }

    /// <summary>Holds the form for matrix units against double precision; disposes the device.</summary>
    internal static void CheckMatrixUnits(Device device, AttentionCase exact, ElementType type)
    {
        using var run = new KernelRun(device);
        AttentionCase problem = exact.Rounded(value => StoredWeights.Rounded(type, value));
        Check(problem, type,
            Bind(run, problem, problem.Shape with { Products = type }, ForwardOfMatrixUnits, BackwardOfMatrixUnits).Run(run));
    }

    /// <summary>Both passes, bound in the device's own form.</summary>
    internal static Launch[] BindPasses(KernelRun run, AttentionCase problem) =>
        Bind(run, problem, Attention.Forward, Attention.Backward).Launches;

    private static double Loss(AttentionCase problem, double[] q, double[] k, double[] v, double[]? bias = null)
        => AttentionReference.Forward(problem, q, k, v, bias).Output.Zip(problem.OutputGradient, (x, y) => x * y).Sum();

    private static void CheckWidth<T, TTile>(AttentionCase problem)
        where T : struct, ISimd<T>
        where TTile : struct, ITile<T>
    {
        using var run = new KernelRun(TestDevices.Open("cpu"));
        Check(problem, Bind(
            run,
            problem,
            (device, shape, q, k, v, queryStart, keyStart, position, output, lse, random, bias) => AttentionHost.Forward<T, TTile>(
                (CpuDevice)device, shape,
                AttentionOperands.Of(new AttentionViews(q, k, v, queryStart, keyStart, position, output, lse, random, bias))),
            (device, shape, q, k, v, queryStart, keyStart, position, output, lse, gradient, dq, dk, dv, _, random, bias) =>
            [
                new AttentionBackwardHost<T, TTile>(
                    (CpuDevice)device, shape, AttentionOperands.Of(
                        new AttentionViews(q, k, v, queryStart, keyStart, position, output, lse, random, bias),
                        new AttentionGradientViews(gradient, dq, dk, dv))),
            ]).Run(run));
    }

    private static float[] Forward(string name, AttentionCase problem)
    {
        using var run = new KernelRun(TestDevices.Open(name));
        Bound bound = Bind(run, problem, Attention.Forward, (_, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _) => []);
        run.Run(bound.Launches);
        return bound.Output.ToArray();
    }

    private static Result Run(string name, int threads, AttentionCase problem)
    {
        using var run = new KernelRun(TestDevices.Open(name, threads));
        return Bind(run, problem, Attention.Forward, Attention.Backward).Run(run);
    }

    private static void Check(AttentionCase problem, Result actual)
    {
        (double[] output, double[] logSumExp) =
            AttentionReference.Forward(problem, problem.Q.Double(), problem.K.Double(), problem.V.Double());
        AttentionReference.Gradients gradients = AttentionReference.Backward(problem);

        // Scores are sums of HeadSize products up to 4 and reach about 10; a float32 score is off by some 1e-6, and a weight by as much of
        // itself. Gradients sum up to 300 such terms, whose errors grow with the root of their number.
        const double Epsilon = 1.2e-7;
        double score = 16 * Epsilon;
        double sum = score * Math.Sqrt(Math.Max(problem.Shape.MaxQueryLength, problem.Shape.MaxKeyLength) + problem.Shape.HeadSize);
        Numbers.Near(logSumExp, actual.LogSumExp, score, score);
        Numbers.Near(output, actual.Output, score, score);
        Numbers.Near(gradients.Q, actual.Dq, sum, sum);
        Numbers.Near(gradients.K, actual.Dk, sum, sum);
        Numbers.Near(gradients.V, actual.Dv, sum, sum);
        Numbers.Near(gradients.Bias, actual.DBias, sum, sum);
    }

    /// <summary>
    /// A weight, and a weight's gradient, is off by half a unit in the last of 11 (float16) or 8 (bfloat16) bits: relatively, below
    /// float16's subnormal numbers absolutely. These errors bound those of what is summed from them; float32 sums add what they add
    /// elsewhere.
    /// </summary>
    private static void Check(AttentionCase problem, ElementType type, Result actual)
    {
        (double[] output, double[] logSumExp) =
            AttentionReference.Forward(problem, problem.Q.Double(), problem.K.Double(), problem.V.Double());
        AttentionReference.Gradients gradients = AttentionReference.Backward(problem);
        double unit = type == ElementType.Float16 ? Math.Pow(2, -11) : Math.Pow(2, -8);
        double smallest = type == ElementType.Float16 ? Math.Pow(2, -25) : 0;
        double terms = Math.Max(problem.Shape.MaxQueryLength, problem.Shape.MaxKeyLength);
        double sums = 16 * 1.2e-7 * Math.Sqrt(terms + problem.Shape.HeadSize);
        Numbers.Near(logSumExp, actual.LogSumExp, 16 * 1.2e-7, 16 * 1.2e-7);

        // Weights add up to 1, with dropout to 1 / (1 - p) on average and never to twice that here; values are below 1.
        Numbers.Near(
            output, actual.Output,
            0, (unit * (problem.Shape.Dropout > 0 ? 2 / (1 - problem.Shape.Dropout) : 1)) + (terms * smallest) + sums);
        Within(gradients.Q, gradients.Magnitudes!.Q, actual.Dq);
        Within(gradients.K, gradients.Magnitudes.K, actual.Dk);
        Within(gradients.V, gradients.Magnitudes.V, actual.Dv);
        Within(gradients.Bias, gradients.Magnitudes.Bias, actual.DBias);

        void Within(double[] expected, double[] magnitudes, float[] values) => Assert.All(
            Enumerable.Range(0, expected.Length),
            i => Assert.InRange(values[i] - expected[i], -Limit(magnitudes[i]), Limit(magnitudes[i])));
        double Limit(double magnitude) => (unit * magnitude) + (2 * terms * problem.Shape.Heads * smallest) + (sums * (1 + magnitude));
    }
}
