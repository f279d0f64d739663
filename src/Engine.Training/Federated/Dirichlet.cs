using Engine.Devices;

namespace Engine.Training.Federated;

/// <summary>Draws from a symmetric Dirichlet distribution: gamma draws over their sum.</summary>
internal static class Dirichlet
{
    /// <summary>Shares that sum to 1.</summary>
    /// <param name="generator">Its blocks from 0 on are used up.</param>
    public static double[] Draw(PhiloxGenerator generator, int count, double concentration)
    {
        ulong block = 0;
        double[] logs = [.. Enumerable.Range(0, count).Select(_ => LogGamma(generator, ref block, concentration))];

        // A small concentration makes draws far below the smallest double; their logarithms stay finite.
        double largest = logs.Max();
        double[] shares = [.. logs.Select(log => Math.Exp(log - largest))];
        double sum = shares.Sum();
        return [.. shares.Select(share => share / sum)];
    }

    /// <summary>
    /// The logarithm of a gamma draw (Marsaglia and Tsang 2000, "A simple method for generating gamma variables"); a shape below 1 goes by
    /// G(a) = G(a + 1) U^(1/a).
    /// </summary>
    private static double LogGamma(PhiloxGenerator generator, ref ulong block, double shape)
    {
        double boost = 0;
        if (shape < 1)
        {
            boost = Math.Log(PhiloxGenerator.ToUniform(generator.Block(block++).X)) / shape;
            shape++;
        }

        double d = shape - (1.0 / 3), c = 1 / Math.Sqrt(9 * d);
        Span<double> normal = stackalloc double[1];
        while (true)
        {
            // The normal comes from the block's first two words.
            generator.FillNormals(normal, 4 * block);
            double uniform = PhiloxGenerator.ToUniform(generator.Block(block++).Z);
            double x = normal[0], root = 1 + (c * x);
            if (root <= 0)
            {
                continue;
            }

            double logV = 3 * Math.Log(root);
            if (Math.Log(uniform) < (x * x / 2) + (d * (1 - (root * root * root) + logV)))
            {
                return Math.Log(d) + logV + boost;
            }
        }
    }
}
