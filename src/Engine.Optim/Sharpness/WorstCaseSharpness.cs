namespace Engine.Optim.Sharpness;

/// <summary>The worst case in one layer alone.</summary>
/// <param name="GradientNorm">||g|| in this layer.</param>
/// <param name="Rise">L at w + rho g / ||g|| in this layer, less L(w).</param>
public sealed record LayerWorstCase(string Layer, double GradientNorm, double Rise);

/// <summary>
/// How much the loss rises at most within ||e|| &lt;= rho, as far as gradients find it: one step, as SAM takes it (Foret et al. 2021, arXiv
/// 2010.01412), and projected gradient ascent.
/// </summary>
/// <param name="Rho">The radius, over all tensors together.</param>
/// <param name="GradientNorm">||g|| at w.</param>
/// <param name="OneStep">L(w + rho g / ||g||) - L(w); to second order rho ||g|| + rho^2 / 2 g^T H g / ||g||^2.</param>
/// <param name="Ascent">The largest L(w + e) - L(w) found: on the way of the ascent, or by the one step.</param>
/// <param name="AscentSteps">Its steps.</param>
/// <param name="Layers">One step of radius rho in each layer alone.</param>
public sealed record WorstCaseSharpness(
    double Rho, double GradientNorm, double OneStep, double Ascent, int AscentSteps, IReadOnlyList<LayerWorstCase> Layers)
{
    /// <summary>Steps of the ascent go this part of the radius.</summary>
    private const double StepRatio = 0.2;

    /// <summary>A gradient, a loss, a loss for each layer, a gradient for each step of the ascent and a loss at its end.</summary>
    /// <param name="seed">Where the ascent starts from a point without a gradient: a random direction.</param>
    internal static WorstCaseSharpness Measure(SurfaceProbe probe, double rho, int ascentSteps, ulong seed)
    {
        VectorSpace space = probe.Space;
        using SurfaceVector gradient = space.Create();
        probe.GradientAt(gradient);
        double norm = space.Norm(gradient);
        IReadOnlyList<double> layerNorms = space.LayerNorms(gradient);
        double oneStep = norm > 0 ? probe.LossAt((gradient, rho / norm)) - probe.OriginLoss : 0;
        LayerWorstCase[] layers = [.. space.Layers.Zip(layerNorms, (layer, layerNorm) => new LayerWorstCase(
            layer, layerNorm, layerNorm > 0 ? probe.LossAt(gradient, rho / layerNorm, layer) - probe.OriginLoss : 0))];
        return new WorstCaseSharpness(
            rho, norm, oneStep, Math.Max(oneStep, Ascend(probe, gradient, rho, ascentSteps, seed)), ascentSteps, layers);
    }

    /// <summary>e = project(e + rho / 5 g / ||g||), from e = 0; the first gradient is given.</summary>
    private static double Ascend(SurfaceProbe probe, SurfaceVector gradient, double rho, int steps, ulong seed)
    {
        VectorSpace space = probe.Space;
        using SurfaceVector perturbation = space.Create();
        space.Clear(perturbation);
        if (space.Norm(gradient) == 0)
        {
            space.FillNormals(gradient, seed, 0);
        }

        double highest = probe.OriginLoss;
        for (int step = 0; step < steps && space.Norm(gradient) is > 0 and var norm; step++)
        {
            space.AddScaled(StepRatio * rho / norm, gradient, perturbation);
            double length = space.Norm(perturbation);
            if (length > rho)
            {
                space.Scale(rho / length, perturbation);
            }

            double loss = step + 1 < steps ? probe.GradientAt(gradient, (perturbation, 1)) : probe.LossAt((perturbation, 1));
            highest = Math.Max(highest, loss);
        }

        return highest - probe.OriginLoss;
    }
}
