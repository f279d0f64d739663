using Engine.Graph;
using Engine.Model.Adapters;
using Engine.Model.Architectures;
using Engine.Model.Execution;
using Engine.Model.Loading;

namespace Engine.Bench;

/// <summary>Weights of a model whose numbers do not matter.</summary>
internal static class RandomWeights
{
    /// <summary>
    /// Fills matrices with uniform numbers of deviation 0.02, the same million over and over, and vectors as the architecture initialises
    /// them.
    /// </summary>
    public static void Fill(TransformerModel model)
    {
        const int Chunk = 1 << 20;
        var random = new Random(1);
        var values = new float[Chunk];
        for (int i = 0; i < Chunk; i++)
        {
            values[i] = 0.02f * MathF.Sqrt(12) * (random.NextSingle() - 0.5f);
        }

        foreach (ParameterSpec spec in model.Architecture.Parameters)
        {
            Variable variable = model.Parameter(spec.Name);
            if (spec.Shape.Rank == 1)
            {
                ModelWeights.Write(
                    variable, [.. Enumerable.Repeat(spec.Initialization == ParameterInitialization.Ones ? 1f : 0f, (int)spec.Shape.Count)]);
                continue;
            }

            for (long first = 0; first < spec.Shape.Count; first += Chunk)
            {
                var count = (int)Math.Min(Chunk, spec.Shape.Count - first);
                ModelWeights.Write(variable.Block.Overlay(spec.Name, new Shape(count), variable, first), values.AsSpan(0, count));
            }
        }

        AdapterInitialization.Start(model, seed: 1);
    }
}
