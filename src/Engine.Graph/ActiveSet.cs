namespace Engine.Graph;

/// <summary>
/// Which trainable tensors a replay serves. A launch that only leads to the gradient, or to the update, of tensors outside the set is left
/// out: one plan serves every set, and nothing is bound again.
/// </summary>
public sealed class ActiveSet
{
    private readonly ulong[] bits;

    /// <param name="tensors">Trainable tensors, numbered in this order. The set starts with all of them.</param>
    public ActiveSet(IReadOnlyList<Variable> tensors)
    {
        Tensors = tensors;
        bits = new ulong[WordsFor(tensors.Count)];
        for (int i = 0; i < tensors.Count; i++)
        {
            this[i] = true;
        }
    }

    /// <summary>The trainable tensors, in the order of their numbers.</summary>
    public IReadOnlyList<Variable> Tensors { get; }

    /// <summary>Whether a tensor is in the set.</summary>
    public bool this[int tensor]
    {
        get => (bits[tensor / 64] & (1UL << (tensor % 64))) != 0;
        set => bits[tensor / 64] = value ? bits[tensor / 64] | (1UL << (tensor % 64)) : bits[tensor / 64] & ~(1UL << (tensor % 64));
    }

    /// <summary>Takes every tensor out.</summary>
    public void Clear() => bits.AsSpan().Clear();

    internal static int WordsFor(int count) => (count + 63) / 64;

    internal bool Intersects(ulong[] other)
    {
        for (int i = 0; i < bits.Length; i++)
        {
            if ((bits[i] & other[i]) != 0)
            {
                return true;
            }
        }

        return false;
    }
}
