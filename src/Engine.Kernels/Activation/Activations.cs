using Engine.Devices;

namespace Engine.Kernels;

/// <summary>Elementwise activations over <c>count</c> elements.</summary>
public static class Activations
{
    /// <summary>y = activation(x).</summary>
    public static Launch Forward(Device device, ActivationKind kind, long count, BufferView<float> x, BufferView<float> y) => throw new NotImplementedException();

    /// <summary>dx = dy * activation'(x), x the activation's input. dx may be dy.</summary>
    public static Launch Backward(Device device, ActivationKind kind, long count, BufferView<float> x, BufferView<float> dy, BufferView<float> dx) => throw new NotImplementedException();
}

/// <summary>Elementwise arithmetic.</summary>
public static class Elementwise
{
    /// <summary>y = a + b; y may be a or b.</summary>
    public static Launch Add(Device device, long count, BufferView<float> a, BufferView<float> b, BufferView<float> y) => throw new NotImplementedException();

    /// <summary>y += factor * x.</summary>
    public static Launch AddScaled(Device device, long count, float factor, BufferView<float> x, BufferView<float> y) => throw new NotImplementedException();

    /// <summary>y = factor * x; y may be x.</summary>
    public static Launch Scale(Device device, long count, float factor, BufferView<float> x, BufferView<float> y) => throw new NotImplementedException();

    /// <summary>y = x (device copy).</summary>
    public static Launch Copy(Device device, long count, BufferView<float> x, BufferView<float> y) => throw new NotImplementedException();

    /// <summary>y = value.</summary>
    public static Launch Fill(Device device, long count, float value, BufferView<float> y) => throw new NotImplementedException();
}
