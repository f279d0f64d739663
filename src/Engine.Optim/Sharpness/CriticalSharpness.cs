namespace Engine.Optim.Sharpness;

/// <summary>
/// The curvature that a step of gradient descent meets (arXiv 2601.16979): lambda_c = 2 / eta_c, eta_c the smallest rate at which the loss
/// at w - eta g is higher than at w. On a quadratic surface it is g^T H g / ||g||^2.
/// </summary>
/// <param name="Value">lambda_c; 0 where no rate that was tried raises the loss, NaN where there is no gradient.</param>
/// <param name="Rate">eta_c; infinite where no rate that was tried raises the loss.</param>
/// <param name="Lower">The largest rate tried that does not raise the loss; 0 for none.</param>
/// <param name="Upper">The smallest rate tried that does.</param>
/// <param name="Passes">Forward passes that it took, beside the gradient's.</param>
public sealed record CriticalSharpness(double Value, double Rate, double Lower, double Upper, int Passes)
{
    /// <summary>The most doublings or halvings of the first guess.</summary>
    private const int Doublings = 12;

    /// <summary>
    /// Halvings of the bracket's ratio, in logarithms: from 2 to 2^(1/8), so that either end is within 9 percent of eta_c.
    /// </summary>
    private const int Bisections = 3;

    /// <summary>A loss for the guess, one for each doubling and bisection, at most.</summary>
    public const int MostPasses = 1 + Doublings + Bisections;

    /// <summary>
    /// Along the negative gradient, not an optimizer's direction: that takes moments, which no adapter's folder holds. A short step gives
    /// the curvature there and with it a guess of eta_c; doubling or halving from the guess brackets it, and bisection narrows the
    /// bracket. Where the surface is nearly quadratic that is 6 forward passes. In the bracket the rise is taken for linear.
    /// </summary>
    public static CriticalSharpness Measure(SurfaceProbe probe)
    {
        using SurfaceVector gradient = probe.Space.Create();
        probe.GradientAt(gradient);
        double norm = probe.Space.Norm(gradient);
        if (norm == 0)
        {
            return new CriticalSharpness(double.NaN, double.NaN, 0, double.NaN, 0);
        }

        int passes = 0;
        double shortest = SurfaceProbe.LongestStep * (1 + probe.OriginNorm) / norm;
        double curvature = 2 * (Rise(shortest) + (shortest * norm * norm)) / (shortest * shortest);
        double guess = curvature > 0 && double.IsFinite(curvature) ? 2 * norm * norm / curvature : shortest;

        // A loss that is no number counts as risen.
        (double Rate, double Rise) lower = (0, 0), upper = (double.PositiveInfinity, double.NaN);
        double rate = guess * Math.Sqrt(2);
        for (int trial = 0; trial < Doublings && (lower.Rate == 0 || double.IsInfinity(upper.Rate)); trial++)
        {
            double rise = Rise(rate);
            (lower, upper) = rise <= 0 ? ((rate, rise), upper) : (lower, (rate, rise));
            rate = rise <= 0 ? rate * 2 : rate / 2;
        }

        if (double.IsInfinity(upper.Rate))
        {
            return new CriticalSharpness(0, upper.Rate, lower.Rate, upper.Rate, passes);
        }

        for (int bisection = 0; bisection < Bisections && lower.Rate > 0; bisection++)
        {
            rate = Math.Sqrt(lower.Rate * upper.Rate);
            double rise = Rise(rate);
            (lower, upper) = rise <= 0 ? ((rate, rise), upper) : (lower, (rate, rise));
        }

        double share = double.IsFinite(upper.Rise) && lower.Rate > 0 ? -lower.Rise / (upper.Rise - lower.Rise) : 0.5;
        double critical = lower.Rate + (share * (upper.Rate - lower.Rate));
        return new CriticalSharpness(2 / critical, critical, lower.Rate, upper.Rate, passes);

        double Rise(double rate)
        {
            passes++;
            return probe.LossAt((gradient, -rate)) - probe.OriginLoss;
        }
    }
}
