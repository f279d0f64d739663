using Engine.Devices;

namespace Engine.Kernels.Tests;

/// <summary>A float32 buffer between two bands of sentinels; a kernel that writes outside its view changes one.</summary>
internal sealed class GuardedBuffer : IDisposable
{
    private const int Band = 64;
    private const float Sentinel = -1.2345679e30f;

    private readonly DeviceBuffer buffer;
    private readonly int length;

    public GuardedBuffer(Device device, ReadOnlySpan<float> content)
    {
        length = content.Length;
        buffer = device.Allocate((length + (2 * Band)) * sizeof(float), "test");
        var all = new float[length + (2 * Band)];
        all.AsSpan().Fill(Sentinel);
        content.CopyTo(all.AsSpan(Band));
        buffer.Write<float>(all);
    }

    public BufferView<float> View => buffer.View<float>(Band * sizeof(float), length);

    /// <summary>The content, after a check that both bands are as they were.</summary>
    public float[] Read()
    {
        var all = new float[length + (2 * Band)];
        buffer.Read<float>(all);
        Assert.All(all[..Band], x => Assert.Equal(Sentinel, x));
        Assert.All(all[^Band..], x => Assert.Equal(Sentinel, x));
        return all[Band..^Band];
    }

    public void Dispose() => buffer.Dispose();
}
