namespace Engine.Optim.Sharpness;

/// <summary>
/// The loss along one or two random directions, each of whose filters (rows) is as long as the weights' (Li et al. 2018, arXiv 1712.09913):
/// what is seen does not depend on how a network scales its layers. Directions depend on seed, tensor and shape alone, so that models of
/// one shape are seen along the same ones.
/// </summary>
/// <param name="Coordinates">a of w + a d, along each axis.</param>
/// <param name="Losses">[point] on a line: one row; [second coordinate][first coordinate] on a plane. Not finite where the loss is
/// not.</param>
public sealed record LossLandscape(IReadOnlyList<double> Coordinates, IReadOnlyList<IReadOnlyList<double>> Losses)
{
    /// <summary>f(a) = L(w + a d).</summary>
    /// <param name="range">a goes from -range to range.</param>
    internal static LossLandscape Line(SurfaceProbe probe, double range, int points, ulong seed)
    {
        using SurfaceVector first = probe.Space.Create();
        probe.Space.FillDirection(first, probe.Origin, seed, 0);
        double[] coordinates = Steps(range, points);
        return new LossLandscape(coordinates, [[.. coordinates.Select(a => probe.LossAt((first, a)))]]);
    }

    /// <summary>f(a, b) = L(w + a d + b e), d that of <see cref="Line"/>.</summary>
    internal static LossLandscape Plane(SurfaceProbe probe, double range, int points, ulong seed)
    {
        using SurfaceVector first = probe.Space.Create(), second = probe.Space.Create();
        probe.Space.FillDirection(first, probe.Origin, seed, 0);
        probe.Space.FillDirection(second, probe.Origin, seed, 1);
        double[] coordinates = Steps(range, points);
        return new LossLandscape(
            coordinates,
            [.. coordinates.Select(b => (IReadOnlyList<double>)[.. coordinates.Select(a => probe.LossAt((first, a), (second, b)))])]);
    }

    private static double[] Steps(double range, int points) => points == 1
        ? [0]
        : [.. Enumerable.Range(0, points).Select(i => range * ((2.0 * i / (points - 1)) - 1))];
}
