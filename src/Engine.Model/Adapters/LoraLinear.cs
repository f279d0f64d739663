using Engine.Graph;
using Engine.Model.Architectures;
using Engine.Model.Forms;

namespace Engine.Model.Adapters;

/// <summary>A LoRA adapter to be put on a linear layer (Hu et al. 2021, arXiv 2106.09685).</summary>
/// <param name="Module">The layer's module path.</param>
/// <param name="Rank">r.</param>
/// <param name="Scale">alpha / r, or alpha / sqrt(r) for rsLoRA.</param>
/// <param name="Dropout">Probability of dropping an input element of the adapter's branch.</param>
/// <param name="UseDora">DoRA: the row norms of the adapted weight are parameters of their own.</param>
internal sealed record LoraTarget(string Module, int Rank, float Scale, float Dropout, bool UseDora = false)
{
    /// <summary>What the adapter computes where it is more than LoRA; null: LoRA or DoRA.</summary>
    public AdapterForm? Form { get; init; }
}

/// <summary>The factors of an adapter, and with DoRA its magnitudes.</summary>
/// <param name="A">[rank, in].</param>
/// <param name="B">[out, rank].</param>
/// <param name="Magnitude">[out]; null without DoRA.</param>
/// <param name="BaseNorm">Squared norms of the frozen weight's rows [out], kept for DoRA; null without.</param>
internal sealed record LoraVariables(Variable A, Variable B, Variable? Magnitude, Variable? BaseNorm);

/// <summary>A pair of factors of a layer.</summary>
/// <param name="A">[rank, in].</param>
/// <param name="B">[out, rank].</param>
internal sealed record LoraFactors(Variable A, Variable B);

/// <summary>
/// A linear layer with an adapter: y = x W^T + scale (x A^T) B^T; with DoRA, W + scale B A has its rows rescaled to the magnitudes; with a
/// <see cref="Form"/> as that has it.
/// </summary>
public sealed class LoraLinear
{
    internal LoraLinear(LoraTarget target, int index, Variable weight, LoraVariables variables, Variable groupA)
    {
        Module = target.Module;
        Index = index;
        Rank = target.Rank;
        Scale = target.Scale;
        Dropout = target.Dropout;
        Weight = weight;
        A = variables.A;
        B = variables.B;
        Magnitude = variables.Magnitude;
        BaseNorm = variables.BaseNorm;
        GroupA = groupA;
        Form = target.Form;
    }

    /// <summary>The layer's module path, as the checkpoint names it.</summary>
    public string Module { get; }

    /// <summary>Number of the adapted layer in model order: its stream of seeded noise and of LoRA dropout.</summary>
    public int Index { get; }

    /// <summary>r.</summary>
    public int Rank { get; }

    /// <summary>What the adapter computes where it is more than LoRA; null: LoRA or DoRA.</summary>
    internal AdapterForm? Form { get; }

    /// <summary>What B A is multiplied by: alpha / r, or alpha / sqrt(r) for rsLoRA (PEFT's <c>use_rslora</c>).</summary>
    public float Scale { get; }

    /// <summary>Probability of dropping an element of the adapter's input (PEFT's <c>lora_dropout</c>).</summary>
    public float Dropout { get; }

    /// <summary>The frozen weight [out, in].</summary>
    public Variable Weight { get; }

    /// <summary>[rank, in].</summary>
    public Variable A { get; }

    /// <summary>[out, rank], or with a form's heads [out, heads * rank].</summary>
    public Variable B { get; }

    /// <summary>DoRA's magnitudes [out]; null without DoRA.</summary>
    public Variable? Magnitude { get; }

    /// <summary>
    /// Squared norms of the rows of <see cref="Weight"/> [out], written when the adapter is started or loaded; null without DoRA.
    /// </summary>
    public Variable? BaseNorm { get; }

    /// <summary>The A of every adapter that reads the same input, one below the other in model order.</summary>
    public Variable GroupA { get; }

    /// <summary>Every tensor of the adapter, A and B first. Layers may share one.</summary>
    public IEnumerable<Variable> Tensors => new[] { A, B, Magnitude }.OfType<Variable>().Concat(Own.Values);

    /// <summary>The tensors of the adapter's form, by their names in the layer.</summary>
    internal Dictionary<string, Variable> Own { get; } = new(StringComparer.Ordinal);

    /// <summary>What the adapter's form keeps on the host for its file.</summary>
    internal Dictionary<string, float[]> Kept { get; } = new(StringComparer.Ordinal);

    /// <summary>Tensors that a method gives the adapter's form beside the trained ones, by the form's names for them.</summary>
    internal Dictionary<string, Variable> Given { get; } = new(StringComparer.Ordinal);

    /// <summary>
    /// Pairs that training has moved from the adapter into <see cref="Weight"/>, set by the method that does so; zero until then. What
    /// training made is their sum with the adapter's own, and an adapter file holds all of them.
    /// </summary>
    internal IReadOnlyList<LoraFactors> Merged { get; set; } = [];

    /// <summary>Whether the adapter started from a part of the frozen weight, which is now without it (PiSSA).</summary>
    public bool IsReduced => Removed is not null;

    /// <summary>
    /// The factors the frozen weight was reduced by (PiSSA: W0 - scale B A is what is frozen), on the host; null where it is the
    /// checkpoint's own. An adapter file takes them back out.
    /// </summary>
    internal (float[] A, float[] B)? Removed { get; set; }

    internal LinearSpec Linear => new(Module, Weight.Shape.Rows, Weight.Shape.Columns);

    /// <summary>A tensor of the layer by its name in it.</summary>
    /// <exception cref="ArgumentException">The adapter's form has no such tensor.</exception>
    internal Variable Tensor(string part) => part switch
    {
        StoredPart.A => A,
        StoredPart.B => B,
        _ => Own.TryGetValue(part, out Variable? variable)
            ? variable
            : throw new ArgumentException($"The adapter on {Module} has no tensor '{part}'."),
    };
}
