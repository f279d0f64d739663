using Engine.Devices;
using Engine.Kernels.Tests;
using Engine.Optim.Sharpness;

namespace Engine.Optim.Tests.Sharpness;

/// <summary>Every instrument on quadratics, whose answers are known in closed form.</summary>
public sealed class InstrumentTests
{
    private const ulong Seed = 11;

    /// <summary>Distinct, of both signs, the largest in magnitude positive.</summary>
    private static readonly double[] Eigenvalues = [6, 4, 2.5, 1, 0.3, 0, -0.5, -2];

    public static TheoryData<string> Devices => TestDevices.Names;

    /// <summary>
    /// Pairs +e, -e leave 1/2 e^T H e exactly, so that the mean is known for the very noise that was drawn; what float32 rounds of w + e is
    /// some 1e-6 of it.
    /// </summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void Expected_sharpness_is_half_the_noise_s_quadratic_form_and_in_the_mean_that_of_its_deviations(string name)
    {
        const double Sigma = 0.3;
        const int Pairs = 400;
        using Device device = TestDevices.Open(name);
        double[] curvature = [.. Enumerable.Range(0, 12).Select(i => 0.5 + i)];
        float[] point = Numbers.Values(3, 12);
        using var surface =
            new QuadraticSurface(device, QuadraticSurface.Diagonal(curvature), point, Numbers.Values(4, 12).Double(), (2, 4), (4, 0));
        using var probe = new SurfaceProbe(surface);

        double[] deviations = [.. Enumerable.Range(0, 12)
            .Select(i => i < 8 ? Sigma / 2 * Math.Sqrt(Enumerable.Range(i / 4 * 4, 4).Sum(j => (double)point[j] * point[j])) : 0)];
        var samples = new double[Pairs];
        for (uint pair = 0; pair < Pairs; pair++)
        {
            var normals = new double[8];
            new PhiloxGenerator(Seed, RandomStream.Directions, pair).FillNormals(normals);
            samples[pair] = normals.Select((z, i) => 0.5 * curvature[i] * Math.Pow(deviations[i] * z, 2)).Sum();
        }

        SampleMean measured = ExpectedSharpness.Measure(probe, Sigma, Pairs, Seed);
        Assert.Equal(samples.Average(), measured.Value, 1e-4 * samples.Average());
        double deviation = Math.Sqrt(samples.Sum(sample => Math.Pow(sample - samples.Average(), 2)) / (Pairs - 1));
        Assert.Equal(deviation / Math.Sqrt(Pairs), measured.StandardError, 1e-3 * measured.StandardError);

        // 1/2 sum Sigma_ii H_ii; four standard errors are missed by one seed in 16000.
        double expected = 0.5 * curvature.Zip(deviations, (h, d) => h * d * d).Sum();
        Assert.Equal(expected, measured.Value, 4 * measured.StandardError);
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void One_step_of_the_worst_case_is_sam_s_formula(string name)
    {
        const double Rho = 0.2;
        using Device device = TestDevices.Open(name);
        double[] curvature = [3, 1, 0.5, 2], point = [1, -2, 0.5, 0.25];
        using var surface = new QuadraticSurface(
            device, QuadraticSurface.Diagonal(curvature), [.. point.Select(value => (float)value)], null, (1, 2), (1, 2));
        using var probe = new SurfaceProbe(surface);
        WorstCaseSharpness measured = WorstCaseSharpness.Measure(probe, Rho, 20, Seed);

        double[] gradient = [.. curvature.Zip(point, (h, w) => h * w)];
        double Rise(double[] g)
        {
            double norm = Math.Sqrt(g.Sum(value => value * value));
            return g.Select((value, i) => (Rho * value / norm * gradient[i]) + (0.5 * curvature[i] * Math.Pow(Rho * value / norm, 2)))
                .Sum();
        }

        // Losses near 4.6 and rises near 0.8 from float32 points: a few 1e-7 of them.
        Assert.Equal(Math.Sqrt(gradient.Sum(g => g * g)), measured.GradientNorm, 1e-5);
        Assert.Equal(Rise(gradient), measured.OneStep, 1e-5);
        Assert.Equal(["layer0", "layer1"], measured.Layers.Select(layer => layer.Layer));
        Assert.Equal(Rise([gradient[0], gradient[1], 0, 0]), measured.Layers[0].Rise, 1e-5);
        Assert.Equal(Rise([0, 0, gradient[2], gradient[3]]), measured.Layers[1].Rise, 1e-5);
        Assert.True(measured.Ascent >= measured.OneStep - 1e-6, $"the ascent found {measured.Ascent}, one step {measured.OneStep}");
    }

    /// <summary>
    /// Without a gradient the worst case is rho^2 lambda_max / 2, along the top eigenvector. Twenty steps of rho / 5 shrink what lies
    /// across it by 1 / 1.2 each where its curvature is 0, so the value is right to 0.1 percent only after more; 60 leave 2e-5 of it
    /// squared.
    /// </summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void Ascent_from_a_point_without_a_gradient_finds_the_top_eigenvalue(string name)
    {
        const double Rho = 0.1;
        using Device device = TestDevices.Open(name);
        using var surface = new QuadraticSurface(device, QuadraticSurface.Diagonal(1, 5, 0.5, 0, 2), new float[5]);
        using var probe = new SurfaceProbe(surface);
        WorstCaseSharpness measured = WorstCaseSharpness.Measure(probe, Rho, 60, Seed);
        Assert.Equal(0, measured.OneStep);
        Assert.Equal(Rho * Rho * 5 / 2, measured.Ascent, 1e-3 * Rho * Rho * 5 / 2);
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Power_iteration_finds_the_eigenvalue_of_largest_magnitude_and_its_plateau(string name)
    {
        using Device device = TestDevices.Open(name);
        foreach (double[] eigenvalues in (double[][])[Eigenvalues, [-9, .. Eigenvalues]])
        {
            using var surface = new QuadraticSurface(device, Rotated(eigenvalues), Numbers.Values(5, eigenvalues.Length));
            using var probe = new SurfaceProbe(surface);
            TopEigenvalue measured = TopEigenvalue.Measure(probe, 50, Seed);
            double largest = eigenvalues.MaxBy(Math.Abs);
            Assert.True(measured.Converged, $"{measured.Iterations} iterations");
            Assert.Equal(largest, measured.Value, 2 * TopEigenvalue.Tolerance * Math.Abs(largest));

            // On a quadratic differences are exact but for round-off, whatever the step: 1e-7 of gradients divided by a step of a
            // hundredth.
            Assert.InRange(measured.PlateauSpread, 0, 1e-3);
        }
    }

    /// <summary>
    /// L = 1/2 c x^2 + q x^4: differences of the gradient with step h give c + 12 q x^2 + 4 q h^2, so that the step must shrink until 4 q
    /// h^2 no longer counts.
    /// </summary>
    [Fact]
    public void The_step_of_differences_is_shortened_until_it_does_not_matter()
    {
        using Device device = TestDevices.Open("cpu");
        using var surface = new QuarticSurface(device, curvature: 1, quartic: 1500, point: 0.001f);
        using var probe = new SurfaceProbe(surface);
        double expected = 1 + (12 * 1500 * 1e-6);
        Assert.True(4 * 1500 * Math.Pow(SurfaceProbe.LongestStep, 2) > 0.1, "the longest step would be good enough");
        Assert.Equal(expected, TopEigenvalue.Measure(probe, 5, Seed).Value, 0.01 * expected);
        Assert.InRange(probe.Step, SurfaceProbe.LongestStep / 20, SurfaceProbe.LongestStep / 4);
    }

    /// <summary>
    /// L(w - eta g) = L(w) at eta = 2 g^T g / (g^T H g); the rise is a parabola, which is taken for a line in a bracket of 9 percent.
    /// </summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void The_critical_rate_of_a_quadratic_is_twice_g_g_over_g_h_g(string name)
    {
        using Device device = TestDevices.Open(name);
        double[,] hessian = Rotated(Eigenvalues);
        float[] point = Numbers.Values(6, Eigenvalues.Length);
        using var surface = new QuadraticSurface(device, hessian, point);
        using var probe = new SurfaceProbe(surface);
        double[] gradient = Times(point.Double());
        double square = gradient.Sum(g => g * g), curvature = gradient.Zip(Times(gradient), (g, h) => g * h).Sum() / square;
        Assert.True(curvature > 0, "the surface turns upwards along the gradient");
        CriticalSharpness measured = CriticalSharpness.Measure(probe);
        Assert.Equal(curvature, measured.Value, 0.002 * curvature);

        // One end is the guess, which is eta_c up to what float32 rounds of the points.
        Assert.InRange(2 / curvature, measured.Lower * (1 - 1e-4), measured.Upper * (1 + 1e-4));
        Assert.InRange(measured.Upper / measured.Lower, 1, 1.0906);
        Assert.Equal(6, measured.Passes);

        double[] Times(double[] w) => [.. w.Select((_, i) => Enumerable.Range(0, w.Length).Sum(j => hessian[i, j] * w[j]))];
    }

    /// <summary>L = w^2 / 2 + q w^4 from w = 1: the loss is that of the start again where the other side is as high, at w = -1.</summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void The_critical_rate_is_found_where_the_surface_is_no_quadratic(string name)
    {
        using Device device = TestDevices.Open(name);
        using var surface = new QuarticSurface(device, curvature: 1, quartic: 3, point: 1f);
        using var probe = new SurfaceProbe(surface);
        using SurfaceVector gradient = probe.Space.Create();
        probe.GradientAt(gradient);
        double critical = 2 / gradient.View.ToArray()[0];
        CriticalSharpness measured = CriticalSharpness.Measure(probe);
        Assert.InRange(critical, measured.Lower, measured.Upper);
        Assert.Equal(2 / critical, measured.Value, 0.03 / critical);
    }

    [Fact]
    public void Where_no_rate_raises_the_loss_the_critical_sharpness_is_zero_and_without_a_gradient_it_is_no_number()
    {
        using Device device = TestDevices.Open("cpu");
        using var slope = new QuadraticSurface(device, new double[4, 4], [1, 2, 3, 4], [1, 1, 1, 1]);
        using (var probe = new SurfaceProbe(slope))
        {
            CriticalSharpness measured = CriticalSharpness.Measure(probe);
            Assert.Equal((0.0, double.PositiveInfinity), (measured.Value, measured.Rate));
            Assert.InRange(measured.Passes, 2, CriticalSharpness.MostPasses);
        }

        using var level = new QuadraticSurface(device, new double[4, 4], [1, 2, 3, 4]);
        using var flat = new SurfaceProbe(level);
        Assert.True(double.IsNaN(CriticalSharpness.Measure(flat).Value));
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void A_flat_surface_has_no_curvature(string name)
    {
        using Device device = TestDevices.Open(name);
        using var surface = new QuadraticSurface(device, new double[4, 4], [1, 2, 3, 4]);
        using var probe = new SurfaceProbe(surface);
        Assert.Equal(0, TopEigenvalue.Measure(probe, 50, Seed).Value);
        Assert.Equal(0, LanczosSpectrum.Measure(probe, 10, Seed).Top);
        Assert.Equal(new SampleMean(0, 0, 5), HessianTrace.Measure(probe, 5, Seed));
        Assert.Equal(0, WorstCaseSharpness.Measure(probe, 1, 3, Seed).Ascent);
    }

    /// <summary>
    /// As many steps as dimensions: the Ritz values are the eigenvalues, their weights the squared components of the first vector.
    /// </summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void Lanczos_finds_the_whole_spectrum_of_a_small_hessian(string name)
    {
        using Device device = TestDevices.Open(name);
        using var surface = new QuadraticSurface(device, Rotated(Eigenvalues), Numbers.Values(6, Eigenvalues.Length));
        using var probe = new SurfaceProbe(surface);
        LanczosSpectrum measured = LanczosSpectrum.Measure(probe, 100, Seed);

        // Differences of float32 gradients of some 10 with a step of 1e-2: 1e-4 of the largest eigenvalue.
        Numbers.Near(Eigenvalues, [.. measured.Nodes.Select(node => (float)node)], 0, 2e-3);
        Assert.Equal(1, measured.Weights.Sum(), 1e-9);
        var start = new double[Eigenvalues.Length];
        new PhiloxGenerator(Seed, RandomStream.Directions, 0).FillNormals(start);
        double[,] basis = Basis(start.Length);
        double square = start.Sum(value => value * value);
        double[] weights = [.. Enumerable.Range(0, start.Length)
            .Select(k => Math.Pow(Enumerable.Range(0, start.Length).Sum(i => basis[i, k] * start[i]), 2) / square)];
        Numbers.Near(weights, [.. measured.Weights.Select(weight => (float)weight)], 0, 2e-3);

        // Fewer steps: the ends are inside the spectrum, and as near to an eigenvalue as the error says.
        LanczosSpectrum few = LanczosSpectrum.Measure(probe, 4, Seed);
        Assert.Equal(4, few.Nodes.Count);
        Assert.InRange(few.Top, 0, 6.01);
        Assert.True(Eigenvalues.Min(value => Math.Abs(value - few.Top)) <= few.TopError + 2e-3, $"{few.Top} with error {few.TopError}");
        Assert.True(
            Eigenvalues.Min(value => Math.Abs(value - few.Bottom)) <= few.BottomError + 2e-3, $"{few.Bottom} with error {few.BottomError}");
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Hutchinson_s_mean_is_the_trace_exactly_for_a_diagonal_and_within_its_error_otherwise(string name)
    {
        using Device device = TestDevices.Open(name);
        using var diagonal = new QuadraticSurface(device, QuadraticSurface.Diagonal(Eigenvalues), Numbers.Values(7, Eigenvalues.Length));
        using (var probe = new SurfaceProbe(diagonal))
        {
            // z_i^2 = 1: no variance but the round-off of the differences.
            SampleMean exact = HessianTrace.Measure(probe, 4, Seed);
            Assert.Equal(Eigenvalues.Sum(), exact.Value, 1e-2);
            Assert.InRange(exact.StandardError, 0, 1e-2);
        }

        double[,] rotated = Rotated(Eigenvalues);
        using var surface = new QuadraticSurface(device, rotated, Numbers.Values(7, Eigenvalues.Length));
        using var other = new SurfaceProbe(surface);
        const int Samples = 200;
        SampleMean mean = HessianTrace.Measure(other, Samples, Seed);
        Assert.Equal(Eigenvalues.Sum(), mean.Value, 4 * mean.StandardError);
        double variance = 0;
        for (int i = 0; i < Eigenvalues.Length; i++)
        {
            for (int j = 0; j < Eigenvalues.Length; j++)
            {
                variance += i == j ? 0 : 2 * rotated[i, j] * rotated[i, j];
            }
        }

        // The deviation of 200 samples is itself known to some 5 percent.
        Assert.Equal(Math.Sqrt(variance / Samples), mean.StandardError, 0.2 * mean.StandardError);
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Landscapes_follow_directions_as_long_as_the_weights_rows(string name)
    {
        using Device device = TestDevices.Open(name);
        float[] point = Numbers.Values(8, 15);
        using var surface =
            new QuadraticSurface(device, QuadraticSurface.Diagonal([.. Enumerable.Repeat(2.0, 15)]), point, null, (3, 4), (3, 0));
        using var probe = new SurfaceProbe(surface);
        double[] First(uint sample)
        {
            var normals = new double[12];
            new PhiloxGenerator(Seed, RandomStream.Directions, sample).FillNormals(normals);
            return [.. normals.Select((z, i) =>
            {
                int[] row = [.. Enumerable.Range(i / 4 * 4, 4)];
                return z * Math.Sqrt(row.Sum(j => (double)point[j] * point[j]) / row.Sum(j => normals[j] * normals[j]));
            }), 0, 0, 0];
        }

        double[] first = First(0), second = First(1);
        double Loss(double a, double b) => point.Select((w, i) => Math.Pow(w + (a * first[i]) + (b * second[i]), 2)).Sum();
        LossLandscape line = LossLandscape.Line(probe, 1, 5, Seed);
        Assert.Equal([-1, -0.5, 0, 0.5, 1], line.Coordinates);
        Numbers.Near([.. line.Coordinates.Select(a => Loss(a, 0))], [.. line.Losses[0].Select(loss => (float)loss)], 1e-5, 1e-5);
        LossLandscape plane = LossLandscape.Plane(probe, 0.5, 3, Seed);
        Numbers.Near(
            [.. plane.Coordinates.SelectMany(b => plane.Coordinates.Select(a => Loss(a, b)))],
            [.. plane.Losses.SelectMany(row => row).Select(loss => (float)loss)], 1e-5, 1e-5);
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void The_point_is_put_back_and_two_measurements_are_one(string name)
    {
        using Device device = TestDevices.Open(name);
        float[] point = Numbers.Values(9, 8);
        using var surface = new QuadraticSurface(device, Rotated(Eigenvalues), point, Numbers.Values(10, 8).Double(), (2, 4));
        var options = new SharpnessOptions { Samples = 3, LanczosSteps = 4, Points = 3, Grid = 2, Iterations = 4 };
        string Measure()
        {
            (SpaceReport? report, bool complete) = SurfaceInstruments.Measure(surface, SharpnessSpace.Weights, options);
            Assert.True(complete);
            Assert.Equal(point, surface.Point.View.ToArray());
            return System.Text.Json.JsonSerializer.Serialize(report);
        }

        long before = device.Memory.Current;
        Assert.Equal(Measure(), Measure());
        Assert.Equal(before, device.Memory.Current);
    }

    [Fact]
    public void Cancelled_it_keeps_what_was_measured_and_puts_the_point_back()
    {
        using Device device = TestDevices.Open("cpu");
        float[] point = Numbers.Values(9, 8);
        using var surface = new QuadraticSurface(device, Rotated(Eigenvalues), point);
        using var source = new CancellationTokenSource();
        var options = new SharpnessOptions { Instruments = [SharpnessInstrument.Trace, SharpnessInstrument.Line], Samples = 3 };
        void CancelAtLine(SharpnessInstrument instrument)
        {
            if (instrument == SharpnessInstrument.Line)
            {
                source.Cancel();
            }
        }

        (SpaceReport? report, bool complete) =
            SurfaceInstruments.Measure(surface, SharpnessSpace.Weights, options, CancelAtLine, cancellationToken: source.Token);
        Assert.False(complete);
        Assert.NotNull(report!.Trace);
        Assert.Null(report.Line);
        Assert.Equal(point, surface.Point.View.ToArray());
        Assert.Equal((null, false), SurfaceInstruments.Measure(surface, SharpnessSpace.Weights, options, cancellationToken: source.Token));
    }

    [Fact]
    public void Passes_are_forecast_as_they_are_counted()
    {
        using Device device = TestDevices.Open("cpu");
        using var surface = new QuadraticSurface(device, Rotated(Eigenvalues), Numbers.Values(9, 8), null, (1, 4), (1, 4));
        foreach (SharpnessInstrument instrument in Enum.GetValues<SharpnessInstrument>())
        {
            // Two iterations are the most that are allowed; on a quadratic the first two steps of differences agree, and the other trials
            // are not made.
            bool makesHessianProducts =
                instrument is SharpnessInstrument.Eigenvalue or SharpnessInstrument.Spectrum or SharpnessInstrument.Trace;
            int spared = makesHessianProducts ? 2 * SurfaceProbe.GradientPasses * (SurfaceProbe.StepTrials - 2) : 0;
            var options = new SharpnessOptions { Instruments = [instrument], Iterations = 2, LanczosSteps = 3, Samples = 4 };
            long passes = 0;
            (SpaceReport? report, _) = SurfaceInstruments.Measure(
                surface, SharpnessSpace.Weights, options, onPasses: count => passes += count);

            // The first guess is eta_c itself, and two trials are a bracket.
            spared += report!.Critical is { } critical ? CriticalSharpness.MostPasses - critical.Passes : 0;
            Assert.Equal(options.PassesOfSpace(layers: 2) - spared, passes);
        }
    }

    /// <summary>Q diag(values) Q^T.</summary>
    private static double[,] Rotated(double[] values)
    {
        double[,] basis = Basis(values.Length);
        var matrix = new double[values.Length, values.Length];
        for (int i = 0; i < values.Length; i++)
        {
            for (int j = 0; j < values.Length; j++)
            {
                matrix[i, j] = Enumerable.Range(0, values.Length).Sum(k => basis[i, k] * values[k] * basis[j, k]);
            }
        }

        return matrix;
    }

    /// <summary>An orthogonal matrix: the reflection 1 - 2 u u^T / ||u||^2.</summary>
    private static double[,] Basis(int size)
    {
        double[] u = [.. Enumerable.Range(0, size).Select(i => 0.3 + Numbers.Uniform(1, i))];
        double square = u.Sum(value => value * value);
        var basis = new double[size, size];
        for (int i = 0; i < size; i++)
        {
            for (int j = 0; j < size; j++)
            {
                basis[i, j] = (i == j ? 1 : 0) - (2 * u[i] * u[j] / square);
            }
        }

        return basis;
    }
}
