using Engine.Optim.Sharpness;
using Engine.Training.Running;

namespace Engine.Training.Sharpness;

/// <summary>
/// The task's metrics where the base weights of the adapted layers carry noise and the adapter is exact, as HaLoRA's hardware has it
/// (arXiv 2502.19747): W0 + e + s B A, e_ij ~ N(0, sigma^2 / n ||w0_i||^2) for row w0_i of n elements.
/// </summary>
internal static class WeightNoise
{
    /// <summary>Evaluations, a forward pass each.</summary>
    public static int Passes(int draws) => draws + 1;

    /// <summary>The metrics by name. The surface is left where it was.</summary>
    /// <param name="surface">The whole weights of the adapted layers, the adapter merged.</param>
    /// <param name="baseWeights">The same without the adapter: what the noise is relative to.</param>
    /// <param name="evaluator">The surface's data.</param>
    /// <exception cref="TrainingException">An output is not finite.</exception>
    /// <exception cref="OperationCanceledException">Cancelled between two batches.</exception>
    public static IReadOnlyDictionary<string, MetricUnderNoise> Measure(
        ModelSurface surface, SurfaceVector baseWeights, Evaluator evaluator, double sigma, int draws, ulong seed,
        Action<int> onPasses, CancellationToken cancellationToken)
    {
        VectorSpace space = surface.Space;
        using SurfaceVector exact = space.Create(), noise = space.Create();
        space.Copy(surface.Point, exact);
        IReadOnlyDictionary<string, double> clean = Evaluate();
        var noisy = new List<IReadOnlyDictionary<string, double>>();
        try
        {
            for (int draw = 0; draw < draws; draw++)
            {
                space.FillNoise(noise, baseWeights, sigma, seed, (uint)draw);
                space.Copy(exact, surface.Point);
                space.AddScaled(1, noise, surface.Point);
                noisy.Add(Evaluate());
            }
        }
        finally
        {
            space.Copy(exact, surface.Point);
        }

        return clean.ToDictionary(
            metric => metric.Key,
            metric => new MetricUnderNoise(metric.Value, SampleMean.Of([.. noisy.Select(draw => draw[metric.Key])])));

        IReadOnlyDictionary<string, double> Evaluate()
        {
            IReadOnlyDictionary<string, double> metrics = evaluator.Evaluate(surface.Run, cancellationToken).Metrics;
            onPasses(1);
            return metrics;
        }
    }
}
