using Engine.Safetensors;

namespace Engine.Model.Peft;

/// <summary>Changes the merged weight of an adapted layer before it is written.</summary>
/// <param name="module">The layer's name in the model.</param>
/// <param name="original">The base weight [out, in].</param>
/// <param name="merged">The weight with the adapter merged into it [out, in], to be changed in place.</param>
/// <param name="rows">out.</param>
/// <returns>Whether it was changed.</returns>
public delegate bool WeightRevision(string module, float[] original, float[] merged, int rows);

/// <summary>
/// A merged weight as a revision leaves it: made whole when its first element is asked for, and forgotten after its last.
/// </summary>
internal sealed class RevisedWeight(
    string module, TensorFill<float> original, TensorFill<float> merged, int rows, int columns, WeightRevision revision)
{
    private float[]? revised;

    /// <summary>Fills the elements from <paramref name="firstElement"/> on, counted row by row.</summary>
    public void Fill(long firstElement, Span<float> destination)
    {
        revised ??= Make(out _, out _);
        revised.AsSpan(checked((int)firstElement), destination.Length).CopyTo(destination);
        if (firstElement + destination.Length == revised.Length)
        {
            revised = null;
        }
    }

    /// <summary>Makes the weight.</summary>
    /// <param name="before">The base weight [out, in].</param>
    /// <param name="changed">Whether the revision changed the merged weight.</param>
    /// <returns>[out, in].</returns>
    public float[] Make(out float[] before, out bool changed)
    {
        before = new float[checked(rows * columns)];
        var weight = new float[before.Length];
        original(0, before);
        merged(0, weight);
        changed = revision(module, before, weight, rows);
        return weight;
    }
}
