namespace Engine.Kernels;

/// <summary>
/// A weight as it is stored: a view of float32, float16 or bfloat16 elements. Kernels that take one convert what they read; arithmetic is
/// in float32 whatever is stored. A view of any of the three types converts to it.
/// </summary>
public readonly struct WeightView
{
    private WeightView(ElementType type, DeviceBuffer buffer, long byteOffset, long length)
    {
        Type = type;
        Buffer = buffer;
        ByteOffset = byteOffset;
        Length = length;
    }

    /// <summary>Float32, Float16 or BFloat16.</summary>
    public ElementType Type { get; }

    /// <summary>The buffer; null only for <c>default</c>.</summary>
    public DeviceBuffer Buffer { get; }

    /// <summary>Start of the view in bytes.</summary>
    public long ByteOffset { get; }

    /// <summary>Number of elements.</summary>
    public long Length { get; }

    /// <summary>A weight of float32.</summary>
    public static implicit operator WeightView(BufferView<float> view) =>
        new(ElementType.Float32, view.Buffer, view.ByteOffset, view.Length);

    /// <summary>A weight of float16.</summary>
    public static implicit operator WeightView(BufferView<Half> view) =>
        new(ElementType.Float16, view.Buffer, view.ByteOffset, view.Length);

    /// <summary>A weight of bfloat16.</summary>
    public static implicit operator WeightView(BufferView<BFloat16> view) =>
        new(ElementType.BFloat16, view.Buffer, view.ByteOffset, view.Length);

    /// <summary>The view under its own element type.</summary>
    /// <exception cref="InvalidOperationException">The elements are of another type.</exception>
    public BufferView<T> As<T>()
        where T : unmanaged => ElementTypes.Of<T>() == Type
            ? new BufferView<T>(Buffer, ByteOffset, Length)
            : throw new InvalidOperationException($"The weight stores {Type}, not {typeof(T).Name}.");
}
