namespace Engine.Optim.Sharpness;

/// <summary>
/// How much the loss rises on average under filter-normalised Gaussian noise, E[L(w + e)] - L(w) with e_ij ~ N(0, sigma^2 / n ||w_i||^2):
/// the noise of Flat-LoRA (Li et al., ICML 2025, arXiv 2409.14396). Samples come in pairs +e, -e, whose mean has no linear term; for small
/// sigma the value is 1/2 sum_ij sigma^2 / n ||w_i||^2 H_(ij)(ij).
/// </summary>
internal static class ExpectedSharpness
{
    /// <summary>Two losses a pair.</summary>
    public static SampleMean Measure(SurfaceProbe probe, double sigma, int pairs, ulong seed)
    {
        using SurfaceVector noise = probe.Space.Create();
        var rises = new double[pairs];
        for (int pair = 0; pair < pairs; pair++)
        {
            probe.Space.FillNoise(noise, probe.Origin, sigma, seed, (uint)pair);
            rises[pair] = ((probe.LossAt((noise, 1)) + probe.LossAt((noise, -1))) / 2) - probe.OriginLoss;
        }

        return SampleMean.Of(rises);
    }
}
