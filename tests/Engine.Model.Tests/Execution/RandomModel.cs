using Engine.Graph;
using Engine.Kernels.Tests;
using Engine.Model.Architectures;
using Engine.Safetensors;

namespace Engine.Model.Tests.Execution;

/// <summary>Models of random weights, held against a computation in double precision on the same numbers.</summary>
internal static class RandomModel
{
    /// <summary>Random parameters under their names; norms near what they start at.</summary>
    public static Dictionary<string, double[]> Write(Architecture architecture, string path)
    {
        var writer = new SafetensorsWriter();
        Dictionary<string, double[]> parameters = new(StringComparer.Ordinal);
        foreach ((int index, ParameterSpec spec) in architecture.Parameters.Index())
        {
            double middle = spec.Initialization == ParameterInitialization.Ones ? 1 : 0;
            float[] values = Numbers.Values(100 + index, spec.Shape.Count, 0.4, middle);
            parameters.Add(spec.Name, values.Double());
            writer.Add(spec.Name, [.. spec.Shape.Dimensions.ToArray().Select(size => (long)size)], values);
        }

        writer.Write(path);
        return parameters;
    }

    /// <summary>Holds the gradient of every parameter, along a random direction, against the slope of the loss.</summary>
    /// <param name="loaded">The model, after a run with gradients.</param>
    /// <param name="parameters">What <paramref name="loss"/> is computed from.</param>
    public static void CheckSlopes(LoadedModel loaded, Dictionary<string, double[]> parameters, Func<double> loss)
    {
        // Central differences of a step of 1e-4 along unit directions leave 1e-7, and float32 3e-6 of a typical slope, on cpu and PoCL.
        const double Step = 1e-4;
        Assert.All(loaded.Model.Architecture.Parameters, spec =>
        {
            double[] values = parameters[spec.Name], start = [.. values];
            double[] direction = Numbers.Values(7, values.Length).Double();
            double norm = Math.Sqrt(direction.Sum(value => value * value));
            double Along(double step)
            {
                for (int i = 0; i < values.Length; i++)
                {
                    values[i] = start[i] + (step * direction[i] / norm);
                }

                return loss();
            }

            double slope = (Along(Step) - Along(-Step)) / (2 * Step);
            start.CopyTo(values, 0);
            Variable gradient = loaded.Model.Trainables!.Entries.Single(entry => entry.Name == spec.Name).Value.Gradient!;
            float[] all = gradient.View<float>().ToArray();
            double actual = all.Zip(direction, (g, d) => g * d / norm).Sum();
            double typical = Math.Sqrt(all.Sum(value => (double)value * value) / all.Length);

            // The padding token's embedding has no gradient, and no text has that token.
            Assert.True(Math.Abs(slope - actual) <= 1e-6 + (2e-5 * typical), $"{spec.Name}: {actual}, not {slope}");
        });
    }
}
