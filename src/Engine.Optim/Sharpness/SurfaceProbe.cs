namespace Engine.Optim.Sharpness;

/// <summary>
/// Looks at a loss surface around the point it is at: losses, gradients and Hessian products at displacements from it. The point is put
/// back, bit for bit, when the probe is disposed.
/// </summary>
internal sealed class SurfaceProbe : IDisposable
{
    /// <summary>
    /// The longest step of central differences of gradients for directions of length 1, relative to 1 + ||w||: the cube root of float32's
    /// epsilon, which balances round-off against the third derivative where that is no larger than the second.
    /// </summary>
    public const double LongestStep = 5e-3;

    /// <summary>The most steps that are tried, each a quarter of the one before.</summary>
    public const int StepTrials = 6;

    /// <summary>Two steps agree where the curvatures they give differ by less than this part.</summary>
    private const double Agreement = 0.01;

    /// <summary>What a gradient costs, in forward passes: the backward pass is about two.</summary>
    public const int GradientPasses = 3;

    private readonly ILossSurface surface;
    private readonly Action<int> onPasses;
    private readonly CancellationToken cancellationToken;
    private readonly SurfaceVector scratch;
    private double? step;

    /// <param name="onPasses">Told of each evaluation's cost in forward passes.</param>
    public SurfaceProbe(ILossSurface surface, Action<int>? onPasses = null, CancellationToken cancellationToken = default)
    {
        this.surface = surface;
        this.onPasses = onPasses ?? (_ => { });
        this.cancellationToken = cancellationToken;
        Origin = Space.Create();
        scratch = Space.Create();
        Space.Copy(surface.Point, Origin);
        OriginNorm = Space.Norm(Origin);

        // What everything else is held against is never left out.
        OriginLoss = surface.Loss();
        this.onPasses(1);
        if (!double.IsFinite(OriginLoss))
        {
            throw new InvalidDataException(
                $"The loss is {OriginLoss} before anything is perturbed: the weights hold numbers that are not finite, "
                    + "or have grown too large.");
        }
    }

    public VectorSpace Space => surface.Space;

    /// <summary>The point, copied.</summary>
    public SurfaceVector Origin { get; }

    /// <summary>||w||.</summary>
    public double OriginNorm { get; }

    /// <summary>The loss at the point.</summary>
    public double OriginLoss { get; }

    /// <summary>
    /// h of <see cref="HessianProduct"/>, found where it is first asked for: steps are shortened until two of them see the same curvature
    /// along the gradient, and the shorter one is taken.
    /// </summary>
    public double Step => step ??= FindStep();

    /// <summary>The same where it has been found; else null.</summary>
    public double? FoundStep => step;

    /// <summary>The loss at w plus factor times each direction.</summary>
    public double LossAt(params ReadOnlySpan<(SurfaceVector Direction, double Factor)> displacement)
    {
        Move(displacement);
        return Loss();
    }

    /// <summary>The loss at w + factor * direction in one layer, w in the others.</summary>
    public double LossAt(SurfaceVector direction, double factor, string layer)
    {
        Move([]);
        Space.AddScaled(factor, direction, surface.Point, layer);
        return Loss();
    }

    /// <summary>Writes the gradient at w plus factor times each direction; returns the loss there.</summary>
    public double GradientAt(SurfaceVector gradient, params ReadOnlySpan<(SurfaceVector Direction, double Factor)> displacement)
    {
        Move(displacement);
        cancellationToken.ThrowIfCancellationRequested();
        double loss = surface.Gradient(gradient);
        onPasses(GradientPasses);
        return loss;
    }

    /// <summary>product = H v by central differences of the gradient: (g(w + h v) - g(w - h v)) / 2h. Two gradients.</summary>
    /// <param name="v">A direction of length 1.</param>
    /// <param name="step">h; null: <see cref="Step"/>.</param>
    public void HessianProduct(SurfaceVector v, SurfaceVector product, double? step = null)
    {
        double h = step ?? Step;
        GradientAt(product, (v, h));
        GradientAt(scratch, (v, -h));
        Space.AddScaled(-1, scratch, product);
        Space.Scale(1 / (2 * h), product);
    }

    public void Dispose()
    {
        Move([]);
        Origin.Dispose();
        scratch.Dispose();
    }

    /// <summary>Where no two steps agree, the shorter of the two that come nearest to it.</summary>
    private double FindStep()
    {
        using SurfaceVector direction = Space.Create(), product = Space.Create();
        GradientAt(direction);
        if (!Space.Normalize(direction))
        {
            Space.FillNormals(direction, 0, 0);
            Space.Normalize(direction);
        }

        double h = LongestStep * (1 + OriginNorm), best = h, least = double.PositiveInfinity;
        double curvature = Curvature(h);
        for (int trial = 1; trial < StepTrials && least > Agreement; trial++)
        {
            h /= 4;
            double shorter = Curvature(h);
            double difference = shorter == curvature ? 0 : Math.Abs((shorter - curvature) / shorter);
            (least, best) = difference < least ? (difference, h) : (least, best);
            curvature = shorter;
        }

        return best;

        double Curvature(double h)
        {
            HessianProduct(direction, product, h);
            return Space.Dot(direction, product);
        }
    }

    private double Loss()
    {
        cancellationToken.ThrowIfCancellationRequested();
        double loss = surface.Loss();
        onPasses(1);
        return loss;
    }

    private void Move(ReadOnlySpan<(SurfaceVector Direction, double Factor)> displacement)
    {
        Space.Copy(Origin, surface.Point);
        foreach ((SurfaceVector direction, double factor) in displacement)
        {
            Space.AddScaled(factor, direction, surface.Point);
        }
    }
}
