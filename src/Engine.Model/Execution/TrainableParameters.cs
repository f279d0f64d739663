using Engine.Graph;

namespace Engine.Model.Execution;

/// <summary>
/// The trainable parameters in one run of memory and their gradients in another of the same layout, those with weight decay first:
/// an optimizer step, a gradient norm or a copy is one launch over a range.
/// </summary>
public sealed class TrainableParameters
{
    /// <summary>
    /// The most elements: places in the run are 32-bit numbers, in tables on the device too, less what loops over it step beyond its end.
    /// </summary>
    public const int LargestCount = int.MaxValue - (1 << 20);

    private readonly List<(string Name, Variable Value)> entries = [];

    internal TrainableParameters()
    {
    }

    /// <summary>The memory of the values, float32.</summary>
    public StorageBlock ValueBlock { get; } = new("trainable");

    /// <summary>The memory of the gradients, float32, laid out as the values.</summary>
    public StorageBlock GradientBlock { get; } = new("gradients");

    /// <summary>The trainable tensors under their checkpoint names, in memory order.</summary>
    public IReadOnlyList<(string Name, Variable Value)> Entries => entries;

    /// <summary>Number of trainable elements.</summary>
    public int Count { get; private set; }

    /// <summary>Number of elements with weight decay: the first ones.</summary>
    public int DecayCount { get; private set; }

    /// <summary>All values as one vector.</summary>
    public Variable Values => Range("trainable", ValueBlock, 0, Count);

    /// <summary>All gradients as one vector.</summary>
    public Variable Gradients => Range("gradients", GradientBlock, 0, Count);

    /// <summary>Every adapter's B, one behind the other in the order of the layers' numbers, as one vector.</summary>
    public Variable AdapterB => Range("lora_B", ValueBlock, OffsetOf(FactorsB.First), FactorsB.Count);

    internal (Variable First, int Count) FactorsB { get; set; }

    /// <summary>Where a trainable tensor starts in the run, in elements.</summary>
    public static int OffsetOf(Variable value) => checked((int)(value.ByteOffset / sizeof(float)));

    /// <summary>A range of elements of the values or the gradients as a vector.</summary>
    public static Variable Range(string name, StorageBlock block, int first, int count) =>
        block.Overlay(name, new Shape(count), block.Variables[0], first);

    internal Variable Reserve(string name, Shape shape, bool decays)
    {
        if (decays && DecayCount != Count)
        {
            throw new InvalidOperationException($"'{name}' has weight decay and must be reserved before the parameters without.");
        }

        Variable value = ValueBlock.Reserve(name, shape);
        value.Gradient = GradientBlock.Reserve($"grad.{name}", shape);
        Count = checked(Count + (int)shape.Count);
        DecayCount = decays ? Count : DecayCount;
        entries.Add((name, value));
        return value;
    }

    /// <summary>Neighbouring parameters seen as one, with their gradients seen as one.</summary>
    internal Variable Join(string name, Shape shape, Variable first)
    {
        Variable joined = ValueBlock.Overlay(name, shape, first);
        joined.Gradient = GradientBlock.Overlay($"grad.{name}", shape, first.Gradient!);
        return joined;
    }
}
