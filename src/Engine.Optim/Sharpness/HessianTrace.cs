namespace Engine.Optim.Sharpness;

/// <summary>
/// The Hessian's trace as Hutchinson estimates it: the mean of z^T H z, z Rademacher (Hutchinson 1990). A sample's variance is 2 sum_(i !=
/// j) H_ij^2.
/// </summary>
internal static class HessianTrace
{
    /// <summary>Two gradients a sample.</summary>
    public static SampleMean Measure(SurfaceProbe probe, int samples, ulong seed)
    {
        VectorSpace space = probe.Space;
        using SurfaceVector z = space.Create(), product = space.Create();
        var forms = new double[samples];
        for (int sample = 0; sample < samples; sample++)
        {
            space.FillSigns(z, seed, (uint)sample);
            space.Scale(1 / Math.Sqrt(space.Dimension), z);
            probe.HessianProduct(z, product);
            forms[sample] = space.Dimension * space.Dot(z, product);
        }

        return SampleMean.Of(forms);
    }
}
