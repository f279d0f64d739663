using Engine.Common;

namespace Engine.Optim.Sharpness;

/// <summary>What is measured of a trained adapter.</summary>
public enum SharpnessInstrument
{
    /// <summary><see cref="ExpectedSharpness"/>.</summary>
    Expected,

    /// <summary><see cref="WorstCaseSharpness"/>.</summary>
    WorstCase,

    /// <summary><see cref="TopEigenvalue"/>.</summary>
    Eigenvalue,

    /// <summary><see cref="CriticalSharpness"/>.</summary>
    Critical,

    /// <summary><see cref="LanczosSpectrum"/>.</summary>
    Spectrum,

    /// <summary><see cref="HessianTrace"/>.</summary>
    Trace,

    /// <summary><see cref="LossLandscape.Line"/>.</summary>
    Line,

    /// <summary><see cref="LossLandscape.Plane"/>.</summary>
    Plane,

    /// <summary>Balancedness and effective rank of each layer (<see cref="UpdateGeometry"/>).</summary>
    Layers,

    /// <summary><see cref="IntruderDimensions"/>.</summary>
    Intruders,

    /// <summary>The task's metrics under noise in the base weights of the adapted layers (<see cref="AdapterReport.Noise"/>).</summary>
    Noise,
}

/// <summary>The parameters that a loss is looked at as a function of.</summary>
public enum SharpnessSpace
{
    /// <summary>The adapter's own: A, B and DoRA's magnitudes.</summary>
    Adapter,

    /// <summary>The whole weights of the adapted layers, the adapter merged.</summary>
    Weights,
}

/// <summary>What is measured, where, and how closely.</summary>
public sealed record SharpnessOptions
{
    private const int LargestGrid = 10_000;
    private const int MostOfOne = 1_000_000;

    /// <summary>What is measured; all of it unless chosen.</summary>
    public IReadOnlyList<SharpnessInstrument> Instruments { get; init; } = Enum.GetValues<SharpnessInstrument>();

    /// <summary>Where it is measured; in both spaces unless chosen.</summary>
    public IReadOnlyList<SharpnessSpace> Spaces { get; init; } = Enum.GetValues<SharpnessSpace>();

    /// <summary>
    /// Relative size of the noise of <see cref="SharpnessInstrument.Expected"/> and <see cref="SharpnessInstrument.Noise"/>.
    /// </summary>
    public double Sigma { get; init; } = 0.05;

    /// <summary>Radius of <see cref="SharpnessInstrument.WorstCase"/>.</summary>
    public double Rho { get; init; } = 0.05;

    /// <summary>Steps of its ascent.</summary>
    public int AscentSteps { get; init; } = 20;

    /// <summary>
    /// Pairs of <see cref="SharpnessInstrument.Expected"/>, samples of <see cref="SharpnessInstrument.Trace"/>, draws of <see
    /// cref="SharpnessInstrument.Noise"/>.
    /// </summary>
    public int Samples { get; init; } = 30;

    /// <summary>The most iterations of <see cref="SharpnessInstrument.Eigenvalue"/>.</summary>
    public int Iterations { get; init; } = 50;

    /// <summary>Steps of <see cref="SharpnessInstrument.Spectrum"/>.</summary>
    public int LanczosSteps { get; init; } = 30;

    /// <summary>Points of <see cref="SharpnessInstrument.Line"/>.</summary>
    public int Points { get; init; } = 51;

    /// <summary>Points of <see cref="SharpnessInstrument.Plane"/> along each axis.</summary>
    public int Grid { get; init; } = 15;

    /// <summary>How far landscapes reach on either side, in lengths of the weights.</summary>
    public double Range { get; init; } = 1;

    /// <summary>Seed of every random direction.</summary>
    public ulong Seed { get; init; } = 1;

    /// <exception cref="ConfigurationException">A number out of its range, or nothing to measure.</exception>
    public void Validate()
    {
        Require(Instruments.Count > 0
            && Spaces.Count > 0, $"Nothing is to be measured: at least one instrument and one space were expected.");
        Require(Instruments.All(Enum.IsDefined)
            && Spaces.All(Enum.IsDefined), $"An instrument or a space is none of those that are measured.");
        Require(double.IsFinite(Sigma) && Sigma > 0, $"{nameof(Sigma)} is {Sigma}; a number above 0 was expected.");
        Require(double.IsFinite(Rho) && Rho > 0, $"{nameof(Rho)} is {Rho}; a number above 0 was expected.");
        Require(double.IsFinite(Range) && Range > 0, $"{nameof(Range)} is {Range}; a number above 0 was expected.");
        Require(Samples >= 2, $"{nameof(Samples)} is {Samples}; at least 2 were expected, since one has no standard error.");
        Require(Iterations >= 2, $"{nameof(Iterations)} is {Iterations}; at least 2 were expected, since convergence is seen between two.");
        Require(LanczosSteps >= 1, $"{nameof(LanczosSteps)} is {LanczosSteps}; at least 1 was expected.");
        Require(AscentSteps >= 1, $"{nameof(AscentSteps)} is {AscentSteps}; at least 1 was expected.");
        Require(Points >= 2 && Grid >= 2, $"{nameof(Points)} is {Points} and {nameof(Grid)} {Grid}; at least 2 of each were expected.");
        Require(
            Grid <= LargestGrid, $"{nameof(Grid)} is {Grid}; at most {LargestGrid} were expected, since a plane takes the square of it.");
        foreach ((string name, int count) in (ReadOnlySpan<(string, int)>)[(nameof(Samples), Samples), (nameof(Iterations), Iterations),
            (nameof(LanczosSteps), LanczosSteps), (nameof(AscentSteps), AscentSteps), (nameof(Points), Points)])
        {
            Require(count <= MostOfOne, $"{name} is {count}; at most {MostOfOne} were expected.");
        }
    }

    /// <summary>
    /// Forward passes over the evaluation set that the instruments take in one space of <paramref name="layers"/> layers, at most.
    /// </summary>
    public long PassesOfSpace(int layers)
    {
        const int Gradient = SurfaceProbe.GradientPasses;
        bool needsStep = Instruments.Any(
            instrument => instrument is SharpnessInstrument.Eigenvalue or SharpnessInstrument.Spectrum or SharpnessInstrument.Trace);
        int ofStep = needsStep ? Gradient + (2 * Gradient * SurfaceProbe.StepTrials) : 0;
        return 1 + ofStep + Instruments.Distinct().Sum(instrument => (long)(instrument switch
        {
            SharpnessInstrument.Expected => 2 * Samples,
            SharpnessInstrument.WorstCase => 2 + layers + (Gradient * AscentSteps),
            SharpnessInstrument.Eigenvalue => 2 * Gradient * (Iterations + 2),
            SharpnessInstrument.Critical => Gradient + CriticalSharpness.MostPasses,
            SharpnessInstrument.Spectrum => 2 * Gradient * LanczosSteps,
            SharpnessInstrument.Trace => 2 * Gradient * Samples,
            SharpnessInstrument.Line => Points,
            SharpnessInstrument.Plane => Grid * Grid,
            _ => 0,
        }));
    }

    private static void Require(bool holds, FormattableString otherwise)
    {
        if (!holds)
        {
            throw new ConfigurationException(FormattableString.Invariant(otherwise));
        }
    }
}
