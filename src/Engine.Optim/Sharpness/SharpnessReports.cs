namespace Engine.Optim.Sharpness;

/// <summary>What was measured in one space; null: not asked for, or not reached.</summary>
/// <param name="Space">The space.</param>
/// <param name="Dimension">Its parameters.</param>
/// <param name="Norm">||w||, over all of them.</param>
/// <param name="Loss">L(w).</param>
public sealed record SpaceReport(SharpnessSpace Space, int Dimension, double Norm, double Loss)
{
    public SampleMean? Expected { get; init; }

    public WorstCaseSharpness? WorstCase { get; init; }

    /// <summary>The step of the differences that Hessian products were made of (<see cref="SurfaceProbe.Step"/>); null where there were none.</summary>
    public double? DifferenceStep { get; init; }

    public TopEigenvalue? Eigenvalue { get; init; }

    public CriticalSharpness? Critical { get; init; }

    public LanczosSpectrum? Spectrum { get; init; }

    public SampleMean? Trace { get; init; }

    public LossLandscape? Line { get; init; }

    public LossLandscape? Plane { get; init; }
}

/// <summary>What was measured of one adapted layer.</summary>
/// <param name="Layer">Its module.</param>
/// <param name="Rank">r.</param>
/// <param name="Geometry">Null: not asked for.</param>
/// <param name="Intruders">Null: not asked for, or not reached.</param>
public sealed record LayerReport(string Layer, int Rank, UpdateGeometry? Geometry, IntruderCount? Intruders);

/// <summary>A metric of the task under noise in the base weights.</summary>
/// <param name="Exact">Without noise.</param>
/// <param name="Noisy">Over the draws of the noise.</param>
public sealed record MetricUnderNoise(double Exact, SampleMean Noisy);

/// <summary>What was measured of one adapter.</summary>
/// <param name="Name">What reports call it.</param>
/// <param name="Folder">Where it is.</param>
/// <param name="Rows">Texts of the evaluation set.</param>
/// <param name="Layers">The adapted layers in model order; empty where no instrument is about layers.</param>
/// <param name="Spaces">The spaces that were looked at, in their order.</param>
/// <param name="Complete">Whether everything that was asked for is there; not where it was interrupted.</param>
public sealed record AdapterReport(string Name, string Folder, int Rows, IReadOnlyList<LayerReport> Layers, IReadOnlyList<SpaceReport> Spaces, bool Complete)
{
    /// <summary>The task's metrics under <see cref="SharpnessInstrument.Noise"/>, by name; null: not asked for, or not reached.</summary>
    public IReadOnlyDictionary<string, MetricUnderNoise>? Noise { get; init; }

    /// <summary>What was measured in a space; null where it was not.</summary>
    public SpaceReport? Of(SharpnessSpace space) => Spaces.FirstOrDefault(report => report.Space == space);
}

/// <summary>How far a measurement is.</summary>
/// <param name="Adapter">The adapter's name.</param>
/// <param name="What">What is measured now, in words.</param>
/// <param name="Done">Forward passes done of this adapter.</param>
/// <param name="Total">Forward passes of this adapter at most.</param>
public sealed record SharpnessProgress(string Adapter, string What, long Done, long Total);
