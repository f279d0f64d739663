namespace Engine.Optim.Sharpness;

/// <summary>
/// Measures a surface with every instrument that is asked for; those of an adapter's layers and of the task's metrics look at no surface
/// and are passed over.
/// </summary>
internal static class SurfaceInstruments
{
    /// <summary>
    /// The report, and whether it is complete: cancelled, it holds what was measured before, and is null where not even the loss was. The
    /// surface is left at the point where it was.
    /// </summary>
    /// <param name="onStart">Told of each instrument before it begins.</param>
    /// <param name="onPasses">Told of each evaluation's cost in forward passes.</param>
    public static (SpaceReport? Report, bool Complete) Measure(
        ILossSurface surface,
        SharpnessSpace space,
        SharpnessOptions options,
        Action<SharpnessInstrument>? onStart = null,
        Action<int>? onPasses = null,
        CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return (null, false);
        }

        using var probe = new SurfaceProbe(surface, onPasses, cancellationToken);
        var report = new SpaceReport(space, surface.Space.Dimension, probe.OriginNorm, probe.OriginLoss);
        try
        {
            foreach (SharpnessInstrument instrument in options.Instruments.Distinct().Where(LooksAtSurface))
            {
                onStart?.Invoke(instrument);
                report = instrument switch
                {
                    SharpnessInstrument.Expected =>
                        report with { Expected = ExpectedSharpness.Measure(probe, options.Sigma, options.Samples, options.Seed) },
                    SharpnessInstrument.WorstCase =>
                        report with { WorstCase = WorstCaseSharpness.Measure(probe, options.Rho, options.AscentSteps, options.Seed) },
                    SharpnessInstrument.Eigenvalue =>
                        report with { Eigenvalue = TopEigenvalue.Measure(probe, options.Iterations, options.Seed) },
                    SharpnessInstrument.Critical => report with { Critical = CriticalSharpness.Measure(probe) },
                    SharpnessInstrument.Spectrum =>
                        report with { Spectrum = LanczosSpectrum.Measure(probe, options.LanczosSteps, options.Seed) },
                    SharpnessInstrument.Trace => report with { Trace = HessianTrace.Measure(probe, options.Samples, options.Seed) },
                    SharpnessInstrument.Line =>
                        report with { Line = LossLandscape.Line(probe, options.Range, options.Points, options.Seed) },
                    SharpnessInstrument.Plane =>
                        report with { Plane = LossLandscape.Plane(probe, options.Range, options.Grid, options.Seed) },
                    _ => throw new ArgumentOutOfRangeException(nameof(options), instrument, "unknown instrument"),
                };
            }
        }
        catch (OperationCanceledException)
        {
            return (report with { DifferenceStep = probe.FoundStep }, false);
        }

        return (report with { DifferenceStep = probe.FoundStep }, true);
    }

    private static bool LooksAtSurface(SharpnessInstrument instrument) =>
        instrument is not (SharpnessInstrument.Layers or SharpnessInstrument.Intruders or SharpnessInstrument.Noise);
}
