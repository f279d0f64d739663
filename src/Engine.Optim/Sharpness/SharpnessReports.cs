namespace Engine.Optim.Sharpness;

/// <summary>What was measured in one space; null: not asked for, or not reached.</summary>
/// <param name="Space">The space.</param>
/// <param name="Dimension">Its parameters.</param>
/// <param name="Norm">||w||, over all of them.</param>
/// <param name="Loss">L(w).</param>
public sealed record SpaceReport(SharpnessSpace Space, int Dimension, double Norm, double Loss)
{
    /// <summary><see cref="SharpnessInstrument.Expected"/>: the mean rise of the loss under noise.</summary>
    public SampleMean? Expected { get; init; }

    /// <summary><see cref="SharpnessInstrument.WorstCase"/>: the rise at the radius, up the gradient.</summary>
    public WorstCaseSharpness? WorstCase { get; init; }

    /// <summary>
    /// The step of the differences that Hessian products were made of (<see cref="SurfaceProbe.Step"/>); null where there were none.
    /// </summary>
    public double? DifferenceStep { get; init; }

    /// <summary><see cref="SharpnessInstrument.Eigenvalue"/>: the Hessian's largest.</summary>
    public TopEigenvalue? Eigenvalue { get; init; }

    /// <summary><see cref="SharpnessInstrument.Critical"/>: the curvature along the direction of the update.</summary>
    public CriticalSharpness? Critical { get; init; }

    /// <summary><see cref="SharpnessInstrument.Spectrum"/>: the density of the Hessian's eigenvalues.</summary>
    public LanczosSpectrum? Spectrum { get; init; }

    /// <summary><see cref="SharpnessInstrument.Trace"/>: the Hessian's, estimated from random directions.</summary>
    public SampleMean? Trace { get; init; }

    /// <summary><see cref="SharpnessInstrument.Line"/>: the loss along a random direction.</summary>
    public LossLandscape? Line { get; init; }

    /// <summary><see cref="SharpnessInstrument.Plane"/>: the loss over a plane of two random directions.</summary>
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
public sealed record AdapterReport(
    string Name, string Folder, int Rows, IReadOnlyList<LayerReport> Layers, IReadOnlyList<SpaceReport> Spaces, bool Complete)
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
