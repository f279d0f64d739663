using System.Runtime.InteropServices;
using Engine.Devices;

namespace Engine.Kernels.Tests;

/// <summary>
/// A device of a test, which it disposes, and its buffers between guard bands: outputs begin as NaN, and <see cref="Run"/> fails where a
/// kernel wrote outside a view.
/// </summary>
internal sealed class KernelRun(Device device) : IDisposable
{
    /// <summary>Bytes before and behind every view; a multiple of the device's alignment.</summary>
    private const int GuardBytes = 256;

    private const byte GuardByte = 0xA5;
    private readonly List<(DeviceBuffer Buffer, int Bytes)> buffers = [];

    public Device Device => device;

    /// <summary>The views' buffers with their guard bands, in the order in which they were put.</summary>
    public IReadOnlyList<DeviceBuffer> Buffers => [.. buffers.Select(buffer => buffer.Buffer)];

    /// <summary>A view that holds these values.</summary>
    public BufferView<T> Put<T>(params T[] values)
        where T : unmanaged
    {
        int bytes = MemoryMarshal.AsBytes<T>(values).Length;
        DeviceBuffer buffer = device.Allocate(bytes + (2 * GuardBytes), "test");
        buffer.Fill(GuardByte, 0, buffer.Bytes);
        buffer.Write<T>(values, GuardBytes);
        buffers.Add((buffer, bytes));
        return buffer.View<T>(GuardBytes, values.Length);
    }

    /// <summary>A view of <paramref name="count"/> NaNs.</summary>
    public BufferView<float> Output(long count) => Put(Enumerable.Repeat(float.NaN, checked((int)count)).ToArray());

    /// <summary>The step scalars, all zero but those given.</summary>
    public BufferView<float> Scalars(params (int Slot, float Value)[] values)
    {
        var scalars = new float[StepScalars.Count];
        foreach ((int slot, float value) in values)
        {
            scalars[slot] = value;
        }

        return Put(scalars);
    }

    /// <summary>The state of a counter-based generator.</summary>
    public BufferView<uint> RandomState(ulong seed, uint step) => Put((uint)seed, (uint)(seed >> 32), step, 0u);

    /// <summary>Enqueues the launches, waits, and looks at the guard bands of every buffer.</summary>
    public void Run(params Launch[] launches)
    {
        foreach (Launch launch in launches)
        {
            launch.Enqueue();
        }

        device.Synchronize();
        foreach ((DeviceBuffer buffer, int bytes) in buffers)
        {
            var all = new byte[buffer.Bytes];
            buffer.Read<byte>(all);
            int touched = all.AsSpan(0, GuardBytes).IndexOfAnyExcept(GuardByte);
            Assert.True(touched < 0, $"a kernel wrote {GuardBytes - touched} bytes before a view");
            touched = all.AsSpan(GuardBytes + bytes).IndexOfAnyExcept(GuardByte);
            Assert.True(touched < 0, $"a kernel wrote {touched} bytes behind a view");
        }

        foreach (Launch launch in launches)
        {
            launch.Dispose();
        }
    }

    public void Dispose()
    {
        foreach ((DeviceBuffer buffer, _) in buffers)
        {
            buffer.Dispose();
        }

        device.Dispose();
    }
}
