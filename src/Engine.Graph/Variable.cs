using Engine.Devices;
using Engine.Devices.Kernels;
using Engine.Kernels;

namespace Engine.Graph;

/// <summary>
/// Device memory that outlives a step, counted under one owner. Variables are reserved first, so that its size is known
/// before anything is allocated; <see cref="Allocate"/> then takes the memory in one piece.
/// </summary>
public sealed class StorageBlock(string owner) : IDisposable
{
    private readonly List<Variable> variables = [];
    private DeviceBuffer? buffer;

    /// <summary>The owner under which the device's ledger counts the block.</summary>
    public string Owner { get; } = owner;

    /// <summary>Bytes reserved so far.</summary>
    public long Bytes { get; private set; }

    /// <summary>What was reserved, in memory order; overlays are not among them.</summary>
    public IReadOnlyList<Variable> Variables => variables;

    /// <summary>The block's memory.</summary>
    /// <exception cref="InvalidOperationException">It is not allocated yet.</exception>
    public DeviceBuffer Buffer => buffer ?? throw new InvalidOperationException($"The storage block '{Owner}' is not allocated yet.");

    /// <summary>Appends a variable directly behind the last one, or at the next multiple of its element's size.</summary>
    public Variable Reserve(string name, Shape shape, ElementType type = ElementType.Float32)
    {
        if (buffer is not null)
        {
            throw new InvalidOperationException($"'{name}' cannot be reserved: the storage block '{Owner}' is allocated already.");
        }

        int size = type.SizeInBytes();
        var variable = new Variable(name, shape, type, this, (Bytes + size - 1) / size * size);
        variables.Add(variable);
        Bytes = variable.ByteOffset + variable.Bytes;
        return variable;
    }

    /// <summary>
    /// A variable that names elements reserved already, from the start of <paramref name="first"/> on: neighbours seen as one tensor.
    /// </summary>
    /// <param name="skip">Elements between that start and the new variable's.</param>
    public Variable Overlay(string name, Shape shape, Variable first, long skip = 0)
    {
        int size = first.Type.SizeInBytes();
        long byteOffset = first.ByteOffset + (skip * size);
        if (first.Block != this || skip < 0 || byteOffset + (shape.Count * size) > Bytes)
        {
            throw new ArgumentException($"'{name}' {shape} from '{first.Name}' on does not lie in the storage block '{Owner}'.");
        }

        return new Variable(name, shape, first.Type, this, byteOffset);
    }

    /// <summary>Takes the memory and sets it to zero.</summary>
    public void Allocate(Device device)
    {
        if (buffer is not null)
        {
            throw new InvalidOperationException($"The storage block '{Owner}' is allocated already.");
        }

        buffer = device.Allocate(Bytes, Owner);
        buffer.Clear();
    }

    /// <summary>Frees the memory. The block can be allocated again.</summary>
    public void Dispose()
    {
        buffer?.Dispose();
        buffer = null;
    }
}

/// <summary>A named tensor in a <see cref="StorageBlock"/>: a weight, a gradient, an optimizer's moment, a batch's input.</summary>
public sealed class Variable
{
    internal Variable(string name, Shape shape, ElementType type, StorageBlock block, long byteOffset)
    {
        Name = name;
        Shape = shape;
        Type = type;
        Block = block;
        ByteOffset = byteOffset;
    }

    /// <summary>What errors and files call it.</summary>
    public string Name { get; }

    /// <summary>Its dimensions.</summary>
    public Shape Shape { get; }

    /// <summary>The type of its elements.</summary>
    public ElementType Type { get; }

    /// <summary>The memory it lies in.</summary>
    public StorageBlock Block { get; }

    /// <summary>Where it starts in its block, in bytes.</summary>
    public long ByteOffset { get; }

    /// <summary>Its size in bytes.</summary>
    public long Bytes => Shape.Count * Type.SizeInBytes();

    /// <summary>Where this variable's gradient is summed; null for a frozen variable.</summary>
    public Variable? Gradient { get; set; }

    /// <summary>The variable's memory. Its block must be allocated.</summary>
    public BufferView<T> View<T>()
        where T : unmanaged
    {
        if (ElementTypes.Of<T>() != Type)
        {
            throw new InvalidOperationException($"'{Name}' stores {Type}, not {typeof(T).Name}.");
        }

        return new BufferView<T>(Block.Buffer, ByteOffset, Shape.Count);
    }

    /// <summary>The variable's memory as a weight. Its block must be allocated.</summary>
    /// <exception cref="InvalidOperationException">It is not float32, float16 or bfloat16.</exception>
    public WeightView Weight() => Type switch
    {
        ElementType.Float32 => View<float>(),
        ElementType.Float16 => View<Half>(),
        ElementType.BFloat16 => View<BFloat16>(),
        _ => throw new InvalidOperationException($"'{Name}' stores {Type}; a weight is Float32, Float16 or BFloat16."),
    };

    /// <summary>Whether the two name memory that they share: the same variable, or an overlay of it.</summary>
    internal bool Overlaps(Variable other) =>
        Block == other.Block && ByteOffset < other.ByteOffset + other.Bytes && other.ByteOffset < ByteOffset + Bytes;

    /// <inheritdoc/>
    public override string ToString() => $"{Name} {Shape}";
}
