namespace Engine.Optim.Sharpness;

/// <summary>
/// The Hessian's eigenvalue of largest magnitude by power iteration, v = H v / ||H v||, lambda = v^T H v.
/// </summary>
/// <param name="Value">lambda.</param>
/// <param name="Iterations">Hessian products that it took.</param>
/// <param name="Converged">Whether the last two values differ by less than the tolerance; else the number of iterations ran out.</param>
/// <param name="Plateau">v^T H v at the same v with a step of differences of h / 4, h and 4 h: alike where neither round-off nor the third
/// derivative shows.</param>
public sealed record TopEigenvalue(double Value, int Iterations, bool Converged, IReadOnlyList<double> Plateau)
{
    /// <summary>Relative change of the value below which the iteration ends.</summary>
    public const double Tolerance = 1e-3;

    /// <summary>
    /// The largest difference between the values of <see cref="Plateau"/>, relative to <see cref="Value"/>; 0 for a Hessian of zero.
    /// </summary>
    public double PlateauSpread => Value == 0 ? 0 : (Plateau.Max() - Plateau.Min()) / Math.Abs(Value);

    /// <summary>Two gradients an iteration, and four more.</summary>
    internal static TopEigenvalue Measure(SurfaceProbe probe, int maxIterations, ulong seed)
    {
        VectorSpace space = probe.Space;
        using SurfaceVector v = space.Create(), product = space.Create();
        space.FillNormals(v, seed, 0);
        space.Normalize(v);
        double value = 0;
        for (int iteration = 1; ; iteration++)
        {
            probe.HessianProduct(v, product);
            double previous = value;
            value = space.Dot(v, product);
            bool converged = iteration > 1 && Math.Abs(value - previous) <= Tolerance * Math.Abs(value);
            if (converged || iteration == maxIterations || !space.Normalize(product))
            {
                return new TopEigenvalue(value, iteration, converged, [Curvature(0.25), value, Curvature(4)]);
            }

            space.Copy(product, v);
        }

        double Curvature(double factor)
        {
            probe.HessianProduct(v, product, factor * probe.Step);
            return space.Dot(v, product);
        }
    }
}
