using Engine.Graph;

namespace Engine.Model.Execution;

/// <summary>A LoRA adapter to be put on a linear layer (Hu et al. 2021, arXiv 2106.09685).</summary>
/// <param name="Module">The layer's module path.</param>
/// <param name="Rank">r.</param>
/// <param name="Scale">alpha / r, or alpha / sqrt(r) for rsLoRA.</param>
/// <param name="Dropout">Probability of dropping an input element of the adapter's branch.</param>
public sealed record LoraTarget(string Module, int Rank, float Scale, float Dropout);

/// <summary>A linear layer with an adapter: y = x W^T + scale (x A^T) B^T.</summary>
public sealed class LoraLinear
{
    internal LoraLinear(LoraTarget target, int index, Variable weight, Variable a, Variable b, Variable groupA, int groupOffset)
    {
        Module = target.Module;
        Index = index;
        Rank = target.Rank;
        Scale = target.Scale;
        Dropout = target.Dropout;
        Weight = weight;
        A = a;
        B = b;
        GroupA = groupA;
        GroupOffset = groupOffset;
    }

    public string Module { get; }

    /// <summary>Number of the adapted layer in model order: its stream of seeded noise.</summary>
    public int Index { get; }

    public int Rank { get; }

    public float Scale { get; }

    public float Dropout { get; }

    /// <summary>The frozen weight [out, in].</summary>
    public Variable Weight { get; }

    /// <summary>[rank, in].</summary>
    public Variable A { get; }

    /// <summary>[out, rank].</summary>
    public Variable B { get; }

    /// <summary>The A of every adapter that reads the same input, one below the other.</summary>
    public Variable GroupA { get; }

    /// <summary>The first row of <see cref="A"/> in <see cref="GroupA"/>.</summary>
    public int GroupOffset { get; }
}
