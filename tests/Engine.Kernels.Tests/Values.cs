namespace Engine.Kernels.Tests;

/// <summary>Seeded values for tests.</summary>
internal static class Values
{
    /// <summary>Uniform in [-scale, scale).</summary>
    public static float[] Uniform(int seed, int count, float scale = 1f)
    {
        var random = new Random(seed);
        var values = new float[count];
        for (int i = 0; i < count; i++)
        {
            values[i] = ((2 * random.NextSingle()) - 1) * scale;
        }

        return values;
    }
}
